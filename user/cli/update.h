/* SPDX-License-Identifier: MIT */
/*
 * update - what is looked at before the running system is updated in place
 *
 * Each check is a function, and says its text where it knows the cause. A check that fails
 * does not keep the others from being made: one run tells of everything.
 */
#ifndef PVKIT_UPDATE_H
#define PVKIT_UPDATE_H

#include "cli.h"
#include "sha256.h"
#include "stage.h"
#include "target.h"
#include "updateconf.h"

#define UPDATE_IMAGES_MAX	16
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
	bool on_root;		/* it would be copied to RAM, too */
	uint64_t size;
};

struct update {
	struct update_image image[UPDATE_IMAGES_MAX];
	size_t images;
	const char *key;	/* NULL: signatures are not checked */
	const char *config;
	struct update_check check[UPDATE_CHECKS_MAX];
	size_t checks;
	bool failed;
	struct pvk_stage_plan plan;
	struct pvk_stage_room room;
};

/* The text has a newline for each further line; it is copied. */
void update_note(struct update *update, const char *name, const char *subject,
		 enum update_result result, const char *fmt, ...) PVK_PRINTF(5, 6);
void update_free(struct update *update);

void update_check_images(struct update *update);
void update_check_watchdog(struct update *update);
/* What is copied to RAM: whether it is all there, fits, and runs. */
void update_check_stage(struct update *update);

/* "12.5 MiB"; text has room for 32 bytes. */
const char *update_size(uint64_t bytes, char text[32]);

#endif /* PVKIT_UPDATE_H */
