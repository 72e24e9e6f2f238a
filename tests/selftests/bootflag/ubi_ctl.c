// SPDX-License-Identifier: MIT
/*
 * ubi_ctl: what tests want of UBI, in ioctls
 *
 *   ubi_ctl attach MTD-NUMBER      as ubi0
 *   ubi_ctl mkvol NAME BYTES       a dynamic volume of ubi0
 *   ubi_ctl cut VOLUME-DEVICE BYTES   begin an update of so many, write half, go away
 *   ubi_ctl fill VOLUME-DEVICE FILE   an update, whole
 *   ubi_ctl block VOLUME-DEVICE       a ubiblock of it
 *   ubi_ctl unblock VOLUME-DEVICE
 *   ubi_ctl detach
 */
#include <errno.h>
#include <fcntl.h>
#include <mtd/ubi-user.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int control(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		perror(path);
	return fd;
}

static int attach(const char *mtd)
{
	struct ubi_attach_req req = { .ubi_num = 0, .mtd_num = atoi(mtd) };

	return ioctl(control("/dev/ubi_ctrl"), UBI_IOCATT, &req);
}

static int make_volume(const char *name, const char *bytes)
{
	struct ubi_mkvol_req req = {
		.vol_id = UBI_VOL_NUM_AUTO, .alignment = 1, .bytes = strtoll(bytes, NULL, 0),
		.vol_type = UBI_DYNAMIC_VOLUME, .name_len = (int16_t)strlen(name),
	};

	snprintf(req.name, sizeof(req.name), "%s", name);
	return ioctl(control("/dev/ubi0"), UBI_IOCMKVOL, &req);
}

static int cut(const char *device, const char *bytes)
{
	int64_t size = strtoll(bytes, NULL, 0);
	char *half = calloc(1, (size_t)size);
	int fd = control(device);

	if (ioctl(fd, UBI_IOCVOLUP, &size))
		return -1;
	return write(fd, half, (size_t)size / 2) == size / 2 ? 0 : -1;
}

static int fill(const char *device, const char *file)
{
	int from = control(file), to = control(device);
	int64_t size = lseek(from, 0, SEEK_END);
	char *all = calloc(1, (size_t)size + 1);

	if (pread(from, all, (size_t)size, 0) != size || ioctl(to, UBI_IOCVOLUP, &size))
		return -1;
	return write(to, all, (size_t)size) == size ? 0 : -1;
}

static int detach(void)
{
	int32_t number = 0;

	return ioctl(control("/dev/ubi_ctrl"), UBI_IOCDET, &number);
}

int main(int argc, char **argv)
{
	int ret;

	if (argc == 3 && !strcmp(argv[1], "attach"))
		ret = attach(argv[2]);
	else if (argc == 4 && !strcmp(argv[1], "mkvol"))
		ret = make_volume(argv[2], argv[3]);
	else if (argc == 4 && !strcmp(argv[1], "cut"))
		ret = cut(argv[2], argv[3]);
	else if (argc == 4 && !strcmp(argv[1], "fill"))
		ret = fill(argv[2], argv[3]);
	else if (argc == 3 && !strcmp(argv[1], "block"))
		ret = ioctl(control(argv[2]), UBI_IOCVOLCRBLK, &(struct ubi_blkcreate_req){ 0 });
	else if (argc == 3 && !strcmp(argv[1], "unblock"))
		ret = ioctl(control(argv[2]), UBI_IOCVOLRMBLK);
	else if (argc == 2 && !strcmp(argv[1], "detach"))
		ret = detach();
	else
		return 2;
	if (ret < 0)
		perror(argv[1]);
	return ret < 0;
}
