// SPDX-License-Identifier: MIT
/*
 * Metadata on a flash that takes its time. Given a server whose fsync() returns
 * only when the test lets it: everybody else is served meanwhile, writes keep
 * their order, what is too many is refused, and whenever the server ends the value
 * is the old one or the new one. What happens before what is asserted by steps,
 * not by clocks; a clock only ends a wait for what never comes.
 */
#include <sys/mman.h>
#include <sys/syscall.h>

#include "http_kernel.h"
#include "meta.h"

#define PATIENCE_MS	20000
#define MGMT_MAX	16	/* writes of one container that wait */
#define OTHERS_MAX	56	/* of all containers and the host */
#define ALL_MAX		64
#define PLAIN_MAX	16

/* Shared with the server; the pipes say a byte for each fsync(). */
static volatile bool *hold;
static int begun[2], let[2];

int fsync(int fd)
{
	char byte = 0;

	if (hold && *hold && (write(begun[1], &byte, 1) != 1 || read(let[0], &byte, 1) != 1))
		_exit(9);
	return (int)syscall(SYS_fsync, fd);
}

static void wait_for_fsync(const char *what)
{
	struct pollfd pfd = { .fd = begun[0], .events = POLLIN };
	char byte;

	if (poll(&pfd, 1, PATIENCE_MS) != 1 || read(begun[0], &byte, 1) != 1)
		ktap_fail("%s: nothing is synced", what);
}

static void let_fsync(void)
{
	(void)!write(let[1], "", 1);
}

/* A write is two of them: the file, then the directory. */
static void let_write(void)
{
	let_fsync();
	wait_for_fsync("the directory");
	let_fsync();
}

/* From now on none is held; one that is begun goes on. */
static void let_all(void)
{
	*hold = false;
	let_fsync();
}

/* ---- clients ---- */

static int ask(enum who who, const char *method, const char *path, const char *body)
{
	int fd = dial(who);
	char text[512];

	snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		 "Content-Length: %zu\r\n\r\n%s", method, path, strlen(body), body);
	if (!body[0])
		snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\n"
			 "Connection: close\r\n\r\n", method, path);
	send_text(fd, text);
	return fd;
}

static int put(enum who who, const char *key, const char *value)
{
	char path[64];

	snprintf(path, sizeof(path), "/user-meta/%s", key);
	return ask(who, "PUT", path, value);
}

static char answer[4096];

/* The status, 0 if none comes; the whole is in answer. */
static int status_of(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n = 1;
	int status = 0;

	while (n > 0 && len < sizeof(answer) - 1 && poll(&pfd, 1, PATIENCE_MS) == 1) {
		n = read(fd, answer + len, sizeof(answer) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	answer[len] = '\0';
	close(fd);
	return sscanf(answer, "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

static int get_drivers(enum who who)
{
	return status_of(ask(who, "GET", "/drivers", ""));
}

static bool is_answered(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

/*
 * The server reads connections in the order in which they were made: when one has its
 * answer, those before it have been read.
 */
static void all_read(void)
{
	if (get_drivers(HOST) != 200 || get_drivers(HOST) != 200)
		ktap_fail("the server does not answer");
}

static bool has(const char *key, const char *value)
{
	char member[64];

	if (status_of(ask(HOST, "GET", "/user-meta", "")) != 200)
		return false;
	snprintf(member, sizeof(member), "\"%s\":\"%s\"", key, value);
	return strstr(answer, member);
}

static void forget(const char *key)
{
	char path[64];

	snprintf(path, sizeof(path), "/user-meta/%s", key);
	status_of(ask(HOST, "DELETE", path, ""));
}

/* ---- tests ---- */

static void test_others_go_on(void)
{
	int fd, fd2, get;

	*hold = true;
	fd = put(MGMT, "a", "1");
	wait_for_fsync("PUT a");
	ktap_eq(get_drivers(PLAIN), 200, "GET /drivers is answered while a write is synced");
	ktap_eq(get_drivers(MGMT), 200, "to the writer too");
	ktap_check(!is_answered(fd), "the write is not, before it is durable");
	ktap_str(kernel("idle"), "busy", "a server with a write under way is not idle");
	let_fsync();
	wait_for_fsync("the directory of a");
	all_read();
	ktap_check(!is_answered(fd), "nor when only its file is");

	fd2 = put(MGMT, "b", "2");
	get = ask(HOST, "GET", "/user-meta", "");
	all_read();
	ktap_check(!is_answered(get), "GET waits for the write that is under way");
	let_fsync();
	wait_for_fsync("PUT b");
	ktap_eq(status_of(get), 200, "but not for the next, which came before it");
	ktap_check(strstr(answer, "{\"a\":\"1\"}"), "and shows what is written, not what waits");
	ktap_eq(status_of(fd), 200, "the first write is answered");
	let_all();
	ktap_eq(status_of(fd2), 200, "so is the second");
	ktap_check(has("b", "2"), "and a GET after that shows it");
	ktap_str(kernel("idle"), "idle", "then it is");
	forget("a");
	forget("b");
}

static void test_order(void)
{
	static const char *const values[] = { "1", "2", "3", "4" };
	int fd[4], i, wrong = 0, early = 0;

	*hold = true;
	for (i = 0; i < 4; i++) {
		fd[i] = put(i % 2 ? HOST : MGMT, "k", values[i]);
		all_read();
	}
	for (i = 0; i < 4; i++) {
		wait_for_fsync("a write in a row");
		early += is_answered(fd[i]);
		if (i)
			wrong += status_of(fd[i - 1]) != 200;
		if (i == 3)
			let_all();
		else
			let_write();
	}
	wrong += status_of(fd[3]) != 200;
	ktap_check(!wrong && !early, "writes of one key are done and answered as they came");
	ktap_check(has("k", "4"), "the last one is what stays");
	forget("k");
}

static void test_too_many(void)
{
	int fd[ALL_MAX], n = 0, wrong = 0, i;

	*hold = true;
	for (; n < MGMT_MAX; n++)
		fd[n] = put(MGMT, "k", "v");
	all_read();
	wait_for_fsync("the first of many");
	ktap_eq(status_of(put(MGMT, "k", "v")), 503, "of one container %d wait", MGMT_MAX);
	ktap_check(strstr(answer, "{\"Error\":\"too many requests wait for the metadata's disk\"}"),
		   "the next is told why not");
	ktap_eq(status_of(ask(MGMT, "GET", "/user-meta", "")), 503, "so is its GET");
	ktap_eq(get_drivers(MGMT), 200, "its GET /drivers is answered");
	for (; n < MGMT_MAX + PLAIN_MAX - 1; n++)
		fd[n] = ask(PLAIN, "GET", "/user-meta", "");
	for (; n < OTHERS_MAX - 1; n++)
		fd[n] = put(HOST, "k", "w");
	fd[n++] = ask(PLAIN, "GET", "/user-meta", "");
	all_read();
	ktap_check(!is_answered(fd[n - 1]), "another container still finds room");
	ktap_eq(status_of(ask(PLAIN, "GET", "/user-meta", "")), 503, "%d wait: no more for "
		"containers", OTHERS_MAX);
	for (; n < ALL_MAX; n++)
		fd[n] = put(HOST, "k", "w");
	all_read();
	ktap_eq(status_of(put(HOST, "k", "w")), 503, "%d wait: none for the host either", ALL_MAX);
	let_all();
	for (i = 0; i < n; i++)
		wrong += status_of(fd[i]) != 200;
	ktap_eq(wrong, 0, "all that was accepted is done");
	ktap_eq(status_of(put(MGMT, "k", "v")), 200, "then there is room again");
	forget("k");
}

static void test_client_gone(void)
{
	int fd, half;

	*hold = true;
	fd = put(MGMT, "a", "1");
	wait_for_fsync("PUT a");
	close(fd);
	close(put(MGMT, "b", "2"));
	close(ask(PLAIN, "GET", "/user-meta", ""));
	half = put(MGMT, "b", "2");
	shutdown(half, SHUT_WR);
	all_read();
	let_all();
	ktap_eq(status_of(half), 200, "a client that only says no more gets its answer");
	ktap_check(has("a", "1") && has("b", "2"), "a write is done though its client has gone");
	forget("a");
	forget("b");
}

/* ---- the end ---- */

static bool file_is(const char *key, const char *value)
{
	pvk_auto_buf struct pvk_buf got = PVK_BUF_INIT(PVK_META_VALUE_MAX);
	pvk_auto_meta struct pvk_meta *meta = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/user-meta", dir);
	return !pvk_meta_open(&meta, AT_FDCWD, path, 0) && !pvk_meta_get(meta, key, &got) &&
		!strcmp(pvk_buf_str(&got), value);
}

/* After the server: its store has to be empty when stop() removes it. */
static void remove_key(const char *key)
{
	pvk_auto_meta struct pvk_meta *meta = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/user-meta", dir);
	if (!pvk_meta_open(&meta, AT_FDCWD, path, 0))
		pvk_meta_delete(meta, key);
}

static void test_killed(unsigned int steps, const char *want, const char *what)
{
	int fd;

	start(false);
	status_of(put(HOST, "k", "old"));
	*hold = true;
	fd = put(MGMT, "k", "new");
	wait_for_fsync("the file");
	if (steps) {
		let_fsync();
		wait_for_fsync("the directory");
	}
	kill(server, SIGKILL);
	*hold = false;
	ktap_eq(status_of(fd), 0, "killed while %s is synced: no answer", what);
	ktap_check(file_is("k", want), "and the value is the %s one", want);
	remove_key("k");
	stop();
}

static void test_ends_well(void)
{
	int fd[3], i, wrong = 0, late, usual = finish_ms;

	finish_ms = PATIENCE_MS;
	start(false);
	finish_ms = usual;
	late = dial(HOST);
	*hold = true;
	fd[0] = put(MGMT, "k", "1");
	wait_for_fsync("the first");
	fd[1] = put(MGMT, "k", "2");
	fd[2] = put(HOST, "k", "3");
	all_read();
	/* That it is to end. */
	shutdown(control, SHUT_WR);
	send_text(late, "GET /drivers HTTP/1.1\r\nHost: x\r\n\r\n");
	ktap_eq(status_of(late), 503, "a server that is told to end takes no more requests");
	ktap_check(strstr(answer, "pvkitd is ending"), "and says so");
	let_all();
	for (i = 0; i < 3; i++)
		wrong += status_of(fd[i]) != 200;
	ktap_eq(wrong, 0, "what it had accepted is done and answered");
	ktap_check(file_is("k", "3"), "the last one is what stays");
	remove_key("k");
	ktap_check(stop(), "it ends without a complaint of the sanitizers");
}

static void test_ends_all_the_same(void)
{
	int fd, status;

	start(false);
	status_of(put(HOST, "k", "old"));
	*hold = true;
	fd = put(MGMT, "k", "new");
	wait_for_fsync("the file");
	shutdown(control, SHUT_WR);
	waitpid(server, &status, 0);
	*hold = false;
	ktap_check(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_UNFINISHED,
		   "a server ends though the flash never does, and knows what is undone");
	ktap_eq(status_of(fd), 0, "which is not answered");
	ktap_check(file_is("k", "old"), "and the value is the old one");
	remove_key("k");
	stop();
}

/* What no pvkitd does: connections go while the thread has their requests. */
static void test_ends_at_once(void)
{
	int fd[2], status;

	at_once = true;
	start(false);
	at_once = false;
	*hold = true;
	fd[0] = put(MGMT, "k", "1");
	wait_for_fsync("the first");
	fd[1] = put(HOST, "k", "2");
	all_read();
	shutdown(control, SHUT_WR);
	ktap_eq(status_of(fd[0]), 0, "a server that ends at once answers none");
	ktap_eq(status_of(fd[1]), 0, "nor what has not begun");
	let_all();
	waitpid(server, &status, 0);
	ktap_check(WIFEXITED(status) && !WEXITSTATUS(status), "and complains of nothing");
	ktap_check(file_is("k", "1"), "what was begun is done, and no more");
	remove_key("k");
	stop();
}

int main(void)
{
	ktap_plan(0);
	hold = mmap(NULL, sizeof(*hold), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	if (hold == MAP_FAILED || pipe2(begun, O_CLOEXEC) || pipe2(let, O_CLOEXEC))
		ktap_fail("pipe: %s", strerror(errno));
	start(false);
	test_others_go_on();
	test_order();
	test_too_many();
	test_client_gone();
	ktap_check(stop(), "the server ends without a complaint of the sanitizers");
	test_killed(0, "old", "the file");
	test_killed(1, "new", "the directory");
	test_ends_well();
	test_ends_at_once();
	test_ends_all_the_same();
	return ktap_finish();
}
