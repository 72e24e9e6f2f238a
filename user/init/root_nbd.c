// SPDX-License-Identifier: MIT
/*
 * A root on a block device of another machine: root=/dev/nbdN or a partition of it, with
 * nbdroot= for where it comes from.
 *
 * Connected once; afterwards it is looked at as any other block device. No process of ours
 * stays for it, so nothing has to be spared when the system is shut down.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "console.h"
#include "nbd_device.h"
#include "nbd_talk.h"
#include "net.h"
#include "root.h"

#define TALK_MS		10000	/* from connect() to the export */
#define TALK_MIN_MS	1000	/* at the end of root-wait, too */
#define AGAIN_MS	500	/* from one try to the next, of a server that is not there */
#define BLOCK_SIZE	512
#define BLOCK_SIZE_MAX	4096	/* of a page, everywhere */
#define BOOT_TIMEOUT	30	/* seconds for a request until the root is mounted */
#define REQUEST_MAX	(128 * 1024)	/* the kernel's largest, unless it is told otherwise */

static struct state {
	bool connected;
	unsigned int timeout;		/* once it is mounted */
	int64_t again;			/* the next try */
	int last;			/* what came of the one before, and its text */
	struct pvk_err why;
} state;

static int choose_block_size(const struct nbd_words *words, const struct nbd_export *export,
			     unsigned int *size, struct pvk_err *err)
{
	*size = words->block_size ? words->block_size : BLOCK_SIZE;
	if (!words->block_size && export->block_min > *size)
		*size = export->block_min;
	if (*size < export->block_min || *size > BLOCK_SIZE_MAX || *size & (*size - 1))
		return pvk_err_set(err, -EOPNOTSUPP, "the server wants blocks of %u bytes",
				   export->block_min);
	if (export->block_max && export->block_max < REQUEST_MAX)
		return pvk_err_set(err, -EOPNOTSUPP,
				   "the server takes no more than %u bytes at a time",
				   export->block_max);
	return 0;
}

static void report(const struct nbd_words *words, const struct nbd_device *device)
{
	uint16_t flags = device->export->flags;

	say_debug("nbd%d: \"%s\" of %s:%u, %llu KiB in blocks of %u%s%s%s%s", device->number,
		  words->export, words->server, words->port,
		  (unsigned long long)device->export->size / 1024, device->block_size,
		  flags & NBD_IS_READ_ONLY ? ", read-only" : "",
		  flags & NBD_DOES_FLUSH ? ", flush" : "", flags & NBD_DOES_FUA ? ", fua" : "",
		  flags & NBD_DOES_TRIM ? ", trim" : "");
}

static int set_up(const struct nbd_words *words, const struct root *root, struct pvk_err *err)
{
	struct nbd_device device = {
		.number = nbd_device_number(root->boot->root), .timeout = BOOT_TIMEOUT,
	};
	long left = root_left_ms(root);
	pvk_auto_close int fd = -1;
	struct nbd_export export;
	int ret;

	fd = nbd_talk(words, left < TALK_MIN_MS ? TALK_MIN_MS : left < TALK_MS ? left : TALK_MS,
		      &export, err);
	if (fd < 0)
		return fd;
	device.socket = fd;
	device.export = &export;
	ret = choose_block_size(words, &export, &device.block_size, err);
	if (!ret)
		ret = nbd_device_connect(&device, err);
	if (!ret)
		report(words, &device);
	return ret;
}

/* A server that starts at the same time as we do may answer in any of these ways. */
static bool may_come(int ret)
{
	return ret == -ENODEV || ret == -ENOENT || ret == -ESHUTDOWN || ret == -ECONNRESET ||
	       ret == -ETIMEDOUT || ret == -ECONNREFUSED || ret == -EHOSTUNREACH ||
	       ret == -ENETUNREACH || ret == -ENETDOWN || ret == -EPIPE;
}

static int connect_device(const struct root *root, struct pvk_err *err)
{
	struct pvk_err why = { .text = "" };
	char server[NET_ADDRESS_SIZE] = "";
	struct nbd_words words;
	const struct net *net;
	int ret;

	ret = net_up(root, &net, err);
	if (ret)
		return ret;
	if (net->server)
		net_address_text(net->server, server);
	ret = nbd_words_by_dhcp(&words, root->boot->nbdroot, net->dhcp.root_path, server, err);
	if (ret)
		return ret;
	state.timeout = words.timeout;
	ret = set_up(&words, root, &why);
	if (ret)
		pvk_err_set(err, ret, "root=%s: %s:%u: %s", root->boot->root, words.server,
			    words.port, why.text);
	return may_come(ret) ? -ENODEV : ret;
}

static bool takes(const char *root)
{
	return !strncmp(root, "/dev/", 5) && nbd_device_number(root) >= 0;
}

/* The kernel looks for partitions once the device is opened. */
static void look_for_partitions(const struct root *root)
{
	char path[24];
	int fd;

	snprintf(path, sizeof(path), "/dev/nbd%d", nbd_device_number(root->boot->root));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
}

static int find(struct root *root, struct pvk_err *err)
{
	if (!state.connected) {
		if (state.last && clock_ms() < state.again)
			return pvk_err_set(err, state.last, "%s", state.why.text);
		state.last = connect_device(root, &state.why);
		state.again = clock_ms() + AGAIN_MS;
		if (state.last)
			return pvk_err_set(err, state.last, "%s", state.why.text);
		state.connected = true;
	}
	look_for_partitions(root);
	snprintf(root->source, sizeof(root->source), "%s", root->boot->root);
	return root_look_at_device(root, err);
}

/*
 * Up to here a server that falls silent is an error, as nothing else would end the wait;
 * from here on it is the guard's to decide.
 */
static int mount_it(struct root *root, const char *where, struct pvk_err *err)
{
	int ret = root_mount_device(root, where, err);

	if (!ret)
		ret = nbd_device_set_timeout(nbd_device_number(root->boot->root), state.timeout,
					     err);
	return ret;
}

const struct root_kind root_nbd = { "nbd", takes, find, mount_it };
