// SPDX-License-Identifier: MIT
/*
 * As much of Markdown as Documentation/ is written in: headings, paragraphs,
 * lists one deep, tables, indented code. A table becomes a list of its first
 * cells; of more than two columns each further cell has its heading before it.
 */
#include <stdlib.h>
#include <string.h>

#include "doc.h"

#define CELLS_MAX	8
#define LINE_MAX_BYTES	4096

enum block { NONE, PARAGRAPH, LIST, CODE, TABLE };

struct reader {
	FILE *out;
	enum block block;
	bool in;		/* a section that is wanted */
	bool blank;		/* a blank line stands before */
	char heading[256];	/* waits for something to stand below it */
	char head[LINE_MAX_BYTES];	/* the table's first row */
	unsigned int row;
};

static void end_block(struct reader *r)
{
	if (r->block == LIST || r->block == TABLE)
		fputs(".El\n", r->out);
	if (r->block == CODE)
		fputs(".Ed\n", r->out);
	r->block = NONE;
}

/* An empty section has no heading either. */
static void begin_block(struct reader *r, enum block block)
{
	if (r->heading[0]) {
		fputs(".Ss ", r->out);
		roff_line(r->out, r->heading, strlen(r->heading));
		putc('\n', r->out);
		r->heading[0] = '\0';
		r->blank = false;
	}
	if (r->block == block)
		return;
	end_block(r);
	r->block = block;
	if (block == LIST)
		fputs(".Bl -bullet -compact\n", r->out);
	if (block == CODE)
		fputs(".Bd -literal -offset 2n\n", r->out);
	if (block == TABLE)
		fputs(".Bl -tag -width 2n\n", r->out);
}

/* "\|" in a cell is "|". */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++)
		if (text[0] != '\\' || text[1] != '|')
			*to++ = *text;
	*to = '\0';
}

/* Cuts "| a | b |" into cells; "\|" is no end of one. */
static size_t cut_row(char *line, char *cell[CELLS_MAX])
{
	size_t n = 0;
	char *at, *end, *last;

	for (at = line + 1; *at && n < CELLS_MAX; at = end + 1) {
		for (end = at; *end && !(*end == '|' && end[-1] != '\\'); end++)
			;
		if (!*end)
			break;
		*end = '\0';
		at += strspn(at, " ");
		cell[n++] = at;
		for (last = end; last > at && last[-1] == ' '; last--)
			last[-1] = '\0';
		unescape(at);
	}
	return n;
}

static void put_further_cells(struct reader *r, char **head, size_t heads, char **cell,
			      size_t n)
{
	const char *end = "";
	size_t k;

	for (k = 1; k < n; k++) {
		if (!cell[k][0])
			continue;
		fputs(end, r->out);
		if (n > 2 && k < heads && head[k][0]) {
			roff_text(r->out, head[k], strlen(head[k]));
			fputs(": ", r->out);
		}
		roff_text(r->out, cell[k], strlen(cell[k]));
		putc('\n', r->out);
		end = ".br\n";
	}
}

static void table_row(struct reader *r, char *line)
{
	char *cell[CELLS_MAX], *head[CELLS_MAX];
	char copy[LINE_MAX_BYTES];
	size_t n, heads;

	begin_block(r, TABLE);
	if (r->row++ < 2) {
		if (r->row == 1)
			snprintf(r->head, sizeof(r->head), "%s", line);
		return;
	}
	strcpy(copy, r->head);
	heads = cut_row(copy, head);
	n = cut_row(line, cell);
	if (!n)
		return;
	fputs(".It ", r->out);
	roff_line(r->out, cell[0], strlen(cell[0]));
	fputs(cell[0][0] ? "\n" : "\\-\n", r->out);
	put_further_cells(r, head, heads, cell, n);
}

static bool wanted(const char *title, const char *const *titles)
{
	for (; titles && *titles; titles++)
		if (!strcmp(title, *titles))
			return true;
	return !titles;
}

static void heading(struct reader *r, const char *line, const char *const *titles,
		    unsigned int *found)
{
	size_t level = strspn(line, "#");
	const char *title = line + level + 1;

	end_block(r);
	r->blank = false;
	if (level == 2) {
		r->in = wanted(title, titles);
		*found += r->in;
		r->heading[0] = '\0';
	}
	if (!r->in || level == 1)
		return;
	if (level > 2) {
		fputs(".Pp\n\\fB", r->out);
		roff_text(r->out, title, strlen(title));
		fputs("\\fR\n", r->out);
		r->blank = true;
	} else if (!titles || titles[1]) {
		/* Of a page that is one section only the page's name is its title. */
		snprintf(r->heading, sizeof(r->heading), "%s", title);
	}
}

static void text_line(struct reader *r, char *line)
{
	bool item = !strncmp(line, "- ", 2);
	size_t len;

	if (!strncmp(line, "    ", 4) && r->block != LIST) {
		begin_block(r, CODE);
		roff_literal(r->out, line + 4, strlen(line + 4));
		putc('\n', r->out);
		return;
	}
	if (line[0] == '|') {
		table_row(r, line);
		return;
	}
	/* The table of contents. */
	if (!strncmp(line, "- [", 3) && strstr(line, "](#"))
		return;
	if (item) {
		begin_block(r, LIST);
		fputs(".It\n", r->out);
		line += 2;
	} else if (r->block != LIST || line[0] != ' ') {
		if (r->block != NONE || r->blank)
			r->blank |= r->block != PARAGRAPH;
		begin_block(r, PARAGRAPH);
		if (r->blank)
			fputs(".Pp\n", r->out);
	}
	line += strspn(line, " ");
	len = strlen(line);
	roff_text(r->out, line, len);
	putc('\n', r->out);
	r->blank = false;
}

static void blank_line(struct reader *r, FILE *in)
{
	int next = getc(in);

	ungetc(next, in);
	/* Code goes on after a blank line, and so does an item that is indented. */
	if (r->block == CODE && next == ' ') {
		putc('\n', r->out);
		return;
	}
	r->blank = r->block != NONE;
	if (r->block == LIST && (next == '-' || next == ' '))
		return;
	end_block(r);
	r->row = 0;
}

bool markdown(FILE *out, const char *file, const char *const *titles)
{
	struct reader r = { .out = out, .in = !titles };
	unsigned int found = 0, expected = 0;
	char line[LINE_MAX_BYTES];
	FILE *in = fopen(file, "re");

	if (!in) {
		perror(file);
		return false;
	}
	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' && r.block != CODE)
			heading(&r, line, titles, &found);
		else if (!line[0] && r.in)
			blank_line(&r, in);
		else if (line[0] && r.in)
			text_line(&r, line);
	}
	end_block(&r);
	fclose(in);
	while (titles && titles[expected])
		expected++;
	if (found < expected)
		fprintf(stderr, "%s: a section that a man page is made of is not there\n", file);
	return found >= expected;
}
