#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit union: what would be lost at reboot, and what outlives it.
# vm: outside timeout=300
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 8

busybox_root root <<'END'
mkdir -p /run/lock
if [ "$(cat /etc/kept 2>/dev/null)" = 1 ]; then
	echo "second boot: $(cat /etc/kept /etc/lost 2>&1 | tr '\n' ' ')"
	echo "removed: $(ls /etc/removed 2>/dev/null)"
	echo "the root below: $(is /run/pvkit-init/lower)"
else
	pvkit union status | tail -n 1 | tr -s ' '
	echo 1 >/etc/kept
	echo 2 >/etc/lost
	rm /etc/removed
	pvkit union status | sed -n '3,$p' | tr -s ' '
	pvkit union keep /etc/kept /etc/removed
	echo "keep: $?"
	pvkit union status | sed -n '4,$p' | tr -s ' '
	sync
	reboot -f
fi
END
add_program root "$BUILD/host/pvkit"
touch root/etc/removed
ext4_image root root.img
squashfs_image root squashfs.img
initramfs init.cpio --module ext4 --module squashfs --module overlay

line() {
	sed -n "$1p" "$OUT"
}

# given an ext4 that is not to be written, with RAM over it
# when two files are written, one is removed, and one and the removal are kept
machine init.cpio --disk root.img --append root=/dev/vda --append pvkit.union=yes
check_eq 'at first nothing would be lost' 'CHANGE BYTES PATH' "$(line 1)"
check_eq 'each change is listed' 'CHANGE BYTES PATH new 2 /etc/kept new 2 /etc/lost removed - /etc/removed' \
	"$(sed -n 2,5p "$OUT" | sort | tr '\n' ' ' | sed 's/ $//')"
check_eq 'they can be kept' 'keep: 0' "$(line 6)"
check_eq 'the other one is what would be lost' 'new 2 /etc/lost' "$(line 7)"
# when the machine is rebooted
check_match 'what was kept is there, the other one is not' 'second boot: 1 *can'"'"'t open*' "$(line 8)"
check_eq 'what was removed is not' 'removed: ' "$(line 9)"
check_eq 'and the root below is as little to be written as before' \
	'the root below: /dev/vda ext4 ro' "$(line 10)"

# given a squashfs
machine init.cpio --once --disk squashfs.img --append root=/dev/vda --append pvkit.union=yes
check_match 'what can not be written is refused' \
	"*union: /run/pvkit-init/lower: the root's file system or its medium can't be written*keep: 1*" \
	"$(cat "$OUT")"
finish
