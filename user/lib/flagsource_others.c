// SPDX-License-Identifier: MIT
/* The command line and GPIO lines as sources: read only, and as they are by now. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmdline.h"
#include "flagsource_int.h"
#include "gpioline.h"

static void failed(struct pvk_store *store, int ret, const struct pvk_err *err)
{
	store->state = ret == -ENOENT || ret == -ENODEV ? PV_BOOTFLAG_STATE_ABSENT :
		PV_BOOTFLAG_STATE_FAILED;
	store->error = -ret;
	snprintf(store->text, sizeof(store->text), "%.*s", (int)sizeof(store->text) - 1,
		 err->text);
}

/* ---- the command line ---- */

static void read_cmdline(struct pvk_store *store, const struct pvk_flagconf *conf)
{
	const char *keys[PVB_FIELDS] = { NULL };
	struct pvk_err err = { .text = "" };
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct pvk_cmdline cmdline;
	unsigned int field;
	int ret;

	for (field = 1; field < PVB_FIELDS; field++) {
		keys[field] = conf->key[field];
		if (keys[field][0])
			store->offers |= PVB_HAS(field);
	}
	ret = pvk_cmdline_read(&cmdline, conf->cmdline_file, &err);
	if (ret) {
		failed(store, ret, &err);
		return;
	}
	pvk_cmdline_flags(&cmdline, keys, &store->flags, &warnings);
	store->boot = store->flags;
	store->state = PV_BOOTFLAG_STATE_READY;
	if (warnings.count)
		snprintf(store->text, sizeof(store->text), "warning: %s", warnings.item[0]);
}

static int add_cmdline(struct pvk_flagsources *list, const struct pvk_flagconf *conf,
		       struct pvk_err *err)
{
	struct pvk_flagsource *source = flagsource_add(list, PVK_SOURCE_CMDLINE, err);

	if (!source)
		return -ENOMEM;
	strcpy(source->store.name, PVK_SOURCE_NAME_CMDLINE);
	strcpy(source->store.medium, "command line");
	snprintf(source->store.spec, sizeof(source->store.spec), "%.*s",
		 (int)sizeof(source->store.spec) - 1, conf->cmdline_file);
	read_cmdline(&source->store, conf);
	return 0;
}

/* ---- GPIO lines ---- */

static void read_gpio(struct pvk_store *store, const struct pvk_flagconf *conf,
		      const struct pvk_flagconf_gpio *gpio)
{
	const struct pvk_gpioline line = {
		.chip = gpio->chip, .name = gpio->line_name, .line = gpio->line,
		.active_low = gpio->active_low,
	};
	struct pvk_err err = { .text = "" };
	int ret;

	store->offers = gpio->flags.has;
	ret = pvk_gpioline_read(&line, conf->dev, &err);
	if (ret < 0) {
		failed(store, ret, &err);
		return;
	}
	store->state = PV_BOOTFLAG_STATE_READY;
	if (ret) {
		store->flags = gpio->flags;
		store->boot = gpio->flags;
	}
}

static int add_gpio(struct pvk_flagsources *list, const struct pvk_flagconf *conf,
		    const struct pvk_flagconf_gpio *gpio, struct pvk_err *err)
{
	struct pvk_flagsource *source = flagsource_add(list, PVK_SOURCE_GPIO, err);
	struct pvk_store *store;

	if (!source)
		return -ENOMEM;
	store = &source->store;
	snprintf(store->name, sizeof(store->name), PVK_SOURCE_NAME_GPIO ":%s", gpio->name);
	strcpy(store->medium, "GPIO line");
	if (gpio->line_name[0])
		snprintf(store->spec, sizeof(store->spec), "%s %s", gpio->chip, gpio->line_name);
	else
		snprintf(store->spec, sizeof(store->spec), "%s %u", gpio->chip, gpio->line);
	read_gpio(store, conf, gpio);
	return 0;
}

int flagsource_add_others(struct pvk_flagsources *list, const struct pvk_flagconf *conf,
			  struct pvk_err *err)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < conf->n_gpios && !ret; i++)
		ret = add_gpio(list, conf, &conf->gpio[i], err);
	if (!ret && conf->cmdline)
		ret = add_cmdline(list, conf, err);
	return ret;
}
