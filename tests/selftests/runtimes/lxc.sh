#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit hook lxc under LXC, in the ways that its help tells.
# vm: timeout=400

# shellcheck source=tests/selftests/runtimes/lib.sh
. "${0%/*}/lib.sh"

LXC=/var/lib/lxc

# config NAME LINE...: a container as Debian makes them, with these lines
config() {
	cf_name=$1
	shift
	mkdir -p "$LXC/$cf_name"
	cat >"$LXC/$cf_name/config" <<-END
		lxc.include = /usr/share/lxc/config/common.conf
		lxc.rootfs.path = dir:$ROOTFS
		lxc.uts.name = $cf_name
		lxc.net.0.type = empty
		lxc.mount.auto = proc:mixed sys:mixed cgroup:mixed
		lxc.mount.entry = /usr usr none bind,ro 0 0
		lxc.init.cmd = /bin/sleep 1000
	END
	for cf_line in "$@"; do
		echo "$cf_line" >>"$LXC/$cf_name/config"
	done
}

SHIPPED='lxc.include = /usr/share/lxc/config/pvkit.conf'
STOP='lxc.hook.post-stop = /usr/bin/pvkit hook lxc'

hook() {
	echo "lxc.hook.start-host = /usr/bin/pvkit hook lxc $*"
}

# up NAME: and it runs
up() {
	: >/run/pvt-lxc-used
	do_it lxc-start -n "$1" -l INFO -o "$T/lxc.log"
	init=$(lxc-info -n "$1" -p -H)
}

in_it() {
	ii_name=$1
	shift
	attempt lxc-attach -n "$ii_name" -- "$@"
}

ask_in() {
	in_it "$1" curl -s --max-time 60 --unix-socket /pantavisor/pv-ctrl -X "$2" -w '[%{http_code}]' \
		"http://localhost$3"
}

remove_containers() {
	[ -e /run/pvt-lxc-used ] || return 0
	rm /run/pvt-lxc-used
	for rc_name in "$LXC"/pvt-*; do
		lxc-stop -k -n "${rc_name##*/}" >/dev/null 2>&1 || :
	done
	rm -rf "${LXC:?}"/pvt-*
}

# payload COMMANDS: what the container runs, a script: LXC's own quoting is another
payload() {
	rm -f "$ROOTFS/run/ran"
	printf '#!/bin/sh\n%s\n' "$1" >"$ROOTFS/run/payload"
	chmod 755 "$ROOTFS/run/payload"
	echo 'lxc.init.cmd = /run/payload'
}

test_options_of_the_hooks_line_load_the_driver_before_the_payload() {
	config pvt-web "$(hook --required p --manual m)" "$STOP" \
		"$(payload 'cat /proc/modules >/run/ran; exec sleep 1000')"
	up pvt-web
	expect_soon 10 test -s "$ROOTFS/run/ran"
	expect_match 'what the payload saw at its start' '^pvt_plain .* Live ' \
		"$(cat "$ROOTFS/run/ran")"
	must container-get container=pvt-web
	expect entries 'p required loaded used|m manual unloaded' \
		"$(field entry | tr '\n' '|' | sed 's/|$//')"
	expect_match 'its cgroup' '/lxc.payload.pvt-web$' "$(field cgroup)"
	do_it lxc-stop -k -n pvt-web
	expect_given_back pvt-web pvt_plain
}

test_the_shipped_file_and_run_json_are_enough_and_curl_inside_works() {
	echo '{ "drivers": { "required": ["p"], "manual": ["m"] }, "roles": [] }' | run_json pvt-web
	config pvt-web "$SHIPPED"
	up pvt-web
	ask_in pvt-web GET /drivers
	expect list "[$(entry_of p REQUIRED LOADED),$(entry_of m MANUAL UNLOADED)][200]" "$out"
	ask_in pvt-web PUT /drivers/m/load
	expect 'the load' '[200]' "$out"
	expect_live pvt_dep
	ask_in pvt-web PUT /drivers/b/load
	expect_match 'a driver that it does not name' '\[403\]$' "$out"
	in_it pvt-web touch /pantavisor/mine
	expect_match 'a file of its own beside the socket' 'Read-only file system' "$out"
}

test_run_json_comes_before_the_options() {
	echo '{ "drivers": { "required": ["b"] } }' | run_json pvt-web
	config pvt-web "$(hook --required p)" "$STOP"
	up pvt-web
	expect users pvt-web "$(users b)"
	expect_gone pvt_plain
}

test_version_1_of_lxcs_hooks_serves_as_well() {
	config pvt-web 'lxc.hook.version = 1' "$(hook --required p)" "$STOP"
	up pvt-web
	expect users pvt-web "$(users p)"
	do_it lxc-stop -k -n pvt-web
	expect_given_back pvt-web pvt_plain
}

# fails_to_start NAME TEXT: in the log, in the journal, and nothing is left
fails_to_start() {
	: >/run/pvt-lxc-used
	attempt lxc-start -F -n "$1" -l DEBUG -o "$T/lxc.log"
	[ "$status" != 0 ] || broken 'lxc-start fails' "$out"
	[ ! -e "$ROOTFS/run/ran" ] || broken 'the container does not run' 'it did'
	expect_match "LXC's log" "$2" "$(grep pvkit "$T/lxc.log")"
	expect_match 'the journal' "$2" "$(journalctl -q --no-pager -t pvkit --since -30s)"
	expect_gone pvt_plain pvt_fail
	expect_registered_nowhere
}

test_a_required_driver_that_the_board_lacks_aborts_the_start_and_is_named() {
	config pvt-web "$(hook --required p,nobody)" "$STOP" "$(payload 'echo it runs >/run/ran')"
	fails_to_start pvt-web 'pvt-web: required driver nobody: no such driver'
}

test_a_required_driver_that_fails_aborts_the_start_and_is_named() {
	config pvt-web "$(hook --required p,f)" "$STOP" "$(payload 'echo it runs >/run/ran')"
	fails_to_start pvt-web 'pvt-web: required driver f: pvt_fail: '
}

test_an_option_with_a_fault_aborts_the_start() {
	config pvt-web "$(hook --requird p)" "$STOP" "$(payload 'echo it runs >/run/ran')"
	fails_to_start pvt-web 'unknown option --requird'
}

test_an_optional_driver_that_fails_does_not_keep_it_from_starting() {
	config pvt-web "$(hook --optional f,p)" "$STOP"
	up pvt-web
	expect users pvt-web "$(users p)"
	expect_gone pvt_fail
}

test_lxc_attach_is_the_container_and_the_monitor_is_not() {
	config pvt-web "$(hook --manual m)" "$STOP"
	up pvt-web
	in_it pvt-web pvkit drivers load m
	expect "a load over netlink (status $status)" 'm: loaded' "$out"
	expect users pvt-web "$(users m)"
	in_it pvt-web pvkit drivers load p
	[ "$status" != 0 ] || broken 'a load of what it does not name is refused' "$out"
	# even with every capability, which --elevated-privileges leaves it
	attempt lxc-attach -n pvt-web --elevated-privileges='CAP|LSM' -- pvkit drivers load p
	[ "$status" != 0 ] || broken 'no capability changes that' "$out"
	monitor=$(pgrep -f 'lxc monitor.*pvt-web' | grep -vx "$init" | head -n 1)
	attempt within "/sys/fs/cgroup$(sed s/^0::// "/proc/$monitor/cgroup")" pvkit drivers load p
	expect "in the monitor's cgroup one is the host (it printed: $out)" 0 "$status"
	expect 'users of p, the host being -' - "$(users p)"
	must_unload p
}

test_a_process_in_a_cgroup_below_is_the_container() {
	config pvt-web "$(hook --manual m)" "$STOP"
	sed -i 's/cgroup:mixed/cgroup:rw:force/' "$LXC/pvt-web/config"
	up pvt-web
	in_it pvt-web sh -c 'mkdir -p /sys/fs/cgroup/below/deep &&
		echo $$ >/sys/fs/cgroup/below/deep/cgroup.procs && cat /proc/self/cgroup &&
		pvkit drivers load m'
	expect "status (it printed: $out)" 0 "$status"
	expect_match 'where it is' '^0::/.*below/deep$' "$out"
	expect users pvt-web "$(users m)"
}

test_each_way_to_end_it_gives_the_drivers_back_within_6_s() {
	config pvt-web "$(hook --required p)" "$STOP"
	for way in stop init monitor; do
		up pvt-web
		expect_live pvt_plain
		case $way in
		stop) do_it lxc-stop -k -n pvt-web ;;
		init) kill -KILL "$init" ;;
		# then nobody is left to call post-stop
		monitor) pkill -KILL -f 'lxc monitor.*pvt-web' ;;
		esac
		expect_given_back pvt-web pvt_plain
		expect_soon 10 sh -c 'lxc-info -n pvt-web -s -H | grep -q STOPPED'
	done
}

test_a_restart_has_the_name_and_the_drivers_again() {
	config pvt-web "$(hook --required p)" "$STOP"
	up pvt-web
	must container-get container=pvt-web
	first=$(field container-id)
	do_it lxc-stop -k -n pvt-web
	up pvt-web
	must container-get container=pvt-web
	[ "$(field container-id)" != "$first" ] || broken 'another registration' "$out"
	# the end of the first does not take it away
	sleep 3
	expect users pvt-web "$(users p)"
}

test_two_containers_share_a_driver_until_the_last_is_gone() {
	config pvt-one "$(hook --required p)" "$STOP"
	config pvt-two "$(hook --required p)" "$STOP"
	up pvt-one
	up pvt-two
	expect users 'pvt-one pvt-two' "$(users p)"
	do_it lxc-stop -k -n pvt-one
	expect_soon 6 not registered pvt-one
	expect users pvt-two "$(users p)"
	expect_live pvt_plain
	do_it lxc-stop -k -n pvt-two
	expect_given_back pvt-two pvt_plain
}

prepare
run_tests
