/* SPDX-License-Identifier: MIT */
/*
 * doc - man pages and completions, made when pvkit is built
 *
 *	doc man DIR DOCUMENTATION	every page, DIR/pvkit.1 and so on
 *	doc bash, doc zsh		the completion, on stdout
 *
 * Runs where the build runs (HOSTCC). Of pvkit's commands it knows what
 * user/cli/verbs.c says, of pvkitd its --help; the pages about files, wire and
 * kernel module are those of Documentation/, so that nothing is written twice.
 */
#ifndef PVKIT_DOC_H
#define PVKIT_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "verbs.h"

/* Opens DIR/NAME.SECTION and writes the head of the page, DESCRIPTION not yet begun. */
FILE *page_open(const char *dir, const char *name, const char *section, const char *brief);
void page_close(FILE *out);

/*
 * Text for roff. In running text `x` is a literal, *x* and **x** are emphasis,
 * [x](y) is x, and a word that begins with two dashes is an option.
 */
void roff_text(FILE *out, const char *text, size_t len);
/* The same behind a macro, where a line must not end and words may be macros. */
void roff_line(FILE *out, const char *text, size_t len);
/* Every character as it is: in literal blocks. */
void roff_literal(FILE *out, const char *text, size_t len);
/* The words of a usage line: [--timeout S] (--pid P | --cgroup PATH) ALIAS... */
void roff_usage(FILE *out, const char *args);
/* Paragraphs at the margin, literal blocks indented. */
void roff_paragraphs(FILE *out, const char *text, size_t len);

/*
 * The sections of a Markdown file with these titles (NULL-terminated; NULL: all
 * and what stands before them). False, with a complaint, if one is not there.
 */
bool markdown(FILE *out, const char *file, const char *const *titles);

/* All of it; false if something failed. */
bool man_pages(const char *dir, const char *documentation);
void complete_bash(FILE *out);
void complete_zsh(FILE *out);

#endif /* PVKIT_DOC_H */
