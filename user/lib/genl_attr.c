// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <linux/genetlink.h>
#include <string.h>

#include "genl_attr.h"

#define ERRNO_MAX	4095

int pvk_attr_parse(const void *data, size_t len, const struct nlattr **tb, uint16_t max)
{
	const char *pos = data;

	memset(tb, 0, sizeof(*tb) * ((size_t)max + 1));
	while (len >= sizeof(struct nlattr)) {
		const struct nlattr *attr = (const void *)pos;
		size_t step = MNL_ALIGN(attr->nla_len);
		uint16_t type = attr->nla_type & NLA_TYPE_MASK;

		if (attr->nla_len < sizeof(*attr) || attr->nla_len > len)
			return -EBADMSG;
		if (type <= max)
			tb[type] = attr;
		/* The last one need not be padded. */
		if (step > len)
			step = len;
		pos += step;
		len -= step;
	}
	return len ? -EBADMSG : 0;
}

/* ---- one alone ---- */

int pvk_attr_u32(const struct nlattr *attr, uint32_t *value)
{
	if (mnl_attr_get_payload_len(attr) != sizeof(*value))
		return -EBADMSG;
	memcpy(value, mnl_attr_get_payload(attr), sizeof(*value));
	return 0;
}

int pvk_attr_u64(const struct nlattr *attr, uint64_t *value)
{
	if (mnl_attr_get_payload_len(attr) != sizeof(*value))
		return -EBADMSG;
	memcpy(value, mnl_attr_get_payload(attr), sizeof(*value));
	return 0;
}

int pvk_attr_str(const struct nlattr *attr, const char **text)
{
	const char *data = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	if (!len || memchr(data, '\0', len) != data + len - 1)
		return -EBADMSG;
	*text = data;
	return 0;
}

int pvk_attr_copy(const struct nlattr *attr, char *text, size_t size)
{
	const char *from;
	int ret = pvk_attr_str(attr, &from);

	if (ret)
		return ret;
	if (strlen(from) >= size)
		return -EBADMSG;
	strcpy(text, from);
	return 0;
}

static int get_int(const struct nlattr *attr, int max, int *value)
{
	uint32_t n;

	if (pvk_attr_u32(attr, &n) || n > (uint32_t)max)
		return -EBADMSG;
	*value = (int)n;
	return 0;
}

static int get_text(const struct nlattr *attr, char *text, size_t size)
{
	const char *from;
	size_t len;

	if (pvk_attr_str(attr, &from))
		return -EBADMSG;
	len = strnlen(from, size - 1);
	memcpy(text, from, len);
	text[len] = '\0';
	return 0;
}

/* ---- tables ---- */

static int get_one(const struct pvk_attr_rule *rule, const struct nlattr *attr, void *to)
{
	switch (rule->kind) {
	case PVK_ATTR_U32:
		return pvk_attr_u32(attr, to);
	case PVK_ATTR_U64:
		return pvk_attr_u64(attr, to);
	case PVK_ATTR_INT:
		return get_int(attr, INT_MAX, to);
	case PVK_ATTR_ERRNO:
		return get_int(attr, ERRNO_MAX, to);
	case PVK_ATTR_COPY:
		return pvk_attr_copy(attr, to, rule->size);
	case PVK_ATTR_TEXT:
		return get_text(attr, to, rule->size);
	case PVK_ATTR_HAS:
		*(bool *)to = true;
		return 0;
	default:
		return pvk_attr_read_nest(attr, rule->nest, to);
	}
}

static int read_attrs(const void *data, size_t len, const struct pvk_attr_rule *rules, void *to)
{
	const struct nlattr *tb[PVK_ATTR_TYPE_MAX + 1];
	const struct pvk_attr_rule *rule;

	if (pvk_attr_parse(data, len, tb, PVK_ATTR_TYPE_MAX))
		return -EBADMSG;
	for (rule = rules; rule->type; rule++) {
		const struct nlattr *attr = tb[rule->type];

		if (attr ? get_one(rule, attr, (char *)to + rule->at) : rule->needed)
			return -EBADMSG;
	}
	return 0;
}

int pvk_attr_read(const struct nlmsghdr *nlh, const struct pvk_attr_rule *rules, void *to)
{
	size_t head = MNL_NLMSG_HDRLEN + GENL_HDRLEN;

	if (nlh->nlmsg_len < head)
		return -EBADMSG;
	return read_attrs((const char *)nlh + head, nlh->nlmsg_len - head, rules, to);
}

int pvk_attr_read_nest(const struct nlattr *nest, const struct pvk_attr_rule *rules, void *to)
{
	return read_attrs(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), rules, to);
}

const struct nlattr *pvk_attr_find(const struct nlmsghdr *nlh, uint16_t type)
{
	const struct nlattr *attr, *found = NULL;

	mnl_attr_for_each(attr, nlh, GENL_HDRLEN)
		if (mnl_attr_get_type(attr) == type)
			found = attr;
	return found;
}

const struct nlattr *pvk_attr_find_nest(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr, *found = NULL;

	mnl_attr_for_each_nested(attr, nest)
		if (mnl_attr_get_type(attr) == type)
			found = attr;
	return found;
}

int pvk_attr_each(const struct nlmsghdr *nlh, uint16_t type,
		  int (*fn)(void *arg, const struct nlattr *attr), void *arg)
{
	const struct nlattr *attr;
	int ret;

	mnl_attr_for_each(attr, nlh, GENL_HDRLEN) {
		if (mnl_attr_get_type(attr) != type)
			continue;
		ret = fn(arg, attr);
		if (ret)
			return ret;
	}
	return 0;
}
