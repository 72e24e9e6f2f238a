#!/bin/sh
# SPDX-License-Identifier: MIT
# From a container's curl to a module in the kernel, and back.
# vm: timeout=240

. "${0%/*}/lib.sh"

test_the_example_file_loads_iwlwifi_with_its_options() {
	# given the example of the documentation, as it stands there
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1",
		  "all":     { "bluetooth": ["hci_uart", "btintel"],
		               "wifi":      ["iwlwifi ${user-meta:drivers.iwlwifi.opts}"] },
		  "dtb:all": {} }
	EOF
	pvkitd_start
	before=$(cut -d' ' -f1 /proc/modules | sort)
	http GET '/drivers?all=1'
	answers 200 '[{"name":"bluetooth","type":"MANUAL","status":"UNLOADED"},{"name":"wifi","type":"MANUAL","status":"UNLOADED"}]'
	# when its options are set and it is loaded
	http PUT /user-meta/drivers.iwlwifi.opts --data-binary 'power_save=1 bt_coex_active=0'
	answers 200 ''
	http PUT /drivers/wifi/load
	answers 200 ''
	# then the kernel has the module, with these options
	expect power_save Y "$(param iwlwifi power_save)"
	expect bt_coex_active N "$(param iwlwifi bt_coex_active)"
	expect_state wifi loaded
	http GET '/drivers?all=1'
	answers 200 '[{"name":"bluetooth","type":"MANUAL","status":"UNLOADED"},{"name":"wifi","type":"MANUAL","status":"LOADED"}]'
	# and the other alias has two modules
	http PUT /drivers/bluetooth/load
	answers 200 ''
	expect_live hci_uart btintel
	# and all that came goes
	http PUT /drivers/wifi/unload
	answers 200 ''
	http PUT /drivers/bluetooth/unload
	answers 200 ''
	expect modules "$before" "$(cut -d' ' -f1 /proc/modules | sort)"
}

test_a_container_sees_and_loads_what_it_names() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "r": ["pvt_plain"], "o": ["pvt_c5"], "m": ["pvt_dep level=3"], "x": ["pvt_soft"] } }
	EOF
	pvkitd_start
	container c1 r:required o:optional m:manual gone:manual
	http_in c1 GET /drivers
	answers 200 '[{"name":"r","type":"REQUIRED","status":"UNLOADED"},{"name":"o","type":"OPTIONAL","status":"UNLOADED"},{"name":"m","type":"MANUAL","status":"UNLOADED"},{"name":"gone","type":"MANUAL","status":"UNKNOWN"}]'
	# it loads its own, and no other's
	http_in c1 PUT /drivers/m/load
	answers 200 ''
	expect_live pvt_dep pvt_base
	expect level 3 "$(param pvt_dep level)"
	expect users c1 "$(cat "$SYS/m/users")"
	http_in c1 PUT /drivers/x/load
	answers 403
	http_in c1 PUT /drivers/gone/load
	answers 404
	http_in c1 PUT /drivers/r/load
	answers 200 ''
	http_in c1 PUT /drivers/r/unload
	answers 409
	http_in c1 GET '/drivers?all=1'
	answers 200 '[{"name":"r","type":"REQUIRED","status":"LOADED"},{"name":"o","type":"OPTIONAL","status":"UNLOADED"},{"name":"m","type":"MANUAL","status":"LOADED"},{"name":"gone","type":"MANUAL","status":"UNKNOWN"}]'
	# its manual drivers in one go; the one that the board lacks is the answer
	http_in c1 PUT /drivers/unload
	answers 404
	expect_gone pvt_dep pvt_base
	expect_live pvt_plain
	# and when it is gone, so is what it used
	must --wait 20000 container-del container=c1
	expect_gone pvt_plain
}

test_a_caller_from_nowhere_gets_nothing() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "p": ["pvt_plain"] } }
	EOF
	pvkitd_start
	HTTP_WITHIN='setpriv --reuid 1000 --regid 1000 --clear-groups'
	http GET /drivers
	answers 403
	http PUT /drivers/p/load
	answers 403
	http PUT /user-meta/k --data x
	answers 403
	HTTP_WITHIN=
	expect_gone pvt_plain
}

test_small_clients_speak_http_1_0_through_nc() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "p": ["pvt_plain"] } }
	EOF
	pvkitd_start
	printf 'PUT /drivers/p/load HTTP/1.0\r\nHost: localhost\r\n\r\n' | nc -NU "$SOCKET" >"$T/nc"
	expect_match "status line" '^HTTP/1.0 200 OK' "$(cat "$T/nc")"
	expect_live pvt_plain
	http PUT /drivers/p/unload
}

test_a_time_limit_is_504_and_async_is_202() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "slow": ["pvt_slow ms=3000"] } }
	EOF
	pvkitd_start
	http PUT '/drivers/slow/load?timeout=1'
	answers 504
	expect_soon 15 not resident pvt_slow
	http PUT '/drivers/slow/load?async=1'
	answers 202 ''
	expect_soon 10 state_is slow loaded
}

run_tests
