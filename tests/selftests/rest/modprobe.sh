#!/bin/sh
# SPDX-License-Identifier: MIT
# Loading as the system does: what pvkitd's loader gives to the kernel, beside what
# the real modprobe does on the same machine with the same modprobe.d. Where they
# differ, both sides are written down here.
# vm: own timeout=700 append=pvt_slow.ms=5 append=modprobe.blacklist=pvt_c1

. "${0%/*}/lib.sh"

CONF=/etc/modprobe.d/pvt.conf
TRACE=/sys/kernel/tracing
RELEASE=$(uname -r)

# The kernel says which modules it was given, in order; sysfs has their parameters.
trace_begin() {
	echo 1 >"$TRACE/events/module/module_load/enable"
	echo >"$TRACE/trace"
}

trace_end() {
	sed -n 's/.* module_load: \([^ ]*\).*/\1/p' "$TRACE/trace" | grep '^pvt_' || :
	for te in /sys/module/pvt_*/parameters/*; do
		[ -f "$te" ] || continue
		te_name=${te#/sys/module/}
		echo "${te_name%%/*}.${te##*/}=$(cat "$te")"
	done
	for te in /sys/module/pvt_*/version; do
		[ -f "$te" ] || continue
		te_name=${te#/sys/module/}
		echo "${te_name%%/*} version $(cat "$te")"
	done
}

# by_modprobe LINE: what was done, and at the end how it went
by_modprobe() {
	trace_begin
	status=0
	# shellcheck disable=SC2086 # a line is words
	modprobe ${BASE:+-d "$BASE"} $1 2>"$T/modprobe.err" || status=$?
	trace_end
	if [ "$status" = 0 ]; then echo ok; else echo failed; fi
	remove_modules
}

# by_pvkitd LINE: the same; $T/warnings has what the driver's state says
by_pvkitd() {
	driver d "$1" >/dev/null
	trace_begin
	http PUT /drivers/d/load
	trace_end
	if [ "$status" = 200 ]; then echo ok; else echo failed; fi
	cat "$SYS/d/error" >"$T/warnings" 2>/dev/null || :
	[ "$status" = 200 ] || echo "$out" >>"$T/warnings"
	http PUT /drivers/d/unload
	must driver-del alias=d >/dev/null
	remove_modules
}

# conf [LINE...]: this is modprobe.d now
conf() {
	printf '%s\n' "$@" >"$CONF"
}

# same LINE [NEEDLE]: both do the same, and it holds NEEDLE, so that two ways of
# doing nothing are not equal
same() {
	by_modprobe "$1" >"$T/theirs"
	by_pvkitd "$1" >"$T/ours"
	expect "what modprobe does for \"$1\" with \"$(tr '\n' ';' <"$CONF")\"" \
		"$(cat "$T/theirs")" "$(cat "$T/ours")"
	[ $# = 1 ] || expect_match "what both do" "$2" "$(cat "$T/ours")"
}

# differ LINE THEIRS OURS [WARNING]: module names and outcome, and what we say of it
differ() {
	by_modprobe "$1" >"$T/theirs"
	by_pvkitd "$1" >"$T/ours"
	expect "modprobe's way" "$2" "$(grep -vE '=| version ' "$T/theirs" | tr '\n' ' ')"
	expect "our way" "$3" "$(grep -vE '=| version ' "$T/ours" | tr '\n' ' ')"
	[ $# = 3 ] || expect_match "what is said of it" "$4" "$(cat "$T/warnings")"
}

test_dependencies_and_parameters() {
	pvkitd_start
	conf '# nothing'
	same pvt_c5 '^pvt_c5$'
	same 'pvt_dep level=4' '^pvt_dep.level=4$'
	same 'pvt-dep level=4' '^pvt_dep.level=4$'
	same 'pvt_plain num=1 list=1,2,3 text=abc' '^pvt_plain.list=1,2,3$'
	same 'pvt_plain num=1 num=2' '^pvt_plain.num=2$'
	same 'pvt_fail errno=19' '^failed$'
}

test_options_lines() {
	pvkitd_start
	conf 'options pvt_dep level=5'
	same pvt_dep '^pvt_dep.level=5$'
	same 'pvt_dep level=6' '^pvt_dep.level=6$'
	conf 'options pvt_base level=8' 'options pvt-dep level=9'
	same pvt_dep '^pvt_base.level=8$'
	conf 'options pvt_plain num=3' 'options pvt_plain list=4,5'
	same 'pvt_plain num=7' '^pvt_plain.list=4,5$'
	conf 'options pvt_plain text="a b"'
	same pvt_plain '^pvt_plain.text=a b$'
	conf 'options pvt_plain num=3 nope=1'
	same pvt_plain '^pvt_plain.num=3$'
	conf 'options pvt_plain num=abc'
	same pvt_plain '^failed$'
}

test_soft_and_weak_dependencies() {
	pvkitd_start
	conf '# modules.softdep'
	same pvt_soft '^pvt_base$'
	conf 'softdep pvt_plain pre: pvt_base'
	same pvt_plain '^pvt_base$'
	conf 'softdep pvt_plain post: pvt_c3'
	same pvt_plain '^pvt_c3$'
	conf 'softdep pvt_plain pre: pvt_soft post: pvt_dep' 'options pvt_dep level=2'
	same 'pvt_plain num=1' '^pvt_dep.level=2$'
	conf 'softdep pvt_plain pre: pvt_no_such pvt_fail'
	same pvt_plain '^pvt_plain$'
	conf 'weakdep pvt_plain pvt_base'
	same pvt_plain '^pvt_plain$'
	echo 'weakdep pvt_plain pvt_base' >"/lib/modules/$RELEASE/modules.weakdep"
	same pvt_plain '^pvt_plain$'
	rm "/lib/modules/$RELEASE/modules.weakdep"
}

test_a_blacklist_does_not_stop_what_is_asked_for_by_name() {
	pvkitd_start
	conf 'blacklist pvt_plain' 'blacklist pvt_base'
	same pvt_plain '^pvt_plain$'
	same pvt_dep '^pvt_base$'
	conf 'blacklist pvt_base' 'softdep pvt_plain pre: pvt_base'
	same pvt_plain '^pvt_plain$'
}

test_the_kernel_s_command_line() {
	pvkitd_start
	conf '# it says pvt_slow.ms=5 modprobe.blacklist=pvt_c1'
	same pvt_slow '^pvt_slow.ms=5$'
	same 'pvt_slow ms=6' '^pvt_slow.ms=6$'
	conf 'options pvt_slow ms=7'
	same pvt_slow '^pvt_slow.ms='
	same pvt_c1 '^pvt_c1$'
}

test_files_of_depmod_s_choice() {
	# given a module in three places, each of another version
	file=$(modinfo -F filename pvt_plain)
	for place in kernel/x extra updates; do
		mkdir -p "$T/bsp/lib/modules/$RELEASE/$place"
		n=${n:-1}
		n=$((n + 1))
		LC_ALL=C sed "s/version=1\\.0/version=$n.0/" "$file" \
			>"$T/bsp/lib/modules/$RELEASE/$place/pvt_plain.ko"
	done
	depmod -b "$T/bsp" "$RELEASE" 2>/dev/null
	BASE=$T/bsp
	conf '# updates before the rest'
	pvkitd_start --modules "$T/bsp/lib/modules"
	same pvt_plain '^pvt_plain version 4.0$'
	# and in extra when that is gone; the loader notices the new index
	rm -r "$T/bsp/lib/modules/$RELEASE/updates"
	depmod -b "$T/bsp" "$RELEASE" 2>/dev/null
	same pvt_plain '^pvt_plain version [23].0$'
	# what it lacks comes from the next directory, modprobe has but one
	end "$pvkitd"
	pvkitd_start --modules "$T/bsp/lib/modules" --modules "/lib/modules/$RELEASE"
	differ pvt_c1 'failed ' 'pvt_c1 ok '
	same pvt_plain '^pvt_plain version [23].0$'
}

test_compressed_modules() {
	for tool in xz zstd gzip; do
		command -v "$tool" >/dev/null || not_here "no $tool on this machine"
	done
	tree=$T/bsp/lib/modules/$RELEASE
	mkdir -p "$tree"
	cp "$(modinfo -F filename pvt_base)" "$(modinfo -F filename pvt_dep)" \
		"$(modinfo -F filename pvt_plain)" "$tree/"
	xz --check=crc32 "$tree/pvt_base.ko"
	zstd -q --rm "$tree/pvt_dep.ko"
	depmod -b "$T/bsp" "$RELEASE" 2>/dev/null
	# what libkmod does not know depmod does not see either: the index is older
	gzip -c "$tree/pvt_plain.ko" >"$tree/gz"
	mv "$tree/gz" "$tree/pvt_plain.ko"
	BASE=$T/bsp
	pvkitd_start --modules "$tree"
	conf 'options pvt_base level=3'
	same 'pvt_dep level=4' '^pvt_base.level=3$'
	# libkmod without gzip hands it to the kernel as it is; we say what it is
	same 'pvt_plain' '^failed$'
	expect_match 'what is said' 'pvt_plain: compressed with gzip, which neither this libkmod nor the kernel unpacks' \
		"$(cat "$T/warnings")"
}

# ---- where they differ --------------------------------------------------------

test_install_and_remove_lines_are_not_run() {
	pvkitd_start
	conf "install pvt_plain touch $T/ran"
	differ pvt_plain 'ok ' 'pvt_plain ok ' 'pvt_plain: install line of modprobe.d not run: touch'
	rm "$T/ran"
	conf "install pvt_base touch $T/ran; modprobe --ignore-install pvt_base"
	differ pvt_dep 'pvt_base pvt_dep ok ' 'pvt_base pvt_dep ok ' 'pvt_base: install line of modprobe.d not run'
	rm "$T/ran"
	conf "remove pvt_plain touch $T/ran"
	same pvt_plain '^pvt_plain$'
	[ ! -e "$T/ran" ] || broken "no remove line is run" "one was"
}

test_a_name_is_a_module_s_name_never_an_alias() {
	pvkitd_start
	conf 'alias pvt_alias pvt_plain'
	differ pvt_alias 'pvt_plain ok ' 'failed ' 'pvt_alias: no such module'
	conf 'alias pvt_plain pvt_base'
	differ pvt_plain 'pvt_base ok ' 'pvt_plain ok ' \
		'alias line of modprobe.d not followed: pvt_plain is pvt_base'
}

test_a_parameter_that_the_module_lacks_does_not_reach_the_kernel() {
	pvkitd_start
	conf '# the kernel would ignore it'
	same 'pvt_plain num=2 nope=1' '^pvt_plain.num=2$'
	expect_match 'what is said' 'nope' "$(cat "$T/warnings")"
}

test_a_load_that_fails_leaves_nothing_behind() {
	pvkitd_start
	conf '# modprobe leaves what it loaded before'
	modprobe pvt_dep level=abc 2>/dev/null || :
	expect "left by modprobe" pvt_base "$(ours_resident)"
	remove_modules
	driver d 'pvt_dep level=abc'
	http PUT /drivers/d/load
	answers 400
	expect "left by pvkitd" '' "$(ours_resident)"
}

test_what_is_resident_keeps_its_parameters() {
	pvkitd_start
	conf '# modprobe says nothing of it'
	modprobe pvt_plain num=1
	driver d 'pvt_plain num=2'
	http PUT /drivers/d/load
	answers 200 ''
	expect num 1 "$(param pvt_plain num)"
	modprobe pvt_plain num=3
	expect num 1 "$(param pvt_plain num)"
	http PUT /drivers/d/unload
	rmmod pvt_plain
}

mkdir -p /etc/modprobe.d
run_tests
