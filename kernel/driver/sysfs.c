// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sysfs door: /sys/class/pv_driver. See
 * Documentation/ABI/testing/sysfs-class-pv_driver.
 *
 * Locking: see pv_driver.h. A write to control sleeps without a lock; the
 * driver cannot be removed meanwhile, since it has a request.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/completion.h>
#include <linux/slab.h>

#include "../compat.h"
#include "pv_driver.h"

static struct pvd_driver *to_driver(struct device *dev)
{
	return container_of(dev, struct pvd_driver, dev);
}

/* locked */
static void pvd_sysfs_caller(struct pvd_caller *who)
{
	who->container = pvd_container_of_current();
	if (who->container)
		who->kind = PV_DRIVER_PEER_CONTAINER;
	else if (capable(CAP_SYS_MODULE))
		who->kind = PV_DRIVER_PEER_HOST;
	else
		who->kind = PV_DRIVER_PEER_UNKNOWN;
}

static bool pvd_sysfs_is_host(void)
{
	struct pvd_caller who;

	mutex_lock(&pvd_lock);
	pvd_sysfs_caller(&who);
	mutex_unlock(&pvd_lock);
	return who.kind == PV_DRIVER_PEER_HOST;
}

/*
 * Locked. What a mode of 0400 does not do: a container's root is uid 0 too, and
 * the class is in its sysfs.
 */
static int pvd_sysfs_may_look(void)
{
	struct pvd_caller who;

	pvd_sysfs_caller(&who);
	return who.kind == PV_DRIVER_PEER_HOST ? 0 : -EPERM;
}

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", pvd_state_name(READ_ONCE(to_driver(dev)->state)));
}
static DEVICE_ATTR_RO(state);

static int pvd_emit_module(char *buf, int at, const struct pvd_line *line)
{
	static const char * const names[] = { "live", "ours", "builtin", "permanent", "pinned" };
	const struct pvd_module *m = line->module;
	const bool flags[] = { m->live, m->ours, m->builtin, m->permanent, m->mod };
	const char *sep = "";
	unsigned int i;
	int len;

	len = sysfs_emit_at(buf, at, "%s ", m->name);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!flags[i])
			continue;
		len += sysfs_emit_at(buf, at + len, "%s%s", sep, names[i]);
		sep = ",";
	}
	if (!*sep)
		len += sysfs_emit_at(buf, at + len, "-");
	if (line->applied && line->applied[0])
		len += sysfs_emit_at(buf, at + len, " %s", line->applied);
	return len + sysfs_emit_at(buf, at + len, "\n");
}

static ssize_t modules_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct pvd_driver *drv = to_driver(dev);
	unsigned int i;
	int len;

	mutex_lock(&pvd_lock);
	len = pvd_sysfs_may_look();
	for (i = 0; i < drv->n_lines && len >= 0; i++)
		len += pvd_emit_module(buf, len, &drv->lines[i]);
	mutex_unlock(&pvd_lock);
	return len;
}
static DEVICE_ATTR_ADMIN_RO(modules);

static ssize_t users_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct pvd_driver *drv = to_driver(dev);
	struct pvd_use *use;
	int len;

	mutex_lock(&pvd_lock);
	len = pvd_sysfs_may_look();
	if (len)
		goto out;
	list_for_each_entry(use, &drv->uses, by_driver)
		len += sysfs_emit_at(buf, len, "%s\n",
				     use->container ? use->container->name : "-");
out:
	mutex_unlock(&pvd_lock);
	return len;
}
static DEVICE_ATTR_ADMIN_RO(users);

static ssize_t error_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct pvd_driver *drv = to_driver(dev);
	unsigned int i;
	int len;

	mutex_lock(&pvd_lock);
	len = pvd_sysfs_may_look();
	if (len)
		goto out;
	if (drv->error)
		len += sysfs_emit_at(buf, len, "%d %s\n", -drv->error,
				     drv->text ? drv->text : "");
	for (i = 0; i < drv->n_warnings; i++)
		len += sysfs_emit_at(buf, len, "warning: %s\n", drv->warnings[i]);
out:
	mutex_unlock(&pvd_lock);
	return len;
}
static DEVICE_ATTR_ADMIN_RO(error);

static ssize_t stats_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct pvd_driver *drv = to_driver(dev);
	ssize_t len;

	mutex_lock(&pvd_lock);
	len = pvd_sysfs_may_look();
	if (!len)
		len = sysfs_emit(buf,
				 "loads %u\nunloads %u\nfailures %u\nload_us %u\nunload_us %u\n",
				 drv->stats.loads, drv->stats.unloads, drv->stats.failures,
				 drv->stats.load_us, drv->stats.unload_us);
	mutex_unlock(&pvd_lock);
	return len;
}
static DEVICE_ATTR_ADMIN_RO(stats);

static ssize_t control_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "load unload\n");
}

static ssize_t control_store(struct device *dev, struct device_attribute *attr, const char *buf,
			     size_t count)
{
	DECLARE_COMPLETION_ONSTACK(done);
	struct pvd_caller who;
	struct pvd_call *call;
	enum pv_driver_op op;
	const char *why;
	int err;

	if (sysfs_streq(buf, "load"))
		op = PV_DRIVER_OP_LOAD;
	else if (sysfs_streq(buf, "unload"))
		op = PV_DRIVER_OP_UNLOAD;
	else
		return -EINVAL;

	mutex_lock(&pvd_lock);
	pvd_sysfs_caller(&who);
	call = pvd_call_new(&who, 0, to_driver(dev)->alias, 0);
	if (IS_ERR(call)) {
		err = PTR_ERR(call);
	} else {
		call->done = &done;
		err = pvd_ask(&who, op, call->alias, call, &why);
		if (err)
			pvd_call_free(call);
	}
	mutex_unlock(&pvd_lock);
	if (!err)
		err = pvd_call_wait(call);
	return err ?: count;
}
static DEVICE_ATTR_ADMIN_RW(control);

static struct attribute *pvd_driver_attrs[] = {
	&dev_attr_state.attr,
	&dev_attr_modules.attr,
	&dev_attr_users.attr,
	&dev_attr_error.attr,
	&dev_attr_stats.attr,
	&dev_attr_control.attr,
	NULL
};
ATTRIBUTE_GROUPS(pvd_driver);

/*
 * Cuts "LINE; LINE" or "LINE\nLINE" apart, in place; a ";" inside double quotes
 * is the parameter's own. Empty pieces do not count.
 */
static int pvd_cut_lines(char *text, char **lines, unsigned int max)
{
	unsigned int n = 0;
	bool quoted;
	char *start;

	while (*text) {
		start = text;
		for (quoted = false; *text && *text != '\n' && (quoted || *text != ';'); text++)
			if (*text == '"')
				quoted = !quoted;
		if (*text)
			*text++ = '\0';
		start = strim(start);
		if (!*start)
			continue;
		if (n == max)
			return -E2BIG;
		lines[n++] = start;
	}
	return n;
}

static ssize_t register_store(pvk_class_arg *class, pvk_class_attr_arg *attr, const char *buf,
			      size_t count)
{
	char **lines, *text, *rest, *alias;
	const char *why;
	int n, err;

	if (!pvd_sysfs_is_host())
		return -EPERM;
	/* A full page may be the beginning of more, which would come by itself. */
	if (count >= PAGE_SIZE)
		return -E2BIG;
	text = kstrndup(buf, count, GFP_KERNEL);
	lines = kcalloc(PV_DRIVER_MAX_LINES, sizeof(*lines), GFP_KERNEL);
	if (!text || !lines) {
		err = -ENOMEM;
		goto out;
	}
	rest = strim(text);
	alias = strsep(&rest, "\n ");
	n = rest ? pvd_cut_lines(rest, lines, PV_DRIVER_MAX_LINES) : 0;
	err = n < 0 ? n : pvd_driver_new(alias, lines, n, &why);
	if (err && n >= 0)
		pr_info("register: %s\n", why);
	else if (err)
		pr_info("register: too many module lines\n");
out:
	kfree(lines);
	kfree(text);
	return err ?: count;
}
static CLASS_ATTR_WO(register);

static ssize_t unregister_store(pvk_class_arg *class, pvk_class_attr_arg *attr, const char *buf,
				size_t count)
{
	char alias[PV_DRIVER_MAX_ALIAS + 2];
	const char *why;
	int err;

	if (!pvd_sysfs_is_host())
		return -EPERM;
	if (strscpy(alias, buf, sizeof(alias)) < 0)
		return -EINVAL;
	err = pvd_driver_del(strim(alias), &why);
	return err ?: count;
}
static CLASS_ATTR_WO(unregister);

static struct attribute *pvd_class_attrs[] = {
	&class_attr_register.attr,
	&class_attr_unregister.attr,
	NULL
};
ATTRIBUTE_GROUPS(pvd_class);

struct class pvd_class = {
	.name = "pv_driver",
	.class_groups = pvd_class_groups,
	.dev_groups = pvd_driver_groups,
	.dev_release = pvd_driver_release,
};
