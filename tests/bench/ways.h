/* SPDX-License-Identifier: MIT */
/*
 * ways - the ways to load and unload a subject that are compared
 *
 * Each does the whole of it: what a module depends on comes in with it and goes
 * with it, newest first.
 */
#ifndef PVKIT_BENCH_WAYS_H
#define PVKIT_BENCH_WAYS_H

#include <libkmod.h>
#include <sys/syscall.h>

#include "http_client.h"
#include "subjects.h"

struct bench {
	struct pvk_drv *drv;
	struct http_client http;
	struct kmod_ctx *kmod;
	pid_t front;
	pid_t agent;		/* 0: stopped */
};

static inline void by_rest(struct bench *bench, struct subject *subject, bool load)
{
	http_load(&bench->http, subject->name, load);
}

static inline void by_curl(struct bench *bench, struct subject *subject, bool load)
{
	static char url[128];
	static char *argv[] = {
		"curl", "-s", "-f", "--unix-socket", BENCH_SOCKET, "-X", "PUT", url, NULL
	};

	(void)bench;
	snprintf(url, sizeof(url), "http://x/drivers/%s/%s", subject->name,
		 load ? "load" : "unload");
	run(argv);
}

static inline void by_netlink(struct bench *bench, struct subject *subject, bool load)
{
	netlink_load(bench->drv, subject->name, load);
}

static inline void by_sysfs(struct bench *bench, struct subject *subject, bool load)
{
	const char *word = load ? "load" : "unload";
	char path[128];
	int fd;

	(void)bench;
	snprintf(path, sizeof(path), "/sys/class/pv_driver/%s/control", subject->name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, word, strlen(word)) < 0)
		die("sysfs %s %s: %s", word, subject->name, strerror(errno));
	close(fd);
}

/* PROGRAM -a|-r NAME..., in one process or one for each name. */
static inline void modprobe(const char *first, const char *second, struct subject *subject,
			    bool load, bool each)
{
	char *argv[SUBJECT_LINES + 6] = { (char *)first };
	unsigned int n = 1, fixed, i, at;

	if (second)
		argv[n++] = (char *)second;
	argv[n++] = load ? "-a" : "-r";
	fixed = n;
	for (i = 0; i < subject->n_lines; i++) {
		at = load ? i : subject->n_lines - 1 - i;
		argv[n++] = (char *)subject->line[at];
		if (each) {
			argv[n] = NULL;
			run(argv);
			n = fixed;
		}
	}
	if (!load && !second && subject->kmod_misses)
		argv[n++] = (char *)subject->kmod_misses;
	argv[n] = NULL;
	if (!each)
		run(argv);
}

static inline void by_modprobe(struct bench *bench, struct subject *subject, bool load)
{
	(void)bench;
	modprobe("modprobe", NULL, subject, load, false);
}

static inline void by_modprobe_each(struct bench *bench, struct subject *subject, bool load)
{
	(void)bench;
	modprobe("modprobe", NULL, subject, load, true);
}

static inline void by_busybox(struct bench *bench, struct subject *subject, bool load)
{
	(void)bench;
	modprobe("busybox", "modprobe", subject, load, false);
}

static inline void by_busybox_each(struct bench *bench, struct subject *subject, bool load)
{
	(void)bench;
	modprobe("busybox", "modprobe", subject, load, true);
}

/* ---- bare libkmod: one process, its context made once ---- */

static struct subject *recording;

static inline void record_module(struct kmod_module *mod, bool install, const char *options)
{
	unsigned int n = recording->n_modules;

	(void)install;
	(void)options;
	if (n == SUBJECT_MODULES)
		die("%s has more than %d modules", recording->name, SUBJECT_MODULES);
	snprintf(recording->module[n], sizeof(recording->module[n]), "%s",
		 kmod_module_get_name(mod));
	snprintf(recording->path[n], sizeof(recording->path[n]), "%s",
		 kmod_module_get_path(mod));
	recording->n_modules++;
}

static inline void libkmod_load(struct bench *bench, struct subject *subject)
{
	struct kmod_module *mod;
	unsigned int i;
	int ret;

	recording = subject;
	subject->n_modules = 0;
	for (i = 0; i < subject->n_lines; i++) {
		ret = kmod_module_new_from_name(bench->kmod, subject->line[i], &mod);
		if (!ret)
			ret = kmod_module_probe_insert_module(mod, KMOD_PROBE_IGNORE_COMMAND,
							      NULL, NULL, NULL, record_module);
		if (ret)
			die("libkmod: %s: %s", subject->line[i], strerror(abs(ret)));
		kmod_module_unref(mod);
	}
}

static inline void libkmod_unload(struct bench *bench, struct subject *subject)
{
	struct kmod_module *mod;
	unsigned int i;
	int ret;

	for (i = subject->n_modules; i--; ) {
		ret = kmod_module_new_from_name(bench->kmod, subject->module[i], &mod);
		if (!ret)
			ret = kmod_module_remove_module(mod, 0);
		if (ret)
			die("libkmod -r: %s: %s", subject->module[i], strerror(abs(ret)));
		kmod_module_unref(mod);
	}
}

static inline void by_libkmod(struct bench *bench, struct subject *subject, bool load)
{
	if (load)
		libkmod_load(bench, subject);
	else
		libkmod_unload(bench, subject);
}

/* ---- the floor: nothing but the system calls that can't be avoided ---- */

static inline void by_syscalls(struct bench *bench, struct subject *subject, bool load)
{
	unsigned int i;
	int fd;

	(void)bench;
	for (i = 0; load && i < subject->n_modules; i++) {
		fd = open(subject->path[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
			die("finit_module %s: %s", subject->path[i], strerror(errno));
		close(fd);
	}
	for (i = subject->n_modules; !load && i--; )
		if (syscall(SYS_delete_module, subject->module[i], O_NONBLOCK))
			die("delete_module %s: %s", subject->module[i], strerror(errno));
}

/* Which subjects a way is for, and whether the agent serves it. */
#define WAY_LINES	(1u << 0)	/* only those of several lines */
#define WAY_NO_AGENT	(1u << 1)

struct way {
	const char *name;
	void (*act)(struct bench *bench, struct subject *subject, bool load);
	unsigned int flags;
};

static const struct way ways[] = {
	{ "rest", by_rest, 0 },
	{ "curl", by_curl, 0 },
	{ "netlink", by_netlink, 0 },
	{ "sysfs", by_sysfs, 0 },
	{ "sysfs-helper", by_sysfs, WAY_NO_AGENT },
	{ "modprobe", by_modprobe, 0 },
	{ "modprobe-each", by_modprobe_each, WAY_LINES },
	{ "busybox", by_busybox, 0 },
	{ "busybox-each", by_busybox_each, WAY_LINES },
	{ "libkmod", by_libkmod, 0 },
	{ "syscalls", by_syscalls, 0 },
};

/* The first load tells which modules belong to a subject. */
static inline void bench_set_up(struct bench *bench)
{
	size_t i;

	bench->kmod = kmod_new(NULL, NULL);
	if (!bench->kmod || kmod_load_resources(bench->kmod))
		die("libkmod: no context");
	bench->drv = open_driver();
	subjects_register(bench->drv);
	for (i = 0; i < PVK_ARRAY_SIZE(subjects); i++) {
		by_libkmod(bench, &subjects[i], true);
		by_libkmod(bench, &subjects[i], false);
	}
	bench->front = start_front();
	bench->agent = start_agent(bench->drv);
	http_connect(&bench->http);
}

static inline void bench_tear_down(struct bench *bench)
{
	struct pvk_err err;
	size_t i;

	close(bench->http.fd);
	stop_agent(bench->drv, bench->agent);
	stop_program(bench->front);
	for (i = 0; i < PVK_ARRAY_SIZE(subjects); i++)
		if (pvk_drv_driver_del(bench->drv, subjects[i].name, &err))
			die("driver %s: %s", subjects[i].name, err.text);
	pvk_drv_close(bench->drv);
	kmod_unref(bench->kmod);
}

#endif /* PVKIT_BENCH_WAYS_H */
