// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "dhcp_packet.h"

/* Where things are in a packet. */
enum {
	AT_OP = 0, AT_HTYPE = 1, AT_HLEN = 2, AT_XID = 4, AT_SECS = 8, AT_FLAGS = 10,
	AT_YIADDR = 16, AT_SIADDR = 20, AT_CHADDR = 28, AT_SNAME = 44, AT_FILE = 108,
	AT_MAGIC = 236, AT_OPTIONS = 240,
};
#define SNAME_SIZE	64
#define FILE_SIZE	128
#define PACKET_MIN	300	/* BOOTP's; some relays drop shorter ones */

enum { OP_QUESTION = 1, OP_ANSWER = 2, HTYPE_ETHERNET = 1 };
#define FLAG_BROADCAST	0x80	/* answer to all: we have no address yet */

static const uint8_t magic[] = { 0x63, 0x82, 0x53, 0x63 };

enum {
	OPT_PAD = 0, OPT_NETMASK = 1, OPT_ROUTER = 3, OPT_DNS = 6, OPT_HOSTNAME = 12,
	OPT_DOMAIN = 15, OPT_ROOT_PATH = 17, OPT_MTU = 26, OPT_NTP = 42, OPT_ADDRESS = 50,
	OPT_LEASE = 51, OPT_OVERLOAD = 52, OPT_TYPE = 53, OPT_SERVER = 54, OPT_WANTED = 55,
	OPT_MAX_SIZE = 57, OPT_VENDOR_CLASS = 60, OPT_CLIENT_ID = 61, OPT_END = 255,
};
#define MTU_MIN		576
#define MTU_MAX		65535

/* ---- writing ---- */

struct writer {
	uint8_t *packet;
	size_t len;
};

/* All that there is to write fits: names have their bounds. */
static void put(struct writer *w, uint8_t option, const void *data, size_t len)
{
	w->packet[w->len++] = option;
	w->packet[w->len++] = (uint8_t)len;
	memcpy(w->packet + w->len, data, len);
	w->len += len;
}

static void put_who(struct writer *w, const struct net_words *words)
{
	static const char class[] = "pvkit-init";

	if (words->id_len)
		put(w, OPT_CLIENT_ID, words->id, words->id_len);
	if (words->hostname[0])
		put(w, OPT_HOSTNAME, words->hostname, strlen(words->hostname));
	put(w, OPT_VENDOR_CLASS, class, strlen(class));
}

size_t dhcp_write(uint8_t packet[DHCP_PACKET_MAX], const struct dhcp_asker *asker,
		  unsigned int seconds, const struct dhcp_answer *offer)
{
	static const uint8_t wanted[] = {
		OPT_NETMASK, OPT_ROUTER, OPT_DNS, OPT_HOSTNAME, OPT_DOMAIN, OPT_ROOT_PATH,
		OPT_MTU, OPT_NTP, OPT_LEASE, OPT_SERVER,
	};
	static const uint8_t max_size[] = { DHCP_ANSWER_MAX >> 8, DHCP_ANSWER_MAX & 255 };
	const uint8_t type = offer ? DHCP_REQUEST : DHCP_DISCOVER;
	struct writer w = { .packet = packet, .len = AT_OPTIONS };

	memset(packet, 0, DHCP_PACKET_MAX);
	packet[AT_OP] = OP_QUESTION;
	packet[AT_HTYPE] = HTYPE_ETHERNET;
	packet[AT_HLEN] = NET_MAC_BYTES;
	memcpy(packet + AT_XID, &asker->xid, sizeof(asker->xid));
	packet[AT_SECS] = (uint8_t)(seconds >> 8);
	packet[AT_SECS + 1] = (uint8_t)seconds;
	packet[AT_FLAGS] = FLAG_BROADCAST;
	memcpy(packet + AT_CHADDR, asker->mac, NET_MAC_BYTES);
	memcpy(packet + AT_MAGIC, magic, sizeof(magic));
	put(&w, OPT_TYPE, &type, 1);
	if (offer) {
		put(&w, OPT_ADDRESS, &offer->address, sizeof(offer->address));
		put(&w, OPT_SERVER, &offer->server, sizeof(offer->server));
	}
	put(&w, OPT_MAX_SIZE, max_size, sizeof(max_size));
	put(&w, OPT_WANTED, wanted, sizeof(wanted));
	put_who(&w, asker->words);
	packet[w.len++] = OPT_END;
	return w.len < PACKET_MIN ? PACKET_MIN : w.len;
}

/* ---- reading ---- */

static void take_address(uint32_t *address, const uint8_t *data, size_t len)
{
	if (len >= sizeof(*address))
		memcpy(address, data, sizeof(*address));
}

static void take_addresses(uint32_t *addresses, size_t max, const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 0; i < max && (i + 1) * sizeof(*addresses) <= len; i++)
		take_address(&addresses[i], data + i * sizeof(*addresses), sizeof(*addresses));
}

/* Some servers send a NUL along. What no text has makes it none. */
static void take_text(char *text, size_t size, const uint8_t *data, size_t len)
{
	size_t i;

	len = strnlen((const char *)data, len);
	if (len >= size)
		return;
	for (i = 0; i < len; i++)
		if (data[i] <= ' ' || data[i] >= 0x7f)
			return;
	memcpy(text, data, len);
	text[len] = '\0';
}

/* What can't be a name of a host ends up in too many files to be let through. */
static void take_name(char *name, size_t size, const uint8_t *data, size_t len)
{
	size_t i;

	len = strnlen((const char *)data, len);
	for (i = 0; i < len; i++)
		if (!pvk_isalnum(data[i]) && data[i] != '.' && data[i] != '-' && data[i] != '_')
			return;
	take_text(name, size, data, len);
}

static void take_mtu(unsigned int *mtu, const uint8_t *data, size_t len)
{
	unsigned int n = len == 2 ? (unsigned int)(data[0] << 8 | data[1]) : 0;

	if (n >= MTU_MIN && n <= MTU_MAX)
		*mtu = n;
}

/* Returns what an overload says; 0 of every other option. */
static unsigned int take_option(struct dhcp_answer *answer, unsigned int option,
				const uint8_t *data, size_t len)
{
	switch (option) {
	case OPT_NETMASK:
		take_address(&answer->netmask, data, len);
		break;
	case OPT_ROUTER:
		take_address(&answer->gateway, data, len);
		break;
	case OPT_DNS:
		take_addresses(answer->dns, NET_DNS_MAX, data, len);
		break;
	case OPT_NTP:
		take_address(&answer->ntp, data, len);
		break;
	case OPT_SERVER:
		take_address(&answer->server, data, len);
		break;
	case OPT_LEASE:
		take_address(&answer->lease, data, len);
		break;
	case OPT_HOSTNAME:
		take_name(answer->hostname, sizeof(answer->hostname), data, len);
		break;
	case OPT_DOMAIN:
		take_name(answer->domain, sizeof(answer->domain), data, len);
		break;
	case OPT_ROOT_PATH:
		take_text(answer->root_path, sizeof(answer->root_path), data, len);
		break;
	case OPT_MTU:
		take_mtu(&answer->mtu, data, len);
		break;
	case OPT_TYPE:
		answer->type = len == 1 ? data[0] : 0;
		break;
	case OPT_OVERLOAD:
		return len == 1 ? data[0] & 3 : 0;
	}
	return 0;
}

/* Up to the end of what is there; one that is cut is none. */
static unsigned int read_options(struct dhcp_answer *answer, const uint8_t *at, size_t len)
{
	const uint8_t *end = at + len;
	unsigned int overload = 0;

	while (at < end && *at != OPT_END) {
		if (*at == OPT_PAD) {
			at++;
			continue;
		}
		if (end - at < 2 || end - at < 2 + at[1])
			break;
		overload |= take_option(answer, at[0], at + 2, at[1]);
		at += 2 + at[1];
	}
	return overload;
}

static bool is_for(const struct dhcp_asker *asker, const uint8_t *packet, size_t len)
{
	return len >= AT_OPTIONS && packet[AT_OP] == OP_ANSWER &&
	       packet[AT_HTYPE] == HTYPE_ETHERNET && packet[AT_HLEN] == NET_MAC_BYTES &&
	       !memcmp(packet + AT_XID, &asker->xid, sizeof(asker->xid)) &&
	       !memcmp(packet + AT_CHADDR, asker->mac, NET_MAC_BYTES) &&
	       !memcmp(packet + AT_MAGIC, magic, sizeof(magic));
}

/* An address that a host can have. */
static bool is_usable(uint32_t address)
{
	uint32_t first = ntohl(address) >> 24;

	return first && first != 127 && first < 224;
}

int dhcp_read(struct dhcp_answer *answer, const struct dhcp_asker *asker, const uint8_t *packet,
	      size_t len)
{
	unsigned int overload;

	*answer = (struct dhcp_answer){ .type = 0 };
	if (!is_for(asker, packet, len))
		return -EBADMSG;
	overload = read_options(answer, packet + AT_OPTIONS, len - AT_OPTIONS);
	if (overload & 1)
		read_options(answer, packet + AT_FILE, FILE_SIZE);
	else
		take_text(answer->file, sizeof(answer->file), packet + AT_FILE, FILE_SIZE);
	if (overload & 2)
		read_options(answer, packet + AT_SNAME, SNAME_SIZE);
	memcpy(&answer->address, packet + AT_YIADDR, sizeof(answer->address));
	memcpy(&answer->next_server, packet + AT_SIADDR, sizeof(answer->next_server));
	answer->lease = ntohl(answer->lease);
	if (answer->type == DHCP_NAK)
		return 0;
	if ((answer->type != DHCP_OFFER && answer->type != DHCP_ACK) || !answer->server ||
	    !is_usable(answer->address))
		return -EBADMSG;
	if (!net_mask_is(answer->netmask))
		answer->netmask = net_mask_of(answer->address);
	return 0;
}
