// SPDX-License-Identifier: MIT
/*
 * GET /user-meta, PUT and DELETE /user-meta/KEY, and the same of /device-meta
 *
 * The front owns both directories as its own user: it writes them with no right
 * that others lack, and no message between front and loader is needed that one
 * of them could fake or lose. The loader only reads, takes nothing but regular
 * files, and treats what it reads as hostile.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <string.h>

#include "http_int.h"

static struct pvk_meta *meta_of(struct http_request *request)
{
	struct pvk_meta *meta;

	meta = http_meta(request->http, !strcmp(request->seg[0], "device-meta"));
	if (!meta)
		http_reply_error(request->ev, 500, "there is no %s here", request->seg[0]);
	return meta;
}

static void reply_errno(struct http_request *request, int ret)
{
	const char *key = request->n_seg > 1 ? request->seg[1] : request->seg[0];

	switch (ret) {
	case -ENOENT:
		http_reply_error(request->ev, 404, "%s is not set", key);
		break;
	case -EINVAL:
		http_reply_error(request->ev, 400, "not a key: %s", key);
		break;
	case -EFBIG:
	case -ENOSPC:
	case -EDQUOT:
		http_reply_error(request->ev, 507, "%s: %s", key, strerror(-ret));
		break;
	default:
		http_reply_error(request->ev, 500, "%s: %s", key, strerror(-ret));
	}
}

void meta_get(struct http_request *request)
{
	pvk_auto_buf struct pvk_buf value = PVK_BUF_INIT(PVK_META_VALUE_MAX);
	pvk_auto_keys struct pvk_keys keys = { 0 };
	struct pvk_meta *meta = meta_of(request);
	json_auto_out struct json_out out;
	size_t i;
	int ret;

	json_out_init(&out, HTTP_ANSWER_MAX);
	if (!meta)
		return;
	ret = pvk_meta_list(meta, &keys);
	if (ret) {
		reply_errno(request, ret);
		return;
	}
	json_out_object(&out);
	for (i = 0; i < keys.count; i++) {
		if (!pvk_meta_may_read(&request->caller, keys.key[i]))
			continue;
		pvk_buf_reset(&value);
		/* Deleted since the listing, or no file that we made. */
		if (pvk_meta_get(meta, keys.key[i], &value))
			continue;
		json_out_key(&out, keys.key[i]);
		json_out_strn(&out, pvk_buf_str(&value), value.len);
	}
	json_out_end(&out);
	http_reply_json(request->ev, 200, &out);
}

/* Both writers' first question. */
static bool may_write(struct http_request *request)
{
	if (pvk_meta_may_write(&request->caller))
		return true;
	http_reply_error(request->ev, 403, "this needs the role mgmt");
	return false;
}

void meta_put(struct http_request *request)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(request->ev);
	size_t len = evbuffer_get_length(body);
	struct pvk_meta *meta;
	int ret;

	if (!may_write(request))
		return;
	if (!len) {
		http_reply_error(request->ev, 400, "the body is empty");
		return;
	}
	if (len > PVK_META_VALUE_MAX) {
		http_reply_error(request->ev, 507, "the body is larger than %d bytes",
				 PVK_META_VALUE_MAX);
		return;
	}
	meta = meta_of(request);
	if (!meta)
		return;
	ret = pvk_meta_set(meta, request->seg[1], evbuffer_pullup(body, -1), len);
	if (ret)
		reply_errno(request, ret);
	else
		http_reply_empty(request->ev, 200);
}

void meta_delete(struct http_request *request)
{
	struct pvk_meta *meta;
	int ret;

	if (!may_write(request))
		return;
	meta = meta_of(request);
	if (!meta)
		return;
	ret = pvk_meta_delete(meta, request->seg[1]);
	if (ret)
		reply_errno(request, ret);
	else
		http_reply_empty(request->ev, 200);
}
