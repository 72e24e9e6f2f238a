// SPDX-License-Identifier: MIT
/*
 * pvkit union watch: the level of the RAM over the root, as it changes
 *
 * It is in a file that is replaced at each change, so nothing runs for it but the process
 * that watches the RAM, and whoever comes later finds the level there.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "ramunion.h"
#include "watch.h"

struct union_watch {
	struct watch watch;
	int dirfd;
	int inotify;
	uint32_t told;		/* the generation that was printed last */
};

static void print_json(struct watch *watch, const char *kind, const struct pvk_union_state *state)
{
	json_auto_out struct json_out out = JSON_OUT_INIT(1024);

	json_out_object(&out);
	json_out_pair_str(&out, "kind", kind);
	json_out_pair_str(&out, "level", pvk_union_level_name(state->level));
	json_out_pair_uint(&out, "generation", state->generation);
	json_out_key(&out, "uptime");
	json_out_milli(&out, state->uptime_ms);
	json_out_pair_uint(&out, "size", state->usage.size);
	json_out_pair_uint(&out, "used", state->usage.used);
	json_out_pair_uint(&out, "inodes", state->usage.files);
	json_out_pair_uint(&out, "inodes_used", state->usage.files_used);
	json_out_end(&out);
	watch_json(watch, &out);
}

static void print(struct union_watch *uw, const char *kind, const struct pvk_union_state *state)
{
	const struct pvk_union_usage *usage = &state->usage;
	char rest[128];

	uw->told = state->generation;
	if (uw->watch.cli->json) {
		print_json(&uw->watch, kind, state);
		return;
	}
	snprintf(rest, sizeof(rest), "%u %%, %" PRIu64 " of %" PRIu64 " KiB, %" PRIu64 " of %"
		 PRIu64 " inodes", pvk_union_percent(usage), usage->used / 1024,
		 usage->size / 1024, usage->files_used, usage->files);
	watch_line(kind, pvk_union_level_name(state->level), NULL, rest);
}

/* What happened is in the file; that it was replaced is all that inotify is asked. */
static void drain(int fd)
{
	char events[4096];

	while (read(fd, events, sizeof(events)) > 0)
		;
}

static int dispatch(struct watch *watch, int timeout_ms, struct pvk_err *err)
{
	struct union_watch *uw = (struct union_watch *)watch;
	struct pollfd pfd = { .fd = uw->inotify, .events = POLLIN };
	struct pvk_union_state state;
	int ret = poll(&pfd, 1, timeout_ms);

	if (ret < 0)
		return errno == EINTR ? 0 : pvk_err_set(err, -errno, "%s", strerror(errno));
	if (!ret)
		return -ETIMEDOUT;
	drain(uw->inotify);
	ret = pvk_union_state_read(uw->dirfd, &state, err);
	if (ret || state.generation == uw->told)
		return ret;
	watch_arrived(watch, false);
	print(uw, "changed", &state);
	watch_counted(watch);
	return 0;
}

static int begin(struct union_watch *uw, const char *dir, struct pvk_err *err)
{
	struct pvk_union_state state;
	char path[PATH_MAX];
	int ret;

	uw->dirfd = pvk_union_state_open(dir, err);
	if (uw->dirfd < 0)
		return uw->dirfd;
	uw->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	snprintf(path, sizeof(path), "%s/" PVK_UNION_STATE, dir);
	if (uw->inotify < 0 || inotify_add_watch(uw->inotify, path, IN_MOVED_TO) < 0)
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	/* After that: what changes from here on is heard of. */
	ret = pvk_union_state_read(uw->dirfd, &state, err);
	if (ret)
		return ret;
	uw->watch.generation = state.generation;
	print(uw, "now", &state);
	return 0;
}

int verb_union_watch(struct cli *cli)
{
	static const struct watch_ops ops = { .dispatch = dispatch, .thing = "folder" };
	struct union_watch uw = {
		.watch = { .cli = cli, .ops = &ops }, .dirfd = -1, .inotify = -1,
	};
	struct pvk_err err = { .text = "" };
	int status, ret;

	status = watch_options(&uw.watch);
	if (status != CLI_END)
		return status;
	if (uw.watch.name)
		return cli_usage(cli, "takes no words");
	ret = begin(&uw, uw.watch.dir ? uw.watch.dir : PVK_UNION_DIR, &err);
	status = ret ? cli_fail("union", ret, &err) : watch_run(&uw.watch);
	if (uw.inotify >= 0)
		close(uw.inotify);
	if (uw.dirfd >= 0)
		close(uw.dirfd);
	return status;
}
