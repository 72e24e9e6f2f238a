#!/bin/sh
# SPDX-License-Identifier: MIT
# What pvkit-init reads from superblocks and partition tables is what the programs say
# that make them, and blkid.
. "${0%/*}/../lib/ktap.sh"

PATH=$PATH:/usr/sbin:/sbin
blockid=$BUILD/tests/lib/blockid
uuid=0b9e4c1c-7a66-4e3f-9d0a-5f1e2d3c4b5a

plan 22
cd "$KTAP_TMP"
mkdir tree
echo hello >tree/file

# given a file system with that UUID and label, made by those who know it, then both are
# read
# has TYPE LABEL UUID MAKE...
has() {
	has_what=$1 has_label=$2 has_uuid=$3
	shift 3
	if ! command -v "$1" >/dev/null; then
		skip "$has_what, its number and name" "no $1 on this machine"
		return
	fi
	rm -f img
	truncate -s 400M img
	"$@" >log 2>&1 || cat log
	check_eq "$has_what, its number and name" "$has_what $has_uuid $has_label" "$("$blockid" img)"
}

has ext4 root-a $uuid mke2fs -q -F -t ext4 -U $uuid -L root-a img 8M
has ext3 root-b $uuid mke2fs -q -F -t ext3 -U $uuid -L root-b img 8M
has ext2 sixteen-letters- $uuid mke2fs -q -F -t ext2 -U $uuid -L sixteen-letters- img 8M
has ext4 - $uuid mke2fs -q -F -t ext4 -O '^has_journal' -U $uuid img 8M
has squashfs - - mksquashfs tree img -noappend -quiet -no-progress
has erofs - $uuid mkfs.erofs -U $uuid img tree
has f2fs root-f $uuid mkfs.f2fs -q -U $uuid -l root-f img
has xfs root-x $uuid mkfs.xfs -q -f -m uuid=$uuid -L root-x img
has btrfs root-t $uuid mkfs.btrfs -q -U $uuid -L root-t img

# given a squashfs whose data has at one place what an ext has there
mksquashfs tree img -noappend -quiet -no-progress >log 2>&1 || cat log
printf '\123\357' | dd of=img bs=1 seek=1080 conv=notrunc status=none
check_eq 'two right bytes do not make a squashfs another file system' 'squashfs - -' \
	"$("$blockid" img)"

# given what is none
truncate -s 1M zero
check_fails 'zeros are no file system' 'nothing known' "$blockid" zero
printf 'hsqs' >short
check_fails 'four right bytes and no more are none' 'nothing known' "$blockid" short

# given a GPT with a hole among its partitions
truncate -s 16M gpt
sfdisk -q gpt <<END
label: gpt
1: start=2048, size=2048, uuid=$uuid, name="root-a"
3: start=8192, size=2048, name="the third, by a long name with 36 c"
END
check_eq 'GPT: the first partition' "$uuid root-a" "$("$blockid" gpt 1)"
check_fails 'GPT: one that is not there' 'nothing known' "$blockid" gpt 2
check_eq 'GPT: the third, as blkid says it' \
	"$(blkid -p -s PART_ENTRY_UUID -o value --offset $((8192 * 512)) gpt 2>/dev/null ||
		sfdisk --part-uuid gpt 3 | tr '[:upper:]' '[:lower:]') the third, by a long name with 36 c" \
	"$("$blockid" gpt 3)"
# when its first copy is damaged
printf 'x' | dd of=gpt bs=1 seek=600 conv=notrunc status=none
check_eq 'GPT: the second copy counts where the first is damaged' "$uuid root-a" \
	"$("$blockid" gpt 1)"
# when an entry is, in both
printf 'x' | dd of=gpt bs=1 seek=$((1024 + 16)) conv=notrunc status=none
printf 'x' | dd of=gpt bs=1 seek=$((16 * 1024 * 1024 - 33 * 512 + 16)) conv=notrunc status=none
check_fails 'GPT: a checksum that is wrong in both is no table' 'nothing known' "$blockid" gpt 1

# given an MBR
truncate -s 16M mbr
printf 'label: dos\nlabel-id: 0x1234abcd\nstart=2048,size=2048\nstart=4096,size=2048\n' |
	sfdisk -q mbr
check_eq 'MBR: its number and the partition' '1234abcd-02 -' "$("$blockid" mbr 2)"
check_eq 'MBR: as sfdisk says it' "$(sfdisk -d mbr | sed -n 's/^label-id: 0x//p')-01 -" \
	"$("$blockid" mbr 1)"
# when there was a GPT before, whose sectors nobody has cleared
truncate -s 16M gpt
printf 'label: gpt\nstart=2048,size=2048\n' | sfdisk -q gpt
dd if=gpt of=mbr bs=512 skip=1 seek=1 count=33 conv=notrunc status=none
check_eq 'MBR: a GPT that was left behind does not count' '1234abcd-01 -' "$("$blockid" mbr 1)"
# and one of its entries is of the type that says so, but of another place
printf '\356' | dd of=mbr bs=1 seek=$((446 + 4)) conv=notrunc status=none
check_fails 'MBR: nor does it where the kernel believes neither' 'nothing known' "$blockid" mbr 1
check_fails 'no table at all' 'nothing known' "$blockid" zero 1
finish
