// SPDX-License-Identifier: MIT
/*
 * The netlink client of pv_pivot against a kernel that answers anything. The first byte
 * chooses the call, after which all that was kept goes through dispatch; the rest is
 * what waits in the socket, in datagrams of 16-bit length and content. Sequence
 * number of the call is 1, the message type 0x1f.
 */
#include <stdint.h>
#include <string.h>

#include "json_out.h"
#include "netlink_input.h"
#include "pivot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads what was parsed, which nobody may optimise away. */
static volatile size_t sum;

static void on_event(void *arg, const struct pvk_pivot_event *event)
{
	(void)arg;
	sum = strlen(pvk_pivot_state_name(event->state)) + event->generation;
}

static void on_pending(void *arg)
{
	(*(unsigned int *)arg)++;
}

/* It has every text end, and is JSON whatever they hold. */
static void touch_status(const struct pvk_pivot_status *status)
{
	json_auto_out struct json_out out = JSON_OUT_INIT(16 * 1024);

	sum = strlen(status->fs) + strlen(status->device) + strlen(status->text) +
	      strlen(pvk_pivot_medium_name(status->medium));
	json_out_object(&out);
	pvk_pivot_json(&out, status);
	json_out_end(&out);
	if (status->error < 0)
		__builtin_trap();
}

static void call(struct pvk_pivot *pivot, unsigned int which)
{
	struct pvk_pivot_status status;
	struct pvk_err err;
	int session = -1;

	switch (which) {
	case 0:
		if (!pvk_pivot_status(pivot, &status, &err))
			touch_status(&status);
		break;
	case 1:
		pvk_pivot_begin(pivot, 3, 0, &session, &err);
		break;
	case 2:
		pvk_pivot_step(pivot, 3, PV_PIVOT_STATE_EVICTING, 0, &err);
		break;
	case 3:
		/* what it follows is asked for before */
		pvk_pivot_step(pivot, 3, PV_PIVOT_STATE_SEALED, 0, &err);
		break;
	case 4:
		pvk_pivot_subscribe(pivot, NULL, &err);
		break;
	default:
		pvk_pivot_start(pivot, "word", &err);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pvk_pivot_ops ops = { .event = on_event, .pending = on_pending };
	unsigned int pending = 0;
	struct pvk_pivot *pivot;
	struct pvk_err err;
	int fd[2];

	if (size < 3 || netlink_input(data + 1, size - 1, fd))
		return 0;
	if (!pvk_pivot_open_fd(&pivot, fd[0], NETLINK_INPUT_FAMILY, &ops, &pending)) {
		call(pivot, *data % 6);
		pvk_pivot_dispatch(pivot, &err);
		pvk_pivot_close(pivot);
	}
	close(fd[1]);
	return 0;
}
