#!/bin/sh
# SPDX-License-Identifier: MIT
# Who may do what: an unprivileged user, one with namespaces of its own, root
# without CAP_SYS_MODULE, and a container with every capability there is.

. "${0%/*}/lib.sh"

expect_denied() {
	expect_match "answer to $1" '^error=EPERM$' "$out"
	expect_match "a text with it" . "$(field text)"
}

# every_command RUNNER: each command, well-formed, is refused
every_command() {
	driver p pvt_plain
	box c9
	for request in "driver-new alias=x line=pvt_plain" "driver-del alias=p" \
		"driver-get alias=p" "load alias=p" "unload alias=p" \
		"container-new container=x cgroup-fd=$(cgroup_of c9) entry=p:manual" \
		"container-del container=x" "container-get container=x" "agent text=x" \
		"front text=x" "exec-ack exec-id=1 pid=1" "result exec-id=1" "whois fd=0 listener-fd=0" \
		"status-get" "load alias=p container-id=0" "--dump driver-get" "--dump container-get" \
		"subscribe"; do
		# shellcheck disable=SC2086 # a request is several words
		"$@" $request
		expect_denied "$request"
	done
	expect_state p unloaded
	expect_gone pvt_plain
}

test_an_unprivileged_user_is_refused_everything() {
	every_command nobody
}

test_an_unprivileged_user_in_user_and_network_namespaces_of_its_own_is_refused_everything() {
	every_command namespaced
}

root_without_capability() {
	status=0
	out=$(setpriv --bounding-set=-sys_module --inh-caps=-sys_module nl_request "$@" 2>&1) ||
		status=$?
}

test_root_without_cap_sys_module_is_refused_everything() {
	every_command root_without_capability
}

test_a_privileged_container_is_refused_what_is_the_hosts() {
	driver p pvt_plain
	container c1 p:manual
	box c9
	for request in "driver-new alias=x line=pvt_plain" "driver-del alias=p" \
		"container-new container=x cgroup-fd=$(cgroup_of c9)" "container-del container=c1" \
		"agent text=x" "front text=x" "exec-ack exec-id=1 pid=1" "result exec-id=1" \
		"whois fd=0 listener-fd=0" "status-get" "load alias=p container-id=0"; do
		# shellcheck disable=SC2086
		inside c1 $request
		expect_denied "$request"
	done
	expect_gone pvt_plain
}

# sysfs_in NAME FILE TEXT
sysfs_in() {
	status=0
	out=$(printf '%s\n' "$3" | within "$(cgroup_of "$1")" tee "$SYS/$2" 2>&1 >/dev/null) ||
		status=$?
}

test_a_privileged_container_cannot_write_the_control_of_anothers_driver() {
	driver p pvt_plain
	driver q pvt_base
	container c1 p:manual
	container c2 q:manual
	sysfs_in c1 q/control load
	expect_match "the write" 'not permitted' "$out"
	expect_gone pvt_base
	sysfs_in c2 q/control load
	expect_ok "the owner's write"
	sysfs_in c1 q/control unload
	expect_match "the write" 'not permitted' "$out"
	expect_live pvt_base
	expect users c2 "$(cat "$SYS"/q/users)"
}

test_a_privileged_container_cannot_register_or_unregister() {
	driver p pvt_plain
	container c1 p:manual
	sysfs_in c1 register 'x pvt_plain'
	expect_match "the write" 'not permitted' "$out"
	sysfs_in c1 unregister p
	expect_match "the write" 'not permitted' "$out"
	[ -d "$SYS"/p ] && [ ! -e "$SYS"/x ]
}

test_control_in_a_container_is_that_containers_use() {
	driver p pvt_plain
	driver q pvt_base
	container c1 p:manual q:required
	sysfs_in c1 p/control load
	expect_ok load
	expect users c1 "$(cat "$SYS"/p/users)"
	# the host's unload does not end it
	sysfs p/control unload
	expect_live pvt_plain
	sysfs_in c1 p/control unload
	expect_ok unload
	expect_gone pvt_plain
	sysfs_in c1 q/control load
	expect_ok load
	sysfs_in c1 q/control unload
	[ "$status" != 0 ] || broken "unload of a required driver is refused" "status 0"
	expect_live pvt_base
}

test_a_file_that_the_host_opened_gives_a_container_no_right() {
	# given control opened on the host and inherited by a container's process
	driver q pvt_base
	container c1
	status=0
	# shellcheck disable=SC2016 # for the inner shell
	out=$(within "$(cgroup_of c1)" sh -c 'echo load >&5' 5>"$SYS"/q/control 2>&1) || status=$?
	[ "$status" != 0 ] || broken "a refusal" "status 0"
	expect_gone pvt_base
}

test_an_unprivileged_user_reads_state_and_nothing_else() {
	driver p pvt_plain
	as_user="setpriv --reuid 1000 --regid 1000 --clear-groups"
	expect state unloaded "$($as_user cat "$SYS"/p/state)"
	for file in modules users error stats control; do
		status=0
		$as_user cat "$SYS/p/$file" >/dev/null 2>&1 || status=$?
		[ "$status" != 0 ] || broken "$file is unreadable" "status 0"
	done
	for file in register unregister p/control; do
		status=0
		$as_user sh -c "echo load >$SYS/$file" 2>/dev/null || status=$?
		[ "$status" != 0 ] || broken "$file is not writable" "status 0"
	done
}

# looks RUNNER...: what is the host's to read is refused, and state is not
looks() {
	expect "state read by $*" "$(state p)" "$("$@" cat "$SYS"/p/state)"
	for file in modules users error stats; do
		status=0
		out=$("$@" cat "$SYS/p/$file" 2>&1) || status=$?
		[ "$status" != 0 ] || broken "$file is refused to $*" "$out"
		expect_match "why $file cannot be read" 'not permitted' "$out"
	done
}

test_a_container_reads_state_and_nothing_else() {
	# given a driver with parameters and a warning, used by two
	modprobe pvt_plain
	driver p 'pvt_plain num=7'
	container c1 p:manual
	container c2 p:manual
	must_load p
	inside c2 --wait 30000 load alias=p
	expect_ok
	expect_match 'what the host reads' '^warning: ' "$(cat "$SYS"/p/error)"
	expect_match 'what the host reads' '^c2$' "$(cat "$SYS"/p/users)"
	# when uid 0 in a container looks, with every capability and with none
	looks within "$(cgroup_of c1)"
	looks within "$(cgroup_of c1)" setpriv --bounding-set=-all --inh-caps=-all
	# then also its own drivers are for the host to look at
	looks within "$(cgroup_of c2)"
}

test_root_without_cap_sys_module_reads_state_and_nothing_else() {
	driver p pvt_plain
	looks setpriv --bounding-set=-sys_module --inh-caps=-sys_module
}

test_a_container_is_not_told_warnings_with_its_outcome() {
	# given a driver whose load brings a warning
	modprobe pvt_plain
	driver p 'pvt_plain num=7'
	container c1 p:manual
	must_load p
	expect_match "what the host is told" 'pvt_plain: resident already' "$(field warning)"
	must_unload p
	# when a container loads it
	inside c1 --wait 30000 load alias=p
	expect_ok
	# then there is one again, and the container does not hear of it
	expect_match "the warning" '^warning: pvt_plain: resident already' "$(cat "$SYS"/p/error)"
	expect "warnings told to the container" '' "$(field warning)"
	expect state loaded "$(field state)"
}

test_root_without_cap_sys_module_cannot_use_control() {
	driver p pvt_plain
	status=0
	out=$(setpriv --bounding-set=-sys_module --inh-caps=-sys_module \
		sh -c "echo load | tee $SYS/p/control" 2>&1) || status=$?
	expect_match "the write" 'not permitted' "$out"
	status=0
	out=$(setpriv --bounding-set=-sys_module --inh-caps=-sys_module \
		sh -c "echo 'x pvt_plain' | tee $SYS/register" 2>&1) || status=$?
	expect_match "the write" 'not permitted' "$out"
	expect_gone pvt_plain
}

test_a_result_from_who_is_not_the_agent_is_refused() {
	# given a real agent with a task under way
	agent --delay 1500
	driver p pvt_plain
	background "$T/load" nl_request --wait 30000 load alias=p
	loader=$child
	expect_soon 5 grep -q '^exec load p' "$T/agent"
	# when another process of the host answers in its place
	id=1
	while [ "$id" -le 40 ]; do
		ask result "exec-id=$id" errno=5 text=forged
		expect_match "answer to a forged result" '^error=EPERM$' "$out"
		id=$((id + 13))
	done
	ask exec-ack exec-id=1 pid=self
	expect_match "answer to a forged ack" '^error=EPERM$' "$out"
	# then the load goes on as if nothing had been
	wait "$loader" || broken "the load succeeds" "$(cat "$T/load")"
	expect_live pvt_plain
}

run_tests
