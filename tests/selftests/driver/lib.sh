# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the selftests of pv_driver share. A test is a function named
# test_WHAT_IT_SAYS; run_tests, at the end of a file, runs all of the file, each
# in a subshell that ends with the first expectation that does not hold, and
# puts the machine back as it was after each. $T is a directory to write to.

# shellcheck source=tests/lib/ktap.sh
. "${0%/*}/../../lib/ktap.sh"

SELF=$0
SYS=/sys/class/pv_driver
CGROOT=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
T=$KTAP_TMP
DRIVER_TESTS=$KTAP_DIR/../driver
PATH=$DRIVER_TESTS:$PATH:/usr/sbin:/sbin
export PATH

# --- expectations: the first that does not hold ends the test -----------------

# broken EXPECTED GOT
broken() {
	printf '%s\n' "$1" >"$T/expected"
	printf '%s\n' "$2" >"$T/got"
	exit 1
}

# not_here REASON: the test cannot be run on this machine
not_here() {
	echo "$*" >"$T/reason"
	exit 4
}

# expect WHAT EXPECTED GOT
expect() {
	[ "$2" = "$3" ] || broken "$1: $2" "$3"
}

# expect_match WHAT PATTERN TEXT: an extended regular expression in one of its lines
expect_match() {
	printf '%s\n' "$3" | grep -qE -e "$2" || broken "$1: a match of $2" "$3"
}

# expect_less WHAT LIMIT GOT: "milliseconds" of something may be more on a slow
# machine, as may the time that is waited below
expect_less() {
	case $1 in
	milliseconds*) el_limit=$(($2 * KTAP_SLOW)) ;;
	*) el_limit=$2 ;;
	esac
	[ "$3" -lt "$el_limit" ] || broken "$1: less than $el_limit" "$3"
}

now_ms() {
	read -r nm_up _ </proc/uptime
	echo "${nm_up%.*}${nm_up#*.}0"
}

# wait_until SECONDS COMMAND...: until it succeeds; false when it never did
wait_until() {
	wu_end=$(($(now_ms) + $1 * 1000 * KTAP_SLOW))
	shift
	until "$@"; do
		[ "$(now_ms)" -lt "$wu_end" ] || return 1
		sleep 0.05
	done
}

# expect_soon SECONDS COMMAND...: SECONDS on a machine that has nothing else to do; one that
# has gets 30 all the same (how quick something is, expect_less says)
expect_soon() {
	es_limit=$1
	shift
	[ "$es_limit" -ge 30 ] || es_limit=30
	wait_until "$es_limit" "$@" && return 0
	broken "within $es_limit s: $*" "$("$@" 2>&1 || echo "status $?")"
}

not() {
	! "$@"
}

has_line() {
	grep -qxF -e "$2" "$1"
}

# --- children: whatever a test starts ends with it ------------------------------

# background OUTPUT COMMAND...: its pid is in $child. Descriptors 5 and 6 are the
# test's own.
background() {
	bg_out=$1
	shift
	"$@" >"$bg_out" 2>&1 </dev/null 5>&- 6>&- &
	child=$!
	echo "$child" >>"$T/children"
}

# start OUTPUT COMMAND...: like background, and waits for its line "ready"
start() {
	background "$@"
	st_out=$1
	shift
	wait_until 30 has_line "$st_out" ready || broken "$* gets ready" "$(cat "$st_out")"
}

# end PID [SIGNAL]: end it and wait; its status is in $status
end() {
	kill "-${2:-TERM}" "$1" 2>/dev/null || :
	status=0
	wait "$1" 2>/dev/null || status=$?
}

# --- asking pv_driver -----------------------------------------------------------

# ask ARG...: nl_request; its output is in $out, its status in $status
ask() {
	status=0
	out=$(nl_request "$@" 2>&1) || status=$?
}

expect_ok() {
	[ "$status" = 0 ] || broken "success of ${1:-the request}" "status $status: $out"
}

# must ARG...: ask, and it has to succeed
must() {
	ask "$@"
	expect_ok "$*"
}

# field NAME: its values in $out, one a line
field() {
	while IFS= read -r fi_line; do
		case $fi_line in
		"$1="*) printf '%s\n' "${fi_line#*=}" ;;
		esac
	done <<END
$out
END
}

# refused ERRNO[|ERRNO...] ARG...: ask, and it is refused at once, with a text
# unless the kernel's own policy refused it
refused() {
	rf_want=$1
	shift
	ask "$@"
	expect_refusal "$rf_want" "$*"
}

# No process is started unless it fails: there are hundreds of these.
expect_refusal() {
	case $out in
	error=*) er_got=${out#error=} ;;
	*) broken "answer to: $2: $1" "$out" ;;
	esac
	er_got=${er_got%%
*}
	case "|$1|" in
	*"|$er_got|"*) ;;
	*) broken "answer to: $2: $1" "$out" ;;
	esac
}

expect_text() {
	expect_match "text of the answer" "$1" "$(field text)"
}

# --- drivers ----------------------------------------------------------------------

# driver ALIAS [LINE...]: registered over netlink
driver() {
	dr_alias=$1
	shift
	dr_n=$#
	for dr_line in "$@"; do
		set -- "$@" "line=$dr_line"
	done
	shift "$dr_n"
	must driver-new "alias=$dr_alias" "$@"
}

# load ALIAS [ATTR...]: on the host, and wait for the outcome
load() {
	ld_alias=$1
	shift
	ask --wait 70000 load "alias=$ld_alias" "$@"
}

unload() {
	ul_alias=$1
	shift
	ask --wait 70000 unload "alias=$ul_alias" "$@"
}

must_load() {
	load "$@"
	expect_ok "load $*"
}

must_unload() {
	unload "$@"
	expect_ok "unload $*"
}

# expect_outcome ERRNO: of the load or unload before
expect_outcome() {
	expect "outcome (all of it: $out)" "$1" "$(field outcome)"
}

state() {
	read -r st_state <"$SYS/$1/state"
	echo "$st_state"
}

expect_state() {
	expect "state of $1" "$2" "$(state "$1")"
}

state_is() {
	[ "$(state "$1")" = "$2" ]
}

# flags ALIAS MODULE: as sysfs says, without the parameters
flags() {
	awk -v m="$2" '$1 == m { print $2 }' "$SYS/$1/modules"
}

resident() {
	grep -q "^$1 " /proc/modules
}

live() {
	grep -q "^$1 .* Live " /proc/modules
}

expect_live() {
	for el in "$@"; do
		live "$el" || broken "$el is live" "in the kernel: $(ours_resident)"
	done
}

expect_gone() {
	for eg in "$@"; do
		not resident "$eg" || broken "$eg is not resident" "$(grep "^$eg " /proc/modules)"
	done
}

# the test modules that are in the kernel, sorted, on one line
ours_resident() {
	or_all=$(sed -n 's/^\(pvt_[a-z0-9]*\) .*/\1/p' /proc/modules | sort)
	# shellcheck disable=SC2086 # words
	echo $or_all
}

param() {
	cat "/sys/module/$1/parameters/$2"
}

# sysfs FILE TEXT: write TEXT, $status and $out say how that went. Not every
# shell's printf tells the errno, tee does.
sysfs() {
	status=0
	out=$(printf '%s\n' "$2" | tee "$SYS/$1" 2>&1 >/dev/null) || status=$?
}

# --- agent and events ---------------------------------------------------------------

# agent [ARG...]: becomes the agent; its pid is in $agent, its words in $T/agent
agent() {
	start "$T/agent" nl_agent "$@"
	# shellcheck disable=SC2034 # for the tests
	agent=$child
}

# events NAME [ARG...]: collects events in $T/NAME
events() {
	ev_name=$1
	shift
	start "$T/$ev_name" nl_events "$@"
}

# expect_events NAME "EVENT; EVENT": exactly these. A driver that is registered
# for the purpose marks the end, so that one too many does not slip through.
expect_events() {
	must driver-new "alias=pvt-end-$1"
	wait_until 30 has_line "$T/$1" "new pvt-end-$1" ||
		broken "the closing event reaches $1" "$(cat "$T/$1")"
	must driver-del "alias=pvt-end-$1"
	expect "events of $1" "$2" "$(told "$1")"
}

told() {
	grep -vE '^(ready$|(new|del) )' "$T/$1" | tr '\n' ';' | sed -e 's/;$//' -e 's/;/; /g'
}

# --- containers -----------------------------------------------------------------------

cgroup_of() {
	echo "$CGROOT/pvt.$1"
}

# `within CGROUP COMMAND...`, a program beside this file, runs it there, as root
# with every capability.

# box NAME: a cgroup with a process in it, whose pid is in $init
box() {
	mkdir "$(cgroup_of "$1")"
	background /dev/null within "$(cgroup_of "$1")" sleep 1000
	init=$child
	wait_until 30 grep -qx "$init" "$(cgroup_of "$1")/cgroup.procs" ||
		broken "a process in $1" none
}

# container NAME [ENTRY...]: box, registered; entries as ALIAS:TYPE
container() {
	ct_name=$1
	shift
	box "$ct_name"
	ct_n=$#
	for ct_entry in "$@"; do
		set -- "$@" "entry=$ct_entry"
	done
	shift "$ct_n"
	must container-new "container=$ct_name" "cgroup-fd=$(cgroup_of "$ct_name")" "$@"
	# shellcheck disable=SC2034 # for the tests
	container_id=$(field container-id)
}

# inside NAME ARG...: nl_request from within the container
inside() {
	in_box=$(cgroup_of "$1")
	shift
	status=0
	out=$(within "$in_box" nl_request "$@" 2>&1) || status=$?
}

inside_refused() {
	ir_want=$1
	shift
	inside "$@"
	expect_refusal "$ir_want" "$*"
}

# nobody ARG...: nl_request as an unprivileged user
nobody() {
	status=0
	out=$(setpriv --reuid 1000 --regid 1000 --clear-groups nl_request "$@" 2>&1) || status=$?
}

# namespaced ARG...: the same, root in user and network namespaces of its own
namespaced() {
	status=0
	out=$(setpriv --reuid 1000 --regid 1000 --clear-groups unshare -Urn \
		nl_request "$@" 2>&1) || status=$?
}

# --- putting things back ----------------------------------------------------------------

end_children() {
	[ -s "$T/children" ] || return 0
	while read -r ec; do
		kill -KILL "$ec" 2>/dev/null || :
	done <"$T/children"
	while read -r ec; do
		wait "$ec" 2>/dev/null || :
	done <"$T/children"
	: >"$T/children"
}

empty_cgroup() {
	not grep -q . "$1/cgroup.procs"
}

remove_cgroups() {
	for rc in "$CGROOT"/pvt.*; do
		[ -d "$rc" ] || return 0
	done
	find "$CGROOT" -depth -mindepth 1 -type d -name 'pvt.*' | while read -r rc; do
		while read -r pid; do
			kill -KILL "$pid" 2>/dev/null || :
		done <"$rc/cgroup.procs"
		wait_until 5 empty_cgroup "$rc" || :
		rmdir "$rc" 2>/dev/null || :
	done
}

# All of them: these tests want the machine to themselves.
remove_drivers() {
	[ -d "$SYS" ] || return 0
	for rd in $(nl_request --dump container-get | sed -n 's/^container=//p'); do
		nl_request --wait 20000 container-del "container=$rd" >/dev/null || :
	done
	for rd in "$SYS"/*/state; do
		rd=${rd%/state}
		rd=${rd##*/}
		[ "$rd" != '*' ] || continue
		{
			echo unload >"$SYS/$rd/control"
			echo "$rd" >"$SYS/unregister"
		} 2>/dev/null || :
	done
}

remove_modules() {
	while [ -n "$(ours_resident)" ]; do
		rm_before=$(ours_resident)
		for rm_mod in $rm_before; do
			rmmod "$rm_mod" 2>/dev/null || :
		done
		[ "$(ours_resident)" != "$rm_before" ] || break
	done
	not resident pvt_noexit || rmmod -f pvt_noexit 2>/dev/null || :
}

put_back() {
	end_children
	remove_drivers
	remove_modules
	remove_cgroups
	[ -z "$(ours_resident)" ] || note "left over: $(ours_resident)"
}

# --- running ----------------------------------------------------------------------------

what_there_is() {
	for wt in "$SYS"/*/state; do
		[ -f "$wt" ] || continue
		wt=${wt%/state}
		note "driver ${wt##*/}: $(cat "$wt/state"), users $(tr '\n' ' ' <"$wt/users")"
		note "$(head -n 12 "$wt/modules" && cat "$wt/error")"
	done
	note "modules: $(ours_resident)"
}

one_test() {
	set -eu
	trap - EXIT
	rm -rf "${T:?}"/*
	"$1"
	also_holds
}

# For a group of tests to say what must be so after each that passed. One of another
# module names it in $MODULE and has functions of its own to put things back.
also_holds() {
	:
}

run_tests() {
	rt_names=$(sed -n 's/^\(test_[a-z0-9_]*\)() .*/\1/p' "$SELF")
	plan "$(echo "$rt_names" | wc -l)"
	need_module "${MODULE:-pv_driver}"
	[ -n "$CGROOT" ] || {
		note "cgroup v2 is not mounted"
		exit 1
	}
	on_exit put_back
	put_back
	for rt_name in $rt_names; do
		rt_says=$(echo "${rt_name#test_}" | tr _ ' ')
		rt_start=$(now_ms)
		set +e
		(one_test "$rt_name")
		rt_status=$?
		set -e
		rt_took=$((($(now_ms) - rt_start) / 100))
		case $rt_status in
		0) pass "$rt_says # $((rt_took / 10)).$((rt_took % 10)) s" ;;
		4) skip "$rt_says" "$(cat "$T/reason")" ;;
		*)
			what_there_is
			fail "$rt_says" "$(cat "$T/expected" 2>/dev/null || echo no error)" \
				"$(cat "$T/got" 2>/dev/null || echo "a command failed, status $rt_status")"
			;;
		esac
		put_back
	done
	finish
}
