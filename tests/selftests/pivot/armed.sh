#!/bin/sh
# SPDX-License-Identifier: MIT
# Past the point of no return, as long as all goes well; and a watchdog that nobody else
# feeds any more. What becomes of it when it does not go well is in reboot.sh.
# vm: timeout=300

# shellcheck disable=SC2016,SC2086 # for other shells; paths without blanks
. "${0%/*}/lib.sh"

# released: a session that has come so far
released() {
	ext4_on_loop
	mount -o remount,ro $M
	begin
	must_say step sealed
	umount $M
	must_say wait released 10000
}

# softdog SECONDS: one that says so when it would have bitten
softdog() {
	modprobe softdog soft_margin="$1" soft_noboot=1 nowayout=0
	wait_until 5 test -c /dev/watchdog || not_here "no /dev/watchdog"
	bites=$(dmesg | grep -c 'Triggered - Reboot ignored' || :)
}

bitten() {
	[ "$(dmesg | grep -c 'Triggered - Reboot ignored')" -gt "$bites" ]
}

test_armed_there_is_no_way_back_but_its_end() {
	released
	must_say arm update 100
	expect_session armed
	must_say arm update 100
	says_no EBUSY 'point of no return' abort
	status=0
	pvkit pivot abort 2>"$T/abort" || status=$?
	expect "abort from outside" '4 pvkit: pivot: past the point of no return' \
		"$status $(cat "$T/abort")"
	expect_match "the same in sysfs" 'busy' "$(echo 1 | tee $SYS/abort 2>&1)"
	says_no EINVAL 'comes after' step sealed
	head -c 1 "$disk" >/dev/null 2>&1 && broken "the disk is shut" "it opened"
	must_say openrw "$disk"
	must_say close
	must_say step closed
	expect_session closed
	opens "$disk" || broken "it opens again" "$(cat "$T/opens")"
	end "$owner" KILL
	expect_session closed
}

test_armed_comes_after_released() {
	ext4_on_loop
	begin
	says_no EINVAL 'comes after' arm update 100
	mount -o remount,ro $M
	must_say step sealed
	says_no EINVAL 'comes after' arm update 100
	umount $M
	must_say wait released 10000
	must_say step closed
	says_no EINVAL 'comes after' arm update 100
}

test_a_watchdog_in_custody_is_fed_until_its_time_is_up() {
	softdog 3
	ext4_on_loop
	begin
	must_say watchdog /dev/watchdog 8
	expect_less "seconds left" 9 "$(session .watchdog)"
	sleep 6
	bitten && broken "it is kept alive" "$(dmesg | tail -n 3)"
	(: >/dev/watchdog) 2>"$T/dog" && broken "it is held" "it opened"
	expect_match "why" 'busy' "$(cat "$T/dog")"
	expect_soon 10 bitten
	expect "seconds left" 0 "$(session .watchdog)"
}

test_a_watchdog_goes_with_the_session() {
	softdog 60
	ext4_on_loop
	begin
	must_say watchdog /dev/watchdog 100
	must_say abort
	wait_until 5 sh -c 'echo V >/dev/watchdog' || broken "others can have it" "$(dmesg | tail -n 3)"
}

test_what_is_no_watchdog() {
	ext4_on_loop
	begin
	says_no EINVAL 'not a watchdog' watchdog /dev/null 10
	says_no EINVAL 'not a watchdog' watchdog $M/file 10
	must_say abort
	softdog 60
	says_no ESTALE 'has ended' watchdog /dev/watchdog 10
	echo V >/dev/watchdog
}

run_tests
