// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes: several fields at once, all or none. Checked when they are asked for,
 * queued on their store, and carried out by its work item.
 *
 * Locking: see pv_bootflag.h.
 */

#include <linux/ctype.h>
#include <linux/math64.h>
#include <linux/slab.h>

#include "pv_bootflag.h"

/* Flash without a word of its own: so many an hour. */
#define PVF_FLASH_RATE		60
#define PVF_FLASH_SECONDS	3600

bool pvf_going_down;		/* media may stop any time; locked */

static unsigned int pvf_n_sets;	/* all there are; locked */

/*
 * Fields
 */

static bool pvf_text_same(const struct pvb_flags *a, const struct pvb_flags *b, u32 fields)
{
	return (!(fields & PVB_HAS(PVB_MODE)) || !strcmp(a->mode, b->mode)) &&
	       (!(fields & PVB_HAS(PVB_REASON)) || !strcmp(a->reason, b->reason)) &&
	       (!(fields & PVB_HAS(PVB_PHASE)) || !strcmp(a->phase, b->phase));
}

/**
 * pvf_flags_same - compare fields
 * @a: some
 * @b: others
 * @fields: PVB_HAS() of those to compare
 *
 * Return: whether they are set in both to the same, or unset in both.
 */
bool pvf_flags_same(const struct pvb_flags *a, const struct pvb_flags *b, u32 fields)
{
	if ((a->has ^ b->has) & fields)
		return false;
	fields &= a->has;
	return pvf_text_same(a, b, fields) &&
	       (!(fields & PVB_HAS(PVB_SLOT)) || a->slot == b->slot) &&
	       (!(fields & PVB_HAS(PVB_TRIES)) || a->tries == b->tries) &&
	       (!(fields & PVB_HAS(PVB_SUCCESSFUL)) || a->successful == b->successful) &&
	       (!(fields & PVB_HAS(PVB_CURSOR)) || a->cursor == b->cursor) &&
	       (!(fields & PVB_HAS(PVB_FAILURES)) || a->failures == b->failures) &&
	       (!(fields & PVB_HAS(PVB_ARMED)) || a->armed == b->armed);
}

static void pvf_flags_copy(struct pvb_flags *to, const struct pvb_flags *from, u32 fields)
{
	if (fields & PVB_HAS(PVB_MODE))
		memcpy(to->mode, from->mode, sizeof(to->mode));
	if (fields & PVB_HAS(PVB_SLOT))
		to->slot = from->slot;
	if (fields & PVB_HAS(PVB_TRIES))
		to->tries = from->tries;
	if (fields & PVB_HAS(PVB_SUCCESSFUL))
		to->successful = from->successful;
	if (fields & PVB_HAS(PVB_REASON))
		memcpy(to->reason, from->reason, sizeof(to->reason));
	if (fields & PVB_HAS(PVB_CURSOR))
		to->cursor = from->cursor;
	if (fields & PVB_HAS(PVB_PHASE))
		memcpy(to->phase, from->phase, sizeof(to->phase));
	if (fields & PVB_HAS(PVB_FAILURES))
		to->failures = from->failures;
	if (fields & PVB_HAS(PVB_ARMED))
		to->armed = from->armed;
}

/**
 * pvf_change_merge - what becomes of fields
 * @flags: before, then after
 * @change: what to do; checked
 */
void pvf_change_merge(struct pvb_flags *flags, const struct pvf_change *change)
{
	static const struct pvb_flags none;
	struct pvb_flags set = change->value;

	set.has = change->set;
	if (pvb_proof_ends(flags, &set, change->set | change->clear))
		flags->successful = 0;
	/* What is unset holds zeroes: a format may look at it all the same. */
	pvf_flags_copy(flags, &none, change->clear);
	pvf_flags_copy(flags, &change->value, change->set);
	flags->has = (flags->has & ~change->clear) | change->set;
}

/*
 * Taking what somebody asks for. One message a field: it names the field.
 */

static const struct {
	u64 max;		/* of a number */
	size_t size;		/* of a text, with its NUL */
	const char *bad;
	const char *lacks;
} pvf_limits[PVB_FIELDS] = {
	[PVB_MODE] = { 0, PVB_MODE_MAX + 1, "mode: 1 to 31 of [A-Za-z0-9._-]",
		       "mode: this store has no such field" },
	[PVB_SLOT] = { PVB_SLOTS_MAX - 1, 0, "slot: a number, 0 to 3",
		       "slot: this store has no such field" },
	[PVB_TRIES] = { U8_MAX, 0, "tries: a number, 0 to 255",
			"tries: this store has no such field" },
	[PVB_SUCCESSFUL] = { 1, 0, "successful: 0 or 1",
			     "successful: this store has no such field" },
	[PVB_REASON] = { 0, PVB_REASON_MAX + 1, "reason: 1 to 127 bytes without control characters",
			 "reason: this store has no such field" },
	[PVB_CURSOR] = { U64_MAX, 0, "cursor: a number",
			 "cursor: this store has no such field" },
	[PVB_PHASE] = { 0, PVB_PHASE_MAX + 1, "phase: 1 to 15 bytes without control characters",
			"phase: this store has no such field" },
	[PVB_FAILURES] = { U8_MAX, 0, "failures: a number, 0 to 255",
			   "failures: this store has no such field" },
	[PVB_ARMED] = { 1, 0, "armed: 0 or 1",
			"armed: this store has no such field" },
};

static bool pvf_text_ok(u32 field, const char *text)
{
	if (!*text || strlen(text) >= pvf_limits[field].size)
		return false;
	for (; *text; text++) {
		if (iscntrl(*text))
			return false;
		if (field == PVB_MODE &&
		    (!isascii(*text) || (!isalnum(*text) && !strchr("._-", *text))))
			return false;
	}
	return true;
}

/**
 * pvf_change_text - let a change set a field to a text
 * @change: the change
 * @field: PVB_MODE, ...
 * @text: what to set it to
 * @why: set to a constant text when it can't be
 *
 * Return: 0 or -EINVAL.
 */
int pvf_change_text(struct pvf_change *change, u32 field, const char *text, const char **why)
{
	struct pvb_flags *value = &change->value;
	char *to;

	*why = pvf_limits[field].bad;
	if (!pvf_limits[field].size || !pvf_text_ok(field, text))
		return -EINVAL;
	to = field == PVB_MODE ? value->mode : field == PVB_REASON ? value->reason : value->phase;
	strscpy(to, text, pvf_limits[field].size);
	change->set |= PVB_HAS(field);
	return 0;
}

/**
 * pvf_change_number - let a change set a field to a number
 * @change: the change
 * @field: PVB_SLOT, ...
 * @number: what to set it to
 * @why: set to a constant text when it can't be
 *
 * Return: 0 or -EINVAL.
 */
int pvf_change_number(struct pvf_change *change, u32 field, u64 number, const char **why)
{
	struct pvb_flags *value = &change->value;

	*why = pvf_limits[field].bad;
	if (pvf_limits[field].size || number > pvf_limits[field].max)
		return -EINVAL;
	switch (field) {
	case PVB_SLOT:
		value->slot = number;
		break;
	case PVB_TRIES:
		value->tries = number;
		break;
	case PVB_SUCCESSFUL:
		value->successful = number;
		break;
	case PVB_CURSOR:
		value->cursor = number;
		break;
	case PVB_FAILURES:
		value->failures = number;
		break;
	case PVB_ARMED:
		value->armed = number;
		break;
	}
	change->set |= PVB_HAS(field);
	return 0;
}

/**
 * pvf_change_check - can this store hold that
 * @store: the store
 * @known: what is known of it
 * @change: the change
 * @why: set to a constant text when it can't
 *
 * Locked, or io, after @known.
 *
 * Return: 0, -EOPNOTSUPP or -EINVAL.
 */
int pvf_change_check(const struct pvf_store *store, const struct pvf_known *known,
		     const struct pvf_change *change, const char **why)
{
	const struct pvb_setup *setup = &store->core.setup;
	u32 lacks = (change->set | change->clear) & ~known->offers;

	if (change->set & change->clear) {
		*why = "a field is set and unset at once";
		return -EINVAL;
	}
	/* Nothing is known of a medium that was never there. */
	if (lacks && known->offers) {
		*why = pvf_limits[__ffs(lacks)].lacks;
		return -EOPNOTSUPP;
	}
	if ((change->set & PVB_HAS(PVB_MODE)) && setup->n_modes &&
	    !pvf_mode_find(store, change->value.mode)) {
		*why = "mode: not one that this store knows";
		return -EINVAL;
	}
	if ((change->set & PVB_HAS(PVB_SLOT)) && change->value.slot >= (setup->n_slots ?: 2)) {
		*why = "slot: this store has not that many";
		return -EINVAL;
	}
	return 0;
}

/*
 * Carrying out
 */

/* A bucket of tokens, as the time at which it would be full: one number to keep. */
static bool pvf_rate_take(struct pvf_store *store, struct pvf_set *set)
{
	u32 sets = store->opt.rate_sets, seconds = store->opt.rate_seconds;
	u64 now = ktime_get_boottime_ns();
	u64 each, from;

	if (!store->opt.rate_given && store->core.medium.erase) {
		sets = PVF_FLASH_RATE;
		seconds = PVF_FLASH_SECONDS;
	}
	if (!sets)
		return true;
	each = div_u64((u64)seconds * NSEC_PER_SEC, sets);
	from = max(now, store->rate_next) + each;
	if (from <= now + each * sets) {
		store->rate_next = from;
		return true;
	}
	from -= now + each * sets;
	snprintf(set->text, sizeof(set->text), "rate limit of %u in %u s: the next in %llu s",
		 sets, seconds, div_u64(from + NSEC_PER_SEC - 1, NSEC_PER_SEC));
	set->why = set->text;
	store->next.stats.limited++;
	return false;
}

/* Others may have written what is rewritten in place; of flash it is known. */
static void pvf_refresh(struct pvf_store *store, const struct pvf_change *change)
{
	bool asked = !change->set && !change->clear;

	if (!store->attached)
		pvf_look(store);
	else if (asked || !store->core.medium.erase ||
		 store->next.state == PV_BOOTFLAG_STATE_FAILED)
		pvf_read(store);
	/* It may be the first time that it can be read. */
	pvf_boot(store);
}

static int pvf_writable(const struct pvf_store *store, bool force, const char **why)
{
	switch (store->next.state) {
	case PV_BOOTFLAG_STATE_ABSENT:
		*why = "the medium is not there";
		return -ENODEV;
	case PV_BOOTFLAG_STATE_FOREIGN:
		*why = "the medium holds what is not this format's; only force writes";
		return force ? 0 : -EMEDIUMTYPE;
	case PV_BOOTFLAG_STATE_BROKEN:
		*why = "no copy of the fields is whole; only force writes";
		return force ? 0 : -EBADMSG;
	case PV_BOOTFLAG_STATE_FAILED:
		*why = store->next.text;
		return store->next.error;
	default:
		return 0;
	}
}

/**
 * pvf_change_do - carry out a change of a store that has just been read
 * @store: the store
 * @set: the change; @why of it is set when it fails
 *
 * Io.
 *
 * Return: 0 or a negative errno.
 */
int pvf_change_do(struct pvf_store *store, struct pvf_set *set)
{
	const struct pvf_change *change = &set->change;
	struct pvb_flags want = store->next.flags;
	struct pvb_flags settled;
	int err;

	/* Nothing to do but to read anew, which is done. */
	if (!change->set && !change->clear && !change->force)
		return 0;
	err = pvf_writable(store, change->force, &set->why);
	if (!err)
		err = pvf_change_check(store, &store->next, change, &set->why);
	if (err)
		return err;
	pvf_change_merge(&want, change);
	settled = want;
	if (store->core.format->settle)
		store->core.format->settle(&store->core, &settled);
	if ((store->next.state == PV_BOOTFLAG_STATE_READY ||
	     (store->next.state == PV_BOOTFLAG_STATE_EMPTY && !want.has)) &&
	    pvf_flags_same(&settled, &store->next.flags, PVB_ALL_FIELDS)) {
		store->next.stats.unchanged++;
		return 0;
	}
	if (!change->force && !change->own && !pvf_rate_take(store, set))
		return -EBUSY;
	return pvf_write(store, &want, change->force, &set->why);
}

static int pvf_set_may(struct pvf_store *store, const struct pvf_set *set, const char **why)
{
	int err = 0;

	mutex_lock(&pvf_lock);
	if (pvf_going_down && !set->change.own) {
		*why = "the machine is going down";
		err = -ESHUTDOWN;
	} else if (set->check && set->generation != store->generation) {
		*why = "the store has changed meanwhile";
		err = -EAGAIN;
	}
	mutex_unlock(&pvf_lock);
	return err;
}

/**
 * pvf_set_do - carry out a queued set
 * @store: the store
 * @set: what to do; its outcome is set
 *
 * Io.
 */
void pvf_set_do(struct pvf_store *store, struct pvf_set *set)
{
	if (READ_ONCE(pvf_going_down) && !set->change.own) {
		set->error = pvf_set_may(store, set, &set->why);
		return;
	}
	pvf_refresh(store, &set->change);
	pvf_publish(store);
	set->error = pvf_set_may(store, set, &set->why);
	if (!set->error)
		set->error = pvf_change_do(store, set);
	if (!set->error) {
		store->next.stats.sets++;
		/* a look that finds it as bad as before mends nothing */
		if (store->next.state != PV_BOOTFLAG_STATE_FAILED) {
			store->next.error = 0;
			store->next.text = NULL;
		}
		if (store->next.state == PV_BOOTFLAG_STATE_READY)
			pvf_boot_missed(store);
	}
}

/*
 * The queue
 */

/**
 * pvf_set_new - begin a set
 *
 * Return: the set, NULL when out of memory.
 */
struct pvf_set *pvf_set_new(void)
{
	struct pvf_set *set = kzalloc(sizeof(*set), GFP_KERNEL);

	if (set)
		INIT_LIST_HEAD(&set->node);
	return set;
}

/**
 * pvf_set_free - forget a set that is in no queue
 * @set: the set
 */
void pvf_set_free(struct pvf_set *set)
{
	if (set->sk)
		sock_put(set->sk);
	kfree(set);
}

/**
 * pvf_set_queue - queue a set
 * @store: where
 * @set: taken over on success; with pvf_set.sk, or pvf_set.done to be waited for
 * @why: set to a constant text when it is refused
 *
 * Locked.
 *
 * Return: 0, -ENODEV, -EMFILE, -ESHUTDOWN, or as pvf_change_check().
 */
int pvf_set_queue(struct pvf_store *store, struct pvf_set *set, const char **why)
{
	int err;

	if (store->dead) {
		*why = "the store was removed";
		return -ENODEV;
	}
	if (pvf_going_down && !set->change.own) {
		*why = "the machine is going down";
		return -ESHUTDOWN;
	}
	err = pvf_change_check(store, &store->known, &set->change, why);
	if (err)
		return err;
	if (pvf_n_sets >= PVF_MAX_SETS && !set->change.own) {
		*why = "too many requests under way";
		return -EMFILE;
	}
	pvf_n_sets++;
	list_add_tail(&set->node, &store->sets);
	pvf_store_kick(store);
	return 0;
}

/**
 * pvf_set_end - tell whoever asked what became of a set
 * @store: the store
 * @set: out of the queue; gone afterwards, unless somebody waits for it
 *
 * Locked.
 */
void pvf_set_end(struct pvf_store *store, struct pvf_set *set)
{
	pvf_n_sets--;
	set->generation = store->generation;
	if (set->done) {
		complete(set->done);
		return;
	}
	if (set->sk)
		pvf_nl_send_outcome(store, set);
	pvf_set_free(set);
}

/**
 * pvf_set_abandon - wait no more
 * @set: queued, with somebody to wait for it
 *
 * What is being written goes on. Locked.
 */
void pvf_set_abandon(struct pvf_set *set)
{
	set->done = NULL;
	if (list_empty(&set->node))
		return;
	list_del(&set->node);
	pvf_n_sets--;
	pvf_set_free(set);
}

/**
 * pvf_set_wait - wait for the end of a set
 * @set: queued, with pvf_set.done
 *
 * Return: 0, then the set is over, still the caller's; or -EINTR: it was not begun,
 * and is gone.
 */
int pvf_set_wait(struct pvf_set *set)
{
	bool begun;

	if (!wait_for_completion_interruptible(set->done))
		return 0;
	mutex_lock(&pvf_lock);
	begun = list_empty(&set->node);
	if (!begun)
		pvf_set_abandon(set);
	mutex_unlock(&pvf_lock);
	if (!begun)
		return -EINTR;
	wait_for_completion(set->done);
	return 0;
}

/**
 * pvf_sets_cancel - end all sets that are queued
 * @store: whose
 * @error: negative errno
 * @why: the same in words
 *
 * Locked.
 */
void pvf_sets_cancel(struct pvf_store *store, int error, const char *why)
{
	struct pvf_set *set, *tmp;

	list_for_each_entry_safe(set, tmp, &store->sets, node) {
		list_del_init(&set->node);
		set->error = error;
		set->why = why;
		pvf_set_end(store, set);
	}
}

/**
 * pvf_sets_of_closed - forget what a socket that was closed has queued
 * @net: its network namespace
 * @portid: its port id
 *
 * Locked.
 */
void pvf_sets_of_closed(const struct net *net, u32 portid)
{
	struct pvf_store *store;
	struct pvf_set *set, *tmp;

	list_for_each_entry(store, &pvf_stores, node) {
		list_for_each_entry_safe(set, tmp, &store->sets, node) {
			if (!set->sk || set->portid != portid || sock_net(set->sk) != net ||
			    !pvk_sock_closed(set->sk))
				continue;
			list_del(&set->node);
			pvf_n_sets--;
			pvf_set_free(set);
		}
	}
}

/**
 * pvf_sets_of - how much a socket has queued
 * @sk: the socket
 *
 * Locked.
 *
 * Return: sets that are not over.
 */
unsigned int pvf_sets_of(const struct sock *sk)
{
	struct pvf_store *store;
	struct pvf_set *set;
	unsigned int n = 0;

	list_for_each_entry(store, &pvf_stores, node) {
		list_for_each_entry(set, &store->sets, node)
			n += set->sk == sk;
		n += store->current_set && store->current_set->sk == sk;
	}
	return n;
}
