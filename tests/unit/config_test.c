// SPDX-License-Identifier: MIT
/*
 * pvkitd's command line and pvkitd.conf
 */
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "config.h"
#include "ktap.h"

static struct config config;
static struct pvk_err err;

static int parse(const char *first, ...)
{
	char *argv[16] = { "pvkitd", "--config", "/nonexistent" };
	const char *arg;
	int argc = 3;
	va_list ap;

	va_start(ap, first);
	for (arg = first; arg && argc < 15; arg = va_arg(ap, const char *))
		argv[argc++] = (char *)arg;
	va_end(ap);
	err.text[0] = '\0';
	return config_parse(&config, argc, argv, &err);
}

static int line(const char *text)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", text);
	return config_line(&config, copy, &err);
}

static void test_defaults(void)
{
	ktap_eq(parse(NULL), 0, "nothing said");
	ktap_eq(config.n_sockets, 1, "one socket");
	ktap_str(config.socket[0], "/run/pvkit/pv-ctrl", "at its usual place");
	ktap_str(config.root, "/var/lib/pvkit", "and the root directory");
	ktap_str(config.state, "/run/pvkitd", "what is told goes where no container looks");
	ktap_eq(config.n_modules, 0, "modules are where the kernel's are");
	ktap_str(config.device_tree, "/proc/device-tree", "the device tree is the machine's");
	ktap_str(config.dtb, "", "which says what its name is");
	ktap_eq(config.uid, 65534, "the front is nobody");
	ktap_eq(config.roles, CONFIG_AGENT | CONFIG_FRONT | CONFIG_CONTROL, "all processes");
}

static void test_options(void)
{
	ktap_eq(parse("--socket", "/a", "--socket", "/b", "--user", "12", "--agent-only", NULL), 0,
		"options");
	ktap_eq(config.n_sockets, 2, "two sockets");
	ktap_str(config.socket[1], "/b", "the second");
	ktap_eq(config.gid, 12, "a numeric user is its group too");
	ktap_eq(config.roles, CONFIG_AGENT, "one process");

	ktap_eq(parse("--root", "var", NULL), -EINVAL, "a path that is not absolute");
	ktap_str(err.text, "root: 'var' is no absolute path", "is named");
	ktap_eq(parse("--user", "no-such-user-here", NULL), -ENOENT, "an unknown user");
	ktap_eq(parse("more", NULL), -EINVAL, "an argument too many");
}

static void test_modules(void)
{
	ktap_eq(parse("--modules", "/a", "--modules", "/b", "--dtb", "x1.dtb", "--fitconfig", "c",
		      "--device-tree", "/dt", "--state", "/s", NULL), 0, "what is on the board");
	ktap_eq(config.n_modules, 2, "two directories of modules");
	ktap_str(config.modules[1], "/b", "in their order");
	ktap_str(config.dtb, "x1.dtb", "the dtb's name");
	ktap_str(config.fitconfig, "c", "the FIT configuration's");
	ktap_eq(parse("--modules", "/a", "--modules", "/a", "--modules", "/a", "--modules", "/a",
		      "--modules", "/a", NULL), -E2BIG, "five directories are too many");
	ktap_eq(parse("--dtb", "", NULL), -EINVAL, "an empty name");
}

static void test_file(void)
{
	parse(NULL);
	ktap_eq(line("root /x # where it is"), 0, "a line with a comment");
	ktap_str(config.root, "/x", "sets what it names");
	ktap_eq(line("root = /y"), 0, "with an equals sign");
	ktap_str(config.root, "/y", "it means the same");
	ktap_eq(line("dtb=a=b"), 0, "and without blanks");
	ktap_str(config.dtb, "a=b", "one sign is taken");
	ktap_eq(line("fitconfig ="), -EINVAL, "nothing behind it");
	ktap_eq(line("root = /srv/my data \r"), 0, "a path with a blank in it");
	ktap_str(config.root, "/srv/my data", "is not cut there");
	ktap_eq(line("watchdog = 5 6"), -EINVAL, "where one number is wanted two are refused");
	ktap_eq(line("   "), 0, "an empty line");
	ktap_eq(line("# all comment"), 0, "a comment");
	ktap_eq(line("foreground"), -EINVAL, "a flag belongs on the command line");
	ktap_eq(line("rooot /x"), -EINVAL, "a misspelt name");
	ktap_str(err.text, "unknown setting 'rooot'", "is named");
	ktap_eq(line("root"), -EINVAL, "a name without a value");
}

int main(void)
{
	ktap_plan(0);
	test_defaults();
	test_options();
	test_modules();
	test_file();
	return ktap_finish();
}
