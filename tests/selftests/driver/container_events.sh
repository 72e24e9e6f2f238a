#!/bin/sh
# SPDX-License-Identifier: MIT
# Who subscribes with `containers` hears of each that comes and goes, in time to
# trust what it remembers.

. "${0%/*}/lib.sh"

# expect_containers NAME "EVENT; EVENT": of containers, exactly these, whoever else was told what
expect_containers() {
	must driver-new "alias=pvt-end-$1"
	wait_until 30 has_line "$T/$1" "new pvt-end-$1" ||
		broken "the closing event reaches $1" "$(cat "$T/$1")"
	must driver-del "alias=pvt-end-$1"
	expect "containers that $1 heard of" "$2" \
		"$(grep '^container-' "$T/$1" | tr '\n' ';' | sed -e 's/;$//' -e 's/;/; /g')"
}

remove() {
	must --wait 20000 container-del "container=$1"
}

test_the_host_hears_of_containers_that_come_and_go() {
	events host --containers
	container c1
	first=$container_id
	container c2
	second=$container_id
	remove c1
	# one of the same name is another one
	must container-new container=c1 "cgroup-fd=$(cgroup_of c1)"
	again=$(field container-id)
	[ "$again" != "$first" ] || broken "an id of its own for the second c1" "$first"
	told="container-new c1 $first; container-new c2 $second; container-del c1 $first"
	expect_containers host "$told; container-new c1 $again"
}

test_who_did_not_ask_for_them_hears_of_none() {
	driver p pvt_plain
	events host
	events one --alias p
	container c1 p:manual
	remove c1
	expect_containers host ''
	must_load p
	expect_soon 5 has_line "$T/one" 'loaded p'
	expect "containers in the events of one driver" '' "$(grep '^container-' "$T/one" || :)"
}

test_with_an_alias_it_is_that_driver_and_every_container() {
	driver p pvt_plain
	driver q pvt_base
	events one --alias p --containers
	container c1 q:manual
	must_load q
	must_load p
	expect_soon 5 has_line "$T/one" 'loaded p'
	expect "all it heard" "container-new c1 $container_id; loading p; loaded p" "$(told one)"
}

test_the_last_subscription_counts() {
	# given a socket that asked for containers, and then again without
	events host --containers
	events changed --containers --again
	container c1
	# then it hears of none any more
	expect_containers host "container-new c1 $container_id"
	expect_containers changed ''
}

test_an_end_that_the_kernel_notices_is_told_too() {
	events host --containers
	# one whose first process exits
	box c1
	must container-new container=c1 "pid=$init"
	first=$(field container-id)
	end "$init" KILL
	expect_soon 5 has_line "$T/host" "container-del c1 $first"
	# one whose cgroup is empty
	container c2
	end "$init" KILL
	expect_soon 8 has_line "$T/host" "container-del c2 $container_id"
}

test_the_drivers_of_a_container_that_ends_go_after_it() {
	driver p pvt_plain
	container c1 p:manual
	must_load p container=c1
	events host --containers
	remove c1
	expect_events host "container-del c1 $container_id; unloading p; unloaded p"
}

test_the_event_is_there_before_the_acknowledgement() {
	mkfifo "$T/hold"
	exec 6<>"$T/hold"
	nl_events --containers --deaf <"$T/hold" >"$T/deaf" 2>&1 6>&- &
	deaf=$!
	echo "$deaf" >>"$T/children"
	expect_soon 10 has_line "$T/deaf" ready
	box c1
	before=$(nl_watch rmem "$deaf")
	must container-new container=c1 "cgroup-fd=$(cgroup_of c1)"
	new=$(nl_watch rmem "$deaf")
	[ "${new% *}" -gt "${before% *}" ] || broken "more queued than $before" "$new"
	must container-del container=c1
	del=$(nl_watch rmem "$deaf")
	[ "${del% *}" -gt "${new% *}" ] || broken "more queued than $new" "$del"
	exec 6>&-
}

test_a_front_without_capabilities_hears_of_them() {
	events front --front --containers
	container c1
	expect_containers front "container-new c1 $container_id"
}

test_a_container_may_not_ask_for_them() {
	container c1
	inside_refused EPERM c1 subscribe containers=
	expect_text container
	# not even one that has every capability and says so to a user namespace
	status=0
	out=$(within "$(cgroup_of c1)" unshare -Ur nl_request subscribe containers= 2>&1) ||
		status=$?
	expect_refusal EPERM "subscribe in a user namespace"
	# and without it may still subscribe
	inside c1 subscribe
	expect_ok
}

test_a_user_may_not_ask_for_them() {
	nobody subscribe containers=
	expect_refusal EPERM subscribe
	namespaced subscribe containers=
	expect_refusal EPERM subscribe
}

test_who_missed_a_container_is_told_before_anything_else() {
	# given a subscriber that does not read, and whose socket is full
	mkfifo "$T/hold"
	exec 6<>"$T/hold"
	nl_events --containers --deaf --rcvbuf 4096 --register later <"$T/hold" >"$T/deaf" 2>&1 6>&- &
	deaf=$!
	echo "$deaf" >>"$T/children"
	expect_soon 10 has_line "$T/deaf" ready
	i=0
	while [ "$i" -lt 100 ]; do
		i=$((i + 1))
		echo "t$i" >"$SYS"/register
		echo "t$i" >"$SYS"/unregister
	done
	# when it misses a container, and something happens as soon as it has read again
	container c1
	exec 6>&-
	wait "$deaf" || :
	# then it knows that it missed something, at once, and has what came after
	expect "what it heard" "ENOBUFS; overrun; new later" \
		"$(grep -vE '^(ready|(new|del) t)' "$T/deaf" | tr '\n' ';' |
			sed -e 's/;$//' -e 's/;/; /g')"
}

run_tests
