#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkitd.service and pvkitd.socket under systemd as process 1: ready, reload, watchdog,
# and a sandbox in which modules load.
# vm: timeout=300

# shellcheck source=tests/selftests/runtimes/lib.sh
. "${0%/*}/lib.sh"

UNIT=pvkitd.service
DROPIN=/run/systemd/system/$UNIT.d/pvt.conf
BOARD=/var/lib/pvkit/bsp/drivers.json

remove_containers() {
	if [ -e "$DROPIN" ] || [ -e /run/pvt-board ] || [ -e /run/pvt-socket ]; then
		rm -f "$DROPIN" /run/pvt-socket
		[ ! -e /run/pvt-board ] || mv /run/pvt-board "$BOARD"
		systemctl daemon-reload
		systemctl stop pvkitd.socket "$UNIT"
	fi
	systemctl reset-failed "$UNIT" 2>/dev/null || :
	systemctl start "$UNIT"
}

property() {
	systemctl show -P "$1" "$UNIT"
}

# its process of that name, pvkitd-front or pvkitd-loader
child_of_it() {
	pgrep -x -P "$(property MainPID)" "$1"
}

# dropin LINE...: in [Service]
dropin() {
	mkdir -p "${DROPIN%/*}"
	printf '%s\n' '[Service]' "$@" >"$DROPIN"
	systemctl daemon-reload
	systemctl restart "$UNIT"
}

http() {
	attempt curl -s --max-time 60 --unix-socket "$SOCKET" -X "$1" -w '[%{http_code}]' "http://x$2"
}

journal_has() {
	journalctl -q --no-pager -u "$UNIT" --since -60s | grep -qE -e "$1"
}

test_systemd_finds_nothing_wrong_with_the_units() {
	do_it systemd-analyze verify --man=no "$UNIT" pvkitd.socket
	expect 'what it says' '' "$(printf '%s\n' "$out" | grep pvkitd || :)"
}

test_start_returns_when_it_is_ready() {
	do_it systemctl restart "$UNIT"
	serves || broken 'it serves as soon as start returns' "$(systemctl status "$UNIT" 2>&1)"
	expect state active "$(property ActiveState)"
	expect 'what systemd waited for' notify "$(property Type)"
}

test_a_module_loads_and_unloads_in_the_sandbox() {
	http PUT /drivers/p/load
	expect 'over HTTP' '[200]' "$out"
	expect_live pvt_plain
	expect_match 'the agent' '^agent  *pvkitd' "$(pvkit status)"
	http PUT /drivers/p/unload
	expect 'over HTTP' '[200]' "$out"
	expect_gone pvt_plain
	do_it pvkit drivers load b
	expect_live pvt_base
	do_it pvkit drivers unload b
}

test_what_a_failing_module_said_is_in_the_journal() {
	http PUT /drivers/f/load
	expect_match answer 'pvt_fail.*\[400\]$' "$out"
	expect_soon 10 journal_has 'load pvt_fail for the host: Input/output error'
}

test_metadata_is_written_in_the_sandbox() {
	attempt curl -s --max-time 20 --unix-socket "$SOCKET" -X PUT -d value -w '[%{http_code}]' \
		http://x/user-meta/pvt.key
	expect answer '[200]' "$out"
	do_it systemctl restart "$UNIT"
	http GET /user-meta
	expect_match 'after a restart' '"pvt.key":"value"' "$out"
	http DELETE /user-meta/pvt.key
	expect answer '[200]' "$out"
}

test_reload_reads_the_files_again_in_the_same_process() {
	pid=$(property MainPID)
	cp "$BOARD" /run/pvt-board
	echo '{ "#spec": "driver-aliases@1", "all": { "q": ["pvt_plain"], "p": ["pvt_plain"] } }' \
		>"$BOARD.new"
	mv "$BOARD.new" "$BOARD"
	do_it systemctl reload "$UNIT"
	expect_soon 10 test -d "$SYS/q"
	expect process "$pid" "$(property MainPID)"
}

test_a_front_that_hangs_is_replaced() {
	dropin ExecStart= 'ExecStart=/usr/sbin/pvkitd --foreground --watchdog 1'
	front=$(child_of_it pvkitd-front)
	kill -STOP "$front"
	expect_soon 30 serves
	[ ! -d "/proc/$front" ] || broken "process $front is gone" "$(cat "/proc/$front/stat")"
	expect 'restarts by systemd' 0 "$(property NRestarts)"
}

test_a_supervisor_that_hangs_is_restarted_and_drivers_stay() {
	must_load p
	dropin WatchdogSec=4
	pid=$(property MainPID)
	kill -STOP "$pid"
	expect_soon 30 sh -c "[ \"\$(systemctl show -P NRestarts $UNIT)\" = 1 ]"
	expect_soon 20 serves
	expect_match 'the journal' 'Watchdog timeout' "$(journalctl -q --no-pager -u "$UNIT" --since -60s)"
	expect_state p loaded
	expect users - "$(users p)"
	must_unload p
	expect_gone pvt_plain
}

test_a_kill_of_all_of_it_loses_nothing() {
	must_load p
	systemctl kill -s KILL "$UNIT"
	expect_soon 20 serves
	expect_live pvt_plain
	expect users - "$(users p)"
	must_unload p
	expect_gone pvt_plain
}

test_the_socket_unit_starts_it_on_the_first_call() {
	: >/run/pvt-socket
	do_it systemctl stop "$UNIT"
	do_it systemctl start pvkitd.socket
	expect state inactive "$(property ActiveState)"
	http PUT /drivers/p/load
	expect 'the first call' '[200]' "$out"
	expect state active "$(property ActiveState)"
	# who waits at the socket when it restarts is served by the next one
	do_it systemctl restart "$UNIT"
	http PUT /drivers/p/unload
	expect 'a call after its restart' '[200]' "$out"
}

test_stop_leaves_no_process_and_the_folder_of_the_socket() {
	inode=$(stat -c %i "${SOCKET%/*}")
	begin=$(now_ms)
	do_it systemctl stop "$UNIT"
	expect_less milliseconds 10000 $(($(now_ms) - begin))
	expect processes '' "$(pgrep -x 'pvkitd.*' || :)"
	do_it systemctl start "$UNIT"
	expect 'what containers have mounted' "$inode" "$(stat -c %i "${SOCKET%/*}")"
}

test_its_exposure_is_low() {
	do_it systemd-analyze security --no-pager "$UNIT"
	note "$(printf '%s\n' "$out" | grep -v '^. ' || :)"
	note "$(printf '%s\n' "$out" | grep -a '✗' || :)"
	level=$(printf '%s\n' "$out" | sed -n 's/.*exposure level for .*: \([0-9]*\)\.\([0-9]\) .*/\1\2/p')
	expect_less 'exposure, in tenths' 40 "${level:-none}"
}

prepare
run_tests
