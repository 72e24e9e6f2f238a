#!/bin/sh
# SPDX-License-Identifier: MIT
# Loads that fail: everything is taken back, and the error names module and errno.

. "${0%/*}/lib.sh"

test_a_failing_init_is_rolled_back_and_named() {
	agent
	driver p pvt_plain pvt_dep pvt_fail
	load p
	expect_outcome EIO
	expect_text pvt_fail
	expect modules '' "$(ours_resident)"
	expect_state p failed
	expect users '' "$(cat "$SYS"/p/users)"
	expect_match "the error file" '^(5|EIO) .*pvt_fail' "$(cat "$SYS"/p/error)"
}

test_the_errno_of_init_comes_through() {
	agent
	for e in 'ENODEV 19' 'ENOMEM 12' 'EBUSY 16' 'ENOENT 2' 'EINVAL 22'; do
		driver p "pvt_fail errno=${e#* }"
		load p
		expect_outcome "${e% *}"
		expect_text pvt_fail
	done
}

test_a_failing_init_under_modprobe_is_rolled_back_and_named() {
	driver p pvt_dep pvt_fail
	load p
	expect "status" 1 "$status"
	expect_text pvt_fail
	expect modules '' "$(ours_resident)"
	expect_state p failed
}

test_a_missing_module_is_enoent_and_named() {
	agent
	driver p pvt_plain pvt_nosuch
	load p
	expect_outcome ENOENT
	expect_text pvt_nosuch
	expect_gone pvt_plain
	expect_state p failed
}

test_a_missing_module_under_modprobe_is_named() {
	driver p pvt_plain pvt_nosuch
	load p
	expect "status" 1 "$status"
	expect_text pvt_nosuch
	expect_gone pvt_plain
}

test_an_unknown_parameter_is_not_fatal_a_bad_value_is() {
	agent
	driver p 'pvt_plain nosuch=1 num=2'
	must_load p
	expect num 2 "$(param pvt_plain num)"
	must_unload p
	driver p 'pvt_plain num=notanumber'
	load p
	expect_outcome EINVAL
	expect_gone pvt_plain
}

test_rollback_leaves_what_was_resident_and_what_others_use() {
	agent
	modprobe pvt_base
	driver other pvt_plain
	must_load other
	driver p pvt_plain pvt_dep pvt_c2 pvt_fail
	load p
	expect_outcome EIO
	expect modules 'pvt_base pvt_plain' "$(ours_resident)"
	expect_state other loaded
	expect users - "$(cat "$SYS"/other/users)"
}

test_a_failed_driver_loads_once_the_cause_is_gone() {
	agent
	driver p pvt_plain pvt_fail
	load p
	expect_outcome EIO
	driver p pvt_plain 'pvt_fail errno=0'
	must_load p
	expect_state p loaded
	expect error '' "$(cat "$SYS"/p/error)"
}

test_unload_of_a_failed_driver_is_a_success_without_effect() {
	agent
	driver p pvt_fail
	load p
	expect_outcome EIO
	must_unload p
}

test_failure_of_a_second_caller_does_not_take_the_first_ones_use() {
	agent
	driver p pvt_plain
	driver q pvt_plain pvt_fail
	must_load p
	load q
	expect_outcome EIO
	expect_live pvt_plain
	expect_state p loaded
	expect_match "pinned still" pinned "$(flags p pvt_plain)"
}

test_a_module_without_exit_is_reported_permanent_and_left() {
	agent
	driver p pvt_noexit pvt_plain
	must_load p
	expect_match "flags" permanent "$(flags p pvt_noexit)"
	must_unload p
	expect_gone pvt_plain
	expect_live pvt_noexit
	# and the next round works on it as on any resident module
	must_load p
	expect_state p loaded
	must_unload p
	expect_gone pvt_plain
}

test_a_module_without_exit_does_not_fail_the_rollback() {
	agent
	driver p pvt_noexit pvt_plain pvt_fail
	load p
	expect_outcome EIO
	expect_text pvt_fail
	expect_gone pvt_plain
}

test_unload_while_somebody_has_the_device_open_is_an_error_that_says_so() {
	# given a driver whose device is held open
	agent
	driver p pvt_busy
	must_load p
	expect_soon 5 test -c /dev/pvt_busy
	background /dev/null sh -c 'exec sleep 1000 <>/dev/pvt_busy'
	holder=$child
	expect_soon 5 grep -q '^pvt_busy [0-9]* [2-9]' /proc/modules
	# when its last use ends
	unload p
	# then it cannot go, and the answer says which module and why
	expect "status" 1 "$status"
	expect_text pvt_busy
	expect_live pvt_busy
	# and with the device closed the next round removes it
	end "$holder" KILL
	must_load p
	must_unload p
	expect_gone pvt_busy
}

test_the_last_module_that_fails_after_a_pause_takes_back_the_others() {
	agent
	driver p pvt_plain 'pvt_slow ms=1500 errno=110'
	events all
	load p
	expect_outcome ETIMEDOUT
	expect_text pvt_slow
	expect modules '' "$(ours_resident)"
	expect_events all 'loading p; failed p'
}

run_tests
