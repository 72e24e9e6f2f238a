// SPDX-License-Identifier: MIT
/*
 * pvkit-update - the part of an in-place update that runs when the old system is gone
 *
 * One static program, copied to RAM by pvkit or packed into an initramfs. A verb is a row of
 * the table. Documentation/pivot.md is for those who use it.
 */
#include <stdio.h>
#include <string.h>

#include "plan.h"
#include "statefs.h"
#include "verbs.h"

#define SHUTDOWN	"/shutdown"

static int verb_show(int argc, char **argv)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(PLAN_TEXT_MAX);
	struct pvk_err err = { .text = "" };
	static struct plan plan;
	int ret;

	if (argc > 2)
		return UPDATE_EXIT_USAGE;
	ret = plan_read(&plan, argc > 1 ? argv[1] : PLAN_FILE, &err);
	if (!ret)
		ret = plan_print(&plan, &text, &err);
	plan_free(&plan);
	if (ret) {
		fprintf(stderr, "pvkit-update: %s\n", err.text);
		return UPDATE_EXIT_FAILED;
	}
	fputs(pvk_buf_str(&text), stdout);
	return fflush(stdout) ? UPDATE_EXIT_FAILED : UPDATE_EXIT_OK;
}

/* For pvkit, which can't find it by as many names. */
static int verb_state(int argc, char **argv)
{
	struct pvk_err err = { .text = "" };
	struct update_state state;
	int ret;

	if (argc != 5)
		return UPDATE_EXIT_USAGE;
	ret = update_state_init(&state, argv[1], argv[2], argv[3], &err);
	if (!ret)
		ret = update_state_mount(&state, argv[4], 0, &err);
	if (ret)
		fprintf(stderr, "%s\n", err.text);
	return ret ? UPDATE_EXIT_FAILED : UPDATE_EXIT_OK;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *words;
	const char *text;
} verbs[] = {
	{ "show", verb_show, "[PLAN]", "read a plan; print it, or what is wrong with it" },
	{ "move", verb_move, "[PLAN]",
	  "as process 1, in a root in RAM: release the old root, write, reboot; also when\n"
	  "      called as /shutdown, by systemd" },
	{ "state", verb_state, "DEVICE FSTYPE DIR WHERE", "mount the state of update.conf there" },
	{ "resume", verb_resume, "",
	  "in an initramfs, as process 1: bring the update that was cut to its end" },
	{ "write", verb_write, "[--from CURSOR] [--state DIR] [--force] [PLAN]",
	  "write its images and read them back, and nothing else\n"
	  "      --from CURSOR  go on there\n"
	  "      --state DIR    where images of the plan's state (\"state:\") are\n"
	  "      --force        a block device that is mounted, too" },
	{ "gate", verb_gate, "FILE [COMMAND...]",
	  "for the inittab of an update: wait there; with COMMAND run that, unless it is shut" },
};

static int usage(FILE *to, int status)
{
	size_t i;

	fputs("usage: pvkit-update VERB [OPTION...] [PLAN]\n\n", to);
	for (i = 0; i < PVK_ARRAY_SIZE(verbs); i++)
		fprintf(to, "  %s %s\n      %s\n", verbs[i].name, verbs[i].words, verbs[i].text);
	fputs("\nPLAN is " PLAN_FILE " unless it is named.\n"
	      "Exit status: 0 done, 1 failed and nothing was changed, 2 usage, 3 failed while\n"
	      "it was written, 4 stopped by a signal. See pvkit-update(8).\n", to);
	return status;
}

int main(int argc, char **argv)
{
	size_t i;
	int ret;

	/* systemd-shutdown's words say what was asked of it, which is a reboot. */
	if (argc && !strcmp(argv[0], SHUTDOWN))
		return verb_move(1, argv);
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return usage(stdout, UPDATE_EXIT_OK);
	for (i = 0; argc > 1 && i < PVK_ARRAY_SIZE(verbs); i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		ret = verbs[i].run(argc - 1, argv + 1);
		return ret == UPDATE_EXIT_USAGE ? usage(stderr, ret) : ret;
	}
	return usage(stderr, UPDATE_EXIT_USAGE);
}
