// SPDX-License-Identifier: MIT
/*
 * Bad HTTP against the front, as tests/lib/http_cases.h lists it, with sanitizers:
 * given a server of the host's root, when a client sends what stands there, then
 * the answers and the connection's fate are those that stand beside it, and no
 * body has become a request.
 */
#include "http_cases.h"
#include "http_server.h"

static bool is_smuggled(void)
{
	struct stat st;
	char path[128];

	snprintf(path, sizeof(path), "%s/smuggled", store);
	return !stat(path, &st) && !unlink(path);
}

static void test_cases(const struct http_case *c, size_t count)
{
	char got[256];

	for (; count; c++, count--) {
		http_case_run(socket_path, c, got, sizeof(got));
		ktap_str(got, c->want, "%s", c->name);
		ktap_check(!is_smuggled(), "%s: no body became a request", c->name);
	}
}

static void test_large_cases(void)
{
	struct http_case c;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(http_large_cases); i++) {
		c = http_case_build(&http_large_cases[i]);
		test_cases(&c, 1);
		free((char *)c.bytes);
	}
}

int main(void)
{
	pid_t pid;

	ktap_plan(0);
	pid = server_start();
	test_cases(http_cases, PVK_ARRAY_SIZE(http_cases));
	test_large_cases();
	test_cases(http_endless_cases, PVK_ARRAY_SIZE(http_endless_cases));
	ktap_check(server_end(pid), "the server ends without a complaint of the sanitizers");
	server_remove();
	return ktap_finish();
}
