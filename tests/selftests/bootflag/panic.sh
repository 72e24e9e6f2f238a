#!/bin/sh
# SPDX-License-Identifier: MIT
# A panic writes to the memory of the CMOS clock what was prepared for it, and only
# where the description vouches for that; `armed` tells of an end without any word.
# vm: allow-panic timeout=240

. "${0%/*}/lib.sh"

plan 11
boot=${BOOT:-1}
modprobe pv_bootflag
# %61 is an a, as %20 is a blank; what lies between 0x50 and 0x5f of the clock is the firmware's
add told medium=nvmem device=cmos_nvram0 offset=82 size=24 format=log atomic \
	modes=crash,ota panic=cr%61sh
add armed medium=nvmem device=cmos_nvram0 offset=50 size=16 format=log armed panic=ota \
	modes=crash,ota
# the byte behind it is somebody else's
add small medium=nvmem device=cmos_nvram0 offset=108 size=2 format=magic width=1 atomic \
	mode-crash=0x5a panic=crash
beside=/sys/bus/nvmem/devices/cmos_nvram0/nvmem
for s in told armed small; do
	wait_until 10 not state_is $s absent || :
done

case $boot in
1)
	# the machine's firmware leaves what it likes there
	set_flags told force slot=1 tries=2
	check_eq 'a store with panic= takes flags' 0 "$status"
	expect_match 'guarantee' panic "$(flag told guarantee)"
	pass 'it says that a panic is written'
	set_flags armed force slot=1 armed=1
	check_eq 'a store with armed takes flags' 0 "$status"
	check_eq 'it does not say so of a panic' '' "$(flag armed guarantee | grep -o panic || :)"
	sysfs small/set mode=
	printf B | dd of=$beside bs=1 seek=109 conv=notrunc status=none
	sleep 1
	echo c >/proc/sysrq-trigger
	sleep 60
	;;
2)
	ktap_n=4
	check_eq 'the panic set the mode' crash "$(flag told boot_mode)"
	check_eq 'and left the rest as it was' '1 2' "$(flag told boot_slot) $(flag told boot_tries)"
	check_eq 'a store that is not vouched for has no mode' '' "$(flag armed boot_mode)"
	check_eq 'but was still armed' 1 "$(flag armed boot_armed)"
	check_eq 'a number of one byte was written' crash "$(flag small boot_mode)"
	check_eq 'and what others wrote beside it stays' B \
		"$(dd if=$beside bs=1 skip=109 count=1 status=none)"
	sleep 1
	restart_with
	;;
3)
	ktap_n=10
	check_eq 'after a clean end it is not' '' "$(flag armed boot_armed)"
	finish
	;;
esac
