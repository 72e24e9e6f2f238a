#!/bin/sh
# SPDX-License-Identifier: MIT
# What an update may run into never ends in half of a system: an image that is not the one that
# was meant, a tool that is missing, a terminal that goes away, a disk that can't be written.
# vm: outside arch=x86_64 timeout=400
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/update_lib.sh"

plan 13

# --- before anything is written ---------------------------------------------------------

# given a tool that is not there, one without its library, an image with another checksum than it
# should have; and one that somebody changes when it has been found good and copied
new_bed 'state = LABEL=data ext4 /update' 'stop = sh /data/stop'
add_program root.old "$BUILD/tests/selftests/pivot/lost_terminal"
add_program root.old /sbin/sfdisk
rm -f root.old/lib/x86_64-linux-gnu/libfdisk.so.1
new_machine ext4
# else it would not be copied: it lies on the state already
chmod g+w data/images/root.img
cat >data/stop <<'END'
[ ! -e /data/stopped ] || exit 0
>/data/stopped
printf tampered | dd of=/data/update/image-0 bs=1 seek=5000 conv=notrunc 2>/dev/null
END
echo 'copy-bin = /usr/sbin/absent' >data/absent.conf
echo 'copy-bin = /bin/sfdisk' >data/sfdisk.conf
case_of <<'END'
refused() {
	what=$1
	shift
	pvkit update "$@" "$image:$target" >/run/said 2>&1
	echo "$what: $?, $(grep -o 'libfdisk.so.1\|/usr/sbin/absent\|sha256' /run/said | head -n 1)"
}
if [ $boot = 1 ]; then
	refused absent --config /data/absent.conf
	refused sfdisk --config /data/sfdisk.conf
	refused sum --sha256 0000000000000000000000000000000000000000000000000000000000000000
	echo "after that: $(pvkit pivot status | head -n 1), phase $(pvkit flag get phase 2>/dev/null)"
	echo 1 >/run/same-kernel
fi
if [ $boot = 2 ]; then
	: >/root/writable && echo "same kernel: $(cat /run/same-kernel), still writable"
fi
if [ $version = new ]; then
	echo "phase: $(pvkit flag get phase)"
	poweroff
	exit
fi
# when that is updated on a terminal that is gone before process 1 is handed over
lost_terminal 'copying' pvkit update "$image:$target" >/dev/null
echo "lost: $?"
END
LIMIT=150 run_update_machine

# then
check_eq 'a tool that is not there is told' 'absent: 4, /usr/sbin/absent' "$(grep '^absent' "$OUT")"
check_eq 'and a library' 'sfdisk: 4, libfdisk.so.1' "$(grep '^sfdisk' "$OUT")"
check_eq 'and another checksum' 'sum: 4, sha256' "$(grep '^sum' "$OUT")"
check_match 'nothing of it is left' 'after that: state *aborted, phase ' "$(grep '^after that' "$OUT")"
check_match 'what was changed after all checks is found before anything is written' \
	'*could not look at images and targets: *image-0*' "$(console_line 'could not')"
check_eq 'the old system goes on, writable although its shutdown made it read-only' \
	'same kernel: 1, still writable' "$(grep '^same kernel' "$OUT")"
check_eq 'and is updated when the image is a good one, with no terminal' \
	"boot 1: old on /dev/vda2 ext4 rw
lost: 0
boot 2: old on /dev/vda2 ext4 rw
lost: 0
boot 3: new on /dev/vda2 ext4 rw
phase: " "$(grep '^boot\|^lost\|^phase' "$OUT")"

# --- while it is written ----------------------------------------------------------------

# given a disk with a sector in the middle of the root that can't be written
new_machine ext4
case_of <<'END'
if [ $version = old ]; then
	pvkit update "$image:$target"
	echo "status: $?"
	exit
fi
echo "phase: $(pvkit flag get phase), $(pvkit flag get reason)"
poweroff
END
middle=$((ROOT_MIB << 10))
told="vda2: writing sector $middle (byte $((middle << 9))): I/O error"
bad=$((middle + $(part_start root)))
# when the root is updated
BAD_SECTOR=$bad run_update_machine --once
check_eq 'what can not be written is told, by device and sector, and it is not done' \
	"$told" "$(console_line 'update [0-9a-f]* stopped' | sed 's/.* stopped: //'
	console_line 'is done')"
check_eq 'the machine reboots' 3 "$STATUS"
# when it is booted, and the disk is as it was
BAD_SECTOR=$bad run_again --once
check_match 'the phase was kept' '*goes on at unit [0-9]*' \
	"$(console_line 'goes on at')"
check_eq 'the next boot tries it again, and says why it does not go on' "$told" \
	"$(console_line 'does not go on' | sed 's/.*go on: //')"
check_eq 'it starts neither version' '3 ' "$STATUS $(grep '^boot' "$OUT")"
# when the disk has been mended
run_again
check_match 'the boot that can write it does, and then there is the new version' \
	'boot 2: new on /dev/vda2 ext4 rw
phase: , updated *' "$(grep '^boot\|^phase' "$OUT")"
finish
