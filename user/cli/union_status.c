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

struct status {
	struct table table;
	struct json_out *out;		/* NULL: a table */
};

static int put_entry(void *arg, const struct pvk_union_entry *entry)
{
	struct status *status = arg;
	char size[32] = "";

	if (status->out) {
		json_out_object(status->out);
		json_out_pair_str(status->out, "change", pvk_union_change_name(entry->change));
		json_out_pair_str(status->out, "path", entry->path);
		json_out_pair_uint(status->out, "size", entry->size);
		json_out_end(status->out);
		return 0;
	}
	if (entry->size)
		snprintf(size, sizeof(size), "%" PRIu64, entry->size);
	table_row(&status->table);
	table_cell(&status->table, pvk_union_change_name(entry->change));
	table_cell(&status->table, size);
	table_cell(&status->table, entry->path);
	return 0;
}

static void print_usage(const struct pvk_union_usage *usage)
{
	printf("%" PRIu64 " of %" PRIu64 " KiB (%" PRIu64 " %%), %" PRIu64 " of %" PRIu64
	       " inodes are used. What would be lost at reboot:\n\n", usage->used / 1024,
	       usage->size / 1024, usage->size ? usage->used * 100 / usage->size : 0,
	       usage->files_used, usage->files);
}

static int status_json(const char *dir, const struct pvk_union_usage *usage)
{
	json_auto_out struct json_out out = JSON_OUT_INIT(CLI_JSON_MAX);
	struct status status = { .out = &out };
	struct pvk_err err = { .text = "" };
	int ret;

	json_out_object(&out);
	json_out_pair_uint(&out, "size", usage->size);
	json_out_pair_uint(&out, "used", usage->used);
	json_out_pair_uint(&out, "inodes", usage->files);
	json_out_pair_uint(&out, "inodes_used", usage->files_used);
	json_out_key(&out, "changes");
	json_out_array(&out);
	ret = pvk_union_walk(dir, put_entry, &status, &err);
	if (ret)
		return cli_fail("union", ret, &err);
	json_out_end(&out);
	json_out_end(&out);
	return cli_print_json(&out);
}

static int status_table(const char *dir, const struct pvk_union_usage *usage)
{
	static const char *const names[] = { "CHANGE", "BYTES", "PATH" };
	struct status status = { .out = NULL };
	struct pvk_err err = { .text = "" };
	int ret, code;

	table_head(&status.table, names, PVK_ARRAY_SIZE(names));
	ret = pvk_union_walk(dir, put_entry, &status, &err);
	if (!ret)
		print_usage(usage);
	code = table_print(&status.table);
	return ret ? cli_fail("union", ret, &err) : code;
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
	return cli->json ? status_json(dir, &usage) : status_table(dir, &usage);
}

/* ---- keep ---- */

/* 1: it was, 0: it is now, negative: it can't be. */
static int make_writable(const char *lower)
{
	struct statvfs fs;

	if (statvfs(lower, &fs))
		return -errno;
	if (!(fs.f_flag & ST_RDONLY))
		return 1;
	if (mount(NULL, lower, NULL, MS_REMOUNT, NULL))
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
	if (!was && mount(NULL, lower, NULL, MS_REMOUNT | MS_RDONLY, NULL))
		cli_complain("union", "%s is writable still: %s", lower, strerror(errno));
	return status;
}
