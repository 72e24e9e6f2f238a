// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading and writing a store: its medium is looked for, what is done to it is
 * counted, and what was written is read back.
 *
 * Locking: see pv_bootflag.h. All of this is called with the store's io.
 */

#include <linux/slab.h>

#include "formats.h"
#include "pv_bootflag.h"

/*
 * The medium as the formats see it.
 */

static int pvf_counted(struct pvf_store *store, int err)
{
	if (err && err != -ENODEV)
		store->next.stats.errors++;
	return err;
}

static int pvf_medium_read(void *arg, u32 at, void *buf, u32 len)
{
	struct pvf_store *store = arg;

	return pvf_counted(store, store->raw.read(store->raw.arg, at, buf, len));
}

static int pvf_medium_program(void *arg, u32 at, const void *buf, u32 len)
{
	struct pvf_store *store = arg;

	store->next.stats.programs++;
	store->next.stats.program_bytes += len;
	return pvf_counted(store, store->raw.program(store->raw.arg, at, buf, len));
}

static int pvf_medium_erase(void *arg, u32 at)
{
	struct pvf_store *store = arg;

	store->next.stats.erases++;
	return pvf_counted(store, store->raw.erase_block(store->raw.arg, at));
}

static int pvf_medium_is_bad(void *arg, u32 at)
{
	struct pvf_store *store = arg;

	return store->raw.is_bad(store->raw.arg, at);
}

static int pvf_medium_mark_bad(void *arg, u32 at)
{
	struct pvf_store *store = arg;

	return store->raw.mark_bad(store->raw.arg, at);
}

static int pvf_medium_sync(void *arg)
{
	struct pvf_store *store = arg;

	return pvf_counted(store, store->raw.sync(store->raw.arg));
}

static void pvf_medium_wrap(struct pvf_store *store)
{
	struct pvb_medium *medium = &store->core.medium;

	store->raw = *medium;
	medium->arg = store;
	medium->read = pvf_medium_read;
	medium->program = pvf_medium_program;
	medium->erase_block = medium->erase_block ? pvf_medium_erase : NULL;
	medium->is_bad = medium->is_bad ? pvf_medium_is_bad : NULL;
	medium->mark_bad = medium->mark_bad ? pvf_medium_mark_bad : NULL;
	medium->sync = medium->sync ? pvf_medium_sync : NULL;
}

/*
 * Attaching
 */

/* From kmalloc(): drivers of flash want to reach it by DMA. */
static int pvf_work_alloc(struct pvf_store *store)
{
	struct pvb_store *core = &store->core;
	u32 size = max_t(u32, 512, 2 * core->medium.write);
	u8 *work;

	if (core->format->work)
		size = max(size, core->format->work(core));
	if (size > PVF_MAX_WORK)
		return -ENOMEM;
	if (core->work && core->work_size >= size)
		return 0;
	work = kmalloc(size, GFP_KERNEL | __GFP_NOWARN);
	if (!work)
		return -ENOMEM;
	kfree(core->work);
	core->work = work;
	core->work_size = size;
	return 0;
}

static u32 pvf_guarantee(const struct pvf_store *store)
{
	const struct pvb_format *format = store->core.format;
	u32 promises = format->guarantee ? format->guarantee(&store->core) : 0;
	u32 guarantee = store->medium_guarantee;

	if (promises & PVB_ATOMIC)
		guarantee |= PV_BOOTFLAG_GUARANTEE_ATOMIC;
	if (promises & PVB_REDUNDANT)
		guarantee |= PV_BOOTFLAG_GUARANTEE_REDUNDANT;
	/* A panic erases nothing. */
	if (store->core.medium.erase && !pvf_format_appends(format))
		guarantee &= ~PV_BOOTFLAG_GUARANTEE_PANIC;
	return guarantee;
}

/* Can it be kept there, with all that the description wants? */
static int pvf_fits(struct pvf_store *store, const char **why)
{
	const struct pvb_store *core = &store->core;
	u32 offers;
	int err;

	*why = "no memory for this format's buffer";
	err = pvf_work_alloc(store);
	if (err)
		return err;
	*why = "this format can't be kept on this medium";
	err = core->format->check(core);
	if (err)
		return err;
	offers = core->format->fields(core);
	store->next.offers = offers;
	store->next.guarantee = pvf_guarantee(store);
	*why = "armed: this format has no such field on this medium";
	if (store->opt.armed && !(offers & PVB_HAS(PVB_ARMED)))
		return -EINVAL;
	*why = "count: this format has no tries on this medium";
	if (store->opt.count && !(offers & PVB_HAS(PVB_TRIES)))
		return -EINVAL;
	return pvf_panic_check(store, why);
}

static int pvf_attach(struct pvf_store *store, const char **why)
{
	int err;

	*why = "the medium could not be used";
	err = store->medium->attach(store, why);
	if (err)
		return err == -EPROBE_DEFER ? -ENODEV : err;
	store->attached = true;
	pvf_medium_wrap(store);
	err = pvf_fits(store, why);
	if (err)
		pvf_detach(store);
	return err;
}

/**
 * pvf_detach - let go of the medium
 * @store: the store
 *
 * Io.
 */
void pvf_detach(struct pvf_store *store)
{
	pvf_panic_hold(store);
	if (store->attached && store->medium->detach)
		store->medium->detach(store);
	store->attached = false;
}

/*
 * Reading
 */

static void pvf_says(struct pvf_store *store, enum pv_bootflag_state state, int error,
		     const char *text)
{
	store->next.state = state;
	store->next.error = error;
	store->next.text = text;
	if (state != PV_BOOTFLAG_STATE_READY)
		memset(&store->next.flags, 0, sizeof(store->next.flags));
}

/* From nothing: what the format remembers of where it is may be what is wrong. */
static int pvf_read_anew(struct pvf_store *store, struct pvb_flags *flags)
{
	memset(&store->core.log, 0, sizeof(store->core.log));
	memset(flags, 0, sizeof(*flags));
	return store->core.format->read(&store->core, flags);
}

/**
 * pvf_read - read an attached store anew
 * @store: the store; pvf_store.next says what came of it
 *
 * Io.
 */
void pvf_read(struct pvf_store *store)
{
	int err = pvf_read_anew(store, &store->next.flags);

	switch (err) {
	case 0:
		pvf_says(store, PV_BOOTFLAG_STATE_READY, 0, NULL);
		break;
	case -PVB_ENODATA:
		pvf_says(store, PV_BOOTFLAG_STATE_EMPTY, 0, NULL);
		break;
	case -PVB_EMEDIUMTYPE:
		pvf_says(store, PV_BOOTFLAG_STATE_FOREIGN, 0, NULL);
		break;
	case -PVB_EBADMSG:
		pvf_says(store, PV_BOOTFLAG_STATE_BROKEN, 0, NULL);
		break;
	case -PVB_ENODEV:
		pvf_detach(store);
		pvf_says(store, PV_BOOTFLAG_STATE_ABSENT, 0, NULL);
		break;
	default:
		pvf_says(store, PV_BOOTFLAG_STATE_FAILED, err, "the medium could not be read");
	}
}

/**
 * pvf_look - look for the medium of a store, and read it
 * @store: the store; pvf_store.next says what came of it
 *
 * Io.
 */
void pvf_look(struct pvf_store *store)
{
	const char *why;
	int err;

	pvf_detach(store);
	err = pvf_attach(store, &why);
	if (err == -ENODEV) {
		pvf_says(store, PV_BOOTFLAG_STATE_ABSENT, 0, NULL);
	} else if (err) {
		pvf_says(store, PV_BOOTFLAG_STATE_FAILED, err, why);
	} else {
		pvf_read(store);
		pvf_boot(store);
	}
}

/*
 * Writing
 */

static int pvf_write_failed(struct pvf_store *store, int err, const char **why)
{
	const char *text = err == -PVB_EROFS ? "the medium is read-only" :
					       "the medium could not be written";

	switch (err) {
	case -PVB_EOPNOTSUPP:
		*why = "a field that this format can't hold, or can't unset";
		return err;
	case -PVB_ENOSPC:
		*why = "a value is too large for this format, or an only erase block full";
		return err;
	case -PVB_EINVAL:
		*why = "a value that this format does not know";
		return err;
	}
	*why = text;
	/* What is there now? */
	pvf_read(store);
	if (store->next.state != PV_BOOTFLAG_STATE_ABSENT)
		pvf_says(store, store->next.state, err, text);
	return err;
}

static int pvf_read_back(struct pvf_store *store, const struct pvb_flags *flags, const char **why)
{
	struct pvb_log_state log = store->core.log;
	struct pvb_flags want = *flags;

	if (store->core.format->settle)
		store->core.format->settle(&store->core, &want);
	pvf_read(store);
	if (store->next.state == PV_BOOTFLAG_STATE_ABSENT) {
		*why = "the medium went while it was written";
		return -ENODEV;
	}
	/* All of it unset may be the same as nothing ever written. */
	if ((store->next.state == PV_BOOTFLAG_STATE_READY ||
	     (store->next.state == PV_BOOTFLAG_STATE_EMPTY && !want.has)) &&
	    pvf_flags_same(&want, &store->next.flags, PVB_ALL_FIELDS)) {
		/* A log that was found anew doubts its end; who wrote it knows. */
		store->core.log = log;
		return 0;
	}
	*why = "what was read back is not what was written";
	store->next.stats.errors++;
	pvf_says(store, store->next.state, -EIO, *why);
	return -EIO;
}

/**
 * pvf_write - make the medium say something, and see that it does
 * @store: attached, as read last
 * @flags: what
 * @force: also over what is foreign or broken
 * @why: set to a text when it fails
 *
 * Io.
 *
 * Return: 0 or a negative errno; pvf_store.next says what is there now.
 */
int pvf_write(struct pvf_store *store, const struct pvb_flags *flags, bool force,
	      const char **why)
{
	struct pvb_flags was = store->next.flags;
	int err;

	pvf_panic_hold(store);
	err = store->core.format->write(&store->core, &was, flags, force);
	if (!err && store->core.medium.sync)
		err = store->core.medium.sync(store->core.medium.arg);
	if (err)
		return pvf_write_failed(store, err, why);
	return pvf_read_back(store, flags, why);
}
