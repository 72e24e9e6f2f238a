// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "flagconf.h"
#include "ubootenv.h"
#include "update.h"

/*
 * One static program does all that is done there, and is process 1. What writes the
 * environment and the flags is in it, so no tools are wanted, and no libraries.
 */
static int add_updater(struct update *update, struct pvk_stage *stage, struct pvk_err *err)
{
	pvk_auto_free char *real = NULL;
	char spec[sizeof(update->conf.program) + 64];
	int ret;

	snprintf(spec, sizeof(spec), "%s:/sbin/pvkit-update:/sbin/init:/shutdown",
		 update->conf.program);
	ret = pvk_stage_program(stage, update->conf.program, NULL, err);
	/* By its other names it would begin. */
	if (!ret)
		ret = pvk_stage_program(stage, spec, "-", err);
	if (ret)
		return ret;
	real = realpath(pvk_stage_program_at(stage, 0), NULL);
	if (!real)
		return pvk_err_set(err, -errno, "%s: %s", update->conf.program, strerror(errno));
	snprintf(update->program, sizeof(update->program), "%s", real);
	return 0;
}

/* Where flags and the environment are, as pvkit-update reads it. */
static int add_settings(const struct update *update, struct pvk_stage *stage,
			struct pvk_err *err)
{
	const char *const path[] = { PVK_FLAGCONF_FILE, PVK_ENV_CONFIG, update->config };
	char real[PATH_MAX];
	int ret = 0;
	size_t i;

	for (i = 0; !ret && i < PVK_ARRAY_SIZE(path); i++)
		if (!access(path[i], F_OK) && realpath(path[i], real))
			ret = pvk_stage_data(stage, path[i][0] == '/' ? path[i] : real, err);
	return ret;
}

/* The program of each command, up to its first blank. */
static int add_posts(const struct update *update, struct pvk_stage *stage, struct pvk_err *err)
{
	const char *word;
	char name[PATH_MAX];
	int ret = 0;
	size_t i;

	for (i = 0; !ret && i < update->post.count; i++) {
		word = update->post.word[i] + strspn(update->post.word[i], " \t");
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, " \t"), word);
		if (strchr(name, ':'))
			ret = pvk_err_set(err, -EINVAL, "--post %s: a colon", name);
		else
			ret = pvk_stage_program(stage, name, NULL, err);
	}
	return ret;
}

static int add_all(struct update *update, struct pvk_stage *stage, struct pvk_err *err)
{
	static const char *const dirs[] = {
		"/dev", "/proc", "/sys", "/run", "/tmp", "/oldroot", "/update", "/var/lock",
	};
	int ret = add_updater(update, stage, err);
	size_t i;

	for (i = 0; !ret && i < PVK_ARRAY_SIZE(dirs); i++)
		ret = pvk_stage_dir(stage, dirs[i], 0755, err);
	if (!ret)
		ret = add_settings(update, stage, err);
	if (!ret)
		ret = add_posts(update, stage, err);
	if (!ret)
		ret = pvk_stage_conf(stage, update->config, err);
	return ret ? ret : pvk_stage_env(stage, err);
}

/* What is put there beside the files: the images, unless they go elsewhere. */
static uint64_t reserve(const struct update *update)
{
	uint64_t bytes = UPDATE_RESERVE;
	size_t i;

	for (i = 0; !update_has_state(update) && i < update->images; i++)
		bytes += (update->image[i].size + 4095) / 4096 * 4096;
	return bytes;
}

static bool check_plan(struct update *update, struct pvk_stage *stage)
{
	struct pvk_err err = { .text = "" };
	int ret = add_all(update, stage, &err);
	char text[32];

	if (!ret)
		ret = pvk_stage_plan(stage, reserve(update), &update->plan, &err);
	if (ret) {
		update_note(update, "files", "", UPDATE_FAILED, "%s", err.text);
		return false;
	}
	update_note(update, "files", "", UPDATE_OK, "%u files, %s", update->plan.files,
		    update_size(update->plan.bytes, text));
	return true;
}

static bool check_memory(struct update *update)
{
	struct pvk_err err = { .text = "" };
	char needed[32], available[32];

	if (pvk_stage_room(&update->plan, reserve(update), UPDATE_KEEP, NULL, &update->room,
			   &err)) {
		update_note(update, "memory", "", UPDATE_FAILED, "%s", err.text);
		return false;
	}
	update_note(update, "memory", "", UPDATE_OK, "%s of %s that are available",
		    update_size(update->room.needed, needed),
		    update_size(update->room.available, available));
	return true;
}

static int note_trial(void *arg, const struct pvk_trial *trial)
{
	const char *what = pvk_trial_name(trial->result);

	update_note(arg, "program", trial->program, pvk_trial_ok(trial) ? UPDATE_OK : UPDATE_FAILED,
		    "%s%s%s", what, trial->text[0] ? ": " : "", trial->text);
	return 0;
}

/*
 * In a mount namespace that goes with us, whatever becomes of us. Two at once have
 * directories of their own: to remove one unmounts what another namespace has there.
 */
static int hide(char *dir, struct pvk_err *err)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return pvk_err_set(err, -errno, "no mount namespace of its own to try it in: %s",
				   strerror(errno));
	return mkdtemp(dir) ? 0 : pvk_err_set(err, -errno, "%s: %s", dir, strerror(errno));
}

void update_try_hidden(struct update *update)
{
	char dir[] = "/run/pvkit-update.XXXXXX";
	struct pvk_err err = { .text = "" };
	int ret = hide(dir, &err);

	if (!ret) {
		ret = pvk_stage_make(update->stage, dir, &update->plan, &err);
		if (!ret) {
			update_try(update, dir);
			pvk_stage_take_down(dir);
		}
		rmdir(dir);
	}
	if (ret)
		update_note(update, "programs", "", UPDATE_FAILED, "%s", err.text);
}

void update_try(struct update *update, const char *dir)
{
	struct pvk_err err = { .text = "" };

	if (pvk_stage_try(update->stage, dir, note_trial, update, &err))
		update_note(update, "programs", "", UPDATE_FAILED, "%s", err.text);
}

void update_check_stage(struct update *update)
{
	struct pvk_err err = { .text = "" };

	if (pvk_stage_open(&update->stage, "/", &err))
		update_note(update, "files", "", UPDATE_FAILED, "%s", err.text);
	else if (!check_plan(update, update->stage) || !check_memory(update))
		update->plan.files = 0;
}
