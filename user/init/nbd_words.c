// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nbd_words.h"

#define PREFIX		"nbdroot="
#define DEVICE		"nbd"
#define DEVICES_MAX	1023	/* so many have 1,024 minors each for partitions */
#define BLOCK_MIN	512	/* as the kernel takes them */
#define BLOCK_MAX	4096

/* A number from min to max and nothing after it; -EINVAL. */
static long number(const char *text, long min, long max)
{
	char *end;
	long n = strtol(text, &end, 10);

	return text[0] < '0' || text[0] > '9' || *end || n < min || n > max ? -EINVAL : n;
}

static bool all_digits(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

/* ---- options ---- */

static const struct {
	const char *name, *why;
} refused[] = {
	{ "cacertfile", "TLS is not offered" },
	{ "certfile", "TLS is not offered" },
	{ "keyfile", "TLS is not offered" },
	{ "tlshostname", "TLS is not offered" },
	{ "conns", "one connection is all: with more of them a pause is taken for a loss" },
	{ "persist", "nobody connects again: the root guard reboots" },
	{ "sdp", "TCP alone is offered" },
	{ "unix", "TCP alone is offered" },
	{ "swap", "a root is no swap space" },
};

static int take_number(const char *text, const char *value, long min, long max,
		       unsigned int *to, struct pvk_err *err)
{
	long n = number(value, min, max);

	if (n < 0)
		return pvk_err_set(err, -EINVAL, "nbdroot: %s is not from %ld to %ld", text, min,
				   max);
	*to = (unsigned int)n;
	return 0;
}

static int refuse(const char *text, size_t len, struct pvk_err *err)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(refused); i++)
		if (strlen(refused[i].name) == len && !strncmp(text, refused[i].name, len))
			return pvk_err_set(err, -EOPNOTSUPP, "nbdroot: %s: %s", refused[i].name,
					   refused[i].why);
	return pvk_err_set(err, -EINVAL, "nbdroot: there is no option %s", text);
}

static int take_option(struct nbd_words *words, const char *text, struct pvk_err *err)
{
	unsigned int port = words->port;
	int ret;

	if (!strcmp(text, "no_optgo")) {
		words->go = false;
		return 0;
	}
	if (!strncmp(text, "timeout=", 8))
		return take_number(text, text + 8, 0, NBD_TIMEOUT_MAX, &words->timeout, err);
	if (!strncmp(text, "port=", 5)) {
		ret = take_number(text, text + 5, 1, UINT16_MAX, &port, err);
		words->port = (uint16_t)port;
		return ret;
	}
	if (strncmp(text, "bs=", 3))
		return refuse(text, strcspn(text, "="), err);
	ret = take_number(text, text + 3, BLOCK_MIN, BLOCK_MAX, &words->block_size, err);
	if (!ret && words->block_size & (words->block_size - 1))
		ret = pvk_err_set(err, -EINVAL, "nbdroot: %s is no power of two", text);
	return ret;
}

/* ---- server, export, device ---- */

static int take_server(struct nbd_words *words, const char *text, struct pvk_err *err)
{
	struct in_addr address;

	if (!*text || !strcmp(text, "dhcp"))
		return 0;
	if (*text == '[')
		return pvk_err_set(err, -EAFNOSUPPORT, "nbdroot: IPv6 is not offered");
	if (inet_pton(AF_INET, text, &address) != 1)
		return pvk_err_set(err, -EINVAL,
				   "nbdroot: %s is no IPv4 address (names are not looked up)",
				   text);
	snprintf(words->server, sizeof(words->server), "%s", text);
	return 0;
}

static int take_export(struct nbd_words *words, const char *name, struct pvk_err *err)
{
	if (strlen(name) > NBD_EXPORT_MAX)
		return pvk_err_set(err, -ENAMETOOLONG, "nbdroot: the export's name is too long");
	strcpy(words->export, name);
	return 0;
}

static int take_port(struct nbd_words *words, const char *text, struct pvk_err *err)
{
	unsigned int port = 0;
	int ret = take_number(text, text, 1, UINT16_MAX, &port, err);

	if (!ret)
		words->port = (uint16_t)port;
	return ret;
}

/*
 * "SERVER", "SERVER:PORT", "SERVER/EXPORT", "SERVER:PORT/EXPORT" and, as of NFS,
 * "SERVER:/EXPORT" and "/EXPORT", whose slash is part of the name. Says whether it had an export.
 */
static int take_place(struct nbd_words *words, char *text, bool *named, struct pvk_err *err)
{
	char *end = text + (text[0] == '[' ? strlen(text) : strcspn(text, ":/"));
	char *port = end + (*end == ':'), *slash = strchr(end, '/');
	int ret = 0;

	*named = slash;
	if (slash)
		ret = take_export(words, slash + !(slash == text || slash == end + 1), err);
	if (slash)
		*slash = '\0';
	if (!ret && port > end && slash != port)
		ret = take_port(words, port, err);
	*end = '\0';
	return ret ? ret : take_server(words, text, err);
}

int nbd_device_number(const char *path)
{
	size_t len = strlen(DEVICE), digits;
	char text[8];

	if (!strncmp(path, "/dev/", 5))
		path += 5;
	if (strncmp(path, DEVICE, len))
		return -EINVAL;
	path += len;
	digits = strspn(path, "0123456789");
	if (digits >= sizeof(text) || (path[digits] && path[digits] != 'p') ||
	    (path[digits] == 'p' && !all_digits(path + digits + 1)))
		return -EINVAL;
	snprintf(text, sizeof(text), "%.*s", (int)digits, path);
	return (int)number(text, 0, DEVICES_MAX);
}

/* The second and the third word may be what nbd-client has there. */
static int take_word(struct nbd_words *words, const char *text, unsigned int place, bool named,
		     struct pvk_err *err)
{
	int device = nbd_device_number(text);

	if (place == 1 && !named && all_digits(text))
		return take_port(words, text, err);
	if (place == 1 && !named && !strchr(text, '='))
		return take_export(words, text, err);
	if (device < 0)
		return take_option(words, text, err);
	words->device = device;
	return 0;
}

int nbd_words_parse(struct nbd_words *words, const char *text, struct pvk_err *err)
{
	char copy[512], *rest = copy, *word;
	unsigned int place;
	bool named;
	int ret;

	*words = (struct nbd_words){ .port = NBD_PORT, .device = -1, .go = true };
	words->all_by_dhcp = !strcmp(text, "dhcp");
	if (strlen(text) >= sizeof(copy))
		return pvk_err_set(err, -ENAMETOOLONG, "nbdroot: longer than %zu bytes",
				   sizeof(copy) - 1);
	strcpy(copy, text);
	ret = take_place(words, strsep(&rest, ","), &named, err);
	for (place = 1; !ret && (word = strsep(&rest, ",")); place++)
		if (*word)
			ret = take_word(words, word, place, named, err);
	return ret;
}

int nbd_words_by_dhcp(struct nbd_words *words, const char *text, const char *root_path,
		      const char *server, struct pvk_err *err)
{
	struct in_addr address;
	int ret = nbd_words_parse(words, text, err);

	if (!ret && (!*text || words->all_by_dhcp)) {
		/* As some servers still have it. */
		if (!strncmp(root_path, PREFIX, strlen(PREFIX)))
			root_path += strlen(PREFIX);
		ret = nbd_words_parse(words, root_path, err);
	}
	if (ret || words->server[0])
		return ret;
	if (inet_pton(AF_INET, root_path, &address) == 1)
		server = root_path;
	if (!*server)
		return pvk_err_set(err, -EINVAL, "nbdroot: neither it nor DHCP names a server");
	return take_server(words, server, err);
}
