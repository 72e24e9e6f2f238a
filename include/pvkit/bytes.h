/* SPDX-License-Identifier: MIT */
/*
 * bytes - runs of bytes, without a libc, and numbers of any width and byte order
 */
#ifndef PVKIT_BYTES_H
#define PVKIT_BYTES_H

#include "types.h"

#define PVB_COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static inline void pvb_copy(uint8_t *to, const uint8_t *from, uint32_t len)
{
	while (len--)
		*to++ = *from++;
}

static inline void pvb_fill(uint8_t *to, uint8_t byte, uint32_t len)
{
	while (len--)
		*to++ = byte;
}

static inline bool pvb_same(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	for (; len; len--)
		if (*a++ != *b++)
			return false;
	return true;
}

static inline bool pvb_all(const uint8_t *p, uint8_t byte, uint32_t len)
{
	for (; len; len--)
		if (*p++ != byte)
			return false;
	return true;
}

/* Texts with a final NUL. */
static inline bool pvb_text_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Cuts to fit; `size` counts the NUL. */
static inline void pvb_text_copy(char *to, const char *from, uint32_t size)
{
	while (--size && *from)
		*to++ = *from++;
	*to = '\0';
}

/* width: 1 to 4 bytes. */
static inline uint32_t pvb_get_number(const uint8_t *p, uint32_t width, bool big_endian)
{
	uint32_t i, v = 0;

	for (i = 0; i < width; i++)
		v |= (uint32_t)p[big_endian ? width - 1 - i : i] << 8 * i;
	return v;
}

static inline void pvb_put_number(uint8_t *p, uint32_t width, bool big_endian, uint32_t v)
{
	uint32_t i;

	for (i = 0; i < width; i++)
		p[big_endian ? width - 1 - i : i] = (uint8_t)(v >> 8 * i);
}

#endif /* PVKIT_BYTES_H */
