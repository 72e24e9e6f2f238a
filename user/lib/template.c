// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "template.h"

static const char *const ns_names[PVK_NS_COUNT] = {
	[PVK_NS_USER_META] = "user-meta",
	[PVK_NS_DEVICE_META] = "device-meta",
	[PVK_NS_MODPARAM] = "modparam",
};

const char *pvk_ns_name(enum pvk_ns ns)
{
	return ns_names[ns];
}

void pvk_template_free(struct pvk_template *tmpl)
{
	size_t i;

	for (i = 0; i < tmpl->count; i++) {
		free(tmpl->piece[i].text);
		free(tmpl->piece[i].key);
		free(tmpl->piece[i].fallback);
	}
	free(tmpl->piece);
	*tmpl = (struct pvk_template){ 0 };
}

/* Bounded by the template's own length: a piece takes at least one byte of it. */
static struct pvk_piece *add_piece(struct pvk_template *tmpl, enum pvk_origin origin)
{
	struct pvk_piece *piece;

	piece = realloc(tmpl->piece, (tmpl->count + 1) * sizeof(*piece));
	if (!piece)
		return NULL;
	tmpl->piece = piece;
	piece = &tmpl->piece[tmpl->count++];
	*piece = (struct pvk_piece){ .origin = origin };
	return piece;
}

static int add_text(struct pvk_template *tmpl, const char *text, size_t len)
{
	struct pvk_piece *piece;

	if (!len)
		return 0;
	piece = add_piece(tmpl, PVK_FROM_LINE);
	if (!piece)
		return -ENOMEM;
	piece->text = strndup(text, len);
	if (!piece->text)
		return -ENOMEM;
	piece->len = len;
	return 0;
}

/* "NAMESPACE:" at ref: its number, and what follows in *rest. */
static int find_ns(const char *ref, const char **rest)
{
	size_t len;
	int i;

	for (i = 0; i < PVK_NS_COUNT; i++) {
		len = strlen(ns_names[i]);
		if (!strncmp(ref, ns_names[i], len) && ref[len] == ':') {
			*rest = ref + len + 1;
			return i;
		}
	}
	return -EINVAL;
}

/* ref: what stands between "${" and "}"; is cut up. */
static int add_reference(struct pvk_template *tmpl, char *ref, struct pvk_err *err)
{
	struct pvk_piece *piece;
	const char *key;
	char *fallback;
	int ns;

	if (strstr(ref, "${"))
		return pvk_err_set(err, -EINVAL, "\"${\" inside of \"${%s}\"", ref);
	ns = find_ns(ref, &key);
	if (ns < 0)
		return pvk_err_set(err, ns, "unknown namespace in \"${%s}\"", ref);
	fallback = strstr(key, ":-");
	if (fallback) {
		*fallback = '\0';
		fallback += 2;
	}
	if (!pvk_meta_key_ok(key))
		return pvk_err_set(err, -EINVAL, "bad key \"%s\" in \"${%s:...}\"", key,
				   ns_names[ns]);

	piece = add_piece(tmpl, PVK_FROM_VALUE);
	if (!piece)
		return -ENOMEM;
	piece->ns = (enum pvk_ns)ns;
	piece->key = strdup(key);
	piece->fallback = fallback ? strdup(fallback) : NULL;
	if (!piece->key || (fallback && !piece->fallback))
		return -ENOMEM;
	return 0;
}

static int parse(const char *text, struct pvk_template *tmpl, struct pvk_err *err)
{
	const char *open, *close;
	int ret;

	while ((open = strstr(text, "${"))) {
		pvk_auto_free char *ref = NULL;

		close = strchr(open, '}');
		if (!close)
			return pvk_err_set(err, -EINVAL, "\"%s\" has no closing \"}\"", open);
		ref = strndup(open + 2, (size_t)(close - open - 2));
		if (!ref)
			return -ENOMEM;
		ret = add_text(tmpl, text, (size_t)(open - text));
		if (!ret)
			ret = add_reference(tmpl, ref, err);
		if (ret)
			return ret;
		text = close + 1;
	}
	return add_text(tmpl, text, strlen(text));
}

int pvk_template_parse(const char *text, struct pvk_template *tmpl, struct pvk_err *err)
{
	int ret;

	*tmpl = (struct pvk_template){ 0 };
	if (strlen(text) > PVK_TEMPLATE_MAX)
		return pvk_err_set(err, -E2BIG, "longer than %d bytes", PVK_TEMPLATE_MAX);
	ret = parse(text, tmpl, err);
	if (ret == -ENOMEM)
		pvk_err_set(err, ret, "out of memory");
	if (ret)
		pvk_template_free(tmpl);
	return ret;
}

/* NULL, or what makes the value unfit for a module line. */
static const char *value_fault(const char *value, size_t len)
{
	size_t i, n;

	for (i = 0; i < len; i += n) {
		if (pvk_iscntrl((unsigned char)value[i]))
			return "holds a control character";
		n = pvk_utf8_len(value + i, len - i);
		if (!n)
			return "is not UTF-8";
	}
	return NULL;
}

/* The lookup's verdict on a reference, value in buf; -ENOENT also for unfit ones. */
static int look_up(const struct pvk_piece *piece, pvk_lookup_fn lookup, void *arg,
		   const struct pvk_caller *caller, struct pvk_buf *buf,
		   struct pvk_list *warnings)
{
	const char *ns = ns_names[piece->ns], *fault;
	int ret = lookup(arg, piece->ns, piece->key, caller, buf);

	if (!ret && buf->err)
		ret = buf->err;
	switch (ret) {
	case 0:
		break;
	case -EACCES:
		pvk_list_warn(warnings, "%s:%s may not be read by %s%s", ns, piece->key,
			      caller->name ? "container " : "this caller",
			      caller->name ? caller->name : "");
		return -ENOENT;
	case -ENOENT:
		if (!piece->fallback)
			pvk_list_warn(warnings, "%s:%s is not set", ns, piece->key);
		return ret;
	default:
		return ret;
	}

	if (buf->len && buf->data[buf->len - 1] == '\n')
		buf->data[--buf->len] = '\0';
	fault = value_fault(pvk_buf_str(buf), buf->len);
	if (!fault)
		return buf->len ? 0 : -ENOENT;
	pvk_list_warn(warnings, "%s:%s %s and is ignored", ns, piece->key, fault);
	return -ENOENT;
}

static int expand_piece(struct pvk_piece *piece, pvk_lookup_fn lookup, void *arg,
			const struct pvk_caller *caller, struct pvk_list *warnings)
{
	/* Of a section's parameters most may be of other modules. */
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(piece->ns == PVK_NS_MODPARAM ?
						       PVK_TEMPLATE_OUT_MAX : PVK_META_VALUE_MAX);
	int ret;

	ret = look_up(piece, lookup, arg, caller, &buf, warnings);
	if (ret == -ENOENT) {
		pvk_buf_reset(&buf);
		if (piece->fallback) {
			piece->origin = PVK_FROM_DEFAULT;
			pvk_buf_puts(&buf, piece->fallback);
		}
		ret = buf.err;
	}
	return ret ? ret : pvk_buf_take(&buf, &piece->text, &piece->len);
}

int pvk_template_expand(struct pvk_template *tmpl, pvk_lookup_fn lookup, void *arg,
			const struct pvk_caller *caller, struct pvk_list *warnings,
			struct pvk_err *err)
{
	size_t i, len = 0;
	int ret;

	for (i = 0; i < tmpl->count; i++) {
		struct pvk_piece *piece = &tmpl->piece[i];

		if (piece->key) {
			ret = expand_piece(piece, lookup, arg, caller, warnings);
			if (ret)
				return pvk_err_set(err, ret, "%s:%s: %s", ns_names[piece->ns],
						   piece->key, strerror(-ret));
		}
		len += piece->len;
		if (len > PVK_TEMPLATE_OUT_MAX)
			return pvk_err_set(err, -E2BIG, "longer than %d bytes with its values",
					   PVK_TEMPLATE_OUT_MAX);
	}
	return 0;
}

int pvk_template_join(const struct pvk_template *tmpl, struct pvk_buf *buf)
{
	size_t i;

	for (i = 0; i < tmpl->count; i++)
		pvk_buf_add(buf, tmpl->piece[i].text, tmpl->piece[i].len);
	return buf->err;
}

int pvk_sources_lookup(void *arg, enum pvk_ns ns, const char *key,
		       const struct pvk_caller *caller, struct pvk_buf *value)
{
	const struct pvk_sources *sources = arg;
	struct pvk_meta *meta;

	if (ns == PVK_NS_MODPARAM && sources->modparam)
		return pvk_modparam_get(sources->modparam, key, value);
	if (ns == PVK_NS_MODPARAM)
		return -ENOENT;

	/* Asked before the store is, so the answer does not tell what is in it. */
	if (!pvk_meta_may_read(caller, key))
		return -EACCES;
	meta = ns == PVK_NS_USER_META ? sources->user_meta : sources->device_meta;
	return meta ? pvk_meta_get(meta, key, value) : -ENOENT;
}
