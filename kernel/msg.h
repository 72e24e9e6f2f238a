/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What netlink messages are made of, the same in each module.
 *
 * None of this needs a lock.
 */
#ifndef PVKIT_MSG_H
#define PVKIT_MSG_H

#include <net/genetlink.h>
#include <net/sock.h>

/**
 * pvk_nl_refuse - pass on an error with its text
 * @extack: gets the text; or NULL
 * @attr: the attribute that is to blame; or NULL
 * @err: the error, or 0
 * @why: the text, a constant
 *
 * Return: @err.
 */
static inline int pvk_nl_refuse(struct netlink_ext_ack *extack, const struct nlattr *attr, int err,
				const char *why)
{
	if (!err || !extack)
		return err;
	extack->_msg = why;
	if (attr)
		NL_SET_BAD_ATTR(extack, attr);
	return err;
}

static inline int pvk_nl_error(struct genl_info *info, int err, const char *why)
{
	return pvk_nl_refuse(info->extack, NULL, err, why);
}

/**
 * pvk_nl_text - a string attribute that the command cannot do without
 * @info: of the message
 * @attr: which
 *
 * Return: its text; NULL, with the error's text set, when it is absent.
 */
static inline const char *pvk_nl_text(struct genl_info *info, int attr)
{
	if (info->attrs[attr])
		return nla_data(info->attrs[attr]);
	pvk_nl_error(info, -EINVAL, "an attribute that this command needs is missing");
	return NULL;
}

/**
 * pvk_nl_msg - begin a message
 * @family: of the module
 * @portid: to whom
 * @seq: sequence number of what it answers, or 0
 * @cmd: its command
 * @size: room for attributes
 * @hdr: set, for genlmsg_end()
 *
 * Return: the message, NULL when out of memory.
 */
static inline struct sk_buff *pvk_nl_msg(const struct genl_family *family, u32 portid, u32 seq,
					 u8 cmd, size_t size, void **hdr)
{
	struct sk_buff *msg = genlmsg_new(size, GFP_KERNEL);

	if (msg)
		*hdr = genlmsg_put(msg, portid, seq, family, 0, cmd);
	return msg;
}

/**
 * pvk_nl_reply - begin the answer to a message
 * @family: of the module
 * @info: of the message
 * @size: room for attributes
 * @hdr: set, for pvk_nl_finish()
 *
 * Return: the answer, NULL when out of memory.
 */
static inline struct sk_buff *pvk_nl_reply(const struct genl_family *family,
					   struct genl_info *info, size_t size, void **hdr)
{
	return pvk_nl_msg(family, info->snd_portid, info->snd_seq, info->genlhdr->cmd, size, hdr);
}

/**
 * pvk_nl_finish - send the answer to a message, or drop it
 * @info: of the message
 * @msg: the answer
 * @hdr: from pvk_nl_reply()
 * @err: what became of filling it in
 *
 * Return: @err, or whether it could be sent.
 */
static inline int pvk_nl_finish(struct genl_info *info, struct sk_buff *msg, void *hdr, int err)
{
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/**
 * pvk_nl_dump - begin one entry of a dump
 * @family: of the module
 * @skb: the part of the dump under construction
 * @cb: of the dump
 *
 * Return: for genlmsg_end() or genlmsg_cancel(); NULL when the part is full.
 */
static inline void *pvk_nl_dump(const struct genl_family *family, struct sk_buff *skb,
				struct netlink_callback *cb)
{
	const struct genlmsghdr *request = nlmsg_data(cb->nlh);
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, family,
				NLM_F_MULTI, request->cmd);

	if (hdr)
		genl_dump_check_consistent(cb, hdr);
	return hdr;
}

/**
 * pvk_nl_lost - there was no memory for a message
 * @sk: the socket that it was for; tells its reader with ENOBUFS, as one that is
 *	full does
 */
static inline void pvk_nl_lost(struct sock *sk)
{
	WRITE_ONCE(sk->sk_err, ENOBUFS);
	sk->sk_error_report(sk);
}

#endif /* PVKIT_MSG_H */
