// SPDX-License-Identifier: MIT
/*
 * hook oci - what an OCI runtime calls when a container comes and goes
 *
 * createRuntime is the right moment to begin: the cgroup exists, nothing of
 * the container runs yet, and a failure aborts the start.
 * At poststop the process is gone, so the container goes by its name.
 *
 * Runtimes throw a hook's stderr away, or show it only when told to: what went
 * wrong is in the system log as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "hook.h"
#include "json.h"

#define STATE_MAX	JSON_MAX_BYTES
enum phase { PHASE_UNKNOWN, PHASE_CREATE, PHASE_STOP };

struct hook {
	struct cli *cli;
	const char *root;
	uint32_t timeout_ms;
	enum phase phase;
	struct json_doc *state;		/* what the runtime said */
	struct json_doc *config;	/* the bundle's config.json; may be NULL */
	const struct json *annotations;	/* of either; NULL if they do not count */
	bool no_annotations;
	const char *bundle;
	struct uses uses;
};

static enum phase phase_by_name(const char *name)
{
	static const struct {
		const char *name;
		enum phase phase;
	} names[] = {
		{ "createRuntime", PHASE_CREATE }, { "prestart", PHASE_CREATE },
		{ "poststop", PHASE_STOP },
		/* status of the state */
		{ "creating", PHASE_CREATE }, { "created", PHASE_CREATE },
		{ "stopped", PHASE_STOP },
	};
	size_t i;

	for (i = 0; name && i < PVK_ARRAY_SIZE(names); i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].phase;
	return PHASE_UNKNOWN;
}

static int read_state(struct hook *hook, struct pvk_err *err)
{
	pvk_auto_free char *text = NULL;
	struct json_error why;
	size_t len;
	int ret;

	ret = pvk_read_fd(STDIN_FILENO, STATE_MAX, &text, &len);
	if (ret)
		return pvk_err_set(err, ret, "state on stdin: %s", strerror(-ret));
	ret = json_parse(text, len, NULL, &hook->state, &why);
	if (ret)
		return pvk_err_set(err, ret, "state on stdin: %s", why.text);
	return 0;
}

/* Some runtimes leave the annotations out of the state. */
static void read_config(struct hook *hook)
{
	pvk_auto_free char *text = NULL;
	char path[PATH_MAX];
	size_t len;

	if (!hook->bundle ||
	    snprintf(path, sizeof(path), "%s/config.json", hook->bundle) >= (int)sizeof(path))
		return;
	/* At poststop it may be gone; whether it is right is the runtime's to say. */
	if (pvk_read_file(AT_FDCWD, path, JSON_MAX_BYTES, &text, &len) ||
	    json_parse(text, len, NULL, &hook->config, NULL))
		return;
	hook->annotations = json_get(json_root(hook->config), "annotations");
}

static int understand(struct hook *hook, struct pvk_err *err)
{
	const struct json *root = json_root(hook->state);
	const char *id = json_cstr(json_get(root, "id")), *name;
	char cut[PVK_NAME_MAX + 1];

	if (!id || !id[0])
		return pvk_err_set(err, -EINVAL, "the state on stdin has no id");
	hook->bundle = json_cstr(json_get(root, "bundle"));
	if (!hook->no_annotations) {
		hook->annotations = json_get(root, "annotations");
		if (!json_count(hook->annotations))
			read_config(hook);
	}
	if (!hook->phase)
		hook->phase = phase_by_name(json_cstr(json_get(root, "status")));
	if (!hook->phase)
		return pvk_err_set(err, -EINVAL,
				   "status of the state is no createRuntime or poststop");
	name = pvk_oci_name(hook->annotations, id, cut);
	if (!name)
		return pvk_err_set(err, -EINVAL, "neither annotation org.pvkit.name nor the id "
				   "\"%.64s\" is a container name", id);
	return uses_name(&hook->uses, name, err);
}

static int from_annotations(struct hook *hook, struct pvk_err *err)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	pvk_auto_names struct pvk_names names = { 0 };
	size_t i;
	int ret;

	ret = pvk_names_from_annotations(hook->annotations, &names, &warnings, err);
	for (i = 0; i < warnings.count; i++)
		cli_complain(hook->uses.container.name, "warning: %s", warnings.item[i]);
	return ret ? ret : uses_names(&hook->uses, &names, err);
}

static int read_uses(struct hook *hook, struct pvk_err *err)
{
	int ret = hook_files(&hook->uses, hook->root, true, err);

	if (ret == -ENOENT)
		ret = hook_files(&hook->uses, hook->bundle, false, err);
	if (ret == -ENOENT)
		ret = from_annotations(hook, err);
	return ret;
}

static int create(struct hook *hook)
{
	const char *name = hook->uses.container.name;
	struct pvk_err err = { 0 };
	int64_t pid;
	int ret;

	if (json_int64(json_get(json_root(hook->state), "pid"), &pid) || pid < 1 || pid > INT_MAX) {
		cli_complain(name, "the state on stdin has no pid");
		return CLI_FAILED;
	}
	ret = read_uses(hook, &err);
	if (ret)
		return cli_fail(name, ret, &err);
	return hook_create(hook->cli, &hook->uses, (pid_t)pid, hook->timeout_ms);
}

static int stop(struct hook *hook)
{
	bool gone;
	int status = hook_stop(hook->cli, hook->uses.container.name, hook->timeout_ms, &gone);

	if (gone && !read_uses(hook, NULL))
		hook_settle(hook->cli, &hook->uses, hook->timeout_ms);
	return status;
}

static int run(struct hook *hook)
{
	struct pvk_err err = { 0 };
	int ret = read_state(hook, &err);

	if (!ret)
		ret = understand(hook, &err);
	if (ret) {
		cli_fail("hook oci", ret, &err);
		return CLI_FAILED;
	}
	return hook->phase == PHASE_CREATE ? create(hook) : stop(hook);
}

int verb_hook_oci(struct cli *cli)
{
	struct hook hook = { .cli = cli, .root = HOOK_ROOT };
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (opt == OPT_ROOT)
			hook.root = optarg;
		else if (opt == OPT_NO_ANNOTATIONS)
			hook.no_annotations = true;
		else if (cli_timeout(cli, optarg, &hook.timeout_ms))
			return CLI_USAGE;
	}
	if (optind < cli->argc) {
		hook.phase = phase_by_name(cli->argv[optind++]);
		if (!hook.phase)
			return cli_usage(cli, "createRuntime or poststop");
	}
	if (optind != cli->argc)
		return cli_usage(cli, "one phase or none");
	cli_use_syslog();
	status = run(&hook);
	json_free(hook.state);
	json_free(hook.config);
	return status;
}
