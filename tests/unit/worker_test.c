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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "meta.h"
#include "worker.h"

extern char **environ;

static char dir[] = "/tmp/pvkit-worker.XXXXXX";
static char modules[128];

/* ---- the kernel's stand-in ---- */

static char journal[4096];	/* "NAME ARGS;" for each insertion */
static struct {
	const char *module;	/* insertion of this one fails ... */
	int error;		/* ... with this errno */
	int remove_error;	/* 0: removals succeed */
} kernel;

static long fake_finit(int fd, const char *args)
{
	char link[64], path[PATH_MAX];
	const char *name;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	snprintf(journal + strlen(journal), sizeof(journal) - strlen(journal), "%.*s %s;",
		 (int)strcspn(name, "."), name, args);
	if (!kernel.module || strncmp(name, kernel.module, strlen(kernel.module)))
		return 0;
	errno = kernel.error;
	return -1;
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
		return fake_finit((int)a[0], (const char *)a[1]);
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

static bool make_tree(void)
{
	static const char *const empty[] = {
		"modules.order", "modules.builtin", "modules.builtin.modinfo",
	};
	char source[192], object[192];
	size_t i;

	if (!mkdtemp(dir))
		return false;
	snprintf(modules, sizeof(modules), "%s/lib/modules/1.0", dir);
	if (!run((char *[]){ "mkdir", "-p", modules, NULL }))
		return false;
	for (i = 0; i < PVK_ARRAY_SIZE(sources); i++) {
		snprintf(source, sizeof(source), "%s/%s.c", dir, sources[i].name);
		snprintf(object, sizeof(object), "%s/%s.ko", modules, sources[i].name);
		if (!write_file(source, sources[i].source) ||
		    !run((char *[]){ "cc", "-c", "-w", "-o", object, source, NULL }))
			return false;
	}
	/* depmod complains of those that it does not find */
	for (i = 0; i < PVK_ARRAY_SIZE(empty); i++) {
		snprintf(object, sizeof(object), "%s/%s", modules, empty[i]);
		write_file(object, "");
	}
	setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
	return run((char *[]){ "depmod", "-b", dir, "1.0", NULL });
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

static struct worker worker = { .root = dir, .modules = modules };
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
	ktap_str(got.text, "Exec format error", "a module's own failure");

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
	test_process();
	worker_release(&worker);
	ktap_check(run((char *[]){ "rm", "-r", dir, NULL }), "all is put away");
	return ktap_finish();
}
