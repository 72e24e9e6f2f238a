#!/bin/sh
# SPDX-License-Identifier: MIT
# Metadata on a disk: what was answered with 200 is there after a restart of pvkitd,
# after its death at any moment, and after the power went; never a part of a value.
# vm: disk=48M disk=8M reboot timeout=400

. "${0%/*}/lib.sh"

STORE=/mnt/store
ROOT=$STORE/pvkit
DISK=/dev/vda
# the number of the last write that was answered, written past every cache
NOTE=/dev/vdb

# Results of all boots count as one plan.
# shellcheck disable=SC2153 # BOOT comes from the machine
begin_boot() {
	ktap_plan=11
	case $BOOT in
	1)
		echo 'KTAP version 1'
		echo "1..$ktap_plan"
		;;
	2) ktap_n=5 ;;
	3) ktap_n=8 ;;
	esac
}

mount_store() {
	mkdir -p "$STORE"
	modprobe ext4
	mount -t ext4 "$DISK" "$STORE"
	mkdir -p "$ROOT"
}

start_pvkitd() {
	background "$DAEMON_LOG" pvkitd --foreground --root "$ROOT" --config "$T/etc" \
		--state "$STATE" --socket "$SOCKET"
	pvkitd=$child
	wait_until 20 serves
}

value_of() {
	http GET /user-meta
	printf '%s\n' "$out" | jq -r --arg k "$1" '.[$k] // "absent"'
}

# big N: a value of 4,000 bytes that is all N
big() {
	awk -v n="$1" 'BEGIN { for (i = 0; i < 500; i++) printf "%08d", n }'
}

# which_big: standard input is whole and of this number, or "torn"
which_big() {
	awk 'length != 4000 { print "torn"; exit }
	     { n = substr($0, 1, 8)
	       for (i = 1; i < 500; i++) if (substr($0, i * 8 + 1, 8) != n) { print "torn"; exit }
	       print n + 0 }'
}

# keep_writing FROM: puts one value after the other and notes each that was answered
keep_writing() {
	kw=$1
	while :; do
		big "$kw" >"$T/big"
		got=$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 --unix-socket "$SOCKET" \
			-X PUT --data-binary "@$T/big" http://x/user-meta/big) || continue
		[ "$got" = 200 ] || continue
		printf '%08d' "$kw" | dd of="$NOTE" bs=512 conv=notrunc,sync oflag=direct,dsync 2>/dev/null
		kw=$((kw + 1))
	done
}

last_noted() {
	dd if="$NOTE" bs=8 count=1 2>/dev/null | sed -e 's/^0*//' -e 's/^$/0/'
}

# check_whole NAME: the value is whole and no older than the last one answered
check_whole() {
	noted=$(last_noted)
	found=$(which_big <"$ROOT/user-meta/big")
	note "answered: $noted, found: $found"
	case $found in
	torn) fail "$1" "a whole value" "$(od -c "$ROOT/user-meta/big" | head -n 4)" ;;
	*)
		# the next one may have been written and not answered yet
		if [ "$found" = "$noted" ] || [ "$found" = $((noted + 1)) ]; then
			pass "$1"
		else
			fail "$1" "$noted or $((noted + 1))" "$found"
		fi
		;;
	esac
}

# killed_while_writing ROUNDS: the front's process ends in the middle of it, each time
killed_while_writing() {
	keep_writing 1 &
	writer=$!
	kr=0
	while [ "$kr" -lt "$1" ]; do
		kr=$((kr + 1))
		sleep "0.$(((kr * 7) % 10))$(((kr * 3) % 10))"
		kill -KILL "$(pgrep -x -P "$pvkitd" pvkitd-front)" 2>/dev/null || :
		wait_until 20 serves
		kf=$(which_big <"$ROOT/user-meta/big")
		[ "$kf" != torn ] || echo torn >>"$T/torn"
	done
	kill "$writer"
	wait "$writer" 2>/dev/null || :
}

power_cut() {
	echo b >/proc/sysrq-trigger
	sleep 60
}

need_module pv_driver
begin_boot
on_exit end_children

case $BOOT in
1)
	# with a journal: after a power cut this file system is whole without fsck
	mke2fs -j "$DISK" >/dev/null 2>&1
	mount_store
	start_pvkitd
	http PUT /user-meta/kept --data-binary 'a value'
	check_eq 'a value is set' 200 "$status"
	http PUT /device-meta/serial --data-binary '42'
	# given pvkitd ended in good order and started again
	end "$pvkitd"
	start_pvkitd
	check_eq 'it is there after a restart of pvkitd' 'a value' "$(value_of kept)"
	http GET /device-meta
	check_eq "so is device-meta's" '{"serial":"42"}' "$out"
	# when the process that writes is killed, again and again
	killed_while_writing 25
	check 'killed 25 times while it writes, never a part of a value' test ! -e "$T/torn"
	check_whole 'and the last value that was answered is there'
	sync
	# when the power goes while it writes
	http PUT /user-meta/before --data-binary 'just before'
	keep_writing 1000 &
	sleep 3
	power_cut
	;;
2)
	mount_store
	check_whole 'after a power cut the last answered value is there, whole'
	start_pvkitd
	check_eq 'so is what was set before' 'just before' "$(value_of before)"
	http DELETE /user-meta/kept
	check_eq 'a key is deleted' 200 "$status"
	keep_writing 2000 &
	sleep 2
	power_cut
	;;
3)
	mount_store
	check_whole 'after another one, too'
	start_pvkitd
	check_eq 'what was deleted stays so' 'absent, before: just before' \
		"$(value_of kept), before: $(value_of before)"
	check 'nothing of an unfinished write is left' test ! -e "$ROOT/user-meta/.new"
	[ ! -e "$ROOT/user-meta/.new" ] ||
		note "$(date; ls -la --full-time "$ROOT/user-meta"; tail -n 15 "$DAEMON_LOG")"
	finish
	;;
esac
