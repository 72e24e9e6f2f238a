// SPDX-License-Identifier: MIT
/*
 * The netlink client of pv_pivot, with a socket pair in the kernel's place: what it
 * sends, byte for byte, and what it makes of answers, whole and broken.
 */
#include "gram.h"
#include "json_out.h"
#include "ktap.h"
#include "pivot.h"

/* ---- the kernel's part ---- */

/* A session that is sealed, as who may see it does. */
static void gram_status(uint32_t seq, uint32_t medium, const char *device)
{
	gram_cmd(PV_PIVOT_CMD_STATUS, 0, seq);
	gram_u32(PV_PIVOT_A_STATE, PV_PIVOT_STATE_SEALED);
	gram_u32(PV_PIVOT_A_GENERATION, 7);
	gram_u32(PV_PIVOT_A_HELPER_EXIT, 137);
	gram_str(PV_PIVOT_A_FS, "ubifs");
	gram_str(PV_PIVOT_A_DEVICE, device);
	gram_u32(PV_PIVOT_A_MEDIUM, medium);
	gram_u32(PV_PIVOT_A_PROOF, PV_PIVOT_PROOF_ABSENT);
	gram_u32(PV_PIVOT_A_GATE, PV_PIVOT_GATE_FILES | PV_PIVOT_GATE_NODES | 1u << 31);
	gram_u32(PV_PIVOT_A_ERRNO, EBUSY);
	gram_str(PV_PIVOT_A_TEXT, "somebody has the UBI volume open");
	gram_u32(PV_PIVOT_A_LEFT, 290);
	gram_u32(PV_PIVOT_A_WATCHDOG, 60);
	gram_u32(PV_PIVOT_A_OWNER, 412);
	gram_u32(PV_PIVOT_A_ACTIVE, 2);
	gram_u32(PV_PIVOT_A_MAX + 7, 1);
}

static void gram_event(uint32_t kind, uint32_t state, uint32_t generation)
{
	gram_cmd(PV_PIVOT_CMD_EVENT, 0, 0);
	gram_u32(PV_PIVOT_A_EVENT_KIND, kind);
	gram_u32(PV_PIVOT_A_STATE, state);
	gram_u32(PV_PIVOT_A_GENERATION, generation);
}

/* ---- the client's part ---- */

static char seen[1024];
static unsigned int pendings;

static void on_event(void *arg, const struct pvk_pivot_event *event)
{
	(void)arg;
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%u %s %u; ", event->kind,
		 pvk_pivot_state_name(event->state), event->generation);
}

static void on_pending(void *arg)
{
	(void)arg;
	pendings++;
}

struct pair {
	struct pvk_pivot *pivot;
	int kernel;
};

static struct pair pair_open(void)
{
	static const struct pvk_pivot_ops ops = { .event = on_event, .pending = on_pending };
	struct pair pair;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) ||
	    pvk_pivot_open_fd(&pair.pivot, fd[0], GRAM_FAMILY, &ops, NULL)) {
		perror("socketpair");
		exit(1);
	}
	pair.kernel = fd[1];
	seen[0] = '\0';
	pendings = 0;
	gram.len = 0;
	return pair;
}

static void pair_close(struct pair *pair)
{
	pvk_pivot_close(pair->pivot);
	close(pair->kernel);
}

/* ---- what is sent ---- */

#define U32(attr, value)	8, 0, attr, 0, value, 0, 0, 0

static void test_send_steps(void)
{
	static const unsigned char begin[] = {
		GRAM_HEAD(36, GRAM_ACK, 1, PV_PIVOT_CMD_OPEN),
		U32(PV_PIVOT_A_FD, 5), U32(PV_PIVOT_A_LIMIT, 90),
	};
	static const unsigned char step[] = {
		GRAM_HEAD(36, GRAM_ACK, 2, PV_PIVOT_CMD_STEP),
		U32(PV_PIVOT_A_SESSION_FD, 9), U32(PV_PIVOT_A_STATE, PV_PIVOT_STATE_EVICTING),
	};
	static const unsigned char arm[] = {
		GRAM_HEAD(52, GRAM_ACK, 3, PV_PIVOT_CMD_STEP),
		U32(PV_PIVOT_A_SESSION_FD, 9), U32(PV_PIVOT_A_STATE, PV_PIVOT_STATE_ARMED),
		U32(PV_PIVOT_A_LIMIT, 60),
		8, 0, PV_PIVOT_A_REBOOT_ARG, 0, 'o', 't', 'a', 0,
	};
	struct pair pair = pair_open();
	int session = -1;

	gram_cmd(PV_PIVOT_CMD_OPEN, 0, 1);
	gram_u32(PV_PIVOT_A_SESSION_FD, 9);
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_pivot_begin(pair.pivot, 5, 90, &session, NULL), 0, "a session begins");
	ktap_eq(session, 9, "its descriptor");
	gram_sent(pair.kernel, begin, sizeof(begin), "open");
	gram_ack(2, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_pivot_step(pair.pivot, 9, PV_PIVOT_STATE_EVICTING, 0, NULL), 0, "a step");
	gram_sent(pair.kernel, step, sizeof(step), "a step without a limit");
	gram_ack(3, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_pivot_arm(pair.pivot, 9, 60, "ota", NULL), 0, "armed");
	gram_sent(pair.kernel, arm, sizeof(arm), "a step with all there is");
	pair_close(&pair);
}

static void test_send_others(void)
{
	static const unsigned char watchdog[] = {
		GRAM_HEAD(52, GRAM_ACK, 1, PV_PIVOT_CMD_WATCHDOG),
		U32(PV_PIVOT_A_SESSION_FD, 9), U32(PV_PIVOT_A_FD, 4),
		U32(PV_PIVOT_A_INTERVAL, 2), U32(PV_PIVOT_A_WATCHDOG, 100),
	};
	static const unsigned char abort_own[] = {
		GRAM_HEAD(28, GRAM_ACK, 2, PV_PIVOT_CMD_ABORT), U32(PV_PIVOT_A_SESSION_FD, 9),
	};
	static const unsigned char abort_any[] = { GRAM_HEAD(20, GRAM_ACK, 3, PV_PIVOT_CMD_ABORT) };
	static const unsigned char start[] = {
		GRAM_HEAD(28, GRAM_ACK, 4, PV_PIVOT_CMD_START),
		8, 0, PV_PIVOT_A_WORD, 0, 'n', 'o', 'w', 0,
	};
	static const unsigned char bare[] = { GRAM_HEAD(20, GRAM_ACK, 5, PV_PIVOT_CMD_START) };
	struct pair pair = pair_open();

	gram_ack(1, 0, NULL, 0);
	gram_ack(2, 0, NULL, 0);
	gram_ack(3, 0, NULL, 0);
	gram_ack(4, 0, NULL, 0);
	gram_answer(pair.kernel);
	pvk_pivot_watchdog(pair.pivot, 9, 4, 2, 100, NULL);
	gram_sent(pair.kernel, watchdog, sizeof(watchdog), "watchdog");
	pvk_pivot_abort(pair.pivot, 9, NULL);
	gram_sent(pair.kernel, abort_own, sizeof(abort_own), "abort of one's own");
	pvk_pivot_abort(pair.pivot, -1, NULL);
	gram_sent(pair.kernel, abort_any, sizeof(abort_any), "abort of whichever there is");
	pvk_pivot_start(pair.pivot, "now", NULL);
	gram_sent(pair.kernel, start, sizeof(start), "start with a word");
	gram_ack(5, 0, NULL, 0);
	gram_answer(pair.kernel);
	pvk_pivot_start(pair.pivot, NULL, NULL);
	gram_sent(pair.kernel, bare, sizeof(bare), "start without one");
	pair_close(&pair);
}

/* Of a UBI device that there isn't, so the flash below is not found and not said. */
static void test_send_seal(void)
{
	static const unsigned char status[] = { GRAM_HEAD(20, GRAM_ACK, 1, PV_PIVOT_CMD_STATUS) };
	static const unsigned char seal[] = {
		GRAM_HEAD(36, GRAM_ACK, 2, PV_PIVOT_CMD_STEP),
		U32(PV_PIVOT_A_SESSION_FD, 9), U32(PV_PIVOT_A_STATE, PV_PIVOT_STATE_SEALED),
	};
	struct pair pair = pair_open();
	struct pvk_err err;

	gram_status(1, PV_PIVOT_MEDIUM_UBI, "ubi987_1");
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	gram_ack(2, -EINVAL, "on which flash does UBI lie?", 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_pivot_step(pair.pivot, 9, PV_PIVOT_STATE_SEALED, 0, &err), -EINVAL,
		"the seal of a UBI volume whose flash is not found is the kernel's to judge");
	ktap_str(err.text, "on which flash does UBI lie?", "in its words");
	gram_sent(pair.kernel, status, sizeof(status), "a question what it follows");
	gram_sent(pair.kernel, seal, sizeof(seal), "the seal");
	pair_close(&pair);
}

/* ---- answers ---- */

static void test_status(void)
{
	struct pair pair = pair_open();
	struct pvk_pivot_status status;
	json_auto_out struct json_out out = JSON_OUT_INIT(4096);

	gram_status(1, PV_PIVOT_MEDIUM_UBI, "ubi0_1");
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_pivot_status(pair.pivot, &status, NULL), 0,
		"a status is read, attributes of a newer kernel passed over");
	json_out_object(&out);
	pvk_pivot_json(&out, &status);
	json_out_end(&out);
	ktap_str(pvk_buf_str(&out.buf),
		 "{\"state\":\"sealed\",\"generation\":7,\"helper_exit\":137,"
		 "\"fs\":\"ubifs\",\"device\":\"ubi0_1\",\"medium\":\"ubi\",\"proof\":[\"absent\"],"
		 "\"shut\":[\"files\",\"nodes\"],\"left\":290,\"owner\":412,\"active\":2,"
		 "\"watchdog\":60,\"errno\":16,\"text\":\"somebody has the UBI volume open\"}",
		 "all of it, flags that are not known left out");
	pair_close(&pair);
}

static void test_status_of_one_without_rights(void)
{
	struct pair pair = pair_open();
	struct pvk_pivot_status status;

	gram_cmd(PV_PIVOT_CMD_STATUS, 0, 1);
	gram_u32(PV_PIVOT_A_STATE, 77);
	gram_u32(PV_PIVOT_A_GENERATION, 3);
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_pivot_status(pair.pivot, &status, NULL), 0, "state and generation alone");
	ktap_check(!status.has_session && !status.has_left && !status.helper_runs &&
		   !status.has_helper_exit, "no more is made up");
	ktap_str(pvk_pivot_state_name(status.state), "?", "a state that is not known");
	pair_close(&pair);
}

static void test_events(void)
{
	struct pair pair = pair_open();
	struct pvk_pivot_status status;

	gram_event(PV_PIVOT_EVENT_KIND_STATE, PV_PIVOT_STATE_OPEN, 1);
	gram_event(PV_PIVOT_EVENT_KIND_HELPER, PV_PIVOT_STATE_OPEN, 2);
	gram_status(1, PV_PIVOT_MEDIUM_NONE, "tmpfs");
	gram_event(PV_PIVOT_EVENT_KIND_OVERRUN, 0, 3);
	gram_ack(1, 0, NULL, 0);
	gram_answer(pair.kernel);
	ktap_eq(pvk_pivot_status(pair.pivot, &status, NULL), 0, "events come between an answer");
	ktap_str(seen, "", "they are kept");
	ktap_eq(pendings, 1, "and that is said once");
	ktap_eq(pvk_pivot_dispatch(pair.pivot, NULL), 0, "until they are asked for");
	ktap_str(seen, "0 open 1; 2 open 2; 1 idle 3; ", "in their order");
	pair_close(&pair);
}

/* ---- what is broken ---- */

static const struct nlmsghdr *made(void)
{
	return (const struct nlmsghdr *)gram.data;
}

static void test_broken(void)
{
	struct pvk_pivot_status status;
	struct pvk_pivot_event event;
	char text[PV_PIVOT_MAX_TEXT + 50];

	gram.len = 0;
	gram_cmd(PV_PIVOT_CMD_STATUS, 0, 1);
	gram_u32(PV_PIVOT_A_STATE, 1);
	ktap_eq(pvk_parse_pivot_status(made(), &status), -EBADMSG, "a status of no generation");
	gram.len = 0;
	gram_cmd(PV_PIVOT_CMD_STATUS, 0, 1);
	gram_u32(PV_PIVOT_A_STATE, 1);
	gram_u32(PV_PIVOT_A_GENERATION, 1);
	gram_attr(PV_PIVOT_A_LEFT, "abc", 2);
	ktap_eq(pvk_parse_pivot_status(made(), &status), -EBADMSG, "a number of two bytes");
	gram.len = 0;
	gram_cmd(PV_PIVOT_CMD_STATUS, 0, 1);
	gram_u32(PV_PIVOT_A_STATE, 1);
	gram_u32(PV_PIVOT_A_GENERATION, 1);
	gram_attr(PV_PIVOT_A_FS, "ext4", 4);
	ktap_eq(pvk_parse_pivot_status(made(), &status), -EBADMSG, "a text without its end");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	gram.len = 0;
	gram_cmd(PV_PIVOT_CMD_STATUS, 0, 1);
	gram_u32(PV_PIVOT_A_STATE, 1);
	gram_u32(PV_PIVOT_A_GENERATION, 1);
	gram_str(PV_PIVOT_A_FS, "ext4");
	gram_str(PV_PIVOT_A_DEVICE, text);
	ktap_check(pvk_parse_pivot_status(made(), &status) == -EBADMSG ||
		   strlen(status.device) < sizeof(status.device), "a name that is too long");
	gram.len = 0;
	gram_cmd(PV_PIVOT_CMD_EVENT, 0, 0);
	ktap_eq(pvk_parse_pivot_event(made(), &event), -EBADMSG, "an event of no kind");
}

int main(void)
{
	ktap_plan(0);
	test_send_steps();
	test_send_others();
	test_send_seal();
	test_status();
	test_status_of_one_without_rights();
	test_events();
	test_broken();
	return ktap_finish();
}
