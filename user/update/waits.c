// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "util.h"
#include "waits.h"

#define TASK_TEXT	4096

static char *read_of(unsigned int pid, const char *task, const char *what)
{
	char path[96], *text = NULL;

	snprintf(path, sizeof(path), "/proc/%u/task/%s/%s", pid, task, what);
	return pvk_read_file(AT_FDCWD, path, TASK_TEXT, &text, NULL) ? NULL : text;
}

/* Behind the name, which may have blanks and brackets. '?': it is gone. */
static char state_of(unsigned int pid, const char *task)
{
	pvk_auto_free char *stat = read_of(pid, task, "stat");
	const char *at = stat ? strrchr(stat, ')') : NULL;

	return at && at[1] == ' ' ? at[2] : '?';
}

/* "[<0>] fuse_simple_request+0x1d/0x30\n..." */
static bool by_stack(unsigned int pid, const char *task, char *name, size_t size)
{
	pvk_auto_free char *stack = read_of(pid, task, "stack");
	const char *at = stack ? strstr(stack, "] ") : NULL;

	if (!at)
		return false;
	snprintf(name, size, "%.*s", (int)strcspn(at + 2, "+\n"), at + 2);
	return true;
}

/* Where in the kernel, if that tells: kernels without names say 0. */
static void place_of(unsigned int pid, const char *task, char *name, size_t size)
{
	pvk_auto_free char *wchan = read_of(pid, task, "wchan");

	name[0] = '\0';
	if (wchan && strcmp(wchan, "0") != 0)
		snprintf(name, size, "%.*s", (int)strcspn(wchan, "\n"), wchan);
	else
		by_stack(pid, task, name, size);
}

/* true: one that no signal reaches. */
static bool look_at(unsigned int pid, const char *task, char *text, size_t size)
{
	char state = state_of(pid, task), place[64];

	place_of(pid, task, place, sizeof(place));
	if (state == 'D' || *place)
		snprintf(text, size, "waits in the kernel%s%s", *place ? ", in " : "", place);
	return state == 'D';
}

const char *waits_in(unsigned int pid, char *text, size_t size)
{
	struct dirent *entry;
	bool found = false;
	char path[32];
	DIR *tasks;

	text[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	tasks = opendir(path);
	while (tasks && !found && (entry = readdir(tasks)))
		if (entry->d_name[0] != '.')
			found = look_at(pid, entry->d_name, text, size);
	if (tasks)
		closedir(tasks);
	return text;
}
