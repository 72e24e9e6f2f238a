// SPDX-License-Identifier: MIT
/*
 * verbs - every verb of pvkit with its options and its help
 *
 * The one source of --help, of the command line's parser, of the man pages and
 * of the completion for bash and zsh. Compiled with PVKIT_TEXTS_ONLY it needs
 * nothing else of pvkit: that is how the generator of the last two links it.
 *
 * How the texts are laid out: a paragraph's lines begin at the margin, what
 * must keep its line breaks and columns (tables, examples) is indented. Nothing
 * is wider than 84 columns, what is indented than 75: it stands in a man page.
 * What follows a line "Examples:" is the end.
 */
#include "util.h"
#include "verbs.h"

#ifdef PVKIT_TEXTS_ONLY
#define FN(...)	NULL
#else
#include "cli.h"
#define FN(...)	__VA_ARGS__
#endif

#define JSON \
	{ "json", NULL, OPT_JSON, "the result as JSON on stdout, for programs", NULL }
#define TIMEOUT \
	{ "timeout", "S", OPT_TIMEOUT, \
	  "give a driver S seconds (1 to 3600; the kernel's default is 60)", NULL }
#define ON_BEHALF \
	{ "container", "NAME", OPT_CONTAINER, "on behalf of that container (host only)", \
	  "@container" }
#define CONTAINER_NAMES \
	{ "required", "A,B", OPT_REQUIRED, "drivers without which it does not start", \
	  "@aliases" }, \
	{ "optional", "A,B", OPT_OPTIONAL, "drivers that load at its start too, if they can", \
	  "@aliases" }, \
	{ "manual", "A,B", OPT_MANUAL, "drivers that it may load itself", "@aliases" }, \
	{ "role", "mgmt", OPT_ROLE, "may use the management calls of pv-ctrl", "mgmt" }

static const struct cli_opt only_json[] = { JSON, { 0 } };
static const struct cli_opt no_options[] = { { 0 } };
static const struct cli_opt timeout_json[] = { TIMEOUT, JSON, { 0 } };
static const struct cli_opt use_options[] = { TIMEOUT, ON_BEHALF, JSON, { 0 } };

static const struct cli_opt list_options[] = {
	{ "container", "NAME", OPT_CONTAINER, "what that container sees", "@container" },
	JSON, { 0 },
};

static const struct cli_opt watch_options[] = {
	{ "count", "N", OPT_COUNT, "end after N events", NULL },
	{ "timeout", "S", OPT_TIMEOUT, "end after S seconds, with status 5", NULL },
	{ "json", NULL, OPT_JSON, "an object on each line", NULL },
	{ 0 },
};

static const struct cli_opt check_options[] = {
	{ "root", "DIR", OPT_ROOT, "check DIR/bsp/drivers.json and what DIR/containers/*/run.json\n"
	  "(or src.json) name of it (default /var/lib/pvkit)", "@dir" },
	{ "modules", "DIR", OPT_MODULES,
	  "modules: a folder with modules.dep, one above it, or one\n"
	  "above lib/modules (default: the running kernel's)", "@dir" },
	{ "kernel", "RELEASE", OPT_KERNEL, "the kernel that they are for, as uname -r says", NULL },
	{ "firmware", "DIR", OPT_FIRMWARE, "firmware (default: lib/firmware beside lib/modules)",
	  "@dir" },
	{ "dtb", "NAME", OPT_DTB, "check the section dtb:NAME, the first of several comes\n"
	  "before the others; dtb:all then counts too", NULL },
	{ "fitconfig", "NAME", OPT_FITCONFIG, "check the section fitconfig:NAME", NULL },
	{ "all-sections", NULL, OPT_ALL_SECTIONS, "check every section, each by itself", NULL },
	{ "user-meta", "PATH", OPT_USER_META,
	  "values for ${user-meta:...}: an object in a JSON file,\n"
	  "or a folder with a file for each key (default: the root's)", "@file" },
	{ "device-meta", "PATH", OPT_DEVICE_META, "the same for ${device-meta:...}", "@file" },
	{ "modparam", "FILE", OPT_MODPARAM, "the vendor's modparam.json (default: the root's)",
	  "@file" },
	{ "require-signature", NULL, OPT_REQUIRE_SIGNATURE, "a module without one is an error",
	  NULL },
	{ "werror", NULL, OPT_WERROR, "warnings count as errors", NULL },
	{ "junit", "FILE", OPT_JUNIT, "write JUnit XML there too: a test suite for each file,\n"
	  "a test case for each alias (- is stdout, alone)", "@file" },
	JSON, { 0 },
};

static const struct cli_exit check_exits[] = {
	{ CLI_OK, "nothing was found, or nothing but warnings and notes" },
	{ CLI_FAILED, "errors were found (with --werror: or warnings)" },
	{ CLI_USAGE, "wrong usage, or nothing there to check against" },
	{ 0, NULL },
};

static const struct cli_opt container_add_options[] = {
	{ "pid", "P", OPT_PID, "a process in the container", NULL },
	{ "cgroup", "PATH", OPT_CGROUP,
	  "its cgroup v2 folder, or the path that /proc/PID/cgroup shows", "@dir" },
	CONTAINER_NAMES,
	{ "run-json", "FILE", OPT_RUN_JSON, "take drivers and roles from there", "@file" },
	{ "src-json", "FILE", OPT_SRC_JSON,
	  "take drivers from the PV_DRIVERS_* there; it gives the role mgmt", "@file" },
	JSON, { 0 },
};

static const struct cli_opt hook_oci_options[] = {
	{ "root", "DIR", OPT_ROOT, "instead of /var/lib/pvkit", "@dir" },
	{ "no-annotations", NULL, OPT_NO_ANNOTATIONS,
	  "the name is the id, the drivers are those of 1 and 2", NULL },
	TIMEOUT, { 0 },
};

static const struct cli_opt hook_lxc_options[] = {
	CONTAINER_NAMES,
	{ "root", "DIR", OPT_ROOT, "instead of /var/lib/pvkit", "@dir" },
	TIMEOUT, { 0 },
};

#define FIELD_WORDS \
	"mode slot tries successful reason cursor phase failures armed"
#define ASSIGN_WORDS \
	"mode= slot= tries= successful= reason= cursor= phase= failures= armed="
#define FLAG_CONFIG \
	{ "config", "FILE", OPT_CONFIG, "instead of /etc/pvkit/flags.conf", "@file" }
#define FLAG_STORE \
	{ "store", "NAME", OPT_STORE, "this one (default: the only one, or the first in the\n" \
	  "order that holds all of these fields)", "@store" }
#define SET_TIMEOUT \
	{ "timeout", "S", OPT_TIMEOUT, "wait S seconds at most (1 to 3600; default 60)", NULL }

static const struct cli_opt flag_list_options[] = { FLAG_CONFIG, JSON, { 0 } };

static const struct cli_opt flag_get_options[] = {
	{ "boot", NULL, OPT_BOOT, "what this boot found, not what the next will", NULL },
	{ "store", "NAME", OPT_STORE, "of this one (default: whichever comes first in the order\n"
	  "of those that have a value)", "@store" },
	FLAG_CONFIG, JSON, { 0 },
};

static const struct cli_opt flag_set_options[] = {
	FLAG_STORE,
	{ "wait", NULL, OPT_WAIT, "for a medium that is not there yet", NULL },
	{ "force", NULL, OPT_FORCE, "also over what is foreign or broken, past the rate limit",
	  NULL },
	SET_TIMEOUT, FLAG_CONFIG, JSON, { 0 },
};

static const struct cli_opt flag_clear_options[] = {
	{ "all", NULL, OPT_ALL, "every field that is set", NULL },
	FLAG_STORE,
	{ "wait", NULL, OPT_WAIT, "for a medium that is not there yet", NULL },
	{ "force", NULL, OPT_FORCE, "also over what is foreign or broken, past the rate limit",
	  NULL },
	SET_TIMEOUT, FLAG_CONFIG, JSON, { 0 },
};

static const struct cli_opt slot_mark_options[] = {
	{ "after", "TIME", OPT_AFTER, "first wait, 60s, 5m or 1h (default: not at all)", NULL },
	{ "if", "CMD", OPT_IF, "only if CMD, run by /bin/sh -c, then ends with status 0;\n"
	  "it has PVKIT_SLOT and PVKIT_STORE in its environment", NULL },
	{ "timeout", "S", OPT_TIMEOUT, "give CMD S seconds (1 to 3600; default 60)", NULL },
	FLAG_STORE, FLAG_CONFIG, JSON, { 0 },
};

static const struct cli_exit flag_exits[] = {
	{ CLI_OK, "done; also if nothing had to be written" },
	{ CLI_FAILED, "failed: the medium could not be read or written, or is not there" },
	{ CLI_USAGE, "wrong usage" },
	{ CLI_NOT_FOUND, "no such store, or a field that was asked for is not set" },
	{ CLI_REFUSED, "refused: no right, no such field or mode, foreign, broken, rate limit" },
	{ CLI_TIMEOUT, "timed out" },
	{ CLI_NO_KERNEL, "pv_bootflag is not in the kernel (modprobe pv_bootflag)" },
	{ 0, NULL },
};

static const struct cli_exit slot_exits[] = {
	{ CLI_OK, "the slot is good, by this call or already" },
	{ CLI_FAILED, "not committed: CMD failed, a signal, or the medium's error" },
	{ CLI_USAGE, "wrong usage" },
	{ CLI_NOT_FOUND, "no such store" },
	{ CLI_REFUSED, "refused: no right to, another slot is set, or it is not known what runs" },
	{ CLI_TIMEOUT, "timed out" },
	{ CLI_NO_KERNEL, "pv_bootflag is not in the kernel (modprobe pv_bootflag)" },
	{ 0, NULL },
};

static const struct cli_opt addon_pack_options[] = {
	{ "output", "FILE", OPT_OUTPUT, "write it there (default: stdout)", "@file" },
	{ "level", "0-9", OPT_LEVEL, "of compression (default 6)", NULL },
	{ "keep-owner", NULL, OPT_KEEP_OWNER, "keep users and groups (default: all are 0)", NULL },
	JSON, { 0 },
};

static const struct cli_exit addon_exits[] = {
	{ CLI_OK, "done" },
	{ CLI_FAILED, "a file could not be read, packed or written" },
	{ CLI_USAGE, "wrong usage" },
	{ 0, NULL },
};

static const struct cli_exit pivot_exits[] = {
	{ CLI_OK, "done" },
	{ CLI_FAILED, "failed: the kernel's error" },
	{ CLI_USAGE, "wrong usage" },
	{ CLI_NOT_FOUND, "there is no session" },
	{ CLI_REFUSED, "no right to, or past the point of no return" },
	{ CLI_NO_KERNEL, "pv_pivot is not in the kernel (modprobe pv_pivot)" },
	{ 0, NULL },
};

static const struct cli_exit start_exits[] = {
	{ CLI_OK, "the helper is being run" },
	{ CLI_FAILED, "failed: the kernel's error" },
	{ CLI_USAGE, "wrong usage" },
	{ CLI_NOT_FOUND, "the host has set no helper" },
	{ CLI_REFUSED, "no right to, there is a session, or the helper runs already" },
	{ CLI_NO_KERNEL, "pv_pivot is not in the kernel (modprobe pv_pivot)" },
	{ 0, NULL },
};

static const struct cli_exit holders_exits[] = {
	{ CLI_OK, "done, whether anybody holds it or not" },
	{ CLI_FAILED, "failed, or there is more than could be listed" },
	{ CLI_USAGE, "wrong usage" },
	{ CLI_NOT_FOUND, "there is no such path" },
	{ CLI_REFUSED, "listed, but for processes that it has no right to look at" },
	{ CLI_TIMEOUT, "listed, but for what could not be looked at in time" },
	{ 0, NULL },
};

static const struct cli_opt update_options[] = {
	{ "dry-run", NULL, OPT_DRY_RUN, "look at everything, change nothing", NULL },
	{ "env", "KEY=VALUE", OPT_ENV,
	  "set that in the U-Boot environment after the last image; %{size} is the\n"
	  "first image's size in bytes, %{size:2} the second's, %% a percent; repeatable", NULL },
	{ "post", "COMMAND", OPT_POST,
	  "then run that in RAM: a program, which is copied there, and words; no shell;\n"
	  "repeatable", NULL },
	{ "flag", "FIELD=VALUE", OPT_FLAG,
	  "then set that boot flag, all of them at once; repeatable",
	  "mode= slot= tries= reason=" },
	{ "recovery", NULL, OPT_RECOVERY,
	  "do not end the system here: reboot, and the initramfs writes the images", NULL },
	{ "sha256", "HEX", OPT_SHA256, "the image's checksum; once for each image, in their order",
	  NULL },
	{ "verify-key", "FILE", OPT_VERIFY_KEY,
	  "each image must be signed with it: IMAGE.minisig or IMAGE.sig,\n"
	  "as minisign, signify or usign make them (wants libsodium)", "@file" },
	{ "config", "FILE", OPT_CONFIG, "instead of /etc/pvkit/update.conf", "@file" },
	JSON, { 0 },
};

static const struct cli_exit update_exits[] = {
	{ CLI_OK, "process 1 is handed over; with --dry-run, nothing speaks against it" },
	{ CLI_FAILED, "failed, and all is as it was" },
	{ CLI_USAGE, "wrong usage" },
	{ CLI_REFUSED, "a check failed; the report says which, and why; or another update runs" },
	{ CLI_ABORTED, "stopped by Ctrl-C, SIGTERM or pvkit pivot abort, and all is as it was" },
	{ 0, NULL },
};

static const struct cli_opt union_status_options[] = {
	{ "union", "DIR", OPT_UNION, "where it is, instead of /run/pvkit-init", "@dir" },
	{ "kept", "DIR", OPT_KEPT, "archives of what is kept, instead of union-keep's", "@dir" },
	JSON, { 0 },
};

static const struct cli_opt union_keep_options[] = {
	{ "union", "DIR", OPT_UNION, "where it is, instead of /run/pvkit-init", "@dir" },
	{ "kept", "DIR", OPT_KEPT, "archives of what is kept, instead of union-keep's", "@dir" },
	{ 0 },
};

static const struct cli_opt union_watch_options[] = {
	{ "count", "N", OPT_COUNT, "end after N changes", NULL },
	{ "timeout", "S", OPT_TIMEOUT, "end after S seconds, with status 5", NULL },
	{ "union", "DIR", OPT_UNION, "where it is, instead of /run/pvkit-init", "@dir" },
	{ "json", NULL, OPT_JSON, "an object on each line", NULL },
	{ 0 },
};

static const struct cli_exit union_exits[] = {
	{ CLI_OK, "done" },
	{ CLI_FAILED, "a file could not be read or written, or the root can't be written" },
	{ CLI_USAGE, "wrong usage" },
	{ CLI_NOT_FOUND, "no union, or nothing at that path that could be kept or forgotten" },
	{ CLI_REFUSED, "no right to" },
	{ CLI_TIMEOUT, "watch: the time is over" },
	{ 0, NULL },
};

#define CTRL_SOCKET \
	{ "socket", "PATH", OPT_SOCKET, "of pvkitd, instead of /run/pvkit/pv-ctrl, or, where\n" \
	  "that is not, /pantavisor/pv-ctrl", "@file" }

static const struct cli_opt reboot_options[] = {
	{ "mode", "M", OPT_MODE, "what to boot into: set as a boot flag first", NULL },
	{ "limit", "S", OPT_LIMIT, "force it S seconds after init was asked (1 to 600;\n"
	  "default 60)", NULL },
	{ "force", NULL, OPT_FORCE, "don't ask init: write what can be written, and reboot", NULL },
	CTRL_SOCKET, JSON, { 0 },
};

static const struct cli_opt blink_options[] = {
	{ "led", "NAME", OPT_LED, "of /sys/class/leds (default: pvkitd's, else the first that is\n"
	  "none of a keyboard's; off: all)", NULL },
	CTRL_SOCKET, JSON, { 0 },
};

static const struct cli_opt ping_options[] = { CTRL_SOCKET, JSON, { 0 } };

static const struct cli_exit control_exits[] = {
	{ CLI_OK, "done; of a reboot: it is on its way" },
	{ CLI_FAILED, "failed: pvkitd could not do it" },
	{ CLI_USAGE, "wrong usage" },
	{ CLI_NOT_FOUND, "no such LED" },
	{ CLI_REFUSED, "refused: no right to, a reboot is under way, no flag takes the mode" },
	{ CLI_TIMEOUT, "timed out" },
	{ CLI_NO_DAEMON, "pvkitd does not serve there" },
	{ 0, NULL },
};

static const struct cli_opt status_options[] = {
	{ "state", "DIR", OPT_STATE, "where pvkitd says it, instead of /run/pvkitd", "@dir" },
	JSON, { 0 },
};

const struct cli_verb cli_verbs[] = {
	{
		.name = "drivers list",
		.args = "[--json] [--container NAME] [ALIAS...]",
		.brief = "Lists drivers: all, those named, or those of a container.",
		.text =
		"Columns: alias, state (unloaded, loading, loaded, unloading, failed, unknown), who\n"
		"uses it ((host) is the host itself), and a line for each module with its flags:\n"
		"  live       resident and initialised\n"
		"  ours       came in through pvkit: goes with the last use\n"
		"  builtin    part of the kernel image\n"
		"  permanent  has no exit function\n"
		"  pinned     held: rmmod fails\n"
		"and the parameters that it was given. The last error and warnings follow below.\n"
		"--json has all users, the module lines and the times of the last load and unload.\n"
		"Inside a container: its own drivers, their type and state.\n",
		.options = list_options,
		.words = "@alias",
		.fn = FN(verb_drivers_list),
	},
	{
		.name = "drivers load",
		.args = "[--timeout S] [--container NAME] [--json] ALIAS...",
		.brief = "Uses drivers, loading them if need be; waits until they are there.",
		.text =
		"The use is the host's own, or the container's in which it is called. It ends with\n"
		"`pvkit drivers unload`, a container's also with the container. Each driver is\n"
		"loaded whole or not at all. All are tried; the first failure decides the status.\n",
		.options = use_options,
		.words = "@alias",
		.fn = FN(verb_drivers_load),
	},
	{
		.name = "drivers unload",
		.args = "[--timeout S] [--container NAME] [--json] ALIAS...",
		.brief = "Ends the use of drivers; the last one unloads.",
		.text =
		"A driver that others still use stays loaded, and that is no error. Modules that\n"
		"were resident before pvkit loaded anything stay too.\n",
		.options = use_options,
		.words = "@alias",
		.fn = FN(verb_drivers_unload),
	},
	{
		.name = "drivers watch",
		.args = "[--json] [--count N] [--timeout S] [ALIAS]",
		.brief = "Prints a line for each change of state as it happens.",
		.text =
		"\"pvkit: watching from generation N\" on stderr says that from then on nothing is\n"
		"missed. If it could not keep up, it says so and prints every state as it is, with\n"
		"the kind \"now\". Kinds: state, new and del (of the alias), now.\n",
		.options = watch_options,
		.words = "@alias",
		.fn = FN(verb_drivers_watch),
	},
	{
		.name = "drivers why",
		.args = "[--json] [--state DIR] MODULE",
		.brief = "Says why a module is in the kernel, or what would bring it in.",
		.text =
		"Its flags (see `pvkit drivers list --help`), since when it is there, which driver's\n"
		"load brought it in and for whom (also when both are gone by now), which drivers\n"
		"name it or a module that depends on it and who uses them, and what else holds it.\n"
		"`-` and `_` in the name are the same. Status 3: it is not in the kernel, and no\n"
		"driver would load it.\n\n"
		"What depends on what is taken from where pvkitd said it looks for modules, else\n"
		"from /lib/modules.\n\n"
		"Examples:\n"
		"  $ pvkit drivers why mac80211\n"
		"  mac80211: in the kernel, live, ours\n"
		"    since      2026-01-31 03:07:12, 12 min ago\n"
		"    cause      a load of driver wifi for container web\n"
		"    drivers    wifi, whose module needs it: iwlmvm: loaded, used by web\n"
		"    held by    iwlmvm; 1 reference\n",
		.options = status_options,
		.fn = FN(verb_drivers_why),
	},
	{
		.name = "drivers add",
		.args = "[--json] ALIAS [LINE...]",
		.brief = "Registers a driver, or gives one that nobody uses new module lines.",
		.text =
		"LINE is one word: \"NAME [PARAM=VALUE ...]\", in order of loading. None at all is a\n"
		"driver that is built in.\n\n"
		"Examples:\n"
		"  pvkit drivers add wifi 'iwlwifi power_save=1'\n",
		.options = only_json,
		.fn = FN(verb_drivers_add),
	},
	{
		.name = "drivers del",
		.args = "[--json] ALIAS",
		.brief = "Forgets a driver that nobody uses.",
		.options = only_json,
		.words = "@alias",
		.fn = FN(verb_drivers_del),
	},
	{
		.name = "drivers check",
		.args = "[OPTION...] [FILE] [ALIAS...]",
		.brief = "Finds what is wrong with drivers.json before a device does.",
		.text =
		"Holds aliases against a module tree, of this machine or of any other: it asks\n"
		"neither the kernel nor pvkitd, needs no root, and reads modules of every\n"
		"architecture. FILE is a drivers.json (a word with a slash, or that ends in .json);\n"
		"containers are then looked at only with --root. With aliases given only these are\n"
		"reported on.\n\n"
		"Without --modules and --kernel the sections are those of this board; with them\n"
		"\"all\", and what --dtb and --fitconfig name.\n\n"
		"  error    faults in the files; no such module or parameter; a required\n"
		"           driver that the board lacks; a module for another kernel, or\n"
		"           unsigned; no modules.dep; dependencies in a circle\n"
		"  warning  missing firmware; a key that is not set, or that a container may\n"
		"           not read; parameters that come too late; blacklist and install\n"
		"           lines of modprobe.d; a stale modules.dep; an optional or manual\n"
		"           driver that the board lacks\n"
		"  note     modules that aliases share, with the order of unloading;\n"
		"           dependencies that are listed; aliases that no container names\n\n"
		"modprobe.d is read below the folder that lib/modules is in. Each finding is a line\n"
		"\"FILE:LINE:COLUMN: error: alias NAME: what is wrong [check]\" on stdout.\n\n"
		"Examples:\n"
		"  pvkit drivers check\n"
		"  pvkit drivers check --modules rootfs --junit report.xml drivers.json\n",
		.options = check_options,
		.exits = check_exits,
		.words = "@file @alias",
		.fn = FN(verb_drivers_check),
	},
	{
		.name = "container add",
		.args = "NAME (--pid P | --cgroup PATH) [OPTION...]",
		.brief = "Registers a container: its cgroup, and the drivers that it names.",
		.text =
		"From then on a caller in that cgroup or below is this container. Nothing is loaded\n"
		"yet, see `pvkit container start`. It is forgotten when its cgroup has been empty\n"
		"for 5 s, when process P ends, or by `pvkit container stop`.\n",
		.options = container_add_options,
		.fn = FN(verb_container_add),
	},
	{
		.name = "container start",
		.args = "[--timeout S] [--json] NAME",
		.brief = "Loads a container's required drivers, then its optional ones.",
		.text =
		"A required driver that fails ends it, with the driver's own status; an optional\n"
		"one is a line on stderr.\n",
		.options = timeout_json,
		.words = "@container",
		.fn = FN(verb_container_start),
	},
	{
		.name = "container stop",
		.args = "[--timeout S] [--json] NAME",
		.brief = "Forgets a container; waits until the drivers that only it used are gone.",
		.options = timeout_json,
		.words = "@container",
		.fn = FN(verb_container_stop),
	},
	{
		.name = "container list",
		.args = "[--json] [NAME]",
		.brief = "Lists containers and the drivers that they name.",
		.text =
		"USES says whether the container has a use on the driver now.\n",
		.options = only_json,
		.words = "@container",
		.fn = FN(verb_container_list),
	},
	{
		.name = "hook oci",
		.args = "[--root DIR] [--no-annotations] [--timeout S] [createRuntime|poststop]",
		.brief =
		"To be called by an OCI runtime (crun, runc, podman); the state comes on stdin.",
		.text =
		"createRuntime registers the container and loads its drivers; a required one that\n"
		"fails aborts the start, and nothing is left behind. poststop removes it. Without\n"
		"a word the state's status decides.\n\n"
		"The name is the annotation org.pvkit.name, else the container's id, cut to 63\n"
		"characters. Its drivers:\n"
		"  1. DIR/containers/NAME/run.json, or src.json there\n"
		"  2. run.json in the bundle, or src.json there\n"
		"  3. annotations org.pvkit.drivers.required, .optional, .manual (names\n"
		"     between commas), in the state or in the bundle's config.json\n"
		"With none of them it is registered with no drivers. Annotations give no role.\n"
		"podman takes commas for itself: give it blanks between names instead.\n"
		"Some runtimes copy the annotations of an image: --no-annotations is for hosts\n"
		"that run images of strangers.\n\n"
		"In config.json (crun shows what a hook says only with that annotation; it is in\n"
		"the system log in any case):\n"
		"  \"annotations\": { \"run.oci.hooks.stderr\": \"/dev/stderr\" },\n"
		"  \"hooks\": {\n"
		"    \"createRuntime\": [ { \"path\": \"/usr/bin/pvkit\", \"args\":\n"
		"      [\"pvkit\", \"hook\", \"oci\", \"createRuntime\"] } ],\n"
		"    \"poststop\": [ { \"path\": \"/usr/bin/pvkit\", \"args\":\n"
		"      [\"pvkit\", \"hook\", \"oci\", \"poststop\"] } ] }\n",
		.options = hook_oci_options,
		.words = "createRuntime poststop",
		.fn = FN(verb_hook_oci),
	},
	{
		.name = "hook lxc",
		.args = "[--required A,B] [--optional A,B] [--manual A,B] [OPTION...]",
		.brief = "To be called by LXC as lxc.hook.start-host and lxc.hook.post-stop.",
		.text =
		"At start-host it registers the container and loads its drivers; a required one\n"
		"that fails aborts the start, and nothing is left behind. post-stop removes it. Its\n"
		"drivers are those of DIR/containers/NAME/run.json, or src.json there, else those\n"
		"of the options.\n\n"
		"In the container's config:\n"
		"  lxc.hook.start-host = /usr/bin/pvkit hook lxc --required wifi\n"
		"  lxc.hook.post-stop = /usr/bin/pvkit hook lxc\n"
		"or, with a run.json, and pv-ctrl in the container:\n"
		"  lxc.include = /usr/share/lxc/config/pvkit.conf\n\n"
		"What it complains of is in the system log; LXC's own has it at level DEBUG.\n",
		.options = hook_lxc_options,
		.fn = FN(verb_hook_lxc),
	},
	{
		.name = "flag list",
		.args = "[--config FILE] [--json] [NAME...]",
		.brief = "Lists what the next boot will be told, wherever that is kept.",
		.text =
		"All sources in the order of precedence: stores of the kernel, the U-Boot\n"
		"environment, the kernel's command line, GPIO lines. A slot is its letter.\n\n"
		"States:\n"
		"  absent   its medium is not there\n"
		"  empty    nothing was ever written; a set begins it\n"
		"  ready    its fields are what the medium says\n"
		"  foreign  the medium holds something else; only a forced set writes\n"
		"  broken   no copy of it is whole; only a forced set writes\n"
		"  failed   the medium could not be read or written\n\n"
		"Guarantees:\n"
		"  warm       survives a reboot, not the loss of power\n"
		"  power      survives the loss of power\n"
		"  atomic     cut anywhere, the old fields are there or the new\n"
		"  redundant  a second copy holds what a failing first one loses\n"
		"  wear       writing wears it out; it is counted and limited\n"
		"  panic      can be written while the kernel panics\n",
		.options = flag_list_options,
		.exits = flag_exits,
		.words = "@store",
		.fn = FN(verb_flag_list),
	},
	{
		.name = "flag get",
		.args = "[--boot] [--store NAME] [--config FILE] [--json] [FIELD...]",
		.brief = "Prints the fields that are set, or those named.",
		.text =
		"FIELD=VALUE lines; of one FIELD nothing but its value. Without --store each field\n"
		"is that of the first source in the order that has it. Fields:\n"
		"  mode        what to boot into: recovery, ota, ...\n"
		"  slot        a to d\n"
		"  tries       boots that the slot may still take to prove itself\n"
		"  successful  1 when it has proved itself\n"
		"  reason      why the mode was set, or why the last boot ended\n"
		"  cursor      how far an update has come\n"
		"  phase       the step of the update that the cursor belongs to\n"
		"  failures    boots in a row that came to nothing\n"
		"  armed       1 from boot until a clean end\n\n"
		"Examples:\n"
		"  $ pvkit flag get --boot mode\n"
		"  recovery\n",
		.options = flag_get_options,
		.exits = flag_exits,
		.words = FIELD_WORDS,
		.fn = FN(verb_flag_get),
	},
	{
		.name = "flag set",
		.args = "[OPTION...] FIELD=VALUE...",
		.brief = "Sets fields of one store, all or none; waits until they are written.",
		.text =
		"FIELD= unsets one. What the store says already is not written again. Fields are\n"
		"those of `pvkit flag get --help`; which of them a store holds, and which modes it\n"
		"knows, is in `pvkit flag list --json`.\n\n"
		"Another slot has proved nothing: successful=1 becomes 0 when the slot changes and\n"
		"successful is not named. Tries stay as they are; name them with the slot.\n\n"
		"Examples:\n"
		"  pvkit flag set mode=recovery reason='key held'\n"
		"  pvkit flag set --store misc slot=b tries=3 successful=0\n",
		.options = flag_set_options,
		.exits = flag_exits,
		.words = ASSIGN_WORDS,
		.fn = FN(verb_flag_set),
	},
	{
		.name = "flag clear",
		.args = "[OPTION...] (FIELD... | --all)",
		.brief = "Unsets fields of one store, all or none; waits until that is written.",
		.options = flag_clear_options,
		.exits = flag_exits,
		.words = FIELD_WORDS,
		.fn = FN(verb_flag_clear),
	},
	{
		.name = "flag watch",
		.args = "[--json] [--count N] [--timeout S] [NAME]",
		.brief = "Prints a line for each change of the kernel's stores as it happens.",
		.text =
		"\"pvkit: watching from generation N\" on stderr says that from then on nothing is\n"
		"missed. If it could not keep up, it says so and prints every store as it is, with\n"
		"the kind \"now\". Kinds: new and del (of the store), changed, now. What others write\n"
		"to the U-Boot environment is not seen.\n",
		.options = watch_options,
		.exits = flag_exits,
		.words = "@store",
		.fn = FN(verb_flag_watch),
	},
	{
		.name = "flag explain",
		.args = "[--config FILE] [--json] [FIELD...]",
		.brief = "Says which source decided this boot, and why the others did not.",
		.text =
		"For the mode and all that a source said at boot, or for each FIELD: the value, and\n"
		"a line for each source in the order of precedence, * before the one that won. What\n"
		"a store said at boot stays known when it is changed or cleared later; of the\n"
		"U-Boot environment that holds for changes by pvkit.\n\n"
		"Examples:\n"
		"  $ pvkit flag explain mode\n"
		"  mode: recovery, from misc\n"
		"       cmdline    had no value for it\n"
		"    *  misc       said recovery, and comes first\n"
		"       uboot-env  said ota, but comes after misc\n",
		.options = flag_list_options,
		.exits = flag_exits,
		.words = FIELD_WORDS,
		.fn = FN(verb_flag_explain),
	},
	{
		.name = "flag add",
		.args = "[--json] NAME KEY=VALUE...",
		.brief = "Adds a store to the kernel: a medium and a format.",
		.text =
		"The words are those of the module parameter `stores` and of sysfs:\n"
		"  medium=nvmem device=NAME [offset=N] [size=N] [word=N]\n"
		"    [power] [wear] [atomic]\n"
		"  medium=mtd device=NAME [offset=N] [size=N]\n"
		"  medium=ram address=N size=N [power]\n"
		"  format=magic mode-NAME=N... [width=4] [mask=N] [endian=big]\n"
		"  format=bootcount form=rtc|u16|u32|words|ti [limit=3] [endian=big]\n"
		"  format=bcb [base=N] [backup=N] [slots=2] [proved-bare] [modes=NAME,...]\n"
		"  format=log [modes=NAME,NAME,...] [slots=2] [wrap]\n"
		"  keep, count, armed, reboot=no, panic=TEXT, rate=N/m\n"
		"A blank in NAME or TEXT is %20. pv_bootflag(4) says what each word means. The\n"
		"medium may come later. What it holds is not touched.\n\n"
		"Examples:\n"
		"  pvkit flag add misc medium=mtd device=misc format=log\n"
		"  pvkit flag add rtc medium=nvmem device=cmos_nvram0 offset=64 size=1 \\\n"
		"    format=magic width=1 mode-recovery=0x52\n",
		.options = only_json,
		.exits = flag_exits,
		.fn = FN(verb_flag_add),
	},
	{
		.name = "flag del",
		.args = "[--json] NAME",
		.brief = "Removes a store from the kernel; what its medium holds stays.",
		.options = only_json,
		.exits = flag_exits,
		.words = "@store",
		.fn = FN(verb_flag_del),
	},
	{
		.name = "slot list",
		.args = "[--config FILE] [--json]",
		.brief = "Lists which slot runs and which is next, for each source that has slots.",
		.text =
		"RUNNING is what the command line says, else what the store said at boot. NEXT BOOT\n"
		"is the slot that is set, if it is successful or has tries left; else the one after\n"
		"it.\n",
		.options = flag_list_options,
		.exits = flag_exits,
		.fn = FN(verb_slot_list),
	},
	{
		.name = "slot mark-good",
		.args = "[--after TIME] [--if CMD] [OPTION...]",
		.brief = "Calls the running slot good if all is well, or lets its tries run out.",
		.text =
		"Sets successful=1 once TIME is over and CMD has ended with status 0. In every other\n"
		"end (CMD fails, it takes too long, a signal, power) nothing is written. It ends at\n"
		"once when the slot is good already, and does not commit when another slot was set\n"
		"for the next boot meanwhile, nor when it is not known which slot runs: a bootloader\n"
		"that counts should say pvkit.slot=b on the command line, or no slot is called good\n"
		"in its last try.\n\n"
		"Examples:\n"
		"  pvkit slot mark-good --after 60s --if 'curl -fs localhost/health'\n",
		.options = slot_mark_options,
		.exits = slot_exits,
		.fn = FN(verb_slot_mark_good),
	},
	{
		.name = "addon pack",
		.args = "[--output FILE] [--level 0-9] [--keep-owner] [--json] DIR",
		.brief = "Packs a folder as an archive that is appended to an initramfs.",
		.text =
		"The kernel unpacks what is appended over what comes before: modules, firmware,\n"
		"configuration, without making the initramfs anew. The format is cpio (newc) in xz\n"
		"with CRC32, padded with zeroes to a multiple of 4 bytes. The kernel must have\n"
		"CONFIG_RD_XZ.\n\n"
		"DIR itself is not in it, only what it holds. Two packings of the same content are\n"
		"the same, byte by byte, if times are: SOURCE_DATE_EPOCH in the environment is the\n"
		"latest that a file keeps. Unpacking needs at most as much memory besides as the\n"
		"archive has unpacked, and not more than 8 MiB (--level 9: 64 MiB).\n\n"
		"Examples:\n"
		"  pvkit addon pack --output wifi.cpio.xz wifi\n"
		"  cat initramfs wifi.cpio.xz >initramfs-wifi\n",
		.options = addon_pack_options,
		.exits = addon_exits,
		.words = "@dir",
		.fn = FN(verb_addon_pack),
	},
	{
		.name = "pivot status",
		.args = "[--json]",
		.brief = "Says how far an in-place update is, or how the last one ended.",
		.text =
		"States: idle (there was none), open, evicting, sealed, released, armed (it writes,\n"
		"and there is no way back), rebooting, closed, aborted.\n"
		"Without CAP_SYS_MODULE the state is all that is told. Else also which file system it\n"
		"follows, what is proven of its release, what is shut to others, the owner, how long\n"
		"the state may last yet, and how many mounts there are of it, in any namespace, those\n"
		"that were detached (umount -l) and are held by files among them.\n",
		.options = only_json,
		.exits = pivot_exits,
		.fn = FN(verb_pivot_status),
	},
	{
		.name = "pivot abort",
		.args = "",
		.brief = "Ends an in-place update that has not begun to write.",
		.text =
		"Until process 1 is handed over all is as it was. Later the old system comes up again\n"
		"by its own init (busybox), or the machine reboots into it (systemd): nothing was\n"
		"written. One that is armed is past the point of no return: that is refused.\n",
		.options = no_options,
		.exits = pivot_exits,
		.fn = FN(verb_pivot_abort),
	},
	{
		.name = "pivot start",
		.args = "[WORD]",
		.brief = "Has the kernel run the program that begins an update.",
		.text =
		"Which program that is the host sets, as the module's parameter `helper`. WORD, of a-z,\n"
		"0-9 and -, is given to it behind its own words. It does not wait for it: `pivot\n"
		"status` says whether it runs, and how it ended.\n\n"
		"It is for who cannot run it: a container that has /sys/class/pv_pivot/start, to\n"
		"which a bare `echo` does the same.\n\n"
		"Examples:\n"
		"  modprobe pv_pivot helper=/usr/sbin/update-system\n"
		"  pvkit pivot start nightly\n",
		.options = no_options,
		.exits = start_exits,
		.fn = FN(verb_pivot_start),
	},
	{
		.name = "pivot holders",
		.args = "[--json] [PATH|DEVICE]",
		.brief = "Lists who holds a file system: processes, and what the kernel put on it.",
		.text =
		"PATH is of anything on it (default: /). DEVICE is its medium's node, or its number\n"
		"(254:3, as `mountpoint -d` has it), by which it is still found after umount -l, when\n"
		"no path leads there. Wants no module. It opens nothing of the file system.\n\n"
		"A row for each process and kind, the first of several named; --json has all of them:\n"
		"  fd       an open file or bound socket, with the descriptor's number\n"
		"  mapping  a file that is mapped\n"
		"  cwd      a working directory\n"
		"  root     a root directory\n"
		"  text     the program that runs\n"
		"  mount    one in the mount namespace of that process\n"
		"  loop     a loop device whose file lies on it\n"
		"  overlay  an overlay that has a layer on it\n"
		"  swap     a file or device that is swapped to\n"
		"  device   the medium's node is open, or a device is built on it\n"
		"  stuck    this process could not be looked at\n"
		"\"(by loop0)\" is who holds what stands on it, \"(perhaps)\" what may be of another.\n"
		"\"unexplained\" (while pv_pivot follows that file system) says that the kernel counts\n"
		"more references than were found. To see all it takes root in the first namespaces.\n\n"
		"Examples:\n"
		"  pvkit pivot holders /oldroot\n"
		"  pvkit pivot holders --json 254:3 | jq '[.holders[].pid] | unique'\n",
		.options = only_json,
		.exits = holders_exits,
		.words = "@file",
		.fn = FN(verb_pivot_holders),
	}, {
		.name = "update",
		.args = "[OPTION...] IMAGE:TARGET...",
		.brief = "Updates the running system in place, or checks whether it can be.",
		.text =
		"A TARGET is NAME or mtd:NAME (a flash partition), ubi:NAME or ubiN:NAME (a UBI\n"
		"volume), or a device node; it may be what the system runs from. The IMAGE's name\n"
		"has no colon. First all is looked at, and each check that fails says why:\n\n"
		"  config     update.conf can be read\n"
		"  image      it is there\n"
		"  target     it is there, and no other image's\n"
		"  size       the image fits; bad blocks do not count\n"
		"  root       is it what the running system lies on\n"
		"  use        if not: who has it, and what becomes of that\n"
		"  sha256     with --sha256, of the copy; with --dry-run, of the image\n"
		"  signature  with --verify-key, likewise\n"
		"  module     pv_pivot is in the kernel, or can be loaded\n"
		"  session    no other update is at work\n"
		"  dev        /dev is a devtmpfs\n"
		"  opens      the kernel can refuse them (fanotify)\n"
		"  init       systemd or busybox: no other process 1 is handed over\n"
		"  files      the programs that go to RAM are there, and all they need\n"
		"  memory     there is enough for them, and for the images\n"
		"  state      a file system for what outlives a power cut\n"
		"  store      of boot flags, for how far it is; none is pending there\n"
		"  flags      with --flag: a store that takes them\n"
		"  env        with --env: a U-Boot environment that can be read\n"
		"  watchdog   there is one\n"
		"  program    each runs there: tried in a tmpfs, without any rights\n\n"
		"Then files and images are copied, and process 1 is handed over: services stop,\n"
		"processes end, the old root is unmounted. pvkit-update goes on from RAM: it writes,\n"
		"reads back, sets what is to be set, and reboots. It takes root's rights. The\n"
		"terminal may be lost meanwhile. Until process 1 is handed over, Ctrl-C and\n"
		"`pvkit pivot abort` take all back.\n\n"
		"/etc/pvkit/update.conf adds to what is copied, by lines `copy-bin PROGRAM[:LINK...]\n"
		"[WORD]` and `copy-data PATH`; so do the variables RAMFS_COPY_BIN and\n"
		"RAMFS_COPY_DATA, with blanks between. WORD is what the program is tried with instead\n"
		"of --help; with - it is not tried. Its other lines are in update.conf(5).\n\n"
		"Examples:\n"
		"  pvkit update --dry-run root.squashfs:rootfs zImage:mtd:kernel\n"
		"  pvkit update --verify-key vendor.pub --flag slot=b root.ubifs:ubi0:rootfs\n"
		"  pvkit update --env 'rootsize=%{size}' root.ext4:/dev/mmcblk0p2\n",
		.options = update_options,
		.exits = update_exits,
		.words = "@file",
		.fn = FN(verb_update),
	},
	{
		.name = "union status",
		.args = "[--union DIR] [--kept DIR] [--json]",
		.brief =
		"Lists what was written over a read-only root and would be lost at reboot.",
		.text =
		"For a root that pvkit-init has mounted with union = yes. How full its RAM is (ok,\n"
		"warning from 80 %, critical from 95 %), and each file that is new, changed or removed.\n"
		"Of a folder that is RAM alone (union-plain) there is one line, with the bytes of RAM\n"
		"and the number of files: all of it is lost. What is in union-keep is listed apart, and\n"
		"what of it was changed or removed since is among the changes; to see it takes the right\n"
		"to mount.\n",
		.options = union_status_options,
		.exits = union_exits,
		.fn = FN(verb_union_status),
	},
	{
		.name = "union watch",
		.args = "[--union DIR] [--json] [--count N] [--timeout S]",
		.brief = "Prints a line when the RAM over the root fills up, or has room again.",
		.text =
		"The first line is how it is (now), each one after that a change. Levels: ok, warning\n"
		"(from 80 % of bytes or inodes), critical (from 95 %); one ends 5 % below where it\n"
		"begins. --count counts changes. The kernel's log has the same; pvkitd tells of it as\n"
		"GET /union/events, and need not run for this.\n\n"
		"Example:\n"
		"  pvkit union watch --json | while read -r event; do ...; done\n",
		.options = union_watch_options,
		.exits = union_exits,
		.fn = FN(verb_union_watch),
	},
	{
		.name = "union keep",
		.args = "[--union DIR] [--kept DIR] PATH...",
		.brief = "Keeps a path as it is now, with all below it, beyond a reboot.",
		.text =
		"With union-keep in init.conf it goes into an archive there, and pvkit-init puts it\n"
		"back at each boot, before the real init runs: owners, modes, extended attributes,\n"
		"links, nodes, and that something was removed. What was kept before of the path, or\n"
		"below it, is replaced at once: a cut leaves the old or the new. All that is kept may\n"
		"take half of the RAM over the root.\n\n"
		"Without it the root is written itself, and made writable for as long as that takes: a\n"
		"file is replaced at once, what was removed is removed there. A squashfs or a medium\n"
		"that can't be written is refused. The RAM that a path takes is not given back before\n"
		"the reboot. What is in a folder that is RAM alone (union-plain) can't be kept.\n\n"
		"Example:\n"
		"  pvkit union keep /etc/network/interfaces /etc/ssh\n",
		.options = union_keep_options,
		.exits = union_exits,
		.words = "@file",
		.fn = FN(verb_union_keep),
	},
	{
		.name = "union forget",
		.args = "[--union DIR] [--kept DIR] PATH...",
		.brief = "Takes back what `pvkit union keep` has put into union-keep.",
		.text =
		"From the next boot on PATH is what the root has there. Only a path that was kept\n"
		"itself can be forgotten, and not one below it; `pvkit union status` lists them. What\n"
		"is damaged and has no path any more goes by the name that it has there. After a boot\n"
		"with pvkit.union-keep=no, mount the file system and name the folder: --kept DIR.\n",
		.options = union_keep_options,
		.exits = union_exits,
		.words = "@file",
		.fn = FN(verb_union_forget),
	},
	{
		.name = "reboot",
		.args = "[--mode M] [--limit S] [--force] [--socket PATH] [--json]",
		.brief = "Reboots the machine, cleanly within a limit, else by force.",
		.text =
		"pvkitd asks init (systemd, busybox, procd, sysvinit, ...); when the limit is over\n"
		"and the machine still there, it writes what can be written and reboots. For the\n"
		"host and for containers with the role mgmt. It returns as soon as pvkitd has taken\n"
		"it.\n\n"
		"The mode is set in each store that lists it (`pvkit flag list --json`), else in the\n"
		"first that takes any, and only then init is asked; if none takes it nothing happens,\n"
		"status 4. With --force the kernel sets it on the way down, in stores that list it.\n\n"
		"Examples:\n"
		"  pvkit reboot --mode recovery --limit 20\n",
		.options = reboot_options,
		.exits = control_exits,
		.fn = FN(verb_reboot),
	},
	{
		.name = "blink",
		.args = "[--led NAME] [--socket PATH] [--json] [on|off|SECONDS]",
		.brief = "Lets an LED blink, so that somebody finds the right box.",
		.text =
		"For SECONDS (1 to 3600, on: 60), by the trigger heartbeat or timer of the kernel's\n"
		"LED class; afterwards the LED is as it was. A second one for the same LED makes it\n"
		"longer, never shorter; off ends it.\n\n"
		"Examples:\n"
		"  pvkit blink --led green:status 300\n",
		.options = blink_options,
		.exits = control_exits,
		.words = "on off",
		.fn = FN(verb_blink),
	},
	{
		.name = "ping",
		.args = "[--socket PATH] [--json]",
		.brief = "Asks whether pvkitd is alive; says since when the machine is up.",
		.options = ping_options,
		.exits = control_exits,
		.fn = FN(verb_ping),
	},
	{
		.name = "status",
		.args = "[--json] [--state DIR]",
		.brief = "Says who loads modules, how much is registered, and what pvkitd read.",
		.text =
		"For drivers.json: when it was read last, whether it could be, which sections apply\n"
		"to this machine and why. A file that can't be read changes nothing.\n",
		.options = status_options,
		.fn = FN(verb_status),
	},
};

const size_t cli_verbs_count = PVK_ARRAY_SIZE(cli_verbs);

const char cli_intro[] =
	"Managed drivers: aliases for kernel modules that containers and the host use, the\n"
	"first use loading them and the last one unloading them. Boot flags: what the next\n"
	"boot is to do, wherever its bootloader looks for that. RAM over a read-only root,\n"
	"and the machine as a whole.\n";

const char cli_errors[] =
	"Errors are single lines on stderr, \"pvkit: DRIVER: MODULE: what is wrong\".\n";

const struct cli_exit cli_exits[] = {
	{ CLI_OK, "done" },
	{ CLI_FAILED, "failed: a module's or the kernel's error" },
	{ CLI_USAGE, "wrong usage" },
	{ CLI_NOT_FOUND, "no such driver, container or store" },
	{ CLI_REFUSED, "refused: no right to, in use, or the name is taken" },
	{ CLI_TIMEOUT, "timed out" },
	{ CLI_NO_KERNEL, "pv_driver (or pv_bootflag) is not in the kernel (modprobe pv_driver)" },
	{ 0, NULL },
};
