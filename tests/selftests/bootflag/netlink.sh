#!/bin/sh
# SPDX-License-Identifier: MIT
# The netlink door: no request waits for a medium, outcomes are unicast, events reach
# whoever subscribed and tell of what was lost.
# vm: own timeout=400

# shellcheck disable=SC2016,SC2086 # for other shells; words, and paths without blanks
. "${0%/*}/lib.sh"
. "${0%/*}/nl_lib.sh"

R='medium=nvmem device=cmos_nvram0 offset=64 size=1 format=magic width=1 mode-recovery=0x52 mode-ota=7'

# slow MILLISECONDS: f is on a flash each of whose programs takes so long
slow() {
	simflash
	add f medium=mtd device=simflash format=log rate=none
	must_set f cursor=0
	sim delay_us $(($1 * 1000))
}

elapsed() {
	el_from=$(now_ms)
	"$@"
	el_ms=$(($(now_ms) - el_from))
}

test_add_get_and_del() {
	must_nl store-add name=r "spec=$R"
	must_nl store-add name=r "spec=$R"
	nl_refused EEXIST 'another description' store-add name=r "spec=$R keep"
	# a set of nothing has its outcome when the store has been looked at
	must_nl_set r
	must_nl store-get name=r
	expect state ready "$(field state)"
	expect spec "$R" "$(field spec)"
	expect medium nvmem "$(field medium)"
	expect format magic "$(field format)"
	expect modes 'recovery ota' "$(field mode-name | tr '\n' ' ' | sed 's/ $//')"
	expect offers 0x2 "$(field offers)"
	must_nl store-del name=r
	nl_refused ENOENT 'no such store' store-get name=r
	nl_refused ENOENT 'no such store' store-del name=r
	nl_refused ENOENT 'no such store' set name=r mode=ota
}

test_dump_lists_all_in_the_order_of_addition() {
	for i in c a b; do
		add $i $R
	done
	must_nl --dump store-get
	expect names 'c a b' "$(field name | tr '\n' ' ' | sed 's/ $//')"
	expect parts 3 "$(echo "$out" | grep -c '^--$')"
}

test_dump_of_as_many_stores_as_there_may_be() {
	long=$(seq 16 | sed 's/.*/mode-a-name-as-long-as-it-may-b-&=&/' | tr '\n' ' ')
	i=0
	while [ $i -lt 32 ]; do
		add s$i "medium=nvmem device=cmos_nvram0 offset=64 size=1 format=magic width=1 $long"
		i=$((i + 1))
	done
	must_nl --dump store-get
	expect names 32 "$(field name | wc -l)"
	expect modes $((32 * 16)) "$(field mode-name | wc -l)"
}

test_no_request_waits_for_the_medium() {
	slow 4000
	# given a set that takes a while
	elapsed must_nl set name=f cursor=1
	expect_less milliseconds 3500 $el_ms
	# when others ask
	elapsed must_nl store-get name=f
	expect_less milliseconds 3500 $el_ms
	elapsed must_nl --dump store-get
	expect_less milliseconds 3500 $el_ms
	elapsed must_nl set name=f cursor=2
	expect_less milliseconds 3500 $el_ms
	elapsed must_nl store-add name=r "spec=$R"
	expect_less milliseconds 3500 $el_ms
	elapsed must_nl store-del name=f
	expect_less milliseconds 3500 $el_ms
	# and registration of a family elsewhere
	elapsed modprobe pv_driver
	rmmod pv_driver
	expect_less milliseconds 3500 $el_ms
}

test_closing_the_socket_cancels_what_is_queued() {
	slow 700
	nl_flag --wait 20000 set name=f cursor=1 >"$T/one" 2>&1 &
	one=$!
	sleep 0.2
	must_nl --no-ack set name=f cursor=77
	must_nl_set f reason=last
	wait $one || :
	expect "cursor" 1 "$(flag f cursor)"
	expect "reason" last "$(flag f reason)"
}

test_removal_cancels_what_is_queued_and_lets_what_is_written_end() {
	slow 5000
	watch all
	nl_flag --wait 40000 set name=f cursor=1 >"$T/one" 2>&1 &
	one=$!
	sleep 1
	nl_flag --wait 40000 set name=f cursor=2 >"$T/two" 2>&1 &
	two=$!
	sleep 1
	must_nl store-del name=f
	nl_refused EBUSY 'still being removed' store-add name=f "spec=$R"
	wait $one || :
	wait $two || :
	expect "the one that was written" outcome=0 "$(grep '^outcome=' "$T/one")"
	expect "the one behind it" outcome=ECANCELED "$(grep '^outcome=' "$T/two")"
	# the name is free with the event
	expect_soon 20 grep -q '^del f ' "$T/all"
	sim delay_us 0
	must_nl store-add name=f 'spec=medium=mtd device=simflash format=log rate=none'
	must_nl_set f
	expect_flag f cursor 1
}

test_events_of_all_and_of_one() {
	add r $R
	watch all
	watch only r
	add q $R offset=65
	must_set r mode=recovery
	must_set q mode=ota
	del q
	expect_soon 5 grep -q '^del q' "$T/all"
	expect "events of all" \
		'new q absent; changed q ready; changed r ready; changed q ready; del q ready' \
		"$(heard all)"
	expect "events of r" 'changed r ready' "$(heard only)"
}

test_a_subscriber_that_does_not_read_is_told_that_it_missed_something() {
	rtc_byte 0
	add r $R
	watch all
	kill -STOP "$watcher"
	i=0
	while [ $i -lt 1500 ]; do
		echo recovery >$SYS/r/mode
		echo ota >$SYS/r/mode
		i=$((i + 1))
	done
	kill -CONT "$watcher"
	expect_soon 20 grep -q '^overrun' "$T/all"
	# and goes on
	must_set r mode=recovery
	expect_soon 5 sh -c "tail -n 1 $T/all | grep -q '^changed r ready'"
}

test_bad_messages_are_refused() {
	rtc_byte 0
	add r $R
	nl_refused EINVAL '' set
	nl_refused EINVAL '' store-add name=x
	nl_refused EINVAL '' store-get
	nl_refused ERANGE '' set name=r 10=1
	nl_refused ERANGE '' set name=r 0=1
	# a value without a field, without a value, with both, cut short
	nl_refused EINVAL 'a field, and a number or a text' set name=r 32773:hex=
	nl_refused EINVAL 'a field, and a number or a text' set name=r 32773:hex=0800010001000000
	nl_refused ERANGE '' set name=r 32773:hex=080001000a000000
	nl_refused ERANGE '' set name=r 7:hex=0a000000
	nl_refused ERANGE '' set name=r 7:hex=00000000
	nl_refused EINVAL 'NUL' store-add name=x 2:hex=6d65646975006100
	nl 77
	expect "unknown command" EOPNOTSUPP "$(field error)"
	expect_flag r mode ''
}

test_at_most_64_sets_of_one_socket() {
	slow 3000
	nl --repeat 70 set name=f cursor=9
	expect "how many were refused" 6 "$(echo "$out" | grep -c '^error=EMFILE')"
}

test_a_writer_keeps_its_right() {
	rtc_byte 0
	add r $R
	status=0
	# what is queued is cancelled when the socket goes, so the outcome is waited for
	out=$(nl_flag --drop --wait 20000 writer text=test --again set name=r mode=ota 2>&1) ||
		status=$?
	expect_ok "set of a writer without capabilities: $out"
	expect_flag r mode ota
	# and nobody else does
	out=$(nl_flag --drop store-get name=r --again set name=r mode=recovery 2>&1) || status=$?
	expect_match "answer" '^error=EPERM' "$out"
	# nor a new socket of the same process
	out=$(nl_flag --drop writer text=test --then set name=r mode=recovery 2>&1) || status=$?
	expect_match "answer" '^error=EPERM' "$out"
	expect_flag r mode ota
}

run_tests
