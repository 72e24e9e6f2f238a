// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nbd_handshake.h"

#define MAGIC_SERVER	0x4e42444d41474943ULL	/* "NBDMAGIC" */
#define MAGIC_OPTION	0x49484156454f5054ULL	/* "IHAVEOPT" */
#define MAGIC_OLD	0x0000420281861253ULL	/* in its place before 2010 */
#define MAGIC_REPLY	0x0003e889045565a9ULL

#define GREETING_BYTES	18
#define REPLY_BYTES	20
#define OLD_BYTES	10
#define OLD_ZEROES	124
#define REPLIES_MAX	64	/* there are four kinds of information */

/* What the server can, and what we answer that we can. */
#define FIXED_NEWSTYLE	1u
#define NO_ZEROES	2u

enum { OPT_EXPORT_NAME = 1, OPT_GO = 7 };
enum { REP_ACK = 1, REP_INFO = 3 };
enum { INFO_EXPORT = 0, INFO_BLOCK_SIZE = 3 };

#define REP_ERROR	0x80000000u

static const struct {
	uint32_t type;
	int code;
	const char *text;
} errors[] = {
	{ REP_ERROR + 2, -EACCES, "the server does not let us have it" },
	{ REP_ERROR + 3, -EPROTO, "the server did not understand" },
	{ REP_ERROR + 4, -EOPNOTSUPP, "the server's platform has no such thing" },
	{ REP_ERROR + 5, -EPROTONOSUPPORT, "the server wants TLS, which is not offered here" },
	{ REP_ERROR + 6, -ENOENT, "the server has no such export" },
	{ REP_ERROR + 7, -ESHUTDOWN, "the server is about to end" },
	{ REP_ERROR + 8, -EPROTO, "the server wants other blocks" },
	{ REP_ERROR + 9, -ENAMETOOLONG, "the name is too long for the server" },
};

/* ---- bytes, the most significant one first ---- */

static uint64_t get(const uint8_t *data, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *data++;
	return value;
}

static void put(struct nbd_handshake *hs, uint64_t value, unsigned int bytes)
{
	while (bytes--)
		hs->send[hs->len++] = (uint8_t)(value >> (8 * bytes));
}

static void put_name(struct nbd_handshake *hs)
{
	size_t len = strlen(hs->name);

	memcpy(hs->send + hs->len, hs->name, len);
	hs->len += len;
}

static int want(struct nbd_handshake *hs, enum nbd_step step, size_t bytes)
{
	hs->step = step;
	hs->want = bytes;
	return 0;
}

/* ---- the export is asked for ---- */

static int ask_go(struct nbd_handshake *hs)
{
	size_t len = strlen(hs->name);

	put(hs, MAGIC_OPTION, 8);
	put(hs, OPT_GO, 4);
	put(hs, 4 + len + 2 + 2, 4);
	put(hs, len, 4);
	put_name(hs);
	put(hs, 1, 2);
	/* Who asks for it says that he will keep to it. */
	put(hs, INFO_BLOCK_SIZE, 2);
	return want(hs, NBD_REPLY, REPLY_BYTES);
}

static int ask_old(struct nbd_handshake *hs)
{
	put(hs, MAGIC_OPTION, 8);
	put(hs, OPT_EXPORT_NAME, 4);
	put(hs, strlen(hs->name), 4);
	put_name(hs);
	return want(hs, NBD_OLD_REPLY, OLD_BYTES + (hs->zeroes ? OLD_ZEROES : 0));
}

int nbd_handshake_begin(struct nbd_handshake *hs, const char *name, bool go,
			struct pvk_err *err)
{
	if (strlen(name) > NBD_EXPORT_MAX)
		return pvk_err_set(err, -ENAMETOOLONG, "the export's name is longer than %d bytes",
				   NBD_EXPORT_MAX);
	*hs = (struct nbd_handshake){ .name = name, .go = go };
	return want(hs, NBD_GREETING, GREETING_BYTES);
}

/* ---- the server's words ---- */

static int take_greeting(struct nbd_handshake *hs, const uint8_t *data, struct pvk_err *err)
{
	uint64_t style = get(data + 8, 8);
	uint32_t offers = (uint32_t)get(data + 16, 2), ours;

	if (get(data, 8) != MAGIC_SERVER || (style != MAGIC_OPTION && style != MAGIC_OLD))
		return pvk_err_set(err, -EPROTO, "that is no NBD server");
	if (style == MAGIC_OLD)
		return pvk_err_set(err, -EPROTONOSUPPORT,
				   "the server speaks the old style, without names of exports");
	ours = offers & (FIXED_NEWSTYLE | NO_ZEROES);
	hs->zeroes = !(ours & NO_ZEROES);
	put(hs, ours, 4);
	/* Without the first of them an unknown option ends the talk. */
	return hs->go && ours & FIXED_NEWSTYLE ? ask_go(hs) : ask_old(hs);
}

static int take_export(struct nbd_handshake *hs, const uint8_t *data, struct pvk_err *err)
{
	uint64_t size = get(data, 8);

	if (!size || size > INT64_MAX)
		return pvk_err_set(err, size ? -EFBIG : -ENODATA, "an export of %llu bytes",
				   (unsigned long long)size);
	hs->export.size = size;
	hs->export.flags = (uint16_t)get(data + 8, 2);
	hs->has_export = true;
	return 0;
}

static int take_info(struct nbd_handshake *hs, const uint8_t *data, size_t len,
		     struct pvk_err *err)
{
	uint64_t kind = len >= 2 ? get(data, 2) : UINT64_MAX;

	if (kind == INFO_EXPORT && len == 12)
		return take_export(hs, data + 2, err);
	if (kind == INFO_BLOCK_SIZE && len == 14) {
		hs->export.block_min = (uint32_t)get(data + 2, 4);
		hs->export.block_max = (uint32_t)get(data + 10, 4);
		return 0;
	}
	if (len < 2 || kind == INFO_EXPORT || kind == INFO_BLOCK_SIZE)
		return pvk_err_set(err, -EPROTO, "the server has sent information of %zu bytes",
				   len);
	return 0;	/* that nobody asked for, as it may */
}

/* What the server says for people is in any language, and of any bytes. */
static int take_error(struct nbd_handshake *hs, const uint8_t *text, size_t len,
		      struct pvk_err *err)
{
	char shown[81];
	size_t i;

	for (i = 0; i < len && i < sizeof(shown) - 1; i++)
		shown[i] = text[i] < ' ' || text[i] > '~' ? '?' : (char)text[i];
	shown[i] = '\0';
	for (i = 0; i < PVK_ARRAY_SIZE(errors); i++)
		if (errors[i].type == hs->type)
			return pvk_err_set(err, errors[i].code, "%s%s%s%s", errors[i].text,
					   *shown ? " (\"" : "", shown, *shown ? "\")" : "");
	return pvk_err_set(err, -EPROTO, "error %u of the server%s%s%s", hs->type & ~REP_ERROR,
			   *shown ? " (\"" : "", shown, *shown ? "\")" : "");
}

static int take_data(struct nbd_handshake *hs, const uint8_t *data, size_t len,
		     struct pvk_err *err)
{
	int ret = 0;

	if (hs->type == REP_ACK) {
		if (!hs->has_export)
			return pvk_err_set(err, -EPROTO, "the server did not say what it has");
		hs->step = NBD_DONE;
		return 1;
	}
	/* It does not know NBD_OPT_GO. */
	if (hs->type == REP_ERROR + 1)
		return ask_old(hs);
	if (hs->type & REP_ERROR)
		return take_error(hs, data, len, err);
	if (hs->type == REP_INFO)
		ret = take_info(hs, data, len, err);
	return ret ? ret : want(hs, NBD_REPLY, REPLY_BYTES);
}

static int take_reply(struct nbd_handshake *hs, const uint8_t *data, struct pvk_err *err)
{
	hs->type = (uint32_t)get(data + 12, 4);
	hs->left = (uint32_t)get(data + 16, 4);
	if (get(data, 8) != MAGIC_REPLY || get(data + 8, 4) != OPT_GO ||
	    hs->left > NBD_WANT_MAX || ++hs->replies > REPLIES_MAX)
		return pvk_err_set(err, -EPROTO, "the server's reply is none");
	if (hs->left)
		return want(hs, NBD_DATA, hs->left);
	return take_data(hs, data, 0, err);
}

int nbd_handshake_take(struct nbd_handshake *hs, const uint8_t *data, struct pvk_err *err)
{
	int ret;

	hs->len = 0;
	switch (hs->step) {
	case NBD_GREETING:
		return take_greeting(hs, data, err);
	case NBD_REPLY:
		return take_reply(hs, data, err);
	case NBD_DATA:
		return take_data(hs, data, hs->left, err);
	case NBD_OLD_REPLY:
		ret = take_export(hs, data, err);
		hs->step = NBD_DONE;
		return ret ? ret : 1;
	case NBD_DONE:
		break;
	}
	return -EINVAL;
}

int nbd_handshake_end(const struct nbd_handshake *hs, struct pvk_err *err)
{
	/* Those who know no other way have no other answer. */
	if (hs->step == NBD_OLD_REPLY)
		return pvk_err_set(err, -ENOENT,
				   "the server hangs up: it has no such export, or not for us");
	return pvk_err_set(err, -ECONNRESET, "the server hangs up");
}
