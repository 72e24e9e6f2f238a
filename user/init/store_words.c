// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <pvkit/bcb.h>
#include <pvkit/bootcount.h>
#include <pvkit/log_write.h>
#include <pvkit/magic.h>

#include "store_words.h"

#define TEXT_MAX	512

static const struct pvb_format *const formats[] = {
	&pvb_magic_format,
	&pvb_bootcount_format,
	&pvb_bcb_format,
	&pvb_log_format,
};

/* What pv_bootflag is told to do with a store, and what is only promised of it. */
static const char *const of_the_module[] = {
	"keep", "count", "armed", "reboot", "panic", "rate", "power", "wear", "atomic", "word",
};

enum kind { NUMBER, BYTE, FLAG };

static const struct {
	const char *key;
	enum kind kind;
	size_t at;
} numbers[] = {
	{ "offset", NUMBER, offsetof(struct store_words, offset) },
	{ "size", NUMBER, offsetof(struct store_words, size) },
	{ "width", BYTE, offsetof(struct store_words, setup.width) },
	{ "mask", NUMBER, offsetof(struct store_words, setup.mask) },
	{ "limit", NUMBER, offsetof(struct store_words, setup.limit) },
	{ "ti-magic", BYTE, offsetof(struct store_words, setup.ti_magic) },
	{ "base", NUMBER, offsetof(struct store_words, setup.base) },
	{ "backup", NUMBER, offsetof(struct store_words, setup.backup) },
	{ "slots", BYTE, offsetof(struct store_words, setup.n_slots) },
	{ "proved-bare", FLAG, offsetof(struct store_words, setup.proved_bare) },
	{ "wrap", FLAG, offsetof(struct store_words, setup.wrap) },
};

static int get_number(const char *value, uint32_t max, uint32_t *number)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(value, &end, 0);
	if (value[0] < '0' || value[0] > '9' || *end || errno || n > max)
		return -EINVAL;
	*number = (uint32_t)n;
	return 0;
}

static int take_number(struct store_words *words, const char *key, const char *value)
{
	uint32_t number;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(numbers); i++) {
		void *to = (char *)words + numbers[i].at;

		if (strcmp(numbers[i].key, key))
			continue;
		if (numbers[i].kind == FLAG) {
			*(bool *)to = true;
			return *value ? -EINVAL : 0;
		}
		if (get_number(value, numbers[i].kind == BYTE ? UINT8_MAX : UINT32_MAX, &number))
			return -EINVAL;
		if (numbers[i].kind == BYTE)
			*(uint8_t *)to = (uint8_t)number;
		else
			*(uint32_t *)to = number;
		return 0;
	}
	return -ENOENT;
}

static int add_mode(struct pvb_setup *setup, const char *name, size_t len, uint32_t magic)
{
	struct pvb_mode *mode = &setup->mode[setup->n_modes];

	if (!len || len > PVB_MODE_MAX || setup->n_modes == PVB_MODES_MAX)
		return -EINVAL;
	memcpy(mode->name, name, len);
	mode->name[len] = '\0';
	mode->magic = magic;
	setup->n_modes++;
	return 0;
}

static int take_modes(struct pvb_setup *setup, const char *value)
{
	size_t len;
	int ret;

	do {
		len = strcspn(value, ",");
		ret = add_mode(setup, value, len, 0);
		value += len;
	} while (!ret && *value++);
	return ret;
}

static int take_form(struct pvb_setup *setup, const char *value)
{
	static const char *const forms[] = {
		[PVB_BOOTCOUNT_RTC] = "rtc", [PVB_BOOTCOUNT_U16] = "u16",
		[PVB_BOOTCOUNT_U32] = "u32", [PVB_BOOTCOUNT_WORDS] = "words",
		[PVB_BOOTCOUNT_TI] = "ti",
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(forms); i++)
		if (!strcmp(forms[i], value)) {
			setup->form = (enum pvb_bootcount_form)i;
			return 0;
		}
	return -EINVAL;
}

static int take_format(struct store_words *words, const char *value)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(formats); i++)
		if (!strcmp(formats[i]->name, value))
			words->format = formats[i];
	return words->format ? 0 : -EINVAL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "%20" is a blank, which would end the word. */
static int take_device(struct store_words *words, const char *value)
{
	size_t len = 0;
	int high, low;

	for (; *value; value++) {
		if (len == sizeof(words->device) - 1)
			return -EINVAL;
		words->device[len++] = *value;
		if (*value != '%')
			continue;
		high = hex_digit(value[1]);
		low = high < 0 ? -1 : hex_digit(value[2]);
		if (low < 0 || !(high | low))
			return -EINVAL;
		words->device[len - 1] = (char)(high << 4 | low);
		value += 2;
	}
	words->device[len] = '\0';
	return len ? 0 : -EINVAL;
}

static int take_word(struct store_words *words, const char *key, const char *value)
{
	uint32_t magic;
	size_t i;

	if (!strcmp(key, "medium"))
		return snprintf(words->medium, sizeof(words->medium), "%s", value) <
		       (int)sizeof(words->medium) ? 0 : -EINVAL;
	if (!strcmp(key, "format"))
		return take_format(words, value);
	if (!strcmp(key, "device"))
		return take_device(words, value);
	if (!strcmp(key, "form"))
		return take_form(&words->setup, value);
	if (!strcmp(key, "modes"))
		return take_modes(&words->setup, value);
	if (!strncmp(key, "mode-", 5))
		return get_number(value, UINT32_MAX, &magic) || !magic ? -EINVAL :
		       add_mode(&words->setup, key + 5, strlen(key + 5), magic);
	if (!strcmp(key, "endian")) {
		words->setup.big_endian = !strcmp(value, "big");
		return strcmp(value, "big") && strcmp(value, "little") ? -EINVAL : 0;
	}
	for (i = 0; i < PVK_ARRAY_SIZE(of_the_module); i++)
		if (!strcmp(of_the_module[i], key))
			return 0;
	return take_number(words, key, value);
}

/* The next word, its quotes taken out; NULL: none. */
static char *next_word(char **text)
{
	char *from = *text + strspn(*text, " \t"), *to = from, *word = from;
	bool quoted = false;

	for (; *from && (quoted || (*from != ' ' && *from != '\t')); from++) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
	}
	if (from == word)
		return NULL;
	*text = *from ? from + 1 : from;
	*to = '\0';
	return word;
}

int store_words_parse(struct store_words *words, const char *text, struct pvk_err *err)
{
	char copy[TEXT_MAX], *rest = copy, *word, *value;
	int ret;

	*words = (struct store_words){ .format = NULL };
	if (strlen(text) >= sizeof(copy))
		return pvk_err_set(err, -EINVAL, "longer than %zu bytes", sizeof(copy) - 1);
	strcpy(copy, text);
	while ((word = next_word(&rest))) {
		value = word + strcspn(word, "=");
		if (*value)
			*value++ = '\0';
		ret = take_word(words, word, value);
		if (ret)
			return pvk_err_set(err, -EINVAL, "%s%s%s: %s", word, *value ? "=" : "",
					   value, ret == -ENOENT ? "no such word" :
					   "no value that it can have");
	}
	if (!words->format)
		return pvk_err_set(err, -EINVAL, "no format=");
	if (!words->device[0])
		return pvk_err_set(err, -EINVAL, "no device=");
	return 0;
}
