#!/bin/sh
# SPDX-License-Identifier: MIT
# What one boot sets the next one finds: in the memory of the real CMOS clock, which
# only a warm reset leaves alone, and in misc on a disk. A mode is for one boot.
# vm: disk=4M reboot timeout=240

. "${0%/*}/lib.sh"

# Results of all boots count as one plan.
plan 14
boot=${BOOT:-1}
modprobe pv_bootflag
modprobe block2mtd block2mtd=/dev/vda,65536,misc
add scratch medium=nvmem device=cmos_nvram0 offset=82 size=24 format=log \
	modes=recovery,ota
add misc medium=mtd device=misc format=bcb modes=recovery,bootloader reboot=no

# restart [ARGUMENT]: without sync, as whoever sets a flag does not have to
restart() {
	# what was printed is on its way
	sleep 1
	restart_with "$@"
}

settled() {
	wait_until 10 not state_is "$1" absent || :
}

settled scratch
settled misc
case $boot in
1)
	set_flags scratch force mode=recovery slot=1 tries=3
	check_eq 'the clock takes flags' 0 "$status"
	set_flags misc force mode=bootloader slot=1 tries=5
	check_eq 'misc takes flags' 0 "$status"
	restart
	;;
2)
	ktap_n=2
	check_eq 'the clock has the mode after the reboot' recovery "$(flag scratch boot_mode)"
	check_eq 'and the slot' 1 "$(flag scratch boot_slot)"
	check_eq 'and its tries' 3 "$(flag scratch boot_tries)"
	check_eq 'the mode was for one boot' '' "$(flag scratch mode)"
	check_eq 'the slot stays' 1 "$(flag scratch slot)"
	check_eq 'misc has the mode' bootloader "$(flag misc boot_mode)"
	check_eq 'and the slot' 1 "$(flag misc boot_slot)"
	check_eq 'a bootloader would see no mode now' '' \
		"$(dd if=/dev/mtd0 bs=32 count=1 status=none | tr -d '\0')"
	restart ota
	;;
3)
	ktap_n=10
	check_eq "reboot's argument is a mode that the clock's store knows" ota \
		"$(flag scratch boot_mode)"
	check_eq 'and not for misc, which is told reboot=no' '' "$(flag misc boot_mode)"
	restart 'kexec reboot'
	;;
4)
	ktap_n=12
	check_eq 'an argument that no store knows passes through' '' "$(flag scratch boot_mode)"
	check_eq 'and touches nothing else' 1 "$(flag scratch boot_slot)"
	finish
	;;
esac
