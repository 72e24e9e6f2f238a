// SPDX-License-Identifier: MIT
/*
 * Lines of /proc/self/mountinfo as kernels show them, and what mount(2) is told for each to
 * be so again.
 */
#include <sys/mount.h>

#include "ktap.h"
#include "mountas.h"
#include "util.h"

#define NOSYMFOLLOW	256

static const struct {
	const char *what;
	const char *line;
	unsigned long flags, fs_flags;
	const char *data;
} mounts[] = {
	{ "a plain root",
	  "25 1 254:2 / / rw,relatime shared:1 - ext4 /dev/root rw,errors=remount-ro",
	  MS_RELATIME, 0, "errors=remount-ro" },
	{ "SELinux's label, wherever it stands",
	  "25 1 254:2 / / rw,relatime - ext4 /dev/vda2 rw,seclabel,commit=30",
	  MS_RELATIME, 0, "commit=30" },
	{ "SELinux's label alone",
	  "25 1 31:2 / / rw,relatime - jffs2 mtd2 rw,seclabel", MS_RELATIME, 0, "" },
	{ "options that are flags to mount(2)",
	  "25 1 254:2 / /d rw,nosuid,nodev,noexec,noatime - ext4 /dev/vda2 rw,sync,dirsync,lazytime,data=journal",
	  MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME,
	  MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME, "data=journal" },
	{ "times of each access, which has no word",
	  "25 1 254:2 / /d rw,nodiratime - vfat /dev/vda2 rw,fmask=0022,codepage=437",
	  MS_NODIRATIME | MS_STRICTATIME, 0, "fmask=0022,codepage=437" },
	{ "a mount that is read-only, of a file system that isn't",
	  "25 1 254:2 /x /d ro,relatime - ext4 /dev/vda2 rw", MS_RDONLY | MS_RELATIME, 0, "" },
	{ "a file system that is read-only, of a mount that isn't",
	  "25 1 7:0 / /rom rw,relatime - squashfs /dev/loop0 ro,errors=continue",
	  MS_RELATIME, MS_RDONLY, "errors=continue" },
	{ "UBIFS, with the volume among its options",
	  "25 1 0:20 / / rw,relatime - ubifs ubi0:root rw,assert=read-only,ubi=0,vol=1",
	  MS_RELATIME, 0, "assert=read-only" },
	{ "an overlay",
	  "25 1 0:21 / / rw,noatime - overlay o rw,lowerdir=/r\\040o,upperdir=/u,workdir=/w",
	  MS_NOATIME, 0, "lowerdir=/r o,upperdir=/u,workdir=/w" },
	{ "links that are not followed",
	  "25 1 254:2 / /d rw,nosymfollow,relatime - ext4 /dev/vda2 rw",
	  MS_RELATIME | NOSYMFOLLOW, 0, "" },
	{ "options that begin as others do",
	  "25 1 0:22 / /d rw,relatime - cifs //s/d rw,rwpidforward,synchronize,rosomething",
	  MS_RELATIME, 0, "rwpidforward,synchronize,rosomething" },
};

int main(void)
{
	struct pvk_mount mount;
	char data[256];
	size_t i;

	ktap_plan(0);
	for (i = 0; i < PVK_ARRAY_SIZE(mounts); i++) {
		pvk_auto_free char *line = strdup(mounts[i].line);
		char *at = line;

		if (!ktap_eq(pvk_mountinfo_next(&at, &mount), 0, "%s", mounts[i].what))
			continue;
		ktap_eq(mountas_flags(&mount), mounts[i].flags, "%s: of the mount",
			mounts[i].what);
		ktap_eq(mountas_fs_flags(&mount), mounts[i].fs_flags, "%s: of the file system",
			mounts[i].what);
		mountas_data(&mount, data, sizeof(data));
		ktap_str(data, mounts[i].data, "%s: options", mounts[i].what);
		mountas_data(&mount, data, 4);
		ktap_check(strlen(data) < 4, "%s: and what has no room is none", mounts[i].what);
	}
	return ktap_finish();
}
