// SPDX-License-Identifier: MIT
/*
 * GET /drivers/NAME: what there is to know of one driver. All of it for the host
 * and for a container with the role mgmt; for another one what is its own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "http_int.h"

#define NS_PER_MS	1000000
#define NS_PER_S	INT64_C(1000000000)

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

static int64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/*
 * By the clock on the wall as it goes now, and since boot: a board without a
 * clock of its own learns the time late. `at` is nanoseconds since boot, 0: never.
 */
static void put_time(struct json_out *out, const char *key, uint64_t at)
{
	int64_t wall = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_BOOTTIME) + (int64_t)at;
	const time_t seconds = wall / NS_PER_S;
	char text[48];
	struct tm tm;
	size_t len;

	json_out_key(out, key);
	if (!at || wall < 0 || !gmtime_r(&seconds, &tm)) {
		json_out_null(out);
		return;
	}
	len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + len, sizeof(text) - len, ".%03dZ", (int)(wall % NS_PER_S / NS_PER_MS));
	json_out_object(out);
	json_out_pair_str(out, "time", text);
	json_out_key(out, "uptime");
	json_out_milli(out, at / NS_PER_MS);
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
		put_time(out, "since", driver->modules[i].since_ns);
		json_out_end(out);
	}
	json_out_end(out);
}

static void put_error(struct json_out *out, const struct pvk_driver *driver)
{
	json_out_pair_int(out, "errno", driver->error);
	json_out_pair_str(out, "errname", driver->error ? pvk_errno_name(driver->error) : NULL);
	json_out_pair_str(out, "error", driver->error ? driver->text : NULL);
	put_time(out, "error_since", driver->error ? driver->error_since_ns : 0);
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
	put_time(&out, "since", all->since_ns);
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
