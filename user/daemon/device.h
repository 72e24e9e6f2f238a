/* SPDX-License-Identifier: MIT */
/*
 * device - has the device of a driver shown up?
 *
 * Asked of sysfs: a device that is bound to a driver of one of the modules, or a
 * network interface whose device is, or, if it has none, that ethtool says is
 * the module's. When to ask again is said by the kernel's uevents; what these
 * contain is not trusted for anything else.
 *
 * Devices that the kernel does not tie to a module (a watchdog without a parent,
 * a loop device) can't be seen, nor interfaces in another network namespace.
 */
#ifndef PVKITD_DEVICE_H
#define PVKITD_DEVICE_H

#include <event2/event.h>

#include "driver.h"

#define DEVICE_SCAN_MS	20	/* no two scans are closer together */
#define DEVICE_MODULES_MAX	128	/* of one wish, holders included */

enum device_kind { DEVICE_NONE, DEVICE_ANY, DEVICE_NETDEV };
enum device_answer { DEVICE_ABSENT, DEVICE_THERE, DEVICE_GONE };

struct device_fds {
	int sysfs;	/* the directory /sys */
	int uevent;	/* of NETLINK_KOBJECT_UEVENT, in no group yet, non-blocking */
	int inet;	/* for ethtool's question; -1: without it */
};

/* Opens all three. Needs no privilege, but to be done before they are confined. */
int device_open(struct device_fds *fds, struct pvk_err *err);
/* Those that are open. */
void device_close(struct device_fds *fds);

/* What somebody waits for. */
struct device_wish {
	enum device_kind kind;
	struct device_module {
		char name[PVK_MODULE_SIZE];	/* as sysfs spells it */
		bool resident;			/* it has a directory there for as long as it is */
	} module[PV_DRIVER_MAX_LINES];
	size_t count;
};

/* -ENODATA if the driver has no modules, so that no device can be told to be its. */
int device_wish(struct device_wish *wish, enum device_kind kind, const struct pvk_driver *driver);
/* "iwlwifi" or "hci_uart, btintel" */
void device_wish_text(const struct device_wish *wish, char *text, size_t size);

struct devices;

/* Takes over the fds. changed() is called after uevents, but not without a watcher. */
struct devices *devices_new(struct event_base *base, const struct device_fds *fds,
			    void (*changed)(void *arg), void *arg);
void devices_free(struct devices *devices);
/* As often ended as begun. What happened before the first look is not missed. */
int devices_watch(struct devices *devices, struct pvk_err *err);
void devices_unwatch(struct devices *devices);
enum device_answer devices_look(const struct devices *devices, const struct device_wish *wish);

#endif /* PVKITD_DEVICE_H */
