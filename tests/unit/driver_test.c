// SPDX-License-Identifier: MIT
/*
 * The netlink client of pv_driver, with a socket pair in the kernel's place:
 * what it sends, byte for byte; what it makes of answers, whole and broken; and
 * in which order what arrives reaches whom. Bytes are little-endian.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "driver.h"
#include "gram.h"
#include "ktap.h"

/* ---- the kernel's part ---- */

static void gram_event(const char *alias, uint32_t state, uint32_t generation)
{
	gram_cmd(PV_DRIVER_CMD_EVENT, 0, 0);
	gram_u32(PV_DRIVER_A_EVENT_KIND, PV_DRIVER_EVENT_KIND_STATE);
	gram_str(PV_DRIVER_A_ALIAS, alias);
	gram_u32(PV_DRIVER_A_STATE, state);
	gram_u32(PV_DRIVER_A_GENERATION, generation);
}

static void gram_outcome(uint32_t seq, const char *alias, uint32_t code, const char *text)
{
	gram_cmd(PV_DRIVER_CMD_OUTCOME, 0, seq);
	gram_str(PV_DRIVER_A_ALIAS, alias);
	gram_u32(PV_DRIVER_A_OP, PV_DRIVER_OP_LOAD);
	gram_u32(PV_DRIVER_A_STATE, code ? PV_DRIVER_STATE_FAILED : PV_DRIVER_STATE_LOADED);
	if (code)
		gram_u32(PV_DRIVER_A_ERRNO, code);
	if (text)
		gram_str(PV_DRIVER_A_TEXT, text);
}

/* ---- the client's part ---- */

/* What the callbacks saw: "state wifi loading 3; outcome wifi 0; ". */
static char seen[4096];
static unsigned int n_events, n_overruns, n_pending;

static void on_outcome(void *arg, const struct pvk_outcome *outcome)
{
	(void)arg;
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "outcome %s %d; ",
		 outcome->alias, outcome->error);
}

static void on_event(void *arg, const struct pvk_event *event)
{
	(void)arg;
	n_events += event->kind != PV_DRIVER_EVENT_KIND_OVERRUN;
	n_overruns += event->kind == PV_DRIVER_EVENT_KIND_OVERRUN;
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s %s %s %u; ",
		 pvk_event_kind_name(event->kind), event->alias, pvk_state_name(event->state),
		 event->generation);
}

static void on_exec(void *arg, const struct pvk_exec *exec)
{
	(void)arg;
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s #%llu %s '%s' for %s; ",
		 pvk_op_name(exec->op), (unsigned long long)exec->id, exec->alias, exec->line,
		 exec->container);
}

static void on_pending(void *arg)
{
	(void)arg;
	n_pending++;
}

struct pair {
	struct pvk_drv *drv;
	int kernel;
};

static struct pair pair_open(void)
{
	static const struct pvk_drv_ops ops = {
		.outcome = on_outcome, .event = on_event, .exec = on_exec,
		.pending = on_pending,
	};
	struct pair pair;
	int fd[2], size = 1024 * 1024;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) ||
	    setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) ||
	    pvk_drv_open_fd(&pair.drv, fd[0], GRAM_FAMILY, &ops, NULL)) {
		perror("socketpair");
		exit(1);
	}
	pair.kernel = fd[1];
	seen[0] = '\0';
	n_events = 0;
	n_overruns = 0;
	n_pending = 0;
	gram.len = 0;
	return pair;
}

static void pair_close(struct pair *pair)
{
	pvk_drv_close(pair->drv);
	close(pair->kernel);
}

static ssize_t request(const struct pair *pair, unsigned char *data, size_t size)
{
	return recv(pair->kernel, data, size, MSG_DONTWAIT);
}

/* ---- what is sent ---- */

static void test_send_driver_new(void)
{
	static const unsigned char want[] = {
		GRAM_HEAD(56, GRAM_ACK, 1, PV_DRIVER_CMD_DRIVER_NEW),
		9, 0, PV_DRIVER_A_ALIAS, 0, 'w', 'i', 'f', 'i', 0, 0, 0, 0,
		13, 0, PV_DRIVER_A_LINE, 0, 'i', 'w', 'l', ' ', 'a', '=', '1', ' ', 0, 0, 0, 0,
		6, 0, PV_DRIVER_A_LINE, 0, 'b', 0, 0, 0,
	};
	static const char *const lines[] = { "iwl a=1 ", "b" };
	struct pair pair = pair_open();

	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_driver_new(pair.drv, "wifi", lines, 2, NULL), 0, "driver-new is taken");
	gram_sent(pair.kernel, want, sizeof(want), "driver-new with two lines");
	pair_close(&pair);
}

static void test_send_load(void)
{
	static const unsigned char want[] = {
		GRAM_HEAD(52, GRAM_ACK, 1, PV_DRIVER_CMD_LOAD),
		9, 0, PV_DRIVER_A_ALIAS, 0, 'w', 'i', 'f', 'i', 0, 0, 0, 0,
		8, 0, PV_DRIVER_A_TIMEOUT, 0, 0xe8, 3, 0, 0,
		12, 0, PV_DRIVER_A_CONTAINER_ID, 0, 7, 0, 0, 0, 1, 0, 0, 0,
	};
	const struct pvk_request load = {
		.alias = "wifi", .timeout_ms = 1000, .container_id = 0x100000007,
	};
	struct pair pair = pair_open();
	uint32_t seq = 0;

	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_submit_load(pair.drv, &load, &seq, NULL), 0, "a load is taken");
	ktap_eq(seq, 1, "the submit gives its sequence number");
	gram_sent(pair.kernel, want, sizeof(want), "a load on behalf of a container");
	pair_close(&pair);
}

static void test_send_front(void)
{
	static const unsigned char want[] = {
		GRAM_HEAD(40, GRAM_ACK, 2, PV_DRIVER_CMD_UNLOAD),
		7, 0, PV_DRIVER_A_ALIAS, 0, 'b', 't', 0, 0,
		12, 0, PV_DRIVER_A_CONTAINER_ID, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	};
	const struct pvk_request unload = { .alias = "bt" };
	struct pair pair = pair_open();
	unsigned char role[64];

	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_front(pair.drv, "test", NULL), 0, "a socket becomes a front");
	request(&pair, role, sizeof(role));
	gram_ack(2, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_submit_unload(pair.drv, &unload, NULL, NULL), 0,
		"a front's request is taken");
	gram_sent(pair.kernel, want, sizeof(want),
		  "a front's request for the host, which names it");
	pair_close(&pair);
}

static void test_send_container_new(void)
{
	static const unsigned char want[] = {
		GRAM_HEAD(72, GRAM_ACK, 1, PV_DRIVER_CMD_CONTAINER_NEW),
		8, 0, PV_DRIVER_A_CONTAINER, 0, 'w', 'e', 'b', 0,
		8, 0, PV_DRIVER_A_CGROUP_FD, 0, 0, 0, 0, 0,
		8, 0, PV_DRIVER_A_PID, 0, 42, 0, 0, 0,
		8, 0, PV_DRIVER_A_ROLES, 0, PV_DRIVER_ROLE_MGMT, 0, 0, 0,
		20, 0, PV_DRIVER_A_ENTRY, 0x80,
		7, 0, PV_DRIVER_A_ENTRY_ALIAS, 0, 'b', 't', 0, 0,
		8, 0, PV_DRIVER_A_ENTRY_TYPE, 0, PV_DRIVER_TYPE_MANUAL, 0, 0, 0,
	};
	struct pvk_entry entry = { .alias = "bt", .type = PV_DRIVER_TYPE_MANUAL };
	const struct pvk_container web = {
		.name = "web", .roles = PV_DRIVER_ROLE_MGMT, .entries = &entry, .n_entries = 1,
	};
	struct pair pair = pair_open();
	uint64_t id = 0;

	gram_cmd(PV_DRIVER_CMD_CONTAINER_NEW, 0, 1);
	gram_u64(PV_DRIVER_A_CONTAINER_ID, 99);
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_container_new(pair.drv, &web, 0, 42, &id, NULL), 0,
		"container-new is taken");
	ktap_eq((long long)id, 99, "container-new gives the id");
	gram_sent(pair.kernel, want, sizeof(want),
		  "container-new with an entry, file descriptor 0");
	pair_close(&pair);
}

static void test_send_limits(void)
{
	static char long_line[1000], text[1202];
	const char *lines[PV_DRIVER_MAX_LINES * 4];
	const struct pvk_result result = { .id = 5, .error = ENODEV, .text = text };
	const struct pvk_request load = { .alias = "wifi", .timeout_ms = 3600001 };
	unsigned char got[2048];
	struct pair pair = pair_open();
	size_t i;
	int ret;

	memset(long_line, 'x', sizeof(long_line) - 1);
	for (i = 0; i < PVK_ARRAY_SIZE(lines); i++)
		lines[i] = long_line;
	ret = pvk_drv_driver_new(pair.drv, "wifi", lines, PVK_ARRAY_SIZE(lines), NULL);
	ktap_eq(ret, -EMSGSIZE, "a request larger than the buffer is refused");
	ktap_eq(request(&pair, got, sizeof(got)), -1, "and nothing of it is sent");
	ktap_eq(pvk_drv_load(pair.drv, &load, NULL, NULL), -EINVAL,
		"a time limit above an hour is refused");

	/* 600 times e-acute: byte 511 is the middle of a character. */
	for (i = 0; i < 1200; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	gram_ack(2, 0, NULL, 0);
	gram_answer(pair.kernel);
	ret = pvk_drv_result(pair.drv, &result, NULL);
	ktap_eq(ret, 0, "a result with too long a text is sent all the same");
	request(&pair, got, sizeof(got));
	/* header 20, exec-id 12, errno 8 */
	ktap_eq(got[40] | got[41] << 8, 4 + 510 + 1, "the text is cut between two characters");
	pair_close(&pair);
}

/* ---- answers ---- */

static void build_driver(uint32_t seq, uint16_t flags, const char *alias, uint32_t generation)
{
	static const unsigned char module[] = {
		12, 0, PV_DRIVER_A_MODULE_NAME, 0, 'i', 'w', 'l', 'w', 'i', 'f', 'i', 0,
		8, 0, PV_DRIVER_A_MODULE_FLAGS, 0,
		PV_DRIVER_MODULE_FLAG_LIVE | PV_DRIVER_MODULE_FLAG_PINNED, 0, 0, 0,
		8, 0, PV_DRIVER_A_MODULE_PARAMS, 0, 'a', '=', '1', 0,
	};
	static const unsigned char stats[] = {
		8, 0, PV_DRIVER_A_STATS_LOADS, 0, 3, 0, 0, 0,
		8, 0, PV_DRIVER_A_STATS_LOAD_US, 0, 0, 1, 0, 0,
	};

	gram_cmd(PV_DRIVER_CMD_DRIVER_GET, flags, seq);
	gram_str(PV_DRIVER_A_ALIAS, alias);
	gram_u32(PV_DRIVER_A_STATE, PV_DRIVER_STATE_LOADED);
	gram_u32(PV_DRIVER_A_GENERATION, generation);
	gram_str(PV_DRIVER_A_LINE, "iwlwifi a=1");
	gram_str(PV_DRIVER_A_LINE, "iwlmvm");
	gram_str(PV_DRIVER_A_USER, "");
	gram_str(PV_DRIVER_A_USER, "web");
	gram_u32(PV_DRIVER_A_ERRNO, ENODEV);
	gram_str(PV_DRIVER_A_TEXT, "iwlmvm: No such device");
	gram_str(PV_DRIVER_A_WARNING, "a warning");
	gram_attr(PV_DRIVER_A_MODULE | NLA_F_NESTED, module, sizeof(module));
	gram_attr(PV_DRIVER_A_STATS | NLA_F_NESTED, stats, sizeof(stats));
	gram_u32(PV_DRIVER_A_MAX + 5, 1);
}

static void test_get_driver(void)
{
	struct pair pair = pair_open();
	struct pvk_driver driver;

	build_driver(1, 0, "wifi", 12);
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	if (!ktap_eq(pvk_drv_driver_get(pair.drv, "wifi", 0, &driver, NULL), 0,
		     "a driver is read, an attribute of a newer kernel passed over")) {
		pair_close(&pair);
		return;
	}
	ktap_str(driver.alias, "wifi", "its alias");
	ktap_str(pvk_state_name(driver.state), "loaded", "its state");
	ktap_eq(driver.type, -1, "no type outside a container's view");
	ktap_eq(driver.generation, 12, "its generation");
	ktap_eq((long long)driver.lines.count, 2, "both lines");
	ktap_str(driver.lines.item[1], "iwlmvm", "lines in their order");
	ktap_eq((long long)driver.users.count, 2, "both users");
	ktap_str(driver.users.item[0], "", "the host is a user with an empty name");
	ktap_eq(driver.error, ENODEV, "its error");
	ktap_str(driver.text, "iwlmvm: No such device", "the error's text");
	ktap_eq((long long)driver.n_modules, 1, "its module");
	ktap_str(driver.modules[0].name, "iwlwifi", "the module's name");
	ktap_eq(driver.modules[0].flags,
		PV_DRIVER_MODULE_FLAG_LIVE | PV_DRIVER_MODULE_FLAG_PINNED, "the module's flags");
	ktap_str(driver.modules[0].params, "a=1", "the module's parameters");
	ktap_eq(driver.stats.load_us, 256, "its statistics");
	pvk_driver_free(&driver);
	pair_close(&pair);
}

static void test_refusals(void)
{
	static const struct {
		const char *what;
		int code;
		const char *text;
		size_t quoted;
		int want;
		const char *want_text;
	} table[] = {
		{ "with the kernel's words", -EPERM, "not yours", 0, -EPERM, "not yours" },
		{ "with our request quoted", -EBUSY, "in use", 24, -EBUSY, "in use" },
		{ "without words", -ENOENT, NULL, 0, -ENOENT, "No such file or directory" },
		{ "with a positive code", 5, NULL, 0, 0, "" },
		{ "with a code that is none", -100000, NULL, 0, -EBADMSG,
		  "the kernel's answer makes no sense" },
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(table); i++) {
		struct pair pair = pair_open();
		struct pvk_err err = { .text = "" };

		gram_ack(1, table[i].code, table[i].text, table[i].quoted);
		gram_answer(pair.kernel);
		ktap_eq(pvk_drv_driver_del(pair.drv, "wifi", &err), table[i].want,
			"a refusal %s: its code", table[i].what);
		ktap_str(err.text, table[i].want_text, "a refusal %s: its text", table[i].what);
		pair_close(&pair);
	}
}

static void test_refusal_bad_text(void)
{
	struct pair pair = pair_open();
	struct pvk_err err = { .text = "" };

	/* The text's attribute says that it is longer than the message. */
	gram_ack(1, -EPERM, "not yours", 0);
	gram.data[gram.len - 16] = 200;
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_driver_del(pair.drv, "wifi", &err), -EPERM,
		"a refusal whose text overruns the message: its code");
	ktap_str(err.text, "Operation not permitted",
		 "a refusal whose text overruns the message: errno's words");
	pair_close(&pair);
}

/* ---- dumps ---- */

static void build_dump(uint32_t seq, uint32_t first, uint32_t second, uint16_t flags)
{
	build_driver(seq, NLM_F_MULTI | flags, "wifi", first);
	build_driver(seq, NLM_F_MULTI, "bluetooth", second);
	gram_done(seq);
}

static void test_dump(void)
{
	struct pair pair = pair_open();
	struct pvk_drivers list;

	build_dump(1, 7, 7, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_driver_list(pair.drv, 0, &list, NULL), 0, "a dump is read");
	ktap_eq((long long)list.count, 2, "both drivers");
	ktap_str(list.item[1].alias, "bluetooth", "in their order");
	ktap_eq(list.generation, 7, "the list's generation");
	pvk_drivers_free(&list);

	gram_done(2);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_driver_list(pair.drv, 0, &list, NULL), 0, "an empty dump is read");
	ktap_eq((long long)list.count, 0, "and is an empty list");
	pair_close(&pair);
}

static void test_dump_again(void)
{
	struct pair pair = pair_open();
	struct pvk_drivers list;

	build_dump(1, 7, 8, 0);
	gram_answer(pair.kernel);
	build_dump(2, 8, 8, NLM_F_DUMP_INTR);
	gram_answer(pair.kernel);
	build_dump(3, 9, 9, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_driver_list(pair.drv, 0, &list, NULL), 0,
		"a dump that changed while it was read is read again");
	ktap_eq((long long)list.count, 2, "nothing of the first readings is left");
	ktap_eq(list.generation, 9, "the third reading is the one that counts");
	ktap_check(!list.torn, "it is whole");
	pvk_drivers_free(&list);
	pair_close(&pair);
}

static void test_dump_never_whole(void)
{
	struct pair pair = pair_open();
	struct pvk_drivers list;
	uint32_t seq;

	for (seq = 1; seq <= 10; seq++) {
		build_dump(seq, seq, seq + 1, 0);
		gram_answer(pair.kernel);
	}
	ktap_eq(pvk_drv_driver_list(pair.drv, 0, &list, NULL), 0,
		"a dump that changes each time is taken in the end");
	ktap_check(list.torn && list.count == 2, "and said to be torn");
	pvk_drivers_free(&list);
	pair_close(&pair);
}

static void test_dump_brief(void)
{
	struct pair pair = pair_open();
	struct pvk_drivers list;

	gram_cmd(PV_DRIVER_CMD_DRIVER_GET, NLM_F_MULTI, 1);
	gram_str(PV_DRIVER_A_ALIAS, "wifi");
	gram_u32(PV_DRIVER_A_STATE, PV_DRIVER_STATE_LOADED);
	gram_done(1);
	gram_answer(pair.kernel);
	build_driver(2, 0, "wifi", 7);
	gram_ack(2, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_driver_list(pair.drv, 0, &list, NULL), 0,
		"a driver too long for a dump is asked for alone");
	ktap_eq(list.count ? (long long)list.item[0].lines.count : -1, 2,
		"and is whole in the list");
	pvk_drivers_free(&list);
	pair_close(&pair);
}

static void test_dump_fails(void)
{
	struct pair pair = pair_open();
	struct pvk_drivers list;

	build_driver(1, NLM_F_MULTI, "wifi", 7);
	gram_ack(1, -EPERM, "not yours", 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_driver_list(pair.drv, 0, &list, NULL), -EPERM,
		"a dump that fails half-way is a failure");
	ktap_check(!list.item && !list.count, "and leaves nothing to free");
	pair_close(&pair);
}

/* ---- outcomes, events and tasks ---- */

static void test_outcome_orders(void)
{
	const struct pvk_request load = { .alias = "wifi" };
	struct pair pair = pair_open();
	struct pvk_outcome outcome;
	struct pvk_err err = { .text = "" };

	gram_event("wifi", PV_DRIVER_STATE_LOADING, 1);
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	gram_event("wifi", PV_DRIVER_STATE_LOADED, 2);
	gram_answer(pair.kernel);
	gram_outcome(1, "wifi", 0, NULL);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_load(pair.drv, &load, &outcome, &err), 0,
		"acknowledgement, then outcome, events between: a load succeeds");
	ktap_str(pvk_state_name(outcome.state), "loaded", "the outcome has the state");
	pvk_outcome_free(&outcome);
	ktap_eq(pvk_drv_dispatch(pair.drv, NULL), 0, "the events are dispatched");
	ktap_str(seen, "state wifi loading 1; state wifi loaded 2; ", "in their order");
	ktap_eq(n_pending, 1, "the loop was told once that something waits");

	seen[0] = '\0';
	gram_outcome(2, "wifi", ENODEV, "iwlwifi: No such device");
	gram_event("wifi", PV_DRIVER_STATE_FAILED, 3);
	gram_ack(2, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_load(pair.drv, &load, NULL, &err), -ENODEV,
		"outcome before acknowledgement: a load fails with the module's errno");
	ktap_str(err.text, "iwlwifi: No such device", "and the kernel's text");
	ktap_eq(pvk_drv_dispatch(pair.drv, NULL), 0, "the event is dispatched");
	ktap_str(seen, "state wifi failed 3; ", "and the outcome is not given twice");
	pair_close(&pair);
}

static void test_async(void)
{
	const struct pvk_request load = { .alias = "wifi" }, other = { .alias = "bt" };
	struct pair pair = pair_open();
	uint32_t first, second;

	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	pvk_drv_submit_load(pair.drv, &load, &first, NULL);
	gram_ack(2, 0, NULL, 0);
	gram_answer(pair.kernel);
	pvk_drv_submit_load(pair.drv, &other, &second, NULL);
	ktap_check(first != second, "two submits have two numbers");
	ktap_eq(pvk_drv_dispatch(pair.drv, NULL), 0, "nothing to dispatch is no failure");
	ktap_str(seen, "", "and calls nobody");
	ktap_eq(pvk_drv_dispatch_wait(pair.drv, 20, NULL), -ETIMEDOUT,
		"waiting for nothing times out");

	gram_outcome(second, "bt", 0, NULL);
	gram_cmd(PV_DRIVER_CMD_EXEC, 0, 0);
	gram_u64(PV_DRIVER_A_EXEC_ID, 77);
	gram_u32(PV_DRIVER_A_OP, PV_DRIVER_OP_LOAD);
	gram_str(PV_DRIVER_A_ALIAS, "wifi");
	gram_str(PV_DRIVER_A_LINE, "iwlwifi ${user-meta:opts}");
	gram_str(PV_DRIVER_A_CONTAINER, "web");
	gram_outcome(first, "wifi", ETIMEDOUT, "too slow");
	gram_answer(pair.kernel);
	pvk_drv_dispatch(pair.drv, NULL);
	ktap_str(seen, "outcome bt 0; load #77 wifi 'iwlwifi ${user-meta:opts}' for web; "
		 "outcome wifi 110; ", "outcomes and tasks come by callback, in their order");
	pair_close(&pair);
}

static void test_wait_times_out(void)
{
	struct pair pair = pair_open();
	struct pvk_outcome outcome;

	gram_outcome(5, "bt", 0, NULL);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_wait(pair.drv, 4, 30, &outcome, NULL), -ETIMEDOUT,
		"waiting does not take another request's outcome");
	ktap_eq(pvk_drv_wait(pair.drv, 5, 30, &outcome, NULL), 0, "which is kept for its own");
	ktap_str(outcome.alias, "bt", "and whole");
	pvk_outcome_free(&outcome);
	pair_close(&pair);
}

static void test_flood(void)
{
	struct pair pair = pair_open();
	unsigned int i;
	int round;

	/* 3,000 events stand before an acknowledgement. */
	for (i = 0; i < 3000; i++)
		gram_event("wifi", PV_DRIVER_STATE_LOADED, i);
	gram_outcome(9, "bt", 0, NULL);
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_driver_del(pair.drv, "wifi", NULL), 0, "a call gets through a flood");
	for (round = 0; round < 10; round++) {
		pvk_drv_dispatch(pair.drv, NULL);
		if (strlen(seen) > sizeof(seen) - 200)
			seen[0] = '\0';
	}
	ktap_eq(n_events, 1024, "as many events as there is room for are kept");
	ktap_eq(n_overruns, 1, "the subscriber is told once that others were lost");
	ktap_check(strstr(seen, "outcome bt 0; "), "an outcome is not lost for it");
	ktap_check(n_pending >= 4, "what one dispatch leaves is announced anew");
	pair_close(&pair);
}

static void test_hang_up(void)
{
	struct pair pair = pair_open();
	struct pvk_err err = { .text = "" };

	shutdown(pair.kernel, SHUT_WR);
	ktap_eq(pvk_drv_driver_del(pair.drv, "wifi", &err), -EPIPE,
		"a call ends when the other side hangs up");
	ktap_eq(pvk_drv_dispatch(pair.drv, &err), -EPIPE, "and so does dispatch");
	pair_close(&pair);
}

/* ---- broken messages ---- */

/* ---- modules and times ---- */

/* A module that a load of "wifi", on behalf of a container called "web", brought in. */
static const unsigned char caused[] = {
	12, 0, PV_DRIVER_A_MODULE_NAME, 0, 'm', 'a', 'c', '_', '8', '0', '2', 0,
	8, 0, PV_DRIVER_A_MODULE_FLAGS, 0,
	PV_DRIVER_MODULE_FLAG_LIVE | PV_DRIVER_MODULE_FLAG_OURS, 0, 0, 0,
	12, 0, PV_DRIVER_A_MODULE_SINCE, 0, 7, 0, 0, 0, 1, 0, 0, 0,
	9, 0, PV_DRIVER_A_MODULE_CAUSE_ALIAS, 0, 'w', 'i', 'f', 'i', 0, 0, 0, 0,
	8, 0, PV_DRIVER_A_MODULE_CAUSE_CONTAINER, 0, 'w', 'e', 'b', 0,
};

/* One that was there before anybody looked. */
static const unsigned char resident[] = {
	8, 0, PV_DRIVER_A_MODULE_NAME, 0, 'i', 'p', '6', 0,
	8, 0, PV_DRIVER_A_MODULE_FLAGS, 0, PV_DRIVER_MODULE_FLAG_LIVE, 0, 0, 0,
};

static void build_module(uint32_t seq, uint16_t flags, const unsigned char *nest, size_t len)
{
	gram_cmd(PV_DRIVER_CMD_MODULE_GET, flags, seq);
	gram_attr(PV_DRIVER_A_MODULE | NLA_F_NESTED, nest, len);
}

static void test_times(void)
{
	struct pair pair = pair_open();
	struct pvk_driver driver = { 0 };

	build_driver(1, 0, "wifi", 12);
	gram_u64(PV_DRIVER_A_SINCE, 0x100000001);
	gram_u64(PV_DRIVER_A_ERROR_SINCE, 5);
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	pvk_drv_driver_get(pair.drv, "wifi", 0, &driver, NULL);
	ktap_eq((long long)driver.since_ns, 0x100000001, "a driver has its state since then");
	ktap_eq((long long)driver.error_since_ns, 5, "and its error since then");
	pvk_driver_free(&driver);

	build_driver(2, 0, "wifi", 12);
	gram_ack(2, 0, NULL, 0);
	gram_answer(pair.kernel);
	pvk_drv_driver_get(pair.drv, "wifi", 0, &driver, NULL);
	ktap_eq((long long)driver.since_ns, 0, "a kernel that does not tell leaves it 0");
	pvk_driver_free(&driver);
	pair_close(&pair);
}

static void test_module(void)
{
	static const unsigned char want[] = {
		GRAM_HEAD(32, GRAM_ACK, 1, PV_DRIVER_CMD_MODULE_GET),
		12, 0, PV_DRIVER_A_NAME, 0, 'm', 'a', 'c', '_', '8', '0', '2', 0,
	};
	char too_long[PVK_MODULE_SIZE + 1];
	struct pair pair = pair_open();
	struct pvk_module module = { 0 };

	build_module(1, 0, caused, sizeof(caused));
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_module_get(pair.drv, "mac-802", &module, NULL), 0, "a module is read");
	gram_sent(pair.kernel, want, sizeof(want), "its name, as the kernel spells it,");
	ktap_str(module.name, "mac_802", "its name");
	ktap_eq(module.flags, PV_DRIVER_MODULE_FLAG_LIVE | PV_DRIVER_MODULE_FLAG_OURS, "its flags");
	ktap_eq((long long)module.since_ns, 0x100000007, "since when it is there");
	ktap_str(module.cause_alias, "wifi", "the driver that brought it in");
	ktap_str(module.cause_container, "web", "the container that asked for that");
	pvk_module_free(&module);

	gram_ack(2, -ENOENT, "not known", 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_module_get(pair.drv, "x", &module, NULL), -ENOENT, "one that is not known");
	memset(too_long, 'm', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	ktap_eq(pvk_drv_module_get(pair.drv, too_long, &module, NULL), -ENOENT,
		"and one that cannot be");
	pair_close(&pair);
}

static void test_module_list(void)
{
	struct pair pair = pair_open();
	struct pvk_modules list;

	build_module(1, NLM_F_MULTI | NLM_F_DUMP_INTR, resident, sizeof(resident));
	gram_done(1);
	gram_answer(pair.kernel);
	build_module(2, NLM_F_MULTI, caused, sizeof(caused));
	build_module(2, NLM_F_MULTI, resident, sizeof(resident));
	gram_done(2);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_module_list(pair.drv, &list, NULL), 0,
		"all modules are read, and read again if they changed meanwhile");
	if (ktap_eq((long long)list.count, 2, "both modules")) {
		ktap_str(list.item[1].name, "ip6", "in their order");
		ktap_eq((long long)list.item[1].since_ns, 0, "one has been there all the time");
		ktap_str(list.item[1].cause_alias, "", "and no load brought it in");
	}
	pvk_modules_free(&list);
	pair_close(&pair);
}

static void test_subscribe_containers(void)
{
	static const unsigned char want[] = {
		GRAM_HEAD(24, GRAM_ACK, 1, PV_DRIVER_CMD_SUBSCRIBE),
		4, 0, PV_DRIVER_A_CONTAINERS, 0,
	};
	struct pair pair = pair_open();
	uint32_t generation = 0;

	gram_cmd(PV_DRIVER_CMD_SUBSCRIBE, 0, 1);
	gram_u32(PV_DRIVER_A_GENERATION, 41);
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_subscribe_containers(pair.drv, &generation, NULL), 0,
		"a subscription to containers is taken");
	ktap_eq(generation, 41, "and says where events begin");
	gram_sent(pair.kernel, want, sizeof(want), "subscribe with containers");
	pair_close(&pair);
}

static void test_container_events(void)
{
	static const struct {
		const char *what;
		uint32_t kind;
		const char *name;
		uint64_t id;
		int want;
	} table[] = {
		{ "a new container", PV_DRIVER_EVENT_KIND_CONTAINER_NEW, "web", 4, 0 },
		{ "one that ended", PV_DRIVER_EVENT_KIND_CONTAINER_DEL, "web", 4, 0 },
		{ "one without a name", PV_DRIVER_EVENT_KIND_CONTAINER_NEW, NULL, 4, -EBADMSG },
		{ "one without an id", PV_DRIVER_EVENT_KIND_CONTAINER_DEL, "web", 0, -EBADMSG },
		{ "an overrun", PV_DRIVER_EVENT_KIND_OVERRUN, NULL, 0, 0 },
		{ "a driver that is a container", PV_DRIVER_EVENT_KIND_NEW, "web", 4, -EBADMSG },
	};
	struct pvk_event event;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(table); i++) {
		gram.len = 0;
		gram_cmd(PV_DRIVER_CMD_EVENT, 0, 0);
		gram_u32(PV_DRIVER_A_EVENT_KIND, table[i].kind);
		if (table[i].name)
			gram_str(PV_DRIVER_A_CONTAINER, table[i].name);
		if (table[i].id)
			gram_u64(PV_DRIVER_A_CONTAINER_ID, table[i].id);
		ktap_eq(pvk_parse_event((struct nlmsghdr *)gram.data, &event), table[i].want,
			"an event of %s", table[i].what);
		if (!i) {
			ktap_str(event.container, "web", "its name");
			ktap_eq((long long)event.container_id, 4, "its id");
			ktap_str(event.alias, "", "and no alias");
		}
	}
	gram.len = 0;
}

static void test_peer(void)
{
	static const struct {
		const char *what;
		uint32_t kind;
		const char *name;
		uint64_t id;
		int want;
	} table[] = {
		{ "a container", PV_DRIVER_PEER_CONTAINER, "web", 4, 0 },
		{ "a container without a name", PV_DRIVER_PEER_CONTAINER, NULL, 4, -EBADMSG },
		{ "a container without an id", PV_DRIVER_PEER_CONTAINER, "web", 0, -EBADMSG },
		{ "the host", PV_DRIVER_PEER_HOST, NULL, 0, 0 },
		{ "a kind of a newer kernel", 9, NULL, 0, 0 },
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(table); i++) {
		struct pair pair = pair_open();
		struct pvk_peer peer;

		gram_cmd(PV_DRIVER_CMD_WHOIS, 0, 1);
		gram_u32(PV_DRIVER_A_PEER, table[i].kind);
		if (table[i].name)
			gram_str(PV_DRIVER_A_CONTAINER, table[i].name);
		gram_u64(PV_DRIVER_A_CONTAINER_ID, table[i].id);
		gram_ack(1, 0, NULL, 0);
		gram_answer(pair.kernel);
		ktap_eq(pvk_drv_whois(pair.drv, 3, 4, &peer, NULL), table[i].want,
			"whois answers %s", table[i].what);
		pair_close(&pair);
	}
}

static void test_no_reply(void)
{
	struct pair pair = pair_open();
	struct pvk_peer peer = { .kind = PV_DRIVER_PEER_HOST };

	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_drv_whois(pair.drv, 3, 4, &peer, NULL), -EBADMSG,
		"an acknowledgement without the answer is a failure");
	ktap_eq(peer.kind, PV_DRIVER_PEER_UNKNOWN, "and nobody is the peer");
	pair_close(&pair);
}

static void test_bad_lengths(void)
{
	static const uint32_t lengths[] = { 0, 15, 19, 0x7fffffff, 0x80000000, 0xffffffff };
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(lengths); i++) {
		struct pair pair = pair_open();

		gram_event("wifi", PV_DRIVER_STATE_LOADED, 1);
		((struct nlmsghdr *)gram.data)->nlmsg_len = lengths[i];
		gram_answer(pair.kernel);
		ktap_eq(pvk_drv_dispatch(pair.drv, NULL), 0,
			"a message that says it is %u bytes long is dropped", lengths[i]);
		ktap_str(seen, "", "and calls nobody");
		pair_close(&pair);
	}
}

typedef int (*parser)(const struct nlmsghdr *nlh, void *to);
typedef void (*freer)(void *to);

static void no_free(void *to)
{
	(void)to;
}

static const struct {
	const char *name;
	parser parse;
	freer free;
} parsers[] = {
	{ "driver", (parser)pvk_parse_driver, (freer)pvk_driver_free },
	{ "module", (parser)pvk_parse_module, (freer)pvk_module_free },
	{ "container", (parser)pvk_parse_container, (freer)pvk_container_free },
	{ "outcome", (parser)pvk_parse_outcome, (freer)pvk_outcome_free },
	{ "event", (parser)pvk_parse_event, no_free },
	{ "exec", (parser)pvk_parse_exec, no_free },
	{ "peer", (parser)pvk_parse_peer, no_free },
	{ "status", (parser)pvk_parse_status, no_free },
};

/* One message that every parser finds something in. */
static size_t build_everything(void)
{
	static const unsigned char entry[] = {
		8, 0, PV_DRIVER_A_ENTRY_ALIAS, 0, 'b', 't', 'x', 0,
		8, 0, PV_DRIVER_A_ENTRY_TYPE, 0, 1, 0, 0, 0,
		8, 0, PV_DRIVER_A_ENTRY_STATE, 0, 2, 0, 0, 0,
		4, 0, PV_DRIVER_A_ENTRY_USED, 0,
	};

	gram.len = 0;
	build_driver(1, 0, "wifi", 1);
	gram_str(PV_DRIVER_A_CONTAINER, "web");
	gram_u64(PV_DRIVER_A_CONTAINER_ID, 1);
	gram_attr(PV_DRIVER_A_ENTRY | NLA_F_NESTED, entry, sizeof(entry));
	gram_str(PV_DRIVER_A_CGROUP, "/web");
	gram_u32(PV_DRIVER_A_EVENT_KIND, 0);
	gram_u64(PV_DRIVER_A_EXEC_ID, 1);
	gram_u32(PV_DRIVER_A_OP, 0);
	gram_u32(PV_DRIVER_A_PEER, PV_DRIVER_PEER_CONTAINER);
	gram_u32(PV_DRIVER_A_AGENT_PORTID, 1);
	gram_u64(PV_DRIVER_A_SINCE, 1);
	gram_u64(PV_DRIVER_A_ERROR_SINCE, 1);
	gram_attr(PV_DRIVER_A_MODULE | NLA_F_NESTED, caused, sizeof(caused));
	return gram.len;
}

/* An exact copy on the heap, so that a read past its end is seen. */
static int parse_copy(size_t which, size_t len)
{
	union {
		struct pvk_driver driver;
		struct pvk_module module;
		struct pvk_container container;
		struct pvk_outcome outcome;
		struct pvk_event event;
		struct pvk_exec exec;
		struct pvk_peer peer;
		struct pvk_status status;
	} to;
	struct nlmsghdr *nlh = malloc(len);
	int ret;

	if (!nlh)
		abort();
	memcpy(nlh, gram.data, len);
	nlh->nlmsg_len = len;
	ret = parsers[which].parse(nlh, &to);
	if (!ret)
		parsers[which].free(&to);
	free(nlh);
	return ret;
}

static void test_mutations(void)
{
	static const unsigned char values[] = { 0x00, 0x01, 0x03, 0x7f, 0x80, 0xff };
	size_t which, at, v, len = build_everything(), bad = 0, odd = 0;
	unsigned char was;
	int ret;

	for (which = 0; which < PVK_ARRAY_SIZE(parsers); which++) {
		ktap_eq(parse_copy(which, len), 0, "%s: the message is well formed",
			parsers[which].name);
		bad = 0;
		odd = 0;
		for (at = 16; at < len; at++) {
			ret = parse_copy(which, at);
			odd += ret && ret != -EBADMSG;
			bad += ret == -EBADMSG;
		}
		for (at = 16; at < len; at++) {
			was = gram.data[at];
			for (v = 0; v < PVK_ARRAY_SIZE(values); v++) {
				gram.data[at] = values[v];
				ret = parse_copy(which, len);
				odd += ret && ret != -EBADMSG;
				bad += ret == -EBADMSG;
			}
			gram.data[at] = was;
		}
		ktap_eq((long long)odd, 0, "%s: cut and changed messages give 0 or -EBADMSG",
			parsers[which].name);
		ktap_check(bad > len / 8, "%s: many of them are refused", parsers[which].name);
	}
}

static void test_many_items(void)
{
	struct pvk_driver driver;
	unsigned int i;
	int ret;

	gram.len = 0;
	gram_cmd(PV_DRIVER_CMD_DRIVER_GET, 0, 1);
	gram_str(PV_DRIVER_A_ALIAS, "wifi");
	gram_u32(PV_DRIVER_A_STATE, 0);
	for (i = 0; i < PVK_TEXTS_MAX; i++)
		gram_str(PV_DRIVER_A_USER, "c");
	ret = pvk_parse_driver((struct nlmsghdr *)gram.data, &driver);
	ktap_eq(ret ? -1 : (long long)driver.users.count, PVK_TEXTS_MAX,
		"as many users as allowed are read");
	if (!ret)
		pvk_driver_free(&driver);
	gram_str(PV_DRIVER_A_USER, "c");
	ktap_eq(pvk_parse_driver((struct nlmsghdr *)gram.data, &driver), -EBADMSG,
		"one more is refused");
}

static void test_names(void)
{
	ktap_str(pvk_state_name(99), "?", "a state of a newer kernel has a name too");
	ktap_str(pvk_type_name(PV_DRIVER_TYPE_OPTIONAL), "optional", "a type's name");
	ktap_str(pvk_event_kind_name(PV_DRIVER_EVENT_KIND_CONTAINER_DEL), "container-del",
		 "the name of an event");
	ktap_str(pvk_module_flag_name(4), "pinned", "a flag's name");
	ktap_str(pvk_module_flag_name(5), NULL, "the flags end");
}

int main(void)
{
	ktap_plan(0);
	test_send_driver_new();
	test_send_load();
	test_send_front();
	test_send_container_new();
	test_send_limits();
	test_get_driver();
	test_refusals();
	test_refusal_bad_text();
	test_dump();
	test_dump_again();
	test_dump_never_whole();
	test_dump_brief();
	test_dump_fails();
	test_outcome_orders();
	test_async();
	test_wait_times_out();
	test_flood();
	test_hang_up();
	test_times();
	test_module();
	test_module_list();
	test_subscribe_containers();
	test_container_events();
	test_peer();
	test_no_reply();
	test_bad_lengths();
	test_mutations();
	test_many_items();
	test_names();
	return ktap_finish();
}
