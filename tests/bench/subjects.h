/* SPDX-License-Identifier: MIT */
/*
 * subjects - what is loaded and unloaded
 *
 * A subject is an alias of pvkit's and, for everybody else, the same modules by
 * name. Each way of loading one must leave the same modules in the kernel.
 */
#ifndef PVKIT_BENCH_SUBJECTS_H
#define PVKIT_BENCH_SUBJECTS_H

#include "bench.h"

#define SUBJECT_LINES	5
#define SUBJECT_MODULES	16	/* with dependencies */

struct subject {
	const char *name;	/* and alias */
	const char *line[SUBJECT_LINES];
	unsigned int n_lines;
	/* kmod's `modprobe -r` misses one of several dependencies, so it is named. */
	const char *kmod_misses;
	/* Filled in by what is loaded first, in this order: */
	unsigned int n_modules;
	char module[SUBJECT_MODULES][64];
	char path[SUBJECT_MODULES][512];
};

static struct subject subjects[] = {
	{ .name = "dummy", .line = { "dummy" }, .n_lines = 1 },
	{ .name = "iwlwifi", .line = { "iwlwifi" }, .n_lines = 1, .kmod_misses = "rfkill" },
	{ .name = "five", .line = { "pvt_c1", "pvt_c2", "pvt_c3", "pvt_c4", "pvt_c5" },
	  .n_lines = 5 },
};

static inline void subjects_register(struct pvk_drv *drv)
{
	struct pvk_err err;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(subjects); i++)
		if (pvk_drv_driver_new(drv, subjects[i].name, subjects[i].line,
				       subjects[i].n_lines, &err))
			die("driver %s: %s", subjects[i].name, err.text);
}

static inline unsigned int count_resident(void)
{
	pvk_auto_free char *text = NULL;
	pvk_auto_close int fd = open("/proc/modules", O_RDONLY | O_CLOEXEC);
	unsigned int n = 0;
	const char *at;

	if (fd < 0 || pvk_read_fd(fd, 1 << 20, &text, NULL))
		die("/proc/modules can't be read");
	for (at = text; (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

/* All of the subject's modules if loaded, else none, and nothing besides. */
static inline void check_same_work(const struct subject *subject, const char *way,
				   bool loaded, unsigned int before)
{
	unsigned int now = count_resident(), want = before;
	char path[128];
	unsigned int i;

	if (loaded)
		want += subject->n_modules;
	if (now != want)
		die("%s by %s leaves %u modules resident instead of %u", subject->name, way, now,
		    want);
	for (i = 0; i < subject->n_modules; i++) {
		snprintf(path, sizeof(path), "/sys/module/%s", subject->module[i]);
		if (!access(path, F_OK) != loaded)
			die("%s by %s: %s is%s resident", subject->name, way,
			    subject->module[i], loaded ? " not" : "");
	}
}

#endif /* PVKIT_BENCH_SUBJECTS_H */
