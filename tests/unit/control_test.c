// SPDX-License-Identifier: MIT
/*
 * What pvkitd-control does, with a directory in the place of /sys/class/leds and functions
 * in that of init and reboot(2): whom a reboot asks, when it is forced, and that an LED is
 * afterwards as it was, whoever was killed meanwhile.
 *
 * libs: libevent
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "control_led.h"
#include "control_reboot.h"
#include "genl.h"
#include "ktap.h"

static char dir[] = "/tmp/pvkit-control.XXXXXX";
static char leds_dir[64], state[64];

/* ---- files ---- */

static const char *at(const char *fmt, const char *name)
{
	static char path[4][256];
	static unsigned int n;
	char tail[128];

	n = (n + 1) % 4;
	snprintf(tail, sizeof(tail), fmt, name);
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, tail);
	return path[n];
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file)) {
		perror(path);
		exit(1);
	}
}

static const char *get(const char *path)
{
	static char text[256];
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		fclose(file);
	text[n] = '\0';
	return file ? text : "(none)";
}

static const char *trigger(const char *led)
{
	return get(at("leds/%s/trigger", led));
}

static const char *brightness(const char *led)
{
	return get(at("leds/%s/brightness", led));
}

static void make_led(const char *name, const char *triggers, const char *level)
{
	mkdir(at("leds/%s", name), 0755);
	put(at("leds/%s/trigger", name), triggers);
	put(at("leds/%s/brightness", name), level);
}

/* The kernel shows the one that was written in brackets; a file has no more than that. */
static void as_the_kernel_shows(const char *led)
{
	char word[80], shown[128];

	snprintf(word, sizeof(word), "%.79s", trigger(led));
	snprintf(shown, sizeof(shown), "none kbd-capslock [%s] panic\n", word);
	put(at("leds/%s/trigger", led), shown);
}

/* ---- LEDs ---- */

static struct event_base *base;
static char which[CONTROL_LED_SIZE];
static uint32_t left;
static struct pvk_err err;

static struct leds *begin(const char *preferred)
{
	struct leds *leds = NULL;

	if (leds_new(&leds, base, leds_dir, state, preferred))
		abort();
	return leds;
}

static int blink(struct leds *leds, const char *name, unsigned int seconds)
{
	err.text[0] = '\0';
	return leds_blink(leds, name, seconds, which, &left, &err);
}

static void turn(int ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L };

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

static void test_the_led_that_is_meant(void)
{
	struct leds *leds = begin("");

	ktap_eq(blink(leds, "", 60), 0, "without a name: one blinks");
	ktap_str(which, "green:status", "the first by name that is none of a keyboard's");
	ktap_eq(blink(leds, "input3::capslock", 60), 0, "by its name: a keyboard's too");
	ktap_str(trigger("input3::capslock"), "heartbeat", "it has the trigger now");
	as_the_kernel_shows("input3::capslock");
	ktap_eq(blink(leds, "nowhere", 60), -ENOENT, "one that is not there");
	ktap_str(err.text, "there is no LED 'nowhere'", "and what is said of it");
	as_the_kernel_shows("green:status");
	leds_free(leds);

	leds = begin("red:power");
	ktap_eq(blink(leds, "", 60), 0, "with one configured");
	ktap_str(which, "red:power", "it is that one");
	as_the_kernel_shows("red:power");
	leds_free(leds);
}

static void test_afterwards_it_is_as_before(void)
{
	struct leds *leds;

	make_led("green:status", "none [mmc0] timer heartbeat\n", "0\n");
	make_led("red:power", "[none] timer heartbeat\n", "7\n");
	leds = begin("");
	blink(leds, "green:status", 60);
	blink(leds, "red:power", 60);
	as_the_kernel_shows("green:status");
	as_the_kernel_shows("red:power");
	leds_stop(leds, "green:status");
	ktap_str(trigger("green:status"), "mmc0", "ended by name: its trigger again");
	ktap_str(trigger("red:power"), "none kbd-capslock [heartbeat] panic\n",
		 "and the other goes on");
	leds_stop(leds, "");
	ktap_str(trigger("red:power"), "none", "ended with all: its trigger again");
	ktap_str(brightness("red:power"), "7", "one without a trigger is as bright as it was");
	leds_stop(leds, "");
	ktap_str(brightness("red:power"), "7", "ended twice is ended");
	leds_free(leds);
}

static void test_one_that_beats_already(void)
{
	struct leds *leds;

	make_led("green:status", "none timer [heartbeat]\n", "0\n");
	leds = begin("");
	ktap_eq(blink(leds, "green:status", 60), 0, "one whose own trigger is heartbeat blinks");
	ktap_str(trigger("green:status"), "timer", "in another way than it did");
	as_the_kernel_shows("green:status");
	leds_stop(leds, "");
	ktap_str(trigger("green:status"), "heartbeat", "and afterwards it beats again");
	leds_free(leds);
}

static void test_it_ends_by_itself(void)
{
	int64_t begun = pvk_now_ms();
	struct leds *leds;

	make_led("green:status", "none [mmc0]\n", "0\n");
	leds = begin("");
	blink(leds, "green:status", 1);
	as_the_kernel_shows("green:status");
	blink(leds, "green:status", 2);
	ktap_eq(left, 2, "a second one makes it longer");
	blink(leds, "green:status", 1);
	ktap_check(left >= 1 && left <= 2, "a third one makes it no shorter");
	turn(1200);
	if (pvk_now_ms() - begun < 1900)
		ktap_str(trigger("green:status"), "none kbd-capslock [heartbeat] panic\n",
			 "after the first's time it still blinks");
	else
		ktap_skip("the machine is too slow", "after the first's time it still blinks");
	turn(2000);
	ktap_str(trigger("green:status"), "mmc0", "after the second's it does not");
	ktap_str(get(at("state/%s", "blink.green:status")), "(none)", "nothing is left to restore");
	leds_free(leds);
}

static void test_killed_while_it_blinks(void)
{
	struct leds *killed, *leds;

	make_led("green:status", "none [mmc0]\n", "0\n");
	make_led("red:power", "[none]\n", "9\n");
	killed = begin("");
	blink(killed, "green:status", 60);
	blink(killed, "red:power", 60);
	as_the_kernel_shows("green:status");
	/* Somebody else has decided what that one is to do. */
	put(at("leds/%s/trigger", "red:power"), "none [usb-host] heartbeat\n");
	put(at("state/%s", "blink.gone"), "mmc0 0 heartbeat\n");
	put(at("state/%s", "blink.half"), "mm");
	leds = begin("");
	ktap_str(trigger("green:status"), "mmc0", "the next process gives it its trigger");
	ktap_str(trigger("red:power"), "none [usb-host] heartbeat\n",
		 "but leaves what somebody else has set");
	ktap_str(get(at("state/%s", "blink.gone")), "(none)", "an unplugged one is forgotten");
	ktap_str(get(at("state/%s", "blink.half")), "(none)", "and half a note");
	leds_free(leds);
	leds_free(killed);
}

static void test_many(void)
{
	struct leds *leds = begin("");
	char name[16];
	int i, ret = 0;

	for (i = 0; i < LEDS_MAX && !ret; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		make_led(name, "[none]\n", "0\n");
		ret = blink(leds, name, 60);
	}
	ktap_eq(ret, 0, "so many may blink at once");
	make_led("one-more", "[none]\n", "0\n");
	ktap_eq(blink(leds, "one-more", 60), -EBUSY, "and no more");
	ktap_eq(blink(leds, "many0", 90), 0, "but those may go on");
	leds_free(leds);
}

static void test_an_led_that_vanishes(void)
{
	struct leds *leds = begin("");

	make_led("green:status", "none [mmc0]\n", "0\n");
	ktap_eq(blink(leds, "green:status", 60), 0, "one blinks");
	unlink(at("leds/%s/trigger", "green:status"));
	ktap_eq(blink(leds, "green:status", 60), -ENOENT, "unplugged: there is none");
	ktap_str(get(at("state/%s", "blink.green:status")), "(none)", "nor anything to restore");
	make_led("green:status", "none [usb-host]\n", "0\n");
	ktap_eq(blink(leds, "green:status", 60), 0, "back, with another trigger");
	ktap_str(trigger("green:status"), "heartbeat", "it blinks again");
	as_the_kernel_shows("green:status");
	leds_stop(leds, "");
	ktap_str(trigger("green:status"), "usb-host", "and has that one afterwards");
	leds_free(leds);
}

/* ---- reboots ---- */

/* Shared with the process that syncs. */
static struct {
	int asked, synced, rebooted;
	int64_t asked_at, rebooted_at;
	char mode[CONTROL_MODE_SIZE];
} *seen;

static int ask_error;

static int ask(int sig)
{
	seen->asked = sig;
	seen->asked_at = pvk_now_ms();
	return ask_error;
}

static void do_sync(void)
{
	seen->synced++;
}

static void sync_that_hangs(void)
{
	/* Nobody waits for it, the end of the test included. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	seen->synced++;
	for (;;)
		pause();
}

static int reboot_it(const char *mode)
{
	seen->rebooted++;
	seen->rebooted_at = pvk_now_ms();
	strcpy(seen->mode, mode);
	return -EPERM;
}

static struct reboot_ops ops = {
	.root = dir, .ask = ask, .sync = do_sync, .reboot = reboot_it, .delay_ms = 10,
	.sync_ms = 300,
};

static int64_t carry_out(bool force, uint32_t seconds, const char *mode)
{
	struct control_task task = { .verb = CONTROL_REBOOT, .force = force, .seconds = seconds };
	int64_t begun = pvk_now_ms();

	strcpy(task.mode, mode);
	memset(seen, 0, sizeof(*seen));
	ktap_eq(reboot_carry_out(&ops, &task), -EPERM, "if even reboot(2) fails that is said");
	return pvk_now_ms() - begun;
}

static void test_whom_a_reboot_asks(void)
{
	int sig;

	ktap_str(reboot_init(&ops, &sig), "init", "nothing known of init");
	ktap_eq(sig, SIGTERM, "busybox' and procd's signal");
	mkdir(at("%s", "proc"), 0755);
	mkdir(at("proc/%s", "1"), 0755);
	put(at("proc/1/%s", "comm"), "procd\n");
	reboot_learn_init(&ops);
	ktap_str(ops.comm, "procd", "it is called procd");
	reboot_init(&ops, &sig);
	ktap_eq(sig, SIGTERM, "its signal");
	put(at("proc/1/%s", "comm"), "openrc-init\n");
	reboot_learn_init(&ops);
	reboot_init(&ops, &sig);
	ktap_eq(sig, SIGINT, "to whom SIGTERM is a halt: what Ctrl-Alt-Del sends");
	mkdir(at("%s", "run"), 0755);
	put(at("run/%s", "initctl"), "");
	ktap_str(reboot_init(&ops, &sig), "sysvinit", "with its fifo");
	ktap_eq(sig, SIGINT, "what Ctrl-Alt-Del does");
	mkdir(at("run/%s", "systemd"), 0755);
	mkdir(at("run/systemd/%s", "system"), 0755);
	ktap_str(reboot_init(&ops, &sig), "systemd", "its directory counts for more");
	ktap_eq(sig, SIGRTMIN + 5, "reboot.target");
}

static void test_a_mode(void)
{
	struct control_task task = { .verb = CONTROL_REBOOT, .mode = "recovery" };
	const char *way = NULL, *param = at("run/systemd/%s", "reboot-param");

	ktap_eq(reboot_prepare(&ops, &task, &way, &err), 0, "systemd takes a mode");
	ktap_str(get(param), "recovery", "in its file");
	task.mode[0] = '\0';
	ktap_eq(reboot_prepare(&ops, &task, &way, &err), 0, "the next one asks for none");
	ktap_str(get(param), "(none)", "and has none");
	rmdir(at("run/systemd/%s", "system"));
	strcpy(task.mode, "recovery");
	ktap_eq(reboot_prepare(&ops, &task, &way, &err), 0, "another init needs none");
	ktap_str(get(param), "(none)", "and gets none");
	task.force = true;
	ktap_eq(reboot_prepare(&ops, &task, &way, &err), 0, "by force it is the kernel's");
	ktap_str(way, "kernel", "who is asked then");
}

static void test_forced_when_the_limit_is_over(void)
{
	int64_t took = carry_out(false, 1, "");

	ktap_eq(seen->asked, SIGINT, "init is asked");
	ktap_check(seen->rebooted_at - seen->asked_at >= 1000, "and has its time");
	ktap_check(took < 5000, "after which nobody waits any more");
	ktap_eq(seen->synced, 1, "what can be written is");
	ktap_eq(seen->rebooted, 1, "before it is forced");

	ask_error = -ESRCH;
	carry_out(false, 600, "");
	ktap_check(seen->rebooted_at - seen->asked_at < 5000, "no time for one that is not there");
	ask_error = 0;

	carry_out(true, 600, "recovery");
	ktap_eq(seen->asked, 0, "by force: init is not asked");
	ktap_str(seen->mode, "recovery", "and the kernel gets the mode");
}

static void test_a_sync_that_hangs(void)
{
	int64_t took;

	ops.sync = sync_that_hangs;
	took = carry_out(true, 1, "");
	ktap_check(took >= 300 && took < 5000, "a sync that hangs has a limit too");
	ktap_eq(seen->rebooted, 1, "and the machine goes down all the same");
	ops.sync = do_sync;
}

/* ---- what comes over the socket ---- */

static void test_hostile_tasks(void)
{
	struct control_task task = { .verb = CONTROL_REBOOT, .seconds = 60 };

	ktap_check(control_task_ok(&task), "a reboot");
	task.seconds = 0;
	ktap_check(!control_task_ok(&task), "no limit at all");
	task.seconds = 60;
	task.force = 2;
	ktap_check(!control_task_ok(&task), "neither by force nor not");
	task.force = 1;
	task.verb = 3;
	ktap_check(!control_task_ok(&task), "no such verb");
	task.verb = CONTROL_REBOOT;
	task.seconds = CONTROL_LIMIT_MAX_S + 1;
	ktap_check(!control_task_ok(&task), "too long a limit");
	task.seconds = 1;
	memset(task.mode, 'm', sizeof(task.mode));
	ktap_check(!control_task_ok(&task), "a mode without its end");
	strcpy(task.mode, "a\nb");
	ktap_check(!control_task_ok(&task), "a mode of two lines");
	task = (struct control_task){ .verb = CONTROL_BLINK, .seconds = 1, .led = "../../power" };
	ktap_check(!control_task_ok(&task), "an LED somewhere else");
	memset(task.led, 'l', sizeof(task.led));
	ktap_check(!control_task_ok(&task), "an LED without its end");
	strcpy(task.led, "mmc0::");
	ktap_check(control_task_ok(&task), "an LED");
	task.seconds = CONTROL_BLINK_MAX_S + 1;
	ktap_check(!control_task_ok(&task), "for too long");
}

static void test_the_wire(void)
{
	struct control_task task = { .verb = CONTROL_BLINK };
	struct control_answer answer;
	int fds[2], n = 0, ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		abort();
	ktap_eq(control_receive(fds[0], &answer), -EAGAIN, "nothing there");
	send(fds[1], "short", 5, 0);
	ktap_eq(control_receive(fds[0], &answer), -EBADMSG, "half an answer");
	memset(&answer, 'x', sizeof(answer));
	send(fds[1], &answer, sizeof(answer), 0);
	ktap_eq(control_receive(fds[0], &answer), 0, "one whose texts have no end");
	ktap_eq(strlen(answer.text), sizeof(answer.text) - 1, "gets one");
	ktap_check(control_task_late(&task), "what was not sent is late");
	do {
		ret = control_send(fds[0], &task);
	} while (!ret && n++ < 10000);
	ktap_check(!control_task_late(&task), "what was sent just now is not");
	task.sent_ms -= CONTROL_ANSWER_MS + 1;
	ktap_check(control_task_late(&task), "when nobody waits for it any more it is");
	ktap_eq(ret, -EAGAIN, "who does not read keeps nobody");
	close(fds[1]);
	ret = control_send(fds[0], &task);
	ktap_check(ret == -EPIPE || ret == -ECONNRESET, "nor does who is gone");
	close(fds[0]);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int main(void)
{
	ktap_plan(85);
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED || !mkdtemp(dir))
		return 1;
	snprintf(leds_dir, sizeof(leds_dir), "%s/leds", dir);
	snprintf(state, sizeof(state), "%s/state", dir);
	mkdir(leds_dir, 0755);
	mkdir(state, 0755);
	base = event_base_new();
	make_led("input3::capslock", "none [kbd-capslock]\n", "0\n");
	make_led("red:power", "[none]\n", "1\n");
	make_led("green:status", "none [mmc0]\n", "0\n");

	test_the_led_that_is_meant();
	test_afterwards_it_is_as_before();
	test_one_that_beats_already();
	test_it_ends_by_itself();
	test_killed_while_it_blinks();
	test_many();
	test_an_led_that_vanishes();
	test_whom_a_reboot_asks();
	test_a_mode();
	test_forced_when_the_limit_is_over();
	test_a_sync_that_hangs();
	test_hostile_tasks();
	test_the_wire();

	event_base_free(base);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return ktap_finish();
}
