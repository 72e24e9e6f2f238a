// SPDX-License-Identifier: MIT
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "control.h"
#include "control_led.h"
#include "control_reboot.h"
#include "log.h"
#include "priv.h"
#include "role.h"
#include "sandbox.h"

struct control {
	struct role_env *env;
	struct event_base *base;
	struct leds *leds;
	struct reboot_ops ops;
	struct event *task_ev;
	struct event *sig_ev[3];
	pid_t rebooter;		/* 0: nobody has asked */
	pid_t forcer;		/* of who did not want to wait for that */
};

static int do_reboot(struct control *control, const struct control_task *task,
		     struct control_answer *answer, struct pvk_err *err)
{
	pid_t *who = task->force ? &control->forcer : &control->rebooter;
	const char *way;
	pid_t pid;
	int ret;

	/* Who is in a hurry need not wait for the clean one to come to its limit. */
	if (control->forcer || *who)
		return pvk_err_set(err, -EALREADY, "a %sreboot is under way",
				   control->forcer ? "forced " : "");
	ret = reboot_prepare(&control->ops, task, &way, err);
	if (ret)
		return ret;
	pid = reboot_start(&control->ops, task);
	if (pid < 0)
		return pvk_err_set(err, pid, "fork: %s", strerror(-pid));
	*who = pid;
	answer->seconds = task->force ? 0 : task->seconds;
	strcpy(answer->way, way);
	return 0;
}

static int do_blink(struct control *control, const struct control_task *task,
		    struct control_answer *answer, struct pvk_err *err)
{
	if (task->on)
		return leds_blink(control->leds, task->led, task->seconds, answer->led,
				  &answer->seconds, err);
	leds_stop(control->leds, task->led);
	strcpy(answer->led, task->led);
	return 0;
}

static void do_task(struct control *control, const struct control_task *task)
{
	struct control_answer answer = { .seq = task->seq };
	struct pvk_err err = { .text = "" };
	int ret;

	if (!control_task_ok(task))
		ret = pvk_err_set(&err, -EINVAL, "not understood");
	else if (task->verb == CONTROL_REBOOT)
		ret = do_reboot(control, task, &answer, &err);
	else
		ret = do_blink(control, task, &answer, &err);
	answer.error = -ret;
	memcpy(answer.text, err.text, strnlen(err.text, sizeof(answer.text) - 1));
	/* A front that does not read has nobody who waits. */
	send(control->env->control_fd, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_task(evutil_socket_t fd, short what, void *arg)
{
	struct control_task task;
	ssize_t n = recv(fd, &task, sizeof(task), MSG_DONTWAIT);

	(void)what;
	if (n == sizeof(task) && control_task_late(&task))
		log_limited(1, LOG_WARNING, "what nobody waits for any more is not done");
	else if (n == sizeof(task))
		do_task(arg, &task);
	else if (n >= 0)
		log_limited(1, LOG_ERR, "the front sends what is no task");
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct control *control = arg;
	pid_t pid;

	(void)what;
	if (sig != SIGCHLD) {
		event_base_loopbreak(control->base);
		return;
	}
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		if (pid == control->rebooter)
			control->rebooter = 0;
		if (pid == control->forcer)
			control->forcer = 0;
	}
}

static int give_up_rights(struct control *control, struct pvk_err *err)
{
	const struct config *config = control->env->config;
	struct sandbox sandbox = { .ruleset = -1 };
	int ret = priv_keep(PRIV_CONTROL, err);

	if (!ret && config->sandbox)
		ret = sandbox_prepare(&sandbox, SANDBOX_CONTROL, config, err);
	if (!ret && config->sandbox)
		ret = sandbox_enter(&sandbox, err);
	sandbox_free(&sandbox);
	return ret;
}

static int add_events(struct control *control)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGCHLD };
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(sigs); i++) {
		control->sig_ev[i] = evsignal_new(control->base, sigs[i], on_signal, control);
		if (!control->sig_ev[i] || event_add(control->sig_ev[i], NULL))
			return -ENOMEM;
	}
	control->task_ev = event_new(control->base, control->env->control_fd,
				     EV_READ | EV_PERSIST, on_task, control);
	if (!control->task_ev || event_add(control->task_ev, NULL))
		return -ENOMEM;
	return role_watch(control->env, control->base);
}

static int set_up(struct control *control)
{
	const struct config *config = control->env->config;
	struct pvk_err err = { .text = "" };
	int ret;

	control->base = event_base_new();
	if (!control->base)
		return -ENOMEM;
	control->ops = reboot_ops;
	reboot_learn_init(&control->ops);
	ret = give_up_rights(control, &err);
	if (ret)
		log_msg(LOG_ERR, "%s", err.text);
	if (!ret)
		ret = leds_new(&control->leds, control->base, LEDS_DIR, config->state,
			       config->led);
	return ret ? ret : add_events(control);
}

static void tear_down(struct control *control)
{
	size_t i;

	role_unwatch(control->env);
	leds_free(control->leds);
	if (control->task_ev)
		event_free(control->task_ev);
	for (i = 0; i < PVK_ARRAY_SIZE(control->sig_ev); i++)
		if (control->sig_ev[i])
			event_free(control->sig_ev[i]);
	if (control->base)
		event_base_free(control->base);
}

int control_run(struct role_env *env)
{
	struct control control = { .env = env };
	int ret;

	if (priv_die_with(env->parent, SIGTERM))
		return 0;
	ret = set_up(&control);
	if (ret) {
		log_msg(LOG_ERR, "control: %s", strerror(-ret));
	} else {
		role_ready(env);
		ret = event_base_dispatch(control.base) < 0;
	}
	tear_down(&control);
	return ret ? 1 : 0;
}
