#!/bin/sh
# SPDX-License-Identifier: MIT
# A root in a partition of flash, by its name: jffs2, squashfs, ubifs and squashfs in a
# volume of UBI, on a kernel that reads no mtdparts= itself. What starts there comes up, and
# one that can be written reboots in order and comes up again.
# vm: outside timeout=400
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 18

userland root <<'END'
is /
if echo 1 2>/dev/null >>/etc/boots && [ "$(wc -l </etc/boots)" = 1 ]; then
	reboot
else
	sed 1d /proc/mtd
	for n in 0 1 2 3 4; do cat /sys/class/mtd/mtd$n/offset; done
	poweroff
fi
END
squashfs_image root squashfs.img
mkfs.jffs2 --root=root --eraseblock=64 --little-endian --squash --output=jffs2.img
mkfs.ubifs --root=root --min-io-size=8 --leb-size=65408 --max-leb-cnt=100 --squash-uids \
	--output=ubifs.img
cat >ubi.ini <<'END'
[root]
mode=ubi
image=ubifs.img
vol_id=0
vol_type=dynamic
vol_name=rootfs
vol_size=5MiB
[squash]
mode=ubi
image=squashfs.img
vol_id=1
vol_type=static
vol_name=squash:fs
vol_size=2MiB
END
ubinize --output=ubi.img --peb-size=64KiB --min-io-size=1 --sub-page-size=1 ubi.ini

# a block2mtd that takes no name for it, of before 5.11, calls it after the device
chip=flash label=,flash
grep -qa '<label>' "$(find "$(modules_dir)" -name 'block2mtd.ko*')" ||
	chip='block2mtd: /dev/vda' label=

# given one chip with a partition for each, the names of which say other things as well
parts="$chip:128k(u-boot)ro,4m(root=/dev/vdz),4m(a;b:c),12m(ubi)"
truncate -s 24M flash.img
dd if=jffs2.img of=flash.img bs=64k seek=2 conv=notrunc status=none
dd if=squashfs.img of=flash.img bs=64k seek=66 conv=notrunc status=none
dd if=ubi.img of=flash.img bs=64k seek=130 conv=notrunc status=none
initramfs init.cpio --module "block2mtd block2mtd=/dev/vda,64KiB$label" --module mtdblock \
	--module jffs2 --module squashfs --module ubi --module ubifs

# boot ROOT [WORD...]
boot() {
	root=$1
	shift
	for word in "$@"; do
		case $word in
		--*) set -- "$@" "$word" ;;
		*) set -- "$@" --append "$word" ;;
		esac
		shift
	done
	machine init.cpio --disk flash.img --append "mtdparts=\"$parts\"" \
		--append "root=$root" "$@"
}

# both boots of one that can be written, and how each ended
twice() {
	sed -n -e '/^\(mtd\|ubi\)[0-9_]* /p' -e '/^down/p' "$OUT"
}

# when the root is in a partition with jffs2, and somebody wants it guarded
boot 'mtd:root=/dev/vdz' rw pvkit.guard=yes
check_eq 'jffs2: the machine goes down by itself' 0 "$STATUS"
check_eq 'jffs2: is the root, and again after a reboot' 'mtd2 jffs2 rw
down: mtd2 jffs2 ro
mtd2 jffs2 rw
down: mtd2 jffs2 ro' "$(twice)"
check_eq 'jffs2: nothing of it is amiss' '' "$(console_line 'jffs2: .*\(CRC\|magic\|[Ee]rror\)')"
check_eq 'the partitions are those of the command line' \
	"\"$chip\" \"u-boot\" \"root=/dev/vdz\" \"a;b:c\" \"ubi\"" \
	"$(sed -n 's/^mtd[0-9]*: [^"]*//p' "$OUT" | tr '\n' ' ' | sed 's/ $//')"
check_eq 'and where they are' '0 131072 4325376 8519680' \
	"$(sed -n '/^[0-9]/p' "$OUT" | tr '\n' ' ' | sed 's/ $//')"
check_eq 'the line says it' \
	'pvkit-init: normal, no source says otherwise; root=mtd2 jffs2' \
	"$(console_line 'pvkit-init: normal')"

check_eq 'of flash nothing is asked' 'pvkit-init: no root guard: of mtd2 nothing can be asked' \
	"$(console_line 'no root guard')"

# when it is in one with squashfs
boot 'mtd:a;b:c'
check_eq 'squashfs: is the root' '/dev/mtdblock3 squashfs ro' "$(sed -n 1p "$OUT")"
check_eq 'squashfs: the machine goes down in order' 'down: /dev/mtdblock3 squashfs ro' \
	"$(grep '^down' "$OUT")"

# when it is in a volume of UBI, and is to be written
boot ubi0:rootfs ubi.mtd=ubi rw
check_eq 'ubifs: is the root, and again after a reboot' 'ubi0_0 ubifs rw
down: ubi0_0 ubifs ro
ubi0_0 ubifs rw
down: ubi0_0 ubifs ro' "$(twice)"
check_eq 'ubifs: nothing had to be recovered' '' "$(console_line 'UBIFS.*recovery')"
check_eq 'ubifs: the machine goes down by itself' 0 "$STATUS"

# when it is a squashfs in a volume of UBI
boot ubi0:squash:fs ubi.mtd=ubi,64
check_eq 'squashfs in UBI: is the root' '/dev/ubiblock0_1 squashfs ro' "$(sed -n 1p "$OUT")"
check_eq 'squashfs in UBI: the machine goes down in order' \
	'down: /dev/ubiblock0_1 squashfs ro' "$(grep '^down' "$OUT")"

# when the partition holds UBI, and it is asked for as if it did not
boot mtd:ubi pvkit.shell=no --once
check_eq 'UBI as a partition: is told apart' \
	'pvkit-init: root=mtd:ubi: that is UBI: ubi.mtd=ubi and root=ubi0:VOLUME' \
	"$(console_line 'that is UBI')"
check_eq 'UBI as a partition: and at once' '' "$(console_line 'waiting up to')"

# when there is no such partition, and the command line has an error
parts="$chip:128k(u-boot),0(x)"
boot mtd:x pvkit.root-wait=1 pvkit.shell=no --once
check_eq 'a missing partition: is told' \
	'pvkit-init: root=mtd:x: there is no MTD partition x' "$(console_line 'no MTD partition')"
check_eq 'and what is wrong' "pvkit-init: mtdparts, byte $((14 + ${#chip})): a partition of size 0" \
	"$(console_line 'mtdparts, byte')"
finish
