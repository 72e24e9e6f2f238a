// SPDX-License-Identifier: MIT
/*
 * The U-Boot environment: images by U-Boot's mkenvimage, and libubootenv-tool's
 * fw_printenv and fw_setenv on the other side.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ktap.h"
#include "ubootenv.h"

#ifndef PVKIT_UBOOTENV
int main(void)
{
	struct pvk_env env = { .timeout_ms = 1 };
	struct pvb_flags flags;

	ktap_plan(1);
	ktap_eq(pvk_env_read(&env, &flags, NULL, NULL, NULL), -EOPNOTSUPP,
		"built without libubootenv: it says so");
	return ktap_finish();
}
#else

#define SIZE	0x1000
#define SIZE_HEX	"0x1000"

static char dir[] = "/tmp/pvkit-env.XXXXXX";
static char image[2][64], config[64], input[64], lock[64], keep[64];

static struct pvk_env env = {
	.config = config,
	.variable = {
		[PVB_MODE] = "pvkit_mode", [PVB_SLOT] = "pvkit_slot", [PVB_TRIES] = "pvkit_tries",
		[PVB_SUCCESSFUL] = "pvkit_successful", [PVB_REASON] = "pvkit_reason",
		[PVB_CURSOR] = "pvkit_cursor", [PVB_PHASE] = "",
	},
	.keep = keep,
	.lock = lock,
	.timeout_ms = 300,
};

/* ---- programs and files ---- */

/* Runs a program; its output in `out` if that is not NULL. Its exit status. */
static int run(char *out, size_t size, const char *const argv[])
{
	posix_spawn_file_actions_t actions;
	int fds[2], status;
	size_t len = 0;
	ssize_t n = 0;
	pid_t pid;

	if (pipe(fds))
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 2);
	posix_spawn_file_actions_addclose(&actions, fds[0]);
	posix_spawn_file_actions_addclose(&actions, fds[1]);
	status = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	while (!status && out && len < size - 1 &&
	       (n = read(fds[0], out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	if (out)
		out[len] = '\0';
	if (!status && waitpid(pid, &status, 0) == pid)
		status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	else
		status = 127;
	close(fds[0]);
	return status;
}

#define RUN(out, size, ...) run(out, size, (const char *const[]) { __VA_ARGS__, NULL })

static void write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		ktap_fail("%s can be written", path);
	close(fd);
}

static void write_text(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
}

/* Of both images, one after the other. */
static uint8_t *load(void)
{
	static uint8_t buf[2][2 * SIZE];
	static int turn;
	int i, fd;

	turn = !turn;
	memset(buf[turn], 0, sizeof(buf[turn]));
	for (i = 0; i < 2; i++) {
		fd = open(image[i], O_RDONLY);
		if (fd >= 0 && read(fd, buf[turn] + i * SIZE, SIZE) < 0)
			ktap_fail("%s can be read", image[i]);
		close(fd);
	}
	return buf[turn];
}

/* ---- set-ups ---- */

static void use_config(int copies)
{
	char text[256];

	snprintf(text, sizeof(text), "# comment\n%s 0 " SIZE_HEX "\n%s%s", image[0],
		 copies == 2 ? image[1] : "", copies == 2 ? " 0x0 1000\n" : "");
	write_text(config, text);
}

/* As a factory makes it; the second copy is erased. */
static void make_image(int copies, const char *text)
{
	uint8_t erased[SIZE];

	write_text(input, text);
	memset(erased, 0xff, sizeof(erased));
	write_file(image[1], erased, sizeof(erased));
	if (RUN(NULL, 0, "mkenvimage", "-s", SIZE_HEX, "-o", image[0], copies == 2 ? "-r" : "-p",
		copies == 2 ? input : "0xff", copies == 2 ? NULL : input))
		ktap_fail("mkenvimage makes an image");
	use_config(copies);
}

static int change(const char *words, bool force, struct pvk_list *warnings, struct pvk_err *err)
{
	struct pvk_change c = { .force = force };
	char copy[256], *rest = strcpy(copy, words), *word;

	while ((word = strsep(&rest, ";")))
		if (pvk_change_word(&c, word, err))
			return -EINVAL;
	return pvk_env_change(&env, &c, warnings, err);
}

static const char *read_line(void)
{
	static struct pvk_buf line = PVK_BUF_INIT(1024);
	static char text[1100];
	struct pvb_flags flags;
	struct pvk_err err = { "" };
	int ret = pvk_env_read(&env, &flags, NULL, NULL, &err);

	pvk_buf_reset(&line);
	if (ret)
		snprintf(text, sizeof(text), "error=%d", -ret);
	else
		snprintf(text, sizeof(text), "%s", pvk_flags_line(&flags, &line));
	return text;
}

static const char *printenv(const char *name)
{
	static char out[4096];

	RUN(out, sizeof(out), "fw_printenv", "-c", config, "-n", name);
	out[strcspn(out, "\n")] = '\0';
	return out;
}

/* ---- tests ---- */

static void test_other_tools(int copies, const char *what)
{
	struct pvk_err err = { "" };
	char all[4096];

	make_image(copies, "bootcmd=run a; run b\npvkit_mode=ota\nsilent=\npvkit_mode2=x\n");
	ktap_str(read_line(), "mode=ota", "%s: what mkenvimage wrote", what);
	ktap_eq(change("mode=recovery;slot=b;tries=3;successful=0;reason=it is time", false,
		       NULL, &err), 0, "%s: several fields %s", what, err.text);
	ktap_str(printenv("pvkit_mode"), "recovery", "%s: fw_printenv sees the mode", what);
	ktap_str(printenv("pvkit_slot"), "b", "%s: fw_printenv sees the slot", what);
	ktap_str(printenv("pvkit_reason"), "it is time", "%s: fw_printenv sees the reason", what);
	ktap_str(printenv("bootcmd"), "run a; run b", "%s: the other variables stay", what);
	ktap_str(printenv("pvkit_mode2"), "x", "%s: so does one that begins alike", what);
	RUN(NULL, 0, "fw_setenv", "-c", config, "pvkit_tries", "2");
	ktap_str(read_line(), "mode=recovery slot=b tries=2 successful=0 reason=\"it is time\"",
		 "%s: what fw_setenv wrote", what);
	ktap_eq(change("mode=;reason=", false, NULL, &err), 0, "%s: cleared", what);
	ktap_str(read_line(), "slot=b tries=2 successful=0", "%s: cleared, and the rest stays",
		 what);
	RUN(all, sizeof(all), "fw_printenv", "-c", config);
	ktap_check(strstr(all, "pvkit_slot=b\n") && !strstr(all, "pvkit_mode="),
		   "%s: fw_printenv finds no cleared variable", what);
}

static void test_writes(void)
{
	struct pvk_err err = { "" };
	uint8_t *before;
	int i, wrong = 0;

	make_image(2, "bootcmd=x\n");
	change("mode=a;slot=a;tries=1", false, NULL, &err);
	before = load();
	ktap_eq(before[SIZE + 4], 2, "three variables are one write: the flag goes from 1 to 2");
	ktap_eq(change("mode=a;slot=a;phase=", false, NULL, &err), -EOPNOTSUPP,
		"a field that is not kept");
	ktap_str(err.text, "phase is not kept in the U-Boot environment",
		 "a field that is not kept: the text");
	ktap_eq(change("mode=a;slot=a", false, NULL, &err), 0, "the same again");
	ktap_check(!memcmp(before, load(), 2 * SIZE), "the same again: not a byte is written");
	for (i = 0; i < 300; i++) {
		char words[32], want[64];

		snprintf(words, sizeof(words), "tries=%d", i % 200);
		snprintf(want, sizeof(want), "mode=a slot=a tries=%d", i % 200);
		if (change(words, false, NULL, &err) || strcmp(read_line(), want))
			wrong++;
	}
	ktap_eq(wrong, 0, "300 writes: the counter goes round, and each is read");
	ktap_str(printenv("pvkit_tries"), "99", "fw_printenv agrees after them");
}

/* The write of a second copy, stopped after each byte. */
static void test_cut(void)
{
	uint8_t old[2 * SIZE], new[2 * SIZE], part[2 * SIZE];
	const char *const was = "mode=a tries=1", *const will = "mode=b tries=2";
	struct pvk_err err = { "" };
	int third = 0, turned = 0;
	size_t k;

	make_image(2, "bootcmd=x\n");
	change("mode=z", false, NULL, &err);
	change("mode=a;tries=1", false, NULL, &err);
	memcpy(old, load(), sizeof(old));
	change("mode=b;tries=2", false, NULL, &err);
	memcpy(new, load(), sizeof(new));
	ktap_check(!memcmp(old, new, SIZE), "a write leaves the other copy alone");
	for (k = 0; k <= SIZE; k++) {
		memcpy(part, old, sizeof(part));
		memcpy(part + SIZE, new + SIZE, k);
		write_file(image[1], part + SIZE, SIZE);
		if (!strcmp(read_line(), will))
			turned++;
		else if (strcmp(read_line(), was))
			third++;
	}
	ktap_eq(third, 0, "cut at every byte of a copy: the old flags or the new");
	ktap_check(turned > 0, "cut at every byte of a copy: at last the new");
}

static void test_broken(int copies, const char *what)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	uint8_t before[2 * SIZE], kept[SIZE];
	struct pvk_err err = { "" };
	char path[128];
	int fd;

	make_image(copies, "bootcmd=run me\n");
	memcpy(before, load(), sizeof(before));
	before[100] ^= 1;
	before[SIZE + 100] ^= 1;
	write_file(image[0], before, SIZE);
	write_file(image[1], before + SIZE, SIZE);
	ktap_str(read_line(), "error=74", "%s: a wrong checksum", what);
	ktap_eq(change("mode=a", false, NULL, &err), -EBADMSG, "%s: nothing is written over it",
		what);
	ktap_check(strstr(err.text, "right checksum"), "%s: the text: %s", what, err.text);
	ktap_check(!memcmp(before, load(), sizeof(before)), "%s: not a byte was written", what);
	env.keep = NULL;
	ktap_eq(change("mode=a", true, NULL, &err), -ENOENT,
		"%s: nor by force, if nothing can be kept", what);
	env.keep = keep;
	ktap_check(!memcmp(before, load(), sizeof(before)), "%s: still not a byte", what);
	ktap_eq(change("mode=a", true, &warnings, &err), 0, "%s: by force", what);
	ktap_eq(warnings.count, (size_t)copies, "%s: it says what it has kept", what);
	snprintf(path, sizeof(path), "%s/uboot-env-0.%d", keep, copies - 1);
	fd = open(path, O_RDONLY);
	ktap_check(fd >= 0 && read(fd, kept, SIZE) == SIZE && !memcmp(kept, before, SIZE),
		   "%s: %s is what was there", what, path);
	close(fd);
	ktap_str(read_line(), "mode=a", "%s: by force: read back", what);
}

static void test_blank(void)
{
	struct pvk_err err = { "" };
	uint8_t before[2 * SIZE];

	make_image(2, "a=b\n");
	memset(before, 0xff, sizeof(before));
	write_file(image[0], before, SIZE);
	ktap_str(read_line(), "error=61", "never saved: empty");
	ktap_eq(change("mode=a", false, NULL, &err), -ENODATA,
		"never saved: U-Boot's default environment is not hidden by ours");
	ktap_check(!memcmp(before, load(), sizeof(before)), "never saved: not a byte was written");
}

static void test_uboot_names(void)
{
	struct pvk_env saved = env;
	struct pvk_err err = { "" };

	env.variable[PVB_TRIES] = "bootcount";
	env.variable[PVB_SUCCESSFUL] = "upgrade_available";
	make_image(2, "bootlimit=5\nbootcount=2\nupgrade_available=1\n");
	ktap_str(read_line(), "tries=3 successful=0", "bootcount 2 of 5, on trial");
	ktap_eq(change("tries=4", false, NULL, &err), 0, "tries are set");
	ktap_str(printenv("bootcount"), "1", "tries are set: the count");
	ktap_eq(change("tries=6", false, NULL, &err), -ENOSPC, "more tries than bootlimit");
	ktap_eq(change("successful=1;tries=", false, NULL, &err), 0, "proved");
	ktap_str(printenv("upgrade_available"), "0", "proved: upgrade_available");
	ktap_str(read_line(), "tries=5 successful=1", "proved: read back");
	make_image(2, "bootcount=2\n");
	ktap_str(read_line(), "", "without a bootlimit the count means nothing");
	ktap_eq(change("tries=1", false, NULL, &err), -EOPNOTSUPP,
		"without a bootlimit it is not set");
	ktap_str(err.text, "tries: bootlimit is not set", "without a bootlimit: the text");
	env = saved;
}

static void test_values(void)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct pvk_env_info info;
	struct pvb_flags flags;

	make_image(1, "pvkit_mode=recovery\npvkit_tries=many\npvkit_slot=1\npvkit_cursor=77\n");
	ktap_eq(pvk_env_read(&env, &flags, &info, &warnings, NULL), 0, "a value that can't be");
	ktap_eq(flags.has, PVB_HAS(PVB_MODE) | PVB_HAS(PVB_SLOT) | PVB_HAS(PVB_CURSOR),
		"a value that can't be: its field is not set");
	ktap_eq(warnings.count, 1, "a value that can't be: a warning");
	ktap_eq(flags.slot, 1, "a slot by number");
	ktap_eq(info.fields, PVB_HAS(PVB_MODE) | PVB_HAS(PVB_SLOT) | PVB_HAS(PVB_TRIES) |
		PVB_HAS(PVB_SUCCESSFUL) | PVB_HAS(PVB_REASON) | PVB_HAS(PVB_CURSOR),
		"the fields that are kept");
	ktap_check(!info.redundant && !info.guarantee, "one copy: no guarantee");
	ktap_str(info.where, image[0], "where it is");
}

static void test_room(void)
{
	struct pvk_err err = { "" };
	char text[2 * SIZE];
	uint8_t *before;
	int n, k;

	/* A big environment; what is left is less than a reason. */
	n = sprintf(text, "big=");
	memset(text + n, 'x', SIZE - 60);
	strcpy(text + n + SIZE - 60, "\n");
	make_image(2, text);
	before = load();
	ktap_eq(change("reason=a text that is longer than what is left of the environment here",
		       false, NULL, &err), -ENOSPC, "no room");
	ktap_check(strstr(err.text, "would be needed"), "no room: the text: %s", err.text);
	ktap_check(!memcmp(before, load(), 2 * SIZE), "no room: not a byte was written");

	/* .flags grow with the variables, and the library does not look. */
	n = sprintf(text, ".flags=pvkit_mode:sa");
	for (k = 0; k < 100; k++)
		n += sprintf(text + n, ",v%03d:sr", k);
	n += sprintf(text + n, "\n");
	for (k = 0; k < 100; k++)
		n += sprintf(text + n, "v%03d=%s\n", k, "0123456789012345678");
	n += sprintf(text + n, "pvkit_mode=a\n");
	memset(text + n, 0, 4);
	n += sprintf(text + n, "last=");
	memset(text + n, 'y', (size_t)(SIZE - 8 - n));
	strcpy(text + SIZE - 8, "\n");
	make_image(2, text);
	ktap_str(read_line(), "mode=a", "full, with .flags");
	ktap_eq(change("reason=a text of some length that does not fit", false, NULL, &err),
		-ENOSPC, "full, with .flags: no room");
}

static void test_protected(void)
{
	struct pvk_err err = { "" };

	make_image(2, ".flags=pvkit_mode:sr\npvkit_mode=a\n");
	ktap_eq(change("mode=b", false, NULL, &err), -EPERM, "a variable that .flags protect");
	ktap_str(err.text, "pvkit_mode: protected by U-Boot's .flags", "the text names it");
}

static void test_locks(void)
{
	struct pvk_err err = { "" };
	struct pvk_env saved = env;
	char path[160], link[128];
	int fd;

	snprintf(link, sizeof(link), "%s/link", dir);
	make_image(2, "a=b\n");
	fd = open(lock, O_WRONLY | O_CREAT, 0600);
	flock(fd, LOCK_EX);
	ktap_eq(change("mode=a", false, NULL, &err), -EBUSY, "u-boot-tools' lock is held");
	ktap_check(strstr(err.text, lock), "u-boot-tools' lock is held: the text names it");
	close(fd);
	ktap_eq(change("mode=a", false, NULL, &err), 0, "u-boot-tools' lock is free again");

	fd = open(PVK_ENV_LOCK_LIBRARY, O_WRONLY | O_CREAT, 0666);
	flock(fd, LOCK_EX);
	ktap_eq(change("mode=b", false, NULL, &err), -EBUSY, "libubootenv's lock is held");
	close(fd);
	ktap_str(read_line(), "mode=a", "libubootenv's lock was held: nothing was written");

	/* As /var/lock is, and somebody else has looked at the environment before. */
	snprintf(path, sizeof(path), "%s/shared", dir);
	if (mkdir(path, 0777) || chmod(path, 01777))
		ktap_fail("%s can be made", path);
	strcat(path, "/fw.lock");
	write_text(path, "");
	if (!geteuid() && chown(path, 1000, 1000))
		ktap_fail("%s can be given away", path);
	env.lock = path;
	ktap_eq(change("mode=a", false, NULL, &err), 0,
		"a lock that another user has made, where fs.protected_regular is set too");
	env.lock = lock;
	snprintf(path, sizeof(path), "%s/missing/fw.lock", dir);
	env.lock = path;
	ktap_eq(change("mode=c", false, NULL, &err), 0, "the directory of a lock is missing");
	ktap_eq(access(path, F_OK), 0, "the directory of a lock is made");
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	if (symlink("missing", link))
		ktap_fail("%s is made", link);
	snprintf(path, sizeof(path), "%s/fw.lock", link);
	env.lock = path;
	ktap_eq(change("mode=c;tries=1", false, NULL, &err), 0,
		"the directory is a link to nowhere");
	ktap_eq(access(path, F_OK), 0, "what it leads to is made");
	unlink(link);
	env.lock = "/proc/no/fw.lock";
	ktap_eq(change("mode=d", false, NULL, &err), -ENOLCK, "a lock that can't be had");
	ktap_str(read_line(), "mode=c tries=1", "a lock that can't be had: only reading goes on");
	env = saved;
}

/* fw_setenv and we by turns, at the same time: neither undoes the other's. */
static void test_together(void)
{
	const char *argv[] = { "fw_setenv", "-c", config, "other", NULL, NULL };
	struct pvk_err err = { "" };
	int i, lost = 0;

	make_image(2, "a=b\n");
	env.timeout_ms = 20000;
	for (i = 0; i < 30; i++) {
		char theirs[16], ours[32], want[32];
		pid_t pid;
		int status;

		snprintf(theirs, sizeof(theirs), "%d", i);
		snprintf(ours, sizeof(ours), "cursor=%d", i);
		snprintf(want, sizeof(want), "cursor=%d", i);
		argv[4] = theirs;
		if (posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ))
			ktap_fail("fw_setenv can be started");
		if (change(ours, false, NULL, &err))
			lost++;
		waitpid(pid, &status, 0);
		if (status || strcmp(read_line(), want) || strcmp(printenv("other"), theirs))
			lost++;
	}
	env.timeout_ms = 300;
	ktap_eq(lost, 0, "30 times at the same time as fw_setenv: nothing is lost %s", err.text);
}

/* What is decided by what was read is done only if that is so still. */
static void test_generation(void)
{
	struct pvk_change good = { .has_generation = true };
	struct pvk_env_info info, again;
	struct pvk_err err = { "" };
	struct pvb_flags flags;

	make_image(2, "pvkit_slot=a\npvkit_tries=1\nother=x\n");
	pvk_change_word(&good, "successful=1", NULL);
	pvk_env_read(&env, &flags, &info, NULL, NULL);
	good.generation = info.generation;
	RUN(NULL, 0, "fw_setenv", "-c", config, "other", "y");
	pvk_env_read(&env, &flags, &again, NULL, NULL);
	ktap_eq(again.generation, info.generation, "a variable that holds no field is nothing new");
	RUN(NULL, 0, "fw_setenv", "-c", config, "pvkit_slot", "b");
	ktap_eq(pvk_env_change(&env, &good, NULL, &err), -EAGAIN,
		"somebody has set another slot meanwhile");
	ktap_str(err.text, "the U-Boot environment has changed meanwhile", "the text");
	ktap_str(read_line(), "slot=b tries=1", "that slot is not called good");
	pvk_env_read(&env, &flags, &info, NULL, NULL);
	good.generation = info.generation;
	ktap_eq(pvk_env_change(&env, &good, NULL, &err), 0, "who has looked again may");
	ktap_str(read_line(), "slot=b tries=1 successful=1", "and it is written");
}

/* What one slot has proved is nothing that the next one has. */
static void test_proof(void)
{
	struct pvk_err err = { "" };

	make_image(2, "pvkit_slot=a\npvkit_tries=2\npvkit_successful=1\n");
	change("slot=a", false, NULL, &err);
	ktap_str(read_line(), "slot=a tries=2 successful=1", "the same slot has proved itself");
	change("slot=b", false, NULL, &err);
	ktap_str(read_line(), "slot=b tries=2 successful=0", "another slot has not");
	change("slot=a;successful=1", false, NULL, &err);
	ktap_str(read_line(), "slot=a tries=2 successful=1", "unless that is said with it");
	change("slot=b;successful=", false, NULL, &err);
	ktap_str(read_line(), "slot=b tries=2", "or taken away with it");
	change("slot=c", false, NULL, &err);
	ktap_str(read_line(), "slot=c tries=2", "no proof is made up where there was none");
}

static void test_config(void)
{
	struct pvk_err err = { "" };
	struct pvb_flags flags;
	char text[256];

	write_text(config, "# nothing\n");
	ktap_eq(pvk_env_read(&env, &flags, NULL, NULL, &err), -EINVAL, "a config of nothing");
	snprintf(text, sizeof(text), "%s 0 0x40000000\n", image[0]);
	write_text(config, text);
	ktap_eq(pvk_env_read(&env, &flags, NULL, NULL, &err), -EINVAL, "an absurd size");
	snprintf(text, sizeof(text), "%s 0 0x1000\n%s 0 0x2000\n", image[0], image[1]);
	write_text(config, text);
	ktap_eq(pvk_env_read(&env, &flags, NULL, NULL, &err), -EINVAL, "copies of two sizes");
	snprintf(text, sizeof(text), "%s 0 0x1000\n%s 0x800 0x1000\n", image[0], image[0]);
	write_text(config, text);
	ktap_eq(pvk_env_read(&env, &flags, NULL, NULL, &err), -EINVAL, "copies that overlap");
	snprintf(text, sizeof(text), "%s/none 0 0x1000\n", dir);
	write_text(config, text);
	ktap_eq(pvk_env_read(&env, &flags, NULL, NULL, &err), -ENODEV, "a device that is missing");
	ktap_check(strstr(err.text, "not there"), "a device that is missing: the text: %s",
		   err.text);
	make_image(1, "a=b\n");
	write_text(image[0], "short");
	ktap_check(pvk_env_read(&env, &flags, NULL, NULL, &err) < 0, "a file that is too short");
	unlink(config);
	ktap_eq(pvk_env_read(&env, &flags, NULL, NULL, &err), -ENOENT, "no config");
}

/* Each reader that there is takes one of two copies by their flags; these they agree on. */
static void test_ambiguous(void)
{
	static const struct {
		uint8_t first, second;
		bool ambiguous;
	} table[] = {
		{ 1, 0, false }, { 0, 1, false }, { 1, 1, false }, { 0, 0, false },
		{ 255, 1, false }, { 1, 255, false }, { 254, 255, false }, { 255, 254, false },
		{ 255, 255, true }, { 0, 255, true }, { 255, 0, true },
		/* As if by a counter: U-Boot's NOR driver then takes neither. */
		{ 2, 1, true }, { 7, 8, true }, { 0, 2, true }, { 254, 0, true },
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(table); i++)
		ktap_eq(pvk_env_flags_ambiguous(table[i].first, table[i].second),
			table[i].ambiguous, "flags %u and %u on NOR: %s", table[i].first,
			table[i].second, table[i].ambiguous ? "readers differ" : "all take one");
}

static void damage_sum(const char *path)
{
	uint8_t *bytes = load() + (path == image[1] ? SIZE : 0);

	bytes[100] ^= 1;
	write_file(path, bytes, SIZE);
}

static void damage_size(const char *path)
{
	if (truncate(path, 100))
		ktap_fail("%s can be cut", path);
}

static void damage_blank(const char *path)
{
	uint8_t erased[SIZE];

	memset(erased, 0xff, sizeof(erased));
	write_file(path, erased, sizeof(erased));
}

static void test_one_bad(void (*damage)(const char *path), const char *what, const char *text)
{
	struct pvk_err err = { "" };
	struct pvb_flags flags;
	int i, wrong;

	for (i = 0; i < 2; i++) {
		pvk_auto_list struct pvk_list warnings = { 0 };
		pvk_auto_list struct pvk_list after = { 0 };

		/* Both say the same, but for a counter. */
		make_image(2, "bootcmd=run me\n");
		change("mode=a", false, NULL, &err);
		change("mode=b;tries=2", false, NULL, &err);
		damage(image[i]);
		ktap_eq(pvk_env_read(&env, &flags, NULL, &warnings, &err), 0,
			"copy %d %s: the other one is read", i, what);
		ktap_str(warnings.count ? strstr(warnings.item[0], "copy of two") : NULL, text,
			 "copy %d %s: that is told", i, what);
		ktap_eq(change(i ? "mode=b;tries=2" : "mode=a", false, NULL, &err), 0,
			"copy %d %s: a set of what is there already %s", i, what, err.text);
		pvk_env_read(&env, &flags, NULL, &after, &err);
		ktap_eq(after.count, 0, "copy %d %s: has mended it %s", i, what,
			after.count ? after.item[0] : "");
		ktap_str(printenv("bootcmd"), "run me", "copy %d %s: fw_printenv reads it", i,
			 what);
		wrong = 0;
		damage_sum(image[!i]);
		wrong += !strstr(read_line(), "mode=");
		ktap_eq(wrong, 0, "copy %d %s: it is whole, should the other one be lost", i, what);
	}
}

static void test_unreadable(void)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct pvk_err err = { "" };

	make_image(1, "bootcmd=run me\n");
	damage_size(image[0]);
	ktap_str(read_line(), "error=74", "a file that was cut, the only one: broken");
	ktap_eq(change("mode=a", false, NULL, &err), -EBADMSG, "its set is refused");
	ktap_check(strstr(err.text, "saveenv") && strstr(err.text, "force"),
		   "with what is to be done: %s", err.text);
	ktap_eq(change("mode=a", true, &warnings, &err), 0, "by force it is done %s", err.text);
	ktap_str(read_line(), "mode=a", "and read");
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	snprintf(image[0], sizeof(image[0]), "%s/env0", dir);
	snprintf(image[1], sizeof(image[1]), "%s/env1", dir);
	snprintf(config, sizeof(config), "%s/fw_env.config", dir);
	snprintf(input, sizeof(input), "%s/input", dir);
	snprintf(lock, sizeof(lock), "%s/fw_printenv.lock", dir);
	snprintf(keep, sizeof(keep), "%s/keep", dir);
	mkdir(keep, 0700);
	/* fw_printenv is where a user's PATH may not lead to. */
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	ktap_plan(0);
	test_other_tools(1, "one copy");
	test_other_tools(2, "two copies");
	test_writes();
	test_cut();
	test_broken(1, "one copy");
	test_broken(2, "two copies");
	test_blank();
	test_uboot_names();
	test_values();
	test_room();
	test_protected();
	test_locks();
	test_together();
	test_generation();
	test_proof();
	test_config();
	test_ambiguous();
	test_one_bad(damage_sum, "with a wrong bit",
		     "copy of two has a wrong checksum; the next set mends it");
	test_one_bad(damage_size, "cut short",
		     "copy of two can't be read: shorter than it should be; the next set mends it");
	test_one_bad(damage_blank, "erased",
		     "copy of two was never written; the next set mends it");
	test_unreadable();
	RUN(NULL, 0, "rm", "-rf", dir);
	return ktap_finish();
}
#endif
