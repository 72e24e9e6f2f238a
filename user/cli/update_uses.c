// SPDX-License-Identifier: MIT
/*
 * Who has a target that is not the running root's, and what becomes of that: user/update/targets.c
 * does as is said here.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "holders.h"
#include "update.h"

#define SYS	"/sys"
#define PROC	"/proc"
#define DEV	"/dev"

struct target_uses {
	struct update *update;
	const struct update_image *image;
	bool has_root;
	unsigned int n;
	uint64_t ns;		/* our own, whose mounts are told already */
	uint32_t pid;		/* that was counted last */
	unsigned int processes;
	char first[96];
};

static int tell_use(void *arg, const struct pvk_use *use)
{
	struct target_uses *uses = arg;

	/* The root's go with the root. */
	if (use->kind == PVK_USE_MOUNT && uses->has_root)
		return 0;
	uses->n++;
	update_note(uses->update, "use", uses->image->target_text, UPDATE_NOTE,
		    use->kind == PVK_USE_SWAP ? "swap on %s: is switched off" :
						"mounted on %s: is unmounted", use->what);
	return 0;
}

static int count_holder(void *arg, const struct pvk_holder *holder)
{
	struct target_uses *uses = arg;

	if (!holder->pid || holder->pid == (uint32_t)getpid() || holder->pid == uses->pid ||
	    (holder->kind == PVK_HOLD_MOUNT && holder->ns == uses->ns))
		return 0;
	uses->pid = holder->pid;
	if (!uses->processes++)
		snprintf(uses->first, sizeof(uses->first), "%u %s, %s %.48s", holder->pid,
			 holder->comm, pvk_holder_kind_name(holder->kind), holder->what);
	return 0;
}

/* Who has it, or a file that lies there, open; in another mount namespace, too. */
static void check_processes(struct target_uses *uses)
{
	char path[sizeof(uses->image->target.device) + 8], more[32] = "", *mark;
	struct pvk_holders_from from = { .path = path, .fd = -1 };
	struct pvk_holders *holders;
	struct stat st;

	snprintf(path, sizeof(path), DEV "/%s", uses->image->target.device);
	while ((mark = strchr(path, '!')))
		*mark = '/';
	uses->ns = stat("/proc/self/ns/mnt", &st) ? 0 : st.st_ino;
	if (pvk_holders_open(&holders, &from, NULL))
		return;
	pvk_holders_scan(holders, count_holder, uses, NULL, NULL);
	pvk_holders_close(holders);
	if (!uses->processes)
		return;
	uses->n++;
	if (uses->processes > 1)
		snprintf(more, sizeof(more), " and %u more", uses->processes - 1);
	update_note(uses->update, "use", uses->image->target_text, UPDATE_NOTE,
		    "%s%s: %s ended", uses->first, more, *more ? "are" : "is");
}

/* The boot stage writes before anything is mounted, but md, say, is there by then, or is later. */
void update_check_uses(struct update *update, const struct update_image *image, bool has_root)
{
	struct target_uses uses = { .update = update, .image = image, .has_root = has_root };
	struct pvk_err err = { .text = "" };

	if (pvk_target_carries(&image->target, SYS, DEV, &err))
		update_note(update, "use", image->target_text, UPDATE_FAILED, "%s", err.text);
	else if (update->recovery)
		return;
	else if (pvk_target_uses(&image->target, SYS, PROC, tell_use, &uses, &err))
		update_note(update, "use", image->target_text, UPDATE_FAILED, "%s", err.text);
	else if (!has_root)
		check_processes(&uses);
	if (!err.text[0] && !uses.n && !has_root)
		update_note(update, "use", image->target_text, UPDATE_OK, "by nobody");
}
