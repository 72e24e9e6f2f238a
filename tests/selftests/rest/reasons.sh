#!/bin/sh
# SPDX-License-Identifier: MIT
# Why the kernel refused a module is said in words, not only as an errno. The last
# test makes the kernel take signed modules only, for good: a machine of its own.
# vm: own timeout=400

. "${0%/*}/lib.sh"

RELEASE=$(uname -r)
TREE=$T/bsp/lib/modules/$RELEASE

# fails_with LINE TEXT: a driver of that line is refused, with this text and no other
fails_with() {
	driver d "$1"
	http PUT /drivers/d/load
	answers 400 "{\"Error\":\"$2\"}"
	must driver-del alias=d
}

# fails_like LINE PATTERN: the same with a pattern
fails_like() {
	driver d "$1"
	http PUT /drivers/d/load
	answers 400
	expect_match body "$2" "$out"
	must driver-del alias=d
}

# file_of MODULE: its file in the kernel's own tree
file_of() {
	modinfo -F filename "$1"
}

# A tree of its own, of the modules whose files are given, plain ones.
tree_of() {
	mkdir -p "$TREE"
	for to_file in "$@"; do
		to_name=${to_file##*/}
		case $to_name in
		*.xz) xz -dc "$to_file" >"$TREE/${to_name%.xz}" ;;
		*) cp "$to_file" "$TREE/" ;;
		esac
	done
	depmod -b "$T/bsp" "$RELEASE" 2>/dev/null
}

test_an_unknown_symbol_is_named() {
	# given a tree that lacks what pvt_dep depends on
	tree_of "$(file_of pvt_dep)"
	pvkitd_start --modules "$TREE"
	fails_with pvt_dep 'pvt_dep: unknown symbol pvt_base_level'
}

test_a_module_of_another_kernel_is_told_from_a_broken_one() {
	tree_of "$(file_of pvt_plain)" "$(file_of pvt_soft)"
	# with versions of symbols the kernel does not look at its own one there
	sed -i 's/ mod_unload / mod_UNLOAD /' "$TREE/pvt_plain.ko"
	echo 'not a module' >"$TREE/pvt_soft.ko"
	pvkitd_start --modules "$TREE"
	# releases have dots, and some a "+"
	r=$(echo "$RELEASE" | sed 's/[.+]/[&]/g')
	fails_like pvt_plain "\"pvt_plain: built for another kernel \(version magic '$r [^']*mod_UNLOAD[^']*' should be '$r "
	fails_like pvt_soft "\"pvt_soft: (not a module of this kernel's format|invalid module)"
}

test_a_bad_parameter_is_named() {
	mkdir -p /etc/modprobe.d
	pvkitd_start
	fails_with 'pvt_plain num=abc' 'pvt_plain: parameter num: \"abc\" is invalid'
	fails_with 'pvt_plain list=x' 'pvt_plain: parameter list: \"x\" is invalid'
	# a dependency's too
	echo 'options pvt_base level=low' >/etc/modprobe.d/pvt.conf
	fails_with pvt_dep 'pvt_dep: needs pvt_base: parameter level: \"low\" is invalid'
	rm /etc/modprobe.d/pvt.conf
}

test_a_modprobe_d_that_was_not_there_at_the_start_is_told() {
	rm -rf /etc/modprobe.d
	pvkitd_start
	mkdir -p /etc/modprobe.d
	echo 'options pvt_plain num=3' >/etc/modprobe.d/pvt.conf
	driver d pvt_plain
	http PUT /drivers/d/load
	answers 200 ''
	# a kernel without Landlock lets us read it
	if [ "$(param pvt_plain num)" = 0 ]; then
		expect_match warnings "/etc/modprobe.d can't be read and does not count" "$(cat "$SYS/d/error")"
	else
		expect num 3 "$(param pvt_plain num)"
	fi
}

test_options_behind_a_link_that_the_sandbox_closes_are_told() {
	mkdir -p /etc/modprobe.d
	echo 'options pvt_plain num=3' >"$T/away.conf"
	pvkitd_start
	ln -s "$T/away.conf" /etc/modprobe.d/pvt.conf
	driver d pvt_plain
	http PUT /drivers/d/load
	answers 200 ''
	if [ "$(param pvt_plain num)" = 0 ]; then
		expect_match warnings "/etc/modprobe.d/pvt.conf can't be read and does not count" "$(cat "$SYS/d/error")"
	else
		expect num 3 "$(param pvt_plain num)"
	fi
	rm /etc/modprobe.d/pvt.conf
}

new_loader() {
	nl_now=$(process pvkitd-loader) && [ "$nl_now" != "$1" ]
}

# load_meanwhile LINE: a driver of that line is being loaded when /etc/modprobe.d
# comes to be, which makes the loader start again; its old pid is in $loader
load_meanwhile() {
	rm -rf /etc/modprobe.d
	pvkitd_start
	! grep -q 'no Landlock' "$DAEMON_LOG" || not_here "no Landlock: the loader need not start again"
	loader=$(process pvkitd-loader)
	driver s "$1"
	background "$T/put" curl -s -w '%{http_code}' --unix-socket "$SOCKET" -X PUT http://x/drivers/s/load
	put=$child
	expect_soon 5 grep -q '^pvt_slow .* Loading' /proc/modules
	mkdir -p /etc/modprobe.d
	echo 'options pvt_plain num=3' >/etc/modprobe.d/pvt.conf
}

test_a_loader_that_starts_again_finishes_its_load_first() {
	load_meanwhile 'pvt_slow ms=4000 nope=1'
	# then what there was to say of it is not lost
	wait "$put"
	expect answer 200 "$(cat "$T/put")"
	expect_match warnings 'nope' "$(cat "$SYS/s/error")"
	# and the options count from now on
	expect_soon 10 new_loader "$loader"
	expect_soon 10 has_agent
	driver d pvt_plain
	http PUT /drivers/d/load
	answers 200 ''
	expect num 3 "$(param pvt_plain num)"
	rm /etc/modprobe.d/pvt.conf
}

test_a_load_that_hangs_does_not_keep_the_loader_from_starting_again() {
	load_meanwhile 'pvt_slow ms=32000'
	expect_soon 30 new_loader "$loader"
	expect_state s loading
	# then the outcome is what the kernel has in the end
	wait "$put"
	expect answer 200 "$(cat "$T/put")"
	expect_state s loaded
	rm /etc/modprobe.d/pvt.conf
}

test_a_parameter_that_the_kernel_does_not_know_is_a_warning() {
	mkdir -p /etc/modprobe.d
	pvkitd_start
	echo 'options pvt_plain nope=1' >/etc/modprobe.d/pvt.conf
	driver d 'pvt_plain num=3'
	http PUT /drivers/d/load
	answers 200 ''
	expect num 3 "$(param pvt_plain num)"
	expect_match warnings 'the kernel knows no parameter "nope"' "$(cat "$SYS/d/error")"
	rm /etc/modprobe.d/pvt.conf
}

test_an_init_that_fails_is_an_errno_and_no_guess() {
	pvkitd_start
	fails_with 'pvt_fail errno=19' 'pvt_fail: No such device'
}

# unload_says TEXT: an unload of driver d fails with it, over REST and netlink alike
unload_says() {
	http PUT /drivers/d/load
	answers 200 ''
	http PUT /drivers/d/unload
	answers 400 "{\"Error\":\"$1\"}"
	must_load d
	unload d
	expect_outcome EBUSY
	expect text "$1" "$(field text)"
}

test_who_uses_a_module_is_named() {
	pvkitd_start
	# given a driver whose module somebody else's needs
	driver d pvt_base
	http PUT /drivers/d/load
	modprobe pvt_dep
	unload_says 'pvt_base: in use by pvt_dep'
	# when that is gone it is an ordinary unload again
	rmmod pvt_dep
	must_load d
	http PUT /drivers/d/unload
	answers 200 ''
	not resident pvt_base || broken 'pvt_base is gone' "$(cat "$SYS/d/modules")"
}

test_a_process_that_uses_a_module_is_a_count() {
	pvkitd_start
	driver d pvt_busy
	http PUT /drivers/d/load
	expect_soon 5 test -c /dev/pvt_busy
	background /dev/null sh -c 'exec sleep 1000 <>/dev/pvt_busy'
	# pv_driver's own and the process's
	expect_soon 5 grep -q '^pvt_busy [0-9]* 2' /proc/modules
	unload_says 'pvt_busy: in use, reference count 1'
}

test_a_module_changed_after_it_was_signed() {
	# given the distribution's own module, in a tree of its own
	tree_of "$(file_of dummy)"
	pvkitd_start --modules "$TREE"
	driver d dummy
	http PUT /drivers/d/load
	answers 200 ''
	http PUT /drivers/d/unload
	must driver-del alias=d
	# when one byte of it is another
	grep -q 'Module signature appended' "$TREE/dummy.ko" || not_here "this kernel's modules are not signed"
	printf X | dd of="$TREE/dummy.ko" bs=1 seek=2000 conv=notrunc 2>/dev/null
	fails_with dummy 'dummy: bad signature'
}

test_without_the_kernel_s_log_the_plain_reason_stays() {
	mv /dev/kmsg /dev/not-kmsg
	pvkitd_start
	driver d 'pvt_plain num=abc'
	http PUT /drivers/d/load
	mv /dev/not-kmsg /dev/kmsg
	answers 400 '{"Error":"pvt_plain: invalid module or parameter"}'
}

# The last one: there is no way back.
test_an_unsigned_module_where_only_signed_ones_are_taken() {
	pvkitd_start
	echo Y >/sys/module/module/parameters/sig_enforce
	fails_with pvt_plain 'pvt_plain: not signed, and the kernel takes signed modules only'
	driver d dummy
	http PUT /drivers/d/load
	answers 200 ''
}

run_tests
