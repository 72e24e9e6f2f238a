#!/bin/sh
# SPDX-License-Identifier: MIT
# A system on a disk updates the partition that it runs from, and the kernel that it was booted
# with, with busybox as process 1, and comes up as the new one, on the new kernel: on an ext4; on
# a squashfs with RAM over it, where the power is cut between the two; and on one with an ext4 over
# it, begun from a container.
# vm: outside arch=x86_64 timeout=500
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/update_lib.sh"

plan 19

# given two versions of a small system, whose shutdown unmounts all, and a kernel for each
new_bed 'state = LABEL=data ext4 /update'
boot_from_disk

# when the old one is told to become the new one
updates_itself ext4 '/dev/vda2 ext4 rw' vda2
runs_kernel 2 'ext4: the kernel that was written is the one that runs'

# when its power is cut after the kernel was written, and before the root is
is_cut_between squashfs 'pvkit-union overlay rw'
runs_kernel 2 'squashfs: the kernel that was written is the one that runs'

# given a host that lets a container begin its update, and no more: a user of no rights, who
# has one file of /sys
add_program root.old "$(command -v setpriv)"
cat >root.old/etc/update-system <<'END'
#!/bin/sh
exec >/dev/ttyS0 2>&1
. /data/names
exec pvkit update "$image:$target" "$kernel:$kernel_target"
END
chmod 755 root.old/etc/update-system
cat >root.old/etc/look <<'END'
exec >/dev/ttyS0 2>&1
echo "state: $(pvkit pivot status | sed -n 's/^state *//p')"
# the helper may have handed over and ended by now, or not yet
echo "start: $(sed 's/^running .*/begun/; s/^exit 0$/begun/' /sys/class/pv_pivot/start)"
echo "process 1 holds the root: $(pvkit pivot holders / | grep -c '^1  *init  *text')"
echo "others see: $(/bin/setpriv --reuid 1000 --regid 1000 --clear-groups pvkit pivot status --json | sed 's|[0-9]|N|')"
END
echo 'stop = sh /etc/look' >>root.old/etc/pvkit/update.conf
rm squashfs.old
PIVOT='pv_pivot helper=/etc/update-system'
BEGINS='>/run/begin
chown 1000 /sys/class/pv_pivot/start
unshare -m sh -c "mount -o bind /sys/class/pv_pivot/start /run/begin &&
	mount -t tmpfs none /sys && exec /bin/setpriv --reuid 1000 --regid 1000 --clear-groups \
		--bounding-set -all sh -c \"echo >/run/begin\""
echo "begun: $?"'

# when that does
updates_itself overlay 'overlay overlay rw' vda2
check_eq 'a container has begun it' 'begun: 0' "$(grep '^begun' "$OUT")"
check_eq 'who asks meanwhile is told how far it is' 'state: open
start: begun
process 1 holds the root: 1
others see: {"state":"open","generation":N}' "$(sed -n '/^state:/,/^others/p' "$OUT")"
finish
