// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "console.h"
#include "modules.h"

#define LIST_MAX	(64 * 1024)
#define PARAMS_MAX	4096

/* As modprobe has it: '-' and '_' are the same in a module's name. */
static bool same_name(const char *a, const char *b, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (a[i] != b[i] && !((a[i] == '-' || a[i] == '_') && (b[i] == '-' || b[i] == '_')))
			return false;
	return true;
}

void modules_params(const char *path, const struct pvk_cmdline *cmdline, struct pvk_buf *params)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t len = strcspn(name, "."), i;

	for (i = 0; i < cmdline->count; i++) {
		const char *key = cmdline->text + cmdline->key[i];

		if (strcspn(key, ".") != len || !key[len] || !same_name(key, name, len))
			continue;
		/* Attached in root_ubi.c once it is there; before that ubi would not load. */
		if (!strcmp(key, "ubi.mtd"))
			continue;
		pvk_buf_printf(params, "%s%s", params->len ? " " : "", key + len + 1);
		/* A value with blanks went without its quotes. */
		if (cmdline->value[i])
			pvk_buf_printf(params, "=\"%s\"", cmdline->text + cmdline->value[i]);
	}
}

static void load(char *line, const struct pvk_cmdline *cmdline)
{
	pvk_auto_buf struct pvk_buf params = PVK_BUF_INIT(PARAMS_MAX);
	bool may_fail = line[0] == '?';
	char *path = line + may_fail;
	size_t len = strcspn(path, " ");
	int fd;

	if (path[len]) {
		path[len] = '\0';
		pvk_buf_puts(&params, path + len + 1);
	}
	modules_params(path, cmdline, &params);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && (!syscall(SYS_finit_module, fd, pvk_buf_str(&params), 0) ||
			errno == EEXIST))
		say_debug("loaded %s %s", path, pvk_buf_str(&params));
	else if (may_fail)
		say_debug("%s: %s", path, strerror(errno));
	else
		say("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void modules_load(const char *list, const struct pvk_cmdline *cmdline)
{
	pvk_auto_free char *text = NULL;
	char *rest, *line;
	int ret = pvk_read_file(AT_FDCWD, list, LIST_MAX, &text, NULL);

	if (ret) {
		if (ret != -ENOENT)
			say("%s: %s", list, strerror(-ret));
		return;
	}
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (*line)
			load(line, cmdline);
}
