// SPDX-License-Identifier: MIT
/*
 * ip= and nfsroot=: any text is refused, or means what the kernel's words mean. The oracle
 * reads ip= in another way, by sscanf().
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../../user/init/net_words.h"
#include "../../user/init/nfs_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX	1024
#define CHECK(condition) \
	do { \
		if (!(condition)) \
			__builtin_trap(); \
	} while (0)

/* 0: none */
static uint32_t address_of(const char *text)
{
	unsigned int part[4];
	char end;

	if (sscanf(text, "%3u.%3u.%3u.%3u%c", &part[0], &part[1], &part[2], &part[3], &end) != 4)
		return 0;
	return htonl(part[0] << 24 | part[1] << 16 | part[2] << 8 | part[3]);
}

static void check_ip(char *text)
{
	struct pvk_err err = { .text = "" };
	struct net_words words;
	const char *field[10] = { "", "", "", "", "", "", "", "", "", "" };
	char *rest = text;
	unsigned int n;

	if (net_words_parse(&words, text, &err)) {
		CHECK(err.text[0]);
		return;
	}
	CHECK(!err.text[0]);
	if (!strncmp(text, "dhcp,", 5)) {
		CHECK(words.how == NET_DHCP && words.id_len >= 2 &&
		      words.id_len <= sizeof(words.id));
		return;
	}
	CHECK(!words.id_len);
	for (n = 0; n < 10 && rest; n++)
		field[n] = strsep(&rest, ":");
	CHECK(words.client == address_of(field[0]));
	CHECK(words.server == address_of(field[1]));
	CHECK(words.gateway == address_of(field[2]));
	CHECK(*field[3] || !words.client || words.netmask == net_mask_of(words.client));
	CHECK(!address_of(field[3]) || words.netmask == address_of(field[3]));
	CHECK(!strcmp(words.device, field[5]));
	CHECK(words.dns[0] == address_of(field[7]) && words.dns[1] == address_of(field[8]));
	CHECK(words.ntp == address_of(field[9]));
	CHECK(!strncmp(words.hostname, field[4], strlen(words.hostname)));
	CHECK((words.how == NET_STATIC) == !!words.client);
}

static void check_nfsroot(const char *text)
{
	struct nfs_words words = { .dir = "/before" };
	pvk_auto_buf struct pvk_buf data = PVK_BUF_INIT(4096);
	struct pvk_err err = { .text = "" };
	const char *comma = strchr(text, ',');

	if (nfs_words_parse(&words, text, "box", &err)) {
		CHECK(err.text[0]);
		return;
	}
	CHECK(strnlen(words.dir, sizeof(words.dir)) < sizeof(words.dir));
	CHECK(!strcmp(words.options, comma ? comma + 1 : ""));
	CHECK(!strchr(words.dir, ','));
	CHECK(!nfs_mount_data(&data, &words, *nfs_versions(words.options)));
	CHECK(!strncmp(pvk_buf_str(&data), "addr=", 5));
	CHECK(!nfs_words_root(&words, text, text, htonl(1), "box", &err));
	CHECK(words.server && words.dir[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[TEXT_MAX];

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_nfsroot(text);
	check_ip(text);
	return 0;
}
