#!/bin/sh
# SPDX-License-Identifier: MIT
# A system with little memory and all that holds a root in its way is updated all the same: a
# watchdog whose feeder ends before a process that takes longer than it waits, a process that
# is stopped, one that has a file mapped and hears no SIGTERM, one in a directory, one in
# another mount namespace, and a loop device.
# vm: outside arch=x86_64 timeout=350
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/update_lib.sh"

plan 5
DOG='i6300esb heartbeat=20'

# given a system with that, where an update wants to begin
new_bed 'state = LABEL=data ext4 /update' 'term-seconds = 45'
add_program root.old "$BUILD/tests/selftests/pivot/mapper"
new_machine ext4
case_of <<'END'
[ "$boot" = 1 ] || {
	poweroff
	exit
}
awk '/MemTotal/ { print ($2 <= 65536 ? "at most 64 MiB" : $0) }' /proc/meminfo
sh -c 'exec 3>/dev/watchdog
	while :; do echo >&3; sleep 1; done' &
sh -c 'trap "told=1" TERM; n=0
	while [ $n -lt 30 ]; do sleep 1; n=$((n + ${told:-0})); done' &
sleep 1000 &
kill -STOP $!
mapper /etc/version >/run/mapped &
(cd /etc/pvkit && exec sleep 1001) &
unshare -m sleep 1002 &
dd if=/dev/zero of=/image bs=64k count=32 2>/dev/null
mke2fs /image >/dev/null 2>&1
losetup /dev/loop0 /image
mount -t ext2 /dev/loop0 /mnt
until [ -s /run/mapped ]; do sleep 0.1; done
pvkit pivot holders / | awk '$3 != "KIND" { print $3 }' | sort -u | tr '\n' ' '
echo
pvkit update "$image:$target"
echo "not updated: $?"
END

# when it does
LIMIT=200 MEM=108 run_update_machine
check_eq 'Linux has little memory' 'at most 64 MiB' "$(grep '^at most' "$OUT")"
check_eq 'what holds the root is there' 'cwd fd loop mapping mount root text' \
	"$(sed -n 's/^\(cwd .*[^ ]\) *$/\1/p' "$OUT")"
check_match 'the watchdog is fed when nobody else does it' '*watchdog0 has lost its feeder, and is ours' \
	"$(grep 'lost its feeder' "$OUT")"
check_match 'the old root was proven to be gone' '*old root is released*' \
	"$(console_line 'the old root is')"
check_eq 'it was the old version, and is the new one' 'boot 1: old on /dev/vda2 ext4 rw
boot 2: new on /dev/vda2 ext4 rw' "$(grep '^boot' "$OUT")"
finish
