// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "kmsg.h"
#include "modline.h"

/* The kernel's limit of a record with all that it adds. */
#define RECORD_MAX	8192
/* A machine that says more than this meanwhile has other troubles. */
#define RECORDS_MAX	512
#define SYMBOLS_SAID	3

struct seen {
	const char *module;
	int error;
	struct pvk_list *warnings;
	struct pvk_buf text;	/* the reason */
	unsigned int symbols;
};

int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void kmsg_mark(int fd)
{
	if (fd >= 0)
		(void)lseek(fd, 0, SEEK_END);
}

/* What follows prefix in text, or NULL. */
static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) ? NULL : text + len;
}

static void reason(struct seen *seen, const char *text)
{
	if (!seen->text.len)
		pvk_buf_puts(&seen->text, text);
}

/* "NAME (err -2)" */
static void unknown_symbol(struct seen *seen, const char *at)
{
	int len = (int)strcspn(at, " ");

	/* Why it is unknown was said in the line before. */
	if (seen->text.len && !seen->symbols)
		return;
	seen->symbols++;
	if (seen->symbols == 1)
		pvk_buf_printf(&seen->text, "unknown symbol %.*s", len, at);
	else if (seen->symbols <= SYMBOLS_SAID)
		pvk_buf_printf(&seen->text, ", %.*s", len, at);
}

/* "VALUE' invalid for parameter `NAME'", or "too large for" */
static void bad_parameter(struct seen *seen, const char *text)
{
	static const char *const what[] = {
		"' invalid for parameter `", "' too large for parameter `",
	};
	char line[512];
	const char *at = NULL;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(what) && !at; i++)
		at = strstr(text, what[i]);
	if (!at)
		return;
	i--;
	snprintf(line, sizeof(line), "parameter %.*s: \"%.*s\" is %s",
		 (int)strcspn(at + strlen(what[i]), "'"), at + strlen(what[i]),
		 (int)(at - text), text, i ? "too large" : "invalid");
	reason(seen, line);
}

static void other_version(struct seen *seen, const char *at)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "built for another kernel (symbol %.128s is of another version)", at);
	reason(seen, line);
}

static void other_kernel(struct seen *seen, const char *at)
{
	char line[512];

	snprintf(line, sizeof(line), "built for another kernel (version magic %.300s)", at);
	reason(seen, line);
}

static void unknown_parameter(struct seen *seen, const char *at)
{
	pvk_list_warn(seen->warnings, "%s: the kernel knows no parameter \"%.*s\"", seen->module,
		      (int)strcspn(at, "'"), at);
}

static void line_of_module(struct seen *seen, const char *text)
{
	static const struct {
		const char *prefix;
		void (*fn)(struct seen *seen, const char *at);
	} lines[] = {
		{ "Unknown symbol ", unknown_symbol },
		{ "disagrees about version of symbol ", other_version },
		{ "version magic ", other_kernel },
		{ "unknown parameter '", unknown_parameter },
		{ "`", bad_parameter },
	};
	const char *at;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(lines); i++) {
		at = after(text, lines[i].prefix);
		if (at)
			lines[i].fn(seen, at);
	}
}

/*
 * Of the signature, without a name. Another module may have been refused at
 * the same time, but then for such a reason as well: the errno is ours.
 */
static void line_without_name(struct seen *seen, const char *text)
{
	static const struct {
		int error;
		const char *line, *reason;
	} lines[] = {
		{ EKEYREJECTED, "Loading of unsigned module is rejected",
		  "not signed, and the kernel takes signed modules only" },
		{ EKEYREJECTED, "Loading of module with unavailable key is rejected",
		  "signed with a key that the kernel does not have" },
		{ EKEYREJECTED, "Loading of module with unsupported crypto is rejected",
		  "signed in a way that the kernel does not know" },
		{ EPERM, "Lockdown: pvkitd-worker: unsigned module loading is restricted",
		  "not signed with a key that the kernel has, and the kernel is locked down" },
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(lines); i++)
		if (seen->error == lines[i].error && after(text, lines[i].line))
			reason(seen, lines[i].reason);
}

/* "PRIORITY,NUMBER,TIME,FLAGS[,...];TEXT\n KEY=VALUE..." */
static void record(struct seen *seen, char *text)
{
	char name[PVK_MODULE_NAME_MAX + 2];
	const char *colon;

	text = strchr(text, ';');
	if (!text++)
		return;
	text[strcspn(text, "\n")] = '\0';
	colon = strstr(text, ": ");
	if (colon && (size_t)(colon - text) < sizeof(name)) {
		snprintf(name, sizeof(name), "%.*s", (int)(colon - text), text);
		if (pvk_dash_equal(name, seen->module)) {
			line_of_module(seen, colon + 2);
			return;
		}
	}
	line_without_name(seen, text);
}

static void read_records(int fd, struct seen *seen)
{
	char buf[RECORD_MAX + 1];
	unsigned int i;
	ssize_t n;

	for (i = 0; i < RECORDS_MAX; i++) {
		n = read(fd, buf, RECORD_MAX);
		/* EPIPE: some were overwritten; it goes on with the oldest that is there. */
		if (n < 0 && (errno == EINTR || errno == EPIPE))
			continue;
		if (n <= 0)
			return;
		buf[n] = '\0';
		record(seen, buf);
	}
}

bool kmsg_reason(int fd, const char *module, int error, char *text, size_t size,
		 struct pvk_list *warnings)
{
	struct seen seen = {
		.module = module,
		.error = error,
		.warnings = warnings,
		.text = PVK_BUF_INIT(size ? size - 1 : 0),
	};
	bool found;

	if (fd < 0)
		return false;
	read_records(fd, &seen);
	if (seen.symbols > SYMBOLS_SAID)
		pvk_buf_printf(&seen.text, " and %u more", seen.symbols - SYMBOLS_SAID);
	/* A signature is looked at first of all: nothing else was wrong then. */
	if (!seen.text.len && (error == EKEYREJECTED || error == EBADMSG))
		reason(&seen, "bad signature");
	found = error && seen.text.len;
	if (found)
		snprintf(text, size, "%s", pvk_buf_str(&seen.text));
	pvk_buf_free(&seen.text);
	return found;
}
