/* SPDX-License-Identifier: MIT */
/*
 * update - the running system is updated in place, up to where process 1 is handed over
 *
 * First all is looked at. Each check is a function, and says its text where it knows the
 * cause. A check that fails does not keep the others from being made: one run tells of
 * everything. Then what the update wants is put into RAM, and the plan written that
 * pvkit-update carries out once the system has ended (user/update).
 */
#ifndef PVKIT_UPDATE_H
#define PVKIT_UPDATE_H

#include <limits.h>

#include "cli.h"
#include "flagsource.h"
#include "handover.h"
#include "plan.h"
#include "sha256.h"
#include "signature.h"
#include "stage.h"
#include "target.h"
#include "updateconf.h"

#define UPDATE_IMAGES_MAX	PLAN_IMAGES_MAX
#define UPDATE_LIES		256
#define UPDATE_CHECKS_MAX	1200
/* What the writing may put into the RAM, and what it works with. */
#define UPDATE_RESERVE		(1u << 20)
#define UPDATE_KEEP		(4u << 20)

enum update_result {
	UPDATE_OK,
	UPDATE_NOTE,		/* to be known, nothing against it */
	UPDATE_FAILED,
};

struct update_check {
	const char *name;
	char *subject;
	enum update_result result;
	char *text;
};

struct update_image {
	char *path;
	const char *target_text;
	const char *sha256;	/* in hex; NULL: not to be checked */
	struct pvk_target target;
	bool has_target;
	uint64_t size;
};

/* What was given several times, in its order. */
struct update_words {
	const char *word[PLAN_LIST_MAX];
	size_t count;
};

struct update {
	struct update_image image[UPDATE_IMAGES_MAX];
	size_t images;
	const char *key;	/* NULL: signatures are not checked */
	const char *config;
	bool has_config;	/* it was named */
	struct pvk_updateconf conf;
	struct update_words env, post, flag;
	bool dry_run;
	bool recovery;
	enum pvk_update_init init;
	bool has_init;
	struct pvk_watchdog watchdog;
	char program[PATH_MAX];	/* pvkit-update, without symlinks; "" */
	dev_t root;		/* of the file system that the session follows */
	char medium[64];	/* that it is on; "" if that is no target */
	struct update_check check[UPDATE_CHECKS_MAX];
	size_t checks;
	bool failed;
	struct pvk_stage *stage;
	struct pvk_stage_plan plan;
	struct pvk_stage_room room;
};

/* The text has a newline for each further line; it is copied. */
void update_note(struct update *update, const char *name, const char *subject,
		 enum update_result result, const char *fmt, ...) PVK_PRINTF(5, 6);
void update_free(struct update *update);

/* All of them; what was found stays in *update. */
void update_check_all(struct update *update);
/* With a dry run checksums and signatures, too: otherwise the copies are judged. */
void update_check_images(struct update *update);
/* update_uses.c: who has a target; has_root: and the running root lies there. */
void update_check_uses(struct update *update, const struct update_image *image, bool has_root);
/* update_ready.c: the kernel, process 1, flags, the environment. */
void update_check_conf(struct update *update);
void update_check_kernel(struct update *update);
void update_check_init(struct update *update);
void update_check_flags(struct update *update);
/*
 * Of phase and cursor. pvkit-update keeps them in a store of the kernel's and nowhere else, so
 * what another one says would be refused at each boot. NULL: there is none.
 */
const struct pvk_flagsource *update_phase_store(const struct pvk_flagsources *list);
void update_check_env(struct update *update);
void update_check_watchdog(struct update *update);
/* What is copied to RAM: whether it is all there, and fits. */
void update_check_stage(struct update *update);
/* Does it run there? In a tmpfs that only we see, or where it was made in earnest. */
void update_try_hidden(struct update *update);
void update_try(struct update *update, const char *dir);

/* Is it in the kernel, or was it brought in by modprobe? */
bool update_find_module(bool load);

/*
 * update_state.c: the file system that outlives a power cut. It is mounted only in a process
 * of its own, in a mount namespace that goes with that.
 */
void update_check_state(struct update *update);
struct update_copies {
	unsigned char sha256[UPDATE_IMAGES_MAX][PVK_SHA256_SIZE];
	/* With a key only: 0 or an error, and what is to be said of it. */
	int signature[UPDATE_IMAGES_MAX];
	char said[UPDATE_IMAGES_MAX][SIGNATURE_COMMENT];
	/* Of one that lies on the state already, its path there, with '/'; "": it is a copy. */
	char lies[UPDATE_IMAGES_MAX][UPDATE_LIES];
};

/* A process that does something for us. */
#define UPDATE_WHERE	"/run/pvkit-state.XXXXXX"
struct update_task {
	pid_t pid;
	int from;
	char where[sizeof(UPDATE_WHERE)];	/* it mounts the state there, for itself; "" */
};

/*
 * The images are copied to the directory, or the state if there is one, while we go on. The
 * end of it is waited for: go_on is asked again and again, false ends it with -ECANCELED.
 */
int update_copy_begin(const struct update *update, const char *dir, struct update_task *copying,
		      struct pvk_err *err);
int update_copy_end(struct update_task *copying, bool (*go_on)(void *arg), void *arg,
		    struct update_copies *copies, struct pvk_err *err);
/*
 * Checksums and signatures, each a check. They are of what will be written: whoever can write
 * the image could show a check another one.
 */
void update_judge_copies(struct update *update, const struct update_copies *copies);
/* The plan, as a file of the state's directory. */
int update_leave_plan(const struct update *update, const struct plan *plan,
		      struct pvk_err *err);
static inline bool update_has_state(const struct update *update)
{
	return update->conf.state_device[0];
}

/* update_plan.c: texts are copied, free it with plan_free(). */
int update_make_plan(const struct update *update, const struct update_copies *copies,
		     struct plan *plan, struct pvk_err *err);
/* "KEY=VALUE" with %{size} and %% replaced, in text. */
int update_expand(const struct update *update, const char *word, struct pvk_buf *text,
		  struct pvk_err *err);

/* update_run.c: an exit status. */
int update_run(struct cli *cli, struct update *update);
/* The report, as a table or JSON; handed_over: the rest of it is pvkit-update's. */
int update_report(const struct cli *cli, const struct update *update, bool handed_over);

/* "12.5 MiB"; text has room for 32 bytes. */
const char *update_size(uint64_t bytes, char text[32]);

#endif /* PVKIT_UPDATE_H */
