// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

/* Cells and notes are people's text; the longest is a list of module flags. */
#define CELL_MAX	8192

static char *clean_copy(struct table *table, const char *text)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(CELL_MAX);
	char *copy = NULL;

	cli_clean(&buf, text);
	if (buf.err == -ENOSPC)
		buf.err = 0;
	if (pvk_buf_take(&buf, &copy, NULL))
		table->err = -ENOMEM;
	return copy;
}

void table_row(struct table *table)
{
	struct table_row *more;

	table->used = 0;
	if (table->err)
		return;
	if (table->n_rows == TABLE_ROWS_MAX) {
		table->err = -E2BIG;
		return;
	}
	if (!(table->n_rows & (table->n_rows - 1))) {
		more = realloc(table->row, (table->n_rows ? table->n_rows * 2 : 1) *
			       sizeof(*more));
		if (!more) {
			table->err = -ENOMEM;
			return;
		}
		table->row = more;
	}
	table->row[table->n_rows++] = (struct table_row){ 0 };
}

void table_skip(struct table *table, size_t cells)
{
	table->used += cells;
}

void table_cell(struct table *table, const char *text)
{
	struct table_row *row;

	if (table->err || table->used >= TABLE_COLUMNS)
		return;
	row = &table->row[table->n_rows - 1];
	row->cell[table->used++] = clean_copy(table, text[0] ? text : "-");
}

void table_note(struct table *table, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	table_row(table);
	if (table->err)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	table->row[table->n_rows - 1].note = clean_copy(table, text);
}

void table_head(struct table *table, const char *const *names, size_t count)
{
	size_t i;

	*table = (struct table){ .columns = count };
	table_row(table);
	for (i = 0; i < count; i++)
		table_cell(table, names[i]);
}

/* In characters; what the kernel and files give has no wide ones. */
static size_t width(const char *text)
{
	size_t count = 0;

	for (; text && *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static void print_row(const struct table *table, const struct table_row *row,
		      const size_t *widths)
{
	size_t i, last = 0, pad;

	if (row->note) {
		printf("  %s\n", row->note);
		return;
	}
	for (i = 0; i < table->columns; i++)
		if (row->cell[i])
			last = i;
	for (i = 0; i <= last; i++) {
		pad = i == last ? 0 : widths[i] + 2 - width(row->cell[i]);
		printf("%s%*s", row->cell[i] ? row->cell[i] : "", (int)pad, "");
	}
	putchar('\n');
}

int table_print(struct table *table)
{
	size_t widths[TABLE_COLUMNS] = { 0 }, i, k, w;
	int status = CLI_OK;

	for (i = 0; i < table->n_rows; i++)
		for (k = 0; k < table->columns; k++) {
			w = width(table->row[i].cell[k]);
			if (w > widths[k])
				widths[k] = w;
		}
	if (table->err) {
		cli_complain(NULL, "cannot write the table: %s", strerror(-table->err));
		status = CLI_FAILED;
	}
	for (i = 0; i < table->n_rows; i++) {
		if (!table->err)
			print_row(table, &table->row[i], widths);
		for (k = 0; k < TABLE_COLUMNS; k++)
			free(table->row[i].cell[k]);
		free(table->row[i].note);
	}
	free(table->row);
	*table = (struct table){ 0 };
	return status;
}
