// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "json.h"
#include "kmsg.h"
#include "log.h"
#include "modline.h"
#include "modload.h"
#include "priv.h"
#include "sandbox.h"
#include "template.h"
#include "worker.h"

#define ANSWER_SIZE(n)	(offsetof(struct worker_answer, warning) + \
			 (n) * sizeof(((struct worker_answer *)0)->warning[0]))

/* The BSP's, small; read for each line that mentions it. */
#define MODPARAM_FILE		"bsp/modparam.json"
#define MODPARAM_BYTES_MAX	JSON_MAX_BYTES

static void keep_warnings(struct worker_answer *answer, const struct pvk_list *list)
{
	size_t i;

	for (i = 0; i < list->count && i < WORKER_WARNINGS_MAX; i++)
		snprintf(answer->warning[i], sizeof(answer->warning[i]), "%s", list->item[i]);
	answer->n_warnings = (unsigned int)i;
	if (list->count + list->dropped > WORKER_WARNINGS_MAX)
		snprintf(answer->warning[i - 1], sizeof(answer->warning[0]),
			 "%zu more warnings",
			 list->count + list->dropped - (WORKER_WARNINGS_MAX - 1));
}

static void fail(struct worker_answer *answer, int error, const char *text)
{
	answer->error = error < 0 ? -error : error;
	snprintf(answer->text, sizeof(answer->text), "%s", text);
}

static struct pvk_meta *open_meta(const struct worker *worker, const char *name,
				  struct pvk_list *warnings)
{
	char path[PATH_MAX + 16];
	struct pvk_meta *meta = NULL;
	int ret;

	snprintf(path, sizeof(path), "%s/%s", worker->root, name);
	ret = pvk_meta_open(&meta, AT_FDCWD, path, PVK_META_READONLY);
	if (ret)
		pvk_list_warn(warnings, "%s: %s", path, strerror(-ret));
	return ret ? NULL : meta;
}

static struct pvk_modparam *open_modparam(const struct worker *worker,
					  struct pvk_list *warnings)
{
	pvk_auto_free char *text = NULL;
	char path[PATH_MAX + 32];
	struct pvk_modparam *modparam = NULL;
	struct pvk_err err;
	size_t len;
	int ret;

	snprintf(path, sizeof(path), "%s/%s", worker->root, MODPARAM_FILE);
	ret = pvk_read_file(AT_FDCWD, path, MODPARAM_BYTES_MAX, &text, &len);
	if (ret == -ENOENT)
		return NULL;
	if (ret) {
		pvk_list_warn(warnings, "%s: %s", path, strerror(-ret));
		return NULL;
	}
	ret = pvk_modparam_parse(text, len, &modparam, warnings, &err);
	if (ret)
		pvk_list_warn(warnings, "%s: %s", path, err.text);
	return ret ? NULL : modparam;
}

/* Opened for each task: the front may have made or replaced them meanwhile. */
static int resolve(struct worker *worker, const struct worker_task *task,
		   struct modload *load, struct pvk_modline *line,
		   struct pvk_list *warnings, struct pvk_err *err)
{
	const struct pvk_caller caller = {
		.host = task->host,
		.mgmt = task->mgmt,
		.name = task->host ? NULL : task->container,
	};
	struct pvk_policy policy = {
		.known = modload_knows_param,
		.arg = load,
		.unknown_in_line = PVK_UNKNOWN_DROP,
	};
	struct pvk_modparam *modparam = NULL;
	struct pvk_sources sources = { 0 };
	int ret;

	/* Only for a line with parameters: reading it takes longer than all else. */
	if (strchr(task->line, ' ') && !modload_is_builtin(load) && !modload_has_info(load)) {
		policy.known = NULL;
		policy.unknown_in_line = PVK_UNKNOWN_KEEP;
		pvk_list_warn(warnings, "its modinfo can't be read: parameters go unchecked, "
			      "and none out of a reference");
	}
	if (strstr(task->line, "${")) {
		sources.user_meta = open_meta(worker, "user-meta", warnings);
		sources.device_meta = open_meta(worker, "device-meta", warnings);
		if (strstr(task->line, "${modparam:"))
			modparam = open_modparam(worker, warnings);
		sources.modparam = modparam;
	}
	ret = pvk_modline_resolve(task->line, pvk_sources_lookup, &sources, &caller, &policy,
				  line, warnings, err);
	pvk_meta_close(sources.user_meta);
	pvk_meta_close(sources.device_meta);
	pvk_modparam_free(modparam);
	return ret;
}

static int do_load(struct worker *worker, const struct worker_task *task,
		   struct worker_answer *answer, struct pvk_list *warnings,
		   struct pvk_err *err)
{
	pvk_auto_modline struct pvk_modline line = { 0 };
	char name[PVK_MODULE_NAME_MAX + 1];
	struct modload *load;
	int ret;

	ret = pvk_modline_check(task->line, name, err);
	if (ret)
		return ret;
	ret = modload_find(&load, &worker->env, name, err);
	if (ret)
		return ret;
	answer->builtin = modload_is_builtin(load);
	ret = resolve(worker, task, load, &line, warnings, err);
	if (ret)
		goto out;
	if (task->op == PV_DRIVER_OP_RESOLVE)
		snprintf(answer->params, sizeof(answer->params), "%s", line.args);
	else
		ret = modload_insert(load, line.args, answer->params, sizeof(answer->params),
				     warnings, err);
out:
	modload_put(load);
	return ret;
}

void worker_do(struct worker *worker, const struct worker_task *task,
	       struct worker_answer *answer)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct pvk_err err = { .text = "" };
	int ret = 0;

	memset(answer, 0, ANSWER_SIZE(0));
	answer->id = task->id;
	/* A removal is by name and does not care whether the index is the newest. */
	if (task->op != PV_DRIVER_OP_UNLOAD || !worker->env.kmod[0])
		ret = modload_refresh(&worker->env, &warnings);
	if (ret)
		pvk_err_set(&err, ret, "kernel modules: %s", strerror(-ret));
	else if (task->op == PV_DRIVER_OP_LOAD || task->op == PV_DRIVER_OP_RESOLVE)
		ret = do_load(worker, task, answer, &warnings, &err);
	else if (task->op == PV_DRIVER_OP_UNLOAD)
		ret = modload_remove(&worker->env, task->line, &warnings, &err);
	else
		ret = pvk_err_set(&err, -EOPNOTSUPP, "unknown task %u", task->op);
	if (ret)
		fail(answer, ret, err.text);
	keep_warnings(answer, &warnings);
}

void worker_release(struct worker *worker)
{
	modload_release(&worker->env);
}

/* ---- the process ---- */

static void close_all_but(int keep)
{
	unsigned int first = STDERR_FILENO + 1;
	unsigned int k = (unsigned int)keep;

	if (k > first)
		syscall(SYS_close_range, first, k - 1, 0);
	syscall(SYS_close_range, k > first ? k + 1 : first, ~0U, 0);
}

static void default_signals(void)
{
	static const int sigs[] = { SIGTERM, SIGHUP, SIGCHLD, SIGINT };
	sigset_t none;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(sigs); i++)
		(void)signal(sigs[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int worker_loop(struct worker *worker, int fd)
{
	struct worker_answer answer;
	struct worker_task task;
	ssize_t n;

	/* The first task shall not wait for this; what fails here fails there too. */
	modload_refresh(&worker->env, NULL);
	for (;;) {
		n = recv(fd, &task, sizeof(task), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(task))
			return n ? 1 : 0;
		worker_do(worker, &task, &answer);
		if (send(fd, &answer, ANSWER_SIZE(answer.n_warnings), MSG_NOSIGNAL) < 0)
			return 1;
	}
}

pid_t worker_start(const struct worker *worker, int *fd)
{
	pid_t parent = getpid();
	struct worker own;
	int fds[2], err;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	pid = fork();
	if (!pid) {
		default_signals();
		prctl(PR_SET_NAME, "pvkitd-worker");
		if (priv_die_with(parent, SIGKILL))
			_exit(1);
		if (worker->sandbox && sandbox_enter(worker->sandbox, NULL))
			_exit(1);
		close_all_but(fds[1]);
		own = *worker;
		memset(own.env.kmod, 0, sizeof(own.env.kmod));
		/* Each reads from where it is itself. Without: plainer reasons. */
		own.env.kmsg = kmsg_open();
		_exit(worker_loop(&own, fds[1]));
	}
	err = -errno;
	close(fds[1]);
	if (pid < 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK)) {
		close(fds[0]);
		return pid < 0 ? err : -errno;
	}
	*fd = fds[0];
	return pid;
}

int worker_send_task(int fd, const struct worker_task *task)
{
	ssize_t n;

	do {
		n = send(fd, task, sizeof(*task), MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int worker_receive_answer(int fd, struct worker_answer *answer)
{
	ssize_t n;

	do {
		n = recv(fd, answer, sizeof(*answer), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : -EPIPE;
	if (n < (ssize_t)ANSWER_SIZE(0) || answer->n_warnings > WORKER_WARNINGS_MAX ||
	    n != (ssize_t)ANSWER_SIZE(answer->n_warnings))
		return -EPIPE;
	return 0;
}
