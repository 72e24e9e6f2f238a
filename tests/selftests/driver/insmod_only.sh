#!/bin/sh
# SPDX-License-Identifier: MIT
# Useful with nothing but insmod: drivers made and loaded through sysfs, by the
# kernel's own usermode helper, with no program of pvkit on the target.

. "${0%/*}/lib.sh"

register() {
	sysfs register "$1"
	expect_ok "register '$1'"
}

control() {
	sysfs "$1/control" "$2"
}

test_echo_makes_an_alias_and_echo_loads_it_with_its_parameters() {
	# given
	register 'p pvt_plain num=7 list=1,2,3'
	expect_state p unloaded
	# when
	control p load
	expect_ok "load"
	# then
	expect_state p loaded
	expect_live pvt_plain
	expect num 7 "$(param pvt_plain num)"
	expect list 1,2,3 "$(param pvt_plain list)"
	expect users - "$(cat "$SYS"/p/users)"
	expect modules 'pvt_plain live,ours,pinned num=7 list=1,2,3' "$(cat "$SYS"/p/modules)"
	expect error '' "$(cat "$SYS"/p/error)"
	# and back
	control p unload
	expect_ok "unload"
	expect_state p unloaded
	expect_gone pvt_plain
	expect users '' "$(cat "$SYS"/p/users)"
}

test_the_example_of_the_readme_iwlwifi_power_save() {
	modinfo iwlwifi >/dev/null 2>&1 || not_here "this kernel has no iwlwifi"
	register 'wifi iwlwifi power_save=1'
	control wifi load
	expect_ok "load"
	expect power_save Y "$(param iwlwifi power_save)"
	control wifi unload
	expect_ok "unload"
	# what modprobe brought in besides goes as well
	expect_gone iwlwifi cfg80211
}

test_semicolons_separate_lines_but_not_inside_quotes() {
	register 'p pvt_plain text="a;b" num=3; pvt_base'
	control p load
	expect_ok "load"
	expect_live pvt_plain pvt_base
	expect text 'a;b' "$(param pvt_plain text)"
	expect num 3 "$(param pvt_plain num)"
}

test_newlines_separate_lines() {
	printf 'p pvt_plain num=4\npvt_base\n' >"$SYS"/register
	control p load
	expect_ok "load"
	expect_live pvt_plain pvt_base
}

test_parameter_value_with_a_space_stays_one_value() {
	register 'p pvt_plain text="a b" num=5'
	control p load
	expect_ok "load"
	expect text 'a b' "$(param pvt_plain text)"
	expect num 5 "$(param pvt_plain num)"
}

test_alias_without_a_module_is_always_loaded() {
	register builtin
	expect_state builtin loaded
	control builtin load
	expect_ok "load"
	expect users - "$(cat "$SYS"/builtin/users)"
	control builtin unload
	expect_ok "unload"
	expect_state builtin loaded
}

test_unregister_removes_the_directory() {
	register 'p pvt_plain'
	[ -d "$SYS"/p ]
	sysfs unregister p
	expect_ok "unregister"
	[ ! -e "$SYS"/p ]
}

test_failed_load_is_an_error_of_write_and_tells_why() {
	register 'p pvt_plain; pvt_fail'
	control p load
	[ "$status" != 0 ] || broken "a failed write" "status 0"
	expect_state p failed
	expect_match "the error file" '^[0-9A-Z]+ .*pvt_fail' "$(cat "$SYS"/p/error)"
	expect_gone pvt_plain pvt_fail
	expect users '' "$(cat "$SYS"/p/users)"
}

test_load_of_a_module_that_does_not_exist_tells_its_name() {
	register 'p pvt_nosuch'
	control p load
	[ "$status" != 0 ] || broken "a failed write" "status 0"
	expect_match "the error file" 'pvt_nosuch' "$(cat "$SYS"/p/error)"
	expect_state p failed
}

test_control_refuses_other_words() {
	register 'p pvt_plain'
	for word in '' reload 'load now' LOAD loa loadd; do
		control p "$word"
		[ "$status" != 0 ] || broken "control refuses '$word'" "status 0"
	done
	expect_gone pvt_plain
	expect_state p unloaded
}

test_load_and_unload_twice_are_the_same_as_once() {
	register 'p pvt_plain'
	for word in load load unload unload; do
		control p "$word"
		expect_ok "$word"
	done
	expect_gone pvt_plain
	expect_state p unloaded
}

test_template_needs_an_agent_and_says_so() {
	# shellcheck disable=SC2016 # the kernel sees the template
	register 'p pvt_plain ${user-meta:drivers.p.opts}'
	control p load
	expect_match "error" 'key not available' "$out"
	expect_match "the error file" '[Aa]gent' "$(cat "$SYS"/p/error)"
	expect_gone pvt_plain
}

test_waiting_for_control_can_be_interrupted() {
	# given a load that takes a while
	register 'p pvt_slow ms=4000'
	background /dev/null sh -c "echo load >$SYS/p/control"
	writer=$child
	expect_soon 5 state_is p loading
	# when whoever waits for it is told to go
	begin=$(now_ms)
	end "$writer" TERM
	# then it goes at once, although the module cannot be stopped
	grep -q '^pvt_slow .* Loading' /proc/modules ||
		broken 'gone before the module is done' "after $(($(now_ms) - begin)) ms"
	# and what nobody waits for any more is not kept
	expect_soon 12 not resident pvt_slow
}

test_module_that_modprobe_finds_under_a_dash_is_the_same() {
	register 'p pvt-plain num=9'
	control p load
	expect_ok "load"
	expect num 9 "$(param pvt_plain num)"
	expect_match modules '^pvt_plain live' "$(cat "$SYS"/p/modules)"
	control p unload
	expect_ok "unload"
	expect_gone pvt_plain
}

test_what_modprobe_knows_under_another_name_is_refused_and_nothing_stays() {
	# given an alias of modprobe, as crc32c is one of several modules
	trap 'rm -f /etc/modprobe.d/pvt-alias.conf' EXIT
	mkdir -p /etc/modprobe.d
	echo 'alias pvt_other pvt_plain' >/etc/modprobe.d/pvt-alias.conf
	register 'p pvt_other'
	# when it is loaded, then it fails, the second time as the first
	for turn in 1 2; do
		control p load
		[ "$status" != 0 ] || broken "a failed write, turn $turn" "status 0"
		expect_match "the error file, turn $turn" 'pvt_other: not there after its load' \
			"$(cat "$SYS"/p/error)"
		expect_state p failed
		expect users '' "$(cat "$SYS"/p/users)"
		expect_gone pvt_plain
	done
}

# the first name of its input that is not in /sys/module
without_folder() {
	while read -r wf; do
		[ -e "/sys/module/$wf" ] || break
	done
	echo "$wf"
}

test_what_is_built_in_is_taken_for_loaded_with_a_warning() {
	list=/lib/modules/$(uname -r)/modules.builtin
	[ -s "$list" ] || not_here "no $list"
	# those that have parameters are in /sys/module, and known for certain
	name=$(sed -n 's:.*/\([a-z0-9_]*\)\.ko$:\1:p' "$list" | without_folder)
	for turn in 1 2; do
		register "p $name"
		control p load
		expect_ok "load of $name"
		expect_state p loaded
		expect_match modules "^$name builtin" "$(cat "$SYS"/p/modules)"
		# it is a guess, so it is made again each time
		expect_match warning "^warning: $name: taken for built in" "$(cat "$SYS"/p/error)"
		control p unload
		expect_ok "unload of $name"
		expect users '' "$(cat "$SYS"/p/users)"
	done
}

test_what_was_taken_for_built_in_is_loaded_once_it_can_be() {
	# given a modprobe that is told to do nothing
	trap 'rm -f /etc/modprobe.d/pvt-install.conf' EXIT
	mkdir -p /etc/modprobe.d
	echo 'install pvt_plain /bin/true' >/etc/modprobe.d/pvt-install.conf
	register 'p pvt_plain'
	control p load
	expect_ok load
	expect_match warning 'pvt_plain: taken for built in' "$(cat "$SYS"/p/error)"
	control p unload
	expect_ok unload
	# when it is not any more
	rm /etc/modprobe.d/pvt-install.conf
	control p load
	expect_ok load
	# then the module is there
	expect_live pvt_plain
	expect_match modules '^pvt_plain live,ours,pinned' "$(cat "$SYS"/p/modules)"
}

# register_text: $T/text in one write
register_text() {
	status=0
	out=$(dd if="$T/text" of="$SYS"/register bs=64k 2>&1) || status=$?
}

test_a_text_of_a_page_or_more_is_refused_instead_of_cut() {
	page=$(getconf PAGESIZE 2>/dev/null || echo 4096)
	line=$(printf '%1000s' '' | tr ' ' a)
	# given three module lines, and a fourth that fills the page but for one byte
	printf 'x pvt_plain text=%s;pvt_plain text=%s;pvt_plain text=%s;pvt_plain num=1' \
		"$line" "$line" "$line" >"$T/head"
	[ "$page" -gt "$(wc -c <"$T/head")" ] || not_here "a page is $page bytes"
	for more in -1 0 1 900; do
		{
			cat "$T/head"
			head -c $((page + more - $(wc -c <"$T/head"))) /dev/zero | tr '\0' ' '
		} >"$T/text"
		register_text
		if [ "$more" = -1 ]; then
			expect_ok "register of $((page - 1)) bytes"
			must driver-get alias=x
			expect "number of lines" 4 "$(field line | wc -l)"
			must driver-del alias=x
			continue
		fi
		expect_match "register of $((page + more)) bytes" 'too long' "$out"
		expect "drivers afterwards" '' "$(nl_request --dump driver-get)"
	done
}

run_tests
