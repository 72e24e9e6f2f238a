// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sysfs door: /sys/class/pv_pivot. See
 * Documentation/ABI/testing/sysfs-class-pv_pivot.
 *
 * Locking: see pv_pivot.h.
 */

#include <linux/capability.h>

#include "../compat.h"
#include "pv_pivot.h"

static struct device pvp_dev;

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	enum pv_pivot_state state;

	mutex_lock(&pvp_lock);
	state = pvp_state();
	mutex_unlock(&pvp_lock);
	return sysfs_emit(buf, "%s\n", pvp_state_name(state));
}
static DEVICE_ATTR_RO(state);

static ssize_t error_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	ssize_t len = 0;

	mutex_lock(&pvp_lock);
	if (pvp_session && pvp_session->error)
		len = sysfs_emit(buf, "%d %s\n", -pvp_session->error, pvp_session->why ?: "");
	mutex_unlock(&pvp_lock);
	return len;
}
static DEVICE_ATTR_ADMIN_RO(error);

static ssize_t abort_store(struct device *dev, struct device_attribute *attr, const char *buf,
			   size_t count)
{
	const char *why = "aborted in sysfs";
	int err;

	if (!capable(CAP_SYS_MODULE))
		return -EPERM;
	mutex_lock(&pvp_lock);
	err = pvp_session_abort(pvp_session, -ECANCELED, &why);
	mutex_unlock(&pvp_lock);
	return err ?: count;
}
static DEVICE_ATTR_WO(abort);

static struct attribute *pvp_session_attrs[] = {
	&dev_attr_state.attr,
	&dev_attr_error.attr,
	&dev_attr_abort.attr,
	NULL
};
ATTRIBUTE_GROUPS(pvp_session);

static ssize_t start_show(pvk_class_arg *class, pvk_class_attr_arg *attr, char *buf)
{
	int status;
	bool runs;
	u32 pid;

	mutex_lock(&pvp_lock);
	runs = pvp_helper_state(&pid, &status);
	mutex_unlock(&pvp_lock);
	if (runs)
		return sysfs_emit(buf, "running %u\n", pid);
	return status < 0 ? sysfs_emit(buf, "never\n") : sysfs_emit(buf, "exit %d\n", status);
}

/* Asks for no capability: whom the host gives the file may begin what the host has set. */
static ssize_t start_store(pvk_class_arg *class, pvk_class_attr_arg *attr, const char *buf,
			   size_t count)
{
	char word[PV_PIVOT_MAX_WORD + 2];
	const char *why;
	int err;

	if (strscpy(word, buf, sizeof(word)) < 0)
		return -EINVAL;
	mutex_lock(&pvp_lock);
	err = pvp_helper_start(strim(word), &why);
	mutex_unlock(&pvp_lock);
	return err ?: count;
}

static struct class_attribute class_attr_start = __ATTR_RW_MODE(start, 0600);

static struct attribute *pvp_class_attrs[] = {
	&class_attr_start.attr,
	NULL
};
ATTRIBUTE_GROUPS(pvp_class);

/* A static object: there is nothing to free. */
static void pvp_dev_release(struct device *dev)
{
}

static struct class pvp_class = {
	.name = "pv_pivot",
	.class_groups = pvp_class_groups,
	.dev_groups = pvp_session_groups,
	.dev_release = pvp_dev_release,
};

/**
 * pvp_sysfs_changed - tell udev and who polls
 * @state: the new state
 *
 * A uevent reaches every network namespace, so it has the state alone. Locked.
 */
void pvp_sysfs_changed(enum pv_pivot_state state)
{
	char text[24];
	char *envp[] = { text, NULL };

	snprintf(text, sizeof(text), "PV_STATE=%s", pvp_state_name(state));
	kobject_uevent_env(&pvp_dev.kobj, KOBJ_CHANGE, envp);
	sysfs_notify(&pvp_dev.kobj, NULL, "state");
}

int pvp_sysfs_init(void)
{
	int err = class_register(&pvp_class);

	if (err)
		return err;
	pvp_dev.class = &pvp_class;
	err = dev_set_name(&pvp_dev, "session");
	if (!err) {
		err = device_register(&pvp_dev);
		if (err)
			put_device(&pvp_dev);
	}
	if (err)
		class_unregister(&pvp_class);
	return err;
}

void pvp_sysfs_exit(void)
{
	device_unregister(&pvp_dev);
	class_unregister(&pvp_class);
}
