#!/bin/sh
# SPDX-License-Identifier: MIT
# A whole Debian on an ext4 that is written to, booted by pvkit-init with a root guard:
# systemd comes up without an emergency, reboots, comes up again and powers off, each time
# soon, and leaves a file system behind that needs no repair.
# vm: outside timeout=500
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/../boot/lib.sh"

plan 10

# given that Debian unpacked on a disk, and one with what systemd is to run once it is up
unsquashfs -q -n -d debian "$BUILD/deb/runtimes/root.squashfs" >unsquashfs.log
truncate -s 700M debian.img
mke2fs -q -t ext4 -d debian -L debian debian.img
rm -rf debian
mkdir check
cat >check/check <<'END'
exec >/dev/ttyS0 2>&1
echo 1 >>/var/boots
read -r name </proc/1/comm
echo "boot $(wc -l </var/boots): $name, $(findmnt -n -o SOURCE,FSTYPE / | tr -s ' ')"
echo "guards: $(pgrep -c pvkit-guard), emergency: $(systemctl is-active emergency.target)"
echo "failed: $(systemctl list-units --failed --no-legend --plain)"
# what it says where there is no bus yet is no failure
echo 'test: goes down' >/dev/kmsg
if [ "$(wc -l </var/boots)" = 1 ]; then
	systemctl --no-block reboot 2>/dev/null
else
	systemctl --no-block poweroff 2>/dev/null
fi
END
squashfs_image check check.img
initramfs init.cpio --module ext4 --module squashfs

# when it is booted, to be written
MEM=512 LIMIT=400
machine init.cpio --disk debian.img --disk check.img --append root=LABEL=debian --append rw \
	--append pvkit.guard=yes \
	--append "systemd.run=\"/bin/sh -c 'mount /dev/vdb /mnt && sh /mnt/check'\"" \
	--append systemd.run_success_action=none --append systemd.run_failure_action=poweroff
line() {
	sed -n "$1p" "$OUT"
}

# took N: seconds from the Nth time that it was told to go down until it was
took() {
	tr -d '\r' <"$CONSOLE" | awk -v n="$1" '
		/test: goes down/ { gsub(/[][]/, ""); from = $1 }
		/reboot: (Restarting system|Power down)/ {
			gsub(/[][]/, "")
			if (++i == n)
				print int($1 - from)
		}'
}

# soon NAME SECONDS: a stop job that hangs takes 90 s
soon() {
	if [ -n "$2" ] && [ "$2" -le $((45 * KTAP_SLOW)) ]; then
		pass "$1"
	else
		fail "$1" "at most $((45 * KTAP_SLOW)) s" "${2:-it never did}"
	fi
}

check_eq 'systemd is process 1, on the disk' 'boot 1: systemd, /dev/vda ext4' "$(line 1)"
check_eq 'the root is guarded, and there is no emergency' \
	'guards: 5, emergency: inactive' "$(line 2)"
check_eq 'no unit has failed' 'failed: ' "$(line 3)"
soon 'it reboots soon' "$(took 1)"
check_eq 'and comes up again' 'boot 2: systemd, /dev/vda ext4
guards: 5, emergency: inactive
failed: ' "$(sed -n 4,6p "$OUT")"
soon 'it powers off soon' "$(took 2)"
check_eq 'by itself' 0 "$STATUS"
check_eq 'nothing had to be recovered' '' "$(console_line 'recovery complete')"
check_eq 'nor is there anything to recover' clean \
	"$(dumpe2fs -h debian.img 2>/dev/null | sed -n '/needs_recovery/p; s/^Filesystem state: *//p')"
check_eq 'the guard has never doubted the root' '' "$(console_line 'root guard: .*once more')"
finish
