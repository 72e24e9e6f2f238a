#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit-init on arm64: from a disk, from NOR flash by a partition's name, and by init= on
# roots that the kernel has mounted by itself, with no initramfs at all.
. "${0%/*}/../lib/ktap.sh"
top=$(cd "$KTAP_DIR/../.." && pwd)
ARCH=arm64 KERNEL=6.1 LOGS=$BUILD/logs/arm64-init
. "$top/tests/selftests/boot/lib.sh"

plan 17

size=$(wc -c <"$INIT")
if [ "$size" -le 204800 ]; then
	pass 'no more than 200 KiB'
else
	fail 'no more than 200 KiB' 'at most 204800 bytes' "$size"
fi
check_eq 'nothing interprets it' '' "$(readelf -lW "$INIT" | grep INTERP || :)"

# it powers off by init; one that can write reboots first
userland root <<'END'
echo "/ is $(is /), below is $(is /run/pvkit-init/lower)"
n=0
for p in /proc/[0-9]*; do
	read -r name <$p/comm && [ "$name" = pvkit-guard ] && n=$((n + 1))
done 2>/dev/null
echo "guards: $n, /dev: $(is /dev)"
if echo 1 2>/dev/null >>/etc/boots && [ "$(wc -l </etc/boots)" = 1 ] && [ ! -d /run/pvkit-init ]; then
	reboot
else
	poweroff
fi
END
mkdir root/mnt
cp "$INIT" root/sbin/pvkit-init
ext4_image root ext4.img
squashfs_image root squashfs.img
mkfs.jffs2 --root=root --eraseblock=256 --little-endian --squash --output=jffs2.img
line() {
	sed -n "$1p" "$OUT"
}
LIMIT=240

# given Debian's kernel, and an ext4 on a disk
# when that is to be written
initramfs stock.cpio --module ext4
machine stock.cpio --disk ext4.img --append root=/dev/vda --append rw
check_eq 'ext4: is the root, and again after a reboot in order' \
	'/ is /dev/vda ext4 rw, below is 
down: /dev/vda ext4 ro
/ is /dev/vda ext4 rw, below is 
down: /dev/vda ext4 ro' "$(sed /guards/d "$OUT")"
check_eq 'ext4: the machine goes down by itself' 0 "$STATUS"
check_eq 'ext4: the console says what was decided' \
	'pvkit-init: normal, no source says otherwise; root=/dev/vda ext4' \
	"$(console_line 'pvkit-init: ')"
check_eq 'ext4: nothing had to be recovered' '' "$(console_line 'recovery complete')"

# given a kernel that drives NOR flash, which it divides as the command line says
KERNEL=flash
head -c 67108864 /dev/zero | tr '\0' '\377' >nor.img
dd if=jffs2.img of=nor.img bs=256k conv=notrunc status=none
dd if=squashfs.img of=nor.img bs=256k seek=32 conv=notrunc status=none
parts='mtdparts=0.flash:64M(boot)ro,8M(root=/dev/vdz),8M(system)'
initramfs flash.cpio
# when the root is a partition by its name
machine flash.cpio --flash nor.img --append "$parts" --append 'root=mtd:root=/dev/vdz'
check_eq 'jffs2 on NOR: is the root' '/ is mtd1 jffs2 ro, below is ' "$(line 1)"
check_eq 'jffs2 on NOR: the machine goes down by itself' 0 "$STATUS"
check_eq 'jffs2 on NOR: the console says what was decided' \
	'pvkit-init: normal, no source says otherwise; root=mtd1 jffs2' \
	"$(console_line 'pvkit-init: ')"

# given no initramfs, and init=/sbin/pvkit-init
mkdir nothing
(cd nothing && echo . | cpio --quiet -o -H newc) >nothing.cpio
# when the kernel mounts a squashfs in flash, and there is to be RAM over it
machine nothing.cpio --flash nor.img --append "$parts" --append root=/dev/mtdblock2 \
	--append rootfstype=squashfs --append init=/sbin/pvkit-init --append pvkit.union=yes
check_eq 'squashfs on NOR: is below a union' \
	'/ is pvkit-union overlay rw, below is /dev/root squashfs ro' "$(line 1)"
check_eq 'squashfs on NOR: the machine goes down by itself' 0 "$STATUS"
check_eq 'squashfs on NOR: the console says what was decided' \
	'pvkit-init: normal, no source says otherwise; root=/dev/mtdblock2 as it is' \
	"$(console_line 'pvkit-init: ')"

# when it mounts an ext4 on a disk to be read only, and a guard is wanted
machine nothing.cpio --disk ext4.img --append root=/dev/vda --append init=/sbin/pvkit-init \
	--append pvkit.guard=yes
check_eq 'ext4 by the kernel: is the root' '/ is /dev/root ext4 ro, below is ' "$(line 1)"
check_eq 'ext4 by the kernel: the guard is there, and a /dev' \
	'guards: 5, /dev: devtmpfs devtmpfs rw' "$(line 2)"
check_eq 'ext4 by the kernel: the machine goes down in order' 'down: /dev/root ext4 ro' \
	"$(grep '^down' "$OUT")"

# when it mounts one thing, and another was decided for
machine nothing.cpio --disk ext4.img --flash nor.img --append "$parts" --append root=/dev/vda \
	--append init=/sbin/pvkit-init --append pvkit.mode=recovery \
	--append pvkit.recovery.root=mtd:system
check_eq 'another root: it is that one' '/ is /dev/mtdblock2 squashfs ro, below is ' "$(line 1)"
check_eq 'another root: the console says why' \
	'pvkit-init: recovery, by cmdline (mode=recovery); root=/dev/mtdblock2 squashfs' \
	"$(console_line 'recovery, by')"
finish
