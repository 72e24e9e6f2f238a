#!/bin/sh
# SPDX-License-Identifier: MIT
# The loading agent may die, hang, lie or be replaced at any moment: a load then
# goes on by other means or fails cleanly, and nobody waits for ever.
# vm: timeout=240

. "${0%/*}/lib.sh"

# no use, no pin, nothing of ours in the kernel unless the driver says loaded
agrees() {
	must status-get
	expect requests 0 "$(field count-requests)"
	case $(state p) in
	loaded)
		expect "users of what is loaded" - "$(cat "$SYS"/p/users)"
		expect_live "$@"
		;;
	failed | unloaded)
		expect "users of what is $(state p)" '' "$(cat "$SYS"/p/users)"
		expect "modules of what is $(state p)" '' "$(ours_resident)"
		;;
	*) broken "a final state" "$(state p)" ;;
	esac
}

test_who_is_agent_is_told_with_its_text() {
	must status-get
	expect_match "no agent" '^0?$' "$(field agent-portid)"
	agent --text "nl_agent 1.0"
	must status-get
	[ "$(field agent-portid)" != 0 ] || broken "a port" "$out"
	expect text "nl_agent 1.0" "$(field text)"
	end "$agent" KILL
	expect_soon 5 no_agent
}

no_agent() {
	ask status-get
	case $(field agent-portid) in
	'' | 0) return 0 ;;
	esac
	return 1
}

test_an_agent_that_never_acknowledges_costs_two_seconds() {
	agent --mode silent
	driver p pvt_plain
	begin=$(now_ms)
	must_load p
	took=$(($(now_ms) - begin))
	expect_live pvt_plain
	[ "$took" -ge 1900 ] || broken "the agent is given 2 s" "$took ms"
	expect_less "milliseconds" 6000 "$took"
	must_unload p
	expect_gone pvt_plain
}

test_an_agent_that_dies_on_its_task_is_replaced_by_modprobe() {
	agent --mode die
	driver p pvt_plain
	must_load p
	expect_live pvt_plain
	no_agent || broken "no agent" "$out"
	must_unload p
	expect_gone pvt_plain
}

test_an_agent_that_dies_after_its_acknowledgement_and_a_worker_that_goes_on() {
	agent --mode ack-die
	driver p pvt_plain pvt_dep
	load p
	agrees pvt_plain pvt_dep
	must_unload p
	expect modules '' "$(ours_resident)"
}

test_an_agent_that_dies_and_takes_its_worker_along() {
	agent --mode ack-abort
	driver p pvt_plain
	begin=$(now_ms)
	load p
	expect_less "milliseconds until the outcome" 10000 $(($(now_ms) - begin))
	agrees pvt_plain
	must_unload p
	expect modules '' "$(ours_resident)"
}

test_an_agent_whose_worker_never_begins_is_bounded_by_the_requests_limit() {
	agent --mode ack-stall
	driver p pvt_plain
	begin=$(now_ms)
	load p timeout=2000
	expect_outcome ETIMEDOUT
	expect_less "milliseconds" 5000 $(($(now_ms) - begin))
	# and once it is gone, life goes on
	end "$agent" KILL
	expect_soon 20 no_requests
	must_load p
	expect_live pvt_plain
	must_unload p
	expect_gone pvt_plain
}

no_requests() {
	ask status-get
	[ "$(field count-requests)" = 0 ] && [ "$(state p)" != loading ]
}

test_an_agent_that_claims_success_without_loading_is_not_believed() {
	agent --mode no-work
	driver p pvt_plain
	load p
	expect "status" 1 "$status"
	expect_text pvt_plain
	expect_state p failed
	expect users '' "$(cat "$SYS"/p/users)"
}

test_an_agents_errno_text_and_warning_come_through() {
	agent --errno 71 --warn "a word of warning"
	driver p pvt_plain
	load p
	expect_outcome EPROTO
	expect_text '^pvt_plain: Protocol error$'
	expect_match "warnings" '^warning: pvt_plain: a word of warning$' "$(cat "$SYS"/p/error)"
}

test_forged_answers_to_tasks_that_are_not_its_own_change_nothing() {
	agent --mode forge
	driver p pvt_plain pvt_base
	must_load p
	expect_live pvt_plain pvt_base
	expect_match "what the kernel said to it" '^refused (ENOENT|ESRCH|EINVAL)' "$(cat "$T/agent")"
	must_unload p
	expect modules '' "$(ours_resident)"
}

test_a_newer_agent_displaces_the_older() {
	agent --text old
	old=$agent
	start "$T/new" nl_agent --text new
	must status-get
	expect text new "$(field text)"
	driver p pvt_plain
	must_load p
	expect "tasks of the old one" '' "$(grep '^exec' "$T/agent" || :)"
	expect_match "tasks of the new one" '^exec load p pvt_plain' "$(cat "$T/new")"
	# the death of the old one means nothing
	end "$old" KILL
	must status-get
	expect text new "$(field text)"
	must_unload p
	expect_gone pvt_plain
}

test_an_agent_displaced_in_the_middle_of_its_task() {
	agent --delay 1500
	driver p pvt_plain pvt_base
	background "$T/load" nl_request --wait 30000 load alias=p
	loader=$child
	expect_soon 5 grep -q '^exec load' "$T/agent"
	start "$T/new" nl_agent --text new
	wait "$loader" || :
	agrees pvt_plain pvt_base
	must_unload p
	expect modules '' "$(ours_resident)"
}

test_a_displaced_agent_whose_worker_lives_on_finishes_its_task() {
	# given an agent like the daemon: a worker does not end with its task
	agent --pooled --delay 1500
	driver p pvt_plain
	background "$T/load" nl_request --wait 30000 load alias=p timeout=8000
	loader=$child
	expect_soon 5 grep -q '^accepted pvt_plain' "$T/agent"
	# when another takes its place before the worker begins
	start "$T/new" nl_agent --text new
	# then the first one's result still counts
	wait "$loader" || broken "the load succeeds" "$(cat "$T/load" "$T/agent")"
	agrees pvt_plain
	expect_state p loaded
	expect "what the first was refused" '' "$(grep '^refused' "$T/agent" || :)"
	expect "tasks of the second" '' "$(grep '^exec' "$T/new" || :)"
	# and what comes next is the other's
	must_unload p
	expect_gone pvt_plain
	expect_match "tasks of the second" '^exec unload p' "$(cat "$T/new")"
}

test_a_displaced_agent_that_dies_with_its_task_leaves_it_to_the_next() {
	agent --pooled --delay 3000
	driver p pvt_plain
	background "$T/load" nl_request --wait 30000 load alias=p
	loader=$child
	expect_soon 5 grep -q '^accepted pvt_plain' "$T/agent"
	start "$T/new" nl_agent --text new
	end "$agent" KILL
	wait "$loader" || :
	expect_match "an outcome" '^outcome=' "$(cat "$T/load")"
	agrees pvt_plain
	must_load p
	expect_live pvt_plain
	must_unload p
	expect modules '' "$(ours_resident)"
}

# killed_at MS: the agent dies that long after the request was sent
killed_at() {
	agent
	background "$T/load" nl_request --wait 40000 load alias=p
	loader=$child
	sleep "$(awk -v ms="$1" 'BEGIN { print ms / 1000 }')"
	end "$agent" KILL
	wait "$loader" || :
	expect_match "an outcome, killed after $1 ms" '^outcome=' "$(cat "$T/load")"
	agrees pvt_base pvt_plain pvt_slow pvt_dep pvt_c1 pvt_c2 pvt_c3
	killed="$killed $(state p)"
	must_unload p
	expect "modules afterwards, killed after $1 ms" '' "$(ours_resident)"
}

test_the_agent_killed_at_20_points_of_a_load() {
	# given how long a load takes when nobody dies
	agent
	driver p pvt_base pvt_plain 'pvt_slow ms=150' pvt_dep pvt_c3
	begin=$(now_ms)
	must_load p
	took=$(($(now_ms) - begin))
	must_unload p
	end "$agent" KILL
	killed=
	for point in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do
		killed_at $((took * point / 19))
	done
	note "a load takes $took ms; states after each:$killed"
}

test_the_agent_killed_at_10_points_of_an_unload() {
	driver p pvt_base pvt_plain 'pvt_slow ms=0 exit_ms=150' pvt_dep pvt_c3
	for point in 0 1 2 3 4 5 6 7 8 9; do
		agent
		must_load p
		background "$T/unload" nl_request --wait 40000 unload alias=p
		unloader=$child
		sleep "$(awk -v n="$point" 'BEGIN { print n * 0.05 }')"
		end "$agent" KILL
		wait "$unloader" || broken "the unload succeeds, point $point" "$(cat "$T/unload")"
		expect "modules, point $point" '' "$(ours_resident)"
		expect_state p unloaded
	done
}

test_an_agent_stopped_like_a_hung_process_is_not_waited_for() {
	agent
	driver p pvt_plain
	kill -STOP "$agent"
	begin=$(now_ms)
	must_load p
	expect_less "milliseconds" 6000 $(($(now_ms) - begin))
	kill -CONT "$agent"
	# it wakes up to a task that was given to somebody else, and leaves it
	expect_soon 5 grep -q '^refused ESRCH' "$T/agent"
	must_unload p
	expect_gone pvt_plain
}

run_tests
