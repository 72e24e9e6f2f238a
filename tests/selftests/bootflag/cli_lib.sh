# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the tests of `pvkit flag` and `pvkit slot` share.

# A store in the RTC of the machine; no configuration but what a test makes.
RTC='medium=nvmem device=cmos_nvram0 offset=64 size=1 format=magic width=1 mode-recovery=0x52 mode-ota=7'

# pvkit_ ARG...: $out and $err are what it printed, $status its exit status
pvkit_() {
	status=0
	out=$($AS "$PVKIT" "$@" 2>"$T/err") || status=$?
	err=$(cat "$T/err")
}

AS=
PVKIT=$(command -v pvkit)

# pvkit ARG...: it has to succeed
pvkit() {
	pk_status=0
	command pvkit "$@" || pk_status=$?
	[ "$pk_status" = 0 ] || broken "success of pvkit $*" "status $pk_status"
}

# as_user pvkit_ ARG...: as somebody without any right
as_user() {
	AS='setpriv --reuid 1000 --regid 1000 --clear-groups'
	"$@"
	AS=
}

# says STATUS OUT ERR: all of it
says() {
	expect "exit status (stderr: $err)" "$1" "$status"
	expect stdout "$2" "$out"
	expect stderr "$3" "$err"
}

# answers FILTER EXPECTED: what jq finds in the output
answers() {
	expect "jq '$1' of $out" "$2" "$(printf '%s\n' "$out" | jq -c "$1" 2>&1)"
}

alive() {
	kill -0 "$1" 2>/dev/null
}

# rtc_byte OFFSET: of the RTC's scratch memory, as hexadecimal
rtc_byte() {
	od -An -tx1 -j "$1" -N 1 /sys/bus/nvmem/devices/cmos_nvram0/nvmem | tr -d ' '
}

# add_rtc: a store that nobody has written to
add_rtc() {
	dd if=/dev/zero of=/sys/bus/nvmem/devices/cmos_nvram0/nvmem bs=1 seek=64 count=16 \
		conv=notrunc status=none
	pvkit flag add rtc "$RTC"
}

# rtc: one mode; misc: slots, on flash; late: its medium does not come
two_stores() {
	simflash blocks=2
	add_rtc >/dev/null
	pvkit flag add misc medium=mtd device=simflash format=bcb rate=none
	pvkit flag add late medium=mtd device=nowhere format=bcb
}
