#!/bin/sh
# SPDX-License-Identifier: MIT
# `pvkit drivers why`: one screen for whoever asks at night why a module is there.

. "${0%/*}/lib.sh"

why() {
	status=0
	out=$(pvkit drivers why "$@" 2>"$T/err") || status=$?
	err=$(cat "$T/err")
}

# answers FILTER EXPECTED: what jq finds in the output
answers() {
	expect "jq '$1' of $out" "$2" "$(printf '%s\n' "$out" | jq -c "$1" 2>&1)"
}

# without the times, which are never twice the same
expect_screen() {
	expect "exit status ($err)" 0 "$status"
	expect "the screen" "$1" "$(printf '%s\n' "$out" |
		sed -E 's/(since +)[-0-9]+ [:0-9]+, [0-9]+ s ago/\1AT, N s ago/')"
}

test_a_dependency_names_driver_container_users_and_holders() {
	driver w pvt_dep
	container c1 w:manual
	must_load w container=c1
	must_load w
	why pvt-base
	expect_screen "pvt_base: in the kernel, live, ours
  since      AT, N s ago
  cause      a load of driver w for container c1
  drivers    w, whose module needs it: pvt_dep: loaded, used by c1, (host)
  held by    pvt_dep; 1 reference"
	why --json pvt_base
	answers 'del(.since)' "$(tr -d '\n\t' <<-END
		{"module":"pvt_base","state":"live","tracked":true,"flags":["live","ours"],
		"cause":{"driver":"w","container":"c1"},
		"drivers":[{"alias":"w","through":"pvt_dep","state":"loaded","users":["c1"],
		"host":true}],"holders":["pvt_dep"],"refs":1}
	END
	)"
	# seconds since 1970, and not long ago
	now=$(date +%s)
	answers ".since <= $now and .since > $now - 60" true
}

test_the_module_of_a_driver_itself_and_of_another_one() {
	driver p pvt_plain
	driver q pvt_plain
	must_load p
	why pvt_plain
	expect_screen "pvt_plain: in the kernel, live, ours, pinned
  since      AT, N s ago
  cause      a load of driver p for the host
  drivers    p: loaded, used by (host)
             q: loaded, used by nobody
  held by    no other module; 1 reference, one of them pv_driver's"
}

test_one_that_was_there_before() {
	modprobe pvt_plain
	driver p pvt_plain
	why pvt_plain
	expect_screen "pvt_plain: in the kernel, live
  since      before pv_driver looked for it
  cause      no load of a driver: it was there before
  drivers    p: loaded, used by nobody
  held by    no other module; 0 references"
	why --json pvt_plain
	answers '[.since, .cause]' '[null,null]'
}

test_one_that_somebody_loaded_by_hand() {
	driver p pvt_plain
	modprobe pvt_plain
	why pvt_plain
	expect_match "the cause" '^  cause      no load of a driver: somebody else loaded it$' "$out"
}

test_one_that_nobody_tracks() {
	modprobe pvt_plain
	why pvt_plain
	expect_screen "pvt_plain: in the kernel; pv_driver does not track it
  since      before pv_driver looked for it
  cause      no load of a driver, and no driver names it
  drivers    none names it or a module that needs it
  held by    no other module; 0 references"
	why --json pvt_plain
	answers '[.tracked, .state]' '[false,"live"]'
}

test_one_that_is_not_there_names_the_drivers_that_would_load_it() {
	driver p pvt_plain
	driver w pvt_dep
	why pvt_plain
	expect_screen "pvt_plain: not in the kernel
  drivers    p: unloaded, used by nobody"
	why pvt_base
	expect_screen "pvt_base: not in the kernel
  drivers    w, whose module needs it: pvt_dep: unloaded, used by nobody"
	why --json pvt_base
	answers '[.state, .tracked, .refs, .drivers[0].through]' '["absent",false,null,"pvt_dep"]'
}

test_it_looks_where_pvkitd_looks_for_modules() {
	# given a module that needs another in the first directory, not in the second
	for dir in one two; do
		mkdir -p "$T/$dir/$(uname -r)"
		: >"$T/$dir/$(uname -r)/modules.dep.bin"
	done
	echo 'x/pvt-late.ko.xz: y/pvt_plain.ko' >"$T/one/$(uname -r)/modules.dep"
	printf '%s\n' 'x/pvt_late.ko: y/pvt_c2.ko' 'x/pvt_c1.ko: y/pvt_c2.ko' >"$T/two/$(uname -r)/modules.dep"
	pvkitd_start --modules "$T/one" --modules "$T/two"
	driver w pvt_late
	why --state "$STATE" pvt_plain
	expect_screen "pvt_plain: not in the kernel
  drivers    w, whose module needs it: pvt_late: unloaded, used by nobody"
	why --state "$STATE" pvt_c2
	expect "exit status" 3 "$status"
	driver c pvt_c1
	why --state "$STATE" pvt_c2
	expect_screen "pvt_c2: not in the kernel
  drivers    c, whose module needs it: pvt_c1: unloaded, used by nobody"
	# by itself it looks in the kernel's own
	why --state "$T/nowhere" pvt_plain
	expect "exit status" 3 "$status"
}

# the first name of its input that is not in /sys/module
without_folder() {
	while read -r wf; do
		[ -e "/sys/module/$wf" ] || break
	done
	echo "$wf"
}

test_one_that_is_built_in() {
	for name in /sys/module/*/; do
		name=${name#/sys/module/}
		name=${name%/}
		[ ! -e "/sys/module/$name/initstate" ] || continue
		[ "${#name}" -gt 55 ] || break
	done
	why "$name"
	expect_screen "$name: built into the kernel
  drivers    none names it or a module that needs it"
	# and one that has no parameters, and so no folder in /sys/module
	list=/lib/modules/$(uname -r)/modules.builtin
	[ -s "$list" ] || not_here "no $list"
	name=$(sed -n 's:.*/\([a-z0-9_]*\)\.ko$:\1:p' "$list" | without_folder)
	why --json "$name"
	answers .state '"builtin"'
}

test_one_that_nobody_knows_has_a_status_of_its_own() {
	why pvt_plain
	expect "exit status" 3 "$status"
	expect stdout '' "$out"
	expect stderr 'pvkit: pvt_plain: not in the kernel, and no driver would load it' "$err"
}

test_what_is_no_name_is_wrong_usage() {
	for name in ../../etc a/b 'a b' '' "$(printf '%056d' 0)" .; do
		why "$name"
		expect "exit status for '$name'" 2 "$status"
	done
	why
	expect "exit status without a name" 2 "$status"
	why a b
	expect "exit status with two" 2 "$status"
}

test_a_container_is_refused() {
	container c1
	status=0
	out=$(within "$(cgroup_of c1)" pvkit drivers why pvt_plain 2>&1) || status=$?
	expect "exit status" 4 "$status"
	expect_match "the reason" 'for the host only' "$out"
}

test_list_has_the_times_for_programs() {
	driver p pvt_plain
	driver f pvt_fail
	must_load p
	load f
	now=$(date +%s)
	out=$(pvkit drivers list --json p f)
	answers "map(.since <= $now and .since > $now - 60)" '[true,true]'
	answers '.[0].error_since' null
	answers ".[1].error_since <= $now and .[1].error_since > $now - 60" true
}

run_tests
