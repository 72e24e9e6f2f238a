/* SPDX-License-Identifier: MIT */
/*
 * net_words - ip= taken apart
 *
 * As the kernel has it: CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:AUTOCONF:DNS0:DNS1:NTP0,
 * any of which may be empty or left out at the end, or AUTOCONF alone. No I/O.
 */
#ifndef INIT_NET_WORDS_H
#define INIT_NET_WORDS_H

#include <net/if.h>

#include "util.h"

#define NET_NAME_SIZE	65	/* the kernel's, of a host's name */
#define NET_ADDRESS_SIZE	16	/* "255.255.255.255" */
#define NET_DNS_MAX	2
#define NET_ID_SIZE	64

enum net_how {
	NET_DHCP,
	NET_STATIC,
	NET_OFF,		/* whatever is there is all there is */
};

/* Addresses are in network byte order; 0: there is none. */
struct net_words {
	enum net_how how;
	uint32_t client, server, gateway, netmask;
	char hostname[NET_NAME_SIZE], domain[NET_NAME_SIZE];
	char device[IFNAMSIZ];	/* "": the first that is ready */
	uint32_t dns[NET_DNS_MAX], ntp;
	uint8_t id[NET_ID_SIZE];	/* DHCP's client identifier, type and value */
	size_t id_len;
};

/* -EINVAL, with a text: it is none, or asks for what is not offered. */
int net_words_parse(struct net_words *words, const char *ip, struct pvk_err *err);

/* "10.0.0.1", in its four numbers and no other way. */
bool net_address_parse(const char *text, uint32_t *address);
/* Returns text. */
const char *net_address_text(uint32_t address, char text[NET_ADDRESS_SIZE]);
/* What an address says of its net, as the kernel has it where no netmask is said. */
uint32_t net_mask_of(uint32_t address);
/* Ones and then zeros, and not zeros alone? */
bool net_mask_is(uint32_t netmask);
/* 24 */
unsigned int net_mask_bits(uint32_t netmask);

#endif /* INIT_NET_WORDS_H */
