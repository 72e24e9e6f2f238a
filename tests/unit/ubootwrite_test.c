// SPDX-License-Identifier: MIT
/*
 * The U-Boot environment written without libubootenv: images by U-Boot's mkenvimage,
 * libubootenv-tool's fw_printenv and fw_setenv on the other side.
 */
#include <errno.h>
#include <fcntl.h>

#include "ktap.h"
#include "ubootcopy.h"

#define SIZE	4096

static char dir[] = "/tmp/pvkit-envwrite.XXXXXX";
static struct ubootcopies copies;
static struct pvk_err err;

static void shell(const char *format, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	if (system(command))
		ktap_fail("%s", command);
}

/* What a program prints about that environment. */
static const char *output(const char *format, const char *word)
{
	static char text[4096];
	char command[1024];
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command), format, dir, word);
	f = popen(command, "r");
	n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (f)
		pclose(f);
	return text;
}

static const char *printenv(const char *name)
{
	return output("PATH=$PATH:/usr/sbin:/usr/bin fw_printenv -c %s/config -n '%s' 2>&1", name);
}

/* As a factory makes it, of which the second copy is erased. */
static void given_environment(unsigned int n, const char *text)
{
	shell("cd %s && printf '%s' >text && mkenvimage %s -s %d -o env0 text && "
	      "head -c %d /dev/zero | tr '\\0' '\\377' >env1", dir, text, n == 2 ? "-r" : "",
	      SIZE, SIZE);
	shell("cd %s && { echo \"$PWD/env0 0 0x%x\"; "
	      "[ %u = 1 ] || echo \"$PWD/env1 0 0x%x\"; } >config",
	      dir, SIZE, n, SIZE);
}

/* What a program does that has the environment for itself. */
static int set(const char *const *words, size_t count)
{
	char config[64];
	int ret;

	err.text[0] = '\0';
	snprintf(config, sizeof(config), "%s/config", dir);
	ret = ubootcopies_config(&copies, config, &err);
	if (ret)
		return ret;
	ubootcopies_read(&copies);
	ret = ubootcopies_set(&copies, words, count, &err);
	ubootcopies_free(&copies);
	return ret;
}

#define SET(...) set((const char *const[]) { __VA_ARGS__ }, \
		     PVK_ARRAY_SIZE(((const char *const[]) { __VA_ARGS__ })))

static const char *sum(const char *file)
{
	static char text[2][64];
	static unsigned int n;

	snprintf(text[++n % 2], sizeof(text[0]), "%s", output("sha256sum <%s/%s", file));
	return text[n % 2];
}

static void test_values(unsigned int n)
{
	given_environment(n, "bootcmd=run a; run b\\nslot=a\\nslots=x\\nold=1\\n");
	ktap_eq(SET("slot=b", "size=5242880", "old=", "gone="), 0, "%u: several at once", n);
	ktap_str(err.text, "", "%u: and nothing is wrong", n);
	ktap_str(printenv("slot"), "b", "%u: one that was there", n);
	ktap_str(printenv("size"), "5242880", "%u: a new one", n);
	ktap_check(strstr(printenv("old"), "Error") || strstr(printenv("old"), "not defined") ||
		   !*printenv("old"), "%u: one that is unset", n);
	ktap_str(printenv("slots"), "x", "%u: one that begins alike stays", n);
	ktap_str(printenv("bootcmd"), "run a; run b", "%u: and the others", n);
	ktap_eq(SET("slot=c", "slot=d=e"), 0, "%u: the last one counts", n);
	ktap_str(printenv("slot"), "d=e", "%u: with a = of its own", n);
	shell("PATH=$PATH:/usr/sbin fw_setenv -c %s/config slot f", dir);
	ktap_eq(SET("size=6"), 0, "%u: after fw_setenv", n);
	ktap_str(printenv("slot"), "f", "%u: what that has set", n);
	ktap_str(printenv("size"), "6", "%u: and what we have", n);
}

static void test_two(void)
{
	const char *before;

	given_environment(2, "slot=a\\n");
	before = sum("env0");
	ktap_eq(SET("slot=b"), 0, "two: the first set");
	ktap_str(sum("env0"), before, "two: the current one is left alone");
	before = sum("env1");
	ktap_eq(SET("slot=b"), 0, "two: the same again");
	ktap_str(sum("env1"), before, "two: is not written");
	ktap_eq(SET("slot=c"), 0, "two: another value");
	ktap_str(sum("env1"), before, "two: goes to the other copy");
	shell("printf X | dd of=%s/env0 bs=1 seek=100 conv=notrunc status=none", dir);
	ktap_eq(SET("slot=d"), 0, "two: one is damaged");
	ktap_str(printenv("slot"), "d", "two: it is written over");
}

static void test_refused(void)
{
	char large[SIZE + 8];
	const char *before;

	given_environment(1, "slot=a\\n");
	before = sum("env0");
	snprintf(large, sizeof(large), "large=%0*d", SIZE, 1);
	ktap_eq(SET(large), -ENOSPC, "one that does not fit");
	ktap_eq(SET("slot"), -EINVAL, "a word without =");
	ktap_eq(SET("=b"), -EINVAL, "a word without a name");
	ktap_str(sum("env0"), before, "nothing was written");
	snprintf(large, sizeof(large), "large=%0*d", SIZE - 4 - 7 - 6 - 2, 1);
	ktap_eq(SET(large), 0, "one that just fits");
	large[strlen(large)] = '2';
	ktap_eq(SET(large), -ENOSPC, "and a byte more");
	shell("printf X | dd of=%s/env0 bs=1 seek=100 conv=notrunc status=none", dir);
	before = sum("env0");
	ktap_eq(SET("slot=b"), -EBADMSG, "no copy is whole");
	ktap_check(strstr(err.text, "env0") && strstr(err.text, "built in"), "with why");
	ktap_str(sum("env0"), before, "and nothing was written");
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	if (system("mkenvimage -V >/dev/null 2>&1"))
		ktap_skip_all("no mkenvimage");
	ktap_plan(0);
	test_values(1);
	test_values(2);
	test_two();
	test_refused();
	shell("rm -rf %s", dir);
	return ktap_finish();
}
