#!/bin/sh
# SPDX-License-Identifier: MIT
# A root by what it is called, and what is said where there is none of that name. What
# numbers and names are read is tests/unit/init_block_test.sh's.
# vm: outside timeout=400
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 10

uuid=0b9e4c1c-7a66-4e3f-9d0a-5f1e2d3c4b5a

# given an ext4 with a number and a name, and a disk with two partitions, the second of
# which is a squashfs
busybox_root root <<'END'
is /
END
ext4_image root ext4.img -U $uuid -L rootfs
squashfs_image root squashfs.img
truncate -s 32M gpt.img
sfdisk -q gpt.img <<END
label: gpt
1: start=2048, size=4096, uuid=11111111-2222-4333-8444-555566667777, name="first"
2: start=8192, size=32768, name="system-b"
END
dd if=squashfs.img of=gpt.img bs=512 seek=8192 conv=notrunc status=none
initramfs init.cpio --module ext4 --module squashfs

# given NAME WANT: root=NAME finds what is mounted as WANT
found() {
	machine init.cpio --disk gpt.img --disk ext4.img --append "root=$1" --append pvkit.root-wait=3
	check_eq "root=$1" "$2" "$(cat "$OUT")"
}

found "UUID=$(echo $uuid | tr '[:lower:]' '[:upper:]')" '/dev/vdb ext4 ro'
found 'PARTUUID=11111111-2222-4333-8444-555566667777/PARTNROFF=1' '/dev/vda2 squashfs ro'
found PARTLABEL=system-b '/dev/vda2 squashfs ro'

# given a name that no device has
machine init.cpio --once --disk gpt.img --append root=LABEL=nothing --append pvkit.root-wait=2
check_eq 'a name that is none: the machine reboots' 3 "$STATUS"
check_eq 'and the console says which name' \
	'pvkit-init: root=LABEL=nothing: no block device is that one' "$(console_line 'no block device')"

# given a type that it is not
machine init.cpio --once --disk gpt.img --append root=/dev/vda2 --append rootfstype=ext4
check_eq 'a type that it is not: the machine reboots' 3 "$STATUS"
check_match 'and the console says what was tried' \
	'pvkit-init: root=/dev/vda2: /dev/vda2 as ext4: *' "$(console_line ' as ext4')"

# given a disk that is plugged in eight seconds after it was missed
# shellcheck disable=SC2317 # called by check
late() {
	wait_for 60 grep -q 'waiting up to' "$CONSOLE" && sleep 8 && plug_disk ext4.img
}
start_machine init.cpio --once --qmp "$QMP" --append root=LABEL=rootfs
check 'a disk that comes late: it can be plugged in' late
end_machine
check_eq 'a disk that comes late: is the root' '/dev/vda ext4 ro' "$(sed -n 1p "$OUT")"
check_eq 'a disk that comes late: the console has said what it waits for' \
	'pvkit-init: waiting up to 30 s for root=LABEL=rootfs' "$(console_line 'waiting up to')"
finish
