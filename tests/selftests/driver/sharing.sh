#!/bin/sh
# SPDX-License-Identifier: MIT
# Modules are counted across drivers: aliases that share one, lists in the wrong
# order, dependencies named beside their users, uses of several containers.

. "${0%/*}/lib.sh"

test_two_aliases_that_share_a_module_each_keep_it() {
	for loader in modprobe agent; do
		[ "$loader" = modprobe ] || agent
		driver a pvt_base pvt_plain
		driver b pvt_plain
		must_load a
		must_load b
		must_unload a
		expect_gone pvt_base
		expect_live pvt_plain
		expect_state b loaded
		must_unload b
		expect_gone pvt_plain
	done
}

test_dependency_of_one_alias_is_the_module_of_another() {
	agent
	driver a pvt_dep
	driver b pvt_base
	must_load a
	must_load b
	expect_live pvt_dep pvt_base
	must_unload a
	expect_gone pvt_dep
	expect_live pvt_base
	must_unload b
	expect_gone pvt_base
	# and the other way round
	must_load b
	must_load a
	must_unload b
	expect_live pvt_dep pvt_base
	must_unload a
	expect_gone pvt_dep pvt_base
}

in_any_order() {
	driver a "$@"
	must_load a
	expect "modules after the load of $*" "$want" "$(ours_resident)"
	must_unload a
	expect "modules after the unload of $*" '' "$(ours_resident)"
	must driver-del alias=a
}

orders() {
	want='pvt_base pvt_dep'
	in_any_order pvt_dep
	in_any_order pvt_dep pvt_base
	in_any_order pvt_base pvt_dep
	want='pvt_c1 pvt_c2 pvt_c3 pvt_c4 pvt_c5'
	in_any_order pvt_c5
	in_any_order pvt_c5 pvt_c4 pvt_c3 pvt_c2 pvt_c1
	in_any_order pvt_c1 pvt_c2 pvt_c3 pvt_c4 pvt_c5
	in_any_order pvt_c3 pvt_c5 pvt_c1
}

test_a_module_listed_before_its_own_dependency_with_an_agent() {
	agent
	orders
}

test_a_module_listed_before_its_own_dependency_with_modprobe() {
	orders
}

test_a_soft_dependency_comes_and_goes_with_its_module() {
	agent
	want='pvt_base pvt_soft'
	in_any_order pvt_soft
}

test_a_module_listed_twice_is_loaded_once() {
	agent
	want='pvt_plain'
	in_any_order pvt_plain pvt_plain
}

test_chains_that_overlap_keep_what_the_other_needs() {
	agent
	driver low pvt_c3
	driver high pvt_c5
	must_load low
	must_load high
	must_unload low
	expect modules 'pvt_c1 pvt_c2 pvt_c3 pvt_c4 pvt_c5' "$(ours_resident)"
	must_load low
	must_unload high
	expect modules 'pvt_c1 pvt_c2 pvt_c3' "$(ours_resident)"
	must_unload low
	expect modules '' "$(ours_resident)"
}

test_a_driver_stays_until_its_last_container_lets_go() {
	driver p pvt_plain
	container c1 p:manual
	container c2 p:manual
	inside c1 --wait 30000 load alias=p
	expect_ok
	inside c2 --wait 30000 load alias=p
	expect_ok
	must_load p
	expect users "- c1 c2" "$(sort "$SYS"/p/users | tr '\n' ' ' | sed 's/ $//')"
	inside c1 --wait 30000 unload alias=p
	expect_ok
	must_unload p
	expect_live pvt_plain
	expect users c2 "$(cat "$SYS"/p/users)"
	inside c2 --wait 30000 unload alias=p
	expect_ok
	expect_gone pvt_plain
}

test_other_parameters_of_a_second_alias_are_a_warning() {
	for loader in modprobe agent; do
		[ "$loader" = modprobe ] || agent
		driver a 'pvt_plain num=1'
		driver b 'pvt_plain num=2'
		must_load a
		must_load b
		expect "parameters that count" 1 "$(param pvt_plain num)"
		expect_match "the warning of b with $loader" '^warning: .*pvt_plain' "$(cat "$SYS"/b/error)"
		must_unload b
		must_unload a
		expect_gone pvt_plain
	done
}

test_two_requests_for_one_driver_are_one_load() {
	# given an agent that takes a while
	agent --delay 700
	driver p pvt_plain
	container c1 p:manual
	# when two callers ask at once
	background "$T/first" nl_request --wait 30000 load alias=p
	first=$child
	expect_soon 5 state_is p loading
	inside c1 --wait 30000 load alias=p
	expect_ok
	wait "$first"
	# then the agent was asked once, and both have a use
	expect "loads" 1 "$(grep -c '^exec load' "$T/agent")"
	expect users "- c1" "$(sort "$SYS"/p/users | tr '\n' ' ' | sed 's/ $//')"
}

test_different_drivers_proceed_at_once() {
	agent
	driver slow 'pvt_slow ms=5000'
	driver p pvt_plain
	background /dev/null nl_request --wait 30000 load alias=slow
	expect_soon 5 state_is slow loading
	must_load p
	expect_live pvt_plain
	must_unload p
	expect_gone pvt_plain
	expect_state slow loading
}

run_tests
