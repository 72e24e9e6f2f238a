// SPDX-License-Identifier: MIT
/*
 * The loader: the kernel's agent. One thread that never waits for a module:
 * workers do that. It keeps nothing that it could lose: drivers are in
 * drivers.json and in the kernel, tasks in the kernel.
 */
#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "family.h"
#include "genl.h"
#include "limit.h"
#include "log.h"
#include "pool.h"
#include "priv.h"
#include "registry.h"
#include "role.h"
#include "sandbox.h"
#include "watch.h"

/* A result is tried this often when there is no memory for it. */
#define RESULT_TRIES	10
#define RESULT_PAUSE_US	20000

/* Failed loads and unloads in the log, a minute and alias. */
#define FAILURES_LOGGED	10

/* Aliases that were in use when the file changed are tried again this often. */
#define PENDING_S	5

/*
 * How long a loader that is to start again waits for its tasks: with it goes what
 * there was to say of them, though not their outcome, which the kernel sees. A
 * task that takes longer hangs in its module's init, and all others wait for the
 * files that are new.
 */
#define LEAVE_S		20

/* Where options of modules may be, beside those that came with the system. */
#define OPTION_DIRS	3

static const char *const option_parent[OPTION_DIRS] = { "/etc", "/run", "/usr/local/lib" };

struct loader {
	struct role_env *env;
	struct event_base *base;
	struct pool *pool;
	struct sandbox worker_sandbox;
	struct pvk_board board;
	struct watch *watch;
	bool no_options[OPTION_DIRS];
	struct watch *options[OPTION_DIRS];	/* for those that were not there */
	bool leaving;			/* ends as soon as no task is under way */
	struct pvk_drv *drv;		/* NULL while pv_driver is not in the kernel */
	struct event *drv_ev;
	struct event *retry_ev;
	struct event *leave_ev;
	struct event *family_ev;
	struct event *sig_ev[4];
	struct limit failures;
	int family_fd;
	int status;
};

/* ---- tasks ---- */

/* The supervisor starts the next one. */
static void leave(struct loader *loader)
{
	loader->status = 1;
	event_base_loopbreak(loader->base);
}

static int send_result(struct loader *loader, const struct worker_answer *answer)
{
	const char *warnings[WORKER_WARNINGS_MAX];
	struct pvk_result result = {
		.id = answer->id,
		.error = answer->error,
		.text = answer->text[0] ? answer->text : NULL,
		.params = answer->params,
		.warnings = warnings,
		.n_warnings = answer->n_warnings,
		.builtin = answer->builtin,
	};
	struct pvk_err err;
	unsigned int i;
	int ret;

	for (i = 0; i < answer->n_warnings; i++)
		warnings[i] = answer->warning[i];
	if (!loader->drv)
		return -ENOTCONN;
	for (i = 0; i < RESULT_TRIES; i++) {
		ret = pvk_drv_result(loader->drv, &result, &err);
		if (ret != -ENOMEM && ret != -ENOBUFS)
			break;
		usleep(RESULT_PAUSE_US);
	}
	/* The kernel waits for it, or for the end of this process. */
	if (i == RESULT_TRIES) {
		log_msg(LOG_ERR, "result of task %llu: %s", (unsigned long long)answer->id,
			err.text);
		leave(loader);
	} else if (ret)
		log_msg(LOG_DEBUG, "result of task %llu: %s", (unsigned long long)answer->id,
			err.text);
	return ret;
}

static int on_starting(void *arg, const struct worker_task *task, pid_t worker)
{
	struct loader *loader = arg;
	struct pvk_err err;
	int ret;

	ret = pvk_drv_exec_ack(loader->drv, task->id, worker, &err);
	if (ret)
		log_msg(LOG_DEBUG, "task %llu: %s", (unsigned long long)task->id, err.text);
	return ret;
}

static void log_failure(struct loader *loader, const struct worker_task *task, const char *text)
{
	unsigned int left_out;

	if (!limit_allows(&loader->failures, task->alias, pvk_now_ms(), &left_out))
		return;
	if (left_out)
		log_msg(LOG_INFO, "driver %s: %u more failures were not logged", task->alias,
			left_out);
	log_msg(LOG_INFO, "%s %s for %s: %s", pvk_op_name(task->op), task->line,
		task->host ? "the host" : task->container, text);
}

static void leave_if_idle(struct loader *loader)
{
	if (loader->leaving && !pool_busy(loader->pool))
		leave(loader);
}

static void on_leave(evutil_socket_t fd, short what, void *arg)
{
	struct loader *loader = arg;

	(void)fd;
	(void)what;
	log_msg(LOG_WARNING, "started again with %u tasks under way",
		pool_busy(loader->pool));
	leave(loader);
}

static void on_finished(void *arg, const struct worker_task *task,
			const struct worker_answer *answer)
{
	struct loader *loader = arg;

	if (answer->error)
		log_failure(loader, task, answer->text);
	send_result(loader, answer);
	leave_if_idle(loader);
}

/* A task that no worker takes is refused by us, not left to run into the time limit. */
static void refuse(struct loader *loader, const struct worker_task *task, int ret)
{
	struct worker_answer answer;

	memset(&answer, 0, sizeof(answer));
	answer.id = task->id;
	answer.error = -ret;
	strcpy(answer.text, ret == -EAGAIN ? "all workers of pvkitd are busy" :
		"pvkitd has no worker for it");
	if (!on_starting(loader, task, getpid()))
		send_result(loader, &answer);
}

static bool has_mgmt(struct loader *loader, uint64_t id)
{
	struct pvk_container container;
	bool mgmt;

	/* Gone meanwhile: then it has no right left that could be looked up. */
	if (pvk_drv_container_get(loader->drv, NULL, id, &container, NULL))
		return false;
	mgmt = container.roles & PV_DRIVER_ROLE_MGMT;
	pvk_container_free(&container);
	return mgmt;
}

static void on_exec(void *arg, const struct pvk_exec *exec)
{
	struct loader *loader = arg;
	struct worker_task task;
	int ret;

	memset(&task, 0, sizeof(task));
	task.id = exec->id;
	task.op = exec->op;
	strcpy(task.alias, exec->alias);
	strcpy(task.line, exec->line);
	strcpy(task.container, exec->container);
	task.host = !exec->container[0] && !exec->container_id;
	if (!task.host && strstr(task.line, "${"))
		task.mgmt = has_mgmt(loader, exec->container_id);
	log_msg(LOG_DEBUG, "task %llu for %s: %s %s", (unsigned long long)task.id,
		task.host ? "the host" : task.container, pvk_op_name(task.op), task.line);
	ret = pool_submit(loader->pool, &task);
	if (ret)
		refuse(loader, &task, ret);
}

/* ---- the kernel ---- */

static void disconnect(struct loader *loader)
{
	if (loader->drv_ev)
		event_free(loader->drv_ev);
	loader->drv_ev = NULL;
	pvk_drv_close(loader->drv);
	loader->drv = NULL;
}

static void on_pending(void *arg)
{
	struct loader *loader = arg;

	if (loader->drv_ev)
		event_active(loader->drv_ev, EV_READ, 0);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct loader *loader = arg;
	struct pvk_err err;

	(void)fd;
	(void)what;
	if (pvk_drv_dispatch(loader->drv, &err)) {
		log_msg(LOG_ERR, "pv_driver: %s", err.text);
		leave(loader);
	}
}

static void sync_drivers(struct loader *loader)
{
	const struct timeval wait = { .tv_sec = PENDING_S };
	unsigned int pending;
	struct pvk_err err;

	if (!loader->drv)
		return;
	if (registry_sync(loader->drv, loader->env->config, &loader->board, &pending, &err))
		log_msg(LOG_ERR, "%s; the drivers stay as they are", err.text);
	else if (pending)
		event_add(loader->retry_ev, &wait);
}

/*
 * What has come to be since this process went into its sandbox, the next one
 * sees. A task that comes before that is done as well as this one can.
 */
static void see_anew(struct loader *loader)
{
	const struct timeval most = { .tv_sec = LEAVE_S };

	if (loader->leaving || !loader->env->config->sandbox ||
	    !sandbox_is_stale(loader->env->config))
		return;
	log_msg(LOG_INFO, "starts again for files that came after the sandbox");
	loader->leaving = true;
	event_add(loader->leave_ev, &most);
	leave_if_idle(loader);
}

/* Whoever stays for its tasks goes by what it can read until then. */
static bool must_sync(struct loader *loader)
{
	see_anew(loader);
	return !loader->leaving || pool_busy(loader->pool);
}

static void on_change(void *arg)
{
	log_msg(LOG_INFO, REGISTRY_DIR "/ has changed");
	if (must_sync(arg))
		sync_drivers(arg);
}

static void on_options(void *arg)
{
	see_anew(arg);
}

static int connect_kernel(struct loader *loader, struct pvk_err *err)
{
	static const struct pvk_drv_ops ops = { .exec = on_exec, .pending = on_pending };
	int ret;

	ret = pvk_drv_open(&loader->drv, &ops, loader, err);
	if (ret)
		return ret;
	/* The open may have brought pv_driver in; on_family() need not hear of it. */
	family_watch_read(loader->family_fd, PV_DRIVER_GENL_NAME);
	loader->drv_ev = event_new(loader->base, pvk_drv_fd(loader->drv),
				   EV_READ | EV_PERSIST, on_readable, loader);
	if (!loader->drv_ev || event_add(loader->drv_ev, NULL)) {
		disconnect(loader);
		return pvk_err_set(err, -ENOMEM, "out of memory");
	}
	/* First of all: what is asked from now on is ours to do, not modprobe's. */
	ret = pvk_drv_agent(loader->drv, PVKITD_TEXT, err);
	if (ret) {
		disconnect(loader);
		return ret;
	}
	sync_drivers(loader);
	role_ready(loader->env);
	return 0;
}

/* -ENOENT is a state, not a failure: the module may come any time. */
static int try_connect(struct loader *loader)
{
	struct pvk_err err;
	int ret;

	ret = connect_kernel(loader, &err);
	if (ret == -ENOENT)
		log_msg(LOG_WARNING, "pv_driver is not in the kernel; waiting for it");
	else if (ret)
		log_msg(LOG_ERR, "%s", err.text);
	return ret == -ENOENT ? 0 : ret;
}

static void on_family(evutil_socket_t fd, short what, void *arg)
{
	struct loader *loader = arg;

	(void)what;
	if (!family_watch_read(fd, PV_DRIVER_GENL_NAME))
		return;
	disconnect(loader);
	if (try_connect(loader))
		leave(loader);
}

/* ---- the process ---- */

static void reload(struct loader *loader)
{
	if (must_sync(loader))
		sync_drivers(loader);
	role_reloaded(loader->env);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct loader *loader = arg;

	(void)what;
	if (sig == SIGCHLD)
		pool_reap(loader->pool);
	else if (sig == SIGHUP)
		reload(loader);
	else
		event_base_loopbreak(loader->base);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	sync_drivers(arg);
}

static int add_events(struct loader *loader)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(sigs); i++) {
		loader->sig_ev[i] = evsignal_new(loader->base, sigs[i], on_signal, loader);
		if (!loader->sig_ev[i] || event_add(loader->sig_ev[i], NULL))
			return -ENOMEM;
	}
	if (role_watch(loader->env, loader->base))
		return -ENOMEM;
	loader->retry_ev = evtimer_new(loader->base, on_retry, loader);
	loader->leave_ev = evtimer_new(loader->base, on_leave, loader);
	loader->family_fd = family_watch_open();
	if (loader->family_fd < 0)
		return loader->family_fd;
	loader->family_ev = event_new(loader->base, loader->family_fd, EV_READ | EV_PERSIST,
				      on_family, loader);
	if (!loader->retry_ev || !loader->leave_ev || !loader->family_ev ||
	    event_add(loader->family_ev, NULL))
		return -ENOMEM;
	return 0;
}

/* Makes the workers' as well: they are forked inside, and only take it on. */
static int enter_sandbox(struct loader *loader, struct pvk_err *err)
{
	const struct config *config = loader->env->config;
	struct sandbox own;
	int ret;

	ret = sandbox_prepare(&loader->worker_sandbox, SANDBOX_WORKER, config, err);
	if (!ret)
		ret = sandbox_prepare(&own, SANDBOX_LOADER, config, err);
	if (ret)
		return ret;
	ret = sandbox_enter(&own, err);
	sandbox_free(&own);
	return ret;
}

static void options_path(size_t i, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/modprobe.d", option_parent[i]);
}

/* Before the sandbox is made: what comes to be from then on is closed to us. */
static void look_for_options(struct loader *loader)
{
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < OPTION_DIRS; i++) {
		options_path(i, path);
		loader->no_options[i] = access(path, F_OK);
	}
}

static void on_options_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	on_options(arg);
}

/* Where modprobe.d may come to be: it is read anyway, once it can be. */
static void watch_options(struct loader *loader)
{
	const struct timeval now = { 0 };
	char path[PATH_MAX];
	bool late = false;
	size_t i;

	for (i = 0; i < OPTION_DIRS && loader->env->config->sandbox; i++) {
		if (!loader->no_options[i])
			continue;
		watch_new(&loader->options[i], loader->base, option_parent[i], "modprobe.d",
			  on_options, loader);
		options_path(i, path);
		late |= !access(path, F_OK);
	}
	/* It came while nobody watched. */
	if (late)
		event_base_once(loader->base, -1, EV_TIMEOUT, on_options_late, loader, &now);
}

static int set_up(struct loader *loader)
{
	static const struct pool_ops ops = { .starting = on_starting, .finished = on_finished };
	const struct config *config = loader->env->config;
	struct worker model = {
		.root = config->root,
		.env.kmsg = -1,
		.sandbox = config->sandbox ? &loader->worker_sandbox : NULL,
	};
	struct pvk_err err;
	int ret;

	for (; model.env.n_dirs < config->n_modules; model.env.n_dirs++)
		model.env.dir[model.env.n_dirs] = config->modules[model.env.n_dirs];
	/* A device tree may be staged anywhere. */
	registry_look_at_board(&loader->board, config);
	look_for_options(loader);
	ret = priv_keep(PRIV_LOADER, &err);
	if (!ret && config->sandbox)
		ret = enter_sandbox(loader, &err);
	if (ret) {
		log_msg(LOG_ERR, "%s", err.text);
		return ret;
	}
	loader->base = event_base_new();
	ret = loader->base ? add_events(loader) : -ENOMEM;
	if (!ret) {
		loader->pool = pool_new(loader->base, &model, &ops, loader);
		ret = loader->pool ? 0 : -ENOMEM;
	}
	if (ret) {
		log_msg(LOG_ERR, "%s", strerror(-ret));
		return ret;
	}
	/* Without it there is still SIGHUP. */
	ret = watch_new(&loader->watch, loader->base, config->root, REGISTRY_DIR, on_change,
			loader);
	if (ret)
		log_msg(LOG_WARNING, "inotify: %s", strerror(-ret));
	watch_options(loader);
	return try_connect(loader);
}

static void tear_down(struct loader *loader)
{
	size_t i;

	role_unwatch(loader->env);
	disconnect(loader);
	watch_free(loader->watch);
	for (i = 0; i < OPTION_DIRS; i++)
		watch_free(loader->options[i]);
	pvk_board_free(&loader->board);
	if (loader->pool)
		pool_free(loader->pool);
	for (i = 0; i < PVK_ARRAY_SIZE(loader->sig_ev); i++)
		if (loader->sig_ev[i])
			event_free(loader->sig_ev[i]);
	if (loader->retry_ev)
		event_free(loader->retry_ev);
	if (loader->leave_ev)
		event_free(loader->leave_ev);
	if (loader->family_ev)
		event_free(loader->family_ev);
	if (loader->family_fd >= 0)
		close(loader->family_fd);
	sandbox_free(&loader->worker_sandbox);
	if (loader->base)
		event_base_free(loader->base);
}

int loader_run(struct role_env *env)
{
	struct loader loader = {
		.env = env,
		.family_fd = -1,
		.worker_sandbox.ruleset = -1,
		.failures.most = FAILURES_LOGGED,
	};

	if (env->parent && priv_die_with(env->parent, SIGTERM))
		return 0;
	if (set_up(&loader))
		loader.status = 1;
	else if (event_base_dispatch(loader.base) < 0)
		loader.status = 1;
	tear_down(&loader);
	return loader.status;
}
