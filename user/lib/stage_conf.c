// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "confline.h"
#include "stage.h"
#include "updateconf.h"

#define BLANKS	" \t\n"

static int copy_bin(struct pvk_stage *stage, char *value, struct pvk_err *err)
{
	char *spec = strsep(&value, BLANKS), *word = NULL;

	if (value) {
		value += strspn(value, BLANKS);
		word = strsep(&value, BLANKS);
	}
	if (value)
		return pvk_err_set(err, -EINVAL,
				   "copy-bin takes a program and the word that it is tried with");
	return pvk_stage_program(stage, spec, word, err);
}

static int take_line(void *arg, char *line, unsigned int n, struct pvk_err *err)
{
	struct pvk_updateconf others = { .stops = 0 };
	struct pvk_stage *stage = arg;
	char *name, *value;

	(void)n;
	if (!pvk_conf_line(line, &name, &value))
		return 0;
	if (strcmp(name, "copy-bin") != 0 && strcmp(name, "copy-data") != 0)
		return pvk_updateconf_set(&others, name, value, err);
	if (!*value)
		return pvk_err_set(err, -EINVAL, "%s wants a path", name);
	return !strcmp(name, "copy-bin") ? copy_bin(stage, value, err) :
					   pvk_stage_data(stage, value, err);
}

int pvk_stage_conf(struct pvk_stage *stage, const char *path, struct pvk_err *err)
{
	return pvk_conf_read(path, take_line, stage, err);
}

static int take_variable(struct pvk_stage *stage, const char *name, bool bin, struct pvk_err *err)
{
	const char *value = getenv(name);
	pvk_auto_free char *copy = value ? strdup(value) : NULL;
	struct pvk_err why = { .text = "" };
	char *rest = copy, *word;
	int ret = 0;

	if (value && !copy)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	while (!ret && (word = strsep(&rest, BLANKS)))
		if (*word)
			ret = bin ? pvk_stage_program(stage, word, NULL, &why) :
				    pvk_stage_data(stage, word, &why);
	return ret ? pvk_err_set(err, ret, "%s: %s", name, why.text) : 0;
}

int pvk_stage_env(struct pvk_stage *stage, struct pvk_err *err)
{
	int ret = take_variable(stage, "RAMFS_COPY_BIN", true, err);

	return ret ? ret : take_variable(stage, "RAMFS_COPY_DATA", false, err);
}
