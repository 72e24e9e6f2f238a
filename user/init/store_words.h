/* SPDX-License-Identifier: MIT */
/*
 * store_words - the description of a store, as pv_bootflag takes it
 *
 * Documentation/bootflag.md says what the words are.
 */
#ifndef INIT_STORE_WORDS_H
#define INIT_STORE_WORDS_H

#include <pvkit/format.h>

#include "util.h"

struct store_words {
	const struct pvb_format *format;
	struct pvb_setup setup;
	char medium[16];
	char device[128];
	uint32_t offset;
	uint32_t size;			/* 0: the rest */
};

/* -EINVAL with the word and what is wrong with it. */
int store_words_parse(struct store_words *words, const char *text, struct pvk_err *err);

#endif /* INIT_STORE_WORDS_H */
