#!/bin/sh
# SPDX-License-Identifier: MIT
# Stores that the device tree describes, in reserved memory and in registers of a system
# controller, and what is left of them after a warm reboot.
# vm: arch=arm64 overlay=tree.dtso reboot timeout=300

. "${0%/*}/lib.sh"

plan 17
boot=${BOOT:-1}
modprobe pv_bootflag

restart() {
	sleep 1
	restart_with "$@"
}

case $boot in
1)
	for s in warm mode count; do
		check "the tree's store $s is there" [ -d "$SYS/$s" ]
	done
	check 'what the tree describes wrongly is not' not [ -d "$SYS/wrong" ]
	check_match 'and the log says why' '*no memory-region*' "$(dmesg | grep 'no store wrong')"
	check_match 'memory is warm' '*warm*panic*' "$(flag warm guarantee)"
	set_flags warm force mode=ota slot=1 tries=2 'reason="a word or two"'
	check_eq 'memory takes flags' 0 "$status"
	set_flags mode force mode=recovery
	check_eq 'a register takes a mode' 0 "$status"
	set_flags count force tries=4
	check_eq 'a register takes tries' 0 "$status"
	check_fails 'reserved memory is not given twice' 'another driver' sh -c \
		"echo 'x medium=ram address=0x5f000000 size=4096 format=log' >$SYS/add
		cat $SYS/x/error; exit 1"
	restart
	;;
2)
	ktap_n=10
	check_eq 'memory has the mode after the reboot' ota "$(flag warm boot_mode)"
	check_eq 'and the slot' '1 2' "$(flag warm boot_slot) $(flag warm boot_tries)"
	check_eq 'the register has the mode' recovery "$(flag mode boot_mode)"
	check_eq 'and it was for one boot' '' "$(flag mode mode)"
	check_eq 'the other has the tries' 4 "$(flag count boot_tries)"
	restart recovery
	;;
3)
	ktap_n=15
	check_eq "reboot's argument is in memory" recovery "$(flag warm boot_mode)"
	check_eq 'and in the register' recovery "$(flag mode boot_mode)"
	finish
	;;
esac
