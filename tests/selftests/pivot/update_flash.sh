#!/bin/sh
# SPDX-License-Identifier: MIT
# A system on flash updates the partition or volume that it runs from, and the kernel beside it,
# with busybox as process 1, and comes up as the new one: on jffs2, where the lines of README.md are
# typed as they stand there, and on ubifs.
# vm: outside arch=x86_64 timeout=300
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/update_lib.sh"

plan 11

# given two versions of a small system, whose shutdown unmounts all
new_bed 'state = LABEL=data ext4 /update'

# when the old one is told to become the new one, as README.md tells
usual=$BEGINS
readme=$(sed -n '/^## The update in place/,/^## /s/^    //p' "$top/README.md")
BEGINS="cd /tmp
ln -s \$image root.squashfs
ln -s \$kernel zImage
rm -r /etc/pvkit/update.conf
$readme"
updates_itself jffs2 'mtd3 jffs2 rw' mtd3
check_eq "jffs2: README.md's flag is set" 'slot: a' "$(grep '^slot' "$OUT")"

# when that is on UBI
BEGINS=$usual
updates_itself ubifs 'ubi0_0 ubifs rw' ubi0_0
finish
