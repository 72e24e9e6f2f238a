#!/bin/sh
# SPDX-License-Identifier: MIT
# Who may what: reading takes nothing, fields take CAP_SYS_BOOT, stores and force take
# CAP_SYS_MODULE, in the initial user namespace and nowhere else.

# shellcheck disable=SC2016,SC2086 # for other shells; words, and paths without blanks
. "${0%/*}/lib.sh"
. "${0%/*}/nl_lib.sh"

R='medium=nvmem device=cmos_nvram0 offset=64 size=1 format=magic width=1 mode-recovery=0x52 mode-ota=7'

# Root without any capability but these; root's files are still root's.
with() {
	if [ "$1" = none ]; then
		AS='setpriv --bounding-set -all --inh-caps -all'
	else
		AS="setpriv --bounding-set -all,$1 --inh-caps -all,$1"
	fi
}

# as_sysfs FILE TEXT: $status, under $AS
as_sysfs() {
	status=0
	# shellcheck disable=SC2086 # words
	out=$($AS sh -c 'printf "%s\n" "$1" >"$2"' sh "$2" "$SYS/$1" 2>&1) || status=$?
}

expect_not_permitted() {
	[ "$status" != 0 ] || broken "refusal of $1" success
	expect_match "why $1 is refused" 'not permitted|Permission denied|I/O error' "$out"
}

test_everybody_reads_what_is_no_secret() {
	rtc_byte 0
	add r $R
	must_set r mode=recovery
	AS='setpriv --reuid 1000 --regid 1000 --clear-groups'
	must_nl store-get name=r
	expect mode recovery "$(field mode)"
	expect "statistics" '' "$(field sets)"
	must_nl --dump store-get
	expect name r "$(field name)"
	must_nl subscribe
	expect mode recovery "$(setpriv --reuid 1000 --clear-groups cat $SYS/r/mode)"
	for secret in stats error; do
		setpriv --reuid 1000 --clear-groups cat $SYS/r/$secret >/dev/null 2>&1 &&
			broken "$secret is root's" "it was read"
	done
	return 0
}

test_without_capabilities_nothing_is_set() {
	rtc_byte 0
	add r $R
	for who in none +sys_admin,+net_admin,+sys_module; do
		with $who
		as_sysfs r/mode recovery
		expect_not_permitted "mode with $who"
		as_sysfs r/set mode=recovery
		expect_not_permitted "set with $who"
		nl_refused EPERM CAP_SYS_BOOT set name=r mode=recovery
		nl_refused EPERM CAP_SYS_BOOT writer text=x
	done
	expect_flag r mode ''
}

test_who_may_reboot_may_set_and_no_more() {
	rtc_byte 0
	add r $R
	with +sys_boot
	as_sysfs r/mode recovery
	expect_ok "mode with CAP_SYS_BOOT: $out"
	expect_flag r mode recovery
	nl --wait 5000 set name=r mode=ota
	expect "outcome" 0 "$(field outcome)"
	as_sysfs r/set 'force mode=recovery'
	expect_not_permitted "force in sysfs"
	nl_refused EPERM 'force.*CAP_SYS_MODULE' set name=r mode=recovery force
	as_sysfs add "q $R"
	expect_not_permitted "add"
	as_sysfs del r
	expect_not_permitted "del"
	nl_refused EPERM CAP_SYS_MODULE store-add name=q "spec=$R"
	nl_refused EPERM CAP_SYS_MODULE store-del name=r
	expect_flag r mode ota
}

test_who_may_load_modules_may_make_stores() {
	with +sys_module
	as_sysfs add "q $R"
	expect_ok "add with CAP_SYS_MODULE: $out"
	must_nl store-del name=q
	must_nl store-add name=q "spec=$R"
	as_sysfs del q
	expect_ok "del with CAP_SYS_MODULE: $out"
}

test_root_of_a_user_namespace_is_nobody() {
	rtc_byte 0
	add r $R
	AS='setpriv --reuid 1000 --regid 1000 --clear-groups unshare -Urn'
	nl_refused EPERM CAP_SYS_BOOT set name=r mode=recovery
	nl_refused EPERM CAP_SYS_BOOT writer text=x
	nl_refused EPERM CAP_SYS_MODULE store-add name=q "spec=$R"
	nl_refused EPERM CAP_SYS_MODULE store-del name=r
	must_nl store-get name=r
	# real root that became root of a namespace, with the files its own
	AS='unshare -Ur'
	as_sysfs r/mode recovery
	expect_not_permitted "mode"
	as_sysfs add "q $R"
	expect_not_permitted "add"
	expect_flag r mode ''
}

test_subscribers_without_rights_are_bounded_and_do_not_keep_out_others() {
	add r $R
	AS='setpriv --reuid 1000 --regid 1000 --clear-groups'
	i=0
	while [ $i -lt 256 ]; do
		# shellcheck disable=SC2086 # words
		background "$T/w$i" $AS nl_flag watch
		i=$((i + 1))
	done
	wait_until 60 sh -c "[ \$(cat $T/w* | grep -c ready) = 256 ]" ||
		broken "256 subscribers" "$(cat "$T"/w* | sort | uniq -c)"
	nl_refused EMFILE 'too many subscribers' subscribe
	AS=
	must_nl subscribe
}

run_tests
