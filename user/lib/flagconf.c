// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bootflag.h"
#include "confline.h"
#include "flagconf.h"
#include "state.h"

#define BLANKS	" \t\r"

static const char *const default_order[] = {
	PVK_SOURCE_NAME_GPIO, PVK_SOURCE_NAME_CMDLINE, PVK_SOURCE_NAME_KERNEL,
	PVK_SOURCE_NAME_UBOOT_ENV,
};

void pvk_flagconf_init(struct pvk_flagconf *conf)
{
	unsigned int i;

	memset(conf, 0, sizeof(*conf));
	for (i = 0; i < PVK_ARRAY_SIZE(default_order); i++)
		strcpy(conf->order[conf->n_order++], default_order[i]);
	strcpy(conf->uboot_env, "/etc/fw_env.config");
	conf->cmdline = true;
	strcpy(conf->cmdline_file, "/proc/cmdline");
	strcpy(conf->keep, "/var/lib/pvkit");
	strcpy(conf->dev, "/dev");
	strcpy(conf->state, PVK_STATE_DIR);
	for (i = 1; i < PVB_FIELDS; i++) {
		snprintf(conf->variable[i], sizeof(conf->variable[i]), "pvkit_%s",
			 pvk_field_name(i));
		snprintf(conf->key[i], sizeof(conf->key[i]), "pvkit.%s", pvk_field_name(i));
	}
	/* What Android's bootloaders say. */
	strcpy(conf->key[PVB_SLOT], "pvkit.slot androidboot.slot_suffix");
}

static int set_text(char *to, size_t size, const char *value, struct pvk_err *err)
{
	if (strlen(value) >= size)
		return pvk_err_set(err, -ENAMETOOLONG, "longer than %zu bytes", size - 1);
	strcpy(to, value);
	return 0;
}

static int set_order(struct pvk_flagconf *conf, char *words, struct pvk_err *err)
{
	char *word;
	int ret;

	conf->n_order = 0;
	while ((word = strsep(&words, BLANKS))) {
		if (!*word)
			continue;
		if (conf->n_order == PVK_FLAGCONF_ORDER_MAX)
			return pvk_err_set(err, -E2BIG, "more than %d sources",
					   PVK_FLAGCONF_ORDER_MAX);
		ret = set_text(conf->order[conf->n_order], sizeof(conf->order[0]), word, err);
		if (ret)
			return ret;
		conf->n_order++;
	}
	return 0;
}

static int set_uboot_env(struct pvk_flagconf *conf, const char *value, struct pvk_err *err)
{
	conf->uboot_env_given = true;
	if (!strcmp(value, "no"))
		value = "";
	else if (value[0] != '/')
		return pvk_err_set(err, -EINVAL, "\"%s\" is neither \"no\" nor an absolute path",
				   value);
	return set_text(conf->uboot_env, sizeof(conf->uboot_env), value, err);
}

static int set_cmdline(struct pvk_flagconf *conf, const char *value, struct pvk_err *err)
{
	if (strcmp(value, "yes") && strcmp(value, "no"))
		return pvk_err_set(err, -EINVAL, "\"%s\" is neither yes nor no", value);
	conf->cmdline = !strcmp(value, "yes");
	return 0;
}

/* The U-Boot environment holds a field in one variable. */
static int set_variable(char *to, const char *value, struct pvk_err *err)
{
	if (strpbrk(value, BLANKS "="))
		return pvk_err_set(err, -EINVAL, "\"%s\" is not one variable", value);
	return set_text(to, PVK_FLAGCONF_KEYS_SIZE, value, err);
}

static int gpio_word(struct pvk_flagconf_gpio *gpio, unsigned int at, const char *word,
		     struct pvk_err *err)
{
	struct pvk_change change = { .set = gpio->flags };
	unsigned long line;
	char *end;
	int ret;

	if (at == 0)
		return set_text(gpio->chip, sizeof(gpio->chip), strcmp(word, "any") ? word : "",
				err);
	if (at == 1) {
		line = strtoul(word, &end, 10);
		if (word[0] < '0' || word[0] > '9' || *end)
			return set_text(gpio->line_name, sizeof(gpio->line_name), word, err);
		if (line > UINT16_MAX)
			return pvk_err_set(err, -EINVAL, "%s is no line's number", word);
		gpio->line = (uint32_t)line;
		return 0;
	}
	if (!strcmp(word, "active-low")) {
		gpio->active_low = true;
		return 0;
	}
	ret = pvk_change_word(&change, word, err);
	if (!ret && change.clear)
		return pvk_err_set(err, -EINVAL, "%s wants a value", word);
	gpio->flags = change.set;
	return ret;
}

static bool has_gpio(const struct pvk_flagconf *conf, const char *name)
{
	unsigned int i;

	for (i = 0; i < conf->n_gpios; i++)
		if (!strcmp(conf->gpio[i].name, name))
			return true;
	return false;
}

static int add_gpio(struct pvk_flagconf *conf, const char *name, char *words,
		    struct pvk_err *err)
{
	struct pvk_flagconf_gpio *gpio = &conf->gpio[conf->n_gpios];
	unsigned int n = 0;
	char *word;
	int ret;

	if (!pvk_name_ok(name))
		return pvk_err_set(err, -EINVAL, "\"%s\" is no name", name);
	if (has_gpio(conf, name))
		return pvk_err_set(err, -EEXIST, "given twice");
	if (conf->n_gpios == PVK_FLAGCONF_GPIOS_MAX)
		return pvk_err_set(err, -E2BIG, "more than %d lines", PVK_FLAGCONF_GPIOS_MAX);
	*gpio = (struct pvk_flagconf_gpio){ 0 };
	ret = set_text(gpio->name, sizeof(gpio->name), name, err);
	while (!ret && (word = strsep(&words, BLANKS)))
		if (*word)
			ret = gpio_word(gpio, n++, word, err);
	if (ret)
		return ret;
	if (!gpio->flags.has || (!gpio->chip[0] && !gpio->line_name[0]))
		return pvk_err_set(err, -EINVAL,
				   "wants CHIP LINE [active-low] FIELD=VALUE...");
	conf->n_gpios++;
	return 0;
}

/* The words are the kernel's to judge, or whoever reads the store. */
static int add_store(struct pvk_flagconf *conf, const char *name, const char *words,
		     struct pvk_err *err)
{
	struct pvk_flagconf_store *store = &conf->store[conf->n_stores];
	int ret;

	if (conf->n_stores == PVK_FLAGCONF_STORES_MAX)
		return pvk_err_set(err, -E2BIG, "more than %d stores", PVK_FLAGCONF_STORES_MAX);
	if (!pvk_store_name_ok(name))
		return pvk_err_set(err, -EINVAL, "\"%s\" is no name", name);
	ret = set_text(store->name, sizeof(store->name), name, err);
	if (!ret)
		ret = set_text(store->words, sizeof(store->words), words, err);
	if (!ret)
		conf->n_stores++;
	return ret;
}

/* "uboot-env.mode" and the like. */
static int set_field(struct pvk_flagconf *conf, const char *source, const char *field_name,
		     const char *value, struct pvk_err *err)
{
	unsigned int field = pvk_field_find(field_name);

	if (!field)
		return pvk_err_set(err, -EINVAL, "there is no field %s", field_name);
	if (!strcmp(source, PVK_SOURCE_NAME_UBOOT_ENV))
		return set_variable(conf->variable[field], value, err);
	return set_text(conf->key[field], PVK_FLAGCONF_KEYS_SIZE, value, err);
}

static int set_value(struct pvk_flagconf *conf, char *name, char *value, struct pvk_err *err)
{
	char *dot = strchr(name, '.');

	if (!strcmp(name, "order"))
		return set_order(conf, value, err);
	if (!strcmp(name, PVK_SOURCE_NAME_UBOOT_ENV))
		return set_uboot_env(conf, value, err);
	if (!strcmp(name, PVK_SOURCE_NAME_CMDLINE))
		return set_cmdline(conf, value, err);
	if (dot) {
		*dot = '\0';
		if (!strcmp(name, PVK_SOURCE_NAME_GPIO))
			return add_gpio(conf, dot + 1, value, err);
		if (!strcmp(name, "store"))
			return add_store(conf, dot + 1, value, err);
		if (!strcmp(name, PVK_SOURCE_NAME_UBOOT_ENV) ||
		    !strcmp(name, PVK_SOURCE_NAME_CMDLINE))
			return set_field(conf, name, dot + 1, value, err);
		*dot = '.';
	}
	return pvk_err_set(err, -EINVAL, "unknown setting");
}

int pvk_flagconf_line(struct pvk_flagconf *conf, char *line, struct pvk_err *err)
{
	struct pvk_err why = { .text = "" };
	char *name, *value, shown[64];
	int ret;

	if (!pvk_conf_line(line, &name, &value))
		return 0;
	snprintf(shown, sizeof(shown), "%s", name);
	ret = set_value(conf, name, value, &why);
	return ret ? pvk_err_set(err, ret, "%s: %s", shown, why.text) : 0;
}

static int read_line(void *arg, char *line, unsigned int n, struct pvk_err *err)
{
	(void)n;
	return pvk_flagconf_line(arg, line, err);
}

int pvk_flagconf_read(struct pvk_flagconf *conf, const char *path, struct pvk_err *err)
{
	pvk_flagconf_init(conf);
	return pvk_conf_read(path, read_line, conf, err);
}
