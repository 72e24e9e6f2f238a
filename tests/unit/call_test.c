// SPDX-License-Identifier: MIT
/*
 * Loads and unloads over HTTP that do not go smoothly: given a kernel that refuses,
 * fails, is slow, has no room or loses an outcome, and devices that come or do not, when
 * does which client get which answer?
 *
 * The server runs in a child process with a stand-in for the kernel. What becomes of a
 * load is written in a table by the driver's name.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "fake_sysfs.h"
#include "genl.h"
#include "http.h"
#include "http_ask.h"
#include "ktap.h"
#include "listen.h"

#define NEVER	-1

/* As many words as the kernel passes on. */
#define TEN		"mod: gone "
#define HUNDRED		TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONG_TEXT	HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED "and so on!!"
_Static_assert(sizeof(LONG_TEXT) == PVK_TEXT_SIZE, "the longest text that there is");

/* What the kernel has to say of each driver, all of them manual ones of one container. */
static const struct fate {
	const char *alias;
	int refusal;		/* errno; 0: taken */
	int after_ms;		/* when its outcome comes, or NEVER */
	int error;		/* of the outcome */
	const char *text;
} fates[] = {
	{ "good", 0, 10, 0, "" },
	{ "slow", 0, 700, 0, "" },
	{ "lost", 0, NEVER, 0, "" },
	{ "eperm", EPERM, 0, 0, "not named by this container" },
	{ "esrch", ESRCH, 0, 0, "the container has ended" },
	{ "enoent", ENOENT, 0, 0, "no such driver" },
	{ "ebusy", EBUSY, 0, 0, "ends with the container" },
	{ "enomem", ENOMEM, 0, 0, "Cannot allocate memory" },
	{ "enotconn", ENOTCONN, 0, 0, "no front" },
	{ "einval", EINVAL, 0, 0, "odd" },
	{ "failed", 0, 10, ENOKEY, "btusb: bad signature (ENOKEY)" },
	{ "symbol", 0, 10, ENOENT, "wl: Unknown symbol \"x\\y\"\n\tin \x01 module \xff" },
	{ "inuse", 0, 10, EBUSY, "snd: in use by snd_hda" },
	{ "late", 0, 10, ETIMEDOUT, "not done within the time limit" },
	{ "silent", 0, 10, ENODEV, "" },
	{ "long", 0, 10, EIO, LONG_TEXT },
	{ "empty", 0, 10, 0, "" },
};

static char dir[] = "/tmp/pvkit-call.XXXXXX";
static char path[64];

/* ---- the kernel's stand-in, in the child ---- */

/* As many at once as it takes. */
#define K_REQUESTS_MAX	4

static struct {
	struct event_base *base;
	struct http *http;
	int journal;
	uint32_t seq;
	unsigned int in_flight;
} k;

/* What the container names. */
static const char *const manual[] = { "slow", "good", "lost" };

static int k_whois(void *arg, int fd, int listener_fd, struct pvk_peer *peer,
		   struct pvk_err *err)
{
	(void)arg;
	(void)fd;
	(void)listener_fd;
	(void)err;
	*peer = (struct pvk_peer){ .kind = PV_DRIVER_PEER_CONTAINER, .container = "app", .id = 1 };
	return 0;
}

static int k_drivers(void *arg, uint64_t id, struct pvk_drivers *list, struct pvk_err *err)
{
	(void)arg;
	(void)id;
	(void)err;
	*list = (struct pvk_drivers){ .item = calloc(PVK_ARRAY_SIZE(manual), sizeof(*list->item)) };
	for (; list->count < PVK_ARRAY_SIZE(manual); list->count++) {
		strcpy(list->item[list->count].alias, manual[list->count]);
		list->item[list->count].type = PV_DRIVER_TYPE_MANUAL;
	}
	return 0;
}

/* Each has a module that is called as it is, but one that is built in. */
static int k_driver(void *arg, const char *alias, uint64_t id, struct pvk_driver *driver,
		    struct pvk_err *err)
{
	(void)arg;
	*driver = (struct pvk_driver){ .state = PV_DRIVER_STATE_LOADED };
	if (id)
		return pvk_err_set(err, -EPERM, "only as the host sees it");
	if (!strcmp(alias, "empty"))
		return 0;
	driver->modules = calloc(1, sizeof(*driver->modules));
	driver->n_modules = 1;
	strcpy(driver->modules[0].name, alias);
	driver->modules[0].flags = PV_DRIVER_MODULE_FLAG_LIVE;
	return 0;
}

struct promise {
	uint32_t seq;
	const struct fate *fate;
};

static void keep_promise(evutil_socket_t fd, short what, void *arg)
{
	struct promise *promise = arg;
	struct pvk_outcome outcome = { .seq = promise->seq, .error = promise->fate->error };

	(void)fd;
	(void)what;
	k.in_flight--;
	snprintf(outcome.text, sizeof(outcome.text), "%s", promise->fate->text);
	free(promise);
	http_outcome(k.http, &outcome);
}

static int take(const struct fate *fate, uint32_t *seq)
{
	struct timeval then = { .tv_usec = fate->after_ms * 1000 };
	struct promise *promise;

	*seq = ++k.seq;
	if (fate->after_ms == NEVER)
		return 0;
	k.in_flight++;
	promise = calloc(1, sizeof(*promise));
	promise->seq = *seq;
	promise->fate = fate;
	event_base_once(k.base, -1, EV_TIMEOUT, keep_promise, promise, &then);
	return 0;
}

static int k_submit(void *arg, uint32_t op, const struct pvk_request *request,
		    uint32_t *seq, struct pvk_err *err)
{
	size_t i;

	(void)arg;
	if (k.in_flight == K_REQUESTS_MAX)
		return pvk_err_set(err, -EMFILE, "too many requests");
	dprintf(k.journal, "%s %s %u\n", pvk_op_name(op), request->alias, request->timeout_ms);
	for (i = 0; i < PVK_ARRAY_SIZE(fates); i++) {
		if (strcmp(fates[i].alias, request->alias))
			continue;
		if (fates[i].refusal)
			return pvk_err_set(err, -fates[i].refusal, "%s", fates[i].text);
		return take(&fates[i], seq);
	}
	return pvk_err_set(err, -ENOENT, "no such driver");
}

static void on_term(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_base_loopbreak(k.base);
}

static int serve(int listener, int uevent)
{
	const struct http_kernel kernel = {
		.whois = k_whois, .drivers = k_drivers, .driver = k_driver, .submit = k_submit,
		.timeout_ms = 2000,
	};
	const struct device_fds fds = {
		.sysfs = open(sysfs_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.uevent = uevent,
		.inet = -1,
	};
	struct event *term;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	k.base = event_base_new();
	k.http = http_new(k.base, &kernel, NULL, NULL);
	http_watch_devices(k.http, &fds);
	http_listen(k.http, listener);
	term = evsignal_new(k.base, SIGTERM, on_term, NULL);
	event_add(term, NULL);
	event_base_dispatch(k.base);
	event_free(term);
	http_free(k.http);
	event_base_free(k.base);
	return 0;
}

/* ---- tests ---- */

#define ERR(text)	"{\"Error\":\"" text "\"}"

static const char *submitted(int journal)
{
	static char text[4096];
	ssize_t n = read(journal, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static const struct {
	const char *name, *uri, *answer;
} rows[] = {
	{ "a driver that is not the container's", "eperm",
	  "403 " ERR("not named by this container") },
	{ "a container that ends meanwhile", "esrch", "403 " ERR("the container has ended") },
	{ "a driver that the board lacks", "enoent", "404 " ERR("no such driver") },
	{ "a use that can't end yet", "ebusy", "409 " ERR("ends with the container") },
	{ "a kernel without memory", "enomem", "500 " ERR("Cannot allocate memory") },
	{ "a front that the kernel forgot", "enotconn", "503 " ERR("no front") },
	{ "any other refusal", "einval", "400 " ERR("odd") },
	{ "a module's failure, in its words", "failed",
	  "400 " ERR("btusb: bad signature (ENOKEY)") },
	{ "words that JSON has to escape", "symbol",
	  "400 " ERR("wl: Unknown symbol \\\"x\\\\y\\\"\\n\\tin \\u0001 module \xef\xbf\xbd") },
	{ "a module that is in use", "inuse", "400 " ERR("snd: in use by snd_hda") },
	{ "a load that takes too long", "late", "504 " ERR("not done within the time limit") },
	{ "many words, whole", "long", "400 " ERR(LONG_TEXT) },
	{ "an errno without words", "silent", "400 " ERR("No such device") },
};

static void test_statuses(void)
{
	char uri[64];
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(rows); i++) {
		snprintf(uri, sizeof(uri), "/drivers/%s/load", rows[i].uri);
		ktap_str(http_ask(path, "PUT", uri), rows[i].answer, "%s", rows[i].name);
	}
}

static const struct {
	const char *query, *answer;
} options[] = {
	{ "timeout=1", "200" },
	{ "timeout=3600", "200" },
	{ "timeout=1&frob=2&x", "200" },
	{ "frob&timeout=0", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout=0", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout=3601", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout=", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout=0.5", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout=1.0", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout=1e3", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout=+5", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout=-5", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout=%205", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout=5%00", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout=5s", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout=4294967297", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout=99999999999999999999", "400 " ERR("timeout is 1 to 3600 seconds") },
	{ "timeout=5&timeout=x", "200" },
	{ "async=0", "200" },
	{ "async=1", "202" },
	{ "async=1&timeout=5", "202" },
	{ "async=yes", "400 " ERR("async is 1 or 0") },
	{ "wait=device", "400 " ERR("wait is for a load") },
	{ "wait=netdev", "400 " ERR("wait is for a load") },
	{ "wait=disk", "400 " ERR("wait is device or netdev") },
	{ "wait=", "400 " ERR("wait is device or netdev") },
};

static void test_options(int journal)
{
	char uri[128];
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(options); i++) {
		snprintf(uri, sizeof(uri), "/drivers/good/unload?%s", options[i].query);
		submitted(journal);
		ktap_str(http_ask(path, "PUT", uri), options[i].answer, "?%s", options[i].query);
		ktap_eq(!*submitted(journal), options[i].answer[0] == '4',
			"?%s: the kernel hears only of what is in order", options[i].query);
	}
}

/* An outcome that never comes must not keep the client for ever. */
static void test_lost(int journal)
{
	int64_t begun = pvk_now_ms(), took;
	int limited = http_begin(path, "PUT", "/drivers/lost/load?timeout=1");
	int unlimited = http_begin(path, "PUT", "/drivers/lost/load");
	int several = http_begin(path, "PUT", "/drivers/load?timeout=1");
	int gone = http_begin(path, "PUT", "/drivers/lost/load?timeout=1");
	unsigned int left = 0;
	const char *text;

	close(gone);
	submitted(journal);
	ktap_str(http_end(limited), "504 " ERR("no outcome came from the kernel"),
		 "a lost outcome is a time-out");
	took = pvk_now_ms() - begun;
	ktap_check(took > 900 + PVK_GRACE_MS && took < 2000 + PVK_GRACE_MS,
		   "the client's limit and a grace later (%lld ms)", (long long)took);
	ktap_str(http_end(several), "504 " ERR("lost: no outcome came from the kernel"),
		 "one of several is named");
	ktap_str(http_end(unlimited), "504 " ERR("no outcome came from the kernel"),
		 "without a limit of the client's");
	took = pvk_now_ms() - begun;
	ktap_check(took > 1900 + PVK_GRACE_MS && took < 3000 + PVK_GRACE_MS,
		   "the kernel's counts (%lld ms)", (long long)took);
	/* ?timeout= is how long the client waits, however many drivers it asks for. */
	text = strstr(submitted(journal), "load good");
	if (text)
		sscanf(text, "load good %u load lost", &left);
	ktap_check(left && left <= 300,
		   "the second driver has what the first left of a second: %u ms", left);
	ktap_str(http_ask(path, "PUT", "/drivers/good/load"), "200", "and the next is served");
}

/* Those that wait for room in the kernel wait no longer than any other. */
static void test_no_room(void)
{
	int fd[K_REQUESTS_MAX], waiting, i;

	for (i = 0; i < K_REQUESTS_MAX; i++)
		fd[i] = http_begin(path, "PUT", "/drivers/slow/load");
	waiting = http_begin(path, "PUT", "/drivers/good/load?timeout=1");
	for (i = 0; i < K_REQUESTS_MAX; i++)
		ktap_str(http_end(fd[i]), "200", "load %d of as many as the kernel takes", i);
	ktap_str(http_end(waiting), "200", "one more has its turn when there is room");
}

/* ---- ?wait= ---- */

static bool readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 200) == 1;
}

static void test_device_comes(int kernel)
{
	int any, net, i;

	sysfs_module("good");
	sysfs_driver("good");
	sysfs_module("slow");
	any = http_begin(path, "PUT", "/drivers/good/load?wait=device");
	net = http_begin(path, "PUT", "/drivers/good/load?wait=netdev");
	for (i = 0; i < 20; i++)
		ktap_str(http_ask(path, "PUT", "/drivers/good/load"), "200",
			 "others are served meanwhile (%d)", i);
	ktap_check(!readable(any), "no device, no answer");
	sysfs_device("d", "good");
	sysfs_uevent(kernel, "bind", "b");
	ktap_str(http_end(any), "200", "the device comes");
	ktap_check(!readable(net), "a device is no network interface");
	sysfs_interface("wlan0", "d");
	sysfs_uevent(kernel, "add", "net");
	ktap_str(http_end(net), "200", "the interface comes");
	ktap_str(http_ask(path, "PUT", "/drivers/good/load?wait=netdev&timeout=1"), "200",
		 "what is there is not waited for");
}

/* How long that takes, in ms; -1: something else came. */
static int64_t until_no_device(void)
{
	int64_t begun = pvk_now_ms();
	int fd = http_begin(path, "PUT", "/drivers/slow/load?wait=device&timeout=2");

	if (strcmp(http_end(fd),
		   "504 " ERR("slow is loaded, but no device of slow showed up within 2 s")))
		return -1;
	return pvk_now_ms() - begun;
}

static void test_device_does_not_come(void)
{
	int tries = 5, fd;
	int64_t took;

	/* A busy machine adds to it now and then, were it not part of the limit, always. */
	do
		took = until_no_device();
	while (took >= 2600 && --tries);
	ktap_check(took > 1900 && took < 2600,
		   "no device comes; the load's 700 ms are part of the limit: %lld ms",
		   (long long)took);
	/* Should no uevent tell, the last look does. */
	fd = http_begin(path, "PUT", "/drivers/slow/load?wait=device&timeout=4");
	usleep(1200000);
	sysfs_driver("slow");
	sysfs_device("s", "slow");
	ktap_str(http_end(fd), "200", "a device whose uevent got lost");

	fd = http_begin(path, "PUT", "/drivers/inuse/load?wait=device");
	ktap_str(http_end(fd), "400 " ERR("snd: in use by snd_hda"), "a load that fails");
	ktap_str(http_ask(path, "PUT", "/drivers/empty/load?wait=netdev"),
		 "400 " ERR("empty is loaded, but without modules no network interface is its own"),
		 "a driver without modules");
	ktap_str(http_ask(path, "PUT", "/drivers/good/load?wait=device&async=1"),
		 "400 " ERR("wait and async exclude each other"), "wait and do not wait");
}

static void test_driver_goes(int kernel)
{
	int fd;

	sysfs_remove(sysfs_path("class/net/wlan0"));
	sysfs_remove(sysfs_path("bus/b/drivers/good/d"));
	fd = http_begin(path, "PUT", "/drivers/good/load?wait=device");
	ktap_check(!readable(fd), "while it waits");
	sysfs_remove(sysfs_path("module/good"));
	sysfs_uevent(kernel, "remove", "module");
	ktap_str(http_end(fd), "409 " ERR("good was unloaded before a device of it showed up"),
		 "the driver is unloaded");
}

/* No device came; asked again as long as it is not noticed yet who has gone. */
static bool ends_in_time(int fd)
{
	const char *answer = http_end(fd);
	int tries = 20;

	while (!strncmp(answer, "503 ", 4) && --tries) {
		usleep(100000);
		answer = http_ask(path, "PUT", "/drivers/good/load?wait=device&timeout=1");
	}
	return !strncmp(answer, "504 ", 4);
}

/* Who goes away waits no more; who has only said all that there is to say still does. */
static void test_waiting_client_goes(void)
{
	int fd[16], half;
	size_t i;

	sysfs_module("good");
	half = http_begin(path, "PUT", "/drivers/good/load?wait=device&timeout=2");
	shutdown(half, SHUT_WR);
	for (i = 0; i < PVK_ARRAY_SIZE(fd) - 1; i++)
		fd[i] = http_begin(path, "PUT", "/drivers/good/load?wait=device&timeout=60");
	ktap_check(!readable(fd[0]), "as many wait as a container may have");
	ktap_str(http_ask(path, "PUT", "/drivers/good/load"), "503 " ERR("too many requests"),
		 "one more is refused");
	for (i = 0; i < PVK_ARRAY_SIZE(fd) - 1; i++)
		close(fd[i]);
	usleep(200000);
	for (i = 0; i < PVK_ARRAY_SIZE(fd) - 1; i++)
		fd[i] = http_begin(path, "PUT", "/drivers/good/load?wait=device&timeout=1");
	for (i = 0; i < PVK_ARRAY_SIZE(fd) - 1; i++)
		ktap_check(ends_in_time(fd[i]),
			   "when they have gone there is room for others (%zu)", i);
	ktap_check(!strncmp(http_end(half), "504 ", 4), "a connection that is half closed");
}

/* How many bytes there are to read once there come no more. */
static int settled(int fd)
{
	int before = -1, now = 0, same = 0;

	while (same < 5) {
		usleep(50000);
		ioctl(fd, FIONREAD, &now);
		same = now == before ? same + 1 : 0;
		before = now;
	}
	return now;
}

/*
 * Given a client that reads nothing, so that what evhttp writes before the body comes
 * is still to be written when the load begins: evhttp sees the client go by itself.
 */
static void test_client_goes_unread(void)
{
	static const char get[] = "GET /drivers HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char put[] = "PUT /drivers/slow/load?wait=device HTTP/1.1\r\nHost: x\r\n"
		"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n";
	int one, most, i, fd = http_dial(path);

	send(fd, get, sizeof(get) - 1, MSG_NOSIGNAL);
	one = settled(fd);
	for (i = 0; i < 500; i++)
		send(fd, get, sizeof(get) - 1, MSG_NOSIGNAL);
	most = settled(fd) / one;
	close(fd);
	ktap_check(most > 1 && most < 500, "a socket that nobody reads is full with %d answers",
		   most);

	fd = http_dial(path);
	for (i = 0; i < most; i++)
		send(fd, get, sizeof(get) - 1, MSG_NOSIGNAL);
	send(fd, put, sizeof(put) - 1, MSG_NOSIGNAL);
	ktap_eq(settled(fd), most * one, "100 Continue waits for room");
	send(fd, "x", 1, MSG_NOSIGNAL);
	settled(fd);
	close(fd);
	usleep(1000000);
	ktap_str(http_ask(path, "PUT", "/drivers/good/load"), "200",
		 "when the load is done nobody waits for its device");
}

int main(void)
{
	int fds[2], uevents[2], listener, status;
	struct pvk_err err;
	pid_t pid;

	ktap_plan(0);
	if (!mkdtemp(dir) || pipe2(fds, O_NONBLOCK) ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, uevents)) {
		perror(dir);
		return 1;
	}
	sysfs_new(dir);
	snprintf(path, sizeof(path), "%s/socket", dir);
	listener = listen_at(path, &err);
	if (listener < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	k.journal = fds[1];
	fflush(stdout);
	pid = fork();
	if (!pid)
		exit(serve(listener, uevents[1]));
	close(listener);
	close(uevents[1]);

	test_statuses();
	test_options(fds[0]);
	test_no_room();
	test_lost(fds[0]);
	test_device_comes(uevents[0]);
	test_device_does_not_come();
	test_driver_goes(uevents[0]);
	test_waiting_client_goes();
	test_client_goes_unread();

	kill(pid, SIGTERM);
	ktap_check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status),
		   "the server ends without a complaint of the sanitizers");
	sysfs_remove(dir);
	return ktap_finish();
}
