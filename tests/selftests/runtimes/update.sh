#!/bin/sh
# SPDX-License-Identifier: MIT
# A whole Debian on a squashfs, with systemd as process 1, updates the partition that it runs
# from, and the kernel beside it: its services are stopped by it, and the machine comes up as the
# new one. An update that ended before, or that failed in RAM, leaves nothing that a later reboot
# would carry out; one whose power is cut goes on at the next boot; and all of it can be left to
# the next boot.
# vm: outside arch=x86_64 timeout=1500
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/../pivot/update_lib.sh"

plan 18
# shellcheck disable=SC2034 # run_update_machine's
MEM=1024 LIMIT=600

# given a Debian where an update, which has all in RAM, is killed when that is complete, and the
# next one has its image changed then, after all checks
new_bed 'state = LABEL=data ext4 /update'
new_machine debian
cat >data/stop <<'END'
if [ ! -e /data/killed ]; then
	>/data/killed
	pkill -KILL -x pvkit
else
	printf tampered | dd of=/run/initramfs/update/image-0 bs=1 seek=5000 conv=notrunc status=none
fi
END
echo 'stop = sh /data/stop' >data/ram.conf
case_of <<'END'
echo "kernel $boot: $(cat /run/kernel 2>/dev/null)"
left() {
	mountpoint -q /run/initramfs && set -- "$@" "$(cd /run/initramfs && ls update/plan)"
	[ ! -e /run/initramfs/shutdown ] || set -- "$@" shutdown
	echo "left $boot: $*"
}
case $boot in
1)
	pvkit update --config /data/ram.conf "$image:$target"
	echo "killed: $?"
	left
	echo 1 >/run/kernel
	systemctl --no-block reboot
	;;
2)
	echo 2 >/run/kernel
	pvkit update --config /data/ram.conf "$image:$target"
	echo "changed: $?"
	;;
3)
	pvkit update "$image:$target" "$kernel:$kernel_target"
	;;
4)
	stty -F /dev/ttyS0 raw
	poweroff
	;;
esac
END

# when
run_update_machine
check_eq 'an update is killed when all is in RAM' 'killed: 137
left 1: update/plan' "$(grep '^killed\|^left 1' "$OUT")"
check_eq 'a reboot after that is no more than a reboot' 'boot 2: old on pvkit-union overlay rw
kernel 2: ' "$(grep '^boot 2\|^kernel 2' "$OUT")"
check_match 'an image that was changed in RAM is found before anything is written' \
	'*could not look at images and targets: *image-0*' "$(console_line 'could not')"
check_match 'what lay over the root is gone with its mount, which systemd ended, so it is a reboot' \
	'*the old system is as it was' "$(console_line 'the old system is as it was')"
check_eq 'the old system comes up' 'boot 3: old on pvkit-union overlay rw
kernel 3: ' "$(grep '^boot 3\|^kernel 3' "$OUT")"
check_eq 'the update knows what the system runs from' \
	'note vda2 has the running root (vda2): the system moves to RAM first' \
	"$(sed -n 's/^root  *[^ ]*  *note  *\(.*\)/note \1/p' "$OUT" | sort -u)"
check_match 'the old root was proven to be gone' '*old root is released*' \
	"$(console_line 'the old root is')"
check_eq 'the new one comes up' 'boot 4: new on pvkit-union overlay rw' "$(grep '^boot 4' "$OUT")"
check 'the kernel beside it is the new one, too' written_kernel

# when the power is cut while it is written
is_cut_between debian 'pvkit-union overlay rw'

# given a Debian on an ext4, where an image is changed after all checks
new_machine debian-ext4
cat >data/stop <<'END'
printf tampered | dd of=/run/initramfs/update/image-0 bs=1 seek=5000 conv=notrunc status=none
END
echo 'stop = sh /data/stop' >data/ram.conf
case_of <<'END'
case $version$boot in
old1)
	echo 1 >/run/kernel
	pvkit update --config /data/ram.conf "$image:$target"
	;;
old2)
	echo "kernel 2: $(cat /run/kernel 2>/dev/null)"
	ls -d /run/initramfs/shutdown 2>/dev/null
	systemctl list-units --failed --no-legend --plain | sed 's/^/failed: /'
	>/var/writable && echo writable
	pvkit update --recovery "$image:$target" "$kernel:$kernel_target"
	echo "status: $?"
	;;
*)
	stty -F /dev/ttyS0 raw
	poweroff
	;;
esac
END

# when that fails, and the next boot is then to write all of it
run_update_machine
check_eq 'ext4: the old system goes on without a boot, writable, and whole' \
	'boot 2: old on /dev/vda2 ext4 rw
kernel 2: 1
writable' "$(sed -n '/^boot 2/,/^writable/p' "$OUT")"
check_eq 'recovery: systemd reboots, and the new one comes up' 'status: 0
boot 3: new on /dev/vda2 ext4 rw' "$(grep '^status\|^boot 3' "$OUT")"
check_match 'recovery: the boot stage has written it' '*goes on at unit 0' \
	"$(console_line 'goes on at')"
check 'recovery: the kernel beside it is the new one, too' written_kernel
finish
