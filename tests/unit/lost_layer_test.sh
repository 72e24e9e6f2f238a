#!/bin/sh
# SPDX-License-Identifier: MIT
# A root that is an overlay, whose lower layer was mounted where no path leads any more, as an
# initramfs leaves it: the disk below it is in use, and an update of it is one of the root.
. "${0%/*}/../lib/ktap.sh"

[ "$(id -u)" = 0 ] || skip_all 'takes root: mounts'
grep -q overlay /proc/filesystems || modprobe overlay 2>/dev/null ||
	skip_all 'this kernel has no overlay'

build=$(realpath "${BUILD:-${0%/*}/../../build}")
export build
cd "$KTAP_TMP"
for name in lower other; do
	truncate -s 4M $name.img
	mke2fs -q $name.img
done
echo image >image
echo "program = $build/host/pvkit-update" >conf
lower=$(losetup --find --show lower.img) || skip_all 'no loop device'
other=$(losetup --find --show other.img)
plan 3

# what is said of the targets that are named, with such a root
# shellcheck disable=SC2016 # expanded there
roots() {
	unshare --mount --propagation private sh -euc '
		here=$PWD
		mkdir -p low up root
		mount -t ext4 "$2" low
		mount -t tmpfs none up
		mkdir up/u up/w
		mount -t overlay overlay \
			-o "lowerdir=$PWD/low:/,upperdir=$PWD/up/u,workdir=$PWD/up/w" root
		umount -l low
		for d in /proc /sys /dev "$here" "$build"; do
			mkdir -p "root$d"
			mount --rbind "$d" "root$d"
		done
		mkdir -p root/old
		cd root
		pivot_root . old
		exec chroot . sh -euc '\''
			umount -l /old
			cd "$1"
			pvkit=$2
			shift 2
			for d; do
				"$pvkit" update --dry-run --config conf --json "image:$d" |
					jq -r ".checks[] | select(.check == \"root\") | .result + \" \" + .text"
			done'\'' sh "$here" "$@"
	' sh "$@" 2>err
}

# given an overlay of that disk above all that is here, as the root, and its mount detached
# when it and another disk are to be written
roots "$build/unit-obj/pvkit" "$lower" "$other" >out
losetup -d "$lower" "$other"
# then
check_match 'the disk below it is taken for the root' \
	"note ${lower#/dev/} is in use, and a layer of the root's overlay, *, leads nowhere*" \
	"$(sed -n 1p out; cat err)"
check_match 'the system moves to RAM for it' '*the system moves to RAM first' "$(sed -n 1p out)"
check_match 'another one is not the root' "ok not the root's*" "$(sed -n 2p out)"

finish
