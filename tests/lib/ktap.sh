# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# KTAP for shell tests. A test is an executable tests/selftests/GROUP/NAME.sh:
#
#   #!/bin/sh
#   # SPDX-License-Identifier: MIT
#   # What is tested, in a sentence.
#   . "${0%/*}/../../lib/ktap.sh"
#
#   plan 3
#   need_module pv_driver
#   on_exit rmmod pv_driver
#
#   # given a registered alias
#   echo 'net0 dummy' >/sys/class/pv_driver/register
#   # when it is loaded, then the kernel has the module
#   check 'load succeeds' sh -c 'echo load >/sys/class/pv_driver/net0/control'
#   check_eq 'state is loaded' loaded "$(cat /sys/class/pv_driver/net0/state)"
#   check_fails 'a name with a slash is refused' 'Invalid argument' \
#       sh -c 'echo a/b dummy >/sys/class/pv_driver/register'
#   finish
#
#   plan N                   N results will follow. Fewer or more is a failure.
#   check NAME CMD...        CMD succeeds
#   check_fails NAME TEXT CMD...  CMD fails and its output contains TEXT
#   check_eq NAME EXPECTED GOT    strings are the same
#   check_match NAME PATTERN GOT  GOT matches the shell pattern (use *)
#   check_within S NAME CMD...    CMD succeeds within S seconds (tried anew
#                                 ten times a second)
#   pass NAME / fail NAME EXPECTED GOT    for everything else
#   skip NAME REASON         one result
#   skip_all REASON          the whole test; ends it with status 4
#   wait_for S CMD...        as in check_within, but no result
#   note TEXT...             a comment in the output
#   on_exit CMD...           run at the end, the last one first, come what may
#   need_module NAME         load it, or fail the test
#   finish                   ends the test: status 0, or 1 if a result failed
#
# $KTAP_TMP is an empty directory that goes away at the end. A failure prints
# what was expected, what was got, and what the kernel said since the last
# result. Times are stretched by PVKIT_SLOW (1), for machines and kernels that
# are slower than usual. `set -eu` is in force: a command that fails outside a check ends the
# test, and its missing results are failures.
#
# In the VM each test runs as root with a time limit of 120 s, several tests in
# one machine. A header line asks for something else:
#
#   # vm: own                a machine of its own
#   # vm: timeout=300        a longer limit
#   # vm: mem=256            MiB of memory            (implies own)
#   # vm: disk=16M           /dev/vda, empty; repeatable  (implies own)
#   # vm: append=WORD        for the kernel's command line (implies own)
#   # vm: arch=arm64         only there; on others it is not part of the group
#   # vm: overlay=FILE       source of a device tree overlay beside the test, merged
#                            into the machine's tree    (arm64; implies own)
#   # vm: outside            no machine: the test runs beside scripts/vm and starts what
#                            it watches (KERNEL, BUILD and LOGS are in its environment)
#   # vm: reboot             the test reboots the machine and goes on with
#                            $BOOT = 2 and so on       (implies own)
#   # vm: allow-panic        it panics on purpose      (implies reboot)
#
# Programs: tests/selftests/GROUP/test_NAME.c is a test (see ktap.h); any other
# .c there is built into a helper that lies beside the scripts: "$KTAP_DIR/NAME".

set -eu
export LC_ALL=C

# shellcheck disable=SC2034 # for the tests
KTAP_DIR=$(cd "${0%/*}" && pwd)
KTAP_TMP=$(mktemp -d)
KTAP_SLOW=${PVKIT_SLOW:-1}
ktap_n=0
ktap_failed=0
ktap_plan=
ktap_exit=

ktap_cleanup() {
	ktap_status=$?
	trap - EXIT
	set +e
	eval "$ktap_exit"
	rm -rf "$KTAP_TMP"
	if [ "$ktap_status" != 0 ] && [ "$ktap_status" != 4 ] && [ "$ktap_n" != "$ktap_plan" ]; then
		echo "# ended with status $ktap_status after result $ktap_n of ${ktap_plan:-?}"
		ktap_log
	fi
	exit "$ktap_status"
}
trap ktap_cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Quotes its arguments so that the shell reads them back as they are.
ktap_quote() {
	for ktap_word in "$@"; do
		printf "'%s' " "$(printf '%s' "$ktap_word" | sed "s/'/'\\\\''/g")"
	done
}

on_exit() {
	ktap_exit="$(ktap_quote "$@"); $ktap_exit"
}

note() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

plan() {
	ktap_plan=$1
	echo "KTAP version 1"
	echo "1..$1"
	ktap_mark
}

# What the kernel has said since the last mark, the end of it.
ktap_log() {
	dmesg 2>/dev/null | awk '
		/ ktap: / { n = 0; next }
		{ line[++n] = $0 }
		END { for (i = n > 20 ? n - 19 : 1; i <= n; i++) print "# log: " line[i] }'
}

# Each result is a line in the kernel's log, so that it is seen there what came when.
# No program is started for it, there are thousands of these.
ktap_mark() {
	[ ! -c /dev/kmsg ] || { echo "<6>ktap: ${0##*/} $ktap_n" >/dev/kmsg; } 2>/dev/null || :
}

pass() {
	ktap_n=$((ktap_n + 1))
	echo "ok $ktap_n $1"
	ktap_mark
}

fail() {
	ktap_n=$((ktap_n + 1))
	ktap_failed=$((ktap_failed + 1))
	echo "not ok $ktap_n $1"
	printf '%s\n' "$2" | sed 's/^/# expected: /'
	printf '%s\n' "$3" | sed 's/^/# got:      /'
	ktap_log
	ktap_mark
}

skip() {
	ktap_n=$((ktap_n + 1))
	echo "ok $ktap_n $1 # SKIP $2"
	ktap_mark
}

skip_all() {
	echo "KTAP version 1"
	echo "1..0 # SKIP $*"
	exit 4
}

check() {
	ktap_name=$1
	shift
	if "$@" >"$KTAP_TMP/.out" 2>&1; then
		pass "$ktap_name"
	else
		fail "$ktap_name" "$* succeeds" "status $?: $(cat "$KTAP_TMP/.out")"
	fi
}

check_fails() {
	ktap_name=$1
	ktap_want=$2
	shift 2
	if "$@" >"$KTAP_TMP/.out" 2>&1; then
		fail "$ktap_name" "$* fails: $ktap_want" "success: $(cat "$KTAP_TMP/.out")"
	elif grep -qF -e "$ktap_want" "$KTAP_TMP/.out"; then
		pass "$ktap_name"
	else
		fail "$ktap_name" "$* fails: $ktap_want" "$(cat "$KTAP_TMP/.out")"
	fi
}

check_eq() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "$2" "$3"
	fi
}

check_match() {
	# shellcheck disable=SC2254 # a pattern is what was asked for
	case $3 in
	$2) pass "$1" ;;
	*) fail "$1" "$2" "$3" ;;
	esac
}

wait_for() {
	ktap_tries=$(($1 * 10 * KTAP_SLOW))
	shift
	while ! "$@" >/dev/null 2>&1; do
		ktap_tries=$((ktap_tries - 1))
		[ "$ktap_tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

check_within() {
	ktap_limit=$1
	ktap_name=$2
	shift 2
	if wait_for "$ktap_limit" "$@"; then
		pass "$ktap_name"
	else
		"$@" >"$KTAP_TMP/.out" 2>&1 || true
		fail "$ktap_name" "$* succeeds within $ktap_limit s" "$(cat "$KTAP_TMP/.out")"
	fi
}

need_module() {
	if [ ! -d "/sys/module/$1" ] && ! modprobe "$1"; then
		echo "# no module $1"
		exit 1
	fi
}

finish() {
	[ "$ktap_failed" = 0 ] || exit 1
	exit 0
}
