#!/bin/sh
# SPDX-License-Identifier: MIT
# One round of load and unload, and what a subscriber hears of it.

. "${0%/*}/lib.sh"

one_round() {
	# given a subscriber and a driver
	driver p pvt_plain pvt_base
	events all
	# when it is loaded and unloaded
	must_load p
	expect_live pvt_plain pvt_base
	must_unload p
	expect_gone pvt_plain pvt_base
	# then it hears exactly this
	expect_events all 'loading p; loaded p; unloading p; unloaded p'
}

test_a_round_is_loading_loaded_unloading_unloaded_with_modprobe() {
	one_round
}

test_a_round_is_loading_loaded_unloading_unloaded_with_an_agent() {
	agent
	one_round
	expect "what the agent was asked" "load p pvt_plain;load p pvt_base;unload p pvt_base;unload p pvt_plain" \
		"$(sed -n 's/^exec \(.*[^ ]\) *$/\1/p' "$T/agent" | tr '\n' ';' | sed 's/;$//')"
}

test_a_failed_round_is_loading_failed() {
	agent
	driver p pvt_plain pvt_fail
	events all
	load p
	expect_outcome EIO
	expect_events all 'loading p; failed p'
}

test_second_load_of_one_caller_is_silent_and_one_unload_ends_it() {
	driver p pvt_plain
	must_load p
	events all
	must_load p
	must_load p
	expect_events all ''
	must_unload p
	expect_gone pvt_plain
	must_unload p
	expect_state p unloaded
}

test_load_of_a_driver_whose_modules_are_resident_is_silent() {
	modprobe pvt_plain
	driver p pvt_plain
	expect_state p loaded
	events all
	must_load p
	must_unload p
	expect_events all ''
	expect_live pvt_plain
	rmmod pvt_plain
}

test_registration_and_removal_are_told() {
	events all
	driver p pvt_plain
	must driver-del alias=p
	expect_soon 5 has_line "$T/all" 'del p'
	expect "events" 'new p del p' "$(grep -v ready "$T/all" | tr '\n' ' ' | sed 's/ $//')"
}

test_subscription_to_one_alias_hears_that_one_alone() {
	driver p pvt_plain
	driver q pvt_base
	events only --alias q
	events all
	must_load p
	must_load q
	must_unload p
	must_unload q
	expect_events all 'loading p; loaded p; loading q; loaded q; unloading p; unloaded p; unloading q; unloaded q'
	expect "events of q" 'loading q; loaded q; unloading q; unloaded q' "$(told only)"
}

# events within a container
box_events() {
	start "$T/$1" within "$(cgroup_of "$2")" nl_events
}

test_a_container_hears_its_own_drivers_and_nothing_of_anothers() {
	driver p pvt_plain
	driver q pvt_base
	container c1 p:manual
	container c2 q:manual
	box_events one c1
	box_events two c2
	events all
	inside c1 --wait 30000 load alias=p
	expect_ok
	inside c2 --wait 30000 load alias=q
	expect_ok
	inside c1 --wait 30000 unload alias=p
	expect_ok
	inside c2 --wait 30000 unload alias=q
	expect_ok
	# the host's closing event comes after all the others were sent
	expect_events all 'loading p; loaded p; loading q; loaded q; unloading p; unloaded p; unloading q; unloaded q'
	expect "events of c1" 'loading p; loaded p; unloading p; unloaded p' "$(told one)"
	expect "events of c2" 'loading q; loaded q; unloading q; unloaded q' "$(told two)"
	expect "registrations that c1 heard of" '' "$(grep -E '^(new|del) [^p]' "$T/one" || :)"
}

test_a_container_that_subscribes_to_anothers_driver_hears_nothing() {
	driver p pvt_plain
	driver q pvt_base
	container c1 p:manual
	# accepted or not: what is not registered yet may be named later
	background "$T/one" within "$(cgroup_of c1)" nl_events --alias q
	expect_soon 10 grep -qE '^(ready|error=EPERM)$' "$T/one"
	events all
	must_load q
	must_unload q
	expect_events all 'loading q; loaded q; unloading q; unloaded q'
	expect "what the container hears" '' "$(grep -vE '^(ready$|error=|text=)' "$T/one" || :)"
}

test_outcome_carries_driver_state_and_the_requests_number() {
	driver p pvt_plain
	must_load p
	expect alias p "$(field alias)"
	expect state loaded "$(field state)"
	must_unload p
	expect state unloaded "$(field state)"
}

test_statistics_count_loads_unloads_and_failures() {
	driver p pvt_plain
	must_load p
	must_unload p
	must_load p
	must_unload p
	ask driver-get alias=p
	expect loads 2 "$(field stats.loads)"
	expect unloads 2 "$(field stats.unloads)"
	expect failures 0 "$(field stats.failures)"
	[ "$(field stats.load-us)" -gt 0 ] || broken "a duration" "$out"
	expect_match "the stats file" '2' "$(cat "$SYS"/p/stats)"
}

run_tests
