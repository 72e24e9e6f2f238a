#!/bin/sh
# SPDX-License-Identifier: MIT
# A medium whose write hangs holds up a reboot for ten seconds, all such media
# together, and no other store is the worse for it.
# vm: reboot timeout=300

. "${0%/*}/lib.sh"

plan 7
boot=${BOOT:-1}
modprobe pv_bootflag
add good medium=nvmem device=cmos_nvram0 offset=82 size=24 format=log modes=recovery
CLOCK=/sys/bus/nvmem/devices/cmos_nvram0/nvmem

# The chip's own time: a kernel that has measured its timer wrongly is seconds off.
RTC=/sys/class/rtc/rtc0/since_epoch

restart() {
	tr -d '\n' <$RTC | dd of=$CLOCK bs=1 seek=50 conv=notrunc status=none
	restart_with recovery
}

# how long the kernel before took to its end, in seconds
end_took() {
	began=$(dd if=$CLOCK bs=1 skip=50 count=10 status=none)
	now=$(cat $RTC)
	read -r up _ </proc/uptime
	took=$((now - ${up%.*} - began))
	note "from the reboot to the next kernel's start: $took s"
}

case $boot in
1)
	modprobe simnvmem
	simflash
	# first in the list, and what comes after them has to be written all the same
	del good
	add flash medium=mtd device=simflash format=log modes=recovery
	add rtc medium=nvmem device=simnvmem size=32 format=log modes=recovery
	add good medium=nvmem device=cmos_nvram0 offset=82 size=24 format=log modes=recovery
	sim stall 1
	echo 1 >/sys/module/simnvmem/parameters/stall
	# one is hanging already, the other will
	background "$T/set" sh -c "echo slot=1 >$SYS/flash/set"
	sleep 1
	check 'a set of a medium that hangs waits' kill -0 "$child"
	set_flags good force slot=1 tries=2
	check_eq 'others take flags meanwhile' '0 ' "$status $out"
	sleep 1
	restart
	;;
2)
	ktap_n=2
	end_took
	check_eq "reboot's argument is in the store that can be written" recovery \
		"$(flag good boot_mode)"
	check 'it was waited for those that hang' [ "$took" -ge 10 ]
	check 'for ten seconds, not for each' [ "$took" -lt $((23 * KTAP_SLOW)) ]
	# the same with nothing that hangs
	restart
	;;
3)
	ktap_n=5
	end_took
	check_eq "reboot's argument is there" recovery "$(flag good boot_mode)"
	check 'and nothing was waited for' [ "$took" -lt $((8 * KTAP_SLOW)) ]
	finish
	;;
esac
