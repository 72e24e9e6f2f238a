// SPDX-License-Identifier: MIT
/*
 * pvkit-update - the part of an in-place update that runs when the old system is gone
 *
 * One static program, copied to RAM by pvkit or packed into an initramfs. A verb is a row of
 * the table. Documentation/pivot.md is for those who use it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plan.h"

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

static int verb_show(const char *path)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(PLAN_TEXT_MAX);
	struct pvk_err err = { .text = "" };
	static struct plan plan;
	int ret = plan_read(&plan, path, &err);

	if (!ret)
		ret = plan_print(&plan, &text, &err);
	plan_free(&plan);
	if (ret) {
		fprintf(stderr, "pvkit-update: %s\n", err.text);
		return EXIT_FAILED;
	}
	fputs(pvk_buf_str(&text), stdout);
	return fflush(stdout) ? EXIT_FAILED : EXIT_OK;
}

static const struct {
	const char *name;
	int (*run)(const char *plan);
	const char *text;
} verbs[] = {
	{ "show", verb_show, "read a plan, say what is wrong with it or what it is" },
};

static int usage(FILE *to, int status)
{
	size_t i;

	fputs("usage: pvkit-update VERB [PLAN]\n\n", to);
	for (i = 0; i < PVK_ARRAY_SIZE(verbs); i++)
		fprintf(to, "  %-8s %s\n", verbs[i].name, verbs[i].text);
	fputs("\nPLAN is " PLAN_FILE " unless it is named. See pvkit-update(8).\n", to);
	return status;
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return usage(stdout, EXIT_OK);
	for (i = 0; argc > 1 && argc <= 3 && i < PVK_ARRAY_SIZE(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc > 2 ? argv[2] : PLAN_FILE);
	return usage(stderr, EXIT_USAGE);
}
