// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf.h"
#include "confline.h"
#include "flags.h"

#define PREFIX		"pvkit."

static const char *const way_names[BOOT_WAYS] = {
	[BOOT_NORMAL] = "normal",
	[BOOT_OTA] = "ota",
	[BOOT_RECOVERY] = "recovery",
	[BOOT_RESUME] = "resume",
	[BOOT_RESCUE] = "rescue",
};

const char *boot_way_name(enum boot_way way)
{
	return way_names[way];
}

int boot_way_find(const char *name)
{
	int way;

	for (way = 0; way < BOOT_WAYS; way++)
		if (!strcmp(way_names[way], name))
			return way;
	return -ENOENT;
}

void conf_init(struct conf *conf)
{
	*conf = (struct conf){
		.root_wait = 30,
		.shell_wait = 5,
		.failures_limit = 3,
		.guard_every = 5,
		.guard_limit = 20,
		.guard_grace = 5,
		.guard_restart = true,
		.shell = true,
	};
}

/* ---- settings ---- */

enum setting_kind { TEXT, ACCESS, SECONDS, INTERVAL, COUNT, THEN, UNION, GUARD, YES_NO };

struct setting {
	const char *name;
	enum setting_kind kind;
	size_t at;
	size_t size;
};

#define OF_BOOT(name, kind, member) \
	{ name, kind, offsetof(struct boot_conf, member), \
	  sizeof(((struct boot_conf *)NULL)->member) }
#define OF_ALL(name, kind, member) \
	{ name, kind, offsetof(struct conf, member), sizeof(((struct conf *)NULL)->member) }

static const struct setting of_boot[] = {
	OF_BOOT("root", TEXT, root),
	OF_BOOT("rootfstype", TEXT, fstype),
	OF_BOOT("rootflags", TEXT, flags),
	OF_BOOT("nbdroot", TEXT, nbdroot),
	OF_BOOT("nfsroot", TEXT, nfsroot),
	OF_BOOT("ip", TEXT, ip),
	OF_BOOT("access", ACCESS, access),
	OF_BOOT("init", TEXT, init),
	OF_BOOT("program", TEXT, program),
	OF_BOOT("union", UNION, in_ram),
	OF_BOOT("union-size", TEXT, union_size),
	OF_BOOT("union-plain", TEXT, union_plain),
	OF_BOOT("union-keep", TEXT, union_keep),
	OF_BOOT("guard", GUARD, guard),
	{ NULL }
};

static const struct setting of_all[] = {
	OF_ALL("root-wait", SECONDS, root_wait),
	OF_ALL("root-delay", SECONDS, root_delay),
	OF_ALL("failures-limit", COUNT, failures_limit),
	OF_ALL("failures-then", THEN, failures_then),
	OF_ALL("failures-store", TEXT, failures_store),
	OF_ALL("guard-every", INTERVAL, guard_every),
	OF_ALL("guard-limit", INTERVAL, guard_limit),
	OF_ALL("guard-grace", SECONDS, guard_grace),
	OF_ALL("guard-store", TEXT, guard_store),
	OF_ALL("guard-watchdog", TEXT, guard_watchdog),
	OF_ALL("guard-restart", YES_NO, guard_restart),
	OF_ALL("shell", YES_NO, shell),
	OF_ALL("shell-wait", SECONDS, shell_wait),
	OF_ALL("debug", YES_NO, debug),
	{ NULL }
};

static const struct setting *find(const struct setting *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return table;
	return NULL;
}

static int set_number(unsigned int *number, unsigned long max, const char *value,
		      struct pvk_err *err)
{
	unsigned long n;
	char *end;

	n = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || n > max)
		return pvk_err_set(err, -EINVAL, "\"%s\" is no number up to %lu", value, max);
	*number = (unsigned int)n;
	return 0;
}

/* None at all would be a doubt at each question. */
static int set_interval(unsigned int *seconds, const char *value, struct pvk_err *err)
{
	unsigned int n = 0;
	int ret = set_number(&n, CONF_WAITS_MAX, value, err);

	if (!ret && !n)
		ret = pvk_err_set(err, -EINVAL, "0 is no interval");
	if (!ret)
		*seconds = n;
	return ret;
}

static int set_then(enum conf_then *then, const char *value, struct pvk_err *err)
{
	static const char *const words[] = {
		[THEN_RECOVERY] = "recovery", [THEN_SLOT] = "slot", [THEN_NOTHING] = "nothing",
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(words); i++)
		if (!strcmp(words[i], value)) {
			*then = (enum conf_then)i;
			return 0;
		}
	return pvk_err_set(err, -EINVAL, "\"%s\" is none of recovery, slot and nothing", value);
}

/* A word alone, on the command line, is a yes. */
static int set_yes_no(bool *flag, const char *value, struct pvk_err *err)
{
	if (strcmp(value, "yes") && strcmp(value, "no") && *value)
		return pvk_err_set(err, -EINVAL, "\"%s\" is neither yes nor no", value);
	*flag = strcmp(value, "no");
	return 0;
}

static int set_union(enum conf_union *in_ram, const char *value, struct pvk_err *err)
{
	bool yes = false;
	int ret = set_yes_no(&yes, value, err);

	if (!ret)
		*in_ram = yes ? UNION_YES : UNION_NO;
	return ret;
}

static int set_guard(enum conf_guard *guard, const char *value, struct pvk_err *err)
{
	bool yes = false;

	if (!strcmp(value, "dry-run")) {
		*guard = GUARD_DRY_RUN;
		return 0;
	}
	if (set_yes_no(&yes, value, NULL))
		return pvk_err_set(err, -EINVAL, "\"%s\" is none of yes, no and dry-run", value);
	*guard = yes ? GUARD_YES : GUARD_NO;
	return 0;
}

static int set_access(enum conf_access *access, const char *value, struct pvk_err *err)
{
	if (strcmp(value, "ro") && strcmp(value, "rw"))
		return pvk_err_set(err, -EINVAL, "\"%s\" is neither ro nor rw", value);
	*access = value[1] == 'o' ? CONF_RO : CONF_RW;
	return 0;
}

static int set(const struct setting *setting, void *base, const char *value, struct pvk_err *err)
{
	void *to = (char *)base + setting->at;

	switch (setting->kind) {
	case ACCESS:
		return set_access(to, value, err);
	case SECONDS:
		return set_number(to, CONF_WAITS_MAX, value, err);
	case INTERVAL:
		return set_interval(to, value, err);
	case COUNT:
		return set_number(to, UINT8_MAX, value, err);
	case UNION:
		return set_union(to, value, err);
	case GUARD:
		return set_guard(to, value, err);
	case THEN:
		return set_then(to, value, err);
	case YES_NO:
		return set_yes_no(to, value, err);
	default:
		break;
	}
	if (strlen(value) >= setting->size)
		return pvk_err_set(err, -ENAMETOOLONG, "longer than %zu bytes",
				   setting->size - 1);
	strcpy(to, value);
	return 0;
}

int conf_set(struct conf *conf, const char *section, const char *name, const char *value,
	     struct pvk_err *err)
{
	const struct setting *setting = find(of_boot, name);
	int way = section ? boot_way_find(section) : BOOT_NORMAL;

	if (way < 0)
		return pvk_err_set(err, -EINVAL, "there is no section %s", section);
	if (setting)
		return set(setting, &conf->way[way], value, err);
	setting = find(of_all, name);
	if (!setting)
		return pvk_err_set(err, -ENOENT, "unknown setting");
	if (section)
		return pvk_err_set(err, -EINVAL, "is for all of them: before the first section");
	return set(setting, conf, value, err);
}

void conf_boot(const struct conf *conf, enum boot_way way, struct boot_conf *boot)
{
	const struct boot_conf *normal = &conf->way[BOOT_NORMAL];

	*boot = conf->way[way];
	/* A type, options and what is kept over it are those of a root, and no other's. */
	if (!boot->root[0] && way != BOOT_RESCUE) {
		strcpy(boot->root, normal->root);
		if (!boot->fstype[0])
			strcpy(boot->fstype, normal->fstype);
		if (!boot->flags[0])
			strcpy(boot->flags, normal->flags);
		if (!boot->union_keep[0])
			strcpy(boot->union_keep, normal->union_keep);
		if (!boot->nbdroot[0])
			strcpy(boot->nbdroot, normal->nbdroot);
		if (!boot->nfsroot[0])
			strcpy(boot->nfsroot, normal->nfsroot);
	}
	if (!boot->ip[0])
		strcpy(boot->ip, normal->ip);
	if (boot->access == CONF_UNSAID)
		boot->access = normal->access;
	if (!boot->init[0])
		strcpy(boot->init, normal->init);
	if (boot->in_ram == UNION_UNSAID)
		boot->in_ram = normal->in_ram;
	if (!boot->union_size[0])
		strcpy(boot->union_size, normal->union_size);
	if (!boot->union_plain[0])
		strcpy(boot->union_plain, normal->union_plain);
	if (boot->guard == GUARD_UNSAID)
		boot->guard = normal->guard;
}

bool conf_is_kernels_root(const struct conf *conf, const char *root)
{
	return !strcmp(root, conf->kernels_root[0] ? conf->kernels_root :
		       conf->way[BOOT_NORMAL].root);
}

/* ---- the file ---- */

/* "[recovery]" -> "recovery", and "[recovery" too; NULL: no section. */
static char *section_of(char *line)
{
	line += strspn(line, " \t\r");
	if (*line != '[')
		return NULL;
	line++;
	line[strcspn(line, "]\r")] = '\0';
	return line;
}

struct reading {
	struct conf *conf;
	const char *path;
	const char *section;
	struct pvk_list *warnings;
};

static int read_line(void *arg, char *line, unsigned int n, struct pvk_err *err)
{
	char *name, *value, *header = section_of(line);
	struct reading *reading = arg;

	if (header) {
		reading->section = header;
		if (boot_way_find(header) < 0)
			pvk_list_warn(reading->warnings, "%s:%u: there is no section [%s]",
				      reading->path, n, header);
		return 0;
	}
	/* Of a section that is none, all has been said. */
	if (!pvk_conf_line(line, &name, &value) ||
	    (reading->section && boot_way_find(reading->section) < 0))
		return 0;
	if (conf_set(reading->conf, reading->section, name, value, err))
		pvk_list_warn(reading->warnings, "%s:%u: %s: %s", reading->path, n, name,
			      err->text);
	return 0;
}

void conf_read(struct conf *conf, const char *path, struct pvk_list *warnings)
{
	struct reading reading = { .conf = conf, .path = path, .warnings = warnings };
	struct pvk_err err = { .text = "" };

	if (pvk_conf_read(path, read_line, &reading, &err))
		pvk_list_warn(warnings, "%s", err.text);
}

/* ---- the command line ---- */

/* root= and its like: what they are for the kernel. value NULL: a word without '='. */
static int kernel_word(struct conf *conf, const char *key, const char *value, const char *argv0,
		       struct pvk_err *err)
{
	static const char *const as_here[] = {
		"root", "rootfstype", "rootflags", "nbdroot", "nfsroot", "ip", "init",
	};
	struct boot_conf *normal = &conf->way[BOOT_NORMAL];
	size_t i;

	if (!value) {
		if (!strcmp(key, "ro") || !strcmp(key, "rw"))
			normal->access = key[1] == 'o' ? CONF_RO : CONF_RW;
		return 0;
	}
	if (!strcmp(key, "rootwait"))
		return set_number(&conf->root_wait, CONF_WAITS_MAX, value, err);
	if (!strcmp(key, "rootdelay"))
		return set_number(&conf->root_delay, CONF_WAITS_MAX, value, err);
	if (!strcmp(key, "init") && !strcmp(value, argv0))
		return 0;
	if (!strcmp(key, "root"))
		snprintf(conf->kernels_root, sizeof(conf->kernels_root), "%s", value);
	/* None at all is another thing than none said. */
	if (!strcmp(key, "ip") && !*value)
		value = "off";
	for (i = 0; i < PVK_ARRAY_SIZE(as_here); i++)
		if (!strcmp(key, as_here[i]))
			return conf_set(conf, NULL, key, value, err);
	return 0;
}

/* "pvkit.recovery.root", without the prefix */
static int our_word(struct conf *conf, const char *key, const char *value, struct pvk_err *err)
{
	char section[16];
	const char *dot = strchr(key, '.');

	if (!dot)
		return conf_set(conf, NULL, key, value, err);
	snprintf(section, sizeof(section), "%.*s", (int)(dot - key), key);
	return conf_set(conf, section, dot + 1, value, err);
}

static void take_word(struct conf *conf, const char *key, const char *value, const char *argv0,
		      struct pvk_list *warnings)
{
	size_t len = strlen(PREFIX);
	struct pvk_err err = { .text = "" };
	int ret;

	if (strncmp(key, PREFIX, len)) {
		ret = kernel_word(conf, key, value, argv0, &err);
	} else {
		/* pvkit.mode= and its like are flags, for others to read. */
		if (pvk_field_find(key + len))
			return;
		ret = our_word(conf, key + len, value ? value : "", &err);
	}
	if (ret)
		pvk_list_warn(warnings, "command line: %s: %s", key, err.text);
}

void conf_cmdline(struct conf *conf, const struct pvk_cmdline *cmdline, const char *argv0,
		  struct pvk_list *warnings)
{
	const char *key, *value;
	bool ours;
	size_t i;
	int pass;

	/* What is ours is said on purpose: it counts more, wherever it stands. */
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < cmdline->count; i++) {
			key = cmdline->text + cmdline->key[i];
			value = cmdline->value[i] ? cmdline->text + cmdline->value[i] : NULL;
			ours = !strncmp(key, PREFIX, strlen(PREFIX));
			if (ours != !pass)
				take_word(conf, key, value, argv0, warnings);
		}
	}
}
