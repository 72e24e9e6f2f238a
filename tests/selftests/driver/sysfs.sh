#!/bin/sh
# SPDX-License-Identifier: MIT
# The files below /sys/class/pv_driver: who may read them, what they say, when
# they wake a poll, and that each is documented.

. "${0%/*}/lib.sh"

# The ABI text lies in the source tree, or beside the installed tests.
abi() {
	for dir in "$KTAP_DIR/../../../Documentation" "$KTAP_DIR/../.."; do
		if [ -f "$dir/ABI/testing/sysfs-class-pv_driver" ]; then
			echo "$dir/ABI/testing/sysfs-class-pv_driver"
			return
		fi
	done
}

test_permissions_are_as_documented() {
	driver p pvt_plain
	expect permissions 'control 600
error 400
modules 400
state 444
stats 400
users 400' "$(stat -c '%n %a' "$SYS"/p/control "$SYS"/p/error "$SYS"/p/modules "$SYS"/p/state \
		"$SYS"/p/stats "$SYS"/p/users | sed 's:.*/::')"
	expect "those of the class" 'register 200
unregister 200' "$(stat -c '%n %a' "$SYS"/register "$SYS"/unregister | sed 's:.*/::')"
}

# Files that every device has, whatever its class.
ours() {
	(cd -P "$1" && find . -maxdepth 1 -type f) | sed 's:^\./::' | grep -vx uevent | sort
}

test_every_file_is_in_the_abi_documentation_and_no_other() {
	text=$(abi)
	[ -n "$text" ] || not_here "the ABI documentation is not on this machine"
	driver p pvt_plain
	there=$({
		ours "$SYS"/p | sed "s:^:$SYS/ALIAS/:"
		ours "$SYS" | sed "s:^:$SYS/:"
	} | sort)
	documented=$(sed -n "s:^What\\:[[:space:]]*::p" "$text" | sed 's:/<[^>]*>/:/ALIAS/:' |
		grep -E "^$SYS/([^/]+|ALIAS/[^/]+)$" | grep -v "^$SYS/<" | sort)
	expect "files" "$documented" "$there"
}

test_every_entry_of_the_abi_documentation_is_complete() {
	text=$(abi)
	[ -n "$text" ] || not_here "the ABI documentation is not on this machine"
	n=$(grep -c '^What:' "$text")
	for key in Date KernelVersion Contact Description; do
		expect "entries with $key" "$n" "$(grep -c "^$key:" "$text")"
	done
}

test_state_wakes_a_poll_at_each_change() {
	driver p 'pvt_slow ms=400 exit_ms=400'
	start "$T/poll" nl_watch poll "$SYS"/p/state
	must_load p
	expect_soon 5 has_line "$T/poll" loaded
	must_unload p
	expect_soon 5 same "$T/poll" 'ready unloaded loading loaded unloading unloaded'
}

same() {
	[ "$(tr '\n' ' ' <"$1")" = "$2 " ]
}

test_state_is_told_in_uevents_and_nothing_else_is() {
	driver p pvt_plain
	container c1 p:manual
	start "$T/uevents" nl_watch uevents pv_driver
	inside c1 --wait 30000 load alias=p
	expect_ok
	inside c1 --wait 30000 unload alias=p
	expect_ok
	expect_soon 5 grep -q 'unloaded$' "$T/uevents"
	expect uevents 'loading loaded unloading unloaded' \
		"$(sed -n 's:^change .*/p ::p' "$T/uevents" | tr '\n' ' ' | sed 's/ $//')"
}

test_registration_and_removal_are_uevents() {
	start "$T/uevents" nl_watch uevents pv_driver
	driver p pvt_plain
	must driver-del alias=p
	expect_soon 5 grep -q '^remove .*/p' "$T/uevents"
	expect_match uevents '^add .*/p ' "$(cat "$T/uevents")"
}

test_users_lists_containers_and_the_host_as_a_dash() {
	driver p pvt_plain
	container c1 p:manual
	expect users '' "$(cat "$SYS"/p/users)"
	must_load p
	inside c1 --wait 30000 load alias=p
	expect users "- c1" "$(sort "$SYS"/p/users | tr '\n' ' ' | sed 's/ $//')"
}

test_modules_lists_each_line_with_flags_and_parameters() {
	driver p 'pvt_plain num=6' pvt_dep
	expect modules 'pvt_plain -
pvt_dep -' "$(sed 's/ *$//' "$SYS"/p/modules)"
	must_load p
	expect modules 'pvt_plain live,ours,pinned num=6
pvt_dep live,ours,pinned' "$(sed 's/ *$//' "$SYS"/p/modules)"
}

test_error_has_the_last_failure_and_is_empty_after_a_success() {
	agent
	driver p pvt_fail
	load p
	expect_match error '^(EIO|5) .*pvt_fail' "$(cat "$SYS"/p/error)"
	driver p 'pvt_fail errno=0'
	must_load p
	expect error '' "$(cat "$SYS"/p/error)"
}

test_netlink_and_sysfs_tell_the_same() {
	driver p 'pvt_plain num=6' pvt_base
	must_load p
	must driver-get alias=p
	expect state "$(cat "$SYS"/p/state)" "$(field state)"
	expect "modules" "$(cut -d' ' -f1 "$SYS"/p/modules)" "$(field module | cut -d' ' -f1)"
	expect "lines" 'pvt_plain num=6
pvt_base' "$(field line)"
	expect "the host's use" 1 "$(printf '%s\n' "$out" | grep -c '^user=$')"
}

test_64_long_lines_fit_into_what_the_files_can_say() {
	set --
	for i in 1 2 3 4 5 6 7 8; do
		for j in 1 2 3 4 5 6 7 8; do
			set -- "$@" "line=mod_${i}_$j text=$(printf '%1000s' '' | tr ' ' x)"
		done
	done
	must driver-new alias=p "$@"
	expect "modules listed" 64 "$(wc -l <"$SYS"/p/modules)"
	must driver-get alias=p
	expect "lines told" 64 "$(field line | wc -l)"
	# and a dump loses neither it nor who comes after
	driver q pvt_plain
	must --dump driver-get
	expect "drivers told by a dump" 'p q' "$(field alias | tr '\n' ' ' | sed 's/ $//')"
}

test_a_thousand_drivers_are_listed_in_order() {
	i=0
	while [ "$i" -lt 1000 ]; do
		i=$((i + 1))
		echo "d$i" >"$SYS"/register
	done
	must --dump driver-get
	expect "drivers told" 1000 "$(field alias | wc -l)"
	expect "the first and the last" 'd1 d1000' \
		"$(field alias | sed -n '1p;$p' | tr '\n' ' ' | sed 's/ $//')"
	expect "generations that differ within the dump" 1 "$(field generation | sort -u | wc -l)"
	i=0
	while [ "$i" -lt 1000 ]; do
		i=$((i + 1))
		echo "d$i" >"$SYS"/unregister
	done
	expect "drivers left" '' "$(nl_request --dump driver-get)"
}

run_tests
