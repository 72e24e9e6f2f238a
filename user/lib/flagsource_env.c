// SPDX-License-Identifier: MIT
/*
 * The U-Boot environment as a source of boot flags.
 *
 * What it said at boot is what it says until somebody changes it. The first change of
 * ours keeps what was there in a file that a reboot empties; changes by other tools
 * we do not hear of.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "flagsource_int.h"
#include "json.h"
#include "ubootenv.h"
#include "ubootfield.h"

#define BOOT_FILE	"uboot-env-boot.json"
#define BOOT_MAX	4096

static struct pvk_env env_of(const struct pvk_flagconf *conf)
{
	struct pvk_env env = { .config = conf->uboot_env, .keep = conf->keep };
	unsigned int field;

	for (field = 1; field < PVB_FIELDS; field++)
		env.variable[field] = conf->variable[field];
	return env;
}

/* ---- what it said at boot ---- */

static int read_boot(const struct pvk_flagconf *conf, struct pvb_flags *boot)
{
	json_auto struct json_doc *doc = NULL;
	pvk_auto_free char *text = NULL;
	struct pvk_change change = { 0 };
	char path[PATH_MAX + 32];
	size_t len;
	int ret;

	snprintf(path, sizeof(path), "%s/" BOOT_FILE, conf->state);
	ret = pvk_read_file(AT_FDCWD, path, BOOT_MAX, &text, &len);
	if (!ret)
		ret = json_parse(text, len, NULL, &doc, NULL);
	if (!ret)
		ret = pvk_change_json(&change, json_root(doc), NULL);
	if (!ret)
		*boot = change.set;
	return ret;
}

/* Unless that has been done in this boot. */
static void keep_boot(const struct pvk_flagconf *conf, const struct pvb_flags *flags)
{
	json_auto_out struct json_out out = JSON_OUT_INIT(BOOT_MAX);
	pvk_auto_free char *text = NULL;
	pvk_auto_close int fd = -1;
	size_t len;

	if (mkdir(conf->state, 0755) && errno != EEXIST)
		return;
	fd = open(conf->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !faccessat(fd, BOOT_FILE, F_OK, 0))
		return;
	json_out_object(&out);
	pvk_flags_json(&out, flags);
	json_out_end(&out);
	if (!json_out_take(&out, &text, &len))
		pvk_replace_file(fd, BOOT_FILE, "." BOOT_FILE, text, len, 0644);
}

/* ---- reading ---- */

static void fill(struct pvk_store *store, const struct pvk_env_info *info)
{
	store->guarantee = PV_BOOTFLAG_GUARANTEE_POWER | PV_BOOTFLAG_GUARANTEE_WEAR;
	if (info->guarantee & PVB_ATOMIC)
		store->guarantee |= PV_BOOTFLAG_GUARANTEE_ATOMIC;
	if (info->guarantee & PVB_REDUNDANT)
		store->guarantee |= PV_BOOTFLAG_GUARANTEE_REDUNDANT;
	store->offers = info->fields;
	store->generation = info->generation;
	if (info->where[0])
		snprintf(store->spec, sizeof(store->spec), "%s", info->where);
}

static void put_text(struct pvk_store *store, const char *before, const char *text)
{
	snprintf(store->text, sizeof(store->text), "%s%.*s", before,
		 (int)sizeof(store->text) - 16, text);
}

int flagsource_add_env(struct pvk_flagsources *list, const struct pvk_flagconf *conf,
		       struct pvk_err *err)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct pvk_env_info info = { 0 };
	struct pvk_err why = { .text = "" };
	struct pvk_env env = env_of(conf);
	struct pvk_flagsource *source;
	struct pvb_flags flags = { 0 };
	struct pvk_store *store;
	int ret;

	if (!conf->uboot_env[0])
		return 0;
	ret = pvk_env_read(&env, &flags, &info, &warnings, &why);
	/* Nobody said that there is one. */
	if ((ret == -ENOENT || ret == -EOPNOTSUPP) && !conf->uboot_env_given)
		return 0;
	source = flagsource_add(list, PVK_SOURCE_UBOOT_ENV, err);
	if (!source)
		return -ENOMEM;
	store = &source->store;
	source->writable = true;
	strcpy(store->name, PVK_SOURCE_NAME_UBOOT_ENV);
	strcpy(store->medium, "U-Boot env");
	store->state = ubootfield_state(ret);
	fill(store, &info);
	if (ret && ret != -ENODATA) {
		store->error = -ret;
		put_text(store, "", why.text);
	} else if (warnings.count) {
		put_text(store, "warning: ", warnings.item[0]);
	}
	if (!ret)
		store->flags = flags;
	if (read_boot(conf, &store->boot))
		store->boot = store->flags;
	return 0;
}

/* ---- setting ---- */

int flagsource_set_env(const struct pvk_flagsource *source, const struct pvk_flagconf *conf,
		       const struct pvk_change *change, struct pvk_list *warnings,
		       struct pvk_err *err)
{
	struct pvk_env env = env_of(conf);

	keep_boot(conf, &source->store.flags);
	/* Without pvkitd nobody has made it; what comes of that is said by the change. */
	if (change->force)
		mkdir(conf->keep, 0755);
	return pvk_env_change(&env, change, warnings, err);
}
