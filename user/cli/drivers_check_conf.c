// SPDX-License-Identifier: MIT
/*
 * Read here and not by libkmod, which says neither file nor line, and which
 * adds what the command line of this machine's kernel holds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "drivers_check.h"

#define FILE_BYTES_MAX	(1024 * 1024)
#define LINES_MAX	65536

static const char *const kinds[] = {
	[CONF_BLACKLIST] = "blacklist",
	[CONF_INSTALL] = "install",
	[CONF_OPTIONS] = "options",
	[CONF_SOFTDEP] = "softdep",
};

static int add_line(struct conf *conf, enum conf_kind kind, const char *module,
		    const char *rest, unsigned int number)
{
	struct conf_line *line;
	int ret = pvk_grow((void **)&conf->line, conf->count, sizeof(*line), LINES_MAX);

	if (ret)
		return ret;
	line = &conf->line[conf->count++];
	*line = (struct conf_line){
		.kind = kind,
		.module = strdup(module),
		.rest = strdup(rest),
		.file = conf->files.item[conf->files.count - 1],
		.line = number,
	};
	return line->module && line->rest ? 0 : -ENOMEM;
}

static int take_line(struct conf *conf, char *text, unsigned int number)
{
	static const char blank[] = " \t\r";
	char *word, *module;
	size_t kind;

	text += strspn(text, blank);
	word = strsep(&text, blank);
	for (kind = 0; kind < PVK_ARRAY_SIZE(kinds); kind++)
		if (!strcmp(word, kinds[kind]))
			break;
	if (kind == PVK_ARRAY_SIZE(kinds) || !text)
		return 0;
	text += strspn(text, blank);
	module = strsep(&text, blank);
	if (!text)
		text = module + strlen(module);
	return module[0] ? add_line(conf, (enum conf_kind)kind, module,
				    text + strspn(text, blank), number) : 0;
}

/* A line that ends in a backslash goes on in the next one. */
static int take_file(struct conf *conf, char *text)
{
	unsigned int number = 0, first;
	char *end;
	int ret = 0;

	while (text && !ret) {
		first = ++number;
		for (end = strchr(text, '\n'); end && end > text && end[-1] == '\\';
		     end = strchr(end, '\n')) {
			end[-1] = ' ';
			*end = ' ';
			number++;
		}
		if (end)
			*end++ = '\0';
		if (text[strspn(text, " \t")] != '#')
			ret = take_line(conf, text, first);
		text = end;
	}
	return ret;
}

static bool seen(const struct conf *conf, const char *base)
{
	size_t i;

	for (i = 0; i < conf->files.count; i++)
		if (!strcmp(strrchr(conf->files.item[i], '/') + 1, base))
			return true;
	return false;
}

static int read_file(struct conf *conf, const char *dir, const char *base)
{
	pvk_auto_free char *text = NULL;
	char path[2 * PATH_MAX];
	int ret;

	snprintf(path, sizeof(path), "%s/%s", dir, base);
	ret = pvk_read_file(AT_FDCWD, path, FILE_BYTES_MAX, &text, NULL);
	if (ret)
		return ret == -ENOMEM ? ret : 0;
	ret = words_add(&conf->files, path, strlen(path));
	return ret ? ret : take_file(conf, text);
}

static int is_conf(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && !strcmp(dot, ".conf");
}

/* A file hides those of the same name in later directories, as for modprobe. */
int conf_read(struct conf *conf, const char *sysroot)
{
	static const char *const dirs[] = {
		"etc", "run", "usr/local/lib", "usr/lib", "lib",
	};
	struct dirent **entry;
	char dir[PATH_MAX];
	int ret = 0, n, i;
	size_t k;

	for (k = 0; k < PVK_ARRAY_SIZE(dirs); k++) {
		if (snprintf(dir, sizeof(dir), "%s/%s/modprobe.d", sysroot, dirs[k]) >=
		    (int)sizeof(dir))
			continue;
		n = scandir(dir, &entry, is_conf, alphasort);
		for (i = 0; i < n; i++) {
			if (!ret && !seen(conf, entry[i]->d_name))
				ret = read_file(conf, dir, entry[i]->d_name);
			free(entry[i]);
		}
		if (n >= 0)
			free(entry);
	}
	return ret;
}

void conf_free(struct conf *conf)
{
	size_t i;

	for (i = 0; i < conf->count; i++) {
		free(conf->line[i].module);
		free(conf->line[i].rest);
	}
	free(conf->line);
	words_free(&conf->files);
	*conf = (struct conf){ 0 };
}

const struct conf_line *conf_find(const struct conf *conf, enum conf_kind kind,
				  const char *module, const struct conf_line *after)
{
	const struct conf_line *line = after ? after + 1 : conf->line;

	for (; line && line < conf->line + conf->count; line++)
		if (line->kind == kind && pvk_dash_equal(line->module, module))
			return line;
	return NULL;
}
