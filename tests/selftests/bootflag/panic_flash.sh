#!/bin/sh
# SPDX-License-Identifier: MIT
# A panic writes to flash whose driver can, also when the block is full by then; where
# it can't, `armed` tells the next boot that the last one did not end well. The flash
# lies in memory that the machine leaves alone over a reset.
# vm: allow-panic timeout=400
# vm: append=memmap=64K$0x10000000

. "${0%/*}/lib.sh"

plan 14
boot=${BOOT:-1}
modprobe pv_bootflag

# flash PARAMETER...: and misc on it
flash() {
	simflash address=0x10000000 blocks=8 erase=1024 "$@"
	add misc medium=mtd device=simflash format=log rate=none modes=crash,ota panic=crash armed
	wait_until 10 not state_is misc absent || :
}

# sets until a block is begun, with as much in each; or COUNT of them
sets() {
	se_erases=$(stat_of misc erases)
	se_n=0
	while [ "$se_n" -lt "${1:-200}" ]; do
		se_n=$((se_n + 1))
		# what is there already would not be written
		must_set misc "tries=$((3 - $(flag misc tries)))"
		[ $# = 0 ] && [ "$(stat_of misc erases)" != "$se_erases" ] && break
	done
	[ $# = 1 ] || echo "$se_n"
}

crash() {
	sleep 1
	echo c >/proc/sysrq-trigger
	sleep 60
}

restart() {
	sleep 1
	restart_with
}

case $boot in
1)
	flash panic_write=1
	# what lies there is of no format
	set_flags misc force slot=1 tries=2
	check_eq 'a store with panic= takes flags' '0 ' "$status $out"
	check_match 'its guarantee says panic' '*panic*' "$(flag misc guarantee)"
	add bcb medium=mtd device=simflash format=bcb panic=ota
	check_eq 'a format that would have to erase does not say so' '' \
		"$(grep -o panic "$SYS/bcb/guarantee" || :)"
	del bcb
	# given a block with just no room for one more
	sets >/dev/null
	n=$(sets)
	check 'a block takes some sets' [ "$n" -gt 3 ]
	sets $((n - 1))
	crash
	;;
2)
	ktap_n=4
	flash panic_write=1
	check_eq 'the panic set the mode' crash "$(flag misc boot_mode)"
	check_eq 'and left the rest as it was' '1' "$(flag misc boot_slot)"
	check_eq 'armed was still set' 1 "$(flag misc boot_armed)"
	check_eq 'the mode was for one boot' '' "$(flag misc mode)"
	restart
	;;
3)
	ktap_n=8
	flash panic_write=0
	check_eq 'after a clean end it is not' '' "$(flag misc boot_armed)"
	check_eq 'nor is there a mode' '' "$(flag misc boot_mode)"
	check_eq 'a flash whose driver cannot does not say panic' '' \
		"$(grep -o panic "$SYS/misc/guarantee" || :)"
	crash
	;;
4)
	ktap_n=11
	flash panic_write=0
	check_eq 'the panic wrote nothing' '' "$(flag misc boot_mode)"
	check_eq 'but armed tells of it' 1 "$(flag misc boot_armed)"
	check_eq 'and the rest is as it was' 1 "$(flag misc boot_slot)"
	finish
	;;
esac
