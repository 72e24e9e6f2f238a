#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit flag: what each verb does, prints and answers as its exit status.
# vm: timeout=240

# shellcheck source=tests/selftests/bootflag/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=tests/selftests/bootflag/cli_lib.sh
. "${0%/*}/cli_lib.sh"

test_a_store_is_added_set_read_cleared_and_removed() {
	add_rtc
	pvkit_ flag add rtc "$RTC"
	says 0 'rtc: added, ready' ''
	pvkit_ flag set mode=recovery
	says 0 'rtc: mode=recovery' ''
	expect 'the byte in the RTC' 52 "$(rtc_byte 64)"
	pvkit_ flag get
	says 0 'mode=recovery' ''
	pvkit_ flag get mode
	says 0 recovery ''
	pvkit_ flag clear mode
	says 0 'rtc: mode cleared' ''
	expect 'the byte in the RTC' 00 "$(rtc_byte 64)"
	pvkit_ flag get mode
	says 3 '' ''
	pvkit_ flag del rtc
	says 0 'rtc: removed' ''
	pvkit_ flag get --store rtc
	says 3 '' 'pvkit: rtc: no such store'
}

test_list_is_a_table_that_says_what_and_how_safe() {
	two_stores
	pvkit flag set --store rtc mode=ota
	pvkit flag set --store misc slot=b tries=3
	pvkit_ flag list rtc misc late
	says 0 'SOURCE  KIND         STATE   FIELDS                       GUARANTEE
rtc     nvmem magic  ready   mode=ota                     warm,atomic
misc    mtd bcb      ready   slot=b tries=3 successful=0  power,wear
late    mtd bcb      absent  -                            -' ''
	pvkit_ flag list rtc nobody
	expect 'exit status with a name that is none' 3 "$status"
	expect stderr 'pvkit: nobody: no such store' "$err"
	pvkit_ flag list --json rtc
	answers '.[0] | [.name, .medium, .format, .state, .writable, .fields, .modes, .offers]' \
		'["rtc","nvmem","magic","ready",true,{"mode":"ota"},["recovery","ota"],["mode"]]'
	answers '.[0].guarantee' '["warm","atomic"]'
	answers '.[0].stats | [.unchanged, .programs, .program_bytes]' '[0,1,1]'
}

test_what_is_so_already_is_not_written_again() {
	add_rtc
	pvkit_ flag set mode=ota
	says 0 'rtc: mode=ota' ''
	pvkit_ flag set mode=ota
	says 0 'rtc: mode=ota (was so already, nothing written)' ''
	pvkit_ flag set --json mode=ota
	answers '[.store, .ok, .changed, .set, .fields]' \
		'["rtc",true,false,{"mode":"ota"},{"mode":"ota"}]'
	pvkit_ flag list --json rtc
	answers '.[0].stats | [.unchanged, .programs]' '[2,1]'
}

test_the_first_store_that_holds_all_fields_is_taken_and_named() {
	two_stores
	pvkit_ flag set mode=recovery
	says 0 'rtc: mode=recovery (this store: the first in the order that holds these fields)' ''
	pvkit_ flag set mode=recovery slot=b
	says 0 'misc: mode=recovery slot=b (this store: the first in the order that holds these fields)' ''
	echo 'order misc rtc' >"$T/flags.conf"
	pvkit_ flag set --config "$T/flags.conf" mode=ota
	says 0 'misc: mode=ota (this store: the first in the order that holds these fields)' ''
	pvkit_ flag set --store rtc mode=ota
	says 0 'rtc: mode=ota' ''
	pvkit_ flag set cursor=3
	says 4 '' 'pvkit: no store holds cursor (see pvkit flag list)'
	pvkit_ flag clear --all
	says 2 '' 'pvkit: flag clear: --all wants --store: there are several (see pvkit flag clear --help)'
}

# Its lock is held for as long as somebody writes it, perhaps for ever.
test_a_store_that_is_named_does_not_wait_for_the_u_boot_environment() {
	two_stores
	echo '/dev/mtd0 0 0x1000' >"$T/fw_env.config"
	echo "uboot-env $T/fw_env.config" >"$T/flags.conf"
	flock /run/fw_printenv.lock sleep 60 &
	sleep 1
	status=0
	out=$(timeout 5 pvkit flag set --config "$T/flags.conf" --store rtc mode=ota 2>&1) || status=$?
	expect 'exit status, output' '0 rtc: mode=ota' "$status $out"
	status=0
	out=$(timeout 5 pvkit flag get --config "$T/flags.conf" --store rtc 2>&1) || status=$?
	expect 'exit status, output' '0 mode=ota' "$status $out"
}

test_a_set_of_several_fields_is_all_or_nothing() {
	two_stores
	pvkit flag set --store misc mode=recovery slot=a tries=2
	pvkit_ flag set --store misc mode=ota slot=b tries=9
	expect 'exit status' 4 "$status"
	pvkit_ flag get --store misc
	says 0 'mode=recovery
slot=a
tries=2
successful=0' ''
}

test_each_refusal_says_why_and_has_its_status() {
	two_stores
	pvkit_ flag set --store rtc mode=nowhere
	says 4 '' 'pvkit: rtc: mode: not one that this store knows'
	pvkit_ flag set --store rtc slot=b
	says 4 '' 'pvkit: rtc: has no field slot (it has mode)'
	pvkit_ flag set --store late slot=b
	says 1 '' 'pvkit: late: the medium is not there'
	pvkit_ flag set --json --store late slot=b
	expect 'exit status' 1 "$status"
	answers '[.store, .ok, .errname, .error]' \
		'["late",false,"ENODEV","the medium is not there"]'
	pvkit_ flag set slot=e
	says 2 '' 'pvkit: flag set: slot: "e" is not a slot, a to d (see pvkit flag set --help)'
	pvkit_ flag set colour=red
	says 2 '' 'pvkit: flag set: colour: there is no such field (see pvkit flag set --help)'
	pvkit_ flag set --store nobody mode=ota
	says 3 '' 'pvkit: nobody: no such store'
	pvkit_ flag add rtc "$RTC keep"
	says 4 '' 'pvkit: rtc: the name is taken by a store with another description'
	pvkit_ flag add rtc "$RTC"
	says 0 'rtc: added, ready' ''
	pvkit_ flag add x medium=nvmem size=4 format=magic mode-a=1
	says 4 '' 'pvkit: x: medium=nvmem wants device=NAME, of /sys/bus/nvmem/devices'
	pvkit_ flag add cmdline "$RTC"
	says 2 '' "pvkit: flag add: cmdline can't be the name of a store (see pvkit flag add --help)"
	echo 'order' >"$T/flags.conf"
	echo 'colour red' >>"$T/flags.conf"
	pvkit_ flag list --config "$T/flags.conf"
	says 1 '' "pvkit: $T/flags.conf:2: colour: unknown setting"
}

test_who_may_not_reboot_may_read_but_not_set() {
	add_rtc
	pvkit flag set mode=ota
	as_user pvkit_ flag get mode
	says 0 ota ''
	as_user pvkit_ flag set mode=recovery
	says 4 '' 'pvkit: rtc: takes CAP_SYS_BOOT in the initial user namespace'
	as_user pvkit_ flag del rtc
	expect 'exit status' 4 "$status"
	expect_flag rtc mode ota
}

test_foreign_content_is_written_by_force_alone() {
	simflash blocks=2
	printf 'hsqs and more of a squashfs' | content
	before=$(fingerprint)
	pvkit_ flag add misc medium=mtd device=simflash format=bcb rate=none
	says 0 'misc: added, foreign' ''
	pvkit_ flag set mode=recovery
	expect 'exit status' 4 "$status"
	expect_match stderr 'only force writes' "$err"
	expect 'the flash' "$before" "$(fingerprint)"
	pvkit_ flag set --force mode=recovery
	says 0 'misc: mode=recovery' ''
}

test_wait_waits_for_a_medium_that_comes_later() {
	pvkit flag add misc medium=mtd device=simflash format=bcb rate=none
	pvkit_ flag set --wait --timeout 1 mode=recovery
	says 5 '' 'pvkit: misc: its medium has not come'
	background "$T/set" "$PVKIT" flag set --wait mode=recovery
	sleep 1
	expect 'a set that waits' '' "$(cat "$T/set")"
	simflash blocks=2
	expect_soon 10 has_line "$T/set" 'misc: mode=recovery'
	expect_flag misc mode recovery
}

test_the_rate_limit_is_a_refusal_and_force_passes_it() {
	simflash blocks=2
	pvkit flag add misc medium=mtd device=simflash format=bcb rate=2/h
	pvkit flag set slot=a tries=1
	pvkit flag set tries=2
	pvkit_ flag set tries=3
	expect 'exit status' 4 "$status"
	expect_match stderr '^pvkit: misc: rate limit of 2 in 3600 s: the next in [0-9]+ s$' "$err"
	pvkit_ flag set --force tries=3
	says 0 'misc: tries=3' ''
}

test_watch_prints_each_change_and_what_it_is_now() {
	add_rtc
	background "$T/watch" "$PVKIT" flag watch --count 2
	expect_soon 10 grep -q 'watching from' "$T/watch"
	pvkit flag set mode=ota
	pvkit flag clear mode
	wait_until 10 not alive "$child" || broken 'the end of a watch of two' "$(cat "$T/watch")"
	expect 'what it saw' 'changed rtc ready mode=ota
changed rtc ready' "$(sed -n 's/^[0-9:.]* \([a-z]*\)  */\1 /p' "$T/watch")"
	background "$T/watch" "$PVKIT" flag watch two
	expect_soon 10 grep -q 'watching from' "$T/watch"
	pvkit flag add two medium=nvmem device=cmos_nvram0 offset=70 size=2 format=bootcount form=rtc
	pvkit flag del two
	expect_soon 10 grep -q ' del      two$' "$T/watch"
	expect_match 'a store that comes' ' new      two ' "$(cat "$T/watch")"
	end "$child"
	background "$T/watch" "$PVKIT" flag watch --count 1 --json rtc
	expect_soon 10 grep -q 'watching from' "$T/watch"
	pvkit flag set mode=recovery
	wait_until 10 not alive "$child" || broken 'the end of a watch of one' "$(cat "$T/watch")"
	out=$(grep '^{' "$T/watch")
	answers '[.kind, .store, .state, .fields]' '["changed","rtc","ready",{"mode":"recovery"}]'
	pvkit_ flag watch --timeout 1
	expect 'exit status of a watch that saw nothing' 5 "$status"
}

# As if it were the slowest of readers: stopped, while the kernel goes on.
test_a_watch_that_cannot_keep_up_says_so_and_reads_anew() {
	add_rtc
	pvkit flag add still medium=nvmem device=cmos_nvram0 offset=70 size=2 format=bootcount form=rtc
	background "$T/watch" "$PVKIT" flag watch
	expect_soon 10 grep -q 'watching from' "$T/watch"
	kill -STOP "$child"
	i=0
	while [ "$i" -lt 4000 ]; do
		echo recovery >"$SYS/rtc/mode"
		echo ota >"$SYS/rtc/mode"
		i=$((i + 2))
	done
	kill -CONT "$child"
	expect_soon 20 grep -q 'events were lost; what is so now follows' "$T/watch"
	expect_soon 10 grep -q ' now      still empty' "$T/watch"
	expect_match 'the store as it is now' ' now      rtc ready mode=ota$' "$(cat "$T/watch")"
	# the kernel's word of the loss comes a moment later and has it read once more
	pvkit flag set --store rtc mode=recovery
	expect_soon 10 grep -qE ' (now|changed) +rtc ready mode=recovery' "$T/watch"
	sleep 1
	pvkit flag clear --store rtc mode
	expect_soon 10 grep -q ' changed  rtc ready$' "$T/watch"
	[ "$(wc -l <"$T/watch")" -lt 4000 ] || broken 'less than all events' "$(wc -l <"$T/watch")"
}

test_without_the_module_each_verb_says_so() {
	rmmod pv_bootflag
	pvkit_ flag set --store rtc mode=ota
	expect 'exit status' 6 "$status"
	expect stderr 'pvkit: pv_bootflag is not in the kernel (modprobe pv_bootflag)' "$err"
	pvkit_ flag add rtc "$RTC"
	expect 'exit status' 6 "$status"
	pvkit_ flag watch
	expect 'exit status' 6 "$status"
	pvkit_ flag list
	expect 'exit status of a list' 0 "$status"
	expect stderr 'pvkit: warning: pv_bootflag is not in the kernel (modprobe pv_bootflag)' "$err"
}

run_tests
