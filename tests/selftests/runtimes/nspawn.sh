#!/bin/sh
# SPDX-License-Identifier: MIT
# A container manager that calls no hook: systemd-nspawn, whose service has a drop-in
# that registers the container.
# vm: timeout=200

# shellcheck source=tests/selftests/runtimes/lib.sh
. "${0%/*}/lib.sh"

DROPIN=/run/systemd/system/systemd-nspawn@.service.d/pvkit.conf

# machine NAME: a root file system where machinectl looks for it, and its settings
machine() {
	mkdir -p /var/lib/machines /run/systemd/nspawn "${DROPIN%/*}"
	cp -a "$ROOTFS" "/var/lib/machines/$1"
	cat >"/run/systemd/nspawn/$1.nspawn" <<-END
		[Exec]
		Boot=no
		Parameters=sleep 1000
		PrivateUsers=no
		[Files]
		BindReadOnly=/usr
		BindReadOnly=/run/pvkit:/pantavisor
		[Network]
		Private=yes
		VirtualEthernet=no
	END
	cat >"$DROPIN" <<-'END'
		[Service]
		ExecStart=
		ExecStart=systemd-nspawn --quiet --keep-unit --settings=trusted --machine=%i
		ExecStartPost=/usr/bin/pvkit container add \
			--cgroup /machine.slice/systemd-nspawn@%i.service/payload \
			--run-json /var/lib/pvkit/containers/%i/run.json %i
		ExecStartPost=/usr/bin/pvkit container start %i
	END
	systemctl daemon-reload
}

remove_containers() {
	[ -e "$DROPIN" ] || return 0
	systemctl stop 'systemd-nspawn@pvt*' 2>/dev/null || :
	systemctl reset-failed
	rm -rf "$DROPIN" /run/systemd/nspawn /var/lib/machines/pvt*
	systemctl daemon-reload
}

test_a_drop_in_registers_a_container_of_nspawn_and_loads_its_drivers() {
	echo '{ "drivers": { "required": ["p"], "manual": ["m"] }, "roles": [] }' | run_json pvt-web
	machine pvt-web
	do_it systemctl start systemd-nspawn@pvt-web
	expect users pvt-web "$(users p)"
	attempt within "$(pvkit container list --json | jq -r '"/sys/fs/cgroup" + .[0].cgroup')" \
		curl -s --unix-socket "$SOCKET" -X PUT -w '[%{http_code}]' http://x/drivers/m/load
	expect 'a load from its cgroup' '[200]' "$out"
	expect 'users of m' pvt-web "$(users m)"
	do_it systemctl stop systemd-nspawn@pvt-web
	expect_given_back pvt-web pvt_plain
	expect_gone pvt_dep
}

test_a_required_driver_that_the_board_lacks_stops_it_again() {
	echo '{ "drivers": { "required": ["p", "nobody"] } }' | run_json pvt-web
	machine pvt-web
	attempt systemctl start systemd-nspawn@pvt-web
	[ "$status" != 0 ] || broken 'systemctl start fails' "$out"
	expect_match 'the journal' 'pvt-web: required driver nobody: no such driver' \
		"$(journalctl -q --no-pager -u systemd-nspawn@pvt-web --since -60s)"
	expect_given_back pvt-web pvt_plain
}

prepare
run_tests
