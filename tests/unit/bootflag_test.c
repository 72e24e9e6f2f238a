// SPDX-License-Identifier: MIT
/*
 * The netlink client of pv_bootflag, with a socket pair in the kernel's place: what
 * it sends, byte for byte, and what it makes of answers, whole and broken.
 */
#include "bootflag.h"
#include "gram.h"
#include "ktap.h"

/* ---- the kernel's part ---- */

/* A value in front of which the kernel may put the padding of a 64 bit number. */
static void gram_value(uint16_t type, uint32_t field, const char *text, uint64_t number)
{
	unsigned char nest[400] = { 8, 0, PV_BOOTFLAG_A_VALUE_FIELD, 0, (unsigned char)field };
	size_t len = 8;

	if (text) {
		nest[len] = (unsigned char)(4 + strlen(text) + 1);
		nest[len + 2] = PV_BOOTFLAG_A_VALUE_TEXT;
		memcpy(nest + len + 4, text, strlen(text) + 1);
		len += (4 + strlen(text) + 1 + 3) & ~3UL;
	} else {
		nest[len] = 12;
		nest[len + 2] = PV_BOOTFLAG_A_VALUE_NUMBER;
		memcpy(nest + len + 4, &number, sizeof(number));
		len += 12;
	}
	gram_attr(type | NLA_F_NESTED, nest, len);
}

static void gram_store(uint32_t seq, uint16_t flags, const char *name)
{
	static const unsigned char stats[] = {
		12, 0, PV_BOOTFLAG_A_STATS_SETS, 0, 9, 0, 0, 0, 0, 0, 0, 0,
		12, 0, PV_BOOTFLAG_A_STATS_ERASES, 0, 2, 0, 0, 0, 1, 0, 0, 0,
	};

	gram_cmd(PV_BOOTFLAG_CMD_STORE_GET, flags, seq);
	gram_str(PV_BOOTFLAG_A_NAME, name);
	gram_str(PV_BOOTFLAG_A_SPEC, "medium=mtd device=misc format=log");
	gram_u32(PV_BOOTFLAG_A_STATE, PV_BOOTFLAG_STATE_READY);
	gram_u32(PV_BOOTFLAG_A_GENERATION, 12);
	gram_value(PV_BOOTFLAG_A_VALUE, PVB_MODE, "recovery", 0);
	gram_value(PV_BOOTFLAG_A_VALUE, PVB_CURSOR, NULL, 0x100000007);
	gram_value(PV_BOOTFLAG_A_VALUE, PVB_FIELDS + 3, NULL, 1);
	gram_value(PV_BOOTFLAG_A_BOOT_VALUE, PVB_SLOT, NULL, 1);
	gram_u32(PV_BOOTFLAG_A_OFFERS, PVB_ALL_FIELDS);
	gram_u32(PV_BOOTFLAG_A_GUARANTEE,
		 PV_BOOTFLAG_GUARANTEE_POWER | PV_BOOTFLAG_GUARANTEE_WEAR);
	gram_str(PV_BOOTFLAG_A_MEDIUM, "mtd");
	gram_str(PV_BOOTFLAG_A_FORMAT, "log");
	gram_str(PV_BOOTFLAG_A_MODE_NAME, "recovery");
	gram_str(PV_BOOTFLAG_A_MODE_NAME, "ota");
	gram_attr(PV_BOOTFLAG_A_STATS | NLA_F_NESTED, stats, sizeof(stats));
	gram_u32(PV_BOOTFLAG_A_ERRNO, EIO);
	gram_str(PV_BOOTFLAG_A_TEXT, "cannot erase block 3");
	gram_u32(PV_BOOTFLAG_A_MAX + 7, 1);
}

static void gram_outcome(uint32_t seq, uint32_t code, const char *text)
{
	gram_cmd(PV_BOOTFLAG_CMD_OUTCOME, 0, seq);
	gram_str(PV_BOOTFLAG_A_NAME, "misc");
	gram_u32(PV_BOOTFLAG_A_GENERATION, 13);
	if (code)
		gram_u32(PV_BOOTFLAG_A_ERRNO, code);
	if (text)
		gram_str(PV_BOOTFLAG_A_TEXT, text);
}

static void gram_event(uint32_t kind, const char *name)
{
	gram_cmd(PV_BOOTFLAG_CMD_EVENT, 0, 0);
	gram_u32(PV_BOOTFLAG_A_EVENT_KIND, kind);
	if (name)
		gram_str(PV_BOOTFLAG_A_NAME, name);
	gram_u32(PV_BOOTFLAG_A_STATE, PV_BOOTFLAG_STATE_READY);
	gram_u32(PV_BOOTFLAG_A_GENERATION, 5);
}

/* ---- the client's part ---- */

static char seen[4096];

static void on_outcome(void *arg, const struct pvk_bf_outcome *outcome)
{
	(void)arg;
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "outcome %s #%u %d; ",
		 outcome->name, outcome->seq, outcome->error);
}

static void on_event(void *arg, const struct pvk_bf_event *event)
{
	(void)arg;
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s %s %s %u; ",
		 pvk_bf_event_kind_name(event->kind), event->name,
		 pvk_store_state_name(event->state), event->generation);
}

struct pair {
	struct pvk_bf *bf;
	int kernel;
};

static struct pair pair_open(void)
{
	static const struct pvk_bf_ops ops = { .outcome = on_outcome, .event = on_event };
	struct pair pair;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) ||
	    pvk_bf_open_fd(&pair.bf, fd[0], GRAM_FAMILY, &ops, NULL)) {
		perror("socketpair");
		exit(1);
	}
	pair.kernel = fd[1];
	seen[0] = '\0';
	gram.len = 0;
	return pair;
}

static void pair_close(struct pair *pair)
{
	pvk_bf_close(pair->bf);
	close(pair->kernel);
}

/* ---- what is sent ---- */

static void test_send_set(void)
{
	static const unsigned char want[] = {
		GRAM_HEAD(96, GRAM_ACK, 1, PV_BOOTFLAG_CMD_SET),
		9, 0, PV_BOOTFLAG_A_NAME, 0, 'm', 'i', 's', 'c', 0, 0, 0, 0,
		20, 0, PV_BOOTFLAG_A_VALUE, 0x80,
		8, 0, PV_BOOTFLAG_A_VALUE_FIELD, 0, PVB_MODE, 0, 0, 0,
		8, 0, PV_BOOTFLAG_A_VALUE_TEXT, 0, 'o', 't', 'a', 0,
		24, 0, PV_BOOTFLAG_A_VALUE, 0x80,
		8, 0, PV_BOOTFLAG_A_VALUE_FIELD, 0, PVB_TRIES, 0, 0, 0,
		12, 0, PV_BOOTFLAG_A_VALUE_NUMBER, 0, 3, 0, 0, 0, 0, 0, 0, 0,
		8, 0, PV_BOOTFLAG_A_CLEAR, 0, PVB_PHASE, 0, 0, 0,
		8, 0, PV_BOOTFLAG_A_GENERATION, 0, 12, 0, 0, 0,
		4, 0, PV_BOOTFLAG_A_FORCE, 0,
	};
	struct pvk_change change = { .generation = 12, .has_generation = true, .force = true };
	struct pair pair = pair_open();
	uint32_t seq = 0;

	pvk_change_word(&change, "tries=3", NULL);
	pvk_change_word(&change, "phase=", NULL);
	pvk_change_word(&change, "mode=ota", NULL);
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_bf_submit_set(pair.bf, "misc", &change, &seq, NULL), 0, "a set is taken");
	ktap_eq(seq, 1, "the submit gives its sequence number");
	gram_sent(pair.kernel, want, sizeof(want),
		  "a set of a text and a number that clears a field");
	pair_close(&pair);
}

static void test_send_others(void)
{
	static const unsigned char add[] = {
		GRAM_HEAD(36, GRAM_ACK, 1, PV_BOOTFLAG_CMD_STORE_ADD),
		8, 0, PV_BOOTFLAG_A_NAME, 0, 'r', 't', 'c', 0,
		8, 0, PV_BOOTFLAG_A_SPEC, 0, 'a', '=', 'b', 0,
	};
	static const unsigned char writer[] = {
		GRAM_HEAD(28, GRAM_ACK, 2, PV_BOOTFLAG_CMD_WRITER),
		8, 0, PV_BOOTFLAG_A_TEXT, 0, 'p', 'v', 'k', 0,
	};
	static const unsigned char subscribe[] = {
		GRAM_HEAD(20, GRAM_ACK, 3, PV_BOOTFLAG_CMD_SUBSCRIBE)
	};
	struct pair pair = pair_open();
	uint32_t generation = 0;

	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_bf_store_add(pair.bf, "rtc", "a=b", NULL), 0, "a store is added");
	gram_sent(pair.kernel, add, sizeof(add), "store-add");
	gram_ack(2, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_bf_writer(pair.bf, "pvk", NULL), 0, "a socket becomes a writer");
	gram_sent(pair.kernel, writer, sizeof(writer), "writer");
	gram_cmd(PV_BOOTFLAG_CMD_SUBSCRIBE, 0, 3);
	gram_u32(PV_BOOTFLAG_A_GENERATION, 77);
	gram_ack(3, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_bf_subscribe(pair.bf, NULL, &generation, NULL), 0, "subscribed");
	ktap_eq(generation, 77, "to what follows a generation");
	gram_sent(pair.kernel, subscribe, sizeof(subscribe), "subscribe to all stores");
	pair_close(&pair);
}

/* ---- answers ---- */

static void test_get(void)
{
	struct pair pair = pair_open();
	struct pvk_store store;

	gram_store(1, 0, "misc");
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_bf_store_get(pair.bf, "misc", &store, NULL), 0,
		"a store is read, fields and attributes of a newer kernel passed over");
	ktap_str(store.name, "misc", "its name");
	ktap_str(store.spec, "medium=mtd device=misc format=log", "its description");
	ktap_str(pvk_store_state_name(store.state), "ready", "its state");
	ktap_eq(store.flags.has, PVB_HAS(PVB_MODE) | PVB_HAS(PVB_CURSOR), "the fields set");
	ktap_str(store.flags.mode, "recovery", "a text");
	ktap_eq((long long)store.flags.cursor, 0x100000007, "a number of 64 bits");
	ktap_eq(store.boot.has, PVB_HAS(PVB_SLOT), "the fields at boot");
	ktap_eq(store.boot.slot, 1, "the slot at boot");
	ktap_eq(store.n_modes, 2, "both modes");
	ktap_str(store.mode[1], "ota", "in their order");
	ktap_eq((long long)store.stats.erases, 0x100000002, "its statistics");
	ktap_eq(store.error, EIO, "its error");
	ktap_str(store.text, "cannot erase block 3", "the error's text");
	pair_close(&pair);
}

static void test_list(void)
{
	struct pair pair = pair_open();
	struct pvk_stores list;

	gram_store(1, NLM_F_MULTI | NLM_F_DUMP_INTR, "gone");
	gram_done(1);
	gram_answer(pair.kernel);
	gram_store(2, NLM_F_MULTI, "rtc");
	gram_store(2, NLM_F_MULTI, "misc");
	gram_done(2);
	gram_answer(pair.kernel);
	ktap_eq(pvk_bf_store_list(pair.bf, &list, NULL), 0,
		"a list that changed while it was read is read again");
	ktap_eq((long long)list.count, 2, "nothing of the first reading is left");
	ktap_str(list.count == 2 ? list.item[1].name : "", "misc", "in the order of addition");
	ktap_check(!list.torn, "it is whole");
	pvk_stores_free(&list);
	pair_close(&pair);
}

static void test_list_never_whole(void)
{
	struct pair pair = pair_open();
	struct pvk_stores list;
	uint32_t seq;

	for (seq = 1; seq <= 10; seq++) {
		gram_store(seq, NLM_F_MULTI | NLM_F_DUMP_INTR, "rtc");
		gram_done(seq);
		gram_answer(pair.kernel);
	}
	ktap_eq(pvk_bf_store_list(pair.bf, &list, NULL), 0,
		"a list that changes each time is taken in the end");
	ktap_check(list.torn && list.count == 1, "and said to be torn");
	pvk_stores_free(&list);
	pair_close(&pair);
}

/* ---- sets ---- */

static void test_outcomes(void)
{
	struct pvk_change change = { .clear = PVB_HAS(PVB_MODE) };
	struct pvk_bf_outcome outcome;
	struct pair pair = pair_open();
	struct pvk_err err = { .text = "" };

	gram_event(PV_BOOTFLAG_EVENT_KIND_CHANGED, "misc");
	gram_outcome(1, 0, NULL);
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_bf_set(pair.bf, "misc", &change, 1000, &outcome, &err), 0,
		"a set whose outcome comes before its acknowledgement");
	ktap_eq(outcome.generation, 13, "the outcome has the generation");
	ktap_eq(pvk_bf_dispatch(pair.bf, NULL), 0, "the event is dispatched");
	ktap_str(seen, "changed misc ready 5; ", "and the outcome is not given twice");

	gram_ack(2, 0, NULL, 0);
	gram_outcome(2, EIO, "block 3: read back other than written");
	gram_answer(pair.kernel);
	ktap_eq(pvk_bf_set(pair.bf, "misc", &change, 1000, &outcome, &err), -EIO,
		"a set that fails has the outcome's errno");
	ktap_str(err.text, "block 3: read back other than written", "and its text");

	gram_ack(3, -EPERM, "setting takes CAP_SYS_BOOT", 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_bf_set(pair.bf, "misc", &change, 1000, &outcome, &err), -EPERM,
		"a set that is refused has the refusal's errno");
	ktap_str(err.text, "setting takes CAP_SYS_BOOT", "and its text");
	ktap_eq(outcome.seq, 0, "and no outcome");

	gram_ack(4, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_bf_set(pair.bf, "misc", &change, 30, &outcome, &err), -ETIMEDOUT,
		"a set without an outcome times out");
	pair_close(&pair);
}

static void test_events(void)
{
	struct pair pair = pair_open();

	gram_event(PV_BOOTFLAG_EVENT_KIND_NEW, "rtc");
	gram_event(PV_BOOTFLAG_EVENT_KIND_OVERRUN, NULL);
	gram_event(PV_BOOTFLAG_EVENT_KIND_CHANGED, NULL);
	gram_outcome(9, ENODEV, "gone");
	gram_answer(pair.kernel);
	ktap_eq(pvk_bf_dispatch_wait(pair.bf, 1000, NULL), 0, "events are dispatched");
	ktap_str(seen, "new rtc ready 5; overrun  ready 5; outcome misc #9 19; ",
		 "in their order; an overrun has no name, others without one are dropped");
	ktap_eq((long long)pvk_bf_malformed(pair.bf), 1, "and counted");
	ktap_eq(pvk_bf_dispatch_wait(pair.bf, 20, NULL), -ETIMEDOUT,
		"waiting for nothing times out");
	pair_close(&pair);
}

/* ---- broken messages ---- */

static const struct nlmsghdr *built(void)
{
	return (const void *)gram.data;
}

static void test_broken(void)
{
	static const struct {
		const char *what;
		uint16_t type;
		uint32_t field;
		const char *text;
		uint64_t number;
		int want;
	} table[] = {
		{ "a number where a text belongs", PV_BOOTFLAG_A_VALUE, PVB_MODE, NULL, 1,
		  -EBADMSG },
		{ "a text where a number belongs", PV_BOOTFLAG_A_VALUE, PVB_SLOT, "b", 0,
		  -EBADMSG },
		{ "a slot out of range", PV_BOOTFLAG_A_BOOT_VALUE, PVB_SLOT, NULL, 4, -EBADMSG },
		{ "tries out of range", PV_BOOTFLAG_A_VALUE, PVB_TRIES, NULL, 256, -EBADMSG },
		{ "a reason that some bootloader wrote", PV_BOOTFLAG_A_VALUE, PVB_REASON,
		  "caf\xe9\x01", 0, 0 },
	};
	struct pvk_store store;
	char long_mode[64];
	size_t i, len;

	for (i = 0; i < PVK_ARRAY_SIZE(table); i++) {
		gram.len = 0;
		gram_cmd(PV_BOOTFLAG_CMD_STORE_GET, 0, 1);
		gram_str(PV_BOOTFLAG_A_NAME, "misc");
		gram_u32(PV_BOOTFLAG_A_STATE, PV_BOOTFLAG_STATE_READY);
		gram_value(table[i].type, table[i].field, table[i].text, table[i].number);
		ktap_eq(pvk_parse_store(built(), &store), table[i].want, "%s", table[i].what);
	}
	memset(long_mode, 'x', sizeof(long_mode));
	long_mode[sizeof(long_mode) - 1] = '\0';
	gram.len = 0;
	gram_cmd(PV_BOOTFLAG_CMD_STORE_GET, 0, 1);
	gram_str(PV_BOOTFLAG_A_NAME, long_mode);
	gram_u32(PV_BOOTFLAG_A_STATE, 0);
	ktap_eq(pvk_parse_store(built(), &store), -EBADMSG, "a name that is too long");

	/* Cut anywhere, a message is refused or read, never read past its end (ASan). */
	gram.len = 0;
	gram_store(1, 0, "misc");
	len = gram.len;
	for (i = 0; i < len; i += 4) {
		unsigned char *copy = malloc(len - i);

		memcpy(copy, gram.data, len - i);
		if (len - i >= sizeof(struct nlmsghdr)) {
			((struct nlmsghdr *)copy)->nlmsg_len = (uint32_t)(len - i);
			pvk_parse_store((void *)copy, &store);
		}
		free(copy);
	}
	ktap_pass("a store's message cut anywhere");
}

static void test_names(void)
{
	ktap_check(pvk_store_name_ok("misc.2_a-B"), "a name with all that is allowed");
	ktap_check(!pvk_store_name_ok(""), "an empty name");
	ktap_check(!pvk_store_name_ok(".misc"), "a leading dot");
	ktap_check(!pvk_store_name_ok("a/b"), "a slash");
	ktap_check(!pvk_store_name_ok("12345678901234567890123456789012"), "32 bytes");
	ktap_str(pvk_store_state_name(99), "?", "a state of a newer kernel");
	ktap_str(pvk_guarantee_name(5), "panic", "the last guarantee has its name");
	ktap_check(!pvk_guarantee_name(6), "and there is no further one");
}

int main(void)
{
	ktap_plan(59);
	test_send_set();
	test_send_others();
	test_get();
	test_list();
	test_list_never_whole();
	test_outcomes();
	test_events();
	test_broken();
	test_names();
	return ktap_finish();
}
