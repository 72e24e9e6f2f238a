/* SPDX-License-Identifier: MIT */
/*
 * dhcp_packet - what a DHCP client writes, and what it reads from anybody at all
 *
 * RFC 2131 and 2132, as far as it takes to get an address and a root. No I/O.
 */
#ifndef INIT_DHCP_PACKET_H
#define INIT_DHCP_PACKET_H

#include "net_link.h"
#include "net_words.h"

#define DHCP_PACKET_MAX		576	/* what we send, and any client can take */
#define DHCP_ANSWER_MAX		1500	/* what we take */
#define DHCP_PATH_SIZE		256
#define DHCP_FOREVER		UINT32_MAX

enum dhcp_type { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK };

/* What stays the same from question to question. */
struct dhcp_asker {
	uint32_t xid;
	uint8_t mac[NET_MAC_BYTES];
	const struct net_words *words;	/* who we say that we are */
};

/* Addresses are in network byte order; 0, "": nothing was said of it. */
struct dhcp_answer {
	enum dhcp_type type;
	uint32_t address, netmask, gateway;
	uint32_t next_server;		/* the one to boot from */
	uint32_t server;		/* the one that answers */
	uint32_t dns[NET_DNS_MAX], ntp;
	uint32_t lease;			/* seconds */
	unsigned int mtu;
	char hostname[NET_NAME_SIZE], domain[NET_NAME_SIZE];
	char root_path[DHCP_PATH_SIZE];
	char file[129];
};

/* A question; offer: the one that is wanted, NULL to discover any. Returns its bytes. */
size_t dhcp_write(uint8_t packet[DHCP_PACKET_MAX], const struct dhcp_asker *asker,
		  unsigned int seconds, const struct dhcp_answer *offer);
/* -EBADMSG: it is none, or none for us. */
int dhcp_read(struct dhcp_answer *answer, const struct dhcp_asker *asker, const uint8_t *packet,
	      size_t len);

#endif /* INIT_DHCP_PACKET_H */
