#!/bin/sh
# SPDX-License-Identifier: MIT
# The gate: from the seal on nobody but the owner gets at the medium, with each tool that
# one would take, and what was open before can't write; when the session ends without
# the update, all is as it was.
# vm: timeout=300

# shellcheck disable=SC2016,SC2086 # for other shells; paths and words without blanks
. "${0%/*}/lib.sh"

# mtd1 is a part of mtd0, which so overlaps with it
jffs2_that_overlaps() {
	modprobe -a mtdram mtdblock jffs2
	blkpg /dev/mtd0 1 0 1048576
	wait_until 5 test -c /dev/mtd1 -a -b /dev/mtdblock1 || broken "a partition" "$(cat /proc/mtd)"
	mount -t jffs2 mtd1 "$M"
	echo hello >"$M/file"
	dd if=/dev/urandom of="$T/junk" bs=64k count=1 2>/dev/null
}

contents() {
	sha256sum </dev/mtd0
}

test_no_tool_gets_at_flash() {
	jffs2_that_overlaps
	mount -o remount,ro $M
	sync
	before=$(contents)
	begin
	seal
	expect "what is shut" 'files nodes mtd' "$(session '.shut | join(" ")')"
	for node in mtd1 mtd1ro mtdblock1 mtd0 mtd0ro mtdblock0; do
		refused_to dd if=/dev/$node of=/dev/null bs=1 count=1
		refused_to dd if="$T/junk" of=/dev/$node conv=notrunc
	done
	must_say open /dev/mtd1
	must_say close
	must_say abort
	expect "what the flash holds" "$before" "$(contents)"
}

# The tools of mtd-utils; arm64's machine goes without.
test_flashcp_and_ubiformat_do_not_get_at_it() {
	command -v flashcp >/dev/null || not_here "no flashcp in this machine"
	jffs2_that_overlaps
	mount -o remount,ro $M
	sync
	before=$(contents)
	begin
	seal
	for node in /dev/mtd1 /dev/mtd0; do
		refused_to flashcp "$T/junk" $node
		ubiformat -y $node >"$T/tool" 2>&1 && broken "no ubiformat of $node" success
		expect_match "ubiformat of $node" 'not permitted' "$(cat "$T/tool")"
	done
	must_say abort
	expect "what the flash holds" "$before" "$(contents)"
}

# listed NODE: the process $child, as one who has it open
listed() {
	pvkit pivot holders --json $M >"$T/holders" || broken "holders" "$(cat "$T/holders")"
	jq -e --arg what "$1" --argjson pid "$child" 'any(.holders[];
		.kind == "device" and .pid == $pid and .what == $what)' "$T/holders" \
		>"$T/jq" || broken "$1 is listed" "$(cat "$T/holders")"
}

# A block device can be written by who has it open, so that has to be seen.
test_who_has_a_node_open_from_before_is_listed() {
	ext4_on_loop
	begin
	start "$T/user" sh -c "exec 8<>$disk; echo ready; exec sleep 1000"
	seal
	listed $disk
	end $child
	must_say abort
	umount $M
	jffs2_that_overlaps
	must_say again $M
	for node in /dev/mtd1 /dev/mtd0 /dev/mtdblock0; do
		start "$T/user" sh -c "exec 8<$node; echo ready; exec sleep 1000"
		listed $node
		end $child
	done
}

test_who_has_it_open_can_not_write() {
	jffs2_that_overlaps
	begin
	# not the owner's, too
	exec 7<>/dev/mtd1 8<>/dev/mtd0
	seal
	dd if="$T/junk" bs=64k 2>"$T/dd" >&7 && broken "no writing to the medium" success
	expect_match "why" 'Read-only file system' "$(cat "$T/dd")"
	dd if="$T/junk" bs=64k 2>"$T/dd" >&8 && broken "no writing to what overlaps" success
	expect_match "why" 'Read-only file system' "$(cat "$T/dd")"
	umount $M
	sleep 0.5
	expect "it goes on counting" 'sealed somebody has the flash partition open' \
		"$(session '"\(.state) \(.text)"')"
	exec 7<&-
	must_say wait released 10000
	expect "what stays shut" 'nodes mtd' "$(session '.shut | join(" ")')"
	dd if="$T/junk" bs=64k 2>"$T/dd" >&8 &&
		broken "what overlaps stays shut" "it was written"
	exec 8<&-
	refused_to dd if=/dev/mtd1 of=/dev/null bs=1 count=1
	must_say step closed
	dd if="$T/junk" of=/dev/mtd1 conv=notrunc 2>"$T/dd" || broken "open again" "$(cat "$T/dd")"
	dd if="$T/junk" of=/dev/mtd0 conv=notrunc 2>"$T/dd" || broken "open again" "$(cat "$T/dd")"
}

test_the_owner_writes_once_it_is_released() {
	jffs2_that_overlaps
	begin
	seal
	says_no EACCES '' openrw /dev/mtd1
	umount $M
	must_say wait released 10000
	must_say openrw /dev/mtd1
	must_say close
	says_no EACCES '' openrw /dev/mtd0
}

# Two parts that overlap: the one that is in use may be UBI's, which never takes it well.
test_what_overlaps_and_is_in_use_is_not_touched() {
	jffs2_that_overlaps
	blkpg /dev/mtd0 2 524288 1048576
	wait_until 5 test -c /dev/mtd2 || broken "a second one" "$(cat /proc/mtd)"
	begin
	mount -o remount,ro $M
	exec 7<>/dev/mtd2
	says_no EBUSY 'overlaps is in use' step sealed
	dd if="$T/junk" bs=64k count=1 2>"$T/dd" >&7 ||
		broken "it can be written" "$(cat "$T/dd")"
	expect_session open
	opens /dev/mtd1 || broken "nothing is shut" "$(cat "$T/opens")"
	exec 7<&-
	must_say step sealed
	refused_to dd if=/dev/mtd2 of=/dev/null bs=1 count=1
}

test_neighbours_on_the_flash_are_left_alone() {
	jffs2_on_partition
	begin
	seal
	for node in mtd1 mtd1ro mtd2; do
		opens /dev/$node || broken "$node opens" "$(cat "$T/opens")"
	done
	refused_to dd if=/dev/mtd0 of=/dev/null bs=1 count=1
}

test_no_tool_gets_at_a_partition_or_its_disk() {
	modprobe -a loop ext4
	truncate -s 8M "$T/image"
	whole=$(losetup --find --show --partscan "$T/image")
	blkpg $whole 1 1048576 4194304
	blkpg $whole 2 5242880 1048576
	disk=${whole}p1
	wait_until 5 test -b $disk || broken "$disk" "$(ls /dev/loop*)"
	mke2fs $disk >/dev/null 2>&1
	mount -t ext4 $disk $M
	begin
	seal
	for node in $disk $whole; do
		refused_to dd if=$node of=/dev/null bs=1 count=1
		refused_to dd if=/dev/zero of=$node bs=1 count=1 conv=notrunc
	done
	opens ${whole}p2 || broken "its neighbour opens" "$(cat "$T/opens")"
	umount $M
	must_say wait released 10000
	refused_to dd if=$disk of=/dev/null bs=1 count=1
	must_say openrw $disk
	must_say close
	end "$owner" KILL
	expect_soon_session aborted
	opens $disk || broken "it opens again" "$(cat "$T/opens")"
}

test_of_a_whole_disk_its_partitions_are_shut_too() {
	modprobe -a loop ext4
	truncate -s 8M "$T/image"
	disk=$(losetup --find --show --partscan "$T/image")
	mke2fs $disk >/dev/null 2>&1
	blkpg $disk 1 1048576 4194304
	wait_until 5 test -b ${disk}p1 || broken "a partition" "$(ls /dev/loop*)"
	mount -t ext4 $disk $M
	begin
	seal
	refused_to dd if=${disk}p1 of=/dev/null bs=1 count=1
}

test_a_file_system_on_an_mtdblock_is_flash_as_well() {
	modprobe -a mtdram mtdblock ext4
	blkpg /dev/mtd0 1 0 1048576
	wait_until 5 test -b /dev/mtdblock1 || broken "a partition" "$(cat /proc/mtd)"
	mke2fs /dev/mtdblock1 >/dev/null 2>&1
	mount -t ext4 /dev/mtdblock1 $M
	begin
	seal
	for node in mtd1 mtd1ro mtdblock1 mtd0 mtdblock0; do
		refused_to dd if=/dev/$node of=/dev/null bs=1 count=1
	done
	umount $M
	must_say wait released 10000
	expect "medium and proof" 'block absent exclusive unused' \
		"$(session '"\(.medium) \(.proof | join(" "))"')"
}

test_the_seal_twice_is_one() {
	jffs2_that_overlaps
	begin
	seal
	must_say step sealed
	must_say abort
	opens /dev/mtd1 || broken "open again" "$(cat "$T/opens")"
	says_no EINVAL 'comes after' step sealed
	opens /dev/mtd1 || broken "still open" "$(cat "$T/opens")"
}

run_tests
