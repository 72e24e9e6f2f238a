#!/bin/sh
# SPDX-License-Identifier: MIT
# /bootflags: who may read and set, what is answered, and pv_bootflag that comes and goes.
# vm: timeout=300

# shellcheck source=tests/selftests/rest/lib.sh
. "${0%/*}/../rest/lib.sh"
# shellcheck source=tests/selftests/bootflag/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=tests/selftests/bootflag/cli_lib.sh
. "${0%/*}/cli_lib.sh"

# What pvkitd leaves behind, too: it wants pv_driver beside pv_bootflag.
put_back() {
	end_children
	if [ -d /sys/class/pv_driver ]; then
		for pb in $(nl_request --dump container-get | sed -n 's/^container=//p'); do
			nl_request --wait 20000 container-del "container=$pb" >/dev/null || :
		done
	fi
	remove_cgroups
	for pb in "$SYS"/*/state; do
		[ -f "$pb" ] || continue
		pb=${pb%/state}
		echo "${pb##*/}" >"$SYS/del"
	done
	rmmod pv_bootflag simflash 2>/dev/null || :
	modprobe pv_bootflag
	pvkitd=
}

serving() {
	modprobe pv_driver
	echo '{ "#spec": "driver-aliases@1", "all": { "d": ["pvt_plain"] } }' | drivers_json
	pvkitd_start
}

# mgmt NAME: a container with that role
mgmt() {
	box "$1"
	must container-new "container=$1" "cgroup-fd=$(cgroup_of "$1")" roles=1
}

# says_json FILTER EXPECTED: of the body
says_json() {
	expect "jq '$1' of $out" "$2" "$(printf '%s\n' "$out" | jq -c "$1" 2>&1)"
}

test_the_host_reads_sets_and_clears() {
	add_rtc
	serving
	http GET /bootflags
	answers_status 200
	says_json '[.[] | [.name, .medium, .format, .state, .fields]]' \
		'[["rtc","nvmem","magic","ready",{}]]'
	http PUT /bootflags/rtc -d '{"mode":"recovery"}'
	answers_status 200
	says_json '[.name, .state, .fields]' '["rtc","ready",{"mode":"recovery"}]'
	expect 'the byte in the RTC' 52 "$(rtc_byte 64)"
	http GET /bootflags/rtc
	says_json .fields '{"mode":"recovery"}'
	http DELETE /bootflags/rtc
	answers_status 200
	says_json .fields '{}'
	expect 'the byte in the RTC' 00 "$(rtc_byte 64)"
}

test_a_container_with_the_role_mgmt_may_all_that_another_may_nothing() {
	add_rtc
	serving
	mgmt boss
	container worker
	http_in boss PUT /bootflags/rtc -d '{"mode":"ota"}'
	answers_status 200
	http_in boss GET /bootflags
	says_json '.[0].fields' '{"mode":"ota"}'
	for what in 'GET /bootflags' 'GET /bootflags/rtc' 'DELETE /bootflags/rtc'; do
		# shellcheck disable=SC2086 # method and path
		http_in worker $what
		answers_status 403 '{"Error":"this needs the role mgmt"}'
	done
	http_in worker PUT /bootflags/rtc -d '{"mode":"recovery"}'
	answers_status 403 '{"Error":"this needs the role mgmt"}'
	expect_flag rtc mode ota
}

test_a_refusal_is_the_kernels_with_its_status() {
	simflash blocks=2
	add_rtc
	pvkit flag add misc medium=mtd device=simflash format=bcb rate=1/h
	pvkit flag add late medium=mtd device=nowhere format=bcb
	serving
	http PUT /bootflags/rtc -d '{"mode":"nowhere"}'
	answers_status 400 '{"Error":"mode: not one that this store knows"}'
	http PUT /bootflags/rtc -d '{"slot":"b"}'
	answers_status 400
	http PUT /bootflags/nobody -d '{"mode":"ota"}'
	answers_status 404 '{"Error":"no such store"}'
	http PUT /bootflags/late -d '{"mode":"ota"}'
	answers_status 503 '{"Error":"the medium is not there"}'
	http GET /bootflags/misc
	generation=$(printf '%s' "$out" | jq .generation)
	http PUT "/bootflags/misc?generation=$generation" -d '{"slot":"b","tries":3}'
	answers_status 200
	http PUT "/bootflags/misc?generation=$generation" -d '{"slot":"a"}'
	answers_status 409 '{"Error":"the store has changed meanwhile"}'
	http PUT /bootflags/misc -d '{"slot":"a"}'
	answers_status 429
	expect_flag misc slot 1
}

test_foreign_content_is_never_written() {
	simflash blocks=2
	printf 'hsqs and more of a squashfs' | content
	before=$(fingerprint)
	pvkit flag add misc medium=mtd device=simflash format=bcb
	serving
	http PUT /bootflags/misc -d '{"mode":"ota"}'
	answers_status 409
	http DELETE /bootflags/misc
	answers_status 409
	expect 'the flash' "$before" "$(fingerprint)"
}

test_the_module_may_come_later_and_go() {
	rmmod pv_bootflag
	serving
	http GET /bootflags
	answers_status 503 '{"Error":"pv_bootflag is not in the kernel"}'
	modprobe pv_bootflag
	pvkit flag add rtc "$RTC"
	expect_soon 20 sets_mode ota
	rmmod pv_bootflag
	expect_soon 10 refuses_flags
	http GET /drivers?all=1
	answers_status 200
	modprobe pv_bootflag
	pvkit flag add rtc "$RTC"
	expect_soon 20 sets_mode recovery
}

sets_mode() {
	http PUT /bootflags/rtc -d "{\"mode\":\"$1\"}"
	[ "$status" = 200 ]
}

refuses_flags() {
	http GET /bootflags
	[ "$status" = 503 ]
}

test_a_set_that_takes_its_time_holds_up_nobody() {
	simflash blocks=2
	pvkit flag add misc medium=mtd device=simflash format=bcb rate=none
	serving
	sim delay_us 3000000
	background "$T/slow" curl -s --unix-socket "$SOCKET" -X PUT -d '{"slot":"b"}' \
		http://x/bootflags/misc
	slow=$child
	sleep 0.2
	begin=$(now_ms)
	http GET /bootflags
	answers_status 200
	expect_less 'milliseconds of a GET meanwhile' 3000 $(($(now_ms) - begin))
	alive "$slow" || broken 'a set that still waits' "$(cat "$T/slow")"
	sim delay_us 0
	wait_until 20 not alive "$slow" || broken 'its end' "$(cat "$T/slow")"
	out=$(cat "$T/slow")
	says_json .fields.slot '"b"'
}

# answers_status STATUS [BODY]
answers_status() {
	expect "HTTP status (body: $out)" "$1" "$status"
	[ $# = 1 ] || expect body "$2" "$out"
}

run_tests
