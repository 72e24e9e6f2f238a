// SPDX-License-Identifier: MIT
/*
 * Given what sysfs shows of modules and devices, is the device of a driver there?
 * And given the uevents that come, when is that asked again?
 */
#include <errno.h>
#include <fcntl.h>

#include "device.h"
#include "fake_sysfs.h"
#include "genl.h"
#include "ktap.h"

static char dir[] = "/tmp/pvkit-device.XXXXXX";
static struct event_base *base;
static struct devices *devices;
static int kernel;		/* the other end of the uevents' socket */
static unsigned int changes;

static void on_change(void *arg)
{
	(void)arg;
	changes++;
}

static void given_an_empty_system(void)
{
	struct device_fds fds = { .inet = -1 };
	int pair[2];

	sysfs_new(dir);
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		perror("socketpair");
	kernel = pair[0];
	fds.uevent = pair[1];
	fds.sysfs = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	devices = devices_new(base, &fds, on_change, NULL);
	changes = 0;
}

static void forget_it(void)
{
	devices_free(devices);
	close(kernel);
	sysfs_remove(dir);
}

/* The driver's modules, separated by blanks; they are live. */
static struct device_wish wish_for(enum device_kind kind, const char *names)
{
	struct pvk_module modules[4] = { 0 };
	struct pvk_driver driver = { .modules = modules };
	struct device_wish wish;
	char copy[128], *name, *save;

	snprintf(copy, sizeof(copy), "%s", names);
	for (name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		strcpy(modules[driver.n_modules].name, name);
		modules[driver.n_modules++].flags = PV_DRIVER_MODULE_FLAG_LIVE;
	}
	device_wish(&wish, kind, &driver);
	return wish;
}

static enum device_answer look(enum device_kind kind, const char *names)
{
	struct device_wish wish = wish_for(kind, names);

	return devices_look(devices, &wish);
}

/* ---- what there is ---- */

static void test_bound_devices(void)
{
	given_an_empty_system();
	sysfs_module("wifi_mod");
	ktap_eq(look(DEVICE_ANY, "wifi_mod"), DEVICE_ABSENT, "a module without a driver");
	sysfs_driver("wifi_mod");
	ktap_eq(look(DEVICE_ANY, "wifi_mod"), DEVICE_ABSENT,
		"a driver without a device: its module is none");
	sysfs_device("0000:01:00.0", "wifi_mod");
	ktap_eq(look(DEVICE_ANY, "wifi_mod"), DEVICE_THERE, "a device is bound");
	ktap_eq(look(DEVICE_ANY, "wifi-mod"), DEVICE_THERE, "a dash is an underscore in sysfs");
	ktap_eq(look(DEVICE_NETDEV, "wifi_mod"), DEVICE_ABSENT, "it is no network interface");
	forget_it();
}

static void test_interfaces(void)
{
	given_an_empty_system();
	sysfs_module("wifi");
	sysfs_module("other");
	sysfs_driver("wifi");
	sysfs_driver("other");
	sysfs_device("o", "other");
	sysfs_interface("eth0", "o");
	sysfs_interface("lo", NULL);
	fclose(fopen(sysfs_path("class/net/bonding_masters"), "w"));
	ktap_eq(look(DEVICE_NETDEV, "wifi"), DEVICE_ABSENT, "others have interfaces");
	sysfs_device("w", "wifi");
	sysfs_interface("wlan0", "w");
	ktap_eq(look(DEVICE_NETDEV, "wifi"), DEVICE_THERE, "an interface of a device of it");
	ktap_eq(look(DEVICE_NETDEV, "other wifi"), DEVICE_THERE, "of one of several modules");
	forget_it();
}

static void test_holders(void)
{
	given_an_empty_system();
	sysfs_module("core");
	sysfs_module("middle");
	sysfs_module("chip");
	sysfs_module("foreign");
	sysfs_holder("core", "middle");
	sysfs_holder("middle", "chip");
	sysfs_holder("core", "foreign");
	sysfs_driver("chip");
	sysfs_driver("foreign");
	sysfs_device("c", "chip");
	ktap_eq(look(DEVICE_ANY, "core"), DEVICE_THERE, "a device of a holder's holder");
	sysfs_remove(sysfs_path("bus/b/drivers/chip/c"));
	sysfs_device("f", "foreign");
	ktap_eq(look(DEVICE_ANY, "core"), DEVICE_THERE, "of any holder");
	ktap_eq(look(DEVICE_ANY, "core middle"), DEVICE_ABSENT,
		"but not where the holder that is meant is named");
	/* A circle is not possible in a kernel; it must not hang all the same. */
	sysfs_holder("chip", "core");
	ktap_eq(look(DEVICE_ANY, "core middle"), DEVICE_ABSENT, "holders in a circle");
	forget_it();
}

static void test_a_module_that_goes(void)
{
	struct pvk_module builtin = { .name = "b", .flags = PV_DRIVER_MODULE_FLAG_BUILTIN };
	struct pvk_driver driver = { .modules = &builtin, .n_modules = 1 };
	struct device_wish wish;
	char text[32];

	given_an_empty_system();
	sysfs_module("a");
	sysfs_module("b");
	ktap_eq(look(DEVICE_ANY, "a b"), DEVICE_ABSENT, "while both are there");
	sysfs_remove(sysfs_path("module/b"));
	ktap_eq(look(DEVICE_ANY, "a b"), DEVICE_GONE, "when one has gone");
	ktap_eq(device_wish(&wish, DEVICE_ANY, &driver), 0, "a module that is built in");
	ktap_eq(devices_look(devices, &wish), DEVICE_ABSENT, "may have no directory");
	driver.n_modules = 0;
	ktap_eq(device_wish(&wish, DEVICE_ANY, &driver), -ENODATA, "no module, no device");
	wish = wish_for(DEVICE_ANY, "hci_uart btintel");
	device_wish_text(&wish, text, sizeof(text));
	ktap_str(text, "hci_uart, btintel", "several modules in words");
	device_wish_text(&wish, text, 12);
	ktap_str(text, "hci_uart, b", "cut to fit");
	forget_it();
}

/* ---- when to look again ---- */

/* Runs the loop for a while; gives how often a look was asked for meanwhile. */
static unsigned int run(int ms)
{
	const struct timeval tv = { .tv_usec = ms * 1000 };
	unsigned int before = changes;

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
	return changes - before;
}

static unsigned int after(const char *action, const char *subsystem)
{
	sysfs_uevent(kernel, action, subsystem);
	return run(2 * DEVICE_SCAN_MS);
}

static void test_uevents(void)
{
	struct pvk_err err;
	int i;

	given_an_empty_system();
	sysfs_uevent(kernel, "add", "net");
	ktap_eq(run(2 * DEVICE_SCAN_MS), 0, "nobody watches");
	devices_watch(devices, &err);
	devices_watch(devices, &err);
	run(2 * DEVICE_SCAN_MS);
	ktap_eq(after("add", "net"), 1, "a device comes");
	ktap_eq(after("bind", "pci"), 1, "it is bound to its driver");
	ktap_eq(after("move", "net"), 1, "it is renamed");
	ktap_eq(after("change", "block"), 1, "it changes");
	ktap_eq(after("remove", "module"), 1, "a module goes");
	ktap_eq(after("remove", "net"), 0, "a device that goes is none that comes");
	ktap_eq(after("offline", "cpu"), 0, "a processor that rests is no device that comes");
	ktap_eq(after("change", "pv_driver"), 0, "what pv_driver says of itself is known");
	send(kernel, "junk", 4, 0);
	send(kernel, "add@/x", 6, 0);
	send(kernel, "", 0, 0);
	ktap_eq(run(2 * DEVICE_SCAN_MS), 0, "no uevent, or half of one");
	for (i = 0; i < 100; i++)
		sysfs_uevent(kernel, "add", "usb");
	ktap_eq(run(2 * DEVICE_SCAN_MS), 1, "of a hundred in a row one look comes");
	devices_unwatch(devices);
	ktap_eq(after("add", "net"), 1, "one still watches");
	devices_unwatch(devices);
	ktap_eq(after("add", "net"), 0, "nobody watches any more");
	forget_it();
}

/* A storm takes no more than a look each 20 ms, and is not taken for silence. */
static void test_storm(void)
{
	int64_t end = pvk_now_ms() + 10 * DEVICE_SCAN_MS;
	struct pvk_err err;
	unsigned int n;

	given_an_empty_system();
	devices_watch(devices, &err);
	while (pvk_now_ms() < end) {
		sysfs_uevent(kernel, "add", "usb");
		run(1);
	}
	n = changes;
	ktap_check(n >= 5 && n <= 12, "%u looks in 200 ms of uevents", n);
	devices_unwatch(devices);
	forget_it();
}

int main(void)
{
	ktap_plan(33);
	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	base = event_base_new();
	test_bound_devices();
	test_interfaces();
	test_holders();
	test_a_module_that_goes();
	test_uevents();
	test_storm();
	event_base_free(base);
	return ktap_finish();
}
