/* SPDX-License-Identifier: MIT */
/*
 * flagtext.h - flags as text, "mode=recovery slot=1 tries=3 successful=0", and one
 * store on a made-up medium to set and read them in
 */
#ifndef PVKIT_TESTS_FLAGTEXT_H
#define PVKIT_TESTS_FLAGTEXT_H

#include <stdio.h>

#include "medium.h"

static struct sim sim;
static struct pvb_store kept;

static inline void parse_flags(const char *text, struct pvb_flags *f)
{
	char word[64];
	int used;

	memset(f, 0, sizeof(*f));
	for (; sscanf(text, " %63s%n", word, &used) == 1; text += used) {
		char *value = strchr(word, '=') + 1;

		if (word[0] == 'm') {
			f->has |= PVB_HAS(PVB_MODE);
			snprintf(f->mode, sizeof(f->mode), "%.31s", value);
		} else if (word[0] == 'r') {
			f->has |= PVB_HAS(PVB_REASON);
		} else if (word[0] == 't') {
			f->has |= PVB_HAS(PVB_TRIES);
			f->tries = (uint8_t)atoi(value);
		} else if (word[1] == 'l') {
			f->has |= PVB_HAS(PVB_SLOT);
			f->slot = (uint8_t)atoi(value);
		} else {
			f->has |= PVB_HAS(PVB_SUCCESSFUL);
			f->successful = (uint8_t)atoi(value);
		}
	}
}

static inline const char *flags_text(int ret, const struct pvb_flags *f)
{
	static char text[2][128];
	static int turn;
	char *p = text[turn ^= 1], *begin = p;

	*p = '\0';
	if (ret)
		p += sprintf(p, " error=%d", -ret);
	if (f->has & PVB_HAS(PVB_MODE))
		p += sprintf(p, " mode=%s", f->mode);
	if (f->has & PVB_HAS(PVB_SLOT))
		p += sprintf(p, " slot=%u", f->slot);
	if (f->has & PVB_HAS(PVB_TRIES))
		p += sprintf(p, " tries=%u", f->tries);
	if (f->has & PVB_HAS(PVB_SUCCESSFUL))
		p += sprintf(p, " successful=%u", f->successful);
	return *begin ? begin + 1 : "none";
}

static inline const char *read_text(void)
{
	struct pvb_flags f;
	int ret;

	memset(&f, 0xa5, sizeof(f));
	ret = kept.format->read(&kept, &f);
	return flags_text(ret, &f);
}

static inline int write_flags(const char *text, bool force)
{
	struct pvb_flags was, f;

	parse_flags(text, &f);
	if (kept.format->read(&kept, &was))
		memset(&was, 0, sizeof(was));
	return kept.format->write(&kept, &was, &f, force);
}

#endif
