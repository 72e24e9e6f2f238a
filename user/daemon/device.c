// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "device.h"
#include "genl.h"

#define GROUP_KERNEL	1	/* uevents as the kernel sends them */
#define UEVENT_MAX	8192	/* the kernel's own bound is lower */
#define READ_MAX	256	/* messages in one go */

struct devices {
	struct device_fds fds;
	struct event *readable;
	struct event *scan;
	int64_t scanned_ms;
	unsigned int watchers;
	void (*changed)(void *arg);
	void *arg;
};

/* ---- what there is ---- */

/* Modules that count: those of the wish, and who holds them. */
struct names {
	const char *name[DEVICE_MODULES_MAX];
	size_t count;
	char held[DEVICE_MODULES_MAX][PVK_MODULE_SIZE];
};

static bool among(const struct names *names, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(names->name[i], name))
			return true;
	return false;
}

static bool has_name(const struct names *names, const char *name)
{
	return among(names, names->count, name);
}

static DIR *open_dir(const struct devices *devices, const char *path)
{
	int fd = openat(devices->fds.sysfs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

static bool is_link(const struct dirent *entry)
{
	return entry->d_type == DT_LNK && entry->d_name[0] != '.';
}

static void add_holder(struct names *names, const char *name)
{
	if (names->count == DEVICE_MODULES_MAX || strlen(name) >= PVK_MODULE_SIZE ||
	    has_name(names, name))
		return;
	strcpy(names->held[names->count], name);
	names->name[names->count] = names->held[names->count];
	names->count++;
}

/*
 * A module may bring in one that does the rest: iwlwifi, iwlmvm. But if its holder
 * is named beside it, as in ["cfg80211", "ath9k"], it is there for that one, and
 * its other holders are other people's.
 */
static void add_holders(const struct devices *devices, struct names *names, size_t n_wished,
			const char *module)
{
	char path[64 + PVK_MODULE_SIZE];
	struct dirent *entry;
	bool for_another = false;
	DIR *dir;

	snprintf(path, sizeof(path), "module/%s/holders", module);
	dir = open_dir(devices, path);
	if (!dir)
		return;
	while (!for_another && (entry = readdir(dir)))
		for_another = is_link(entry) && among(names, n_wished, entry->d_name);
	rewinddir(dir);
	while (!for_another && (entry = readdir(dir)))
		if (is_link(entry))
			add_holder(names, entry->d_name);
	closedir(dir);
}

static void find_names(const struct devices *devices, const struct device_wish *wish,
		       struct names *names)
{
	size_t i;

	names->count = 0;
	for (i = 0; i < wish->count; i++)
		names->name[names->count++] = wish->module[i].name;
	/* Those that are added have holders too. */
	for (i = 0; i < names->count; i++)
		add_holders(devices, names, wish->count, names->name[i]);
}

/* The links in a driver's directory are its devices, and its module. */
static bool driver_has_device(const struct devices *devices, const char *path)
{
	struct dirent *entry;
	DIR *dir = open_dir(devices, path);

	if (!dir)
		return false;
	do {
		entry = readdir(dir);
	} while (entry && (!is_link(entry) || !strcmp(entry->d_name, "module")));
	closedir(dir);
	return entry;
}

static bool module_has_device(const struct devices *devices, const char *module)
{
	char path[PATH_MAX], drivers[64 + PVK_MODULE_SIZE];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(drivers, sizeof(drivers), "module/%s/drivers", module);
	dir = open_dir(devices, drivers);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		if (!is_link(entry))
			continue;
		snprintf(path, sizeof(path), "%s/%s", drivers, entry->d_name);
		found = driver_has_device(devices, path);
	}
	closedir(dir);
	return found;
}

/* What ethtool -i says: for interfaces that are no device's, like dummy0. */
static bool ethtool_names(const struct devices *devices, const char *interface,
			  const struct names *names)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&info };

	if (devices->fds.inet < 0 || strlen(interface) >= sizeof(request.ifr_name))
		return false;
	strcpy(request.ifr_name, interface);
	if (ioctl(devices->fds.inet, SIOCETHTOOL, &request))
		return false;
	info.driver[sizeof(info.driver) - 1] = '\0';
	return has_name(names, info.driver);
}

static bool interface_is_of(const struct devices *devices, const char *interface,
			    const struct names *names)
{
	char path[PATH_MAX], target[PATH_MAX], *base;
	ssize_t len;

	snprintf(path, sizeof(path), "class/net/%s/device", interface);
	if (faccessat(devices->fds.sysfs, path, F_OK, 0))
		return ethtool_names(devices, interface, names);
	snprintf(path, sizeof(path), "class/net/%s/device/driver/module", interface);
	len = readlinkat(devices->fds.sysfs, path, target, sizeof(target) - 1);
	if (len < 0)
		return false;
	target[len] = '\0';
	base = strrchr(target, '/');
	return has_name(names, base ? base + 1 : target);
}

static bool any_interface(const struct devices *devices, const struct names *names)
{
	DIR *dir = open_dir(devices, "class/net");
	struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		if (is_link(entry))
			found = interface_is_of(devices, entry->d_name, names);
	closedir(dir);
	return found;
}

static bool still_there(const struct devices *devices, const struct device_wish *wish)
{
	char path[64 + PVK_MODULE_SIZE];
	size_t i;

	for (i = 0; i < wish->count; i++) {
		snprintf(path, sizeof(path), "module/%s", wish->module[i].name);
		if (wish->module[i].resident && faccessat(devices->fds.sysfs, path, F_OK, 0))
			return false;
	}
	return true;
}

enum device_answer devices_look(const struct devices *devices, const struct device_wish *wish)
{
	struct names names;
	size_t i;

	if (!still_there(devices, wish))
		return DEVICE_GONE;
	find_names(devices, wish, &names);
	for (i = 0; i < names.count && wish->kind == DEVICE_ANY; i++)
		if (module_has_device(devices, names.name[i]))
			return DEVICE_THERE;
	return any_interface(devices, &names) ? DEVICE_THERE : DEVICE_ABSENT;
}

/* ---- wishes ---- */

int device_wish(struct device_wish *wish, enum device_kind kind, const struct pvk_driver *driver)
{
	struct device_module *module;
	size_t i;
	char *c;

	*wish = (struct device_wish){ .kind = kind };
	for (i = 0; i < driver->n_modules && i < PVK_ARRAY_SIZE(wish->module); i++) {
		module = &wish->module[wish->count++];
		strcpy(module->name, driver->modules[i].name);
		module->resident = (driver->modules[i].flags & PV_DRIVER_MODULE_FLAG_LIVE) &&
			!(driver->modules[i].flags & PV_DRIVER_MODULE_FLAG_BUILTIN);
		for (c = module->name; (c = strchr(c, '-')); )
			*c = '_';
	}
	return wish->count ? 0 : -ENODATA;
}

void device_wish_text(const struct device_wish *wish, char *text, size_t size)
{
	size_t i, len = 0;

	text[0] = '\0';
	for (i = 0; i < wish->count && len < size; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%s", i ? ", " : "",
					wish->module[i].name);
}

/* ---- when to look again ---- */

/* The value of KEY= in "ACTION@PATH\0KEY=VALUE\0...", NUL-terminated; or NULL. */
static const char *uevent_value(const char *msg, size_t len, const char *key)
{
	size_t key_len = strlen(key), at;

	for (at = strlen(msg) + 1; at < len; at += strlen(msg + at) + 1)
		if (!strncmp(msg + at, key, key_len))
			return msg + at + key_len;
	return NULL;
}

/* Something came, or a module went. */
static bool is_news(const char *msg, size_t len)
{
	static const char *const actions[] = { "add@", "bind@", "move@", "change@" };
	const char *subsystem = uevent_value(msg, len, "SUBSYSTEM=");
	size_t i;

	if (!subsystem || !strcmp(subsystem, "pv_driver"))
		return false;
	if (!strncmp(msg, "remove@", 7))
		return !strcmp(subsystem, "module");
	for (i = 0; i < PVK_ARRAY_SIZE(actions); i++)
		if (!strncmp(msg, actions[i], strlen(actions[i])))
			return true;
	return false;
}

static void plan_scan(struct devices *devices)
{
	int64_t wait_ms = devices->scanned_ms + DEVICE_SCAN_MS - pvk_now_ms();
	struct timeval tv = { 0 };

	if (evtimer_pending(devices->scan, NULL))
		return;
	if (wait_ms > 0)
		tv.tv_usec = (suseconds_t)wait_ms * 1000;
	evtimer_add(devices->scan, &tv);
}

/* Returns whether there is something to look at. What was lost may be that. */
static bool drain(struct devices *devices)
{
	char msg[UEVENT_MAX + 1];
	bool news = false;
	unsigned int i;
	ssize_t len;

	for (i = 0; i < READ_MAX; i++) {
		len = recv(devices->fds.uevent, msg, UEVENT_MAX, MSG_DONTWAIT);
		if (len < 0 && errno == ENOBUFS)
			news = true;
		else if (len < 0 && errno != EINTR)
			break;
		if (len <= 0)
			continue;
		msg[len] = '\0';
		news |= is_news(msg, (size_t)len);
	}
	return news;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (drain(arg))
		plan_scan(arg);
}

static void on_scan(evutil_socket_t fd, short what, void *arg)
{
	struct devices *devices = arg;

	(void)fd;
	(void)what;
	devices->scanned_ms = pvk_now_ms();
	devices->changed(devices->arg);
}

/* A socket of another kind, in tests, has no groups. */
static int set_group(struct devices *devices, int option)
{
	int group = GROUP_KERNEL;

	if (!setsockopt(devices->fds.uevent, SOL_NETLINK, option, &group, sizeof(group)) ||
	    errno == EOPNOTSUPP)
		return 0;
	return -errno;
}

/* Without a watcher nothing is sent to us, and nothing wakes us up. */
int devices_watch(struct devices *devices, struct pvk_err *err)
{
	int ret = 0;

	if (devices->watchers++)
		return 0;
	ret = set_group(devices, NETLINK_ADD_MEMBERSHIP);
	if (!ret && event_add(devices->readable, NULL))
		ret = -ENOMEM;
	if (!ret)
		return 0;
	devices_unwatch(devices);
	return pvk_err_set(err, ret, "devices can't be watched: %s", strerror(-ret));
}

void devices_unwatch(struct devices *devices)
{
	if (--devices->watchers)
		return;
	set_group(devices, NETLINK_DROP_MEMBERSHIP);
	event_del(devices->readable);
	evtimer_del(devices->scan);
	drain(devices);
}

/* ---- set up ---- */

void device_close(struct device_fds *fds)
{
	pvk_cleanup_close(&fds->sysfs);
	pvk_cleanup_close(&fds->uevent);
	pvk_cleanup_close(&fds->inet);
	*fds = (struct device_fds){ -1, -1, -1 };
}

int device_open(struct device_fds *fds, struct pvk_err *err)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	const int type = SOCK_CLOEXEC | SOCK_NONBLOCK;
	int ret;

	fds->sysfs = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds->uevent = socket(AF_NETLINK, SOCK_DGRAM | type, NETLINK_KOBJECT_UEVENT);
	/* Only asked about interfaces, which each kind answers: none to the network is needed. */
	fds->inet = socket(AF_UNIX, SOCK_DGRAM | type, 0);
	if (fds->sysfs >= 0 && fds->uevent >= 0 &&
	    !bind(fds->uevent, (struct sockaddr *)&addr, sizeof(addr)))
		return 0;
	ret = -errno;
	device_close(fds);
	return pvk_err_set(err, ret, "devices can't be watched: %s", strerror(-ret));
}

struct devices *devices_new(struct event_base *base, const struct device_fds *fds,
			    void (*changed)(void *arg), void *arg)
{
	struct devices *devices = calloc(1, sizeof(*devices));

	if (!devices)
		return NULL;
	devices->fds = *fds;
	devices->changed = changed;
	devices->arg = arg;
	devices->readable = event_new(base, fds->uevent, EV_READ | EV_PERSIST, on_readable,
				      devices);
	devices->scan = evtimer_new(base, on_scan, devices);
	if (devices->readable && devices->scan)
		return devices;
	/* The fds are still the caller's. */
	devices->fds = (struct device_fds){ -1, -1, -1 };
	devices_free(devices);
	return NULL;
}

void devices_free(struct devices *devices)
{
	if (!devices)
		return;
	if (devices->readable)
		event_free(devices->readable);
	if (devices->scan)
		event_free(devices->scan);
	device_close(&devices->fds);
	free(devices);
}
