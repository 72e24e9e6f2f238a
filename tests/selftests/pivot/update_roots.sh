#!/bin/sh
# SPDX-License-Identifier: MIT
# What an update of the running system is tried on: each kind of root comes up with its version,
# and knows what it runs from.
# vm: outside arch=x86_64 timeout=300
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/update_lib.sh"

plan 15

# given two versions of a small system, and in the old one somebody who only asks
new_bed
look() {
	new_machine "$1"
	case_of <<-'END'
		pvkit update --dry-run "$image:$target" "$kernel:$kernel_target" >/run/said
		sed -n 's/^root  *[^ ]*  *\([a-z]*\)  *\(.*\)/root: \1, \2/p' /run/said
		poweroff
	END
	run_update_machine
}

# root_is KIND WHAT MEDIUM
root_is() {
	look "$1"
	check_eq "$1: the old version is up" "boot 1: old on $2" "$(sed -n 1p "$OUT")"
	check_eq "$1: it is known what it runs from" "root: note, $3
root: ok, not the root's" "$(sed -n 2,3p "$OUT")"
	check_eq "$1: it goes down in order" 0 "$STATUS"
}

root_is ext4 '/dev/vda2 ext4 rw' 'vda2 has the running root (vda2): the system moves to RAM first'
root_is overlay 'overlay overlay rw' \
	'vda2 has the running root (vda2): the system moves to RAM first'
root_is squashfs 'pvkit-union overlay rw' \
	'vda2 has the running root (vda2): the system moves to RAM first'
root_is jffs2 'mtd3 jffs2 rw' 'mtd3 has the running root (mtd3): the system moves to RAM first'
root_is ubifs 'ubi0_0 ubifs rw' \
	'ubi0_0 has the running root (ubi0_0): the system moves to RAM first'
finish
