#!/bin/sh
# SPDX-License-Identifier: MIT
# A system on a disk updates the partition that it runs from, and the kernel beside it, with
# busybox as process 1, and comes up as the new one: on an ext4, on a squashfs with RAM over it,
# and on one with an ext4 over it.
# vm: outside arch=x86_64 timeout=400
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/update_lib.sh"

plan 15

# given two versions of a small system, whose shutdown unmounts all
new_bed 'state = LABEL=data ext4 /update'

# when the old one is told to become the new one
updates_itself ext4 '/dev/vda2 ext4 rw' vda2
updates_itself squashfs 'pvkit-union overlay rw' vda2
updates_itself overlay 'overlay overlay rw' vda2
finish
