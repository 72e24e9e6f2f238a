// SPDX-License-Identifier: MIT
/*
 * cuts: updates a store on simflash, and lets the power fail at every step of
 * every update.
 *
 *   cuts walk|fresh|lossy STORE UPDATES SECONDS TEAR [FIRST]
 *   cuts lie|late STORE UPDATES SECONDS EVERY [MUST]
 *
 * walk   what a cut left is where the next attempt begins, which is cut one step
 *        later, until the update gets through: many cuts upon one another
 * fresh  each attempt begins with what was there before the update; after every 8th
 *        cut another update has to work
 * lossy  as fresh, of a store that does not say `atomic`: old and new fields are
 *        counted, and what is neither; another update has to work by force
 *
 * lie    no cut: each EVERY-th program leaves bits as they were and says nothing
 * late   the same, but it reads once as if it had not
 *
 * It ends after so many UPDATES or SECONDS. FIRST is the first update that is cut (2:
 * the store has begun); MUST 1: each update has to succeed whatever the flash does.
 *
 * After each cut the power comes back, the store is read anew by the module, and has
 * to say all of the old fields or all of the new. The last line of the output counts:
 * `updates N cuts N old N new N lost N`. Exit status 1: it said something else.
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
#define POWER "/sys/kernel/debug/simflash-power"
#define FIELDS 3
#define TEXT_MAX 160

static const char *const names[][FIELDS] = {
	{ "mode", "cursor", "reason" },			/* format=log */
	{ "mode", "slot", "tries" },			/* format=bcb */
};

static char store_dir[128];
static const char *const *name;
static bool bcb;
static int power_fd, set_fd, state_fd, field_fd[FIELDS];
static unsigned long updates, cuts, olds, news, lost, cycles;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int must_open(const char *dir, const char *file, int how)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s%s", dir, file);
	fd = open(path, how);
	if (fd < 0) {
		perror(path);
		exit(2);
	}
	return fd;
}

/* 0 or the errno that the write got. */
static int say(int fd, const char *text)
{
	return pwrite(fd, text, strlen(text), 0) < 0 ? errno : 0;
}

static void power(const char *words)
{
	if (say(power_fd, words)) {
		perror(words);
		exit(2);
	}
}

static void put(const char *file, const char *text)
{
	int fd = must_open(SIM, file, O_WRONLY);

	say(fd, text);
	close(fd);
}

static void get(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

static bool state_is(const char *want)
{
	char state[32];

	get(state_fd, state, sizeof(state));
	return !strcmp(state, want);
}

static bool is_off(void)
{
	char text[8];

	get(power_fd, text, sizeof(text));
	return !strcmp(text, "off");
}

/* Update i: fields of many lengths, that can be told from those of any other. */
static void fields_of(unsigned long i, char to[FIELDS][TEXT_MAX])
{
	unsigned long n = i % 3 == 1 ? 0 : i % 61;

	memset(to, 0, FIELDS * TEXT_MAX);
	if (!i)
		return;
	if (i % 5 != 4)
		sprintf(to[0], "m%lu", i);
	if (bcb) {
		sprintf(to[1], "%lu", i / 2 % 2);
		sprintf(to[2], "%lu", 1 + i % 7);
		return;
	}
	sprintf(to[1], "%lu", i * 7919);
	while (n--)
		to[2][n] = (char)('a' + (i + n) % 26);
}

static int update(unsigned long i, const char *first)
{
	char is[FIELDS][TEXT_MAX], line[FIELDS * (TEXT_MAX + 16)];

	fields_of(i, is);
	snprintf(line, sizeof(line), "%s%s=%s %s=%s %s=%s", first, name[0], is[0], name[1], is[1],
		 name[2], is[2]);
	return say(set_fd, line);
}

static bool says(unsigned long i)
{
	char is[FIELDS][TEXT_MAX], got[256];
	int f;

	fields_of(i, is);
	for (f = 0; f < FIELDS; f++) {
		get(field_fd[f], got, sizeof(got));
		if (strcmp(got, is[f]))
			return false;
	}
	return true;
}

static void bad(const char *what, unsigned long i, long cut)
{
	char text[256];
	int f, fd = must_open(store_dir, "error", O_RDONLY);

	printf("update %lu, cut at step %ld: %s\n", i, cut, what);
	get(state_fd, text, sizeof(text));
	printf("state %s", text);
	for (f = 0; f < FIELDS; f++) {
		get(field_fd[f], text, sizeof(text));
		printf(", %s '%s'", name[f], text);
	}
	get(fd, text, sizeof(text));
	printf(", error '%s'\n", text);
	exit(1);
}

/* Has the module read it anew, from nothing, which a set without a word does. */
static void read_anew(void)
{
	say(set_fd, "\n");
}

/*
 * The medium as it is after a boot. Mostly by having it read anew: to register an MTD
 * takes as long as many cuts.
 */
static void power_cycle(void)
{
	double end = now() + 20;

	power("on");
	if (++cycles % 1024) {
		read_anew();
		return;
	}
	put("present", "0");
	put("present", "1");
	while (state_is("absent"))
		if (now() > end)
			bad("the medium does not come back", 0, -1);
}

/* Another update, of which nothing is cut, after what the cut has left. */
static void must_go_on(unsigned long i, long cut, const char *first)
{
	int err = update(i + 1000003, first);

	if (err)
		bad(strerror(err), i + 1000003, cut);
	read_anew();
	if (!says(i + 1000003))
		bad("the update after the cut is not there", i, cut);
}

static void look_after_cut(unsigned long i, long cut, bool lossy)
{
	bool ready = state_is("ready") || (i == 1 && state_is("empty"));

	if (ready && says(i - 1))
		olds++;
	else if (ready && says(i))
		news++;
	else if (lossy)
		lost++;
	else
		bad(ready ? "after the cut it says neither the old nor the new" :
			    "after the cut it can't be read", i, cut);
}

/* One attempt. True: it got through. */
static bool attempt(unsigned long i, long cut, bool lossy)
{
	char text[32];
	int err;

	snprintf(text, sizeof(text), "cut=%ld", cut);
	power(text);
	err = update(i, "");
	if (!err) {
		if (is_off())
			bad("success without power", i, cut);
		power("on");
		if (!says(i))
			bad("success, and not the new fields", i, cut);
		return true;
	}
	if (!is_off())
		bad(strerror(err), i, cut);
	cuts++;
	power_cycle();
	look_after_cut(i, cut, lossy);
	return false;
}

static void cut_walk(unsigned long i)
{
	long cut;

	for (cut = 0; !attempt(i, cut, false); cut++)
		;
}

static void cut_fresh(unsigned long i, bool lossy)
{
	long cut;

	power("save");
	for (cut = 0; !attempt(i, cut, lossy); cut++) {
		if (lossy || !(cut % 8))
			must_go_on(i, cut, lossy ? "force " : "");
		power("restore");
		read_anew();
	}
}

/* Whatever an update says of itself, the store has old or new fields to show. */
static void lies(const char *how, unsigned long most, double end, const char *every, bool must)
{
	unsigned long i, is = 1;

	attempt(1, -1, false);
	put(how, every);
	for (i = 2; updates < most && now() < end; i++) {
		bool told = !update(i, "");

		read_anew();
		if (says(i))
			is = i;
		else if (told)
			bad("success, and not the new fields", i, -1);
		else if (!says(is))
			bad("neither the old fields nor the new", i, -1);
		if (must && !told)
			bad("it failed, where another place would have done", i, -1);
		updates += told;
		olds += is != i;
		news += is == i;
	}
}

static void open_all(const char *store)
{
	char format[16];
	int f, fd;

	snprintf(store_dir, sizeof(store_dir), "/sys/class/pv_bootflag/%s/", store);
	fd = must_open(store_dir, "format", O_RDONLY);
	get(fd, format, sizeof(format));
	close(fd);
	bcb = !strcmp(format, "bcb");
	name = names[bcb];
	power_fd = must_open(POWER, "", O_RDWR);
	set_fd = must_open(store_dir, "set", O_WRONLY);
	state_fd = must_open(store_dir, "state", O_RDONLY);
	for (f = 0; f < FIELDS; f++)
		field_fd[f] = must_open(store_dir, name[f], O_RDONLY);
}

int main(int argc, char **argv)
{
	unsigned long i, first, most;
	double end;

	if (argc < 6)
		return 2;
	open_all(argv[2]);
	most = strtoul(argv[3], NULL, 0);
	end = now() + atof(argv[4]);
	if (*argv[1] == 'l' && strcmp(argv[1], "lossy")) {
		lies(argv[1], most, end, argv[5], argc > 6 && *argv[6] == '1');
		goto out;
	}
	put("tear", argv[5]);
	first = argc > 6 ? strtoul(argv[6], NULL, 0) : 2;
	for (i = 1; i < first; i++)
		if (!attempt(i, -1, false))
			return 1;
	for (; updates < most && now() < end; i++, updates++) {
		if (!strcmp(argv[1], "walk"))
			cut_walk(i);
		else
			cut_fresh(i, !strcmp(argv[1], "lossy"));
	}
out:
	printf("updates %lu cuts %lu old %lu new %lu lost %lu\n", updates, cuts, olds, news, lost);
	return 0;
}
