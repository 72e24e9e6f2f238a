// SPDX-License-Identifier: MIT
/*
 * Which sections of drivers.json are this machine's: staged device trees,
 * kernel command lines and configured names.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "board.h"
#include "ktap.h"

extern char **environ;

static char dir[] = "/tmp/pvk-board-XXXXXX";
static int dirfd_ = -1;

static void put(const char *name, const void *data, size_t len)
{
	int fd = openat(dirfd_, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		printf("# can't write %s\n", name);
	close(fd);
}

/* A tree of one property and perhaps another; `compatible` with its NULs. */
static void stage(const char *compatible, size_t len, const char *property, const char *value)
{
	unlinkat(dirfd_, "dt/compatible", 0);
	unlinkat(dirfd_, "dt/chosen/u-boot,bootconf", 0);
	unlinkat(dirfd_, "dt/chosen/bootconf", 0);
	if (compatible)
		put("dt/compatible", compatible, len);
	if (property)
		put(property, value, strlen(value) + 1);
}

static void expect(const char *dtb, const char *fitconfig, const char *cmdline,
		   const char *sections, const char *what)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	pvk_auto_board struct pvk_board board;
	char tree[64], file[64];
	const struct pvk_board_from from = {
		.dtb = dtb, .fitconfig = fitconfig, .cmdline = file, .device_tree = tree,
	};
	size_t i;

	snprintf(tree, sizeof(tree), "%s/dt", dir);
	snprintf(file, sizeof(file), "%s/cmdline", dir);
	put("cmdline", cmdline, strlen(cmdline));
	pvk_board_read(&board, &from, &warnings);
	if (!ktap_str(board.sections, sections, "%s", what))
		for (i = 0; i < warnings.count; i++)
			ktap_print_value("warning:", warnings.item[i]);
}

#define ACME "acme,x1\0acme,soc\0"

static void test_sources(void)
{
	stage(NULL, 0, NULL, NULL);
	expect("", "", "", "all", "no device tree, nothing said: a PC");
	expect("x1", "", "", "all, dtb:all, dtb:x1 (configured)", "a configured name");
	expect("", "conf-1", "", "all, fitconfig:conf-1 (configured)", "a configured FIT");
	expect("", "", "quiet pvkit.dtb=x1.dtb pvkit.fitconfig=c2\n",
	       "all, dtb:all, dtb:x1.dtb (kernel command line), "
	       "fitconfig:c2 (kernel command line)", "names on the kernel's command line");
	expect("y", "", "pvkit.dtb=x1", "all, dtb:all, dtb:y (configured)",
	       "what is configured comes before them");

	stage(ACME, sizeof(ACME) - 1, NULL, NULL);
	expect("", "", "", "all, dtb:all, dtb:acme,x1 (device tree), dtb:acme,soc (device tree)",
	       "a device tree's compatible, in its order");
	expect("vendor/board.dtb", "", "", "all, dtb:all, dtb:vendor/board.dtb (configured), "
	       "dtb:board.dtb (configured), dtb:acme,x1 (device tree), dtb:acme,soc (device tree)",
	       "a dtb's name comes before it, with and without its directory");
	stage(ACME, sizeof(ACME) - 1, "dt/chosen/u-boot,bootconf", "conf-imx8.dtb");
	expect("", "", "", "all, dtb:all, dtb:acme,x1 (device tree), dtb:acme,soc (device tree), "
	       "fitconfig:conf-imx8.dtb (device tree)", "the FIT configuration that U-Boot names");
	expect("", "", "pvkit.fitconfig=c2", "all, dtb:all, dtb:acme,x1 (device tree), "
	       "dtb:acme,soc (device tree), fitconfig:c2 (kernel command line)",
	       "the command line comes before it");
	stage("a\0", 2, "dt/chosen/bootconf", "old");
	expect("", "", "", "all, dtb:all, dtb:a (device tree), fitconfig:old (device tree)",
	       "its older name");
}

static void test_bad_input(void)
{
	char many[2 * 40], big[600];
	size_t i;

	stage("", 0, NULL, NULL);
	expect("", "", "", "all, dtb:all", "an empty compatible is still a device tree");
	stage("a\0\0b", 4, NULL, NULL);
	expect("", "", "", "all, dtb:all, dtb:a (device tree), dtb:b (device tree)",
	       "empty names, and no NUL at the end");
	for (i = 0; i < 40; i++)
		memcpy(many + 2 * i, "m", 2);
	stage(many, sizeof(many), NULL, NULL);
	{
		pvk_auto_board struct pvk_board board;
		char tree[64];
		const struct pvk_board_from from = { .device_tree = tree };

		snprintf(tree, sizeof(tree), "%s/dt", dir);
		pvk_board_read(&board, &from, NULL);
		ktap_eq(board.selection.n_dtb, PVK_BOARD_COMPATIBLE_MAX, "more names than count");
		ktap_check(strstr(board.sections, ", ..."), "are cut off in the message");
	}
	stage(NULL, 0, NULL, NULL);
	expect("", "", "pvkit.dtb=\"a b\" pvkit.fitconfig=", "all", "no names");
	expect("", "", "pvkit.dtb=a pvkit.dtb=b", "all, dtb:all, dtb:b (kernel command line)",
	       "the last one counts");
	expect("", "", "foo=\"x pvkit.dtb=a\" quiet", "all", "text inside of another word's value");
	expect("", "", "ro -- pvkit.dtb=a", "all", "words for init");
	expect("", "", "\"pvkit.dtb=q\"", "all, dtb:all, dtb:q (kernel command line)",
	       "a word in quotes");
	expect("", "", "pvkit.dtb=\"open", "all, dtb:all, dtb:open (kernel command line)",
	       "a quote that does not end");
	memset(big, 'n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	memcpy(big, "pvkit.dtb=", 10);
	expect("", "", big, "all", "a name of 589 bytes");
	stage("x\0", 2, "dt/chosen/u-boot,bootconf", "a\nb");
	expect("", "", "", "all, dtb:all, dtb:x (device tree)", "a control character in a name");
}

int main(void)
{
	char *rm[] = { "rm", "-r", dir, NULL };
	int status;
	pid_t pid;

	ktap_plan(0);
	if (!mkdtemp(dir))
		return 1;
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
	mkdirat(dirfd_, "dt", 0755);
	mkdirat(dirfd_, "dt/chosen", 0755);
	test_sources();
	test_bad_input();
	close(dirfd_);
	if (!posix_spawnp(&pid, "rm", NULL, NULL, rm, environ))
		waitpid(pid, &status, 0);
	return ktap_finish();
}
