#!/bin/sh
# SPDX-License-Identifier: MIT
# A root that can't be written, with RAM over it: it can, within a limit, and tells before
# it is full. From an initramfs, and by init= on a root that is mounted already.
# vm: outside timeout=300
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 21

busybox_root root <<'END'
echo "/ is $(is /)"
echo "below is $(is /run/pvkit-init/lower), $(is /run/pvkit-init/ram)"
echo new >/etc/new && echo "a new file: $(cat /etc/new /run/pvkit-init/ram/upper/etc/new | tr '\n' ' ')"
echo changed >/etc/old && echo "a changed one: $(cat /etc/old), was $(cat /run/pvkit-init/lower/etc/old)"
c=/var/lib/containers
mkdir $c/lower $c/upper $c/work $c/merged
mount -t overlay overlay -o lowerdir=$c/lower,upperdir=$c/upper,workdir=$c/work $c/merged &&
	echo "an overlay of its own: $(is $c/merged)"
umount $c/merged
dd if=/dev/zero of=/half bs=1M count=7 2>/dev/null
sleep 3
echo "at 45 %: $(dmesg | grep -c 'RAM over the root')"
dd if=/dev/zero of=/more bs=1M count=6 2>/dev/null
sleep 3
dd if=/dev/zero of=/rest bs=1M count=10 2>&1 | grep -o 'No space left on device'
sleep 3
dmesg | grep 'RAM over the root' | sed 's/.*pvkit-init: //; s/[0-9]* %/N %/'
rm /half /more /rest
echo "still here: $(cat /etc/new)"
stands() {
	grep " $1 " /proc/mounts | cut -d' ' -f4 | tr ',' '\n' | grep -c 'nosuid\|nodev'
}
for where in /run/pvkit-init/lower /run/pvkit-init/ram $c; do
	echo "$where: $(stands $where) of nosuid and nodev"
done
ls -ld /run/pvkit-init/ram | cut -c1-10
is /data/linked/deep
END
mkdir -p root/var/lib/containers root/mnt root/etc/pvkit
echo old >root/etc/old
mkdir -p root/data/linked
ln -s /data/linked root/var/linked
# a directory that is missing is made, in RAM
rmdir root/run
squashfs_image root root.img
cat >init.conf <<'END'
root = /dev/vda
union = yes
union-size = 16M
union-plain = /var/lib/containers /var/lib/other /var/linked/deep
union-keep = LABEL=none:/keep
root-wait = 3
END
initramfs init.cpio --conf init.conf --module squashfs --module overlay

# given a squashfs with RAM of 16 MiB over it
# when the system writes
machine init.cpio --disk root.img
line() {
	sed -n "$1p" "$OUT"
}
check_eq 'the root is an overlay' '/ is pvkit-union overlay rw' "$(line 1)"
check_eq 'what it is made of can be seen' \
	'below is /dev/vda squashfs ro, pvkit-union tmpfs rw' "$(line 2)"
check_eq 'a file can be made, and is in RAM' 'a new file: new new ' "$(line 3)"
check_eq 'and one be changed' 'a changed one: changed, was old' "$(line 4)"
check_eq 'a container runtime can have its overlay' \
	'an overlay of its own: overlay overlay rw' "$(line 5)"
# when it writes more and more
check_eq 'below the first mark nothing is said' 'at 45 %: 0' "$(line 6)"
check_eq 'more than fits is an error' 'No space left on device' "$(line 7)"
check_eq 'the log has told of it before' \
	'the RAM over the root is filling up: N % of 16384 KiB (pvkit union status)' "$(line 8)"
check_eq 'and told more' \
	'the RAM over the root is about to be full: N % of 16384 KiB (pvkit union status)' "$(line 9)"
check_eq 'the machine stays up' 'still here: new' "$(line 10)"
check_eq 'and ends as it should' 0 "$STATUS"
check_eq 'that what was kept is not to be had is said, and stops nothing' \
	'pvkit-init: union-keep: root=LABEL=none: no block device is that one' \
	"$(console_line 'union-keep')"
# and what the union hides is no way around it
check_eq 'what it is made of gives nobody rights, a plain directory is like any other' \
	'lower: 2 of nosuid and nodev ram: 2 of nosuid and nodev containers: 0 of nosuid and nodev ' \
	"$(sed -n '11,13s/.*\///p' "$OUT" | tr '\n' ' ')"
check_eq 'and what was written is to be seen by root alone' drwx------ "$(line 14)"
check_eq 'a plain directory behind a link is where the link leads in that root' \
	'pvkit-union tmpfs rw' "$(line 15)"

# given a root that is mounted to be written, on which init= starts pvkit-init, and
# init.conf there
busybox_root plain <<'END'
echo "/ is $(is /)"
echo "below is $(is /run/pvkit-init/lower)"
echo "old root: '$(is /mnt)'"
read -r name </proc/1/comm
echo "mounted twice: $(cut -d' ' -f2 /proc/mounts | sort | uniq -d | tr '\n' ' ')"
echo "process 1 is $name, the first of $(grep -c . /proc/mounts) mounts is $(head -n 1 /proc/mounts | cut -d' ' -f2,3)"
END
mkdir -p plain/mnt plain/etc/pvkit
cp "$BUILD/host/pvkit-init" plain/sbin/pvkit-init
printf 'union = yes\n' >plain/etc/pvkit/init.conf
ext4_image plain plain.img
initramfs bare.cpio --module ext4 --module overlay
machine bare.cpio --disk plain.img --append root=/dev/vda --append rw --append init=/sbin/pvkit-init
check_eq 'by init=: the root is an overlay' '/ is pvkit-union overlay rw' "$(line 1)"
check_eq 'of the root that was, and is not written any more' 'below is /dev/vda ext4 ro' "$(line 2)"
check_eq 'which is in nobody'"'"'s way' "old root: ''" "$(line 3)"
check_eq 'nothing lies over what was mounted before' 'mounted twice: ' "$(line 4)"
check_match 'and the real init is process 1' 'process 1 is init, *' "$(line 5)"
check_eq 'the console says what was done' \
	'pvkit-init: normal, no source says otherwise; root=/dev/vda as it is' \
	"$(console_line 'as it is')"
finish
