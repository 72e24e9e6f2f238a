// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptions of stores: words KEY=VALUE between blanks, or the properties of a
 * device tree node. Documentation/bootflag.md says what they mean.
 *
 * None of this needs a lock: a store is described before anybody can find it.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/of.h>
#include <linux/slab.h>

#include "formats.h"
#include "media.h"
#include "pv_bootflag.h"

static const struct pvf_medium_ops *const pvf_media[] = {
#if IS_ENABLED(CONFIG_NVMEM)
	&pvf_nvmem_ops,
#endif
#if IS_ENABLED(CONFIG_MTD)
	&pvf_mtd_ops,
#endif
#if IS_ENABLED(CONFIG_MFD_SYSCON)
	&pvf_syscon_ops,
#endif
	&pvf_ram_ops,
};

static const struct pvf_medium_ops *pvf_medium_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pvf_media); i++)
		if (!strcmp(pvf_media[i]->name, name))
			return pvf_media[i];
	return NULL;
}

/**
 * pvf_mode_find - is that a mode which a store lists
 * @store: the store
 * @name: the mode
 *
 * Return: the mode or NULL.
 */
const struct pvb_mode *pvf_mode_find(const struct pvf_store *store, const char *name)
{
	const struct pvb_setup *setup = &store->core.setup;
	unsigned int i;

	for (i = 0; i < setup->n_modes; i++)
		if (!strcmp(setup->mode[i].name, name))
			return &setup->mode[i];
	return NULL;
}

/**
 * pvf_word_next - cut off the next word
 * @text: in place; moved on behind it
 *
 * Double quotes keep blanks together, and go.
 *
 * Return: the word, NULL when there is none.
 */
char *pvf_word_next(char **text)
{
	char *from = skip_spaces(*text), *to = from, *word = from;
	bool quoted = false;

	for (; *from && (quoted || !isspace(*from)); from++) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
	}
	if (from == word)
		return NULL;
	*text = *from ? from + 1 : from;
	*to = '\0';
	return word;
}

static int pvf_bad(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

/*
 * The words. Each function takes one value; NULL: there was no "=".
 */

static int pvf_number(const char *value, u32 max, u32 *number)
{
	u32 n;

	if (!value || kstrtou32(value, 0, &n) || n > max)
		return -EINVAL;
	*number = n;
	return 0;
}

static int pvf_flag_word(const char *value, bool *flag, const char **why)
{
	if (value)
		return pvf_bad(why, "keep, count, armed, proved-bare and wrap take no value");
	*flag = true;
	return 0;
}

static int pvf_mode_add(struct pvf_store *store, const char *name, size_t len, u32 magic,
			const char **why)
{
	struct pvb_setup *setup = &store->core.setup;
	struct pvb_mode *mode = &setup->mode[setup->n_modes];
	size_t i;

	if (!len || len > PVB_MODE_MAX)
		return pvf_bad(why, "a mode has 1 to 31 characters");
	for (i = 0; i < len; i++)
		if (!isascii(name[i]) || (!isalnum(name[i]) && !strchr("._-", name[i])))
			return pvf_bad(why, "a mode is of [A-Za-z0-9._-]");
	if (setup->n_modes == PVB_MODES_MAX)
		return pvf_bad(why, "more than 16 modes");
	memcpy(mode->name, name, len);
	mode->name[len] = '\0';
	mode->magic = magic;
	if (pvf_mode_find(store, mode->name))
		return pvf_bad(why, "a mode is there twice");
	setup->n_modes++;
	return 0;
}

static int pvf_word_mode(struct pvf_store *store, const char *name, const char *value,
			 const char **why)
{
	u32 magic;

	if (pvf_number(value, U32_MAX, &magic) || !magic)
		return pvf_bad(why, "mode-NAME wants a number that is not 0");
	return pvf_mode_add(store, name, strlen(name), magic, why);
}

static int pvf_word_modes(struct pvf_store *store, const char *value, const char **why)
{
	size_t len;
	int err;

	if (!value)
		return pvf_bad(why, "modes wants NAME,NAME");
	for (;;) {
		len = strcspn(value, ",");
		err = pvf_mode_add(store, value, len, 0, why);
		if (err || !value[len])
			return err;
		value += len + 1;
	}
}

static int pvf_word_width(struct pvf_store *store, const char *value, const char **why)
{
	u32 n;

	if (pvf_number(value, 4, &n) || (n != 1 && n != 2 && n != 4))
		return pvf_bad(why, "width is 1, 2 or 4");
	store->core.setup.width = n;
	return 0;
}

static int pvf_word_mask(struct pvf_store *store, const char *value, const char **why)
{
	if (pvf_number(value, U32_MAX, &store->core.setup.mask) || !store->core.setup.mask)
		return pvf_bad(why, "mask wants a number that is not 0");
	return 0;
}

static int pvf_word_endian(struct pvf_store *store, const char *value, const char **why)
{
	if (!value || (strcmp(value, "big") && strcmp(value, "little")))
		return pvf_bad(why, "endian is big or little");
	store->core.setup.big_endian = value[0] == 'b';
	return 0;
}

static int pvf_word_form(struct pvf_store *store, const char *value, const char **why)
{
	static const char * const forms[] = {
		[PVB_BOOTCOUNT_RTC] = "rtc",
		[PVB_BOOTCOUNT_U16] = "u16",
		[PVB_BOOTCOUNT_U32] = "u32",
		[PVB_BOOTCOUNT_WORDS] = "words",
		[PVB_BOOTCOUNT_TI] = "ti",
	};
	int i = value ? match_string(forms, ARRAY_SIZE(forms), value) : -EINVAL;

	if (i < 0)
		return pvf_bad(why, "form is rtc, u16, u32, words or ti");
	store->core.setup.form = i;
	return 0;
}

static int pvf_word_limit(struct pvf_store *store, const char *value, const char **why)
{
	if (pvf_number(value, U8_MAX, &store->core.setup.limit) || !store->core.setup.limit)
		return pvf_bad(why, "limit is 1 to 255");
	return 0;
}

static int pvf_word_ti_magic(struct pvf_store *store, const char *value, const char **why)
{
	u32 n;

	if (pvf_number(value, U8_MAX, &n) || !n)
		return pvf_bad(why, "ti-magic is 1 to 255");
	store->core.setup.ti_magic = n;
	return 0;
}

static int pvf_word_base(struct pvf_store *store, const char *value, const char **why)
{
	if (pvf_number(value, INT_MAX, &store->core.setup.base))
		return pvf_bad(why, "base wants a number of bytes");
	return 0;
}

static int pvf_word_backup(struct pvf_store *store, const char *value, const char **why)
{
	if (pvf_number(value, INT_MAX, &store->core.setup.backup) || !store->core.setup.backup)
		return pvf_bad(why, "backup wants a number of bytes that is not 0");
	return 0;
}

static int pvf_word_proved_bare(struct pvf_store *store, const char *value, const char **why)
{
	return pvf_flag_word(value, &store->core.setup.proved_bare, why);
}

static int pvf_word_wrap(struct pvf_store *store, const char *value, const char **why)
{
	return pvf_flag_word(value, &store->core.setup.wrap, why);
}

static int pvf_word_slots(struct pvf_store *store, const char *value, const char **why)
{
	u32 n;

	if (pvf_number(value, PVB_SLOTS_MAX, &n) || !n)
		return pvf_bad(why, "slots is 1 to 4");
	store->core.setup.n_slots = n;
	return 0;
}

static int pvf_word_keep(struct pvf_store *store, const char *value, const char **why)
{
	return pvf_flag_word(value, &store->opt.keep, why);
}

static int pvf_word_count(struct pvf_store *store, const char *value, const char **why)
{
	return pvf_flag_word(value, &store->opt.count, why);
}

static int pvf_word_armed(struct pvf_store *store, const char *value, const char **why)
{
	return pvf_flag_word(value, &store->opt.armed, why);
}

static int pvf_word_reboot(struct pvf_store *store, const char *value, const char **why)
{
	if (!value || (strcmp(value, "no") && strcmp(value, "yes")))
		return pvf_bad(why, "reboot is no or yes");
	store->opt.no_reboot = value[0] == 'n';
	return 0;
}

static int pvf_word_panic(struct pvf_store *store, const char *value, const char **why)
{
	char *text = kstrdup(value ?: "", GFP_KERNEL);
	bool decoded, fits;

	if (!text)
		return -ENOMEM;
	decoded = !pvf_word_decode(text);
	fits = *text && strscpy(store->opt.panic, text, sizeof(store->opt.panic)) >= 0;
	kfree(text);
	if (!decoded)
		return pvf_bad(why, "panic: % begins a byte in two hexadecimal digits, as in %20");
	if (!fits)
		return pvf_bad(why, "panic wants a mode, or a reason of at most 127 bytes");
	return 0;
}

static int pvf_word_rate(struct pvf_store *store, const char *value, const char **why)
{
	static const struct {
		const char *unit;
		u32 seconds;
	} units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	struct pvf_options *opt = &store->opt;
	char number[8];
	unsigned int i;
	size_t len;

	opt->rate_given = true;
	opt->rate_sets = 0;
	if (value && !strcmp(value, "none"))
		return 0;
	len = value ? strcspn(value, "/") : 0;
	if (!len || len >= sizeof(number) || !value[len])
		return pvf_bad(why, "rate is none, or N/s, N/m, N/h or N/d");
	memcpy(number, value, len);
	number[len] = '\0';
	for (i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(value + len + 1, units[i].unit))
			opt->rate_seconds = units[i].seconds;
	if (!opt->rate_seconds || pvf_number(number, 100000, &opt->rate_sets) || !opt->rate_sets)
		return pvf_bad(why, "rate is none, or N/s, N/m, N/h or N/d");
	return 0;
}

enum pvf_word_kind { PVF_WORD_TEXT, PVF_WORD_NUMBER, PVF_WORD_FLAG, PVF_WORD_LIST };

/* @formats: those that it is for, between commas; NULL: all. @kind: in a node. */
static const struct pvf_word {
	const char *key;
	const char *formats;
	enum pvf_word_kind kind;
	int (*take)(struct pvf_store *store, const char *value, const char **why);
} pvf_words[] = {
	{ "width", ",magic,", PVF_WORD_NUMBER, pvf_word_width },
	{ "mask", ",magic,", PVF_WORD_NUMBER, pvf_word_mask },
	{ "endian", ",magic,bootcount,", PVF_WORD_TEXT, pvf_word_endian },
	{ "form", ",bootcount,", PVF_WORD_TEXT, pvf_word_form },
	{ "limit", ",bootcount,", PVF_WORD_NUMBER, pvf_word_limit },
	{ "ti-magic", ",bootcount,", PVF_WORD_NUMBER, pvf_word_ti_magic },
	{ "base", ",bcb,", PVF_WORD_NUMBER, pvf_word_base },
	{ "backup", ",bcb,", PVF_WORD_NUMBER, pvf_word_backup },
	{ "proved-bare", ",bcb,", PVF_WORD_FLAG, pvf_word_proved_bare },
	{ "wrap", ",log,", PVF_WORD_FLAG, pvf_word_wrap },
	{ "slots", ",bcb,log,", PVF_WORD_NUMBER, pvf_word_slots },
	{ "modes", ",bcb,log,", PVF_WORD_LIST, pvf_word_modes },
	{ "keep", NULL, PVF_WORD_FLAG, pvf_word_keep },
	{ "count", NULL, PVF_WORD_FLAG, pvf_word_count },
	{ "armed", NULL, PVF_WORD_FLAG, pvf_word_armed },
	{ "reboot", NULL, PVF_WORD_TEXT, pvf_word_reboot },
	{ "panic", NULL, PVF_WORD_TEXT, pvf_word_panic },
	{ "rate", NULL, PVF_WORD_TEXT, pvf_word_rate },
};

static bool pvf_word_fits(const struct pvf_word *word, const struct pvb_format *format)
{
	const char *at = word->formats ? strstr(word->formats, format->name) : NULL;

	return !word->formats || (at && at[-1] == ',' && at[strlen(format->name)] == ',');
}

static const struct pvf_word *pvf_word_find(const struct pvf_store *store, const char *key)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pvf_words); i++)
		if (!strcmp(pvf_words[i].key, key) &&
		    pvf_word_fits(&pvf_words[i], store->core.format))
			return &pvf_words[i];
	return NULL;
}

static int pvf_word_take(struct pvf_store *store, const char *key, const char *value,
			 const char **why)
{
	const struct pvf_word *word = pvf_word_find(store, key);
	int err;

	if (word)
		return word->take(store, value, why);
	if (!strncmp(key, "mode-", 5) && !strcmp(store->core.format->name, "magic"))
		return pvf_word_mode(store, key + 5, value, why);
	*why = "a word of the medium's";
	err = store->medium->word ? store->medium->word(store, key, value, why) : -ENOENT;
	if (err != -ENOENT)
		return err;
	return pvf_bad(why, "a word that neither this medium nor this format knows");
}

/*
 * All of it
 */

static int pvf_begin(struct pvf_store *store, const struct pvf_medium_ops *medium,
		     const char *format, const char **why)
{
	if (!medium)
		return pvf_bad(why, "medium is nvmem, mtd, syscon or ram, as the kernel has it");
	store->core.format = format ? pvf_format_find(format) : NULL;
	if (!store->core.format)
		return pvf_bad(why, "format is magic, bootcount, bcb or log");
	*why = "out of memory";
	store->priv = kzalloc(max_t(size_t, medium->priv_size, 1), GFP_KERNEL);
	if (!store->priv)
		return -ENOMEM;
	store->medium = medium;
	return 0;
}

static int pvf_complete(struct pvf_store *store, const char **why)
{
	const struct pvb_setup *setup = &store->core.setup;

	if (!strcmp(store->core.format->name, "magic") && !setup->n_modes)
		return pvf_bad(why, "format magic wants at least one mode-NAME=NUMBER");
	*why = "the medium is not described in full";
	return store->medium->check ? store->medium->check(store, why) : 0;
}

/* "KEY=VALUE" -> key and value, in place; value is NULL without "=". */
static char *pvf_cut(char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	return value;
}

/* The value of the first word of that key, copied; NULL: none, or no memory. */
static char *pvf_value_of(const char *spec, const char *key)
{
	char *copy = kstrdup(spec, GFP_KERNEL), *rest = copy, *found = NULL;
	char *word, *value;

	while (copy && !found && (word = pvf_word_next(&rest))) {
		value = pvf_cut(word);
		if (value && !strcmp(word, key))
			found = kstrdup(value, GFP_KERNEL);
	}
	kfree(copy);
	return found;
}

static int pvf_spec_begin(struct pvf_store *store, const char *spec, const char **why)
{
	char *medium = pvf_value_of(spec, "medium");
	char *format = pvf_value_of(spec, "format");
	int err;

	err = pvf_begin(store, medium ? pvf_medium_find(medium) : NULL, format, why);
	kfree(medium);
	kfree(format);
	return err;
}

/**
 * pvf_spec_parse - take a description
 * @store: whose, without anything
 * @spec: the description
 * @why: set to a constant text when it is refused
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int pvf_spec_parse(struct pvf_store *store, const char *spec, const char **why)
{
	bool medium = false, format = false;
	char *copy, *rest, *word, *value;
	int err;

	err = pvf_spec_begin(store, spec, why);
	if (err)
		return err;
	*why = "out of memory";
	copy = kstrdup(spec, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	rest = copy;
	while (!err && (word = pvf_word_next(&rest))) {
		value = pvf_cut(word);
		if (!strcmp(word, "medium") && !medium)
			medium = true;
		else if (!strcmp(word, "format") && !format)
			format = true;
		else
			err = pvf_word_take(store, word, value, why);
		if (err)
			pr_info("%s: word %s: %s\n", pvf_name(store), word, *why);
	}
	kfree(copy);
	return err ?: pvf_complete(store, why);
}

#ifdef CONFIG_OF
/*
 * A property as the value of a word; NULL for a flag. -ENODATA: absent. mask goes
 * by the name that other bindings have for it.
 */
static int pvf_property(struct device_node *node, const struct pvf_word *word, char *buf,
			size_t size, const char **value)
{
	char name[32];
	const char *text;
	u32 number;

	snprintf(name, sizeof(name), "pvkit,%s", word->key);
	if (!of_find_property(node, name, NULL)) {
		if (strcmp(word->key, "mask") || !of_find_property(node, word->key, NULL))
			return -ENODATA;
		strscpy(name, word->key, sizeof(name));
	}
	*value = NULL;
	if (word->kind == PVF_WORD_FLAG)
		return 0;
	*value = buf;
	if (word->kind == PVF_WORD_NUMBER) {
		if (of_property_read_u32(node, name, &number))
			return -EINVAL;
		snprintf(buf, size, "%u", number);
		return 0;
	}
	if (of_property_read_string(node, name, &text) || strscpy(buf, text, size) < 0)
		return -EINVAL;
	return 0;
}

static int pvf_node_words(struct pvf_store *store, struct device_node *node, const char **why)
{
	char buf[PVB_REASON_MAX + 1];
	const char *value, *text;
	unsigned int i;
	int n, err = 0;

	for (i = 0; i < ARRAY_SIZE(pvf_words) && !err; i++) {
		const struct pvf_word *word = &pvf_words[i];

		if (word->kind == PVF_WORD_LIST)
			continue;
		err = pvf_property(node, word, buf, sizeof(buf), &value);
		if (err == -ENODATA)
			err = 0;
		else if (err)
			*why = "a property has the wrong type or is too long";
		else if (!pvf_word_fits(word, store->core.format))
			err = pvf_bad(why, "a property that is not of this format");
		else
			err = word->take(store, value, why);
		if (err)
			pr_info("%pOF: pvkit,%s: %s\n", node, word->key, *why);
	}
	/* Two that are flags there, as other bindings have it. */
	store->core.setup.big_endian |= of_property_read_bool(node, "big-endian");
	store->opt.no_reboot |= of_property_read_bool(node, "pvkit,no-reboot");
	for (n = 0; !err && !of_property_read_string_index(node, "pvkit,modes", n, &text); n++)
		err = pvf_mode_add(store, text, strlen(text), 0, why);
	return err;
}

static int pvf_node_modes(struct pvf_store *store, struct device_node *node, const char **why)
{
	struct property *prop;
	char buf[12];
	u32 magic;
	int err;

	for_each_property_of_node(node, prop) {
		if (strncmp(prop->name, "mode-", 5))
			continue;
		if (of_property_read_u32(node, prop->name, &magic))
			return pvf_bad(why, "mode-NAME is not one cell");
		snprintf(buf, sizeof(buf), "%u", magic);
		err = pvf_word_mode(store, prop->name + 5, buf, why);
		if (err)
			return err;
	}
	return 0;
}

/**
 * pvf_spec_node - take the description that a device tree node is
 * @store: whose, without anything
 * @medium: its medium, which the node's compatible says
 * @node: the node
 * @why: set to a constant text when it is refused
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int pvf_spec_node(struct pvf_store *store, const struct pvf_medium_ops *medium,
		  struct device_node *node, const char **why)
{
	const char *format = NULL;
	int err;

	of_property_read_string(node, "pvkit,format", &format);
	err = pvf_begin(store, medium, format, why);
	if (!err)
		err = pvf_node_words(store, node, why);
	if (!err)
		err = pvf_node_modes(store, node, why);
	if (err)
		return err;
	*why = "the medium cannot be described in a device tree";
	if (!medium->from_node)
		return -EINVAL;
	return medium->from_node(store, node, why) ?: pvf_complete(store, why);
}
#else
int pvf_spec_node(struct pvf_store *store, const struct pvf_medium_ops *medium,
		  struct device_node *node, const char **why)
{
	return pvf_bad(why, "this kernel has no device tree");
}
#endif

static int pvf_spec_one(char *text)
{
	char *rest = strim(text);
	const char *why = NULL;
	char *name;
	int err;

	if (!*rest)
		return 0;
	/* "NAME: WORDS"; a blank does as well, as in sysfs. */
	name = strsep(&rest, ": \t\n");
	if (!rest || !*strim(rest)) {
		/* insmod passes words on as they are, and the kernel cuts at blanks */
		pr_err("stores: %s: no words; insmod wants 'stores=\"NAME: WORDS\"'\n", name);
		return -EINVAL;
	}
	err = pvf_store_add(name, strim(rest), &why);
	if (err)
		pr_err("stores: %s: %s\n", name, why);
	return err;
}

/**
 * pvf_spec_stores - add the stores that the module parameter describes
 * @text: "NAME: WORDS; NAME: WORDS"
 *
 * Return: 0, or the first error, which the kernel's log explains.
 */
int pvf_spec_stores(const char *text)
{
	char *copy, *rest, *one;
	int err = 0;

	copy = kstrdup(text, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	rest = copy;
	while (!err && (one = strsep(&rest, ";\n")))
		err = pvf_spec_one(one);
	kfree(copy);
	return err;
}
