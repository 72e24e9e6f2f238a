#!/bin/sh
# SPDX-License-Identifier: MIT
# The module pv_driver itself: not removed while in use, removed cleanly when
# not, and as good as new when it is loaded again.

. "${0%/*}/lib.sh"

rmmod_self() {
	status=0
	out=$(rmmod pv_driver 2>&1) || status=$?
}

again() {
	modprobe pv_driver
	driver p pvt_plain
	must_load p
	must_unload p
	expect_gone pvt_plain
}

test_removal_while_a_driver_is_in_use_is_refused() {
	driver p pvt_plain
	must_load p
	rmmod_self
	[ "$status" != 0 ] || broken "a refusal" "status 0"
	expect_match "what rmmod says" 'in use' "$out"
	expect_state p loaded
	must_unload p
	rmmod_self
	expect_ok "rmmod of the idle module"
	[ ! -e "$SYS" ]
	again
}

test_removal_while_a_container_uses_a_driver_is_refused() {
	driver p pvt_plain
	container c1 p:required
	inside c1 --wait 30000 load alias=p
	rmmod_self
	[ "$status" != 0 ] || broken "a refusal" "status 0"
	must --wait 30000 container-del container=c1
	expect_soon 10 removable
	again
}

# orphaned_load: rmmod while a load runs whose caller is gone
orphaned_load() {
	driver slow 'pvt_slow ms=3000'
	background "$T/load" nl_request --wait 30000 load alias=slow
	loader=$child
	expect_soon 5 state_is slow loading
	end "$loader" KILL
	rmmod_self
	[ "$status" != 0 ] || broken "a refusal while the load runs" "status 0"
	expect_state slow loading
	# then the module goes, since nobody wants it, and only after it pv_driver
	expect_soon 20 removable
	expect_gone pvt_slow
}

test_removal_during_a_load_whose_caller_was_killed_is_refused_until_it_is_over() {
	orphaned_load
	again
}

test_the_same_when_an_agent_does_the_work() {
	agent
	orphaned_load
	end "$agent" KILL
	again
}

test_removal_is_tried_all_the_time_while_a_container_vanishes() {
	# given a container that uses what takes long to go, and what was there before
	driver slow 'pvt_slow ms=0 exit_ms=1500'
	driver b pvt_base
	modprobe pvt_base
	box c1
	must container-new container=c1 "pid=$init" entry=slow:required entry=b:manual
	must --wait 20000 load alias=slow container=c1
	must --wait 20000 load alias=b container=c1
	# when it vanishes
	background "$T/rmmod" sh -c 'until rmmod pv_driver; do sleep 0.02; done; echo ready'
	sleep 0.3
	expect_live pvt_slow
	end "$init" KILL
	# then pv_driver goes when its work is done: ours removed, the other let go
	expect_soon 20 has_line "$T/rmmod" ready
	expect_gone pvt_slow
	expect_live pvt_base
	rmmod pvt_base
	again
}

removable() {
	rmmod_self
	[ "$status" = 0 ]
}

test_removal_during_a_load_is_refused() {
	agent
	driver slow 'pvt_slow ms=2000'
	background "$T/load" nl_request --wait 30000 load alias=slow
	loader=$child
	expect_soon 5 state_is slow loading
	rmmod_self
	[ "$status" != 0 ] || broken "a refusal" "status 0"
	wait "$loader" || broken "the load succeeds" "$(cat "$T/load")"
	expect_live pvt_slow
}

test_removal_of_the_idle_module_with_an_agent_and_a_subscriber_there() {
	agent
	events all
	driver p pvt_plain
	must_load p
	must_unload p
	rmmod_self
	expect_ok "rmmod"
	[ ! -e "$SYS" ]
	end "$agent" KILL
	again
}

test_removal_with_drivers_and_containers_registered_and_unused() {
	driver p pvt_plain
	driver q pvt_base pvt_dep
	container c1 p:manual q:manual
	rmmod_self
	expect_ok "rmmod"
	modprobe pv_driver
	expect drivers '' "$(nl_request --dump driver-get)"
	expect containers '' "$(nl_request --dump container-get)"
	again
}

test_removal_while_files_are_open_and_polled() {
	driver p pvt_plain
	start "$T/poll" nl_watch poll "$SYS"/p/state
	exec 5<"$SYS"/p/state
	rmmod_self
	expect_ok "rmmod"
	status=0
	out=$(cat <&5 2>&1) || status=$?
	exec 5<&-
	expect_match "a read of the file that was open" 'No such device' "$out"
	again
}

test_removal_right_after_a_container_vanished() {
	driver p pvt_plain
	container c1 p:required
	inside c1 --wait 30000 load alias=p
	end "$init" KILL
	expect_soon 12 removable
	expect_gone pvt_plain
	again
}

test_ten_times_in_and_out_with_work_in_between() {
	for turn in 1 2 3 4 5 6 7 8 9 10; do
		driver p pvt_plain
		must_load p
		must_unload p
		rmmod_self
		expect_ok "rmmod, turn $turn"
		modprobe pv_driver
	done
}

test_removal_races_with_requests() {
	# given callers that never stop
	for n in 1 2; do
		background /dev/null sh -c 'while :; do
			nl_request driver-new alias=p line=pvt_plain
			nl_request --wait 5000 load alias=p
			nl_request --wait 5000 unload alias=p
		done'
		eval "caller$n=$child"
	done
	# when the module is removed and loaded again all the while
	out=0
	for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		if rmmod pv_driver 2>/dev/null; then
			out=$((out + 1))
		fi
		modprobe pv_driver
		echo p pvt_plain >"$SYS"/register 2>/dev/null || :
	done
	# shellcheck disable=SC2154 # set by eval
	end "$caller1" KILL
	# shellcheck disable=SC2154
	end "$caller2" KILL
	note "removed $out times of 20"
	# then it still works
	expect_soon 10 no_requests
	unload p
	again
}

no_requests() {
	ask status-get
	[ "$(field count-requests)" = 0 ]
}

test_wrong_module_parameters_are_refused_or_bounded() {
	rmmod_self
	expect_ok rmmod
	modprobe pv_driver max_drivers=3
	driver a
	driver b
	driver c
	refused 'ENOSPC|EMFILE|ENFILE|E2BIG|EDQUOT|EUSERS' driver-new alias=d
	expect_text .
	must driver-del alias=a
	driver d
	rmmod_self
	expect_ok rmmod
	modprobe pv_driver max_containers=1
	container c1
	box c2
	refused 'ENOSPC|EMFILE|ENFILE|E2BIG|EDQUOT|EUSERS' container-new container=c2 \
		"cgroup-fd=$(cgroup_of c2)"
	must --wait 20000 container-del container=c1
	rmmod_self
	expect_ok rmmod
	again
}

run_tests
