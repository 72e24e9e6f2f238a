// SPDX-License-Identifier: MIT
/*
 * What a worker gives to the kernel for a line, and what it says when the kernel
 * refuses: real libkmod on a small module tree, with stand-ins for the two
 * system calls.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "meta.h"
#include "worker.h"

extern char **environ;

static char dir[] = "/tmp/pvkit-worker.XXXXXX";
static char modules[128];	/* DIR/lib/modules/1.0 */
static char second[192];	/* DIR/second, with RELEASE below it */
static char conf[128];		/* a modprobe.d */

/* ---- the kernel's stand-in ---- */

static char journal[4096];	/* "NAME ARGS;" for each insertion */
static struct {
	const char *module;	/* insertion of this one fails ... */
	int error;		/* ... with this errno */
	const char *says;	/* and says this in its log, lines */
	bool unpacks;		/* it can read what gzip made */
	int remove_error;	/* 0: removals succeed */
} kernel;

/* The kernel's log: one datagram a record, as a read of /dev/kmsg gives it. */
static int kmsg[2];

static void say(const char *lines)
{
	char record[512];
	size_t len;

	for (; lines && *lines; lines += len + (lines[len] == '\n')) {
		len = strcspn(lines, "\n");
		snprintf(record, sizeof(record), "4,77,123456,-;%.*s\n SUBSYSTEM=x\n", (int)len,
			 lines);
		send(kmsg[1], record, strlen(record), 0);
	}
}

/* A file that gzip made: only a kernel that is told so, and can, takes it. */
static int refuse_packed(int fd, int flags)
{
	char head[2];

	if (pread(fd, head, 2, 0) != 2 || memcmp(head, "\x1f\x8b", 2))
		return 0;
	if (!flags)
		return ENOEXEC;
	return kernel.unpacks ? 0 : EOPNOTSUPP;
}

static long fake_finit(int fd, const char *args, int flags)
{
	char link[64], path[PATH_MAX];
	const char *name;
	ssize_t n;

	errno = refuse_packed(fd, flags);
	if (errno)
		return -1;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	snprintf(journal + strlen(journal), sizeof(journal) - strlen(journal), "%.*s %s;",
		 (int)strcspn(name, "."), name, args);
	if (!kernel.module || strncmp(name, kernel.module, strlen(kernel.module)))
		return 0;
	say(kernel.says);
	errno = kernel.error;
	return errno ? -1 : 0;
}

/* libkmod has no other way to finit_module(). */
long syscall(long number, ...)
{
	static long (*real)(long number, ...);
	long a[6];
	va_list ap;
	int i;

	va_start(ap, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_finit_module)
		return fake_finit((int)a[0], (const char *)a[1], (int)a[2]);
	if (!real)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

long delete_module(const char *name, unsigned int flags);

long delete_module(const char *name, unsigned int flags)
{
	snprintf(journal, sizeof(journal), "%s %s", name, flags & O_NONBLOCK ? "nowait" : "wait");
	if (!kernel.remove_error)
		return 0;
	errno = kernel.remove_error;
	return -1;
}

/* ---- the module tree ---- */

#define MODINFO(text) \
	"static const char i[] __attribute__((section(\".modinfo\"), used)) = " text ";"

static const struct {
	const char *name, *source;
} sources[] = {
	{ "t_base", MODINFO("\"license=GPL\"")
	  "static const char s[] __attribute__((section(\"__ksymtab_strings\"), used))"
	  " = \"t_base_fn\"; int t_base_fn(void) { return 0; }" },
	{ "t_dep", MODINFO("\"license=GPL\\0parm=level:a number\\0parmtype=level:int\"")
	  "int t_base_fn(void); int t_dep_fn(void) { return t_base_fn(); }" },
	{ "t_soft", MODINFO("\"license=GPL\\0softdep=pre: t_base\"") "int t_soft_fn;" },
	{ "t_packed", MODINFO("\"license=GPL\\0parm=level:a number\"") "int t_packed_fn;" },
};

static bool run(char *const argv[])
{
	int status;
	pid_t pid;

	return !posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) &&
		waitpid(pid, &status, 0) == pid && !status;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool compile(const char *name, const char *source, const char *to)
{
	char c[192], object[256];

	snprintf(c, sizeof(c), "%s/%s.c", dir, name);
	snprintf(object, sizeof(object), "%s/%s.ko", to, name);
	return write_file(c, source) &&
		run((char *[]){ "cc", "-c", "-w", "-o", object, c, NULL });
}

static bool index_tree(const char *base, const char *release, const char *tree)
{
	static const char *const empty[] = {
		"modules.order", "modules.builtin", "modules.builtin.modinfo",
	};
	char path[256];
	size_t i;

	/* depmod complains of those that it does not find */
	for (i = 0; i < PVK_ARRAY_SIZE(empty); i++) {
		snprintf(path, sizeof(path), "%s/%s", tree, empty[i]);
		write_file(path, "");
	}
	return run((char *[]){ "depmod", "-b", (char *)base, (char *)release, NULL });
}

static bool make_tree(void)
{
	char packed[192];
	size_t i;

	if (!mkdtemp(dir))
		return false;
	snprintf(modules, sizeof(modules), "%s/lib/modules/1.0", dir);
	snprintf(conf, sizeof(conf), "%s/modprobe.d", dir);
	setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
	if (!run((char *[]){ "mkdir", "-p", modules, conf, NULL }))
		return false;
	for (i = 0; i < PVK_ARRAY_SIZE(sources); i++)
		if (!compile(sources[i].name, sources[i].source, modules))
			return false;
	snprintf(packed, sizeof(packed), "%s/t_packed.ko", modules);
	/* libkmod goes by the content: Debian's was built without zlib */
	return index_tree(dir, "1.0", modules) && run((char *[]){ "gzip", packed, NULL }) &&
		run((char *[]){ "sh", "-c", "mv \"$0.gz\" \"$0\"", packed, NULL });
}

/* DIR/second/lib/modules/RELEASE, as a BSP's partition has it. */
static bool make_second_tree(void)
{
	struct utsname uts;
	char base[128], tree[384];

	uname(&uts);
	snprintf(base, sizeof(base), "%s/second", dir);
	snprintf(second, sizeof(second), "%s/lib/modules", base);
	snprintf(tree, sizeof(tree), "%s/%s", second, uts.release);
	return run((char *[]){ "mkdir", "-p", tree, NULL }) &&
		compile("t_second", MODINFO("\"license=GPL\""), tree) &&
		compile("t_base", MODINFO("\"license=GPL\"") "int t_other;", tree) &&
		index_tree(base, uts.release, tree);
}

static bool set_conf(const char *text)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/t.conf", conf);
	if (!text)
		return !unlink(path);
	return write_file(path, text);
}

static bool set_key(const char *store, const char *key, const char *value)
{
	pvk_auto_meta struct pvk_meta *meta = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, store);
	return !pvk_meta_open(&meta, AT_FDCWD, path, 0) &&
		!pvk_meta_set(meta, key, value, strlen(value));
}

/* ---- tests ---- */

static const char *const config[] = { conf, NULL };
static struct worker worker = {
	.root = dir,
	.env = { .dir = { modules }, .n_dirs = 1, .kmsg = -1, .config = config },
};
static struct worker_answer got;

static void give(uint32_t op, const char *container, bool mgmt, const char *line)
{
	struct worker_task task = { .id = 9, .op = op, .host = !*container, .mgmt = mgmt };

	snprintf(task.container, sizeof(task.container), "%s", container);
	snprintf(task.line, sizeof(task.line), "%s", line);
	journal[0] = '\0';
	worker_do(&worker, &task, &got);
}

static bool warned(const char *text)
{
	unsigned int i;

	for (i = 0; i < got.n_warnings; i++)
		if (strstr(got.warning[i], text))
			return true;
	return false;
}

static void refuse(const char *module, int error)
{
	kernel.module = module;
	kernel.error = error;
}

static void test_load(void)
{
	/* when the host loads a line with a key and a parameter that is none */
	give(PV_DRIVER_OP_LOAD, "", false, "t_dep level=${user-meta:v} nope=1");
	ktap_eq(got.error, 0, "a load succeeds");
	ktap_str(journal, "t_base ;t_dep level=5;",
		 "dependencies first, parameters for the module");
	ktap_str(got.params, "level=5", "what the kernel got is told");
	ktap_check(warned("nope"), "and what modinfo does not name, too");

	give(PV_DRIVER_OP_RESOLVE, "", false, "t_dep level=${user-meta:v}");
	ktap_str(got.params, "level=5", "a line is resolved");
	ktap_str(journal, "", "without loading anything");

	give(PV_DRIVER_OP_LOAD, "", false, "t_soft");
	ktap_str(journal, "t_base ;t_soft ;", "soft dependencies come along");
}

static void test_permissions(void)
{
	give(PV_DRIVER_OP_RESOLVE, "app", false, "t_dep level=${user-meta:v}");
	ktap_str(got.params, "level=", "another's key is nothing for a container");
	ktap_check(warned("user-meta:v"), "which is said");
	give(PV_DRIVER_OP_RESOLVE, "app", true, "t_dep level=${user-meta:v}");
	ktap_str(got.params, "level=5", "unless it has the management role");
	give(PV_DRIVER_OP_RESOLVE, "app", false, "t_dep level=${device-meta:app.v}");
	ktap_str(got.params, "level=6", "its own it may use");
	/* given a value that would like to be more than parameters */
	give(PV_DRIVER_OP_LOAD, "", false, "t_dep ${user-meta:evil}");
	ktap_str(journal, "t_base ;t_dep level=7;", "a value names no module and no option");
	ktap_check(warned("install"), "what it tried is said");
}

static void test_failures(void)
{
	give(PV_DRIVER_OP_LOAD, "", false, "t_none");
	ktap_eq(got.error, ENOENT, "no such module");
	ktap_check(strstr(got.text, modules), "the text says where it was looked for");

	refuse("t_base", EKEYREJECTED);
	give(PV_DRIVER_OP_LOAD, "", false, "t_dep");
	ktap_eq(got.error, EKEYREJECTED, "a dependency's errno is the load's");
	ktap_str(got.text, "needs t_base: signature was rejected", "and the text names it");
	give(PV_DRIVER_OP_LOAD, "", false, "t_soft");
	ktap_eq(got.error, 0, "a soft dependency may fail");

	refuse("t_dep", ENOEXEC);
	give(PV_DRIVER_OP_LOAD, "", false, "t_dep");
	ktap_str(got.text, "not a module of this kernel's format, architecture or version",
		 "a module's own failure");

	refuse("t_dep", EEXIST);
	give(PV_DRIVER_OP_LOAD, "", false, "t_dep");
	ktap_eq(got.error, 0, "somebody was faster: success");

	/* The stand-in never makes t_base resident, as if it were removed each time. */
	refuse("t_dep", ENOENT);
	give(PV_DRIVER_OP_LOAD, "", false, "t_dep");
	ktap_eq(got.error, ENOENT, "a symbol is missing");
	ktap_str(journal, "t_base ;t_dep ;t_base ;t_dep ;t_base ;t_dep ;",
		 "with its dependency gone it is tried three times");
	ktap_str(got.text, "unknown symbol in module", "and then it is said");
	refuse(NULL, 0);

	give(PV_DRIVER_OP_LOAD, "", false, "t_dep level=${user-meta:v");
	ktap_eq(got.error, EINVAL, "a line that is none");
	give(77, "", false, "t_dep");
	ktap_eq(got.error, EOPNOTSUPP, "a task of a newer kernel");
}

static void test_unload(void)
{
	give(PV_DRIVER_OP_UNLOAD, "", false, "t_dep");
	ktap_str(journal, "t_dep nowait", "one module, without waiting");
	kernel.remove_error = ENOENT;
	give(PV_DRIVER_OP_UNLOAD, "", false, "t_dep");
	ktap_eq(got.error, 0, "gone already is gone");
	kernel.remove_error = EWOULDBLOCK;
	give(PV_DRIVER_OP_UNLOAD, "", false, "t_dep");
	ktap_eq(got.error, EBUSY, "in use");
	ktap_check(strstr(got.text, "in use"), "as the text says");
	kernel.remove_error = 0;
	give(PV_DRIVER_OP_UNLOAD, "", false, "../t_dep");
	ktap_eq(got.error, EINVAL, "not a module's name");
	ktap_str(journal, "", "never gets to the kernel");
}

/* ---- the kernel's own reasons ---- */

static const struct {
	int error;
	const char *says, *text;
} reasons[] = {
	{ ENOENT, "t_soft: Unknown symbol foo_bar (err -2)", "unknown symbol foo_bar" },
	{ ENOENT, "t_soft: Unknown symbol a (err -2)\nt_soft: Unknown symbol b (err -2)\n"
	  "t_soft: Unknown symbol c (err -2)\nt_soft: Unknown symbol d (err -2)\n"
	  "t_soft: Unknown symbol e (err -2)", "unknown symbol a, b, c and 2 more" },
	{ EINVAL, "t_soft: disagrees about version of symbol foo\n"
	  "t_soft: Unknown symbol foo (err -22)",
	  "built for another kernel (symbol foo is of another version)" },
	{ ENOEXEC, "t_soft: version magic '5.4 SMP ' should be '6.1 SMP '",
	  "built for another kernel (version magic '5.4 SMP ' should be '6.1 SMP ')" },
	{ EINVAL, "t_soft: `x y' invalid for parameter `level'",
	  "parameter level: \"x y\" is invalid" },
	{ ENOSPC, "t_soft: `12' too large for parameter `name'",
	  "parameter name: \"12\" is too large" },
	{ EKEYREJECTED, "Loading of unsigned module is rejected",
	  "not signed, and the kernel takes signed modules only" },
	{ EKEYREJECTED, "Loading of module with unavailable key is rejected",
	  "signed with a key that the kernel does not have" },
	{ EKEYREJECTED, "", "bad signature" },
	{ EBADMSG, "", "bad signature" },
	{ EPERM, "Lockdown: pvkitd-worker: unsigned module loading is restricted; see man",
	  "not signed with a key that the kernel has, and the kernel is locked down" },
	/* what is not about this module, or not about this error */
	{ ENOENT, "t_other: Unknown symbol foo (err -2)", "unknown symbol in module" },
	{ ENOENT, "t_soft2: Unknown symbol foo (err -2)", "unknown symbol in module" },
	{ ENOENT, "x t_soft: Unknown symbol foo (err -2)", "unknown symbol in module" },
	{ EINVAL, "Loading of unsigned module is rejected", "invalid module or parameter" },
	{ EIO, "t_soft: says what it likes", "Input/output error" },
	{ EINVAL, "t_soft: `x' invalid", "invalid module or parameter" },
	{ EINVAL, "t_soft: ", "invalid module or parameter" },
	{ EINVAL, "t_soft:", "invalid module or parameter" },
};

static void test_reasons(void)
{
	char flood[] = "7,1,1,-;other: noise";
	size_t i;

	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, kmsg);
	worker.env.kmsg = kmsg[0];
	for (i = 0; i < PVK_ARRAY_SIZE(reasons); i++) {
		refuse("t_soft", reasons[i].error);
		kernel.says = reasons[i].says;
		give(PV_DRIVER_OP_LOAD, "", false, "t_soft");
		ktap_eq(got.error, reasons[i].error, "the errno stays: %zu", i);
		ktap_str(got.text, reasons[i].text, "of \"%.50s\"", reasons[i].says);
	}
	refuse("t_base", EINVAL);
	kernel.says = "t_base: `q' invalid for parameter `level'";
	give(PV_DRIVER_OP_LOAD, "", false, "t_dep");
	ktap_str(got.text, "needs t_base: parameter level: \"q\" is invalid",
		 "the reason of a dependency");

	/* given records without text, and more of them than anybody wants to read */
	refuse("t_soft", EINVAL);
	kernel.says = NULL;
	send(kmsg[1], "", 0, 0);
	send(kmsg[1], "6,1,1,-", 7, 0);
	for (i = 0; i < 10000 && send(kmsg[1], flood, strlen(flood), 0) > 0; i++)
		;
	give(PV_DRIVER_OP_LOAD, "", false, "t_soft");
	ktap_str(got.text, "invalid module or parameter", "a log that says nothing of it");
	while (recv(kmsg[0], flood, sizeof(flood), 0) >= 0)
		;

	/* a module that is in, with a parameter that modprobe.d had and it has not */
	refuse("t_soft", 0);
	kernel.says = "t_soft: unknown parameter 'nope' ignored";
	give(PV_DRIVER_OP_LOAD, "", false, "t_soft");
	ktap_eq(got.error, 0, "an unknown parameter is no failure");
	ktap_check(warned("t_soft: the kernel knows no parameter \"nope\""), "but a warning");
	refuse(NULL, 0);
	kernel.says = NULL;
	worker.env.kmsg = -1;
}

/* ---- files ---- */

static void test_compressed(void)
{
	kernel.unpacks = true;
	give(PV_DRIVER_OP_LOAD, "", false, "t_packed level=3 ${user-meta:v}");
	ktap_eq(got.error, 0, "what libkmod can't unpack the kernel may");
	ktap_str(journal, "t_packed level=3;", "with the author's parameters");
	ktap_check(warned("modinfo can't be read"), "which nobody could check");
	refuse("t_packed", EKEYREJECTED);
	give(PV_DRIVER_OP_LOAD, "", false, "t_packed");
	ktap_eq(got.error, EKEYREJECTED, "what is wrong once it is unpacked is the error");
	refuse(NULL, 0);
	kernel.unpacks = false;
	give(PV_DRIVER_OP_LOAD, "", false, "t_packed");
	ktap_eq(got.error, ENOEXEC, "if neither can");
	ktap_str(got.text,
		 "compressed with gzip, which neither this libkmod nor the kernel unpacks",
		 "that is what is said");
}

static void test_directories(void)
{
	give(PV_DRIVER_OP_LOAD, "", false, "t_second");
	ktap_eq(got.error, ENOENT, "a module of another tree");
	worker.env.dir[1] = second;
	worker.env.n_dirs = 2;
	give(PV_DRIVER_OP_LOAD, "", false, "t_second");
	ktap_eq(got.error, ENOENT, "is not there while the tree is not");
	/* when a partition is mounted there */
	ktap_check(make_second_tree(), "given that tree, below the kernel's release");
	give(PV_DRIVER_OP_LOAD, "", false, "t_second");
	ktap_str(journal, "t_second ;", "then it is found");
	give(PV_DRIVER_OP_LOAD, "", false, "t_dep level=1");
	ktap_str(journal, "t_base ;t_dep level=1;", "what both have comes from the first");
	give(PV_DRIVER_OP_LOAD, "", false, "t_none");
	ktap_check(strstr(got.text, modules) && strstr(got.text, second),
		   "and what none has is said of both");
	worker_release(&worker);
	worker.env.n_dirs = 1;
}

/* ---- modprobe.d ---- */

static void test_modprobe_d(void)
{
	set_conf("options t_dep level=2\ninstall t_base false\nremove t_dep false\n"
		 "alias t_soft t_dep\nblacklist t_dep\n");
	give(PV_DRIVER_OP_LOAD, "", false, "t_dep level=3");
	ktap_str(journal, "t_base ;t_dep level=2 level=3;",
		 "options come before the line's own; blacklist stops no load by name");
	ktap_check(warned("t_base: install line of modprobe.d not run: false"),
		   "an install line is reported, a dependency's too");
	give(PV_DRIVER_OP_UNLOAD, "", false, "t_dep");
	ktap_eq(got.error, 0, "a remove line is not run");
	ktap_check(warned("t_dep: remove line of modprobe.d not run: false"), "but reported");
	give(PV_DRIVER_OP_LOAD, "", false, "t_soft");
	ktap_str(journal, "t_base ;t_soft ;", "a name is a module's, whatever aliases say");
	ktap_check(warned("alias line of modprobe.d not followed: t_soft is t_dep"),
		   "which is reported");
	/* when it is written in place, which the directory's time does not tell */
	set_conf("options t_dep level=4\n");
	give(PV_DRIVER_OP_LOAD, "", false, "t_dep");
	ktap_str(journal, "t_base ;t_dep level=4 ;", "a changed file counts at once");
	set_conf(NULL);
	give(PV_DRIVER_OP_LOAD, "", false, "t_dep");
	ktap_str(journal, "t_base ;t_dep ;", "and so does one that is gone");
}

/* ---- beside the real modprobe ---- */

/* "insmod PATH/NAME.ko ARGS" lines as the journal has them, without blanks at the end. */
static void as_journal(FILE *from, char *to, size_t size)
{
	char line[512], *name, *args;

	to[0] = '\0';
	while (fgets(line, sizeof(line), from)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "insmod ", 7)) {
			snprintf(to + strlen(to), size - strlen(to), "%s;", line);
			continue;
		}
		name = strrchr(line, '/') + 1;
		args = strstr(name, ".ko");
		*args = '\0';
		args += strcspn(args + 1, " ") + 1;
		snprintf(to + strlen(to), size - strlen(to), "%s%s%s;", name, *args ? " " : "",
			 args + strspn(args, " "));
	}
}

/* "NAME ARGS ;" without the blank: libkmod and modprobe join words differently. */
static void trim(char *text)
{
	char *out = text;

	for (; *text; text++)
		if (*text != ' ' || (text[1] != ';' && text[1] != ' '))
			*out++ = *text;
	*out = '\0';
}

/* What modprobe would insert for the words of line, or "failed". */
static void ask_modprobe(const char *line, char *to, size_t size)
{
	static char script[] = "exec modprobe -C \"$1\" -d \"$0\" -S 1.0 -n -v $2 "
			       ">\"$0/said\" 2>/dev/null";
	char path[128];
	FILE *said;

	snprintf(to, size, "failed");
	if (!run((char *[]){ "sh", "-c", script, dir, conf, (char *)line, NULL }))
		return;
	snprintf(path, sizeof(path), "%s/said", dir);
	said = fopen(path, "r");
	if (!said)
		return;
	as_journal(said, to, size);
	fclose(said);
	trim(to);
}

static const struct {
	const char *conf, *line;
	const char *ours;	/* where it differs on purpose; NULL: the same */
} like_modprobe[] = {
	{ "", "t_dep", NULL },
	{ "", "t_dep level=1", NULL },
	{ "", "t-dep level=1", NULL },
	{ "", "t_dep level=1 level=2", NULL },
	{ "", "t_soft", NULL },
	{ "", "t_none", "failed" },
	{ "options t_dep level=2", "t_dep", NULL },
	{ "options t_dep level=2", "t_dep level=3", NULL },
	{ "options t-dep level=2\noptions t_base a=1", "t_dep", NULL },
	{ "options t_base a=1\noptions t_base b=2", "t_dep level=1", NULL },
	{ "options t_dep level=\"1 2\"", "t_dep", NULL },
	{ "options t_dep level=1 \\\n nope=2", "t_dep", NULL },
	{ "softdep t_base pre: t_soft", "t_base", NULL },
	{ "softdep t_dep post: t_soft", "t_dep level=1", NULL },
	{ "softdep t_dep pre: t_none t_soft", "t_dep", NULL },
	{ "softdep t_soft pre: t_dep\noptions t_dep level=4", "t_soft", NULL },
	{ "blacklist t_dep\nblacklist t_base", "t_dep", NULL },
	{ "weakdep t_base t_soft", "t_base", NULL },
	{ "remove t_dep /bin/false", "t_dep", NULL },
	/* the differences */
	{ "install t_dep /bin/false", "t_dep", "t_base;t_dep;" },
	{ "install t_base /bin/false", "t_dep", "t_base;t_dep;" },
	{ "alias t_name t_dep", "t_name", "failed" },
	{ "alias t_soft t_base", "t_soft", "t_base;t_soft;" },
	{ "", "t_dep nope=1", "t_base;t_dep;" },
};

static void test_like_modprobe(void)
{
	char theirs[1024], ours[sizeof(journal)];
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(like_modprobe); i++) {
		const char *want = like_modprobe[i].ours, *line = like_modprobe[i].line;

		set_conf(like_modprobe[i].conf);
		ask_modprobe(line, theirs, sizeof(theirs));
		give(PV_DRIVER_OP_LOAD, "", false, line);
		snprintf(ours, sizeof(ours), "%s", got.error ? "failed" : journal);
		trim(ours);
		if (!ktap_str(ours, want ? want : theirs, "\"%s\" as modprobe does it%s: %zu",
			      line, want ? ", but for what is said" : "", i))
			ktap_print_value("modprobe.d:", like_modprobe[i].conf);
		if (want && strcmp(want, "failed"))
			ktap_check(strcmp(want, theirs), "modprobe does differ: %s", theirs);
	}
	set_conf(NULL);
}

/* The same in a process of its own. */
static void test_process(void)
{
	struct worker_task task = { .id = 3, .op = PV_DRIVER_OP_RESOLVE, .host = true,
				    .line = "t_dep level=${user-meta:v}" };
	struct pollfd pfd = { .events = POLLIN };
	int status;
	pid_t pid;

	pid = worker_start(&worker, &pfd.fd);
	ktap_check(pid > 0, "a worker is started");
	ktap_eq(worker_receive_answer(pfd.fd, &got), -EAGAIN, "it has nothing to say");
	ktap_eq(worker_send_task(pfd.fd, &task), 0, "it takes a task");
	ktap_check(poll(&pfd, 1, 10000) == 1 && !worker_receive_answer(pfd.fd, &got),
		   "and answers");
	ktap_eq((long long)got.id, 3, "to that task");
	ktap_str(got.params, "level=5", "with the result");
	close(pfd.fd);
	ktap_check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status),
		   "it ends when nobody holds its socket");
}

int main(void)
{
	ktap_plan(0);
	ktap_check(make_tree(), "given a module tree");
	ktap_check(set_key("user-meta", "v", "5") && set_key("device-meta", "app.v", "6") &&
		   set_key("user-meta", "evil", "level=7 t_soft install=/bin/sh -f"),
		   "and metadata");
	test_load();
	test_permissions();
	test_failures();
	test_unload();
	test_reasons();
	test_compressed();
	test_directories();
	test_modprobe_d();
	test_like_modprobe();
	test_process();
	worker_release(&worker);
	ktap_check(run((char *[]){ "rm", "-r", dir, NULL }), "all is put away");
	return ktap_finish();
}
