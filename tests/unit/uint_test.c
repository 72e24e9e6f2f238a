// SPDX-License-Identifier: MIT
/*
 * Numbers in words as sysfs and root= have them
 */
#include "ktap.h"
#include "util.h"

/* given a text, then that is the number it begins with, and that is what follows */
static void takes(const char *text, unsigned int want, const char *rest)
{
	const char *at = text;
	unsigned int number = 0;

	ktap_check(pvk_take_uint(&at, &number), "\"%s\" begins with a number", text);
	ktap_check(number == want, "which is %u (got %u)", want, number);
	ktap_str(at, rest, "what follows");
}

/* given a text that begins with none, then nothing is taken */
static void refuses(const char *text)
{
	const char *at = text;
	unsigned int number = 7;

	ktap_check(!pvk_take_uint(&at, &number), "\"%s\" does not", text);
	ktap_check(at == text && number == 7, "and all is as it was");
}

int main(void)
{
	ktap_plan(0);
	takes("0", 0, "");
	takes("12:34", 12, ":34");
	takes("010", 10, "");
	takes("3ro", 3, "ro");
	takes("4294967295", 4294967295u, "");
	refuses("4294967296");
	refuses("99999999999999999999999");
	refuses("");
	refuses(" 1");
	refuses("+1");
	refuses("-1");
	refuses("ro");
	return ktap_finish();
}
