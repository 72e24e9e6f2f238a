# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# tell: how the stories of `make demo` are told and checked. A story says what is
# to be seen when it goes wrong, in a function state_of_things.

T=$(mktemp -d)

bold='' dim='' green='' red='' off=''
if [ "${1:-}" = --color ]; then
	bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' off=$'\e[0m'
fi

# --- telling ------------------------------------------------------------------

steps=0
commands=0
out=

now_ms() {
	awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime
}

seconds_since() {
	awk -v since="$1" '{ printf "%.0f\n", $1 - since / 1000 }' /proc/uptime
}

step() {
	steps=$((steps + 1))
	printf '\n%s%2d. %s%s\n' "$bold" "$steps" "$1" "$off"
}

say() {
	printf '    %s# %s%s\n' "$dim" "$1" "$off"
}

# run PROMPT SHOWN COMMAND...: it has to succeed, or end with status $expect (any:
# with any but 0). Its output is in $out.
run() {
	local shown=$2 status=0
	printf '    %s%s%s %s\n' "$green" "$1" "$off" "$shown"
	commands=$((commands + 1))
	shift 2
	# a file: what the command leaves running would hold a pipe open
	: >"$T/out"
	timeout 60 "$@" >>"$T/out" 2>&1 </dev/null || status=$?
	out=$(cat "$T/out")
	[ -z "$out" ] || printf '%s\n' "$out" | sed 's/^/    /'
	[ "$status" = 0 ] || printf '    %s(exit status %d)%s\n' "$dim" "$status" "$off"
	case ${expect:-0} in
	any) [ "$status" != 0 ] || failed "$shown fails" 'it succeeded' ;;
	"$status") ;;
	*) failed "exit status ${expect:-0} of $shown" "$status" ;;
	esac
}

host() {
	run '$' "$1" bash -c "$1"
}

# --- checking -----------------------------------------------------------------

failed() {
	printf '\n%sdemo: step %d did not go as told%s\n' "$red" "$steps" "$off"
	printf '  expected: %s\n' "$1"
	printf '  got:      %s\n' "$2"
	echo '  the state of things:'
	{
		state_of_things
		dmesg | tail -n 15
	} 2>&1 | sed 's/^/    /'
	exit 1
}

# has PATTERN: an extended regular expression in one line of the output
has() {
	grep -qE -e "$1" "$T/out" || failed "a line with $1" "$out"
}

has_not() {
	! grep -qE -e "$1" "$T/out" || failed "no line with $1" "$out"
}

# soon SECONDS COMMAND...: until it succeeds
soon() {
	local end=$(($(now_ms) + $1 * 1000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$end" ] || return 1
		sleep 0.1
	done
}
