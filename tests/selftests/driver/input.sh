#!/bin/sh
# SPDX-License-Identifier: MIT
# Netlink messages that no well-behaved client sends: attributes that are
# missing, short, oversized or unknown, from the host, from inside a container,
# and from an unprivileged user in namespaces of its own.

. "${0%/*}/lib.sh"

# From 6.1 on the kernel refuses attributes that a command does not know.
strict() {
	rel=$(uname -r)
	major=${rel%%.*}
	rest=${rel#*.}
	[ "$major" -gt 6 ] || { [ "$major" = 6 ] && [ "${rest%%.*}" -ge 1 ]; }
}

still_well() {
	must status-get
	ask driver-get alias=p
	expect_ok "driver-get afterwards"
	expect "lines afterwards" pvt_plain "$(field line)"
	expect_state p unloaded
	expect "containers afterwards" "${1:-}" "$(nl_request --dump container-get | sed -n 's/^container=//p')"
}

test_missing_attributes_are_refused_by_name() {
	driver p pvt_plain
	box c1
	for request in driver-new driver-del driver-get load unload container-new container-del \
		"driver-new line=pvt_plain" "container-new container=c1" \
		"container-new cgroup-fd=$(cgroup_of c1)" "load timeout=1000"; do
		# shellcheck disable=SC2086 # a request is several words
		refused EINVAL $request
		expect_text .
	done
	# the host is no container that it could ask for without a name
	refused ENOENT container-get
	still_well
}

test_missing_attributes_of_agent_and_front_commands_are_refused() {
	driver p pvt_plain
	for request in exec-ack result whois "exec-ack exec-id=1" "exec-ack pid=1" "whois fd=0"; do
		# shellcheck disable=SC2086
		refused 'EINVAL|EPERM' $request
	done
	still_well
}

test_short_attributes_are_refused() {
	driver p pvt_plain
	box c1
	c=$(cgroup_of c1)
	for attr in "timeout:hex=01" "timeout:hex=010000" "timeout:hex=" "container-id:hex=01000000" \
		"container-id:hex=" "alias:hex=" "alias:hex=70"; do
		refused 'EINVAL|ERANGE' load "$attr"
	done
	refused 'EINVAL|ERANGE' load alias=p timeout:hex=0100
	refused 'EINVAL|ERANGE' load alias=p container-id:hex=00000000
	refused 'EINVAL|ERANGE' container-new container=c1 "cgroup-fd:hex=03"
	refused 'EINVAL|ERANGE' container-new container=c1 "pid:hex=0300"
	refused 'EINVAL|ERANGE' container-new container=c1 "cgroup-fd=$c" "roles:hex=01"
	refused 'EINVAL|ERANGE' container-new container=c1 "cgroup-fd=$c" "entry:hex=01"
	refused 'EINVAL|ERANGE' container-new container=c1 "cgroup-fd=$c" "entry:hex=08000100"
	refused 'EINVAL|ERANGE' container-new container=c1 "cgroup-fd=$c" "entry:hex=0300"
	still_well
}

test_nests_that_are_empty_or_incomplete_are_refused() {
	driver p pvt_plain
	box c1
	c=$(cgroup_of c1)
	# nothing inside; an alias and no type; a type and no alias
	refused 'EINVAL|ERANGE' container-new container=c1 "cgroup-fd=$c" "32785:hex="
	refused 'EINVAL|ERANGE' container-new container=c1 "cgroup-fd=$c" "32785:hex=0600010070000000"
	refused 'EINVAL|ERANGE' container-new container=c1 "cgroup-fd=$c" "32785:hex=0800020002000000"
	refused 'EINVAL|ERANGE' container-new container=c1 "cgroup-fd=$c" entry=p:3
	refused 'EINVAL|ERANGE' container-new container=c1 "cgroup-fd=$c" entry=a/b:manual
	still_well
}

test_oversized_attributes_are_refused() {
	driver p pvt_plain
	refused 'EINVAL|ERANGE' load alias=p timeout:hex=0100000000000000
	refused 'EINVAL|ERANGE' load alias=p container-id:hex=000000000000000000000000
	refused 'EINVAL|ERANGE' load "alias=$(printf '%5000s' '' | tr ' ' p)"
	refused 'EINVAL|ERANGE' driver-new alias=x "line=$(printf '%30000s' '' | tr ' ' p)"
	refused 'EINVAL|ERANGE' agent "text=$(printf '%600s' '' | tr ' ' p)"
	refused 'EINVAL|ERANGE' load alias=p timeout=0
	box c1
	refused 'EINVAL|ERANGE' container-new container=c1 "cgroup-fd=$(cgroup_of c1)" roles=2
	refused 'EINVAL|ERANGE' container-new container=c1 "cgroup-fd=$(cgroup_of c1)" roles=4294967295
	still_well
}

test_a_limit_of_more_than_an_hour_is_taken_as_an_hour() {
	driver p pvt_plain
	must_load p timeout=3600001
	must_unload p timeout=4294967295
	expect_gone pvt_plain
}

test_strings_without_an_end_are_refused() {
	driver p pvt_plain
	refused 'EINVAL|ERANGE' load alias:hex=70
	refused 'EINVAL|ERANGE' driver-del alias:hex=7070707070707070
	# a string that ends before its attribute does is that shorter string or refused
	ask driver-get alias:hex=70007a7a00
	expect_match "the answer" '^(alias=p|error=EINVAL)$' "$out"
	still_well
}

test_unknown_attributes_are_refused() {
	strict || not_here "this kernel does not refuse unknown attributes"
	driver p pvt_plain
	refused EINVAL load alias=p 40:hex=00000000
	refused EINVAL load alias=p 1000:hex=
	refused EINVAL load alias=p line=pvt_plain
	refused EINVAL driver-del alias=p state=loaded
	refused EINVAL status-get alias=p
	still_well
}

test_unknown_commands_and_those_of_the_kernel_are_refused() {
	driver p pvt_plain
	for cmd in 0 20 100 255 outcome exec event; do
		refused EOPNOTSUPP "$cmd" alias=p
	done
	# and a dump of what is no list
	refused EOPNOTSUPP --dump load alias=p
	refused EOPNOTSUPP --dump whois
	still_well
}

test_attributes_that_reach_beyond_the_message_are_refused() {
	driver p pvt_plain
	refused 'EINVAL|ERANGE' --pretend 4 load alias=p
	refused 'EINVAL|ERANGE' --pretend 1000 load alias=p
	refused 'EINVAL|ERANGE' --pretend 60000 load alias=p timeout=5
	still_well
}

test_messages_shorter_than_they_say_do_no_harm() {
	driver p pvt_plain
	for cut in 1 4 8 12; do
		nl_request --no-ack --cut "$cut" load alias=p
	done
	still_well
}

test_more_than_64_requests_of_one_socket_are_refused() {
	agent
	driver p 'pvt_slow ms=1500'
	ask --repeat 100 --wait 40000 load alias=p
	expect "refused" 36 "$(field error | grep -c EMFILE)"
	expect "served" 64 "$(field outcome | grep -c '^0$')"
	expect users - "$(cat "$SYS"/p/users)"
}

# fuzz COMMAND...: a runner of nl_fuzz
fuzz() {
	for fz_seed in 1 2 3; do
		status=0
		out=$("$@" nl_fuzz "$fz_seed" 300 2>&1) || status=$?
		expect_ok "fuzzing with seed $fz_seed"
		note "$out"
	done
}

test_random_messages_of_an_unprivileged_user_in_its_own_namespaces_change_nothing() {
	driver p pvt_plain
	fuzz setpriv --reuid 1000 --regid 1000 --clear-groups unshare -Urn
	expect_match "accepted" 'accepted 0,' "$out"
	still_well
}

test_random_messages_from_inside_a_container_do_no_harm() {
	driver p pvt_plain
	container c1 p:manual
	fuzz within "$(cgroup_of c1)"
	must --wait 30000 unload alias=p container=c1
	still_well c1
}

test_random_messages_of_the_host_do_no_harm() {
	driver p pvt_plain
	fuzz env
	must status-get
	driver q pvt_base
	must_load q
	must_unload q
}

run_tests
