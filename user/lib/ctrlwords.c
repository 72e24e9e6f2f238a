// SPDX-License-Identifier: MIT
#include <string.h>

#include "ctrlwords.h"
#include "util.h"

/* Its end is inside, and each byte is a letter, a digit or one of these. */
static bool word_ok(const char *text, size_t size, const char *others)
{
	size_t i, len = strnlen(text, size);

	if (!len || len == size || text[0] == '.')
		return false;
	for (i = 0; i < len; i++)
		if (!pvk_isalnum((unsigned char)text[i]) && !strchr(others, text[i]))
			return false;
	return true;
}

bool control_mode_ok(const char *mode)
{
	return mode[0] != '-' && word_ok(mode, CONTROL_MODE_SIZE, "._-");
}

bool control_led_ok(const char *led)
{
	return word_ok(led, CONTROL_LED_SIZE, "._-:+@, #()");
}
