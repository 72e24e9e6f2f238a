// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "update.h"

/* Its target; "" if it can't be read. */
static const char *read_link(const char *path, char target[PATH_MAX])
{
	ssize_t len = readlink(path, target, PATH_MAX - 1);

	target[len > 0 ? len : 0] = '\0';
	return target;
}

/*
 * We do the writing ourselves: no tools are wanted. A busybox that is process 1 goes on
 * from the RAM, so it belongs there.
 */
static int add_usual(struct pvk_stage *stage, struct pvk_err *err)
{
	char path[PATH_MAX], *name;
	int ret = pvk_stage_program(stage, read_link("/proc/self/exe", path), NULL, err);

	read_link("/proc/1/exe", path);
	name = strrchr(path, '/');
	if (!ret && name && !strncmp(name + 1, "busybox", strlen("busybox")))
		ret = pvk_stage_program(stage, path, NULL, err);
	return ret;
}

static int add_images(const struct update *update, struct pvk_stage *stage, struct pvk_err *err)
{
	char path[PATH_MAX];
	int ret = 0;
	size_t i;

	for (i = 0; !ret && i < update->images; i++)
		if (update->image[i].on_root && realpath(update->image[i].path, path))
			ret = pvk_stage_data(stage, path, err);
	return ret;
}

static int add_all(const struct update *update, struct pvk_stage *stage, struct pvk_err *err)
{
	static const char *const dirs[] = { "/dev", "/proc", "/sys", "/run" };
	int ret = add_usual(stage, err);
	size_t i;

	for (i = 0; !ret && i < PVK_ARRAY_SIZE(dirs); i++)
		ret = pvk_stage_dir(stage, dirs[i], 0755, err);
	if (!ret)
		ret = pvk_stage_conf(stage, update->config, err);
	if (!ret)
		ret = pvk_stage_env(stage, err);
	return ret ? ret : add_images(update, stage, err);
}

static bool check_plan(struct update *update, struct pvk_stage *stage)
{
	struct pvk_err err = { .text = "" };
	int ret = add_all(update, stage, &err);
	char text[32];

	if (!ret)
		ret = pvk_stage_plan(stage, UPDATE_RESERVE, &update->plan, &err);
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

	if (pvk_stage_room(&update->plan, UPDATE_RESERVE, UPDATE_KEEP, NULL, &update->room, &err)) {
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

static void check_programs(struct update *update, struct pvk_stage *stage)
{
	char dir[] = "/run/pvkit-update.XXXXXX";
	struct pvk_err err = { .text = "" };
	int ret = hide(dir, &err);

	if (!ret) {
		ret = pvk_stage_make(stage, dir, &update->plan, &err);
		if (!ret) {
			ret = pvk_stage_try(stage, dir, note_trial, update, &err);
			pvk_stage_take_down(dir);
		}
		rmdir(dir);
	}
	if (ret)
		update_note(update, "programs", "", UPDATE_FAILED, "%s", err.text);
}

void update_check_stage(struct update *update)
{
	struct pvk_err err = { .text = "" };
	struct pvk_stage *stage = NULL;

	if (pvk_stage_open(&stage, "/", &err))
		update_note(update, "files", "", UPDATE_FAILED, "%s", err.text);
	else if (check_plan(update, stage) && check_memory(update))
		check_programs(update, stage);
	pvk_stage_close(stage);
}
