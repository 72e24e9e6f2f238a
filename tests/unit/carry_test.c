// SPDX-License-Identifier: MIT
/*
 * A plan carried out: what is done in which order, and what stays when one of it fails. The
 * engine that writes is a stand-in, and pv_bootflag a directory of ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "carry.h"
#include "ktap.h"
#include "post.h"
#include "tempdir.h"

static struct update_phase phase;
static struct plan plan;
static struct pvk_err err;

/* ---- the engine, in place of ours ---- */

static int write_result;
static uint64_t written_from;
static unsigned int checks, writes;

int write_check(const struct plan *which, uint64_t cursor, const struct write_env *env,
		struct pvk_err *e)
{
	(void)which;
	(void)cursor;
	(void)env;
	(void)e;
	checks++;
	return 0;
}

int write_images(const struct plan *which, uint64_t cursor, const struct write_env *env,
		 struct pvk_err *e)
{
	struct write_progress now = { .image = 0 };

	written_from = cursor;
	writes++;
	env->say(env->arg, "a bad block");
	ktap_eq(env->progress(env->arg, &now), 7, "who began it is asked about the progress");
	env->cursor(env->arg, cursor + 8, e);
	if (write_result)
		return pvk_err_set(e, write_result, "mtd3: block 17: I/O error");
	env->cursor(env->arg, plan_units(which), e);
	return 0;
}

/* ---- given ---- */

static bool runs_scripts(void)
{
	put_file("script", "#!/bin/sh\n");
	return !system(path_of("script"));
}

/* A store, whose `set` keeps what was written there last. */
static void given_store(const char *was, const char *cursor)
{
	mkdir(path_of("class"), 0755);
	mkdir(path_of("class/pv_bootflag"), 0755);
	mkdir(path_of("class/pv_bootflag/log"), 0755);
	put_file("class/pv_bootflag/log/offers", "mode slot tries reason cursor phase failures");
	put_file("class/pv_bootflag/log/state", "ready");
	put_file("class/pv_bootflag/log/phase", was);
	put_file("class/pv_bootflag/log/cursor", cursor);
	put_file("class/pv_bootflag/log/set", "");
	put_file("flags.conf", "cmdline = no\nuboot-env = no\n");
	update_phase_close(&phase);
	update_phase_open(&phase, path_of("flags.conf"), dir, NULL, NULL);
	err.text[0] = '\0';
	write_result = 0;
	writes = 0;
	checks = 0;
}

static const char *told(void)
{
	static char text[512];

	snprintf(text, sizeof(text), "%s", text_of("class/pv_bootflag/log/set"));
	put_file("class/pv_bootflag/log/set", "");
	return text;
}

static void given_plan(const char *post, const char *flag)
{
	static struct plan_image image = {
		.path = (char *)"/update/image-0", .size = 1000000, .kind = PVK_TARGET_BLOCK,
		.target = (char *)"/dev/vdz",
	};

	plan_free(&plan);
	plan_init(&plan);
	strcpy(plan.id, "00c0ffee");
	plan_add_image(&plan, &image, NULL);
	if (post)
		plan_add(&plan.post, post, NULL);
	if (flag)
		plan_add(&plan.flag, flag, NULL);
}

static char said[256];

static int progress(void *arg, const struct write_progress *now)
{
	(void)now;
	return *(int *)arg;
}

static void say_line(void *arg, const char *line)
{
	(void)arg;
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s;", line);
}

static int seven = 7;
static const struct write_env env = { .progress = progress, .say = say_line, .arg = &seven };

/* ---- tests ---- */

static void test_done(void)
{
	char post[256];

	snprintf(post, sizeof(post), "%s  a b", path_of("post"));
	put_file("post", "#!/bin/sh\necho \"$PVKIT_UPDATE_ID $*\" >\"${0%/*}/ran\"\n");
	given_store("", "");
	given_plan(post, "slot=b");
	said[0] = '\0';
	ktap_eq(carry_check(&plan, &phase, 0, &env, &err), 0, "all is there");
	ktap_eq(checks, 1, "the engine has looked as well");
	ktap_str(told(), "", "and nothing was written");
	ktap_eq(carry_out(&plan, &phase, 0, &env, &err), 0, "it is carried out");
	ktap_str(text_of("ran"), "00c0ffee a b\n", "its command has run");
	/* the file keeps the longest text's end: the last one is the longest */
	ktap_str(told(), "force slot=\"1\" reason=\"updated 00c0ffee\" cursor=\"\" phase=\"\"",
		 "and its end is one transaction");
	ktap_check(strstr(said, "a bad block;post: "), "what is said reaches who began it");
}

static void test_cut(void)
{
	given_store("write-00c0ffee", "8");
	given_plan(NULL, NULL);
	ktap_eq(carry_out(&plan, &phase, 8, &env, &err), 0, "one that was cut goes on");
	ktap_eq(written_from, 8, "where it was");

	given_store("write-00000001", "8");
	write_result = -EIO;
	carry_out(&plan, &phase, 0, &env, &err);
	ktap_str(phase.id, "00c0ffee", "the phase of another one is written over");
}

static void test_fails(void)
{
	char post[256];

	given_store("", "");
	given_plan(NULL, NULL);
	write_result = -EIO;
	ktap_eq(carry_out(&plan, &phase, 0, &env, &err), -EIO, "a write fails");
	ktap_str(err.text, "mtd3: block 17: I/O error", "with why");
	ktap_str(told(), "force reason=\"update 00c0ffee: mtd3: block 17: I/O error\"",
		 "which is the reason, and the phase stays");

	snprintf(post, sizeof(post), "%s", path_of("fails"));
	put_file("fails", "#!/bin/sh\nexit 3\n");
	given_store("", "");
	given_plan(post, NULL);
	ktap_eq(carry_out(&plan, &phase, 0, &env, &err), -ECHILD, "a command fails");
	ktap_check(strstr(err.text, "fails: exit status 3"), "with its status");
	ktap_check(phase.id[0], "and the phase stays");
}

static void test_check(void)
{
	given_store("", "");
	given_plan("/no/such/program -x", NULL);
	ktap_eq(carry_check(&plan, &phase, 0, &env, &err), -ENOENT, "a command that is not there");
	ktap_str(err.text, "post: there is no program /no/such/program", "is named");
	given_plan(NULL, "successful=1");
	ktap_eq(carry_check(&plan, &phase, 0, &env, &err), -EOPNOTSUPP, "a flag nobody holds");
	given_plan(NULL, "shape=round");
	ktap_eq(carry_check(&plan, &phase, 0, &env, &err), -EINVAL, "a flag that is none");
	ktap_eq(checks, 0, "an image is not read for them");
}

static void test_post(void)
{
	ktap_eq(post_check("sh -c x", &err), 0, "a program by its name");
	ktap_eq(post_check("no-such-program", &err), -ENOENT, "none of that name");
	ktap_eq(post_run("sleep 1000", "0", 1, &err), -ETIMEDOUT, "one that takes too long");
	ktap_str(err.text, "post sleep 1000: not done within 1 s", "is ended");
	put_file("kills", "#!/bin/sh\nkill -KILL $$\n");
	ktap_eq(post_run(path_of("kills"), "0", 60, &err), -ECHILD, "one that dies");
	ktap_check(strstr(err.text, "ended by signal 9"), "with the signal");
}

int main(void)
{
	tempdir_open();
	if (!runs_scripts())
		ktap_skip_all("nothing is executed in /tmp");
	ktap_plan(0);
	test_done();
	test_cut();
	test_fails();
	test_check();
	test_post();
	update_phase_close(&phase);
	plan_free(&plan);
	tempdir_remove("");
	return ktap_finish();
}
