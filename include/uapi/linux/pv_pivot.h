/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/pv_pivot.yaml */
/* YNL-GEN uapi header */

#ifndef _UAPI_LINUX_PV_PIVOT_H
#define _UAPI_LINUX_PV_PIVOT_H

#define PV_PIVOT_GENL_NAME	"pv_pivot"
#define PV_PIVOT_GENL_VERSION	1

#define PV_PIVOT_MAX_TEXT	255
#define PV_PIVOT_MAX_LIMIT	86400
#define PV_PIVOT_MAX_REBOOT_ARG	63
#define PV_PIVOT_MAX_WORD	32

/**
 * enum pv_pivot_state - State of the session, or of the last one.
 * @PV_PIVOT_STATE_IDLE: There was none since the module was loaded.
 * @PV_PIVOT_STATE_OPEN: It follows the file system and changes nothing.
 * @PV_PIVOT_STATE_EVICTING: Its owner ends who holds the file system.
 * @PV_PIVOT_STATE_SEALED: Read-only; the gate is shut.
 * @PV_PIVOT_STATE_RELEASED: Proven gone; see proof.
 * @PV_PIVOT_STATE_ARMED: The owner writes, there is no way back.
 * @PV_PIVOT_STATE_REBOOTING: It ended while it was armed, and the machine goes
 *   down; see text.
 * @PV_PIVOT_STATE_CLOSED: Its owner is through with it.
 * @PV_PIVOT_STATE_ABORTED: It ended before it was armed, and all is as it was;
 *   see text.
 */
enum pv_pivot_state {
	PV_PIVOT_STATE_IDLE,
	PV_PIVOT_STATE_OPEN,
	PV_PIVOT_STATE_EVICTING,
	PV_PIVOT_STATE_SEALED,
	PV_PIVOT_STATE_RELEASED,
	PV_PIVOT_STATE_ARMED,
	PV_PIVOT_STATE_REBOOTING,
	PV_PIVOT_STATE_CLOSED,
	PV_PIVOT_STATE_ABORTED,
};

/**
 * enum pv_pivot_medium - What a file system lies on.
 * @PV_PIVOT_MEDIUM_NONE: Nothing that the module knows; the proof is absence
 *   alone.
 * @PV_PIVOT_MEDIUM_BLOCK: A block device.
 * @PV_PIVOT_MEDIUM_MTD: A partition of flash.
 * @PV_PIVOT_MEDIUM_MTD_WHOLE: Flash without partitions, whose uses the kernel
 *   does not count; the proof is absence alone.
 * @PV_PIVOT_MEDIUM_UBI: A UBI volume, directly (UBIFS) or by its ubiblock.
 */
enum pv_pivot_medium {
	PV_PIVOT_MEDIUM_NONE,
	PV_PIVOT_MEDIUM_BLOCK,
	PV_PIVOT_MEDIUM_MTD,
	PV_PIVOT_MEDIUM_MTD_WHOLE,
	PV_PIVOT_MEDIUM_UBI,
};

/**
 * enum pv_pivot_proof - What is proven of the release.
 * @PV_PIVOT_PROOF_ABSENT: No superblock of its kind lies on the medium.
 * @PV_PIVOT_PROOF_EXCLUSIVE: The block device is held exclusively, by the
 *   session until it ends. Or the UBI volume was, until it was armed, so that
 *   its owner can write.
 * @PV_PIVOT_PROOF_UNUSED: Nobody has the flash partition open, but UBI if it
 *   lies there.
 */
enum pv_pivot_proof {
	PV_PIVOT_PROOF_ABSENT = 1,
	PV_PIVOT_PROOF_EXCLUSIVE = 2,
	PV_PIVOT_PROOF_UNUSED = 4,
};

/**
 * enum pv_pivot_gate - What is shut to all but the owner, from sealed until
 *   the session ends.
 * @PV_PIVOT_GATE_FILES: Opens of files on the file system; until it is gone.
 * @PV_PIVOT_GATE_NODES: Opens of the medium's device nodes, those in devtmpfs.
 * @PV_PIVOT_GATE_MTD: Writing to the flash partition, until it is released,
 *   and to those that overlap; by descriptors too that were opened before.
 *   Never to what UBI has.
 */
enum pv_pivot_gate {
	PV_PIVOT_GATE_FILES = 1,
	PV_PIVOT_GATE_NODES = 2,
	PV_PIVOT_GATE_MTD = 4,
};

/**
 * enum pv_pivot_event_kind - What an event message tells.
 * @PV_PIVOT_EVENT_KIND_STATE: The session's state changed.
 * @PV_PIVOT_EVENT_KIND_OVERRUN: Events were lost; read the state anew.
 * @PV_PIVOT_EVENT_KIND_HELPER: The helper began or ended; see status.
 */
enum pv_pivot_event_kind {
	PV_PIVOT_EVENT_KIND_STATE,
	PV_PIVOT_EVENT_KIND_OVERRUN,
	PV_PIVOT_EVENT_KIND_HELPER,
};

enum pv_pivot_attr {
	PV_PIVOT_A_STATE = 1,
	PV_PIVOT_A_GENERATION,
	PV_PIVOT_A_FD,
	PV_PIVOT_A_SESSION_FD,
	PV_PIVOT_A_LIMIT,
	PV_PIVOT_A_LEFT,
	PV_PIVOT_A_OWNER,
	PV_PIVOT_A_FS,
	PV_PIVOT_A_DEVICE,
	PV_PIVOT_A_MEDIUM,
	PV_PIVOT_A_PROOF,
	PV_PIVOT_A_REBOOT_ARG,
	PV_PIVOT_A_INTERVAL,
	PV_PIVOT_A_WATCHDOG,
	PV_PIVOT_A_GATE,
	PV_PIVOT_A_ACTIVE,
	PV_PIVOT_A_ERRNO,
	PV_PIVOT_A_TEXT,
	PV_PIVOT_A_EVENT_KIND,
	PV_PIVOT_A_PAD,
	PV_PIVOT_A_MTD,
	PV_PIVOT_A_WORD,
	PV_PIVOT_A_HELPER,
	PV_PIVOT_A_HELPER_EXIT,

	__PV_PIVOT_A_MAX
};
#define PV_PIVOT_A_MAX (__PV_PIVOT_A_MAX - 1)

enum pv_pivot_cmd {
	PV_PIVOT_CMD_STATUS = 1,
	PV_PIVOT_CMD_OPEN,
	PV_PIVOT_CMD_STEP,
	PV_PIVOT_CMD_ABORT,
	PV_PIVOT_CMD_WATCHDOG,
	PV_PIVOT_CMD_SUBSCRIBE,
	PV_PIVOT_CMD_EVENT,
	PV_PIVOT_CMD_START,

	__PV_PIVOT_CMD_MAX
};
#define PV_PIVOT_CMD_MAX (__PV_PIVOT_CMD_MAX - 1)

#endif /* _UAPI_LINUX_PV_PIVOT_H */
