#!/bin/sh
# SPDX-License-Identifier: MIT
# podman as a user: the hook has no right to load anything, and says so.
# vm: timeout=200

# shellcheck source=tests/selftests/runtimes/lib.sh
. "${0%/*}/lib.sh"

USERS=/var/lib/pvt-user

remove_containers() { :; }

# as_user COMMAND...: with what a log-in would have given it
as_user() {
	mkdir -p "$USERS" /run/user/1000
	chown 1000:1000 "$USERS" /run/user/1000
	attempt setpriv --reuid 1000 --regid 1000 --init-groups env -i -C "$USERS" PATH="$PATH" \
		HOME="$USERS" XDG_RUNTIME_DIR=/run/user/1000 "$@"
}

# rootless OPTION...: a container of the user's, whose payload says "it runs"
rootless() {
	as_user podman --cgroup-manager cgroupfs --storage-driver vfs --runtime "$RUNTIME" run --rm \
		--cgroups disabled --network none -v /usr:/usr:ro "$@" --rootfs "$USERS/rootfs" \
		echo it runs
}

prepare_user() {
	[ ! -e "$USERS/rootfs" ] || return 0
	mkdir -p "$USERS"
	cp -a "$ROOTFS" "$USERS/rootfs"
	chown -R 1000:1000 "$USERS"
}

test_without_drivers_it_runs() {
	prepare_user
	RUNTIME=crun
	rootless
	expect "status of podman, which printed: $out" 0 "$status"
	expect_match 'the payload' '^it runs' "$out"
}

test_with_drivers_it_does_not_start_and_the_journal_says_why() {
	prepare_user
	for RUNTIME in crun runc; do
		rootless --annotation org.pvkit.drivers.required=p
		[ "$status" != 0 ] || broken "$RUNTIME fails" "$out"
		case $out in
		*'it runs'*) broken 'the container does not run' "$out" ;;
		esac
		expect_match "the journal ($RUNTIME; podman said: $out)" 'CAP_SYS_MODULE' \
			"$(journalctl -q --no-pager -t pvkit --since -60s)"
	done
	expect_gone pvt_plain
	expect_registered_nowhere
}

prepare
run_tests
