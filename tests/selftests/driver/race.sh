#!/bin/sh
# SPDX-License-Identifier: MIT
# Eight callers that load and unload at once, on the host and in containers.
# PVKIT_RACE_SECONDS (60) is how long the longest of these takes.
# vm: timeout=300

. "${0%/*}/lib.sh"

seconds=${PVKIT_RACE_SECONDS:-60}

given() {
	driver a pvt_base pvt_plain
	driver b pvt_dep
	driver c pvt_plain pvt_c2
	driver d pvt_c5
	driver e pvt_c3 pvt_base
	container c1 a:manual b:manual c:manual d:manual e:manual
	container c2 a:manual b:manual c:manual d:manual e:manual
	container c3 a:manual b:manual c:manual d:manual e:manual
}

race() {
	status=0
	out=$(nl_race --cgroup "$(cgroup_of c1)" --cgroup "$(cgroup_of c2)" \
		--cgroup "$(cgroup_of c3)" --callers 8 "$@" a b c d e 2>&1) || status=$?
	note "$(printf '%s\n' "$out" | tail -n 20)"
}

# nobody uses anything, nothing is left, and each state says so
agrees() {
	for ag in a b c d e; do
		expect "users of $ag" '' "$(cat "$SYS/$ag/users")"
		expect_match "state of $ag" "^(${1:-unloaded})\$" "$(state "$ag")"
		expect "pinned modules of $ag" '' "$(grep pinned "$SYS/$ag/modules" || :)"
	done
	must status-get
	expect requests 0 "$(field count-requests)"
}

enough() {
	total=$(printf '%s\n' "$out" | sed -n 's/^total \([0-9]*\) .*/\1/p')
	[ "${total:-0}" -ge "$1" ] || broken "at least $1 loads" "$out"
}

test_eight_callers_race_for_a_minute_with_an_agent() {
	given
	agent
	race --seconds "$seconds" --seed 7
	expect_ok "every outcome arrived, and none was wrong"
	enough $((seconds / 2))
	expect modules '' "$(ours_resident)"
	agrees
}

test_eight_callers_race_with_modprobe() {
	given
	race --seconds $((seconds / 12 + 1)) --seed 8
	expect_ok "every outcome arrived, and none was wrong"
	enough 2
	expect modules '' "$(ours_resident)"
	agrees
}

# rmmod and modprobe by somebody else meanwhile
meddle() {
	while :; do
		for me in pvt_plain pvt_base pvt_dep pvt_c2 pvt_c4; do
			modprobe "$me" 2>/dev/null || :
			rmmod "$me" 2>/dev/null || :
		done
	done
}

test_eight_callers_race_against_rmmod_and_modprobe() {
	given
	agent
	meddle &
	meddler=$!
	race --seconds $((seconds / 12 + 1)) --seed 9 --tolerant
	kill "$meddler"
	wait "$meddler" 2>/dev/null || :
	expect_ok "every outcome arrived"
	# what somebody else loaded last may be there, and states tell of it
	agrees 'unloaded|loaded|failed'
	remove_modules
	expect modules '' "$(ours_resident)"
	for alias in a b c d e; do
		must_load "$alias"
		must_unload "$alias"
	done
	expect modules '' "$(ours_resident)"
	agrees
}

test_agents_come_and_go_during_a_race() {
	given
	background "$T/agents" sh -c '
		trap "" TERM
		while :; do timeout -s KILL 0.7 nl_agent >/dev/null 2>&1 || :; done'
	agents=$child
	# a worker outlives its agent and may hold what is to be removed just then
	race --seconds $((seconds / 12 + 1)) --seed 10 --tolerant
	expect_ok "every outcome arrived"
	end "$agents" KILL
	expect_soon 5 none_resident
	agrees
}

none_resident() {
	[ -z "$(ours_resident)" ]
}

test_containers_come_and_go_during_a_race() {
	given
	agent
	background "$T/race" nl_race --seconds $((seconds / 12 + 1)) --seed 11 --callers 4 a b c d e
	racer=$child
	n=0
	while kill -0 "$racer" 2>/dev/null; do
		n=$((n + 1))
		container "x$n" a:required d:required
		nl_request --wait 30000 load alias=a "container=x$n" >/dev/null
		nl_request --wait 30000 load alias=d "container=x$n" >/dev/null
		if [ $((n % 2)) = 0 ]; then
			must --wait 30000 container-del "container=x$n"
		else
			end "$init" KILL
		fi
	done
	wait "$racer" || broken "the callers see no wrong outcome" "$(cat "$T/race")"
	note "$n containers"
	expect_soon 12 none_but_three
	expect_soon 12 none_resident
	agrees
}

none_but_three() {
	must status-get
	[ "$(field count-containers)" = 3 ]
}

run_tests
