#!/bin/sh
# SPDX-License-Identifier: MIT
# A load that waits for the driver's device: ?wait=device and ?wait=netdev.
# vm: timeout=240

. "${0%/*}/lib.sh"

given() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1",
		  "all": { "dummy":  ["dummy numdummies=1"],
		           "radio":  ["mac80211_hwsim radios=1"],
		           "late":   ["pvt_late ms=1500"],
		           "later":  ["pvt_late ms=20000"],
		           "never":  ["pvt_late ms=0"],
		           "plain":  ["pvt_plain"],
		           "two":    ["pvt_plain", "pvt_late ms=500"],
		           "none":   [] } }
	EOF
	pvkitd_start
}

# waits NAME PATH [COMMAND...]: a PUT in the background; its answer comes to $T/NAME
waits() {
	w_name=$1
	w_path=$2
	shift 2
	background "$T/$w_name" "$@" curl -s -w ' %{http_code}\n' --max-time 60 \
		--unix-socket "$SOCKET" -X PUT "http://x$w_path"
}

answered() {
	[ -s "$T/$1" ]
}

test_a_virtual_interface_is_there_at_once() {
	given
	http PUT '/drivers/dummy/load?wait=netdev&timeout=20'
	answers 200 ''
	expect "the interface" dummy0 "$(cd /sys/class/net && echo dummy*)"
	http PUT '/drivers/dummy/load?wait=device&timeout=20'
	answers 200 ''
	http PUT /drivers/dummy/unload
	answers 200 ''
}

test_a_radio_has_an_interface_of_its_own() {
	given
	http PUT '/drivers/radio/load?wait=netdev&timeout=60'
	answers 200 ''
	expect "the module of wlan0" mac80211_hwsim \
		"$(basename "$(readlink /sys/class/net/wlan0/device/driver/module)")"
	http PUT /drivers/radio/unload
	answers 200 ''
}

test_a_device_that_comes_late_is_waited_for() {
	given
	# when it is loaded without waiting, then the device is not there yet
	http PUT /drivers/late/load
	answers 200 ''
	expect "devices at once" '' "$(ls -d /sys/devices/platform/pvt_late 2>/dev/null || :)"
	# when a second client waits, then it is
	http PUT '/drivers/late/load?wait=device'
	answers 200 ''
	expect "devices after the wait" /sys/devices/platform/pvt_late \
		"$(ls -d /sys/devices/platform/pvt_late)"
	http PUT /drivers/late/unload
	answers 200 ''
}

test_of_two_modules_one_has_the_device() {
	given
	http PUT '/drivers/two/load?wait=device'
	answers 200 ''
	http PUT /drivers/two/unload
	answers 200 ''
}

test_a_device_that_never_comes_is_504_and_says_what_was_waited_for() {
	given
	before=$(now_ms)
	http PUT '/drivers/never/load?wait=device&timeout=2'
	answers 504 '{"Error":"never is loaded, but no device of pvt_late showed up within 2 s"}'
	took=$(($(now_ms) - before))
	[ "$took" -ge 1900 ] || broken "at least 1900 ms" "$took"
	expect_less milliseconds 4000 "$took"
	# the driver stays; the wait alone has failed
	expect_state never loaded
	http PUT '/drivers/never/load?wait=netdev&timeout=1'
	answers 504 '{"Error":"never is loaded, but no network interface of pvt_late showed up within 1 s"}'
	http PUT /drivers/never/unload
	answers 200 ''
}

test_a_driver_that_is_unloaded_meanwhile_is_409() {
	given
	container c1 later:manual
	waits waiter '/drivers/later/load?wait=device' within "$(cgroup_of c1)"
	expect_soon 10 state_is later loaded
	http_in c1 PUT /drivers/later/unload
	answers 200 ''
	expect_soon 5 answered waiter
	expect answer '{"Error":"later was unloaded before a device of it showed up"} 409' \
		"$(cat "$T/waiter")"
}

test_a_client_that_goes_away_leaves_nothing_behind() {
	given
	container c1 later:manual
	for n in 1 2 3; do
		waits "client$n" '/drivers/later/load?wait=device' within "$(cgroup_of c1)"
		eval "client$n=$child"
	done
	expect_soon 10 state_is later loaded
	in_group=$(uevent_listeners)
	expect "listeners to uevents" 1 "$in_group"
	for n in 1 2 3; do
		eval "kill \$client$n"
	done
	expect_soon 5 nobody_listens
	http_in c1 PUT /drivers/later/unload
	answers 200 ''
}

# uevent_listeners: sockets of the front that are in the kernel's group
uevent_listeners() {
	ul_pid=$(process pvkitd-front)
	# shellcheck disable=SC2012 # what a link leads to
	ls -l "/proc/$ul_pid/fd" | sed -n 's/.*socket:\[\([0-9]*\)\]/\1/p' >"$T/inodes"
	awk 'NR == FNR { mine[$1] = 1; next }
		$2 == 15 && $4 == "00000001" && $NF in mine { n++ }
		END { print n + 0 }' "$T/inodes" /proc/net/netlink
}

nobody_listens() {
	[ "$(uevent_listeners)" = 0 ]
}

test_nobody_waits_where_nothing_can_come() {
	given
	http PUT '/drivers/none/load?wait=device'
	answers 400 '{"Error":"none is loaded, but without modules no device is its own"}'
	http PUT '/drivers/plain/load?wait=device&async=1'
	answers 400 '{"Error":"wait and async exclude each other"}'
	http PUT '/drivers/plain/load?wait=disk'
	answers 400 '{"Error":"wait is device or netdev"}'
	http PUT '/drivers/plain/unload?wait=device'
	answers 400 '{"Error":"wait is for a load"}'
	expect_gone pvt_plain
	expect "listeners to uevents" 0 "$(uevent_listeners)"
}

run_tests
