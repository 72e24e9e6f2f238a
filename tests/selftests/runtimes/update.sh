#!/bin/sh
# SPDX-License-Identifier: MIT
# A whole Debian on a squashfs, with systemd as process 1, updates the partition that it runs
# from, and the kernel beside it: its services are stopped by it, and the machine comes up as the
# new one.
# vm: outside arch=x86_64 timeout=500
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/../pivot/update_lib.sh"

plan 5
new_bed 'state = LABEL=data ext4 /update'
# shellcheck disable=SC2034 # run_update_machine's
MEM=1024 LIMIT=240
updates_itself debian 'pvkit-union overlay rw' vda2
finish
