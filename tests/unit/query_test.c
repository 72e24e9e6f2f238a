// SPDX-License-Identifier: MIT
/*
 * Parameters of a request: given the text behind the question mark, what does an
 * endpoint find when it asks for one by name?
 */
#include <errno.h>

#include "ktap.h"
#include "query.h"

static void finds(const char *text, const char *name, const char *want)
{
	struct query query;

	query_parse(&query, text);
	ktap_str(query_get(&query, name), want, "%s in \"%s\"", name, text ? text : "(none)");
	query_free(&query);
}

static void switches(const char *text, int want, bool want_on)
{
	struct query query;
	bool on = !want_on;
	int ret;

	query_parse(&query, text);
	ret = query_switch(&query, "s", &on);
	ktap_check(ret == want && on == want_on, "\"%s\" is %s", text,
		   want ? "no switch" : want_on ? "on" : "off");
	query_free(&query);
}

static void test_values(void)
{
	finds(NULL, "a", NULL);
	finds("", "", NULL);
	finds("a=1&b=2", "b", "2");
	finds("a=1&a=2", "a", "1");
	finds("a", "a", "");
	finds("x&a=1", "a", "1");
	finds("&&a=1&&", "a", "1");
	finds("=1&a=2", "a", "2");
	finds("=1", "", "1");
	finds("a=b=c", "a", "b=c");
	finds("a=1", "A", NULL);
	finds("a=1", "aa", NULL);
}

/* What is no escape is not dropped: a limit that is nonsense must not become none. */
static void test_escapes(void)
{
	finds("%61=%31%26%3d", "a", "1&=");
	finds("a=%0a5", "a", "\n5");
	finds("a=%00", "a", "%00");
	finds("a=5%", "a", "5%");
	finds("a=%4", "a", "%4");
	finds("a=%zz%31", "a", "%zz%31");
	finds("a=1+2", "a", "1+2");
}

static void test_many(void)
{
	char text[4 * QUERY_MAX + 16];
	struct query query;
	size_t len = 0;
	int i;

	for (i = 0; i < QUERY_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "x&");
	snprintf(text + len, sizeof(text) - len, "y=1");
	query_parse(&query, text);
	ktap_eq((long long)query.count, QUERY_MAX, "no more than there is room for");
	ktap_str(query_get(&query, "y"), NULL, "what comes after is not seen");
	query_free(&query);
}

static void test_switches(void)
{
	switches("", 0, false);
	switches("s=1", 0, true);
	switches("s=0", 0, false);
	switches("s", 0, false);
	switches("s=true", -EINVAL, false);
	switches("s=11", -EINVAL, false);
	switches("s=%201", -EINVAL, false);
}

int main(void)
{
	ktap_plan(28);
	test_values();
	test_escapes();
	test_many();
	test_switches();
	return ktap_finish();
}
