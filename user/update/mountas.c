// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "mountas.h"
#include "util.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW	256	/* Linux 5.10 */
#endif

struct flag_word {
	const char *word;
	unsigned long flag;
};

static const struct flag_word of_mount[] = {
	{ "ro", MS_RDONLY }, { "nosuid", MS_NOSUID }, { "nodev", MS_NODEV },
	{ "noexec", MS_NOEXEC }, { "noatime", MS_NOATIME }, { "nodiratime", MS_NODIRATIME },
	{ "relatime", MS_RELATIME }, { "nosymfollow", MS_NOSYMFOLLOW },
};

static const struct flag_word of_fs[] = {
	{ "ro", MS_RDONLY }, { "sync", MS_SYNCHRONOUS }, { "dirsync", MS_DIRSYNC },
	{ "mand", MS_MANDLOCK }, { "lazytime", MS_LAZYTIME },
};

/* Those that no mount(2) takes: SELinux says by it that labels are kept on the medium. */
static const char *const shown_only[] = { "rw", "seclabel" };

/* Of this type only: the volume, which is the source. */
static const char *const shown_by_ubifs[] = { "ubi=", "vol=" };

bool mountas_has(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (; words; words = strchr(words, ',')) {
		words += *words == ',';
		if (!strncmp(words, word, len) && (!words[len] || words[len] == ','))
			return true;
	}
	return false;
}

static unsigned long flags_in(const char *words, const struct flag_word *flags, size_t n)
{
	unsigned long found = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (mountas_has(words, flags[i].word))
			found |= flags[i].flag;
	return found;
}

unsigned long mountas_flags(const struct pvk_mount *mount)
{
	unsigned long flags = flags_in(mount->how, of_mount, PVK_ARRAY_SIZE(of_mount));

	/* Of the three ways to keep times of access the one that has no word. */
	return flags & (MS_NOATIME | MS_RELATIME) ? flags : flags | MS_STRICTATIME;
}

unsigned long mountas_fs_flags(const struct pvk_mount *mount)
{
	return flags_in(mount->options, of_fs, PVK_ARRAY_SIZE(of_fs));
}

static bool is_word(const char *at, size_t len, const char *word)
{
	return strlen(word) == len && !strncmp(at, word, len);
}

static bool is_data(const struct pvk_mount *mount, const char *at, size_t len)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(of_fs); i++)
		if (is_word(at, len, of_fs[i].word))
			return false;
	for (i = 0; i < PVK_ARRAY_SIZE(shown_only); i++)
		if (is_word(at, len, shown_only[i]))
			return false;
	for (i = 0; i < PVK_ARRAY_SIZE(shown_by_ubifs) && !strcmp(mount->type, "ubifs"); i++)
		if (!strncmp(at, shown_by_ubifs[i], strlen(shown_by_ubifs[i])))
			return false;
	return len;
}

void mountas_data(const struct pvk_mount *mount, char *data, size_t size)
{
	const char *word = mount->options, *end;
	size_t len = 0;

	data[0] = '\0';
	for (; *word; word = *end ? end + 1 : end) {
		end = strchrnul(word, ',');
		if (!is_data(mount, word, (size_t)(end - word)))
			continue;
		len += (size_t)snprintf(data + len, size - len, "%s%.*s", len ? "," : "",
					(int)(end - word), word);
		if (len >= size) {
			data[0] = '\0';
			return;
		}
	}
	pvk_mountinfo_unescape(data);
}
