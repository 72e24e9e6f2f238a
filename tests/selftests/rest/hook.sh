#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit hook oci, called by crun as its hooks, and by hand with states that no
# runtime would write. Under podman and runc: tests/selftests/runtimes.
# vm: timeout=240

# shellcheck source=tests/selftests/driver/lib.sh
. "${0%/*}/../driver/lib.sh"

ROOT=$T/root

# bundle NAME COMMAND ANNOTATION...: annotations as JSON members
bundle() {
	bu_name=$1
	bu_dir=$T/bundle-$1
	bu_command=$2
	shift 2
	bu_more=
	for bu_word in "$@"; do
		bu_more="$bu_more, $bu_word"
	done
	# what a test before may have left
	crun delete --force "pvt-$bu_name" >/dev/null 2>&1 || :
	rm -rf "$bu_dir/run.json" "$bu_dir/src.json" "$ROOT"
	mkdir -p "$bu_dir/rootfs/proc" "$bu_dir/rootfs/bin" "$bu_dir/rootfs/sbin" \
		"$bu_dir/rootfs/lib" "$bu_dir/rootfs/lib64" "$bu_dir/rootfs/dev"
	cat >"$bu_dir/config.json" <<-END
		{ "ociVersion": "1.0.2",
		  "process": { "terminal": false, "user": { "uid": 0, "gid": 0 }, "cwd": "/",
		    "args": [ "/bin/sh", "-c", "$bu_command" ], "env": [ "PATH=/bin:/sbin" ],
		    "capabilities": { "bounding": [], "effective": [], "permitted": [] } },
		  "root": { "path": "rootfs" }, "hostname": "$bu_name",
		  "annotations": { "run.oci.hooks.stderr": "/dev/stderr"$bu_more },
		  "mounts": [
		    { "destination": "/proc", "type": "proc", "source": "proc" },
		    $(bind /bin), $(bind /lib), $(bind /lib64) ],
		  "hooks": { "createRuntime": [ $(hook createRuntime) ], "poststop": [ $(hook poststop) ] },
		  "linux": { "cgroupsPath": "/pvt.$bu_name", "namespaces": [
		    { "type": "pid" }, { "type": "mount" }, { "type": "network" },
		    { "type": "cgroup" }, { "type": "ipc" }, { "type": "uts" } ] } }
	END
}

bind() {
	printf '{ "destination": "%s", "type": "bind", "source": "%s", "options": ["rbind","ro"] }' \
		"$1" "$1"
}

hook() {
	printf '{ "path": "%s", "args": [ "pvkit", "hook", "oci", "--root", "%s", "%s" ] }' \
		"$(command -v pvkit)" "$ROOT" "$1"
}

# crun_run NAME: to its end; $out is all that it printed, $status its own
crun_run() {
	status=0
	out=$(crun --cgroup-manager=cgroupfs run -b "$T/bundle-$1" "pvt-$1" 2>&1 </dev/null) ||
		status=$?
}

registered() {
	nl_request container-get "container=$1" >/dev/null 2>&1
}

expect_registered_nowhere() {
	must --dump container-get
	expect 'containers that are registered' '' "$(field container)"
}

# given_state JSON [ARG...]: the hook by hand
given_state() {
	gs_state=$1
	shift
	status=0
	out=$(printf '%s' "$gs_state" | pvkit hook oci --root "$ROOT" "$@" 2>&1) || status=$?
}

test_a_container_of_crun_gets_its_drivers_and_gives_them_back() {
	driver p pvt_plain
	driver b pvt_base
	driver m pvt_dep
	bundle web 'pvkit drivers list --json; pvkit drivers load m; cat /proc/modules' \
		'"org.pvkit.drivers.required": "p"' '"org.pvkit.drivers.optional": "b"' \
		'"org.pvkit.drivers.manual": "m"'
	crun_run web
	expect "status of crun, which printed: $out" 0 "$status"
	expect 'what the container lists' \
		'[["p","required","loaded"],["b","optional","loaded"],["m","manual","unloaded"]]' \
		"$(printf '%s\n' "$out" | sed -n 1p | jq -c '[.[] | [.alias, .type, .state]]')"
	expect_match 'a load of its manual driver' '^m: loaded$' "$out"
	expect_match 'the module while it runs' '^pvt_plain .* Live ' "$out"
	# then, as soon as crun is through
	expect_gone pvt_plain pvt_base pvt_dep
	expect_registered_nowhere
}

test_a_required_driver_that_fails_aborts_the_start() {
	driver p pvt_plain
	driver f pvt_fail
	bundle bad 'echo it runs' '"org.pvkit.drivers.required": "p,f"'
	crun_run bad
	[ "$status" != 0 ] || broken 'crun fails' "$out"
	expect_match 'what crun shows' '^pvkit: pvt-bad: required driver f: pvt_fail: ' "$out"
	case $out in
	*'it runs'*) broken 'the container does not run' "$out" ;;
	esac
	expect_gone pvt_plain pvt_fail
	expect_registered_nowhere
}

test_a_required_driver_that_the_board_lacks_aborts_the_start() {
	bundle bad 'echo it runs' '"org.pvkit.drivers.required": "nobody"'
	crun_run bad
	[ "$status" != 0 ] || broken 'crun fails' "$out"
	expect_match 'what crun shows' '^pvkit: pvt-bad: required driver nobody: no such driver' "$out"
	expect_registered_nowhere
}

test_run_json_below_the_root_comes_before_the_bundles_and_annotations() {
	driver p pvt_plain
	driver b pvt_base
	driver m pvt_dep
	bundle web 'pvkit drivers list --json' '"org.pvkit.name": "pvt-shop"' \
		'"org.pvkit.drivers.manual": "m"'
	crun_run web
	expect 'from the annotations' '["m"]' "$(printf '%s\n' "$out" | jq -c '[.[].alias]')"
	echo '{ "args": { "PV_DRIVERS_MANUAL": "m, b" } }' >"$T/bundle-web/src.json"
	crun_run web
	expect "from the bundle's src.json" '["m","b"]' "$(printf '%s\n' "$out" | jq -c '[.[].alias]')"
	echo '{ "drivers": { "manual": ["b"] } }' >"$T/bundle-web/run.json"
	crun_run web
	expect 'from the bundle' '["b"]' "$(printf '%s\n' "$out" | jq -c '[.[].alias]')"
	mkdir -p "$ROOT/containers/pvt-shop"
	echo '{ "args": { "PV_DRIVERS_MANUAL": ["m"] } }' >"$ROOT/containers/pvt-shop/src.json"
	crun_run web
	expect "from the root's src.json" '["m"]' "$(printf '%s\n' "$out" | jq -c '[.[].alias]')"
	echo '{ "drivers": { "manual": ["p"] } }' >"$ROOT/containers/pvt-shop/run.json"
	crun_run web
	expect 'from the root' '["p"]' "$(printf '%s\n' "$out" | jq -c '[.[].alias]')"
	echo '{ "drivers": { "manual": ["p"] }, }' >"$ROOT/containers/pvt-shop/run.json"
	crun_run web
	[ "$status" != 0 ] || broken 'crun fails at a run.json with a fault' "$out"
	expect_match 'the fault and its place' '^pvkit: pvt-shop: .*/run.json:1:33: ' "$out"
	expect_registered_nowhere
}

test_a_container_that_is_killed_gives_its_drivers_back() {
	driver p pvt_plain
	bundle web 'sleep 100' '"org.pvkit.drivers.required": "p"'
	crun --cgroup-manager=cgroupfs run -d -b "$T/bundle-web" pvt-web >"$T/crun" 2>&1 </dev/null ||
		broken 'crun starts it' "$(cat "$T/crun")"
	expect_live pvt_plain
	crun delete --force pvt-web
	expect_soon 6 not registered pvt-web
	expect_soon 6 not resident pvt_plain
}

test_a_restart_need_not_wait_for_the_kernel_to_notice_the_end() {
	driver p pvt_plain
	bundle web 'true' '"org.pvkit.drivers.required": "p"'
	# given a runtime that calls no poststop
	sed -i 's/"poststop": \[.*\] },$/"poststop": [] },/' "$T/bundle-web/config.json"
	for round in 1 2 3; do
		crun_run web
		expect "status of crun in round $round, which printed: $out" 0 "$status"
	done
}

test_the_phase_is_the_word_or_the_status_of_the_state() {
	box pvt-web
	given_state "{ \"id\": \"pvt-web\", \"status\": \"created\", \"pid\": $init }"
	expect "status (it printed: $out)" 0 "$status"
	registered pvt-web || broken 'pvt-web is registered' no
	end "$init" KILL
	given_state '{ "id": "pvt-web", "status": "stopped", "pid": 0 }'
	expect "status (it printed: $out)" 0 "$status"
	registered pvt-web && broken 'pvt-web is gone' 'it is registered'
	box pvt-again
	given_state "{ \"id\": \"pvt-web\", \"status\": \"stopped\", \"pid\": $init }" createRuntime
	expect "status with a word (it printed: $out)" 0 "$status"
	registered pvt-web || broken 'pvt-web is registered' no
}

test_poststop_of_a_container_that_nobody_knows_is_no_error() {
	given_state '{ "id": "pvt-never", "status": "stopped" }'
	expect "status (it printed: $out)" 0 "$status"
}

test_states_that_make_no_sense_fail_with_a_text() {
	while IFS='|' read -r state text; do
		given_state "$state"
		[ "$status" != 0 ] || broken "a failure for $state" "$out"
		expect_match "text for $state" "^pvkit: .*$text" "$out"
	done <<-'END'
		|expected a value
		[]|no id
		{"id":7}|no id
		{"id":""}|no id
		{"id":"../x","status":"created","pid":1}|is a container name
		{"id":"pvt-x","pid":1}|no createRuntime or poststop
		{"id":"pvt-x","status":"created"}|no pid
		{"id":"pvt-x","status":"created","pid":0}|no pid
		{"id":"pvt-x","status":"created","pid":-5}|no pid
		{"id":"pvt-x","status":"created","pid":99999999999}|no pid
		{"id":"pvt-x","status":"created","pid":4194305}|
	END
	expect_registered_nowhere
}

# crun_start ID BUNDLE: and it goes on
crun_start() {
	crun --cgroup-manager=cgroupfs run -d -b "$T/bundle-$2" "$1" >"$T/crun" 2>&1 </dev/null ||
		broken "crun starts $1" "$(cat "$T/crun")"
}

test_poststop_of_the_first_leaves_the_second_of_the_same_name() {
	# given a container that ended by itself and was not deleted yet
	driver p pvt_plain
	driver b pvt_base
	bundle one 'true' '"org.pvkit.name": "pvt-shop"' '"org.pvkit.drivers.required": "p"'
	crun_start pvt-one one
	expect_soon 10 not registered pvt-shop
	expect_soon 6 not resident pvt_plain
	# and another that has its name by now
	bundle two 'sleep 100' '"org.pvkit.name": "pvt-shop"' '"org.pvkit.drivers.required": "b"'
	crun_start pvt-two two
	must container-get container=pvt-shop
	id=$(field container-id)
	# when the first is deleted
	crun delete pvt-one >"$T/crun" 2>&1 || broken 'crun deletes the first' "$(cat "$T/crun")"
	# then the second keeps its registration and its drivers
	must container-get container=pvt-shop
	expect 'the number of the registration' "$id" "$(field container-id)"
	expect users pvt-shop "$(cat "$SYS"/b/users)"
	expect_live pvt_base
	# and gives them back at its own end
	crun delete --force pvt-two
	expect_soon 6 not registered pvt-shop
	expect_soon 6 not resident pvt_base
}

test_an_id_of_64_hex_digits_starts_and_is_cut_to_a_name() {
	driver p pvt_plain
	name=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde
	bundle web 'sleep 100' '"org.pvkit.drivers.required": "p"'
	crun delete --force "${name}f" >/dev/null 2>&1 || :
	crun_start "${name}f" web
	registered "$name" || broken "$name is registered" "$(nl_request --dump container-get)"
	expect users "$name" "$(cat "$SYS"/p/users)"
	crun delete --force "${name}f"
	expect_soon 6 not registered "$name"
	expect_soon 6 not resident pvt_plain
}

test_annotations_give_no_role_and_none_at_all_if_told_so() {
	driver p pvt_plain
	box pvt-web
	made="\"status\": \"created\", \"pid\": $init, \"annotations\": { \"org.pvkit.name\": \"pvt-shop\",
		\"org.pvkit.roles\": \"mgmt\", \"org.pvkit.drivers.required\": \"p\" }"
	# when annotations count
	given_state "{ \"id\": \"pvt-web\", $made }"
	expect "status (it printed: $out)" 0 "$status"
	must container-get container=pvt-shop
	expect entries 'p required loaded used' "$(field entry)"
	expect_match roles '^0?$' "$(field roles)"
	must --wait 20000 container-del container=pvt-shop
	expect_gone pvt_plain
	# and when they do not
	given_state "{ \"id\": \"pvt-web\", $made }" --no-annotations
	expect "status (it printed: $out)" 0 "$status"
	registered pvt-shop && broken 'pvt-shop is nobody' 'it is registered'
	must container-get container=pvt-web
	expect entries '' "$(field entry)"
	expect_match roles '^0?$' "$(field roles)"
	expect_gone pvt_plain
}

run_tests
