#!/bin/sh
# SPDX-License-Identifier: MIT
# rmmod and modprobe by somebody else: refused while in use, and seen when not.

. "${0%/*}/lib.sh"

force_works() {
	modprobe pvt_plain
	rmmod -f pvt_plain
}

test_rmmod_of_a_used_module_is_refused() {
	for loader in modprobe agent; do
		[ "$loader" = modprobe ] || agent
		driver p pvt_dep
		must_load p
		for m in pvt_dep pvt_base; do
			status=0
			out=$(rmmod "$m" 2>&1) || status=$?
			[ "$status" != 0 ] || broken "rmmod $m refused" "status 0"
			expect_match "what rmmod says" 'in use' "$out"
		done
		expect_live pvt_dep pvt_base
		status=0
		modprobe -r pvt_dep 2>/dev/null || status=$?
		[ "$status" != 0 ] || broken "modprobe -r refused" "status 0"
		expect_live pvt_dep pvt_base
		must_unload p
		expect_gone pvt_dep pvt_base
	done
}

test_rmmod_f_of_a_pinned_module_is_survived() {
	force_works || not_here "this kernel does not allow forced unloading"
	agent
	# given a driver in use
	driver p pvt_plain pvt_base
	must_load p
	events all
	# when its module is forced out
	rmmod -f pvt_plain
	# then the state says so, and nothing is touched that is gone
	expect_gone pvt_plain
	expect_soon 5 state_is p failed
	expect "flags of what is gone" - "$(flags p pvt_plain)"
	# the use can be ended, which takes the rest back, and another begins
	must_unload p
	expect_gone pvt_base
	expect_soon 5 state_is p unloaded
	must_load p
	expect_live pvt_plain pvt_base
	expect_state p loaded
	must_unload p
	expect modules '' "$(ours_resident)"
}

test_forced_out_and_loaded_again_by_somebody_else() {
	force_works || not_here "this kernel does not allow forced unloading"
	agent
	driver p pvt_plain
	must_load p
	rmmod -f pvt_plain
	expect_soon 5 state_is p failed
	modprobe pvt_plain
	expect_soon 5 state_is p loaded
	# in use again, so it is pinned again
	status=0
	rmmod pvt_plain 2>/dev/null || status=$?
	[ "$status" != 0 ] || broken "rmmod refused" "status 0"
	must_unload p
	# what somebody else loaded is theirs
	expect_live pvt_plain
}

test_load_of_a_used_driver_whose_module_was_forced_out_brings_it_back() {
	force_works || not_here "this kernel does not allow forced unloading"
	agent
	driver p pvt_plain pvt_base
	must_load p
	rmmod -f pvt_base
	expect_soon 5 state_is p failed
	must_load p
	expect_live pvt_plain pvt_base
	expect_state p loaded
	must_unload p
	expect modules '' "$(ours_resident)"
}

test_modprobe_of_the_same_module_in_the_middle_of_our_load() {
	# given our load, slow in its first line
	agent
	driver p 'pvt_slow ms=2500' pvt_plain
	background "$T/load" nl_request --wait 30000 load alias=p
	loader=$child
	expect_soon 5 state_is p loading
	# when somebody loads the second line's module meanwhile
	modprobe pvt_plain num=8
	wait "$loader" || broken "the load succeeds" "$(cat "$T/load")"
	# then it was adopted, and stays afterwards
	expect_state p loaded
	must_unload p
	expect_gone pvt_slow
	expect_live pvt_plain
}

test_rmmod_in_the_middle_of_our_load() {
	# given our load between its first line and its last
	agent
	driver p pvt_plain 'pvt_slow ms=2500'
	background "$T/load" nl_request --wait 30000 load alias=p
	loader=$child
	expect_soon 5 resident pvt_slow
	# when somebody tries to remove the first line's module
	status=0
	rmmod pvt_plain 2>/dev/null || status=$?
	# then that is refused: it is pinned as soon as it is there
	[ "$status" != 0 ] || broken "rmmod refused" "status 0"
	wait "$loader" || broken "the load succeeds" "$(cat "$T/load")"
	expect_live pvt_plain pvt_slow
}

test_modprobe_waits_for_our_load_of_the_same_module_and_both_succeed() {
	agent
	driver p 'pvt_slow ms=2000'
	background "$T/load" nl_request --wait 30000 load alias=p
	loader=$child
	expect_soon 5 resident pvt_slow
	modprobe pvt_slow
	wait "$loader" || broken "the load succeeds" "$(cat "$T/load")"
	expect_state p loaded
	must_unload p
	expect_gone pvt_slow
}

test_our_load_waits_for_somebodys_modprobe_of_the_same_module() {
	agent
	driver p pvt_slow
	background /dev/null modprobe pvt_slow ms=2500
	expect_soon 5 resident pvt_slow
	must_load p
	expect_live pvt_slow
	must_unload p
	# it was not us who brought it in
	expect_live pvt_slow
}

test_somebodys_failing_modprobe_in_the_middle_does_not_break_ours() {
	agent
	driver p 'pvt_fail errno=0'
	modprobe pvt_fail 2>/dev/null || :
	modprobe pvt_fail errno=12 2>/dev/null || :
	must_load p
	modprobe pvt_fail 2>/dev/null || :
	expect_state p loaded
	must_unload p
	expect_gone pvt_fail
}

run_tests
