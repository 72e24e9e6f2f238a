// SPDX-License-Identifier: MIT
/*
 * pvkit union status
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "keep.h"
#include "ramunion.h"
#include "union.h"

#define ENTRY_MAX	(PATH_MAX * 6 + 256)	/* each byte of a path may take six */

/* Printed as it is found: of a tree, however large, nothing is held in memory. */
struct status {
	bool json;
	bool comma;
};

static void put_row(const char *change, uint64_t bytes, const char *path, uint64_t files)
{
	pvk_auto_buf struct pvk_buf clean = PVK_BUF_INIT(PATH_MAX * 6);
	char size[32] = "-";

	cli_clean(&clean, path);
	if (bytes)
		snprintf(size, sizeof(size), "%" PRIu64, bytes);
	printf("%-7s  %10s  %s", change, size, pvk_buf_str(&clean));
	if (files)
		printf("  (%" PRIu64 " files)", files);
	putchar('\n');
}

static int put_object(struct status *status, struct json_out *out)
{
	pvk_auto_free char *text = NULL;
	int ret = json_out_take(out, &text, NULL);

	if (!ret)
		printf("%s%s", status->comma ? "," : "", text);
	status->comma = true;
	return ret;
}

static int put_entry(void *arg, const struct pvk_union_entry *entry)
{
	json_auto_out struct json_out out = JSON_OUT_INIT(ENTRY_MAX);
	const char *change = pvk_union_change_name(entry->change);
	struct status *status = arg;

	if (!status->json) {
		put_row(change, entry->size, entry->path, 0);
		return 0;
	}
	json_out_object(&out);
	json_out_pair_str(&out, "change", change);
	json_out_pair_str(&out, "path", entry->path);
	json_out_pair_uint(&out, "size", entry->size);
	json_out_end(&out);
	return put_object(status, &out);
}

static int put_plain(void *arg, const char *path, uint64_t bytes, uint64_t files)
{
	json_auto_out struct json_out out = JSON_OUT_INIT(ENTRY_MAX);
	struct status *status = arg;

	if (!status->json) {
		put_row("plain", bytes, path, files);
		return 0;
	}
	json_out_object(&out);
	json_out_pair_str(&out, "path", path);
	json_out_pair_uint(&out, "size", bytes);
	json_out_pair_uint(&out, "files", files);
	json_out_end(&out);
	return put_object(status, &out);
}

static void put_head(const struct status *status, const char *level,
		     const struct pvk_union_usage *usage)
{
	if (status->json)
		printf("{\"level\":\"%s\",\"size\":%" PRIu64 ",\"used\":%" PRIu64
		       ",\"inodes\":%" PRIu64 ",\"inodes_used\":%" PRIu64 ",\"changes\":[",
		       level, usage->size, usage->used, usage->files, usage->files_used);
	else
		printf("%s: %" PRIu64 " of %" PRIu64 " KiB (%" PRIu64 " %%), %" PRIu64 " of %"
		       PRIu64 " inodes are used. What would be lost at reboot:\n\n"
		       "CHANGE        BYTES  PATH\n", level, usage->used / 1024,
		       usage->size / 1024, usage->size ? usage->used * 100 / usage->size : 0,
		       usage->files_used, usage->files);
}

/* What the process that watches said last; without its word, what is so. */
static enum pvk_union_level level_of(const char *dir, const struct pvk_union_usage *usage)
{
	pvk_auto_close int fd = pvk_union_state_open(dir, NULL);
	struct pvk_union_state state;

	if (fd >= 0 && !pvk_union_state_read(fd, &state, NULL))
		return state.level;
	return pvk_union_level_next(PVK_UNION_OK, pvk_union_percent(usage));
}

/* ---- what is kept ---- */

static int put_gone(void *arg, const char *path)
{
	struct pvk_union_entry entry = { .change = PVK_UNION_REMOVED };
	char absolute[PATH_MAX + 1];

	snprintf(absolute, sizeof(absolute), "/%s", path);
	entry.path = absolute;
	return put_entry(arg, &entry);
}

static int put_keep(struct status *status, const struct pvk_keep *keep)
{
	json_auto_out struct json_out out = JSON_OUT_INIT(ENTRY_MAX);
	char path[PATH_MAX + 1];

	/* Of one whose head is damaged the file is all that is known. */
	snprintf(path, sizeof(path), "%s%s", keep->path ? "/" : "",
		 keep->path ? keep->path : keep->file);
	if (!status->json) {
		put_row(keep->error ? "damaged" : "kept", keep->ram, path, keep->records);
		return 0;
	}
	json_out_object(&out);
	json_out_pair_str(&out, "path", path);
	json_out_pair_uint(&out, "size", keep->ram);
	json_out_pair_uint(&out, "files", keep->records);
	json_out_pair_bool(&out, "damaged", keep->error);
	json_out_end(&out);
	return put_object(status, &out);
}

static int put_keeps(struct status *status, const struct pvk_keeps *list)
{
	bool any = false;
	size_t i;
	int ret = 0;

	status->comma = false;
	for (i = 0; i < list->count && !ret; i++) {
		if (list->item[i].old)
			continue;
		if (!any && !status->json)
			puts("\nKept, and put back at the next boot:\n");
		any = true;
		ret = put_keep(status, &list->item[i]);
	}
	return ret;
}

/* What can't be seen, or is damaged, is as good as not kept. */
static void read_kept(const struct union_dirs *dirs, int *fd, struct pvk_keeps *list)
{
	struct pvk_err err = { .text = "" };
	size_t i;

	*list = (struct pvk_keeps){ .count = 0 };
	*fd = union_kept_open(dirs, false, &err);
	if (*fd >= 0 && pvk_keeps_read(*fd, list))
		pvk_err_set(&err, -EIO, "it can't be read");
	if (*fd != -ENOENT && err.text[0])
		cli_complain("union", "warning: what is kept is not known: %s", err.text);
	for (i = 0; i < list->count; i++)
		if (!list->item[i].error)
			list->item[i].error = pvk_keep_check(*fd, &list->item[i]);
}

/* ---- the verb ---- */

static int put_changes(const char *dir, int kept, const struct pvk_keeps *list,
		       struct status *status, struct pvk_err *err)
{
	struct pvk_keep_index *index = NULL;
	char path[PATH_MAX];
	int ret = 0;

	if (list->count) {
		snprintf(path, sizeof(path), "%s/ram/upper", dir);
		pvk_auto_close int upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		ret = pvk_keep_index_new(&index, kept, list, upper, put_gone, status);
		if (ret)
			pvk_err_set(err, ret, "what is kept: %s", strerror(-ret));
	}
	if (!ret)
		ret = pvk_union_walk(dir, index, put_entry, status, err);
	pvk_keep_index_free(index);
	return ret;
}

static int print_status(struct cli *cli, const struct union_dirs *dirs,
			const struct pvk_union_usage *usage)
{
	const char *dir = dirs->dir;
	struct status status = { .json = cli->json };
	struct pvk_err err = { .text = "" };
	struct pvk_keeps list;
	int ret, plain, kept;

	read_kept(dirs, &kept, &list);
	put_head(&status, pvk_union_level_name(level_of(dir, usage)), usage);
	ret = put_changes(dir, kept, &list, &status, &err);
	if (status.json)
		fputs("],\"plain\":[", stdout);
	status.comma = false;
	plain = pvk_union_plain(dir, put_plain, &status, ret ? NULL : &err);
	if (status.json)
		fputs("],\"kept\":[", stdout);
	put_keeps(&status, &list);
	if (status.json)
		puts("]}");
	pvk_keeps_free(&list);
	if (kept >= 0)
		close(kept);
	/* From a pvkit-init that did not leave it there. */
	if (!ret && plain != -ENOENT)
		ret = plain;
	if (ret)
		return cli_fail("union", ret, &err);
	return fflush(stdout) || ferror(stdout) ? CLI_FAILED : CLI_OK;
}

int verb_union_status(struct cli *cli)
{
	struct union_dirs dirs = { .dir = PVK_UNION_DIR };
	struct pvk_err err = { .text = "" };
	struct pvk_union_usage usage;
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (opt == OPT_UNION)
			dirs.dir = optarg;
		if (opt == OPT_KEPT)
			dirs.kept = optarg;
	}
	if (optind != cli->argc)
		return cli_usage(cli, "takes no words");
	status = pvk_union_usage(dirs.dir, &usage, &err);
	if (status)
		return cli_fail("union", status, &err);
	return print_status(cli, &dirs, &usage);
}
