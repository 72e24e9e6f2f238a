#!/bin/sh
# SPDX-License-Identifier: MIT
# WHOIS: the kernel says who is at the other end of an accepted connection, and
# is not fooled by another socket in its place.

. "${0%/*}/lib.sh"

# whois ARG...: $out and $status
whois() {
	status=0
	out=$(nl_whois "$@" 2>&1) || status=$?
}

whois_refused() {
	wr_want=$1
	shift
	whois "$@"
	expect_match "WHOIS $*" "^error=($wr_want)\$" "$out"
	expect "a peer in the answer" '' "$(field peer)"
}

test_a_client_in_a_container_is_that_container() {
	container c1
	whois --cgroup "$(cgroup_of c1)" good
	expect_ok
	expect peer container "$(field peer)"
	expect container c1 "$(field container)"
	expect container-id "$container_id" "$(field container-id)"
}

test_a_client_in_a_cgroup_below_is_that_container() {
	container c1
	mkdir "$(cgroup_of c1)/pvt.below"
	whois --cgroup "$(cgroup_of c1)/pvt.below" good
	expect container c1 "$(field container)"
}

test_an_unprivileged_client_in_a_container_is_that_container() {
	container c1
	whois --cgroup "$(cgroup_of c1)" --uid 1000 good
	expect container c1 "$(field container)"
}

test_the_hosts_root_is_the_host_and_its_users_are_nobody() {
	whois good
	expect peer host "$(field peer)"
	expect container '' "$(field container)"
	whois --uid 1000 good
	expect peer unknown "$(field peer)"
}

test_a_client_that_has_exited_is_still_known() {
	container c1
	whois --cgroup "$(cgroup_of c1)" --client-exits good
	expect_ok
	expect container c1 "$(field container)"
}

test_a_client_that_moved_away_after_connecting_is_who_it_was() {
	container c1
	container c2
	whois --cgroup "$(cgroup_of c1)" --move "$(cgroup_of c2)" good
	expect container c1 "$(field container)"
	whois --cgroup "$(cgroup_of c1)" --move "$CGROOT" good
	expect container c1 "$(field container)"
}

test_a_client_of_a_container_that_is_no_more_is_not_the_host() {
	container c1
	must --wait 20000 container-del container=c1
	whois --cgroup "$(cgroup_of c1)" --uid 1000 good
	expect peer unknown "$(field peer)"
	expect container '' "$(field container)"
}

test_a_container_registered_anew_is_not_its_predecessor() {
	container c1
	old=$container_id
	must --wait 20000 container-del container=c1
	must container-new container=c1 "cgroup-fd=$(cgroup_of c1)"
	whois --cgroup "$(cgroup_of c1)" good
	[ "$(field container-id)" != "$old" ] || broken "another number than $old" "$out"
}

test_a_listener_is_refused() {
	container c1
	whois_refused 'EINVAL|ENOTCONN' --cgroup "$(cgroup_of c1)" listener
	expect_text .
}

test_a_pipe_a_file_and_other_sockets_are_refused() {
	for what in pipe file; do
		whois_refused 'ENOTSOCK|EINVAL|EBADF' "$what"
		expect_text .
	done
	for what in dgram inet netlink unbound; do
		whois_refused 'EINVAL|ENOTCONN|EAFNOSUPPORT|EPROTOTYPE|ESOCKTNOSUPPORT|EPROTONOSUPPORT' "$what"
	done
	whois_refused 'EBADF' bad-fd
}

test_a_socketpair_is_refused() {
	# both its ends carry the daemon's own cgroup
	whois_refused 'EINVAL|ENOTCONN|EPERM|EACCES' socketpair
}

test_the_clients_end_is_refused() {
	whois_refused 'EINVAL|ENOTCONN|EPERM|EACCES' client-end
}

test_a_connection_of_another_listener_is_refused() {
	container c1
	whois_refused 'EINVAL|EPERM|EACCES' --cgroup "$(cgroup_of c1)" other
	whois_refused 'EINVAL|EPERM|EACCES' --cgroup "$(cgroup_of c1)" closed
	whois_refused 'EINVAL' not-listener
	whois_refused 'EINVAL' no-listener
}

test_who_is_no_front_may_not_ask() {
	whois_refused EPERM not-front
	expect_text .
	# not even from the same process on another socket
	whois_refused EPERM stolen
}

test_a_front_that_gave_up_its_capabilities_still_may() {
	container c1
	whois --cgroup "$(cgroup_of c1)" dropped
	expect_ok
	expect container c1 "$(field container)"
}

test_roles_come_with_the_answer() {
	box c1
	must container-new container=c1 "cgroup-fd=$(cgroup_of c1)" roles=1
	whois --cgroup "$(cgroup_of c1)" good
	expect roles 1 "$(field roles)"
}

run_tests
