// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net_words.h"

#define FIELDS_MAX	10
#define FIELD_SIZE	256

enum { CLIENT, SERVER, GATEWAY, NETMASK, HOSTNAME, DEVICE, AUTOCONF, DNS0, DNS1, NTP0 };

/* ---- addresses ---- */

bool net_address_parse(const char *text, uint32_t *address)
{
	uint32_t whole = 0;
	unsigned int i, n;

	for (i = 0; i < 4; i++) {
		const char *begin = text;

		for (n = 0; *text >= '0' && *text <= '9' && text - begin < 3; text++)
			n = n * 10 + (unsigned int)(*text - '0');
		if (text == begin || n > 255 || *text != (i < 3 ? '.' : '\0'))
			return false;
		text++;
		whole = whole << 8 | n;
	}
	*address = htonl(whole);
	return true;
}

const char *net_address_text(uint32_t address, char text[NET_ADDRESS_SIZE])
{
	uint32_t whole = ntohl(address);

	snprintf(text, NET_ADDRESS_SIZE, "%u.%u.%u.%u", whole >> 24, whole >> 16 & 255,
		 whole >> 8 & 255, whole & 255);
	return text;
}

uint32_t net_mask_of(uint32_t address)
{
	uint32_t first = ntohl(address) >> 24;

	if (first < 128)
		return htonl(0xff000000);
	if (first < 192)
		return htonl(0xffff0000);
	return htonl(first < 224 ? 0xffffff00 : 0xffffffff);
}

unsigned int net_mask_bits(uint32_t netmask)
{
	return (unsigned int)__builtin_popcount(netmask);
}

/* Ones, and then zeros. */
bool net_mask_is(uint32_t netmask)
{
	uint32_t zeros = ~ntohl(netmask);

	return netmask && !(zeros & (zeros + 1));
}

/* ---- words ---- */

/* 1: DHCP; 0: nothing; -ENOENT: no such word */
static int take_autoconf(const char *word, struct pvk_err *err)
{
	static const char *const not_offered[] = { "bootp", "rarp", "both" };
	size_t i;

	if (!strcmp(word, "dhcp") || !strcmp(word, "on") || !strcmp(word, "any"))
		return 1;
	if (!strcmp(word, "off") || !strcmp(word, "none"))
		return 0;
	for (i = 0; i < PVK_ARRAY_SIZE(not_offered); i++)
		if (!strcmp(word, not_offered[i]))
			return pvk_err_set(err, -EINVAL, "ip=: %s is not offered, but dhcp is",
					   word);
	return -ENOENT;
}

/* "TYPE,VALUE" */
static int take_id(struct net_words *words, const char *text, struct pvk_err *err)
{
	unsigned long type;
	size_t len;
	char *end;

	type = strtoul(text, &end, 0);
	if (*text < '0' || *text > '9' || *end != ',' || type > UINT8_MAX)
		return pvk_err_set(err, -EINVAL, "ip=dhcp,%s: wants a number up to 255 and a value",
				   text);
	len = strlen(end + 1);
	if (!len || len >= sizeof(words->id))
		return pvk_err_set(err, -EINVAL, "ip=dhcp,%s: a value has 1 to %zu bytes", text,
				   sizeof(words->id) - 1);
	words->id[0] = (uint8_t)type;
	memcpy(words->id + 1, end + 1, len);
	words->id_len = 1 + len;
	return 0;
}

static int take_address(uint32_t *address, const char *what, const char *text,
			struct pvk_err *err)
{
	if (net_address_parse(text, address))
		return 0;
	return pvk_err_set(err, -EINVAL, "ip=: \"%s\" is no IPv4 address, which %s wants", text,
			   what);
}

static int take_text(char *to, size_t size, const char *what, const char *text,
		     struct pvk_err *err)
{
	if (strlen(text) >= size)
		return pvk_err_set(err, -EINVAL, "ip=: \"%s\": %s has no more than %zu bytes", text,
				   what, size - 1);
	strcpy(to, text);
	return 0;
}

/* What is behind the first dot is the domain. */
static int take_hostname(struct net_words *words, char *text, struct pvk_err *err)
{
	char *dot = strchr(text, '.');
	int ret = 0;

	if (dot) {
		*dot++ = '\0';
		ret = take_text(words->domain, sizeof(words->domain), "a domain", dot, err);
	}
	if (!ret)
		ret = take_text(words->hostname, sizeof(words->hostname), "a host", text, err);
	return ret;
}

static int take_field(struct net_words *words, unsigned int field, char *text,
		      struct pvk_err *err)
{
	int ret;

	switch (field) {
	case CLIENT:
		return take_address(&words->client, "the client", text, err);
	case SERVER:
		return take_address(&words->server, "the server", text, err);
	case GATEWAY:
		return take_address(&words->gateway, "the gateway", text, err);
	case NETMASK:
		ret = take_address(&words->netmask, "the netmask", text, err);
		return ret || net_mask_is(words->netmask) ? ret :
		       pvk_err_set(err, -EINVAL, "ip=: %s is no netmask", text);
	case HOSTNAME:
		return take_hostname(words, text, err);
	case DEVICE:
		return take_text(words->device, sizeof(words->device), "a device", text, err);
	case AUTOCONF:
		ret = take_autoconf(text, err);
		words->how = ret == 1 ? NET_DHCP : NET_OFF;
		return ret != -ENOENT ? (ret < 0 ? ret : 0) :
		       pvk_err_set(err, -EINVAL, "ip=: no such way as \"%s\"", text);
	case NTP0:
		return take_address(&words->ntp, "the time server", text, err);
	default:
		return take_address(&words->dns[field - DNS0], "a name server", text, err);
	}
}

static int take_fields(struct net_words *words, const char *ip, struct pvk_err *err)
{
	char text[FIELD_SIZE];
	unsigned int field;
	size_t len;
	int ret;

	for (field = 0; field < FIELDS_MAX; field++) {
		len = strcspn(ip, ":");
		if (len >= sizeof(text))
			return pvk_err_set(err, -EINVAL, "ip=: too long");
		memcpy(text, ip, len);
		text[len] = '\0';
		ret = len ? take_field(words, field, text, err) : 0;
		if (ret || !ip[len])
			return ret;
		ip += len + 1;
	}
	/* As the kernel has it. */
	return 0;
}

int net_words_parse(struct net_words *words, const char *ip, struct pvk_err *err)
{
	int ret;

	*words = (struct net_words){ .how = NET_DHCP };
	if (!strncmp(ip, "dhcp,", 5))
		return take_id(words, ip + 5, err);
	ret = *ip ? take_autoconf(ip, err) : 0;
	if (ret != -ENOENT) {
		words->how = ret == 1 ? NET_DHCP : NET_OFF;
		return ret < 0 ? ret : 0;
	}
	ret = take_fields(words, ip, err);
	/* An address that is known needs not be asked for. */
	if (!ret && words->client)
		words->how = NET_STATIC;
	if (!ret && words->client && !words->netmask)
		words->netmask = net_mask_of(words->client);
	return ret;
}
