// SPDX-License-Identifier: MIT
/*
 * The netlink client of pv_driver against a kernel that answers anything. The
 * first byte chooses the call, after which all that was kept goes through
 * dispatch; the rest is what waits in the socket, in datagrams of 16-bit length
 * and content. Sequence number of the call is 1, the
 * message type 0x1f.
 */
#include <stdint.h>
#include <string.h>

#include "driver.h"
#include "netlink_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads what was parsed, which nobody may optimise away. */
static volatile size_t sum;

static void touch_texts(const struct pvk_texts *texts)
{
	size_t i;

	for (i = 0; i < texts->count; i++)
		sum = strlen(texts->item[i]);
}

static void touch_driver(const struct pvk_driver *driver)
{
	size_t i;

	sum = strlen(driver->alias) + strlen(driver->text);
	for (i = 0; i < driver->n_modules; i++)
		sum += strlen(driver->modules[i].name) + strlen(driver->modules[i].params);
	touch_texts(&driver->lines);
	touch_texts(&driver->users);
	touch_texts(&driver->warnings);
}

static void on_outcome(void *arg, const struct pvk_outcome *outcome)
{
	(void)arg;
	sum = strlen(outcome->alias) + strlen(outcome->container) + strlen(outcome->text);
	touch_texts(&outcome->warnings);
	if (outcome->error < 0)
		__builtin_trap();
}

static void on_event(void *arg, const struct pvk_event *event)
{
	(void)arg;
	sum = strlen(event->alias) + strlen(pvk_event_kind_name(event->kind)) +
		strlen(pvk_state_name(event->state));
}

static void on_exec(void *arg, const struct pvk_exec *exec)
{
	(void)arg;
	sum = strlen(exec->alias) + strlen(exec->line) + strlen(exec->container) +
		strlen(pvk_op_name(exec->op));
}

static void on_pending(void *arg)
{
	(*(unsigned int *)arg)++;
}

static void call(struct pvk_drv *drv, unsigned int which)
{
	const struct pvk_container web = { .name = "web" };
	struct pvk_containers containers;
	struct pvk_container container;
	struct pvk_outcome outcome;
	struct pvk_drivers drivers;
	struct pvk_driver driver;
	struct pvk_status status;
	struct pvk_modules modules;
	struct pvk_peer peer;
	struct pvk_err err;
	uint64_t id;
	size_t i;

	switch (which) {
	case 0:
		if (!pvk_drv_driver_get(drv, "wifi", 0, &driver, &err)) {
			touch_driver(&driver);
			pvk_driver_free(&driver);
		}
		break;
	case 1:
		if (!pvk_drv_driver_list(drv, 0, &drivers, &err)) {
			for (i = 0; i < drivers.count; i++)
				touch_driver(&drivers.item[i]);
			pvk_drivers_free(&drivers);
		}
		break;
	case 2:
		if (!pvk_drv_container_get(drv, "web", 0, &container, &err))
			pvk_container_free(&container);
		break;
	case 3:
		if (!pvk_drv_container_list(drv, &containers, &err))
			pvk_containers_free(&containers);
		break;
	case 4:
		pvk_drv_container_new(drv, &web, -1, 1, &id, &err);
		break;
	case 5:
		pvk_drv_whois(drv, 3, 4, &peer, &err);
		break;
	case 6:
		pvk_drv_status(drv, &status, &err);
		break;
	case 7:
		pvk_drv_subscribe(drv, NULL, NULL, &err);
		break;
	case 8:
		if (!pvk_drv_wait(drv, 1, 1, &outcome, &err))
			pvk_outcome_free(&outcome);
		break;
	case 9:
		if (!pvk_drv_module_list(drv, &modules, &err))
			pvk_modules_free(&modules);
		break;
	default:
		pvk_drv_driver_del(drv, "wifi", &err);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pvk_drv_ops ops = {
		.outcome = on_outcome, .event = on_event, .exec = on_exec,
		.pending = on_pending,
	};
	unsigned int pending = 0;
	struct pvk_drv *drv;
	struct pvk_err err;
	int fd[2];

	if (size < 3 || netlink_input(data + 1, size - 1, fd))
		return 0;
	if (!pvk_drv_open_fd(&drv, fd[0], NETLINK_INPUT_FAMILY, &ops, &pending)) {
		call(drv, *data % 11);
		pvk_drv_dispatch(drv, &err);
		pvk_drv_close(drv);
	}
	close(fd[1]);
	return 0;
}
