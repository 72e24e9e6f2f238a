// SPDX-License-Identifier: MIT
/*
 * GET /drivers/NAME: what there is to know of one driver. All of it for the host
 * and for a container with the role mgmt; for another one what is its own.
 */
#include <errno.h>
#include <string.h>

#include "http_int.h"

bool driver_look_up(struct http_request *request, const char *alias, struct pvk_driver *driver)
{
	const struct http_kernel *kernel = http_kernel(request->http);
	struct pvk_err err = { .text = "" };
	int ret;

	/* What no driver can be called is in no run.json and in no BSP. */
	if (!pvk_alias_ok(alias)) {
		if (request->caller.host)
			http_reply_error(request->ev, 404, "there is no such driver");
		else
			http_reply_error(request->ev, 403, "not a driver of this container");
		return false;
	}
	ret = kernel->driver(kernel->arg, alias, request->peer->id, driver, &err);
	if (!ret && driver->state == PV_DRIVER_STATE_UNKNOWN) {
		pvk_driver_free(driver);
		ret = pvk_err_set(&err, -ENOENT, "no such driver");
	}
	if (ret)
		http_reply_error(request->ev, http_status_of_refusal(-ret), "%s", err.text);
	return !ret;
}

static bool uses(const struct pvk_driver *driver, const char *container)
{
	size_t i;

	for (i = 0; i < driver->users.count; i++)
		if (!strcmp(driver->users.item[i], container))
			return true;
	return false;
}

/* "" is the host, which is said apart. */
static void put_texts(struct json_out *out, const char *key, const struct pvk_texts *texts)
{
	size_t i;

	json_out_key(out, key);
	json_out_array(out);
	for (i = 0; i < texts->count; i++)
		if (texts->item[i][0])
			json_out_str(out, texts->item[i]);
	json_out_end(out);
}

static void put_flags(struct json_out *out, uint32_t flags)
{
	const char *name;
	unsigned int bit;

	json_out_key(out, "flags");
	json_out_array(out);
	for (bit = 0; (name = pvk_module_flag_name(bit)); bit++)
		if (flags & (1u << bit))
			json_out_str(out, name);
	json_out_end(out);
}

static void put_modules(struct json_out *out, const struct pvk_driver *driver)
{
	size_t i;

	json_out_key(out, "modules");
	json_out_array(out);
	for (i = 0; i < driver->n_modules; i++) {
		json_out_object(out);
		json_out_pair_str(out, "name", driver->modules[i].name);
		put_flags(out, driver->modules[i].flags);
		json_out_pair_str(out, "params", driver->modules[i].params);
		json_out_end(out);
	}
	json_out_end(out);
}

static void put_error(struct json_out *out, const struct pvk_driver *driver)
{
	json_out_pair_int(out, "errno", driver->error);
	json_out_pair_str(out, "errname", driver->error ? pvk_errno_name(driver->error) : NULL);
	json_out_pair_str(out, "error", driver->error ? driver->text : NULL);
}

static void put_stats(struct json_out *out, const struct pvk_stats *stats)
{
	json_out_key(out, "stats");
	json_out_object(out);
	json_out_pair_uint(out, "loads", stats->loads);
	json_out_pair_uint(out, "unloads", stats->unloads);
	json_out_pair_uint(out, "failures", stats->failures);
	json_out_pair_uint(out, "load_us", stats->load_us);
	json_out_pair_uint(out, "unload_us", stats->unload_us);
	json_out_end(out);
}

static void put_details(struct json_out *out, const struct pvk_driver *driver)
{
	put_texts(out, "users", &driver->users);
	json_out_pair_bool(out, "host", uses(driver, ""));
	put_texts(out, "lines", &driver->lines);
	put_modules(out, driver);
	put_error(out, driver);
	put_texts(out, "warnings", &driver->warnings);
	if (driver->has_stats)
		put_stats(out, &driver->stats);
}

/* own: as the caller sees it. all: as the host does. */
static void reply_driver(struct http_request *request, const struct pvk_driver *own,
			 const struct pvk_driver *all)
{
	json_auto_out struct json_out out;

	json_out_init(&out, HTTP_ANSWER_MAX);
	json_out_object(&out);
	json_out_pair_str(&out, "name", own->alias);
	json_out_pair_str(&out, "type", driver_upper_type(own->type));
	json_out_pair_str(&out, "status", driver_upper_state(all->state));
	json_out_pair_str(&out, "state", pvk_state_name(all->state));
	json_out_pair_bool(&out, "used", uses(all, request->peer->container));
	if (request->caller.host || request->caller.mgmt)
		put_details(&out, all);
	json_out_end(&out);
	http_reply_json(request->ev, 200, &out);
}

void driver_get(struct http_request *request)
{
	const struct http_kernel *kernel = http_kernel(request->http);
	const char *alias = request->seg[1];
	struct pvk_err err = { .text = "" };
	struct pvk_driver own, all;
	int ret;

	if (!driver_look_up(request, alias, &own))
		return;
	if (request->caller.host) {
		reply_driver(request, &own, &own);
		pvk_driver_free(&own);
		return;
	}
	/* Of its own view a container hears no users: they are others' business too. */
	ret = kernel->driver(kernel->arg, alias, 0, &all, &err);
	if (ret) {
		http_reply_error(request->ev, http_status_of_refusal(-ret), "%s", err.text);
	} else {
		reply_driver(request, &own, &all);
		pvk_driver_free(&all);
	}
	pvk_driver_free(&own);
}
