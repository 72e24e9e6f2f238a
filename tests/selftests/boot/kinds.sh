#!/bin/sh
# SPDX-License-Identifier: MIT
# The file systems that are found by what they are called, each as a root: erofs, f2fs, xfs
# and btrfs. ext4 and squashfs are those of all other tests.
# vm: outside timeout=300
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 5

# given their modules, which no other test wants
mkdir kernel
dpkg-deb --fsys-tarfile "$BUILD/deb/$KERNEL/image.deb" | tar -x -C kernel --wildcards \
	'./lib/modules/*/kernel/fs/*' './lib/modules/*/kernel/lib/*' \
	'./lib/modules/*/kernel/crypto/*' './lib/modules/*/kernel/drivers/virtio/*' \
	'./lib/modules/*/kernel/drivers/block/virtio*' './lib/modules/*/modules.builtin*' \
	'./lib/modules/*/modules.order'
release=$(cat "$BUILD/deb/$KERNEL/release")
depmod -b kernel "$release"

# given a root in each, which says what it is and asks for the next one
for next in O:erofs R:f2fs S:xfs -:btrfs; do
	busybox_root "${next#*:}" <<-END
		is /
		[ ${next%:*} = - ] || {
			printf '${next%:*}\0\0\0' |
				dd of=/sys/bus/nvmem/devices/cmos_nvram0/nvmem bs=1 seek=64 2>/dev/null
			reboot -f
		}
	END
done
uuid=0b9e4c1c-7a66-4e3f-9d0a-5f1e2d3c4b5a
uuid_t=2c7d1f0e-93b4-4a58-8e61-7d0c9b3a4f12

# What mkfs.xfs copies into the file system, in its own words.
protofile() {
	for f in "$1"/*; do
		name=${f##*/}
		if [ -L "$f" ]; then
			echo "$name l--777 0 0 $(readlink "$f")"
		elif [ -d "$f" ]; then
			echo "$name d--755 0 0"
			(protofile "$f")
			echo '$'
		elif [ -f "$f" ]; then
			echo "$name ---755 0 0 $f"
		fi
	done
}

make_images() {
	mkfs.erofs -U $uuid erofs.img erofs &&
		truncate -s 128M f2fs.img && mkfs.f2fs -q -l 'root of f2fs' f2fs.img &&
		sload.f2fs -f f2fs f2fs.img &&
		{ printf '/\n0 0\nd--755 0 0\n' && protofile xfs && echo '$'; } >proto &&
		truncate -s 400M xfs.img && mkfs.xfs -q -L root-x -p proto xfs.img &&
		truncate -s 200M btrfs.img && mkfs.btrfs -q -U $uuid_t --rootdir btrfs btrfs.img
}
make_images >images.log 2>&1 || {
	sed 's/^/# /' images.log
	exit 1
}

# given an RTC that decides which one it is
cat >init.conf <<END
root = UUID=$uuid
[ota]
root = LABEL=root of f2fs
[recovery]
root = LABEL=root-x
[rescue]
root = UUID=$uuid_t
END
cat >flags.conf <<'END'
store.rtc = medium=nvmem device=cmos_nvram0 offset=64 size=4 format=magic mode-ota=0x4f mode-recovery=0x52 mode-rescue=0x53
END
"$top/scripts/mkinitramfs" --init "$BUILD/host/pvkit-init" --root kernel --conf init.conf \
	--flags flags.conf --module virtio_pci --module virtio_blk --module erofs --module f2fs \
	--module xfs --module btrfs init.cpio

# when the machine is rebooted from one to the next
MEM=256 machine init.cpio --disk erofs.img --disk f2fs.img --disk xfs.img --disk btrfs.img
check_eq 'erofs, by its number' '/dev/vda erofs ro' "$(sed -n 1p "$OUT")"
check_eq 'f2fs, by its name' '/dev/vdb f2fs ro' "$(sed -n 2p "$OUT")"
check_eq 'xfs, by its name' '/dev/vdc xfs ro' "$(sed -n 3p "$OUT")"
check_eq 'btrfs, by its number' '/dev/vdd btrfs ro' "$(sed -n 4p "$OUT")"
check_eq 'and the machine goes down by itself' 0 "$STATUS"
finish
