/* SPDX-License-Identifier: MIT */
/*
 * net - the network that a root on another machine needs
 *
 * What ip= asks for, on the interface that it names or else on the first that is ready,
 * or that gets an answer by DHCP. A network that is there already, made by the kernel or
 * by whoever started us, is taken as it is. What was learnt stays for the real init, in
 * NET_FILE in the words of klibc's ipconfig, and in NET_RESOLV.
 */
#ifndef INIT_NET_H
#define INIT_NET_H

#include "dhcp_packet.h"
#include "root.h"

#define NET_FILE	"/run/net-%s.conf"
#define NET_RESOLV	"/run/pvkit-init/resolv.conf"

/* Addresses are in network byte order; 0, "": unknown. */
struct net {
	char device[IFNAMSIZ];
	uint32_t address;
	uint32_t server;	/* to boot from: ip='s or DHCP's */
	struct dhcp_answer dhcp;
	char hostname[NET_NAME_SIZE];	/* ours */
};

/*
 * Within root_left_ms(), but for what can't be cut short. -ENODEV: not yet, worth another
 * try. Once it is up, it is for good.
 */
int net_up(const struct root *root, const struct net **net, struct pvk_err *err);

#endif /* INIT_NET_H */
