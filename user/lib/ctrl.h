/* SPDX-License-Identifier: MIT */
/*
 * ctrl - a client of pvkitd's REST API (pv-ctrl), on the host and in containers
 */
#ifndef PVK_CTRL_H
#define PVK_CTRL_H

#include "util.h"

#define PVK_CTRL_HOST		"/run/pvkit/pv-ctrl"
#define PVK_CTRL_CONTAINER	"/pantavisor/pv-ctrl"
#define PVK_CTRL_ANSWER_MAX	(64 * 1024)

struct pvk_ctrl_answer {
	int status;		/* of HTTP */
	char *body;		/* with a NUL behind it; to be freed */
};

/*
 * One request, and its whole answer within timeout_ms. path: of the socket; NULL: the
 * host's where there is one, else a container's. body: JSON, or NULL. -ECONNREFUSED where
 * nobody serves, -ETIMEDOUT, -EPROTO for what is no answer, or another negative errno.
 */
int pvk_ctrl_ask(const char *path, const char *method, const char *uri, const char *body,
		 int timeout_ms, struct pvk_ctrl_answer *answer, struct pvk_err *err);

#endif /* PVK_CTRL_H */
