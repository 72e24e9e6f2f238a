# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the tests under real container runtimes share, beside what they share with
# those of pv_driver: a Debian of its own (scripts/vm --root) into which `make install`
# has put pvkit, pvkitd as a service with a drivers.json, and a root file system whose
# programs are the host's.
#
# A container's name to pvkit is pvt-..., as is its name to the runtime.

# shellcheck source=tests/selftests/driver/lib.sh
. "${0%/*}/../driver/lib.sh"

INSTALLED=/usr/lib/pvkit/installed
CONTAINERS=/var/lib/pvkit/containers
ROOTFS=/var/lib/pvt-rootfs
SOCKET=/run/pvkit/pv-ctrl

serves() {
	curl -s -o /dev/null --max-time 5 --unix-socket "$SOCKET" http://x/drivers
}

# Once for each machine.
prepare() {
	[ ! -e "$ROOTFS" ] || return 0
	cp -a "$INSTALLED/." /
	mkdir -p "$ROOTFS/proc" "$ROOTFS/sys" "$ROOTFS/dev" "$ROOTFS/tmp" "$ROOTFS/run" \
		"$ROOTFS/etc" "$ROOTFS/usr" "$ROOTFS/var" "$ROOTFS/root" "$ROOTFS/pantavisor"
	for pr in bin sbin lib lib64; do
		ln -s "usr/$pr" "$ROOTFS/$pr"
	done
	cp /etc/passwd /etc/group "$ROOTFS/etc/"
	mkdir -p /var/lib/pvkit/bsp
	cat >/var/lib/pvkit/bsp/drivers.json <<-'END'
		{ "#spec": "driver-aliases@1", "all": {
		  "p": ["pvt_plain"], "b": ["pvt_base"], "m": ["pvt_dep"], "f": ["pvt_fail"] } }
	END
	modprobe pv_driver
	systemd-sysusers
	systemctl daemon-reload
	systemctl start pvkitd
	wait_until 20 serves || broken 'pvkitd serves' "$(systemctl status pvkitd 2>&1)"
}

# run_json NAME: run.json of that container from standard input
run_json() {
	mkdir -p "$CONTAINERS/$1"
	cat >"$CONTAINERS/$1/run.json"
}

registered() {
	nl_request container-get "container=$1" >/dev/null 2>&1
}

expect_registered() {
	registered "$1" || broken "$1 is registered" "$(pvkit container list)"
}

expect_registered_nowhere() {
	must --dump container-get
	expect 'containers that are registered' '' "$(field container)"
}

# A stop, a kill or a removal gives all back within 6 s.
expect_given_back() {
	expect_soon 6 not registered "$1"
	shift
	for eb in "$@"; do
		expect_soon 6 not resident "$eb"
	done
}

# users ALIAS: who uses it, on one line
users() {
	tr '\n' ' ' <"$SYS/$1/users" | sed 's/ $//'
}

# entry_of ALIAS TYPE STATUS: an object of what GET /drivers answers
entry_of() {
	printf '{"name":"%s","type":"%s","status":"%s"}' "$@"
}

# attempt COMMAND...: $out is all that it printed, $status its own
attempt() {
	status=0
	# a file: conmon would hold a pipe open
	timeout 90 "$@" >"$T/out" 2>&1 </dev/null || status=$?
	out=$(cat "$T/out")
}

# do_it COMMAND...: attempt, and it has to succeed
do_it() {
	attempt "$@"
	[ "$status" = 0 ] || broken "success of: $*" "status $status: $out"
}

# The drivers stay registered: they are the board's, not a test's.
remove_drivers() {
	[ -e "$ROOTFS" ] || return 0
	remove_containers
	rm -rf "${CONTAINERS:?}"/pvt-*
	for rd in $(nl_request --dump container-get | sed -n 's/^container=//p'); do
		nl_request --wait 20000 container-del "container=$rd" >/dev/null || :
	done
	for rd in "$SYS"/*/control; do
		echo unload >"$rd"
	done 2>/dev/null || :
}

what_there_is() {
	note "$(pvkit drivers list 2>&1)"
	note "$(pvkit container list 2>&1)"
	note "$(journalctl -q --no-pager -n 10 -t pvkit -t pvkitd -t crun -t runc -t conmon 2>&1)"
}
