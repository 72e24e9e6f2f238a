#!/bin/sh
# SPDX-License-Identifier: MIT
# make check-config: what a kernel's configuration lacks, and what of that may not matter.
. "${0%/*}/../lib/ktap.sh"

top=$(cd "${0%/*}/../.." && pwd)
check_config=$top/scripts/check-config
plan 6
cd "$KTAP_TMP"

# given a kernel that has all of it, but what is a module built in
cat "$top/tests/selftests/config" "$top/tests/selftests/boot/config" | sed 's/=m$/=y/' >config
status=0
"$check_config" config >out || status=$?
check_eq 'all of it: nothing is missing' "0 config: 0 of $(grep -c ^CONFIG_ "$top/tests/selftests/config") symbols missing" \
	"$status $(cat out)"

# given one without what each use needs
status=0
sed -e '/CONFIG_SYSFS=/d' config >without
"$check_config" without >out || status=$?
check_eq 'one that is needed: an error' 1 "$status"
check_eq 'and named' 'missing: CONFIG_SYSFS=y (is not set)' "$(head -n 1 out)"

# given one that can't have its root on an NBD server, and no archives
sed -e 's/\(CONFIG_BLK_DEV_NBD\)=y/# \1 is not set/' -e 's/\(CONFIG_RD_XZ\)=y/\1=m/' config >other
status=0
"$check_config" other >out || status=$?
check_eq 'what only a part wants: no error' 0 "$status"
check_eq 'but which part is said' \
	'an archive of pvkit addon pack wants CONFIG_RD_XZ=y (is m)
root=/dev/nbd0 wants CONFIG_BLK_DEV_NBD=m (is not set)' "$(sed '$d' out)"

check_fails 'no configuration at all' 'no kernel configuration nowhere' "$check_config" nowhere
finish
