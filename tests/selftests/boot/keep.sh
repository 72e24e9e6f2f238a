#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit union: what would be lost at reboot, and what outlives it: in the root below, or
# beside it, where that is a squashfs.
# vm: outside timeout=300
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 28

busybox_root root <<'END'
mkdir -p /run/lock
if [ "$(cat /etc/kept 2>/dev/null)" = 1 ]; then
	echo "second boot: $(cat /etc/kept /etc/lost 2>&1 | tr '\n' ' ')"
	echo "removed: $(ls /etc/removed 2>/dev/null)"
	echo "the root below: $(is /run/pvkit-init/lower)"
else
	pvkit union status | tail -n 1 | tr -s ' '
	echo 1 >/etc/kept
	echo 2 >/etc/lost
	rm /etc/removed
	pvkit union status | sed -n '3,$p' | tr -s ' '
	pvkit union keep /etc/kept /etc/removed
	echo "keep: $?"
	pvkit union status | sed -n '4,$p' | tr -s ' '
	sync
	reboot -f
fi
END
add_program root "$BUILD/host/pvkit"
touch root/etc/removed
ext4_image root root.img
squashfs_image root squashfs.img
initramfs init.cpio --module ext4 --module squashfs --module overlay

line() {
	sed -n "$1p" "$OUT"
}

# given an ext4 that is not to be written, with RAM over it
# when two files are written, one is removed, and one and the removal are kept
machine init.cpio --disk root.img --append root=/dev/vda --append pvkit.union=yes
check_eq 'at first nothing would be lost' 'CHANGE BYTES PATH' "$(line 1)"
check_eq 'each change is listed' 'CHANGE BYTES PATH new 2 /etc/kept new 2 /etc/lost removed - /etc/removed' \
	"$(sed -n 2,5p "$OUT" | sort | tr '\n' ' ' | sed 's/ $//')"
check_eq 'they can be kept' 'keep: 0' "$(line 6)"
check_eq 'the other one is what would be lost' 'new 2 /etc/lost' "$(line 7)"
# when the machine is rebooted
check_match 'what was kept is there, the other one is not' 'second boot: 1 *can'"'"'t open*' "$(line 8)"
check_eq 'what was removed is not' 'removed: ' "$(line 9)"
check_eq 'and the root below is as little to be written as before' \
	'the root below: /dev/vda ext4 ro' "$(line 10)"

# given a squashfs
machine init.cpio --once --disk squashfs.img --append root=/dev/vda --append pvkit.union=yes
check_match 'what can not be written is refused' \
	"*union: /run/pvkit-init/lower: the root's file system or its medium can't be written*keep: 1*" \
	"$(cat "$OUT")"

# given a squashfs, and a file system for what is to outlive a boot
busybox_root beside <<'END'
mkdir -p /run/lock
b() { busybox "$@"; }
say() { echo "$stage: $*"; }
stage=$(cat /etc/app/stage 2>/dev/null || echo 1)
kept() { pvkit union status --json | sed 's/.*"kept"://'; }
case $stage in
1)
	mkdir -p /etc/app/sub
	echo one >/etc/app/file && b chown 12:34 /etc/app/file && b chmod 4750 /etc/app/file
	b touch -d '2020-02-02 02:02:02' /etc/app/file
	b ln /etc/app/file /etc/app/sub/again
	b ln -s nowhere /etc/app/link
	b mknod /etc/app/node c 1 3
	echo changed >/etc/old
	rm /etc/removed
	rm -r /etc/dir && mkdir /etc/dir && echo mine >/etc/dir/mine
	echo lost >/etc/lost
	echo 2 >/etc/app/stage
	pvkit union keep /etc/app /etc/old /etc/removed /etc/dir
	say "keep: $?"
	say "lost: $(pvkit union status | sed -n '4,/^$/p' | tr -s ' \n' ' ')"
	say "kept: $(pvkit union status | sed '1,/^Kept/d' | grep / | tr -s ' \n' ' ')"
	say "mounted still: $(grep -c vdb /proc/mounts)"
	reboot -f
	;;
2)
	say "$(b stat -c '%a %u:%g %h %y' /etc/app/file | cut -d. -f1) $(cat /etc/app/file)"
	say "one inode: $(b stat -c %i /etc/app/file /etc/app/sub/again | b uniq | wc -l)"
	say "$(readlink /etc/app/link) $(b stat -c '%F %t:%T' /etc/app/node)"
	say "$(cat /etc/old), removed: '$(ls /etc/removed 2>/dev/null)', dir: $(ls /etc/dir)"
	say "lost: '$(ls /etc/lost 2>/dev/null)', would be: $(pvkit union status | sed -n '4,/^$/p' | grep -c /) lines"
	rm /etc/app/link
	echo more >>/etc/app/file
	say "since: $(pvkit union status | sed -n '4,/^$/p' | grep / | b sort | tr -s ' \n' ' ')"
	pvkit union keep /etc/app/link
	pvkit union forget /etc/old
	say "forget: $?"
	say "$(pvkit union forget /etc/app/file 2>&1)"
	echo 3 >/etc/app/stage
	pvkit union keep /etc/app/stage
	reboot -f
	;;
3)
	say "link: '$(readlink /etc/app/link)', old: $(cat /etc/old), $(b stat -c %a /etc/app/file)"
	mkdir -p /tmp/k && mount -t ext4 /dev/vdb /tmp/k
	echo 4 >/etc/app/stage
	pvkit union keep /etc/app/stage
	say "while it is mounted: $?"
	cd /tmp/k/kept
	set -- *.keep
	say "$# archives"
	# one is damaged, another one is cut, and there is what a cut has left half written
	for file in "$@"; do
		case $(b strings "$file" | b head -n 2) in
		*etc/dir*) printf X | dd of="$file" bs=1 seek=100 conv=notrunc 2>/dev/null ;;
		*etc/removed*) b truncate -s 30 "$file" && echo half >.new ;;
		esac
	done
	cd /
	umount /tmp/k
	reboot -f
	;;
4)
	say "$(dmesg | sed -n 's/.*pvkit-init: union-keep: //p' | sed 's/([^)]*)/(FILE)/' | tr '\n' ';')"
	say "dir: $(ls /etc/dir), removed: $(ls /etc/removed), link: '$(readlink /etc/app/link)'"
	say "damaged: $(kept | b grep -o '"damaged":true' | wc -l)"
	;;
esac
END
add_program beside "$BUILD/host/pvkit"
mkdir beside/etc/dir
echo root >beside/etc/old
touch beside/etc/removed beside/etc/dir/root
squashfs_image beside beside.img
mkdir keep
ext4_image keep keep.img -L keep
of() {
	sed -n "s/^$1: //p" "$OUT" | sed -n "$2p"
}

# when paths are kept, and the machine is rebooted
machine init.cpio --disk beside.img --disk keep.img --append root=/dev/vda \
	--append pvkit.union=yes --append pvkit.union-keep=LABEL=keep:/kept
check_eq 'beside: it can be done with a squashfs' 'keep: 0' "$(of 1 1)"
check_eq 'what was not kept is what would be lost' 'lost: new 5 /etc/lost ' "$(of 1 2)"
check_eq 'what is kept is listed' \
	'kept: kept 8192 /etc/app (8 files) kept 4096 /etc/old (2 files) kept - /etc/removed (2 files) kept 4096 /etc/dir (3 files) ' \
	"$(of 1 3)"
check_eq 'and nothing of it stays mounted' 'mounted still: 0' "$(of 1 4)"
check_eq 'at the next boot owner, mode, links, time and content are as they were' \
	'4750 12:34 2 2020-02-02 02:02:02 one' "$(of 2 1)"
check_eq 'a file with two names is one' 'one inode: 1' "$(of 2 2)"
check_eq 'a link leads where it led, a node is one' 'nowhere character special file 1:3' "$(of 2 3)"
check_eq 'changed is changed, removed is removed, new in place of old is that alone' \
	"changed, removed: '', dir: mine" "$(of 2 4)"
check_eq 'and nothing else is there' "lost: '', would be: 0 lines" "$(of 2 5)"
# when something of it changes
check_eq 'what is other than it was kept is what would be lost' \
	'since: new 9 /etc/app/file new 9 /etc/app/sub/again removed - /etc/app/link ' \
	"$(of 2 6)"
check_eq 'a path can be forgotten' 'forget: 0' "$(of 2 7)"
check_match 'but not a part of one' '*/etc/app/file: is kept with /etc/app' "$(of 2 8)"
check_eq 'at the next boot the removal is kept, the forgotten is as the root has it, and the rest' \
	"link: '', old: root, 4750" "$(of 3 1)"
# when the file system is in use
check_eq 'it can be written while it is mounted elsewhere' 'while it is mounted: 0' "$(of 3 2)"
check_eq 'one archive a path' '5 archives' "$(of 3 3)"
# when archives are damaged
check_match 'the next boot says so, and comes up with the others' \
	'*/etc/dir (FILE) is left out: damaged;*3 paths,*' "$(of 4 1)"
check_match 'one that was cut too' '*? (FILE) is left out: damaged*' "$(of 4 1)"
check_eq 'what was damaged is as the root has it' "dir: root, removed: /etc/removed, link: ''" \
	"$(of 4 2)"
check_eq 'and is listed as such' 'damaged: 2' "$(of 4 3)"
check_eq 'the machine ends as it should' 0 "$STATUS"
finish
