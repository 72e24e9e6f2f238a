# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Tests of podman with the hook file that make install brings. $RUNTIME is crun or
# runc, $MANAGER what makes the cgroups: systemd or cgroupfs. $ONLY, if set, is an
# extended regular expression of the tests that are wanted.

# shellcheck source=tests/selftests/runtimes/lib.sh
. "${0%/*}/lib.sh"

SELF=/run/pvt-tests
grep -E "^test_.*(${ONLY:-}).*\(\) " "${0%/*}/podman_tests.sh" >$SELF
REQUIRED=org.pvkit.drivers.required
OPTIONAL=org.pvkit.drivers.optional
MANUAL=org.pvkit.drivers.manual


# attempt and do_it start programs; this is one
cat >/run/pvt-podman <<END
#!/bin/sh
exec podman --runtime $RUNTIME --cgroup-manager $MANAGER "\$@"
END
chmod 755 /run/pvt-podman
pod=/run/pvt-podman


# run NAME OPTION... -- COMMAND...: in the foreground
run() {
	launch --rm "$@"
}

# up NAME OPTION...: it sleeps in the background
up() {
	launch -d "$@" -- sleep 1000
	[ "$status" = 0 ] || broken "$1 starts" "status $status: $out"
	init=$("$pod" inspect -f '{{.State.Pid}}' "$1")
}

launch() {
	la_how=$1
	la_name=$2
	shift 2
	la_n=$#
	la_options=yes
	set -- "$@" "$pod" run "$la_how" --name "$la_name" --network none \
		-v /usr:/usr:ro -v /run/pvkit:/pantavisor:ro
	while [ "$la_n" -gt 0 ]; do
		la_n=$((la_n - 1))
		la_word=$1
		shift
		if [ "$la_options" = yes ] && [ "$la_word" = -- ]; then
			la_options=
			set -- "$@" pvt-image
		else
			set -- "$@" "$la_word"
		fi
	done
	: >/run/pvt-podman-used
	attempt "$@"
}

# in_it NAME COMMAND...: podman exec
in_it() {
	attempt "$pod" exec "$@"
}

# ask_in NAME METHOD PATH: curl inside, on the socket that was mounted
ask_in() {
	in_it "$1" curl -s --max-time 60 --unix-socket /pantavisor/pv-ctrl -X "$2" -w '[%{http_code}]' \
		"http://localhost$3"
}

# Each call of podman takes seconds here.
remove_containers() {
	[ -e /run/pvt-podman-used ] || return 0
	rm /run/pvt-podman-used
	"$pod" rm -f -t 0 -a >/dev/null 2>&1 || :
	[ ! -e /run/pvt-podman-pods ] || "$pod" pod rm -f -a >/dev/null 2>&1 || :
	rm -f /run/pvt-podman-pods
}

test_an_annotation_on_the_command_line_loads_the_driver_before_the_payload() {
	run pvt-web --annotation "$REQUIRED=p" --annotation org.pvkit.name=pvt-shop -- \
		sh -c 'grep "^pvt_" /proc/modules; pvkit drivers list --json'
	expect "status of podman, which printed: $out" 0 "$status"
	expect_match 'what the payload sees at its start' '^pvt_plain .* Live ' "$out"
	expect 'what the container lists' '[["p","required","loaded"]]' \
		"$(printf '%s\n' "$out" | tail -n 1 | jq -c '[.[] | [.alias, .type, .state]]')"
	# podman waits for the poststop hook
	expect_gone pvt_plain
	expect_registered_nowhere
}

test_several_names_stand_between_blanks() {
	up pvt-web --annotation "$REQUIRED=p b" --annotation "$MANUAL=m" \
		--annotation org.pvkit.name=pvt-web
	must container-get container=pvt-web
	# podman sorts annotations
	expect entries 'm manual unloaded|p required loaded used|b required loaded used' \
		"$(field entry | tr '\n' '|' | sed 's/|$//')"
	expect_live pvt_plain pvt_base
}

test_an_optional_driver_that_fails_does_not_keep_it_from_starting() {
	run pvt-web --annotation "$OPTIONAL=f p" -- sh -c 'grep "^pvt_" /proc/modules; echo it runs'
	expect "status of podman, which printed: $out" 0 "$status"
	expect_match 'the payload' '^it runs' "$out"
	expect_match 'the other one is there' '^pvt_plain ' "$out"
	expect_gone pvt_plain pvt_fail
}

# fails_to_start TEXT NAMES: podman says so, and nothing is left
fails_to_start() {
	run pvt-web --annotation "$REQUIRED=$2" -- echo it runs
	[ "$status" != 0 ] || broken 'podman fails' "$out"
	case $out in
	*'it runs'*) broken 'the container does not run' "$out" ;;
	esac
	case $RUNTIME in
	runc) expect_match 'what podman shows' "$1" "$out" ;;
	# its word to podman has the status alone
	crun) expect_match 'what podman shows' 'error executing hook ./usr/bin/pvkit. ' "$out" ;;
	esac
	expect_match 'the journal' "$1" "$(journalctl -q --no-pager -t pvkit --since -60s)"
	expect_gone pvt_plain pvt_fail
	expect_registered_nowhere
}

test_a_required_driver_that_the_board_lacks_aborts_the_start_and_is_named() {
	fails_to_start 'required driver nobody: no such driver' 'p nobody'
}

test_a_required_driver_that_fails_aborts_the_start_and_is_named() {
	fails_to_start 'required driver f: pvt_fail: ' 'p f'
}

test_curl_inside_lists_and_loads_what_the_annotations_name() {
	up pvt-web --annotation "$REQUIRED=p" --annotation "$MANUAL=m"
	ask_in pvt-web GET /drivers
	expect list "[$(entry_of m MANUAL UNLOADED),$(entry_of p REQUIRED LOADED)][200]" "$out"
	ask_in pvt-web PUT /drivers/m/load
	expect 'the load' '[200]' "$out"
	expect_live pvt_dep
	ask_in pvt-web PUT /drivers/b/load
	expect_match 'a driver that it does not name' '\[403\]$' "$out"
	ask_in pvt-web PUT /user-meta/x
	expect_match 'no role by annotation' '\[403\]$' "$out"
	ask_in pvt-web PUT /drivers/m/unload
	expect 'the unload' '[200]' "$out"
	expect_gone pvt_dep
}

test_the_folder_of_the_socket_is_read_only_inside_and_outlives_the_daemon() {
	up pvt-web --annotation "$REQUIRED=p"
	in_it pvt-web touch /pantavisor/mine
	expect_match 'a file of its own beside the socket' 'Read-only file system' "$out"
	systemctl restart pvkitd
	expect_soon 20 serves
	ask_in pvt-web GET /drivers
	expect list '[{"name":"p","type":"REQUIRED","status":"LOADED"}][200]' "$out"
}

test_podman_exec_is_the_container() {
	up pvt-web --annotation org.pvkit.name=pvt-shop --annotation "$MANUAL=m"
	in_it pvt-web pvkit drivers load m
	expect "a load over netlink (status $status)" 'm: loaded' "$out"
	expect users pvt-shop "$(users m)"
	in_it pvt-web pvkit drivers load p
	[ "$status" != 0 ] || broken 'a load of what it does not name is refused' "$out"
	# even with every capability
	attempt "$pod" exec --privileged pvt-web pvkit drivers load p
	[ "$status" != 0 ] || broken 'no capability changes that' "$out"
}

test_a_process_in_a_cgroup_below_is_the_container() {
	up pvt-web --privileged --annotation org.pvkit.name=pvt-shop --annotation "$MANUAL=m"
	in_it pvt-web sh -c 'mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null
		mkdir -p /sys/fs/cgroup/below/deep && echo $$ >/sys/fs/cgroup/below/deep/cgroup.procs &&
		cat /proc/self/cgroup && pvkit drivers load m'
	expect "status (it printed: $out)" 0 "$status"
	expect_match 'where it is' '^0::/.*below/deep$' "$out"
	expect users pvt-shop "$(users m)"
}

test_each_way_to_end_it_gives_the_drivers_back_within_6_s() {
	for way in stop kill rm init; do
		up pvt-web --annotation "$REQUIRED=p" --annotation org.pvkit.name=pvt-shop
		expect_live pvt_plain
		case $way in
		stop) do_it "$pod" stop -t 0 pvt-web ;;
		kill) do_it "$pod" kill -s KILL pvt-web ;;
		rm) do_it "$pod" rm -f -t 0 pvt-web ;;
		init) kill -KILL "$init" ;;
		esac
		expect_given_back pvt-shop pvt_plain
		do_it "$pod" rm -f -t 0 pvt-web
	done
}

test_two_containers_share_a_driver_until_the_last_is_gone() {
	up pvt-one --annotation "$REQUIRED=p" --annotation org.pvkit.name=pvt-one
	up pvt-two --annotation "$REQUIRED=p" --annotation org.pvkit.name=pvt-two
	expect users 'pvt-one pvt-two' "$(users p)"
	do_it "$pod" rm -f -t 0 pvt-one
	expect_soon 6 not registered pvt-one
	expect users pvt-two "$(users p)"
	expect_live pvt_plain
	do_it "$pod" rm -f -t 0 pvt-two
	expect_given_back pvt-two pvt_plain
}

test_a_restart_has_the_name_and_the_drivers_again() {
	up pvt-web --annotation "$REQUIRED=p" --annotation org.pvkit.name=pvt-shop
	must container-get container=pvt-shop
	first=$(field container-id)
	do_it "$pod" restart -t 0 pvt-web
	must container-get container=pvt-shop
	[ "$(field container-id)" != "$first" ] || broken 'another registration' "$out"
	expect_live pvt_plain
	# and one in its place
	up pvt-web --replace --annotation "$REQUIRED=b" --annotation org.pvkit.name=pvt-shop
	expect_soon 6 not resident pvt_plain
	expect_live pvt_base
	expect users pvt-shop "$(users b)"
}

test_conmon_may_be_killed() {
	up pvt-web --annotation "$REQUIRED=p" --annotation org.pvkit.name=pvt-shop
	conmon=$("$pod" inspect -f '{{.State.ConmonPid}}' pvt-web)
	kill -KILL "$conmon"
	sleep 3
	# the container lives on, and with it the use
	[ -d "/proc/$init" ] || broken 'the container outlives conmon' 'its init is gone'
	expect users pvt-shop "$(users p)"
	# then nobody is left to call poststop
	kill -KILL "$init"
	expect_given_back pvt-shop pvt_plain
}

test_run_json_below_the_root_comes_before_annotations() {
	echo '{ "drivers": { "required": ["b"] }, "roles": ["mgmt"] }' | run_json pvt-shop
	up pvt-web --annotation "$REQUIRED=p" --annotation org.pvkit.name=pvt-shop
	expect users pvt-shop "$(users b)"
	expect_gone pvt_plain
	in_it pvt-web curl -s --unix-socket /pantavisor/pv-ctrl -X PUT -d 1 -w '[%{http_code}]' \
		http://localhost/user-meta/pvt.key
	expect 'its role comes from there' '[200]' "$out"
}

test_a_copy_of_the_hook_file_counts_where_containers_conf_says_so() {
	mkdir -p /etc/containers/oci/hooks.d
	sed 's/"oci"\]/"oci", "--no-annotations"]/' /usr/share/containers/oci/hooks.d/pvkit.json \
		>/etc/containers/oci/hooks.d/pvkit.json
	printf '[engine]\nhooks_dir = ["/etc/containers/oci/hooks.d"]\n' \
		>/etc/containers/containers.conf
	# what a container has of hooks is settled when it is made
	launch -d pvt-web --annotation "$REQUIRED=p" --annotation org.pvkit.name=pvt-shop -- sleep 1000
	rm /etc/containers/oci/hooks.d/pvkit.json /etc/containers/containers.conf
	expect "status (it printed: $out)" 0 "$status"
	expect 'it is registered by its id' "$(printf %.63s "$out")" \
		"$(pvkit container list --json | jq -r '.[].name')"
	expect 'drivers that it names' 0 "$(pvkit container list --json | jq '.[0].drivers | length')"
	expect_gone pvt_plain
}

test_without_any_annotation_of_ours_the_hook_is_not_called() {
	up pvt-web
	expect_registered_nowhere
	ask_in pvt-web GET /drivers
	expect_match 'a caller that is nobody' '\[403\]$' "$out"
}

test_each_container_of_a_pod_is_one_of_its_own() {
	: >/run/pvt-podman-pods
	do_it "$pod" pod create --infra=false --name pvt-pod
	up pvt-one --pod pvt-pod --annotation "$REQUIRED=p" --annotation org.pvkit.name=pvt-one
	up pvt-two --pod pvt-pod --annotation "$MANUAL=m" --annotation org.pvkit.name=pvt-two
	in_it pvt-two pvkit drivers load m
	expect "status of the load ($out)" 0 "$status"
	expect 'users of p' pvt-one "$(users p)"
	expect 'users of m' pvt-two "$(users m)"
	do_it "$pod" pod rm -f -t 0 pvt-pod
	expect_given_back pvt-one pvt_plain
	expect_given_back pvt-two pvt_dep
}

prepare
command podman image exists pvt-image ||
	tar -C "$ROOTFS" -c . | command podman import -q - pvt-image >/dev/null
run_tests
