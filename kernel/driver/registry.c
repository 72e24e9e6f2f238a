// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registry: drivers by alias, their module lines and their state.
 *
 * Locking: see pv_driver.h. Creation and removal run under pvd_register_lock;
 * what they build becomes visible, and vanishes, under pvd_lock. A driver that
 * is in use, has requests or a job under way is never removed, so whoever found
 * one under pvd_lock may keep the pointer for as long as such a thing exists.
 */

#include <linux/ctype.h>
#include <linux/hashtable.h>
#include <linux/slab.h>
#include <linux/stringhash.h>

#include "pv_driver.h"

DEFINE_MUTEX(pvd_register_lock);	/* registration and removal of drivers */
DEFINE_MUTEX(pvd_lock);			/* everything else, see pv_driver.h */
LIST_HEAD(pvd_drivers);
unsigned int pvd_n_drivers;

static DEFINE_HASHTABLE(pvd_aliases, 8);
static bool pvd_closing;	/* no driver any more; under pvd_register_lock */

static u32 pvd_alias_hash(const char *alias)
{
	return full_name_hash(NULL, alias, strlen(alias));
}

/**
 * pvd_name_ok - check the spelling of an alias or container name
 * @name: NUL-terminated
 *
 * Return: whether it is [A-Za-z0-9._+@:-]{1,63} without a leading dot.
 */
bool pvd_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > PV_DRIVER_MAX_ALIAS || name[0] == '.')
		return false;
	for (; *name; name++)
		if (!isascii(*name) || (!isalnum(*name) && !strchr("._+@:-", *name)))
			return false;
	return true;
}

/*
 * load, unload and events are words of the REST paths, register and unregister
 * are files beside the drivers in sysfs.
 */
static bool pvd_alias_reserved(const char *alias)
{
	static const char * const words[] = {
		"load", "unload", "events", "register", "unregister",
	};

	return match_string(words, ARRAY_SIZE(words), alias) >= 0;
}

/**
 * pvd_driver_find - look up a driver
 * @alias: its name
 *
 * Locked.
 *
 * Return: the driver or NULL.
 */
struct pvd_driver *pvd_driver_find(const char *alias)
{
	struct pvd_driver *drv;

	hash_for_each_possible(pvd_aliases, drv, hash, pvd_alias_hash(alias))
		if (!strcmp(drv->alias, alias))
			return drv;
	return NULL;
}

/**
 * pvd_driver_release - free a driver with its last reference
 * @dev: its device
 */
void pvd_driver_release(struct device *dev)
{
	struct pvd_driver *drv = container_of(dev, struct pvd_driver, dev);

	pvd_driver_clear(drv);
	kfree(drv);
}

static int pvd_line_parse(struct pvd_line *line, const char *text, char *name, const char **why)
{
	size_t len = strcspn(text, " ");
	size_t i;

	if (strlen(text) > PV_DRIVER_MAX_LINE) {
		*why = "module line too long";
		return -EINVAL;
	}
	for (i = 0; text[i]; i++) {
		if (iscntrl(text[i])) {
			*why = "control character in a module line";
			return -EINVAL;
		}
	}
	if (!len || len > PV_DRIVER_MAX_MODULE) {
		*why = len ? "module name too long" : "module line without a name";
		return -EINVAL;
	}
	for (i = 0; i < len; i++) {
		if (!isascii(text[i]) || (!isalnum(text[i]) && text[i] != '_' && text[i] != '-')) {
			*why = "module name has a character outside [A-Za-z0-9_-]";
			return -EINVAL;
		}
		name[i] = text[i] == '-' ? '_' : text[i];
	}
	name[len] = '\0';

	line->text = kstrdup(text, GFP_KERNEL);
	if (!line->text) {
		*why = "out of memory";
		return -ENOMEM;
	}
	line->params = skip_spaces(line->text + len);
	return 0;
}

/* locked */
static void pvd_lines_free(struct pvd_line *lines, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (lines[i].module) {
			list_del(&lines[i].by_module);
			pvd_module_put(lines[i].module);
		}
		kfree(lines[i].text);
		kfree(lines[i].applied);
	}
	kfree(lines);
}

/* locked */
static struct pvd_line *pvd_lines_parse(struct pvd_driver *drv, char *const *texts,
					unsigned int n, const char **why)
{
	char name[PV_DRIVER_MAX_MODULE + 1];
	struct pvd_line *lines;
	unsigned int i;
	int err = -ENOMEM;

	*why = "out of memory";
	lines = kcalloc(max(n, 1U), sizeof(*lines), GFP_KERNEL);
	if (!lines)
		return ERR_PTR(-ENOMEM);

	for (i = 0; i < n; i++) {
		struct pvd_line *line = &lines[i];
		struct pvd_module *m;

		err = pvd_line_parse(line, texts[i], name, why);
		if (err)
			goto err_free;
		m = pvd_module_get(name);
		if (!m) {
			*why = "out of memory";
			err = -ENOMEM;
			goto err_free;
		}
		line->driver = drv;
		line->module = m;
		list_add_tail(&line->by_module, &m->lines);
	}
	return lines;

err_free:
	pvd_lines_free(lines, n);
	return ERR_PTR(err);
}

static bool pvd_lines_same(const struct pvd_driver *drv, char *const *texts, unsigned int n)
{
	unsigned int i;

	if (drv->n_lines != n)
		return false;
	for (i = 0; i < n; i++)
		if (strcmp(drv->lines[i].text, texts[i]))
			return false;
	return true;
}

/* locked */
static bool pvd_driver_idle(const struct pvd_driver *drv)
{
	return list_empty(&drv->uses) && list_empty(&drv->requests) && !drv->busy && !drv->held;
}

/* locked; a registered driver is given other lines */
static int pvd_driver_change(struct pvd_driver *drv, char *const *texts, unsigned int n,
			     const char **why)
{
	struct pvd_line *lines;

	if (pvd_lines_same(drv, texts, n))
		return 0;
	if (!pvd_driver_idle(drv)) {
		*why = "driver is in use with other lines";
		return -EBUSY;
	}
	lines = pvd_lines_parse(drv, texts, n, why);
	if (IS_ERR(lines))
		return PTR_ERR(lines);

	pvd_lines_free(drv->lines, drv->n_lines);
	drv->lines = lines;
	drv->n_lines = n;
	pvd_driver_clear(drv);
	pvd_generation++;
	pvd_driver_derive_state(drv);
	return 0;
}

static struct pvd_driver *pvd_driver_alloc(const char *alias)
{
	struct pvd_driver *drv;

	drv = kzalloc(sizeof(*drv), GFP_KERNEL);
	if (!drv)
		return NULL;
	strscpy(drv->alias, alias, sizeof(drv->alias));
	INIT_LIST_HEAD(&drv->uses);
	INIT_LIST_HEAD(&drv->requests);
	INIT_WORK(&drv->work, pvd_driver_work);
	device_initialize(&drv->dev);
	device_set_pm_not_required(&drv->dev);	/* no power/ folder, 1 KiB less */
	drv->dev.class = &pvd_class;
	return drv;
}

/*
 * Makes the device before the driver can be found, so that nobody asks for one
 * that sysfs then refuses. The attributes live with an empty driver meanwhile.
 */
static int pvd_driver_add(const char *alias, char *const *texts, unsigned int n, const char **why)
{
	struct pvd_driver *drv;
	struct pvd_line *lines;
	int err;

	*why = "out of memory";
	drv = pvd_driver_alloc(alias);
	if (!drv)
		return -ENOMEM;
	err = dev_set_name(&drv->dev, "%s", alias);
	if (err)
		goto err_put;

	mutex_lock(&pvd_lock);
	lines = pvd_lines_parse(drv, texts, n, why);
	if (IS_ERR(lines)) {
		mutex_unlock(&pvd_lock);
		err = PTR_ERR(lines);
		goto err_put;
	}
	drv->lines = lines;
	drv->n_lines = n;
	drv->state = pvd_driver_present(drv) ? PV_DRIVER_STATE_LOADED : PV_DRIVER_STATE_UNLOADED;
	drv->since = ktime_get_boottime_ns();
	drv->busy = true;	/* no event before the one that says it is new */
	mutex_unlock(&pvd_lock);

	err = device_add(&drv->dev);
	if (err) {
		*why = "sysfs refused the driver";
		goto err_lines;
	}

	mutex_lock(&pvd_lock);
	list_add_tail(&drv->node, &pvd_drivers);
	hash_add(pvd_aliases, &drv->hash, pvd_alias_hash(alias));
	pvd_n_drivers++;
	pvd_event(PV_DRIVER_EVENT_KIND_NEW, drv, NULL);
	drv->busy = false;
	pvd_driver_derive_state(drv);
	mutex_unlock(&pvd_lock);
	return 0;

err_lines:
	mutex_lock(&pvd_lock);
	pvd_lines_free(drv->lines, drv->n_lines);
	mutex_unlock(&pvd_lock);
err_put:
	put_device(&drv->dev);
	return err;
}

/**
 * pvd_driver_new - register a driver, or give a registered one new lines
 * @alias: its name
 * @texts: @n module lines
 * @n: how many
 * @why: set to a text when the return value is not 0
 *
 * Return: 0, or -EINVAL, -EBUSY (in use with other lines), -ENOSPC, -ENOMEM,
 * -ENODEV (the module is being removed).
 */
int pvd_driver_new(const char *alias, char *const *texts, unsigned int n, const char **why)
{
	struct pvd_driver *drv;
	int err;

	if (!pvd_name_ok(alias)) {
		*why = "alias must be 1 to 63 of [A-Za-z0-9._+@:-], no leading dot";
		return -EINVAL;
	}
	if (pvd_alias_reserved(alias)) {
		*why = "alias is a reserved word";
		return -EINVAL;
	}
	if (n > PV_DRIVER_MAX_LINES) {
		*why = "too many module lines";
		return -EINVAL;
	}

	mutex_lock(&pvd_register_lock);
	if (pvd_closing) {
		*why = "the module is being removed";
		err = -ENODEV;
		goto out;
	}
	mutex_lock(&pvd_lock);
	drv = pvd_driver_find(alias);
	if (drv) {
		err = pvd_driver_change(drv, texts, n, why);
		mutex_unlock(&pvd_lock);
		goto out;
	}
	err = pvd_n_drivers < pvd_param_max_drivers ? 0 : -ENOSPC;
	mutex_unlock(&pvd_lock);
	if (err)
		*why = "too many drivers, see the parameter max_drivers";
	else
		err = pvd_driver_add(alias, texts, n, why);
out:
	mutex_unlock(&pvd_register_lock);
	return err;
}

/* Under pvd_register_lock; takes the driver out of everybody's sight. */
static void pvd_driver_remove(struct pvd_driver *drv)
{
	struct pvd_module *m;

	lockdep_assert_held(&pvd_lock);
	drv->dead = true;
	list_del(&drv->node);
	hash_del(&drv->hash);
	pvd_n_drivers--;
	list_for_each_entry(m, &pvd_ours, by_order)
		if (m->owner == drv)
			m->owner = NULL;
	pvd_lines_free(drv->lines, drv->n_lines);
	drv->lines = NULL;
	drv->n_lines = 0;
	pvd_event(PV_DRIVER_EVENT_KIND_DEL, drv, NULL);
	mutex_unlock(&pvd_lock);

	/* Idle: what may be queued has nothing to do, and need not get its turn. */
	cancel_work_sync(&drv->work);
	device_unregister(&drv->dev);

	mutex_lock(&pvd_lock);
}

/**
 * pvd_driver_del - remove a driver
 * @alias: its name
 * @why: set to a text when the return value is not 0
 *
 * Return: 0, -ENOENT or -EBUSY.
 */
int pvd_driver_del(const char *alias, const char **why)
{
	struct pvd_driver *drv;
	int err = 0;

	mutex_lock(&pvd_register_lock);
	mutex_lock(&pvd_lock);
	drv = pvd_driver_find(alias);
	if (!drv) {
		*why = "no such driver";
		err = -ENOENT;
	} else if (!pvd_driver_idle(drv)) {
		*why = "driver is in use";
		err = -EBUSY;
	} else {
		pvd_driver_remove(drv);
	}
	mutex_unlock(&pvd_lock);
	mutex_unlock(&pvd_register_lock);
	return err;
}

/**
 * pvd_driver_del_all - remove every driver, when the module goes
 */
void pvd_driver_del_all(void)
{
	struct pvd_driver *drv, *tmp;

	mutex_lock(&pvd_register_lock);
	pvd_closing = true;
	mutex_lock(&pvd_lock);
	list_for_each_entry_safe(drv, tmp, &pvd_drivers, node) {
		WARN_ON_ONCE(!pvd_driver_idle(drv));
		pvd_driver_remove(drv);
	}
	mutex_unlock(&pvd_lock);
	mutex_unlock(&pvd_register_lock);
}

/**
 * pvd_driver_present - is everything the driver names in the kernel
 * @drv: the driver
 *
 * Locked.
 *
 * Return: true when each module is live or built in; also with no line at all.
 */
bool pvd_driver_present(const struct pvd_driver *drv)
{
	unsigned int i;

	for (i = 0; i < drv->n_lines; i++)
		if (!drv->lines[i].module->live && !drv->lines[i].module->builtin)
			return false;
	return true;
}

/**
 * pvd_driver_set_state - change the state and tell everybody
 * @drv: the driver
 * @state: the new state
 *
 * Locked.
 */
void pvd_driver_set_state(struct pvd_driver *drv, enum pv_driver_state state)
{
	if (drv->state == state)
		return;
	drv->state = state;
	drv->since = ktime_get_boottime_ns();
	pvd_event(PV_DRIVER_EVENT_KIND_STATE, drv, NULL);
	pvd_uevent(drv);
}

/**
 * pvd_driver_derive_state - let the state follow the kernel
 * @drv: the driver
 *
 * Does nothing during a job, which sets the state itself and comes here at its
 * end. Locked.
 */
void pvd_driver_derive_state(struct pvd_driver *drv)
{
	if (drv->busy || drv->dead)
		return;
	if (pvd_driver_present(drv))
		pvd_driver_set_state(drv, PV_DRIVER_STATE_LOADED);
	else if (drv->error)
		pvd_driver_set_state(drv, PV_DRIVER_STATE_FAILED);
	else
		pvd_driver_set_state(drv, PV_DRIVER_STATE_UNLOADED);
}

/**
 * pvd_driver_set_error - remember what went wrong
 * @drv: the driver
 * @error: negative errno, 0 forgets
 * @text: in words, copied; NULL with 0
 *
 * Locked.
 */
void pvd_driver_set_error(struct pvd_driver *drv, int error, const char *text)
{
	kfree(drv->text);
	drv->error = error;
	drv->error_since = ktime_get_boottime_ns();
	drv->text = text ? kstrndup(text, PV_DRIVER_MAX_TEXT, GFP_KERNEL) : NULL;
}

/**
 * pvd_driver_warn - remember something that is worth knowing
 * @drv: the driver
 * @fmt: as for printf
 *
 * Cut at PV_DRIVER_MAX_TEXT; the same text is kept once; the oldest gives way.
 * Locked.
 */
void pvd_driver_warn(struct pvd_driver *drv, const char *fmt, ...)
{
	unsigned int i;
	va_list args;
	char *text;

	va_start(args, fmt);
	text = kvasprintf(GFP_KERNEL, fmt, args);
	va_end(args);
	if (!drv->warnings)
		drv->warnings = kcalloc(PVD_MAX_WARNINGS, sizeof(*drv->warnings), GFP_KERNEL);
	if (!text || !drv->warnings) {
		kfree(text);
		return;
	}
	if (strlen(text) > PV_DRIVER_MAX_TEXT)
		text[PV_DRIVER_MAX_TEXT] = '\0';
	for (i = 0; i < drv->n_warnings; i++) {
		if (!strcmp(drv->warnings[i], text)) {
			kfree(text);
			return;
		}
	}
	if (drv->n_warnings == PVD_MAX_WARNINGS) {
		kfree(drv->warnings[0]);
		memmove(drv->warnings, drv->warnings + 1,
			(PVD_MAX_WARNINGS - 1) * sizeof(drv->warnings[0]));
		drv->n_warnings--;
	}
	drv->warnings[drv->n_warnings++] = text;
}

/**
 * pvd_driver_clear - forget error and warnings
 * @drv: the driver
 *
 * Locked, or the last reference.
 */
void pvd_driver_clear(struct pvd_driver *drv)
{
	while (drv->n_warnings)
		kfree(drv->warnings[--drv->n_warnings]);
	kfree(drv->warnings);
	drv->warnings = NULL;
	pvd_driver_set_error(drv, 0, NULL);
}

int pvd_registry_init(void)
{
	return class_register(&pvd_class);
}

void pvd_registry_exit(void)
{
	pvd_driver_del_all();
	class_unregister(&pvd_class);
}
