/* SPDX-License-Identifier: MIT */
/*
 * plan - what an in-place update is to do, told by pvkit to pvkit-update
 *
 * A text of lines as in flags.conf (confline.h):
 *
 *	pvkit-update-plan 1
 *	id 1f2e3d4c
 *	root 254:2 vda2
 *	root-mode rw
 *	init busybox
 *	term-seconds 10
 *	kill-seconds 10
 *	watchdog watchdog0
 *	watchdog-timeout 30
 *	watchdog-seconds 600
 *	reboot ota
 *	state UUID=... ext4 /pvkit
 *	image path=/update/image-0 size=5242880 sha256=... kind=mtd target=mtd:rootfs
 *		is=rootfs room=6291456 block=65536		(on the same line;
 *		of a partition partuuid=... too)
 *	env bootcount=0
 *	post /usr/sbin/mark rootfs
 *	flag slot=b
 *	end
 *
 * The first line and `end` are where they are here, which tells a plan that was cut off; in
 * between the order is that of writing, of setting and of running. Only `id` and one `image`
 * must be there. A word that version 1 does not have is refused: who wrote it meant something
 * by it. In a value #, \, control characters and, where several words are on a line, blanks
 * are octal escapes as in /proc/mounts (\040). It has no secrets but what `env` holds.
 *
 * The cursor counts units of 64 KiB of all images, each of which begins with a new unit:
 * those of images that are through and those that are known to be on the medium. Where an
 * update is taken up again follows from it by plan_place(). Flash goes back to the beginning
 * of an erase block. The update of a UBI volume can't be taken up in the middle: its image
 * starts anew, and the cursor stays at its beginning until all of it is there.
 */
#ifndef UPDATE_PLAN_H
#define UPDATE_PLAN_H

#include <stdint.h>
#include <sys/types.h>

#include "sha256.h"
#include "target.h"
#include "util.h"

#define PLAN_VERSION		1
#define PLAN_FILE		"/update/plan"	/* in the RAM root */
#define PLAN_ABORTED		"/update/aborted"	/* is there: it is not carried out */
#define PLAN_ID_LEN		8
#define PLAN_PHASE_PREFIX	"write-"	/* and the id: the flag `phase` */
#define PLAN_STATE_PREFIX	"state:"	/* of an image's path: below DIR of `state` */
#define PLAN_UNIT		65536u
#define PLAN_IMAGES_MAX		16
#define PLAN_LIST_MAX		32		/* lines of env, of post and of flag */
#define PLAN_TEXT_MAX		(64 * 1024)
#define PLAN_SECONDS_MAX	86400
#define PLAN_TERM_SECONDS	20		/* unless it says otherwise */
#define PLAN_KILL_SECONDS	20
#define PLAN_WATCHDOG_SECONDS	3600

struct plan_image {
	/* Seen from the RAM root, or "state:PATH": with '/' from the top of its file system. */
	char *path;
	uint64_t size;
	unsigned char sha256[PVK_SHA256_SIZE];
	enum pvk_target_kind kind;
	char *target;			/* as pvk_target_find() takes it */
	char *identity;			/* of pvk_target_identity(); NULL: not said */
	char *partuuid;			/* of pvk_target_partuuid(); NULL: not said */
	uint64_t room;			/* bytes that the target had, 0: not said */
	uint32_t block;			/* bytes of its erase blocks, 0: not said */
};

struct plan_list {
	char *item[PLAN_LIST_MAX];
	size_t count;
};

enum plan_init {
	PLAN_INIT_NONE,			/* there is none to be replaced */
	PLAN_INIT_SYSTEMD,
	PLAN_INIT_BUSYBOX,
};

struct plan {
	char id[PLAN_ID_LEN + 1];	/* lower case hex */
	dev_t root;			/* of the file system the session follows; 0: none */
	char medium[64];		/* its name in /sys/class, "vda2", "mtd3"; "" */
	bool root_writable;		/* "/" was, while the old system ran */
	enum plan_init init;
	uint32_t term_seconds;		/* between TERM and KILL */
	uint32_t kill_seconds;		/* for who was killed to be gone */
	char watchdog[32];		/* "watchdog0"; "": none */
	uint32_t watchdog_timeout;	/* that it had in the old system; 0: not said */
	uint32_t watchdog_seconds;	/* that it is kept alive at most */
	char *reboot;			/* the argument of reboot; NULL */
	char *state_device;		/* as root= takes it; NULL: there is no state */
	char *state_type;
	char *state_dir;
	struct plan_image image[PLAN_IMAGES_MAX];
	size_t images;
	struct plan_list env;		/* KEY=VALUE */
	struct plan_list post;		/* commands */
	struct plan_list flag;		/* FIELD=VALUE, set together after all else */
};

void plan_init(struct plan *plan);
void plan_free(struct plan *plan);

/*
 * For pvkit, which makes it: texts are copied. -E2BIG: there is no room for more; -EINVAL: it
 * can't be, a newline in a value for instance.
 */
int plan_new_id(struct plan *plan);
int plan_set(char **field, const char *text);
int plan_add_image(struct plan *plan, const struct plan_image *image, struct pvk_err *err);
int plan_add(struct plan_list *list, const char *text, struct pvk_err *err);

/* Is it all there, and does it go together? Reading and writing one ask it, too. */
int plan_check(const struct plan *plan, struct pvk_err *err);

/* On an error there is nothing in it to be freed. -EPROTONOSUPPORT: of another version. */
int plan_parse(struct plan *plan, char *text, struct pvk_err *err);
int plan_read(struct plan *plan, const char *path, struct pvk_err *err);
/* The open file, which is called so. */
int plan_read_fd(struct plan *plan, int fd, const char *path, struct pvk_err *err);
/* As text, with which plan_parse() makes the same again. */
int plan_print(const struct plan *plan, struct pvk_buf *text, struct pvk_err *err);
/* As a file of that directory, the old one or the new one whatever happens. */
int plan_write(const struct plan *plan, int dirfd, const char *name, struct pvk_err *err);

/* "write-1f2e3d4c" */
#define PLAN_PHASE_SIZE		(sizeof(PLAN_PHASE_PREFIX) + PLAN_ID_LEN)
const char *plan_phase(const struct plan *plan, char text[PLAN_PHASE_SIZE]);

/* All units of it: the cursor when everything is written. */
uint64_t plan_units(const struct plan *plan);
/* The cursor when so many bytes of that image are known to be there. */
uint64_t plan_cursor(const struct plan *plan, size_t image, uint64_t bytes);
/*
 * And back: image == plan->images when it is through, else where it goes on in it. -ERANGE:
 * a cursor that this plan can't have.
 */
int plan_place(const struct plan *plan, uint64_t cursor, size_t *image, uint64_t *offset);

#endif /* UPDATE_PLAN_H */
