// SPDX-License-Identifier: MIT
/* The U-Boot environment as a source: what user/lib/flagsource_env.c is elsewhere. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flagsource_int.h"
#include "stores.h"
#include "ubootcopy.h"
#include "ubootfield.h"

struct environment {
	const struct ubootcopies *copies;
	const struct ubootcopy *current;
};

static char *get_variable(void *arg, const char *name)
{
	struct environment *env = arg;
	const char *value = ubootcopies_value(env->copies, env->current, name);

	return value ? strdup(value) : NULL;
}

/* No copy is whole: was there ever one? */
static int judge_none(const struct ubootcopies *copies, struct pvk_err *err)
{
	const struct ubootcopy *c = copies->copy;
	bool blank = true;
	unsigned int i;

	for (i = 0; i < copies->count; i++) {
		if (c[i].error)
			return pvk_err_set(err, c[i].error, "%s: %s", c[i].path,
					   ubootcopy_why(&c[i]));
		blank = blank && ubootcopy_blank(&c[i]);
	}
	return blank ? -ENODATA : pvk_err_set(err, -EBADMSG, "%s: no copy has a right checksum",
					      c->path);
}

static int read_fields(const struct pvk_flagconf *conf, struct ubootcopies *copies,
		       struct pvb_flags *flags, struct pvk_list *warnings, struct pvk_err *err)
{
	const char *variable[PVB_FIELDS] = { NULL };
	struct environment env = { .copies = copies };
	unsigned int field;
	int current;

	ubootcopies_read(copies);
	if (ubootcopies_ambiguous(copies))
		return pvk_err_set(err, -EBADMSG, "%s: not all readers take the same copy",
				   copies->copy[0].path);
	current = ubootcopies_current(copies);
	if (current < 0)
		return judge_none(copies, err);
	env.current = &copies->copy[current];
	for (field = 1; field < PVB_FIELDS; field++)
		variable[field] = conf->variable[field];
	ubootfield_read(get_variable, &env, variable, flags, warnings);
	return 0;
}

static void fill(struct pvk_store *store, const struct pvk_flagconf *conf, int ret,
		 const struct pvk_list *warnings, const struct pvk_err *err)
{
	unsigned int field;

	strcpy(store->name, PVK_SOURCE_NAME_UBOOT_ENV);
	strcpy(store->medium, "U-Boot env");
	store->state = ubootfield_state(ret);
	for (field = 1; field < PVB_FIELDS; field++)
		if (conf->variable[field][0])
			store->offers |= PVB_HAS(field);
	if (ret && ret != -ENODATA)
		snprintf(store->text, sizeof(store->text), "%.*s",
			 (int)sizeof(store->text) - 1, err->text);
	else if (warnings->count)
		snprintf(store->text, sizeof(store->text), "warning: %.*s",
			 (int)sizeof(store->text) - 16, warnings->item[0]);
	store->boot = store->flags;
}

int source_env_read(struct pvk_flagsources *list, const struct pvk_flagconf *conf,
		    struct pvk_err *err)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct pvk_err why = { .text = "" };
	struct ubootcopies *copies;
	struct pvk_flagsource *source;
	int ret;

	if (!conf->uboot_env[0])
		return 0;
	copies = calloc(1, sizeof(*copies));
	if (!copies)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	ret = ubootcopies_config(copies, conf->uboot_env, &why);
	if (ret == -ENOENT && !conf->uboot_env_given)
		goto out;
	source = flagsource_add(list, PVK_SOURCE_UBOOT_ENV, err);
	if (!source) {
		free(copies);
		return -ENOMEM;
	}
	if (!ret)
		ret = read_fields(conf, copies, &source->store.flags, &warnings, &why);
	fill(&source->store, conf, ret, &warnings, &why);
	ubootcopies_free(copies);
out:
	free(copies);
	return 0;
}
