/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/pv_bootflag.yaml */
/* YNL-GEN uapi header */

#ifndef _UAPI_LINUX_PV_BOOTFLAG_H
#define _UAPI_LINUX_PV_BOOTFLAG_H

#define PV_BOOTFLAG_GENL_NAME		"pv_bootflag"
#define PV_BOOTFLAG_GENL_VERSION	1

#define PV_BOOTFLAG_MAX_NAME	31
#define PV_BOOTFLAG_MAX_SPEC	1023
#define PV_BOOTFLAG_MAX_TEXT	255

/**
 * enum pv_bootflag_field - What a store can hold. include/pvkit/flags.h says
 *   the same.
 * @PV_BOOTFLAG_FIELD_MODE: Text, what to boot into.
 * @PV_BOOTFLAG_FIELD_SLOT: Number, 0 is slot a.
 * @PV_BOOTFLAG_FIELD_TRIES: Number, boots that the slot may still take to
 *   prove itself.
 * @PV_BOOTFLAG_FIELD_SUCCESSFUL: 1 when the slot has proved itself.
 * @PV_BOOTFLAG_FIELD_REASON: Text, why the mode was set or the last boot
 *   ended.
 * @PV_BOOTFLAG_FIELD_CURSOR: Number, how far an update has come.
 * @PV_BOOTFLAG_FIELD_PHASE: Text, the step of an update that the cursor
 *   belongs to.
 * @PV_BOOTFLAG_FIELD_FAILURES: Number, boots in a row that came to nothing.
 * @PV_BOOTFLAG_FIELD_ARMED: 1 from boot until a clean end.
 */
enum pv_bootflag_field {
	PV_BOOTFLAG_FIELD_MODE = 1,
	PV_BOOTFLAG_FIELD_SLOT,
	PV_BOOTFLAG_FIELD_TRIES,
	PV_BOOTFLAG_FIELD_SUCCESSFUL,
	PV_BOOTFLAG_FIELD_REASON,
	PV_BOOTFLAG_FIELD_CURSOR,
	PV_BOOTFLAG_FIELD_PHASE,
	PV_BOOTFLAG_FIELD_FAILURES,
	PV_BOOTFLAG_FIELD_ARMED,
};

/**
 * enum pv_bootflag_state - State of a store.
 * @PV_BOOTFLAG_STATE_ABSENT: Its medium is not there.
 * @PV_BOOTFLAG_STATE_EMPTY: Nothing was ever written; a set may begin it.
 * @PV_BOOTFLAG_STATE_READY: Its fields are what the medium says.
 * @PV_BOOTFLAG_STATE_FOREIGN: The medium holds what is not this format's; only
 *   force writes.
 * @PV_BOOTFLAG_STATE_BROKEN: This format's, but no copy is whole; only force
 *   writes.
 * @PV_BOOTFLAG_STATE_FAILED: The medium could not be read or written; see
 *   errno.
 */
enum pv_bootflag_state {
	PV_BOOTFLAG_STATE_ABSENT,
	PV_BOOTFLAG_STATE_EMPTY,
	PV_BOOTFLAG_STATE_READY,
	PV_BOOTFLAG_STATE_FOREIGN,
	PV_BOOTFLAG_STATE_BROKEN,
	PV_BOOTFLAG_STATE_FAILED,
};

/**
 * enum pv_bootflag_guarantee - What a store promises.
 * @PV_BOOTFLAG_GUARANTEE_WARM: Survives a reboot, but not the loss of power.
 * @PV_BOOTFLAG_GUARANTEE_POWER: Survives the loss of power.
 * @PV_BOOTFLAG_GUARANTEE_ATOMIC: Cut anywhere, the old fields are there or the
 *   new.
 * @PV_BOOTFLAG_GUARANTEE_REDUNDANT: A second copy holds what a failing first
 *   one loses.
 * @PV_BOOTFLAG_GUARANTEE_WEAR: Writing wears the medium out; writes are
 *   counted and limited.
 * @PV_BOOTFLAG_GUARANTEE_PANIC: Can be written while the kernel panics.
 */
enum pv_bootflag_guarantee {
	PV_BOOTFLAG_GUARANTEE_WARM = 1,
	PV_BOOTFLAG_GUARANTEE_POWER = 2,
	PV_BOOTFLAG_GUARANTEE_ATOMIC = 4,
	PV_BOOTFLAG_GUARANTEE_REDUNDANT = 8,
	PV_BOOTFLAG_GUARANTEE_WEAR = 16,
	PV_BOOTFLAG_GUARANTEE_PANIC = 32,
};

/**
 * enum pv_bootflag_event_kind - What an event message tells.
 * @PV_BOOTFLAG_EVENT_KIND_NEW: A store was added.
 * @PV_BOOTFLAG_EVENT_KIND_DEL: A store was removed.
 * @PV_BOOTFLAG_EVENT_KIND_CHANGED: Its fields or its state changed.
 * @PV_BOOTFLAG_EVENT_KIND_OVERRUN: Events were lost; read everything anew.
 */
enum pv_bootflag_event_kind {
	PV_BOOTFLAG_EVENT_KIND_NEW,
	PV_BOOTFLAG_EVENT_KIND_DEL,
	PV_BOOTFLAG_EVENT_KIND_CHANGED,
	PV_BOOTFLAG_EVENT_KIND_OVERRUN,
};

enum pv_bootflag_attr {
	PV_BOOTFLAG_A_NAME = 1,
	PV_BOOTFLAG_A_SPEC,
	PV_BOOTFLAG_A_STATE,
	PV_BOOTFLAG_A_GENERATION,
	PV_BOOTFLAG_A_VALUE,
	PV_BOOTFLAG_A_BOOT_VALUE,
	PV_BOOTFLAG_A_CLEAR,
	PV_BOOTFLAG_A_OFFERS,
	PV_BOOTFLAG_A_GUARANTEE,
	PV_BOOTFLAG_A_MEDIUM,
	PV_BOOTFLAG_A_FORMAT,
	PV_BOOTFLAG_A_MODE_NAME,
	PV_BOOTFLAG_A_STATS,
	PV_BOOTFLAG_A_ERRNO,
	PV_BOOTFLAG_A_TEXT,
	PV_BOOTFLAG_A_FORCE,
	PV_BOOTFLAG_A_EVENT_KIND,
	PV_BOOTFLAG_A_PAD,

	__PV_BOOTFLAG_A_MAX
};
#define PV_BOOTFLAG_A_MAX (__PV_BOOTFLAG_A_MAX - 1)

enum pv_bootflag_value_attr {
	PV_BOOTFLAG_A_VALUE_FIELD = 1,
	PV_BOOTFLAG_A_VALUE_NUMBER,
	PV_BOOTFLAG_A_VALUE_TEXT,
	PV_BOOTFLAG_A_VALUE_PAD,

	__PV_BOOTFLAG_A_VALUE_MAX
};
#define PV_BOOTFLAG_A_VALUE_MAX (__PV_BOOTFLAG_A_VALUE_MAX - 1)

enum pv_bootflag_stats_attr {
	PV_BOOTFLAG_A_STATS_SETS = 1,
	PV_BOOTFLAG_A_STATS_UNCHANGED,
	PV_BOOTFLAG_A_STATS_PROGRAMS,
	PV_BOOTFLAG_A_STATS_PROGRAM_BYTES,
	PV_BOOTFLAG_A_STATS_ERASES,
	PV_BOOTFLAG_A_STATS_LIMITED,
	PV_BOOTFLAG_A_STATS_ERRORS,
	PV_BOOTFLAG_A_STATS_PAD,

	__PV_BOOTFLAG_A_STATS_MAX
};
#define PV_BOOTFLAG_A_STATS_MAX (__PV_BOOTFLAG_A_STATS_MAX - 1)

enum pv_bootflag_cmd {
	PV_BOOTFLAG_CMD_STORE_ADD = 1,
	PV_BOOTFLAG_CMD_STORE_DEL,
	PV_BOOTFLAG_CMD_STORE_GET,
	PV_BOOTFLAG_CMD_SET,
	PV_BOOTFLAG_CMD_OUTCOME,
	PV_BOOTFLAG_CMD_SUBSCRIBE,
	PV_BOOTFLAG_CMD_EVENT,
	PV_BOOTFLAG_CMD_WRITER,

	__PV_BOOTFLAG_CMD_MAX
};
#define PV_BOOTFLAG_CMD_MAX (__PV_BOOTFLAG_CMD_MAX - 1)

#endif /* _UAPI_LINUX_PV_BOOTFLAG_H */
