#!/bin/sh
# SPDX-License-Identifier: MIT
# Useful with nothing but insmod: stores come with the module parameter, flags go
# through echo and cat, with no program of pvkit on the target.

# shellcheck disable=SC2016,SC2086 # for other shells; words, and paths without blanks
. "${0%/*}/lib.sh"
. "${0%/*}/nl_lib.sh"

KO=$(modinfo -n pv_bootflag)
R='medium=nvmem device=cmos_nvram0 offset=64 size=1 format=magic width=1 mode-recovery=0x52'

# The kernel cuts parameters at blanks; modprobe puts quotes around them, insmod does not.
with_stores() {
	rmmod pv_bootflag
	status=0
	out=$(insmod "$KO" "stores=\"$1\"" 2>&1) || status=$?
}

test_insmod_with_stores_and_they_have_been_read() {
	rtc_byte 122
	with_stores "rtc: $R; count: medium=nvmem device=cmos_nvram0 offset=70 size=4 format=bootcount form=u32 limit=3"
	expect_ok insmod
	expect_state rtc ready
	expect_flag rtc boot_mode recovery
	expect_flag rtc mode ''
	[ "$(state count)" != absent ] || broken "count was looked at" absent
	echo recovery >$SYS/rtc/mode
	expect_flag rtc mode recovery
	expect "the register" 52 "$(rtc_byte)"
}

test_a_store_whose_medium_comes_later_does_not_fail_insmod() {
	with_stores "misc: medium=mtd device=simflash format=log"
	expect_ok insmod
	expect_state misc absent
	simflash
	expect_soon_state misc empty
}

test_a_mistake_fails_insmod_and_the_log_says_which() {
	with_stores "rtc: $R; misc: medium=mtd device=x format=lug"
	[ "$status" != 0 ] || broken "failure" success
	expect_match "the kernel's log" 'stores: misc: format is' "$(dmesg | tail -n 3)"
	[ ! -d $SYS ] || broken "no class" "$(ls $SYS)"
	modprobe pv_bootflag
}

test_forgotten_quotes_are_told() {
	rmmod pv_bootflag
	out=$(insmod "$KO" "stores=rtc: $R" 2>&1) && broken "failure" success
	expect_match "the kernel's log" "stores: rtc: no words; insmod wants" "$(dmesg | tail -n 1)"
	modprobe pv_bootflag
}

test_rmmod_with_stores_leaves_what_they_hold() {
	rtc_byte 0
	with_stores "rtc: $R keep"
	echo recovery >$SYS/rtc/mode
	rmmod pv_bootflag
	expect "the register" 52 "$(rtc_byte)"
	modprobe pv_bootflag
}

run_tests
