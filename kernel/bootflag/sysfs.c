// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sysfs door: /sys/class/pv_bootflag. See
 * Documentation/ABI/testing/sysfs-class-pv_bootflag.
 *
 * Locking: see pv_bootflag.h. A write to a field queues a set and sleeps without a
 * lock; the removal of its store ends what is queued, and waits for the writer.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/completion.h>
#include <linux/slab.h>

#include "../compat.h"
#include "pv_bootflag.h"

const char * const pvf_field_names[PVB_FIELDS] = {
	[PVB_MODE] = "mode",
	[PVB_SLOT] = "slot",
	[PVB_TRIES] = "tries",
	[PVB_SUCCESSFUL] = "successful",
	[PVB_REASON] = "reason",
	[PVB_CURSOR] = "cursor",
	[PVB_PHASE] = "phase",
	[PVB_FAILURES] = "failures",
	[PVB_ARMED] = "armed",
};

static struct pvf_store *to_store(struct device *dev)
{
	return container_of(dev, struct pvf_store, dev);
}

/*
 * Setting
 */

/* Queues the set and waits for it; takes it over. */
static int pvf_sysfs_set(struct pvf_store *store, struct pvf_set *set)
{
	DECLARE_COMPLETION_ONSTACK(done);
	const char *why = NULL;
	int err;

	set->done = &done;
	mutex_lock(&pvf_lock);
	err = pvf_set_queue(store, set, &why);
	mutex_unlock(&pvf_lock);
	if (!err) {
		err = pvf_set_wait(set);
		if (err)
			return err;
		err = set->error;
		why = set->why;
	}
	if (err)
		pr_info_ratelimited("%s: not set: %s\n", pvf_name(store), why ?: "");
	pvf_set_free(set);
	return err;
}

static int pvf_sysfs_value(struct pvf_change *change, u32 field, const char *text,
			   const char **why)
{
	u64 number;

	*why = "a field is there twice";
	if ((change->set | change->clear) & PVB_HAS(field))
		return -EINVAL;
	if (!*text) {
		change->clear |= PVB_HAS(field);
		return 0;
	}
	if (PVB_HAS(field) & PVB_TEXT_FIELDS)
		return pvf_change_text(change, field, text, why);
	if (!kstrtou64(text, 0, &number))
		return pvf_change_number(change, field, number, why);
	/* For its text. */
	return pvf_change_text(change, field, "", why);
}

/* A copy of what was written, without the newline at its end. */
static char *pvf_sysfs_text(const char *buf, size_t count)
{
	char *text;

	/* A full page may be the beginning of more, which would come by itself. */
	if (count >= PAGE_SIZE)
		return ERR_PTR(-E2BIG);
	text = kstrndup(buf, count, GFP_KERNEL);
	return text ?: ERR_PTR(-ENOMEM);
}

static int pvf_sysfs_one(struct pvf_store *store, u32 field, char *text)
{
	struct pvf_set *set = pvf_set_new();
	const char *why;
	int err;

	if (!set)
		return -ENOMEM;
	err = pvf_sysfs_value(&set->change, field, strim(text), &why);
	if (!err)
		return pvf_sysfs_set(store, set);
	pr_info_ratelimited("%s: not set: %s\n", pvf_name(store), why);
	pvf_set_free(set);
	return err;
}

/*
 * Files for fields
 */

struct pvf_field_attr {
	struct device_attribute attr;
	u32 field;
	bool boot;
};

static const struct pvf_field_attr *to_field(const struct device_attribute *attr)
{
	return container_of(attr, struct pvf_field_attr, attr);
}

static ssize_t pvf_field_emit(const struct pvb_flags *flags, u32 field, char *buf)
{
	if (!(flags->has & PVB_HAS(field)))
		return sysfs_emit(buf, "\n");
	switch (field) {
	case PVB_MODE:
		return sysfs_emit(buf, "%s\n", flags->mode);
	case PVB_REASON:
		return sysfs_emit(buf, "%s\n", flags->reason);
	case PVB_PHASE:
		return sysfs_emit(buf, "%s\n", flags->phase);
	case PVB_SLOT:
		return sysfs_emit(buf, "%u\n", flags->slot);
	case PVB_TRIES:
		return sysfs_emit(buf, "%u\n", flags->tries);
	case PVB_SUCCESSFUL:
		return sysfs_emit(buf, "%u\n", flags->successful);
	case PVB_CURSOR:
		return sysfs_emit(buf, "%llu\n", flags->cursor);
	case PVB_FAILURES:
		return sysfs_emit(buf, "%u\n", flags->failures);
	default:
		return sysfs_emit(buf, "%u\n", flags->armed);
	}
}

static ssize_t pvf_field_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct pvf_field_attr *fa = to_field(attr);
	const struct pvf_known *known = &to_store(dev)->known;
	ssize_t len = -EOPNOTSUPP;

	mutex_lock(&pvf_lock);
	if (!known->offers || (known->offers & PVB_HAS(fa->field)))
		len = pvf_field_emit(fa->boot ? &known->boot : &known->flags, fa->field, buf);
	mutex_unlock(&pvf_lock);
	return len;
}

static ssize_t pvf_field_store(struct device *dev, struct device_attribute *attr, const char *buf,
			       size_t count)
{
	char *text;
	int err;

	if (!capable(CAP_SYS_BOOT))
		return -EPERM;
	text = pvf_sysfs_text(buf, count);
	if (IS_ERR(text))
		return PTR_ERR(text);
	err = pvf_sysfs_one(to_store(dev), to_field(attr)->field, text);
	kfree(text);
	return err ?: count;
}

#define PVF_FIELD(_name, _field)						\
	static struct pvf_field_attr pvf_attr_##_name = {			\
		.attr = __ATTR(_name, 0644, pvf_field_show, pvf_field_store),	\
		.field = _field,						\
	}

#define PVF_BOOT_FIELD(_name, _field)						\
	static struct pvf_field_attr pvf_attr_##_name = {			\
		.attr = __ATTR(_name, 0444, pvf_field_show, NULL),		\
		.field = _field,						\
		.boot = true,							\
	}

PVF_FIELD(mode, PVB_MODE);
PVF_FIELD(slot, PVB_SLOT);
PVF_FIELD(tries, PVB_TRIES);
PVF_FIELD(successful, PVB_SUCCESSFUL);
PVF_FIELD(reason, PVB_REASON);
PVF_FIELD(cursor, PVB_CURSOR);
PVF_FIELD(phase, PVB_PHASE);
PVF_FIELD(failures, PVB_FAILURES);
PVF_FIELD(armed, PVB_ARMED);
PVF_BOOT_FIELD(boot_mode, PVB_MODE);
PVF_BOOT_FIELD(boot_slot, PVB_SLOT);
PVF_BOOT_FIELD(boot_tries, PVB_TRIES);
PVF_BOOT_FIELD(boot_successful, PVB_SUCCESSFUL);
PVF_BOOT_FIELD(boot_reason, PVB_REASON);
PVF_BOOT_FIELD(boot_cursor, PVB_CURSOR);
PVF_BOOT_FIELD(boot_phase, PVB_PHASE);
PVF_BOOT_FIELD(boot_failures, PVB_FAILURES);
PVF_BOOT_FIELD(boot_armed, PVB_ARMED);

/*
 * Several at once
 */

static int pvf_sysfs_line(struct pvf_change *change, char *text, const char **why)
{
	char *word, *value;
	int field, err;

	while ((word = pvf_word_next(&text))) {
		if (!strcmp(word, "force")) {
			change->force = true;
			continue;
		}
		value = strchr(word, '=');
		*why = "a word that is neither FIELD=VALUE nor force";
		if (!value)
			return -EINVAL;
		*value++ = '\0';
		/* The array has a hole at 0, where match_string() would stop. */
		field = match_string(pvf_field_names + 1, PVB_FIELDS - 1, word);
		*why = "no such field";
		if (field < 0)
			return -EINVAL;
		err = pvf_sysfs_value(change, field + 1, value, why);
		if (err)
			return err;
	}
	return 0;
}

static ssize_t set_store(struct device *dev, struct device_attribute *attr, const char *buf,
			 size_t count)
{
	struct pvf_store *store = to_store(dev);
	struct pvf_set *set;
	const char *why;
	char *text;
	int err;

	if (!capable(CAP_SYS_BOOT))
		return -EPERM;
	text = pvf_sysfs_text(buf, count);
	if (IS_ERR(text))
		return PTR_ERR(text);
	set = pvf_set_new();
	if (!set) {
		err = -ENOMEM;
		goto out;
	}
	err = pvf_sysfs_line(&set->change, text, &why);
	if (!err && set->change.force && !capable(CAP_SYS_MODULE)) {
		why = "force takes CAP_SYS_MODULE";
		err = -EPERM;
	}
	if (err) {
		pr_info_ratelimited("%s: not set: %s\n", pvf_name(store), why);
		pvf_set_free(set);
	} else {
		err = pvf_sysfs_set(store, set);
	}
out:
	kfree(text);
	return err ?: count;
}
static DEVICE_ATTR_WO(set);

/*
 * The rest of a store
 */

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", pvf_state_name(READ_ONCE(to_store(dev)->known.state)));
}
static DEVICE_ATTR_RO(state);

static ssize_t medium_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", to_store(dev)->medium->name);
}
static DEVICE_ATTR_RO(medium);

static ssize_t format_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", to_store(dev)->core.format->name);
}
static DEVICE_ATTR_RO(format);

static ssize_t spec_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", to_store(dev)->spec);
}
static DEVICE_ATTR_RO(spec);

static ssize_t pvf_emit_words(char *buf, const char *const *words, u32 bits)
{
	const char *sep = "";
	ssize_t len = 0;
	unsigned int i;

	for (i = 0; bits >> i; i++) {
		if (!(bits & 1U << i))
			continue;
		len += sysfs_emit_at(buf, len, "%s%s", sep, words[i]);
		sep = " ";
	}
	return len + sysfs_emit_at(buf, len, "\n");
}

static ssize_t guarantee_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	static const char * const words[] = {
		"warm", "power", "atomic", "redundant", "wear", "panic",
	};

	return pvf_emit_words(buf, words, READ_ONCE(to_store(dev)->known.guarantee) & 0x3f);
}
static DEVICE_ATTR_RO(guarantee);

static ssize_t offers_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return pvf_emit_words(buf, pvf_field_names,
			      READ_ONCE(to_store(dev)->known.offers) & PVB_ALL_FIELDS);
}
static DEVICE_ATTR_RO(offers);

static ssize_t modes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct pvb_setup *setup = &to_store(dev)->core.setup;
	ssize_t len = 0;
	unsigned int i;

	for (i = 0; i < setup->n_modes; i++)
		len += sysfs_emit_at(buf, len, "%s\n", setup->mode[i].name);
	return len;
}
static DEVICE_ATTR_RO(modes);

static ssize_t stats_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct pvf_stats stats;

	mutex_lock(&pvf_lock);
	stats = to_store(dev)->known.stats;
	mutex_unlock(&pvf_lock);
	return sysfs_emit(buf,
			  "sets %llu\nunchanged %llu\nprograms %llu\nprogram_bytes %llu\n"
			  "erases %llu\nlimited %llu\nerrors %llu\n",
			  stats.sets, stats.unchanged, stats.programs, stats.program_bytes,
			  stats.erases, stats.limited, stats.errors);
}
static DEVICE_ATTR_ADMIN_RO(stats);

static ssize_t error_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct pvf_known *known = &to_store(dev)->known;
	ssize_t len = 0;

	mutex_lock(&pvf_lock);
	if (known->error)
		len = sysfs_emit(buf, "%d %s\n", -known->error, known->text ?: "");
	mutex_unlock(&pvf_lock);
	return len;
}
static DEVICE_ATTR_ADMIN_RO(error);

static struct attribute *pvf_store_attrs[] = {
	&pvf_attr_mode.attr.attr,
	&pvf_attr_slot.attr.attr,
	&pvf_attr_tries.attr.attr,
	&pvf_attr_successful.attr.attr,
	&pvf_attr_reason.attr.attr,
	&pvf_attr_cursor.attr.attr,
	&pvf_attr_phase.attr.attr,
	&pvf_attr_failures.attr.attr,
	&pvf_attr_armed.attr.attr,
	&pvf_attr_boot_mode.attr.attr,
	&pvf_attr_boot_slot.attr.attr,
	&pvf_attr_boot_tries.attr.attr,
	&pvf_attr_boot_successful.attr.attr,
	&pvf_attr_boot_reason.attr.attr,
	&pvf_attr_boot_cursor.attr.attr,
	&pvf_attr_boot_phase.attr.attr,
	&pvf_attr_boot_failures.attr.attr,
	&pvf_attr_boot_armed.attr.attr,
	&dev_attr_set.attr,
	&dev_attr_state.attr,
	&dev_attr_medium.attr,
	&dev_attr_format.attr,
	&dev_attr_spec.attr,
	&dev_attr_guarantee.attr,
	&dev_attr_offers.attr,
	&dev_attr_modes.attr,
	&dev_attr_stats.attr,
	&dev_attr_error.attr,
	NULL
};
ATTRIBUTE_GROUPS(pvf_store);

/*
 * The class
 */

static ssize_t add_store(pvk_class_arg *class, pvk_class_attr_arg *attr, const char *buf,
			 size_t count)
{
	const char *why = NULL;
	char *text, *rest, *name;
	int err;

	if (!capable(CAP_SYS_MODULE))
		return -EPERM;
	text = pvf_sysfs_text(buf, count);
	if (IS_ERR(text))
		return PTR_ERR(text);
	rest = strim(text);
	name = strsep(&rest, " \t\n");
	err = pvf_store_add(name, rest ? strim(rest) : "", &why);
	if (err)
		pr_info("add: %s\n", why);
	else
		pvf_store_settle(name);
	kfree(text);
	return err ?: count;
}
static CLASS_ATTR_WO(add);

static ssize_t del_store(pvk_class_arg *class, pvk_class_attr_arg *attr, const char *buf,
			 size_t count)
{
	char name[PV_BOOTFLAG_MAX_NAME + 2];

	if (!capable(CAP_SYS_MODULE))
		return -EPERM;
	if (strscpy(name, buf, sizeof(name)) < 0)
		return -EINVAL;
	return pvf_store_del(strim(name)) ?: count;
}
static CLASS_ATTR_WO(del);

static struct attribute *pvf_class_attrs[] = {
	&class_attr_add.attr,
	&class_attr_del.attr,
	NULL
};
ATTRIBUTE_GROUPS(pvf_class);

struct class pvf_class = {
	.name = "pv_bootflag",
	.class_groups = pvf_class_groups,
	.dev_groups = pvf_store_groups,
	.dev_release = pvf_store_release,
};
