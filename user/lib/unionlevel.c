// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "unionlevel.h"

void pvk_union_usage_of(const struct statvfs *fs, struct pvk_union_usage *usage)
{
	usage->size = (uint64_t)fs->f_blocks * fs->f_frsize;
	usage->used = (uint64_t)(fs->f_blocks - fs->f_bfree) * fs->f_frsize;
	usage->files = fs->f_files;
	usage->files_used = fs->f_files - fs->f_ffree;
}

unsigned int pvk_union_percent(const struct pvk_union_usage *usage)
{
	uint64_t bytes = usage->size ? usage->used * 100 / usage->size : 0;
	uint64_t files = usage->files ? usage->files_used * 100 / usage->files : 0;

	return (unsigned int)(bytes > files ? bytes : files);
}

enum pvk_union_level pvk_union_level_next(enum pvk_union_level before, unsigned int percent)
{
	static const unsigned int begins[PVK_UNION_LEVELS] = {
		[PVK_UNION_WARNING] = PVK_UNION_WARN, [PVK_UNION_CRITICAL] = PVK_UNION_ALARM,
	};
	int level;

	for (level = PVK_UNION_CRITICAL; level > PVK_UNION_OK; level--) {
		unsigned int calm = (int)before >= level ? PVK_UNION_CALM : 0;

		if (percent >= begins[level] - calm)
			break;
	}
	return (enum pvk_union_level)level;
}

const char *pvk_union_level_name(enum pvk_union_level level)
{
	static const char *const names[PVK_UNION_LEVELS] = {
		[PVK_UNION_OK] = "ok",
		[PVK_UNION_WARNING] = "warning",
		[PVK_UNION_CRITICAL] = "critical",
	};

	return pvk_name_of(names, PVK_UNION_LEVELS, level);
}

int pvk_union_state_write(int dirfd, const struct pvk_union_state *state)
{
	const struct pvk_union_usage *usage = &state->usage;
	char text[320];
	int len;

	len = snprintf(text, sizeof(text), "{\"level\":\"%s\",\"generation\":%u,"
		       "\"uptime_ms\":%llu,\"size\":%llu,\"used\":%llu,\"inodes\":%llu,"
		       "\"inodes_used\":%llu}\n", pvk_union_level_name(state->level),
		       state->generation, (unsigned long long)state->uptime_ms,
		       (unsigned long long)usage->size, (unsigned long long)usage->used,
		       (unsigned long long)usage->files, (unsigned long long)usage->files_used);
	return pvk_replace_file(dirfd, PVK_UNION_LEVEL_FILE, ".new", text, (size_t)len, 0644);
}
