// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "control.h"
#include "genl.h"

bool control_task_ok(const struct control_task *task)
{
	if ((task->mode[0] && !control_mode_ok(task->mode)) ||
	    (task->led[0] && !control_led_ok(task->led)) ||
	    task->force > 1 || task->on > 1 || !task->seconds)
		return false;
	switch (task->verb) {
	case CONTROL_REBOOT:
		return task->seconds <= CONTROL_LIMIT_MAX_S;
	case CONTROL_BLINK:
		return task->seconds <= CONTROL_BLINK_MAX_S && !task->mode[0];
	default:
		return false;
	}
}

bool control_task_late(const struct control_task *task)
{
	int64_t now = pvk_now_ms();

	return task->sent_ms > now || now - task->sent_ms > CONTROL_ANSWER_MS;
}

int control_send(int fd, struct control_task *task)
{
	ssize_t n;

	task->sent_ms = pvk_now_ms();
	do {
		n = send(fd, task, sizeof(*task), MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int control_receive(int fd, struct control_answer *answer)
{
	ssize_t n;

	do {
		n = recv(fd, answer, sizeof(*answer), MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n != sizeof(*answer))
		return -EBADMSG;
	answer->text[sizeof(answer->text) - 1] = '\0';
	answer->led[sizeof(answer->led) - 1] = '\0';
	answer->way[sizeof(answer->way) - 1] = '\0';
	return 0;
}
