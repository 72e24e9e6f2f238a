#!/bin/sh
# SPDX-License-Identifier: MIT
# The selftest bootflag/ubootenv once more, on NOR, NAND, UBI and disks: with fw_printenv
# and fw_setenv of U-Boot's own source as a third that reads and writes in turn.

top=$(cd "${0%/*}/../.." && pwd)
tools=/usr/lib/pvkit/uboot
disk=$(mktemp "${TMPDIR:-/tmp}/pvkit-media.XXXXXX")
trap 'rm -f "$disk"' EXIT
truncate -s 1M "$disk"
"$top/scripts/vm" --timeout $((360 * ${PVKIT_SLOW:-1})) --disk "$disk" --log "$disk.kernel" \
	--add "$BUILD/deb/uboot/fw_printenv:$tools/fw_printenv" \
	--add "$BUILD/deb/uboot/fw_printenv:$tools/fw_setenv" --env "UBOOT_TOOLS=$tools" \
	--env "PVKIT_SLOW=${PVKIT_SLOW:-1}" /usr/lib/pvkit/tests/selftests/bootflag/ubootenv.sh
status=$?
rm -f "$disk.kernel"
exit $status
