/* SPDX-License-Identifier: MIT */
/*
 * KTAP for tests written in C: tests/unit/NAME.c (on the host, with ASan and
 * UBSan) and tests/selftests/GROUP/test_NAME.c (in the VM).
 *
 *	#include "ktap.h"
 *
 *	static void test_empty(void)
 *	{
 *		ktap_check(parse("") == -EINVAL, "empty input is refused");
 *		ktap_eq(parse("a b"), 2, "two words");
 *		ktap_str(word(1), "b", "the second word");
 *	}
 *
 *	int main(void)
 *	{
 *		ktap_plan(3);
 *		test_empty();
 *		return ktap_finish();
 *	}
 *
 * Every call of ktap_check(), ktap_eq(), ktap_str(), ktap_pass(), ktap_fail()
 * and ktap_skip() is one result; the plan says how many there will be, and more
 * or fewer is a failure. With a plan of 0 it is printed at the end, for tests
 * that run over a table. Names are printf formats. A failure prints expected,
 * got and the place. ktap_skip_all() ends the program with status 4.
 *
 * A program that wants a further library names it in pkg-config's words in a
 * comment of its own line: ` * libs: libnl-genl-3.0`. For ` * vm: own` and the
 * like see ktap.sh.
 */
#ifndef PVKIT_TESTS_KTAP_H
#define PVKIT_TESTS_KTAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int ktap_planned;
static int ktap_count;
static int ktap_failures;

static inline void ktap_plan(int n)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("KTAP version 1");
	if (n)
		printf("1..%d\n", n);
	ktap_planned = n;
}

static inline void ktap_result(bool ok, const char *skip, const char *fmt, va_list ap)
{
	printf("%s %d ", ok ? "ok" : "not ok", ++ktap_count);
	vprintf(fmt, ap);
	if (skip)
		printf(" # SKIP %s", skip);
	putchar('\n');
	if (!ok)
		ktap_failures++;
}

__attribute__((format(printf, 1, 2)))
static inline void ktap_pass(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ktap_result(true, NULL, fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 1, 2)))
static inline void ktap_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ktap_result(false, NULL, fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 2, 3)))
static inline void ktap_skip(const char *reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ktap_result(true, reason, fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 5, 6)))
static inline bool ktap_check_at(bool ok, const char *what, const char *file, int line,
				 const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ktap_result(ok, NULL, fmt, ap);
	va_end(ap);
	if (!ok)
		printf("# expected: %s\n# got:      that it is not so, %s:%d\n", what, file, line);
	return ok;
}

__attribute__((format(printf, 5, 6)))
static inline bool ktap_eq_at(long long got, long long want, const char *file, int line,
			      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ktap_result(got == want, NULL, fmt, ap);
	va_end(ap);
	if (got != want)
		printf("# expected: %lld\n# got:      %lld, %s:%d\n", want, got, file, line);
	return got == want;
}

/* One line, whatever is in it: a newline in a value must not look like KTAP. */
static inline void ktap_print_value(const char *label, const char *s)
{
	printf("# %-9s ", label);
	for (; s && *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			printf("\\x%02x", (unsigned char)*s);
		else
			putchar(*s);
	}
	puts(s ? "" : "(null)");
}

__attribute__((format(printf, 5, 6)))
static inline bool ktap_str_at(const char *got, const char *want, const char *file, int line,
			       const char *fmt, ...)
{
	bool ok = got && want ? !strcmp(got, want) : got == want;
	va_list ap;

	va_start(ap, fmt);
	ktap_result(ok, NULL, fmt, ap);
	va_end(ap);
	if (!ok) {
		ktap_print_value("expected:", want);
		ktap_print_value("got:", got);
		printf("# at %s:%d\n", file, line);
	}
	return ok;
}

/* Each says whether it held. */
#define ktap_check(cond, ...) ktap_check_at(!!(cond), #cond, __FILE__, __LINE__, __VA_ARGS__)
#define ktap_eq(got, want, ...) ktap_eq_at(got, want, __FILE__, __LINE__, __VA_ARGS__)
#define ktap_str(got, want, ...) ktap_str_at(got, want, __FILE__, __LINE__, __VA_ARGS__)

static inline int ktap_finish(void)
{
	if (!ktap_planned)
		printf("1..%d\n", ktap_count);
	else if (ktap_planned != ktap_count)
		ktap_failures++;
	return ktap_failures ? 1 : 0;
}

static inline void ktap_skip_all(const char *reason)
{
	printf("KTAP version 1\n1..0 # SKIP %s\n", reason);
	exit(4);
}

#endif
