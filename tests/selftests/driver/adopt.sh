#!/bin/sh
# SPDX-License-Identifier: MIT
# Modules that were there before us: used, pinned, and left where they were.

. "${0%/*}/lib.sh"

test_a_resident_module_is_used_and_left_resident() {
	modprobe pvt_plain
	driver p pvt_plain
	expect_state p loaded
	expect flags live "$(flags p pvt_plain)"
	must_load p
	expect "flags in use" live,pinned "$(flags p pvt_plain)"
	must_unload p
	expect_state p loaded
	expect_live pvt_plain
	# and it is the administrator's to remove
	rmmod pvt_plain
	expect_state p unloaded
}

test_a_resident_dependency_is_left_resident() {
	for loader in modprobe agent; do
		[ "$loader" = modprobe ] || agent
		modprobe pvt_base
		driver p pvt_dep
		must_load p
		must_unload p
		expect_gone pvt_dep
		expect_live pvt_base
		rmmod pvt_base
	done
}

test_a_resident_module_among_ours_is_left_resident() {
	agent
	modprobe pvt_c2
	driver p pvt_c5
	must_load p
	must_unload p
	expect modules 'pvt_c1 pvt_c2' "$(ours_resident)"
}

test_resident_with_other_parameters_is_a_warning() {
	for loader in modprobe agent; do
		[ "$loader" = modprobe ] || agent
		modprobe pvt_plain num=3
		driver p 'pvt_plain num=4'
		must_load p
		expect "the value that counts" 3 "$(param pvt_plain num)"
		expect_match "the warning with $loader" '^warning: .*pvt_plain' "$(cat "$SYS"/p/error)"
		expect_state p loaded
		must_unload p
		rmmod pvt_plain
	done
}

test_loaded_by_another_in_our_absence_is_seen() {
	driver p pvt_plain
	driver q pvt_base pvt_plain
	events all
	modprobe pvt_plain
	expect_soon 5 state_is p loaded
	expect_state q unloaded
	modprobe pvt_base
	expect_soon 5 state_is q loaded
	rmmod pvt_plain
	expect_soon 5 state_is p unloaded
	expect_soon 5 state_is q unloaded
	expect_events all 'loaded p; loaded q; unloaded p; unloaded q'
}

# a module of the kernel image that has no directory in /sys/module
builtin_module() {
	sed -e 's:.*/::' -e 's/\.ko$//' -e s/-/_/g "/lib/modules/$(uname -r)/modules.builtin" |
		while read -r name; do
			if [ ! -e "/sys/module/$name" ]; then
				echo "$name"
				break
			fi
		done
}

test_a_built_in_module_counts_as_loaded_with_an_agent() {
	name=$(builtin_module)
	[ -n "$name" ] || not_here "no built-in module without a directory in /sys/module"
	agent
	driver p "$name" pvt_plain
	must_load p
	expect_state p loaded
	expect_match "flags of $name" builtin "$(flags p "$name")"
	must_unload p
	expect_gone pvt_plain
}

test_a_built_in_module_does_not_fail_a_load_with_modprobe() {
	name=$(builtin_module)
	[ -n "$name" ] || not_here "no built-in module without a directory in /sys/module"
	driver p "$name" pvt_plain
	must_load p
	expect_state p loaded
	must_unload p
	expect_gone pvt_plain
}

test_what_another_loaded_on_top_of_ours_does_not_hang_the_unload() {
	# given a module of ours that somebody else's module came to need
	agent
	driver p pvt_base
	must_load p
	modprobe pvt_dep
	# when the last use ends, it cannot go, and the answer comes all the same
	unload p
	[ -n "$(field outcome)" ] || broken "an outcome" "$out"
	expect_live pvt_base pvt_dep
	# and once the other is gone, a new round ends with it gone
	rmmod pvt_dep
	must_load p
	must_unload p
	expect_gone pvt_base
}

run_tests
