// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "net_words.h"
#include "nfs_words.h"

/* ---- nfsroot= ---- */

/* With %s put in. -ENAMETOOLONG */
static int take_dir(char *dir, size_t size, const char *text, size_t len, const char *host)
{
	size_t used = 0, i, n;

	for (i = 0; i < len; i++) {
		const char *from = text + i;

		n = 1;
		if (text[i] == '%' && i + 1 < len && text[i + 1] == 's') {
			from = host;
			n = strlen(host);
			i++;
		}
		if (used + n >= size)
			return -ENAMETOOLONG;
		memcpy(dir + used, from, n);
		used += n;
	}
	dir[used] = '\0';
	return 0;
}

/* What is before the colon, of a text that does not begin with a directory. */
static int take_server(struct nfs_words *words, const char *text, size_t len, struct pvk_err *err)
{
	char server[NET_ADDRESS_SIZE] = "";
	uint32_t address;

	if (len < sizeof(server))
		memcpy(server, text, len);
	if (net_address_parse(server, &address)) {
		/* As of ip=: 0.0.0.0 is none. */
		words->server = address ? address : words->server;
		return 0;
	}
	return pvk_err_set(err, -EINVAL, "nfsroot=%s: %s", text, *text == '[' ?
			   "IPv6 is not offered" :
			   "the server is an IPv4 address: no name is looked up");
}

int nfs_words_parse(struct nfs_words *words, const char *text, const char *host,
		    struct pvk_err *err)
{
	size_t len = strcspn(text, ","), server = strcspn(text, ":/,");
	const char *dir = text;
	int ret = 0;

	if (*text == '[' || text[server] == ':') {
		ret = take_server(words, text, server, err);
		dir += server + (text[server] == ':');
	}
	if (ret)
		return ret;
	len -= (size_t)(dir - text);
	if (len)
		ret = take_dir(words->dir, sizeof(words->dir), dir, len, host);
	dir += len;
	if (!ret && *dir && strlen(dir + 1) >= sizeof(words->options))
		ret = -ENAMETOOLONG;
	if (ret)
		return pvk_err_set(err, ret, "nfsroot=%.64s...: too long", text);
	if (*dir)
		strcpy(words->options, dir + 1);
	return 0;
}

int nfs_words_root(struct nfs_words *words, const char *nfsroot, const char *root_path,
		   uint32_t server, const char *host, struct pvk_err *err)
{
	struct nfs_words said = { .dir = "" };
	int ret = nfs_words_parse(&said, nfsroot, host, err);

	if (ret)
		return ret;
	*words = (struct nfs_words){ .server = server };
	if (nfs_words_parse(words, root_path, host, said.dir[0] ? NULL : err)) {
		if (!said.dir[0])
			return -EINVAL;
		*words = (struct nfs_words){ .server = server };
	}
	if (!words->dir[0])
		ret = nfs_words_parse(words, NFS_DIR_DEFAULT, host, err);
	if (!ret)
		ret = nfs_words_parse(words, nfsroot, host, err);
	if (!ret && !words->server)
		ret = pvk_err_set(err, -EINVAL, "neither nfsroot= nor ip= nor DHCP names a server");
	return ret;
}

/* ---- what mount(2) is told ---- */

/* The value of an option, "" of one without; NULL: it is not there. */
static const char *find(const char *options, const char *name)
{
	size_t len = strlen(name);
	const char *found = NULL;

	while (*options) {
		if (!strncmp(options, name, len) &&
		    (!options[len] || options[len] == ',' || options[len] == '='))
			found = options + len + (options[len] == '=');
		options += strcspn(options, ",");
		options += *options == ',';
	}
	return found;
}

/* "vers=3", "nfsvers=4.1", "v4.2"; NULL: none is said. */
static const char *version_of(const char *options)
{
	static const char *const short_words[] = { "v2", "v3", "v4", "v4.0", "v4.1", "v4.2" };
	const char *version = find(options, "vers");
	size_t i;

	if (!version)
		version = find(options, "nfsvers");
	for (i = 0; i < PVK_ARRAY_SIZE(short_words) && !version; i++)
		if (find(options, short_words[i]))
			version = short_words[i] + 1;
	return version;
}

const char *const *nfs_versions(const char *options)
{
	static const char *const all[] = { "4.2", "4.1", "4.0", "3", NULL };
	static const char *const said[] = { "", NULL };

	return version_of(options) ? said : all;
}

static void put_unless(struct pvk_buf *data, const char *options, const char *name,
		       const char *other, const char *text)
{
	if (!find(options, name) && !(other && find(options, other)))
		pvk_buf_puts(data, text);
}

int nfs_mount_data(struct pvk_buf *data, const struct nfs_words *words, const char *version)
{
	const char *is = *version ? version : version_of(words->options);
	char address[NET_ADDRESS_SIZE];

	pvk_buf_printf(data, "addr=%s", net_address_text(words->server, address));
	if (*version)
		pvk_buf_printf(data, ",vers=%s", version);
	put_unless(data, words->options, "proto", "udp", ",proto=tcp");
	/* Nobody keeps locks for us so early, and what finds the server's port goes by it. */
	if (is && *is < '4') {
		put_unless(data, words->options, "lock", "nolock", ",nolock");
		put_unless(data, words->options, "mountproto", "udp", ",mountproto=tcp");
	}
	if (words->options[0])
		pvk_buf_printf(data, ",%s", words->options);
	return data->err;
}
