/* SPDX-License-Identifier: MIT */
/*
 * netlink_input - what a kernel that answers anything has sent: the input of a fuzzer as
 * datagrams, each of 16-bit length and content, that wait in a client's socket
 */
#ifndef PVKIT_FUZZ_NETLINK_INPUT_H
#define PVKIT_FUZZ_NETLINK_INPUT_H

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the clients are told that the family's number is. */
#define NETLINK_INPUT_FAMILY	0x1f

/* fd[0] for the client, which closes it; fd[1] has hung up, so that no call waits. */
static inline int netlink_input(const uint8_t *data, size_t size, int fd[2])
{
	unsigned int i;
	size_t len;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd))
		return -1;
	for (i = 0; size > 2 && i < 16; i++) {
		len = data[0] | data[1] << 8;
		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		if (!len || send(fd[1], data, len, MSG_DONTWAIT) < 0)
			break;
		data += len;
		size -= len;
	}
	shutdown(fd[1], SHUT_WR);
	return 0;
}

#endif /* PVKIT_FUZZ_NETLINK_INPUT_H */
