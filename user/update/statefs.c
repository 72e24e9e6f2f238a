// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "owned.h"
#include "root.h"
#include "statefs.h"

#define LOG_MAX		(256 * 1024)	/* bytes; then it begins anew */

/* It is looked for below a mount point, and nowhere else. */
static bool is_dir(const char *dir)
{
	return dir[0] == '/' && !strstr(dir, "/../") &&
	       (strlen(dir) < 3 || strcmp(dir + strlen(dir) - 3, "/..") != 0);
}

int update_state_init(struct update_state *state, const char *device, const char *fstype,
		      const char *dir, struct pvk_err *err)
{
	size_t len = strlen(dir);

	*state = (struct update_state){ .device = "" };
	if (!device[0] || strlen(device) >= sizeof(state->device) ||
	    strlen(fstype) >= sizeof(state->fstype))
		return pvk_err_set(err, -EINVAL, "state: no device or type is \"%s %s\"", device,
				   fstype);
	if (!is_dir(dir) || len >= sizeof(state->dir))
		return pvk_err_set(err, -EINVAL,
				   "state: %s: not a directory from the device's own / on", dir);
	strcpy(state->device, device);
	if (strcmp(fstype, "auto") != 0)
		strcpy(state->fstype, fstype);
	while (len && dir[len - 1] == '/')
		len--;
	memcpy(state->dir, dir, len);
	return 0;
}

/* ---- mounting ---- */

int update_state_mount(struct update_state *state, const char *where, unsigned int seconds,
		       struct pvk_err *err)
{
	struct pvk_err why = { .text = "" };
	struct pvk_cmdline cmdline = { 0 };
	struct boot_conf boot = { .access = CONF_RW };
	struct conf conf = { .root_wait = seconds };
	struct root root;
	int ret;

	if (strlen(where) >= sizeof(state->where))
		return pvk_err_set(err, -ENAMETOOLONG, "state: %s", where);
	snprintf(boot.root, sizeof(boot.root), "%s", state->device);
	snprintf(boot.fstype, sizeof(boot.fstype), "%s", state->fstype);
	pvk_cmdline_read(&cmdline, PVK_CMDLINE_FILE, NULL);
	ret = root_find(&root, &conf, &boot, &cmdline, &why);
	if (!ret && mkdir(where, 0700) && errno != EEXIST)
		ret = pvk_err_set(&why, -errno, "%s: %s", where, strerror(errno));
	if (!ret)
		ret = root_mount(&root, where, &why);
	if (ret)
		return pvk_err_set(err, ret, "state %s: %s", state->device, why.text);
	snprintf(state->source, sizeof(state->source), "%s", root.source);
	update_state_mounted(state, where);
	return 0;
}

void update_state_mounted(struct update_state *state, const char *where)
{
	snprintf(state->where, sizeof(state->where), "%s", where);
}

int update_state_unmount(struct update_state *state, struct pvk_err *err)
{
	if (!state->where[0])
		return 0;
	if (umount(state->where))
		return pvk_err_set(err, -errno, "state %s: %s", state->where, strerror(errno));
	state->where[0] = '\0';
	return 0;
}

/* ---- what is on it ---- */

const char *update_state_path(const struct update_state *state, const char *name, char *path)
{
	snprintf(path, PATH_MAX, "%s%s/%s", state->where, state->dir, name);
	return path;
}

int update_state_open(const struct update_state *state, struct pvk_err *err)
{
	struct pvk_err why = { .text = "" };
	pvk_auto_close int top = open(state->where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (top < 0)
		return pvk_err_set(err, -errno, "state: %s: %s", state->where, strerror(errno));
	fd = pvk_owned_open(top, state->dir, O_RDONLY | O_DIRECTORY, &why);
	return fd < 0 ? pvk_err_set(err, fd, "state: %s", why.text) : fd;
}

int update_state_put(const struct update_state *state, const char *name, const char *text,
		     struct pvk_err *err)
{
	pvk_auto_close int dir = update_state_open(state, err);
	char temp[NAME_MAX];
	int ret;

	if (dir < 0)
		return dir;
	snprintf(temp, sizeof(temp), "%s.new", name);
	ret = pvk_replace_file(dir, name, temp, text, strlen(text), 0600);
	return ret ? pvk_err_set(err, ret, "state: %s: %s", name, strerror(-ret)) : 0;
}

void update_state_log(const struct update_state *state, const char *fmt, ...)
{
	pvk_auto_close int dir = state->where[0] ? update_state_open(state, NULL) : -ENOENT;
	pvk_auto_close int fd = -1;
	char line[1024];
	struct stat st;
	va_list ap;
	int len;

	if (dir < 0)
		return;
	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	if (len > (int)sizeof(line) - 2)
		len = (int)sizeof(line) - 2;
	line[len++] = '\n';
	fd = openat(dir, UPDATE_STATE_LOG, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0 || (!fstat(fd, &st) && st.st_size > LOG_MAX && ftruncate(fd, 0)))
		return;
	if (write(fd, line, (size_t)len) == len)
		fdatasync(fd);
}
