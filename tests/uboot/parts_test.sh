#!/bin/sh
# SPDX-License-Identifier: MIT
# No U-Boot, but a kernel's source, which is here for the flash kernel: what the kernel's own
# parser makes of mtdparts= is what ours does (tests/selftests/boot/kernel_parts.sh).

set -eu
build=${BUILD:?}
[ -f "$build/6.1/src/tests/modules/cmdlinepart.ko" ] || {
	echo "# the kernel's parser was not built, log in $build/logs/make.log"
	exit 1
}
exec "${0%/*}/../../scripts/vm" --timeout 350 --log "$build/logs/kernel_parts.kernel" \
	/usr/lib/pvkit/tests/selftests/boot/kernel_parts.sh
