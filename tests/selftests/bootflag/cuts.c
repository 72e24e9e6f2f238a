// SPDX-License-Identifier: MIT
/*
 * cuts: updates a store on simflash, and lets the power fail at every step of
 * every update.
 *
 *   cuts walk|fresh STORE SECONDS TEAR [FIRST]
 *   cuts lies STORE SECONDS EVERY
 *
 * walk   what a cut left is where the next attempt begins, which is cut one step
 *        later, until the update gets through: many cuts upon one another
 * fresh  each attempt begins with what was there before the update
 *
 * lies   no cut: each EVERY-th program leaves bits as they were and says nothing
 *
 * FIRST is the first update that is cut (2: the store has begun).
 *
 * After each cut the power comes back, the store is read anew by the module, and has
 * to say all of the old fields or all of the new. The last line of the output counts:
 * `updates N cuts N old N new N`. Exit status 1: it said something else.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIM "/sys/module/simflash/parameters/"
#define DATA "/sys/kernel/debug/simflash"

static char store_dir[128];
static unsigned long updates, cuts, olds, news, cycles;
static char *saved;
static size_t saved_size;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 0 or the errno that the write got. */
static int put(const char *dir, const char *file, const char *text)
{
	char path[256];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s%s", dir, file);
	fd = open(path, O_WRONLY);
	if (fd < 0) {
		perror(path);
		exit(2);
	}
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

static void get(const char *dir, const char *file, char *buf, size_t size)
{
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s%s", dir, file);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, buf, size - 1);
	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

/* Update i: fields of many lengths, that can be told from those of any other. */
static void fields_of(unsigned long i, char *mode, char *cursor, char *reason)
{
	unsigned long n = i % 61;

	sprintf(mode, i % 5 == 4 ? "" : "m%lu", i);
	sprintf(cursor, i ? "%lu" : "", i * 7919);
	if (i % 3 == 1)
		n = 0;
	reason[n] = '\0';
	while (n--)
		reason[n] = (char)('a' + (i + n) % 26);
	if (!i)
		*mode = *reason = '\0';
}

static int update(unsigned long i)
{
	char mode[32], cursor[32], reason[128], line[256];

	fields_of(i, mode, cursor, reason);
	snprintf(line, sizeof(line), "mode=%s cursor=%s reason=%s", mode, cursor, reason);
	return put(store_dir, "set", line);
}

static bool says(unsigned long i)
{
	char mode[32], cursor[32], reason[128], got[256];

	fields_of(i, mode, cursor, reason);
	get(store_dir, "mode", got, sizeof(got));
	if (strcmp(got, mode))
		return false;
	get(store_dir, "cursor", got, sizeof(got));
	if (strcmp(got, cursor))
		return false;
	get(store_dir, "reason", got, sizeof(got));
	return !strcmp(got, reason);
}

static void bad(const char *what, unsigned long i, long cut)
{
	char state[64], mode[64], cursor[64], reason[256], error[256];

	get(store_dir, "state", state, sizeof(state));
	get(store_dir, "mode", mode, sizeof(mode));
	get(store_dir, "cursor", cursor, sizeof(cursor));
	get(store_dir, "reason", reason, sizeof(reason));
	get(store_dir, "error", error, sizeof(error));
	printf("update %lu, cut at step %ld: %s\n", i, cut, what);
	printf("state %s, mode '%s', cursor '%s', reason '%s', error '%s'\n", state, mode, cursor,
	       reason, error);
	exit(1);
}

/*
 * The medium as it is after a boot. Mostly by asking the store to read it anew, from
 * nothing, which a set without a word does: registering an MTD takes long.
 */
static void power_cycle(const char *content)
{
	bool again = ++cycles % 64 == 0;
	char state[64];
	double end = now() + 20;
	int fd;

	if (again)
		put(SIM, "present", "0");
	if (content) {
		fd = open(DATA, O_WRONLY);
		if (fd < 0 || pwrite(fd, content, saved_size, 0) != (ssize_t)saved_size) {
			perror(DATA);
			exit(2);
		}
		close(fd);
	}
	put(SIM, "cut", "-1");
	put(SIM, "dead", "0");
	if (again)
		put(SIM, "present", "1");
	else
		put(store_dir, "set", "\n");
	do {
		get(store_dir, "state", state, sizeof(state));
		if (strcmp(state, "absent"))
			return;
	} while (now() < end);
	bad("the medium does not come back", 0, -1);
}

static void save(void)
{
	static char room[16 << 20];
	ssize_t n;
	int fd = open(DATA, O_RDONLY);

	saved = room;
	saved_size = 0;
	while (fd >= 0 && saved_size < sizeof(room) &&
	       (n = read(fd, room + saved_size, sizeof(room) - saved_size)) > 0)
		saved_size += (size_t)n;
	if (fd >= 0)
		close(fd);
}

/* One attempt. True: it got through. */
static bool attempt(unsigned long i, long cut)
{
	char text[32], state[32];
	int err;

	snprintf(text, sizeof(text), "%ld", cut);
	put(SIM, "cut", text);
	err = update(i);
	get(SIM, "dead", text, sizeof(text));
	if (!err) {
		if (*text == 'Y')
			bad("success without power", i, cut);
		put(SIM, "cut", "-1");
		if (!says(i))
			bad("success, and not the new fields", i, cut);
		return true;
	}
	if (*text != 'Y')
		bad(strerror(err), i, cut);
	cuts++;
	power_cycle(NULL);
	get(store_dir, "state", state, sizeof(state));
	if (strcmp(state, "ready") && !(i == 1 && !strcmp(state, "empty")))
		bad("after the cut it can't be read", i, cut);
	if (says(i - 1))
		olds++;
	else if (says(i))
		news++;
	else
		bad("after the cut it says neither the old nor the new", i, cut);
	return false;
}

/* Whatever an update says of itself, the store has old or new fields to show. */
static void lies(const char *every, double end)
{
	unsigned long i, is = 1;

	attempt(1, -1);
	put(SIM, "lie", every);
	for (i = 2; now() < end; i++) {
		bool told = !update(i);

		put(store_dir, "set", "\n");
		if (says(i))
			is = i;
		else if (told)
			bad("success, and not the new fields", i, -1);
		else if (!says(is))
			bad("neither the old fields nor the new", i, -1);
		updates += told;
		olds += is != i;
		news += is == i;
	}
}

int main(int argc, char **argv)
{
	bool fresh, through;
	unsigned long i, first;
	double end;
	long cut;

	if (argc < 5)
		return 2;
	fresh = !strcmp(argv[1], "fresh");
	snprintf(store_dir, sizeof(store_dir), "/sys/class/pv_bootflag/%s/", argv[2]);
	end = now() + atof(argv[3]);
	if (!strcmp(argv[1], "lies")) {
		lies(argv[4], end);
		goto out;
	}
	put(SIM, "tear", argv[4]);
	first = argc > 5 ? strtoul(argv[5], NULL, 0) : 2;
	for (i = 1; i < first; i++)
		if (!attempt(i, -1))
			return 1;
	for (; now() < end; i++) {
		if (fresh)
			save();
		through = false;
		for (cut = 0; !through; cut++) {
			if (fresh && cut)
				power_cycle(saved);
			through = attempt(i, cut);
		}
		updates++;
	}
out:
	printf("updates %lu cuts %lu old %lu new %lu\n", updates, cuts, olds, news);
	return 0;
}
