// SPDX-License-Identifier: MIT
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "priv.h"

static int capget_self(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &head, data) ? -errno : 0;
}

static int capset_self(const struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

/* Needs CAP_SETPCAP; without it the set could not be used for anything either. */
static void bounding_keep(uint64_t mask)
{
	int cap, has;

	for (cap = 0; (has = prctl(PR_CAPBSET_READ, cap)) >= 0; cap++)
		if (has && (cap >= 64 || !(mask & PRIV_BIT(cap))))
			prctl(PR_CAPBSET_DROP, cap);
}

int priv_keep(uint64_t mask, struct pvk_err *err)
{
	struct __user_cap_data_struct data[2];
	int ret, i;

	ret = capget_self(data);
	if (ret)
		return pvk_err_set(err, ret, "capget: %s", strerror(-ret));
	bounding_keep(mask);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(mask >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	ret = capset_self(data);
	if (ret)
		return pvk_err_set(err, ret, "capset: %s", strerror(-ret));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return pvk_err_set(err, -errno, "no_new_privs: %s", strerror(errno));
	return 0;
}

/* Where the process can't change its user, it has none to lose. */
static int become(uid_t uid, gid_t gid, struct pvk_err *err)
{
	struct __user_cap_data_struct data[2];
	int ret;

	ret = capget_self(data);
	if (ret)
		return pvk_err_set(err, ret, "capget: %s", strerror(-ret));
	if (!(data[0].effective & PRIV_BIT(CAP_SETUID)) ||
	    !(data[0].effective & PRIV_BIT(CAP_SETGID)))
		return 0;
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return pvk_err_set(err, -errno, "user %u: %s", (unsigned int)uid,
				   strerror(errno));
	return 0;
}

int priv_drop_all(uid_t uid, gid_t gid, struct pvk_err *err)
{
	int ret;

	/* First: a change of user takes the capability that this needs. */
	bounding_keep(0);
	ret = become(uid, gid, err);
	return ret ? ret : priv_keep(0, err);
}

int priv_die_with(pid_t parent, int sig)
{
	if (prctl(PR_SET_PDEATHSIG, sig))
		return -errno;
	/* It may have died before the prctl. */
	return getppid() == parent ? 0 : -ESRCH;
}
