// SPDX-License-Identifier: MIT
/*
 * A root on a server, root=/dev/nfs: the network is made as ip= has it, and what nfsroot=
 * or DHCP names is mounted by the kernel's NFS client. mount(2) may take as long as a
 * server is silent, so a child calls it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "child.h"
#include "clock.h"
#include "console.h"
#include "net.h"
#include "nfs_words.h"
#include "root.h"

#define ROOT		"/dev/nfs"
#define DATA_MAX	2048	/* the kernel has a page for it */
#define TRY_MS		10000	/* a mount that has not come by then is begun anew */
#define PAUSE_MS	500
#define KILL_MS		2000

static struct nfs_words words;

static bool takes(const char *root)
{
	return !strcmp(root, ROOT);
}

static int find(struct root *root, struct pvk_err *err)
{
	struct pvk_err why = { .text = "" };
	char address[NET_ADDRESS_SIZE];
	const struct net *net;
	int ret;

	ret = net_up(root, &net, err);
	if (ret)
		return ret;
	ret = nfs_words_root(&words, root->boot->nfsroot, net->dhcp.root_path, net->server,
			     net->hostname, &why);
	if (ret)
		return pvk_err_set(err, ret, "root=" ROOT ": %s", why.text);
	snprintf(root->source, sizeof(root->source), "%s:%s",
		 net_address_text(words.server, address), words.dir);
	strcpy(root->fstype, "nfs");
	return 0;
}

/* ---- mounting ---- */

static _Noreturn void call_mount(const struct root *root, const char *where, const char *data,
				 int fd)
{
	int ret = 0;

	if (mount(root->source, where, "nfs", root->read_only ? MS_RDONLY : 0, data))
		ret = -errno;
	_exit(write(fd, &ret, sizeof(ret)) != sizeof(ret));
}

static int mount_once(const struct root *root, const char *where, const char *data)
{
	struct pollfd done = { .events = POLLIN };
	int ends[2], ret = -ETIMEDOUT;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		call_mount(root, where, data, ends[1]);
	close(ends[1]);
	done.fd = ends[0];
	if (pid < 0)
		ret = -errno;
	else if (poll(&done, 1, TRY_MS) == 1 && read(ends[0], &ret, sizeof(ret)) != sizeof(ret))
		ret = -EIO;
	close(ends[0]);
	/* What waits for a server can be killed, if it is not very stubborn. */
	if (pid > 0) {
		kill(pid, SIGKILL);
		child_wait(pid, KILL_MS);
	}
	return ret;
}

static bool may_come(int ret)
{
	static const int errors[] = {
		ECONNREFUSED, ECONNRESET, ECONNABORTED, EHOSTUNREACH, EHOSTDOWN, ENETUNREACH,
		ENETDOWN, ENOTCONN, ETIMEDOUT, EAGAIN, EPIPE,
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(errors); i++)
		if (ret == -errors[i])
			return true;
	return false;
}

/* Says nothing of the directory. */
static bool is_of_version(int ret)
{
	return ret == -EPROTONOSUPPORT || ret == -EINVAL || ret == -ENODEV;
}

static int mount_any(const struct root *root, const char *where)
{
	const char *const *version = nfs_versions(words.options);
	int ret = -EPROTONOSUPPORT, one;

	for (; *version; version++) {
		pvk_auto_buf struct pvk_buf data = PVK_BUF_INIT(DATA_MAX);

		one = nfs_mount_data(&data, &words, *version);
		if (!one && root->boot->flags[0])
			one = pvk_buf_printf(&data, ",%s", root->boot->flags);
		if (!one)
			one = mount_once(root, where, pvk_buf_str(&data));
		say_debug("%s: %s: %s", root->source, pvk_buf_str(&data),
			  one ? strerror(-one) : "mounted");
		if (!one || may_come(one))
			return one;
		if (is_of_version(ret))
			ret = one;
	}
	return ret;
}

static const char *why(int ret)
{
	switch (ret) {
	case -ENODEV:
		return "this kernel has no NFS";
	case -EPROTONOSUPPORT:
		return "no version of NFS that both sides have";
	case -EINVAL:
		return "options that this kernel does not take";
	case -ETIMEDOUT:
		return "no answer";
	}
	return strerror(-ret);
}

static int mount_nfs(struct root *root, const char *where, struct pvk_err *err)
{
	bool said = false;
	int ret;

	while ((ret = mount_any(root, where)) && may_come(ret) && root_left_ms(root)) {
		if (!said)
			say("waiting up to %ld s for %s: %s", (root_left_ms(root) + 999) / 1000,
			    root->source, why(ret));
		said = true;
		clock_sleep_ms(PAUSE_MS);
	}
	if (ret)
		return pvk_err_set(err, ret, "root=" ROOT ": %s: %s", root->source, why(ret));
	return 0;
}

const struct root_kind root_nfs = { "nfs", takes, find, mount_nfs };
