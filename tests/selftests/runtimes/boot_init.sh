#!/bin/sh
# SPDX-License-Identifier: MIT
# A whole Debian on a squashfs, booted by pvkit-init with RAM over it: systemd is process 1,
# finds all in place, podman runs a container, and it can shut down; the root guard takes
# that for what it is.
# vm: outside timeout=400
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/../boot/lib.sh"

plan 12

# given that Debian, as it is packed, and a disk with what systemd is to run once it is up
cat >init.conf <<'END'
root = /dev/vda
union = yes
union-plain = /var/lib/containers
guard = yes
guard-every = 1
guard-watchdog = /dev/watchdog0
END
initramfs init.cpio --conf init.conf --module squashfs --module overlay --module i6300esb
mkdir check
cat >check/check <<'END'
exec >/dev/ttyS0 2>&1
read -r name </proc/1/comm
echo "process 1: $name"
for where in / /var/lib/containers /run/pvkit-init/lower; do
	findmnt -n -o FSTYPE $where
done
echo "watching: $(pgrep -c pvkit-union)"
echo "guards: $(pgrep -c pvkit-guard)"
echo "failed: $(systemctl list-units --failed --no-legend --plain)"
mkdir -p /run/rootfs/bin
cp /bin/busybox /run/rootfs/bin/
busybox tar -C /run/rootfs -c . | podman import -q - small >/dev/null
echo "store: $(podman info -f '{{.Store.GraphDriverName}}')"
podman --runtime crun --cgroup-manager cgroupfs run --rm --network none small \
	/bin/busybox echo 'from a container'
END
squashfs_image check check.img

# when it is booted
MEM=1024 LIMIT=300
machine init.cpio --disk "$BUILD/deb/runtimes/root.squashfs" --disk check.img \
	--append "systemd.run=\"/bin/sh -c 'mount /dev/vdb /mnt && sh /mnt/check'\"" \
	--append systemd.run_success_action=poweroff --append systemd.run_failure_action=poweroff
line() {
	sed -n "$1p" "$OUT"
}
check_eq 'systemd is process 1' 'process 1: systemd' "$(line 1)"
check_eq 'its root is the union' overlay "$(line 2)"
check_eq 'the store of containers is RAM alone' tmpfs "$(line 3)"
check_eq 'the root below is where it was' squashfs "$(line 4)"
check_eq 'the process that watches the RAM is left alone' 'watching: 1' "$(line 5)"
check_eq 'so is the root guard' 'guards: 5' "$(line 6)"
check_eq 'no unit has failed' 'failed: ' "$(line 7)"
check_eq 'podman keeps its containers in an overlay of its own' 'store: overlay' "$(line 8)"
check_eq 'and runs one' 'from a container' "$(line 9)"
check_eq 'it shuts down by itself' 0 "$STATUS"
check_eq 'the guard had no doubts' '' "$(console_line 'once more')"
check 'and nothing waited for it' \
	test $(($(console_at 'reboot: Power down') - $(console_at 'systemd-shutdown.*Syncing'))) -lt 100
finish
