#!/bin/sh
# SPDX-License-Identifier: MIT
# What there is behind the root guard: where guard-restart = no, a death is a reboot; when
# all of it is killed at once, a hardware watchdog resets; and a reboot that hangs is forced.
# vm: outside timeout=300
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 10

# One machine, whose second disk has the number of the boot: what ended one boot is found
# in the log by the next, and on the console.
busybox_root root <<'END'
cp /bin/busybox /run/busybox
boot=$(dd if=/dev/vdb bs=1 count=1 2>/dev/null)
printf %s $((${boot:-0} + 1)) | dd of=/dev/vdb conv=notrunc 2>/dev/null
sync
cat >/run/rest <<'REST'
guards() {
	for p in /proc/[0-9]*; do
		read -r name <"$p/comm" || continue
		[ "$name" != pvkit-guard ] || echo "${p#/proc/}"
	done 2>/dev/null
}
parent() { /run/busybox cut -d' ' -f4 "/proc/$1/stat"; }
# the watcher's parent is the keeper, whose parent is process 1
for p in $(guards); do
	[ "$(parent $p)" != 1 ] || keeper=$p
done
for p in $(guards); do
	[ "$(parent $p)" != "$keeper" ] || watcher=$p
done
case $1 in
'')
	echo "watchdog: $(/run/busybox cat /sys/class/watchdog/watchdog0/state) $(/run/busybox cat /sys/class/watchdog/watchdog0/timeout)"
	/run/busybox kill -9 "$watcher" ;;
1) /run/busybox kill -9 "$keeper" ;;
2)
	# one by one the last would see it: a stopped process sees nothing
	/run/busybox kill -STOP $(guards)
	/run/busybox kill -9 $(guards)
	/run/busybox sleep 1
	echo "left: $(guards | /run/busybox wc -l)" ;;
3)
	/run/busybox insmod /run/pvt_hang.ko
	echo 1 >/sys/block/vda/device/../remove ;;
4)
	echo 'the fifth boot'
	/run/busybox poweroff
	;;
esac
/run/busybox sleep 60
echo "nobody reboots"
REST
[ ! -e /pvt_hang.ko ] || cp /pvt_hang.ko /run/
exec /run/busybox sh /run/rest "$boot"
END
sed -i -e 's|^exec /run/busybox sh|/run/busybox sh|' root/etc/rcS
sed -i 's/sysinit/once/' root/etc/inittab
cp "$(modules_dir)"/lib/modules/*/updates/pvt_hang.ko root/
squashfs_image root root.img
head -c 4096 /dev/zero >count.img
cat >init.conf <<'END'
root = /dev/vda
guard = yes
guard-every = 1
guard-limit = 2
guard-grace = 0
guard-restart = no
guard-watchdog = /dev/watchdog0
END
initramfs init.cpio --conf init.conf --module squashfs --module i6300esb
# boot N: the console of that boot alone
boot() {
	tr -d '\r' <"$CONSOLE" | awk -v want="$1" '/Linux version/ { n++ } n == want'
}
said() {
	boot "$1" | sed -n "s/^\[ *[0-9.]*\] \(.*$2.*\)/\1/p" | head -n 1
}

# given a guard with a watchdog, and guard-restart = no
LIMIT=150
machine init.cpio --disk root.img --disk count.img
check_eq 'a watchdog has as long as the guard may take' \
	'pvkit-init: root guard: /dev/watchdog0 resets 15 s after the guard'"'"'s death' \
	"$(said 1 resets)"
check_eq 'and runs' 'watchdog: active 15' "$(sed -n 1p "$OUT")"
# when the watcher is killed
check_eq 'the watcher'"'"'s death is a reboot' \
	'pvkit-init: root guard: its watcher died; reboot' "$(said 1 died)"
# when the keeper is
check_eq 'so is the keeper'"'"'s' 'pvkit-init: root guard: its keeper died; reboot' \
	"$(said 2 died)"
# when all are, at once
check_eq 'nothing of it is left' 'left: 0' "$(sed -n 2p "$OUT")"
check_eq 'and nobody says so' '' "$(boot 3 | grep -E 'died|is gone')"
check_match 'but there is a fourth boot' '*Linux version*' "$(boot 4 | head -n 1)"
# when a root is lost, and a driver does not let the machine reboot
check_eq 'a reboot that hangs' 'pvt_hang: a reboot that hangs' "$(said 4 "pvt_hang: a")"
check_match 'is forced by the keeper' 'sysrq: Resetting*' "$(said 4 sysrq)"
# when it is shut down in order
check_eq 'a shutdown in order stops the watchdog, and is one' '0 the fifth boot' \
	"$STATUS $(sed -n 3p "$OUT")"
finish
