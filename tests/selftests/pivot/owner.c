// SPDX-License-Identifier: MIT
/*
 * An owner of a session that does what it is told, for scripts:
 *
 *   owner FIFO DIR [SECONDS]     begin a session that follows what DIR is on
 *
 * Then a line from FIFO is a command and each is answered with one line on stdout,
 * "ok" or "ERRNO text", behind the number of the command:
 *
 *   step STATE [SECONDS]   enter it
 *   wait STATE MS          for an event with that state, those from before counted
 *   arm ARGUMENT SECONDS   the point of no return; "-" is no argument
 *   watchdog FILE SECONDS  opens it, hands it over to be kept alive each second
 *   abort                  with the session's descriptor
 *   open FILE              for reading; it stays open
 *   openrw FILE            the same, for reading and writing
 *   close                  what they opened
 *   again DIR              begin another session, which is closed if that goes well
 *   drop                   close the session's descriptor
 *   end                    the process
 *
 * The first answer, "0: ...", is that of the beginning.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "genl.h"
#include "pivot.h"

static struct pvk_pivot *pivot;
static struct pvk_err err;
static int session = -1;
static int opened = -1;
static bool seen[32];

static void on_event(void *arg, const struct pvk_pivot_event *event)
{
	(void)arg;
	if (event->kind == PV_PIVOT_EVENT_KIND_STATE && event->state < 32)
		seen[event->state] = true;
}

static int own_error(void)
{
	return pvk_err_set(&err, -errno, "%s", strerror(errno));
}

static int begin(const char *dir, uint32_t limit, int *to)
{
	int fd = open(dir, O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return own_error();
	ret = pvk_pivot_begin(pivot, fd, limit, to, &err);
	close(fd);
	return ret;
}

static uint32_t state_of(const char *name)
{
	uint32_t state;

	for (state = 0; strcmp(pvk_pivot_state_name(state), "?") != 0; state++)
		if (strcmp(pvk_pivot_state_name(state), name) == 0)
			return state;
	return atoi(name);
}

static int wait_for(uint32_t state, int ms)
{
	int64_t until = pvk_now_ms() + ms;
	int ret = 0;

	while (!seen[state] && !ret) {
		if (pvk_now_ms() >= until)
			return pvk_err_set(&err, -ETIMEDOUT, "no such event");
		ret = pvk_pivot_dispatch_wait(pivot, until - pvk_now_ms(), &err);
	}
	return ret;
}

static int open_file(const char *path, int flags)
{
	opened = open(path, flags | O_CLOEXEC);
	return opened < 0 ? own_error() : 0;
}

static int watchdog(const char *path, uint32_t seconds)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return own_error();
	ret = pvk_pivot_watchdog(pivot, session, fd, 1, seconds, &err);
	close(fd);
	return ret;
}

static int again(const char *dir)
{
	int other = -1, ret = begin(dir, 0, &other);

	if (!ret)
		close(other);
	return ret;
}

static int drop(int *fd)
{
	int ret = close(*fd);

	*fd = -1;
	return ret ? own_error() : 0;
}

static int obey(const char *word, const char *arg, long number)
{
	if (!strcmp(word, "step"))
		return pvk_pivot_step(pivot, session, state_of(arg), number, &err);
	if (!strcmp(word, "wait"))
		return wait_for(state_of(arg), number);
	if (!strcmp(word, "arm"))
		return pvk_pivot_arm(pivot, session, number, strcmp(arg, "-") ? arg : "", &err);
	if (!strcmp(word, "watchdog"))
		return watchdog(arg, number);
	if (!strcmp(word, "abort"))
		return pvk_pivot_abort(pivot, session, &err);
	if (!strcmp(word, "open"))
		return open_file(arg, O_RDONLY);
	if (!strcmp(word, "openrw"))
		return open_file(arg, O_RDWR);
	if (!strcmp(word, "close"))
		return drop(&opened);
	if (!strcmp(word, "again"))
		return again(arg);
	if (!strcmp(word, "drop"))
		return drop(&session);
	return pvk_err_set(&err, -EINVAL, "no such command");
}

static void answer(unsigned int n, int ret)
{
	if (ret)
		printf("%u: %s %s\n", n, strerrorname_np(-ret), err.text);
	else
		printf("%u: ok\n", n);
	fflush(stdout);
	err.text[0] = '\0';
}

int main(int argc, char **argv)
{
	static const struct pvk_pivot_ops ops = { .event = on_event };
	char line[512], word[32], arg[256];
	unsigned int n = 0;
	long number;
	FILE *in;
	int ret;

	if (argc < 3)
		return 2;
	ret = pvk_pivot_open(&pivot, &ops, NULL, &err);
	if (!ret)
		ret = pvk_pivot_subscribe(pivot, NULL, &err);
	if (!ret)
		ret = begin(argv[2], argc > 3 ? atoi(argv[3]) : 0, &session);
	answer(0, ret);
	in = ret ? NULL : fopen(argv[1], "r+e");
	if (!in)
		return 1;
	while (fgets(line, sizeof(line), in)) {
		arg[0] = '\0';
		number = 0;
		if (sscanf(line, "%31s %255s %ld", word, arg, &number) < 1)
			continue;
		if (!strcmp(word, "end"))
			return 0;
		answer(++n, obey(word, arg, number));
	}
	return 1;
}
