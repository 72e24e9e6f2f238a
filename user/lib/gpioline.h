/* SPDX-License-Identifier: MIT */
/*
 * gpioline - the level of a GPIO line, read once
 *
 * Some boards choose what to boot by a strap or a button: read, and never written.
 * The kernel's character device (its second version, Linux 5.10) is asked; the line
 * is taken as an input for no longer than that, and its bias stays as it is.
 */
#ifndef PVK_GPIOLINE_H
#define PVK_GPIOLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "util.h"

#define PVK_GPIO_NAME_MAX	31	/* of a chip, its label, a line: the kernel's */

/*
 * The chip by its device ("gpiochip0", "/dev/gpiochip0") or label; "" with a line's
 * name: any. The line by its number, or by name if that is not empty.
 */
struct pvk_gpioline {
	const char *chip;
	const char *name;		/* NULL or "": by number */
	uint32_t line;
	bool active_low;
};

/*
 * 1: active, 0: not. -ENODEV: no such chip, -ENOENT: no such line, -ENOTUNIQ:
 * several lines of that name, -EBUSY: somebody has the line, each with a text.
 * dev: "/dev"
 */
int pvk_gpioline_read(const struct pvk_gpioline *line, const char *dev, struct pvk_err *err);

#endif /* PVK_GPIOLINE_H */
