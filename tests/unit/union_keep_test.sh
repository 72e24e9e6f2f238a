#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit union keep without union-keep: the root below is read-only again afterwards,
# however it ended.
if [ "${UNION_TEST_INSIDE:-}" != yes ]; then
	UNION_TEST_INSIDE=yes exec unshare --mount --map-root-user "$0" "$@"
fi
. "${0%/*}/../lib/ktap.sh"

pvkit=$BUILD/unit-obj/pvkit
plan 8
cd "$KTAP_TMP"

# A root that is mounted read-only, and a file over it.
given_union() {
	mkdir -p union/lower union/ram/upper/etc union/state
	on_exit umount -l "$PWD/union/lower"
	mount -t tmpfs -o ro,size=64m root union/lower
	head -c 4000000 /dev/urandom >union/ram/upper/etc/file
}

# "ro" or "rw"
how_it_is() {
	awk -v at="$PWD/union/lower" '$2 == at { print substr($4, 1, 2) }' /proc/mounts
}

# Until it is so, 10 s at most.
becomes() {
	i=0
	while [ "$(how_it_is)" != "$1" ] && [ $((i += 1)) -lt 500 ]; do
		sleep 0.02
	done
	how_it_is
}

# One that would go on for minutes.
when_keeping() {
	words=$(yes /etc/file | head -n 20000)
	# shellcheck disable=SC2086 # so many words
	"$pvkit" union keep --union union $words >out 2>&1 &
	keeper=$!
}

# The status is that of a process which a signal has ended.
and_killed() {
	kill "-$1" "$keeper"
	status=0
	wait "$keeper" 2>/dev/null || status=$?
}

given_union
status=0
"$pvkit" union keep --union union /etc/file >out 2>&1 || status=$?
check_eq "a file is kept" 0 "$status"
check "in the root" cmp union/ram/upper/etc/file union/lower/etc/file
check_eq "which is read-only again" ro "$(how_it_is)"

when_keeping
check_eq "while one keeps it is writable" rw "$(becomes rw)"
and_killed KILL
check_eq "who is killed in the middle" 137 "$status"
check_eq "leaves it read-only" ro "$(becomes ro)"

when_keeping
becomes rw >/dev/null
and_killed TERM
check_eq "so does who is told to end" "143 ro" "$status $(becomes ro)"

mount -o remount,rw union/lower
"$pvkit" union keep --union union /etc/file >out 2>&1
check_eq "one that was writable before stays so" rw "$(how_it_is)"

finish
