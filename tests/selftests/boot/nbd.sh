#!/bin/sh
# SPDX-License-Identifier: MIT
# A root on an NBD server: late, that can be written, silent when its guard starts, read-only
# with RAM over it, silent for a while, and gone for good. The server is on this machine.
# vm: outside timeout=400
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 25
port=$((20000 + $$ % 20000))
server=

# --- the server, and when it does what ----------------------------------------------------

serve() {
	nbdkit -f -i 127.0.0.1 -p "$port" "$@" >>server.log 2>&1 &
	server=$!
}

# The guard's questions go all over the device, and the file system lies in its beginning:
# the rest is read by nobody else, and not answered while there is a file `silence`.
serve_silently() {
	nbdkit -f -i 127.0.0.1 -p "$port" eval thread_model='echo parallel' \
		get_size="stat -c %s '$PWD/silent.img'" \
		pread="[ \$4 -lt 16777216 ] || while [ -e '$PWD/silence' ]; do sleep 0.1; done
			dd if='$PWD/silent.img' bs=64k iflag=skip_bytes,count_bytes skip=\$4 count=\$3 status=none" \
		>>server.log 2>&1 &
	server=$!
}

# shellcheck disable=SC2317 # called at the end, and by a later one
stop_server() {
	[ -z "$server" ] || kill -9 "$server" 2>/dev/null || :
}
on_exit stop_server

# upon FILE TEXT COMMAND...: what is done once that line is there
upon() {
	upon_file=$1 upon_text=$2
	shift 2
	: >"$upon_file"
	(
		n=600
		until grep -q "$upon_text" "$upon_file" || [ $n = 0 ]; do
			sleep 0.1
			n=$((n - 1))
		done
		"$@"
	) &
}

# shellcheck disable=SC2317 # called by upon
pause_server() {
	kill -STOP "$server"
	sleep 10
	kill -CONT "$server"
}

# shellcheck disable=SC2317 # called by replace_server
serves() {
	nc -z 127.0.0.1 "$port"
}

# shellcheck disable=SC2317 # called by replace_server
serves_not() {
	! serves
}

# As of a server that is updated: there is another one at once, but nobody connects again.
# shellcheck disable=SC2317 # called by upon
replace_server() {
	kill -9 "$server"
	# the port is taken until the last of its threads is dead
	wait_for 20 serves_not || echo 'the old server is still there' >>server.log
	serve -r file root.img
	echo "$server" >server.pid
	wait_for 20 serves || echo 'the new server does not serve' >>server.log
	# it ends with its parent
	wait "$server"
}

# --- roots -------------------------------------------------------------------------------

busybox_root disk <<'END'
is /
echo "read-only: $(cat /sys/block/nbd0/ro), cache: $(cat /sys/block/nbd0/queue/write_cache)"
[ "$(cat /sys/block/nbd0/queue/discard_max_bytes)" = 0 ] || echo 'can trim'
echo "with us: $(cat /proc/[0-9]*/comm | grep -c -e nbd-client -e pvkit-init)"
mount -o remount,rw / && echo "what is $((1 + 1)) stays" >/new
sync
END
ext4_image disk part.img
# a partition of type 83 at 1 MiB, as long as the file system (in sectors, lowest byte first)
units=$(($(stat -c %s part.img) / 131072))
{
	head -c 446 /dev/zero
	printf '\000\000\000\000\203\000\000\000\000\010\000\000'
	# shellcheck disable=SC2059 # the format is what is made here
	printf "$(printf '\\000\\%03o\\%03o\\000' $((units % 256)) $((units / 256)))"
	head -c 48 /dev/zero
	printf '\125\252'
	head -c $((1048576 - 512)) /dev/zero
	cat part.img
} >disk.img

busybox_root silent <<'END'
log() { dmesg | grep -c "root guard: .*$1"; }
# it has been asked some more by then
sleep 4
echo "guards: $(cat /proc/[0-9]*/comm | grep -c pvkit-guard), doubts: $(log 'once more')"
echo again
sleep 60
echo 'nobody reboots'
END
squashfs_image silent silent.img
truncate -s 1G silent.img

busybox_root root <<'END'
cp /bin/busybox /run/busybox
cat >/run/rest <<'REST'
log() { /run/busybox dmesg | /run/busybox grep "root guard: " | /run/busybox sed 's/.*pvkit-init: //'; }
reason=$(/run/busybox cat /sys/class/pv_bootflag/log/reason)
if [ "$reason" = root-lost ]; then
	echo "back: $reason"
	exit
fi
/run/busybox awk '$2 == "/" { print "/: " $3 }' /proc/mounts
echo "read-only: $(/run/busybox cat /sys/block/nbd0/ro)"
begin=$(/run/busybox cut -d. -f1 /proc/uptime)
echo pause
/run/busybox sleep 2
/run/busybox dd if=/dev/nbd0 of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null && echo 'still read'
end=$(/run/busybox cut -d. -f1 /proc/uptime)
[ $((end - begin)) -lt 9 ] || echo 'after a while'
/run/busybox sleep 6
echo "doubts: $(log | /run/busybox grep -c 'once more')"
echo 'test: kill' >/dev/kmsg
echo kill
/run/busybox sleep 100
echo 'nobody reboots'
REST
/run/busybox sh /run/rest
END
squashfs_image root root.img
head -c 262144 /dev/zero | tr '\0' '\377' >misc.img
cat >flags.conf <<'END'
store.log = medium=mtd device=misc format=log
END
cat >init.conf <<'END'
root = /dev/nbd0p1
shell-wait = 1
END
cat >silent.conf <<'END'
root = /dev/nbd0
guard-every = 1
guard-limit = 4
guard-grace = 1
shell-wait = 1
END
cat >union.conf <<'END'
root = /dev/nbd0
union = yes
guard-store = log
shell-wait = 1
END
initramfs init.cpio --conf init.conf --module virtio_net --module nbd --module ext4
initramfs silent.cpio --conf silent.conf --module virtio_net --module nbd --module squashfs
initramfs union.cpio --conf union.conf --flags flags.conf --module virtio_net --module nbd \
	--module squashfs --module overlay \
	--module 'block2mtd block2mtd=/dev/vda,64KiB,misc' --module pv_bootflag
line() {
	sed -n "$1p" "$OUT"
}

# --- it can be written ---------------------------------------------------------------------

# given a server that comes once it is waited for, with a disk that has a partition
upon "$CONSOLE" 'waiting up' exec nbdkit -f -i 127.0.0.1 -p "$port" file disk.img >>server.log 2>&1
server=$!
machine init.cpio --net user --append ip=dhcp --append "nbdroot=10.0.2.2,$port,nbd0" \
	--append pvkit.debug
check_match 'it is waited for' 'pvkit-init: waiting up to 30 s for root=/dev/nbd0p1' \
	"$(console_line 'waiting up')"
check_match 'what the server has is said with pvkit.debug' \
	"*nbd0: \"\" of 10.0.2.2:$port, $(($(stat -c %s disk.img) / 1024)) KiB in blocks of 512, flush, fua, trim" \
	"$(console_line 'KiB in blocks')"
check_eq 'one line says what is booted' 'pvkit-init: normal, no source says otherwise; root=/dev/nbd0p1 ext4' \
	"$(console_line 'root=.dev.nbd0p1 ext4')"
check_eq 'the partition is the root' '/dev/nbd0p1 ext4 ro' "$(line 1)"
check_eq 'the kernel knows what the server can' 'read-only: 0, cache: write back' "$(line 2)"
check_eq 'and that it trims' 'can trim' "$(line 3)"
check_eq 'no process lives for it' 'with us: 0' "$(line 4)"
check_eq 'it shuts down in order' 0 "$STATUS"
check_eq 'what is written is there' 1 "$(grep -ac 'what is 2 stays' disk.img)"

# given an export that there is not
kill -9 "$server"
wait "$server" 2>/dev/null || :
truncate -s 1M other
qemu-nbd -t -f raw -b 127.0.0.1 -p "$port" -x other other >>server.log 2>&1 &
server=$!
machine init.cpio --once --net user --append ip=dhcp --append "nbdroot=10.0.2.2:$port/none" \
	--append rootwait=2
check_match 'an export that there is not is named' \
	"pvkit-init: root=/dev/nbd0p1: 10.0.2.2:$port: the server has no such export*" \
	"$(console_line 'no such export')"
check_eq 'and the machine rebooted' 3 "$STATUS"

# --- it is silent when the guard starts --------------------------------------------------

# given a server that does not answer the guard's first question until the guard gives up
kill -9 "$server"
wait "$server" 2>/dev/null || :
LIMIT=150
: >silence
serve_silently
upon "$CONSOLE" 'no answer yet' rm silence
# and later none of its questions
upon "$OUT.raw" '^again' touch silence
machine silent.cpio --once --net user --append ip=dhcp --append "nbdroot=10.0.2.2,$port,nbd0"
check_eq 'the guard says so' 'pvkit-init: root guard: /dev/nbd0: no answer yet' \
	"$(console_line 'no answer yet')"
check_eq 'and is there, with no doubts once it is answered' 'guards: 5, doubts: 0' "$(line 1)"
check_eq 'it sees the silence that comes' \
	'pvkit-init: root guard: /dev/nbd0: no answer; once more in 1 s' "$(console_line 'once more')"
check_eq 'and says why it reboots' 'pvkit-init: root guard: /dev/nbd0 is gone: no answer; reboot' \
	"$(console_line 'is gone')"
check_eq 'which it does' 3 "$STATUS"
rm -f silence
# in order: such a server has a directory in /tmp to remove
kill "$server"
wait "$server" || :

# --- it goes away ------------------------------------------------------------------------

# given a read-only root with RAM over it, and the guard that a network has by itself
serve -r file root.img
upon "$OUT.raw" '^pause' pause_server
upon "$OUT.raw" '^kill' replace_server
# its block2mtd gives no names: there is nothing that could keep the reason
once=
[ "$KERNEL" != 5.10 ] || once=--once
# shellcheck disable=SC2086 # or nothing
machine union.cpio $once --net user --disk misc.img --append ip=dhcp --append "nbdroot=10.0.2.2,$port"
server=$(cat server.pid)
check_eq 'an overlay is the root' '/: overlay' "$(line 1)"
check_eq 'the server says that nobody can write' 'read-only: 1' "$(line 2)"
# when the server is paused for ten seconds
check_eq 'a request waits' 'still read after a while' "$(line 4) $(line 5)"
check_eq 'and the guard has no doubts' 'doubts: 0' "$(line 6)"
# when it is killed, and another one takes its place
check_match 'the guard sees that it is gone' 'pvkit-init: root guard: /dev/nbd0: *; once more in 5 s' \
	"$(console_line 'once more')"
check_match 'and says why it reboots' 'pvkit-init: root guard: /dev/nbd0 is gone: *; reboot' \
	"$(console_line 'is gone')"
# up to 5 s until it is asked, which fails at once, and 5 s of grace
after=$(($(console_at 'is gone: .*; reboot') - $(console_at 'test: kill')))
check "after 5 to 10 s, and what a slow machine adds ($after tenths)" \
	test "$after" -ge 50 -a "$after" -le $((100 + 60 * KTAP_SLOW))
if [ -n "$once" ]; then
	skip 'the machine is back, and knows why' "kernel $KERNEL has no store for it here"
	check_eq 'which it does' 3 "$STATUS"
else
	[ "$STATUS" = 0 ] || sed 's/^/# server: /' server.log
	check_eq 'the machine is back, and knows why' 'back: root-lost' "$(line 8)"
	check_eq 'by the new server, without a hand' 0 "$STATUS"
fi
finish
