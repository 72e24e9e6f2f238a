# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the selftests of pv_bootflag share, beside what they share with those of
# pv_driver: each test has the module to itself, and the media that it made.

# shellcheck disable=SC2034,SC2154 # for and from that of pv_driver
MODULE=pv_bootflag
# shellcheck source=tests/selftests/driver/lib.sh
. "${0%/*}/../driver/lib.sh"

SYS=/sys/class/pv_bootflag
SIM=/sys/module/simflash/parameters
SIM_DATA=/sys/kernel/debug/simflash
PATH=$KTAP_DIR:$PATH

# --- stores ---------------------------------------------------------------------

# add NAME WORD...: a store, and it has to be accepted
add() {
	sysfs add "$*"
	[ "$status" = 0 ] || expect_ok "add $*: $(dmesg | tail -n 1)"
}

del() {
	sysfs del "$1"
	expect_ok "del $1"
}

# set_flags NAME FIELD=VALUE...: $status and $out say how that went
set_flags() {
	sf_name=$1
	shift
	sysfs "$sf_name/set" "$*"
}

must_set() {
	set_flags "$@"
	expect_ok "set $*"
}

# shellcheck disable=SC2154 # from there, too
# set_refused TEXT NAME FIELD=VALUE...
set_refused() {
	sr_text=$1
	shift
	set_flags "$@"
	[ "$status" != 0 ] || broken "set $* refused" success
	expect_match "why set $* was refused" "$sr_text" "$out"
}

flag() {
	cat "$SYS/$1/$2"
}

# expect_flag NAME FIELD VALUE
expect_flag() {
	expect "$2 of $1" "$3" "$(flag "$1" "$2")"
}

# What it says of itself comes along when it is not so.
expect_state() {
	state_is "$1" "$2" || broken "state of $1: $2" "$(state "$1") $(cat "$SYS/$1/error")"
}

expect_soon_state() {
	wait_until 30 state_is "$1" "$2" ||
		broken "state of $1 within 5 s: $2" "$(state "$1") $(cat "$SYS/$1/error")"
}

# stat NAME WHICH
stat_of() {
	sed -n "s/^$2 //p" "$SYS/$1/stats"
}

# --- media ------------------------------------------------------------------------

# simflash PARAMETER=VALUE...: a flash of the test's own, erased
simflash() {
	modprobe mtd
	modprobe simflash "$@"
}

# sim NAME [VALUE]: read or write a parameter of it
sim() {
	if [ $# = 1 ]; then
		cat "$SIM/$1"
	else
		echo "$2" >"$SIM/$1"
	fi
}

# The power goes and comes back.
power_cycle() {
	sim present 0
	sim present 1
}

# content: standard input lies in the flash from its beginning
content() {
	sim present 0
	dd of="$SIM_DATA" bs=1M iflag=fullblock conv=notrunc status=none
	sim present 1
}

fingerprint() {
	sha256sum <"$SIM_DATA"
}

# bytes COUNT OCTAL: so many times that byte
bytes() {
	head -c "$1" /dev/zero | tr '\0' "\\$2"
}

# --- boots ------------------------------------------------------------------------

del_all() {
	for da in "$SYS"/*/state; do
		[ -f "$da" ] || continue
		da=${da%/state}
		echo "${da##*/}" >"$SYS/del" 2>/dev/null || :
	done
}

# next_boot: what lies on the media stays, what this boot has found is forgotten
next_boot() {
	del_all
	wait_until 5 rmmod pv_bootflag 2>"$T/rmmod" || broken "rmmod pv_bootflag" "$(cat "$T/rmmod")"
	modprobe pv_bootflag
}

# --- putting things back -------------------------------------------------------------

put_back() {
	end_children
	del_all
	# what was found at boot is forgotten with the module
	rmmod pv_bootflag 2>/dev/null || :
	for pb in simflash simnvmem nandsim block2mtd mtdram; do
		rmmod "$pb" 2>/dev/null || :
	done
	modprobe pv_bootflag
}

what_there_is() {
	for wt in "$SYS"/*/state; do
		[ -f "$wt" ] || continue
		wt=${wt%/state}
		note "store ${wt##*/}: $(cat "$wt/state"), $(cat "$wt/medium") $(cat "$wt/format")"
		note "$(cat "$wt/error" "$wt/stats")"
	done
	[ ! -d "$SIM" ] || note "simflash: $(cd "$SIM" && grep -H . ./* | tr '\n' ' ')"
}
