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

/* The name of a parameter: what else stands there would be read as another word. */
static bool is_name(const char *name)
{
	static const char of_a_name[] = "abcdefghijklmnopqrstuvwxyz" "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789" "_.-";

	return name[0] && name[0] != '-' && !name[strspn(name, of_a_name)];
}

/* Is that one word to the kernel, in which a quote is open (or not) to begin with? */
static bool is_one_word(const char *value, bool quoted, bool *open)
{
	*open = quoted;
	for (; *value; value++) {
		if (*value == '"')
			*open = !*open;
		else if (!*open && pvk_cmdline_is_blank(*value))
			return false;
	}
	return true;
}

/*
 * A value came without the quotes around it, but with those inside. Written so that the
 * kernel finds the same once more: a quote before the value goes, and one at its end if
 * there is one before it or before the name. quoted: one is open where the value begins.
 */
static bool put_value(struct pvk_buf *params, const char *name, const char *value, bool quoted)
{
	bool open, plain;

	if (!is_one_word(value, quoted, &open))
		return false;
	plain = !quoted && !open && value[0] != '"';
	if (!plain && !open && value[strlen(value) - 1] == '"')
		return false;
	pvk_buf_printf(params, "%s%s%s=%s%s%s", params->len ? " " : "",
		       plain || quoted ? "" : "\"", name, plain ? "" : "\"", value,
		       open ? "\"" : "");
	return true;
}

void modules_params(const char *path, const struct pvk_cmdline *cmdline, struct pvk_buf *params)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t len = strcspn(name, "."), i;

	for (i = 0; i < cmdline->count; i++) {
		const char *key = cmdline->text + cmdline->key[i];
		const char *value = cmdline->text + cmdline->value[i];

		if (strcspn(key, ".") != len || !key[len] || !same_name(key, name, len))
			continue;
		/* Attached in root_ubi.c once it is there; before that ubi would not load. */
		if (!strcmp(key, "ubi.mtd") || !is_name(key + len + 1))
			continue;
		if (!cmdline->value[i])
			pvk_buf_printf(params, "%s%s", params->len ? " " : "", key + len + 1);
		else if (!put_value(params, key + len + 1, value, false) &&
			 !put_value(params, key + len + 1, value, true))
			say("command line: %s: a quote is not closed", key);
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
