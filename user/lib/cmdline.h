/* SPDX-License-Identifier: MIT */
/*
 * cmdline - the kernel's command line as a source of boot flags
 *
 * Words are taken apart as the kernel does it: blanks separate, '"' switches quoting
 * on and off wherever it stands, the first '=' that is not the first byte ends the
 * key, one quote at the beginning of the word or of the value goes and one at the
 * end. A word "--" ends what is the kernel's; the rest is init's and is not looked
 * at. A key is the whole of one, with its case and its dashes: "pvkit.mode" is
 * found neither in "xpvkit.mode=1" nor in "mtdparts=nand:1M(pvkit.mode=1)".
 *
 * Where a key comes several times its last value counts, as for the kernel.
 *
 * Nothing is allocated but for warnings; the boot stage has no more than this.
 */
#ifndef PVK_CMDLINE_H
#define PVK_CMDLINE_H

#include <stddef.h>
#include <stdint.h>

#include "flags.h"
#include "util.h"

#define PVK_CMDLINE_MAX		4096	/* bytes; more comes of a bootconfig alone */
#define PVK_CMDLINE_WORDS	(PVK_CMDLINE_MAX / 2)
#define PVK_CMDLINE_FILE	"/proc/cmdline"

struct pvk_cmdline {
	size_t count;
	uint16_t key[PVK_CMDLINE_WORDS];	/* offsets in text */
	uint16_t value[PVK_CMDLINE_WORDS];	/* 0: a word without '=' */
	char text[PVK_CMDLINE_MAX + 2];
};

/* What separates words: the kernel's isspace(), which is Latin-1's. */
bool pvk_cmdline_is_blank(char c);
/* Up to a NUL or len. -E2BIG: longer than PVK_CMDLINE_MAX, and left empty. */
int pvk_cmdline_parse(struct pvk_cmdline *cmdline, const char *text, size_t len);
/* Of a file that is longer the words that fit are there, for who must go on: -E2BIG. */
int pvk_cmdline_read(struct pvk_cmdline *cmdline, const char *path, struct pvk_err *err);

/*
 * The last value of a key ("" of a word without '='), NULL if it is not there. times
 * (may be NULL) says how often it is.
 */
const char *pvk_cmdline_get(const struct pvk_cmdline *cmdline, const char *key,
			    unsigned int *times);
/*
 * The last value of a key, NULL if none has one: as the kernel reads KEY=, for which the
 * word without '=' is another one.
 */
const char *pvk_cmdline_value(const struct pvk_cmdline *cmdline, const char *key);

/*
 * Sets the fields that the command line has. keys: of each field the keys to look
 * for, with blanks between; the first that is there counts. NULL and "": none. A
 * field whose value it can't have stays unset. Of that, and of a key that comes
 * several times, there is a warning.
 */
void pvk_cmdline_flags(const struct pvk_cmdline *cmdline, const char *const keys[PVB_FIELDS],
		       struct pvb_flags *flags, struct pvk_list *warnings);

#endif /* PVK_CMDLINE_H */
