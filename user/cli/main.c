// SPDX-License-Identifier: MIT
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

#define PVKIT_VERSION	"0.1"

#define HELP_JSON \
	"  --json           the result as JSON on stdout, for programs\n"
#define HELP_TIMEOUT \
	"  --timeout S      give a driver S seconds (1 to 3600; the kernel's default is 60)\n"

static const struct cli_verb verbs[] = {
	{
		"drivers list", "[--json] [--container NAME] [ALIAS...]",
		"Lists drivers: all, those named, or those of a container.",
		"\n"
		"Columns: alias, state (unloaded, loading, loaded, unloading, failed, unknown), who\n"
		"uses it ((host) is the host itself), and a line for each module with its flags:\n"
		"  live       resident and initialised      ours    came in through pvkit: goes\n"
		"  builtin    part of the kernel image              with the last use\n"
		"  permanent  has no exit function          pinned  held: rmmod fails\n"
		"and the parameters that it was given. The last error and warnings follow below.\n"
		"--json has all users, the module lines and the times of the last load and unload.\n"
		"Inside a container: its own drivers, their type and state.\n\n"
		"  --container NAME what that container sees\n"
		HELP_JSON,
		verb_drivers_list,
	},
	{
		"drivers load", "[--timeout S] [--container NAME] [--json] ALIAS...",
		"Uses drivers, loading them if need be; waits until they are there.",
		"\n"
		"The use is the host's own, or the container's in which it is called. It ends with\n"
		"`pvkit drivers unload`, a container's also with the container. Each driver is\n"
		"loaded whole or not at all. All are tried; the first failure decides the status.\n\n"
		HELP_TIMEOUT
		"  --container NAME on behalf of that container (host only)\n"
		HELP_JSON,
		verb_drivers_load,
	},
	{
		"drivers unload", "[--timeout S] [--container NAME] [--json] ALIAS...",
		"Ends the use of drivers; the last one unloads.",
		"\n"
		"A driver that others still use stays loaded, and that is no error. Modules that\n"
		"were resident before pvkit loaded anything stay too.\n\n"
		HELP_TIMEOUT
		"  --container NAME on behalf of that container (host only)\n"
		HELP_JSON,
		verb_drivers_unload,
	},
	{
		"drivers watch", "[--json] [--count N] [--timeout S] [ALIAS]",
		"Prints a line for each change of state as it happens.",
		"\n"
		"\"pvkit: watching from generation N\" on stderr says that from then on nothing is\n"
		"missed. If it could not keep up, it says so and prints every state as it is, with\n"
		"the kind \"now\". Kinds: state, new and del (of the alias), now.\n\n"
		"  --count N        end after N events\n"
		"  --timeout S      end after S seconds, with status 5\n"
		"  --json           an object on each line\n",
		verb_drivers_watch,
	},
	{
		"drivers add", "[--json] ALIAS [LINE...]",
		"Registers a driver, or gives one that nobody uses new module lines.",
		"\n"
		"LINE is one word: \"NAME [PARAM=VALUE ...]\", in order of loading. None at all is a\n"
		"driver that is built in.\n\n"
		"Example: pvkit drivers add wifi 'iwlwifi power_save=1'\n\n"
		HELP_JSON,
		verb_drivers_add,
	},
	{
		"drivers del", "[--json] ALIAS",
		"Forgets a driver that nobody uses.",
		"\n"
		HELP_JSON,
		verb_drivers_del,
	},
	{
		"container add", "NAME (--pid P | --cgroup PATH) [OPTION...]",
		"Registers a container: its cgroup, and the drivers that it names.",
		"\n"
		"From then on a caller in that cgroup or below is this container. Nothing is loaded\n"
		"yet, see `pvkit container start`. It is forgotten when its cgroup has been empty\n"
		"for 5 s, when process P ends, or by `pvkit container stop`.\n\n"
		"  --pid P          a process in the container\n"
		"  --cgroup PATH    its cgroup v2 folder, or the path that /proc/PID/cgroup shows\n"
		"  --required A,B   drivers without which it does not start\n"
		"  --optional A,B   drivers that load at its start too, if they can\n"
		"  --manual A,B     drivers that it may load itself\n"
		"  --role mgmt      may use the management calls of pv-ctrl\n"
		"  --run-json FILE  take drivers and roles from there\n"
		HELP_JSON,
		verb_container_add,
	},
	{
		"container start", "[--timeout S] [--json] NAME",
		"Loads a container's required drivers, then its optional ones.",
		"\n"
		"A required driver that fails ends it, with the driver's own status; an optional\n"
		"one is a line on stderr.\n\n"
		HELP_TIMEOUT HELP_JSON,
		verb_container_start,
	},
	{
		"container stop", "[--timeout S] [--json] NAME",
		"Forgets a container; waits until the drivers that only it used are gone.",
		"\n"
		HELP_TIMEOUT HELP_JSON,
		verb_container_stop,
	},
	{
		"container list", "[--json] [NAME]",
		"Lists containers and the drivers that they name.",
		"\n"
		"USES says whether the container has a use on the driver now.\n\n"
		HELP_JSON,
		verb_container_list,
	},
	{
		"hook oci",
		"[--root DIR] [--no-annotations] [--timeout S] [createRuntime|poststop]",
		"To be called by an OCI runtime (crun, runc, podman); the state comes on stdin.",
		"\n"
		"createRuntime registers the container and loads its drivers; a required one that\n"
		"fails aborts the start, and nothing is left behind. poststop removes it. Without\n"
		"a word the state's status decides.\n\n"
		"The name is the annotation org.pvkit.name, else the container's id, cut to 63\n"
		"characters. Its drivers:\n"
		"  1. DIR/containers/NAME/run.json\n"
		"  2. run.json in the bundle\n"
		"  3. annotations org.pvkit.drivers.required, .optional, .manual (names between\n"
		"     commas), in the state or in the bundle's config.json\n"
		"With none of them it is registered with no drivers. Annotations give no role.\n"
		"Some runtimes copy the annotations of an image: --no-annotations is for hosts\n"
		"that run images of strangers.\n\n"
		"In config.json (crun shows what a hook says only with that annotation; it is in\n"
		"the system log in any case):\n"
		"  \"annotations\": { \"run.oci.hooks.stderr\": \"/dev/stderr\" },\n"
		"  \"hooks\": {\n"
		"    \"createRuntime\": [ { \"path\": \"/usr/bin/pvkit\", \"args\":\n"
		"      [\"pvkit\", \"hook\", \"oci\", \"createRuntime\"] } ],\n"
		"    \"poststop\": [ { \"path\": \"/usr/bin/pvkit\", \"args\":\n"
		"      [\"pvkit\", \"hook\", \"oci\", \"poststop\"] } ] }\n\n"
		"  --root DIR       instead of /var/lib/pvkit\n"
		"  --no-annotations the name is the id, the drivers are those of 1 and 2\n"
		HELP_TIMEOUT,
		verb_hook_oci,
	},
	{
		"status", "[--json]",
		"Says who loads modules, and how much is registered.",
		"\n"
		HELP_JSON,
		verb_status,
	},
};

static void help(FILE *to)
{
	size_t i;

	fputs("Usage: pvkit VERB [OPTION...] [WORD...]\n\n"
	      "Managed drivers: aliases for kernel modules that containers and the host use, the\n"
	      "first use loading them and the last one unloading them.\n\n", to);
	for (i = 0; i < PVK_ARRAY_SIZE(verbs); i++)
		fprintf(to, "  %-16s %s\n", verbs[i].name, verbs[i].brief);
	fputs("\n"
	      "  pvkit VERB --help says more; pvkit --version.\n\n"
	      "Errors are single lines on stderr, \"pvkit: DRIVER: MODULE: what is wrong\".\n\n"
	      "Exit status:\n"
	      "  0  done\n"
	      "  1  failed: a module's or the kernel's error\n"
	      "  2  wrong usage\n"
	      "  3  no such driver or container\n"
	      "  4  refused: no right to, in use, or the name is taken\n"
	      "  5  timed out\n"
	      "  6  pv_driver is not in the kernel (modprobe pv_driver)\n", to);
}

/* Words of the verb if argv begins with it, else 0. */
static int match(const struct cli_verb *verb, int argc, char **argv)
{
	const char *blank = strchr(verb->name, ' ');
	size_t len = blank ? (size_t)(blank - verb->name) : strlen(verb->name);

	if (argc < 2 || strlen(argv[1]) != len || memcmp(argv[1], verb->name, len) != 0)
		return 0;
	if (!blank)
		return 1;
	return argc > 2 && strcmp(argv[2], blank + 1) == 0 ? 2 : 0;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
	struct cli cli = { .verb = verb, .argc = argc, .argv = argv };
	int status = verb->fn(&cli);

	pvk_drv_close(cli.drv);
	if (fflush(stdout) || ferror(stdout)) {
		cli_complain(NULL, "cannot write: %s", strerror(errno));
		return status ? status : CLI_FAILED;
	}
	return status;
}

int main(int argc, char **argv)
{
	size_t i;
	int words;

	/* For the errno texts only: numbers and sorting stay as they are. */
	setlocale(LC_CTYPE, "");
	for (i = 0; i < PVK_ARRAY_SIZE(verbs); i++) {
		words = match(&verbs[i], argc, argv);
		if (words)
			return run(&verbs[i], argc - words, argv + words);
	}
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
			 strcmp(argv[1], "help") == 0)) {
		help(stdout);
		return CLI_OK;
	}
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		puts("pvkit " PVKIT_VERSION);
		return CLI_OK;
	}
	if (argc < 2) {
		help(stderr);
		return CLI_USAGE;
	}
	cli_complain(NULL, "%s%s%s: no such verb (see pvkit --help)", argv[1],
		     argc > 2 ? " " : "", argc > 2 ? argv[2] : "");
	return CLI_USAGE;
}
