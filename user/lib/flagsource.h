/* SPDX-License-Identifier: MIT */
/*
 * flagsource - every way to hold a boot flag as one list
 *
 * The kernel's stores, the U-Boot environment, the kernel's command line and the
 * levels of GPIO lines: each is a `struct pvk_store` with the same fields, states
 * and guarantees, in the configured order of precedence. So whoever shows, sets or
 * explains flags need not know which is which.
 *
 * A source that can't be read is no failure of the list: its state says so.
 */
#ifndef PVK_FLAGSOURCE_H
#define PVK_FLAGSOURCE_H

#include "bootflag.h"
#include "flagconf.h"

enum pvk_source_kind {
	PVK_SOURCE_KERNEL,
	PVK_SOURCE_UBOOT_ENV,
	PVK_SOURCE_CMDLINE,
	PVK_SOURCE_GPIO,
};

struct pvk_flagsource {
	enum pvk_source_kind kind;
	bool writable;
	/*
	 * As the kernel tells of its own. Of the others: medium is what they are,
	 * format is "", boot is what this boot found, spec is where they are.
	 */
	struct pvk_store store;
};

struct pvk_flagsources {
	struct pvk_flagsource *item;	/* what counts more comes first */
	size_t count;
	bool torn;			/* as in struct pvk_stores */
};

/* bf NULL: pv_bootflag is not in the kernel, the others are listed. */
int pvk_flagsources_read(struct pvk_flagsources *list, const struct pvk_flagconf *conf,
			 struct pvk_bf *bf, struct pvk_err *err);
/*
 * One store of the kernel alone: nobody waits for another source, as for the lock of the
 * U-Boot environment. Empty if there is none of that name.
 */
int pvk_flagsources_read_store(struct pvk_flagsources *list, struct pvk_bf *bf,
			       const char *name, struct pvk_err *err);
void pvk_flagsources_free(struct pvk_flagsources *list);
struct pvk_flagsource *pvk_flagsource_find(const struct pvk_flagsources *list, const char *name);
/* The first that can be written and holds all of these fields; NULL if none does. */
struct pvk_flagsource *pvk_flagsource_for(const struct pvk_flagsources *list, uint32_t fields);
/* "mtd log", "U-Boot environment", ... */
const char *pvk_flagsource_kind(const struct pvk_flagsource *source, char *text, size_t size);
/* Is the word a name that no store may have: one of a source, or of several. */
bool pvk_flagsource_reserved(const char *name);

/*
 * Waits for the outcome. What is worth a word goes to warnings (may be NULL). The
 * source is as it was listed; -EROFS if it can't be written, -EOPNOTSUPP if it lacks a
 * field, both with the field or source named.
 */
int pvk_flagsource_set(const struct pvk_flagsource *source, const struct pvk_flagconf *conf,
		       struct pvk_bf *bf, const struct pvk_change *change, int timeout_ms,
		       struct pvk_list *warnings, struct pvk_err *err);

/* Why a source has, or has not, decided a field of this boot. */
enum pvk_verdict {
	PVK_VERDICT_WON,
	PVK_VERDICT_LOWER,		/* it says something, but one before it did too */
	PVK_VERDICT_UNSET,
	PVK_VERDICT_NOT_OFFERED,
	PVK_VERDICT_ABSENT,
	PVK_VERDICT_EMPTY,
	PVK_VERDICT_FOREIGN,
	PVK_VERDICT_BROKEN,
	PVK_VERDICT_FAILED,
};

/* The source whose value counts, NULL if none has one. boot: at boot, else by now. */
const struct pvk_flagsource *pvk_flagsources_winner(const struct pvk_flagsources *list,
						    unsigned int field, bool boot);
enum pvk_verdict pvk_flagsource_verdict(const struct pvk_flagsources *list,
					const struct pvk_flagsource *source, unsigned int field);
/* "won", "lower", "unset", ...: for programs. */
const char *pvk_verdict_name(enum pvk_verdict verdict);
/* For people: "foreign: its medium holds what is not log's". */
const char *pvk_verdict_text(const struct pvk_flagsources *list,
			     const struct pvk_flagsource *source, unsigned int field,
			     struct pvk_buf *buf);

#endif /* PVK_FLAGSOURCE_H */
