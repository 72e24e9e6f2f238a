#!/bin/sh
# SPDX-License-Identifier: MIT
# GET /drivers/events in the machine: what a container's curl is told, and when.
# vm: timeout=300

. "${0%/*}/lib.sh"

PATH=$KTAP_DIR:$PATH

# listen NAME [COMMAND...]: curl, or COMMAND curl, collects the events in $T/NAME
listen() {
	li_name=$1
	shift
	background "$T/$li_name" "$@" curl -sN --unix-socket "$SOCKET" http://x/drivers/events
	expect_soon 60 grep -q '^data: ' "$T/$li_name"
}

# heard NAME: "event alias status state", one a line
heard() {
	sed -n -e 's/^event: //p' -e 's/^data: //p' "$T/$1" | paste -d ' ' - - |
		sed -e 's/\([a-z]*\) {"name":"\([^"]*\)","type":\([^,]*\),"status":"\([A-Z]*\)","state":"\([a-z]*\)".*/\1 \2 \3 \4 \5/'
}

has_heard() {
	heard "$1" | grep -qxF -e "$2"
}

test_a_container_is_told_of_its_own_drivers_and_no_others() {
	pvkitd_start
	driver mine pvt_plain
	driver other pvt_base
	container c1 mine:manual
	listen app within "$(cgroup_of c1)"
	# when both are loaded, its own by itself
	must_load other
	http_in c1 PUT /drivers/mine/load
	answers 200 ''
	must_unload other
	http_in c1 PUT /drivers/mine/unload
	answers 200 ''
	expect_soon 60 has_heard app 'state mine "MANUAL" UNLOADED unloading'
	expect_soon 60 sh -c "tail -n 3 '$T/app' | grep -q '\"state\":\"unloaded\"'"
	expect 'what it was told' 'state mine "MANUAL" UNLOADED unloaded
state mine "MANUAL" UNLOADED loading
state mine "MANUAL" LOADED loaded
state mine "MANUAL" UNLOADED unloading
state mine "MANUAL" UNLOADED unloaded' "$(heard app)"
}

test_the_event_is_there_before_the_answer() {
	pvkitd_start
	driver p pvt_plain
	out=$(http_events order "$SOCKET" p 20) || broken 'events before 40 answers' "$out"
}

# its own memory, without code that is mapped on first use
memory_kb() {
	sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB$/\1/p' "/proc/$(process pvkitd-front)/status"
}

# hears_of_p NAME STATE: one that reads; others' events may have been too many for it
hears_of_p() {
	wait_until 60 grep -q "^data: {\"name\":\"p\",.*\"state\":\"$2\"" "$T/$1" ||
		broken "an event for $1: p is $2" "$(tail -n 12 "$T/$1")"
}

# come_and_go N: a driver, twice as many events
come_and_go() {
	n=0
	while [ "$n" -lt "$1" ]; do
		echo 'x pvt_base' >"$SYS/register"
		echo x >"$SYS/unregister"
		n=$((n + 1))
	done
}

# What did not get through to a busy daemon in the first go has not filled its socket.
is_cut_off() {
	grep -q '^closed=' "$T/deaf" && return
	come_and_go 20
	false
}

test_who_never_reads_is_dropped_and_others_go_on() {
	pvkitd_start
	driver p pvt_plain
	listen good
	listen late
	late=$child
	before=$(memory_kb)
	background "$T/deaf" http_events deaf "$SOCKET"
	deaf=$child
	expect_soon 60 has_line "$T/deaf" asked
	# more than their sockets and what may wait for them hold
	kill -STOP "$late"
	come_and_go 3000
	must_load p
	hears_of_p good loaded
	expect_less "kB more for those that do not read" 1024 $(($(memory_kb) - before))
	# who reads again has missed some, and hears how all is now
	kill -CONT "$late"
	hears_of_p late loaded
	# the other is cut off, once it has taken nothing for 30 s
	expect_soon 120 is_cut_off
	wait "$deaf"
	http GET /metrics
	expect_match 'metrics' '^pvkit_http_event_streams 2$' "$out"
	must_unload p
	hears_of_p good unloading
	hears_of_p late unloading
}

run_tests
