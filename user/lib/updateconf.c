// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "confline.h"
#include "updateconf.h"

#define BLANKS	" \t"

void pvk_updateconf_init(struct pvk_updateconf *conf)
{
	*conf = (struct pvk_updateconf){
		.ram = "/run/initramfs",
		.program = "pvkit-update",
		.term = 30,
		.kill = 30,
		.watchdog = 3600,
	};
}

static int take_text(char *to, size_t size, const char *name, const char *value,
		     struct pvk_err *err)
{
	if (!*value || strlen(value) >= size)
		return pvk_err_set(err, -EINVAL, "%s is 1 to %zu characters long", name, size - 1);
	strcpy(to, value);
	return 0;
}

/* Where it leads is not to depend on anything that somebody else may change. */
static bool is_plain_path(const char *path)
{
	return path[0] == '/' && path[1] && !strstr(path, "/../") && !strstr(path, "//") &&
	       (strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0);
}

static int take_path(char *to, size_t size, const char *name, const char *value,
		     struct pvk_err *err)
{
	if (!is_plain_path(value))
		return pvk_err_set(err, -EINVAL, "%s: a path that begins with a /, not %s", name,
				   value);
	return take_text(to, size, name, value, err);
}

static int take_state(struct pvk_updateconf *conf, char *value, struct pvk_err *err)
{
	char *device = strtok_r(value, BLANKS, &value), *fs = strtok_r(NULL, BLANKS, &value);
	char *dir = strtok_r(NULL, BLANKS, &value);
	int ret;

	if (!fs || strtok_r(NULL, BLANKS, &value))
		return pvk_err_set(err, -EINVAL, "state takes DEVICE FSTYPE [DIR]");
	ret = take_text(conf->state_device, sizeof(conf->state_device), "its device", device, err);
	if (!ret)
		ret = take_text(conf->state_fs, sizeof(conf->state_fs), "its type", fs, err);
	return ret ? ret : take_path(conf->state_dir, sizeof(conf->state_dir), "state",
				     dir ? dir : "/pvkit-update", err);
}

static int take_init(struct pvk_updateconf *conf, const char *value, struct pvk_err *err)
{
	static const char *const word[] = { "auto", "systemd", "busybox" };
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(word); i++) {
		if (strcmp(value, word[i]) != 0)
			continue;
		conf->init = (enum pvk_update_init)i;
		return 0;
	}
	return pvk_err_set(err, -EINVAL, "init is auto, systemd or busybox, not %s", value);
}

static int take_stop(struct pvk_updateconf *conf, const char *value, struct pvk_err *err)
{
	if (conf->stops == PVK_UPDATECONF_STOPS_MAX)
		return pvk_err_set(err, -EINVAL, "more than %d lines of stop",
				   PVK_UPDATECONF_STOPS_MAX);
	return take_text(conf->stop[conf->stops++], sizeof(conf->stop[0]), "stop", value, err);
}

static int take_seconds(unsigned int *seconds, const char *name, const char *value,
			struct pvk_err *err)
{
	const char *at = value;

	if (!pvk_take_uint(&at, seconds) || *at || !*seconds ||
	    *seconds > PVK_UPDATECONF_SECONDS_MAX)
		return pvk_err_set(err, -EINVAL, "%s is 1 to %d, not %s", name,
				   PVK_UPDATECONF_SECONDS_MAX, value);
	return 0;
}

int pvk_updateconf_set(struct pvk_updateconf *conf, const char *name, char *value,
		       struct pvk_err *err)
{
	if (!strcmp(name, "copy-bin") || !strcmp(name, "copy-data"))
		return 0;
	if (!strcmp(name, "state"))
		return take_state(conf, value, err);
	if (!strcmp(name, "ram"))
		return take_path(conf->ram, sizeof(conf->ram), name, value, err);
	if (!strcmp(name, "program"))
		return take_text(conf->program, sizeof(conf->program), name, value, err);
	if (!strcmp(name, "init"))
		return take_init(conf, value, err);
	if (!strcmp(name, "stop"))
		return take_stop(conf, value, err);
	if (!strcmp(name, "term-seconds"))
		return take_seconds(&conf->term, name, value, err);
	if (!strcmp(name, "kill-seconds"))
		return take_seconds(&conf->kill, name, value, err);
	if (!strcmp(name, "watchdog-seconds"))
		return take_seconds(&conf->watchdog, name, value, err);
	return pvk_err_set(err, -EINVAL, "%s: no such setting", name);
}

static int take_line(void *arg, char *line, unsigned int n, struct pvk_err *err)
{
	char *name, *value;

	(void)n;
	return pvk_conf_line(line, &name, &value) ? pvk_updateconf_set(arg, name, value, err) : 0;
}

int pvk_updateconf_read(struct pvk_updateconf *conf, const char *path, struct pvk_err *err)
{
	pvk_updateconf_init(conf);
	return pvk_conf_read(path, take_line, conf, err);
}
