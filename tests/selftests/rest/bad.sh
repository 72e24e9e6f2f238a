#!/bin/sh
# SPDX-License-Identifier: MIT
# Clients of pv-ctrl that send what is no HTTP, too much of it, or nothing at all.
# vm: timeout=400

. "${0%/*}/lib.sh"

PATH=$KTAP_DIR:$PATH

given() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "m": ["pvt_c1"] } }
	EOF
	pvkitd_start
	front=$(process pvkitd-front)
}

# still_the_same: the front that was there at first serves, and no body became a request
still_the_same() {
	http GET /drivers
	answers 200 '{}'
	expect "the front's pid" "$front" "$(process pvkitd-front)"
	http GET /user-meta
	case $out in
	*smuggled*) broken "no body became a request" "$out" ;;
	esac
}

test_each_case_of_bad_http_gets_its_answer() {
	given
	bad_http cases "$SOCKET" >"$T/cases" 2>&1 || :
	expect "cases that fail" '' "$(cat "$T/cases")"
	still_the_same
}

test_each_case_from_within_a_container() {
	given
	box c1
	must container-new container=c1 "cgroup-fd=$(cgroup_of c1)" roles=1
	within "$(cgroup_of c1)" "$KTAP_DIR/bad_http" cases "$SOCKET" >"$T/cases" 2>&1 || :
	expect "cases that fail" '' "$(cat "$T/cases")"
	still_the_same
}

test_a_thousand_requests_in_one_go() {
	given
	expect "answers" answers=1000 "$(bad_http pipeline "$SOCKET" 1000)"
	still_the_same
}

test_a_client_with_no_more_to_say_gets_its_answer() {
	given
	expect "answers" answers=1 "$(bad_http half "$SOCKET")"
}

test_a_thousand_connections_of_a_container_are_64() {
	given
	container c1
	background "$T/many" within "$(cgroup_of c1)" "$KTAP_DIR/bad_http" many "$SOCKET" 1000
	many=$child
	expect_soon 60 grep -q answered= "$T/many"
	expect "connections" 'answered=64 closed=936 refused=0' "$(cat "$T/many")"
	# others are not concerned, and when it is gone it may come back
	http GET /drivers
	answers 200 '{}'
	end "$many" KILL
	http_in c1 GET /drivers
	answers 200 '{}'
	still_the_same
}

test_a_thousand_connections_of_the_host_wait_for_their_turn() {
	given
	background "$T/many" bad_http many "$SOCKET" 1000
	many=$child
	expect_soon 60 grep -q answered= "$T/many"
	expect_match "connections" '^answered=512 closed=0 refused=0$' "$(cat "$T/many")"
	end "$many" KILL
	still_the_same
}

test_clients_that_are_gone_before_they_are_known() {
	given
	container c1
	bad_http gone "$SOCKET" 50 || broken "50 clients come and go" "they did not"
	within "$(cgroup_of c1)" "$KTAP_DIR/bad_http" gone "$SOCKET" 50 ||
		broken "50 clients of a container" "they did not"
	still_the_same
	expect "lines about them in the log" '' "$(grep -i whois "$DAEMON_LOG" || :)"
}

test_a_byte_each_second_is_not_enough_and_who_does_not_read_is_not_waited_for() {
	given
	background "$T/slow" bad_http slow "$SOCKET"
	slow=$child
	background "$T/deaf" bad_http deaf "$SOCKET"
	deaf=$child
	# others meanwhile
	http GET /drivers
	answers 200 '{}'
	wait "$slow" || broken "the slow one is cut off" "$(cat "$T/slow")"
	wait "$deaf" || broken "the deaf one is cut off" "$(cat "$T/deaf")"
	for who in slow deaf; do
		seconds=$(sed -n 's/^closed=//p' "$T/$who")
		[ "$seconds" -ge 20 ] || broken "$who: not before its 30 s" "$seconds"
		expect_less "milliseconds until $who was cut off" 40000 "$((seconds * 1000))"
	done
	still_the_same
}

run_tests
