// SPDX-License-Identifier: MIT
/*
 * Watches other doors of the kernel while a test goes on.
 *
 *   nl_watch poll FILE       prints FILE, then what it says after each POLLPRI
 *   nl_watch uevents SUBSYS  prints "ACTION DEVPATH PV_STATE" of its uevents
 *   nl_watch ask FAMILY      asks the generic netlink controller for FAMILY
 *                            again and again; on SIGTERM prints
 *                            "asked N worst MS"
 *   nl_watch rmem PORTID     bytes queued on a netlink socket, then its limit
 *                            as the kernel tells it: "RMEM DROPS"
 *
 * The first line of poll, uevents and ask is "ready". They end on SIGTERM.
 */
#include "pvt_nl.h"

#include <signal.h>
#include <sys/socket.h>
#include <linux/netlink.h>

static volatile sig_atomic_t stop;
static char buf[PVT_BUF];

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void print_file(int fd)
{
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	if (n < 0) {
		printf("%s\n", pvt_errname(errno));
		return;
	}
	buf[n] = '\0';
	printf("%s%s", buf, n && buf[n - 1] == '\n' ? "" : "\n");
}

static int watch_poll(const char *file)
{
	struct pollfd pfd = { .fd = open(file, O_RDONLY), .events = POLLPRI | POLLERR };

	if (pfd.fd < 0)
		pvt_die(file, errno);
	puts("ready");
	print_file(pfd.fd);
	while (!stop)
		if (poll(&pfd, 1, 1000) > 0)
			print_file(pfd.fd);
	return 0;
}

static const char *value_of(const char *env, size_t len, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < len; i += strlen(env + i) + 1)
		if (!strncmp(env + i, key, n) && env[i + n] == '=')
			return env + i + n + 1;
	return "";
}

static int watch_uevents(const char *subsystem)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		pvt_die("uevents", errno);
	puts("ready");
	while (!stop) {
		ssize_t n;

		if (poll(&pfd, 1, 1000) <= 0)
			continue;
		n = recv(fd, buf, sizeof(buf) - 1, 0);
		if (n <= 0)
			continue;
		buf[n] = '\0';
		if (strcmp(value_of(buf, n, "SUBSYSTEM"), subsystem))
			continue;
		printf("%s %s %s\n", value_of(buf, n, "ACTION"), value_of(buf, n, "DEVPATH"),
		       value_of(buf, n, "PV_STATE"));
	}
	return 0;
}

static int watch_ask(const char *family)
{
	struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	unsigned int asked = 0;
	int64_t worst = 0;
	struct pvt_sock s;

	pvt_open_raw(&s);
	puts("ready");
	while (!stop) {
		int64_t start = pvt_now_ms();
		int id = pvt_resolve(&s, family);

		if (id < 0 && id != -EINTR) {
			printf("asking for %s: %s\n", family, pvt_errname(-id));
			return 1;
		}
		asked++;
		if (pvt_now_ms() - start > worst)
			worst = pvt_now_ms() - start;
		nanosleep(&pause, NULL);
	}
	printf("asked %u worst %lld\n", asked, (long long)worst);
	return 0;
}

static int show_rmem(unsigned long portid)
{
	FILE *f = fopen("/proc/net/netlink", "r");
	unsigned long pid;
	unsigned int rmem;
	unsigned int drops;
	int proto;

	if (!f)
		pvt_die("/proc/net/netlink", errno);
	while (fgets(buf, sizeof(buf), f))
		if (sscanf(buf, "%*s %d %lu %*s %u %*u %*d %*u %u", &proto, &pid, &rmem,
			   &drops) == 4 &&
		    proto == NETLINK_GENERIC && pid == portid)
			printf("%u %u\n", rmem, drops);
	fclose(f);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_term };

	sigaction(SIGTERM, &sa, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && !strcmp(argv[1], "poll"))
		return watch_poll(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "uevents"))
		return watch_uevents(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "ask"))
		return watch_ask(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "rmem"))
		return show_rmem(strtoul(argv[2], NULL, 0));
	fprintf(stderr, "nl_watch poll|uevents|ask|rmem ARG\n");
	return 2;
}
