/* SPDX-License-Identifier: MIT */
/*
 * decide - normal, ota, recovery, resume or rescue, and why
 */
#ifndef INIT_DECIDE_H
#define INIT_DECIDE_H

#include "conf.h"
#include "failures.h"
#include "flagsource.h"

struct decision {
	enum boot_way way;
	struct boot_conf boot;
	bool by_failures;
	char why[512];			/* "by rtc (mode=recovery); cmdline says nothing" */
};

void decide(struct decision *decision, const struct conf *conf,
	    const struct pvk_flagsources *sources, const struct failures *failures);

#endif /* INIT_DECIDE_H */
