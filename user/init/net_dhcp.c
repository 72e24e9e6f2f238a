// SPDX-License-Identifier: MIT
/*
 * Over UDP: the kernel lets questions to all, and the answers to all that we ask for, through
 * interfaces that have no address, and checks their sums.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "clock.h"
#include "console.h"
#include "net_dhcp.h"

#define PORT_CLIENT	68
#define PORT_SERVER	67
#define WAIT_MS		1000	/* in the first turn, twice that in the next, ... */
#define WAIT_MAX_MS	8000
#define JITTER_MS	500	/* after a power cut many ask at once */
#define REQUESTS	3
#define REQUEST_MS	1500

struct asking {
	const struct net_link *links;
	unsigned int count;
	struct dhcp_asker asker;
	const struct dhcp_turn *turn;
	struct pollfd fds[NET_LINKS_MAX];
};


/* So early there may be nothing random yet; it must only differ from others'. */
static uint32_t some_number(const struct net_link *link)
{
	uint32_t number;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) == sizeof(number))
		return number;
	memcpy(&number, link->mac + 2, sizeof(number));
	return number ^ (uint32_t)clock_ms();
}

static int open_link(const struct net_link *link)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(PORT_CLIENT) };
	static const int yes = 1;
	int fd, ret;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof(yes)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, link->name,
			(socklen_t)strlen(link->name) + 1) &&
	    !bind(fd, (struct sockaddr *)&here, sizeof(here)))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

static void ask(struct asking *asking, unsigned int i, const struct dhcp_answer *offer)
{
	struct sockaddr_in all = {
		.sin_family = AF_INET, .sin_port = htons(PORT_SERVER),
		.sin_addr.s_addr = INADDR_BROADCAST,
	};
	uint8_t packet[DHCP_PACKET_MAX];
	size_t len;

	memcpy(asking->asker.mac, asking->links[i].mac, NET_MAC_BYTES);
	len = dhcp_write(packet, &asking->asker, asking->turn->seconds, offer);
	if (sendto(asking->fds[i].fd, packet, len, 0, (struct sockaddr *)&all, sizeof(all)) < 0)
		say_debug("%s: DHCP: %s", asking->links[i].name, strerror(errno));
}

/* What has come to this link. false: nothing more. */
static bool hear(struct asking *asking, unsigned int i, struct dhcp_answer *answer, int *ret)
{
	uint8_t packet[DHCP_ANSWER_MAX];
	ssize_t n = recv(asking->fds[i].fd, packet, sizeof(packet), 0);

	if (n < 0)
		return false;
	memcpy(asking->asker.mac, asking->links[i].mac, NET_MAC_BYTES);
	*ret = dhcp_read(answer, &asking->asker, packet, (size_t)n);
	return true;
}

/* The index of the link on which an answer came; only: of that one alone, or -1. */
static int wait_answer(struct asking *asking, int only, int64_t until, struct dhcp_answer *answer)
{
	unsigned int i;
	int64_t left;
	int ret;

	while ((left = until - clock_ms()) > 0) {
		if (poll(asking->fds, asking->count, (int)left) <= 0)
			continue;
		for (i = 0; i < asking->count; i++) {
			if (!asking->fds[i].revents)
				continue;
			/* However much comes, there is an end to it. */
			while (clock_ms() < until && hear(asking, i, answer, &ret))
				if (!ret && (only < 0 || only == (int)i))
					return (int)i;
		}
	}
	return -ETIMEDOUT;
}

/* -EAGAIN: it was refused, or the server is silent now. */
static int request(struct asking *asking, int i, const struct dhcp_answer *offer, int64_t until,
		   struct dhcp_answer *answer)
{
	unsigned int n;
	int64_t end;

	for (n = 0; n < REQUESTS && clock_ms() < until; n++) {
		ask(asking, (unsigned int)i, offer);
		end = clock_ms() + REQUEST_MS;
		while (wait_answer(asking, i, end < until ? end : until, answer) == i) {
			/* Another's refusal is of what he has not offered. */
			if (answer->server != offer->server)
				continue;
			if (answer->type == DHCP_ACK)
				return 0;
			if (answer->type == DHCP_NAK)
				return -EAGAIN;
		}
	}
	return -EAGAIN;
}

/* Whoever offers first. */
static int find_offer(struct asking *asking, int64_t until, struct dhcp_answer *offer)
{
	unsigned int i;
	int found;

	for (i = 0; i < asking->count; i++)
		if (asking->fds[i].fd >= 0)
			ask(asking, i, NULL);
	do
		found = wait_answer(asking, -1, until, offer);
	while (found >= 0 && offer->type != DHCP_OFFER);
	return found;
}

static long wait_of(const struct asking *asking, long left_ms)
{
	long wait = WAIT_MS;
	unsigned int i;

	for (i = 0; i < asking->turn->count && wait < WAIT_MAX_MS; i++)
		wait *= 2;
	wait += asking->asker.xid % JITTER_MS;
	return wait < left_ms ? wait : left_ms;
}

int dhcp_ask(const struct net_link *links, unsigned int count, const struct net_words *words,
	     const struct dhcp_turn *turn, long left_ms, struct dhcp_answer *answer)
{
	struct asking asking = {
		.links = links, .count = count, .turn = turn,
		.asker = { .xid = some_number(links), .words = words },
	};
	struct dhcp_answer offer;
	unsigned int i;
	int found;

	for (i = 0; i < count; i++) {
		asking.fds[i].events = POLLIN;
		asking.fds[i].fd = links[i].ready && links[i].ethernet ? open_link(&links[i]) : -1;
		if (asking.fds[i].fd < -1)
			say_debug("%s: DHCP: %s", links[i].name, strerror(-asking.fds[i].fd));
	}
	found = find_offer(&asking, clock_ms() + wait_of(&asking, left_ms), &offer);
	if (found >= 0 && request(&asking, found, &offer, clock_ms() + left_ms, answer))
		found = -ETIMEDOUT;
	for (i = 0; i < count; i++)
		if (asking.fds[i].fd >= 0)
			close(asking.fds[i].fd);
	return found;
}
