// SPDX-License-Identifier: MIT
/*
 * GET /union, GET /union/events: how full the RAM over a read-only root is, for the host
 * and for containers with the role mgmt. What was written into it is told by `pvkit union
 * status` alone: the front can't see the root.
 */
#include <errno.h>
#include <string.h>

#include "stream.h"

static int state_of(struct http *http, struct pvk_union_state *state, struct pvk_err *err)
{
	const struct http_kernel *kernel = http_kernel(http);

	if (!kernel->union_state)
		return pvk_err_set(err, -ENOENT, "there is no union");
	return kernel->union_state(kernel->union_arg, state, err);
}

static void put_state(struct json_out *out, const struct pvk_union_state *state)
{
	json_out_object(out);
	json_out_pair_str(out, "level", pvk_union_level_name(state->level));
	json_out_pair_uint(out, "generation", state->generation);
	json_out_key(out, "uptime");
	json_out_milli(out, state->uptime_ms);
	json_out_pair_uint(out, "size", state->usage.size);
	json_out_pair_uint(out, "used", state->usage.used);
	json_out_pair_uint(out, "inodes", state->usage.files);
	json_out_pair_uint(out, "inodes_used", state->usage.files_used);
	json_out_end(out);
}

static void reply_errno(struct http_request *request, int ret, const struct pvk_err *err)
{
	http_reply_error(request->ev, ret == -ENOENT ? 404 : 500, "%s", err->text);
}

void union_get(struct http_request *request)
{
	json_auto_out struct json_out out = JSON_OUT_INIT(STREAM_FRAME_MAX);
	struct pvk_err err = { .text = "" };
	struct pvk_union_state state;
	int ret;

	if (!http_may_manage(request))
		return;
	ret = state_of(request->http, &state, &err);
	if (ret) {
		reply_errno(request, ret, &err);
		return;
	}
	put_state(&out, &state);
	http_reply_json(request->ev, 200, &out);
}

/* ---- events ---- */

/* The level is in one piece, so an event is always how all is. */
static void put_event(struct pvk_buf *buf, struct http_stream *stream,
		      const struct pvk_union_state *state)
{
	json_auto_out struct json_out out = JSON_OUT_INIT(STREAM_FRAME_MAX);

	put_state(&out, state);
	stream_frame(buf, "level", state->generation, &out);
	stream->generation = state->generation;
	stream->has_generation = true;
}

static int tell_all(struct http_stream *stream, bool lost)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(2 * STREAM_FRAME_MAX);
	struct pvk_union_state state;
	struct pvk_err err;
	int ret;

	ret = state_of(stream->conn->http, &state, &err);
	if (ret)
		return ret;
	if (lost)
		stream_overrun_frame(&buf, state.generation);
	put_event(&buf, stream, &state);
	return stream_send_all(stream, &buf);
}

static void free_nothing(void *own)
{
	(void)own;
}

static const struct stream_kind union_kind = { .tell_all = tell_all, .free = free_nothing };

static void tell(struct http_stream *stream, void *arg)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(STREAM_FRAME_MAX);
	const struct pvk_union_state *state = arg;

	if (stream->has_generation && stream->generation == state->generation)
		return;
	put_event(&buf, stream, state);
	stream_tell(stream, &buf);
}

void http_union_event(struct http *http, const struct pvk_union_state *state)
{
	streams_each(http, &union_kind, tell, (void *)state);
}

void union_events_get(struct http_request *request)
{
	struct pvk_err err = { .text = "" };
	struct pvk_union_state state;
	struct http_stream *stream;
	int ret;

	if (!http_may_manage(request))
		return;
	ret = state_of(request->http, &state, &err);
	if (ret) {
		reply_errno(request, ret, &err);
		return;
	}
	if (!stream_has_room(request))
		return;
	stream = stream_start(request, &union_kind, NULL);
	if (stream && tell_all(stream, false))
		stream_end(stream);
}
