#!/bin/sh
# SPDX-License-Identifier: MIT
# Stores that the device tree describes: in reserved memory, in registers of a system
# controller, in cells of an nvmem, in partitions of a flash; and what is left of them
# after a warm reboot.
# vm: arch=arm64 overlay=tree.dtso reboot timeout=400

. "${0%/*}/lib.sh"

plan 37
boot=${BOOT:-1}
modprobe pv_bootflag
modprobe mtd
modprobe simnvmem
modprobe simflash

restart() {
	sleep 1
	restart_with "$@"
}

there() {
	[ -d "$SYS/$1" ] && ! state_is "$1" absent
}

# Whose driver came last is told of it last.
for s in warm mode low count cell cell-log by-node by-name; do
	wait_until 20 there $s || note "$s is not there"
done

# takes NAME FIELD=VALUE...
takes() {
	ta_name=$1
	set_flags "$@"
	check_eq "$ta_name takes flags" '0 ' "$status $out"
}

case $boot in
1)
	for s in warm mode low count cell cell-log by-node by-name; do
		check "the tree's store $s is there" there $s
	done
	check 'what the tree describes wrongly is not' not [ -d "$SYS/wrong" ]
	check_match 'and the log says why' '*no memory-region*' "$(dmesg | grep 'no store wrong')"
	check 'nor is a cell that is smaller than its word' not [ -d "$SYS/cell-half" ]
	check_match 'and the log says why' '*are not whole words*' \
		"$(dmesg | grep 'no store cell-half')"
	check_eq 'one whose word is not told is, and fails' failed "$(flag cell-byte state)"
	check_match 'memory is warm' '*warm*panic*' "$(flag warm guarantee)"
	check_eq 'mode-* is what the number can be' 'normal ota recovery' \
		"$(flag cell modes | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/ $//')"
	takes warm force mode=ota slot=1 tries=2 'reason="a word or two"'
	takes mode force mode=recovery
	takes low force mode=low
	takes count force tries=4
	takes cell force mode=ota
	takes cell-log force mode=recovery slot=1 tries=7
	takes by-node force mode=ota slot=1 tries=7 'reason="by its node"'
	takes by-name force slot=1 tries=5 successful=0
	check_fails 'reserved memory is not given twice' 'another driver' sh -c \
		"echo 'x medium=ram address=0x5f000000 size=4096 format=log' >$SYS/add
		cat $SYS/x/error; exit 1"
	restart
	;;
2)
	ktap_n=24
	check_eq 'memory has the mode after the reboot' ota "$(flag warm boot_mode)"
	check_eq 'and the slot' '1 2' "$(flag warm boot_slot) $(flag warm boot_tries)"
	check_eq 'the register has the mode' recovery "$(flag mode boot_mode)"
	check_eq 'and it was for one boot' '' "$(flag mode mode)"
	check_eq 'other bits of it have theirs, which is kept' low "$(flag low mode)"
	check_eq 'the other has the tries' 4 "$(flag count boot_tries)"
	check_eq 'the cell has the mode, and then what is normal' 'ota  02556677' \
		"$(flag cell boot_mode) $(flag cell mode) $(dd bs=4 skip=4 count=1 status=none \
		if=/sys/bus/nvmem/devices/simnvmem/nvmem | od -An -tx1 | tr -d ' ')"
	check_eq 'the other the slot, and knows of a clean end' '1 7 ' \
		"$(flag cell-log boot_slot) $(flag cell-log boot_tries) $(flag cell-log boot_armed)"
	check_eq 'the partition that the tree names has the mode' 'ota by its node' \
		"$(flag by-node boot_mode) $(flag by-node boot_reason)"
	check_eq 'that of a name the slot, and a try was taken' '1 5 4' \
		"$(flag by-name boot_slot) $(flag by-name boot_tries) $(flag by-name tries)"
	restart recovery
	;;
3)
	ktap_n=34
	all=
	for s in warm mode low cell by-node by-name; do
		all="$all $(flag $s boot_mode)"
	done
	check_eq "reboot's argument is in all that know it" \
		' recovery recovery recovery recovery recovery recovery' "$all"
	check_eq 'but where the tree says that it is not for it' '' "$(flag cell-log boot_mode)"
	check_eq 'what else they had they still have' '1 7 1 2 3' \
		"$(flag by-node slot) $(flag by-node tries) $(flag warm slot) $(flag warm tries) $(flag by-name tries)"
	finish
	;;
esac
