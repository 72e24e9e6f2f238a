/* SPDX-License-Identifier: MIT */
/*
 * progress - how far the writing is, for people: a bar on a terminal, now and then a line
 * elsewhere
 */
#ifndef UPDATE_PROGRESS_H
#define UPDATE_PROGRESS_H

#include "write.h"

#define PROGRESS_TEXT	160

struct progress {
	int fd;
	bool terminal;
	bool open;		/* a line that is drawn again and again */
	uint64_t shown_ms;
};

void progress_init(struct progress *progress, int fd);
/* On the console, which is never waited for: one that heard an XOFF would hold up the writing. */
void progress_console(struct progress *progress);
void progress_show(struct progress *progress, const struct plan *plan,
		   const struct write_progress *now);
/* A line of its own. What can't be written (the terminal is gone) is lost. */
void progress_line(struct progress *progress, const char *line);

/* "write 1/2 mtd3 45 % of 5.0 MiB, 1.2 MiB/s, 0:04 left" */
const char *progress_text(const struct plan *plan, const struct write_progress *now,
			  char text[PROGRESS_TEXT]);

#endif /* UPDATE_PROGRESS_H */
