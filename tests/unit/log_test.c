// SPDX-License-Identifier: MIT
/*
 * The daemon's log: what callers can cause at will must not fill the disk, and
 * must not write lines that look like somebody else's.
 */
#include <fcntl.h>
#include <unistd.h>

#include "ktap.h"
#include "log.h"

static char text[8192];

/* What `fn` writes to standard error, as a string. */
static const char *logged(void (*fn)(void))
{
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	text[0] = '\0';
	if (pipe2(fds, O_CLOEXEC) || dup2(fds[1], STDERR_FILENO) < 0)
		return "no pipe";
	close(fds[1]);
	fn();
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(fds[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fds[0]);
	return text;
}

static void one_line(void)
{
	log_msg(LOG_INFO, "%s", "a\nb\rc\033[2J\tend");
}

static void a_flood(void)
{
	int i;

	for (i = 0; i < 1000; i++)
		log_limited(3, LOG_WARNING, "bad %d", i);
}

static void a_flood_of_debugging(void)
{
	int i;

	for (i = 0; i < 1000; i++)
		log_limited(3, LOG_DEBUG, "bad %d", i);
}

static void two_places(void)
{
	log_limited(1, LOG_WARNING, "here");
	log_limited(1, LOG_WARNING, "there");
}

static void test_lines(void)
{
	ktap_str(logged(one_line), "pvkitd: a?b?c?[2J?end\n", "control characters become '?'");
	ktap_str(logged(a_flood), "pvkitd: bad 0\npvkitd: bad 1\npvkitd: bad 2\n",
		 "three lines of a thousand");
	ktap_str(logged(a_flood_of_debugging), "", "what is not wanted is not counted either");
	ktap_str(logged(two_places), "pvkitd: here\npvkitd: there\n",
		 "each place counts for itself");
}

static void test_minutes(void)
{
	struct log_site site = { 0 };
	unsigned int more, i, said = 0;

	for (i = 0; i < 10; i++)
		said += log_site_may(&site, 4, 5000 + i, &more);
	ktap_eq(said, 4, "four of ten within the first minute");
	ktap_check(!log_site_may(&site, 4, 64999, &more), "a ms before its end: still none");
	ktap_check(log_site_may(&site, 4, 65000, &more), "the minute after it: one again");
	ktap_eq(more, 7, "and the number of those left out");
	ktap_check(log_site_may(&site, 4, 65001, &more), "the next one");
	ktap_eq(more, 0, "does not count them again");
	ktap_check(log_site_may(&site, 4, 900000, &more), "a quarter of an hour later");
	ktap_eq(more, 0, "nothing was left out");
}

int main(void)
{
	ktap_plan(12);
	test_lines();
	test_minutes();
	return ktap_finish();
}
