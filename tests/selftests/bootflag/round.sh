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
	# also with another name and more words: it lies in the same place
	rtc again rate=9/m
	expect_flag again boot_mode recovery
	expect_flag again mode ota
	# another place is another store
	add other medium=nvmem device=cmos_nvram0 offset=66 size=1 format=magic width=1 mode-ota=7
	expect_flag other boot_mode ''
}

# boot_with FIELD=VALUE... -- WORD...: an update has left that on flash; the next boot
# finds it, and describes it with these words
boot_with() {
	bw_fields=
	while [ "$1" != -- ]; do
		bw_fields="$bw_fields $1"
		shift
	done
	shift
	simflash
	add f medium=mtd device=simflash "$@"
	must_set f $bw_fields
	next_boot
	add f medium=mtd device=simflash "$@"
}

BCB='format=bcb rate=none'

test_count_takes_one_try_at_boot_and_none_later() {
	# given a slot that may start three times
	boot_with slot=1 tries=3 successful=0 -- $BCB count
	# then
	expect_flag f boot_tries 3
	expect_flag f tries 2
	expect_flag f slot 1
	# and a look later takes none
	sysfs f/set ''
	expect_flag f tries 2
	power_cycle
	expect_soon_state f ready
	expect_flag f tries 2
}

test_count_takes_no_second_try_of_a_store_that_is_added_again() {
	boot_with slot=1 tries=3 successful=0 -- $BCB count
	del f
	add other medium=mtd device=simflash $BCB count
	expect_flag other boot_tries 3
	expect_flag other tries 2
	# read in another way it is another store, but the boot is the same
	must_set other successful=1
	del other
	add third medium=mtd device=simflash format=bcb rate=none slots=3 count
	expect_flag third tries 2
}

test_count_said_later_takes_the_try_of_this_boot() {
	boot_with slot=1 tries=3 successful=0 -- $BCB
	expect_flag f tries 3
	del f
	add f medium=mtd device=simflash $BCB count
	expect_flag f boot_tries 3
	expect_flag f tries 2
}

test_count_takes_no_try_of_a_slot_that_has_not_run() {
	boot_with slot=0 tries=3 successful=1 -- $BCB
	# given an update in this boot
	must_set f slot=1 tries=3 successful=0
	del f
	# when the store is described anew
	add f medium=mtd device=simflash $BCB count
	# then those tries are for the next boot, and this boot was slot 0
	expect_flag f tries 3
	expect_flag f boot_slot 0
}

test_who_has_taken_a_try_keeps_the_module() {
	boot_with slot=1 tries=3 successful=0 -- $BCB count
	expect_match "the kernel's log" "f: has taken a try; pv_bootflag can't be removed" \
		"$(dmesg | tail -n 3)"
	rmmod pv_bootflag 2>"$T/rmmod" && broken 'rmmod fails' 'it is gone'
	expect_match 'what rmmod says' 'in use' "$(cat "$T/rmmod")"
	# until somebody says that it may go
	del f
	rmmod pv_bootflag
	modprobe pv_bootflag
	# a store that has taken none is not in the way
	add f medium=mtd device=simflash $BCB
	must_set f successful=1
	rmmod pv_bootflag
	modprobe pv_bootflag
}

test_what_was_written_over_rubbish_is_not_what_the_boot_found() {
	simflash
	bytes 4096 125 | content
	add f medium=mtd device=simflash format=log rate=none count
	expect_state f foreign
	must_set f force mode=ota slot=1 tries=2
	power_cycle
	expect_soon_state f ready
	expect_flag f boot_mode ''
	expect_flag f mode ota
	expect_flag f tries 2
}

test_a_medium_that_can_be_read_at_last_is_as_the_boot_found_it() {
	boot_with mode=ota slot=1 tries=3 -- format=log rate=none
	del f
	next_boot
	sim dead 1
	add f medium=mtd device=simflash format=log rate=none count
	expect_state f failed
	sim dead 0
	must_set f reason=late
	expect_flag f boot_tries 3
	expect_flag f tries 2
	expect_flag f reason late
}

test_count_takes_no_try_of_a_slot_that_has_proved_itself() {
	boot_with slot=1 tries=3 successful=1 -- $BCB count
	expect_flag f boot_tries 3
	expect_flag f tries 3
}

test_count_at_zero_falls_back_to_the_other_slot() {
	boot_with slot=1 tries=0 successful=0 -- format=log rate=none count
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
	# described later, too
	must_set f armed=
	del f
	add f medium=mtd device=simflash format=log armed rate=none
	expect_flag f boot_armed ''
	expect_flag f armed 1
	# what the next boot says of this one, which does not end well
	next_boot
	add f medium=mtd device=simflash format=log armed rate=none
	expect_flag f boot_armed 1
}

run_tests
