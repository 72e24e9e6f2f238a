// SPDX-License-Identifier: MIT
/*
 * What the messages of pv_driver say: names of their numbers, and their parsers,
 * which take nothing for granted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "genl.h"

/* --- names ---------------------------------------------------------------- */

static const char *name_of(const char *const *names, size_t count, uint32_t value)
{
	return value < count ? names[value] : "?";
}

const char *pvk_state_name(uint32_t state)
{
	static const char *const names[] = {
		[PV_DRIVER_STATE_UNLOADED] = "unloaded",
		[PV_DRIVER_STATE_LOADING] = "loading",
		[PV_DRIVER_STATE_LOADED] = "loaded",
		[PV_DRIVER_STATE_UNLOADING] = "unloading",
		[PV_DRIVER_STATE_FAILED] = "failed",
		[PV_DRIVER_STATE_UNKNOWN] = "unknown",
	};

	return name_of(names, PVK_ARRAY_SIZE(names), state);
}

const char *pvk_type_name(uint32_t type)
{
	static const char *const names[] = {
		[PV_DRIVER_TYPE_REQUIRED] = "required",
		[PV_DRIVER_TYPE_OPTIONAL] = "optional",
		[PV_DRIVER_TYPE_MANUAL] = "manual",
	};

	return name_of(names, PVK_ARRAY_SIZE(names), type);
}

const char *pvk_op_name(uint32_t op)
{
	static const char *const names[] = {
		[PV_DRIVER_OP_LOAD] = "load",
		[PV_DRIVER_OP_UNLOAD] = "unload",
		[PV_DRIVER_OP_RESOLVE] = "resolve",
	};

	return name_of(names, PVK_ARRAY_SIZE(names), op);
}

const char *pvk_event_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[PV_DRIVER_EVENT_KIND_STATE] = "state",
		[PV_DRIVER_EVENT_KIND_NEW] = "new",
		[PV_DRIVER_EVENT_KIND_DEL] = "del",
		[PV_DRIVER_EVENT_KIND_OVERRUN] = "overrun",
		[PV_DRIVER_EVENT_KIND_CONTAINER_NEW] = "container-new",
		[PV_DRIVER_EVENT_KIND_CONTAINER_DEL] = "container-del",
	};

	return name_of(names, PVK_ARRAY_SIZE(names), kind);
}

const char *pvk_peer_name(uint32_t kind)
{
	static const char *const names[] = {
		[PV_DRIVER_PEER_UNKNOWN] = "unknown",
		[PV_DRIVER_PEER_HOST] = "host",
		[PV_DRIVER_PEER_CONTAINER] = "container",
	};

	return name_of(names, PVK_ARRAY_SIZE(names), kind);
}

const char *pvk_module_flag_name(unsigned int bit)
{
	static const char *const names[] = { "live", "ours", "builtin", "permanent", "pinned" };

	return bit < PVK_ARRAY_SIZE(names) ? names[bit] : NULL;
}

/* --- attributes ----------------------------------------------------------- */

/* These leave the value alone when the attribute is absent. */
static int get_u32(const struct nlattr *attr, uint32_t *value)
{
	return attr ? pvk_attr_u32(attr, value) : 0;
}

static int get_u64(const struct nlattr *attr, uint64_t *value)
{
	return attr ? pvk_attr_u64(attr, value) : 0;
}

static int get_name(const struct nlattr *attr, char *name)
{
	return attr ? pvk_attr_copy(attr, name, PVK_ALIAS_SIZE) : 0;
}

/* Words for people are cut rather than refused. */
static int get_text(const struct nlattr *attr, char *text)
{
	const char *from;
	size_t len;

	if (!attr)
		return 0;
	if (pvk_attr_str(attr, &from))
		return -EBADMSG;
	len = strnlen(from, PVK_TEXT_SIZE - 1);
	memcpy(text, from, len);
	text[len] = '\0';
	return 0;
}

static int get_errno(const struct nlattr *attr, int *error)
{
	uint32_t value = 0;

	if (get_u32(attr, &value) || value > 4095)
		return -EBADMSG;
	*error = (int)value;
	return 0;
}

static int get_string(const struct nlattr *attr, char **text)
{
	const char *from = "";

	if (attr && pvk_attr_str(attr, &from))
		return -EBADMSG;
	*text = strdup(from);
	return *text ? 0 : -ENOMEM;
}

static void free_texts(struct pvk_texts *texts)
{
	size_t i;

	for (i = 0; i < texts->count; i++)
		free(texts->item[i]);
	free(texts->item);
	*texts = (struct pvk_texts){ 0 };
}

static int add_text(struct pvk_texts *texts, const struct nlattr *attr)
{
	int ret = pvk_grow((void **)&texts->item, texts->count, sizeof(*texts->item),
		       PVK_TEXTS_MAX);

	if (!ret)
		ret = get_string(attr, &texts->item[texts->count]);
	if (!ret)
		texts->count++;
	return ret;
}

/* Every attribute of one type in a message that pvk_genl_parse() accepted. */
static int get_texts(const struct nlmsghdr *nlh, uint16_t type, struct pvk_texts *texts)
{
	const struct nlattr *attr;
	int ret;

	mnl_attr_for_each(attr, nlh, GENL_HDRLEN) {
		if (mnl_attr_get_type(attr) != type)
			continue;
		ret = add_text(texts, attr);
		if (ret)
			return ret;
	}
	return 0;
}

/* --- parsers -------------------------------------------------------------- */

static int get_module(const struct nlattr *nest, struct pvk_module *module)
{
	const struct nlattr *tb[PV_DRIVER_A_MODULE_MAX + 1];

	*module = (struct pvk_module){ 0 };
	if (pvk_genl_parse_nest(nest, tb, PV_DRIVER_A_MODULE_MAX) ||
	    !tb[PV_DRIVER_A_MODULE_NAME] ||
	    pvk_attr_copy(tb[PV_DRIVER_A_MODULE_NAME], module->name, sizeof(module->name)) ||
	    get_u32(tb[PV_DRIVER_A_MODULE_FLAGS], &module->flags) ||
	    get_u64(tb[PV_DRIVER_A_MODULE_SINCE], &module->since_ns) ||
	    get_name(tb[PV_DRIVER_A_MODULE_CAUSE_ALIAS], module->cause_alias) ||
	    get_name(tb[PV_DRIVER_A_MODULE_CAUSE_CONTAINER], module->cause_container))
		return -EBADMSG;
	return get_string(tb[PV_DRIVER_A_MODULE_PARAMS], &module->params);
}

static int get_modules(const struct nlmsghdr *nlh, struct pvk_driver *driver)
{
	const struct nlattr *attr;
	int ret;

	mnl_attr_for_each(attr, nlh, GENL_HDRLEN) {
		if (mnl_attr_get_type(attr) != PV_DRIVER_A_MODULE)
			continue;
		ret = pvk_grow((void **)&driver->modules, driver->n_modules,
			       sizeof(*driver->modules), PVK_MODULES_MAX);
		if (!ret)
			ret = get_module(attr, &driver->modules[driver->n_modules]);
		if (ret)
			return ret;
		driver->n_modules++;
	}
	return 0;
}

static int get_stats(const struct nlattr *nest, struct pvk_driver *driver)
{
	const struct nlattr *tb[PV_DRIVER_A_STATS_MAX + 1];
	struct pvk_stats *stats = &driver->stats;

	if (!nest)
		return 0;
	driver->has_stats = true;
	if (pvk_genl_parse_nest(nest, tb, PV_DRIVER_A_STATS_MAX) ||
	    get_u32(tb[PV_DRIVER_A_STATS_LOADS], &stats->loads) ||
	    get_u32(tb[PV_DRIVER_A_STATS_UNLOADS], &stats->unloads) ||
	    get_u32(tb[PV_DRIVER_A_STATS_FAILURES], &stats->failures) ||
	    get_u32(tb[PV_DRIVER_A_STATS_LOAD_US], &stats->load_us) ||
	    get_u32(tb[PV_DRIVER_A_STATS_UNLOAD_US], &stats->unload_us))
		return -EBADMSG;
	return 0;
}

static int get_driver_head(const struct nlattr **tb, struct pvk_driver *driver)
{
	uint32_t type;

	if (!tb[PV_DRIVER_A_ALIAS] || !tb[PV_DRIVER_A_STATE] ||
	    get_name(tb[PV_DRIVER_A_ALIAS], driver->alias) ||
	    get_u32(tb[PV_DRIVER_A_STATE], &driver->state) ||
	    get_u32(tb[PV_DRIVER_A_GENERATION], &driver->generation) ||
	    get_errno(tb[PV_DRIVER_A_ERRNO], &driver->error) ||
	    get_text(tb[PV_DRIVER_A_TEXT], driver->text) ||
	    get_u64(tb[PV_DRIVER_A_SINCE], &driver->since_ns) ||
	    get_u64(tb[PV_DRIVER_A_ERROR_SINCE], &driver->error_since_ns) ||
	    get_stats(tb[PV_DRIVER_A_STATS], driver))
		return -EBADMSG;
	driver->type = -1;
	if (tb[PV_DRIVER_A_TYPE]) {
		if (pvk_attr_u32(tb[PV_DRIVER_A_TYPE], &type) || type > INT32_MAX)
			return -EBADMSG;
		driver->type = (int)type;
	}
	return 0;
}

int pvk_parse_driver(const struct nlmsghdr *nlh, struct pvk_driver *driver)
{
	const struct nlattr *tb[PV_DRIVER_A_MAX + 1];
	int ret;

	*driver = (struct pvk_driver){ 0 };
	ret = pvk_genl_parse(nlh, tb, PV_DRIVER_A_MAX);
	if (!ret)
		ret = get_driver_head(tb, driver);
	if (!ret)
		ret = get_texts(nlh, PV_DRIVER_A_LINE, &driver->lines);
	if (!ret)
		ret = get_texts(nlh, PV_DRIVER_A_USER, &driver->users);
	if (!ret)
		ret = get_texts(nlh, PV_DRIVER_A_WARNING, &driver->warnings);
	if (!ret)
		ret = get_modules(nlh, driver);
	if (ret)
		pvk_driver_free(driver);
	return ret;
}

int pvk_parse_module(const struct nlmsghdr *nlh, struct pvk_module *module)
{
	const struct nlattr *tb[PV_DRIVER_A_MODULE + 1];

	*module = (struct pvk_module){ 0 };
	if (pvk_genl_parse(nlh, tb, PV_DRIVER_A_MODULE) || !tb[PV_DRIVER_A_MODULE])
		return -EBADMSG;
	return get_module(tb[PV_DRIVER_A_MODULE], module);
}

static int parse_entry(const struct nlattr *nest, struct pvk_entry *entry)
{
	const struct nlattr *tb[PV_DRIVER_A_ENTRY_MAX + 1];

	*entry = (struct pvk_entry){ .state = PV_DRIVER_STATE_UNKNOWN };
	if (pvk_genl_parse_nest(nest, tb, PV_DRIVER_A_ENTRY_MAX) ||
	    !tb[PV_DRIVER_A_ENTRY_ALIAS] ||
	    get_name(tb[PV_DRIVER_A_ENTRY_ALIAS], entry->alias) ||
	    get_u32(tb[PV_DRIVER_A_ENTRY_TYPE], &entry->type) ||
	    get_u32(tb[PV_DRIVER_A_ENTRY_STATE], &entry->state))
		return -EBADMSG;
	entry->used = tb[PV_DRIVER_A_ENTRY_USED];
	return 0;
}

static int get_entries(const struct nlmsghdr *nlh, struct pvk_container *container)
{
	const struct nlattr *attr;
	int ret;

	mnl_attr_for_each(attr, nlh, GENL_HDRLEN) {
		if (mnl_attr_get_type(attr) != PV_DRIVER_A_ENTRY)
			continue;
		ret = pvk_grow((void **)&container->entries, container->n_entries,
			       sizeof(*container->entries), PV_DRIVER_MAX_ENTRIES);
		if (!ret)
			ret = parse_entry(attr, &container->entries[container->n_entries]);
		if (ret)
			return ret;
		container->n_entries++;
	}
	return 0;
}

int pvk_parse_container(const struct nlmsghdr *nlh, struct pvk_container *container)
{
	const struct nlattr *tb[PV_DRIVER_A_MAX + 1];
	int ret;

	*container = (struct pvk_container){ 0 };
	if (pvk_genl_parse(nlh, tb, PV_DRIVER_A_MAX) || !tb[PV_DRIVER_A_CONTAINER] ||
	    get_name(tb[PV_DRIVER_A_CONTAINER], container->name) ||
	    get_u64(tb[PV_DRIVER_A_CONTAINER_ID], &container->id) ||
	    get_u32(tb[PV_DRIVER_A_ROLES], &container->roles) ||
	    get_u32(tb[PV_DRIVER_A_GENERATION], &container->generation))
		return -EBADMSG;
	ret = get_entries(nlh, container);
	if (!ret && tb[PV_DRIVER_A_CGROUP])
		ret = get_string(tb[PV_DRIVER_A_CGROUP], &container->cgroup);
	if (ret)
		pvk_container_free(container);
	return ret;
}

int pvk_parse_outcome(const struct nlmsghdr *nlh, struct pvk_outcome *outcome)
{
	const struct nlattr *tb[PV_DRIVER_A_MAX + 1];
	int ret;

	*outcome = (struct pvk_outcome){
		.seq = nlh->nlmsg_seq, .state = PV_DRIVER_STATE_UNKNOWN,
	};
	if (pvk_genl_parse(nlh, tb, PV_DRIVER_A_MAX) ||
	    get_name(tb[PV_DRIVER_A_ALIAS], outcome->alias) ||
	    get_name(tb[PV_DRIVER_A_CONTAINER], outcome->container) ||
	    get_u32(tb[PV_DRIVER_A_OP], &outcome->op) ||
	    get_u32(tb[PV_DRIVER_A_STATE], &outcome->state) ||
	    get_errno(tb[PV_DRIVER_A_ERRNO], &outcome->error) ||
	    get_text(tb[PV_DRIVER_A_TEXT], outcome->text))
		return -EBADMSG;
	ret = get_texts(nlh, PV_DRIVER_A_WARNING, &outcome->warnings);
	if (ret)
		pvk_outcome_free(outcome);
	return ret;
}

int pvk_parse_event(const struct nlmsghdr *nlh, struct pvk_event *event)
{
	const struct nlattr *tb[PV_DRIVER_A_MAX + 1];

	*event = (struct pvk_event){ .state = PV_DRIVER_STATE_UNKNOWN };
	if (pvk_genl_parse(nlh, tb, PV_DRIVER_A_MAX) || !tb[PV_DRIVER_A_EVENT_KIND] ||
	    get_u32(tb[PV_DRIVER_A_EVENT_KIND], &event->kind) ||
	    get_name(tb[PV_DRIVER_A_ALIAS], event->alias) ||
	    get_u32(tb[PV_DRIVER_A_STATE], &event->state) ||
	    get_u32(tb[PV_DRIVER_A_GENERATION], &event->generation) ||
	    get_name(tb[PV_DRIVER_A_CONTAINER], event->container) ||
	    get_u64(tb[PV_DRIVER_A_CONTAINER_ID], &event->container_id))
		return -EBADMSG;
	switch (event->kind) {
	case PV_DRIVER_EVENT_KIND_OVERRUN:
		return 0;
	case PV_DRIVER_EVENT_KIND_CONTAINER_NEW:
	case PV_DRIVER_EVENT_KIND_CONTAINER_DEL:
		return event->container[0] && event->container_id ? 0 : -EBADMSG;
	default:
		return event->alias[0] ? 0 : -EBADMSG;
	}
}

int pvk_parse_exec(const struct nlmsghdr *nlh, struct pvk_exec *exec)
{
	const struct nlattr *tb[PV_DRIVER_A_MAX + 1];

	*exec = (struct pvk_exec){ 0 };
	if (pvk_genl_parse(nlh, tb, PV_DRIVER_A_MAX) || !tb[PV_DRIVER_A_EXEC_ID] ||
	    !tb[PV_DRIVER_A_OP] || !tb[PV_DRIVER_A_LINE] ||
	    get_u64(tb[PV_DRIVER_A_EXEC_ID], &exec->id) ||
	    get_u32(tb[PV_DRIVER_A_OP], &exec->op) ||
	    pvk_attr_copy(tb[PV_DRIVER_A_LINE], exec->line, sizeof(exec->line)) ||
	    get_name(tb[PV_DRIVER_A_ALIAS], exec->alias) ||
	    get_name(tb[PV_DRIVER_A_CONTAINER], exec->container) ||
	    get_u64(tb[PV_DRIVER_A_CONTAINER_ID], &exec->container_id))
		return -EBADMSG;
	return 0;
}

int pvk_parse_peer(const struct nlmsghdr *nlh, struct pvk_peer *peer)
{
	const struct nlattr *tb[PV_DRIVER_A_MAX + 1];

	*peer = (struct pvk_peer){ .kind = PV_DRIVER_PEER_UNKNOWN };
	if (pvk_genl_parse(nlh, tb, PV_DRIVER_A_MAX) || !tb[PV_DRIVER_A_PEER] ||
	    get_u32(tb[PV_DRIVER_A_PEER], &peer->kind) ||
	    get_name(tb[PV_DRIVER_A_CONTAINER], peer->container) ||
	    get_u64(tb[PV_DRIVER_A_CONTAINER_ID], &peer->id) ||
	    get_u32(tb[PV_DRIVER_A_ROLES], &peer->roles))
		return -EBADMSG;
	/* Rights hang on this: a container without a name is nobody. */
	if (peer->kind == PV_DRIVER_PEER_CONTAINER && (!peer->container[0] || !peer->id))
		return -EBADMSG;
	return 0;
}

int pvk_parse_status(const struct nlmsghdr *nlh, struct pvk_status *status)
{
	const struct nlattr *tb[PV_DRIVER_A_MAX + 1];

	*status = (struct pvk_status){ 0 };
	if (pvk_genl_parse(nlh, tb, PV_DRIVER_A_MAX) ||
	    get_u32(tb[PV_DRIVER_A_AGENT_PORTID], &status->agent_portid) ||
	    get_text(tb[PV_DRIVER_A_TEXT], status->agent) ||
	    get_u32(tb[PV_DRIVER_A_COUNT_DRIVERS], &status->drivers) ||
	    get_u32(tb[PV_DRIVER_A_COUNT_CONTAINERS], &status->containers) ||
	    get_u32(tb[PV_DRIVER_A_COUNT_REQUESTS], &status->requests))
		return -EBADMSG;
	return 0;
}

void pvk_module_free(struct pvk_module *module)
{
	free(module->params);
	*module = (struct pvk_module){ 0 };
}

void pvk_modules_free(struct pvk_modules *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		pvk_module_free(&list->item[i]);
	free(list->item);
	*list = (struct pvk_modules){ 0 };
}

void pvk_driver_free(struct pvk_driver *driver)
{
	size_t i;

	for (i = 0; i < driver->n_modules; i++)
		pvk_module_free(&driver->modules[i]);
	free(driver->modules);
	free_texts(&driver->lines);
	free_texts(&driver->users);
	free_texts(&driver->warnings);
	*driver = (struct pvk_driver){ 0 };
}

void pvk_drivers_free(struct pvk_drivers *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		pvk_driver_free(&list->item[i]);
	free(list->item);
	*list = (struct pvk_drivers){ 0 };
}

void pvk_container_free(struct pvk_container *container)
{
	free(container->entries);
	free(container->cgroup);
	*container = (struct pvk_container){ 0 };
}

void pvk_containers_free(struct pvk_containers *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		pvk_container_free(&list->item[i]);
	free(list->item);
	*list = (struct pvk_containers){ 0 };
}

void pvk_outcome_free(struct pvk_outcome *outcome)
{
	free_texts(&outcome->warnings);
	*outcome = (struct pvk_outcome){ 0 };
}
