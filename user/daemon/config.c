// SPDX-License-Identifier: MIT
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "confline.h"
#include "state.h"

/* Owner of nothing on a Debian system but what an NFS server makes up. */
#define ID_NOBODY	65534
/* The front's own user, where the package has made one. */
#define USER_DEFAULT	"pvkit"

#define WATCHDOG_S	10
#define WATCHDOG_MAX_S	3600

const char config_usage[] =
	"Usage: pvkitd [OPTION...]\n"
	"\n"
	"Serves the pv-ctrl API to containers and loads drivers for the kernel's\n"
	"pv_driver module.\n"
	"\n"
	"  --socket PATH   listen here (repeatable; default /run/pvkit/pv-ctrl)\n"
	"  --root DIR      bsp/drivers.json and metadata (default /var/lib/pvkit)\n"
	"  --config DIR    where pvkitd.conf is (default /etc/pvkit)\n"
	"  --state DIR     where to say how the last reading of drivers.json went\n"
	"                  (default /run/pvkitd)\n"
	"  --modules DIR   kernel modules, in DIR or DIR/RELEASE (repeatable, the\n"
	"                  first that has one counts; default /lib/modules/RELEASE)\n"
	"  --dtb NAME, --fitconfig NAME\n"
	"                  this machine's sections dtb:NAME, fitconfig:NAME of\n"
	"                  drivers.json (default: what the kernel's command line says,\n"
	"                  pvkit.dtb=NAME and pvkit.fitconfig=NAME, or the device tree)\n"
	"  --device-tree DIR\n"
	"                  the device tree (default /proc/device-tree)\n"
	"  --user USER     user of the HTTP process, name or number (default: pvkit if\n"
	"                  there is one, else 65534; should be nobody else's)\n"
	"  --led NAME      of /sys/class/leds: the one that blinks when none is named\n"
	"                  (default: the first that is none of a keyboard's)\n"
	"  --watchdog S    end and start again a process that has not answered for three\n"
	"                  times S seconds (default 10; 0 never)\n"
	"  --agent-only    load drivers, serve nothing\n"
	"  --front-only    serve, leave the loading to another process\n"
	"  --no-sandbox    no Landlock and no seccomp, to find out whether they are in the way\n"
	"  --pidfile FILE  write the process id there, for init scripts\n"
	"  --foreground    do not detach; log to standard error\n"
	"  --verbose       log more\n"
	"  --help, --version\n"
	"\n"
	"pvkitd.conf holds lines `NAME VALUE` or `NAME = VALUE` with NAME one of\n"
	"socket, root, state, modules, dtb, fitconfig, device-tree, user, led, watchdog,\n"
	"pidfile; # begins a comment. The command line wins.\n"
	"\n"
	"Exit status: 0 ended by a signal, or detached and ready; 1 failed;\n"
	"2 wrong usage; 3 detached, but not ready within 10 s (it goes on trying).\n";

enum {
	OPT_SOCKET = 256,
	OPT_ROOT,
	OPT_CONFIG,
	OPT_STATE,
	OPT_MODULES,
	OPT_DTB,
	OPT_FITCONFIG,
	OPT_DEVICE_TREE,
	OPT_USER,
	OPT_LED,
	OPT_AGENT_ONLY,
	OPT_FRONT_ONLY,
	OPT_WATCHDOG,
	OPT_NO_SANDBOX,
	OPT_PIDFILE,
	OPT_FOREGROUND,
	OPT_VERBOSE,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option options[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "modules", required_argument, NULL, OPT_MODULES },
	{ "dtb", required_argument, NULL, OPT_DTB },
	{ "fitconfig", required_argument, NULL, OPT_FITCONFIG },
	{ "device-tree", required_argument, NULL, OPT_DEVICE_TREE },
	{ "user", required_argument, NULL, OPT_USER },
	{ "led", required_argument, NULL, OPT_LED },
	{ "agent-only", no_argument, NULL, OPT_AGENT_ONLY },
	{ "front-only", no_argument, NULL, OPT_FRONT_ONLY },
	{ "watchdog", required_argument, NULL, OPT_WATCHDOG },
	{ "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
	{ "pidfile", required_argument, NULL, OPT_PIDFILE },
	{ "foreground", no_argument, NULL, OPT_FOREGROUND },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static int set_path(char *to, size_t size, const char *name, const char *value,
		    struct pvk_err *err)
{
	size_t len = strlen(value);

	if (value[0] != '/')
		return pvk_err_set(err, -EINVAL, "%s: '%s' is no absolute path", name, value);
	if (len >= size)
		return pvk_err_set(err, -ENAMETOOLONG, "%s: longer than %zu bytes", name,
				   size - 1);
	memcpy(to, value, len + 1);
	return 0;
}

/*
 * From the file itself: what else the system can ask for users is code that would
 * stay in memory, and not where packages put theirs.
 */
static bool find_user(struct config *config, const char *name)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *pw;

	while (file && (pw = fgetpwent(file))) {
		if (strcmp(pw->pw_name, name))
			continue;
		config->uid = pw->pw_uid;
		config->gid = pw->pw_gid;
		break;
	}
	if (!file)
		return false;
	fclose(file);
	return pw;
}

static int set_user(struct config *config, const char *value, struct pvk_err *err)
{
	const struct passwd *pw;
	unsigned long id;
	char *end;

	errno = 0;
	id = strtoul(value, &end, 10);
	if (pvk_isalnum((unsigned char)value[0]) && !*end && !errno && id < (uid_t)-1) {
		config->uid = (uid_t)id;
		config->gid = (gid_t)id;
		return 0;
	}
	if (find_user(config, value))
		return 0;
	pw = getpwnam(value);
	if (!pw)
		return pvk_err_set(err, -ENOENT, "user: there is no '%s'", value);
	config->uid = pw->pw_uid;
	config->gid = pw->pw_gid;
	return 0;
}

static int add_socket(struct config *config, const char *value, struct pvk_err *err)
{
	int ret;

	if (config->n_sockets == CONFIG_SOCKETS_MAX)
		return pvk_err_set(err, -E2BIG, "more than %d sockets", CONFIG_SOCKETS_MAX);
	ret = set_path(config->socket[config->n_sockets], sizeof(config->socket[0]), "socket",
		       value, err);
	if (!ret)
		config->n_sockets++;
	return ret;
}

static int set_watchdog(struct config *config, const char *value, struct pvk_err *err)
{
	unsigned long s;
	char *end;

	errno = 0;
	s = strtoul(value, &end, 10);
	if (!pvk_isalnum((unsigned char)value[0]) || *end || errno || s > WATCHDOG_MAX_S)
		return pvk_err_set(err, -EINVAL, "watchdog: '%s' is not 0 to %d seconds", value,
				   WATCHDOG_MAX_S);
	config->watchdog_s = (int)s;
	return 0;
}

static int add_modules(struct config *config, const char *value, struct pvk_err *err)
{
	int ret;

	if (config->n_modules == CONFIG_MODULES_MAX)
		return pvk_err_set(err, -E2BIG, "more than %d directories of modules",
				   CONFIG_MODULES_MAX);
	ret = set_path(config->modules[config->n_modules], sizeof(config->modules[0]), "modules",
		       value, err);
	if (!ret)
		config->n_modules++;
	return ret;
}

static int set_name(char to[256], const char *name, const char *value, struct pvk_err *err)
{
	size_t len = strlen(value);

	if (!len || len > 255)
		return pvk_err_set(err, -EINVAL, "%s: wants a name of 1 to 255 bytes", name);
	memcpy(to, value, len + 1);
	return 0;
}

static int set_led(struct config *config, const char *value, struct pvk_err *err)
{
	if (strlen(value) >= sizeof(config->led) || !control_led_ok(value))
		return pvk_err_set(err, -EINVAL, "led: '%s' can't be the name of one", value);
	strcpy(config->led, value);
	return 0;
}

static int set_value(struct config *config, int option, const char *value,
		     struct pvk_err *err)
{
	switch (option) {
	case OPT_SOCKET:
		return add_socket(config, value, err);
	case OPT_ROOT:
		return set_path(config->root, sizeof(config->root), "root", value, err);
	case OPT_CONFIG:
		return set_path(config->dir, sizeof(config->dir), "config", value, err);
	case OPT_MODULES:
		return add_modules(config, value, err);
	case OPT_STATE:
		return set_path(config->state, sizeof(config->state), "state", value, err);
	case OPT_DEVICE_TREE:
		return set_path(config->device_tree, sizeof(config->device_tree), "device-tree",
				value, err);
	case OPT_DTB:
		return set_name(config->dtb, "dtb", value, err);
	case OPT_FITCONFIG:
		return set_name(config->fitconfig, "fitconfig", value, err);
	case OPT_USER:
		return set_user(config, value, err);
	case OPT_LED:
		return set_led(config, value, err);
	case OPT_AGENT_ONLY:
		config->roles = CONFIG_AGENT;
		return 0;
	case OPT_FRONT_ONLY:
		config->roles = CONFIG_FRONT | CONFIG_CONTROL;
		return 0;
	case OPT_WATCHDOG:
		return set_watchdog(config, value, err);
	case OPT_PIDFILE:
		return set_path(config->pidfile, sizeof(config->pidfile), "pidfile", value, err);
	case OPT_NO_SANDBOX:
		config->sandbox = false;
		return 0;
	case OPT_FOREGROUND:
		config->foreground = true;
		return 0;
	case OPT_VERBOSE:
		config->verbose = true;
		return 0;
	default:
		return -EINVAL;
	}
}

int config_line(struct config *config, char *line, struct pvk_err *err)
{
	const struct option *opt;
	char *name, *value;

	if (!pvk_conf_line(line, &name, &value))
		return 0;
	for (opt = options; opt->name; opt++)
		if (opt->has_arg && opt->val != OPT_CONFIG && !strcmp(opt->name, name))
			return set_value(config, opt->val, value, err);
	return pvk_err_set(err, -EINVAL, "unknown setting '%s'", name);
}

static int read_line(void *arg, char *line, unsigned int n, struct pvk_err *err)
{
	(void)n;
	return config_line(arg, line, err);
}

static int read_file(struct config *config, struct pvk_err *err)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/pvkitd.conf", config->dir);
	return pvk_conf_read(path, read_line, config, err);
}

/* --config first of all: it says where the file is that the others override. */
static int find_config_dir(struct config *config, int argc, char **argv, struct pvk_err *err)
{
	int opt, ret;

	optind = 0;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == ':')
			return pvk_err_set(err, -EINVAL, "%s wants a value (see pvkitd --help)",
					   argv[optind - 1]);
		if (opt == '?')
			return pvk_err_set(err, -EINVAL, "unknown option %s (see pvkitd --help)",
					   argv[optind - 1]);
		if (opt == OPT_HELP || opt == OPT_VERSION) {
			fputs(opt == OPT_HELP ? config_usage : "pvkitd 0.1\n", stdout);
			return CONFIG_DONE;
		}
		ret = opt == OPT_CONFIG ? set_value(config, opt, optarg, err) : 0;
		if (ret)
			return ret;
	}
	if (optind < argc)
		return pvk_err_set(err, -EINVAL, "unexpected argument '%s'", argv[optind]);
	return 0;
}

static int read_options(struct config *config, int argc, char **argv, struct pvk_err *err)
{
	bool sockets = false, modules = false;
	int opt, ret;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == OPT_SOCKET && !sockets) {
			config->n_sockets = 0;
			sockets = true;
		}
		if (opt == OPT_MODULES && !modules) {
			config->n_modules = 0;
			modules = true;
		}
		ret = set_value(config, opt, optarg, err);
		if (ret)
			return ret;
	}
	return 0;
}

int config_parse(struct config *config, int argc, char **argv, struct pvk_err *err)
{
	int ret;

	*config = (struct config){
		.root = "/var/lib/pvkit",
		.dir = "/etc/pvkit",
		.state = PVK_STATE_DIR,
		.device_tree = "/proc/device-tree",
		.uid = ID_NOBODY,
		.gid = ID_NOBODY,
		.sandbox = true,
		.watchdog_s = WATCHDOG_S,
		.roles = CONFIG_AGENT | CONFIG_FRONT | CONFIG_CONTROL,
	};
	find_user(config, USER_DEFAULT);
	ret = find_config_dir(config, argc, argv, err);
	if (!ret)
		ret = read_file(config, err);
	if (!ret)
		ret = read_options(config, argc, argv, err);
	if (!ret && !config->n_sockets)
		ret = add_socket(config, "/run/pvkit/pv-ctrl", err);
	return ret;
}
