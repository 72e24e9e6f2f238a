/* SPDX-License-Identifier: MIT */
/*
 * template - ${user-meta:KEY} and its kin in module lines
 *
 *	${NAMESPACE:KEY}		the value, or nothing
 *	${NAMESPACE:KEY:-DEFAULT}	the value, or DEFAULT if there is none or it is empty
 *
 * NAMESPACE is user-meta, device-meta or modparam. KEY follows
 * pvk_meta_key_ok(). DEFAULT runs to the first '}' and holds no "${". A '$'
 * that no '{' follows is text. Values are not looked at again: a "${" that
 * comes out of a value stays as it is.
 *
 * The result is not one string but pieces that remember where they come from:
 * what may become of a value is decided where lines are split into words (see
 * modline.h), and that needs to tell the author's words from the value's.
 */
#ifndef PVK_TEMPLATE_H
#define PVK_TEMPLATE_H

#include <stddef.h>

#include "meta.h"
#include "modparam.h"
#include "util.h"

#define PVK_TEMPLATE_MAX	1024	/* bytes of a template */
#define PVK_TEMPLATE_OUT_MAX	16384	/* bytes of all pieces after expansion */
#define PVK_TEMPLATE_KEY_MAX	PVK_META_KEY_MAX

enum pvk_ns {
	PVK_NS_USER_META,
	PVK_NS_DEVICE_META,
	PVK_NS_MODPARAM,	/* KEY is a section of the vendor's modparam.json */
	PVK_NS_COUNT,
};

/* "user-meta", ... */
const char *pvk_ns_name(enum pvk_ns ns);

enum pvk_origin {
	PVK_FROM_LINE,		/* text of the template */
	PVK_FROM_DEFAULT,	/* its author's DEFAULT, in a reference's place */
	PVK_FROM_VALUE,		/* looked up */
};

/*
 * Before expansion: text of a PVK_FROM_LINE piece; of a reference (always
 * PVK_FROM_VALUE) ns, key and fallback. After expansion: text and len of each;
 * a reference to nothing leaves a piece of length 0.
 */
struct pvk_piece {
	enum pvk_origin origin;
	char *text;
	size_t len;
	enum pvk_ns ns;
	char *key;		/* NULL: PVK_FROM_LINE */
	char *fallback;		/* DEFAULT, or NULL */
};

struct pvk_template {
	struct pvk_piece *piece;
	size_t count;
};

/*
 * -EINVAL with a text: unterminated ${, unknown namespace, bad key, "${" in a
 * default. -E2BIG: longer than PVK_TEMPLATE_MAX.
 */
int pvk_template_parse(const char *text, struct pvk_template *tmpl, struct pvk_err *err);
void pvk_template_free(struct pvk_template *tmpl);

#define pvk_auto_template	__attribute__((cleanup(pvk_template_free)))

/*
 * Looks one key up for a caller and adds the value to buf. 0: found. -ENOENT:
 * absent. -EACCES: there may be one, but not for this caller. Another error
 * ends the expansion. It must not tell -EACCES from -ENOENT by whether the key
 * exists, or the warnings would tell a container what others have.
 */
typedef int (*pvk_lookup_fn)(void *arg, enum pvk_ns ns, const char *key,
			     const struct pvk_caller *caller, struct pvk_buf *value);

/*
 * Replaces the references in place. Absent and forbidden keys expand to the
 * default or to nothing; each that is absent without default, and each that is
 * forbidden, is a warning. Values are data, but for one newline at the end,
 * which goes (editors and echo put it there); a value with another control
 * character or a NUL, or one that is not UTF-8, is treated as absent, with a
 * warning.
 * -E2BIG: more than PVK_TEMPLATE_OUT_MAX bytes. On error the template is to be
 * freed.
 */
int pvk_template_expand(struct pvk_template *tmpl, pvk_lookup_fn lookup, void *arg,
			const struct pvk_caller *caller, struct pvk_list *warnings,
			struct pvk_err *err);

/* A pvk_lookup_fn over what a device has; arg is this. NULL: nothing is set there. */
struct pvk_sources {
	struct pvk_meta *user_meta;
	struct pvk_meta *device_meta;
	const struct pvk_modparam *modparam;	/* the BSP's: every caller may read it */
};

int pvk_sources_lookup(void *arg, enum pvk_ns ns, const char *key,
		       const struct pvk_caller *caller, struct pvk_buf *value);

/* The pieces in a row: for messages, and for what is no module line. */
int pvk_template_join(const struct pvk_template *tmpl, struct pvk_buf *buf);

#endif /* PVK_TEMPLATE_H */
