/* SPDX-License-Identifier: MIT */
/*
 * genl_attr - what the attributes of a received message say, taking nothing for granted
 *
 * A message is read by a table: which attribute goes where, as what. What the table
 * does not name, as of a newer kernel, is passed over; an attribute that is not there
 * leaves its place as it was, unless it is needed; of several the last one counts.
 *
 *	static const struct pvk_attr_rule rules[] = {
 *		PVK_ATTR_NEEDED(PV_X_A_NAME, COPY, pvk_x, name),
 *		PVK_ATTR(PV_X_A_ERRNO, ERRNO, pvk_x, error),
 *		{ 0 }
 *	};
 *
 * Every function returns 0, or -EBADMSG for what is not well formed: attributes that
 * do not fit into what holds them, wrong lengths, texts without an end.
 */
#ifndef PVK_GENL_ATTR_H
#define PVK_GENL_ATTR_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Attributes of higher types are passed over. */
#define PVK_ATTR_TYPE_MAX	63

enum pvk_attr_kind {
	PVK_ATTR_U32,		/* uint32_t */
	PVK_ATTR_U64,		/* uint64_t */
	PVK_ATTR_INT,		/* int, from a u32 that it can hold */
	PVK_ATTR_ERRNO,		/* int, from a u32 up to 4095 */
	PVK_ATTR_COPY,		/* char[], a text that fits */
	PVK_ATTR_TEXT,		/* char[], words for people, which are cut to fit */
	PVK_ATTR_HAS,		/* bool: it is there */
	PVK_ATTR_NEST,		/* a struct, by a table of its own */
};

struct pvk_attr_rule {
	uint16_t type;		/* 0 ends the table */
	uint8_t kind;
	bool needed;
	size_t at;
	size_t size;
	const struct pvk_attr_rule *nest;
};

#define PVK_ATTR_FITS_U32(size)		((size) == sizeof(uint32_t))
#define PVK_ATTR_FITS_U64(size)		((size) == sizeof(uint64_t))
#define PVK_ATTR_FITS_INT(size)		((size) == sizeof(int))
#define PVK_ATTR_FITS_ERRNO(size)	((size) == sizeof(int))
#define PVK_ATTR_FITS_COPY(size)	((size) > sizeof(char *))
#define PVK_ATTR_FITS_TEXT(size)	((size) > sizeof(char *))
#define PVK_ATTR_FITS_HAS(size)		((size) == sizeof(bool))
#define PVK_ATTR_FITS_NEST(size)	((size) > 0)

/* A place of the wrong size does not compile. */
#define PVK_ATTR_SIZE(fits, place) \
	(sizeof(place) + 0 * sizeof(char[fits(sizeof(place)) ? 1 : -1]))

#define PVK_ATTR_RULE(nr, how, must, of, member, table) { \
		.type = (nr), .kind = PVK_ATTR_##how, .needed = (must), \
		.at = offsetof(struct of, member), .nest = (table), \
		.size = PVK_ATTR_SIZE(PVK_ATTR_FITS_##how, ((struct of *)NULL)->member), \
	}

#define PVK_ATTR(nr, how, of, member)		PVK_ATTR_RULE(nr, how, false, of, member, NULL)
#define PVK_ATTR_NEEDED(nr, how, of, member)	PVK_ATTR_RULE(nr, how, true, of, member, NULL)
#define PVK_ATTR_NESTED(nr, of, member, table)	PVK_ATTR_RULE(nr, NEST, false, of, member, table)

/* Attributes of a message, or of a nest, into *to. */
int pvk_attr_read(const struct nlmsghdr *nlh, const struct pvk_attr_rule *rules, void *to);
int pvk_attr_read_nest(const struct nlattr *nest, const struct pvk_attr_rule *rules, void *to);

/* Of a message, or a nest, that was read: the last attribute of the type, or NULL. */
const struct nlattr *pvk_attr_find(const struct nlmsghdr *nlh, uint16_t type);
const struct nlattr *pvk_attr_find_nest(const struct nlattr *nest, uint16_t type);
/* Calls fn for each of that type, in order, until it says something else than 0. */
int pvk_attr_each(const struct nlmsghdr *nlh, uint16_t type,
		  int (*fn)(void *arg, const struct nlattr *attr), void *arg);

/* One alone; none may be NULL. */
int pvk_attr_u32(const struct nlattr *attr, uint32_t *value);
int pvk_attr_u64(const struct nlattr *attr, uint64_t *value);
/* Points into the message. */
int pvk_attr_str(const struct nlattr *attr, const char **text);
/* -EBADMSG also when it is longer than size - 1. */
int pvk_attr_copy(const struct nlattr *attr, char *text, size_t size);

/*
 * Attributes as an array of max + 1 pointers, the last of each type; those above max
 * are left out.
 */
int pvk_attr_parse(const void *data, size_t len, const struct nlattr **tb, uint16_t max);

#endif /* PVK_GENL_ATTR_H */
