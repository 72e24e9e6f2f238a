// SPDX-License-Identifier: MIT
/*
 * The formats speak the kernel's errors in the kernel, whatever numbers it has: MIPS,
 * PA-RISC, SPARC and Alpha have their own, and a driver of flash returns those.
 */
#include "ktap.h"
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* as on MIPS */
#undef EBADMSG
#undef EOPNOTSUPP
#undef EMEDIUMTYPE
#define EBADMSG		77
#define EOPNOTSUPP	122
#define EMEDIUMTYPE	160

#define __KERNEL__
#include <pvkit/format.h>

int main(void)
{
	ktap_plan(3);
	ktap_eq(PVB_EBADMSG, 77, "a page of flash that is lost");
	ktap_eq(PVB_EOPNOTSUPP, 122, "a field that a format lacks");
	ktap_eq(PVB_EMEDIUMTYPE, 160, "what is foreign");
	return ktap_finish();
}
