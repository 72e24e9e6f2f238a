// SPDX-License-Identifier: MIT
/*
 * A change below the root directory is noticed, however it is made, once.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "genl.h"
#include "ktap.h"
#include "watch.h"

extern char **environ;

static char root[] = "/tmp/pvk-watch-XXXXXX";
static struct event_base *base;
static int told;
static int64_t told_at;

static void on_change(void *arg)
{
	(void)arg;
	told++;
	told_at = pvk_now_ms();
}

static void sh(const char *script)
{
	char *argv[] = { "sh", "-c", (char *)script, root, NULL };
	int status = -1;
	pid_t pid;

	if (posix_spawnp(&pid, "sh", NULL, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid || status)
		printf("# failed: %s\n", script);
}

static void run_for(int ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

/* How often it is told of what the script does. */
static int after(const char *script)
{
	told = 0;
	sh(script);
	run_for(4 * WATCH_SETTLE_MS);
	return told;
}

int main(void)
{
	struct watch *watch = NULL;
	int64_t begin;
	int i;

	ktap_plan(0);
	if (!mkdtemp(root))
		return 1;
	base = event_base_new();
	ktap_eq(watch_new(&watch, base, root, "bsp", on_change, NULL), 0, "given no bsp/ yet");
	ktap_eq(after(":"), 0, "nothing happens");
	ktap_eq(after("mkdir $0/user-meta; echo >$0/drivers.registered"), 0,
		"other files are no concern");
	ktap_eq(after("mkdir $0/bsp; echo >$0/bsp/drivers.json"), 1,
		"a new directory with a new file");
	ktap_eq(after("echo a >$0/bsp/drivers.json"), 1, "the file is written");
	ktap_eq(after("echo b >$0/n; mv $0/n $0/bsp/drivers.json"), 1, "replaced by a rename");
	ktap_eq(after("rm $0/bsp/drivers.json"), 1, "deleted");
	ktap_eq(after("mkdir $0/v1 $0/v2; mv $0/bsp $0/old; ln -s v1 $0/bsp"), 1,
		"the directory is replaced by a link");
	ktap_eq(after("echo >$0/v1/drivers.json"), 1, "whose target is watched then");
	ktap_eq(after("ln -s v2 $0/l; mv -T $0/l $0/bsp"), 1, "the link is replaced by another");
	ktap_eq(after("echo >$0/v1/drivers.json"), 0, "the first target is no concern any more");
	ktap_eq(after("echo >$0/old/drivers.json"), 0, "nor is the directory that was");
	ktap_eq(after("echo >$0/v2/drivers.json"), 1, "but the second target is");
	ktap_eq(after("mkdir $0/v2/d1; ln -s d1 $0/v2/..data"), 1, "a link beside the file");
	ktap_eq(after("for i in 1 2 3 4 5 6 7 8 9; do echo $i >$0/bsp/drivers.json; done"), 1,
		"many changes in a row are told once");

	/* when it does not stop changing */
	told = 0;
	begin = pvk_now_ms();
	for (i = 0; !told && i < 60; i++) {
		sh("echo >$0/bsp/drivers.json");
		run_for(WATCH_SETTLE_MS / 4);
	}
	ktap_check(told && told_at - begin >= WATCH_MOST_MS - 100,
		   "it is told in the end all the same");
	watch_free(watch);
	event_base_free(base);
	sh("rm -r $0");
	return ktap_finish();
}
