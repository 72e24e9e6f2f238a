# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the tests of pvkitd share, beside what they share with those of
# pv_driver: a daemon whose sockets and files are the test's own.

# shellcheck source=tests/selftests/driver/lib.sh
. "${0%/*}/../driver/lib.sh"

ROOT=$T/root
SOCKET=$T/run/pv-ctrl
STATE=$T/state
DAEMON_LOG=$T/pvkitd.log

# drivers_json: standard input becomes bsp/drivers.json, and all there is below
# the root directory unless a daemon runs on it
drivers_json() {
	[ -n "${pvkitd:-}" ] || rm -rf "$ROOT"
	mkdir -p "$ROOT/bsp"
	cat >"$ROOT/bsp/drivers.json"
}

# pvkitd_start [OPTION...]: with sockets and files of this test; its pid is in $pvkitd
pvkitd_start() {
	rm -f /etc/modprobe.d/pvt.conf
	mkdir -p "$ROOT"
	chmod 755 "$T"
	: >"$DAEMON_LOG"
	background "$DAEMON_LOG" pvkitd --foreground --verbose --root "$ROOT" \
		--config "$T/etc" --state "$STATE" --socket "$SOCKET" "$@"
	pvkitd=$child
	expect_soon 10 has_line "$DAEMON_LOG" 'pvkitd: ready'
}

# process NAME: the daemon's process of this name, pvkitd-front or pvkitd-loader
process() {
	pgrep -x -P "$pvkitd" "$1"
}

serves() {
	curl -s -o /dev/null --max-time 5 --unix-socket "$SOCKET" http://x/drivers
}

has_agent() {
	[ "$(nl_request status-get | sed -n 's/^agent-portid=//p')" != 0 ]
}

# http METHOD PATH [CURL-OPTION...]: $status is the HTTP status, $out the body
http() {
	ht_method=$1
	ht_path=$2
	shift 2
	# shellcheck disable=SC2086 # a command and its argument, or nothing
	status=$(${HTTP_WITHIN:-} curl -s -o "$T/body" -w '%{http_code}' --max-time 90 \
		--unix-socket "$SOCKET" -X "$ht_method" "$@" "http://x$ht_path") || :
	out=$(cat "$T/body" 2>/dev/null || :)
	rm -f "$T/body"
}

# http_in CONTAINER METHOD PATH [CURL-OPTION...]: from within its cgroup
http_in() {
	hi_name=$1
	shift
	HTTP_WITHIN="within $(cgroup_of "$hi_name")"
	http "$@"
	HTTP_WITHIN=
}

# answers STATUS [BODY]: what http got
answers() {
	expect "HTTP status (body: $out)" "$1" "$status"
	[ $# = 1 ] || expect body "$2" "$out"
}

# After each test: nothing was killed for what its sandbox does not allow.
also_holds() {
	[ -f "$DAEMON_LOG" ] || return 0
	! grep -q 'killed by signal 31$\|killed by signal 31,' "$DAEMON_LOG" ||
		broken "no process of pvkitd left its sandbox" "$(cat "$DAEMON_LOG")"
}

# For a test that failed.
what_there_is() {
	for wt in "$SYS"/*/state; do
		[ -f "$wt" ] || continue
		wt=${wt%/state}
		note "driver ${wt##*/}: $(cat "$wt/state"), $(tr '\n' ' ' <"$wt/modules")"
	done
	note "$(tail -n 15 "$DAEMON_LOG" 2>/dev/null)"
}
