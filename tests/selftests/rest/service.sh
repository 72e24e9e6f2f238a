#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkitd as a service: its init script, its readiness, its watchdog.
# vm: timeout=300

. "${0%/*}/lib.sh"

INIT=/usr/lib/pvkit/init/pvkitd.init
PID=$T/pvkitd.pid

one() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "p": ["pvt_plain"] } }
	EOF
}

# script SHELL VERB: $status, $out
script() {
	status=0
	mkdir -p "$T/etc"
	printf 'root %s\nsocket %s\n' "$ROOT" "$SOCKET" >"$T/etc/pvkitd.conf"
	# shellcheck disable=SC2086 # a shell and its applet
	out=$(PVKITD_PIDFILE=$PID PVKITD_ARGS="--config $T/etc" $1 "$INIT" "$2" 2>&1) || status=$?
}

script_says() {
	expect "exit status (output: $out)" "$1" "$status"
	expect_match output "$2" "$out"
}

its_pid() {
	cat "$PID"
}

end_it() {
	[ ! -s "$PID" ] || kill -KILL "$(its_pid)" 2>/dev/null || :
}

# rounds SHELL: what an init script is for
rounds() {
	one
	script "$1" status
	script_says 3 'does not run'
	script "$1" start
	script_says 0 '^pvkitd started$'
	first=$(its_pid)
	serves || broken "it serves when start returns" "it does not"
	script "$1" status
	script_says 0 "^pvkitd runs .pid $first.$"
	script "$1" start
	script_says 0 'runs already'
	expect "process" "$first" "$(its_pid)"
	echo '{ "#spec": "driver-aliases@1", "all": { "q": [] } }' >"$ROOT/bsp/drivers.json"
	script "$1" reload
	script_says 0 'reads its files again'
	expect_soon 10 test -d "$SYS/q"
	script "$1" restart
	script_says 0 '^pvkitd started$'
	[ "$(its_pid)" != "$first" ] || broken "a new process" "the same"
	serves || broken "it serves when restart returns" "it does not"
	script "$1" stop
	script_says 0 'pvkitd stopped'
	[ ! -e "$PID" ] || broken "no pid file" "$(its_pid)"
	script "$1" stop
	script_says 0 'does not run'
	script "$1" reload
	script_says 7 'does not run'
	script "$1" nonsense
	script_says 2 Usage
}

test_the_init_script_in_busybox() {
	on_exit end_it
	rounds 'busybox sh'
}

test_the_init_script_in_dash() {
	on_exit end_it
	rounds dash
}

test_a_pid_file_that_was_left_behind() {
	on_exit end_it
	one
	# given the number of a process that is somebody else's by now
	background /dev/null sleep 1000
	other=$child
	echo "$other" >"$PID"
	script 'busybox sh' status
	script_says 1 'is dead'
	script 'busybox sh' stop
	script_says 0 'does not run'
	kill -0 "$other" || broken "the other process lives" "it was killed"
	echo "$other" >"$PID"
	script 'busybox sh' start
	script_says 0 '^pvkitd started$'
	[ "$(its_pid)" != "$other" ] || broken "pvkitd's own number" "$other"
	script 'busybox sh' stop
	script_says 0 'pvkitd stopped'
	# and one with nothing in it
	: >"$PID"
	script 'busybox sh' status
	script_says 1 'is dead'
}

test_detached_and_not_ready_has_a_status_of_its_own() {
	on_exit end_it
	one
	rmmod pv_driver
	# so that it can't come back by itself
	mkdir -p "$T/none"
	mount --bind "$T/none" "/lib/modules/$(uname -r)"
	status=0
	out=$(pvkitd --root "$ROOT" --config "$T/none" --socket "$SOCKET" --pidfile "$PID" 2>&1) ||
		status=$?
	umount "/lib/modules/$(uname -r)"
	expect "exit status" 3 "$status"
	expect_match "its words" 'not ready yet; is pv_driver in the kernel' "$out"
	# and it has not given up
	modprobe pv_driver
	expect_soon 15 serves
	kill "$(its_pid)"
}

test_a_front_that_hangs_is_replaced() {
	one
	pvkitd_start --watchdog 1
	front=$(process pvkitd-front)
	kill -STOP "$front"
	expect_soon 15 serves
	expect_match "the log" 'pvkitd-front has not answered for' "$(cat "$DAEMON_LOG")"
	[ ! -d "/proc/$front" ] || broken "process $front is gone" "$(cat "/proc/$front/stat")"
}

test_a_loader_that_hangs_is_replaced() {
	one
	pvkitd_start --watchdog 1
	kill -STOP "$(process pvkitd-loader)"
	expect_soon 15 grep -q 'pvkitd-loader has not answered for' "$DAEMON_LOG"
	expect_soon 10 has_agent
	http PUT /drivers/p/load
	answers 200 ''
	expect_live pvt_plain
}

# A worker in a module's init is no hang: the loader's loop turns.
test_a_slow_module_is_no_hang() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "slow": ["pvt_slow ms=6000"] } }
	EOF
	pvkitd_start --watchdog 1
	http PUT /drivers/slow/load
	answers 200 ''
	expect "restarts" '' "$(grep 'has not answered' "$DAEMON_LOG" || :)"
}

# pss: of each process of pvkitd, in KiB, and their names
pss() {
	for ps_pid in "$pvkitd" $(pgrep -P "$pvkitd") $(pgrep -P "$(process pvkitd-loader)"); do
		sed -n "s|^Pss: *\([0-9]*\) kB|\1 $(cat "/proc/$ps_pid/comm")|p" \
			"/proc/$ps_pid/smaps_rollup"
	done
}

# Supervisor, front, loader and idle workers.
test_idle_it_takes_less_than_4_mib() {
	one
	pvkitd_start
	http PUT /drivers/p/load
	answers 200 ''
	http PUT /user-meta/k --data-binary x
	answers 200 ''
	pss >"$T/pss"
	note "$(cat "$T/pss")"
	expect_less "KiB (PSS of all processes)" 4096 "$(awk '{ all += $1 } END { print all }' "$T/pss")"
}

run_tests
