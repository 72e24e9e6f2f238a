// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "state.h"

/* All that is known of one module. */
struct why {
	char name[PVK_MODULE_SIZE];
	struct pvk_module module;	/* as pv_driver says, if it tracks it */
	bool tracked;
	struct sysmod sys;
	struct pvk_drivers drivers;
};

static bool is_live(const struct why *why)
{
	return why->sys.state[0];
}

static bool is_builtin(const struct why *why)
{
	return why->sys.builtin || why->module.flags & PV_DRIVER_MODULE_FLAG_BUILTIN;
}

/*
 * The module of a driver through which it would come in: itself, or one that
 * needs it. NULL: the driver has nothing to do with it.
 */
static const char *through(const struct why *why, const struct pvk_driver *driver)
{
	const char *needs = NULL;
	size_t i;

	for (i = 0; i < driver->n_modules; i++) {
		const char *name = driver->modules[i].name;

		if (strcmp(name, why->name) == 0)
			return why->name;
		if (!needs && sysmod_needed_by(&why->sys, name))
			needs = name;
	}
	return needs;
}

static bool any_driver(const struct why *why)
{
	size_t i;

	for (i = 0; i < why->drivers.count; i++)
		if (through(why, &why->drivers.item[i]))
			return true;
	return false;
}

/* --- for people ----------------------------------------------------------- */

static void print_head(const struct why *why)
{
	const char *name;
	unsigned int i;

	printf("%s: ", why->name);
	if (is_live(why) && strcmp(why->sys.state, "live") != 0)
		printf("on its way, %s", why->sys.state);
	else if (is_live(why))
		printf("in the kernel");
	else if (is_builtin(why))
		printf("built into the kernel");
	else
		printf("not in the kernel");
	if (is_live(why) && !why->tracked)
		printf("; pv_driver does not track it");
	else if (is_live(why))
		for (i = 0; (name = pvk_module_flag_name(i)); i++)
			if (why->module.flags & (1u << i))
				printf(", %s", name);
	putchar('\n');
}

static void print_since(const struct why *why)
{
	int64_t when = cli_when(why->module.since_ns);
	time_t at = (time_t)when;
	char text[32], ago[32];
	struct tm tm;

	if (!why->module.since_ns) {
		printf("  since      before pv_driver looked for it\n");
		return;
	}
	if (!localtime_r(&at, &tm) || !strftime(text, sizeof(text), "%F %T", &tm))
		snprintf(text, sizeof(text), "@%lld", (long long)when);
	printf("  since      %s, %s\n", text, cli_ago(why->module.since_ns, ago, sizeof(ago)));
}

static void print_cause(const struct why *why)
{
	const struct pvk_module *module = &why->module;

	printf("  cause      ");
	if (module->cause_alias[0])
		printf("a load of driver %s for %s%s\n", module->cause_alias,
		       module->cause_container[0] ? "container " : "the host",
		       module->cause_container);
	else if (module->flags & PV_DRIVER_MODULE_FLAG_OURS)
		printf("a load of a driver; there was no memory to note which\n");
	else if (!why->tracked)
		printf("no load of a driver, and no driver names it\n");
	else if (module->since_ns)
		printf("no load of a driver: somebody else loaded it\n");
	else
		printf("no load of a driver: it was there before\n");
}

static void print_drivers(const struct why *why)
{
	pvk_auto_buf struct pvk_buf users = PVK_BUF_INIT(128 * 1024);
	const char *label = "drivers";
	const char *by;
	size_t i, k;

	for (i = 0; i < why->drivers.count; i++) {
		const struct pvk_driver *driver = &why->drivers.item[i];

		by = through(why, driver);
		if (!by)
			continue;
		pvk_buf_reset(&users);
		for (k = 0; k < driver->users.count; k++)
			pvk_buf_printf(&users, "%s%s", k ? ", " : "",
				       driver->users.item[k][0] ? driver->users.item[k] : "(host)");
		printf("  %-9s  %s%s%s: %s, used by %s\n", label, driver->alias,
		       by == why->name ? "" : ", whose module needs it: ",
		       by == why->name ? "" : by, pvk_state_name(driver->state),
		       users.len ? pvk_buf_str(&users) : "nobody");
		label = "";
	}
	if (label[0])
		printf("  drivers    none names it or a module that needs it\n");
}

static void print_holders(const struct why *why)
{
	bool pinned = why->module.flags & PV_DRIVER_MODULE_FLAG_PINNED;

	printf("  held by    %s", why->sys.holders.len ? pvk_buf_str(&why->sys.holders) :
	       "no other module");
	if (why->sys.refs >= 0)
		printf("; %d reference%s%s", why->sys.refs, why->sys.refs == 1 ? "" : "s",
		       pinned ? ", one of them pv_driver's" : "");
	putchar('\n');
}

static int print_text(const struct why *why)
{
	print_head(why);
	if (is_live(why)) {
		print_since(why);
		print_cause(why);
	}
	print_drivers(why);
	if (is_live(why))
		print_holders(why);
	return CLI_OK;
}

/* --- for programs --------------------------------------------------------- */

static void json_cause(struct json_out *out, const struct pvk_module *module)
{
	json_out_key(out, "cause");
	if (!module->cause_alias[0]) {
		json_out_null(out);
		return;
	}
	json_out_object(out);
	json_out_pair_str(out, "driver", module->cause_alias);
	json_out_pair_str(out, "container",
			  module->cause_container[0] ? module->cause_container : NULL);
	json_out_end(out);
}

static void json_drivers(struct json_out *out, const struct why *why)
{
	const char *by;
	size_t i;

	json_out_key(out, "drivers");
	json_out_array(out);
	for (i = 0; i < why->drivers.count; i++) {
		const struct pvk_driver *driver = &why->drivers.item[i];

		by = through(why, driver);
		if (!by)
			continue;
		json_out_object(out);
		json_out_pair_str(out, "alias", driver->alias);
		json_out_pair_str(out, "through", by);
		json_out_pair_str(out, "state", pvk_state_name(driver->state));
		cli_json_users(out, &driver->users);
		json_out_end(out);
	}
	json_out_end(out);
}

static int print_json(const struct why *why)
{
	const char *state = why->sys.state;
	json_auto_out struct json_out out = { 0 };

	if (!state[0])
		state = is_builtin(why) ? "builtin" : "absent";
	json_out_init(&out, CLI_JSON_MAX);
	json_out_object(&out);
	json_out_pair_str(&out, "module", why->name);
	json_out_pair_str(&out, "state", state);
	json_out_pair_bool(&out, "tracked", why->tracked);
	cli_json_flags(&out, why->module.flags);
	cli_json_when(&out, "since", why->module.since_ns);
	json_cause(&out, &why->module);
	json_drivers(&out, why);
	cli_json_words(&out, "holders", pvk_buf_str(&why->sys.holders));
	json_out_key(&out, "refs");
	if (why->sys.refs >= 0)
		json_out_int(&out, why->sys.refs);
	else
		json_out_null(&out);
	json_out_end(&out);
	return cli_print_json(&out);
}

/* --- the verb ------------------------------------------------------------- */

/* The word is part of paths. */
static int take_name(const char *word, char *name)
{
	size_t i;

	for (i = 0; word[i]; i++) {
		if (i == PV_DRIVER_MAX_MODULE ||
		    (!pvk_isalnum((unsigned char)word[i]) && !strchr("_-", word[i])))
			return -EINVAL;
		name[i] = word[i] == '-' ? '_' : word[i];
	}
	name[i] = '\0';
	return i ? 0 : -EINVAL;
}

static int ask(struct cli *cli, struct why *why, const char *state_dir)
{
	struct pvk_err err = { 0 };
	struct pvk_state state;
	int ret;

	ret = pvk_drv_module_get(cli->drv, why->name, &why->module, &err);
	why->tracked = !ret;
	if (ret && ret != -ENOENT)
		return cli_fail(why->name, ret, &err);
	ret = pvk_drv_driver_list(cli->drv, 0, &why->drivers, &err);
	if (ret)
		return cli_fail(why->name, ret, &err);
	/* Without a pvkitd that has said it, modprobe's own. */
	pvk_state_read(state_dir, &state);
	sysmod_read(&why->sys, why->name, &state);
	if (is_live(why) || is_builtin(why) || any_driver(why))
		return cli->json ? print_json(why) : print_text(why);
	cli_complain(why->name, "not in the kernel, and no driver would load it");
	return CLI_NOT_FOUND;
}

int verb_drivers_why(struct cli *cli)
{
	const char *state_dir = PVK_STATE_DIR;
	struct why why = { 0 };
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (opt == OPT_STATE)
			state_dir = optarg;
	}
	if (optind + 1 != cli->argc)
		return cli_usage(cli, "wants the name of one module");
	if (take_name(cli->argv[optind], why.name))
		return cli_usage(cli, "\"%s\" is no name of a module", cli->argv[optind]);
	status = cli_open(cli, NULL, NULL);
	if (!status)
		status = ask(cli, &why, state_dir);
	sysmod_free(&why.sys);
	pvk_module_free(&why.module);
	pvk_drivers_free(&why.drivers);
	return status;
}
