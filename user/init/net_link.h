/* SPDX-License-Identifier: MIT */
/*
 * net_link - network interfaces: which there are, up, ready, and their addresses
 */
#ifndef INIT_NET_LINK_H
#define INIT_NET_LINK_H

#include <net/if.h>

#include "util.h"

#define NET_LINKS_MAX	16
#define NET_MAC_BYTES	6

struct net_link {
	char name[IFNAMSIZ];
	bool ready;		/* it is up, and has a carrier */
	bool ethernet;
	uint8_t mac[NET_MAC_BYTES];
};

/*
 * Those that a network may be behind, all of them brought up; with a name, only that one.
 * Returns how many there are.
 */
unsigned int net_links(struct net_link *links, const char *name);
/* The name and address of one that has an address already; lo does not count. */
bool net_link_addressed(char name[IFNAMSIZ], uint32_t *address);

struct net_link_setup {
	uint32_t address, netmask, gateway;
	unsigned int mtu;	/* 0: as it is */
};

/* Network byte order, gateway 0: none. */
int net_link_set(const char *name, const struct net_link_setup *setup, struct pvk_err *err);

#endif /* INIT_NET_LINK_H */
