#!/bin/sh
# SPDX-License-Identifier: MIT
# A root on a disk: found, mounted, made the root, its init is process 1, and what that
# starts comes up, can be logged in to, and goes down in order.
# vm: outside timeout=400
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 21

# it powers off by init; one that can write reboots first, and then waits for a login
userland root <<'END'
read -r name </proc/1/comm
echo "process 1: $name"
for d in / /proc /sys /dev /run; do
	echo "$d: $(is $d)"
done
echo "initramfs: $(ls -d /newroot /init /lib/pvkit 2>/dev/null)"
echo "log limit: $(cat /proc/sys/kernel/printk_devkmsg)"
cat /run/args 2>/dev/null
if ! echo 1 2>/dev/null >>/etc/boots; then
	poweroff
elif [ "$(wc -l </etc/boots)" = 1 ]; then
	reboot
fi
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
check_eq 'and it went down in order' 'down: /dev/vda ext4 ro' "$(sed -n 9p "$OUT")"
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

# when an ext4 is to be written, reboots in order, and somebody logs in then
# shellcheck disable=SC2016 # for the shell there
typing root 'echo "by hand on $(hostname)" >/dev/ttyS0; poweroff'
machine init.cpio --disk ext4.img --append root=/dev/vda --append rw --keys keys
stop_typing
check_eq 'an ext4 can be written' '/: /dev/vda ext4 rw' "$(sed -n 2p "$OUT")"
check_match 'it has a login on the console after a reboot' 'board login: *' "$(console_line 'login: ')"
check_eq 'and can be logged in to' 'by hand on board' "$(grep '^by hand' "$OUT")"
check_eq 'both times the root is read-only in the end' \
	'down: /dev/vda ext4 ro down: /dev/vda ext4 ro ' \
	"$(grep '^down' "$OUT" | tr '\n' ' ')"
check_eq 'nothing had to be recovered' '' "$(console_line 'recovery complete')"
check_eq 'and is not to be' 'clean' \
	"$(dumpe2fs -h ext4.img 2>/dev/null | sed -n '/needs_recovery/p; s/^Filesystem state: *//p')"

# when it names a disk that does not come
machine init.cpio --once --disk ext4.img --append root=/dev/vdz --append pvkit.root-wait=2
check_eq 'the machine is rebooted' 3 "$STATUS"
check_eq 'after it was said what is missing' \
	'pvkit-init: root=/dev/vdz: there is no such device' "$(console_line 'no such device')"
check_eq 'and when' 'pvkit-init: reboot in 5 s' "$(console_line 'reboot in')"

# when the root has no init, there is to be no shell, and the kernel's log takes nothing
rm root/sbin/init
squashfs_image root squashfs.img
machine init.cpio --once --disk squashfs.img --append root=/dev/vda --append pvkit.shell=no \
	--append printk.devkmsg=off
check_eq 'a root without an init is a failure that is said, and gives nobody its shell' \
	"3, pvkit-init: the root has no program /sbin/init" "$STATUS, $(console_line 'no program')"
finish
