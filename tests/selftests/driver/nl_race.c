// SPDX-License-Identifier: MIT
/*
 * Many callers that load and unload at once.
 *
 *   nl_race --seconds S [--seed N] [--cgroup DIR]... [--callers N] [--tolerant]
 *           ALIAS...
 *
 * Starts N callers (8): the first ones, one for each --cgroup, in that cgroup,
 * the others on the host. Each asks for a random alias to be loaded or
 * unloaded, waits for the outcome, and checks it: success, or an errno that a
 * race explains. At the end each gives up all it may use. --tolerant: somebody
 * meddles from outside, so that a load or unload may fail.
 *
 * Prints one line a caller and "total LOADS UNLOADS REFUSED LOST WRONG".
 * Exit status: 0 if no outcome was lost and none was wrong, else 1.
 */
#include "pvt_nl.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define MAX_CALLERS 64

struct tally {
	unsigned int loads;
	unsigned int unloads;
	unsigned int refused;
	unsigned int lost;
	unsigned int wrong;
};

static char buf[PVT_BUF];

static void enter(const char *dir)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	f = fopen(path, "w");
	if (!f || fprintf(f, "0\n") < 0 || fclose(f))
		pvt_die(path, errno);
}

/* The outcome of request seq: 0 or a positive errno; -1 when none came. */
static int outcome(struct pvt_sock *s, uint32_t seq, char *why, size_t size)
{
	int64_t until = pvt_now_ms() + 40000;

	for (;;) {
		ssize_t len = pvt_recv(s, buf, sizeof(buf), until);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		const char *text;
		int err;

		if (len < 0)
			return -1;
		if (nlh->nlmsg_seq != seq)
			continue;
		if (nlh->nlmsg_type == NLMSG_ERROR) {
			err = pvt_error(nlh, &text);
			snprintf(why, size, "%s", err && text ? text : "");
			if (err)
				return err;
		} else if (pvt_cmd_of(nlh) == PV_DRIVER_CMD_OUTCOME) {
			snprintf(why, size, "%s", pvt_get_str(nlh, PV_DRIVER_A_TEXT));
			return pvt_get_u32(nlh, PV_DRIVER_A_ERRNO);
		}
	}
}

static void one(struct pvt_sock *s, struct tally *t, const char *alias, bool load)
{
	struct nlmsghdr *nlh =
		pvt_msg(s, buf, load ? PV_DRIVER_CMD_LOAD : PV_DRIVER_CMD_UNLOAD, NLM_F_ACK);
	uint32_t seq = nlh->nlmsg_seq;
	char why[PV_DRIVER_MAX_TEXT + 1] = "";
	int err;

	mnl_attr_put_strz(nlh, PV_DRIVER_A_ALIAS, alias);
	mnl_attr_put_u32(nlh, PV_DRIVER_A_TIMEOUT, 30000);
	err = pvt_send(s, nlh);
	if (!err)
		err = outcome(s, seq, why, sizeof(why));
	if (err < 0)
		t->lost++;
	else if (err == ECANCELED || err == EAGAIN)
		t->refused++;
	else if (err)
		t->wrong++;
	else if (load)
		t->loads++;
	else
		t->unloads++;
	if (err && err != ECANCELED && err != EAGAIN)
		printf("caller %d: %s %s: %s %s\n", getpid(), load ? "load" : "unload", alias,
		       err < 0 ? "lost" : pvt_errname(err), why);
}

static void caller(const char *cgroup, unsigned int seed, int seconds, char **aliases, int n,
		   struct tally *t)
{
	int64_t until;
	struct pvt_sock s;

	if (cgroup)
		enter(cgroup);
	pvt_open(&s);
	until = pvt_now_ms() + seconds * 1000LL;
	while (pvt_now_ms() < until) {
		const char *alias = aliases[rand_r(&seed) % n];
		/* more than half are loads, so that uses meet on one driver */
		bool load = rand_r(&seed) % 9 < 5;

		one(&s, t, alias, load);
	}
	for (int i = 0; i < n; i++)
		one(&s, t, aliases[i], false);
	printf("caller %d in %s: %u loads, %u unloads, %u refused\n", getpid(),
	       cgroup ? cgroup : "the host", t->loads, t->unloads, t->refused);
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *cgroups[MAX_CALLERS] = { NULL };
	struct tally total = { 0 };
	unsigned int seed = 1;
	int n_cgroups = 0;
	struct tally *t;
	bool tolerant = false;
	int seconds = 5;
	int callers = 8;
	int i;

	for (i = 1; i + 1 < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--tolerant"))
			tolerant = true;
		else if (!strcmp(argv[i], "--seconds"))
			seconds = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--seed"))
			seed = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--callers"))
			callers = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--cgroup") && n_cgroups < MAX_CALLERS)
			cgroups[n_cgroups++] = argv[++i];
		else
			pvt_die(argv[i], EINVAL);
	}
	if (i >= argc || callers < 1 || callers > MAX_CALLERS)
		pvt_die("usage", EINVAL);
	t = mmap(NULL, sizeof(*t) * callers, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		 0);
	if (t == MAP_FAILED)
		pvt_die("mmap", errno);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int c = 0; c < callers; c++)
		if (!fork())
			caller(cgroups[c], seed + c, seconds, argv + i, argc - i, &t[c]);
	while (wait(NULL) > 0)
		;
	for (int c = 0; c < callers; c++) {
		total.loads += t[c].loads;
		total.unloads += t[c].unloads;
		total.refused += t[c].refused;
		total.lost += t[c].lost;
		total.wrong += t[c].wrong;
	}
	printf("total %u %u %u %u %u\n", total.loads, total.unloads, total.refused, total.lost,
	       total.wrong);
	return total.lost || (total.wrong && !tolerant) ? 1 : 0;
}
