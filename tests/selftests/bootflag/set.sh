#!/bin/sh
# SPDX-License-Identifier: MIT
# A set is a transaction: all fields or none, checked by name, nothing written when
# nothing changes, believed when it was read back, limited in how often.
# vm: own timeout=400

# shellcheck disable=SC2016,SC2086 # for other shells; words, and paths without blanks
. "${0%/*}/lib.sh"
. "${0%/*}/nl_lib.sh"

flash() {
	simflash
	add f medium=mtd device=simflash format=log rate=none "$@"
	expect_state f empty
}

test_all_fields_at_once_and_each_is_there() {
	flash
	must_set f mode=recovery slot=1 tries=3 successful=0 'reason="by hand, twice"' \
		cursor=18446744073709551615 phase=write failures=255 armed=1
	expect_state f ready
	expect_flag f mode recovery
	expect_flag f slot 1
	expect_flag f tries 3
	expect_flag f successful 0
	expect_flag f reason 'by hand, twice'
	expect_flag f cursor 18446744073709551615
	expect_flag f phase write
	expect_flag f failures 255
	expect_flag f armed 1
	# and after the medium was away
	power_cycle
	expect_soon_state f ready
	expect_flag f cursor 18446744073709551615
	expect_flag f reason 'by hand, twice'
}

test_one_bad_field_and_none_is_set() {
	flash
	must_set f slot=0 cursor=1
	for bad in slot=4 slot=2 tries=256 successful=2 armed=2 failures=256 tries=x \
		cursor=18446744073709551616 mode=a/b mode=0123456789012345678901234567890x \
		phase=0123456789abcdef what=1 cursor; do
		set_flags f reason=x "$bad" phase=y
		[ "$status" != 0 ] || broken "refusal of $bad" success
	done
	expect_flag f cursor 1
	expect_flag f slot 0
	expect_flag f reason ''
	set_flags f cursor=2 cursor=3
	[ "$status" != 0 ] || broken "refusal of the same field twice" success
	expect_flag f cursor 1
}

test_the_text_of_a_refusal_names_the_field() {
	flash modes=recovery,ota
	rtc r
	nl_refused EINVAL '^slot:' set name=f slot=9
	nl_refused EINVAL '^slot:' set name=f slot=2
	nl_refused EINVAL '^tries:' set name=f tries=256
	nl_refused EINVAL '^successful:' set name=f successful=2
	nl_refused EINVAL '^mode:.*knows' set name=f mode=other
	nl_refused EINVAL '^reason:' set name=f text:reason=
	nl_refused EINVAL '^mode:' set name=f number:mode=1
	nl_refused EINVAL '^cursor:' set name=f text:cursor=1
	nl_refused EOPNOTSUPP '^slot:.*no such field' set name=r slot=1
	nl_refused EOPNOTSUPP '^cursor:.*no such field' set name=r clear=cursor
	nl_refused EINVAL 'set and unset at once' set name=f cursor=1 clear=cursor
	nl_refused EINVAL 'set twice' set name=f cursor=1 cursor=2
}

test_nothing_is_written_when_nothing_changes() {
	flash
	must_set f mode=recovery cursor=5
	before=$(sim programs)
	must_set f mode=recovery
	must_set f cursor=5 mode=recovery
	must_set f reason=
	expect "programs of the flash" "$before" "$(sim programs)"
	expect unchanged 3 "$(stat_of f unchanged)"
	expect sets 4 "$(stat_of f sets)"
}

test_other_fields_stay() {
	flash
	must_set f mode=recovery cursor=5 phase=copy
	must_set f cursor=6
	expect_flag f mode recovery
	expect_flag f phase copy
	must_set f mode= phase=
	expect_flag f mode ''
	expect_flag f phase ''
	expect_flag f cursor 6
}

test_what_one_slot_has_proved_is_not_taken_over_by_another() {
	flash
	must_set f slot=0 tries=2 successful=1
	# the same one
	must_set f slot=0 cursor=1
	expect_flag f successful 1
	# when another is set, and nothing said of that
	must_set f slot=1
	expect_flag f successful 0
	expect_flag f tries 2
	# on the medium too
	power_cycle
	expect_soon_state f ready
	expect_flag f slot 1
	expect_flag f successful 0
	# unless it is said in the same set, or taken away in it
	must_set f slot=0 successful=1
	expect_flag f successful 1
	must_set f slot=1 successful=
	expect_flag f successful ''
	# by a file of one field as well, and after a time without a slot
	must_set f successful=1
	sysfs f/slot 0
	expect_flag f successful 0
	must_set f successful=1 slot=
	must_set f slot=1
	expect_flag f successful 0
}

test_what_a_bcb_slot_has_proved_neither() {
	simflash
	add f medium=mtd device=simflash format=bcb rate=none
	must_set f slot=0 tries=2 successful=1
	must_set f slot=1 tries=3
	expect_flag f successful 0
	expect_flag f tries 3
}

test_the_counters_are_those_of_the_flash() {
	flash
	i=0
	while [ $i -lt 300 ]; do
		sysfs f/cursor $i
		i=$((i + 1))
	done
	expect programs "$(sim programs)" "$(stat_of f programs)"
	expect program_bytes "$(sim program_bytes)" "$(stat_of f program_bytes)"
	expect erases "$(sim erases)" "$(stat_of f erases)"
	expect sets 300 "$(stat_of f sets)"
	expect violations 0 "$(sim violations)"
}

test_what_is_not_read_back_is_not_believed() {
	modprobe simnvmem size=64 bad=0
	add n medium=nvmem device=simnvmem offset=0 size=4 format=magic width=4 \
		mode-recovery=0x11223344 mode-ota=0x55667788
	must_set n mode=recovery
	# when the last byte of each write is lost
	echo 1 >/sys/module/simnvmem/parameters/bad
	set_flags n mode=ota
	# then
	[ "$status" != 0 ] || broken "failure" success
	expect_match "the error" '^5 ' "$(flag n error)"
	[ "$(flag n mode)" != ota ] || broken "another mode than ota" ota
	# and it recovers
	echo 0 >/sys/module/simnvmem/parameters/bad
	must_set n mode=ota
	expect_flag n mode ota
	expect error '' "$(flag n error)"
}

test_what_others_wrote_meanwhile_is_seen() {
	rtc_byte 0
	rtc r
	must_set r mode=recovery
	# given somebody who writes the register itself
	rtc_byte 7
	# when the store is asked to look
	sysfs r/set ''
	expect_ok "a set of nothing"
	# then
	expect_flag r mode ota
	# and a set of what was there before writes again
	rtc_byte 7
	must_set r mode=recovery
	expect "the register" 52 "$(rtc_byte)"
}

test_another_generation_is_refused() {
	flash
	must_set f cursor=1
	g=$(generation f)
	must_nl_set f "generation=$g" cursor=2
	nl_refused EAGAIN changed set name=f "generation=$g" cursor=3
	expect_flag f cursor 2
	# two of the same generation, queued behind one another: one of them wins
	g=$(generation f)
	sim delay_us 200000
	nl_flag --wait 20000 set name=f "generation=$g" cursor=10 >"$T/one" 2>&1 &
	nl_flag --wait 20000 set name=f "generation=$g" cursor=11 >"$T/two" 2>&1 &
	wait
	sim delay_us 0
	expect "how many won" 1 "$(cat "$T/one" "$T/two" | grep -c '^outcome=0')"
	expect "how many lost" 1 "$(cat "$T/one" "$T/two" | grep -cE '^(outcome|error)=EAGAIN')"
}

test_the_rate_limit_tells_when_the_next_may_come() {
	simflash
	add f medium=mtd device=simflash format=log rate=3/h
	must_set f cursor=1
	must_set f cursor=2
	must_set f cursor=3
	nl_fails EBUSY 'rate limit of 3 in 3600 s: the next in [0-9]+ s' f cursor=4
	in=$(field text | sed 's/.*next in \([0-9]*\) s/\1/')
	if [ "$in" -le 1100 ] || [ "$in" -gt 1200 ]; then
		broken "1100 to 1200 s" "$in s"
	fi
	expect limited 1 "$(stat_of f limited)"
	# what changes nothing is not counted, and force passes
	must_set f cursor=3
	must_set f force cursor=4
	expect_flag f cursor 4
}

test_a_rate_by_the_second_lets_the_next_one_come() {
	simflash
	add f medium=mtd device=simflash format=log rate=1/s
	must_set f cursor=1
	nl_fails EBUSY 'rate limit' f cursor=2
	sleep 1.1
	must_set f cursor=2
}

test_flash_has_a_rate_of_its_own_and_registers_have_none() {
	simflash
	add f medium=mtd device=simflash format=log
	rtc_byte 0
	rtc r
	i=0
	while [ $i -lt 60 ]; do
		sysfs f/cursor $i
		expect_ok "set $i of f"
		i=$((i + 1))
	done
	nl_fails EBUSY 'rate limit of 60 in 3600 s' f cursor=60
	i=0
	while [ $i -lt 100 ]; do
		sysfs r/mode recovery
		sysfs r/mode ota
		i=$((i + 1))
	done
	expect "writes of r" 200 "$(stat_of r programs)"
}

test_states_without_a_way_to_write() {
	# absent
	add f medium=mtd device=simflash format=log rate=none
	expect_state f absent
	nl_fails ENODEV 'not there' f cursor=1
	# foreign, and force
	simflash
	expect_soon_state f empty
	bytes 4096 252 | content
	expect_soon_state f foreign
	nl_fails EMEDIUMTYPE 'only force' f cursor=1
	must_nl_set f force cursor=1
	expect_flag f cursor 1
}

run_tests
