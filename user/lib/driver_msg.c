// SPDX-License-Identifier: MIT
/* What the messages of pv_driver say. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "genl_attr.h"

/* ---- texts, which are allocated ---- */

/* attr NULL: "" */
static int get_string(const struct nlattr *attr, char **text)
{
	const char *from = "";

	if (attr && pvk_attr_str(attr, &from))
		return -EBADMSG;
	*text = strdup(from);
	return *text ? 0 : -ENOMEM;
}

static int add_text(void *arg, const struct nlattr *attr)
{
	struct pvk_texts *texts = arg;
	int ret = pvk_grow((void **)&texts->item, texts->count, sizeof(*texts->item),
			   PVK_TEXTS_MAX);

	if (!ret)
		ret = get_string(attr, &texts->item[texts->count]);
	if (!ret)
		texts->count++;
	return ret;
}

static int get_texts(const struct nlmsghdr *nlh, uint16_t type, struct pvk_texts *texts)
{
	return pvk_attr_each(nlh, type, add_text, texts);
}

/* ---- drivers and modules ---- */

static const struct pvk_attr_rule module_rules[] = {
	PVK_ATTR_NEEDED(PV_DRIVER_A_MODULE_NAME, COPY, pvk_module, name),
	PVK_ATTR(PV_DRIVER_A_MODULE_FLAGS, U32, pvk_module, flags),
	PVK_ATTR(PV_DRIVER_A_MODULE_SINCE, U64, pvk_module, since_ns),
	PVK_ATTR(PV_DRIVER_A_MODULE_CAUSE_ALIAS, COPY, pvk_module, cause_alias),
	PVK_ATTR(PV_DRIVER_A_MODULE_CAUSE_CONTAINER, COPY, pvk_module, cause_container),
	{ 0 }
};

static int get_module(const struct nlattr *nest, struct pvk_module *module)
{
	*module = (struct pvk_module){ 0 };
	if (pvk_attr_read_nest(nest, module_rules, module))
		return -EBADMSG;
	return get_string(pvk_attr_find_nest(nest, PV_DRIVER_A_MODULE_PARAMS), &module->params);
}

static int add_module(void *arg, const struct nlattr *nest)
{
	struct pvk_driver *driver = arg;
	int ret;

	ret = pvk_grow((void **)&driver->modules, driver->n_modules, sizeof(*driver->modules),
		       PVK_MODULES_MAX);
	if (!ret)
		ret = get_module(nest, &driver->modules[driver->n_modules]);
	if (!ret)
		driver->n_modules++;
	return ret;
}

static const struct pvk_attr_rule stats_rules[] = {
	PVK_ATTR(PV_DRIVER_A_STATS_LOADS, U32, pvk_stats, loads),
	PVK_ATTR(PV_DRIVER_A_STATS_UNLOADS, U32, pvk_stats, unloads),
	PVK_ATTR(PV_DRIVER_A_STATS_FAILURES, U32, pvk_stats, failures),
	PVK_ATTR(PV_DRIVER_A_STATS_LOAD_US, U32, pvk_stats, load_us),
	PVK_ATTR(PV_DRIVER_A_STATS_UNLOAD_US, U32, pvk_stats, unload_us),
	{ 0 }
};

static const struct pvk_attr_rule driver_rules[] = {
	PVK_ATTR_NEEDED(PV_DRIVER_A_ALIAS, COPY, pvk_driver, alias),
	PVK_ATTR_NEEDED(PV_DRIVER_A_STATE, U32, pvk_driver, state),
	PVK_ATTR(PV_DRIVER_A_TYPE, INT, pvk_driver, type),
	PVK_ATTR(PV_DRIVER_A_GENERATION, U32, pvk_driver, generation),
	PVK_ATTR(PV_DRIVER_A_ERRNO, ERRNO, pvk_driver, error),
	PVK_ATTR(PV_DRIVER_A_TEXT, TEXT, pvk_driver, text),
	PVK_ATTR(PV_DRIVER_A_SINCE, U64, pvk_driver, since_ns),
	PVK_ATTR(PV_DRIVER_A_ERROR_SINCE, U64, pvk_driver, error_since_ns),
	PVK_ATTR(PV_DRIVER_A_STATS, HAS, pvk_driver, has_stats),
	PVK_ATTR_NESTED(PV_DRIVER_A_STATS, pvk_driver, stats, stats_rules),
	{ 0 }
};

int pvk_parse_driver(const struct nlmsghdr *nlh, struct pvk_driver *driver)
{
	int ret;

	*driver = (struct pvk_driver){ .type = -1 };
	ret = pvk_attr_read(nlh, driver_rules, driver);
	if (!ret)
		ret = get_texts(nlh, PV_DRIVER_A_LINE, &driver->lines);
	if (!ret)
		ret = get_texts(nlh, PV_DRIVER_A_USER, &driver->users);
	if (!ret)
		ret = get_texts(nlh, PV_DRIVER_A_WARNING, &driver->warnings);
	if (!ret)
		ret = pvk_attr_each(nlh, PV_DRIVER_A_MODULE, add_module, driver);
	if (ret)
		pvk_driver_free(driver);
	return ret;
}

/* A message of nothing but a nest. */
static const struct pvk_attr_rule no_rules[] = { { 0 } };

int pvk_parse_module(const struct nlmsghdr *nlh, struct pvk_module *module)
{
	const struct nlattr *nest = NULL;

	*module = (struct pvk_module){ 0 };
	if (!pvk_attr_read(nlh, no_rules, module))
		nest = pvk_attr_find(nlh, PV_DRIVER_A_MODULE);
	return nest ? get_module(nest, module) : -EBADMSG;
}

/* ---- containers ---- */

static const struct pvk_attr_rule entry_rules[] = {
	PVK_ATTR_NEEDED(PV_DRIVER_A_ENTRY_ALIAS, COPY, pvk_entry, alias),
	PVK_ATTR(PV_DRIVER_A_ENTRY_TYPE, U32, pvk_entry, type),
	PVK_ATTR(PV_DRIVER_A_ENTRY_STATE, U32, pvk_entry, state),
	PVK_ATTR(PV_DRIVER_A_ENTRY_USED, HAS, pvk_entry, used),
	{ 0 }
};

static int add_entry(void *arg, const struct nlattr *nest)
{
	struct pvk_container *container = arg;
	struct pvk_entry *entry;
	int ret;

	ret = pvk_grow((void **)&container->entries, container->n_entries,
		       sizeof(*container->entries), PV_DRIVER_MAX_ENTRIES);
	if (ret)
		return ret;
	entry = &container->entries[container->n_entries];
	*entry = (struct pvk_entry){ .state = PV_DRIVER_STATE_UNKNOWN };
	ret = pvk_attr_read_nest(nest, entry_rules, entry);
	if (!ret)
		container->n_entries++;
	return ret;
}

static const struct pvk_attr_rule container_rules[] = {
	PVK_ATTR_NEEDED(PV_DRIVER_A_CONTAINER, COPY, pvk_container, name),
	PVK_ATTR(PV_DRIVER_A_CONTAINER_ID, U64, pvk_container, id),
	PVK_ATTR(PV_DRIVER_A_ROLES, U32, pvk_container, roles),
	PVK_ATTR(PV_DRIVER_A_GENERATION, U32, pvk_container, generation),
	{ 0 }
};

int pvk_parse_container(const struct nlmsghdr *nlh, struct pvk_container *container)
{
	const struct nlattr *cgroup;
	int ret;

	*container = (struct pvk_container){ 0 };
	if (pvk_attr_read(nlh, container_rules, container))
		return -EBADMSG;
	ret = pvk_attr_each(nlh, PV_DRIVER_A_ENTRY, add_entry, container);
	cgroup = pvk_attr_find(nlh, PV_DRIVER_A_CGROUP);
	if (!ret && cgroup)
		ret = get_string(cgroup, &container->cgroup);
	if (ret)
		pvk_container_free(container);
	return ret;
}

/* ---- what comes unasked ---- */

static const struct pvk_attr_rule outcome_rules[] = {
	PVK_ATTR(PV_DRIVER_A_ALIAS, COPY, pvk_outcome, alias),
	PVK_ATTR(PV_DRIVER_A_CONTAINER, COPY, pvk_outcome, container),
	PVK_ATTR(PV_DRIVER_A_OP, U32, pvk_outcome, op),
	PVK_ATTR(PV_DRIVER_A_STATE, U32, pvk_outcome, state),
	PVK_ATTR(PV_DRIVER_A_ERRNO, ERRNO, pvk_outcome, error),
	PVK_ATTR(PV_DRIVER_A_TEXT, TEXT, pvk_outcome, text),
	{ 0 }
};

int pvk_parse_outcome(const struct nlmsghdr *nlh, struct pvk_outcome *outcome)
{
	int ret;

	*outcome = (struct pvk_outcome){
		.seq = nlh->nlmsg_seq, .state = PV_DRIVER_STATE_UNKNOWN,
	};
	ret = pvk_attr_read(nlh, outcome_rules, outcome);
	if (!ret)
		ret = get_texts(nlh, PV_DRIVER_A_WARNING, &outcome->warnings);
	if (ret)
		pvk_outcome_free(outcome);
	return ret;
}

static const struct pvk_attr_rule event_rules[] = {
	PVK_ATTR_NEEDED(PV_DRIVER_A_EVENT_KIND, U32, pvk_event, kind),
	PVK_ATTR(PV_DRIVER_A_ALIAS, COPY, pvk_event, alias),
	PVK_ATTR(PV_DRIVER_A_STATE, U32, pvk_event, state),
	PVK_ATTR(PV_DRIVER_A_GENERATION, U32, pvk_event, generation),
	PVK_ATTR(PV_DRIVER_A_CONTAINER, COPY, pvk_event, container),
	PVK_ATTR(PV_DRIVER_A_CONTAINER_ID, U64, pvk_event, container_id),
	{ 0 }
};

int pvk_parse_event(const struct nlmsghdr *nlh, struct pvk_event *event)
{
	*event = (struct pvk_event){ .state = PV_DRIVER_STATE_UNKNOWN };
	if (pvk_attr_read(nlh, event_rules, event))
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

static const struct pvk_attr_rule exec_rules[] = {
	PVK_ATTR_NEEDED(PV_DRIVER_A_EXEC_ID, U64, pvk_exec, id),
	PVK_ATTR_NEEDED(PV_DRIVER_A_OP, U32, pvk_exec, op),
	PVK_ATTR_NEEDED(PV_DRIVER_A_LINE, COPY, pvk_exec, line),
	PVK_ATTR(PV_DRIVER_A_ALIAS, COPY, pvk_exec, alias),
	PVK_ATTR(PV_DRIVER_A_CONTAINER, COPY, pvk_exec, container),
	PVK_ATTR(PV_DRIVER_A_CONTAINER_ID, U64, pvk_exec, container_id),
	{ 0 }
};

int pvk_parse_exec(const struct nlmsghdr *nlh, struct pvk_exec *exec)
{
	*exec = (struct pvk_exec){ 0 };
	return pvk_attr_read(nlh, exec_rules, exec);
}

/* ---- answers to single questions ---- */

static const struct pvk_attr_rule peer_rules[] = {
	PVK_ATTR_NEEDED(PV_DRIVER_A_PEER, U32, pvk_peer, kind),
	PVK_ATTR(PV_DRIVER_A_CONTAINER, COPY, pvk_peer, container),
	PVK_ATTR(PV_DRIVER_A_CONTAINER_ID, U64, pvk_peer, id),
	PVK_ATTR(PV_DRIVER_A_ROLES, U32, pvk_peer, roles),
	{ 0 }
};

int pvk_parse_peer(const struct nlmsghdr *nlh, struct pvk_peer *peer)
{
	*peer = (struct pvk_peer){ .kind = PV_DRIVER_PEER_UNKNOWN };
	if (pvk_attr_read(nlh, peer_rules, peer))
		return -EBADMSG;
	/* Rights hang on this: a container without a name is nobody. */
	if (peer->kind == PV_DRIVER_PEER_CONTAINER && (!peer->container[0] || !peer->id))
		return -EBADMSG;
	return 0;
}

static const struct pvk_attr_rule status_rules[] = {
	PVK_ATTR(PV_DRIVER_A_AGENT_PORTID, U32, pvk_status, agent_portid),
	PVK_ATTR(PV_DRIVER_A_TEXT, TEXT, pvk_status, agent),
	PVK_ATTR(PV_DRIVER_A_COUNT_DRIVERS, U32, pvk_status, drivers),
	PVK_ATTR(PV_DRIVER_A_COUNT_CONTAINERS, U32, pvk_status, containers),
	PVK_ATTR(PV_DRIVER_A_COUNT_REQUESTS, U32, pvk_status, requests),
	{ 0 }
};

int pvk_parse_status(const struct nlmsghdr *nlh, struct pvk_status *status)
{
	*status = (struct pvk_status){ 0 };
	return pvk_attr_read(nlh, status_rules, status);
}

/* ---- and what is to be freed of them ---- */

static void free_texts(struct pvk_texts *texts)
{
	size_t i;

	for (i = 0; i < texts->count; i++)
		free(texts->item[i]);
	free(texts->item);
	*texts = (struct pvk_texts){ 0 };
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
