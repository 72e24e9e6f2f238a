# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the tests of pv_bootflag's netlink door share; read after lib.sh.

# nl ARG...: nl_flag; its output is in $out, its status in $status. $AS is put before.
AS=
nl() {
	status=0
	# shellcheck disable=SC2034,SC2086 # for lib.sh; words
	out=$($AS nl_flag "$@" 2>&1) || status=$?
}

must_nl() {
	nl "$@"
	expect_ok "$*"
}

# nl_refused ERRNO TEXT ARG...: at once, with that text
nl_refused() {
	nr_want=$1
	nr_text=$2
	shift 2
	nl "$@"
	expect "answer to: $* (all of it: $out)" "$nr_want" "$(field error)"
	[ -z "$nr_text" ] || expect_match "text of the answer to: $*" "$nr_text" "$(field text)"
}

# nl_set NAME ATTR...: and wait for the outcome
nl_set() {
	ns_name=$1
	shift
	nl --wait 20000 set "name=$ns_name" "$@"
}

must_nl_set() {
	nl_set "$@"
	expect "outcome (all of it: $out)" 0 "$(field outcome)"
}

# nl_fails ERRNO TEXT NAME ATTR...: an outcome, later
nl_fails() {
	nf_want=$1
	nf_text=$2
	shift 2
	nl_set "$@"
	expect "outcome of: $* (all of it: $out)" "$nf_want" "$(field outcome)"
	expect_match "text of the outcome of: $*" "$nf_text" "$(field text)"
}

generation() {
	must_nl store-get "name=$1"
	field generation
}

# watch FILE [NAME]: collects events in $T/FILE
watch() {
	wa_file=$1
	shift
	start "$T/$wa_file" nl_flag watch "$@"
	# shellcheck disable=SC2034,SC2154 # for the tests; from lib.sh
	watcher=$child
}

# heard FILE: all but the first line, on one line
heard() {
	grep -v '^ready$' "$T/$1" | tr '\n' ';' | sed -e 's/;$//' -e 's/;/; /g'
}

# A store in the machine's real RTC, with bytes that nobody else uses.
rtc() {
	rt_name=$1
	shift
	add "$rt_name" medium=nvmem device=cmos_nvram0 offset=64 size=1 format=magic width=1 \
		mode-recovery=0x52 mode-ota=7 "$@"
}

# rtc_byte [OCTAL]: read or write what is there, behind the store's back
rtc_byte() {
	rb=/sys/bus/nvmem/devices/cmos_nvram0/nvmem
	if [ $# = 1 ]; then
		# shellcheck disable=SC2059 # octal
		printf "\\$1" | dd of=$rb bs=1 seek=64 conv=notrunc status=none
	else
		dd if=$rb bs=1 skip=64 count=1 status=none | od -An -tx1 | tr -d ' '
	fi
}
