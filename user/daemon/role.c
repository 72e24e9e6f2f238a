// SPDX-License-Identifier: MIT
#include <string.h>

#include "log.h"
#include "notify.h"
#include "role.h"

void role_ready(struct role_env *env)
{
	int ret;

	if (!env->parent) {
		ret = notify_send("READY=1");
		if (ret)
			log_msg(LOG_WARNING, "NOTIFY_SOCKET: %s", strerror(-ret));
	} else if (env->ready_fd >= 0) {
		if (write(env->ready_fd, "", 1) != 1)
			log_msg(LOG_WARNING, "the supervisor does not listen");
		close(env->ready_fd);
		env->ready_fd = -1;
	}
}
