/* SPDX-License-Identifier: MIT */
/*
 * net_dhcp - ask for an address on all interfaces at once
 */
#ifndef INIT_NET_DHCP_H
#define INIT_NET_DHCP_H

#include "dhcp_packet.h"

/* How often it was asked already, for how long. */
struct dhcp_turn {
	unsigned int count;
	unsigned int seconds;
};

/*
 * One question on each link that is ready, and, of the first that answers, the address
 * taken. Returns its index, or -ETIMEDOUT: nobody answered, for a time that grows from
 * turn to turn but is never longer than left_ms.
 */
int dhcp_ask(const struct net_link *links, unsigned int count, const struct net_words *words,
	     const struct dhcp_turn *turn, long left_ms, struct dhcp_answer *answer);

#endif /* INIT_NET_DHCP_H */
