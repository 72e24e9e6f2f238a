#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit flag explain: which source decided this boot, and why the others did not.
# vm: append=pvkit.slot=b
# vm: timeout=240

# shellcheck source=tests/selftests/bootflag/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=tests/selftests/bootflag/cli_lib.sh
. "${0%/*}/cli_lib.sh"

# found FIELD=VALUE...: rtc has these at boot
found() {
	pvkit flag add before "$RTC"
	pvkit flag set --store before "$@"
	next_boot
	pvkit flag add rtc "$RTC"
}

test_what_a_store_said_at_boot_stays_known() {
	found mode=recovery
	pvkit_ flag get mode
	says 3 '' ''
	pvkit_ flag get --boot mode
	says 0 recovery ''
	pvkit_ flag set --store rtc mode=ota
	pvkit_ flag explain mode
	says 0 'mode: recovery, from rtc
     cmdline  had no value for it
  *  rtc      said recovery, and comes first' ''
}

test_each_other_source_says_why_it_did_not_decide() {
	simflash blocks=2
	printf 'hsqs and more of a squashfs' | content
	found mode=recovery
	pvkit flag add count medium=nvmem device=cmos_nvram0 offset=70 size=2 format=bootcount form=rtc
	pvkit flag add late medium=mtd device=nowhere format=bcb
	pvkit flag add misc medium=mtd device=simflash format=bcb
	pvkit_ flag explain mode
	says 0 'mode: recovery, from rtc
     cmdline  had no value for it
  *  rtc      said recovery, and comes first
     count    cannot hold this field
     late     absent: its medium is not there
     misc     foreign: its medium holds something else' ''
}

test_the_order_decides_between_two() {
	pvkit flag add two medium=nvmem device=cmos_nvram0 offset=66 size=1 format=magic width=1 mode-ota=9
	pvkit flag set --store two mode=ota
	found mode=recovery
	pvkit flag add two medium=nvmem device=cmos_nvram0 offset=66 size=1 format=magic width=1 mode-ota=9
	pvkit_ flag explain mode
	expect_match 'the winner' '^mode: recovery, from rtc$' "$out"
	expect_match 'the other' '^ +two +said ota, but comes after rtc$' "$out"
	echo 'order = cmdline two' >"$T/flags.conf"
	pvkit_ flag explain --config "$T/flags.conf" mode
	expect_match 'the winner' '^mode: ota, from two$' "$out"
	expect_match 'the other' '^ +rtc +said recovery, but comes after two$' "$out"
	pvkit_ flag explain --json --config "$T/flags.conf" mode
	answers '.mode | [.value, .source, [.sources[] | [.name, .verdict]]]' \
		'["ota","two",[["cmdline","unset"],["two","won"],["rtc","lower"]]]'
}

# All of them said something: cmdline b, the store misc a, the environment c.
test_each_source_wins_where_the_order_has_it_first() {
	simflash blocks=2
	pvkit flag add misc medium=mtd device=simflash format=bcb rate=none
	pvkit flag set --store misc slot=a tries=3
	next_boot
	pvkit flag add misc medium=mtd device=simflash format=bcb rate=none
	head -c 4096 /dev/zero >"$T/env"
	echo "$T/env 0 0x1000" >"$T/fw_env.config"
	echo 'pvkit_slot=c' >"$T/defaults"
	fw_setenv -c "$T/fw_env.config" -f "$T/defaults" other x >/dev/null 2>&1
	for order in 'cmdline misc uboot-env' 'misc uboot-env cmdline' 'uboot-env cmdline kernel' \
		'kernel uboot-env'; do
		printf 'order = %s\nuboot-env = %s\n' "$order" "$T/fw_env.config" >"$T/flags.conf"
		case $order in
		cmdline*) won='cmdline b' others='misc a uboot-env c' ;;
		misc*) won='misc a' others='uboot-env c cmdline b' ;;
		uboot-env*) won='uboot-env c' others='cmdline b misc a' ;;
		kernel*) won='misc a' others='uboot-env c cmdline b' ;;
		esac
		pvkit_ flag explain --config "$T/flags.conf" slot
		# shellcheck disable=SC2086 # names and values
		set -- $won $others
		expect "with the order $order" "slot: $2, from $1
  * $1 said $2, and comes first
 $3 said $4, but comes after $1
 $5 said $6, but comes after $1" "$(echo "$out" | sed '1!s/  *\([a-z]\)/ \1/g')"
		pvkit_ flag get --boot --config "$T/flags.conf" slot
		says 0 "$2" ''
	done
}

test_the_command_line_says_which_slot_runs() {
	pvkit_ flag explain slot
	says 0 'slot: b, from cmdline
  *  cmdline  said b, and comes first' ''
	pvkit_ flag list cmdline
	says 0 'SOURCE   KIND          STATE  FIELDS  GUARANTEE
cmdline  command line  ready  slot=b  read-only' ''
	pvkit_ flag set --store cmdline mode=ota
	says 4 '' 'pvkit: cmdline: can only be read'
}

test_mark_good_goes_by_the_command_line() {
	simflash blocks=2
	pvkit flag add before medium=mtd device=simflash format=bcb rate=none
	pvkit flag set --store before slot=a tries=3 successful=0
	next_boot
	# the store said a at boot, and the bootloader has started b all the same
	pvkit flag add misc medium=mtd device=simflash format=bcb rate=none
	pvkit_ slot mark-good
	says 4 '' 'pvkit: misc: not committed: slot b runs, but a is set for the next boot'
	expect 'successful' 0 "$(flag misc successful)"
	# the other way round, it runs and is set
	pvkit flag set --store misc slot=b tries=2 successful=0
	pvkit_ slot mark-good
	says 0 'misc: slot b is good' ''
}

run_tests
