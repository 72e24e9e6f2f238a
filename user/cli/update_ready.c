// SPDX-License-Identifier: MIT
/*
 * What the system has to have for an update: the module and what that wants of the kernel,
 * a process 1 that can be handed over, places for flags and variables.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flagsource.h"
#include "mountinfo.h"
#include "pivot.h"
#include "ubootcopy.h"
#include "ubootenv.h"
#include "update.h"

#define MODULE		"pv_pivot"
#define TEXT_MAX	(8u << 20)
/* The first pid namespace's, in each kernel since it has such numbers. */
#define FIRST_PID_NS	0xEFFFFFFCu

void update_check_conf(struct update *update)
{
	struct pvk_err err = { .text = "" };

	/* Without the usual one all is as usual; one that was named is meant. */
	if (update->has_config && access(update->config, F_OK))
		update_note(update, "config", update->config, UPDATE_FAILED, "%s", strerror(errno));
	if (pvk_updateconf_read(&update->conf, update->config, &err))
		update_note(update, "config", update->config, UPDATE_FAILED, "%s", err.text);
}

/* ---- the kernel ---- */

static bool names_module(const char *release, const char *file)
{
	pvk_auto_free char *text = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/lib/modules/%s/%s", release, file);
	return !pvk_read_file(AT_FDCWD, path, TEXT_MAX, &text, NULL) &&
	       strstr(text, "/" MODULE ".ko");
}

static void run_modprobe(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execlp("modprobe", "modprobe", "-q", MODULE, NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
}

static bool module_is_there(void)
{
	struct pvk_pivot *pivot = NULL;
	int ret = pvk_pivot_open(&pivot, NULL, NULL, NULL);

	pvk_pivot_close(pivot);
	return !ret;
}

bool update_find_module(bool load)
{
	if (!module_is_there() && load)
		run_modprobe();
	return module_is_there();
}

static void check_module(struct update *update)
{
	struct utsname uts;

	uname(&uts);
	if (update_find_module(!update->dry_run))
		update_note(update, "module", MODULE, UPDATE_OK, "in the kernel");
	else if (update->dry_run && names_module(uts.release, "modules.dep"))
		update_note(update, "module", MODULE, UPDATE_OK, "is loaded when it begins");
	else
		update_note(update, "module", MODULE, UPDATE_FAILED,
			    "neither in the kernel nor among the modules of %s", uts.release);
}

/* Ours, when it is in earnest: the state `open` is that. */
static void check_session(struct update *update)
{
	struct pvk_pivot_status status = { .state = PV_PIVOT_STATE_IDLE };
	struct pvk_pivot *pivot = NULL;

	if (!update->dry_run || pvk_pivot_open(&pivot, NULL, NULL, NULL))
		return;
	if (!pvk_pivot_status(pivot, &status, NULL) &&
	    status.state >= PV_PIVOT_STATE_OPEN && status.state <= PV_PIVOT_STATE_REBOOTING)
		update_note(update, "session", "", UPDATE_FAILED,
			    "another update is at work: %s, process %u",
			    pvk_pivot_state_name(status.state), status.owner);
	else
		update_note(update, "session", "", UPDATE_OK, "no other update is at work");
	pvk_pivot_close(pivot);
}

/* What is mounted there last counts. */
static bool is_devtmpfs(void)
{
	pvk_auto_free char *text = NULL;
	struct pvk_mount mount;
	bool is = false;
	char *rest;
	int ret;

	if (pvk_read_file(AT_FDCWD, "/proc/self/mountinfo", TEXT_MAX, &text, NULL))
		return false;
	for (rest = text; (ret = pvk_mountinfo_next(&rest, &mount)) != -ENOENT;)
		if (!ret && !strcmp(mount.point, "/dev"))
			is = !strcmp(mount.type, "devtmpfs");
	return is;
}

static void check_dev(struct update *update)
{
	if (is_devtmpfs())
		update_note(update, "dev", "/dev", UPDATE_OK, "devtmpfs");
	else
		update_note(update, "dev", "/dev", UPDATE_FAILED,
			    "not a devtmpfs: nodes of the medium could not be shut to others");
}

/* Asks for one on a file that nobody can open. */
static int has_permission_events(void)
{
	pvk_auto_close int group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	pvk_auto_close int file = memfd_create("pvkit", MFD_CLOEXEC);

	if (group < 0)
		return -errno;
	return fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN_PERM, file, NULL) ? -errno : 0;
}

static void check_events(struct update *update)
{
	int ret = has_permission_events();

	if (!ret)
		update_note(update, "opens", "", UPDATE_OK, "the kernel can refuse them");
	else if (ret == -EINVAL || ret == -ENOSYS)
		update_note(update, "opens", "", UPDATE_FAILED, "the kernel can't refuse them: it "
			    "has no CONFIG_FANOTIFY_ACCESS_PERMISSIONS");
	else
		update_note(update, "opens", "", UPDATE_FAILED, "can they be refused? %s%s",
			    strerror(-ret), ret == -EPERM ? ": it takes root's rights" : "");
}

void update_check_kernel(struct update *update)
{
	check_module(update);
	check_session(update);
	check_dev(update);
	check_events(update);
}

/* ---- process 1 ---- */

static bool in_container(void)
{
	struct stat st;

	return !stat("/proc/self/ns/pid", &st) && st.st_ino != FIRST_PID_NS;
}

/* As of a unit of systemd with PrivateTmp: what we mount process 1 would not see. */
static bool has_own_mounts(void)
{
	struct stat own, init;

	return !stat("/proc/self/ns/mnt", &own) && !stat("/proc/1/ns/mnt", &init) &&
	       own.st_ino != init.st_ino;
}

static const char *way_of(const struct update *update)
{
	if (update->recovery)
		return "is asked for a reboot";
	return update->init == PVK_INIT_SYSTEMD ?
	       "stops its units, then goes to " PVK_HANDOVER_SYSTEMD :
	       "by an inittab over its own, then restarted in RAM";
}

void update_check_init(struct update *update)
{
	struct pvk_err err = { .text = "" };
	int ret = pvk_handover_find("", update->conf.init, &update->init, &err);

	if (!ret && !update->conf.init && in_container())
		ret = pvk_err_set(&err, -EOPNOTSUPP, "in a container: it has a process 1 of "
				  "its own");
	if (!ret && !update->recovery && has_own_mounts())
		ret = pvk_err_set(&err, -EOPNOTSUPP, "in a mount namespace of its own: process 1 "
				  "would not see what is mounted for it");
	if (!ret && !update->recovery && update->init == PVK_INIT_SYSTEMD &&
	    strcmp(update->conf.ram, PVK_HANDOVER_SYSTEMD) != 0)
		ret = pvk_err_set(&err, -EINVAL, "systemd goes to " PVK_HANDOVER_SYSTEMD
				  " and not to %s", update->conf.ram);
	update->has_init = !ret;
	if (!ret)
		update_note(update, "init", pvk_handover_name(update->init), UPDATE_OK, "%s",
			    way_of(update));
	else
		update_note(update, "init", "", update->recovery ? UPDATE_NOTE : UPDATE_FAILED,
			    "%s%s", err.text,
			    update->recovery ? "; the program reboot is run" : "");
}

/* ---- flags ---- */

const struct pvk_flagsource *update_phase_store(const struct pvk_flagsources *list)
{
	const uint32_t wanted = PVB_HAS(PVB_PHASE) | PVB_HAS(PVB_CURSOR);
	const struct pvk_flagsource *source;
	size_t i;

	for (i = 0; i < list->count; i++) {
		source = &list->item[i];
		if (source->kind == PVK_SOURCE_KERNEL && source->writable &&
		    (source->store.state == PV_BOOTFLAG_STATE_READY ||
		     source->store.state == PV_BOOTFLAG_STATE_EMPTY) &&
		    !(wanted & ~source->store.offers))
			return source;
	}
	return NULL;
}

static void check_phase(struct update *update, const struct pvk_flagsources *list)
{
	const struct pvk_flagsource *set = pvk_flagsources_winner(list, PVB_PHASE, false);
	const struct pvk_flagsource *source = update_phase_store(list);

	/* Another one would take its plan and images away. */
	if (set)
		update_note(update, "store", set->store.name, UPDATE_FAILED,
			    "phase is %s: the next boot goes on with that. Reboot for it, or clear it",
			    pvk_flags_string(&set->store.flags, PVB_PHASE));
	else if (source)
		update_note(update, "store", source->store.name, UPDATE_OK,
			    "has how far it is, for the next boot");
	else if (update->recovery)
		update_note(update, "store", "", UPDATE_FAILED,
			    "none holds phase and cursor, by which the next boot knows");
	else
		update_note(update, "store", "", UPDATE_NOTE,
			    "none holds phase and cursor: a cut while it writes is not resumed");
}

static void check_own_flags(struct update *update, const struct pvk_flagsources *list)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(2048);
	struct pvk_change change = { .clear = 0 };
	const struct pvk_flagsource *source;
	struct pvk_err err = { .text = "" };
	int ret = 0;
	size_t i;

	for (i = 0; !ret && i < update->flag.count; i++)
		ret = pvk_change_word(&change, update->flag.word[i], &err);
	source = ret ? NULL : pvk_flagsource_for(list, pvk_change_fields(&change));
	if (ret)
		update_note(update, "flags", "", UPDATE_FAILED, "%s", err.text);
	else if (!source)
		update_note(update, "flags", "", UPDATE_FAILED, "no store holds %s",
			    pvk_field_names(pvk_change_fields(&change), &text));
	else if (source->kind == PVK_SOURCE_UBOOT_ENV)
		update_note(update, "flags", source->store.name, UPDATE_FAILED,
			    "it has %s: name its variable with --env",
			    pvk_field_names(pvk_change_fields(&change), &text));
	else
		update_note(update, "flags", source->store.name, UPDATE_OK, "%s at the end",
			    pvk_flags_line(&change.set, &text));
}

void update_check_flags(struct update *update)
{
	struct pvk_flagsources list = { .count = 0 };
	struct pvk_err err = { .text = "" };
	struct pvk_flagconf conf;
	struct pvk_bf *bf = NULL;
	int ret = pvk_flagconf_read(&conf, PVK_FLAGCONF_FILE, &err);

	/* Without pv_bootflag there are the others. */
	if (!ret && pvk_bf_open(&bf, NULL, NULL, NULL))
		bf = NULL;
	if (!ret)
		ret = pvk_flagsources_read(&list, &conf, bf, &err);
	if (ret) {
		update_note(update, "store", "", UPDATE_FAILED, "%s", err.text);
	} else {
		check_phase(update, &list);
		if (update->flag.count)
			check_own_flags(update, &list);
	}
	pvk_flagsources_free(&list);
	pvk_bf_close(bf);
}

/* ---- the U-Boot environment ---- */

void update_check_env(struct update *update)
{
	struct ubootcopies copies = { .count = 0 };
	struct pvk_err err = { .text = "" };
	int ret;

	if (!update->env.count)
		return;
	ret = ubootcopies_config(&copies, PVK_ENV_CONFIG, &err);
	if (!ret) {
		ubootcopies_read(&copies);
		if (ubootcopies_current(&copies) < 0)
			ret = pvk_err_set(&err, -EBADMSG, "no copy of the environment is whole");
	}
	if (ret)
		update_note(update, "env", PVK_ENV_CONFIG, UPDATE_FAILED, "%s", err.text);
	else
		update_note(update, "env", PVK_ENV_CONFIG, UPDATE_OK, "%zu %s in %s",
			    update->env.count, update->env.count > 1 ? "variables" : "variable",
			    copies.copy[ubootcopies_current(&copies)].path);
	ubootcopies_free(&copies);
}
