#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit-init is small, and needs no file but itself.
# vm: outside
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

init=$BUILD/host/pvkit-init
plan 3

size=$(wc -c <"$init")
if grep -qa 'GLIBC\|GNU C Library' "$init.debug"; then
	skip 'no more than 200 KiB' 'built without musl'
elif [ "$size" -le 204800 ]; then
	pass 'no more than 200 KiB'
else
	fail 'no more than 200 KiB' 'at most 204800 bytes' "$size"
fi
check_eq 'nothing interprets it' '' "$(readelf -lW "$init" | grep INTERP || :)"
check_fails 'started by hand it says whose work that is' 'is started by the kernel' "$init"
finish
