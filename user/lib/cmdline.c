// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cmdline.h"

#define KEY_MAX		128

bool pvk_cmdline_is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '\xa0';
}

/* The word at `at`, which is no blank; returns what comes after it. */
static size_t take_word(struct pvk_cmdline *c, size_t at)
{
	char *text = c->text;
	bool quoted = text[at] == '"', in_quote = quoted;
	size_t begin = at + quoted, equals = 0, end, next;

	for (end = begin; text[end] && (in_quote || !pvk_cmdline_is_blank(text[end])); end++) {
		if (text[end] == '=' && !equals && end > begin)
			equals = end;
		if (text[end] == '"')
			in_quote = !in_quote;
	}
	next = text[end] ? end + 1 : end;
	text[end] = '\0';
	c->key[c->count] = (uint16_t)begin;
	c->value[c->count] = 0;
	if (equals) {
		text[equals] = '\0';
		quoted = quoted || text[equals + 1] == '"';
		c->value[c->count] = (uint16_t)(equals + 1 + (text[equals + 1] == '"'));
	}
	/* The quote that opens a word is no quote at its end. */
	if (quoted && end > begin && end > c->value[c->count] && text[end - 1] == '"')
		text[end - 1] = '\0';
	c->count++;
	return next;
}

int pvk_cmdline_parse(struct pvk_cmdline *cmdline, const char *text, size_t len)
{
	size_t at = 1;

	cmdline->count = 0;
	len = strnlen(text, len);
	if (len && text[len - 1] == '\n')
		len--;
	if (len > PVK_CMDLINE_MAX)
		return -E2BIG;
	/* An offset of 0 is nothing's. */
	cmdline->text[0] = '\0';
	memcpy(cmdline->text + 1, text, len);
	cmdline->text[len + 1] = '\0';
	for (;;) {
		while (pvk_cmdline_is_blank(cmdline->text[at]))
			at++;
		if (!cmdline->text[at] || cmdline->count == PVK_CMDLINE_WORDS)
			return 0;
		at = take_word(cmdline, at);
		if (!cmdline->value[cmdline->count - 1] &&
		    !strcmp(cmdline->text + cmdline->key[cmdline->count - 1], "--")) {
			cmdline->count--;
			return 0;
		}
	}
}

int pvk_cmdline_read(struct pvk_cmdline *cmdline, const char *path, struct pvk_err *err)
{
	char text[PVK_CMDLINE_MAX + 2];
	size_t len = 0;
	ssize_t n = 1;
	int fd, ret;

	cmdline->count = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	while (n > 0 && len < sizeof(text)) {
		n = read(fd, text + len, sizeof(text) - len);
		if (n > 0)
			len += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	ret = n < 0 ? -errno : 0;
	close(fd);
	if (!ret)
		ret = pvk_cmdline_parse(cmdline, text, len);
	if (ret == -E2BIG) {
		for (len = PVK_CMDLINE_MAX; len && !pvk_cmdline_is_blank(text[len]); len--)
			;
		pvk_cmdline_parse(cmdline, text, len);
		return pvk_err_set(err, ret, "%s: longer than %d bytes, and cut there", path,
				   PVK_CMDLINE_MAX);
	}
	return ret ? pvk_err_set(err, ret, "%s: %s", path, strerror(-ret)) : 0;
}

const char *pvk_cmdline_get(const struct pvk_cmdline *cmdline, const char *key,
			    unsigned int *times)
{
	const char *value = NULL;
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < cmdline->count; i++) {
		if (strcmp(cmdline->text + cmdline->key[i], key))
			continue;
		value = cmdline->text + cmdline->value[i];
		n++;
	}
	if (times)
		*times = n;
	return value;
}

const char *pvk_cmdline_value(const struct pvk_cmdline *cmdline, const char *key)
{
	const char *value = NULL;
	size_t i;

	for (i = 0; i < cmdline->count; i++)
		if (cmdline->value[i] && !strcmp(cmdline->text + cmdline->key[i], key))
			value = cmdline->text + cmdline->value[i];
	return value;
}

static void set_field(const struct pvk_cmdline *cmdline, const char *keys, unsigned int field,
		      struct pvb_flags *flags, struct pvk_list *warnings)
{
	struct pvk_err err = { .text = "" };
	const char *value = NULL;
	unsigned int times = 0;
	char key[KEY_MAX];
	size_t len;

	while (!value) {
		keys += strspn(keys, " \t");
		len = strcspn(keys, " \t");
		if (!len)
			return;
		if (len < sizeof(key)) {
			memcpy(key, keys, len);
			key[len] = '\0';
			value = pvk_cmdline_get(cmdline, key, &times);
		}
		keys += len;
	}
	if (times > 1)
		pvk_list_warn(warnings, "%s comes %u times, and the last one counts: \"%s\"", key,
			      times, value);
	/* Android says "_b". */
	if (field == PVB_SLOT && value[0] == '_')
		value++;
	if (pvk_flags_set(flags, field, value, &err))
		pvk_list_warn(warnings, "%s=%s: %s", key, value, err.text);
}

void pvk_cmdline_flags(const struct pvk_cmdline *cmdline, const char *const keys[PVB_FIELDS],
		       struct pvb_flags *flags, struct pvk_list *warnings)
{
	unsigned int i;

	memset(flags, 0, sizeof(*flags));
	for (i = 1; i < PVB_FIELDS; i++)
		if (keys[i])
			set_field(cmdline, keys[i], i, flags, warnings);
}
