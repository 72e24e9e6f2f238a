#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit hook lxc, called as LXC would and as it would not. Under the real LXC:
# tests/selftests/runtimes/lxc.sh.

# shellcheck source=tests/selftests/driver/lib.sh
. "${0%/*}/../driver/lib.sh"

ROOT=$T/root

registered() {
	nl_request container-get "container=$1" >/dev/null 2>&1
}

expect_registered_nowhere() {
	must --dump container-get
	expect 'containers that are registered' '' "$(field container)"
}

# lxc HOOK [ARG...]: as LXC would call it for pvt-web, with lxc.hook.version = 1
lxc() {
	lx_type=$1
	shift
	status=0
	out=$(LXC_NAME=pvt-web LXC_HOOK_TYPE=$lx_type LXC_PID=$init \
		pvkit hook lxc --root "$ROOT" "$@" 2>&1) || status=$?
}

test_lxcs_start_host_registers_and_loads_and_post_stop_gives_back() {
	driver p pvt_plain
	driver m pvt_dep
	box pvt-web
	lxc start-host --required p --manual m --role mgmt
	expect "status (it printed: $out)" 0 "$status"
	must container-get container=pvt-web
	expect entries 'p required loaded used|m manual unloaded' \
		"$(field entry | tr '\n' '|' | sed 's/|$//')"
	expect roles 1 "$(field roles)"
	end "$init" KILL
	lxc post-stop
	expect "status (it printed: $out)" 0 "$status"
	registered pvt-web && broken 'pvt-web is gone' 'it is registered'
	expect_soon 6 not resident pvt_plain
}

test_lxcs_version_0_says_it_in_words() {
	driver p pvt_plain
	box pvt-web
	status=0
	out=$(LXC_PID=$init pvkit hook lxc --root "$ROOT" --required p pvt-web lxc start-host 2>&1) ||
		status=$?
	expect "status (it printed: $out)" 0 "$status"
	expect users pvt-web "$(cat "$SYS"/p/users)"
}

test_a_required_driver_that_fails_fails_lxcs_start_host() {
	driver p pvt_plain
	driver f pvt_fail
	box pvt-web
	lxc start-host --required p,f
	expect "status (it printed: $out)" 1 "$status"
	expect_match text '^pvkit: pvt-web: required driver f: pvt_fail: ' "$out"
	expect_gone pvt_plain pvt_fail
	expect_registered_nowhere
}

test_files_below_the_root_come_before_the_options_of_lxcs_hook() {
	driver p pvt_plain
	driver b pvt_base
	box pvt-web
	mkdir -p "$ROOT/containers/pvt-web"
	echo '{ "args": { "PV_DRIVERS_REQUIRED": "b" } }' >"$ROOT/containers/pvt-web/src.json"
	lxc start-host --required p
	expect "status (it printed: $out)" 0 "$status"
	expect users pvt-web "$(cat "$SYS"/b/users)"
	expect_gone pvt_plain
}

test_what_lxc_would_not_say_is_refused_with_a_text() {
	init=1
	lxc mount
	expect_match text 'not for lxc.hook.mount' "$out"
	expect status 2 "$status"
	lxc start-host --required ../x
	expect_match text 'is no driver alias' "$out"
	lxc start-host pvt-web
	expect_match text 'LXC says NAME lxc HOOK or nothing' "$out"
	init=
	lxc start-host
	expect_match text 'no LXC_PID' "$out"
	init=4194305
	lxc start-host
	expect_match text 'no such process' "$out"
	out=$(pvkit hook lxc 2>&1 || :)
	expect_match text 'LXC is to call this' "$out"
	out=$(LXC_NAME=../x LXC_HOOK_TYPE=start-host pvkit hook lxc 2>&1 || :)
	expect_match text 'is no container name' "$out"
	expect_registered_nowhere
}

run_tests
