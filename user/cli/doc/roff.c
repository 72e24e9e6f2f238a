// SPDX-License-Identifier: MIT
/*
 * What is written here is read by mandoc and by groff, which know the same
 * escapes but do not agree on what a bare dash, quote or backtick looks like.
 */
#include <ctype.h>
#include <string.h>

#include "doc.h"
#include "util.h"

static const struct {
	char c;
	const char *roff;
} escapes[] = {
	{ '\\', "\\e" }, { '`', "\\(ga" }, { '^', "\\(ha" }, { '~', "\\(ti" }, { '\'', "\\(aq" },
	{ '"', "\\(dq" },
};

/* Bytes of the UTF-8 character at text, which is right: it is our own. */
static size_t put_utf8(FILE *out, const char *text)
{
	unsigned char c = (unsigned char)text[0];
	size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2, i;
	unsigned int code = c & (0x7fu >> len);

	for (i = 1; i < len; i++)
		code = code << 6 | ((unsigned char)text[i] & 0x3f);
	fprintf(out, "\\[u%04X]", code);
	return len;
}

/* Returns how many bytes were taken. */
static size_t put_char(FILE *out, const char *text, bool literal)
{
	size_t i;

	if ((unsigned char)*text >= 0x80)
		return put_utf8(out, text);
	if (*text == '-' && literal) {
		fputs("\\-", out);
		return 1;
	}
	for (i = 0; i < PVK_ARRAY_SIZE(escapes); i++)
		if (escapes[i].c == *text && (literal || *text == '\\')) {
			fputs(escapes[i].roff, out);
			return 1;
		}
	putc(*text, out);
	return 1;
}

void roff_literal(FILE *out, const char *text, size_t len)
{
	const char *end = text + len;

	/* A line that begins so would be a command. */
	if (len && (*text == '.' || *text == '\''))
		fputs("\\&", out);
	while (text < end)
		text += put_char(out, text, true);
}

static void put_font(FILE *out, char font, const char *text, size_t len)
{
	fprintf(out, "\\f%c", font);
	while (len) {
		size_t n = put_char(out, text, true);

		text += n;
		len -= n;
	}
	fputs("\\fR", out);
}

/* "*x*" or "**x**" at text: how much of it is mark-up, on each side; else 0. */
static size_t stars(const char *text, const char *end)
{
	size_t n = text + 1 < end && text[1] == '*' ? 2 : 1;
	const char *close;

	if (text + n >= end || isspace((unsigned char)text[n]) || text[n] == '/')
		return 0;
	for (close = text + n + 1; close + n <= end; close++)
		if (*close == '*' && (n == 1 || close[1] == '*') &&
		    !isspace((unsigned char)close[-1]))
			return n;
	return 0;
}

/* Mark-up at text, of which len bytes are left: what it took; 0: it is none. */
static size_t put_marked(FILE *out, const char *text, size_t len, bool word)
{
	const char *end = text + len, *close;
	size_t n;

	switch (*text) {
	case '`':
		close = memchr(text + 1, '`', len - 1);
		if (!close)
			return 0;
		put_font(out, 'B', text + 1, (size_t)(close - text - 1));
		return (size_t)(close + 1 - text);
	case '*':
		n = stars(text, end);
		close = n ? strstr(text + n, n == 2 ? "**" : "*") : NULL;
		if (!close || close >= end)
			return 0;
		put_font(out, n == 2 ? 'B' : 'I', text + n, (size_t)(close - text) - n);
		return (size_t)(close - text) + n;
	case '[':
		close = memchr(text, ']', len);
		if (!close || close + 1 >= end || close[1] != '(' ||
		    !memchr(close, ')', (size_t)(end - close)))
			return 0;
		roff_text(out, text + 1, (size_t)(close - text - 1));
		return (size_t)(strchr(close, ')') + 1 - text);
	case '-':
		if (!word || len < 3 || text[1] != '-' || !isalpha((unsigned char)text[2]))
			return 0;
		for (n = 2; n < len && (isalnum((unsigned char)text[n]) || text[n] == '-'); n++)
			;
		put_font(out, 'B', text, n);
		return n;
	default:
		return 0;
	}
}

/* mdoc wants each sentence to begin a line: the blanks after the end of one, else 0. */
static size_t sentence_end(const char *text, const char *end)
{
	size_t n = 1;

	if (!strchr(".?!", *text))
		return 0;
	while (text + n < end && strchr(")\"'", text[n]))
		n++;
	if (text + n >= end || text[n] != ' ')
		return 0;
	return n;
}

static void put_text(FILE *out, const char *text, size_t len, bool lines)
{
	const char *end = text + len;
	bool word = true;
	size_t n, stop;

	while (text < end) {
		n = put_marked(out, text, (size_t)(end - text), word);
		if (n) {
			word = false;
			text += n;
			continue;
		}
		stop = lines ? sentence_end(text, end) : 0;
		word = !isalnum((unsigned char)*text) && *text != '-';
		if (!stop) {
			text += put_char(out, text, false);
			continue;
		}
		while (stop--)
			text += put_char(out, text, false);
		text += strspn(text, " ");
		putc('\n', out);
		if (*text == '.' || *text == '\'')
			fputs("\\&", out);
	}
}

void roff_text(FILE *out, const char *text, size_t len)
{
	if (len && (*text == '.' || *text == '\''))
		fputs("\\&", out);
	put_text(out, text, len, true);
}

void roff_line(FILE *out, const char *text, size_t len)
{
	const char *end = text + len;
	size_t n;

	/* A word of two or three letters may be the name of a macro. */
	for (; text < end; text += n) {
		n = strcspn(text, " ");
		n += strspn(text + n, " ");
		if (n > (size_t)(end - text))
			n = (size_t)(end - text);
		if (isupper((unsigned char)*text))
			fputs("\\&", out);
		/* A mark-up that goes over several words is seen as one piece. */
		if (memchr(text, '`', n) || memchr(text, '[', n) || memchr(text, '*', n))
			n = (size_t)(end - text);
		put_text(out, text, n, false);
	}
}

/* --- usage lines ----------------------------------------------------------- */

/* One word of it: an option, a variable in capitals, or a word as it is. */
static void put_usage_word(FILE *out, const char *text, size_t len)
{
	size_t dots = len > 3 && !memcmp(text + len - 3, "...", 3) ? 3 : 0;

	len -= dots;
	if (len == 1 && *text == '|')
		fputs(" |", out);
	else if (len > 2 && !memcmp(text, "--", 2))
		fprintf(out, " Fl -%.*s", (int)len - 2, text + 2);
	else
		fprintf(out, " %s %.*s", isupper((unsigned char)*text) ? "Ar" : "Cm", (int)len,
			text);
	if (dots)
		fputs(" ...", out);
}

static void put_usage_words(FILE *out, const char *text, size_t len)
{
	const char *end = text + len;
	size_t n;

	while (text < end) {
		n = strspn(text, " ");
		text += n;
		if (text >= end)
			return;
		n = *text == '|' ? 1 : strcspn(text, " |");
		if (text + n > end)
			n = (size_t)(end - text);
		put_usage_word(out, text, n);
		text += n;
	}
}

void roff_usage(FILE *out, const char *args)
{
	const char *close;

	while (*args) {
		close = args + strcspn(args, *args == '[' ? "]" : *args == '(' ? ")" : " ");
		if (*args == '[' || *args == '(') {
			fputs(*args == '[' ? ".Op" : ".Pq", out);
			put_usage_words(out, args + 1, (size_t)(close - args - 1));
			close += *close != '\0';
		} else {
			putc('.', out);
			/* The first blank is that before a macro, here its dot. */
			fprintf(out, "%s", isupper((unsigned char)*args) ? "Ar " : "Cm ");
			if (close - args > 3 && !memcmp(close - 3, "...", 3))
				fprintf(out, "%.*s ...", (int)(close - args) - 3, args);
			else
				fprintf(out, "%.*s", (int)(close - args), args);
		}
		putc('\n', out);
		args = close + strspn(close, " ");
	}
}

/* --- texts of verbs -------------------------------------------------------- */

/* Lines from text on that are indented (or not): where they end. */
static const char *same_kind(const char *text, const char *end, bool indented)
{
	const char *line;

	while (text < end && *text != '\n' && (*text == ' ') == indented) {
		line = memchr(text, '\n', (size_t)(end - text));
		text = line ? line + 1 : end;
	}
	return text;
}

static void put_lines(FILE *out, const char *text, const char *end, bool literal)
{
	const char *line;

	while (text < end) {
		line = memchr(text, '\n', (size_t)(end - text));
		line = line ? line : end;
		if (literal) {
			/* The block is indented already. */
			text += line - text >= 2 ? 2 : 0;
			roff_literal(out, text, (size_t)(line - text));
		} else {
			roff_text(out, text, (size_t)(line - text));
		}
		putc('\n', out);
		text = line < end ? line + 1 : end;
	}
}

void roff_paragraphs(FILE *out, const char *text, size_t len)
{
	const char *end = text + len, *stop;
	bool blank = false;

	while (text < end) {
		if (*text == '\n') {
			blank = true;
			text++;
			continue;
		}
		stop = same_kind(text, end, *text == ' ');
		if (*text == ' ') {
			fprintf(out, ".Bd -literal -offset 2n%s\n", blank ? "" : " -compact");
			put_lines(out, text, stop, true);
			fputs(".Ed\n", out);
		} else {
			if (blank)
				fputs(".Pp\n", out);
			put_lines(out, text, stop, false);
		}
		blank = false;
		text = stop;
	}
}
