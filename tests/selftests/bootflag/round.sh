#!/bin/sh
# SPDX-License-Identifier: MIT
# One round of a flag: set, read by every door, there for the next boot, used up.

# shellcheck disable=SC2016,SC2086 # for other shells; words, and paths without blanks
. "${0%/*}/lib.sh"
. "${0%/*}/nl_lib.sh"

test_a_mode_written_in_sysfs_is_in_the_rtc_and_at_every_door() {
	# given
	rtc_byte 0
	rtc r
	expect_state r ready
	expect_flag r mode ''
	watch all
	# when
	sysfs r/mode recovery
	expect_ok "echo recovery >mode"
	# then
	expect_flag r mode recovery
	expect "the register" 52 "$(rtc_byte)"
	must_nl store-get name=r
	expect "mode over netlink" recovery "$(field mode)"
	expect_soon 5 has_line "$T/all" 'changed r ready'
	# and back
	sysfs r/mode ''
	expect_flag r mode ''
	expect "the register" 00 "$(rtc_byte)"
}

test_a_set_over_netlink_is_acknowledged_and_has_one_outcome() {
	rtc_byte 0
	rtc r
	must_nl_set r mode=ota
	expect "outcomes" 1 "$(echo "$out" | grep -c '^outcome=')"
	expect "its store" r "$(field name)"
	expect "generation of the outcome" "$(generation r)" \
		"$(nl_set r mode=ota; field generation)"
	expect_flag r mode ota
	must_nl_set r clear=mode
	expect_flag r mode ''
}

test_a_mode_is_for_one_boot_and_is_kept_as_boot_mode() {
	# given a bootloader, or the boot before, that left a mode
	rtc_byte 122
	# when the store is found for the first time
	rtc r
	# then it was read, and is used up
	expect_flag r boot_mode recovery
	expect_flag r mode ''
	expect "the register" 00 "$(rtc_byte)"
	expect "writes" 1 "$(stat_of r programs)"
	must_nl store-get name=r
	expect "boot mode over netlink" recovery "$(field boot_mode)"
	expect "mode over netlink" '' "$(field mode)"
	# a mode for the next boot does not change what was found at this one
	sysfs r/mode ota
	expect_flag r boot_mode recovery
}

test_a_mode_that_is_to_be_kept_stays() {
	rtc_byte 122
	rtc r keep
	expect_flag r boot_mode recovery
	expect_flag r mode recovery
	expect "writes" 0 "$(stat_of r programs)"
}

test_a_number_that_nobody_told_us_of_is_left_alone() {
	rtc_byte 101
	rtc r
	expect_flag r boot_mode 0x41
	expect_flag r mode 0x41
	expect "writes" 0 "$(stat_of r programs)"
	sysfs r/mode recovery
	expect "the register" 52 "$(rtc_byte)"
}

test_a_store_added_again_in_the_same_boot_uses_nothing_up() {
	rtc_byte 122
	rtc r
	expect_flag r boot_mode recovery
	sysfs r/mode ota
	del r
	rtc r
	expect_flag r boot_mode recovery
	expect_flag r mode ota
}

test_count_takes_one_try_at_boot_and_none_later() {
	# given a slot that may start three times, left by an update
	simflash
	add f medium=mtd device=simflash format=bcb rate=none
	must_set f slot=1 tries=3 successful=0
	del f
	# when the next boot comes: another description, so not known from before
	add f medium=mtd device=simflash format=bcb rate=none count
	# then
	expect_flag f boot_tries 3
	expect_flag f tries 2
	expect_flag f slot 1
	# and a look later takes none
	sysfs f/set ''
	expect_flag f tries 2
}

test_count_takes_no_try_of_a_slot_that_has_proved_itself() {
	simflash
	add f medium=mtd device=simflash format=bcb rate=none
	must_set f slot=1 tries=3 successful=1
	del f
	add f medium=mtd device=simflash format=bcb rate=none count
	expect_flag f boot_tries 3
	expect_flag f tries 3
}

test_count_at_zero_falls_back_to_the_other_slot() {
	simflash
	add f medium=mtd device=simflash format=log rate=none
	must_set f slot=1 tries=0 successful=0
	del f
	add f medium=mtd device=simflash format=log rate=none count
	expect_flag f boot_slot 1
	expect_flag f slot 0
	expect_flag f successful 1
	expect_flag f reason 'no tries left for slot b'
}

test_armed_is_set_at_boot() {
	simflash
	add f medium=mtd device=simflash format=log rate=none armed
	expect_flag f boot_armed ''
	expect_flag f armed 1
	# what it says of the boot before
	del f
	add f medium=mtd device=simflash format=log armed rate=none
	expect_flag f boot_armed 1
}

run_tests
