// SPDX-License-Identifier: MIT
/*
 * A subscriber of pv_pivot that does not read while more happens than its socket holds
 * learns that it has missed something, and hears what comes after.
 */
#include "ktap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "genl.h"
#include "pivot.h"
#include "util.h"

#define CYCLES		200	/* of two events each */
#define PATIENCE_MS	30000

static unsigned int states, overruns, last_state, last_generation;
static bool backwards;

static void on_event(void *arg, const struct pvk_pivot_event *event)
{
	(void)arg;
	if (event->kind == PV_PIVOT_EVENT_KIND_OVERRUN) {
		overruns++;
		return;
	}
	states++;
	backwards |= event->generation <= last_generation;
	last_generation = event->generation;
	last_state = event->state;
}

static void fatal(const char *what, int ret)
{
	printf("Bail out! %s: %s\n", what, strerror(-ret));
	exit(1);
}

static void must(int ret, const char *what)
{
	if (ret)
		fatal(what, ret);
}

/* A session that begins and ends. */
static void cycle(struct pvk_pivot *pivot)
{
	int session, fd = open("/run", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fatal("/run", -errno);
	must(pvk_pivot_begin(pivot, fd, 0, &session, NULL), "begin");
	close(fd);
	must(pvk_pivot_abort(pivot, session, NULL), "abort");
	close(session);
}

/* Until one has come that tells of that generation, or it took too long. */
static void listen_until(struct pvk_pivot *pivot, uint32_t generation)
{
	int64_t until = pvk_now_ms() + PATIENCE_MS;

	while (last_generation < generation && pvk_now_ms() < until)
		must(pvk_pivot_dispatch_wait(pivot, 1000, NULL), "dispatch");
}

static void listen_for_overrun(struct pvk_pivot *pivot)
{
	int64_t until = pvk_now_ms() + PATIENCE_MS;

	while (!overruns && pvk_now_ms() < until)
		must(pvk_pivot_dispatch_wait(pivot, 1000, NULL), "dispatch");
}

int main(void)
{
	static const struct pvk_pivot_ops ops = { .event = on_event };
	struct pvk_pivot *deaf, *host;
	struct pvk_pivot_status status;
	uint32_t from;
	int size = 4096;

	ktap_plan(6);
	if (system("modprobe pv_pivot"))
		fatal("modprobe", -ENOENT);
	must(pvk_pivot_open(&host, NULL, NULL, NULL), "a socket");
	must(pvk_pivot_open(&deaf, &ops, NULL, NULL), "a socket");
	setsockopt(pvk_pivot_fd(deaf), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	must(pvk_pivot_subscribe(deaf, &from, NULL), "subscribe");

	/* when more happens than it holds, then it is told so before anything else happens */
	for (int i = 0; i < CYCLES; i++)
		cycle(host);
	listen_for_overrun(deaf);
	ktap_check(overruns > 0, "it is told that it missed something");
	ktap_check(states < 2 * CYCLES, "it did (%u of %d heard)", states, 2 * CYCLES);
	must(pvk_pivot_status(host, &status, NULL), "status");
	ktap_eq(status.generation, from + 2 * CYCLES, "and finds out what, by reading anew");

	/* when one more begins and ends, then that is heard */
	cycle(host);
	listen_until(deaf, status.generation + 2);
	ktap_eq(last_generation, status.generation + 2, "what comes after is heard");
	ktap_eq(last_state, PV_PIVOT_STATE_ABORTED, "to its end");
	ktap_check(!backwards, "generations go up only");
	pvk_pivot_close(deaf);
	pvk_pivot_close(host);
	return ktap_finish();
}
