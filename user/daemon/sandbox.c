// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "log.h"
#include "sandbox.h"
#include "unionlevel.h"

/*
 * The kernel's ABI by ourselves: build systems have older headers than the
 * kernels that they build for.
 */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset	444
#define SYS_landlock_add_rule		445
#define SYS_landlock_restrict_self	446
#endif

#define LL_CREATE_VERSION	(1u << 0)
#define LL_RULE_PATH_BENEATH	1

#define LL_EXECUTE	(1u << 0)
#define LL_WRITE_FILE	(1u << 1)
#define LL_READ_FILE	(1u << 2)
#define LL_READ_DIR	(1u << 3)
#define LL_REMOVE_FILE	(1u << 5)
#define LL_MAKE_REG	(1u << 8)
#define LL_TRUNCATE	(1u << 14)

#define LL_SCOPE_SIGNAL	(1u << 1)

#define LL_READ		(LL_READ_FILE | LL_READ_DIR)
#define LL_REPLACE	(LL_WRITE_FILE | LL_TRUNCATE | LL_MAKE_REG | LL_REMOVE_FILE)
/* What can be said of a file that is no directory. */
#define LL_OF_FILE	(LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE)

struct ll_ruleset {
	uint64_t fs, net, scoped;
};

/* Packed in the ABI. */
struct ll_beneath {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

/* What each version of the ABI can forbid: all of it is, but for the rules. */
static const struct {
	struct ll_ruleset handled;
	size_t size;
} ll_abi[] = {
	{ { 0x1fff, 0, 0 }, sizeof(uint64_t) },
	{ { 0x3fff, 0, 0 }, sizeof(uint64_t) },		/* 5.19: moves between directories */
	{ { 0x7fff, 0, 0 }, sizeof(uint64_t) },		/* 6.2: truncation */
	{ { 0x7fff, 0x3, 0 }, 2 * sizeof(uint64_t) },	/* 6.7: TCP */
	{ { 0xffff, 0x3, 0 }, 2 * sizeof(uint64_t) },	/* 6.10: ioctl() of devices */
	{ { 0xffff, 0x3, 0x3 }, 3 * sizeof(uint64_t) },	/* 6.12: signals, abstract sockets */
};

struct place {
	const char *path;
	uint32_t access;
};

/*
 * The libraries' whole directories: a module tree is often mounted below them
 * after boot, and a rule does not see through a mount that came later.
 */
static const struct place agent_places[] = {
	{ "/lib", LL_READ },
	{ "/usr/lib", LL_READ },
	/* A newer libkmod opens what it unpacks modules with when it needs it. */
	{ "/lib64", LL_READ },
	{ "/usr/lib64", LL_READ },
	{ "/etc/ld.so.cache", LL_READ },
	{ "/usr/local/lib/modprobe.d", LL_READ },
	{ "/etc/modprobe.d", LL_READ },
	{ "/run/modprobe.d", LL_READ },
	{ "/proc", LL_READ },
	{ "/sys", LL_READ },
	{ "/dev/kmsg", LL_READ },
	{ NULL },
};

static const struct place front_places[] = {
	{ "/sys", LL_READ },
	{ "/proc/self", LL_READ },
	{ PVK_UNION_DIR "/" PVK_UNION_STATE, LL_READ },
	{ NULL },
};

/* LEDs are links to where their devices are; systemd keeps a mode for a reboot. */
static const struct place control_places[] = {
	{ "/sys", LL_READ },
	{ "/sys/devices", LL_WRITE_FILE | LL_TRUNCATE },
	{ "/run/systemd", LL_REPLACE },
	{ NULL },
};

/* Below the root directory; links that lead out of it are a BSP's good right. */
static const char *const bsp_files[] = { "bsp", "bsp/drivers.json", "bsp/modparam.json" };

/* ---- Landlock ---- */

/* 0 if there is none: not built in, or not among the kernel's `lsm=`. */
static int ll_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LL_CREATE_VERSION);

	return version > 0 ? (int)version : 0;
}

static int ll_create(int version, enum sandbox_role role)
{
	int known = (int)PVK_ARRAY_SIZE(ll_abi);
	int i = (version < known ? version : known) - 1;
	struct ll_ruleset handled;
	long fd;

	handled = ll_abi[i].handled;
	/* Init is to be signalled. */
	if (role == SANDBOX_CONTROL)
		handled.scoped &= ~(uint64_t)LL_SCOPE_SIGNAL;
	fd = syscall(SYS_landlock_create_ruleset, &handled, ll_abi[i].size, 0);
	return fd < 0 ? -errno : (int)fd;
}

/* A place that is not there can't be allowed; one that is a link is where it leads. */
static int ll_allow(int ruleset, int version, const char *path, uint32_t access,
		    struct pvk_err *err)
{
	struct ll_beneath rule = { .access = access };
	pvk_auto_close int fd = -1;
	struct stat st;

	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return errno == ENOENT || errno == ENOTDIR ? 0 :
			pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (version < 3)
		rule.access &= ~(uint64_t)LL_TRUNCATE;
	if (!S_ISDIR(st.st_mode))
		rule.access &= LL_OF_FILE;
	rule.fd = fd;
	if (syscall(SYS_landlock_add_rule, ruleset, LL_RULE_PATH_BENEATH, &rule, 0))
		return pvk_err_set(err, -errno, "Landlock: %s: %s", path, strerror(errno));
	return 0;
}

/* Below the root directory; links that lead out of it are a BSP's good right. */
static int ll_allow_below(int ruleset, int version, const char *root, const char *name,
			  uint32_t access, struct pvk_err *err)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return ll_allow(ruleset, version, path, access, err);
}

static int ll_front(int ruleset, int version, const char *root, struct pvk_err *err)
{
	static const char *const stores[] = { "user-meta", "device-meta" };
	struct stat st;
	char path[PATH_MAX + 32];
	size_t i;
	int ret = 0;

	for (i = 0; i < PVK_ARRAY_SIZE(stores) && !ret; i++) {
		snprintf(path, sizeof(path), "%s/%s", root, stores[i]);
		/* Not through a link: it would let the front write where that leads. */
		if (!lstat(path, &st) && S_ISDIR(st.st_mode))
			ret = ll_allow(ruleset, version, path, LL_READ | LL_REPLACE, err);
	}
	return ret;
}

static int ll_agent(int ruleset, int version, const struct config *config, struct pvk_err *err)
{
	int ret = 0;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(bsp_files) && !ret; i++)
		ret = ll_allow_below(ruleset, version, config->root, bsp_files[i], LL_READ, err);
	for (i = 0; i < config->n_modules && !ret; i++)
		ret = ll_allow(ruleset, version, config->modules[i], LL_READ, err);
	return ret;
}

/* The loader keeps drivers.registered in the one and drivers-read.json in the other. */
static int ll_loader(int ruleset, int version, const struct config *config, struct pvk_err *err)
{
	int ret = ll_allow(ruleset, version, config->root, LL_READ | LL_REPLACE, err);

	if (!ret)
		ret = ll_allow(ruleset, version, config->state, LL_READ | LL_REPLACE, err);
	return ret ? ret : ll_agent(ruleset, version, config, err);
}

static int ll_worker(int ruleset, int version, const struct config *config, struct pvk_err *err)
{
	int ret = ll_allow(ruleset, version, config->root, LL_READ, err);

	return ret ? ret : ll_agent(ruleset, version, config, err);
}

static int ll_fill(int ruleset, int version, enum sandbox_role role,
		   const struct config *config, struct pvk_err *err)
{
	const struct place *place = role == SANDBOX_FRONT ? front_places :
		role == SANDBOX_CONTROL ? control_places : agent_places;
	int ret = 0;

	for (; place->path && !ret; place++)
		ret = ll_allow(ruleset, version, place->path, place->access, err);
	if (ret)
		return ret;
	if (role == SANDBOX_FRONT)
		return ll_front(ruleset, version, config->root, err);
	if (role == SANDBOX_CONTROL)
		return ll_allow(ruleset, version, config->state, LL_READ | LL_REPLACE, err);
	return role == SANDBOX_LOADER ? ll_loader(ruleset, version, config, err) :
		ll_worker(ruleset, version, config, err);
}

/* ---- both ---- */

/* Made once, before any fork; children find it here. */
static struct sock_fprog base;

static int need_base(struct pvk_err *err)
{
	return base.len || sandbox_calls_missing() ? 0 : sandbox_calls_base(&base, err);
}

void sandbox_report(bool wanted)
{
	const char *why = sandbox_calls_missing();

	if (!wanted) {
		log_msg(LOG_WARNING, "no sandbox, as was asked for");
		return;
	}
	if (why)
		log_msg(LOG_INFO, "system calls are not limited: %s", why);
	/* What fails here fails again, and counts, where it is used. */
	need_base(NULL);
	if (!ll_version())
		log_msg(LOG_INFO, "files are not limited: no Landlock in this kernel");
}

int sandbox_prepare(struct sandbox *sandbox, enum sandbox_role role,
		    const struct config *config, struct pvk_err *err)
{
	int version = ll_version();
	int ret;

	*sandbox = (struct sandbox){ .ruleset = -1 };
	ret = need_base(err);
	if (!ret)
		ret = sandbox_calls(&sandbox->program, role, err);
	if (ret)
		return ret;
	sandbox->base = role == SANDBOX_WORKER || role == SANDBOX_CONTROL ? NULL : &base;
	if (!version)
		return 0;
	ret = ll_create(version, role);
	if (ret < 0) {
		pvk_err_set(err, ret, "Landlock: %s", strerror(-ret));
	} else {
		sandbox->ruleset = ret;
		ret = ll_fill(ret, version, role, config, err);
	}
	if (ret)
		sandbox_free(sandbox);
	return ret;
}

/*
 * All threads at once: the kernel works through a filter for each system call
 * there is, 1 ms, which for one thread after the other would add up.
 */
static int enter_calls(const struct sock_fprog *program)
{
	unsigned int flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG;
	long ret = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);

	/* To log is from 4.14. */
	if (ret < 0 && errno == EINVAL)
		ret = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			      SECCOMP_FILTER_FLAG_TSYNC, program);
	if (ret > 0)
		return -EBUSY;	/* the thread of that number has filters of its own */
	return ret ? -errno : 0;
}

int sandbox_enter_files(const struct sandbox *sandbox, struct pvk_err *err)
{
	if (sandbox->ruleset >= 0 &&
	    syscall(SYS_landlock_restrict_self, sandbox->ruleset, 0))
		return pvk_err_set(err, -errno, "Landlock: %s", strerror(errno));
	return 0;
}

int sandbox_enter(const struct sandbox *sandbox, struct pvk_err *err)
{
	int ret = sandbox_enter_files(sandbox, err);

	if (ret)
		return ret;
	if (sandbox->base && sandbox->base->len)
		ret = enter_calls(sandbox->base);
	if (!ret && sandbox->program.len)
		ret = enter_calls(&sandbox->program);
	return ret ? pvk_err_set(err, ret, "seccomp: %s", strerror(-ret)) : 0;
}

/* Landlock is asked by open(), not by access(). */
static bool hidden(const char *path)
{
	pvk_auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 && errno == EACCES && !faccessat(AT_FDCWD, path, R_OK, AT_EACCESS);
}

bool sandbox_is_stale(const struct config *config)
{
	const struct place *place;
	char path[PATH_MAX + 32];
	unsigned int i;

	for (place = agent_places; place->path; place++)
		if (hidden(place->path))
			return true;
	for (i = 0; i < config->n_modules; i++)
		if (hidden(config->modules[i]))
			return true;
	for (i = 0; i < PVK_ARRAY_SIZE(bsp_files); i++) {
		snprintf(path, sizeof(path), "%s/%s", config->root, bsp_files[i]);
		if (hidden(path))
			return true;
	}
	return false;
}

void sandbox_free(struct sandbox *sandbox)
{
	if (sandbox->ruleset >= 0)
		close(sandbox->ruleset);
	free(sandbox->program.filter);
	*sandbox = (struct sandbox){ .ruleset = -1 };
}
