#!/bin/sh
# SPDX-License-Identifier: MIT
# Control verbs: an LED of the keyboard that QEMU has, and the machine's pulse.

. "${0%/*}/lib.sh"

some() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "p": ["pvt_plain"] } }
	EOF
}

# The keyboard's, by any number.
find_led() {
	modprobe -q atkbd || :
	for led in /sys/class/leds/input*::capslock; do
		[ -e "$led/trigger" ] || broken "an LED" "none in /sys/class/leds"
		return
	done
}

trigger() {
	sed 's/.*\[\(.*\)\].*/\1/' "$led/trigger"
}

test_ping() {
	some
	pvkitd_start
	http GET /control/ping
	expect_match answer "\"boot_id\":\"$(cat /proc/sys/kernel/random/boot_id)\"" "$out"
}

test_an_led_blinks_and_is_as_before() {
	some
	find_led
	pvkitd_start
	before=$(trigger)
	http PUT /control/blink -d "{\"led\":\"${led##*/}\",\"seconds\":60}"
	expect "status ($out)" 200 "$status"
	expect_match trigger '^(heartbeat|timer|none)$' "$(trigger)"
	http PUT /control/blink -d '{"on":false}'
	expect "trigger afterwards" "$before" "$(trigger)"
	http PUT /control/blink -d "{\"led\":\"${led##*/}\",\"seconds\":60}"
	kill -KILL "$(process pvkitd-control)"
	expect_soon 10 sh -c "grep -qF '[$before]' '$led/trigger'"
}

run_tests
