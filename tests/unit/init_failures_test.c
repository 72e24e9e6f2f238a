// SPDX-License-Identifier: MIT
/*
 * pvkit-init's count of failed boots, on a store that does not answer
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "failures.h"
#include "ktap.h"
#include "stores.h"

static struct store {
	unsigned int hangs;	/* seconds */
	unsigned int sets;
	struct pvk_change last;
} *store;	/* shared with children */

/* The store, in place of pvkit-init's own. */
int stores_set(const struct pvk_store *which, const struct pvk_flagconf *conf, const char *sys,
	       const struct pvk_change *change, struct pvk_err *err)
{
	(void)which;
	(void)conf;
	(void)sys;
	(void)err;
	/* Who waits no more leaves a child behind, which is not to outlive the test. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sleep(store->hangs);
	store->last = *change;
	store->sets++;
	return 0;
}

static struct pvk_flagsource source = { .kind = PVK_SOURCE_KERNEL };
static const struct conf conf = { .failures_limit = 3 };
static struct failures failures;

/* given two failed boots, and a store that hangs for so many seconds */
static void given_store(unsigned int hangs)
{
	failures = (struct failures){ .source = &source, .count = 2, .wait_ms = 1000 };
	*store = (struct store){ .hangs = hangs };
}

static unsigned int seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned int)now.tv_sec;
}

static void test_answers(void)
{
	given_store(0);
	failures_clear(&failures, &conf, NULL, false);
	ktap_eq(store->sets, 1, "a boot that hands over writes once");
	ktap_eq(store->last.clear, PVB_HAS(PVB_FAILURES), "that there is no failure");

	given_store(0);
	failures.count = 0;
	failures_clear(&failures, &conf, NULL, false);
	ktap_eq(store->sets, 0, "and nothing where there was none");

	given_store(0);
	failures_add(&failures, &conf, NULL, "no root");
	ktap_eq(pvk_flags_number(&store->last.set, PVB_FAILURES), 3, "one that fails counts");
}

static void test_hangs(void)
{
	unsigned int begin = seconds();

	given_store(20);
	failures_clear(&failures, &conf, NULL, false);
	ktap_check(seconds() - begin < 15, "a boot hands over without a store that hangs");
	begin = seconds();
	failures_add(&failures, &conf, NULL, "no root");
	ktap_check(seconds() - begin < 15, "and restarts without it");
	ktap_eq(store->sets, 0, "which has not answered yet");
}

int main(void)
{
	store = mmap(NULL, sizeof(*store), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (store == MAP_FAILED)
		ktap_skip_all("no memory is shared here");
	ktap_plan(0);
	test_answers();
	test_hangs();
	return ktap_finish();
}
