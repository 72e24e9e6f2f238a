// SPDX-License-Identifier: GPL-2.0-only
/*
 * A flash that behaves as flash does, and whose power fails when it is told to.
 *
 * NOR: a program clears bits and sets none. NAND: a page is programmed once
 * between erases and in order, else the program fails and is counted in
 * `violations`; blocks may be bad, bits may flip.
 *
 * Power fails after `cut` further steps, a step being a byte programmed or one of
 * `erase_steps` parts of a block erased. With `tear` what was under way at that
 * moment is half done: a byte with some of its bits, a part of a block with some
 * of its old ones; on NAND the ECC of that page is wrong from then on. Nothing
 * works any more until the power comes back: `present` 0, then 1. What it held
 * stays, as on a real one. While `present` is 0 there is no MTD. With `stall` a
 * program or erase does not end before that is taken back.
 *
 * With `address`, of memory that is reserved, it outlives a warm reboot (NOR), but
 * for what the parameters say. A node "pvkit,simflash" of the device tree has the
 * partitions in it, and may name such memory.
 *
 * It takes no time, or what a data sheet says: `page_us` and `erase_us`.
 *
 * All of it is in /sys/module/simflash/parameters; what can't be written there was
 * fixed at insmod. /sys/kernel/debug/simflash is the content, read and written
 * past all rules.
 *
 * /sys/kernel/debug/simflash-power does at once what a cut after the other wants,
 * words in the order in which they are written: `save` remembers the content,
 * `restore` brings it back, `on` is power again, `cut=N` and `tear=N` are the
 * parameters. It reads `on` or `off`.
 */
#include <linux/bitmap.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mtd/mtd.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#define SIM_BLOCKS_MAX	4096
#define SIM_PAGES_MAX	65536
#define SIM_STRENGTH	4
#define SIM_BUFFER	512	/* bytes of a program that `late` is for */
#define SIM_NOR_PAGE	256

static char *name = "simflash";
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "name of the MTD");

static bool nand;
module_param(nand, bool, 0444);
MODULE_PARM_DESC(nand, "it is NAND (NOR)");

static unsigned int blocks = 8;
module_param(blocks, uint, 0444);
MODULE_PARM_DESC(blocks, "erase blocks (8)");

static unsigned int erase = 4096;
module_param(erase, uint, 0444);
MODULE_PARM_DESC(erase, "bytes of an erase block (4096)");

static unsigned int write;
module_param(write, uint, 0444);
MODULE_PARM_DESC(write, "bytes of a write unit (NOR 1, NAND 512)");

static unsigned long long address;
module_param(address, ullong, 0444);
MODULE_PARM_DESC(address, "of reserved memory that holds it (0: it is kept in memory of its own)");

static bool panic_write;
module_param(panic_write, bool, 0444);
MODULE_PARM_DESC(panic_write, "it can be programmed while the kernel panics");

static bool readonly;
module_param(readonly, bool, 0444);
MODULE_PARM_DESC(readonly, "the MTD can't be written");

static unsigned int erase_steps = 8;
module_param(erase_steps, uint, 0644);
MODULE_PARM_DESC(erase_steps, "steps that the erase of a block takes (8)");

static int cut = -1;
module_param(cut, int, 0644);
MODULE_PARM_DESC(cut, "steps until the power fails (-1: it does not)");

static bool tear;
module_param(tear, bool, 0644);
MODULE_PARM_DESC(tear, "what was under way is half done then");

static unsigned int delay_us;
module_param(delay_us, uint, 0644);
MODULE_PARM_DESC(delay_us, "a program or erase takes so long (0)");

static unsigned int page_us;
module_param(page_us, uint, 0644);
MODULE_PARM_DESC(page_us, "each page programmed takes so long (0), 256 bytes on NOR");

static unsigned int erase_us;
module_param(erase_us, uint, 0644);
MODULE_PARM_DESC(erase_us, "each block erased takes so long (0)");

static bool stall;
module_param(stall, bool, 0644);
MODULE_PARM_DESC(stall, "a program or erase hangs");

static int fail_program = -1;
module_param(fail_program, int, 0644);
MODULE_PARM_DESC(fail_program, "block in which programs fail");

static int fail_erase = -1;
module_param(fail_erase, int, 0644);
MODULE_PARM_DESC(fail_erase, "block whose erase fails");

static unsigned int lie;
module_param(lie, uint, 0644);
MODULE_PARM_DESC(lie, "each so many-th program leaves bits as they were and says nothing (0)");

static unsigned int late;
module_param(late, uint, 0644);
MODULE_PARM_DESC(late, "as lie, but it reads once as if it had not (0)");

static int flip_block = -1;
module_param(flip_block, int, 0644);
MODULE_PARM_DESC(flip_block, "NAND: block in which bits flip");

static unsigned int flips;
module_param(flips, uint, 0644);
MODULE_PARM_DESC(flips, "NAND: how many in each page read; over 4 can't be corrected");

static bool dead;
module_param(dead, bool, 0644);
MODULE_PARM_DESC(dead, "the power has failed; 0: it is back, quicker than by present");

static unsigned long reads;
module_param(reads, ulong, 0644);
static unsigned long read_bytes;
module_param(read_bytes, ulong, 0644);
static unsigned long programs;
module_param(programs, ulong, 0644);
static unsigned long program_bytes;
module_param(program_bytes, ulong, 0644);
static unsigned long erases;
module_param(erases, ulong, 0644);
static unsigned long violations;
module_param(violations, ulong, 0644);

static DEFINE_MUTEX(sim_lock);		/* all below, and the parameters */
static DEFINE_MUTEX(sim_present_lock);	/* `registered`; held over (un)registering */
static struct mtd_info sim_mtd;
static struct device_node *node;	/* of the device tree; or NULL */
static bool registered;
static bool loaded;
static u8 *data;
static u8 *saved;
static struct {
	u32 at, len;
	u8 bytes[SIM_BUFFER];
} sim_buffer;			/* what the next read of it gets in place of the content */
static u32 random_state = 1;
static u32 block_erases[SIM_BLOCKS_MAX];
static DECLARE_BITMAP(bad_blocks, SIM_BLOCKS_MAX);
static DECLARE_BITMAP(used_pages, SIM_PAGES_MAX);	/* programmed since the erase */
static DECLARE_BITMAP(torn_pages, SIM_PAGES_MAX);	/* the ECC is wrong */
static DECLARE_BITMAP(saved_bad, SIM_BLOCKS_MAX);
static DECLARE_BITMAP(saved_used, SIM_PAGES_MAX);
static DECLARE_BITMAP(saved_torn, SIM_PAGES_MAX);

static u32 sim_random(void)
{
	random_state = random_state * 1664525 + 1013904223;
	return random_state >> 16;
}

/* Does the power last for one more step? */
static bool sim_step(void)
{
	if (dead)
		return false;
	if (cut > 0)
		cut--;
	else if (!cut)
		dead = true;
	return !dead;
}

static void sim_wait(u64 us)
{
	if (us)
		usleep_range(us, us + us / 64 + 1);
	while (READ_ONCE(stall))
		msleep(20);
}

static u32 sim_pages(u32 at, size_t len)
{
	u32 page = nand ? write : SIM_NOR_PAGE;

	return len ? (at + len - 1) / page - at / page + 1 : 0;
}

static int sim_read_page(u32 at)
{
	if (test_bit(at / write, torn_pages))
		return -EBADMSG;
	if (flip_block != at / erase)
		return 0;
	return flips > SIM_STRENGTH ? -EBADMSG : flips;
}

/* The first read of what is in the buffer gets it from there. */
static void sim_read_buffer(u32 from, size_t len, u_char *buf)
{
	u32 begin = max(from, sim_buffer.at);
	u32 end = min_t(u64, (u64)from + len, sim_buffer.at + sim_buffer.len);

	if (begin >= end)
		return;
	memcpy(buf + begin - from, sim_buffer.bytes + begin - sim_buffer.at, end - begin);
	sim_buffer.len = 0;
}

static int sim_read(struct mtd_info *mtd, loff_t from, size_t len, size_t *retlen, u_char *buf)
{
	u32 at = from;
	int flipped = 0;
	int result;

	mutex_lock(&sim_lock);
	reads++;
	read_bytes += len;
	if (dead) {
		mutex_unlock(&sim_lock);
		return -EIO;
	}
	memcpy(buf, data + at, len);
	sim_read_buffer(at, len, buf);
	*retlen = len;
	for (at -= at % write; nand && at < from + len; at += write) {
		result = sim_read_page(at);
		if (result == -EBADMSG) {
			flipped = result;
			buf[0] ^= 0x10;
			break;
		}
		flipped = max(flipped, result);
		mtd->ecc_stats.corrected += result;
	}
	mtd->ecc_stats.failed += flipped == -EBADMSG;
	mutex_unlock(&sim_lock);
	return flipped;
}

/* While no cut is near: without a look at each byte, or a block takes long. */
static u32 sim_program_quick(u32 at, const u8 *from, u32 len)
{
	u32 i;

	if (dead || cut >= 0)
		return 0;
	for (i = 0; i < len; i++)
		data[at + i] &= from[i];
	program_bytes += len;
	return len;
}

static int sim_program_unit(u32 at, const u8 *from, bool weak)
{
	u32 i;

	if (fail_program == at / erase)
		return -EIO;
	/* in order: no later page of the block is in use */
	if (write > 1 && find_next_bit(used_pages, (at / erase + 1) * (erase / write),
				       at / write) < (at / erase + 1) * (erase / write)) {
		violations++;
		return -EIO;
	}
	for (i = weak ? 0 : sim_program_quick(at, from, write); i < write; i++) {
		if (!sim_step())
			break;
		data[at + i] &= from[i] | (weak ? 0x24 : 0);
		program_bytes++;
	}
	if (i < write && tear) {
		data[at + i] &= from[i] | sim_random();
		if (nand)
			set_bit(at / write, torn_pages);
	}
	/* of what was cut before it had any effect nobody can know */
	if (write > 1 && (i == write || memchr_inv(data + at, 0xff, write)))
		set_bit(at / write, used_pages);
	return i == write ? 0 : -EIO;
}

/* A NOR with nothing the matter. */
static bool sim_program_plain(u32 at, const u8 *from, size_t len)
{
	return write == 1 && !lie && fail_program < 0 && sim_program_quick(at, from, len);
}

static int sim_write(struct mtd_info *mtd, loff_t to, size_t len, size_t *retlen,
		     const u_char *buf)
{
	u32 at = to;
	bool weak, buffered;
	int err = 0;

	if (at % write || len % write)
		return -EINVAL;
	mutex_lock(&sim_lock);
	sim_wait(delay_us + (u64)page_us * sim_pages(at, len));
	programs++;
	buffered = late && !(programs % late) && len <= SIM_BUFFER;
	weak = buffered || (lie && !(programs % lie));
	if (buffered) {
		sim_buffer.at = at;
		sim_buffer.len = len;
		memcpy(sim_buffer.bytes, buf, len);
	}
	if (!weak && sim_program_plain(at, buf, len))
		*retlen = len;
	for (; *retlen < len && !err; *retlen += err ? 0 : write)
		err = dead ? -EIO : sim_program_unit(at + *retlen, buf + *retlen, weak);
	mutex_unlock(&sim_lock);
	return err;
}

/* Nobody else runs any more, and nothing may be waited for. */
static int sim_panic_write(struct mtd_info *mtd, loff_t to, size_t len, size_t *retlen,
			   const u_char *buf)
{
	u32 at = to;
	int err = 0;

	if (at % write || len % write)
		return -EINVAL;
	programs++;
	for (; *retlen < len && !err; *retlen += err ? 0 : write)
		err = dead ? -EIO : sim_program_unit(at + *retlen, buf + *retlen, false);
	return err;
}

static void sim_half_erase(u8 *p, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		p[i] |= sim_random();
}

static int sim_erase_block(u32 at)
{
	u32 steps = clamp(erase_steps, 1u, erase);
	u32 from, to, i;

	erases++;
	block_erases[at / erase]++;
	if (fail_erase == at / erase)
		return -EIO;
	for (i = 0; i < steps; i++) {
		from = at + erase / steps * i;
		to = i + 1 == steps ? at + erase : from + erase / steps;
		if (sim_step()) {
			memset(data + from, 0xff, to - from);
			continue;
		}
		/* A NAND's ECC tells of what an erase has begun with, unless that was nothing. */
		if (nand && tear && !i && sim_random() & 1)
			return -EIO;
		if (nand && tear)
			bitmap_set(torn_pages, at / write, erase / write);
		if (tear)
			sim_half_erase(data + from, to - from);
		return -EIO;
	}
	if (write > 1) {
		bitmap_clear(used_pages, at / write, erase / write);
		bitmap_clear(torn_pages, at / write, erase / write);
	}
	return 0;
}

static int sim_erase(struct mtd_info *mtd, struct erase_info *instr)
{
	u32 at;
	int err = 0;

	if ((u32)instr->addr % erase || (u32)instr->len % erase)
		return -EINVAL;
	mutex_lock(&sim_lock);
	sim_wait(delay_us + (u64)erase_us * ((u32)instr->len / erase));
	for (at = instr->addr; at < instr->addr + instr->len && !err; at += erase) {
		err = dead || test_bit(at / erase, bad_blocks) ? -EIO : sim_erase_block(at);
		if (err)
			instr->fail_addr = at;
	}
	mutex_unlock(&sim_lock);
	return err;
}

static int sim_is_bad(struct mtd_info *mtd, loff_t at)
{
	return test_bit((u32)at / erase, bad_blocks);
}

static int sim_mark_bad(struct mtd_info *mtd, loff_t at)
{
	if (dead)
		return -EIO;
	set_bit((u32)at / erase, bad_blocks);
	return 0;
}

/* --- what the parameters do ------------------------------------------------------ */

/* sim_present_lock */
static int sim_register(void)
{
	int err;

	memset(&sim_mtd, 0, sizeof(sim_mtd));
	sim_mtd.name = name;
	sim_mtd.owner = THIS_MODULE;
	sim_mtd.type = nand ? MTD_NANDFLASH : MTD_NORFLASH;
	sim_mtd.flags = nand ? MTD_CAP_NANDFLASH : MTD_CAP_NORFLASH;
	if (write > 1)
		sim_mtd.flags &= ~MTD_BIT_WRITEABLE;
	if (readonly)
		sim_mtd.flags &= ~MTD_WRITEABLE;
	sim_mtd.size = (u64)blocks * erase;
	sim_mtd.erasesize = erase;
	sim_mtd.writesize = write;
	sim_mtd.writebufsize = write;
	sim_mtd._read = sim_read;
	sim_mtd._write = sim_write;
	sim_mtd._erase = sim_erase;
	if (panic_write)
		sim_mtd._panic_write = sim_panic_write;
	mtd_set_of_node(&sim_mtd, node);
	if (nand) {
		sim_mtd._block_isbad = sim_is_bad;
		sim_mtd._block_markbad = sim_mark_bad;
		sim_mtd.ecc_strength = SIM_STRENGTH;
		sim_mtd.bitflip_threshold = SIM_STRENGTH - 1;
	}
	mutex_lock(&sim_lock);
	dead = false;
	cut = -1;
	mutex_unlock(&sim_lock);
	err = mtd_device_register(&sim_mtd, NULL, 0);
	registered = !err;
	return err;
}

static int sim_present(bool wanted)
{
	int err = 0;

	mutex_lock(&sim_present_lock);
	if (wanted && !registered) {
		err = sim_register();
	} else if (!wanted && registered) {
		err = mtd_device_unregister(&sim_mtd);
		registered = !!err;
	}
	mutex_unlock(&sim_present_lock);
	return err;
}

static int present_set(const char *val, const struct kernel_param *kp)
{
	bool wanted;
	int err = kstrtobool(val, &wanted);

	if (err || !loaded)
		return err;
	return sim_present(wanted);
}

static const struct kernel_param_ops present_ops = {
	.set = present_set,
	.get = param_get_bool,
};
module_param_cb(present, &present_ops, &registered, 0644);
MODULE_PARM_DESC(present, "the MTD is there");

/* "3,5": these blocks are bad, the others are not. */
static int bad_set(const char *val, const struct kernel_param *kp)
{
	int err;

	mutex_lock(&sim_lock);
	err = bitmap_parselist(val, bad_blocks, SIM_BLOCKS_MAX);
	mutex_unlock(&sim_lock);
	return err;
}

static int bad_get(char *buf, const struct kernel_param *kp)
{
	return scnprintf(buf, PAGE_SIZE, "%*pbl\n", SIM_BLOCKS_MAX, bad_blocks);
}

static const struct kernel_param_ops bad_ops = {
	.set = bad_set,
	.get = bad_get,
};
module_param_cb(bad, &bad_ops, NULL, 0644);
MODULE_PARM_DESC(bad, "NAND: blocks that are bad");

static int erases_most_get(char *buf, const struct kernel_param *kp)
{
	u32 most = 0;
	u32 i;

	for (i = 0; i < blocks; i++)
		most = max(most, block_erases[i]);
	return scnprintf(buf, PAGE_SIZE, "%u\n", most);
}

static const struct kernel_param_ops erases_most_ops = {
	.get = erases_most_get,
};
module_param_cb(erases_most, &erases_most_ops, NULL, 0444);
MODULE_PARM_DESC(erases_most, "erases of the block that has most");

static ssize_t data_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	return simple_read_from_buffer(buf, len, pos, data, sim_mtd.size);
}

/* What is all ones counts as erased. */
static void sim_touched(u32 from, u32 len)
{
	u32 page;

	for (page = from / write; page * write < from + len; page++) {
		clear_bit(page, torn_pages);
		if (memchr_inv(data + page * write, 0xff, write))
			set_bit(page, used_pages);
		else
			clear_bit(page, used_pages);
	}
}

static ssize_t data_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	u32 from = *pos;
	ssize_t done;

	mutex_lock(&sim_lock);
	done = simple_write_to_buffer(data, sim_mtd.size, pos, buf, len);
	if (done > 0 && write > 1)
		sim_touched(from, done);
	mutex_unlock(&sim_lock);
	return done;
}

static const struct file_operations data_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = data_read,
	.write = data_write,
	.llseek = default_llseek,
};

/* --- many cuts, one after the other ------------------------------------------------ */

/* Of pages there is more to know than their bytes. */
static u32 sim_tracked(void)
{
	return write > 1 ? (u32)sim_mtd.size / write : 0;
}

static int sim_save(void)
{
	if (!saved)
		saved = vmalloc(sim_mtd.size);
	if (!saved)
		return -ENOMEM;
	memcpy(saved, data, sim_mtd.size);
	bitmap_copy(saved_bad, bad_blocks, SIM_BLOCKS_MAX);
	bitmap_copy(saved_used, used_pages, sim_tracked());
	bitmap_copy(saved_torn, torn_pages, sim_tracked());
	return 0;
}

static int sim_restore(void)
{
	if (!saved)
		return -EINVAL;
	memcpy(data, saved, sim_mtd.size);
	bitmap_copy(bad_blocks, saved_bad, SIM_BLOCKS_MAX);
	bitmap_copy(used_pages, saved_used, sim_tracked());
	bitmap_copy(torn_pages, saved_torn, sim_tracked());
	return 0;
}

static int sim_word(char *word)
{
	unsigned int n;

	if (!strcmp(word, "save"))
		return sim_save();
	if (!strcmp(word, "restore"))
		return sim_restore();
	if (!strcmp(word, "on")) {
		dead = false;
		cut = -1;
	} else if (!strncmp(word, "cut=", 4)) {
		return kstrtoint(word + 4, 0, &cut);
	} else if (!strncmp(word, "tear=", 5) && !kstrtouint(word + 5, 0, &n)) {
		tear = n;
	} else {
		return -EINVAL;
	}
	return 0;
}

static ssize_t power_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	char line[64], *rest = line, *word;
	int err = 0;

	if (len >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, buf, len))
		return -EFAULT;
	line[len] = '\0';
	mutex_lock(&sim_lock);
	while (!err && (word = strsep(&rest, "\n ")))
		err = *word ? sim_word(word) : 0;
	mutex_unlock(&sim_lock);
	return err ?: len;
}

static ssize_t power_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	return simple_read_from_buffer(buf, len, pos, dead ? "off\n" : "on\n", dead ? 4 : 3);
}

static const struct file_operations power_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = power_read,
	.write = power_write,
	.llseek = default_llseek,
};

static struct dentry *data_file, *power_file;

/* Where the device tree says that it lies, if it does. */
static int __init sim_find_node(void)
{
	struct device_node *memory;
	struct resource res;
	int err;

	node = of_find_compatible_node(NULL, NULL, "pvkit,simflash");
	memory = of_parse_phandle(node, "memory-region", 0);
	if (!memory)
		return 0;
	err = of_address_to_resource(memory, 0, &res);
	of_node_put(memory);
	if (err || resource_size(&res) < (u64)blocks * erase)
		return -EINVAL;
	address = res.start;
	return 0;
}

static int __init sim_alloc(void)
{
	size_t size = (size_t)blocks * erase;

	if (address) {
		data = memremap(address, size, MEMREMAP_WC);
		return data ? 0 : -ENOMEM;
	}
	data = vmalloc(size);
	if (!data)
		return -ENOMEM;
	memset(data, 0xff, size);
	return 0;
}

static void sim_free(void)
{
	if (address)
		memunmap(data);
	else
		vfree(data);
	of_node_put(node);
}

static int __init simflash_init(void)
{
	int err;

	if (!write)
		write = nand ? 512 : 1;
	if (!blocks || blocks > SIM_BLOCKS_MAX || !erase || erase > SZ_1M || erase % write ||
	    (write > 1 && (u64)blocks * erase / write > SIM_PAGES_MAX))
		return -EINVAL;
	err = sim_find_node();
	if (!err)
		err = sim_alloc();
	if (err) {
		of_node_put(node);
		return err;
	}
	err = sim_present(true);
	if (err) {
		sim_free();
		return err;
	}
	loaded = true;
	power_file = debugfs_create_file("simflash-power", 0600, NULL, NULL, &power_fops);
	data_file = debugfs_create_file("simflash", 0600, NULL, NULL, &data_fops);
	return 0;
}
module_init(simflash_init);

static void __exit simflash_exit(void)
{
	debugfs_remove(power_file);
	debugfs_remove(data_file);
	sim_present(false);
	vfree(saved);
	sim_free();
}
module_exit(simflash_exit);

MODULE_DESCRIPTION("pvkit test: a flash whose power fails when it is told to");
MODULE_LICENSE("GPL");
