#!/bin/sh
# SPDX-License-Identifier: MIT
# The files: what can be written, read, polled; descriptions that are refused.

# shellcheck disable=SC2016,SC2086 # for other shells; words, and paths without blanks
. "${0%/*}/lib.sh"
. "${0%/*}/nl_lib.sh"

R='medium=nvmem device=cmos_nvram0 offset=64 size=1 format=magic width=1 mode-recovery=1'

# add_refused TEXT-IN-THE-LOG DESCRIPTION
add_refused() {
	sysfs add "$2"
	[ "$status" != 0 ] || broken "refusal of $2" success
	expect_match "the kernel's log after $2" "$1" "$(dmesg | tail -n 3)"
}

test_files_of_a_store() {
	rtc_byte 0
	add r $R
	expect medium nvmem "$(flag r medium)"
	expect format magic "$(flag r format)"
	expect spec "$R" "$(flag r spec)"
	expect guarantee 'warm atomic' "$(flag r guarantee)"
	expect offers mode "$(flag r offers)"
	expect modes recovery "$(flag r modes)"
	expect state ready "$(flag r state)"
	expect error '' "$(flag r error)"
	expect "rights" '644 444 200 400 400' \
		"$(cd $SYS/r && stat -c %a mode boot_mode set stats error | tr '\n' ' ' | sed 's/ $//')"
}

test_a_field_that_the_format_lacks() {
	add r $R
	for f in slot boot_slot reason; do
		out=$(cat $SYS/r/$f 2>&1) && broken "no $f" "$out"
		expect_match "why" 'not supported' "$out"
	done
	sysfs r/slot 1
	expect_match "why it can't be set" 'not supported' "$out"
}

test_state_can_be_polled() {
	simflash
	add f medium=mtd device=simflash format=bcb rate=none
	start "$T/polled" nl_flag poll "$SYS/f/state"
	sim present 0
	expect_soon 5 has_line "$T/polled" absent
	sim present 1
	expect_soon 5 not state_is f absent
	expect_soon 5 has_line "$T/polled" "$(state f)"
}

test_each_change_is_a_uevent_with_name_and_state_alone() {
	rtc_byte 0
	add r $R
	start "$T/uevents" nl_flag uevents
	must_set r mode=recovery
	expect_soon 5 grep -q '^change@' "$T/uevents"
	# shellcheck disable=SC2046 # words
	set -- $(grep '^change@' "$T/uevents")
	expect "the first" 'change@/devices/virtual/pv_bootflag/r' "$1"
	shift
	expect "the others" \
		'ACTION=change DEVPATH=/devices/virtual/pv_bootflag/r PV_STATE=ready SUBSYSTEM=pv_bootflag' \
		"$(printf '%s\n' "$@" | grep -v '^SEQNUM=' | sort | tr '\n' ' ' | sed 's/ $//')"
}

test_add_is_idempotent_and_refuses_another_description() {
	add r $R
	add r $R
	add_refused 'taken by a store with another description' "r $R keep"
}

test_del_removes_the_directory() {
	add r $R
	del r
	[ ! -e "$SYS/r" ] || broken "no directory" "$(ls "$SYS/r")"
	sysfs del r
	expect_match "a second del" 'No such file' "$out"
	add r $R
}

test_names() {
	for good in a A.b-c_9 0123456789012345678901234567890; do
		add $good $R
		del $good
	done
	for bad in .a a/b a:b 01234567890123456789012345678901 add del 'é'; do
		add_refused 'name must be' "$bad $R"
	done
}

test_descriptions_that_are_refused_say_why() {
	M='medium=nvmem device=cmos_nvram0 offset=64 size=4'
	add_refused 'medium is' 'x'
	add_refused 'medium is' 'x medium=tape format=magic'
	add_refused 'format is' "x $M"
	add_refused 'format is' "x $M format=fat"
	add_refused 'at least one mode' "x $M format=magic"
	add_refused 'word size' "x $M size=nine format=magic mode-a=1"
	add_refused 'mode-a.*not 0' "x $M format=magic mode-a=0"
	add_refused 'there twice' "x $M format=magic mode-a=1 mode-a=2"
	add_refused 'word width: width is' "x $M format=magic mode-a=1 width=3"
	add_refused 'word colour: .*neither' "x $M format=magic mode-a=1 colour=red"
	add_refused 'word form: form is' "x $M format=bootcount form=u64"
	add_refused 'word limit: ' "x $M format=bootcount form=u32 limit=0"
	add_refused 'word form: .*neither' "x $M format=magic mode-a=1 form=u32"
	add_refused 'word rate: rate is' "x $M format=magic mode-a=1 rate=3"
	add_refused 'word rate: rate is' "x $M format=magic mode-a=1 rate=0/h"
	add_refused 'word keep: .*no value' "x $M format=magic mode-a=1 keep=yes"
	add_refused 'word slots: slots is' "x $M format=log slots=5"
	add_refused 'word medium: ' "x $M medium=mtd format=magic mode-a=1"
	add_refused 'wants device' "x medium=nvmem format=magic mode-a=1"
	[ ! -e $SYS/x ] || broken "no store" "$(flag x spec)"
	add_refused 'more than 16 modes' \
		"x $M format=magic $(seq 17 | sed 's/.*/mode-m&=&/' | tr '\n' ' ')"
}

test_a_description_that_does_not_fit_its_medium_is_a_failed_store() {
	add r medium=nvmem device=cmos_nvram0 offset=64 size=2 format=magic mode-a=1
	expect_state r failed
	expect_match error "can't be kept on this medium" "$(flag r error)"
	add s medium=nvmem device=cmos_nvram0 offset=64 size=4 format=magic mode-a=1 armed
	expect_state s failed
	expect_match error 'armed: ' "$(flag s error)"
	# to look again mends nothing
	sysfs s/set ''
	expect_state s failed
	expect_match error 'armed: ' "$(flag s error)"
	add p medium=nvmem device=cmos_nvram0 offset=64 size=4 format=magic mode-a=1 panic=b
	expect_state p failed
	expect_match error 'panic: no mode' "$(flag p error)"
}

test_at_most_32_stores() {
	i=0
	while [ $i -lt 32 ]; do
		add s$i $R
		i=$((i + 1))
	done
	add_refused 'too many stores' "one-more $R"
	del s7
	add one-more $R
}

test_quotes_keep_blanks_together() {
	simflash
	add f medium=mtd device=simflash format=log rate=none 'panic="no words of its own"'
	must_set f 'reason="a b  c" phase=x'
	expect_flag f reason 'a b  c'
	expect_flag f phase x
	sysfs f/reason 'one two'
	expect_flag f reason 'one two'
	# what they keep together is no word
	add q 'panic="medium=ram format=magic" medium="mtd" device=simflash format=log'
	expect "medium" mtd "$(flag q medium)"
	expect "format" log "$(flag q format)"
}

test_a_blank_can_be_written_without_quotes() {
	simflash name='two words'
	add f medium=mtd device=two%20words format=log rate=none 'panic=no%20words%20of%20its%20own'
	expect_soon_state f empty
	for word in 'panic=100%' 'panic=%2' 'panic=%00' 'device=a%zz'; do
		add_refused '% begins a byte' "g medium=mtd $word format=log"
	done
	# as long as it may be, however long it is written
	long=$(bytes 127 141 | sed 's/a/%61/g')
	add h medium=mtd device=two%20words format=log "panic=$long"
	add_refused 'at most 127 bytes' "g medium=mtd device=x format=log panic=${long}b"
}

test_a_page_of_words_is_refused_whole() {
	rtc_byte 0
	add r $R
	sysfs r/set "mode=recovery $(bytes 4096 40)"
	expect_match "why" 'too long' "$out"
	expect_flag r mode ''
}

run_tests
