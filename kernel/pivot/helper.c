// SPDX-License-Identifier: GPL-2.0-only
/*
 * Beginning an update from the kernel: whoever may ask for it, a container say, need not
 * be able to run anything on the host. What is run the host has set in a module
 * parameter, and who asks adds one word at most, which names no file and no option.
 *
 * Locking: see pv_pivot.h. It is run by a work item that lasts as long as it does, in
 * the module's unbound workqueue: nobody waits behind it.
 */

#include <linux/ctype.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/umh.h>

#include "pv_pivot.h"

#define PVP_MAX_HELPER		256
#define PVP_MAX_HELPER_WORDS	16

/* Set by who loads the module alone: root of a container may see a writable /sys. */
static char pvp_helper[PVP_MAX_HELPER];
module_param_string(helper, pvp_helper, sizeof(pvp_helper), 0400);
MODULE_PARM_DESC(helper, "Program, by its whole path, and words for it, that start runs");

static bool pvp_helper_runs;		/* locked; from the asking on */
static struct pid *pvp_helper_pid;	/* locked; NULL: it is not there yet, or no more */
static int pvp_helper_exit = -1;	/* locked; of the last one; negative: there was none */

/**
 * struct pvp_run - one run of the helper
 * @work: runs it
 * @argv: into @words
 * @words: its path and words, and that of who asked
 */
struct pvp_run {
	struct work_struct work;
	char *argv[PVP_MAX_HELPER_WORDS + 2];
	char words[PVP_MAX_HELPER + PV_PIVOT_MAX_WORD + 1];
};

/* In the process that becomes the helper. */
static int pvp_helper_init(struct subprocess_info *info, struct cred *new)
{
	mutex_lock(&pvp_lock);
	pvp_helper_pid = get_pid(task_tgid(current));
	pvp_event(PV_PIVOT_EVENT_KIND_HELPER);
	mutex_unlock(&pvp_lock);
	return 0;
}

/* As a shell has it in $?, from a wait status or a negative errno. */
static int pvp_exit_status(int ret)
{
	if (ret < 0)
		return ret == -ENOENT ? 127 : 126;
	return ret & 0x7f ? 128 + (ret & 0x7f) : ret >> 8 & 0xff;
}

static void pvp_run_fn(struct work_struct *work)
{
	static char *envp[] = {
		"HOME=/", "TERM=linux", "PATH=/sbin:/usr/sbin:/bin:/usr/bin", NULL
	};
	struct pvp_run *run = container_of(work, struct pvp_run, work);
	struct subprocess_info *info;
	int ret = -ENOMEM;

	info = call_usermodehelper_setup(run->argv[0], run->argv, envp, GFP_KERNEL,
					 pvp_helper_init, NULL, NULL);
	if (info)
		ret = call_usermodehelper_exec(info, UMH_WAIT_PROC);
	mutex_lock(&pvp_lock);
	put_pid(pvp_helper_pid);
	pvp_helper_pid = NULL;
	pvp_helper_exit = pvp_exit_status(ret);
	pvp_helper_runs = false;
	pvp_event(PV_PIVOT_EVENT_KIND_HELPER);
	mutex_unlock(&pvp_lock);
	kfree(run);
	module_put(THIS_MODULE);
}

/* Begins with no '-', so it is no option. */
static bool pvp_word_ok(const char *word)
{
	size_t i;

	for (i = 0; word[i]; i++)
		if (!(islower(word[i]) && isascii(word[i])) && !isdigit(word[i]) &&
		    !(word[i] == '-' && i))
			return false;
	return i <= PV_PIVOT_MAX_WORD;
}

static int pvp_run_split(struct pvp_run *run, const char *word)
{
	unsigned int n = 0;
	char *rest = run->words, *one;

	snprintf(run->words, sizeof(run->words), "%s %s", pvp_helper, word);
	while ((one = strsep(&rest, " \t\n"))) {
		if (!*one)
			continue;
		if (n == ARRAY_SIZE(run->argv) - 1)
			return -E2BIG;
		run->argv[n++] = one;
	}
	return n && run->argv[0][0] == '/' ? 0 : -ENOENT;
}

static int pvp_run_new(const char *word, const char **why)
{
	struct pvp_run *run = kzalloc(sizeof(*run), GFP_KERNEL);
	int err;

	*why = "out of memory";
	if (!run)
		return -ENOMEM;
	err = pvp_run_split(run, word);
	if (err) {
		*why = err == -E2BIG ? "the helper has too many words" :
				       "no helper is set (module parameter helper)";
		kfree(run);
		return err;
	}
	__module_get(THIS_MODULE);
	INIT_WORK(&run->work, pvp_run_fn);
	pvp_helper_runs = true;
	queue_work(pvp_wq, &run->work);
	return 0;
}

/**
 * pvp_helper_start - run the helper
 * @word: for it; "": none
 * @why: set to a constant text when it is refused
 *
 * Locked. Does not wait for it.
 *
 * Return: 0; -EINVAL: no such word; -EBUSY: it runs, or there is a session; -ENOENT:
 * there is no helper; -E2BIG, -ENOMEM.
 */
int pvp_helper_start(const char *word, const char **why)
{
	*why = "a word is up to 32 of a-z, 0-9 and -, which it does not begin with";
	if (!pvp_word_ok(word))
		return -EINVAL;
	*why = "there is a session";
	if (pvp_live(pvp_session))
		return -EBUSY;
	*why = "the helper runs already";
	if (pvp_helper_runs)
		return -EBUSY;
	return pvp_run_new(word, why);
}

/**
 * pvp_helper_state - what became of it
 * @pid: set to its process in the caller's namespace; 0: it is not in there, or not yet
 * @status: set to what the last one ended with, as a shell has it; negative: there was none
 *
 * Locked.
 *
 * Return: whether it runs.
 */
bool pvp_helper_state(u32 *pid, int *status)
{
	*pid = pvp_helper_pid ? pid_vnr(pvp_helper_pid) : 0;
	*status = pvp_helper_exit;
	return pvp_helper_runs;
}
