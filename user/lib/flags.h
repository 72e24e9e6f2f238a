/* SPDX-License-Identifier: MIT */
/*
 * flags - names and values of boot flags, as people and programs write them
 *
 * include/pvkit/flags.h says what the fields are. As text a slot is its letter, "a"
 * to "d" (its number, 0 to 3, is understood too), the other numbers are decimal,
 * and a text stands as it is.
 */
#ifndef PVK_FLAGS_H
#define PVK_FLAGS_H

#include <pvkit/flags.h>

#include "json.h"
#include "json_out.h"
#include "util.h"

#define PVK_FLAG_TEXT_SIZE	(PVB_REASON_MAX + 1)

/* "mode"; "?" for what is no field. */
const char *pvk_field_name(unsigned int field);
/* PVB_MODE, ...; 0 if there is none of that name. */
unsigned int pvk_field_find(const char *name);
/* "mode, slot and tries" of PVB_HAS() bits. */
const char *pvk_field_names(uint32_t has, struct pvk_buf *buf);

/* The text of a field, NULL of a number or one that is not set. */
const char *pvk_flags_string(const struct pvb_flags *flags, unsigned int field);
/* The value of a number; 0 of a text or one that is not set. */
uint64_t pvk_flags_number(const struct pvb_flags *flags, unsigned int field);
/* As people write it; "" if it is not set. text has room for PVK_FLAG_TEXT_SIZE. */
const char *pvk_flags_text(const struct pvb_flags *flags, unsigned int field, char *text);

/*
 * Set a field: -EINVAL and one line, which names the field, for a value that it
 * can't have. The second takes what people write.
 */
int pvk_flags_set_number(struct pvb_flags *flags, unsigned int field, uint64_t value,
			 struct pvk_err *err);
int pvk_flags_set(struct pvb_flags *flags, unsigned int field, const char *value,
		  struct pvk_err *err);
/* What a medium or a bootloader says: cut to fit, whatever its characters. A text only. */
void pvk_flags_take(struct pvb_flags *flags, unsigned int field, const char *value);
void pvk_flags_unset(struct pvb_flags *flags, unsigned int field);
bool pvk_flags_same(const struct pvb_flags *a, const struct pvb_flags *b);
/* "mode=recovery slot=b", a blank between; a text with blanks is quoted. */
const char *pvk_flags_line(const struct pvb_flags *flags, struct pvk_buf *buf);
/* Members of the object that is open: {"mode":"recovery","slot":"b","tries":3}. */
void pvk_flags_json(struct json_out *out, const struct pvb_flags *flags);

/* The value alone, of a field that is set: a text, a slot's letter or a number. */
void pvk_flags_json_value(struct json_out *out, const struct pvb_flags *flags,
			  unsigned int field);

/* What is to become of the fields of a store, all or nothing. */
struct pvk_change {
	struct pvb_flags set;		/* those in set.has */
	uint32_t clear;			/* PVB_HAS() of those to be unset */
	uint32_t generation;
	bool has_generation;		/* only if the store is still at that one */
	bool force;			/* over what is foreign or broken, past the rate limit */
};

/* Adds "FIELD=VALUE"; "FIELD=" unsets it. -EEXIST: named before. */
int pvk_change_word(struct pvk_change *change, const char *word, struct pvk_err *err);
/* Adds the members of an object; null unsets one. */
int pvk_change_json(struct pvk_change *change, const struct json *object,
		    struct pvk_err *err);
/* PVB_HAS() of all that it is about. */
uint32_t pvk_change_fields(const struct pvk_change *change);
void pvk_change_apply(const struct pvk_change *change, struct pvb_flags *flags);

#endif /* PVK_FLAGS_H */
