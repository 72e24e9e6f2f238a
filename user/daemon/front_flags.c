// SPDX-License-Identifier: MIT
#include <errno.h>
#include <unistd.h>

#include "family.h"
#include "front_flags.h"
#include "log.h"
#include "role.h"

/* How often to look whether nobody waits for an answer. */
#define IDLE_MS		50

/* ---- what http asks ---- */

static int not_there(struct pvk_err *err)
{
	return pvk_err_set(err, -ENOTCONN, "pv_bootflag is not in the kernel");
}

static int k_stores(void *arg, struct pvk_stores *list, struct pvk_err *err)
{
	struct front_flags *flags = arg;

	return flags->bf ? pvk_bf_store_list(flags->bf, list, err) : not_there(err);
}

static int k_store(void *arg, const char *name, struct pvk_store *store, struct pvk_err *err)
{
	struct front_flags *flags = arg;

	return flags->bf ? pvk_bf_store_get(flags->bf, name, store, err) : not_there(err);
}

static int k_set(void *arg, const char *name, const struct pvk_change *change, uint32_t *seq,
		 struct pvk_err *err)
{
	struct front_flags *flags = arg;

	return flags->bf ? pvk_bf_submit_set(flags->bf, name, change, seq, err) : not_there(err);
}

void front_flags_serve(struct front_flags *flags, struct http_kernel *kernel)
{
	kernel->stores = k_stores;
	kernel->store = k_store;
	kernel->set = k_set;
	kernel->flags_arg = flags;
}

/* ---- what the kernel tells ---- */

static void on_outcome(void *arg, const struct pvk_bf_outcome *outcome)
{
	struct front_flags *flags = arg;

	http_flag_outcome(flags->http, outcome);
}

static void on_pending(void *arg)
{
	struct front_flags *flags = arg;

	if (flags->readable)
		event_active(flags->readable, EV_READ, 0);
}

/* Whoever waits for an outcome hears that there is none to come. */
static void drop(struct front_flags *flags)
{
	if (flags->readable)
		event_free(flags->readable);
	flags->readable = NULL;
	pvk_bf_close(flags->bf);
	flags->bf = NULL;
	http_flags_gone(flags->http);
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct front_flags *flags = arg;

	(void)fd;
	(void)what;
	if (http_idle(flags->http))
		flags->start_anew(flags->arg);
}

static void start_anew_when_idle(struct front_flags *flags)
{
	const struct timeval often = { .tv_usec = IDLE_MS * 1000 };

	if (!event_pending(flags->idle, EV_TIMEOUT, NULL))
		log_msg(LOG_NOTICE, "starting anew to be the writer of pv_bootflag");
	if (event_add(flags->idle, &often))
		flags->start_anew(flags->arg);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct front_flags *flags = arg;
	struct pvk_err err;

	(void)fd;
	(void)what;
	if (!pvk_bf_dispatch(flags->bf, &err))
		return;
	log_msg(LOG_ERR, "pv_bootflag: %s", err.text);
	drop(flags);
	start_anew_when_idle(flags);
}

void front_flags_family(struct front_flags *flags, unsigned int seen)
{
	/* What was lost may have been its coming or its going. */
	if (seen & (FAMILY_DEL | FAMILY_LOST))
		drop(flags);
	/* It may have come because this process looked for it. */
	if (seen & (FAMILY_NEW | FAMILY_LOST) && !flags->bf)
		start_anew_when_idle(flags);
}

/* ---- beginning and end ---- */

void front_flags_open(struct front_flags *flags)
{
	static const struct pvk_bf_ops ops = { .outcome = on_outcome, .pending = on_pending };
	struct pvk_err err;
	int ret;

	/* Asked for a family that it lacks, the kernel runs modprobe first: 8 ms. */
	if (access("/sys/module/" PV_BOOTFLAG_GENL_NAME, F_OK))
		return;
	ret = pvk_bf_open(&flags->bf, &ops, flags, &err);
	if (!ret)
		ret = pvk_bf_writer(flags->bf, PVKITD_TEXT, &err);
	/* Without the right drivers are served all the same, and flags can be read. */
	if (ret && ret != -ENOENT)
		log_msg(LOG_WARNING, "pv_bootflag: %s", err.text);
}

int front_flags_watch(struct front_flags *flags, struct event_base *base, struct http *http)
{
	flags->http = http;
	flags->idle = event_new(base, -1, EV_PERSIST, on_idle, flags);
	if (!flags->idle)
		return -ENOMEM;
	if (!flags->bf)
		return 0;
	flags->readable = event_new(base, pvk_bf_fd(flags->bf), EV_READ | EV_PERSIST, on_readable,
				    flags);
	return flags->readable && !event_add(flags->readable, NULL) ? 0 : -ENOMEM;
}

void front_flags_close(struct front_flags *flags)
{
	if (flags->readable)
		event_free(flags->readable);
	if (flags->idle)
		event_free(flags->idle);
	pvk_bf_close(flags->bf);
}
