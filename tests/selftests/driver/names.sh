#!/bin/sh
# SPDX-License-Identifier: MIT
# What may be registered as a driver: names and module lines, good and bad, over
# netlink and sysfs. A refusal leaves nothing behind and says why.

. "${0%/*}/lib.sh"

# long N: a word of N letters
long() {
	printf "%${1}s" '' | tr ' ' a
}

bad_alias() {
	refused 'EINVAL|ERANGE' driver-new "alias=$1" line=pvt_plain
	expect "drivers after '$1' was refused" '' "$(registered)"
}

bad_line() {
	refused 'EINVAL|ERANGE' driver-new alias=x "line=$1"
	expect "drivers after line '$1' was refused" '' "$(registered)"
}

registered() {
	rg=
	for rg_dir in "$SYS"/* "$SYS"/.[!.]*; do
		[ ! -f "$rg_dir/state" ] || rg="$rg${rg:+ }${rg_dir##*/}"
	done
	echo "$rg"
}

test_alias_with_a_slash_or_two_dots_is_refused() {
	bad_alias /
	bad_alias a/b
	bad_alias ../x
	bad_alias ..
	bad_alias .
	bad_alias .hidden
	expect_match "the text" . "$(field text)"
}

test_alias_that_is_empty_or_has_spaces_is_refused() {
	bad_alias ''
	bad_alias ' '
	bad_alias 'a b'
	bad_alias 'a!b'
	# shellcheck disable=SC2016 # nothing is to be expanded
	bad_alias '$(a)'
	bad_alias 'a%sb'
}

test_alias_with_control_characters_is_refused() {
	for hex in 610a6200 61096200 01620000 617f6200 61ff6200 1b5b3100; do
		refused 'EINVAL|ERANGE' driver-new "alias:hex=$hex" line=pvt_plain
		expect "drivers after alias 0x$hex" '' "$(registered)"
	done
}

test_alias_of_1000_characters_is_refused_and_of_63_taken() {
	bad_alias "$(long 1000)"
	bad_alias "$(long 64)"
	driver "$(long 63)" pvt_plain
	expect drivers "$(long 63)" "$(registered)"
}

test_reserved_words_are_refused() {
	for word in load unload events register unregister; do
		bad_alias "$word"
	done
	expect_text .
}

test_alias_of_every_allowed_character_is_taken() {
	driver 'Az09._+@:-' pvt_plain
	expect_state 'Az09._+@:-' unloaded
	must_load 'Az09._+@:-'
	expect_live pvt_plain
}

test_module_name_with_a_slash_or_dots_is_refused() {
	bad_line /lib/modules/x.ko
	bad_line ../pvt_plain
	bad_line pvt/plain
	bad_line ..
	bad_line pvt_plain.ko
	expect_text .
}

test_module_name_with_control_characters_is_refused() {
	for hex in 7076740a00 7076740100 707674ff00 0100 0900 0a00; do
		refused 'EINVAL|ERANGE' driver-new alias=x "line:hex=$hex"
		expect "drivers after line 0x$hex" '' "$(registered)"
	done
}

test_parameters_with_control_characters_are_refused() {
	# "pvt_plain text=a" + newline, escape, bell
	for byte in 0a 1b 07 01; do
		refused 'EINVAL|ERANGE' driver-new alias=x \
			"line:hex=7076745f706c61696e20746578743d61${byte}00"
	done
	expect drivers '' "$(registered)"
}

test_a_nul_inside_a_line_is_refused() {
	# "pvt_plain" NUL "num=1" NUL, and NULs at its end
	for hex in 7076745f706c61696e006e756d3d3100 7076745f706c61696e0000; do
		refused EINVAL driver-new alias=x "line:hex=$hex"
		expect_text NUL
		expect "drivers after line 0x$hex" '' "$(registered)"
	done
	must driver-new alias=x line:hex=7076745f706c61696e00
	expect drivers x "$(registered)"
}

test_module_name_of_1000_characters_is_refused_and_of_55_taken() {
	bad_line "$(long 1000)"
	bad_line "$(long 56)"
	driver x "$(long 55)"
	expect_state x unloaded
}

test_module_line_of_1024_characters_is_taken_and_of_1025_refused() {
	bad_line "pvt_plain text=$(long 1010)"
	driver x "pvt_plain text=$(long 1009)"
	expect_state x unloaded
}

test_empty_module_line_is_refused() {
	bad_line ''
	bad_line '   '
}

test_64_lines_are_taken_and_65_refused() {
	set --
	for i in 1 2 3 4 5 6 7 8; do
		for j in 1 2 3 4 5 6 7 8; do
			set -- "$@" "line=m${i}_$j"
		done
	done
	refused 'EINVAL|E2BIG|ERANGE' driver-new alias=x "$@" line=m9
	expect drivers '' "$(registered)"
	must driver-new alias=x "$@"
	ask driver-get alias=x
	expect "number of lines" 64 "$(field line | wc -l)"
}

test_module_that_looks_like_an_option_is_never_one() {
	# given a module in the kernel and a driver called like rmmod's switch
	modprobe pvt_plain
	ask driver-new alias=x line=-r line=pvt_plain
	# when the registry takes it at all, loading it fails and removes nothing
	if [ "$status" = 0 ]; then
		load x
		expect "status of the load" 1 "$status"
	fi
	expect_live pvt_plain
}

test_sysfs_refuses_the_same_names() {
	for line in '/ pvt_plain' '.. pvt_plain' 'a/b pvt_plain' '.a pvt_plain' 'load pvt_plain' \
		"$(long 1000) pvt_plain" "$(long 64) pvt_plain" 'x ../pvt' 'x a/b' \
		"x $(long 1000)" "$(printf 'x \001')" "$(printf 'a\001b pvt_plain')"; do
		sysfs register "$line"
		[ "$status" != 0 ] || broken "register refuses '$line'" "status 0"
		expect_match "error for '$line'" 'Invalid argument|range' "$out"
		expect "drivers after '$line'" '' "$(registered)"
	done
}

test_unregister_of_what_is_not_there_is_refused() {
	sysfs unregister nosuch
	expect_match "error" 'No such' "$out"
	sysfs unregister ../../module
	[ "$status" != 0 ] || broken "a refusal" "status 0"
	refused ENOENT driver-del alias=nosuch
	refused ENOENT driver-get alias=nosuch
	refused ENOENT load alias=nosuch
}

test_same_lines_again_change_nothing_other_lines_replace() {
	driver x pvt_plain pvt_base
	driver x pvt_plain pvt_base
	expect drivers x "$(registered)"
	driver x pvt_dep
	ask driver-get alias=x
	expect lines pvt_dep "$(field line)"
}

test_driver_in_use_keeps_its_lines_and_cannot_be_removed() {
	driver x pvt_plain
	must_load x
	driver x pvt_plain
	refused EBUSY driver-new alias=x line=pvt_base
	expect_text .
	refused EBUSY driver-del alias=x
	expect_text .
	sysfs unregister x
	expect_match "error" busy "$out"
	must_unload x
	must driver-del alias=x
	expect drivers '' "$(registered)"
}

run_tests
