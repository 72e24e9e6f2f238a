#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit: what each verb does, prints and answers as its exit status.
# vm: timeout=240

# shellcheck source=tests/selftests/driver/lib.sh
. "${0%/*}/../driver/lib.sh"

# pvkit_ ARG...: $out and $err are what it printed, $status its exit status
pvkit_() {
	status=0
	out=$(pvkit "$@" 2>"$T/err") || status=$?
	err=$(cat "$T/err")
}

# says STATUS OUT ERR: all of it
says() {
	expect "exit status (stderr: $err)" "$1" "$status"
	expect stdout "$2" "$out"
	expect stderr "$3" "$err"
}

# answers FILTER EXPECTED: what jq finds in the output
answers() {
	expect "jq '$1' of $out" "$2" "$(printf '%s\n' "$out" | jq -c "$1" 2>&1)"
}

test_a_driver_is_registered_loaded_unloaded_and_forgotten() {
	pvkit_ drivers add p 'pvt_plain num=7' pvt_base
	says 0 'p: registered' ''
	pvkit_ drivers load p
	says 0 'p: loaded' ''
	expect_live pvt_plain pvt_base
	expect 'the parameter' 7 "$(param pvt_plain num)"
	pvkit_ drivers del p
	says 4 '' 'pvkit: p: driver is in use'
	pvkit_ drivers unload p
	says 0 'p: unloaded' ''
	expect_gone pvt_plain pvt_base
	pvkit_ drivers del p
	says 0 'p: removed' ''
	pvkit_ drivers load p
	says 3 '' 'pvkit: p: no such driver'
}

test_list_shows_state_users_modules_flags_and_the_last_error() {
	driver p 'pvt_plain num=7'
	driver f pvt_fail
	pvkit_ drivers load p f
	expect 'exit status' 1 "$status"
	expect_match 'stderr' '^pvkit: f: pvt_fail: ' "$err"
	pvkit_ drivers list p f
	expect 'exit status' 0 "$status"
	expect 'head' 'ALIAS  STATE   USERS   MODULE     FLAGS             PARAMETERS' \
		"$(printf '%s\n' "$out" | sed -n 1p)"
	expect 'first row' 'p      loaded  (host)  pvt_plain  live,ours,pinned  num=7' \
		"$(printf '%s\n' "$out" | sed -n 2p)"
	expect 'second row' 'f      failed  -       pvt_fail   -' \
		"$(printf '%s\n' "$out" | sed -n 3p)"
	expect_match 'the error below it' '^  error: pvt_fail: ' "$out"
	pvkit_ drivers list --json p
	answers '.[0] | [.alias, .state, .host, .users, .lines]' \
		'["p","loaded",true,[],["pvt_plain num=7"]]'
	answers '.[0].modules' \
		'[{"name":"pvt_plain","flags":["live","ours","pinned"],"params":"num=7"}]'
	answers '.[0] | [.errno, .error, .stats.loads]' '[0,null,1]'
	pvkit_ drivers list p nobody
	expect 'exit status with a name that is none' 3 "$status"
	expect 'stderr' 'pvkit: nobody: no such driver' "$err"
}

test_a_failed_load_says_so_in_json_too() {
	driver p pvt_plain
	driver f pvt_fail
	pvkit_ drivers load --json p f nobody
	expect 'exit status is that of the first failure' 1 "$status"
	answers '[.[] | [.name, .ok, .state]]' \
		'[["p",true,"loaded"],["f",false,"failed"],["nobody",false,null]]'
	answers '.[1].errno' 5
	answers '.[2].error' '"no such driver"'
}

test_a_load_that_takes_too_long_ends_in_status_5() {
	driver s 'pvt_slow ms=4000'
	pvkit_ drivers load --timeout 1 s
	expect 'exit status' 5 "$status"
	expect_match 'stderr' '^pvkit: s: ' "$err"
}

test_an_unload_of_what_others_use_says_that_it_stays() {
	driver p pvt_plain
	container pvt-c p:manual
	must_load p
	pvkit_ drivers load --container pvt-c p
	says 0 'p: loaded' ''
	pvkit_ drivers unload p
	says 0 'p: use ended, stays loaded' ''
	pvkit_ drivers list --json p
	answers '.[0] | [.users, .host]' '[["pvt-c"],false]'
	pvkit_ drivers unload --container pvt-c p
	says 0 'p: unloaded' ''
}

test_watch_prints_a_round_and_ends() {
	driver p pvt_plain
	driver q pvt_base
	background "$T/watch" pvkit drivers watch --json --count 4 --timeout 60 p
	watch=$child
	expect_soon 10 grep -q '^pvkit: watching from generation ' "$T/watch"
	must_load q
	must_load p
	must_unload p
	status=0
	wait "$watch" || status=$?
	expect 'exit status' 0 "$status"
	out=$(grep -v '^pvkit: ' "$T/watch")
	expect 'events' '["p","loading"] ["p","loaded"] ["p","unloading"] ["p","unloaded"]' \
		"$(printf '%s\n' "$out" | jq -c '[.alias, .state]' | tr '\n' ' ' | sed 's/ $//')"
	pvkit_ drivers watch --timeout 1
	expect 'exit status after its time' 5 "$status"
}

test_watch_that_was_stopped_tells_the_states_as_they_are() {
	driver p pvt_plain
	background "$T/watch" pvkit drivers watch --json
	watch=$child
	expect_soon 10 grep -q '^pvkit: watching ' "$T/watch"
	kill -STOP "$watch"
	n=0
	# more than its socket holds
	while [ "$n" -lt 3000 ]; do
		echo 'x pvt_base' >"$SYS/register"
		echo x >"$SYS/unregister"
		n=$((n + 1))
	done
	kill -CONT "$watch"
	expect_soon 20 grep -q '^pvkit: warning: events were lost' "$T/watch"
	expect_soon 10 grep -q '"kind":"now","alias":"p","state":"unloaded"' "$T/watch"
	# and it goes on
	must_load p
	expect_soon 10 grep -q '"kind":"state","alias":"p","state":"loaded"' "$T/watch"
}

test_a_container_starts_with_its_required_and_optional_drivers() {
	driver p pvt_plain
	driver b pvt_base
	driver f pvt_fail
	driver m pvt_dep
	box pvt-web
	printf '{"drivers":{"optional":["f","b"],"required":["p"],"manual":["m"]},"roles":[]}' \
		>"$T/run.json"
	pvkit_ container add pvt-web --pid "$init" --run-json "$T/run.json"
	says 0 'pvt-web: registered' ''
	pvkit_ container start pvt-web
	expect 'exit status' 0 "$status"
	expect stdout 'pvt-web: started' "$out"
	expect_match 'a line for the optional driver that failed' \
		'^pvkit: pvt-web: optional driver f \(goes on without\): pvt_fail: ' "$err"
	expect_live pvt_plain pvt_base
	expect_gone pvt_dep
	pvkit_ container list --json pvt-web
	answers '[.[0].drivers[] | [.alias, .type, .used]]' \
		'[["f","optional",false],["b","optional",true],["p","required",true],["m","manual",false]]'
	answers '.[0].roles' '[]'
	pvkit_ container stop pvt-web
	says 0 'pvt-web: stopped' ''
	expect_gone pvt_plain pvt_base
	pvkit_ container stop pvt-web
	says 3 '' 'pvkit: pvt-web: no such container'
}

test_a_container_s_drivers_may_be_those_of_a_src_json() {
	driver p pvt_plain
	box pvt-src
	printf '{"args":{"PV_DRIVERS_REQUIRED":["p"],"PV_DRIVERS_MANUAL":"b, m","OTHER":1}}' \
		>"$T/src.json"
	pvkit_ container add pvt-src --pid "$init" --src-json "$T/src.json"
	says 0 'pvt-src: registered' ''
	pvkit_ container list --json pvt-src
	answers '[.[0].drivers[] | [.alias, .type]]' '[["p","required"],["b","manual"],["m","manual"]]'
	answers '.[0].roles' '["mgmt"]'
	pvkit_ container stop pvt-src
	echo '{"args":{"PV_DRIVERS_REQUIRED":[1]}}' >"$T/src.json"
	pvkit_ container add pvt-src --pid "$init" --src-json "$T/src.json"
	expect 'exit status' 1 "$status"
	expect_match 'the fault and its place' 'src.json:1:33: ' "$err"
}

test_a_required_driver_that_fails_fails_the_start_and_is_named() {
	driver f pvt_fail
	box pvt-web
	pvkit_ container add pvt-web --cgroup "$(cgroup_of pvt-web)" --required f
	says 0 'pvt-web: registered' ''
	pvkit_ container start pvt-web
	expect 'exit status' 1 "$status"
	expect stdout '' "$out"
	expect_match 'stderr' '^pvkit: pvt-web: required driver f: pvt_fail: ' "$err"
}

test_a_required_driver_that_nobody_registered_fails_the_start() {
	box pvt-web
	pvkit_ container add pvt-web --cgroup "$(cgroup_of pvt-web)" --required nobody
	pvkit_ container start pvt-web
	says 3 '' 'pvkit: pvt-web: required driver nobody: no such driver'
}

test_inside_a_container_it_sees_and_does_what_is_the_containers() {
	driver p pvt_plain
	driver q pvt_base
	container pvt-c p:manual
	status=0
	out=$(within "$(cgroup_of pvt-c)" pvkit drivers list --json 2>&1) || status=$?
	expect 'the list, but for when it became so' '[{"alias":"p","type":"manual","state":"unloaded"}]' \
		"$(printf '%s\n' "$out" | jq -c 'map(del(.since))')"
	out=$(within "$(cgroup_of pvt-c)" pvkit drivers load p 2>&1) || status=$?
	expect 'a load of its own' 'p: loaded' "$out"
	out=$(within "$(cgroup_of pvt-c)" pvkit drivers load q 2>&1) || status=$?
	expect 'a load of a driver that it does not name' 4 "$status"
	expect 'its text' 'pvkit: q: the container does not name this driver' "$out"
}

test_an_unprivileged_user_is_refused() {
	status=0
	out=$(setpriv --reuid 1000 --regid 1000 --clear-groups pvkit drivers list 2>&1) ||
		status=$?
	expect 'exit status' 4 "$status"
	expect 'text' 'pvkit: neither the host nor in a registered container' "$out"
}

test_status_tells_who_loads() {
	pvkit_ status --json
	answers '.agent' null
	agent
	pvkit_ status --json
	answers '.agent_portid > 0' true
}

test_wrong_usage_is_one_line_and_status_2() {
	while read -r words; do
		# shellcheck disable=SC2086 # words is a list
		pvkit_ $words
		expect "exit status of pvkit $words" 2 "$status"
		expect "lines on stderr of pvkit $words" 1 "$(wc -l <"$T/err" | tr -d ' ')"
		expect "stdout of pvkit $words" '' "$out"
	done <<-'END'
		drivers
		drivers lost
		drivers list --wrong
		drivers list --container
		drivers load
		drivers load --timeout 0 p
		drivers load --timeout 3601 p
		drivers load --timeout 1x p
		drivers watch a b
		drivers watch --count 0
		drivers add
		drivers del
		drivers del a b
		container add
		container add pvt-web
		container add ../web --pid 1
		container add pvt-web --pid 0
		container add pvt-web --pid 1 --required a,,b
		container add pvt-web --pid 1 --required a --manual a
		container add pvt-web --pid 1 --role king
		container start
		hook oci postpone
		status now
	END
}

test_help_is_there_for_every_verb() {
	pvkit_ --help
	expect 'exit status' 0 "$status"
	printf '%s\n' "$out" | sed -n 's/^  \([a-z]*\( [a-z]*\)\{0,1\}\)  .*/\1/p' >"$T/verbs"
	expect 'at least the first twelve verbs' yes \
		"$([ "$(wc -l <"$T/verbs")" -lt 12 ] || echo yes)"
	while read -r verb; do
		# shellcheck disable=SC2086 # a verb may be two words
		pvkit_ $verb --help
		expect "exit status of $verb --help" 0 "$status"
		expect_match "help of $verb" "^Usage: pvkit $verb" "$out"
	done <"$T/verbs"
}

run_tests
