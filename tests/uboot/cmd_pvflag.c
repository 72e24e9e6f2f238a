// SPDX-License-Identifier: MIT
/*
 * A bootloader that reads boot flags: one command for U-Boot, which scripts/uboot
 * compiles into it from the headers of include/pvkit alone.
 *
 *   pvflag FORMAT ADDRESS SIZE ERASE
 *
 * reads memory-mapped NOR flash, or with ERASE 0 bytes that are rewritten in place,
 * prints what is set, and sets pv_mode, pv_slot, pv_tries and pv_successful, or
 * unsets them, for the scripts that choose what to boot. It writes nothing.
 */
#include <common.h>
#include <command.h>
#include <env.h>
#include <mapmem.h>
#include <vsprintf.h>

#include <pvkit/bcb.h>
#include <pvkit/log.h>


static int flash_read_at(void *arg, uint32_t at, void *buf, uint32_t len)
{
	memcpy(buf, (const uint8_t *)arg + at, len);
	return 0;
}

static void tell_number(const struct pvb_flags *flags, int field, const char *name, ulong value)
{
	char variable[16];

	snprintf(variable, sizeof(variable), "pv_%s", name);
	if (flags->has & PVB_HAS(field)) {
		printf("pvflag: %s %lu\n", name, value);
		env_set_ulong(variable, value);
	} else {
		env_set(variable, NULL);
	}
}

static void tell(const struct pvb_flags *flags)
{
	bool mode = flags->has & PVB_HAS(PVB_MODE);

	if (mode)
		printf("pvflag: mode %s\n", flags->mode);
	env_set("pv_mode", mode ? flags->mode : NULL);
	if (flags->has & PVB_HAS(PVB_REASON))
		printf("pvflag: reason %s\n", flags->reason);
	tell_number(flags, PVB_SLOT, "slot", flags->slot);
	tell_number(flags, PVB_TRIES, "tries", flags->tries);
	tell_number(flags, PVB_SUCCESSFUL, "successful", flags->successful);
}

typedef int read_fn(struct pvb_store *store, struct pvb_flags *flags);

/* Of a log only the reader is compiled in: what writes is in log_write.h. */
static read_fn *find_format(const char *name)
{
	return !strcmp(name, "log") ? pvb_log_read : !strcmp(name, "bcb") ? pvb_bcb_read : NULL;
}

static int do_pvflag(struct cmd_tbl *cmdtp, int flag, int argc, char *const argv[])
{
	static uint8_t work[1024];
	struct pvb_store store = { .work = work, .work_size = sizeof(work) };
	read_fn *read = argc == 5 ? find_format(argv[1]) : NULL;
	struct pvb_flags flags;
	int ret;

	if (!read)
		return CMD_RET_USAGE;
	store.medium.arg = map_sysmem(hextoul(argv[2], NULL), 0);
	store.medium.size = hextoul(argv[3], NULL);
	store.medium.erase = hextoul(argv[4], NULL);
	store.medium.write = 1;
	store.medium.bitwise = true;
	store.medium.read = flash_read_at;
	ret = read(&store, &flags);
	if (ret) {
		printf("pvflag: %s (%d)\n", ret == -PVB_ENODATA ? "nothing is set" :
		       ret == -PVB_EMEDIUMTYPE ? "something else is there" : "can't be read", ret);
		return CMD_RET_FAILURE;
	}
	tell(&flags);
	return CMD_RET_SUCCESS;
}

U_BOOT_CMD(pvflag, 5, 0, do_pvflag, "read pvkit's boot flags",
	   "FORMAT ADDRESS SIZE ERASE - FORMAT is log or bcb; numbers are hexadecimal");
