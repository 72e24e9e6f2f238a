// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "mountinfo.h"
#include "util.h"

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* The byte that the escape at s stands for, 0 if there is none: a text has no NUL. */
static char escaped(const char *s)
{
	if (s[0] != '\\' || s[1] < '0' || s[1] > '3' || !is_octal(s[2]) || !is_octal(s[3]))
		return '\0';
	return (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
}

void pvk_mountinfo_unescape(char *text)
{
	char *to = text, c;

	for (; *text; text++) {
		c = escaped(text);
		*to++ = c ? c : *text;
		if (c)
			text += 3;
	}
	*to = '\0';
}

char *pvk_swaps_next(char **text)
{
	char *line;

	while ((line = strsep(text, "\n"))) {
		/* The first line is a heading. */
		if (*line != '/')
			continue;
		line[strcspn(line, " \t")] = '\0';
		pvk_mountinfo_unescape(line);
		break;
	}
	return line;
}

static bool take_number(const char *word, uint32_t *number)
{
	unsigned int n;
	bool ok = pvk_take_uint(&word, &n) && !*word;

	*number = n;
	return ok;
}

static bool take_dev(const char *word, dev_t *dev)
{
	unsigned int maj, min;

	if (!pvk_take_uint(&word, &maj) || *word++ != ':' || !pvk_take_uint(&word, &min) || *word)
		return false;
	*dev = makedev(maj, min);
	return true;
}

/* The word that *line begins with; NULL: none is left. */
static char *take_word(char **line)
{
	return *line ? strsep(line, " ") : NULL;
}

/* Behind any number of further fields, which newer kernels may add to, a "-" and three. */
static int take_tail(char *line, struct pvk_mount *mount)
{
	char *word;

	do
		word = take_word(&line);
	while (word && strcmp(word, "-"));
	mount->type = take_word(&line);
	mount->source = take_word(&line);
	mount->options = take_word(&line);
	if (!mount->options)
		return -EBADMSG;
	pvk_mountinfo_unescape(mount->type);
	pvk_mountinfo_unescape(mount->source);
	return 0;
}

static int take_line(char *line, struct pvk_mount *mount)
{
	char *id = take_word(&line), *parent = take_word(&line), *dev = take_word(&line);

	mount->root = take_word(&line);
	mount->point = take_word(&line);
	mount->how = take_word(&line);
	if (!mount->how || !take_number(id, &mount->id) ||
	    !take_number(parent, &mount->parent) || !take_dev(dev, &mount->dev))
		return -EBADMSG;
	pvk_mountinfo_unescape(mount->root);
	pvk_mountinfo_unescape(mount->point);
	return take_tail(line, mount);
}

int pvk_mountinfo_next(char **text, struct pvk_mount *mount)
{
	char *line;

	*mount = (struct pvk_mount){ 0 };
	if (!*text || !**text)
		return -ENOENT;
	line = strsep(text, "\n");
	return take_line(line, mount);
}

/* --- what an overlay lies on ------------------------------------------------ */

/* The value of an option that names layers; NULL for another. */
static const char *layers_of(const char *option)
{
	static const char *const names[] = { "lowerdir=", "lowerdir+=", "datadir+=", "upperdir=" };
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(names); i++)
		if (!strncmp(option, names[i], strlen(names[i])))
			return option + strlen(names[i]);
	return NULL;
}

/* The character at *s, which moves behind it; *plain: it was not escaped with a backslash. */
static char take_char(const char **s, bool *plain)
{
	char c = escaped(*s);

	*s += c ? 4 : 1;
	*plain = true;
	if (!c)
		c = (*s)[-1];
	if (c != '\\' || **s == '\0' || **s == ',')
		return c;
	*plain = false;
	return take_char(s, &(bool){ false });
}

/* One of a list, up to a colon. false: it is empty, or does not fit. */
static bool take_layer(struct pvk_layers *layers, char *path, size_t size)
{
	const char *s = layers->more;
	size_t len = 0;
	bool plain;
	char c;

	while (*s && *s != ',') {
		c = take_char(&s, &plain);
		if (c == ':' && plain && layers->list)
			break;
		if (len < size)
			path[len++] = c;
	}
	layers->more = *s && *s != ',' ? s : NULL;
	if (!len || len == size)
		return false;
	path[len] = '\0';
	return true;
}

bool pvk_layers_next(struct pvk_layers *layers, char *path, size_t size)
{
	for (;;) {
		if (layers->more) {
			if (take_layer(layers, path, size))
				return true;
			continue;
		}
		if (!layers->rest || !*layers->rest)
			return false;
		layers->more = layers_of(layers->rest);
		layers->list = !strncmp(layers->rest, "lowerdir=", 9);
		layers->rest = strchrnul(layers->rest, ',');
		if (*layers->rest)
			layers->rest++;
	}
}
