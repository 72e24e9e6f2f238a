// SPDX-License-Identifier: MIT
/*
 * pvkit-init's root guard: when a root counts as gone, and what it is asked
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "conf.h"
#include "guard.h"
#include "ktap.h"

#define S(seconds)	((seconds) * INT64_C(1000))

static struct guard_state state;
static int64_t now;
static unsigned int asked, doubts, gone, back;

/* given a root that has just been asked, every 5 s, limit 20 s, grace 5 s */
static void given_asked(void)
{
	const struct guard_times times = { .every = S(5), .limit = S(20), .grace = S(5) };

	now = S(1000);
	asked = 0;
	doubts = 0;
	gone = 0;
	back = 0;
	guard_state_init(&state, &times, now);
	while (guard_tick(&state, now) != GUARD_ASK)
		now += S(1);
}

static void count(enum guard_event event)
{
	asked += event == GUARD_ASK;
	doubts += event == GUARD_DOUBT;
	gone += event == GUARD_GONE;
	back += event == GUARD_BACK;
}

/* when so many seconds pass */
static void pass(unsigned int seconds)
{
	while (seconds--) {
		now += S(1);
		count(guard_tick(&state, now));
	}
}

/* and it answers */
static void answer(int error, bool current)
{
	count(guard_answer(&state, error, current, now));
}

static void test_all_is_well(void)
{
	unsigned int i;

	given_asked();
	ktap_eq(now, S(1005), "the first question is after one interval");
	for (i = 0; i < 10; i++) {
		answer(0, true);
		pass(5);
	}
	ktap_eq(asked, 10, "one that answers is asked at each interval");
	pass(4);
	answer(0, true);
	pass(1);
	ktap_eq(asked, 11, "which counts from question to question");
	ktap_eq(doubts + gone + back, 0, "and there is nothing to say");
}

static void test_silence(void)
{
	given_asked();
	pass(19);
	ktap_eq(doubts, 0, "silence below the limit is no doubt");
	answer(0, true);
	pass(19);
	ktap_eq(doubts, 0, "an answer just in time counts");

	given_asked();
	pass(20);
	ktap_eq(doubts, 1, "silence up to the limit is one");
	ktap_eq(state.error, -ETIMEDOUT, "because of the time");
	pass(4);
	ktap_eq(asked, 0, "it is left alone for the grace");
	pass(1);
	ktap_eq(asked, 1, "and asked once more");
	pass(4);
	ktap_eq(gone, 0, "it has as long for that");
	pass(1);
	ktap_eq(gone, 1, "and then is gone: 35 s after the last answer");
}

static void test_failure(void)
{
	given_asked();
	answer(-EIO, true);
	ktap_eq(doubts, 1, "a failure is a doubt at once");
	pass(5);
	answer(-EIO, true);
	ktap_eq(gone, 1, "two of them, the grace between, are a loss");
	ktap_eq(state.error, -EIO, "for the reason given");

	given_asked();
	answer(-EIO, true);
	pass(5);
	answer(0, true);
	ktap_eq(back, 1, "a good second answer ends it");
	pass(5);
	answer(-EIO, true);
	ktap_eq(gone, 0, "and what was before is forgotten");
}

static void test_late(void)
{
	given_asked();
	pass(22);
	answer(0, true);
	ktap_eq(back, 1, "a good answer in the grace ends the doubt");

	given_asked();
	pass(26);
	answer(-EIO, false);
	ktap_eq(gone, 0, "a late failure of the first question is old news");
	answer(0, false);
	ktap_eq(back, 1, "a late good answer to it is none");
	answer(0, true);
	ktap_eq(back, 1, "that of the second question then says nothing new");
}

static void test_stand_still(void)
{
	given_asked();
	pass(1);
	now += S(3600);
	count(guard_tick(&state, now));
	ktap_eq(doubts, 0, "a machine that stood still is no root that is silent");
	pass(17);
	ktap_eq(doubts, 0, "the limit is as long as it was");
	pass(1);
	ktap_eq(doubts, 1, "and not longer");
}

static void test_dry_run(void)
{
	given_asked();
	pass(120);
	ktap_eq(gone, 1, "one that stays away is told once");
	ktap_check(asked > 10, "and is asked on");
	answer(0, true);
	ktap_eq(back, 1, "until it is back");
	pass(4);
	ktap_eq(state.phase, GUARD_RESTS, "and all is as it was");
}

static void test_no_grace(void)
{
	given_asked();
	state.times.grace = 0;
	answer(-EIO, true);
	pass(1);
	ktap_eq(asked, 1, "without grace it is asked again at once");
	pass(1);
	ktap_eq(gone, 1, "and has a second for the answer");
}

static void test_offsets(void)
{
	uint64_t turn, at, last = 1, same = 0, wrong = 0;
	const uint64_t bytes = 10 * PROBE_BLOCK_SIZE * 1000 + 512;

	for (turn = 0; turn < 10000; turn++) {
		at = probe_offset(turn, bytes);
		same += at == last;
		wrong += at % PROBE_BLOCK_SIZE || at + PROBE_BLOCK_SIZE > bytes;
		last = at;
	}
	ktap_eq(wrong, 0, "what is read is whole blocks of the device");
	ktap_check(same < 10, "and another one each time");
	ktap_eq(probe_offset(7, PROBE_BLOCK_SIZE), 0, "but for a device of one");
}

static void test_block(void)
{
	struct probe probe = { .kind = PROBE_BLOCK };
	char path[] = "/tmp/pvkit-init-guard.XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || ftruncate(fd, 4 * PROBE_BLOCK_SIZE))
		ktap_skip_all("no temporary file");
	unlink(path);
	ktap_eq(probe_run(&probe, fd), 0, "a device that can be read is there");
	ktap_eq(probe.turn, 1, "the next turn is another one");
	if (ftruncate(fd, 0))
		ktap_skip_all("no temporary file");
	ktap_eq(probe_run(&probe, fd), -ENODEV, "one without a size has been pulled out");
	close(fd);
	ktap_eq(probe_run(&probe, fd), -EBADF, "an error is one");
}

static void test_kinds(void)
{
	struct probe probe;
	int fd = open("/proc", O_PATH | O_DIRECTORY);

	probe_choose(&probe, fd, "proc");
	ktap_eq(probe.kind, PROBE_NONE, "of a file system of the kernel nothing is asked");
	probe_choose(&probe, fd, "/dev/null");
	ktap_eq(probe.kind, PROBE_NONE, "nor of what is no block device");
	ktap_check(!probe.network, "and it is on this machine");
	close(fd);
}

static struct conf conf;
static struct pvk_err err;

static int set(const char *section, const char *name, const char *value)
{
	return conf_set(&conf, section, name, value, &err);
}

static void test_conf(void)
{
	struct boot_conf boot;

	conf_init(&conf);
	conf_boot(&conf, BOOT_NORMAL, &boot);
	ktap_eq(boot.guard, GUARD_UNSAID, "init.conf: unsaid, the kind of root decides");
	ktap_check(conf.guard_every == 5 && conf.guard_limit == 20 && conf.guard_grace == 5 &&
		   conf.guard_restart, "every 5 s, limit 20 s, grace 5 s");
	ktap_eq(set(NULL, "guard", "dry-run") | set("recovery", "guard", "no"), 0,
		"guard is a matter of each way");
	conf_boot(&conf, BOOT_OTA, &boot);
	ktap_eq(boot.guard, GUARD_DRY_RUN, "of [normal] where it says nothing");
	conf_boot(&conf, BOOT_RECOVERY, &boot);
	ktap_eq(boot.guard, GUARD_NO, "and its own where it does");
	ktap_eq(set(NULL, "guard", ""), 0, "a word alone is a yes");
	ktap_eq(conf.way[BOOT_NORMAL].guard, GUARD_YES, "which counts");
	ktap_eq(set(NULL, "guard", "dryrun"), -EINVAL, "what is none of the three is refused");
	ktap_str(err.text, "\"dryrun\" is none of yes, no and dry-run", "with the three");
	ktap_eq(set("ota", "guard-limit", "9"), -EINVAL, "the times are for all");
	ktap_check(guard_is("@pvkit-init: root guard") && !guard_is("pvkit-init") &&
		   !guard_is(NULL), "the program knows itself by its name");
}

int main(void)
{
	ktap_plan(0);
	test_all_is_well();
	test_silence();
	test_failure();
	test_late();
	test_stand_still();
	test_dry_run();
	test_no_grace();
	test_offsets();
	test_block();
	test_kinds();
	test_conf();
	return ktap_finish();
}
