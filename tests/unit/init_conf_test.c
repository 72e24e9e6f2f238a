// SPDX-License-Identifier: MIT
/*
 * pvkit-init: what init.conf and the command line ask for, and what it decides
 */
#include <errno.h>
#include <unistd.h>

#include "conf.h"
#include "decide.h"
#include "flagsource_int.h"
#include "ktap.h"
#include "modules.h"

static struct conf conf;
static struct boot_conf boot;
static struct pvk_list warnings;

/* given a file with that text */
static void given_file(const char *text)
{
	char path[] = "/tmp/pvkit-init-conf.XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ktap_skip_all("no temporary file");
	close(fd);
	conf_init(&conf);
	pvk_list_free(&warnings);
	conf_read(&conf, path, &warnings);
	unlink(path);
}

/* and then that command line */
static void when_started_with(const char *text)
{
	static struct pvk_cmdline cmdline;

	pvk_cmdline_parse(&cmdline, text, strlen(text));
	conf_cmdline(&conf, &cmdline, "/sbin/pvkit-init", &warnings);
}

static const char *root_of(enum boot_way way)
{
	conf_boot(&conf, way, &boot);
	return boot.root;
}

/* The name of the file is another one each time. */
static const char *warning(unsigned int i)
{
	const char *text = i < warnings.count ? warnings.item[i] : "none";
	const char *colon = strchr(text, ':');

	return strncmp(text, "/tmp/", 5) || !colon ? text : colon + 1;
}

static void test_file(void)
{
	given_file("root = /dev/sda1\nroot-wait = 7\n"
		   "[recovery]\nroot /dev/sda2\nrootfstype=squashfs\n"
		   "[ota]\ninit = /sbin/ota\naccess = rw\n");
	ktap_eq(warnings.count, 0, "a file: no warning");
	ktap_eq(conf.root_wait, 7, "what is for all stands before the sections");
	ktap_str(root_of(BOOT_NORMAL), "/dev/sda1", "a root before the sections is [normal]'s");
	ktap_str(root_of(BOOT_RECOVERY), "/dev/sda2", "a section has its own");
	ktap_str(boot.fstype, "squashfs", "with its type");
	ktap_str(root_of(BOOT_OTA), "/dev/sda1", "what a section does not say is as in [normal]");
	ktap_str(boot.init, "/sbin/ota", "and what it says is not");
	ktap_eq(boot.access, CONF_RW, "nor whether it may be written");
	conf_boot(&conf, BOOT_NORMAL, &boot);
	ktap_str(boot.init, "", "[normal] has none of the others' words");
}

static void test_type_of_root(void)
{
	given_file("root = /dev/a\nrootfstype = ext4\nrootflags = data=journal\n"
		   "[recovery]\nroot = /dev/b\n");
	conf_boot(&conf, BOOT_RECOVERY, &boot);
	ktap_str(boot.fstype, "", "the type of [normal]'s root is not that of another root");
	ktap_str(boot.flags, "", "nor are its options");
}

static void test_bad_lines(void)
{
	given_file("root = /dev/a\nrot = /dev/b\nroot-wait = soon\n[recover]\nroot = /dev/c\n"
		   "[ota]\nshell = no\n[normal]\ninit = /a\n");
	ktap_eq(warnings.count, 4, "four lines that can't be are four warnings");
	ktap_str(warning(0), "2: rot: unknown setting", "an unknown name");
	ktap_str(warning(1), "3: root-wait: \"soon\" is no number up to 3600",
		 "a value that is none");
	ktap_str(warning(2), "4: there is no section [recover]",
		 "a section that is none, and not a word about what is in it");
	ktap_str(warning(3), "7: shell: is for all of them: before the first section",
		 "what no section can have for itself");
	given_file("guard-every = 0\nguard-limit = 7\nguard-grace = 0\n");
	ktap_eq(warnings.count, 1, "a guard that asks without a pause is refused");
	ktap_eq(conf.guard_every, 5, "and asks as it does where nothing is said");
	ktap_eq(conf.guard_limit, 7, "a limit");
	given_file("[recovery\r\nroot = /dev/a\r\n");
	ktap_eq(warnings.count, 0, "a section whose bracket is not closed is that one");
	ktap_str(root_of(BOOT_RECOVERY), "/dev/a",
		 "with lines that end as another system has them");
	given_file("root = /dev/a\nrot = /dev/b\n[recover]\nroot = /dev/c\n[normal]\ninit = /a\n");
	conf_boot(&conf, BOOT_NORMAL, &boot);
	ktap_str(boot.root, "/dev/a", "the other lines count");
	ktap_str(boot.init, "/a", "those after a bad section too");
}

static void test_cmdline(void)
{
	given_file("root = /dev/a\n[recovery]\nroot = /dev/r\n");
	when_started_with("console=ttyS0 root=/dev/b ro rootwait=3 rootflags=a=1,b init=/bin/x rw");
	ktap_str(root_of(BOOT_NORMAL), "/dev/b", "root= counts more than [normal]");
	ktap_str(root_of(BOOT_RECOVERY), "/dev/r", "but not more than what a section has");
	conf_boot(&conf, BOOT_NORMAL, &boot);
	ktap_str(boot.flags, "a=1,b", "a value with an equals sign");
	ktap_eq(boot.access, CONF_RW, "of ro and rw the last counts");
	ktap_str(boot.init, "/bin/x", "init=");
	ktap_eq(conf.root_wait, 3, "rootwait=");

	when_started_with("nfsroot=10.0.0.1:/a,b=c ip=dhcp");
	conf_boot(&conf, BOOT_NORMAL, &boot);
	ktap_str(boot.nfsroot, "10.0.0.1:/a,b=c", "nfsroot=");
	conf_boot(&conf, BOOT_RECOVERY, &boot);
	ktap_str(boot.nfsroot, "", "which is no other root's");
	ktap_str(boot.ip, "dhcp", "but ip= is anybody's");
	when_started_with("ip=");
	conf_boot(&conf, BOOT_NORMAL, &boot);
	ktap_str(boot.ip, "off", "ip= with nothing behind is no network, as the kernel has it");

	when_started_with("pvkit.recovery.root=/dev/q pvkit.root=/dev/p root=/dev/z pvkit.debug");
	ktap_str(root_of(BOOT_RECOVERY), "/dev/q", "pvkit.SECTION.NAME counts more than the file");
	ktap_str(root_of(BOOT_NORMAL), "/dev/p", "pvkit.root more than root=, wherever it stands");
	ktap_check(conf.debug, "a word alone is a yes");
}

/* given init=, which is started on the root that the kernel has mounted */
static void test_mounted_root(void)
{
	given_file("root = LABEL=system\n[recovery]\nroot = /dev/r\n");
	ktap_check(conf_is_kernels_root(&conf, root_of(BOOT_NORMAL)),
		   "without root= it is the one of init.conf");
	when_started_with("root=/dev/a");
	ktap_check(conf_is_kernels_root(&conf, root_of(BOOT_NORMAL)), "root= is what is there");
	ktap_check(!conf_is_kernels_root(&conf, root_of(BOOT_RECOVERY)), "a section's is not");
	when_started_with("pvkit.root=/dev/b root=/dev/a");
	ktap_check(!conf_is_kernels_root(&conf, root_of(BOOT_NORMAL)),
		   "nor is pvkit.root=, which the kernel does not know");
}

static void test_look_alikes(void)
{
	given_file("root = /dev/a\n");
	when_started_with("xroot=/dev/b root.x=/dev/c mtdparts=nand:1M(root=/dev/d),2M(rw) "
			  "note=\"root=/dev/e rw\" ROOT=/dev/f -- root=/dev/g");
	ktap_str(root_of(BOOT_NORMAL), "/dev/a", "keys that look alike are no keys");
	ktap_eq(boot.access, CONF_UNSAID, "nor is rw in a label");
	ktap_eq(warnings.count, 0, "and not worth a word");
	when_started_with("pvkit.mode=recovery pvkit.rooot=/x pvkit.nowhere.root=/x");
	ktap_eq(warnings.count, 2, "flags are not settings; what is neither is a warning");
	ktap_str(warning(0), "command line: pvkit.rooot: unknown setting", "a name");
	ktap_str(warning(1), "command line: pvkit.nowhere.root: there is no section nowhere",
		 "a section");
	when_started_with("init=/sbin/pvkit-init");
	conf_boot(&conf, BOOT_NORMAL, &boot);
	ktap_str(boot.init, "", "init= that is ourselves is not where to go on");
}

/* ---- decisions ---- */

static struct pvk_flagsources sources;

static struct pvb_flags *given_source(const char *name)
{
	struct pvk_flagsource *source = flagsource_add(&sources, PVK_SOURCE_KERNEL, NULL);

	snprintf(source->store.name, sizeof(source->store.name), "%s", name);
	source->store.state = PV_BOOTFLAG_STATE_READY;
	return &source->store.boot;
}

static void decided(const char *way, const char *why, const char *what)
{
	struct decision decision;
	struct failures failures;

	failures_find(&failures, &sources, &conf);
	decide(&decision, &conf, &sources, &failures);
	ktap_str(boot_way_name(decision.way), way, "%s: %s", what, way);
	ktap_str(decision.why, why, "%s: why", what);
	pvk_flagsources_free(&sources);
}

static void test_decisions(void)
{
	given_file("root = /dev/a\n[resume]\nprogram = /bin/resume\n");
	decided("normal", "no source says otherwise", "nobody says anything");

	given_source("cmdline");
	pvk_flags_set(given_source("rtc"), PVB_MODE, "recovery", NULL);
	pvk_flags_set(given_source("misc"), PVB_MODE, "ota", NULL);
	decided("recovery", "by rtc (mode=recovery); cmdline says nothing", "the first counts");

	given_source("cmdline");
	given_source("gpio:key");
	pvk_flags_set(given_source("misc"), PVB_MODE, "ota", NULL);
	decided("ota", "by misc (mode=ota); cmdline, gpio:key say nothing", "two are silent");

	given_source("cmdline");
	given_source("rtc");
	sources.item[1].store.state = PV_BOOTFLAG_STATE_BROKEN;
	decided("normal", "no source says otherwise; rtc (broken) says nothing",
		"who can't be read might have said otherwise");

	given_source("rtc");
	sources.item[0].store.state = PV_BOOTFLAG_STATE_ABSENT;
	given_source("cmdline");
	pvk_flags_set(given_source("misc"), PVB_MODE, "ota", NULL);
	decided("ota", "by misc (mode=ota); rtc (absent), cmdline say nothing",
		"or have counted more");

	pvk_flags_set(given_source("misc"), PVB_MODE, "bootloader", NULL);
	decided("normal", "by misc (mode=bootloader), which is none of ours", "a foreign mode");

	pvk_flags_set(given_source("misc"), PVB_PHASE, "write", NULL);
	decided("resume", "by misc (phase=write)", "an update under way");

	pvk_flags_set(given_source("cmdline"), PVB_MODE, "normal", NULL);
	pvk_flags_set(given_source("misc"), PVB_PHASE, "write", NULL);
	decided("resume", "by misc (phase=write); cmdline says nothing",
		"a root that is half written is none, whoever asks for it");

	pvk_flags_set(given_source("cmdline"), PVB_MODE, "rescue", NULL);
	pvk_flags_set(given_source("misc"), PVB_PHASE, "write", NULL);
	decided("rescue", "by cmdline (mode=rescue)", "who asks for help gets it all the same");
}

/* given a store that counts failures, and has counted that many */
static void given_failures(unsigned int count)
{
	struct pvk_store *store;

	given_source("misc");
	store = &sources.item[sources.count - 1].store;
	store->offers = PVB_HAS(PVB_FAILURES) | PVB_HAS(PVB_MODE);
	pvk_flags_set_number(&store->flags, PVB_FAILURES, count, NULL);
}

static void test_failures(void)
{
	given_file("root = /dev/a\n");
	given_failures(2);
	decided("normal", "no source says otherwise", "failures below the limit");
	given_failures(3);
	decided("recovery", "by misc (failures=3)", "failures at the limit");
	given_failures(3);
	pvk_flags_set(given_source("cmdline"), PVB_MODE, "rescue", NULL);
	decided("rescue", "by cmdline (mode=rescue); misc says nothing",
		"who asks for help gets it with failures too");

	pvk_flags_set(given_source("cmdline"), PVB_PHASE, "write", NULL);
	given_failures(3);
	decided("rescue", "by cmdline (phase=write); nothing is configured to resume it with",
		"failures of an update, and no root but the one that is half written");
	given_file("root = /dev/a\n[resume]\nprogram = /resume\n[recovery]\nroot = /dev/r\n");
	pvk_flags_set(given_source("cmdline"), PVB_PHASE, "write", NULL);
	given_failures(3);
	decided("recovery", "by misc (failures=3)", "failures of an update, and another root");

	given_file("failures-limit = 5\nroot = /dev/a\n");
	given_failures(4);
	decided("normal", "no source says otherwise", "another limit");
	given_file("failures-then = nothing\nroot = /dev/a\n");
	given_failures(9);
	decided("normal", "no source says otherwise", "failures of which nothing follows");
	given_file("failures-limit = 0\nroot = /dev/a\n");
	given_failures(9);
	decided("normal", "no source says otherwise", "failures that are not counted");

	given_file("root = /dev/a\n");
	pvk_flags_set(given_source("misc"), PVB_PHASE, "write", NULL);
	decided("rescue", "by misc (phase=write); nothing is configured to resume it with",
		"an update that nothing can resume");
	conf_boot(&conf, BOOT_RESCUE, &boot);
	ktap_str(boot.root, "", "a rescue has no root but its own");
}

/* root and root= are two words to the kernel, and so it is with ro and ro=1. */
static void test_words_without_a_value(void)
{
	given_file("");
	when_started_with("root=/dev/a rw root init rootfstype rootwait ro=1 ro=");
	ktap_str(conf.way[BOOT_NORMAL].root, "/dev/a", "root alone is not root=");
	ktap_eq(conf.way[BOOT_NORMAL].access, CONF_RW, "ro=1 and ro= are not ro");
	ktap_eq(warnings.count, 0, "and nothing is said of them");
}

static void params_are(const char *cmdline_text, const char *want, const char *what)
{
	pvk_auto_buf struct pvk_buf params = PVK_BUF_INIT(256);
	static struct pvk_cmdline cmdline;

	pvk_cmdline_parse(&cmdline, cmdline_text, strlen(cmdline_text));
	modules_params("/lib/modules/pv_bootflag.ko", &cmdline, &params);
	ktap_str(pvk_buf_str(&params), want, "parameters: %s", what);
}

static void test_module_params(void)
{
	params_are("pv_bootflag.stores=\"a: b=c\" pv_bootflag.x", "stores=\"a: b=c\" x",
		   "a value with blanks, and a word alone");
	params_are("pv-bootflag.a=1", "a=1", "a dash is an underscore");
	params_are("pv_bootflag.a=\"b c\"d pv_bootflag.e=f\"g h\"i pv_bootflag.j=\"\"",
		   "a=\"b c\"d e=f\"g h\"i j=", "quotes inside of a value");
	params_are("pv_bootflag.-- pv_bootflag.=1 pv_bootflag.a\"b\"=1", "",
		   "what is no parameter's name");
	params_are("pv_bootflag.a=b\"c d", "\"a=\"b\"c d\"", "a quote that is not closed");
	params_are("pv_bootflag.a=1 \"pv_bootflag.b=\"\"c d\"\"", "a=1",
		   "one that no parameter can have");
	params_are("pv_bootflags.a=1 xpv_bootflag.a=1 pv_bootflag=1 pv_boot.a=1", "",
		   "of other modules");
}

int main(void)
{
	ktap_plan(0);
	test_file();
	test_type_of_root();
	test_bad_lines();
	test_cmdline();
	test_mounted_root();
	test_look_alikes();
	test_words_without_a_value();
	test_decisions();
	test_failures();
	test_module_params();
	pvk_list_free(&warnings);
	return ktap_finish();
}
