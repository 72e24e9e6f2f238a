#!/bin/sh
# SPDX-License-Identifier: MIT
# Any process of pvkitd may die at any moment, and nothing is lost.
# vm: timeout=300

. "${0%/*}/lib.sh"

one_alias() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "d": ["pvt_dep level=2", "pvt_slow ms=150"] } }
	EOF
}

# nothing is queued or under way
settled() {
	[ "$(nl_request status-get | sed -n 's/^count-requests=//p')" = 0 ] || return 1
	case $(state d) in
	loaded | unloaded | failed) return 0 ;;
	*) return 1 ;;
	esac
}

# What the kernel says of the driver is what is in the kernel.
agrees() {
	expect_soon 20 settled
	if [ "$(state d)" = loaded ]; then
		expect_live pvt_dep pvt_base pvt_slow
	else
		expect modules '' "$(ours_resident)"
	fi
	listed=$(pvkit drivers list --json | jq -r '.[] | select(.alias == "d") | .state')
	expect "state in pvkit drivers list" "$(state d)" "$listed"
}

# kill_while WHAT SECONDS: processes WHAT, so long after a load began
kill_while() {
	background /dev/null curl -s --max-time 30 --unix-socket "$SOCKET" -X PUT http://x/drivers/d/load
	client=$child
	sleep "$2"
	for name in $1; do
		for pid in $(process "$name"); do
			kill -KILL "$pid"
		done
	done
	wait "$client" || :
	agrees
	expect_soon 10 serves
	expect_soon 10 has_agent
	http PUT /drivers/d/load
	answers 200 ''
	agrees
	expect_state d loaded
	http PUT /drivers/d/unload
	answers 200 ''
	agrees
}

test_the_loader_killed_at_many_points_of_a_load() {
	one_alias
	pvkitd_start
	for after in 0 0.02 0.05 0.08 0.12 0.18 0.25; do
		kill_while pvkitd-loader "$after"
	done
}

test_the_front_killed_at_many_points_of_a_load() {
	one_alias
	pvkitd_start
	for after in 0 0.02 0.05 0.08 0.12 0.18 0.25; do
		kill_while pvkitd-front "$after"
	done
}

test_both_killed_at_many_points_of_a_load() {
	one_alias
	pvkitd_start
	for after in 0 0.03 0.06 0.1 0.15 0.2; do
		kill_while 'pvkitd-loader pvkitd-front' "$after"
	done
}

test_the_supervisor_killed_takes_all_along_and_a_new_one_goes_on() {
	one_alias
	pvkitd_start
	http PUT /user-meta/kept --data-binary 'a value'
	http PUT /drivers/d/load
	answers 200 ''
	container c1 d:manual
	front=$(process pvkitd-front)
	loader=$(process pvkitd-loader)
	kill -KILL "$pvkitd"
	expect_soon 5 test ! -d "/proc/$front"
	expect_soon 5 test ! -d "/proc/$loader"
	expect_state d loaded
	pvkitd_start
	http GET /user-meta
	answers 200 '{"kept":"a value"}'
	http_in c1 GET /drivers
	answers 200 '[{"name":"d","type":"MANUAL","status":"LOADED"}]'
	http PUT /drivers/d/unload
	answers 200 ''
	expect modules '' "$(ours_resident)"
}

test_a_worker_killed_in_init_is_an_error_and_no_more() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "slow": ["pvt_slow ms=2000"] } }
	EOF
	pvkitd_start
	background "$T/slow" curl -s -w '%{http_code}' --unix-socket "$SOCKET" -X PUT http://x/drivers/slow/load
	client=$child
	expect_soon 5 grep -q '^pvt_slow .* Loading' /proc/modules
	for pid in $(pgrep -x -P "$(process pvkitd-loader)" pvkitd-worker); do
		kill -KILL "$pid"
	done
	wait "$client" || :
	expect_soon 15 not state_is slow loading
	if state_is slow loaded; then
		expect_live pvt_slow
	else
		expect_soon 10 not resident pvt_slow
	fi
	# and there are workers again
	http PUT /drivers/slow/load
	answers 200 ''
	expect_live pvt_slow
}

test_the_module_removed_while_idle_and_back() {
	one_alias
	pvkitd_start
	rmmod pv_driver
	expect_gone pv_driver
	modprobe pv_driver
	expect_soon 10 serves
	expect_soon 10 has_agent
	http PUT /drivers/d/load
	answers 200 ''
	# while it is in use it can't be removed
	rmmod pv_driver 2>"$T/rmmod" && broken "rmmod is refused" "it was not"
	expect_match "rmmod's error" 'in use' "$(cat "$T/rmmod")"
}

test_a_second_pvkitd_on_the_same_socket_is_refused() {
	one_alias
	pvkitd_start
	status=0
	out=$(pvkitd --foreground --root "$ROOT" --socket "$SOCKET" 2>&1) || status=$?
	expect "exit status" 1 "$status"
	expect_match "its complaint" 'another pvkitd' "$out"
	serves || broken "the first still serves" "it does not"
}

run_tests
