// SPDX-License-Identifier: MIT
/* What pv_bootflag has, over sysfs: it is the only one that touches the media. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "console.h"
#include "flagsource_int.h"
#include "stores.h"

#define CLASS		"class/pv_bootflag"
#define STORES_MAX	64
#define LINE_SIZE	1024

/* The file's first line; "" of one that can't be read. */
static const char *read_line(int dir, const char *name, char *line)
{
	pvk_auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	line[0] = '\0';
	if (fd < 0)
		return line;
	n = read(fd, line, LINE_SIZE - 1);
	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static int write_line(int dir, const char *name, const char *line)
{
	pvk_auto_close int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, line, strlen(line)) < 0 ? -errno : 0;
}

static int open_class(const char *sys)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/" CLASS, sys);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The same words again change nothing, and others are an error that the log explains. */
static void add_described(int class, const struct pvk_flagconf *conf)
{
	char line[LINE_SIZE];
	unsigned int i;
	int ret;

	for (i = 0; i < conf->n_stores; i++) {
		snprintf(line, sizeof(line), "%s %s", conf->store[i].name, conf->store[i].words);
		ret = write_line(class, "add", line);
		if (ret)
			say("flags.conf: store.%s: not added: %s", conf->store[i].name,
			    strerror(-ret));
	}
}

static uint32_t state_find(const char *name)
{
	uint32_t state;

	for (state = PV_BOOTFLAG_STATE_ABSENT; state <= PV_BOOTFLAG_STATE_FAILED; state++)
		if (!strcmp(pvk_store_state_name(state), name))
			return state;
	return PV_BOOTFLAG_STATE_FAILED;
}

static void read_fields(int dir, const char *prefix, struct pvb_flags *flags)
{
	char line[LINE_SIZE], name[32];
	unsigned int field;

	for (field = 1; field < PVB_FIELDS; field++) {
		snprintf(name, sizeof(name), "%s%s", prefix, pvk_field_name(field));
		if (!*read_line(dir, name, line))
			continue;
		/* A medium's text is what it is. */
		if (PVB_HAS(field) & PVB_TEXT_FIELDS)
			pvk_flags_take(flags, field, line);
		else
			pvk_flags_set(flags, field, line, NULL);
	}
}

static uint32_t read_offers(int dir)
{
	char line[LINE_SIZE], *rest = line, *word;
	uint32_t offers = 0;

	read_line(dir, "offers", line);
	while ((word = strsep(&rest, " ")))
		if (pvk_field_find(word))
			offers |= PVB_HAS(pvk_field_find(word));
	return offers;
}

static void read_store(int dir, struct pvk_store *store)
{
	char line[LINE_SIZE], *text;

	store->state = state_find(read_line(dir, "state", line));
	store->offers = read_offers(dir);
	read_fields(dir, "", &store->flags);
	read_fields(dir, "boot_", &store->boot);
	snprintf(store->medium, sizeof(store->medium), "%.15s", read_line(dir, "medium", line));
	snprintf(store->format, sizeof(store->format), "%.15s", read_line(dir, "format", line));
	/* "ERRNO TEXT" */
	read_line(dir, "error", line);
	store->error = (int)strtol(line, &text, 10);
	snprintf(store->text, sizeof(store->text), "%.*s", (int)sizeof(store->text) - 1,
		 text + strspn(text, " "));
}

struct found {
	char name[PVK_STORE_NAME_SIZE];
	ino_t ino;
};

/* In the order in which they were added, as inodes of sysfs are numbered. */
static unsigned int find_stores(int class, struct found *found)
{
	DIR *dir = fdopendir(dup(class));
	unsigned int n = 0, i;
	struct dirent *entry;
	struct found one;
	struct stat st;

	while (dir && n < STORES_MAX && (entry = readdir(dir))) {
		if (!pvk_store_name_ok(entry->d_name) ||
		    fstatat(class, entry->d_name, &st, 0) || !S_ISDIR(st.st_mode))
			continue;
		one.ino = st.st_ino;
		strcpy(one.name, entry->d_name);
		for (i = n++; i && found[i - 1].ino > one.ino; i--)
			found[i] = found[i - 1];
		found[i] = one;
	}
	if (dir)
		closedir(dir);
	return n;
}

int store_kernel_read(struct pvk_flagsources *list, const struct pvk_flagconf *conf,
		      const char *sys, struct pvk_err *err)
{
	pvk_auto_close int class = open_class(sys);
	struct found found[STORES_MAX];
	struct pvk_flagsource *source;
	unsigned int i, n;

	if (class < 0)
		return -ENOENT;
	add_described(class, conf);
	n = find_stores(class, found);
	for (i = 0; i < n; i++) {
		pvk_auto_close int dir = openat(class, found[i].name,
						O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir < 0)
			continue;
		source = flagsource_add(list, PVK_SOURCE_KERNEL, err);
		if (!source)
			return -ENOMEM;
		strcpy(source->store.name, found[i].name);
		read_store(dir, &source->store);
		source->writable = true;
	}
	return 0;
}

int store_kernel_set(const struct pvk_store *store, const char *sys,
		     const struct pvk_change *change, struct pvk_err *err)
{
	pvk_auto_buf struct pvk_buf line = PVK_BUF_INIT(LINE_SIZE);
	pvk_auto_close int class = open_class(sys);
	char text[PVK_FLAG_TEXT_SIZE], path[PVK_STORE_NAME_SIZE + 8];
	unsigned int field;
	int ret;

	if (class < 0)
		return -ENOENT;
	if (change->force)
		pvk_buf_puts(&line, "force");
	for (field = 1; field < PVB_FIELDS; field++) {
		if (!(pvk_change_fields(change) & PVB_HAS(field)))
			continue;
		pvk_flags_text(&change->set, field, text);
		/* sysfs has slots as numbers */
		if (field == PVB_SLOT && *text)
			snprintf(text, sizeof(text), "%u", change->set.slot);
		pvk_buf_printf(&line, "%s%s=\"%s\"", line.len ? " " : "", pvk_field_name(field),
			       text);
	}
	snprintf(path, sizeof(path), "%s/set", store->name);
	ret = write_line(class, path, pvk_buf_str(&line));
	return ret ? pvk_err_set(err, ret == -ENOENT ? -ENODEV : ret, "%s: %s", store->name,
				 strerror(-ret)) : 0;
}
