// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink door: what messages are made of. See netlink.c.
 *
 * None of this needs a lock.
 */

#include "netlink.h"
#include "pv_driver.h"

/**
 * pvd_nl_refuse - pass on an error with its text
 * @extack: gets the text; or NULL
 * @attr: the attribute that is to blame; or NULL
 * @err: the error, or 0
 * @why: the text, a constant
 *
 * Return: @err.
 */
int pvd_nl_refuse(struct netlink_ext_ack *extack, const struct nlattr *attr, int err,
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
 * pvd_nl_text - a string attribute that the command cannot do without
 * @info: of the message
 * @attr: which
 *
 * Return: its text; NULL, with the error's text set, when it is absent.
 */
const char *pvd_nl_text(struct genl_info *info, int attr)
{
	if (info->attrs[attr])
		return nla_data(info->attrs[attr]);
	pvd_nl_error(info, -EINVAL, "an attribute that this command needs is missing");
	return NULL;
}

/**
 * pvd_nl_msg - begin a message
 * @portid: to whom
 * @seq: sequence number of what it answers, or 0
 * @cmd: its command
 * @size: room for attributes
 * @hdr: set, for genlmsg_end()
 *
 * Return: the message, NULL when out of memory.
 */
struct sk_buff *pvd_nl_msg(u32 portid, u32 seq, u8 cmd, size_t size, void **hdr)
{
	struct sk_buff *msg = genlmsg_new(size, GFP_KERNEL);

	if (msg)
		*hdr = genlmsg_put(msg, portid, seq, &pvd_family, 0, cmd);
	return msg;
}

/**
 * pvd_nl_reply - begin the answer to a message
 * @info: of the message
 * @size: room for attributes
 * @hdr: set, for pvd_nl_finish()
 *
 * Return: the answer, NULL when out of memory.
 */
struct sk_buff *pvd_nl_reply(struct genl_info *info, size_t size, void **hdr)
{
	return pvd_nl_msg(info->snd_portid, info->snd_seq, info->genlhdr->cmd, size, hdr);
}

/**
 * pvd_nl_finish - send the answer to a message, or drop it
 * @info: of the message
 * @msg: the answer
 * @hdr: from pvd_nl_reply()
 * @err: what became of filling it in
 *
 * Return: @err, or whether it could be sent.
 */
int pvd_nl_finish(struct genl_info *info, struct sk_buff *msg, void *hdr, int err)
{
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/**
 * pvd_nl_dump - begin one entry of a dump
 * @skb: the part of the dump under construction
 * @cb: of the dump
 *
 * Return: for genlmsg_end() or genlmsg_cancel(); NULL when the part is full.
 */
void *pvd_nl_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct genlmsghdr *request = nlmsg_data(cb->nlh);
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &pvd_family,
				NLM_F_MULTI, request->cmd);

	if (hdr)
		genl_dump_check_consistent(cb, hdr);
	return hdr;
}

/*
 * nla_put_*() for seventy calls: inline, each of them has a buffer of its own,
 * with the checks that go with it.
 */

int pvd_put_u32(struct sk_buff *msg, int attr, u32 value)
{
	return nla_put_u32(msg, attr, value);
}

/* of attribute set main */
int pvd_put_u64(struct sk_buff *msg, int attr, u64 value)
{
	return nla_put_u64_64bit(msg, attr, value, PV_DRIVER_A_PAD);
}

int pvd_put_str(struct sk_buff *msg, int attr, const char *text)
{
	return nla_put_string(msg, attr, text);
}

/**
 * pvd_nl_lost - there was no memory for a message
 * @sk: the socket that it was for; tells its reader with ENOBUFS, as one that is
 *	full does
 */
void pvd_nl_lost(struct sock *sk)
{
	WRITE_ONCE(sk->sk_err, ENOBUFS);
	sk->sk_error_report(sk);
}
