// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <errno.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "attr.h"
#include "console.h"
#include "net_link.h"

static int open_control(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void name_request(struct ifreq *request, const char *name)
{
	*request = (struct ifreq){ .ifr_flags = 0 };
	snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", name);
}

/* ---- which there are ---- */

static bool read_flags(int fd, const char *name, short *flags)
{
	struct ifreq request;

	name_request(&request, name);
	if (ioctl(fd, SIOCGIFFLAGS, &request))
		return false;
	*flags = request.ifr_flags;
	return true;
}

static bool bring_up(int fd, const char *name, short flags)
{
	struct ifreq request;

	if (flags & IFF_UP)
		return true;
	name_request(&request, name);
	request.ifr_flags = (short)(flags | IFF_UP);
	return !ioctl(fd, SIOCSIFFLAGS, &request);
}

/* A switch's ports are what has a network behind it, not the wire that leads to it. */
static bool leads_to_switch(const char *name)
{
	char path[sizeof("/sys/class/net//dsa") + IFNAMSIZ];

	snprintf(path, sizeof(path), "/sys/class/net/%s/dsa", name);
	return !access(path, F_OK);
}

static bool is_candidate(const char *name, short flags)
{
	return !(flags & IFF_LOOPBACK) && (flags & (IFF_BROADCAST | IFF_POINTOPOINT)) &&
	       strncmp(name, "dummy", 5) && !leads_to_switch(name);
}

static void describe(int fd, struct net_link *link)
{
	struct ifreq request;
	char carrier[8];

	/* Read fails while it is down. */
	link->ready = !attr_read(carrier, sizeof(carrier), "/sys/class/net/%s/carrier",
				 link->name) && carrier[0] == '1';
	name_request(&request, link->name);
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		return;
	link->ethernet = request.ifr_hwaddr.sa_family == ARPHRD_ETHER;
	memcpy(link->mac, request.ifr_hwaddr.sa_data, sizeof(link->mac));
}

unsigned int net_links(struct net_link *links, const char *name)
{
	struct if_nameindex *all = if_nameindex(), *one;
	pvk_auto_close int fd = open_control();
	unsigned int n = 0;
	bool wanted;
	short flags;

	for (one = all; one && one->if_name; one++) {
		if (!read_flags(fd, one->if_name, &flags))
			continue;
		wanted = n < NET_LINKS_MAX && (*name ? !strcmp(one->if_name, name) :
					       is_candidate(one->if_name, flags));
		/* A port of a switch wants what leads there to be up, and programs want lo. */
		if (!wanted && !leads_to_switch(one->if_name) && !(flags & IFF_LOOPBACK))
			continue;
		if (!bring_up(fd, one->if_name, flags) || !wanted)
			continue;
		links[n] = (struct net_link){ .ready = false };
		snprintf(links[n].name, sizeof(links[n].name), "%s", one->if_name);
		describe(fd, &links[n++]);
	}
	if (all)
		if_freenameindex(all);
	return n;
}

bool net_link_addressed(char name[IFNAMSIZ], uint32_t *address)
{
	struct ifreq requests[NET_LINKS_MAX];
	struct ifconf list = { .ifc_len = sizeof(requests), .ifc_req = requests };
	pvk_auto_close int fd = open_control();
	struct sockaddr_in in;
	size_t i;

	if (fd < 0 || ioctl(fd, SIOCGIFCONF, &list))
		return false;
	for (i = 0; i < (size_t)list.ifc_len / sizeof(requests[0]); i++) {
		memcpy(&in, &requests[i].ifr_addr, sizeof(in));
		if (ntohl(in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET)
			continue;
		memcpy(name, requests[i].ifr_name, IFNAMSIZ);
		*address = in.sin_addr.s_addr;
		return true;
	}
	return false;
}

/* ---- addresses ---- */

static struct sockaddr in_address(uint32_t address)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = address };
	struct sockaddr any;

	memcpy(&any, &in, sizeof(any));
	return any;
}

static int set_address(int fd, const char *name, unsigned long what, uint32_t address)
{
	struct ifreq request;

	name_request(&request, name);
	request.ifr_addr = in_address(address);
	return ioctl(fd, (int)what, &request) ? -errno : 0;
}

static void set_mtu(int fd, const char *name, unsigned int mtu)
{
	struct ifreq request;

	name_request(&request, name);
	request.ifr_mtu = (int)mtu;
	ioctl(fd, SIOCSIFMTU, &request);
}

/* One that lies outside of the net, as some providers have it, is reached directly. */
static int add_route(int fd, const char *name, const struct net_link_setup *setup)
{
	struct rtentry route = {
		.rt_dst = in_address(setup->gateway),
		.rt_genmask = in_address(INADDR_NONE),
		.rt_flags = RTF_UP | RTF_HOST,
		.rt_dev = (char *)name,
	};

	if ((setup->gateway ^ setup->address) & setup->netmask &&
	    ioctl(fd, SIOCADDRT, &route) && errno != EEXIST)
		return -errno;
	route.rt_dst = in_address(INADDR_ANY);
	route.rt_genmask = route.rt_dst;
	route.rt_gateway = in_address(setup->gateway);
	route.rt_flags = RTF_UP | RTF_GATEWAY;
	return ioctl(fd, SIOCADDRT, &route) && errno != EEXIST ? -errno : 0;
}

int net_link_set(const char *name, const struct net_link_setup *setup, struct pvk_err *err)
{
	pvk_auto_close int fd = open_control();
	int ret;

	if (fd < 0)
		return pvk_err_set(err, -errno, "%s: %s", name, strerror(errno));
	/* Where it can't be had, it works as it is. */
	if (setup->mtu)
		set_mtu(fd, name, setup->mtu);
	ret = set_address(fd, name, SIOCSIFADDR, setup->address);
	if (!ret)
		ret = set_address(fd, name, SIOCSIFNETMASK, setup->netmask);
	if (!ret)
		ret = set_address(fd, name, SIOCSIFBRDADDR, setup->address | ~setup->netmask);
	if (ret)
		return pvk_err_set(err, ret, "%s: the address can't be set: %s", name,
				   strerror(-ret));
	ret = setup->gateway ? add_route(fd, name, setup) : 0;
	/* A server may send what can be none; ours may be reached without. */
	if (ret)
		say("%s: no route by the gateway: %s", name, strerror(-ret));
	return 0;
}
