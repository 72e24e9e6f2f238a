#!/bin/sh
# SPDX-License-Identifier: MIT
# Verbs for the machine: who may, over HTTP and by pvkit, and an LED of the keyboard that
# QEMU has, which is as before whatever happens. Reboots: tests/selftests/boot/reboot.sh.
# vm: timeout=300

. "${0%/*}/lib.sh"

some() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "p": ["pvt_plain"] } }
	EOF
}

# The keyboard's, by any number.
find_led() {
	[ "$(uname -m)" != aarch64 ] || not_here 'the machine has no keyboard'
	modprobe -q atkbd || :
	for led in /sys/class/leds/input*::capslock; do
		[ -e "$led/trigger" ] || broken "an LED" "none in /sys/class/leds"
		before=$(trigger)
		return
	done
}

trigger() {
	sed 's/.*\[\(.*\)\].*/\1/' "$led/trigger"
}

blinks() {
	expect_match trigger '^(heartbeat|timer|none)$' "$(trigger)"
}

# pvkit_ ARG...: $out, $err and $status
pvkit_() {
	status=0
	# shellcheck disable=SC2086 # a command and its arguments, or nothing
	out=$(${WITHIN:-} pvkit "$@" --socket "$SOCKET" 2>"$T/err") || status=$?
	err=$(cat "$T/err")
}

# refused: by everything, for one who may do nothing
refused() {
	for verb in ping blink 'blink off' reboot 'reboot --force'; do
		# shellcheck disable=SC2086 # words
		pvkit_ $verb
		expect "status of $verb ($out)" 4 "$status"
		expect_match "what is said to $verb" "^pvkit: ${verb%% *}: $1" "$err"
	done
}

test_the_host_may() {
	some
	pvkitd_start
	http GET /control/ping
	answers 200
	expect_match answer "\"boot_id\":\"$(cat /proc/sys/kernel/random/boot_id)\"" "$out"
	pvkit_ ping
	expect "status ($err)" 0 "$status"
	expect_match stdout "^up [0-9]+\.[0-9]+ s, boot $(cat /proc/sys/kernel/random/boot_id), answered" \
		"$out"
	pvkit_ ping --json
	expect 'seconds since boot' true \
		"$(echo "$out" | jq ".uptime - $(cut -d' ' -f1 /proc/uptime) | fabs < 20")"
}

test_a_container_with_the_role_may() {
	some
	find_led
	pvkitd_start
	box c1
	must container-new container=c1 "cgroup-fd=$(cgroup_of c1)" roles=1
	WITHIN="within $(cgroup_of c1)"
	pvkit_ ping
	expect "status ($err)" 0 "$status"
	pvkit_ blink 20 --led "${led##*/}"
	expect "status ($err)" 0 "$status"
	expect stdout "${led##*/} blinks for 20 s" "$out"
	blinks
	pvkit_ blink off
	WITHIN=
	expect stdout 'what blinked blinks no more' "$out"
	expect "trigger afterwards" "$before" "$(trigger)"
}

test_others_may_not() {
	some
	pvkitd_start
	container c1 p:manual
	WITHIN="within $(cgroup_of c1)"
	refused 'this needs the role mgmt'
	# nor does it help to be somebody in the container, or nobody on the host
	WITHIN='setpriv --reuid 1000 --regid 1000 --clear-groups'
	refused 'the caller is in no known container'
	WITHIN=
}

test_an_led_blinks_and_is_as_before() {
	some
	find_led
	pvkitd_start
	http PUT /control/blink -d "{\"led\":\"${led##*/}\",\"seconds\":60}"
	expect "status ($out)" 200 "$status"
	blinks
	# a second one makes it longer, a third one no shorter
	pvkit_ blink 90 --led "${led##*/}" --json
	expect_match 'what is left' '"seconds":(89|90)' "$out"
	pvkit_ blink 1 --led "${led##*/}"
	expect_match 'what is left' 'blinks for (8.|90) s' "$out"
	http PUT /control/blink -d '{"on":false}'
	expect "trigger afterwards" "$before" "$(trigger)"
	pvkit_ blink 1 --led "${led##*/}"
	blinks
	expect_soon 10 sh -c "grep -qF '[$before]' '$led/trigger'"
	expect 'nothing is left to restore' '' "$(find "$STATE" -name 'blink.*')"
}

test_killed_in_the_middle_it_is_as_before() {
	some
	find_led
	pvkitd_start
	http PUT /control/blink -d "{\"led\":\"${led##*/}\"}"
	blinks
	kill -KILL "$(process pvkitd-control)"
	expect_soon 10 sh -c "grep -qF '[$before]' '$led/trigger'"
	# and so it is when all of pvkitd was killed, once it is back
	expect_soon 10 process pvkitd-control
	pvkit_ blink --led "${led##*/}"
	expect "status ($err)" 0 "$status"
	blinks
	kill -KILL "$pvkitd"
	expect_soon 10 sh -c '! pgrep -x pvkitd-front'
	pvkitd_start
	expect "trigger afterwards" "$before" "$(trigger)"
}

# unplug, plug: the keyboard
keyboard() {
	printf serio0 >"/sys/bus/serio/drivers/atkbd/$1"
}

test_an_led_that_is_unplugged_meanwhile() {
	some
	find_led
	pvkitd_start
	pvkit_ blink --led "${led##*/}"
	blinks
	on_exit keyboard bind
	keyboard unbind
	[ ! -e "$led" ] || broken 'no LED' "$led"
	pvkit_ blink --led "${led##*/}"
	expect 'status' 3 "$status"
	expect stderr "pvkit: blink: there is no LED '${led##*/}'" "$err"
	pvkit_ blink off
	expect "status ($err)" 0 "$status"
	expect 'nothing is left to restore' '' "$(find "$STATE" -name 'blink.*')"
}

test_words_that_there_can_not_be() {
	some
	pvkitd_start
	for words in 'reboot --limit 0' 'reboot --mode a/b' 'reboot now' 'blink 0' 'blink --led ../x' \
		'blink on off' 'ping x'; do
		# shellcheck disable=SC2086 # words
		pvkit_ $words
		expect "status of $words" 2 "$status"
	done
	# a mode that no boot flag takes: nothing is rebooted
	pvkit_ reboot --mode recovery
	expect status 4 "$status"
	expect_match stderr "no boot flag of this machine takes the mode 'recovery'" "$err"
	end "$pvkitd"
	pvkit_ ping
	expect 'status without pvkitd' 6 "$status"
}

run_tests
