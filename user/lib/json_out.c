// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "json_out.h"

void json_out_init(struct json_out *out, size_t max)
{
	*out = (struct json_out)JSON_OUT_INIT(max);
}

void json_out_free(struct json_out *out)
{
	size_t max = out->buf.max;

	pvk_buf_free(&out->buf);
	json_out_init(out, max);
}

static bool in_object(const struct json_out *out)
{
	return out->depth && out->objects >> (out->depth - 1) & 1;
}

static void misuse(struct json_out *out)
{
	if (!out->err)
		out->err = -EINVAL;
}

/* What stands before a value; false: no value may come here. */
static bool begin_value(struct json_out *out)
{
	if (out->err)
		return false;
	if (in_object(out) ? !out->key : !out->depth && out->comma) {
		misuse(out);
		return false;
	}
	if (!in_object(out) && out->comma)
		pvk_buf_putc(&out->buf, ',');
	out->key = false;
	out->comma = true;
	return true;
}

static void begin_level(struct json_out *out, bool object)
{
	if (!begin_value(out))
		return;
	if (out->depth == JSON_OUT_DEPTH) {
		misuse(out);
		return;
	}
	out->objects &= ~(UINT32_C(1) << out->depth);
	out->objects |= (uint32_t)object << out->depth;
	out->depth++;
	out->comma = false;
	pvk_buf_putc(&out->buf, object ? '{' : '[');
}

void json_out_object(struct json_out *out)
{
	begin_level(out, true);
}

void json_out_array(struct json_out *out)
{
	begin_level(out, false);
}

void json_out_end(struct json_out *out)
{
	if (!out->depth || out->key) {
		misuse(out);
		return;
	}
	pvk_buf_putc(&out->buf, in_object(out) ? '}' : ']');
	out->depth--;
	out->comma = true;
}

static void put_escape(struct pvk_buf *buf, unsigned char c)
{
	static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
	const char *at = c ? strchr(from, c) : NULL;

	if (at)
		pvk_buf_printf(buf, "\\%c", to[at - from]);
	else
		pvk_buf_printf(buf, "\\u%04x", c);
}

static void put_string(struct pvk_buf *buf, const char *text, size_t len)
{
	size_t i = 0, plain = 0, n;

	pvk_buf_putc(buf, '"');
	while (i < len) {
		unsigned char c = (unsigned char)text[i];

		n = pvk_utf8_len(text + i, len - i);
		if (n && !pvk_iscntrl(c) && c != '"' && c != '\\') {
			i += n;
			continue;
		}
		pvk_buf_add(buf, text + plain, i - plain);
		if (n)
			put_escape(buf, c);
		else
			pvk_buf_puts(buf, "\xef\xbf\xbd");
		plain = ++i;
	}
	pvk_buf_add(buf, text + plain, i - plain);
	pvk_buf_putc(buf, '"');
}

void json_out_keyn(struct json_out *out, const char *key, size_t len)
{
	if (!in_object(out) || out->key) {
		misuse(out);
		return;
	}
	if (out->comma)
		pvk_buf_putc(&out->buf, ',');
	put_string(&out->buf, key, len);
	pvk_buf_putc(&out->buf, ':');
	out->key = true;
}

void json_out_key(struct json_out *out, const char *key)
{
	json_out_keyn(out, key, strlen(key));
}

void json_out_strn(struct json_out *out, const char *text, size_t len)
{
	if (begin_value(out))
		put_string(&out->buf, text, len);
}

void json_out_str(struct json_out *out, const char *text)
{
	if (text)
		json_out_strn(out, text, strlen(text));
	else
		json_out_null(out);
}

void json_out_int(struct json_out *out, int64_t n)
{
	if (begin_value(out))
		pvk_buf_printf(&out->buf, "%" PRId64, n);
}

void json_out_uint(struct json_out *out, uint64_t n)
{
	if (begin_value(out))
		pvk_buf_printf(&out->buf, "%" PRIu64, n);
}

void json_out_milli(struct json_out *out, uint64_t n)
{
	if (begin_value(out))
		pvk_buf_printf(&out->buf, "%" PRIu64 ".%03u", n / 1000, (unsigned int)(n % 1000));
}

void json_out_bool(struct json_out *out, bool v)
{
	if (begin_value(out))
		pvk_buf_puts(&out->buf, v ? "true" : "false");
}

void json_out_null(struct json_out *out)
{
	if (begin_value(out))
		pvk_buf_puts(&out->buf, "null");
}

void json_out_pair_str(struct json_out *out, const char *key, const char *text)
{
	json_out_key(out, key);
	json_out_str(out, text);
}

void json_out_pair_int(struct json_out *out, const char *key, int64_t n)
{
	json_out_key(out, key);
	json_out_int(out, n);
}

void json_out_pair_uint(struct json_out *out, const char *key, uint64_t n)
{
	json_out_key(out, key);
	json_out_uint(out, n);
}

void json_out_pair_bool(struct json_out *out, const char *key, bool v)
{
	json_out_key(out, key);
	json_out_bool(out, v);
}

int json_out_take(struct json_out *out, char **text, size_t *len)
{
	int ret = out->err;

	if (!ret && (out->depth || !out->comma))
		ret = -EINVAL;
	if (!ret)
		ret = pvk_buf_take(&out->buf, text, len);
	json_out_free(out);
	return ret;
}
