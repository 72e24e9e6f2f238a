// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ldcache.h"
#include "rootpath.h"

#define CACHE_MAX	(8u << 20)
#define OLD_MAGIC	"ld.so-1.7.0"
#define OLD_HEADER	16
#define OLD_ENTRY	12
#define MAGIC		"glibc-ld.so.cache1.1"

/* Numbers are in this machine's byte order. */
struct header {
	char magic[sizeof(MAGIC) - 1];
	uint32_t count;
	uint32_t strings;	/* bytes of texts */
	uint32_t order;
	uint32_t extension;
	uint32_t unused[3];
};

struct entry {
	int32_t flags;
	uint32_t name;
	uint32_t path;
	uint32_t os;
	uint32_t hwcap[2];
};

_Static_assert(sizeof(struct header) == 48 && sizeof(struct entry) == 24, "ld.so.cache");

static bool has_magic(const char *data, size_t len, const char *magic)
{
	return len >= strlen(magic) && !memcmp(data, magic, strlen(magic));
}

/* Where the newer one begins. It is aligned as the processor aligns 64 bits. */
static size_t find_base(const char *data, size_t len)
{
	uint32_t count;
	size_t at, align;

	if (!has_magic(data, len, OLD_MAGIC) || len < OLD_HEADER)
		return 0;
	memcpy(&count, data + OLD_HEADER - sizeof(count), sizeof(count));
	if (count > len / OLD_ENTRY)
		return len;
	for (align = 8; align >= 4; align /= 2) {
		at = (OLD_HEADER + (size_t)count * OLD_ENTRY + align - 1) / align * align;
		if (at < len && has_magic(data + at, len - at, MAGIC))
			return at;
	}
	return len;
}

static struct entry entry_at(const struct pvk_ldcache *cache, uint32_t i)
{
	struct entry entry;

	memcpy(&entry, cache->base + sizeof(struct header) + i * sizeof(entry), sizeof(entry));
	return entry;
}

static const char *text_at(const struct pvk_ldcache *cache, uint32_t at)
{
	return at < cache->len && memchr(cache->base + at, '\0', cache->len - at) ?
	       cache->base + at : NULL;
}

int pvk_ldcache_parse(struct pvk_ldcache *cache, char *data, size_t len)
{
	size_t base = find_base(data, len);
	struct header header;

	*cache = (struct pvk_ldcache){ 0 };
	if (!has_magic(data + base, len - base, MAGIC) || len - base < sizeof(header))
		goto bad;
	memcpy(&header, data + base, sizeof(header));
	if (header.count > (len - base - sizeof(header)) / sizeof(struct entry))
		goto bad;
	*cache = (struct pvk_ldcache){ data, data + base, len - base, header.count };
	return 0;
bad:
	free(data);
	return -EBADMSG;
}

int pvk_ldcache_read(struct pvk_ldcache *cache, int root)
{
	pvk_auto_close int fd = pvk_root_open(root, PVK_LDCACHE_PATH, O_RDONLY | O_NONBLOCK);
	char *data;
	size_t len;
	int ret;

	if (fd < 0)
		return fd;
	ret = pvk_read_fd(fd, CACHE_MAX, &data, &len);
	return ret ? ret : pvk_ldcache_parse(cache, data, len);
}

void pvk_ldcache_free(struct pvk_ldcache *cache)
{
	free(cache->data);
	*cache = (struct pvk_ldcache){ 0 };
}

/* Its name and path, or false for one that is passed over. */
static bool usable(const struct pvk_ldcache *cache, const struct entry *entry,
		   const char **name, const char **path)
{
	*name = text_at(cache, entry->name);
	*path = text_at(cache, entry->path);
	return *name && *path && **path == '/' && !entry->hwcap[0] && !entry->hwcap[1];
}

const char *pvk_ldcache_next(const struct pvk_ldcache *cache, const char *name, uint32_t *at)
{
	const char *found, *path;
	struct entry entry;

	while (*at < cache->count) {
		entry = entry_at(cache, (*at)++);
		if (usable(cache, &entry, &found, &path) && !strcmp(found, name))
			return path;
	}
	return NULL;
}

int pvk_ldcache_filter(const struct pvk_ldcache *cache,
		       bool (*wanted)(void *arg, const char *path), void *arg,
		       struct pvk_buf *out)
{
	pvk_auto_buf struct pvk_buf entries = PVK_BUF_INIT(out->max);
	pvk_auto_buf struct pvk_buf texts = PVK_BUF_INIT(out->max);
	const char *name, *path;
	struct header header;
	struct entry entry;
	uint32_t i, kept = 0, texts_at;

	for (i = 0; i < cache->count; i++) {
		entry = entry_at(cache, i);
		if (!usable(cache, &entry, &name, &path) || !wanted(arg, path))
			continue;
		kept++;
		entry.name = (uint32_t)texts.len;
		pvk_buf_add(&texts, name, strlen(name) + 1);
		entry.path = (uint32_t)texts.len;
		pvk_buf_add(&texts, path, strlen(path) + 1);
		pvk_buf_add(&entries, &entry, sizeof(entry));
	}
	memcpy(&header, cache->base, sizeof(header));
	header.count = kept;
	header.strings = (uint32_t)texts.len;
	header.extension = 0;
	texts_at = (uint32_t)(sizeof(header) + entries.len);
	for (i = 0; !entries.err && i < kept; i++) {
		memcpy(&entry, entries.data + i * sizeof(entry), sizeof(entry));
		entry.name += texts_at;
		entry.path += texts_at;
		memcpy(entries.data + i * sizeof(entry), &entry, sizeof(entry));
	}
	pvk_buf_add(out, &header, sizeof(header));
	if (kept) {
		pvk_buf_add(out, entries.data, entries.len);
		pvk_buf_add(out, texts.data, texts.len);
	}
	return entries.err ? entries.err : texts.err ? texts.err : out->err;
}
