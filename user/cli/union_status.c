// SPDX-License-Identifier: MIT
/*
 * pvkit union status, pvkit union keep
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "cli.h"
#include "ramunion.h"

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

static int print_status(struct cli *cli, const char *dir, const struct pvk_union_usage *usage)
{
	struct status status = { .json = cli->json };
	struct pvk_err err = { .text = "" };
	int ret, plain;

	put_head(&status, pvk_union_level_name(level_of(dir, usage)), usage);
	ret = pvk_union_walk(dir, put_entry, &status, &err);
	if (status.json)
		fputs("],\"plain\":[", stdout);
	status.comma = false;
	plain = pvk_union_plain(dir, put_plain, &status, ret ? NULL : &err);
	if (status.json)
		puts("]}");
	/* From a pvkit-init that did not leave it there. */
	if (!ret && plain != -ENOENT)
		ret = plain;
	if (ret)
		return cli_fail("union", ret, &err);
	return fflush(stdout) || ferror(stdout) ? CLI_FAILED : CLI_OK;
}

int verb_union_status(struct cli *cli)
{
	const char *dir = PVK_UNION_DIR;
	struct pvk_err err = { .text = "" };
	struct pvk_union_usage usage;
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (opt == OPT_UNION)
			dir = optarg;
	}
	if (optind != cli->argc)
		return cli_usage(cli, "takes no words");
	status = pvk_union_usage(dir, &usage, &err);
	if (status)
		return cli_fail("union", status, &err);
	return print_status(cli, dir, &usage);
}

/* ---- keep ---- */

#define RIGHTS	(MS_NOSUID | MS_NODEV)	/* as pvkit-init leaves it */

/* 1: it was, 0: it is now, negative: it can't be. */
static int make_writable(const char *lower)
{
	struct statvfs fs;

	if (statvfs(lower, &fs))
		return -errno;
	if (!(fs.f_flag & ST_RDONLY))
		return 1;
	if (mount(NULL, lower, NULL, MS_REMOUNT | RIGHTS, NULL))
		return -errno;
	/* A squashfs says that it is, and is not. */
	return statvfs(lower, &fs) || (fs.f_flag & ST_RDONLY) ? -EROFS : 0;
}

static int keep_all(struct cli *cli, const char *dir)
{
	struct pvk_err err = { .text = "" };
	int status = CLI_OK, ret;

	for (; optind < cli->argc; optind++) {
		ret = pvk_union_keep(dir, cli->argv[optind], &err);
		if (ret)
			status = cli_fail("union", ret, &err);
	}
	return status;
}

int verb_union_keep(struct cli *cli)
{
	struct pvk_err err = { .text = "" };
	const char *dir = PVK_UNION_DIR;
	char lower[PATH_MAX];
	int opt, status, was;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (opt == OPT_UNION)
			dir = optarg;
	}
	if (optind == cli->argc)
		return cli_usage(cli, "which path?");
	snprintf(lower, sizeof(lower), "%s/lower", dir);
	was = make_writable(lower);
	if (was < 0) {
		pvk_err_set(&err, was, "%s: %s", lower, was == -EROFS ?
			    "the root's file system or its medium can't be written" :
			    strerror(-was));
		return cli_fail("union", was, &err);
	}
	status = keep_all(cli, dir);
	if (!was && mount(NULL, lower, NULL, MS_REMOUNT | MS_RDONLY | RIGHTS, NULL))
		cli_complain("union", "%s is writable still: %s", lower, strerror(errno));
	return status;
}
