// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink door: parse, check who asks, call one function, format the
 * answer. The ABI is Documentation/netlink/specs/pv_pivot.yaml.
 *
 * Locking: see pv_pivot.h. Handlers run in the caller's context: descriptors are
 * the caller's.
 */

#include <linux/capability.h>
#include <linux/file.h>
#include <linux/ktime.h>

#include "../msg.h"
#include "netlink_gen.h"
#include "pv_pivot.h"

#define PVP_NL_STATUS_SIZE	512	/* room for everything that it may put */

static struct sock *pvp_sender(const struct sk_buff *skb)
{
	return NETLINK_CB(skb).sk;
}

static bool pvp_nl_trusted(const struct sk_buff *skb)
{
	return netlink_capable(skb, CAP_SYS_MODULE);
}

/* 0, with the error's text set, when it is out of range. */
static u32 pvp_nl_limit(struct genl_info *info, enum pv_pivot_state state)
{
	struct nlattr *limit = info->attrs[PV_PIVOT_A_LIMIT];
	u32 seconds = limit ? nla_get_u32(limit) : pvp_default_limit(state);

	if (seconds && seconds <= PV_PIVOT_MAX_LIMIT)
		return seconds;
	pvk_nl_refuse(info->extack, limit, -EINVAL, "a limit is 1 to 86400 seconds");
	return 0;
}

/*
 * status
 */

/* locked */
static int pvp_put_end(struct sk_buff *msg, const struct pvp_session *session)
{
	if (session->error && nla_put_u32(msg, PV_PIVOT_A_ERRNO, -session->error))
		return -EMSGSIZE;
	return session->why ? nla_put_string(msg, PV_PIVOT_A_TEXT, session->why) : 0;
}

/* locked */
static int pvp_put_live(struct sk_buff *msg, const struct pvp_session *session)
{
	time64_t left = session->until - ktime_get_boottime_seconds();

	return nla_put_u32(msg, PV_PIVOT_A_LEFT, max_t(time64_t, left, 0)) ||
	       nla_put_u32(msg, PV_PIVOT_A_WATCHDOG, pvp_dog_left()) ||
	       nla_put_u32(msg, PV_PIVOT_A_OWNER, pid_vnr(session->owner)) ||
	       nla_put_u32(msg, PV_PIVOT_A_ACTIVE, pvp_super_active(session->super)) ?
		-EMSGSIZE : 0;
}

/* locked */
static int pvp_put_session(struct sk_buff *msg, const struct pvp_session *session)
{
	if (nla_put_string(msg, PV_PIVOT_A_FS, session->fs) ||
	    nla_put_string(msg, PV_PIVOT_A_DEVICE, session->device) ||
	    nla_put_u32(msg, PV_PIVOT_A_MEDIUM, session->medium.kind) ||
	    nla_put_u32(msg, PV_PIVOT_A_PROOF, session->proof) ||
	    nla_put_u32(msg, PV_PIVOT_A_GATE, session->gate ? session->gate->what : 0) ||
	    pvp_put_end(msg, session))
		return -EMSGSIZE;
	return pvp_live(session) ? pvp_put_live(msg, session) : 0;
}

/* locked; the process while there is one, and how the last one ended otherwise */
static int pvp_put_helper(struct sk_buff *msg)
{
	int status;
	u32 pid;

	if (pvp_helper_state(&pid, &status))
		return nla_put_u32(msg, PV_PIVOT_A_HELPER, pid);
	return status >= 0 ? nla_put_u32(msg, PV_PIVOT_A_HELPER_EXIT, status) : 0;
}

/* locked */
static int pvp_put_status(struct sk_buff *msg, bool all)
{
	if (nla_put_u32(msg, PV_PIVOT_A_STATE, pvp_state()) ||
	    nla_put_u32(msg, PV_PIVOT_A_GENERATION, pvp_generation))
		return -EMSGSIZE;
	if (!all)
		return 0;
	if (pvp_put_helper(msg))
		return -EMSGSIZE;
	return pvp_session ? pvp_put_session(msg, pvp_session) : 0;
}

int pv_pivot_nl_status_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	msg = pvk_nl_reply(&pvp_family, info, PVP_NL_STATUS_SIZE, &hdr);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&pvp_lock);
	err = pvp_put_status(msg, pvp_nl_trusted(skb));
	mutex_unlock(&pvp_lock);
	return pvk_nl_finish(info, msg, hdr, err);
}

/*
 * open
 */

/* locked; the descriptor is installed once the caller can be told of it */
static int pvp_nl_open(struct genl_info *info, struct file *on, u32 limit)
{
	struct sk_buff *msg;
	const char *why = NULL;
	struct file *file;
	void *hdr;
	int fd, err;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return pvk_nl_error(info, fd, "no descriptor");
	err = -ENOMEM;
	msg = pvk_nl_reply(&pvp_family, info, 64, &hdr);
	if (!msg)
		goto err_fd;
	file = pvp_session_open(on, limit, &why);
	if (IS_ERR(file)) {
		nlmsg_free(msg);
		err = pvk_nl_error(info, PTR_ERR(file), why);
		goto err_fd;
	}
	nla_put_u32(msg, PV_PIVOT_A_SESSION_FD, fd);
	nla_put_u32(msg, PV_PIVOT_A_GENERATION, pvp_generation);
	err = pvk_nl_finish(info, msg, hdr, 0);
	if (!err) {
		fd_install(fd, file);
		return 0;
	}
	/* Ends it, as its owner's death would, when the caller leaves the kernel. */
	fput(file);
err_fd:
	put_unused_fd(fd);
	return err;
}

int pv_pivot_nl_open_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *fd = info->attrs[PV_PIVOT_A_FD];
	u32 limit = pvp_nl_limit(info, PV_PIVOT_STATE_OPEN);
	struct file *on;
	int err;

	if (!limit)
		return -EINVAL;
	if (!fd)
		return pvk_nl_error(info, -EINVAL, "a descriptor on the file system is missing");
	if (!pvp_nl_trusted(skb))
		return pvk_nl_error(info, -EPERM,
				    "takes CAP_SYS_MODULE in the initial user namespace");
	on = fget(nla_get_u32(fd));
	if (!on)
		return pvk_nl_error(info, -EBADF, "no such descriptor, or one of O_PATH");
	mutex_lock(&pvp_lock);
	err = pvp_nl_open(info, on, limit);
	mutex_unlock(&pvp_lock);
	fput(on);
	return err;
}

/*
 * step, abort
 */

/* The file of a session that the caller has; ERR_PTR with the error's text set. */
static struct file *pvp_nl_session(struct genl_info *info)
{
	struct nlattr *fd = info->attrs[PV_PIVOT_A_SESSION_FD];
	struct file *file = fd ? fget(nla_get_u32(fd)) : NULL;

	if (file && pvp_session_of(file))
		return file;
	if (file)
		fput(file);
	return ERR_PTR(pvk_nl_error(info, -EBADF, "no descriptor of a session"));
}

int pv_pivot_nl_step_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *to = info->attrs[PV_PIVOT_A_STATE];
	struct nlattr *arg = info->attrs[PV_PIVOT_A_REBOOT_ARG];
	struct nlattr *mtd = info->attrs[PV_PIVOT_A_MTD];
	struct pvp_step step = { .arg = arg ? nla_data(arg) : "", .mtd = -1 };
	const char *why = NULL;
	struct file *file;
	int err;

	if (!to)
		return pvk_nl_error(info, -EINVAL, "which state?");
	step.state = nla_get_u32(to);
	step.limit = pvp_nl_limit(info, step.state);
	if (!step.limit)
		return -EINVAL;
	if (mtd)
		step.mtd = min_t(u32, nla_get_u32(mtd), INT_MAX);
	file = pvp_nl_session(info);
	if (IS_ERR(file))
		return PTR_ERR(file);
	err = pvp_session_step(pvp_session_of(file), &step, &why);
	fput(file);
	return pvk_nl_error(info, err, why);
}

/* With the session's descriptor that session; else the one there is. */
int pv_pivot_nl_abort_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *why = "aborted from outside";
	struct file *file = NULL;
	int err;

	if (info->attrs[PV_PIVOT_A_SESSION_FD]) {
		why = "its owner aborted it";
		file = pvp_nl_session(info);
		if (IS_ERR(file))
			return PTR_ERR(file);
	} else if (!pvp_nl_trusted(skb)) {
		return pvk_nl_error(info, -EPERM,
				    "takes CAP_SYS_MODULE in the initial user namespace");
	}
	mutex_lock(&pvp_lock);
	err = pvp_session_abort(file ? pvp_session_of(file) : pvp_session, -ECANCELED, &why);
	mutex_unlock(&pvp_lock);
	if (file)
		fput(file);
	return pvk_nl_error(info, err, why);
}

/*
 * start
 */

int pv_pivot_nl_start_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *word = info->attrs[PV_PIVOT_A_WORD];
	const char *why = NULL;
	int err;

	if (!pvp_nl_trusted(skb))
		return pvk_nl_error(info, -EPERM,
				    "takes CAP_SYS_MODULE in the initial user namespace");
	mutex_lock(&pvp_lock);
	err = pvp_helper_start(word ? nla_data(word) : "", &why);
	mutex_unlock(&pvp_lock);
	return pvk_nl_error(info, err, why);
}

/*
 * watchdog
 */

static int pvp_nl_watchdog(struct genl_info *info, const struct pvp_session *session)
{
	struct nlattr *fd = info->attrs[PV_PIVOT_A_FD];
	struct nlattr *interval = info->attrs[PV_PIVOT_A_INTERVAL];
	struct nlattr *seconds = info->attrs[PV_PIVOT_A_WATCHDOG];
	const char *why = NULL;
	struct file *file;
	int err;

	if (!fd || !interval || !seconds)
		return pvk_nl_error(info, -EINVAL,
				    "takes a watchdog's descriptor, interval and time");
	if (!nla_get_u32(interval) || nla_get_u32(interval) > 3600 ||
	    nla_get_u32(seconds) > PV_PIVOT_MAX_LIMIT)
		return pvk_nl_error(info, -EINVAL, "an interval is 1 to 3600 s, a time to 86400");
	file = fget(nla_get_u32(fd));
	if (!file)
		return pvk_nl_error(info, -EBADF, "no such descriptor");
	err = pvp_dog_take(session, file, nla_get_u32(interval), nla_get_u32(seconds), &why);
	fput(file);
	return pvk_nl_error(info, err, why);
}

int pv_pivot_nl_watchdog_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct file *file = pvp_nl_session(info);
	int err;

	if (IS_ERR(file))
		return PTR_ERR(file);
	err = pvp_nl_watchdog(info, pvp_session_of(file));
	fput(file);
	return err;
}

/*
 * subscribe, event
 */

/* locked */
static int pvp_nl_subscribe(struct sk_buff *skb, struct genl_info *info)
{
	struct pvp_client *client;

	client = pvp_client_get(pvp_sender(skb), info->snd_portid, pvp_nl_trusted(skb));
	if (IS_ERR(client))
		return pvk_nl_error(info, PTR_ERR(client), "too many subscribers");
	client->sub.subscribed = true;
	return 0;
}

int pv_pivot_nl_subscribe_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	/* Nothing may fail once it has subscribed. */
	msg = pvk_nl_reply(&pvp_family, info, 64, &hdr);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&pvp_lock);
	err = pvp_nl_subscribe(skb, info);
	nla_put_u32(msg, PV_PIVOT_A_GENERATION, pvp_generation);
	err = pvk_nl_finish(info, msg, hdr, err);
	mutex_unlock(&pvp_lock);
	return err;
}

/**
 * pvp_nl_send_event - send one event to one subscriber
 * @client: the subscriber
 * @kind: what happened
 *
 * When it does not get it, its socket says ENOBUFS. Locked.
 *
 * Return: 0, or a negative errno when it did not get it and lives.
 */
int pvp_nl_send_event(struct pvp_client *client, enum pv_pivot_event_kind kind)
{
	struct sk_buff *msg;
	void *hdr;

	if (pvk_sock_closed(client->sub.sk))
		return 0;
	msg = pvk_nl_msg(&pvp_family, client->sub.portid, 0, PV_PIVOT_CMD_EVENT, 64, &hdr);
	if (!msg) {
		pvk_nl_lost(client->sub.sk);
		return -ENOMEM;
	}
	nla_put_u32(msg, PV_PIVOT_A_EVENT_KIND, kind);
	nla_put_u32(msg, PV_PIVOT_A_STATE, pvp_state());
	nla_put_u32(msg, PV_PIVOT_A_GENERATION, pvp_generation);
	genlmsg_end(msg, hdr);
	return pvk_subscriber_send(&client->sub, msg);
}

struct genl_family pvp_family __ro_after_init = {
	.name = PV_PIVOT_GENL_NAME,
	.version = PV_PIVOT_GENL_VERSION,
	.module = THIS_MODULE,
	/* Containers ask from their own network namespaces. */
	.netnsok = true,
	.parallel_ops = true,
	.ops = pv_pivot_nl_ops,
	.n_ops = ARRAY_SIZE(pv_pivot_nl_ops),
};
