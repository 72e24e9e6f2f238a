// SPDX-License-Identifier: MIT
/*
 * A DHCP answer may come from anybody. Seeds are what follows a header that is right: the
 * first byte says whether that is kept, so that the options are reached.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "../../user/init/dhcp_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPTIONS		240
#define CHECK(condition) \
	do { \
		if (!(condition)) \
			__builtin_trap(); \
	} while (0)

static void check_text(const char *text, size_t size, bool name)
{
	size_t i, len = strnlen(text, size);

	CHECK(len < size);
	for (i = 0; i < len; i++) {
		CHECK(text[i] > ' ' && text[i] < 0x7f);
		if (name)
			CHECK(!strchr("'\"\\$`;&|<>", text[i]));
	}
}

static void check(const struct dhcp_answer *answer)
{
	check_text(answer->hostname, sizeof(answer->hostname), true);
	check_text(answer->domain, sizeof(answer->domain), true);
	check_text(answer->root_path, sizeof(answer->root_path), false);
	check_text(answer->file, sizeof(answer->file), false);
	CHECK(!answer->mtu || answer->mtu >= 576);
	if (answer->type == DHCP_NAK)
		return;
	CHECK(answer->type == DHCP_OFFER || answer->type == DHCP_ACK);
	CHECK(answer->server && ntohl(answer->address) >> 24 && net_mask_is(answer->netmask));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct net_words words;
	static const struct dhcp_asker asker = { .xid = 7, .mac = { 2, 4, 6 }, .words = &words };
	static uint8_t packet[DHCP_ANSWER_MAX];
	struct dhcp_answer answer;
	size_t len = size;

	if (!size || size > sizeof(packet) - OPTIONS)
		return 0;
	if (data[0] & 1) {
		/* Behind the question, whose header an answer has. */
		dhcp_write(packet, &asker, 0, NULL);
		packet[0] = 2;
		memcpy(packet + 16, data + 1, size - 1 < 8 ? size - 1 : 8);
		memset(packet + OPTIONS, 0, sizeof(packet) - OPTIONS);
		memcpy(packet + OPTIONS, data + 1, size - 1);
		/* What an overload leads to. */
		memcpy(packet + 44, data + 1, size - 1 < 192 ? size - 1 : 192);
		len = OPTIONS + size - 1;
	} else {
		memcpy(packet, data, size);
	}
	if (!dhcp_read(&answer, &asker, packet, len))
		check(&answer);
	return 0;
}
