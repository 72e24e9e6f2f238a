// SPDX-License-Identifier: MIT
/*
 * What the system itself says of a module: /sys/module, and the lists that
 * depmod made for the running kernel, where pvkitd looks for modules.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "cli.h"
#include "state.h"

/* Of "kernel/net/mac80211.ko.xz" the name, with "_" for "-"; false if it has none. */
static bool name_of(const char *path, size_t len, char *name)
{
	const char *slash = memrchr(path, '/', len);
	size_t i;

	if (slash) {
		len -= (size_t)(slash + 1 - path);
		path = slash + 1;
	}
	for (i = 0; i < len && path[i] != '.'; i++) {
		if (i == PV_DRIVER_MAX_MODULE)
			return false;
		name[i] = path[i] == '-' ? '_' : path[i];
	}
	name[i] = '\0';
	return i > 0;
}

/* Where depmod's lists are: of pvkitd's directories those that have them. */
struct trees {
	char dir[PVK_STATE_MODULES][PATH_MAX];
	unsigned int count;
};

/* DIR, or DIR/RELEASE if only that has an index: as pvkitd takes it. */
static void add_tree(struct trees *trees, const char *dir, const char *release)
{
	char *to = trees->dir[trees->count];
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/modules.dep.bin", dir) < (int)sizeof(path) &&
	    access(path, F_OK) &&
	    snprintf(to, PATH_MAX, "%s/%s", dir, release) < PATH_MAX &&
	    !access(to, F_OK)) {
		trees->count++;
		return;
	}
	if (snprintf(to, PATH_MAX, "%s", dir) < PATH_MAX)
		trees->count++;
}

static void find_trees(struct trees *trees, const struct pvk_state *state)
{
	struct utsname uts;
	unsigned int i;

	trees->count = 0;
	if (uname(&uts))
		return;
	for (i = 0; i < state->n_modules; i++)
		add_tree(trees, state->modules[i], uts.release);
	if (!state->n_modules)
		add_tree(trees, "/lib/modules", uts.release);
}

/* A list of depmod's; NULL: there is none, and so nothing in it. */
static FILE *open_list(const char *dir, const char *list)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", dir, list) >= (int)sizeof(path))
		return NULL;
	return fopen(path, "re");
}

/* Does a line of the list begin with the module's file? */
static bool has_line(const char *dir, const char *list, const char *name)
{
	FILE *f = open_list(dir, list);
	pvk_auto_free char *line = NULL;
	char word[PVK_MODULE_SIZE];
	bool found = false;
	size_t size = 0;

	while (f && !found && getline(&line, &size, f) > 0)
		found = name_of(line, strcspn(line, ":\n"), word) && strcmp(word, name) == 0;
	if (f)
		fclose(f);
	return found;
}

static bool is_builtin(const struct trees *trees, const char *name)
{
	unsigned int i;

	for (i = 0; i < trees->count; i++)
		if (has_line(trees->dir[i], "modules.builtin", name))
			return true;
	return false;
}

/* "PATH: PATH PATH...": does the first depend on the module? */
static bool line_depends(const char *line, const char *name)
{
	const char *at = line + strcspn(line, ":\n");
	char word[PVK_MODULE_SIZE];
	size_t len;

	while (*at) {
		at += strspn(at, ": \n");
		len = strcspn(at, " \n");
		if (len && name_of(at, len, word) && strcmp(word, name) == 0)
			return true;
		at += len;
	}
	return false;
}

/* The first directory that has a module counts. */
static bool is_hidden(const struct trees *trees, unsigned int before, const char *name)
{
	unsigned int i;

	for (i = 0; i < before; i++)
		if (has_line(trees->dir[i], "modules.dep", name))
			return true;
	return false;
}

static void read_dependents(struct sysmod *mod, const struct trees *trees, unsigned int at,
			    const char *name)
{
	FILE *f = open_list(trees->dir[at], "modules.dep");
	pvk_auto_free char *line = NULL;
	char word[PVK_MODULE_SIZE];
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0)
		if (line_depends(line, name) && name_of(line, strcspn(line, ":\n"), word) &&
		    !is_hidden(trees, at, word))
			pvk_buf_printf(&mod->dependents, " %s ", word);
	if (f)
		fclose(f);
}

/* One word of a file below the module's folder; "" if there is none. */
static void read_word(int dir, const char *file, char *word, size_t size)
{
	pvk_auto_close int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, word, size - 1);

	word[len > 0 ? len : 0] = '\0';
	word[strcspn(word, "\n")] = '\0';
}

static void read_holders(struct sysmod *mod, int dir)
{
	int fd = openat(dir, "holders", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *holders = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!holders) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(holders)))
		if (entry->d_name[0] != '.')
			pvk_buf_printf(&mod->holders, "%s%s", mod->holders.len ? " " : "",
				       entry->d_name);
	closedir(holders);
}

static void read_sys(struct sysmod *mod, const char *name)
{
	pvk_auto_close int dir = -1;
	char path[sizeof("/sys/module/") + PVK_MODULE_SIZE], refs[24];
	uint64_t n;

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	read_word(dir, "initstate", mod->state, sizeof(mod->state));
	/* A folder without it is that of a built-in module which has parameters. */
	mod->builtin = !mod->state[0];
	read_word(dir, "refcnt", refs, sizeof(refs));
	if (cli_number(refs, 0, INT32_MAX, &n) == 0)
		mod->refs = (int)n;
	read_holders(mod, dir);
}

void sysmod_read(struct sysmod *mod, const char *name, const struct pvk_state *state)
{
	struct trees trees;
	unsigned int i;

	*mod = (struct sysmod){
		.refs = -1, .holders = PVK_BUF_INIT(64 * 1024),
		.dependents = PVK_BUF_INIT(1024 * 1024),
	};
	find_trees(&trees, state);
	read_sys(mod, name);
	if (!mod->state[0] && !mod->builtin)
		mod->builtin = is_builtin(&trees, name);
	for (i = 0; i < trees.count; i++)
		read_dependents(mod, &trees, i, name);
}

bool sysmod_needed_by(const struct sysmod *mod, const char *other)
{
	char word[PVK_MODULE_SIZE + 2];

	snprintf(word, sizeof(word), " %s ", other);
	return strstr(pvk_buf_str(&mod->dependents), word);
}

void sysmod_free(struct sysmod *mod)
{
	pvk_buf_free(&mod->holders);
	pvk_buf_free(&mod->dependents);
}
