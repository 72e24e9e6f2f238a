// SPDX-License-Identifier: MIT
/*
 * The reader of the log format: whatever a medium holds, it ends, stays within its
 * buffer, and what is not a log becomes one by force. The first byte chooses the
 * medium; its upper bit puts the checksums right, so that what they guard is reached.
 */
#include "../lib/bootlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sim media[] = {
	{ .size = 16, .write = 1 },
	{ .size = 64, .write = 4 },
	{ .size = 600, .write = 1 },
	{ .size = 512, .erase = 512, .write = 1, .bitwise = true },
	{ .size = 4096, .erase = 512, .write = 1, .bitwise = true },
	{ .size = 2048, .erase = 1024, .write = 8 },
	{ .size = 4096, .erase = 1024, .write = 512 },
};

#define N_MEDIA	(sizeof(media) / sizeof(*media))

static void mend_copies(struct bootlog *log)
{
	struct pvb_log_copy copy;
	uint8_t *p = log->sim.now.bytes;
	unsigned int i;

	pvb_log_copy_layout(&log->store.medium, &copy);
	for (i = 0; i < 2; i++, p += copy.size)
		pvb_log_copy_finish(&copy, p, pvb_log_copy_seq(&copy, p));
}

static void mend_record(struct bootlog *log, uint32_t at)
{
	uint32_t room = log->sim.size - at;
	uint8_t *p = log->sim.now.bytes + at;
	uint32_t len = pvb_get16(p + 2);

	if (pvb_get16(p) != PVB_LOG_RECORD_MARK || len > room - PVB_LOG_HEAD)
		return;
	pvb_put32(p + 8, pvb_crc32(0, p + PVB_LOG_HEAD, len));
	pvb_put32(p + 12, pvb_log_head_crc(&log->store.medium, at, p));
}

static void mend_flash(struct bootlog *log)
{
	uint32_t at, slot = pvb_log_slot_size(&log->store.medium);
	uint8_t *bytes = log->sim.now.bytes;

	for (at = 0; at + slot <= log->sim.size; at += slot) {
		if (!memcmp(bytes + at, pvb_log_magic(), 8))
			pvb_put32(bytes + at + 28, pvb_crc32(0, bytes + at, 28));
		mend_record(log, at);
	}
}

static void check_text(const char *text, size_t size, bool set)
{
	size_t len = strnlen(text, size);

	if (len == size || (set && !len))
		__builtin_trap();
}

static void check_flags(const struct pvb_flags *flags)
{
	if (flags->has & ~PVB_ALL_FIELDS || flags->slot >= PVB_SLOTS_MAX ||
	    flags->successful > 1 || flags->armed > 1)
		__builtin_trap();
	check_text(flags->mode, sizeof(flags->mode), flags->has & PVB_HAS(PVB_MODE));
	check_text(flags->reason, sizeof(flags->reason), flags->has & PVB_HAS(PVB_REASON));
	check_text(flags->phase, sizeof(flags->phase), flags->has & PVB_HAS(PVB_PHASE));
}

static void check_medium(struct bootlog *log)
{
	struct pvb_flags flags, got;
	int ret = bootlog_read(log, &flags), found = ret;

	if (log->sim.programs || log->sim.erases)
		__builtin_trap();
	if (!ret)
		check_flags(&flags);
	flags.has &= pvb_log_fields(&log->store);
	ret = bootlog_write(log, &flags, true);
	if (ret && ret != -PVB_ENOSPC)
		__builtin_trap();
	/* a log that was made up may hold records with any numbers */
	if (!ret && (bootlog_read(log, &got) || !bootlog_same(&flags, &got)) && found)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bootlog log;

	if (!size)
		return 0;
	bootlog_init(&log, &media[(data[0] & 0x7f) % N_MEDIA], 0xff);
	size = size - 1 < log.sim.size ? size - 1 : log.sim.size;
	memcpy(log.sim.now.bytes, data + 1, size);
	if (data[0] & 0x80 && log.sim.erase)
		mend_flash(&log);
	else if (data[0] & 0x80)
		mend_copies(&log);
	check_medium(&log);
	bootlog_free(&log);
	return 0;
}
