// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "progress.h"

#define BAR		20
#define LOG_MS		10000	/* between the lines of a log */

/* "5.0 MiB"; without floating point, which a small program does not have. */
static void put_bytes(char *text, size_t size, uint64_t bytes)
{
	if (bytes < 10 * 1024)
		snprintf(text, size, "%" PRIu64 " bytes", bytes);
	else if (bytes < 10 * 1024 * 1024)
		snprintf(text, size, "%" PRIu64 " KiB", bytes / 1024);
	else
		snprintf(text, size, "%" PRIu64 ".%u MiB", bytes >> 20,
			 (unsigned int)((bytes & ((1 << 20) - 1)) * 10 >> 20));
}

static unsigned int part_of(const struct write_progress *now, unsigned int whole)
{
	uint64_t done = now->done, total = now->total;

	if (done >= total)
		return whole;
	/* Of a large disk the hundredfold may be more than 64 bits. */
	for (; total > UINT32_MAX; total >>= 1)
		done >>= 1;
	return (unsigned int)(done * whole / total);
}

static uint64_t rate(const struct write_progress *now)
{
	uint64_t ms = now->now_ms - now->began_ms;

	return ms ? (now->done - now->began_at) * 1000 / ms : 0;
}

static size_t put_rate(char *text, size_t size, const struct write_progress *now)
{
	uint64_t bytes = rate(now), left;
	char number[32];
	int len;

	if (!bytes)
		return 0;
	put_bytes(number, sizeof(number), bytes);
	left = (now->total - now->done) / bytes;
	if (now->done < now->total)
		len = snprintf(text, size, ", %s/s, %" PRIu64 ":%02u left", number, left / 60,
			       (unsigned int)(left % 60));
	else
		len = snprintf(text, size, ", %s/s", number);
	return (size_t)len;
}

const char *progress_text(const struct plan *plan, const struct write_progress *now,
			  char text[PROGRESS_TEXT])
{
	char total[32];
	int len;

	put_bytes(total, sizeof(total), now->total);
	len = snprintf(text, PROGRESS_TEXT, "%s %zu/%zu %.64s %u %% of %s",
		       write_step_name(now->step), now->image + 1, plan->images, now->device,
		       part_of(now, 100), total);
	put_rate(text + len, PROGRESS_TEXT - (size_t)len, now);
	return text;
}

void progress_init(struct progress *progress, int fd)
{
	*progress = (struct progress){ .fd = fd, .terminal = isatty(fd) };
}

void progress_console(struct progress *progress)
{
	progress_init(progress, open("/dev/console", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

static void put(struct progress *progress, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;

	while (len) {
		n = write(progress->fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void show_bar(struct progress *progress, const char *text,
		     const struct write_progress *now)
{
	unsigned int full = part_of(now, BAR), i;
	bool end = now->done == now->total;
	char line[PROGRESS_TEXT + BAR + 16], bar[BAR + 1];

	for (i = 0; i < BAR; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR] = '\0';
	snprintf(line, sizeof(line), "\r[%s] %s\033[K%s", bar, text, end ? "\n" : "");
	put(progress, line);
	progress->open = !end;
}

void progress_show(struct progress *progress, const struct plan *plan,
		   const struct write_progress *now)
{
	char text[PROGRESS_TEXT];

	progress_text(plan, now, text);
	if (progress->terminal) {
		show_bar(progress, text, now);
		return;
	}
	if (now->done < now->total && (now->now_ms - now->began_ms < LOG_MS ||
				       now->now_ms - progress->shown_ms < LOG_MS))
		return;
	progress->shown_ms = now->now_ms;
	progress_line(progress, text);
}

void progress_line(struct progress *progress, const char *line)
{
	char text[512];

	snprintf(text, sizeof(text), "%s%.400s\n", progress->open ? "\n" : "", line);
	progress->open = false;
	put(progress, text);
}
