/* SPDX-License-Identifier: MIT */
/*
 * http - pv-ctrl connections, who is at their other end, and where a request goes
 *
 * Each endpoint is a handler in a file of its own (*_ep.c), named in the table
 * of http.c. What they ask of the kernel goes through struct http_kernel, so
 * that tests can answer in its place.
 */
#ifndef PVKITD_HTTP_H
#define PVKITD_HTTP_H

#include <event2/event.h>

#include "device.h"
#include "driver.h"
#include "json_out.h"
#include "meta.h"

#define HTTP_HEADERS_MAX	8192
#define HTTP_BODY_MAX		(64 * 1024)	/* more than any endpoint takes */
#define HTTP_CONNECTIONS_MAX	512		/* more wait in the sockets' backlogs */
#define HTTP_PER_PEER_MAX	64		/* of one container, or of all strangers */
#define HTTP_TIMEOUT_S		30		/* to send a request, to take an answer */
#define HTTP_ANSWER_MAX		(8 * 1024 * 1024)

struct http;

/* Functions as in driver.h; submit's op is enum pv_driver_op. */
struct http_kernel {
	int (*whois)(void *arg, int fd, int listener_fd, struct pvk_peer *peer,
		     struct pvk_err *err);
	/* As a container sees them, which is those that it names; id 0: all. */
	int (*drivers)(void *arg, uint64_t id, struct pvk_drivers *list, struct pvk_err *err);
	int (*driver)(void *arg, const char *alias, uint64_t id, struct pvk_driver *driver,
		      struct pvk_err *err);
	int (*submit)(void *arg, uint32_t op, const struct pvk_request *request,
		      uint32_t *seq, struct pvk_err *err);
	uint32_t timeout_ms;	/* of a request that names none; 0: the usual */
	void *arg;
};

/* user_meta and device_meta stay the caller's; NULL: that store can't be used. */
struct http *http_new(struct event_base *base, const struct http_kernel *kernel,
		      struct pvk_meta *user_meta, struct pvk_meta *device_meta);
/* Takes over the fds, with success; without them ?wait= is refused. */
int http_watch_devices(struct http *http, const struct device_fds *fds);
/* Takes over the listening socket. */
int http_listen(struct http *http, int fd);
/* What became of something that submit took. */
void http_outcome(struct http *http, const struct pvk_outcome *outcome);
void http_free(struct http *http);

#endif /* PVKITD_HTTP_H */
