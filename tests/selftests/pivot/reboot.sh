#!/bin/sh
# SPDX-License-Identifier: MIT
# Past the point of no return: the owner's death and a state that takes too long end in a
# reboot with the owner's argument, which a boot flag keeps; and a reboot that somebody
# else asks for waits until the owner is through, or as long as it may. One that hangs on its
# way down becomes a reset.
# vm: reboot timeout=300 arch=x86_64

# shellcheck disable=SC2154 # from lib.sh
. "${0%/*}/lib.sh"

# Results of all boots count as one plan.
plan 11
boot=${BOOT:-1}
mkdir -p "$M"
modprobe pv_pivot
modprobe pv_bootflag
PARAMETERS=/sys/module/pv_pivot/parameters
FLAG=/sys/class/pv_bootflag/scratch
echo 'scratch medium=nvmem device=cmos_nvram0 offset=82 size=24 format=log modes=update,again' \
	>/sys/class/pv_bootflag/add

armed() {
	ext4_on_loop
	mount -o remount,ro "$M"
	begin
	must_say step sealed
	umount "$M"
	must_say wait released 10000
	must_say arm "$@"
	# what was printed is on its way
	sleep 1
}

not_fed() {
	[ "$(session .watchdog)" = 0 ]
}

# It has to go down by itself.
# goes_down WHAT SECONDS
goes_down() {
	sleep $(($2 * KTAP_SLOW))
	fail "$1" 'the machine goes down' "$(pvkit pivot status)"
	exit 1
}

case $boot in
1)
	echo 'force slot=1' >$FLAG/set
	armed update 100
	check_eq 'it is armed' armed "$(cat "$SYS/state")"
	kill -KILL "$owner"
	goes_down "the owner's death" 40
	;;
2)
	ktap_n=1
	check_eq "the owner's death: the flag is its argument" update "$(cat $FLAG/boot_mode)"
	armed again 3
	goes_down 'the limit' 40
	;;
3)
	ktap_n=2
	check_eq 'the limit: the flag is its argument' again "$(cat $FLAG/boot_mode)"
	armed update 100
	"$KTAP_DIR/../bootflag/restart_with" &
	sleep 4
	check_eq 'a reboot waits for the owner' armed "$(cat "$SYS/state")"
	check_match 'and says so' '*the reboot waits for up to 30 s*' "$(dmesg | tail -n 5)"
	must_say step closed
	goes_down 'the reboot that waited' 40
	;;
4)
	ktap_n=5
	check_eq 'it came as it was asked for, without an argument' '' "$(cat $FLAG/boot_mode)"
	check_eq 'and there is no session' idle "$(cat "$SYS/state")"
	armed update 1000
	echo 5 >$PARAMETERS/hold
	# the default, 30 s, would be longer than this waits
	"$KTAP_DIR/../bootflag/restart_with" again &
	goes_down 'a reboot that waited as long as it may' 28
	;;
5)
	ktap_n=7
	check_eq 'a reboot that waited as long as it may: as it was asked for' again \
		"$(cat $FLAG/boot_mode)"
	modprobe pvt_hang
	echo 3 >$PARAMETERS/reset
	armed update 1
	goes_down 'one that hangs' 40
	;;
6)
	ktap_n=8
	check_eq 'one that hangs on its way is a reset, and nobody kept the argument' '' \
		"$(cat $FLAG/boot_mode)"
	modprobe pvt_hang late=1
	modprobe softdog soft_margin=60
	wait_until 10 test -c /dev/watchdog
	echo 3 >$PARAMETERS/reset
	echo 1 >$PARAMETERS/hold
	armed update 1000
	must_say watchdog /dev/watchdog 900
	"$KTAP_DIR/../bootflag/restart_with" &
	wait_until 60 not_fed || :
	check_eq 'a watchdog is fed no more when the machine goes down' 0 "$(session .watchdog)"
	kill -KILL "$owner"
	goes_down 'one that hangs later' 40
	;;
7)
	ktap_n=10
	check_eq 'one that hangs later is a reset when the owner dies' '' "$(cat $FLAG/boot_mode)"
	finish
	;;
esac
