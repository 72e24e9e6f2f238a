// SPDX-License-Identifier: MIT
/*
 * GET /drivers/events: what the caller's drivers are, then what becomes of them.
 */
#include <errno.h>
#include <string.h>

#include "stream.h"

/* All of them at once, of a board with as many drivers as there may be. */
#define STATES_MAX	HTTP_ANSWER_MAX

struct stream_name {
	char alias[PVK_ALIAS_SIZE];
	int type;
};

/* Of which drivers it tells. */
struct driver_stream {
	char only[PVK_ALIAS_SIZE];	/* "": all */
	struct stream_name *name;	/* what a container names, sorted */
	size_t n_names;
};

static void free_own(void *arg)
{
	struct driver_stream *own = arg;

	free(own->name);
	free(own);
}

/* ---- what is told ---- */

static int compare_names(const void *a, const void *b)
{
	const struct stream_name *left = a, *right = b;

	return strcmp(left->alias, right->alias);
}

static const struct stream_name *find_name(const struct driver_stream *own, const char *alias)
{
	struct stream_name key;

	if (!own->n_names || strlen(alias) >= sizeof(key.alias))
		return NULL;
	strcpy(key.alias, alias);
	return bsearch(&key, own->name, own->n_names, sizeof(key), compare_names);
}

static int keep_names(struct driver_stream *own, const struct pvk_drivers *list)
{
	size_t i;

	if (!list->count)
		return 0;
	own->name = calloc(list->count, sizeof(*own->name));
	if (!own->name)
		return -ENOMEM;
	for (i = 0; i < list->count; i++) {
		strcpy(own->name[i].alias, list->item[i].alias);
		own->name[i].type = list->item[i].type;
	}
	own->n_names = list->count;
	qsort(own->name, own->n_names, sizeof(*own->name), compare_names);
	return 0;
}

static void put_driver(struct pvk_buf *buf, const char *kind, const char *alias, int type,
		       uint32_t state, uint32_t generation)
{
	json_auto_out struct json_out out;

	json_out_init(&out, STREAM_FRAME_MAX);
	json_out_object(&out);
	json_out_pair_str(&out, "name", alias);
	json_out_pair_str(&out, "type", driver_upper_type(type));
	json_out_pair_str(&out, "status", driver_upper_state(state));
	json_out_pair_str(&out, "state", pvk_state_name(state));
	json_out_pair_uint(&out, "generation", generation);
	json_out_end(&out);
	stream_frame(buf, kind, generation, &out);
}

/* What is so now; after a loss, which is said first. */
static int send_states(struct http_stream *stream, const struct pvk_drivers *list, bool lost)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(STATES_MAX);
	const struct driver_stream *own = stream->own;
	size_t i;

	/* The first part's: of what changed while it was read, better twice than never. */
	stream->has_generation = list->count > 0;
	if (list->count)
		stream->generation = list->item[0].generation;
	if (lost)
		stream_overrun_frame(&buf, stream->generation);
	for (i = 0; i < list->count; i++) {
		const struct pvk_driver *driver = &list->item[i];

		if (!own->only[0] || !strcmp(own->only, driver->alias))
			put_driver(&buf, "state", driver->alias, driver->type, driver->state,
				   driver->generation);
	}
	return stream_send_all(stream, &buf);
}

static int tell_all(struct http_stream *stream, bool lost)
{
	const struct http_kernel *kernel = http_kernel(stream->conn->http);
	struct pvk_drivers list = { 0 };
	struct pvk_err err;
	int ret;

	ret = kernel->drivers(kernel->arg, stream->peer.id, &list, &err);
	if (!ret)
		ret = send_states(stream, &list, lost);
	pvk_drivers_free(&list);
	return ret;
}

static const struct stream_kind drivers_kind = { .tell_all = tell_all, .free = free_own };

static bool wants(const struct http_stream *stream, const struct pvk_event *event)
{
	const struct driver_stream *own = stream->own;

	if (own->only[0] && strcmp(own->only, event->alias))
		return false;
	if (stream->has_generation && (int32_t)(event->generation - stream->generation) <= 0)
		return false;
	return stream_is_host(stream) || find_name(own, event->alias);
}

static void tell(struct http_stream *stream, void *arg)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(STREAM_FRAME_MAX);
	const struct pvk_event *event = arg;
	const struct stream_name *name = find_name(stream->own, event->alias);
	uint32_t state = event->state;

	if (!wants(stream, event))
		return;
	if (event->kind == PV_DRIVER_EVENT_KIND_DEL)
		state = PV_DRIVER_STATE_UNKNOWN;
	put_driver(&buf, pvk_event_kind_name(event->kind), event->alias, name ? name->type : -1,
		   state, event->generation);
	stream_tell(stream, &buf);
}

void streams_event(struct http *http, const struct pvk_event *event)
{
	streams_each(http, &drivers_kind, tell, (void *)event);
}

void streams_overrun(struct http *http)
{
	streams_anew(http, &drivers_kind);
}

/* ---- its begin ---- */

static struct driver_stream *own_new(const struct http_request *request, const char *only,
				     const struct pvk_drivers *list)
{
	struct driver_stream *own = calloc(1, sizeof(*own));

	if (!own)
		return NULL;
	if (only)
		strcpy(own->only, only);
	if (request->caller.host || !keep_names(own, list))
		return own;
	free_own(own);
	return NULL;
}

static void start(struct http_request *request, const char *only,
		  const struct pvk_drivers *list)
{
	struct driver_stream *own = own_new(request, only, list);
	struct http_stream *stream;

	if (!own) {
		http_reply_error(request->ev, 500, "out of memory");
		return;
	}
	stream = stream_start(request, &drivers_kind, own);
	if (stream && send_states(stream, list, false))
		stream_end(stream);
}

void events_get(struct http_request *request)
{
	const struct http_kernel *kernel = http_kernel(request->http);
	const char *only = http_query(request, "driver");
	struct pvk_drivers list = { 0 };
	struct pvk_driver driver;
	struct pvk_err err = { .text = "" };
	int ret;

	if (only) {
		if (!driver_look_up(request, only, &driver))
			return;
		pvk_driver_free(&driver);
	}
	if (!stream_has_room(request))
		return;
	ret = kernel->drivers(kernel->arg, request->peer->id, &list, &err);
	if (ret)
		driver_lookup_error(request, ret, &err);
	else
		start(request, only, &list);
	pvk_drivers_free(&list);
}
