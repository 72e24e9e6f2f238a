#!/bin/sh
# SPDX-License-Identifier: MIT
# A root in a UBI volume, as UBIFS or on its ubiblock: nobody but the owner gets at the volume or at
# the flash below, what was open before is noticed, and UBI itself is never turned
# read-only.
# vm: timeout=300

# shellcheck disable=SC2016,SC2086 # for other shells; paths without blanks
. "${0%/*}/lib.sh"

# text_is TEXT: what still hinders the proof
text_is() {
	[ "$(session .text)" = "$1" ]
}

ubi_still_writes() {
	expect "UBI is read-only" 0 "$(cat /sys/class/ubi/ubi0/ro_mode)"
	dd if=/dev/urandom of="$T/junk" bs=64k count=1 2>/dev/null
	ubi_ctl fill /dev/ubi0_1 "$T/junk" 2>"$T/fill" ||
		broken "its neighbour can be written" "$(cat "$T/fill")"
}

test_a_volume_is_released_when_nobody_has_it_open() {
	ubifs_on_ubi
	begin
	expect "what it follows" 'ubifs ubi0_0 ubi' "$(session '"\(.fs) \(.device) \(.medium)"')"
	start "$T/user" sh -c 'exec 8</dev/ubi0_0; echo ready; exec sleep 1000'
	seal
	expect "what is shut" 'files nodes' "$(session '.shut | join(" ")')"
	umount "$M"
	expect_soon 10 text_is 'somebody has the UBI volume open'
	expect_session sealed
	end "$child"
	must_say wait released 10000
	expect "proof" 'absent exclusive unused' "$(session '.proof | join(" ")')"
	mount -t ubifs ubi0:root "$M" 2>"$T/mount" && broken "it is held" "it was mounted"
	must_say step closed
	wait_until 5 mount -t ubifs ubi0:root "$M" || broken "it is free again" "no mount"
	umount "$M"
	ubi_still_writes
}

test_who_has_the_flash_below_open_is_noticed() {
	ubifs_on_ubi
	begin
	start "$T/user" sh -c 'exec 8</dev/mtd1; echo ready; exec sleep 1000'
	seal
	umount "$M"
	expect_soon 10 text_is 'somebody has the flash partition open'
	expect_session sealed
	end "$child"
	must_say wait released 10000
}

test_no_tool_gets_at_the_volume_or_the_flash_below() {
	ubifs_on_ubi
	begin
	seal
	for node in ubi0 ubi0_0 mtd1 mtd1ro mtdblock1 mtd0 mtd0ro mtdblock0; do
		refused_to dd if=/dev/$node of=/dev/null bs=1 count=1
		refused_to dd if=/dev/zero of=/dev/$node bs=1 count=1 conv=notrunc
	done
	for node in /dev/mtd1 /dev/mtd0; do
		refused_to flashcp /etc/hostname $node
		ubiformat -y $node >"$T/tool" 2>&1 && broken "no ubiformat of $node" success
		expect_match "ubiformat of $node" 'not permitted' "$(cat "$T/tool")"
	done
	opens /dev/ubi0_1 || broken "its neighbour opens" "$(cat "$T/opens")"
	ubi_still_writes
	must_say abort
	mount -o remount,rw "$M"
	echo more >"$M/file"
	sync "$M/file"
	expect "what it holds" more "$(cat "$M/file")"
}

test_the_owner_writes_once_it_is_armed() {
	ubifs_on_ubi
	begin
	seal
	umount "$M"
	must_say wait released 10000
	says_no EBUSY '' openrw /dev/ubi0_0
	must_say arm update 100
	refused_to dd if=/dev/ubi0_0 of=/dev/null bs=1 count=1
	must_say openrw /dev/ubi0_0
	mount -t ubifs ubi0:root "$M" 2>"$T/mount" && broken "the owner has it" "it was mounted"
	must_say close
	must_say step closed
	opens /dev/ubi0_0 || broken "open again" "$(cat "$T/opens")"
}

test_a_ubiblock_is_its_volume() {
	modprobe ext4
	ubi_volumes
	truncate -s 1M "$T/image"
	mke2fs "$T/image" >/dev/null 2>&1
	ubi_ctl fill /dev/ubi0_0 "$T/image"
	ubi_ctl block /dev/ubi0_0 || not_here "no ubiblock in this kernel"
	wait_until 5 test -b /dev/ubiblock0_0 || broken "a ubiblock" "$(ls /dev/ubi*)"
	mount -t ext4 -o ro /dev/ubiblock0_0 "$M"
	begin
	expect "what it follows" 'ext4 ubiblock0_0 ubi' \
		"$(session '"\(.fs) \(.device) \(.medium)"')"
	must_say step sealed
	for node in ubiblock0_0 ubi0_0 ubi0 mtd1; do
		refused_to dd if=/dev/$node of=/dev/null bs=1 count=1
	done
	umount "$M"
	must_say wait released 10000
	expect "proof" 'absent exclusive unused' "$(session '.proof | join(" ")')"
	mount -t ext4 -o ro /dev/ubiblock0_0 "$M" 2>"$T/mount" && broken "it is held" "mounted"
	must_say arm update 100
	must_say openrw /dev/ubi0_0
	must_say close
	must_say step closed
}

# Made of a volume that has a UBIFS, beside it.
test_a_ubiblock_beside_is_shut_too() {
	ubi_volumes
	ubi_ctl block /dev/ubi0_0 || not_here "no ubiblock in this kernel"
	mount -t ubifs ubi0:root "$M"
	wait_until 5 test -b /dev/ubiblock0_0 || broken "a ubiblock" "$(ls /dev/ubi*)"
	begin
	seal
	refused_to dd if=/dev/ubiblock0_0 of=/dev/null bs=1 count=1
	must_say abort
	opens /dev/ubiblock0_0 || broken "it opens again" "$(cat "$T/opens")"
}

run_tests
