#!/bin/sh
# SPDX-License-Identifier: MIT
# What each process of pvkitd may still do, and that it can do its work with that.
# tests/unit/sandbox_test.c has the policy in detail.
# vm: timeout=300 append=audit=1

. "${0%/*}/lib.sh"

# Kernels before 5.13 have no Landlock.
landlock() {
	grep -qs landlock /sys/kernel/security/lsm || dmesg | grep -q 'landlock: Up and running'
}

# rights PID: the fields that the tables below are about
rights() {
	awk '$1 == "Uid:" || $1 == "CapEff:" || $1 == "CapPrm:" || $1 == "CapBnd:" ||
	     $1 == "CapAmb:" || $1 == "NoNewPrivs:" || $1 == "Seccomp:" { print $1 $2 }' \
		"/proc/$1/status" | tr '\n' ' '
}

# expect_rights WHO PID UID CAPABILITIES SECCOMP: 2 is a filter
expect_rights() {
	expect "rights of $1" \
		"Uid:$3 CapPrm:$4 CapEff:$4 CapBnd:$4 CapAmb:0000000000000000 NoNewPrivs:1 Seccomp:$5 " \
		"$(rights "$2")"
}

refused_calls() {
	dmesg | grep 'audit: type=1326' || :
}

some() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": {
		  "d": ["pvt_dep level=${user-meta:level:-2}"], "slow": ["pvt_slow ms=300"], "bad": ["pvt_fail"] } }
	EOF
}

test_each_process_has_the_rights_in_the_table() {
	some
	pvkitd_start
	# CHOWN, DAC_READ_SEARCH, KILL, SETGID, SETUID, SETPCAP, SYS_BOOT, SYS_MODULE, SYSLOG
	expect_rights supervisor "$pvkitd" 0 00000004004101e5 0
	# DAC_READ_SEARCH, SYS_MODULE, SYSLOG
	expect_rights loader "$(process pvkitd-loader)" 0 0000000400010004 2
	# KILL, SYS_BOOT
	expect_rights control "$(process pvkitd-control)" 0 0000000000400020 2
	front=$(process pvkitd-front)
	expect_rights front "$front" 65534 0000000000000000 2
	# and the thread that writes metadata
	expect "threads of the front" 2 "$(find "/proc/$front/task" -mindepth 1 -maxdepth 1 | wc -l)"
	for task in "/proc/$front/task"/*; do
		expect_rights thread "$front/task/${task##*/}" 65534 0000000000000000 2
	done
	http PUT /drivers/d/load
	answers 200 ''
	workers=$(pgrep -x -P "$(process pvkitd-loader)" pvkitd-worker)
	[ -n "$workers" ] || broken "a worker" "none"
	for pid in $workers; do
		expect_rights worker "$pid" 0 0000000400010004 2
		# and nothing of the loader's but its own end of a socket
		expect "sockets of a worker" 1 "$(find "/proc/$pid/fd" -lname 'socket:*' | wc -l)"
	done
}

test_a_day_of_work_asks_for_nothing_that_is_not_allowed() {
	dmesg | grep -q 'audit: initializing netlink subsys (enabled)' ||
		broken "a kernel that tells of refused calls" "$(dmesg | grep audit:)"
	before=$(refused_calls)
	some
	pvkitd_start
	container c1 d:manual
	# loads, with and without metadata, that work and that fail
	http PUT /user-meta/level --data-binary 5
	answers 200 ''
	http_in c1 PUT /drivers/d/load
	answers 200 ''
	expect level 2 "$(param pvt_dep level)"
	http PUT /drivers/bad/load
	answers 400
	http PUT /drivers/slow/load
	answers 200 ''
	http PUT /drivers/slow/unload
	answers 200 ''
	http_in c1 PUT /drivers/d/unload
	answers 200 ''
	http PUT /drivers/d/load
	answers 200 ''
	expect level 5 "$(param pvt_dep level)"
	http GET '/drivers?all=1'
	answers 200
	http GET /user-meta
	answers 200 '{"level":"5"}'
	http DELETE /user-meta/level
	answers 200 ''
	http PUT /device-meta/model --data-binary x
	answers 200 ''
	# a file that changes, SIGHUP, and what it does
	sed -i 's/"bad"/"worse"/' "$ROOT/bsp/drivers.json"
	kill -HUP "$pvkitd"
	expect_soon 10 test -d "$SYS/worse"
	# all three killed, and the module out and in
	kill -KILL "$(process pvkitd-front)" "$(process pvkitd-loader)"
	expect_soon 10 serves
	expect_soon 10 has_agent
	http PUT /drivers/d/unload
	answers 200 ''
	must --wait 20000 container-del container=c1
	rmmod pv_driver
	modprobe pv_driver
	expect_soon 10 serves
	expect_soon 10 has_agent
	http PUT /drivers/d/load
	answers 200 ''
	end "$pvkitd"
	expect "exit status" 0 "$status"
	expect "calls that were refused" "$before" "$(refused_calls)"
}

test_a_store_that_is_a_link_leads_nowhere() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "d": ["pvt_dep level=${user-meta:pvt-level:-2}"] } }
	EOF
	pvkitd_start
	http PUT /user-meta/kept --data-binary x
	answers 200 ''
	# given somebody who has replaced the store by a link while pvkitd runs
	mv "$ROOT/user-meta" "$ROOT/aside"
	ln -s /etc "$ROOT/user-meta"
	echo 7 >/etc/pvt-level
	# then the front goes on with the store that it had
	http PUT /user-meta/new --data-binary y
	answers 200 ''
	expect "its file" y "$(cat "$ROOT/aside/new")"
	[ ! -e /etc/new ] || broken "no /etc/new" "$(ls -l /etc/new)"
	# and no worker reads through the link
	if landlock; then
		http PUT /drivers/d/load
		answers 200 ''
		expect level 2 "$(param pvt_dep level)"
		http PUT /drivers/d/unload
		answers 200 ''
	fi
	# and a new front says why there is no store, and makes nothing in /etc
	kill -KILL "$(process pvkitd-front)"
	expect_soon 10 serves
	http PUT /user-meta/new --data-binary y
	answers 500
	[ ! -e /etc/new ] || broken "no /etc/new" "$(ls -l /etc/new)"
	expect_match "the log" 'user-meta: a link, which is not followed' "$(cat "$DAEMON_LOG")"
	rm "$ROOT/user-meta" /etc/pvt-level
}

test_a_bsp_may_be_a_link() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "p": ["pvt_plain"] } }
	EOF
	mkdir "$T/elsewhere"
	mv "$ROOT/bsp/drivers.json" "$T/elsewhere/drivers.json"
	ln -s "$T/elsewhere/drivers.json" "$ROOT/bsp/drivers.json"
	pvkitd_start
	http PUT /drivers/p/load
	answers 200 ''
	expect_live pvt_plain
}

test_what_came_later_is_seen_too() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "d": ["pvt_dep"] } }
	EOF
	rm -rf /run/modprobe.d
	pvkitd_start
	loader=$(process pvkitd-loader)
	# given a directory of options that was not there when pvkitd started
	mkdir /run/modprobe.d
	echo 'options pvt_dep level=9' >/run/modprobe.d/late.conf
	expect_soon 10 test ! -d "/proc/$loader"
	expect_soon 10 has_agent
	http PUT /drivers/d/load
	rm -r /run/modprobe.d
	answers 200 ''
	expect level 9 "$(param pvt_dep level)"
	http PUT /drivers/d/unload
	# and a BSP that is a link from now on
	mv "$ROOT/bsp" "$T/elsewhere"
	echo '{ "#spec": "driver-aliases@1", "all": { "e": [] } }' >"$T/elsewhere/drivers.json"
	ln -s "$T/elsewhere" "$ROOT/bsp"
	expect_soon 10 test -d "$SYS/e"
}

test_without_a_sandbox_it_says_so() {
	some
	pvkitd_start --no-sandbox
	expect_match "the log" 'no sandbox, as was asked for' "$(cat "$DAEMON_LOG")"
	expect_rights front "$(process pvkitd-front)" 65534 0000000000000000 0
	expect_rights loader "$(process pvkitd-loader)" 0 0000000400010004 0
	http PUT /drivers/d/load
	answers 200 ''
}

test_a_front_that_stays_root_is_warned_of() {
	some
	pvkitd_start --user 0
	expect_match "the log" 'user 0: what parses requests stays root' "$(cat "$DAEMON_LOG")"
	expect_rights front "$(process pvkitd-front)" 0 0000000000000000 2
	http PUT /user-meta/k --data-binary x
	answers 200 ''
}

run_tests
