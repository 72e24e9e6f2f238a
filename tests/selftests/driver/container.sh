#!/bin/sh
# SPDX-License-Identifier: MIT
# Containers: which cgroups are taken, who is who, and how a container ends.
# vm: timeout=240

. "${0%/*}/lib.sh"

new() {
	ask container-new "$@"
}

gone() {
	ask container-get "container=$1"
	[ "$(field error)" = ENOENT ]
}

unused() {
	[ -z "$(cat "$SYS/$1/users")" ]
}

test_the_root_cgroup_is_refused() {
	refused EINVAL container-new container=c1 "cgroup-fd=$CGROOT" entry=p:manual
	expect_text .
}

test_process_1_which_lives_in_the_root_cgroup_is_refused() {
	refused EINVAL container-new container=c1 pid=1
	expect_text .
}

test_the_callers_own_cgroup_is_refused() {
	box c1
	c=$(cgroup_of c1)
	inside_refused EINVAL c1 container-new container=c1 "cgroup-fd=$c"
	expect_text .
	inside_refused EINVAL c1 container-new container=c1 pid=self
	# and so is one above it
	mkdir "$c/pvt.below"
	status=0
	out=$(within "$c/pvt.below" nl_request container-new container=c1 "cgroup-fd=$c" 2>&1) ||
		status=$?
	expect_match "answer for an ancestor" '^error=EINVAL' "$out"
	expect "containers" '' "$(nl_request --dump container-get)"
}

test_the_agents_cgroup_and_those_above_it_are_refused() {
	box c1
	c=$(cgroup_of c1)
	mkdir "$c/pvt.daemon"
	start "$T/agent" within "$c/pvt.daemon" nl_agent
	refused EINVAL container-new container=c1 "cgroup-fd=$c/pvt.daemon"
	expect_text .
	refused EINVAL container-new container=c1 "cgroup-fd=$c"
	# a sibling is nobody's
	mkdir "$c/pvt.sibling"
	must container-new container=c1 "cgroup-fd=$c/pvt.sibling"
}

test_nobody_becomes_agent_or_front_inside_a_container() {
	container c1
	inside_refused EPERM c1 agent text=evil
	expect_text .
	inside_refused EPERM c1 front text=evil
}

test_a_name_or_a_cgroup_twice_is_refused() {
	container c1 p:manual
	box c2
	refused EEXIST container-new container=c1 "cgroup-fd=$(cgroup_of c2)"
	expect_text .
	refused EEXIST container-new container=c2 "cgroup-fd=$(cgroup_of c1)"
	expect_text .
	must container-new container=c2 "cgroup-fd=$(cgroup_of c2)"
}

test_container_names_follow_the_rule_of_aliases() {
	box c1
	c=$(cgroup_of c1)
	for name in '' / a/b .. .a 'a b' "$(printf 'a\001')" "$(printf '%64s' '' | tr ' ' a)" \
		"$(printf '%1000s' '' | tr ' ' a)"; do
		refused 'EINVAL|ERANGE' container-new "container=$name" "cgroup-fd=$c"
	done
	must container-new container=c1 "cgroup-fd=$c"
}

test_what_is_no_cgroup_is_refused() {
	: >"$T/file"
	for path in /tmp "$T/file" /proc/self /dev/null "$CGROOT/cgroup.procs"; do
		refused 'EBADF|EINVAL|ENOTDIR|EOPNOTSUPP' container-new container=c1 "cgroup-fd=$path"
	done
	refused 'EBADF|EINVAL|EOPNOTSUPP' container-new container=c1 cgroup-fd=999
	refused 'EBADF|EINVAL|EOPNOTSUPP' container-new container=c1 cgroup-fd=4294967295
	refused 'ESRCH|EINVAL' container-new container=c1 pid=4000000
	refused 'ESRCH|EINVAL' container-new container=c1 pid=4294967295
	refused EINVAL container-new container=c1
}

test_a_cgroup_that_was_removed_is_refused() {
	mkdir "$(cgroup_of c1)"
	status=0
	exec 5<"$(cgroup_of c1)"
	rmdir "$(cgroup_of c1)"
	refused 'ENODEV|ENOENT|EBADF|EINVAL' container-new container=c1 cgroup-fd=5
}

test_a_container_by_pid_of_its_first_process() {
	driver p pvt_plain
	box c1
	must container-new container=c1 "pid=$init" entry=p:manual
	expect_match "container-id" '^[1-9][0-9]*$' "$(field container-id)"
	inside c1 --wait 30000 load alias=p
	expect_ok
	expect users c1 "$(cat "$SYS"/p/users)"
	must container-get container=c1
	expect cgroup "/pvt.c1" "$(field cgroup)"
}

test_more_than_256_drivers_of_one_container_are_refused() {
	box c1
	set --
	i=0
	while [ "$i" -lt 256 ]; do
		i=$((i + 1))
		set -- "$@" "entry=d$i:manual"
	done
	refused 'EINVAL|E2BIG|ERANGE' container-new container=c1 "cgroup-fd=$(cgroup_of c1)" "$@" \
		entry=more:manual
	must container-new container=c1 "cgroup-fd=$(cgroup_of c1)" "$@"
	ask container-get container=c1
	expect "number of entries" 256 "$(field entry | wc -l)"
}

test_registration_loads_nothing_and_tells_what_is_named() {
	driver p pvt_plain
	container c1 p:required q:optional p2:manual
	expect_gone pvt_plain
	must container-get container=c1
	expect entries "p required unloaded
q optional unknown
p2 manual unknown" "$(field entry)"
	expect container-id "$container_id" "$(field container-id)"
}

test_a_container_sees_its_own_drivers_in_its_own_order_and_no_more() {
	driver a pvt_plain
	driver b pvt_base
	driver c pvt_dep
	container c1 c:manual nosuch:optional a:required
	inside c1 --dump driver-get
	expect_ok
	expect aliases 'c nosuch a' "$(field alias | tr '\n' ' ' | sed 's/ $//')"
	expect states 'unloaded unknown unloaded' "$(field state | tr '\n' ' ' | sed 's/ $//')"
	expect types 'manual optional required' "$(field type | tr '\n' ' ' | sed 's/ $//')"
	expect "lines, modules, users, texts" '' "$(field line)$(field module)$(field user)$(field text)"
	inside_refused EPERM c1 driver-get alias=b
	inside c1 driver-get alias=a
	expect_ok
}

test_a_container_sees_itself_and_no_other_container() {
	container c1 p:manual
	container c2 q:manual
	inside c1 container-get
	expect_ok
	expect container c1 "$(field container)"
	inside_refused EPERM c1 container-get container=c2
	inside c1 --dump container-get
	expect "other containers seen" '' "$(field container | grep -v c1 || :)"
}

test_what_a_container_may_load_and_unload() {
	driver req pvt_plain
	driver opt pvt_base
	driver man pvt_c1
	driver other pvt_c2
	container c1 req:required opt:optional man:manual nosuch:manual
	# loading: all that it names
	for alias in req opt man; do
		inside c1 --wait 30000 load alias="$alias"
		expect_ok "load of $alias"
	done
	# not named: no right; that comes before what does not exist
	inside_refused EPERM c1 load alias=other
	expect_text .
	inside_refused EPERM c1 load alias=nowhere
	# named, but not on this device
	inside_refused ENOENT c1 load alias=nosuch
	expect_text 'no such driver'
	# unloading: its manual ones
	inside_refused EBUSY c1 unload alias=req
	expect_text .
	inside_refused EBUSY c1 unload alias=opt
	inside_refused EPERM c1 unload alias=other
	inside c1 --wait 30000 unload alias=man
	expect_ok
	expect modules 'pvt_base pvt_plain' "$(ours_resident)"
}

test_a_nested_container_is_its_own_and_the_nearest_counts() {
	driver a pvt_plain
	driver b pvt_base
	container c1 a:manual
	mkdir "$(cgroup_of c1)/pvt.inner" "$(cgroup_of c1)/pvt.inner/pvt.deep"
	background /dev/null within "$(cgroup_of c1)/pvt.inner" sleep 1000
	expect_soon 5 grep -q . "$(cgroup_of c1)/pvt.inner/cgroup.procs"
	must container-new container=c2 "cgroup-fd=$(cgroup_of c1)/pvt.inner" entry=b:manual
	status=0
	out=$(within "$(cgroup_of c1)/pvt.inner/pvt.deep" nl_request --dump driver-get) || status=$?
	expect "what the innermost sees" b "$(field alias)"
	inside c1 --dump driver-get
	expect "what the outer sees" a "$(field alias)"
	# without the inner registration the same process is the outer container
	must --wait 20000 container-del container=c2
	out=$(within "$(cgroup_of c1)/pvt.inner/pvt.deep" nl_request --dump driver-get) || status=$?
	expect "what it sees now" a "$(field alias)"
}

test_a_container_in_namespaces_of_its_own_is_recognised() {
	driver p pvt_plain
	container c1 p:manual
	status=0
	out=$(within "$(cgroup_of c1)" unshare --net --pid --mount --uts --ipc --cgroup --fork \
		nl_request --wait 30000 load alias=p 2>&1) || status=$?
	expect_ok "load from within new namespaces"
	expect users c1 "$(cat "$SYS"/p/users)"
}

test_a_container_with_a_user_namespace_is_recognised() {
	driver p pvt_plain
	container c1 p:manual
	status=0
	out=$(within "$(cgroup_of c1)" setpriv --reuid 1000 --regid 1000 --clear-groups \
		unshare -Urn nl_request --wait 30000 load alias=p 2>&1) || status=$?
	expect_ok "load from within a user namespace"
	expect users c1 "$(cat "$SYS"/p/users)"
}

test_removal_ends_all_uses_and_the_outcome_comes_after_the_unload() {
	driver p pvt_plain
	driver q pvt_dep
	container c1 p:manual q:required
	inside c1 --wait 30000 load alias=p
	inside c1 --wait 30000 load alias=q
	expect modules 'pvt_base pvt_dep pvt_plain' "$(ours_resident)"
	must --wait 30000 container-del container=c1
	expect modules '' "$(ours_resident)"
	gone c1 || broken "c1 is gone" "$out"
	refused ENOENT container-del container=c1
	expect_text .
}

test_a_container_that_vanishes_without_a_stop_is_gone_within_five_seconds() {
	driver p pvt_plain
	container c1 p:required
	inside c1 --wait 30000 load alias=p
	expect_live pvt_plain
	begin=$(now_ms)
	end "$init" KILL
	expect_soon 7 gone c1
	expect_soon 2 not resident pvt_plain
	# each 5 s it looks: the second look would be too late
	expect_less "milliseconds until all was gone" 9500 $(($(now_ms) - begin))
	unused p || broken "no users" "$(cat "$SYS"/p/users)"
}

test_a_container_whose_cgroup_is_removed_is_gone_within_five_seconds() {
	driver p pvt_plain
	container c1 p:required
	must --wait 20000 load alias=p container=c1
	end "$init" KILL
	expect_soon 5 rmdir "$(cgroup_of c1)"
	expect_soon 7 gone c1
	expect_soon 2 not resident pvt_plain
}

test_a_container_given_by_pid_ends_with_that_process_at_once() {
	driver p pvt_plain
	box c1
	must container-new container=c1 "pid=$init" entry=p:required
	must --wait 20000 load alias=p container=c1
	# somebody else in its cgroup does not keep it
	background /dev/null within "$(cgroup_of c1)" sleep 1000
	expect_soon 5 two_processes c1
	end "$init" KILL
	expect_soon 5 gone c1
	expect_soon 2 not resident pvt_plain
}

two_processes() {
	[ "$(wc -l <"$(cgroup_of "$1")/cgroup.procs")" = 2 ]
}

test_a_container_is_kept_while_its_cgroup_has_never_had_a_process() {
	mkdir "$(cgroup_of c1)"
	must container-new container=c1 "cgroup-fd=$(cgroup_of c1)"
	begin=$(now_ms)
	while [ $(($(now_ms) - begin)) -lt 6000 ]; do
		not gone c1 || broken "c1 is kept" "gone after $(($(now_ms) - begin)) ms"
		sleep 0.5
	done
}

test_vanishing_in_the_middle_of_its_own_load_leaves_nothing() {
	agent
	driver slow 'pvt_slow ms=2500'
	container c1 slow:manual
	background /dev/null within "$(cgroup_of c1)" nl_request --wait 30000 load alias=slow
	caller=$child
	expect_soon 5 state_is slow loading
	end "$caller" KILL
	end "$init" KILL
	expect_soon 8 gone c1
	expect_soon 8 not resident pvt_slow
	expect_soon 2 unused slow
}

test_the_host_acts_on_behalf_by_name_and_by_number() {
	driver p pvt_plain
	driver q pvt_base
	container c1 p:manual
	must --wait 30000 load alias=p container=c1
	expect users c1 "$(cat "$SYS"/p/users)"
	must --wait 30000 unload alias=p "container-id=$container_id"
	expect_gone pvt_plain
	refused EPERM load alias=q container=c1
	refused ESRCH load alias=p container=nosuch
	must --dump driver-get "container-id=$container_id"
	expect "the view of c1" p "$(field alias)"
}

test_the_number_of_a_container_is_never_used_again() {
	driver p pvt_plain
	container c1 p:manual
	old=$container_id
	must --wait 20000 container-del container=c1
	must container-new container=c1 "cgroup-fd=$(cgroup_of c1)" entry=p:manual
	[ "$(field container-id)" != "$old" ] || broken "another number" "$old"
	refused ESRCH load alias=p "container-id=$old"
}

test_a_container_does_not_act_on_behalf_of_another() {
	driver p pvt_plain
	container c2 p:manual
	other=$container_id
	container c1
	inside_refused EPERM c1 load alias=p container=c2
	inside_refused EPERM c1 load alias=p "container-id=$other"
	inside_refused EPERM c1 load alias=p container-id=0
	inside_refused EPERM c1 --dump driver-get "container-id=$other"
	expect_gone pvt_plain
}

test_roles_are_stored() {
	box c1
	must container-new container=c1 "cgroup-fd=$(cgroup_of c1)" roles=1
	must container-get container=c1
	expect roles 1 "$(field roles)"
	must --wait 20000 container-del container=c1
	must container-new container=c1 "cgroup-fd=$(cgroup_of c1)"
	must container-get container=c1
	expect_match roles '^0?$' "$(field roles)"
}

test_a_container_of_250_long_names_is_listed_whole_and_so_is_the_next() {
	box c1
	long=$(printf '%55s' '' | tr ' ' x)
	set --
	i=0
	while [ "$i" -lt 250 ]; do
		i=$((i + 1))
		set -- "$@" "entry=d$i.$long:optional"
	done
	must container-new container=c1 "cgroup-fd=$(cgroup_of c1)" "$@"
	container c2 p:manual
	out=$(pvkit container list --json) || broken "pvkit container list" "$out"
	expect "containers and how many drivers they name" '[["c1",250],["c2",1]]' \
		"$(printf '%s\n' "$out" | jq -c '[.[] | [.name, (.drivers | length)]]')"
	expect "the first and the last" "[\"d1.$long\",\"d250.$long\"]" \
		"$(printf '%s\n' "$out" | jq -c '.[0].drivers | [.[0].alias, .[-1].alias]')"
}

test_removal_only_if_ended_leaves_one_that_runs() {
	driver p pvt_plain
	container c1 p:manual
	inside c1 --wait 30000 load alias=p
	refused EBUSY container-del container=c1 ended=
	expect_text .
	expect users c1 "$(cat "$SYS"/p/users)"
	expect_live pvt_plain
	must container-get container=c1
	refused ENOENT container-del container=nosuch ended=
}

# removed_after_its_end: false when the kernel was faster
removed_after_its_end() {
	container c1 p:manual
	inside c1 --wait 30000 load alias=p
	expect_ok
	end "$init" KILL
	expect_soon 2 empty_cgroup "$(cgroup_of c1)"
	ask --wait 20000 container-del container=c1 ended=
	rmdir "$(cgroup_of c1)"
	[ "$(field error)" != ENOENT ] || return 1
	expect_ok "container-del of what has ended"
	expect_gone pvt_plain
	gone c1 || broken "c1 is gone" "$out"
}

test_removal_only_if_ended_removes_one_that_has() {
	driver p pvt_plain
	for turn in 1 2 3 4 5; do
		! removed_after_its_end || return 0
		note "turn $turn: the kernel had noticed before"
	done
	broken "a removal in one of five turns" "$out"
}

test_what_containers_take_is_not_taken_from_the_host() {
	# given 17 containers with as many subscribed sockets as they may have
	for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do
		container "c$n" p:manual
		start "$T/events$n" within "$(cgroup_of "c$n")" nl_events --sockets 16
	done
	inside_refused EMFILE c17 subscribe
	# when an agent and a subscriber of the host come
	agent --text late
	events all
	# then they are served
	must status-get
	expect text late "$(field text)"
	driver p pvt_plain
	must_load p
	must_unload p
	expect_events all 'loading p; loaded p; unloading p; unloaded p'
	for n in 1 17; do
		expect "events of c$n" 'loading p; loaded p; unloading p; unloaded p' "$(told "events$n")"
	done
}

run_tests
