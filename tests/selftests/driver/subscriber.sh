#!/bin/sh
# SPDX-License-Identifier: MIT
# Subscribers that do not read, that come in numbers, and that go.

. "${0%/*}/lib.sh"

# 2 events a turn
turns() {
	i=0
	while [ "$i" -lt "$1" ]; do
		i=$((i + 1))
		echo "t$i" >"$SYS"/register
		echo "t$i" >"$SYS"/unregister
	done
}

test_a_subscriber_that_does_not_read_is_told_that_it_missed_something() {
	# given one that does not read and one that does
	mkfifo "$T/hold"
	exec 6<>"$T/hold"
	nl_events --deaf --rcvbuf 4096 <"$T/hold" >"$T/deaf" 2>&1 6>&- &
	deaf=$!
	echo "$deaf" >>"$T/children"
	expect_soon 10 has_line "$T/deaf" ready
	events all
	# when a thousand things happen
	turns 500
	# then what the kernel keeps for the first is bounded
	rmem=$(nl_watch rmem "$deaf")
	note "queued for the one that does not read, and dropped: $rmem"
	expect_match "a socket of it" '^[0-9]+ [0-9]+$' "$rmem"
	expect_less "bytes queued" 16384 "${rmem% *}"
	# and the other missed nothing
	expect_soon 20 has_line "$T/all" 'del t500'
	expect "events of the one that reads" 1000 "$(grep -cE '^(new|del) t' "$T/all")"
	expect_events all ''
	# and the first, once it reads, learns that it has to read anew
	driver p pvt_plain
	exec 6>&-
	wait "$deaf" || :
	expect_match "what it hears" '^overrun$' "$(cat "$T/deaf")"
	expect "generations that go backwards" '' "$(grep backwards "$T/deaf" || :)"
}

test_a_subscriber_that_was_overrun_hears_what_comes_after() {
	mkfifo "$T/hold"
	exec 6<>"$T/hold"
	nl_events --deaf --rcvbuf 4096 <"$T/hold" >"$T/deaf" 2>&1 6>&- &
	deaf=$!
	echo "$deaf" >>"$T/children"
	expect_soon 10 has_line "$T/deaf" ready
	turns 100
	exec 6>&-
	# it need not wait for the next event to learn of it
	expect_soon 3 has_line "$T/deaf" overrun
	echo later >"$SYS"/register
	wait "$deaf" || :
	expect "the last it hears" 'new later' "$(tail -n 1 "$T/deaf")"
}

test_a_subscriber_that_does_not_read_delays_nobody() {
	mkfifo "$T/hold"
	exec 6<>"$T/hold"
	nl_events --deaf --rcvbuf 4096 <"$T/hold" >"$T/deaf" 2>&1 6>&- &
	echo $! >>"$T/children"
	expect_soon 10 has_line "$T/deaf" ready
	turns 50
	driver p pvt_plain
	begin=$(now_ms)
	must_load p
	must_unload p
	expect_less "milliseconds for a round" 4000 $(($(now_ms) - begin))
	exec 6>&-
}

test_subscribers_of_one_container_are_bounded() {
	container c1
	n=0
	while [ "$n" -lt 18 ]; do
		n=$((n + 1))
		background "$T/sub$n" within "$(cgroup_of c1)" nl_events
	done
	expect_soon 20 all_answered
	expect "subscriptions taken" 16 "$(cat "$T"/sub* | grep -c '^ready$')"
	expect_match "what the others hear" '^error=(EMFILE|ENOSPC|EPERM|EBUSY|EUSERS|EDQUOT|ENOBUFS)' \
		"$(cat "$T"/sub*)"
	# the host is not affected
	events all
	driver p pvt_plain
	expect_soon 5 has_line "$T/all" 'new p'
}

all_answered() {
	[ "$(cat "$T"/sub* | grep -cE '^(ready|error=)')" = 18 ]
}

test_subscribers_that_were_killed_make_room() {
	container c1
	for turn in 1 2 3; do
		n=0
		while [ "$n" -lt 12 ]; do
			n=$((n + 1))
			background "$T/sub$turn.$n" within "$(cgroup_of c1)" nl_events
			subscriber=$child
			expect_soon 10 has_line "$T/sub$turn.$n" ready
			end "$subscriber" KILL
		done
	done
}

test_a_containers_subscription_ends_with_the_container() {
	driver p pvt_plain
	container c1 p:manual
	start "$T/one" within "$(cgroup_of c1)" nl_events
	must --wait 20000 container-del container=c1
	events all
	must_load p
	must_unload p
	expect_events all 'loading p; loaded p; unloading p; unloaded p'
	expect "what the former container hears" '' "$(told one)"
}

run_tests
