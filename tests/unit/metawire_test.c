// SPDX-License-Identifier: MIT
/*
 * Metadata over the wire: given a server of the host's root, what goes in with PUT
 * comes out of GET as JSON, byte for byte where JSON can say it; no key leaves the
 * store; writers at once never mix; and what was answered with 200 is there after
 * the server was killed.
 */
#include <ftw.h>

#include "http_client.h"
#include "http_server.h"
#include "json.h"

#define WRITERS		50
#define TURNS		5
#define PATIENCE_MS	60000	/* each write is synced, and fifty may be before it */

static char reply[9 * 1024 * 1024];

static void read_reply(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < sizeof(reply) - 1 && poll(&pfd, 1, PATIENCE_MS) == 1) {
		n = read(fd, reply + len, sizeof(reply) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	reply[len] = '\0';
}

/* The status; reply is then the body, of *len bytes. */
static int ask(const char *method, const char *path, const void *body, size_t body_len,
	       size_t *len)
{
	char head[4096];
	int fd = dial_path(socket_path), status = 0, n;
	const char *end;
	size_t at;

	n = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		     "Content-Length: %zu\r\n\r\n", method, path, body_len);
	send_all(fd, head, (size_t)n);
	send_all(fd, body, body_len);
	read_reply(fd);
	close(fd);
	end = strstr(reply, "\r\n\r\n");
	if (!end || sscanf(reply, "HTTP/1.1 %d", &status) != 1)
		return 0;
	at = (size_t)(end - reply) + 4;
	end = strstr(reply, "Content-Length: ");
	if (!end || sscanf(end, "Content-Length: %d", &n) != 1)
		return 0;
	memmove(reply, reply + at, (size_t)n + 1);
	if (len)
		*len = (size_t)n;
	return status;
}

static int put(const char *key, const void *value, size_t len)
{
	char path[1024];

	snprintf(path, sizeof(path), "/user-meta/%s", key);
	return ask("PUT", path, value, len, NULL);
}

/* GET /user-meta as JSON; NULL if it is none. */
static struct json_doc *get(void)
{
	const struct json_limits limits = { .max_bytes = sizeof(reply) };
	struct json_doc *doc = NULL;
	size_t len;

	if (ask("GET", "/user-meta", "", 0, &len) != 200 ||
	    json_parse(reply, len, &limits, &doc, NULL))
		return NULL;
	return doc;
}

/* ---- values ---- */

#define VALUE(what, in)			{ what, in, sizeof(in) - 1, in, sizeof(in) - 1 }
#define VALUE_BECOMES(what, in, out)	{ what, in, sizeof(in) - 1, out, sizeof(out) - 1 }
#define BAD				"\xef\xbf\xbd"

static const struct {
	const char *what;
	const char *in;
	size_t in_len;
	const char *out;
	size_t out_len;
} values[] = {
	VALUE("a word", "x"),
	VALUE("quotes and backslashes", "\"a\\b\" \\\" \\u0041 '"),
	VALUE("newlines", "\na\r\nb\n"),
	VALUE("a newline at the end, which stays", "a\n"),
	VALUE("white space", " \t "),
	VALUE("references, which stay what they are",
	      "$ $$ ${user-meta:k} ${device-meta:x:-y} $(id)"),
	VALUE("what a shell would do", "x=1 install=/bin/sh; `id` | & > <"),
	VALUE("a NUL", "a\0b"),
	VALUE("nothing but NULs", "\0\0\0"),
	VALUE("every control character", "\1\2\3\4\5\6\7\b\t\n\v\f\r\16\17\20\21\22\23\24\25\26\27"
	      "\30\31\32\33\34\35\36\37\x7f"),
	VALUE("JSON", "{\"a\":[1,null,\"\\ud800\"]}"),
	VALUE("HTML", "<script>&amp;</script>"),
	VALUE("UTF-8 of two, three and four bytes", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
	VALUE("line separators of JavaScript", "\xe2\x80\xa8\xe2\x80\xa9"),
	VALUE("a request", "GET /user-meta HTTP/1.1\r\nHost: x\r\n\r\n"),
	VALUE("an answer", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
	VALUE_BECOMES("bytes that are no UTF-8", "a\xff\xfe" "b", "a" BAD BAD "b"),
	VALUE_BECOMES("half a character", "a\xe2\x82", "a" BAD BAD),
	VALUE_BECOMES("an overlong slash", "\xc0\xaf", BAD BAD),
	VALUE_BECOMES("a surrogate", "\xed\xa0\x80", BAD BAD BAD),
	VALUE_BECOMES("what is above U+10FFFF", "\xf4\x90\x80\x80", BAD BAD BAD BAD),
};

static void test_values(void)
{
	size_t i, len;

	for (i = 0; i < PVK_ARRAY_SIZE(values); i++) {
		json_auto struct json_doc *doc = NULL;
		const char *got;

		ktap_eq(put("k", values[i].in, values[i].in_len), 200, "%s: is taken",
			values[i].what);
		doc = get();
		ktap_check(doc, "%s: GET gives JSON", values[i].what);
		got = json_string(json_get(json_root(doc), "k"), &len);
		ktap_check(got && len == values[i].out_len &&
			   !memcmp(got, values[i].out, len), "%s: GET gives it back",
			   values[i].what);
	}
}

static void test_lengths(void)
{
	static char value[PVK_META_VALUE_MAX + 1];
	json_auto struct json_doc *doc = NULL;
	size_t len = 0;

	memset(value, 1, sizeof(value));
	ktap_eq(put("k", value, PVK_META_VALUE_MAX), 200,
		"4096 bytes, each six in JSON, are taken");
	ktap_eq(put("k", value, PVK_META_VALUE_MAX + 1), 507, "4097 are not");
	doc = get();
	json_string(json_get(json_root(doc), "k"), &len);
	ktap_eq((long long)len, PVK_META_VALUE_MAX, "what was there before is there still");
}

/* ---- keys ---- */

static bool key_byte_ok(int c)
{
	return pvk_isalnum((unsigned char)c) || (c && strchr("._+@:-", c));
}

static size_t files;

static int count_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	files += type != FTW_D && !S_ISSOCK(st->st_mode);
	return 0;
}

/* Below the directory that the store is in. */
static size_t count_files(void)
{
	files = 0;
	nftw(dir, count_file, 16, FTW_PHYS);
	return files;
}

static void test_keys(void)
{
	static const char *const odd[] = {
		".", "..", "%2e%2e", "..%2fx", "%2e%2e%2fx", "..%5cx", "%2fx", "x%2f", ".new",
		"%00", "x%00y", "x%0a", "a:-b", "%ff", "%c0%af", "%E2%82%AC", "x%25y", "%", "%4",
		"%zz", "*", "~",
	};
	char key[300];
	int c, want, wrong = 0;
	size_t i;

	for (c = 1; c < 256; c++) {
		snprintf(key, sizeof(key), "a%%%02xb", c);
		want = key_byte_ok(c) ? 200 : 400;
		if (put(key, "v", 1) != want && ++wrong)
			printf("# byte %02x: not %d\n", c, want);
	}
	ktap_eq(wrong, 0, "of each byte in a key it is known whether it may be there");
	for (c = 1, wrong = 0; c < 256; c++) {
		/* These end a request's path, or the request line. */
		if (c == '?' || c == '#' || c == '%' || c == '/' || key_byte_ok(c))
			continue;
		snprintf(key, sizeof(key), "raw%cb", c);
		if (put(key, "v", 1) != 400 && ++wrong)
			printf("# raw byte %02x: not 400\n", c);
	}
	ktap_eq(wrong, 0, "as it is, too");
	for (i = 0; i < PVK_ARRAY_SIZE(odd); i++)
		ktap_eq(put(odd[i], "v", 1), 400, "the key %s is refused", odd[i]);
	memset(key, 'k', sizeof(key));
	key[PVK_META_KEY_MAX + 1] = '\0';
	ktap_eq(put(key, "v", 1), 400, "a key of 256 bytes is refused");
	key[PVK_META_KEY_MAX] = '\0';
	ktap_eq(put(key, "v", 1), 200, "one of 255 is taken");
}

static void test_keys_stay_in_their_store(void)
{
	json_auto struct json_doc *doc = get();

	ktap_eq((long long)count_files(), (long long)json_count(json_root(doc)),
		"all files there are, and nowhere else, are keys that GET shows");
}

static void test_delete_all(void)
{
	json_auto struct json_doc *doc = get(), *after = NULL;
	const struct json *key, *value;
	char path[512];
	int wrong = 0;

	json_for_each_member(key, value, json_root(doc)) {
		snprintf(path, sizeof(path), "/user-meta/%s", json_cstr(key));
		wrong += ask("DELETE", path, "", 0, NULL) != 200;
	}
	ktap_eq(wrong, 0, "each key that GET shows can be deleted");
	after = get();
	ktap_eq((long long)json_count(json_root(after)), 0, "then there is none");
}

/* ---- at once ---- */

static int write_turns(int writer)
{
	char value[PVK_META_VALUE_MAX];
	int i;

	/* Each its own length, so that a mix of two shows at the end too. */
	memset(value, 'A' + writer, sizeof(value));
	for (i = 0; i < TURNS; i++)
		if (put("k", value, sizeof(value) - (size_t)writer * 8) != 200)
			return 1;
	return 0;
}

static bool is_one_writers(const char *value, size_t len)
{
	size_t i;

	for (i = 1; i < len; i++)
		if (value[i] != value[0])
			return false;
	return len && len == PVK_META_VALUE_MAX - (size_t)(value[0] - 'A') * 8;
}

static void test_writers_at_once(void)
{
	int left = WRITERS, mixed = 0, failed = 0, reads = 0, status, i;
	pid_t pid;

	put("k", "A", 1);
	fflush(stdout);
	for (i = 0; i < WRITERS; i++) {
		pid = fork();
		if (!pid)
			_exit(write_turns(i));
	}
	while (left) {
		json_auto struct json_doc *doc = get();
		const char *value;
		size_t len = 0;

		value = json_string(json_get(json_root(doc), "k"), &len);
		reads++;
		if (!value || (len > 1 && !is_one_writers(value, len)))
			mixed++;
		while (waitpid(-1, &status, WNOHANG) > 0) {
			left--;
			failed += status != 0;
		}
	}
	ktap_eq(failed, 0, "%d writers of one key, %d times each: all are told 200", WRITERS,
		TURNS);
	ktap_check(!mixed && reads > 1, "none of %d readings found a mix", reads);
}

/* ---- restart ---- */

static pid_t test_killed(pid_t server)
{
	json_auto struct json_doc *before = NULL, *after = NULL;
	const struct json *key, *value;
	int wrong = 0, status;
	char name[16];
	int i;

	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "key.%d", i);
		wrong += put(name, name, strlen(name)) != 200;
	}
	before = get();
	kill(server, SIGKILL);
	waitpid(server, &status, 0);
	server = server_start();
	after = get();
	json_for_each_member(key, value, json_root(before)) {
		const char *now = json_cstr(json_get(json_root(after), json_cstr(key)));

		wrong += !now || strcmp(now, json_cstr(value));
	}
	ktap_eq(wrong, 0, "what was answered with 200 is there after the server was killed");
	ktap_eq((long long)json_count(json_root(after)), (long long)json_count(json_root(before)),
		"and nothing else");
	return server;
}

int main(void)
{
	pid_t server;

	ktap_plan(0);
	server = server_start();
	test_values();
	test_lengths();
	test_keys();
	test_keys_stay_in_their_store();
	test_delete_all();
	test_writers_at_once();
	server = test_killed(server);
	ktap_check(server_end(server), "the server ends without a complaint of the sanitizers");
	server_remove();
	return ktap_finish();
}
