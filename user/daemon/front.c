// SPDX-License-Identifier: MIT
/*
 * The front: HTTP. It parses what containers send, so it has nothing that is
 * worth taking: a user of its own, no capability, and a netlink socket on which
 * the kernel answers who somebody is and does what that somebody may.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "device.h"
#include "driver.h"
#include "family.h"
#include "front_flags.h"
#include "front_union.h"
#include "http.h"
#include "log.h"
#include "priv.h"
#include "role.h"
#include "sandbox.h"

/* After kernel and sockets were lost: started again, with rights, by the parent. */
#define EXIT_AGAIN	1
/* For metadata that was accepted before the end; less than the supervisor waits. */
#define FINISH_MS	3000
/* How long to wait for a message of the kernel before looking for pv_driver anew. */
#define FAMILY_WAIT_MS	10000
/* Times that events are read in one go; what comes faster is read anew as a whole. */
#define NEWS_ROUNDS	16

struct front {
	struct role_env *env;
	struct event_base *base;
	struct pvk_drv *drv;
	/*
	 * Subscribed as the host, which the front can't be any more afterwards. A
	 * socket of its own: what it loses costs nobody an outcome.
	 */
	struct pvk_drv *news;
	struct front_flags flags;
	struct front_union ram;
	unsigned long n_news;
	bool tells_containers;
	struct http *http;
	struct sandbox sandbox;
	struct pvk_meta *user_meta;
	struct pvk_meta *device_meta;
	struct device_fds devices;	/* until http has them */
	struct event *drv_ev;
	struct event *news_ev;
	struct event *family_ev;
	struct event *control_ev;	/* NULL: there is none */
	struct event *sig_ev[2];
	int family_fd;
	int status;
};

/* ---- the kernel ---- */

static int k_whois(void *arg, int fd, int listener_fd, struct pvk_peer *peer,
		   struct pvk_err *err)
{
	struct front *front = arg;

	return pvk_drv_whois(front->drv, fd, listener_fd, peer, err);
}

static int k_drivers(void *arg, uint64_t id, struct pvk_drivers *list, struct pvk_err *err)
{
	struct front *front = arg;

	return pvk_drv_driver_list(front->drv, id, list, err);
}

static int k_driver(void *arg, const char *alias, uint64_t id, struct pvk_driver *driver,
		    struct pvk_err *err)
{
	struct front *front = arg;

	return pvk_drv_driver_get(front->drv, alias, id, driver, err);
}

static int k_status(void *arg, struct pvk_status *status, struct pvk_err *err)
{
	struct front *front = arg;

	return pvk_drv_status(front->drv, status, err);
}

static int k_submit(void *arg, uint32_t op, const struct pvk_request *request,
		    uint32_t *seq, struct pvk_err *err)
{
	struct front *front = arg;

	return op == PV_DRIVER_OP_LOAD ?
		pvk_drv_submit_load(front->drv, request, seq, err) :
		pvk_drv_submit_unload(front->drv, request, seq, err);
}

/*
 * The thread that metadata is written in has no more rights than all else here;
 * its system calls enter_sandbox() limits.
 */
static int k_confine(void *arg)
{
	struct front *front = arg;
	struct pvk_err err;
	int ret;

	ret = sandbox_enter_files(&front->sandbox, &err);
	if (ret)
		log_msg(LOG_ERR, "%s", err.text);
	return ret;
}

static int k_control(void *arg, struct control_task *task, struct pvk_err *err)
{
	struct front *front = arg;
	int ret;

	if (front->env->control_fd < 0)
		return pvk_err_set(err, -ENOTCONN, "pvkitd runs without pvkitd-control");
	ret = control_send(front->env->control_fd, task);
	return ret ? pvk_err_set(err, ret, "pvkitd-control: %s", strerror(-ret)) : 0;
}

static void on_control(evutil_socket_t fd, short what, void *arg)
{
	struct control_answer answer;
	struct front *front = arg;

	(void)what;
	if (!control_receive(fd, &answer))
		http_control_answer(front->http, &answer);
}

static void on_outcome(void *arg, const struct pvk_outcome *outcome)
{
	struct front *front = arg;

	http_outcome(front->http, outcome);
}

static void on_pending(void *arg)
{
	struct front *front = arg;

	if (front->drv_ev)
		event_active(front->drv_ev, EV_READ, 0);
}

static void leave(struct front *front, int status)
{
	front->status = status;
	event_base_loopbreak(front->base);
}

static void start_anew(void *arg)
{
	leave(arg, EXIT_AGAIN);
}

/* An outcome may be among what was lost: whoever waits for it would wait for ever. */
static void on_event(void *arg, const struct pvk_event *event)
{
	if (event->kind != PV_DRIVER_EVENT_KIND_OVERRUN)
		return;
	log_msg(LOG_ERR, "messages of the kernel were lost");
	leave(arg, EXIT_AGAIN);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct front *front = arg;
	struct pvk_err err;

	(void)fd;
	(void)what;
	if (pvk_drv_dispatch(front->drv, &err)) {
		log_msg(LOG_ERR, "pv_driver: %s", err.text);
		leave(front, EXIT_AGAIN);
	}
}

static void on_news(void *arg, const struct pvk_event *event)
{
	struct front *front = arg;

	front->n_news++;
	if (front->http)
		http_event(front->http, event);
}

static void on_news_pending(void *arg)
{
	struct front *front = arg;

	if (front->news_ev)
		event_active(front->news_ev, EV_READ, 0);
}

static int read_news(struct front *front)
{
	struct pvk_err err;
	int ret;

	ret = pvk_drv_dispatch(front->news, &err);
	if (ret) {
		log_msg(LOG_ERR, "pv_driver: %s", err.text);
		leave(front, EXIT_AGAIN);
	}
	return ret;
}

static int k_refresh(void *arg)
{
	struct front *front = arg;
	unsigned long before;
	unsigned int i;
	int ret;

	for (i = 0; i < NEWS_ROUNDS; i++) {
		before = front->n_news;
		ret = read_news(front);
		if (ret || before == front->n_news)
			return ret;
	}
	return -EAGAIN;
}

static void on_news_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_news(arg);
}

/* The right to register again went with the capability. */
static void on_family(evutil_socket_t fd, short what, void *arg)
{
	static const char *const names[] = { PV_DRIVER_GENL_NAME, PV_BOOTFLAG_GENL_NAME };
	unsigned int seen[PVK_ARRAY_SIZE(names)];
	struct front *front = arg;

	(void)what;
	family_watch_read_all(fd, names, seen, PVK_ARRAY_SIZE(names));
	if (seen[0]) {
		leave(front, EXIT_AGAIN);
		return;
	}
	front_flags_family(&front->flags, seen[1]);
}

static int subscribe(struct front *front, struct pvk_err *err)
{
	static const struct pvk_drv_ops ops = {
		.event = on_news, .pending = on_news_pending,
	};
	int ret;

	ret = pvk_drv_open(&front->news, &ops, front, err);
	if (ret)
		return ret;
	ret = pvk_drv_subscribe_containers(front->news, NULL, err);
	front->tells_containers = !ret;
	/* A module from before an update: it is asked who somebody is each time. */
	if (ret == -EINVAL)
		ret = pvk_drv_subscribe(front->news, NULL, NULL, err);
	return ret;
}

/* Waits for pv_driver to be there; meanwhile callers wait in the listeners' backlogs. */
static int register_front(struct front *front)
{
	static const struct pvk_drv_ops ops = {
		.outcome = on_outcome, .event = on_event, .pending = on_pending,
	};
	struct pollfd pfd = { .fd = front->family_fd, .events = POLLIN };
	bool said = false;
	struct pvk_err err;
	int ret;

	for (;;) {
		ret = pvk_drv_open(&front->drv, &ops, front, &err);
		if (ret != -ENOENT)
			break;
		if (!said)
			log_msg(LOG_WARNING, "pv_driver is not in the kernel; waiting for it");
		said = true;
		/* Each look may make the kernel run modprobe: not more often than needed. */
		if (poll(&pfd, 1, FAMILY_WAIT_MS) == 1)
			family_watch_read(front->family_fd, PV_DRIVER_GENL_NAME);
	}
	/* What made us look is not what on_family() is to hear of. */
	family_watch_read(front->family_fd, PV_DRIVER_GENL_NAME);
	if (!ret)
		ret = pvk_drv_front(front->drv, PVKITD_TEXT, &err);
	if (!ret)
		ret = subscribe(front, &err);
	if (ret)
		log_msg(LOG_ERR, "%s", err.text);
	return ret;
}

/* ---- metadata ---- */

/*
 * Gives a store and its keys to the front's user: they may have been restored,
 * or put there, by root. Files with a second link are left alone: they may be
 * somebody else's.
 */
static void own_store(int rootfd, const char *name, const struct config *config)
{
	struct pvk_meta *meta;
	struct pvk_keys keys;
	struct stat st;
	char path[300];
	size_t i;
	int fd;

	if (pvk_meta_open(&meta, rootfd, name, 0))
		return;
	if (fchownat(rootfd, name, config->uid, config->gid, AT_SYMLINK_NOFOLLOW))
		log_msg(LOG_WARNING, "%s: %s", name, strerror(errno));
	if (!pvk_meta_list(meta, &keys)) {
		for (i = 0; i < keys.count; i++) {
			snprintf(path, sizeof(path), "%s/%s", name, keys.key[i]);
			fd = openat(rootfd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
			if (fd < 0)
				continue;
			if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
			    st.st_uid != config->uid)
				(void)!fchownat(fd, "", config->uid, config->gid,
						AT_EMPTY_PATH);
			close(fd);
		}
		pvk_keys_free(&keys);
	}
	pvk_meta_close(meta);
}

static struct pvk_meta *open_store(int rootfd, const char *name, const struct config *config)
{
	struct pvk_meta *meta = NULL;
	struct stat st;
	int ret;

	if (!fstatat(rootfd, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISLNK(st.st_mode)) {
		log_msg(LOG_ERR, "%s/%s: a link, which is not followed; mount it instead",
			config->root, name);
		return NULL;
	}
	if (!geteuid())
		own_store(rootfd, name, config);
	ret = pvk_meta_open(&meta, rootfd, name, 0);
	if (ret)
		log_msg(LOG_ERR, "%s/%s: %s", config->root, name, strerror(-ret));
	return ret ? NULL : meta;
}

/* A device without a place to write still lists and loads drivers. */
static void open_stores(struct front *front)
{
	const struct config *config = front->env->config;
	pvk_auto_close int rootfd = -1;

	rootfd = open(config->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0) {
		log_msg(LOG_ERR, "%s: %s", config->root, strerror(errno));
		return;
	}
	front->user_meta = open_store(rootfd, "user-meta", config);
	front->device_meta = open_store(rootfd, "device-meta", config);
}

/* ---- the process ---- */

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	leave(arg, 0);
}

static int add_events(struct front *front)
{
	static const int sigs[] = { SIGTERM, SIGINT };
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(sigs); i++) {
		front->sig_ev[i] = evsignal_new(front->base, sigs[i], on_signal, front);
		if (!front->sig_ev[i] || event_add(front->sig_ev[i], NULL))
			return -ENOMEM;
	}
	if (role_watch(front->env, front->base))
		return -ENOMEM;
	front->drv_ev = event_new(front->base, pvk_drv_fd(front->drv), EV_READ | EV_PERSIST,
				  on_readable, front);
	front->news_ev = event_new(front->base, pvk_drv_fd(front->news), EV_READ | EV_PERSIST,
				   on_news_readable, front);
	front->family_ev = event_new(front->base, front->family_fd, EV_READ | EV_PERSIST,
				     on_family, front);
	if (!front->drv_ev || event_add(front->drv_ev, NULL) ||
	    !front->news_ev || event_add(front->news_ev, NULL) ||
	    !front->family_ev || event_add(front->family_ev, NULL))
		return -ENOMEM;
	if (front_union_watch(&front->ram, front->base, front->http))
		return -ENOMEM;
	if (front->env->control_fd >= 0) {
		front->control_ev = event_new(front->base, front->env->control_fd,
					      EV_READ | EV_PERSIST, on_control, front);
		if (!front->control_ev || event_add(front->control_ev, NULL))
			return -ENOMEM;
	}
	return front_flags_watch(&front->flags, front->base, front->http);
}

static int add_listeners(struct front *front)
{
	const struct config *config = front->env->config;
	unsigned int i;
	int ret;

	for (i = 0; i < config->n_sockets; i++) {
		ret = http_listen(front->http, front->env->listener[i]);
		if (ret)
			return ret;
	}
	return 0;
}

/* A front that can't see devices still loads their drivers. */
static void open_devices(struct front *front)
{
	struct pvk_err err;

	if (device_open(&front->devices, &err))
		log_msg(LOG_WARNING, "%s", err.text);
}

/* For good; what the sandbox is made of can be opened only before. */
static int give_up_rights(struct front *front, struct pvk_err *err)
{
	const struct config *config = front->env->config;
	int ret = 0;

	if (config->sandbox)
		ret = sandbox_prepare(&front->sandbox, SANDBOX_FRONT, config, err);
	if (!ret)
		ret = priv_drop_all(config->uid, config->gid, err);
	if (!ret && front->env->parent && priv_die_with(front->env->parent, SIGTERM))
		ret = pvk_err_set(err, -ESRCH, "the supervisor is gone");
	return ret;
}

/* The last step before the first request. */
static int enter_sandbox(struct front *front)
{
	struct pvk_err err;
	int ret;

	ret = sandbox_enter(&front->sandbox, &err);
	if (ret)
		log_msg(LOG_ERR, "%s", err.text);
	sandbox_free(&front->sandbox);
	return ret;
}

/* All that takes rights, and the end of them. */
static int take_what_takes_rights(struct front *front)
{
	struct pvk_err err;
	int ret;

	front->family_fd = family_watch_open();
	if (front->family_fd < 0)
		return front->family_fd;
	open_stores(front);
	ret = register_front(front);
	if (ret)
		return ret;
	front_flags_open(&front->flags);
	front_union_open(&front->ram, PVK_UNION_DIR);
	open_devices(front);
	ret = give_up_rights(front, &err);
	if (ret)
		log_msg(LOG_ERR, "%s", err.text);
	return ret;
}

static int begin_http(struct front *front)
{
	struct http_kernel kernel = {
		.whois = k_whois,
		.drivers = k_drivers,
		.driver = k_driver,
		.status = k_status,
		.submit = k_submit,
		.refresh = k_refresh,
		.confine = k_confine,
		.control = k_control,
		.timeout_ms = pvk_drv_default_timeout_ms(),
		.tells_containers = front->tells_containers,
		.arg = front,
	};

	front_flags_serve(&front->flags, &kernel);
	front_union_serve(&front->ram, &kernel);
	front->base = http_base_new();
	if (!front->base)
		return -ENOMEM;
	front->http = http_new(front->base, &kernel, front->user_meta, front->device_meta);
	if (!front->http)
		return -ENOMEM;
	if (front->devices.sysfs >= 0 && !http_watch_devices(front->http, &front->devices))
		front->devices = (struct device_fds){ -1, -1, -1 };
	return 0;
}

static int set_up(struct front *front)
{
	int ret;

	ret = take_what_takes_rights(front);
	if (!ret)
		ret = begin_http(front);
	if (!ret)
		ret = add_events(front);
	if (!ret)
		ret = add_listeners(front);
	return ret ? ret : enter_sandbox(front);
}

/* What was accepted is written. The kernel's news are nobody's any more. */
static void finish(struct front *front)
{
	unsigned int left;

	if (!http_waiting(front->http))
		return;
	event_del(front->drv_ev);
	event_del(front->news_ev);
	event_del(front->family_ev);
	left = http_finish(front->http, FINISH_MS);
	if (!left)
		return;
	log_msg(LOG_ERR, "%u requests for metadata are not done after %d s: a slow disk", left,
		FINISH_MS / 1000);
	_exit(front->status);
}

static void tear_down(struct front *front)
{
	size_t i;

	role_unwatch(front->env);
	if (front->http)
		http_free(front->http);
	for (i = 0; i < PVK_ARRAY_SIZE(front->sig_ev); i++)
		if (front->sig_ev[i])
			event_free(front->sig_ev[i]);
	if (front->drv_ev)
		event_free(front->drv_ev);
	if (front->news_ev)
		event_free(front->news_ev);
	if (front->family_ev)
		event_free(front->family_ev);
	if (front->control_ev)
		event_free(front->control_ev);
	if (front->family_fd >= 0)
		close(front->family_fd);
	device_close(&front->devices);
	pvk_drv_close(front->drv);
	pvk_drv_close(front->news);
	front_flags_close(&front->flags);
	front_union_close(&front->ram);
	pvk_meta_close(front->user_meta);
	pvk_meta_close(front->device_meta);
	sandbox_free(&front->sandbox);
	if (front->base)
		event_base_free(front->base);
}

int front_run(struct role_env *env)
{
	struct front front = {
		.env = env, .family_fd = -1, .devices = { -1, -1, -1 }, .sandbox.ruleset = -1,
		.flags = { .start_anew = start_anew, .arg = &front },
		.ram = FRONT_UNION_INIT,
	};
	int ret;

	/* Again after the change of user; this is for the wait before it. */
	if (env->parent && priv_die_with(env->parent, SIGTERM))
		return 0;
	ret = set_up(&front);
	if (ret) {
		log_msg(LOG_ERR, "front: %s", strerror(-ret));
		front.status = EXIT_AGAIN;
	} else {
		role_ready(env);
		if (event_base_dispatch(front.base) < 0)
			front.status = EXIT_AGAIN;
		finish(&front);
	}
	tear_down(&front);
	return front.status;
}
