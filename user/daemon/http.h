/* SPDX-License-Identifier: MIT */
/*
 * http - pv-ctrl: HTTP over unix sockets
 *
 * Each endpoint is a handler in a file of its own (*_ep.c), named in the table
 * of http.c. What they ask of the kernel goes through struct http_kernel, so
 * that tests can answer in its place.
 *
 * What the kernel said is kept for as long as it has not said that it changed:
 * its events are read (`refresh`) before each request is served.
 */
#ifndef PVKITD_HTTP_H
#define PVKITD_HTTP_H

#include <event2/event.h>

#include "bootflag.h"
#include "control.h"
#include "device.h"
#include "driver.h"
#include "json_out.h"
#include "meta.h"
#include "unionlevel.h"

#define HTTP_HEADERS_MAX	8192
#define HTTP_BODY_MAX		(64 * 1024)	/* more than any endpoint takes */
#define HTTP_CONNECTIONS_MAX	512		/* more wait in the sockets' backlogs */
#define HTTP_HOST_RESERVE	64		/* of them: the host's, whoever else calls */
#define HTTP_PER_PEER_MAX	64		/* of one container, or of all strangers */
#define HTTP_STREAMS_MAX	128		/* besides */
#define HTTP_STREAMS_RESERVE	16		/* of them: the host's */
#define HTTP_STREAMS_PEER_MAX	8		/* of one container */
#define HTTP_STREAM_QUEUE	(64 * 1024)	/* bytes that a slow reader is behind */
#define HTTP_ANSWER_MAX		(8 * 1024 * 1024)
#define HTTP_VIEWS_MAX		(2 * 1024 * 1024) /* bytes of answers that are kept */

struct http;

/* How long things take; tests are shorter of time. */
struct http_times {
	int request_ms;		/* to send a request whole, to take an answer whole */
	int ping_ms;		/* between signs of life in a stream of events */
};

#define HTTP_TIMES	{ .request_ms = 30000, .ping_ms = 15000 }

/* Functions as in driver.h; submit's op is enum pv_driver_op. */
struct http_kernel {
	int (*whois)(void *arg, int fd, int listener_fd, struct pvk_peer *peer,
		     struct pvk_err *err);
	/* As a container sees them, which is those that it names; id 0: all. */
	int (*drivers)(void *arg, uint64_t id, struct pvk_drivers *list, struct pvk_err *err);
	int (*driver)(void *arg, const char *alias, uint64_t id, struct pvk_driver *driver,
		      struct pvk_err *err);
	int (*status)(void *arg, struct pvk_status *status, struct pvk_err *err);
	int (*submit)(void *arg, uint32_t op, const struct pvk_request *request,
		      uint32_t *seq, struct pvk_err *err);
	/*
	 * Functions as in bootflag.h, with flags_arg; -ENOTCONN where pv_bootflag is not
	 * in the kernel. What becomes of a set comes by http_flag_outcome().
	 */
	int (*stores)(void *arg, struct pvk_stores *list, struct pvk_err *err);
	int (*store)(void *arg, const char *name, struct pvk_store *store,
		     struct pvk_err *err);
	int (*set)(void *arg, const char *name, const struct pvk_change *change,
		   uint32_t *seq, struct pvk_err *err);
	void *flags_arg;
	/*
	 * How full the RAM over the root is; -ENOENT: there is no union. NULL: as if there
	 * were none. A change of level comes by http_union_event().
	 */
	int (*union_state)(void *arg, struct pvk_union_state *state, struct pvk_err *err);
	void *union_arg;
	/*
	 * Sends it to pvkitd-control, whose answer comes by http_control_answer().
	 * NULL: there is none.
	 */
	int (*control)(void *arg, struct control_task *task, struct pvk_err *err);
	/* Hands to http_event() what has happened; an error: that is not known. */
	int (*refresh)(void *arg);
	/* Each thread's first step; NULL: none. */
	int (*confine)(void *arg);
	uint32_t timeout_ms;	/* of a request that names none; 0: the usual */
	/* Also containers that come and go are events. */
	bool tells_containers;
	void *arg;
};

/*
 * A loop for it. evhttp tells what it waits for several times a request; here the
 * kernel hears of that once a turn. Nobody may close a descriptor that is waited
 * for, or have it twice.
 */
struct event_base *http_base_new(void);

/* user_meta and device_meta stay the caller's; NULL: that store can't be used. */
struct http *http_new(struct event_base *base, const struct http_kernel *kernel,
		      struct pvk_meta *user_meta, struct pvk_meta *device_meta);
void http_set_times(struct http *http, const struct http_times *times);
/* Takes over the fds, with success; without them ?wait= is refused. */
int http_watch_devices(struct http *http, const struct device_fds *fds);
/* Requests for metadata that are not answered yet. */
unsigned int http_waiting(const struct http *http);
/* Takes over the listening socket. */
int http_listen(struct http *http, int fd);
/* What became of something that submit took. */
void http_outcome(struct http *http, const struct pvk_outcome *outcome);
void http_flag_outcome(struct http *http, const struct pvk_bf_outcome *outcome);
void http_union_event(struct http *http, const struct pvk_union_state *state);
/* Whoever waits for the outcome of a set waits for nothing: pv_bootflag is gone. */
void http_flags_gone(struct http *http);
void http_control_answer(struct http *http, const struct control_answer *answer);
/* Does nobody wait for an answer? */
bool http_idle(const struct http *http);
/* Something happened, to any driver (or container) that there is. */
void http_event(struct http *http, const struct pvk_event *event);
/*
 * Takes no more requests, and turns the loop until all metadata that was accepted is
 * written and answered, for `ms` at most. Returns how many requests are left: the
 * process can then only exit, for the disk has a thread of it.
 */
unsigned int http_finish(struct http *http, int ms);
/* Waits for the write that is under way. */
void http_free(struct http *http);

#endif /* PVKITD_HTTP_H */
