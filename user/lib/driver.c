// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "genl_attr.h"
#include "mailbox.h"

/* A dump that changes each time it is read is taken as it is after this many. */
#define DUMP_TRIES	10
#define TIMEOUT_FILE	"/sys/module/pv_driver/parameters/timeout"
#define TIMEOUT_MS	60000	/* of a pv_driver that was not told otherwise */

struct pvk_drv {
	struct pvk_mailbox box;
	struct pvk_drv_ops ops;
	void *arg;
	bool front;		/* the kernel wants to be told on whose behalf */
};

/* --- what is kept for dispatch -------------------------------------------- */

static enum pvk_mail sort(uint8_t cmd)
{
	switch (cmd) {
	case PV_DRIVER_CMD_EVENT:
		return PVK_MAIL_EVENT;
	case PV_DRIVER_CMD_OUTCOME:
	case PV_DRIVER_CMD_EXEC:
		return PVK_MAIL_KEEP;
	default:
		return PVK_MAIL_STRAY;
	}
}

static int deliver_event(struct pvk_drv *drv, const struct nlmsghdr *nlh)
{
	struct pvk_event event = { .kind = PV_DRIVER_EVENT_KIND_OVERRUN };
	int ret = nlh ? pvk_parse_event(nlh, &event) : 0;

	if (!ret && drv->ops.event)
		drv->ops.event(drv->arg, &event);
	return ret;
}

static int deliver_exec(struct pvk_drv *drv, const struct nlmsghdr *nlh)
{
	struct pvk_exec exec;
	int ret = pvk_parse_exec(nlh, &exec);

	if (!ret && drv->ops.exec)
		drv->ops.exec(drv->arg, &exec);
	return ret;
}

static int deliver_outcome(struct pvk_drv *drv, const struct nlmsghdr *nlh)
{
	struct pvk_outcome outcome;
	int ret = pvk_parse_outcome(nlh, &outcome);

	if (ret)
		return ret;
	if (drv->ops.outcome)
		drv->ops.outcome(drv->arg, &outcome);
	pvk_outcome_free(&outcome);
	return 0;
}

static int deliver(void *arg, const struct nlmsghdr *nlh)
{
	struct pvk_drv *drv = arg;

	if (!nlh || pvk_genl_cmd(nlh) == PV_DRIVER_CMD_EVENT)
		return deliver_event(drv, nlh);
	if (pvk_genl_cmd(nlh) == PV_DRIVER_CMD_EXEC)
		return deliver_exec(drv, nlh);
	return deliver_outcome(drv, nlh);
}

static void on_pending(void *arg)
{
	struct pvk_drv *drv = arg;

	if (drv->ops.pending)
		drv->ops.pending(drv->arg);
}

static const struct pvk_mailbox_ops box_ops = {
	.sort = sort, .deliver = deliver, .pending = on_pending,
};

int pvk_drv_dispatch_wait(struct pvk_drv *drv, int timeout_ms, struct pvk_err *err)
{
	return pvk_mailbox_dispatch(&drv->box, timeout_ms, err);
}

int pvk_drv_dispatch(struct pvk_drv *drv, struct pvk_err *err)
{
	return pvk_drv_dispatch_wait(drv, 0, err);
}

unsigned long pvk_drv_malformed(const struct pvk_drv *drv)
{
	return drv->box.malformed;
}

/* --- open and close ------------------------------------------------------- */

static struct pvk_drv *alloc_drv(const struct pvk_drv_ops *ops, void *arg)
{
	struct pvk_drv *drv = calloc(1, sizeof(*drv));

	if (!drv)
		return NULL;
	drv->arg = arg;
	if (ops)
		drv->ops = *ops;
	return drv;
}

int pvk_drv_open(struct pvk_drv **out, const struct pvk_drv_ops *ops, void *arg,
		 struct pvk_err *err)
{
	struct pvk_drv *drv = alloc_drv(ops, arg);
	int ret;

	if (!drv)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	ret = pvk_genl_open(&drv->box.genl, PV_DRIVER_GENL_NAME, PV_DRIVER_GENL_VERSION, err);
	if (ret) {
		free(drv);
		return ret;
	}
	pvk_mailbox_init(&drv->box, &box_ops, drv);
	*out = drv;
	return 0;
}

int pvk_drv_open_fd(struct pvk_drv **out, int fd, uint16_t family,
		    const struct pvk_drv_ops *ops, void *arg)
{
	struct pvk_drv *drv = alloc_drv(ops, arg);
	int ret;

	if (!drv) {
		close(fd);
		return -ENOMEM;
	}
	ret = pvk_genl_open_fd(&drv->box.genl, fd, family, PV_DRIVER_GENL_VERSION);
	if (ret) {
		free(drv);
		return ret;
	}
	pvk_mailbox_init(&drv->box, &box_ops, drv);
	*out = drv;
	return 0;
}

void pvk_drv_close(struct pvk_drv *drv)
{
	if (!drv)
		return;
	pvk_mailbox_close(&drv->box);
	free(drv);
}

int pvk_drv_fd(const struct pvk_drv *drv)
{
	return drv->box.genl.fd;
}

/* --- plain calls ---------------------------------------------------------- */

static int call_plain(struct pvk_drv *drv, struct pvk_msg *msg, struct pvk_err *err)
{
	return pvk_mailbox_call(&drv->box, msg, err);
}

int pvk_drv_driver_new(struct pvk_drv *drv, const char *alias, const char *const *lines,
		       size_t n_lines, struct pvk_err *err)
{
	struct pvk_msg msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_DRIVER_NEW, NLM_F_ACK);
	size_t i;

	pvk_msg_put_str(&msg, PV_DRIVER_A_ALIAS, alias);
	for (i = 0; i < n_lines; i++)
		pvk_msg_put_str(&msg, PV_DRIVER_A_LINE, lines[i]);
	return call_plain(drv, &msg, err);
}

int pvk_drv_driver_del(struct pvk_drv *drv, const char *alias, struct pvk_err *err)
{
	struct pvk_msg msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_DRIVER_DEL, NLM_F_ACK);

	pvk_msg_put_str(&msg, PV_DRIVER_A_ALIAS, alias);
	return call_plain(drv, &msg, err);
}

static int read_driver(const struct nlmsghdr *nlh, void *to)
{
	return pvk_parse_driver(nlh, to);
}

int pvk_drv_driver_get(struct pvk_drv *drv, const char *alias, uint64_t container_id,
		       struct pvk_driver *driver, struct pvk_err *err)
{
	struct pvk_msg msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_DRIVER_GET, NLM_F_ACK);
	int ret;

	*driver = (struct pvk_driver){ 0 };
	pvk_msg_put_str(&msg, PV_DRIVER_A_ALIAS, alias);
	if (container_id || drv->front)
		pvk_msg_put_u64(&msg, PV_DRIVER_A_CONTAINER_ID, container_id);
	ret = pvk_genl_get(&drv->box.genl, &msg, read_driver, driver, err);
	if (ret)
		pvk_driver_free(driver);
	return ret;
}

static int drivers_cb(void *arg, const struct nlmsghdr *nlh, struct pvk_err *err)
{
	struct pvk_drivers *list = arg;
	uint32_t generation;
	int ret;

	ret = pvk_genl_add((void **)&list->item, list->count, sizeof(*list->item),
			   PVK_LIST_DRIVERS_MAX, nlh, read_driver, err);
	if (ret)
		return ret;
	generation = list->item[list->count].generation;
	if (list->count++ && generation != list->generation)
		list->torn = true;
	list->generation = generation;
	return 0;
}

/*
 * A driver whose details do not fit into one part of a dump comes without them:
 * ask for it alone. If it is gone by now, what the dump said stays.
 */
static int fill_brief(struct pvk_drv *drv, struct pvk_drivers *list, struct pvk_err *err)
{
	struct pvk_driver whole;
	size_t i;
	int ret;

	for (i = 0; i < list->count; i++) {
		struct pvk_driver *driver = &list->item[i];

		if (driver->type >= 0 || driver->has_stats)
			continue;
		ret = pvk_drv_driver_get(drv, driver->alias, 0, &whole, err);
		if (ret == -ENOENT)
			continue;
		if (ret)
			return ret;
		pvk_driver_free(driver);
		*driver = whole;
	}
	return 0;
}

int pvk_drv_driver_list(struct pvk_drv *drv, uint64_t container_id,
			struct pvk_drivers *list, struct pvk_err *err)
{
	struct pvk_msg msg;
	int ret, try;

	*list = (struct pvk_drivers){ 0 };
	for (try = 0; try < DUMP_TRIES; try++) {
		pvk_drivers_free(list);
		msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_DRIVER_GET, NLM_F_DUMP);
		if (container_id || drv->front)
			pvk_msg_put_u64(&msg, PV_DRIVER_A_CONTAINER_ID, container_id);
		ret = pvk_genl_call(&drv->box.genl, &msg, drivers_cb, list, err);
		if (ret == -EAGAIN) {
			list->torn = true;
			ret = 0;
		}
		if (ret || !list->torn)
			break;
	}
	if (!ret)
		ret = fill_brief(drv, list, err);
	if (ret)
		pvk_drivers_free(list);
	return ret;
}

static int read_module(const struct nlmsghdr *nlh, void *to)
{
	return pvk_parse_module(nlh, to);
}

int pvk_drv_module_get(struct pvk_drv *drv, const char *name, struct pvk_module *module,
		       struct pvk_err *err)
{
	struct pvk_msg msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_MODULE_GET, NLM_F_ACK);
	char as_kernel[PVK_MODULE_SIZE];
	size_t i;
	int ret;

	*module = (struct pvk_module){ 0 };
	if (strlen(name) >= sizeof(as_kernel))
		return pvk_err_set(err, -ENOENT, "no module has so long a name");
	for (i = 0; name[i]; i++)
		as_kernel[i] = name[i] == '-' ? '_' : name[i];
	as_kernel[i] = '\0';
	pvk_msg_put_str(&msg, PV_DRIVER_A_NAME, as_kernel);
	ret = pvk_genl_get(&drv->box.genl, &msg, read_module, module, err);
	if (ret)
		pvk_module_free(module);
	return ret;
}

static int modules_cb(void *arg, const struct nlmsghdr *nlh, struct pvk_err *err)
{
	struct pvk_modules *list = arg;
	int ret;

	ret = pvk_genl_add((void **)&list->item, list->count, sizeof(*list->item),
			   PVK_LIST_MODULES_MAX, nlh, read_module, err);
	if (!ret)
		list->count++;
	return ret;
}

int pvk_drv_module_list(struct pvk_drv *drv, struct pvk_modules *list, struct pvk_err *err)
{
	struct pvk_msg msg;
	int ret = -EAGAIN, try;

	*list = (struct pvk_modules){ 0 };
	for (try = 0; try < DUMP_TRIES && ret == -EAGAIN; try++) {
		pvk_modules_free(list);
		msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_MODULE_GET, NLM_F_DUMP);
		ret = pvk_genl_call(&drv->box.genl, &msg, modules_cb, list, err);
	}
	if (ret == -EAGAIN)	/* it changed each time: as good as it gets */
		return 0;
	if (ret)
		pvk_modules_free(list);
	return ret;
}

static int read_container(const struct nlmsghdr *nlh, void *to)
{
	return pvk_parse_container(nlh, to);
}

static int containers_cb(void *arg, const struct nlmsghdr *nlh, struct pvk_err *err)
{
	struct pvk_containers *list = arg;
	uint32_t generation;
	int ret;

	ret = pvk_genl_add((void **)&list->item, list->count, sizeof(*list->item),
			   PVK_LIST_CONTAINERS_MAX, nlh, read_container, err);
	if (ret)
		return ret;
	generation = list->item[list->count].generation;
	if (list->count++ && generation != list->generation)
		list->torn = true;
	list->generation = generation;
	return 0;
}

/* As fill_brief(): a container that is told in whole has a cgroup. */
static int fill_brief_containers(struct pvk_drv *drv, struct pvk_containers *list,
				 struct pvk_err *err)
{
	struct pvk_container whole;
	size_t i;
	int ret;

	for (i = 0; i < list->count; i++) {
		struct pvk_container *container = &list->item[i];

		if (container->cgroup)
			continue;
		ret = pvk_drv_container_get(drv, NULL, container->id, &whole, err);
		if (ret == -ENOENT)
			continue;
		if (ret)
			return ret;
		pvk_container_free(container);
		*container = whole;
	}
	return 0;
}

int pvk_drv_container_list(struct pvk_drv *drv, struct pvk_containers *list,
			   struct pvk_err *err)
{
	struct pvk_msg msg;
	int ret, try;

	*list = (struct pvk_containers){ 0 };
	for (try = 0; try < DUMP_TRIES; try++) {
		pvk_containers_free(list);
		msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_CONTAINER_GET, NLM_F_DUMP);
		ret = pvk_genl_call(&drv->box.genl, &msg, containers_cb, list, err);
		if (ret == -EAGAIN) {
			list->torn = true;
			ret = 0;
		}
		if (ret || !list->torn)
			break;
	}
	if (!ret)
		ret = fill_brief_containers(drv, list, err);
	if (ret)
		pvk_containers_free(list);
	return ret;
}

int pvk_drv_container_get(struct pvk_drv *drv, const char *name, uint64_t id,
			  struct pvk_container *container, struct pvk_err *err)
{
	struct pvk_msg msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_CONTAINER_GET, NLM_F_ACK);
	int ret;

	*container = (struct pvk_container){ 0 };
	if (name)
		pvk_msg_put_str(&msg, PV_DRIVER_A_CONTAINER, name);
	else if (id)
		pvk_msg_put_u64(&msg, PV_DRIVER_A_CONTAINER_ID, id);
	ret = pvk_genl_get(&drv->box.genl, &msg, read_container, container, err);
	if (ret)
		pvk_container_free(container);
	return ret;
}

static void put_entries(struct pvk_msg *msg, const struct pvk_container *container)
{
	struct nlattr *nest;
	size_t i;

	for (i = 0; i < container->n_entries; i++) {
		nest = pvk_msg_nest(msg, PV_DRIVER_A_ENTRY);
		pvk_msg_put_str(msg, PV_DRIVER_A_ENTRY_ALIAS, container->entries[i].alias);
		pvk_msg_put_u32(msg, PV_DRIVER_A_ENTRY_TYPE, container->entries[i].type);
		pvk_msg_nest_end(msg, nest);
	}
}

static int read_container_id(const struct nlmsghdr *nlh, void *to)
{
	static const struct pvk_attr_rule rules[] = {
		PVK_ATTR_NEEDED(PV_DRIVER_A_CONTAINER_ID, U64, pvk_container, id),
		{ 0 }
	};

	return pvk_attr_read(nlh, rules, to);
}

int pvk_drv_container_new(struct pvk_drv *drv, const struct pvk_container *container,
			  int cgroup_fd, pid_t pid, uint64_t *id, struct pvk_err *err)
{
	struct pvk_msg msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_CONTAINER_NEW, NLM_F_ACK);
	struct pvk_container fresh = { .id = 0 };
	int ret;

	pvk_msg_put_str(&msg, PV_DRIVER_A_CONTAINER, container->name);
	if (cgroup_fd >= 0)
		pvk_msg_put_u32(&msg, PV_DRIVER_A_CGROUP_FD, (uint32_t)cgroup_fd);
	if (pid > 0)
		pvk_msg_put_u32(&msg, PV_DRIVER_A_PID, (uint32_t)pid);
	pvk_msg_put_u32(&msg, PV_DRIVER_A_ROLES, container->roles);
	put_entries(&msg, container);
	ret = pvk_genl_get(&drv->box.genl, &msg, read_container_id, &fresh, err);
	if (!ret && id)
		*id = fresh.id;
	return ret;
}

static int role_call(struct pvk_drv *drv, uint8_t cmd, const char *text, struct pvk_err *err)
{
	struct pvk_msg msg = pvk_msg_new(&drv->box.genl, cmd, NLM_F_ACK);

	if (text)
		pvk_msg_put_str(&msg, PV_DRIVER_A_TEXT, text);
	return call_plain(drv, &msg, err);
}

int pvk_drv_agent(struct pvk_drv *drv, const char *text, struct pvk_err *err)
{
	return role_call(drv, PV_DRIVER_CMD_AGENT, text, err);
}

int pvk_drv_front(struct pvk_drv *drv, const char *text, struct pvk_err *err)
{
	int ret = role_call(drv, PV_DRIVER_CMD_FRONT, text, err);

	if (!ret)
		drv->front = true;
	return ret;
}

int pvk_drv_exec_ack(struct pvk_drv *drv, uint64_t id, pid_t worker, struct pvk_err *err)
{
	struct pvk_msg msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_EXEC_ACK, NLM_F_ACK);

	pvk_msg_put_u64(&msg, PV_DRIVER_A_EXEC_ID, id);
	pvk_msg_put_u32(&msg, PV_DRIVER_A_PID, (uint32_t)worker);
	return call_plain(drv, &msg, err);
}

/* Cut to what the kernel takes, never in the middle of a character. */
static void put_text(struct pvk_msg *msg, uint16_t type, const char *text, size_t max)
{
	char cut[PVK_LINE_SIZE];
	size_t len = strnlen(text, max + 1);

	if (len > max)
		for (len = max; len && ((unsigned char)text[len] & 0xc0) == 0x80;)
			len--;
	memcpy(cut, text, len);
	cut[len] = '\0';
	pvk_msg_put_str(msg, type, cut);
}

int pvk_drv_result(struct pvk_drv *drv, const struct pvk_result *result, struct pvk_err *err)
{
	struct pvk_msg msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_RESULT, NLM_F_ACK);
	size_t i;

	pvk_msg_put_u64(&msg, PV_DRIVER_A_EXEC_ID, result->id);
	if (result->error)
		pvk_msg_put_u32(&msg, PV_DRIVER_A_ERRNO, (uint32_t)result->error);
	if (result->text)
		put_text(&msg, PV_DRIVER_A_TEXT, result->text, PV_DRIVER_MAX_TEXT);
	for (i = 0; i < result->n_warnings && i < PVK_LIST_MAX; i++)
		put_text(&msg, PV_DRIVER_A_WARNING, result->warnings[i], PV_DRIVER_MAX_TEXT);
	if (result->params)
		put_text(&msg, PV_DRIVER_A_PARAMS, result->params, PV_DRIVER_MAX_LINE);
	if (result->builtin)
		pvk_msg_put_flag(&msg, PV_DRIVER_A_BUILTIN);
	return call_plain(drv, &msg, err);
}

static int read_peer(const struct nlmsghdr *nlh, void *to)
{
	return pvk_parse_peer(nlh, to);
}

int pvk_drv_whois(struct pvk_drv *drv, int fd, int listener_fd, struct pvk_peer *peer,
		  struct pvk_err *err)
{
	struct pvk_msg msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_WHOIS, NLM_F_ACK);
	int ret;

	pvk_msg_put_u32(&msg, PV_DRIVER_A_FD, (uint32_t)fd);
	pvk_msg_put_u32(&msg, PV_DRIVER_A_LISTENER_FD, (uint32_t)listener_fd);
	ret = pvk_genl_get(&drv->box.genl, &msg, read_peer, peer, err);
	/* What a caller may read after a failure names nobody. */
	if (ret)
		*peer = (struct pvk_peer){ .kind = PV_DRIVER_PEER_UNKNOWN };
	return ret;
}

static int read_generation(const struct nlmsghdr *nlh, void *to)
{
	static const struct pvk_attr_rule rules[] = {
		PVK_ATTR_NEEDED(PV_DRIVER_A_GENERATION, U32, pvk_event, generation),
		{ 0 }
	};

	return pvk_attr_read(nlh, rules, to);
}

static int subscribe(struct pvk_drv *drv, const char *alias, bool containers,
		     uint32_t *generation, struct pvk_err *err)
{
	struct pvk_msg msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_SUBSCRIBE, NLM_F_ACK);
	struct pvk_event from = { .generation = 0 };
	int ret;

	if (alias)
		pvk_msg_put_str(&msg, PV_DRIVER_A_ALIAS, alias);
	if (containers)
		pvk_msg_put_flag(&msg, PV_DRIVER_A_CONTAINERS);
	ret = pvk_genl_get(&drv->box.genl, &msg, read_generation, &from, err);
	if (!ret && generation)
		*generation = from.generation;
	return ret;
}

int pvk_drv_subscribe(struct pvk_drv *drv, const char *alias, uint32_t *generation,
		      struct pvk_err *err)
{
	return subscribe(drv, alias, false, generation, err);
}

int pvk_drv_subscribe_containers(struct pvk_drv *drv, uint32_t *generation,
				 struct pvk_err *err)
{
	return subscribe(drv, NULL, true, generation, err);
}

static int read_status(const struct nlmsghdr *nlh, void *to)
{
	return pvk_parse_status(nlh, to);
}

int pvk_drv_status(struct pvk_drv *drv, struct pvk_status *status, struct pvk_err *err)
{
	struct pvk_msg msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_STATUS_GET, NLM_F_ACK);

	return pvk_genl_get(&drv->box.genl, &msg, read_status, status, err);
}

/* --- requests with an outcome --------------------------------------------- */

static int submit(struct pvk_drv *drv, struct pvk_msg *msg, uint32_t *seq, struct pvk_err *err)
{
	uint32_t ours = msg->nlh->nlmsg_seq;
	int ret = call_plain(drv, msg, err);

	if (!ret && seq)
		*seq = ours;
	return ret;
}

static int submit_use(struct pvk_drv *drv, uint8_t cmd, const struct pvk_request *request,
		      uint32_t *seq, struct pvk_err *err)
{
	struct pvk_msg msg = pvk_msg_new(&drv->box.genl, cmd, NLM_F_ACK);

	pvk_msg_put_str(&msg, PV_DRIVER_A_ALIAS, request->alias);
	if (request->timeout_ms)
		pvk_msg_put_u32(&msg, PV_DRIVER_A_TIMEOUT, request->timeout_ms);
	if (request->container)
		pvk_msg_put_str(&msg, PV_DRIVER_A_CONTAINER, request->container);
	if (request->container_id || (drv->front && !request->container))
		pvk_msg_put_u64(&msg, PV_DRIVER_A_CONTAINER_ID, request->container_id);
	return submit(drv, &msg, seq, err);
}

int pvk_drv_submit_load(struct pvk_drv *drv, const struct pvk_request *request,
			uint32_t *seq, struct pvk_err *err)
{
	return submit_use(drv, PV_DRIVER_CMD_LOAD, request, seq, err);
}

int pvk_drv_submit_unload(struct pvk_drv *drv, const struct pvk_request *request,
			  uint32_t *seq, struct pvk_err *err)
{
	return submit_use(drv, PV_DRIVER_CMD_UNLOAD, request, seq, err);
}

int pvk_drv_submit_container_del(struct pvk_drv *drv, const char *name, bool ended,
				 uint32_t timeout_ms, uint32_t *seq, struct pvk_err *err)
{
	struct pvk_msg msg = pvk_msg_new(&drv->box.genl, PV_DRIVER_CMD_CONTAINER_DEL, NLM_F_ACK);

	pvk_msg_put_str(&msg, PV_DRIVER_A_CONTAINER, name);
	if (ended)
		pvk_msg_put_flag(&msg, PV_DRIVER_A_ENDED);
	if (timeout_ms)
		pvk_msg_put_u32(&msg, PV_DRIVER_A_TIMEOUT, timeout_ms);
	return submit(drv, &msg, seq, err);
}

int pvk_drv_wait(struct pvk_drv *drv, uint32_t seq, int timeout_ms,
		 struct pvk_outcome *outcome, struct pvk_err *err)
{
	const struct nlmsghdr *nlh;
	struct pvk_kept *kept;
	int ret;

	*outcome = (struct pvk_outcome){ 0 };
	ret = pvk_mailbox_wait(&drv->box, seq, PV_DRIVER_CMD_OUTCOME, timeout_ms, &kept, &nlh,
			       err);
	if (ret)
		return ret;
	ret = pvk_parse_outcome(nlh, outcome);
	free(kept);
	return ret ? pvk_genl_unread(ret, err) : 0;
}

uint32_t pvk_drv_default_timeout_ms(void)
{
	pvk_auto_free char *text = NULL;
	unsigned long ms;

	if (pvk_read_file(AT_FDCWD, TIMEOUT_FILE, 4096, &text, NULL))
		return TIMEOUT_MS;
	ms = strtoul(text, NULL, 10);
	if (ms > PVK_TIMEOUT_MAX_MS)
		return PVK_TIMEOUT_MAX_MS;
	return (uint32_t)ms;
}

/*
 * The outcome as an errno with its text; hands it on if it is wanted. The kernel
 * keeps its own limit; a grace later the outcome is taken for lost.
 */
static int wait_result(struct pvk_drv *drv, uint32_t seq, uint32_t timeout_ms,
		       struct pvk_outcome *wanted, struct pvk_err *err)
{
	struct pvk_outcome outcome;
	int ret;

	if (!timeout_ms)
		timeout_ms = pvk_drv_default_timeout_ms();
	ret = pvk_drv_wait(drv, seq, (int)timeout_ms + PVK_GRACE_MS, &outcome, err);
	if (ret)
		return ret;
	ret = -outcome.error;
	if (ret)
		pvk_err_set(err, ret, "%s", outcome.text[0] ? outcome.text : strerror(-ret));
	if (wanted)
		*wanted = outcome;
	else
		pvk_outcome_free(&outcome);
	return ret;
}

static int use_and_wait(struct pvk_drv *drv, uint8_t cmd, const struct pvk_request *request,
			struct pvk_outcome *outcome, struct pvk_err *err)
{
	uint32_t seq;
	int ret;

	if (outcome)
		*outcome = (struct pvk_outcome){ 0 };
	if (request->timeout_ms > PVK_TIMEOUT_MAX_MS)
		return pvk_err_set(err, -EINVAL, "a time limit is at most 3600 s");
	ret = submit_use(drv, cmd, request, &seq, err);
	if (ret)
		return ret;
	return wait_result(drv, seq, request->timeout_ms, outcome, err);
}

int pvk_drv_load(struct pvk_drv *drv, const struct pvk_request *request,
		 struct pvk_outcome *outcome, struct pvk_err *err)
{
	return use_and_wait(drv, PV_DRIVER_CMD_LOAD, request, outcome, err);
}

int pvk_drv_unload(struct pvk_drv *drv, const struct pvk_request *request,
		   struct pvk_outcome *outcome, struct pvk_err *err)
{
	return use_and_wait(drv, PV_DRIVER_CMD_UNLOAD, request, outcome, err);
}

int pvk_drv_container_del(struct pvk_drv *drv, const char *name, bool ended,
			  uint32_t timeout_ms, struct pvk_outcome *outcome,
			  struct pvk_err *err)
{
	uint32_t seq;
	int ret;

	if (outcome)
		*outcome = (struct pvk_outcome){ 0 };
	if (timeout_ms > PVK_TIMEOUT_MAX_MS)
		return pvk_err_set(err, -EINVAL, "a time limit is at most 3600 s");
	ret = pvk_drv_submit_container_del(drv, name, ended, timeout_ms, &seq, err);
	if (ret)
		return ret;
	return wait_result(drv, seq, timeout_ms, outcome, err);
}
