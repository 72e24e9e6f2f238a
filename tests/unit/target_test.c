// SPDX-License-Identifier: MIT
/*
 * What an image is written to, in a made-up /sys: found by name or node, how much fits, and
 * whether the running root lies on it, whichever way that is stacked.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fake_sysfs.h"
#include "ktap.h"
#include "target.h"

static char dir[] = "/tmp/pvkit-target.XXXXXX";
static struct pvk_target target;
static struct pvk_err err;

static void shell(const char *command)
{
	if (system(command))
		ktap_fail("%s", command);
}

static void attr(const char *path, const char *text)
{
	char parent[512];
	FILE *file;

	snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
	sysfs_dir(parent);
	file = fopen(path, "we");
	if (!file || fprintf(file, "%s\n", text) < 0 || fclose(file))
		ktap_fail("write %s", path);
}

/* below: where its directory lies, "devices/spi/mtd". */
static void add_mtd(const char *below, const char *device, const char *name, const char *size,
		    const char *offset)
{
	attr(sysfs_path("%s/%s/name", below, device), name);
	attr(sysfs_path("%s/%s/size", below, device), size);
	attr(sysfs_path("%s/%s/erasesize", below, device), "4096");
	attr(sysfs_path("%s/%s/flags", below, device), "0x400");
	if (offset)
		attr(sysfs_path("%s/%s/offset", below, device), offset);
	sysfs_dir(sysfs_path("class/mtd"));
	sysfs_link(sysfs_path("%s/%s", below, device), sysfs_path("class/mtd/%s", device));
}

static void add_volume(const char *device, const char *name, const char *mtd)
{
	char ubi[16];

	snprintf(ubi, sizeof(ubi), "%.*s", (int)strcspn(device, "_"), device);
	attr(sysfs_path("class/ubi/%s/name", device), name);
	attr(sysfs_path("class/ubi/%s/reserved_ebs", device), "10");
	attr(sysfs_path("class/ubi/%s/usable_eb_size", device), "1000");
	attr(sysfs_path("class/ubi/%s/mtd_num", ubi), mtd);
}

/* where: "sda" or "sda/sda1". */
static void add_block(const char *where, const char *dev)
{
	const char *name = strrchr(where, '/') ? strrchr(where, '/') + 1 : where;

	attr(sysfs_path("devices/disk/%s/size", where), "2048");
	attr(sysfs_path("devices/disk/%s/ro", where), "0");
	attr(sysfs_path("devices/disk/%s/dev", where), dev);
	if (name != where)
		attr(sysfs_path("devices/disk/%s/partition", where), "1");
	sysfs_dir(sysfs_path("class/block"));
	sysfs_dir(sysfs_path("dev/block"));
	sysfs_link(sysfs_path("devices/disk/%s", where), sysfs_path("class/block/%s", name));
	sysfs_link(sysfs_path("devices/disk/%s", where), sysfs_path("dev/block/%s", dev));
}

/* What there is in all tests. */
static void given_machine(void)
{
	add_mtd("devices/spi/mtd", "mtd0", "boot", "65536", "0");
	add_mtd("devices/spi/mtd", "mtd1", "rootfs", "131072", "65536");
	add_mtd("devices/spi/mtd", "mtd2", "all", "196608", "0");
	add_mtd("devices/spi/mtd/mtd1", "mtd3", "rootfs_data", "65536", "65536");
	add_mtd("devices/nand/mtd", "mtd4", "ubi", "131072", "0");
	add_mtd("devices/virtual/mtd", "mtd5", "twice", "65536", NULL);
	add_mtd("devices/virtual/mtd", "mtd10", "twice", "65536", NULL);
	add_volume("ubi0_0", "rootfs", "4");
	add_volume("ubi0_1", "data", "4");
	add_volume("ubi1_0", "data", "5");
	add_volume("ubi10_0", "other", "5");
	add_block("sda", "8:0");
	add_block("sda/sda1", "8:1");
	add_block("sda/sda2", "8:2");
	add_block("sdb", "8:16");
	add_block("loop0", "7:0");
	attr(sysfs_path("devices/disk/loop0/loop/backing_file"), "/data dir/image");
	add_block("dm-0", "254:0");
	sysfs_dir(sysfs_path("devices/disk/dm-0/slaves/sda2"));
	add_block("mtdblock1", "31:1");
	add_block("ubiblock0_0", "253:0");
	mknod("sda1", S_IFBLK | 0600, makedev(8, 1));
	mknod("gone", S_IFBLK | 0600, makedev(8, 99));
	mknod("mtd1", S_IFCHR | 0600, makedev(90, 2));
	sysfs_dir(sysfs_path("dev/char"));
	sysfs_link(sysfs_path("devices/spi/mtd/mtd1"), sysfs_path("dev/char/90:2"));
	mknod("ubi0_0", S_IFCHR | 0600, makedev(250, 1));
	sysfs_link(sysfs_path("class/ubi/ubi0_0"), sysfs_path("dev/char/250:1"));
	mknod("null", S_IFCHR | 0600, makedev(1, 3));
}

/* Its device, or why there is none. */
static const char *found(const char *text)
{
	char path[512];

	if (text[0] == '/')
		snprintf(path, sizeof(path), "%s%s", dir, text);
	else
		snprintf(path, sizeof(path), "%s", text);
	return pvk_target_find("sys", path, &target, &err) ? err.text : target.device;
}

static void test_find(void)
{
	ktap_str(found("rootfs"), "mtd1", "a name is a flash partition's");
	ktap_str(found("mtd:boot"), "mtd0", "mtd:NAME too");
	ktap_str(found("ubi:rootfs"), "ubi0_0", "ubi:NAME is a volume");
	ktap_str(found("ubi1:data"), "ubi1_0", "ubiN:NAME is one of that device");
	ktap_str(found("ubi10:other"), "ubi10_0", "whose number may be long");
	ktap_str(found("ubi:data"), "2 of ubi are called data: name its device node",
		 "a name that two have");
	ktap_str(found("twice"), "2 of mtd are called twice: name its device node",
		 "or two partitions");
	ktap_str(found("none"), "no flash partition is called none", "no such partition");
	ktap_str(found("ubi:none"), "no UBI volume is called none", "no such volume");
	ktap_str(found("sda:x"),
		 "sda:x: a target is NAME, mtd:NAME, ubi:NAME, ubiN:NAME or /dev/...",
		 "no such kind");
	ktap_str(found("/sda1"), "sda1", "a node of a block device");
	ktap_eq(target.size, 1048576, "as large as it is");
	ktap_str(found("/mtd1"), "mtd1", "a node of flash");
	ktap_check(strstr(found("/null"), "the kernel has no such device"), "another node");
	ktap_check(strstr(found("/gone"), "the kernel has no such device"), "a node of nothing");
	ktap_check(strstr(found("/none"), "No such file"), "no node");
	ktap_check(strstr(found("/sys"), "no device node"), "a directory");
}

static void test_fits(void)
{
	found("boot");
	ktap_eq(pvk_target_fits(&target, 65536, &err), 0, "an image as large as the partition");
	ktap_eq(pvk_target_fits(&target, 65537, &err), -EFBIG, "one larger");
	ktap_str(err.text, "1 bytes too large for mtd0", "by how much is told");
	ktap_eq(pvk_target_fits(&target, 0, &err), -ENODATA, "an empty one");
	attr(sysfs_path("class/mtd/mtd0/bad_blocks"), "1");
	attr(sysfs_path("class/mtd/mtd0/bbt_blocks"), "1");
	found("boot");
	ktap_eq(target.size, 65536 - 8192, "bad blocks do not count, nor do those of their table");
	pvk_target_fits(&target, 65536, &err);
	ktap_str(err.text, "8192 bytes too large for mtd0, 2 blocks of which are bad",
		 "and are told");
	attr(sysfs_path("class/mtd/mtd0/flags"), "0x0");
	found("boot");
	ktap_eq(pvk_target_fits(&target, 1, &err), -EROFS, "flash that is read-only");
	found("ubi:rootfs");
	ktap_eq(pvk_target_fits(&target, 10001, &err), -EFBIG, "a volume's blocks");
	attr(sysfs_path("class/block/sda1/ro"), "1");
	found("/sda1");
	ktap_eq(pvk_target_fits(&target, 1, &err), -EROFS, "a block device that is");
}

/* mounts: mountinfo. How the target and the root have to do with each other; or "". */
static const char *root_of(const char *text, const char *mounts)
{
	int ret;

	attr("proc/self/mountinfo", mounts);
	found(text);
	err.text[0] = '\0';
	ret = pvk_target_is_root(&target, "sys", "proc", &err);
	return ret == 1 ? err.text : ret ? strerror(-ret) : "";
}

#define MOUNT(dev, point, type) "20 1 " dev " / " point " rw,noatime shared:1 - " type "\n"
#define ROOT(dev, type) MOUNT("0:1", "/", "rootfs rootfs rw") MOUNT(dev, "/", type)

static void test_root(void)
{
	const char *jffs2 = ROOT("31:1", "jffs2 /dev/root rw");
	const char *ubifs = ROOT("0:15", "ubifs ubi0:rootfs rw");
	const char *disk = ROOT("8:1", "ext4 /dev/sda1 rw");

	ktap_str(root_of("rootfs", jffs2), "mtd1 has the running root (mtd1)", "jffs2");
	ktap_str(root_of("boot", jffs2), "", "jffs2, beside it");
	ktap_str(root_of("all", jffs2), "mtd2 overlaps with the flash that has the running root "
		 "(mtd1)", "a partition that has both");
	ktap_str(root_of("rootfs_data", jffs2),
		 "mtd3 overlaps with the flash that has the running root (mtd1)",
		 "a partition of the partition");
	ktap_str(root_of("ubi", jffs2), "", "the same place of another flash");
	ktap_str(root_of("ubi:rootfs", ubifs), "ubi0_0 has the running root (ubi0_0)", "ubifs");
	ktap_str(root_of("ubi0:data", ubifs), "", "another volume beside it");
	ktap_str(root_of("ubi", ubifs), "mtd4 has the running root (mtd4)", "the flash below it");
	ktap_str(root_of("ubi:rootfs", ROOT("253:0", "squashfs /dev/ubiblock0_0 ro")),
		 "ubi0_0 has the running root (ubi0_0)", "squashfs on a ubiblock");
	ktap_str(root_of("rootfs", ROOT("31:1", "squashfs /dev/mtdblock1 ro")),
		 "mtd1 has the running root (mtd1)", "squashfs on an mtdblock");
	ktap_str(root_of("/sda1", disk), "sda1 has the running root (sda1)", "a partition");
	mknod("sda", S_IFBLK | 0600, makedev(8, 0));
	mknod("sdb", S_IFBLK | 0600, makedev(8, 16));
	mknod("sda2", S_IFBLK | 0600, makedev(8, 2));
	ktap_str(root_of("/sda", disk), "sda is the disk that has the running root (sda1)",
		 "its disk");
	ktap_str(root_of("/sda2", disk), "", "the partition beside it");
	ktap_str(root_of("/sda2", ROOT("8:0", "ext4 /dev/sda rw")),
		 "sda2 is a part of the disk that has the running root (sda)",
		 "a partition of a disk that is one file system");
	mknod("mtdblock1", S_IFBLK | 0600, makedev(31, 1));
	ktap_str(root_of("/mtdblock1", jffs2), "mtd1 has the running root (mtd1)",
		 "flash by its block node");
	ktap_str(root_of("/sdb", disk), "", "another disk");
	ktap_str(root_of("/sda2", ROOT("254:0", "ext4 /dev/mapper/root rw")),
		 "sda2 has the running root (sda2)", "what a dm device is made of");
	ktap_str(root_of("/sda1", ROOT("7:0", "ext4 /dev/loop0 ro")
			 MOUNT("8:1", "/data\\040dir", "ext4 /dev/sda1 rw")),
		 "sda1 has the running root (sda1)", "the file of a loop device");
	ktap_str(root_of("/sda1", ROOT("8:2", "ext4 /dev/sda2 ro")
			 MOUNT("8:1", "/data\\040dir", "ext4 /dev/sda1 rw")), "", "only mounted");
}

static void test_overlay(void)
{
	const char *both = MOUNT("0:30", "/",
				 "overlay overlay rw,lowerdir=/run/a\\040b/lower:/x,"
				 "upperdir=/run/up/u,workdir=/run/up/w")
			   MOUNT("31:1", "/run/a\\040b/lower", "squashfs /dev/mtdblock1 ro")
			   MOUNT("0:15", "/run/up", "ubifs ubi1:data rw");
	char btrfs[512];

	ktap_str(root_of("rootfs", both), "mtd1 has the running root (mtd1)", "an overlay's lower");
	ktap_str(root_of("ubi1:data", both), "ubi1_0 has the running root (ubi1_0)", "its upper");
	ktap_str(root_of("boot", both), "", "neither");
	snprintf(btrfs, sizeof(btrfs), ROOT("0:33", "btrfs %s/sda1 rw,subvol=/@"), dir);
	ktap_str(root_of("/sda1", btrfs), "sda1 has the running root (sda1)",
		 "a file system with a number of its own, by its source");
	ktap_str(root_of("/sda1", ROOT("0:30", "overlay overlay rw,lowerdir=/,upperdir=/")), "",
		 "an overlay of itself ends");
	ktap_str(root_of("/sda1", "a\n- -\n1 2 3"), "", "no mountinfo");
}

/* It was mounted while its lower was "/", and the old root is at /rom since. */
static void test_overlay_over_the_old_root(void)
{
	char mounts[2048], command[512];

	snprintf(mounts, sizeof(mounts),
		 MOUNT("0:30", "/", "overlay overlay rw,lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w")
		 MOUNT("8:2", "%1$s/data", "ext4 /dev/sda2 rw")
		 MOUNT("31:1", "%1$s/rom", "squashfs /dev/mtdblock1 ro")
		 MOUNT("8:1", "%1$s/rom/mnt", "ext4 /dev/sda1 rw"), dir);
	snprintf(command, sizeof(command),
		 "mkdir -p data rom/mnt/u rom%1$s && echo it >program && "
		 "cp -p program rom%1$s/ && ln -s %1$s/program proc/self/exe", dir);
	shell(command);
	ktap_str(root_of("rootfs", mounts), "mtd1 has the running root (mtd1)",
		 "an overlay's lower that was the root");
	ktap_str(root_of("/sda1", mounts), "sda1 has the running root (sda1)",
		 "and what was on it");
	ktap_str(root_of("/sda2", mounts), "", "but nothing that has no part in it");
	shell("rm -r data rom program proc/self/exe");
}

/* "0", and the layer that can't be followed. */
static const char *lost_of(const char *text, const char *mounts)
{
	static char answer[300];
	struct pvk_below below;
	int ret;

	attr("proc/self/mountinfo", mounts);
	found(text);
	ret = pvk_target_is_below(&target, "/", "sys", "proc", &below, &err);
	snprintf(answer, sizeof(answer), "%d %s", ret, below.lost);
	return answer;
}

/* Each in the other's place, or no more in any. */
static void test_overlay_on_overlay(void)
{
	const char *two = MOUNT("0:30", "/", "overlay o rw,lowerdir=/mid,upperdir=/u,workdir=/w")
			  MOUNT("0:31", "/mid", "overlay o rw,lowerdir=/a:/b")
			  MOUNT("31:1", "/b", "squashfs /dev/mtdblock1 ro")
			  MOUNT("8:1", "/a", "ext4 /dev/sda1 rw") MOUNT("0:2", "/u", "tmpfs t rw");
	const char *round = MOUNT("0:30", "/", "overlay o rw,lowerdir=/mid")
			    MOUNT("0:31", "/mid", "overlay o rw,lowerdir=/none/lower");
	const char *gone = MOUNT("0:30", "/", "overlay o rw,lowerdir=/none/lower,upperdir=/u/up")
			   MOUNT("0:2", "/u", "tmpfs t rw");

	ktap_str(root_of("rootfs", two), "mtd1 has the running root (mtd1)",
		 "an overlay below an overlay: the lower of that");
	ktap_str(root_of("/sda1", two), "sda1 has the running root (sda1)", "and the one above it");
	ktap_str(lost_of("rootfs", two), "1 ", "none of which leads nowhere");
	ktap_str(lost_of("boot", two), "0 ", "nor for a target that has no part in it");
	ktap_str(lost_of("rootfs", gone), "0 /none/lower",
		 "a lower that leads nowhere is told: nobody knows what it lies on");
	ktap_str(lost_of("rootfs", round), "0 /none/lower", "also one below the one below");
}

/* What the kernel takes for the name of a volume. */
static void test_ubi_names(void)
{
	add_volume("ubi1_1", "rootfs", "5");
	ktap_str(root_of("/ubi0_0", ROOT("0:15", "ubifs ubi0!rootfs rw")),
		 "ubi0_0 has the running root (ubi0_0)", "ubi0!NAME");
	ktap_str(root_of("/ubi0_0", ROOT("0:15", "ubifs ubi:rootfs rw")),
		 "ubi0_0 has the running root (ubi0_0)", "ubi:NAME is the first device's");
	ktap_str(root_of("ubi1:rootfs", ROOT("0:15", "ubifs ubi:rootfs rw")), "",
		 "not that of another device");
	ktap_str(root_of("ubi0:data", ROOT("0:15", "ubifs ubi1 rw")),
		 "ubi0_1 has the running root (ubi0_1)", "ubiN is a volume of the first device");
}

/* Would the second image undo the first? */
static bool overlap(const char *one, const char *other)
{
	struct pvk_target first;

	found(one);
	first = target;
	found(other);
	return pvk_target_overlap(&first, &target, "sys");
}

static void test_two_targets(void)
{
	ktap_check(overlap("boot", "all") && overlap("all", "rootfs_data"),
		   "flash and a part of it");
	ktap_check(!overlap("boot", "rootfs") && !overlap("boot", "ubi"), "none beside it");
	ktap_check(overlap("ubi", "ubi0:data") && overlap("ubi0:data", "ubi"),
		   "a volume and the flash below it");
	ktap_check(!overlap("ubi0:rootfs", "ubi0:data"), "not two volumes");
	ktap_check(overlap("/sda", "/sda1") && overlap("/sda1", "/sda"), "a disk and a partition");
	ktap_check(!overlap("/sda1", "/sda2") && !overlap("/sda1", "rootfs"), "not two partitions");
	ktap_check(overlap("/mtdblock1", "rootfs"), "flash by its block node");
}

/* The device of UBI that is in the way of writing there; or less than 0. */
static int ubi_on(const char *text)
{
	found(text);
	return pvk_target_ubi_on(&target, "sys");
}

static void test_flash_that_ubi_has(void)
{
	ktap_eq(ubi_on("ubi"), 0, "flash that UBI has is found");
	ktap_eq(ubi_on("rootfs"), -ENOENT, "not other flash");
	ktap_eq(ubi_on("ubi:rootfs"), -ENOENT, "a volume can be written");
	sysfs_dir(sysfs_path("class/ubi/ubi3"));
	attr(sysfs_path("class/ubi/ubi3/mtd_num"), "3");
	ktap_eq(ubi_on("all"), 3, "flash of which UBI has a part");
	ktap_eq(ubi_on("boot"), -ENOENT, "not the part beside it");
}

/* What uses a target, each with a blank behind it. */
static char uses[256];

static int add_use(void *arg, const struct pvk_use *use)
{
	size_t len = strlen(uses);

	(void)arg;
	snprintf(uses + len, sizeof(uses) - len, "%s%s ", use->kind == PVK_USE_SWAP ? "swap:" : "",
		 use->what);
	return 0;
}

static const char *uses_of(const char *text, const char *mounts)
{
	attr("proc/self/mountinfo", mounts);
	found(text);
	uses[0] = '\0';
	return pvk_target_uses(&target, "sys", "proc", add_use, NULL, &err) ? err.text : uses;
}

static void test_uses(void)
{
	const char *mounts = MOUNT("8:1", "/run/a\\040b", "ext4 /dev/sda1 rw")
			     MOUNT("31:3", "/run/data", "jffs2 mtd3 rw")
			     MOUNT("254:0", "/run/secret", "ext4 /dev/mapper/secret rw");
	char swaps[512];

	ktap_str(uses_of("/sda1", mounts), "/run/a b ", "a mount, wherever it is");
	ktap_str(uses_of("/sda", mounts), "/run/a b /run/secret ", "those of all parts");
	ktap_str(uses_of("/sda2", mounts), "/run/secret ", "one of a dm device on it");
	ktap_str(uses_of("rootfs", mounts), "/run/data ", "one of a part of flash");
	ktap_str(uses_of("/sdb", mounts), "", "none");
	snprintf(swaps, sizeof(swaps),
		 "Filename Type Size Used Priority\n%s/sda2 partition 1 0 -2\n"
		 "/run/a\\040b/swap file 1 0 -3", dir);
	attr("proc/swaps", swaps);
	snprintf(swaps, sizeof(swaps), "swap:%s/sda2 ", dir);
	ktap_str(uses_of("/sda2", ""), swaps, "swap to it");
	ktap_str(uses_of("/sda1", mounts), "/run/a b swap:/run/a b/swap ", "swap to a file on it");
}

/* Why it can't be written below what is built on it; "". */
static const char *carries(const char *text)
{
	found(text);
	err.text[0] = '\0';
	pvk_target_carries(&target, "sys", "dev", &err);
	return err.text;
}

static void test_carries(void)
{
	sysfs_dir(sysfs_path("devices/disk/sdb/sdb1"));
	add_block("sdb/sdb1", "8:17");
	mknod("sdb1", S_IFBLK | 0600, makedev(8, 17));
	ktap_str(carries("/sdb"), "", "nothing is built on it");
	sysfs_dir(sysfs_path("devices/disk/sdb/sdb1/holders/md0"));
	ktap_str(carries("/sdb1"),
		 "it is a part of md0, which would not know of it: name md0", "md");
	ktap_str(carries("/sdb"),
		 "it is a part of md0, which would not know of it: name md0", "on a part of it");
	ktap_str(carries("/sda2"), "", "another disk");
	sysfs_dir(sysfs_path("devices/disk/sda/sda2/holders/dm-0"));
	attr(sysfs_path("devices/disk/dm-0/dm/suspended"), "0");
	ktap_str(carries("/sda2"), "dm-0 lies on sda2, and of what kind that is can't be told: "
		 "No such file or directory", "dm, where it can't be asked");
}

/* Without a number of their own they are known by size and place. */
static void test_like(void)
{
	struct pvk_identity identity = { .size = 1048576, .like = "sda1" };

	sysfs_dir(sysfs_path("devices/disk/sda/device"));
	attr(sysfs_path("devices/disk/sda/sda1/start"), "64");
	ktap_eq(pvk_target_by_identity("sys", "dev", &identity, &target, &err), 0, "one fits");
	ktap_str(target.device, "sda1", "it is that");
	attr(sysfs_path("devices/disk/sdb/sdb1/start"), "64");
	ktap_eq(pvk_target_by_identity("sys", "dev", &identity, &target, &err), 0,
		"what the kernel makes up does not");
	sysfs_dir(sysfs_path("devices/disk/sdb/device"));
	ktap_eq(pvk_target_by_identity("sys", "dev", &identity, &target, &err), -ENOTUNIQ,
		"another disk with the same does");
	ktap_check(strstr(err.text, "sda1") && strstr(err.text, "sdb1") &&
		   strstr(err.text, "are alike"), "both are told: %s", err.text);
	attr(sysfs_path("devices/disk/sdb/serial"), "one");
	ktap_eq(pvk_target_by_identity("sys", "dev", &identity, &target, &err), 0,
		"unless that has a number");
}

/* Of one card, as large as each other, and for the kernel disks of their own. */
static void test_boot_partitions(void)
{
	char text[PVK_TARGET_IDENTITY];

	add_block("mmcblk0", "179:0");
	add_block("mmcblk0/mmcblk0boot1", "179:16");
	remove(sysfs_path("devices/disk/mmcblk0/mmcblk0boot1/partition"));
	attr(sysfs_path("devices/card/cid"), "1234");
	sysfs_link(sysfs_path("devices/card"), sysfs_path("devices/disk/mmcblk0/device"));
	sysfs_link(sysfs_path("devices/disk/mmcblk0"),
		   sysfs_path("devices/disk/mmcblk0/mmcblk0boot1/device"));
	pvk_target_block("sys", "mmcblk0", &target);
	pvk_target_identity("sys", &target, text);
	ktap_str(text, "1234@0", "a card is known by its number");
	pvk_target_block("sys", "mmcblk0boot1", &target);
	pvk_target_identity("sys", &target, text);
	ktap_str(text, "1234:boot1@0", "and its boot partition by what comes behind the name");
}

static void test_watchdog(void)
{
	struct pvk_watchdog watchdog;

	ktap_eq(pvk_watchdog_find("sys", &watchdog, &err), -ENODEV, "no watchdog");
	attr(sysfs_path("class/watchdog/watchdog1/identity"), "board");
	attr(sysfs_path("class/watchdog/watchdog1/timeout"), "30");
	attr(sysfs_path("class/watchdog/watchdog0/identity"), "softdog");
	pvk_watchdog_find("sys", &watchdog, &err);
	ktap_str(watchdog.identity, "softdog", "the first one");
	attr(sysfs_path("class/watchdog/watchdog1/state"), "active");
	pvk_watchdog_find("sys", &watchdog, &err);
	ktap_str(watchdog.identity, "board", "rather one that is active");
	ktap_eq(watchdog.timeout, 30, "with its time");
}

int main(void)
{
	char root[64];

	if (geteuid())
		ktap_skip_all("takes root: device nodes");
	ktap_plan(0);
	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	snprintf(root, sizeof(root), "%s/sys", dir);
	sysfs_new(root);
	given_machine();
	test_find();
	test_fits();
	test_root();
	test_overlay();
	test_overlay_over_the_old_root();
	test_overlay_on_overlay();
	test_ubi_names();
	test_two_targets();
	test_flash_that_ubi_has();
	test_uses();
	test_carries();
	test_like();
	test_boot_partitions();
	test_watchdog();
	shell("rm -rf ./*");
	rmdir(dir);
	return ktap_finish();
}
