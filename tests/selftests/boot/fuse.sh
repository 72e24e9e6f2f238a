#!/bin/sh
# SPDX-License-Identifier: MIT
# A root that a process serves: somebody else's initramfs has mounted it, pvkit-init comes by
# init= and leaves it where it is. When that process dies the guard, on by itself there,
# reboots; while it is stopped it does not.
# vm: outside timeout=200
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 9

# given an initramfs whose script mounts a root by FUSE
mkdir tree
mkdir tree/bin
add_program tree "$(command -v fuse2fs)"
cat >script <<'END'
#!/bin/sh
PATH=/bin
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /run /newroot
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r module; do
	insmod ${module#\?}
done </lib/pvkit/modules
# in the foreground it keeps its name, and root's calls alone are answered
fuse2fs -f -o ro,allow_other,fakeroot /dev/vda /newroot >/dev/null 2>/dev/console &
n=10
until grep -q /newroot /proc/mounts || [ $n = 0 ]; do
	sleep 1
	n=$((n - 1))
done
for where in proc sys dev; do
	mount --move /$where /newroot/$where
done
exec switch_root /newroot /sbin/pvkit-init
END
chmod 755 script

# and a root whose init is pvkit-init's to find
busybox_root root <<'END'
cp /bin/busybox /run/busybox
cat >/run/rest <<'REST'
log() { /run/busybox dmesg | /run/busybox sed -n "s/.*pvkit-init: \(root guard: $1\)/\1/p"; }
guards() { /run/busybox cat /proc/[0-9]*/comm | /run/busybox grep -c pvkit-guard; }
fuse=$(/run/busybox pidof fuse2fs)
# the shell's own: each path begins in the root, which does not answer
/run/busybox mkfifo /run/nothing
exec 9<>/run/nothing
rest() { read -r -t "$1" nothing <&9; }
/run/busybox awk '$2 == "/" { t = $3 } END { print "/: " t }' /proc/mounts
echo "guards: $(guards)"
kill -STOP $fuse
rest 4
kill -CONT $fuse
/run/busybox sleep 3
echo "still here: $(/run/busybox cat /etc/inittab)"
echo "doubts: $(log '.*once more' | /run/busybox wc -l)"
kill -9 $fuse
/run/busybox sleep 1
/run/busybox cat /etc/inittab >/run/error 2>&1 || echo "then: $(/run/busybox sed 's/.*: //' /run/error)"
/run/busybox sleep 40
echo 'nobody reboots'
REST
exec /run/busybox sh /run/rest
END
mkdir root/etc/pvkit
cp "$BUILD/host/pvkit-init" root/sbin/
cat >root/etc/pvkit/init.conf <<'END'
guard-every = 1
guard-limit = 8
guard-grace = 1
END
ext4_image root root.img
"$top/scripts/mkinitramfs" --init script --root "$(modules_dir)" --module virtio_pci \
	--module virtio_blk --module fuse --shell /bin/busybox --add tree/bin/fuse2fs:/bin/fuse2fs \
	\
	--add tree/lib/x86_64-linux-gnu:/lib/x86_64-linux-gnu --add tree/lib64:/lib64 init.cpio

# when it is booted, the process is stopped for a while and killed later
machine init.cpio --once --disk root.img
line() {
	sed -n "$1p" "$OUT"
}
check_match 'the root stays as it is' 'pvkit-init: normal, *; root= as it is' \
	"$(console_line 'as it is')"
check_match 'which is FUSE' '/: fuse*' "$(line 1)"
check_eq 'it is guarded without a word' 'guards: 5' "$(line 2)"
check_eq 'a process that is stopped for 4 of 8 seconds is no loss' \
	'still here: ::sysinit:/etc/rcS' "$(line 3)"
check_eq 'nor any reason for doubts' 'doubts: 0' "$(line 4)"
check_match 'one that is killed is' '*not connected' "$(line 5)"
check_eq 'the guard asks twice' \
	'pvkit-init: root guard: /: the process that serves it is gone; once more in 1 s' \
	"$(console_line 'once more')"
check_eq 'and says why it reboots' \
	'pvkit-init: root guard: / is gone: the process that serves it is gone; reboot' \
	"$(console_line 'guard: . is gone')"
check_eq 'which it does' 3 "$STATUS"
finish
