// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "carry.h"
#include "post.h"
#include "ubootcopy.h"

#define ENV_CONFIG	"/etc/fw_env.config"

struct carrying {
	const struct write_env *env;	/* the caller's */
	struct update_phase *phase;
};

static void say(const struct write_env *env, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (!env->say)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	env->say(env->arg, line);
}

/* ---- the plan's flags ---- */

static int flags_of(const struct plan *plan, struct pvk_change *flags, struct pvk_err *err)
{
	size_t i;
	int ret;

	*flags = (struct pvk_change){ .force = false };
	for (i = 0; i < plan->flag.count; i++) {
		ret = pvk_change_word(flags, plan->flag.item[i], err);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- the environment ---- */

static int open_env(struct ubootcopies *copies, struct pvk_err *err)
{
	int ret = ubootcopies_config(copies, ENV_CONFIG, err);

	if (ret)
		return ret;
	ubootcopies_read(copies);
	if (ubootcopies_current(copies) < 0) {
		ubootcopies_free(copies);
		return pvk_err_set(err, -EBADMSG, "%s: no copy of the environment is whole",
				   ENV_CONFIG);
	}
	return 0;
}

static int check_env(const struct plan *plan, struct pvk_err *err)
{
	struct ubootcopies copies;
	int ret;

	if (!plan->env.count)
		return 0;
	ret = open_env(&copies, err);
	if (!ret)
		ubootcopies_free(&copies);
	return ret;
}

static int set_env(const struct plan *plan, struct pvk_err *err)
{
	struct ubootcopies copies;
	int ret;

	if (!plan->env.count)
		return 0;
	ret = open_env(&copies, err);
	if (ret)
		return ret;
	ret = ubootcopies_set(&copies, (const char *const *)plan->env.item, plan->env.count, err);
	ubootcopies_free(&copies);
	return ret;
}

/* ---- before ---- */

int carry_check(const struct plan *plan, const struct update_phase *phase, uint64_t cursor,
		const struct write_env *env, struct pvk_err *err)
{
	struct pvk_change flags;
	size_t i;
	int ret;

	ret = flags_of(plan, &flags, err);
	if (!ret)
		ret = update_phase_can_end(phase, &flags, err);
	if (!ret)
		ret = check_env(plan, err);
	for (i = 0; !ret && i < plan->post.count; i++)
		ret = post_check(plan->post.item[i], err);
	return ret ? ret : write_check(plan, cursor, env, err);
}

/* ---- and then ---- */

static int progress(void *arg, const struct write_progress *now)
{
	const struct carrying *c = arg;

	return c->env->progress ? c->env->progress(c->env->arg, now) : 0;
}

/* One that is lost costs writing anew from the one before. */
static int cursor_is(void *arg, uint64_t cursor, struct pvk_err *err)
{
	struct carrying *c = arg;

	(void)err;
	update_phase_cursor(c->phase, cursor, true);
	return 0;
}

static void say_line(void *arg, const char *line)
{
	const struct carrying *c = arg;

	say(c->env, "%s", line);
}

static int write_all(const struct plan *plan, struct carrying *c, uint64_t cursor,
		     struct pvk_err *err)
{
	struct write_env env = *c->env;

	env.progress = progress;
	env.cursor = cursor_is;
	env.say = say_line;
	env.arg = c;
	return write_images(plan, cursor, &env, err);
}

static int run_posts(const struct plan *plan, const struct write_env *env, struct pvk_err *err)
{
	size_t i;
	int ret;

	for (i = 0; i < plan->post.count; i++) {
		say(env, "post: %s", plan->post.item[i]);
		ret = post_run(plan->post.item[i], plan->id, CARRY_POST_SECONDS, err);
		if (ret)
			return ret;
	}
	return 0;
}

static int carry(const struct plan *plan, struct carrying *c, uint64_t cursor,
		 const struct pvk_change *flags, struct pvk_err *err)
{
	char reason[32];
	int ret;

	ret = write_all(plan, c, cursor, err);
	if (!ret && c->env->written)
		c->env->written(c->env->arg);
	if (!ret)
		ret = set_env(plan, err);
	if (!ret)
		ret = run_posts(plan, c->env, err);
	if (ret)
		return ret;
	snprintf(reason, sizeof(reason), "updated %s", plan->id);
	return update_phase_end(c->phase, flags, reason, err);
}

int carry_out(const struct plan *plan, struct update_phase *phase, uint64_t cursor,
	      const struct write_env *env, struct pvk_err *err)
{
	struct carrying c = { .env = env, .phase = phase };
	struct pvk_err why = { .text = "" };
	char reason[PVK_FLAG_TEXT_SIZE];
	struct pvk_change flags;
	int ret;

	ret = flags_of(plan, &flags, &why);
	if (!ret && !update_phase_is(phase, plan->id))
		ret = update_phase_begin(phase, plan->id, &why);
	if (!ret)
		ret = carry(plan, &c, cursor, &flags, &why);
	if (!ret)
		return 0;
	snprintf(reason, sizeof(reason), "update %s: %.*s", plan->id,
		 (int)(sizeof(reason) - 24), why.text);
	update_phase_stopped(phase, reason);
	return pvk_err_set(err, ret, "%s", why.text);
}
