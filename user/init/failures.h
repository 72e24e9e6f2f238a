/* SPDX-License-Identifier: MIT */
/*
 * failures - boots in a row that came to nothing, counted in a boot flag
 *
 * One that can't hand over to an init counts. A boot that hands over sets the count back,
 * and writes nothing where there was none. At the limit the next one goes to recovery
 * or, with failures-then=slot, to the other slot. Both write in a child, and go on without
 * it where the store does not answer: a boot does not hang on its count.
 */
#ifndef INIT_FAILURES_H
#define INIT_FAILURES_H

#include "conf.h"
#include "flagsource.h"

struct failures {
	const struct pvk_flagsource *source;	/* NULL: there is no store for it */
	unsigned int count;			/* as it is now */
	long wait_ms;				/* at most, for the store */
};

void failures_find(struct failures *failures, const struct pvk_flagsources *sources,
		   const struct conf *conf);
bool failures_reached(const struct failures *failures, const struct conf *conf);
/* This one failed, for that reason. */
void failures_add(struct failures *failures, const struct conf *conf,
		  const struct pvk_flagconf *flagconf, const char *reason);
/*
 * It did not. forced: it is recovery because of the count, which then says that one more
 * failure is one too many: the next boot tries what is normal once.
 */
void failures_clear(struct failures *failures, const struct conf *conf,
		    const struct pvk_flagconf *flagconf, bool forced);

#endif /* INIT_FAILURES_H */
