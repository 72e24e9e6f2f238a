#!/bin/sh
# SPDX-License-Identifier: MIT
# A session from its beginning to its end: what it follows is proven gone when it is,
# and not before; and each way it may end.
# vm: timeout=300

# shellcheck disable=SC2016,SC2086 # for other shells; paths without blanks
. "${0%/*}/lib.sh"

test_there_is_none_at_first() {
	expect_session idle
	expect "status" '{"state":"idle","generation":0}' "$(pvkit pivot status --json)"
	status=0
	pvkit pivot abort 2>"$T/abort" || status=$?
	expect "abort without a session" "3 pvkit: pivot: there is no session" \
		"$status $(cat "$T/abort")"
	expect_match "the same in sysfs" 'No such file' "$(echo 1 | tee $SYS/abort 2>&1)"
}

test_a_block_device_is_released_when_it_is_unmounted() {
	ext4_on_loop
	begin
	expect "what it follows" "ext4 ${disk#/dev/} block $owner 1" \
		"$(session '"\(.fs) \(.device) \(.medium) \(.owner) \(.active)"')"
	must_say step evicting
	must_say step evicting
	expect_session evicting
	opens $M/file || broken "files open before the seal" "$(cat "$T/opens")"
	mount -o remount,ro $M
	must_say step sealed
	expect_session sealed
	expect "what is shut" 'files nodes' "$(session '.shut | join(" ")')"
	umount $M
	must_say wait released 10000
	expect "proof" 'absent exclusive' "$(session '.proof | join(" ")')"
	mount -t ext4 "$disk" $M 2>"$T/mount" && broken "the disk is held" "it was mounted"
	must_say step closed
	expect_session closed
	wait_until 5 mount -t ext4 "$disk" $M || broken "the disk is free again" "no mount"
}

test_a_flash_partition_is_released_when_nobody_has_it_open() {
	jffs2_on_partition
	begin
	expect "what it follows" 'jffs2 mtd0 mtd' "$(session '"\(.fs) \(.device) \(.medium)"')"
	start "$T/user" sh -c 'exec 8</dev/mtd0; echo ready; exec sleep 1000'
	mount -o remount,ro $M
	must_say step sealed
	umount $M
	expect_soon 5 sh -c 'pvkit pivot status | grep -q "has the flash partition open"'
	expect_session sealed
	end "$child"
	must_say wait released 10000
	expect "proof" 'absent unused' "$(session '.proof | join(" ")')"
}

test_flash_without_partitions_says_that_absence_is_all() {
	jffs2_on_whole_flash
	begin
	umount $M
	must_say step sealed
	must_say wait released 10000
	expect "medium and proof" 'mtd-whole absent' "$(session '"\(.medium) \(.proof[])"')"
}

test_a_lazy_umount_proves_nothing() {
	ext4_on_loop
	holder $M/file
	begin
	mount -o remount,ro $M
	must_say step sealed
	umount -l $M
	sleep 1
	expect "state with a file open" 'sealed 1' "$(session '"\(.state) \(.active)"')"
	end "$holder"
	must_say wait released 10000
}

test_a_mount_in_another_namespace_counts() {
	ext4_on_loop
	start "$T/ns" unshare -m sh -c 'mount --bind '$M' /mnt; echo ready; exec sleep 1000'
	ns=$child
	begin
	expect "mounts" 3 "$(session .active)"
	umount $M
	sleep 1
	expect "state with two mounts" 'open 2' "$(session '"\(.state) \(.active)"')"
	end "$ns"
	must_say step sealed
	must_say wait released 10000
}

test_sealed_is_for_what_is_read_only_and_shut_to_others() {
	ext4_on_loop
	cp /bin/busybox $M/
	begin
	says_no EBUSY 'not read-only' step sealed
	expect_session open
	mount -o remount,ro $M
	must_say step sealed
	opens $M/file && broken "no file opens" "one did"
	expect_match "why" 'not permitted' "$(cat "$T/opens")"
	for no in 'ls '$M $M'/busybox true' 'cat '$M'/file'; do
		$no >/dev/null 2>&1 && broken "$no fails" success
	done
	must_say open $M/file
	must_say close
	must_say abort
	opens $M/file || broken "files open once it is aborted" "$(cat "$T/opens")"
}

test_no_step_but_the_next() {
	ext4_on_loop
	begin
	for to in closed released aborted idle open; do
		[ $to = open ] || says_no EINVAL 'comes after' step $to
	done
	must_say step open
	must_say step evicting
	says_no EINVAL 'comes after' step open
	says_no EINVAL '1 to 86400' step sealed 86401
	expect_session evicting
}

test_one_at_a_time() {
	ext4_on_loop
	begin
	says_no EBUSY 'there is a session' again $M
	must_say drop
	expect_session aborted
	must_say again $M
}

test_what_can_not_be_followed() {
	ext4_on_loop
	begin
	must_say abort
	says_no EINVAL 'comes after' step evicting
	says_no EOPNOTSUPP "kernel's own" again /proc/self/ns/mnt
}

test_the_death_of_its_owner_ends_it() {
	ext4_on_loop
	mount -o remount,ro $M
	begin
	must_say step sealed
	end "$owner" KILL
	expect_soon_session aborted
	expect "reason" '130 its owner died or closed it' "$(cat $SYS/error)"
	opens $M/file || broken "files open again" "$(cat "$T/opens")"
	umount $M
}

test_the_limit_of_a_state_ends_it() {
	ext4_on_loop
	mount -o remount,ro $M
	begin 100
	expect_less "seconds left" 101 "$(session .left)"
	must_say step evicting
	must_say step sealed 1
	expect_soon_session aborted
	expect_match "reason" 'longer than its limit' "$(cat $SYS/error)"
	must_say wait aborted 1000
	opens $M/file || broken "files open again" "$(cat "$T/opens")"
}

test_aborted_from_outside() {
	ext4_on_loop
	begin
	pvkit pivot abort
	expect_session aborted
	expect "reason" 'aborted from outside' "$(session .text)"
	end "$owner"
	rm "$T/fifo"
	begin
	echo 1 >$SYS/abort
	expect "reason" 'aborted in sysfs' "$(session .text)"
}

test_who_may_what() {
	ext4_on_loop
	begin
	as='setpriv --reuid 1000 --regid 1000 --clear-groups'
	expect "what all see" '{"state":"open"}' "$($as pvkit pivot status --json |
		jq -c 'del(.generation)')"
	for as in "$as" "$as unshare -Urn" 'setpriv --bounding-set -sys_module'; do
		$as pvkit pivot abort 2>"$T/abort" && broken "$as: no right to abort" success
		expect_match "$as" 'CAP_SYS_MODULE in the initial' "$(cat "$T/abort")"
	done
	expect_session open
}

# The proof is of the superblock that was there, not of what has its place.
test_mounted_again_it_is_not_released() {
	ext4_on_loop
	begin
	umount $M
	mount -t ext4 "$disk" $M
	must_say step sealed
	sleep 0.5
	expect "why it is not" 'sealed the medium has been mounted again' \
		"$(session '"\(.state) \(.text)"')"
	umount $M
	must_say wait released 10000
}

test_the_module_stays_while_there_is_a_session() {
	ext4_on_loop
	begin
	rmmod pv_pivot 2>/dev/null && broken "it is held" "it went"
	end "$owner"
	wait_until 10 rmmod pv_pivot || broken "it goes" "$(lsmod | grep pv_pivot)"
}

run_tests
