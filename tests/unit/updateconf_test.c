// SPDX-License-Identifier: MIT
/*
 * update.conf: each setting as it is written, and what is refused, with its line.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "ktap.h"
#include "updateconf.h"

static char path[] = "/tmp/pvkit-updateconf.XXXXXX";

static int read_text(const char *text, struct pvk_updateconf *conf, struct pvk_err *err)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0 || fclose(file))
		abort();
	return pvk_updateconf_read(conf, path, err);
}

static void test_settings(void)
{
	struct pvk_updateconf conf;
	struct pvk_err err = { .text = "" };
	int ret = read_text("# comment\n"
			    "state = LABEL=data\text4 /var/pvkit\n"
			    "ram /mnt/ram\n"
			    "program=/opt/pvkit-update\n"
			    "init busybox\n"
			    "stop /etc/init.d/app stop\n"
			    "stop = sh -c 'echo a=b'\n"
			    "term-seconds 7\nkill-seconds 8\nwatchdog-seconds 9\n"
			    "copy-bin sh -c\ncopy-data /etc\n", &conf, &err);

	ktap_eq(ret, 0, "each setting is taken, copy-bin and copy-data pass by");
	ktap_str(conf.state_device, "LABEL=data", "the state's device");
	ktap_str(conf.state_fs, "ext4", "its type");
	ktap_str(conf.state_dir, "/var/pvkit", "its directory");
	ktap_str(conf.ram, "/mnt/ram", "ram");
	ktap_str(conf.program, "/opt/pvkit-update", "program");
	ktap_eq(conf.init, PVK_INIT_BUSYBOX, "init");
	ktap_eq(conf.stops, 2, "both commands");
	ktap_str(conf.stop[1], "sh -c 'echo a=b'", "a command is not cut up");
	ktap_check(conf.term == 7 && conf.kill == 8 && conf.watchdog == 9, "seconds");
}

static void test_defaults(void)
{
	struct pvk_updateconf conf;
	struct pvk_err err = { .text = "" };

	ktap_eq(pvk_updateconf_read(&conf, "/nonexistent", &err), 0, "no file: the defaults");
	ktap_check(!conf.state_device[0] && !conf.stops && conf.init == PVK_INIT_AUTO,
		   "no state, nothing to stop, init by what it is");
	ktap_str(conf.ram, "/run/initramfs", "where systemd goes to at its end");
	ktap_eq(read_text("state /dev/sda3 ext4\n", &conf, &err), 0, "a state without DIR");
	ktap_str(conf.state_dir, "/pvkit-update", "has one");
}

static void test_refused(void)
{
	static const char *const text[] = {
		"state /dev/sda3\n", "state\n", "state a b /c d\n", "state a b c\n",
		"state a b /c/../d\n", "ram run\n", "ram /\n", "ram /\t/..\n", "ram /run/..\n",
		"ram\n",
		"init upstart\n", "term-seconds 0\n", "kill-seconds 1x\n",
		"watchdog-seconds 86401\n", "stop\n", "program\n", "nonsense 1\n",
	};
	struct pvk_updateconf conf;
	struct pvk_err err;
	char at[64];
	size_t i;

	snprintf(at, sizeof(at), "%s:1: ", path);
	for (i = 0; i < PVK_ARRAY_SIZE(text); i++) {
		err = (struct pvk_err){ .text = "" };
		ktap_check(read_text(text[i], &conf, &err) == -EINVAL &&
			   !strncmp(err.text, at, strlen(at)), "refused, with its line: %.*s (%s)",
			   (int)strcspn(text[i], "\n"), text[i], err.text);
	}
}

int main(void)
{
	ktap_plan(32);
	close(mkstemp(path));
	test_settings();
	test_defaults();
	test_refused();
	unlink(path);
	return ktap_finish();
}
