// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flags.h"

#define LINE_MAX_BYTES	1024

static const struct field {
	const char *name;
	size_t at;		/* in struct pvb_flags */
	size_t size;		/* of a text with its NUL; 0: a number */
	uint64_t max;		/* of a number */
} fields[PVB_FIELDS] = {
	[PVB_MODE] = { "mode", offsetof(struct pvb_flags, mode), PVB_MODE_MAX + 1, 0 },
	[PVB_SLOT] = { "slot", offsetof(struct pvb_flags, slot), 0, PVB_SLOTS_MAX - 1 },
	[PVB_TRIES] = { "tries", offsetof(struct pvb_flags, tries), 0, UINT8_MAX },
	[PVB_SUCCESSFUL] = { "successful", offsetof(struct pvb_flags, successful), 0, 1 },
	[PVB_REASON] = { "reason", offsetof(struct pvb_flags, reason), PVB_REASON_MAX + 1, 0 },
	[PVB_CURSOR] = { "cursor", offsetof(struct pvb_flags, cursor), 0, UINT64_MAX },
	[PVB_PHASE] = { "phase", offsetof(struct pvb_flags, phase), PVB_PHASE_MAX + 1, 0 },
	[PVB_FAILURES] = { "failures", offsetof(struct pvb_flags, failures), 0, UINT8_MAX },
	[PVB_ARMED] = { "armed", offsetof(struct pvb_flags, armed), 0, 1 },
};

_Static_assert(PVB_FIELDS == PVB_ARMED + 1, "a field that has no name here");

static const struct field *field_of(unsigned int field)
{
	return field && field < PVB_FIELDS ? &fields[field] : NULL;
}

const char *pvk_field_name(unsigned int field)
{
	return field_of(field) ? fields[field].name : "?";
}

unsigned int pvk_field_find(const char *name)
{
	unsigned int field;

	for (field = 1; field < PVB_FIELDS; field++)
		if (!strcmp(fields[field].name, name))
			return field;
	return 0;
}

const char *pvk_field_names(uint32_t has, struct pvk_buf *buf)
{
	unsigned int field;

	pvk_buf_reset(buf);
	for (field = 1; field < PVB_FIELDS; field++) {
		if (!(has & PVB_HAS(field)))
			continue;
		has &= ~PVB_HAS(field);
		pvk_buf_printf(buf, "%s%s", !buf->len ? "" : has & PVB_ALL_FIELDS ? ", " : " and ",
			       fields[field].name);
	}
	return pvk_buf_str(buf);
}

const char *pvk_flags_string(const struct pvb_flags *flags, unsigned int field)
{
	const struct field *of = field_of(field);

	if (!of || !of->size || !(flags->has & PVB_HAS(field)))
		return NULL;
	return (const char *)flags + of->at;
}

uint64_t pvk_flags_number(const struct pvb_flags *flags, unsigned int field)
{
	const struct field *of = field_of(field);

	if (!of || of->size || !(flags->has & PVB_HAS(field)))
		return 0;
	if (field == PVB_CURSOR)
		return flags->cursor;
	return *((const uint8_t *)flags + of->at);
}

const char *pvk_flags_text(const struct pvb_flags *flags, unsigned int field, char *text)
{
	const char *string = pvk_flags_string(flags, field);

	text[0] = '\0';
	if (string)
		snprintf(text, PVK_FLAG_TEXT_SIZE, "%s", string);
	else if (field == PVB_SLOT && flags->has & PVB_HAS(field))
		snprintf(text, PVK_FLAG_TEXT_SIZE, "%c", 'a' + flags->slot);
	else if (flags->has & PVB_HAS(field))
		snprintf(text, PVK_FLAG_TEXT_SIZE, "%" PRIu64, pvk_flags_number(flags, field));
	return text;
}

int pvk_flags_set_number(struct pvb_flags *flags, unsigned int field, uint64_t value,
			 struct pvk_err *err)
{
	const struct field *of = field_of(field);

	if (!of || of->size)
		return pvk_err_set(err, -EINVAL, "%s: not a number", pvk_field_name(field));
	if (value > of->max)
		return pvk_err_set(err, -EINVAL, "%s: %" PRIu64 " is more than %" PRIu64, of->name,
				   value, of->max);
	if (field == PVB_CURSOR)
		flags->cursor = value;
	else
		*((uint8_t *)flags + of->at) = (uint8_t)value;
	flags->has |= PVB_HAS(field);
	return 0;
}

/* What a bootloader's script can hold and a line of a log: nothing that ends or hides it. */
static bool text_ok(unsigned int field, const char *text, size_t len)
{
	size_t step;

	if (field == PVB_MODE)
		return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			      "0123456789._-") == len;
	for (; len; text += step, len -= step) {
		step = pvk_utf8_print(text, len);
		if (!step)
			return false;
	}
	return true;
}

static int set_text(struct pvb_flags *flags, unsigned int field, const char *value,
		    struct pvk_err *err)
{
	const struct field *of = &fields[field];
	size_t len = strlen(value);

	if (len >= of->size)
		return pvk_err_set(err, -EINVAL, "%s: longer than %zu bytes", of->name,
				   of->size - 1);
	if (!len)
		return pvk_err_set(err, -EINVAL, "%s: empty", of->name);
	if (!text_ok(field, value, len))
		return pvk_err_set(err, -EINVAL, "%s: \"%s\" has characters other than %s",
				   of->name, value, field == PVB_MODE ?
				   "A-Z, a-z, 0-9, '.', '_' and '-'" : "printable UTF-8");
	memset((char *)flags + of->at, 0, of->size);
	memcpy((char *)flags + of->at, value, len);
	flags->has |= PVB_HAS(field);
	return 0;
}

int pvk_flags_set(struct pvb_flags *flags, unsigned int field, const char *value,
		  struct pvk_err *err)
{
	const struct field *of = field_of(field);
	unsigned long long number;
	char *end;

	if (!of)
		return pvk_err_set(err, -EINVAL, "there is no such field");
	if (of->size)
		return set_text(flags, field, value, err);
	if (field == PVB_SLOT && value[0] >= 'a' && value[0] < 'a' + PVB_SLOTS_MAX && !value[1])
		return pvk_flags_set_number(flags, field, (uint64_t)(value[0] - 'a'), err);
	errno = 0;
	number = strtoull(value, &end, 10);
	/* strtoull() takes signs and blanks. */
	if (value[0] < '0' || value[0] > '9' || *end || errno)
		return pvk_err_set(err, -EINVAL, "%s: \"%s\" is not %s", of->name, value,
				   field == PVB_SLOT ? "a slot, a to d" : "a number");
	return pvk_flags_set_number(flags, field, number, err);
}

void pvk_flags_take(struct pvb_flags *flags, unsigned int field, const char *value)
{
	const struct field *of = field_of(field);

	if (!of || !of->size)
		return;
	memset((char *)flags + of->at, 0, of->size);
	memcpy((char *)flags + of->at, value, strnlen(value, of->size - 1));
	flags->has |= PVB_HAS(field);
}

void pvk_flags_unset(struct pvb_flags *flags, unsigned int field)
{
	const struct field *of = field_of(field);

	if (!of)
		return;
	flags->has &= ~PVB_HAS(field);
	memset((char *)flags + of->at, 0,
	       of->size ? of->size : field == PVB_CURSOR ? sizeof(flags->cursor) : 1);
}

static bool field_same(const struct pvb_flags *a, const struct pvb_flags *b, unsigned int field)
{
	if (!(a->has & PVB_HAS(field)))
		return true;
	if (fields[field].size)
		return !strcmp(pvk_flags_string(a, field), pvk_flags_string(b, field));
	return pvk_flags_number(a, field) == pvk_flags_number(b, field);
}

bool pvk_flags_same(const struct pvb_flags *a, const struct pvb_flags *b)
{
	unsigned int field;

	if (a->has != b->has)
		return false;
	for (field = 1; field < PVB_FIELDS; field++)
		if (!field_same(a, b, field))
			return false;
	return true;
}

const char *pvk_flags_line(const struct pvb_flags *flags, struct pvk_buf *buf)
{
	char text[PVK_FLAG_TEXT_SIZE];
	const char *quote;
	unsigned int field;

	pvk_buf_reset(buf);
	for (field = 1; field < PVB_FIELDS; field++) {
		if (!(flags->has & PVB_HAS(field)))
			continue;
		quote = strpbrk(pvk_flags_text(flags, field, text), " \"'") ? "\"" : "";
		pvk_buf_printf(buf, "%s%s=%s%s%s", buf->len ? " " : "", fields[field].name, quote,
			       text, quote);
	}
	return pvk_buf_str(buf);
}

void pvk_flags_json_value(struct json_out *out, const struct pvb_flags *flags,
			  unsigned int field)
{
	char text[PVK_FLAG_TEXT_SIZE];

	if (fields[field].size || field == PVB_SLOT)
		json_out_str(out, pvk_flags_text(flags, field, text));
	else
		json_out_uint(out, pvk_flags_number(flags, field));
}

void pvk_flags_json(struct json_out *out, const struct pvb_flags *flags)
{
	unsigned int field;

	for (field = 1; field < PVB_FIELDS; field++) {
		if (!(flags->has & PVB_HAS(field)))
			continue;
		json_out_key(out, fields[field].name);
		pvk_flags_json_value(out, flags, field);
	}
}

/* ---- changes ---- */

uint32_t pvk_change_fields(const struct pvk_change *change)
{
	return change->set.has | change->clear;
}

static int find_for_change(const struct pvk_change *change, const char *name,
			   unsigned int *field, struct pvk_err *err)
{
	*field = pvk_field_find(name);
	if (!*field)
		return pvk_err_set(err, -EINVAL, "%s: there is no such field", name);
	if (pvk_change_fields(change) & PVB_HAS(*field))
		return pvk_err_set(err, -EEXIST, "%s: given twice", name);
	return 0;
}

int pvk_change_word(struct pvk_change *change, const char *word, struct pvk_err *err)
{
	const char *equals = strchr(word, '=');
	unsigned int field;
	char name[32];
	int ret;

	if (!equals)
		return pvk_err_set(err, -EINVAL, "%s: wants FIELD=VALUE", word);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - word), word);
	ret = find_for_change(change, name, &field, err);
	if (ret)
		return ret;
	if (equals[1])
		return pvk_flags_set(&change->set, field, equals + 1, err);
	change->clear |= PVB_HAS(field);
	return 0;
}

static int take_json(struct pvk_change *change, unsigned int field, const struct json *value,
		     struct pvk_err *err)
{
	const char *text = json_cstr(value);
	uint64_t number;

	switch (json_typeof(value)) {
	case JSON_NULL:
		change->clear |= PVB_HAS(field);
		return 0;
	case JSON_STRING:
		if (text && (fields[field].size || field == PVB_SLOT))
			return pvk_flags_set(&change->set, field, text, err);
		break;
	case JSON_NUMBER:
		if (!fields[field].size && !json_uint64(value, &number))
			return pvk_flags_set_number(&change->set, field, number, err);
		break;
	default:
		break;
	}
	return pvk_err_set(err, -EINVAL, "%s: wants %s", fields[field].name,
			   fields[field].size ? "a text, or null" :
			   field == PVB_SLOT ? "\"a\" to \"d\", 0 to 3, or null" :
			   "a whole number, or null");
}

int pvk_change_json(struct pvk_change *change, const struct json *object, struct pvk_err *err)
{
	const struct json *key, *value;
	unsigned int field;
	const char *name;
	int ret;

	if (json_typeof(object) != JSON_OBJECT)
		return pvk_err_set(err, -EINVAL, "wants an object of fields, not %s",
				   json_typename(json_typeof(object)));
	json_for_each_member(key, value, object) {
		name = json_cstr(key);
		ret = find_for_change(change, name ? name : json_not_text(key), &field, err);
		if (!ret)
			ret = take_json(change, field, value, err);
		if (ret)
			return ret;
	}
	return 0;
}

void pvk_change_apply(const struct pvk_change *change, struct pvb_flags *flags)
{
	unsigned int field;

	for (field = 1; field < PVB_FIELDS; field++) {
		if (change->clear & PVB_HAS(field))
			pvk_flags_unset(flags, field);
		if (!(change->set.has & PVB_HAS(field)))
			continue;
		if (fields[field].size)
			pvk_flags_take(flags, field, pvk_flags_string(&change->set, field));
		else
			pvk_flags_set_number(flags, field,
					     pvk_flags_number(&change->set, field), NULL);
	}
}
