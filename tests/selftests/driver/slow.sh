#!/bin/sh
# SPDX-License-Identifier: MIT
# Modules that take long: honest time-outs, and nobody else waits.
# vm: timeout=180

. "${0%/*}/lib.sh"

not_initialising() {
	not grep -qE "^$1 .* (Loading|Unloading) " /proc/modules
}

# The module is gone a moment before the driver is through with unloading it.
settled() {
	state_is "$1" unloaded || state_is "$1" failed
}

test_thirty_seconds_in_init_time_out_honestly_and_others_proceed() {
	# given a driver that spends 30 s in init
	agent
	driver slow 'pvt_slow ms=30000'
	driver p pvt_plain
	driver q pvt_c5
	events all --alias slow
	# when it is loaded with a limit of 3 s
	begin=$(now_ms)
	background "$T/slow" nl_request --wait 40000 load alias=slow timeout=3000
	waiter=$child
	expect_soon 5 state_is slow loading
	# then other drivers load and unload meanwhile, on the same agent
	must_load p
	must_load q
	must_unload p
	must_unload q
	expect modules 'pvt_slow' "$(ours_resident)"
	wait "$waiter" || :
	took=$(($(now_ms) - begin))
	# and the outcome comes at the limit
	expect_match "the outcome" '^outcome=ETIMEDOUT' "$(cat "$T/slow")"
	expect_less "milliseconds until the outcome" 5500 "$took"
	[ "$took" -ge 2900 ] || broken "not before 3000 ms" "$took"
	# while state and /proc/modules tell the truth
	expect_state slow loading
	expect_match "/proc/modules" '^pvt_slow .* Loading' "$(grep pvt_slow /proc/modules)"
	# and what nobody wants any more is gone soon after its init
	expect_soon 40 not resident pvt_slow
	expect_soon 5 settled slow
	expect users '' "$(cat "$SYS"/slow/users)"
}

test_a_slow_init_under_modprobe_times_out_and_others_proceed() {
	driver slow 'pvt_slow ms=6000'
	driver p pvt_plain
	background "$T/slow" nl_request --wait 40000 load alias=slow timeout=1500
	waiter=$child
	expect_soon 5 state_is slow loading
	must_load p
	must_unload p
	wait "$waiter" || :
	expect_match "the outcome" '^outcome=ETIMEDOUT' "$(cat "$T/slow")"
	expect_soon 15 not resident pvt_slow
}

test_a_slow_init_within_its_limit_succeeds() {
	agent
	driver slow 'pvt_slow ms=2500'
	events all
	must_load slow timeout=20000
	expect_live pvt_slow
	must_unload slow
	expect_gone pvt_slow
	expect_events all 'loading slow; loaded slow; unloading slow; unloaded slow'
}

test_unload_during_a_slow_load_waits_its_turn() {
	agent
	driver slow 'pvt_slow ms=2500'
	background "$T/load" nl_request --wait 30000 load alias=slow
	expect_soon 5 state_is slow loading
	must_unload slow
	expect_gone pvt_slow
	expect_state slow unloaded
	expect users '' "$(cat "$SYS"/slow/users)"
}

test_closing_the_socket_cancels_what_it_asked_for() {
	# given a request that waits behind another's slow load
	agent
	driver slow 'pvt_slow ms=3000'
	container c1 slow:manual
	background "$T/one" within "$(cgroup_of c1)" nl_request --wait 30000 load alias=slow
	one=$child
	expect_soon 5 state_is slow loading
	background "$T/two" nl_request --wait 30000 load alias=slow
	two=$child
	ask status-get
	wait_until 5 requests 2 || broken "two requests" "$out"
	# when its caller goes
	end "$two" KILL
	# then its use is not taken
	wait "$one" || broken "the container's load succeeds" "$(cat "$T/one")"
	expect users c1 "$(cat "$SYS"/slow/users)"
}

requests() {
	ask status-get
	[ "$(field count-requests)" = "$1" ]
}

test_time_out_of_one_waiter_leaves_the_load_to_the_other() {
	agent
	driver slow 'pvt_slow ms=3000'
	container c1 slow:manual
	background "$T/one" within "$(cgroup_of c1)" nl_request --wait 30000 load alias=slow
	one=$child
	expect_soon 5 state_is slow loading
	load slow timeout=500
	expect_outcome ETIMEDOUT
	wait "$one" || broken "the container's load succeeds" "$(cat "$T/one")"
	expect_state slow loaded
	expect_live pvt_slow
	expect users c1 "$(cat "$SYS"/slow/users)"
}

test_a_slow_exit_times_out_honestly() {
	agent
	driver slow 'pvt_slow ms=0 exit_ms=4000'
	must_load slow
	unload slow timeout=1000
	expect_outcome ETIMEDOUT
	expect_soon 12 not resident pvt_slow
	expect_soon 5 state_is slow unloaded
}

test_reading_and_asking_work_during_a_slow_load() {
	agent
	driver slow 'pvt_slow ms=4000'
	background /dev/null nl_request --wait 30000 load alias=slow
	expect_soon 5 state_is slow loading
	begin=$(now_ms)
	must --dump driver-get
	must driver-get alias=slow
	expect state loading "$(field state)"
	driver p pvt_plain
	must driver-del alias=p
	cat "$SYS"/slow/state "$SYS"/slow/modules "$SYS"/slow/users >/dev/null
	expect_state slow loading
	note "all of it took $(($(now_ms) - begin)) ms of 4000"
}

# queued_behind_an_unload CALLER...: nl_request's words for a load that waits
# until a slow unload is over; its pid is in $queued
queued_behind_an_unload() {
	driver slow 'pvt_slow ms=0 exit_ms=2500'
	must_load slow
	events all
	background "$T/unload" nl_request --wait 30000 unload alias=slow
	unloader=$child
	expect_soon 5 state_is slow unloading
	background "$T/queued" "$@"
	queued=$child
	wait_until 5 requests 2 || broken "two requests" "$out"
}

# nothing_begins: the unload ends, and nothing comes after it
nothing_begins() {
	expect_state slow unloading
	wait "$unloader" || broken "the unload succeeds" "$(cat "$T/unload")"
	expect_soon 5 requests 0
	expect_events all 'unloading slow; unloaded slow'
	expect_gone pvt_slow
	expect users '' "$(cat "$SYS"/slow/users)"
}

test_a_load_that_is_cancelled_before_it_begins_never_runs() {
	queued_behind_an_unload nl_request --wait 30000 load alias=slow
	end "$queued" KILL
	nothing_begins
}

test_a_load_that_times_out_before_it_begins_never_runs() {
	queued_behind_an_unload nl_request --wait 30000 load alias=slow timeout=300
	wait "$queued" || :
	expect_match "the outcome" '^outcome=ETIMEDOUT' "$(cat "$T/queued")"
	nothing_begins
}

test_a_load_for_a_container_that_ends_before_it_begins_never_runs() {
	container c1 slow:manual
	queued_behind_an_unload nl_request --wait 30000 load alias=slow container=c1
	must container-del container=c1
	nothing_begins
	wait "$queued" || :
	expect_match "the outcome" '^outcome=ECANCELED' "$(cat "$T/queued")"
}

run_tests
