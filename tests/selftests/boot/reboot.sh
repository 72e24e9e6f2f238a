#!/bin/sh
# SPDX-License-Identifier: MIT
# Reboots that pvkitd does, of a small board: by busybox' init, by force when its shutdown
# hangs or it stands still, and at once; into a mode, which the next boot finds.
# vm: outside timeout=300
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 14

# given a board with pvkitd whose clock has a byte for the mode
userland root <<'END'
boot=$(($(cat /etc/boots 2>/dev/null || echo 0) + 1))
echo $boot >/etc/boots
now=$(busybox date +%s)
echo "boot $boot: mode $(cat /sys/class/pv_bootflag/rtc/boot_mode)," \
	"$((now - $(cat /etc/left 2>/dev/null || echo $now))) s later"
mount -t cgroup2 none /sys/fs/cgroup
pvkitd --root /var
stand_still() {
	mkdir /sys/fs/cgroup/init
	echo 1 >/sys/fs/cgroup/init/cgroup.procs
	echo 1 >/sys/fs/cgroup/init/cgroup.freeze
}
leave() {
	echo "$now" >/etc/left
	sync
	pvkit reboot "$@"
}
case $boot in
1)
	pvkit reboot --mode nowhere
	echo "status $?"
	leave --mode recovery
	;;
2)
	echo 'sleep 1000' >/etc/hang
	leave --limit 3
	sleep 1
	grep VmLck "/proc/$(busybox pidof pvkitd-reboot)/status"
	;;
3)
	rm /etc/hang
	stand_still
	leave --limit 3
	;;
4)
	leave --limit 600
	pvkit reboot
	echo "again: status $?"
	;;
5)
	stand_still
	leave --limit 600
	leave --force --mode ota
	;;
6)
	pvkit ping
	poweroff
	;;
esac
END
# what hangs does so before anything is unmounted
sed -i '2i [ ! -f /etc/hang ] || . /etc/hang' root/etc/rcK
mkdir -p root/var/bsp
echo '{ "#spec": "driver-aliases@1", "all": {} }' >root/var/bsp/drivers.json
add_program root "$BUILD/host/pvkitd"
add_program root "$BUILD/host/pvkit"
ext4_image root root.img
echo 'root = /dev/vda' >init.conf
echo 'store.rtc = medium=nvmem device=cmos_nvram0 offset=64 size=4 format=magic mode-recovery=0x52 mode-ota=0x4f' \
	>flags.conf
initramfs init.cpio --conf init.conf --flags flags.conf --module ext4 --module pv_driver \
	--module pv_bootflag

# when it is told to reboot in each of these ways
LIMIT=200
machine init.cpio --disk root.img --append rw

# said BOOT: what came of that, but for times
said() {
	awk -v n="$1" '$1 == "boot" { at = $2 } at == n ":" && !/^umount: / && !/^VmLck/' "$OUT" |
		sed 's/, [0-9]* s later//'
}

# took BOOT: seconds from the one before
took() {
	sed -n "s/^boot $1: .*, \([0-9]*\) s later/\1/p" "$OUT"
}

# then
check_eq 'the last boot powers off' 0 "$STATUS"
check_eq 'a mode that no flag takes is refused, one that a flag takes is set; init does its work' \
	"boot 1: mode 
pvkit: reboot: no boot flag of this machine takes the mode 'nowhere' (force leaves it to the kernel)
status 4
reboots: init is asked, and has 60 s
down: /dev/vda ext4 ro" "$(said 1)"
check "before the limit is over ($(took 2) s)" test "$(took 2)" -lt 60
check_eq 'the next boot finds the mode; its shutdown hangs' \
	'boot 2: mode recovery
reboots: init is asked, and has 3 s' "$(said 2)"
check_eq 'which pvkit-init had found, too' \
	'pvkit-init: recovery, by rtc (mode=recovery); cmdline says nothing; root=/dev/vda ext4' \
	"$(console_line 'recovery, by')"
check 'who waits for the end is kept in memory' grep -q '^VmLck:[[:space:]]*[1-9]' "$OUT"
check "that is waited for ($(took 3) s), and no longer" \
	test "$(took 3)" -ge 3 -a "$(took 3)" -lt 60
check_eq 'the mode was for one boot; init stands still' \
	'boot 3: mode 
reboots: init is asked, and has 3 s' "$(said 3)"
check "that is waited for ($(took 4) s), and no longer" \
	test "$(took 4)" -ge 3 -a "$(took 4)" -lt 60
check_eq 'a second reboot is refused, the first goes on' \
	'boot 4: mode 
reboots: init is asked, and has 600 s
pvkit: reboot: a reboot is under way
again: status 4
down: /dev/vda ext4 ro' "$(said 4)"
check_eq 'who is in a hurry need not wait for it' \
	'boot 5: mode 
reboots: init is asked, and has 600 s
reboots by force' "$(said 5)"
check "for ten minutes ($(took 6) s)" test "$(took 6)" -lt 60
check_eq 'the kernel has set the mode on its way down' 'boot 6: mode ota' "$(said 6 | head -n 1)"
check_match 'and pvkitd is back' 'up [0-9]*.[0-9]* s, boot ?*-?*, answered in [0-9]* ms' "$(said 6 | sed -n 2p)"
finish
