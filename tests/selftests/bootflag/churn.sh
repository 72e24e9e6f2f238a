#!/bin/sh
# SPDX-License-Identifier: MIT
# Stores are added and removed, media come and go, fields are read and set over every
# door, all at once, and at the end the module is removed with everything under way.
# vm: own timeout=400

# shellcheck disable=SC2016,SC2086 # for other shells; words, and paths without blanks
. "${0%/*}/lib.sh"
. "${0%/*}/nl_lib.sh"

F='medium=mtd device=simflash format=log rate=none'
R='medium=nvmem device=cmos_nvram0 offset=64 size=1 format=magic width=1 mode-recovery=0x52 mode-ota=7'
SECONDS_OF_IT=$((${PVKIT_RACE_SECONDS:-60} / 3))

# again COMMAND...: until $T/stop is there
again() {
	background /dev/null sh -c 'stop=$1; shift
		while [ ! -e "$stop" ]; do "$@" || :; done' sh "$T/stop" "$@"
	echo "$child" >>"$T/churners"
}

run_for() {
	sleep "$1"
	: >"$T/stop"
	while read -r churner; do
		wait "$churner" || :
	done <"$T/churners"
}

readers_and_writers() {
	again sh -c "cat $SYS/*/* >/dev/null 2>&1"
	again sh -c "echo mode=recovery >$SYS/r/set; echo mode= >$SYS/r/set"
	again sh -c "echo cursor=1 mode=a >$SYS/f/set; echo cursor=2 mode=b >$SYS/f/set"
	again nl_flag --wait 5000 set name=f cursor=3
	again nl_flag --no-ack --repeat 20 set name=f cursor=4
	again nl_flag --dump store-get
	again timeout 0.3 nl_flag watch
}

test_stores_come_and_go_under_readers_and_writers() {
	simflash
	add r $R
	add f $F
	readers_and_writers
	again sh -c "echo f >$SYS/del; echo 'f $F' >$SYS/add"
	again nl_flag store-del name=r
	again nl_flag store-add name=r "spec=$R"
	run_for "$SECONDS_OF_IT"
	add f $F
	must_set f cursor=99
	expect_flag f cursor 99
}

test_media_come_and_go_under_readers_and_writers() {
	simflash
	add r $R
	add f $F
	readers_and_writers
	again sh -c "echo 0 >$SIM/present; sleep 0.05; echo 1 >$SIM/present; sleep 0.05"
	run_for "$SECONDS_OF_IT"
	sim present 1
	expect_soon_state f ready
	must_set f cursor=99
	expect_flag f cursor 99
	expect violations 0 "$(sim violations)"
}

test_the_module_goes_with_everything_under_way() {
	simflash
	n=0
	while [ $n -lt 10 ]; do
		modprobe pv_bootflag
		add r $R
		add f $F
		rm -f "$T/stop" "$T/churners"
		sim delay_us 20000
		readers_and_writers
		sleep 0.7
		# a list that is just being sent holds the module for a moment
		wait_until 10 rmmod pv_bootflag 2>"$T/rmmod" ||
			broken "rmmod pv_bootflag" "$(cat "$T/rmmod"; lsmod | grep pv_bootflag)"
		run_for 0.1
		sim delay_us 0
		n=$((n + 1))
	done
	modprobe pv_bootflag
	add f $F
	expect_state f ready
}

test_concurrent_writers_each_get_what_they_were_told() {
	simflash
	add f $F
	must_set f cursor=0
	# each adds one, with the generation that it read, until it wins
	for w in 1 2 3 4; do
		background "$T/w$w" sh -c '
			n=0
			while [ $n -lt 10 ]; do
				all=$(nl_flag store-get name=f)
				g=$(echo "$all" | sed -n "s/^generation=//p")
				c=$(echo "$all" | sed -n "s/^cursor=//p")
				nl_flag --wait 20000 set name=f generation=$g cursor=$((c + 1)) >/dev/null &&
					n=$((n + 1))
			done
			echo through'
	done
	for w in 1 2 3 4; do
		expect_soon 60 has_line "$T/w$w" through
	done
	expect_flag f cursor 40
}

run_tests
