#!/bin/sh
# SPDX-License-Identifier: MIT
# A root that goes away under a running system: the machine is rebooted and knows why. One
# that does not, or a shutdown, is nobody's business; nor is the guard's death unnoticed.
# vm: outside timeout=400
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 17

# what goes on when the disk is gone must not need it
busybox_root root <<'END'
cp /bin/busybox /run/busybox
cat >/run/rest <<'REST'
log() { /run/busybox dmesg | /run/busybox grep "root guard: $1" | /run/busybox sed 's/.*pvkit-init: //'; }
# until LINE [SECONDS]: of the guard's, in the log
until_log() {
	n=${2:-25}
	while [ -z "$(log "$1")" ] && [ $n -gt 0 ]; do
		/run/busybox sleep 1
		n=$((n - 1))
	done
	log "$1"
}
guards() {
	for p in /proc/[0-9]*; do
		read -r name <"$p/comm" || continue
		[ "$name" != pvkit-guard ] || echo "${p#/proc/}"
	done 2>/dev/null
}
case $(/run/busybox cat /proc/cmdline) in
*guard=dry-run*)
	echo 1 >/sys/block/vda/device/../remove
	until_log '.*gone'
	echo "$(guards | /run/busybox wc -l) are still here"
	;;
*guard=no*) echo "guards: $(guards | /run/busybox wc -l)" ;;
*pull*)
	if [ "$(/run/busybox cat /sys/class/pv_bootflag/log/reason)" = root-lost ]; then
		echo "back: $(/run/busybox cat /sys/class/pv_bootflag/log/reason)"
	else
		echo 1 >/sys/block/vda/device/../remove
		/run/busybox sleep 60
		echo 'nobody reboots'
	fi
	;;
*)
	set -- $(guards)
	echo "$# processes, as $(/run/busybox tr '\0' ' ' </proc/$1/cmdline)"
	echo "spared: $(/run/busybox cat /proc/$1/oom_score_adj), locked: $(/run/busybox grep -c 'VmLck:.* [1-9]' /proc/$1/status), without I/O for memory: $((($(/run/busybox cut -d' ' -f9 /proc/$1/stat) & 0x80000) != 0))"
	echo "mounts: $(/run/busybox cut -d' ' -f2 /proc/$1/mounts | /run/busybox sort | /run/busybox tr '\n' ' ')"
	echo "in it: $(/run/busybox ls /proc/$1/root | /run/busybox tr '\n' ' ')"
	# the watcher's parent is the keeper, whose parent is process 1
	for p in "$@"; do
		[ "$(/run/busybox cut -d' ' -f4 /proc/$p/stat)" != 1 ] || keeper=$p
	done
	for p in "$@"; do
		[ "$(/run/busybox cut -d' ' -f4 /proc/$p/stat)" != "$keeper" ] || watcher=$p
	done
	/run/busybox kill -9 "$watcher"
	until_log 'its watcher'
	/run/busybox sleep 3
	echo "then $(guards | /run/busybox wc -l)"
	/run/busybox kill -9 "$keeper"
	until_log 'its keeper'
	/run/busybox sleep 3
	echo "then $(guards | /run/busybox wc -l)"
	echo "doubts: $(log '.*once more' | /run/busybox wc -l)"
	# as init does it, with a signal to all
	/run/busybox poweroff
	/run/busybox sleep 30
	;;
esac
REST
exec /run/busybox sh /run/rest
END
# exec'ed, it does not come back to what powers off
sed -i 's|^exec /run/busybox sh /run/rest|/run/busybox sh /run/rest; sync; /run/busybox poweroff -f|' root/etc/rcS
# init listens to a poweroff once what it waits for is done: here that is nothing
sed -i 's/sysinit/once/' root/etc/inittab
squashfs_image root root.img
head -c 262144 /dev/zero | tr '\0' '\377' >misc.img
cat >flags.conf <<'END'
store.log = medium=mtd device=misc format=log
END
cat >init.conf <<'END'
root = /dev/vda
guard = yes
guard-every = 1
guard-limit = 4
guard-grace = 1
END
initramfs init.cpio --conf init.conf --module squashfs
initramfs flags.cpio --conf init.conf --flags flags.conf --module squashfs \
	--module 'block2mtd block2mtd=/dev/vdb,64KiB,misc' --module pv_bootflag
line() {
	sed -n "$1p" "$OUT"
}

# given a guarded root on a disk
# when nothing happens to it, but to the guard
machine init.cpio --disk root.img
check_eq 'two processes and their helpers, by a name that systemd spares' \
	'5 processes, as @pvkit-init: root guard ' "$(line 1)"
check_eq 'out of the OOM killer'"'"'s reach, and locked' \
	'spared: -1000, locked: 1, without I/O for memory: 1' "$(line 2)"
check_eq 'nothing is mounted but file systems of the kernel' \
	'mounts: / /dev /proc /sys ' "$(line 3)"
check_eq 'and nothing lies about' 'in it: dev proc sys ' "$(line 4)"
check_eq 'the death of one is said' \
	'root guard: its watcher died; another one is started' "$(line 5)"
check_eq 'and it is replaced' 'then 5' "$(line 6)"
check_eq 'the death of the other likewise' \
	'root guard: its keeper died; another one is started' "$(line 7)"
check_eq 'and it is replaced, too' 'then 5' "$(line 8)"
check_eq 'the root was never doubted' 'doubts: 0' "$(line 9)"
# and the system is shut down
check_eq 'a shutdown in order is one' 0 "$STATUS"
check_eq 'in which the guard ends' 'pvkit-init: root guard: ends, as told' \
	"$(console_line 'as told')"

# when the disk is pulled out
machine flags.cpio --disk root.img --disk misc.img --append pull --append pvkit.guard-store=log
check_eq 'the machine is rebooted, and knows why' 'back: root-lost' "$(line 1)"
check_eq 'the log says what was lost' \
	'pvkit-init: root guard: /dev/vda is gone: No such device; reboot' "$(console_line 'is gone')"
check_eq 'after it was asked twice' \
	'pvkit-init: root guard: /dev/vda: No such device; once more in 1 s' \
	"$(console_line 'once more')"

# when that is only tried
machine init.cpio --disk root.img --append pvkit.guard=dry-run
check_eq 'dry-run: it says what it would do' \
	'root guard: /dev/vda is gone: No such device; would reboot, but for dry-run' "$(line 1)"
check_eq 'and goes on' '5 are still here' "$(line 2)"

# when nobody wants it
machine init.cpio --disk root.img --append pvkit.guard=no
check_eq 'guard=no: there is none' 'guards: 0' "$(line 1)"
finish
