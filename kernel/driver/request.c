// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls, requests and uses: what callers ask for, and how a driver serves it.
 *
 * A call is what one caller waits for; it has one request for each driver that
 * it concerns. A driver serves its requests first in, first out, in its work
 * item. Loads that stand next to each other share one job and its outcome, also
 * those that arrive while the job runs. A call whose caller went away or ran
 * out of time lets go of its requests: a load that has not begun is dropped, one
 * that has leaves no use behind, and a driver that nobody uses is unloaded.
 *
 * Locking: see pv_driver.h; all of this is under pvd_lock. The module holds
 * itself (pvd_hold()) for each call, each request, and each driver from its first
 * job until it holds no module any more; a use is covered by its driver.
 */

#include <linux/completion.h>
#include <linux/slab.h>

#include "pv_driver.h"

unsigned int pvd_n_calls;

static LIST_HEAD(pvd_calls);
static unsigned long pvd_holds;

static void pvd_deadline_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(pvd_deadline, pvd_deadline_work);

/**
 * pvd_hold - keep this module in the kernel for one more reason
 *
 * Locked.
 *
 * Return: false when it is being removed.
 */
bool pvd_hold(void)
{
	if (!pvd_holds && !try_module_get(THIS_MODULE))
		return false;
	pvd_holds++;
	return true;
}

/**
 * pvd_unhold - end one reason
 *
 * Locked. The caller's own code stays: the exit waits for each door and for each
 * driver's work.
 */
void pvd_unhold(void)
{
	if (!--pvd_holds)
		module_put(THIS_MODULE);
}

/**
 * pvd_use_find - look up a use
 * @drv: of this driver
 * @c: by this container; NULL for the host
 *
 * Locked.
 *
 * Return: the use or NULL.
 */
struct pvd_use *pvd_use_find(struct pvd_driver *drv, const struct pvd_container *c)
{
	struct pvd_use *use;

	list_for_each_entry(use, &drv->uses, by_driver)
		if (use->container == c)
			return use;
	return NULL;
}

static int pvd_use_add(struct pvd_driver *drv, struct pvd_container *c)
{
	struct pvd_use *use;

	if (pvd_use_find(drv, c))
		return 0;
	use = kzalloc(sizeof(*use), GFP_KERNEL);
	if (!use)
		return -ENOMEM;
	use->driver = drv;
	use->container = c;
	list_add_tail(&use->by_driver, &drv->uses);
	INIT_LIST_HEAD(&use->by_container);
	if (c)
		list_add_tail(&use->by_container, &c->uses);
	return 0;
}

static void pvd_use_drop(struct pvd_use *use)
{
	if (!use)
		return;
	list_del(&use->by_driver);
	list_del(&use->by_container);
	kfree(use);
}

static void pvd_deadline_arm(void)
{
	unsigned long next = jiffies + msecs_to_jiffies(PVD_MAX_TIMEOUT_MS);
	struct pvd_call *call;

	if (list_empty(&pvd_calls))
		return;
	list_for_each_entry(call, &pvd_calls, node)
		if (time_before(call->deadline, next))
			next = call->deadline;
	next = time_after(next, jiffies) ? next - jiffies : 0;
	mod_delayed_work(system_wq, &pvd_deadline, next);
}

/**
 * pvd_call_new - begin a call
 * @who: on whose behalf
 * @cmd: netlink command that it stands for
 * @alias: of the driver, or ""
 * @timeout_ms: time limit, 0 for the default
 *
 * Add requests with pvd_call_add(), then pvd_call_start(). Locked.
 *
 * Return: the call; ERR_PTR: -ENOMEM, -EMFILE (too many calls), -ENODEV (the
 * module is being removed).
 */
struct pvd_call *pvd_call_new(const struct pvd_caller *who, u8 cmd, const char *alias,
			      u32 timeout_ms)
{
	struct pvd_call *call;

	if (who->kind == PV_DRIVER_PEER_CONTAINER && pvd_n_calls >= PVD_MAX_CALLS)
		return ERR_PTR(-EMFILE);
	call = kzalloc(sizeof(*call), GFP_KERNEL);
	if (!call)
		return ERR_PTR(-ENOMEM);
	if (!pvd_hold()) {
		kfree(call);
		return ERR_PTR(-ENODEV);
	}
	pvd_n_calls++;
	INIT_LIST_HEAD(&call->node);
	INIT_LIST_HEAD(&call->requests);
	call->cmd = cmd;
	strscpy(call->alias, alias, sizeof(call->alias));
	timeout_ms = min_t(u32, timeout_ms ?: pvd_param_timeout, PVD_MAX_TIMEOUT_MS);
	call->deadline = jiffies + msecs_to_jiffies(timeout_ms);
	return call;
}

/**
 * pvd_call_free - free a call that has no request
 * @call: the call
 *
 * Locked.
 */
void pvd_call_free(struct pvd_call *call)
{
	list_del(&call->node);
	if (call->sk)
		sock_put(call->sk);
	kfree(call->text);
	kfree(call);
	pvd_n_calls--;
	pvd_unhold();
}

/**
 * pvd_call_add - add a driver's part to a call
 * @call: the call, not started
 * @drv: the driver
 * @op: load or unload
 * @c: on whose behalf; NULL for the host
 *
 * Locked.
 *
 * Return: 0, -ENOMEM, -ENODEV (the module is being removed), or -EMFILE: the
 * container has too many under way.
 */
int pvd_call_add(struct pvd_call *call, struct pvd_driver *drv, enum pv_driver_op op,
		 struct pvd_container *c)
{
	struct pvd_request *req;

	if (c && !c->dead && c->n_requests >= PVD_MAX_REQUESTS)
		return -EMFILE;
	req = kzalloc(sizeof(*req), GFP_KERNEL);
	if (!req)
		return -ENOMEM;
	if (!pvd_hold()) {
		kfree(req);
		return -ENODEV;
	}
	if (c)
		c->n_requests++;
	req->op = op;
	req->driver = drv;
	req->container = pvd_container_hold(c);
	req->call = call;
	list_add_tail(&req->by_call, &call->requests);
	list_add_tail(&req->by_driver, &drv->requests);
	return 0;
}

static void pvd_call_set_error(struct pvd_call *call, int error, const char *text)
{
	if (!error || call->error)
		return;
	call->error = error;
	call->text = text ? kstrdup(text, GFP_KERNEL) : NULL;
}

static void pvd_call_detach(struct pvd_call *call)
{
	struct pvd_request *req, *tmp;

	list_for_each_entry_safe(req, tmp, &call->requests, by_call) {
		list_del_init(&req->by_call);
		req->call = NULL;
	}
	list_del_init(&call->node);
}

/*
 * The end of a call. The socket hears of it, and the call is freed; or the
 * waiter in sysfs wakes up, and frees it.
 */
static void pvd_call_finish(struct pvd_call *call, const struct pvd_driver *drv)
{
	pvd_call_detach(call);
	if (call->done) {
		complete(call->done);
		return;
	}
	pvd_nl_send_outcome(call, drv);
	pvd_call_free(call);
}

/**
 * pvd_call_start - let the drivers serve the call
 * @call: the call; may be finished, and freed, on return
 *
 * Locked.
 */
void pvd_call_start(struct pvd_call *call)
{
	struct pvd_request *req;

	list_add_tail(&call->node, &pvd_calls);
	if (list_empty(&call->requests)) {
		pvd_call_finish(call, NULL);
		return;
	}
	list_for_each_entry(req, &call->requests, by_call)
		queue_work(pvd_wq, &req->driver->work);
	pvd_deadline_arm();
}

/* locked, with the lock dropped while a job runs */
static void pvd_request_done(struct pvd_request *req, int error, const char *text)
{
	struct pvd_call *call = req->call;

	list_del(&req->by_driver);
	if (call) {
		list_del(&req->by_call);
		pvd_call_set_error(call, error, text);
		if (list_empty(&call->requests))
			pvd_call_finish(call, req->driver);
	}
	if (req->container) {
		req->container->n_requests--;
		pvd_container_put(req->container);
	}
	kfree(req);
	pvd_unhold();
}

static void pvd_deadline_work(struct work_struct *work)
{
	struct pvd_call *call, *tmp;

	mutex_lock(&pvd_lock);
	list_for_each_entry_safe(call, tmp, &pvd_calls, node) {
		if (time_before(jiffies, call->deadline))
			continue;
		pvd_call_set_error(call, -ETIMEDOUT, "no result within the time limit");
		pvd_call_finish(call, NULL);
	}
	pvd_deadline_arm();
	mutex_unlock(&pvd_lock);
}

/**
 * pvd_calls_cancel - a socket is closed: end its calls
 * @net: of the socket
 * @portid: of the socket
 *
 * Nothing is sent: the port id may belong to somebody else by now. Locked.
 */
void pvd_calls_cancel(const struct net *net, u32 portid)
{
	struct pvd_call *call, *tmp;

	list_for_each_entry_safe(call, tmp, &pvd_calls, node) {
		if (!call->sk || call->portid != portid || sock_net(call->sk) != net ||
		    !pvk_sock_closed(call->sk))
			continue;
		pvd_call_detach(call);
		pvd_call_free(call);
	}
}

/**
 * pvd_calls_of - count the calls under way on a socket
 * @sk: the socket
 *
 * Locked.
 */
unsigned int pvd_calls_of(const struct sock *sk)
{
	struct pvd_call *call;
	unsigned int n = 0;

	list_for_each_entry(call, &pvd_calls, node)
		if (call->sk == sk)
			n++;
	return n;
}

/**
 * pvd_call_wait - sleep until a call is served, out of time, or a signal comes
 * @call: started, with @done set; freed on return
 *
 * Not locked. A signal cancels the call.
 *
 * Return: the outcome, or -ERESTARTSYS turned into -EINTR: it did begin.
 */
int pvd_call_wait(struct pvd_call *call)
{
	int err = wait_for_completion_interruptible(call->done);

	mutex_lock(&pvd_lock);
	if (err && !completion_done(call->done)) {
		pvd_call_detach(call);
		err = -EINTR;
	} else {
		err = call->error;
	}
	pvd_call_free(call);
	mutex_unlock(&pvd_lock);
	return err;
}

static struct pvd_request *pvd_request_first(struct pvd_driver *drv)
{
	return list_first_entry_or_null(&drv->requests, struct pvd_request, by_driver);
}

static bool pvd_has_template(const struct pvd_driver *drv)
{
	unsigned int i;

	for (i = 0; i < drv->n_lines; i++)
		if (strstr(drv->lines[i].params, "${"))
			return true;
	return false;
}

/*
 * The loads at the head of the queue share the outcome of one job. With a
 * template somebody else's load may be another one: that is for its own turn.
 */
static void pvd_loads_done(struct pvd_driver *drv, const struct pvd_container *who, int error)
{
	bool same = pvd_has_template(drv);
	struct pvd_request *req;

	while ((req = pvd_request_first(drv)) && req->op == PV_DRIVER_OP_LOAD) {
		int err = error;

		if (same && req->container != who)
			break;

		if (!err && req->call && !(req->container && req->container->dead))
			err = pvd_use_add(drv, req->container);
		pvd_request_done(req, err, error ? drv->text : NULL);
	}
}

static void pvd_serve_load(struct pvd_driver *drv, struct pvd_request *req)
{
	struct pvd_container *who = pvd_container_hold(req->container);
	int err = 0;

	if (drv->held && pvd_driver_present(drv) && !pvd_use_find(drv, who))
		pvd_compare(drv, who);
	if (!drv->held || !pvd_driver_present(drv))
		err = pvd_load(drv, who);
	drv->busy = false;
	pvd_driver_derive_state(drv);
	pvd_loads_done(drv, who, err);
	if (who)
		pvd_container_put(who);
}

static void pvd_serve_unload(struct pvd_driver *drv, struct pvd_request *req)
{
	int err = 0;

	pvd_use_drop(pvd_use_find(drv, req->container));
	if (list_empty(&drv->uses))
		err = pvd_unload(drv);
	drv->busy = false;
	pvd_driver_derive_state(drv);
	pvd_request_done(req, err, err ? drv->text : NULL);
}

/* A load that nobody waits for any more, or for whom it cannot be. */
static bool pvd_request_is_moot(const struct pvd_request *req)
{
	return req->op == PV_DRIVER_OP_LOAD &&
	       (!req->call || (req->container && req->container->dead));
}

/**
 * pvd_driver_work - serve a driver's requests, then make it fit its uses
 * @work: of the driver
 */
void pvd_driver_work(struct work_struct *work)
{
	struct pvd_driver *drv = container_of(work, struct pvd_driver, work);
	struct pvd_request *req;

	mutex_lock(&pvd_lock);
	while ((req = pvd_request_first(drv)) || (drv->held && list_empty(&drv->uses))) {
		if (req && pvd_request_is_moot(req)) {
			pvd_request_done(req, -ECANCELED, NULL);
			continue;
		}
		if (!drv->keeps)	/* a request holds, so this cannot fail */
			drv->keeps = pvd_hold();
		drv->busy = true;
		if (!req) {
			pvd_unload(drv);
			drv->busy = false;
			pvd_driver_derive_state(drv);
		} else if (req->op == PV_DRIVER_OP_LOAD) {
			pvd_serve_load(drv, req);
		} else {
			pvd_serve_unload(drv, req);
		}
	}
	if (drv->keeps && !drv->held) {
		drv->keeps = false;
		pvd_unhold();
	}
	mutex_unlock(&pvd_lock);
}

/**
 * pvd_uses_drop - a container is gone: end its uses
 * @c: the container
 * @call: is to wait until the drivers have been unloaded; or NULL
 *
 * Locked.
 */
void pvd_uses_drop(struct pvd_container *c, struct pvd_call *call)
{
	struct pvd_use *use, *tmp;
	struct pvd_call *other;
	struct pvd_request *req;

	list_for_each_entry_safe(use, tmp, &c->uses, by_container) {
		struct pvd_driver *drv = use->driver;

		/* Out of memory: the drivers go all the same, unwaited for. */
		if (call)
			pvd_call_add(call, drv, PV_DRIVER_OP_UNLOAD, c);
		pvd_use_drop(use);
		queue_work(pvd_wq, &drv->work);
	}
	list_for_each_entry(other, &pvd_calls, node)
		list_for_each_entry(req, &other->requests, by_call)
			if (req->container == c && req->op == PV_DRIVER_OP_LOAD)
				pvd_call_set_error(other, -ECANCELED, "the container has ended");
}

/* locked; may this caller have that of this driver? */
static int pvd_may(const struct pvd_caller *who, const char *alias, const char **why)
{
	if (who->kind == PV_DRIVER_PEER_HOST)
		return 0;
	if (who->kind != PV_DRIVER_PEER_CONTAINER) {
		*why = "neither the host nor in a registered container";
		return -EPERM;
	}
	if (!pvd_container_entry(who->container, alias)) {
		*why = "the container does not name this driver";
		return -EPERM;
	}
	return 0;
}

static int pvd_may_unload(const struct pvd_caller *who, const char *alias, const char **why)
{
	const struct pvd_entry *entry;

	if (who->kind != PV_DRIVER_PEER_CONTAINER)
		return 0;
	entry = pvd_container_entry(who->container, alias);
	if (entry->type == PV_DRIVER_TYPE_MANUAL)
		return 0;
	*why = "required and optional drivers end with their container";
	return -EBUSY;
}

/**
 * pvd_ask - ask for a load or unload
 * @who: on whose behalf
 * @op: load or unload
 * @alias: of which driver
 * @call: with its way of answering filled in; started on success
 * @why: set to a text when the return value is not 0
 *
 * The order of the checks is part of the interface: not named by the container,
 * no such driver, not the container's to unload. Locked.
 *
 * Return: 0, or -EPERM, -ENOENT, -EBUSY, -EMFILE, -ENOMEM; then the caller frees
 * @call.
 */
int pvd_ask(const struct pvd_caller *who, enum pv_driver_op op, const char *alias,
	    struct pvd_call *call, const char **why)
{
	struct pvd_driver *drv;
	int err;

	err = pvd_may(who, alias, why);
	if (err)
		return err;
	drv = pvd_driver_find(alias);
	if (!drv) {
		*why = "no such driver";
		return -ENOENT;
	}
	if (op == PV_DRIVER_OP_UNLOAD) {
		err = pvd_may_unload(who, alias, why);
		if (err)
			return err;
	}
	if (who->container)
		strscpy(call->container, who->container->name, sizeof(call->container));
	err = pvd_call_add(call, drv, op, who->container);
	if (err) {
		*why = err == -EMFILE ? "too many requests under way of this container"
				      : "out of memory";
		return err;
	}
	pvd_call_start(call);
	return 0;
}

/**
 * pvd_request_exit - stop the clock, when the module goes
 *
 * There is no call any more: each one holds the module.
 */
void pvd_request_exit(void)
{
	cancel_delayed_work_sync(&pvd_deadline);
}
