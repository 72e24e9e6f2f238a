// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink door: what messages are made of. See netlink.c.
 *
 * Locking: see pv_bootflag.h.
 */

#include "netlink.h"

/**
 * pvf_nl_refuse - pass on an error with its text
 * @extack: gets the text; or NULL
 * @attr: the attribute that is to blame; or NULL
 * @err: the error, or 0
 * @why: the text, a constant
 *
 * Return: @err.
 */
int pvf_nl_refuse(struct netlink_ext_ack *extack, const struct nlattr *attr, int err,
		  const char *why)
{
	if (!err || !extack)
		return err;
	extack->_msg = why;
	if (attr)
		NL_SET_BAD_ATTR(extack, attr);
	return err;
}

/**
 * pvf_nl_text - a string attribute that the command cannot do without
 * @info: of the message
 * @attr: which
 *
 * Return: its text; NULL, with the error's text set, when it is absent.
 */
const char *pvf_nl_text(struct genl_info *info, int attr)
{
	if (info->attrs[attr])
		return nla_data(info->attrs[attr]);
	pvf_nl_error(info, -EINVAL, "an attribute that this command needs is missing");
	return NULL;
}

/**
 * pvf_nl_msg - begin a message
 * @portid: to whom
 * @seq: sequence number of what it answers, or 0
 * @cmd: its command
 * @size: room for attributes
 * @hdr: set, for genlmsg_end()
 *
 * Return: the message, NULL when out of memory.
 */
struct sk_buff *pvf_nl_msg(u32 portid, u32 seq, u8 cmd, size_t size, void **hdr)
{
	struct sk_buff *msg = genlmsg_new(size, GFP_KERNEL);

	if (msg)
		*hdr = genlmsg_put(msg, portid, seq, &pvf_family, 0, cmd);
	return msg;
}

/**
 * pvf_nl_finish - send the answer to a message, or drop it
 * @info: of the message
 * @msg: the answer
 * @hdr: of the answer
 * @err: what became of filling it in
 *
 * Return: @err, or whether it could be sent.
 */
int pvf_nl_finish(struct genl_info *info, struct sk_buff *msg, void *hdr, int err)
{
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/**
 * pvf_nl_dump - begin one entry of a dump
 * @skb: the part of the dump under construction
 * @cb: of the dump
 *
 * Return: for genlmsg_end() or genlmsg_cancel(); NULL when the part is full.
 */
void *pvf_nl_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct genlmsghdr *request = nlmsg_data(cb->nlh);
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &pvf_family,
				NLM_F_MULTI, request->cmd);

	if (hdr)
		genl_dump_check_consistent(cb, hdr);
	return hdr;
}

/**
 * pvf_nl_lost - there was no memory for a message
 * @sk: the socket that it was for; tells its reader with ENOBUFS, as one that is
 *	full does
 */
void pvf_nl_lost(struct sock *sk)
{
	WRITE_ONCE(sk->sk_err, ENOBUFS);
	sk->sk_error_report(sk);
}

/*
 * A store
 */

static u64 pvf_number_of(const struct pvb_flags *flags, u32 field)
{
	switch (field) {
	case PVB_SLOT:
		return flags->slot;
	case PVB_TRIES:
		return flags->tries;
	case PVB_SUCCESSFUL:
		return flags->successful;
	case PVB_CURSOR:
		return flags->cursor;
	case PVB_FAILURES:
		return flags->failures;
	default:
		return flags->armed;
	}
}

static int pvf_put_value(struct sk_buff *msg, int attr, const struct pvb_flags *flags, u32 field)
{
	struct nlattr *nest = nla_nest_start(msg, attr);
	const char *text;
	int err;

	if (!nest || nla_put_u32(msg, PV_BOOTFLAG_A_VALUE_FIELD, field))
		return -EMSGSIZE;
	if (PVB_HAS(field) & PVB_TEXT_FIELDS) {
		text = field == PVB_MODE ? flags->mode :
		       field == PVB_REASON ? flags->reason : flags->phase;
		err = nla_put_string(msg, PV_BOOTFLAG_A_VALUE_TEXT, text);
	} else {
		err = nla_put_u64_64bit(msg, PV_BOOTFLAG_A_VALUE_NUMBER,
					pvf_number_of(flags, field), PV_BOOTFLAG_A_VALUE_PAD);
	}
	if (!err)
		nla_nest_end(msg, nest);
	return err;
}

static int pvf_put_flags(struct sk_buff *msg, int attr, const struct pvb_flags *flags)
{
	u32 field;
	int err = 0;

	for (field = 1; field < PVB_FIELDS && !err; field++)
		if (flags->has & PVB_HAS(field))
			err = pvf_put_value(msg, attr, flags, field);
	return err;
}

static int pvf_put_stats(struct sk_buff *msg, const struct pvf_stats *stats)
{
	struct nlattr *nest = nla_nest_start(msg, PV_BOOTFLAG_A_STATS);
	const struct {
		int attr;
		u64 value;
	} all[] = {
		{ PV_BOOTFLAG_A_STATS_SETS, stats->sets },
		{ PV_BOOTFLAG_A_STATS_UNCHANGED, stats->unchanged },
		{ PV_BOOTFLAG_A_STATS_PROGRAMS, stats->programs },
		{ PV_BOOTFLAG_A_STATS_PROGRAM_BYTES, stats->program_bytes },
		{ PV_BOOTFLAG_A_STATS_ERASES, stats->erases },
		{ PV_BOOTFLAG_A_STATS_LIMITED, stats->limited },
		{ PV_BOOTFLAG_A_STATS_ERRORS, stats->errors },
	};
	unsigned int i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (nla_put_u64_64bit(msg, all[i].attr, all[i].value, PV_BOOTFLAG_A_STATS_PAD))
			return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int pvf_put_modes(struct sk_buff *msg, const struct pvb_setup *setup)
{
	unsigned int i;

	for (i = 0; i < setup->n_modes; i++)
		if (nla_put_string(msg, PV_BOOTFLAG_A_MODE_NAME, setup->mode[i].name))
			return -EMSGSIZE;
	return 0;
}

/* What sysfs shows to root alone. */
static int pvf_put_details(struct sk_buff *msg, const struct pvf_known *known)
{
	if (known->error && nla_put_u32(msg, PV_BOOTFLAG_A_ERRNO, -known->error))
		return -EMSGSIZE;
	if (known->text && nla_put_string(msg, PV_BOOTFLAG_A_TEXT, known->text))
		return -EMSGSIZE;
	return pvf_put_stats(msg, &known->stats);
}

/**
 * pvf_put_store - put a store into a message
 * @msg: the message
 * @store: the store
 * @all: with what only those see who may set
 *
 * Locked.
 *
 * Return: 0 or -EMSGSIZE.
 */
int pvf_put_store(struct sk_buff *msg, const struct pvf_store *store, bool all)
{
	const struct pvf_known *known = &store->known;

	if (nla_put_string(msg, PV_BOOTFLAG_A_NAME, pvf_name(store)) ||
	    nla_put_string(msg, PV_BOOTFLAG_A_SPEC, store->spec) ||
	    nla_put_u32(msg, PV_BOOTFLAG_A_STATE, known->state) ||
	    nla_put_u32(msg, PV_BOOTFLAG_A_GENERATION, store->generation) ||
	    pvf_put_flags(msg, PV_BOOTFLAG_A_VALUE, &known->flags) ||
	    pvf_put_flags(msg, PV_BOOTFLAG_A_BOOT_VALUE, &known->boot) ||
	    nla_put_u32(msg, PV_BOOTFLAG_A_OFFERS, known->offers) ||
	    nla_put_u32(msg, PV_BOOTFLAG_A_GUARANTEE, known->guarantee) ||
	    nla_put_string(msg, PV_BOOTFLAG_A_MEDIUM, store->medium->name) ||
	    nla_put_string(msg, PV_BOOTFLAG_A_FORMAT, store->core.format->name) ||
	    pvf_put_modes(msg, &store->core.setup))
		return -EMSGSIZE;
	return all ? pvf_put_details(msg, known) : 0;
}
