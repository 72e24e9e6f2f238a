// SPDX-License-Identifier: GPL-2.0-only
/*
 * A panic writes what was prepared ahead, to stores that asked for it with panic=
 * and whose medium can be written then.
 *
 * Nothing may be computed or allocated at that time. So the format writes ahead of
 * time, to a medium that only remembers: what it would have written is the image.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/notifier.h>
#include <linux/slab.h>

#include "../compat.h"
#include "formats.h"
#include "pv_bootflag.h"

/*
 * Those that have an image, for the panic, which takes no lock. An entry is cleared
 * before its store goes; other processors have been stopped by then.
 */
static struct pvf_store *pvf_panic_stores[PVF_MAX_STORES];	/* written while locked */

/*
 * The medium that remembers. In place it remembers all of it; of flash one run of
 * write units, and a write that needs an erase can't be prepared. The image is what
 * is written: whatever lies beside it may be others' and change meanwhile.
 */
struct pvf_rehearsal {
	struct pvf_store *store;
	u32 at;			/* what is remembered, in pvf_store.panic_buf */
	u32 size;
	u32 from;		/* what is written of it; nothing: from == to */
	u32 to;
};

static int pvf_rehearsal_read(void *arg, u32 at, void *buf, u32 len)
{
	struct pvf_rehearsal *r = arg;
	struct pvf_store *store = r->store;
	u32 from = max(at, r->at), to = min(at + len, r->at + r->size);
	int err = store->raw.read(store->raw.arg, at, buf, len);

	if (!err && from < to)
		memcpy(buf + (from - at), store->panic_buf + (from - r->at), to - from);
	return err;
}

static int pvf_rehearsal_program(void *arg, u32 at, const void *buf, u32 len)
{
	struct pvf_rehearsal *r = arg;
	bool first = r->from == r->to;

	if (first && r->store->core.medium.erase)
		r->at = at;
	if (at < r->at || at - r->at > r->size || len > PVF_MAX_IMAGE - (at - r->at))
		return -PVB_EOPNOTSUPP;
	memcpy(r->store->panic_buf + (at - r->at), buf, len);
	r->size = max(r->size, at - r->at + len);
	r->from = first ? at : min(r->from, at);
	r->to = max(r->to, at + len);
	return 0;
}

static int pvf_rehearsal_erase(void *arg, u32 at)
{
	return -PVB_EOPNOTSUPP;
}

static int pvf_rehearsal_is_bad(void *arg, u32 at)
{
	struct pvf_rehearsal *r = arg;

	return r->store->raw.is_bad(r->store->raw.arg, at);
}

static int pvf_rehearse(struct pvf_rehearsal *r, const struct pvb_flags *flags)
{
	struct pvf_store *store = r->store;
	struct pvb_medium *medium = &store->core.medium;
	struct pvb_medium kept = *medium;
	struct pvb_log_state log = store->core.log;
	int err;

	medium->arg = r;
	medium->read = pvf_rehearsal_read;
	medium->program = pvf_rehearsal_program;
	medium->erase_block = medium->erase ? pvf_rehearsal_erase : NULL;
	medium->is_bad = medium->is_bad ? pvf_rehearsal_is_bad : NULL;
	medium->mark_bad = NULL;
	medium->sync = NULL;
	err = store->core.format->write(&store->core, &store->next.flags, flags, false);
	*medium = kept;
	store->core.log = log;
	return err;
}

static int pvf_panic_flags(struct pvf_store *store, struct pvb_flags *flags, const char **why)
{
	const char *text = store->opt.panic;
	struct pvf_change change = { };
	int err;

	if (pvf_mode_find(store, text) || !(store->next.offers & PVB_HAS(PVB_REASON)))
		err = pvf_change_text(&change, PVB_MODE, text, why);
	else
		err = pvf_change_text(&change, PVB_REASON, text, why);
	if (!err)
		err = pvf_change_check(store, &store->next, &change, why);
	pvf_change_merge(flags, &change);
	return err;
}

/**
 * pvf_panic_check - can what the description wants of a panic be kept there
 * @store: attached; pvf_store.next has what it offers
 * @why: set to a constant text when it can't
 *
 * Io.
 *
 * Return: 0 or a negative errno.
 */
int pvf_panic_check(struct pvf_store *store, const char **why)
{
	const struct pvb_medium *medium = &store->core.medium;
	struct pvb_flags flags = { };

	if (!store->opt.panic[0])
		return 0;
	if (pvf_panic_flags(store, &flags, why)) {
		*why = "panic: no mode of this store's, and it has no reason to give";
		return -EINVAL;
	}
	if (!medium->erase && medium->size > PVF_MAX_IMAGE) {
		*why = "panic: more than 16 KiB rewritten in place: say size=";
		return -EFBIG;
	}
	return 0;
}

/* The image, or why there is none. */
static u8 *pvf_panic_image(struct pvf_store *store)
{
	struct pvf_rehearsal r = { .store = store };
	const struct pvb_medium *medium = &store->core.medium;
	struct pvb_flags flags = store->next.flags;
	const char *why;
	int err;

	err = pvf_panic_flags(store, &flags, &why);
	if (err)
		return ERR_PTR(-EINVAL);
	if (!medium->erase) {
		err = store->raw.read(store->raw.arg, 0, store->panic_buf, medium->size);
		r.size = medium->size;
	}
	if (!err)
		err = pvf_rehearse(&r, &flags);
	/* it may say so already */
	if (!err && r.from == r.to)
		err = -ENODATA;
	if (err)
		return ERR_PTR(err);
	store->panic_at = r.from;
	store->panic_size = r.to - r.from;
	return store->panic_buf + (r.from - r.at);
}

/*
 * What is left of the block that is written is too little, and a panic erases
 * nothing. The next set would begin another block: it is begun now.
 */
static int pvf_panic_make_room(struct pvf_store *store)
{
	struct pvb_flags flags = store->next.flags;
	const char *why;

	if (!store->core.medium.erase || !pvf_format_appends(store->core.format) ||
	    store->core.setup.wrap || store->next.state != PV_BOOTFLAG_STATE_READY ||
	    READ_ONCE(pvf_going_down))
		return -ENOSPC;
	return pvf_write(store, &flags, false, &why);
}

static void pvf_panic_enlist(struct pvf_store *store)
{
	unsigned int i, room = PVF_MAX_STORES;

	mutex_lock(&pvf_lock);
	for (i = 0; i < PVF_MAX_STORES && pvf_panic_stores[i] != store; i++)
		if (!pvf_panic_stores[i])
			room = i;
	if (i == PVF_MAX_STORES && room < PVF_MAX_STORES)
		WRITE_ONCE(pvf_panic_stores[room], store);
	mutex_unlock(&pvf_lock);
}

/**
 * pvf_panic_prepare - make ahead what a panic writes
 * @store: the store, as it is now
 *
 * Io.
 */
void pvf_panic_prepare(struct pvf_store *store)
{
	u8 *image;

	pvf_panic_hold(store);
	if (!store->opt.panic[0] || !store->medium->panic || !store->attached ||
	    !(store->medium_guarantee & PV_BOOTFLAG_GUARANTEE_PANIC) ||
	    (store->next.state != PV_BOOTFLAG_STATE_READY &&
	     store->next.state != PV_BOOTFLAG_STATE_EMPTY))
		return;
	if (!store->panic_buf)
		store->panic_buf = kmalloc(PVF_MAX_IMAGE, GFP_KERNEL);
	if (!store->panic_buf)
		return;
	image = pvf_panic_image(store);
	if (image == ERR_PTR(-EOPNOTSUPP) && !pvf_panic_make_room(store))
		image = pvf_panic_image(store);
	if (IS_ERR(image))
		return;
	/* A panic sees it with its place and size, or not at all. */
	smp_store_release(&store->panic_image, image);
	pvf_panic_enlist(store);
}

/**
 * pvf_panic_hold - the image is about to be wrong
 * @store: the store
 *
 * Io.
 */
void pvf_panic_hold(struct pvf_store *store)
{
	WRITE_ONCE(store->panic_image, NULL);
	/* before it is changed, for a panic on another processor */
	smp_wmb();
}

/**
 * pvf_panic_drop - the store goes
 * @store: the store
 *
 * Io.
 */
void pvf_panic_drop(struct pvf_store *store)
{
	unsigned int i;

	pvf_panic_hold(store);
	mutex_lock(&pvf_lock);
	for (i = 0; i < PVF_MAX_STORES; i++)
		if (pvf_panic_stores[i] == store)
			WRITE_ONCE(pvf_panic_stores[i], NULL);
	mutex_unlock(&pvf_lock);
	kfree(store->panic_buf);
	store->panic_buf = NULL;
}

/* No lock, no allocation; interrupts are off, and a medium may turn them on. */
static int pvf_panic_notify(struct notifier_block *nb, unsigned long action, void *arg)
{
	struct pvf_store *store;
	unsigned int i;

	for (i = 0; i < PVF_MAX_STORES; i++) {
		store = READ_ONCE(pvf_panic_stores[i]);
		/* pairs with the release in pvf_panic_prepare() */
		if (!store || !smp_load_acquire(&store->panic_image))
			continue;
		store->medium->panic(store);
		local_irq_disable();
	}
	return NOTIFY_DONE;
}

/* The last: whoever reports a panic may be needed more than this. */
static struct notifier_block pvf_panic_nb = {
	.notifier_call = pvf_panic_notify,
	.priority = INT_MIN,
};

int pvf_panic_init(void)
{
	return atomic_notifier_chain_register(&panic_notifier_list, &pvf_panic_nb);
}

void pvf_panic_exit(void)
{
	atomic_notifier_chain_unregister(&panic_notifier_list, &pvf_panic_nb);
}
