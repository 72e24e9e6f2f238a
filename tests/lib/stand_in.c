// SPDX-License-Identifier: MIT
/*
 * stand_in DIRECTORY: the front over a kernel that is made up, for tests in other
 * languages. Says "ready" when it serves, ends with SIGTERM, or when standard input does.
 *
 * Each socket in the directory is somebody: whoever connects to it is that one, and
 * has a server of his own. What becomes of a driver is written in a table by its name.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "front_union.h"
#include "http.h"
#include "listen.h"

static const struct fate {
	const char *alias;
	uint32_t state;
	int refusal;		/* errno of a load or unload; 0: taken */
	int error;		/* of its outcome */
	const char *text;
} fates[] = {
	{ "good", PV_DRIVER_STATE_LOADED, 0, 0, "" },
	{ "vanishing", PV_DRIVER_STATE_LOADED, 0, 0, "" },
	{ "failed", PV_DRIVER_STATE_FAILED, 0, ENOKEY, "btusb: Required key not available" },
	{ "late", PV_DRIVER_STATE_LOADING, 0, ETIMEDOUT, "not done within the time limit" },
	{ "required", PV_DRIVER_STATE_UNLOADING, EBUSY, 0, "ends with the container" },
	{ "gone", PV_DRIVER_STATE_UNKNOWN, ENOENT, 0, "no such driver" },
	{ "full", PV_DRIVER_STATE_UNLOADED, ENOTCONN, 0, "not registered as a front" },
};

static const struct flag_fate {
	const char *name;
	uint32_t state;
	int refusal;		/* errno of a set; 0: taken */
	int error;		/* of its outcome */
	const char *text;
} flag_fates[] = {
	{ "good", PV_BOOTFLAG_STATE_READY, 0, 0, "" },
	{ "foreign", PV_BOOTFLAG_STATE_FOREIGN, 0, EMEDIUMTYPE, "only force writes" },
	{ "limited", PV_BOOTFLAG_STATE_READY, 0, EBUSY, "rate limit of 60 in 3600 s" },
	{ "absent", PV_BOOTFLAG_STATE_ABSENT, ENODEV, 0, "the medium is not there" },
	{ "late", PV_BOOTFLAG_STATE_READY, 0, ETIMEDOUT, "not in time" },
	{ "small", PV_BOOTFLAG_STATE_READY, 0, ENOSPC, "it does not fit" },
	{ "bare", PV_BOOTFLAG_STATE_READY, EOPNOTSUPP, 0, "mode: the format lacks it" },
	{ "failed", PV_BOOTFLAG_STATE_FAILED, 0, EIO, "cannot erase block 3" },
};

/* Whose sockets there are. */
static struct server {
	const char *name;
	struct pvk_peer peer;
	const char *only;	/* its one driver, a manual one; NULL: all of the table */
	bool broken;		/* neither kernel nor metadata */
	bool no_flags;		/* pv_bootflag is not there, nor a union */
	struct front_union ram;
	struct http *http;
} servers[] = {
	{ .name = "host", .peer = { .kind = PV_DRIVER_PEER_HOST } },
	{ .name = "mgmt", .peer = { .kind = PV_DRIVER_PEER_CONTAINER, .container = "app", .id = 1,
				    .roles = PV_DRIVER_ROLE_MGMT } },
	{ .name = "plain", .peer = { .kind = PV_DRIVER_PEER_CONTAINER, .container = "web",
				     .id = 2 }, .only = "good" },
	{ .name = "stranger", .peer = { .kind = PV_DRIVER_PEER_UNKNOWN } },
	{ .name = "broken", .peer = { .kind = PV_DRIVER_PEER_CONTAINER, .container = "app",
				      .id = 3, .roles = PV_DRIVER_ROLE_MGMT }, .broken = true },
	{ .name = "none", .peer = { .kind = PV_DRIVER_PEER_CONTAINER, .container = "none",
				    .id = 4 }, .only = "" },
	{ .name = "failed", .peer = { .kind = PV_DRIVER_PEER_CONTAINER, .container = "f",
				      .id = 5 }, .only = "failed" },
	{ .name = "late", .peer = { .kind = PV_DRIVER_PEER_CONTAINER, .container = "l",
				    .id = 6 }, .only = "late" },
	{ .name = "required", .peer = { .kind = PV_DRIVER_PEER_CONTAINER, .container = "r",
					.id = 7 }, .only = "required" },
	{ .name = "gone", .peer = { .kind = PV_DRIVER_PEER_CONTAINER, .container = "g",
				    .id = 8 }, .only = "gone" },
	{ .name = "full", .peer = { .kind = PV_DRIVER_PEER_CONTAINER, .container = "u",
				    .id = 9 }, .only = "full" },
	{ .name = "flagless", .peer = { .kind = PV_DRIVER_PEER_HOST }, .no_flags = true },
	{ .name = "vanishing", .peer = { .kind = PV_DRIVER_PEER_CONTAINER, .container = "v",
					 .id = 10 }, .only = "vanishing" },
};

static struct event_base *base;
static uint32_t generation = 41;

static bool names(const struct server *server, const char *alias)
{
	return !server->only || !strcmp(server->only, alias);
}

static const struct fate *fate_of(const char *alias)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(fates); i++)
		if (!strcmp(fates[i].alias, alias))
			return &fates[i];
	return NULL;
}

static char **one_text(const char *text)
{
	char **item = calloc(1, sizeof(*item));

	*item = strdup(text);
	return item;
}

static void fill(struct pvk_driver *driver, const struct fate *fate, bool host)
{
	*driver = (struct pvk_driver){ .state = fate->state, .type = -1, .generation = generation };
	strcpy(driver->alias, fate->alias);
	driver->since_ns = 1234567890;
	if (!host) {
		driver->type = PV_DRIVER_TYPE_MANUAL;
		return;
	}
	driver->has_stats = true;
	driver->stats = (struct pvk_stats){ 3, 2, 1, 1234567, 89 };
	driver->lines = (struct pvk_texts){ one_text("mod ${user-meta:drivers.mod}"), 1 };
	driver->users = (struct pvk_texts){ one_text("app"), 1 };
	driver->modules = calloc(1, sizeof(*driver->modules));
	driver->n_modules = 1;
	strcpy(driver->modules[0].name, fate->alias);
	driver->modules[0].flags = PV_DRIVER_MODULE_FLAG_LIVE | PV_DRIVER_MODULE_FLAG_OURS;
	driver->modules[0].params = strdup("power_save=1");
	driver->modules[0].since_ns = 1234567891;
	driver->error = fate->error;
	driver->error_since_ns = 1234567892;
	strcpy(driver->text, fate->text);
	if (fate->error)
		driver->warnings = (struct pvk_texts){ one_text("user-meta:x is not set"), 1 };
}

/* ---- the kernel ---- */

static int k_whois(void *arg, int fd, int listener_fd, struct pvk_peer *peer,
		   struct pvk_err *err)
{
	struct server *server = arg;

	(void)fd;
	(void)listener_fd;
	(void)err;
	*peer = server->peer;
	return 0;
}

static int k_drivers(void *arg, uint64_t id, struct pvk_drivers *list, struct pvk_err *err)
{
	struct server *server = arg;
	size_t i;

	*list = (struct pvk_drivers){ .generation = generation };
	if (server->broken)
		return pvk_err_set(err, -EIO, "the kernel's answer makes no sense");
	list->item = calloc(PVK_ARRAY_SIZE(fates), sizeof(*list->item));
	for (i = 0; i < PVK_ARRAY_SIZE(fates); i++)
		if (id ? names(server, fates[i].alias) :
		    fates[i].state != PV_DRIVER_STATE_UNKNOWN)
			fill(&list->item[list->count++], &fates[i], !id);
	return 0;
}

static int k_driver(void *arg, const char *alias, uint64_t id, struct pvk_driver *driver,
		    struct pvk_err *err)
{
	const struct fate *fate = fate_of(alias);
	struct server *server = arg;

	*driver = (struct pvk_driver){ 0 };
	if (server->broken)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	if (id && (!fate || !names(server, alias)))
		return pvk_err_set(err, -EPERM, "not named by this container");
	if (!fate || (!id && fate->state == PV_DRIVER_STATE_UNKNOWN))
		return pvk_err_set(err, -ENOENT, "no such driver");
	fill(driver, fate, !id);
	return 0;
}

static int k_status(void *arg, struct pvk_status *status, struct pvk_err *err)
{
	struct server *server = arg;

	if (server->broken)
		return pvk_err_set(err, -EIO, "the kernel's answer makes no sense");
	/* As the kernel has it for a front that has given its rights up. */
	if (server->peer.kind != PV_DRIVER_PEER_HOST)
		return pvk_err_set(err, -EPERM, "for the host only");
	*status = (struct pvk_status){ .agent_portid = 1, .drivers = 5, .containers = 9,
				       .requests = 2 };
	return 0;
}

static int k_refresh(void *arg)
{
	(void)arg;
	return 0;
}

/* ---- boot flags ---- */

static uint32_t flag_generation = 7;
static struct pvb_flags good_flags;

static void fill_store(struct pvk_store *store, const struct flag_fate *fate)
{
	*store = (struct pvk_store){
		.state = fate->state, .generation = flag_generation, .offers = PVB_ALL_FIELDS,
		.guarantee = PV_BOOTFLAG_GUARANTEE_POWER | PV_BOOTFLAG_GUARANTEE_ATOMIC,
		.medium = "mtd", .format = "log", .spec = "medium=mtd device=misc format=log",
		.n_modes = 1, .has_stats = true, .stats = { .sets = 3 },
	};
	strcpy(store->name, fate->name);
	/* Whoever reboots into a mode of that name sees what becomes of it. */
	strcpy(store->mode[0], fate->name);
	if (!strcmp(fate->name, "good")) {
		store->n_modes = 2;
		strcpy(store->mode[0], "ota");
		strcpy(store->mode[1], "recovery");
		store->flags = good_flags;
		pvk_flags_set_number(&store->boot, PVB_SLOT, 1, NULL);
	}
	if (fate->error || fate->refusal) {
		store->error = fate->error ? fate->error : fate->refusal;
		strcpy(store->text, fate->text);
	}
	if (fate->state == PV_BOOTFLAG_STATE_ABSENT)
		store->offers = 0;
}

static const struct flag_fate *flag_fate_of(const char *name)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(flag_fates); i++)
		if (!strcmp(flag_fates[i].name, name))
			return &flag_fates[i];
	return NULL;
}

static int k_stores(void *arg, struct pvk_stores *list, struct pvk_err *err)
{
	struct server *server = arg;
	size_t i;

	*list = (struct pvk_stores){ 0 };
	if (server->broken)
		return pvk_err_set(err, -EIO, "the kernel's answer makes no sense");
	if (server->no_flags)
		return pvk_err_set(err, -ENOTCONN, "pv_bootflag is not in the kernel");
	list->item = calloc(PVK_ARRAY_SIZE(flag_fates), sizeof(*list->item));
	for (i = 0; i < PVK_ARRAY_SIZE(flag_fates); i++)
		fill_store(&list->item[list->count++], &flag_fates[i]);
	return 0;
}

static int k_store(void *arg, const char *name, struct pvk_store *store, struct pvk_err *err)
{
	const struct flag_fate *fate = flag_fate_of(name);
	struct server *server = arg;

	if (server->broken)
		return pvk_err_set(err, -EIO, "the kernel's answer makes no sense");
	if (server->no_flags)
		return pvk_err_set(err, -ENOTCONN, "pv_bootflag is not in the kernel");
	if (!fate)
		return pvk_err_set(err, -ENOENT, "no such store");
	fill_store(store, fate);
	return 0;
}

struct flag_promise {
	struct server *server;
	struct pvk_bf_outcome outcome;
};

static void keep_flag_promise(evutil_socket_t fd, short what, void *arg)
{
	struct flag_promise *promise = arg;

	(void)fd;
	(void)what;
	http_flag_outcome(promise->server->http, &promise->outcome);
	free(promise);
}

static int k_set(void *arg, const char *name, const struct pvk_change *change, uint32_t *seq,
		 struct pvk_err *err)
{
	const struct flag_fate *fate = flag_fate_of(name);
	struct timeval soon = { .tv_usec = 1000 };
	struct flag_promise *promise;
	struct pvk_store store;
	static uint32_t last_seq;
	int ret = k_store(arg, name, &store, err);

	if (ret)
		return ret;
	if (change->has_generation && change->generation != flag_generation)
		return pvk_err_set(err, -EAGAIN, "the store has changed meanwhile");
	if (fate->refusal)
		return pvk_err_set(err, -fate->refusal, "%s", fate->text);
	if (!strcmp(name, "good")) {
		pvk_change_apply(change, &good_flags);
		flag_generation++;
	}
	promise = calloc(1, sizeof(*promise));
	promise->server = arg;
	promise->outcome.seq = ++last_seq;
	promise->outcome.error = fate->error;
	strcpy(promise->outcome.text, fate->text);
	*seq = last_seq;
	event_base_once(base, -1, EV_TIMEOUT, keep_flag_promise, promise, &soon);
	return 0;
}

/* ---- control ---- */

struct control_promise {
	struct server *server;
	struct control_answer answer;
};

static void keep_control_promise(evutil_socket_t fd, short what, void *arg)
{
	struct control_promise *promise = arg;

	(void)fd;
	(void)what;
	http_control_answer(promise->server->http, &promise->answer);
	free(promise);
}

/* What becomes of a task; 0: it is done. */
static int control_fate(const struct control_task *task)
{
	if (task->verb == CONTROL_REBOOT)
		return !strcmp(task->mode, "twice") ? EALREADY : 0;
	return !strcmp(task->led, "nowhere") ? ENOENT : 0;
}

static int k_control(void *arg, struct control_task *task, struct pvk_err *err)
{
	const struct timeval soon = { .tv_usec = 1000 };
	struct control_promise *promise;
	struct server *server = arg;

	if (server->broken)
		return pvk_err_set(err, -EIO, "Input/output error");
	if (server->no_flags)
		return pvk_err_set(err, -ENOTCONN, "pvkitd runs without pvkitd-control");
	/* One that never answers. */
	if (!strcmp(task->mode, "late") || !strcmp(task->led, "late"))
		return 0;
	promise = calloc(1, sizeof(*promise));
	*promise = (struct control_promise){
		.server = arg,
		.answer = {
			.seq = task->seq, .error = control_fate(task), .seconds = task->seconds,
			.way = "systemd", .led = "green:status",
		},
	};
	event_base_once(base, -1, EV_TIMEOUT, keep_control_promise, promise, &soon);
	return 0;
}

/* ---- drivers ---- */

struct promise {
	struct server *server;
	const struct fate *fate;
	uint32_t seq;
};

static void tell_all(const struct fate *fate)
{
	struct pvk_event event = { .kind = PV_DRIVER_EVENT_KIND_STATE, .state = fate->state };
	size_t i;

	strcpy(event.alias, fate->alias);
	event.generation = ++generation;
	for (i = 0; i < PVK_ARRAY_SIZE(servers); i++)
		http_event(servers[i].http, &event);
}

static void keep_promise(evutil_socket_t fd, short what, void *arg)
{
	struct promise *promise = arg;
	struct pvk_outcome outcome = { .seq = promise->seq, .error = promise->fate->error };

	(void)fd;
	(void)what;
	strcpy(outcome.text, promise->fate->text);
	tell_all(promise->fate);
	http_outcome(promise->server->http, &outcome);
	free(promise);
}

static int k_submit(void *arg, uint32_t op, const struct pvk_request *request,
		    uint32_t *seq, struct pvk_err *err)
{
	const struct fate *fate = fate_of(request->alias);
	struct timeval soon = { .tv_usec = 1000 };
	struct server *server = arg;
	struct promise *promise;
	static uint32_t last_seq;

	(void)op;
	if (server->broken)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	if (request->container_id && (!fate || !names(server, request->alias)))
		return pvk_err_set(err, -EPERM, "not named by this container");
	if (!fate)
		return pvk_err_set(err, -ENOENT, "no such driver");
	if (fate->refusal)
		return pvk_err_set(err, -fate->refusal, "%s", fate->text);
	promise = calloc(1, sizeof(*promise));
	*promise = (struct promise){ .server = server, .fate = fate, .seq = ++last_seq };
	*seq = promise->seq;
	event_base_once(base, -1, EV_TIMEOUT, keep_promise, promise, &soon);
	return 0;
}

/* ---- the disk ---- */

/* In the place of libc's: nothing gets to the disk while there is a file `stalled`. */
int fsync(int fd)
{
	while (!access("stalled", F_OK))
		usleep(10000);
	return (int)syscall(SYS_fsync, fd);
}

/* ---- the RAM over the root: as the front has it, of files in the directory ---- */

static int k_no_union(void *arg, struct pvk_union_state *state, struct pvk_err *err)
{
	(void)arg;
	(void)state;
	return pvk_err_set(err, -EIO, "the level of the union: %s", strerror(EIO));
}

static int watch_union(struct server *server)
{
	return front_union_watch(&server->ram, base, server->http);
}

/* ---- the servers ---- */

static int start(struct server *server, const char *dir, struct pvk_meta *user_meta,
		 struct pvk_meta *device_meta)
{
	struct http_kernel kernel = {
		.whois = k_whois, .drivers = k_drivers, .driver = k_driver, .status = k_status,
		.submit = k_submit, .refresh = k_refresh, .stores = k_stores, .store = k_store,
		.set = k_set, .flags_arg = server, .control = k_control, .arg = server,
	};
	struct device_fds fds = { .inet = -1 };
	struct pvk_err err;
	char path[108];
	int pair[2], fd;

	snprintf(path, sizeof(path), "%s/%s", dir, server->name);
	fd = listen_at(path, &err);
	if (fd < 0) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	server->ram = (struct front_union)FRONT_UNION_INIT;
	if (!server->no_flags)
		front_union_open(&server->ram, "union");
	front_union_serve(&server->ram, &kernel);
	if (server->broken)
		kernel.union_state = k_no_union;
	server->http = http_new(base, &kernel, server->broken ? NULL : user_meta,
				server->broken ? NULL : device_meta);
	/* A system with one module and no device, of which nothing is ever heard. */
	snprintf(path, sizeof(path), "%s/sys", dir);
	fds.sysfs = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fds.sysfs < 0 || socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
		return -1;
	fds.uevent = pair[0];
	close(pair[1]);
	return http_watch_devices(server->http, &fds) || watch_union(server) ||
	       http_listen(server->http, fd);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_base_loopbreak(base);
}

int main(int argc, char **argv)
{
	struct pvk_meta *user_meta, *device_meta;
	struct event *term, *input;
	size_t i;

	if (argc != 2 || chdir(argv[1])) {
		fprintf(stderr, "usage: stand_in DIRECTORY\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	base = event_base_new();
	if (pvk_meta_open(&user_meta, AT_FDCWD, "user-meta", 0) ||
	    pvk_meta_open(&device_meta, AT_FDCWD, "device-meta", 0))
		return 1;
	for (i = 0; i < PVK_ARRAY_SIZE(servers); i++)
		if (start(&servers[i], argv[1], user_meta, device_meta))
			return 1;
	term = evsignal_new(base, SIGTERM, on_end, NULL);
	input = event_new(base, 0, EV_READ, on_end, NULL);
	event_add(term, NULL);
	event_add(input, NULL);
	puts("ready");
	fflush(stdout);
	event_base_dispatch(base);

	event_free(term);
	event_free(input);
	for (i = 0; i < PVK_ARRAY_SIZE(servers); i++) {
		http_free(servers[i].http);
		front_union_close(&servers[i].ram);
	}
	pvk_meta_close(user_meta);
	pvk_meta_close(device_meta);
	event_base_free(base);
	return 0;
}
