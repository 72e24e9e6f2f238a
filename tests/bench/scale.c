// SPDX-License-Identifier: MIT
/*
 * scale ROUNDS - what an alias and a container cost, and whether many slow it down
 * libs: libkmod
 *
 * Memory is what the kernel's own counters say before and after: of slab
 * objects in use, of all slab pages, of per-CPU memory, of free memory. Cgroups
 * exist before the containers are registered and do not count.
 *
 * Times are taken in turns with a small and with a large registry, so that
 * whatever else changes hits both alike.
 */
#include <sys/stat.h>

#include "ways.h"

#define FEW_ALIASES		10
#define MANY_ALIASES		1000
#define MANY_CONTAINERS		200
#define CONTAINER_ENTRIES	3
#define TURNS			2	/* of few and many */
#define CGROUPS			"/sys/fs/cgroup/bench"

/* ---- memory ---- */

#define CACHES_MAX	400
#define CACHE_MIN	16	/* bytes for each alias that are worth a line */

struct memory {
	long objects;		/* bytes of slab objects in use */
	long slab;		/* bytes of slab pages */
	long percpu;
	long available;
	size_t n_caches;
	struct {
		char name[64];
		long bytes;
	} cache[CACHES_MAX];
};

static long meminfo(const char *text, const char *field)
{
	const char *at = strstr(text, field);

	if (!at)
		die("/proc/meminfo has no %s", field);
	return strtol(at + strlen(field), NULL, 10) * 1024;
}

static char *read_proc(const char *path)
{
	pvk_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text;

	if (fd < 0 || pvk_read_fd(fd, 4 << 20, &text, NULL))
		die("%s can't be read", path);
	return text;
}

/* Frees under way, and the page lists of each CPU, would blur it. */
static void read_memory(struct memory *memory)
{
	pvk_auto_free char *slabs = NULL;
	pvk_auto_free char *info = NULL;
	unsigned long active, size;
	char *line, *rest;
	size_t n = 0;

	sleep_ms(1000);
	slabs = read_proc("/proc/slabinfo");
	info = read_proc("/proc/meminfo");
	memset(memory, 0, sizeof(*memory));
	rest = slabs;
	while ((line = strsep(&rest, "\n")) && n < CACHES_MAX) {
		if (sscanf(line, "%63s %lu %*u %lu", memory->cache[n].name, &active, &size) != 3)
			continue;
		memory->cache[n].bytes = (long)(active * size);
		memory->objects += memory->cache[n++].bytes;
	}
	memory->n_caches = n;
	memory->slab = meminfo(info, "\nSlab:");
	memory->percpu = meminfo(info, "\nPercpu:");
	memory->available = meminfo(info, "\nMemAvailable:");
}

/* Caches do not come and go in between: the nth is the nth. */
static void print_caches(unsigned int count, const struct memory *before,
			 const struct memory *after)
{
	const char *sep = "";
	long bytes;
	size_t i;

	fputs(",\"caches\":{", stdout);
	for (i = 0; i < after->n_caches; i++) {
		bytes = after->cache[i].bytes - before->cache[i].bytes;
		if (bytes / (long)count < CACHE_MIN)
			continue;
		printf("%s\"%s\":%ld", sep, after->cache[i].name, bytes);
		sep = ",";
	}
	puts("}}");
}

static void print_memory(const char *what, unsigned int count, const struct memory *before,
			 const struct memory *after)
{
	printf("{\"kind\":\"memory\",\"what\":\"%s\",\"count\":%u,\"objects\":%ld,\"slab\":%ld,"
	       "\"percpu\":%ld,\"available\":%ld", what, count,
	       after->objects - before->objects, after->slab - before->slab,
	       after->percpu - before->percpu, before->available - after->available);
	print_caches(count, before, after);
}

/* ---- a registry ---- */

static void alias_name(char name[PVK_ALIAS_SIZE], unsigned int n)
{
	snprintf(name, PVK_ALIAS_SIZE, "alias-%u", n);
}

/* Modules that do not exist serve as well: nothing looks before a load. */
static void add_alias(struct pvk_drv *drv, unsigned int n)
{
	char name[PVK_ALIAS_SIZE], text[64];
	const char *line = text;
	struct pvk_err err;

	alias_name(name, n);
	snprintf(text, sizeof(text), "bench_module_%u power_save=1", n);
	if (pvk_drv_driver_new(drv, name, &line, 1, &err))
		die("%s: %s", name, err.text);
}

static void del_alias(struct pvk_drv *drv, unsigned int n)
{
	char name[PVK_ALIAS_SIZE];
	struct pvk_err err;

	alias_name(name, n);
	if (pvk_drv_driver_del(drv, name, &err))
		die("%s: %s", name, err.text);
}

static void cgroup_path(char path[128], unsigned int n)
{
	snprintf(path, 128, CGROUPS "/%u", n);
}

/* Looked at once, so that inode and entry are there before anything is counted. */
static void make_cgroups(void)
{
	char path[128];
	struct stat st;
	unsigned int n;

	if (mkdir(CGROUPS, 0755))
		die(CGROUPS ": %s", strerror(errno));
	for (n = 0; n < MANY_CONTAINERS; n++) {
		cgroup_path(path, n);
		if (mkdir(path, 0755) || stat(path, &st))
			die("%s: %s", path, strerror(errno));
	}
}

static void remove_cgroups(void)
{
	char path[128];
	unsigned int n;

	for (n = 0; n < MANY_CONTAINERS; n++) {
		cgroup_path(path, n);
		if (rmdir(path))
			die("%s: %s", path, strerror(errno));
	}
	rmdir(CGROUPS);
}

static uint64_t add_container(struct pvk_drv *drv, unsigned int n)
{
	struct pvk_entry entry[CONTAINER_ENTRIES] = { 0 };
	struct pvk_container container = {
		.roles = PV_DRIVER_ROLE_MGMT,
		.entries = entry,
		.n_entries = CONTAINER_ENTRIES,
	};
	pvk_auto_close int fd = -1;
	struct pvk_err err;
	char path[128];
	uint64_t id;
	unsigned int i;

	cgroup_path(path, n);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(container.name, sizeof(container.name), "container-%u", n);
	for (i = 0; i < CONTAINER_ENTRIES; i++) {
		alias_name(entry[i].alias, i);
		entry[i].type = PV_DRIVER_TYPE_MANUAL;
	}
	if (fd < 0 || pvk_drv_container_new(drv, &container, fd, 0, &id, &err))
		die("%s: %s", path, fd < 0 ? strerror(errno) : err.text);
	return id;
}

static void del_container(struct pvk_drv *drv, unsigned int n)
{
	char name[PVK_ALIAS_SIZE];
	struct pvk_err err;

	snprintf(name, sizeof(name), "container-%u", n);
	if (pvk_drv_container_del(drv, name, false, 0, NULL, &err))
		die("%s: %s", name, err.text);
}

static void grow(struct pvk_drv *drv)
{
	unsigned int n;

	for (n = FEW_ALIASES; n < MANY_ALIASES; n++)
		add_alias(drv, n);
	for (n = 1; n < MANY_CONTAINERS; n++)
		add_container(drv, n);
}

static void shrink(struct pvk_drv *drv)
{
	unsigned int n;

	for (n = 1; n < MANY_CONTAINERS; n++)
		del_container(drv, n);
	for (n = FEW_ALIASES; n < MANY_ALIASES; n++)
		del_alias(drv, n);
}

/* ---- times ---- */

static uint64_t container_id;	/* of the one that is always there */

static void op_load(struct bench *bench)
{
	by_netlink(bench, &subjects[0], true);
}

static void op_unload(struct bench *bench)
{
	by_netlink(bench, &subjects[0], false);
}

static void op_load_rest(struct bench *bench)
{
	by_rest(bench, &subjects[0], true);
}

static void op_unload_rest(struct bench *bench)
{
	by_rest(bench, &subjects[0], false);
}

static void op_list(struct bench *bench)
{
	struct pvk_drivers list;
	struct pvk_err err;

	if (pvk_drv_driver_list(bench->drv, 0, &list, &err))
		die("list: %s", err.text);
	pvk_drivers_free(&list);
}

static void op_list_own(struct bench *bench)
{
	struct pvk_drivers list;
	struct pvk_err err;

	if (pvk_drv_driver_list(bench->drv, container_id, &list, &err))
		die("list: %s", err.text);
	if (list.count != CONTAINER_ENTRIES)
		die("a container sees %zu drivers", list.count);
	pvk_drivers_free(&list);
}

static void op_list_rest(struct bench *bench)
{
	http_request(&bench->http, "GET", "/drivers?all=1");
}

static void op_list_pvkit(struct bench *bench)
{
	static char *argv[] = { "pvkit", "drivers", "list", NULL };

	(void)bench;
	run(argv);
}

static void op_get(struct bench *bench)
{
	struct pvk_driver driver;
	struct pvk_err err;

	if (pvk_drv_driver_get(bench->drv, "alias-9", 0, &driver, &err))
		die("alias-9: %s", err.text);
	pvk_driver_free(&driver);
}

static const struct {
	const char *name;
	void (*act)(struct bench *bench);
} ops[] = {
	{ "load dummy, netlink", op_load },
	{ "unload dummy, netlink", op_unload },
	{ "load dummy, REST", op_load_rest },
	{ "unload dummy, REST", op_unload_rest },
	{ "one driver, netlink", op_get },
	{ "a container's 3 drivers, netlink", op_list_own },
	{ "all drivers, netlink", op_list },
	{ "all drivers, GET /drivers?all=1", op_list_rest },
	{ "all drivers, pvkit drivers list", op_list_pvkit },
};

static void measure(struct bench *bench, const char *size, unsigned int rounds)
{
	unsigned int round;
	int64_t start, us;
	size_t i;

	for (round = 0; round <= rounds; round++) {
		for (i = 0; i < PVK_ARRAY_SIZE(ops); i++) {
			http_freshen(&bench->http);
			settle(round, rounds);
			start = now_us();
			ops[i].act(bench);
			us = now_us() - start;
			if (round)
				printf("{\"kind\":\"scale\",\"op\":\"%s\",\"size\":\"%s\","
				       "\"us\":%lld}\n", ops[i].name, size, (long long)us);
		}
	}
	fflush(stdout);
}

/* ---- all of it ---- */

static void measure_memory(struct pvk_drv *drv)
{
	static struct memory start, before, after;
	unsigned int n;

	make_cgroups();
	add_alias(drv, 0);
	container_id = add_container(drv, 0);
	/* Once all the way: slabs that stay half full are nobody's in particular. */
	for (n = 1; n < FEW_ALIASES; n++)
		add_alias(drv, n);
	grow(drv);
	shrink(drv);
	for (n = 1; n < FEW_ALIASES; n++)
		del_alias(drv, n);
	read_memory(&start);
	for (n = 1; n < MANY_ALIASES; n++)
		add_alias(drv, n);
	read_memory(&before);
	print_memory("alias", MANY_ALIASES - 1, &start, &before);
	for (n = 1; n < MANY_CONTAINERS; n++)
		add_container(drv, n);
	read_memory(&after);
	print_memory("container", MANY_CONTAINERS - 1, &before, &after);

	shrink(drv);
	for (n = 1; n < FEW_ALIASES; n++)
		del_alias(drv, n);
	read_memory(&after);
	print_memory("left over", 1, &start, &after);
	for (n = 1; n < FEW_ALIASES; n++)
		add_alias(drv, n);
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 0;
	struct bench bench = { 0 };
	unsigned int turn, n;

	if (!rounds)
		die("how many rounds?");
	bench_set_up(&bench);
	measure_memory(bench.drv);
	for (turn = 0; turn < TURNS; turn++) {
		printf("# turn %u of %d\n", turn + 1, TURNS);
		measure(&bench, "few", rounds);
		grow(bench.drv);
		measure(&bench, "many", rounds);
		shrink(bench.drv);
	}
	del_container(bench.drv, 0);
	for (n = 0; n < FEW_ALIASES; n++)
		del_alias(bench.drv, n);
	remove_cgroups();
	bench_tear_down(&bench);
	return 0;
}
