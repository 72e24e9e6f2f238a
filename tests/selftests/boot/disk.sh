#!/bin/sh
# SPDX-License-Identifier: MIT
# A root on a disk: found, mounted, made the root, and its init is process 1.
# vm: outside timeout=300
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 14

busybox_root root <<'END'
read -r name </proc/1/comm
echo "process 1: $name"
for d in / /proc /sys /dev /run; do
	echo "$d: $(is $d)"
done
echo "initramfs: $(ls -d /newroot /init /lib/pvkit 2>/dev/null)"
echo "log limit: $(cat /proc/sys/kernel/printk_devkmsg)"
cat /run/args 2>/dev/null
END
cat >root/sbin/args <<'END'
#!/bin/sh
echo "args: $*" >/run/args
exec /sbin/init
END
chmod 755 root/sbin/args
ext4_image root ext4.img
squashfs_image root squashfs.img
initramfs init.cpio --module ext4 --module squashfs

# given a root of ext4 on a disk, and one of squashfs on another
# when the command line names the first
machine init.cpio --disk ext4.img --disk squashfs.img --append root=/dev/vda
check_eq 'the machine goes down by itself' 0 "$STATUS"
# then its init runs, with all that was mounted
check_eq 'the real init is process 1' 'process 1: init' "$(sed -n 1p "$OUT")"
check_eq 'the root is read-only, as the kernel has it' '/: /dev/vda ext4 ro' "$(sed -n 2p "$OUT")"
check_eq '/proc, /sys, /dev and /run came along' \
	'/proc: proc proc rw /sys: sysfs sysfs rw /dev: devtmpfs devtmpfs rw /run: tmpfs tmpfs rw' \
	"$(sed -n 3,6p "$OUT" | tr '\n' ' ' | sed 's/ $//')"
check_eq 'nothing of the initramfs is to be seen' 'initramfs: ' "$(sed -n 7p "$OUT")"
check_eq "the log's limit is as it was" 'log limit: ratelimit' "$(sed -n 8p "$OUT")"
check_eq 'one line says what was decided and why' \
	'pvkit-init: normal, no source says otherwise; root=/dev/vda ext4' \
	"$(console_line 'pvkit-init: ')"

# when it names the second, asks to be quiet and to write, and has words for its init
machine init.cpio --disk ext4.img --disk squashfs.img --append root=/dev/vdb \
	--append rw --append quiet --append init=/sbin/args --append emergency \
	--append -- --append a=b
check_eq 'squashfs can only be read, and is' '/: /dev/vdb squashfs ro' "$(sed -n 2p "$OUT")"
check_eq 'the line is on the console of a quiet kernel too' \
	'pvkit-init: normal, no source says otherwise; root=/dev/vdb squashfs' \
	"$(console_line 'pvkit-init: ')"
check_eq 'the words that are for it reach the real init' 'args: emergency a=b' \
	"$(sed -n 9p "$OUT")"

# when it names a disk that does not come
machine init.cpio --once --disk ext4.img --append root=/dev/vdz --append pvkit.root-wait=2
check_eq 'the machine is rebooted' 3 "$STATUS"
check_eq 'after it was said what is missing' \
	'pvkit-init: root=/dev/vdz: there is no such device' "$(console_line 'no such device')"
check_eq 'and when' 'pvkit-init: reboot in 5 s' "$(console_line 'reboot in')"

# when the root has no init, and there is to be no shell
rm root/sbin/init
squashfs_image root squashfs.img
machine init.cpio --once --disk squashfs.img --append root=/dev/vda --append pvkit.shell=no
check_eq 'a root without an init is a failure, and gives nobody its shell' \
	"3, pvkit-init: the root has no program /sbin/init" "$STATUS, $(console_line 'no program')"
finish
