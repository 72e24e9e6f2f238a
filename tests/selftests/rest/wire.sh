#!/bin/sh
# SPDX-License-Identifier: MIT
# The wire of pv-ctrl, row by row: who gets which status, and which bytes.
# vm: timeout=240

. "${0%/*}/lib.sh"

given() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1",
		  "all": { "r": ["pvt_plain"], "o": ["pvt_base"], "m1": ["pvt_c1"], "m2": ["pvt_dep"],
		           "bad": ["pvt_plain", "pvt_fail errno=19"], "none": [], "other": ["pvt_c2"] } }
	EOF
	pvkitd_start
}

# container_with ROLES [ENTRY...]: c1, with these roles in it
container_with() {
	container c1
	must --wait 20000 container-del container=c1
	cw_roles=$1
	shift
	set -- "roles=$cw_roles" "$@"
	must container-new container=c1 "cgroup-fd=$(cgroup_of c1)" "$@"
}

# error_of_shape: an object with nothing in it but Error, compact
error_of_shape() {
	expect "keys of the body: $out" '["Error"]' "$(printf '%s' "$out" | jq -c 'keys')"
	expect "compact JSON" "$(printf '%s' "$out" | jq -c .)" "$out"
}

test_the_host_gets_an_empty_object_and_with_all_every_driver() {
	given
	http GET /drivers
	answers 200 '{}'
	http GET '/drivers?all=1'
	expect "names" 'bad m1 m2 none o other r' "$(printf '%s' "$out" | jq -r '.[].name' | sort |
		tr '\n' ' ' | sed 's/ $//')"
	expect "an empty alias" LOADED "$(printf '%s' "$out" |
		jq -r '.[] | select(.name == "none") | .status')"
}

test_a_container_that_names_none_gets_an_empty_object() {
	given
	container c1
	http_in c1 GET /drivers
	answers 200 '{}'
	http_in c1 GET '/drivers?all=1'
	answers 200 '{}'
}

test_load_and_unload_of_all_touch_manual_drivers_only() {
	given
	container c1 r:required o:optional m1:manual m2:manual
	http_in c1 PUT /drivers/load
	answers 200 ''
	expect modules 'pvt_base pvt_c1 pvt_dep' "$(ours_resident)"
	expect "users of r and o" '' "$(cat "$SYS/r/users" "$SYS/o/users")"
	http_in c1 PUT /drivers/r/load
	answers 200 ''
	http_in c1 PUT /drivers/unload
	answers 200 ''
	expect modules pvt_plain "$(ours_resident)"
}

test_refusals_come_in_their_order_403_404_400_409() {
	given
	container c1 r:required o:optional bad:manual nosuch:manual
	# not named, whether it exists or not: 403
	http_in c1 PUT /drivers/other/load
	answers 403
	error_of_shape
	http_in c1 PUT /drivers/nowhere/load
	answers 403
	# named, and not in the BSP: 404
	http_in c1 PUT /drivers/nosuch/load
	answers 404
	error_of_shape
	http_in c1 PUT /drivers/nosuch/unload
	answers 404
	# a module's failure: 400, with its name
	http_in c1 PUT /drivers/bad/load
	answers 400
	error_of_shape
	expect_match "the reason" pvt_fail "$out"
	expect modules '' "$(ours_resident)"
	# unload of a required or optional driver: 409
	http_in c1 PUT /drivers/r/unload
	answers 409
	error_of_shape
	http_in c1 PUT /drivers/o/unload
	answers 409
	# and the host asks for what is not there
	http PUT /drivers/nowhere/load
	answers 404
}

test_an_unknown_path_or_method_is_400() {
	given
	http GET /nowhere
	answers 400 '{"Error":"unknown endpoint: /nowhere"}'
	http GET '/a"b'
	answers 400
	error_of_shape
	http DELETE /drivers
	answers 400
	error_of_shape
	http POST /drivers/m1/load
	answers 400
	http GET /drivers/m1/load
	answers 400
	http PUT /drivers/m1/reload
	answers 400
	expect modules '' "$(ours_resident)"
}

# metric NAME{LABELS}: its value, as the host is told
metric() {
	http GET /metrics
	answers 200
	printf '%s\n' "$out" | awk -v name="$1" '$1 == name { print $2 }'
}

answers_metrics() {
	http GET /metrics
	answers 200
	expect "the last line" '# EOF' "$(printf '%s\n' "$out" | tail -n 1)"
}

test_metrics_tell_what_there_is_and_what_was_done() {
	given
	container_with 0 entry=m1:manual
	# the kernel's own status is for the host, and the front has given that up
	expect "what the front can't know" '' "$(metric pvkit_agent_present)"
	answers_metrics
	expect "loads before" 0 "$(metric 'pvkit_driver_loads_total{driver="m1"}')"
	http_in c1 PUT /drivers/m1/load
	answers 200 ''
	expect "loads after" 1 "$(metric 'pvkit_driver_loads_total{driver="m1"}')"
	expect users 1 "$(metric 'pvkit_driver_users{driver="m1"}')"
	expect state 1 "$(metric 'pvkit_driver_state{driver="m1",pvkit_driver_state="loaded"}')"
	expect requests 1 "$(metric 'pvkit_http_requests_total{method="PUT",'\
'endpoint="/drivers/{name}/load",status="200"}')"
	expect_match "it took some time" '^0\.[0-9]*[1-9]' \
		"$(metric 'pvkit_driver_last_load_seconds{driver="m1"}')"
	# its own container has no role
	http_in c1 GET /metrics
	answers 403
	error_of_shape
	http_in c1 PUT /drivers/m1/unload
	answers 200 ''
}

test_names_that_climb_or_hide_are_no_drivers() {
	given
	container c1 m1:manual
	for name in '..' '%2e%2e' '..%2f..%2fetc' '%00' 'm1%00' 'm1%0a' '%2f' 'a%20b' \
		"$(printf '%1000s' '' | tr ' ' m)"; do
		http_in c1 PUT "/drivers/$name/load" --path-as-is
		case $status in
		400 | 403 | 404) ;;
		*) broken "a refusal of $name" "$status $out" ;;
		esac
		error_of_shape
	done
	expect modules '' "$(ours_resident)"
}

test_user_meta_is_set_read_and_deleted() {
	given
	http GET /user-meta
	answers 200 '{}'
	http PUT /user-meta/a.key --data-binary 'some "value"'
	answers 200 ''
	http GET /user-meta
	answers 200 '{"a.key":"some \"value\""}'
	http DELETE /user-meta/a.key
	answers 200 ''
	http GET /user-meta
	answers 200 '{}'
	http DELETE /user-meta/a.key
	answers 404
	error_of_shape
}

test_device_meta_is_a_store_of_its_own() {
	given
	http PUT /device-meta/k --data-binary v
	answers 200 ''
	http GET /device-meta
	expect k v "$(printf '%s' "$out" | jq -r .k)"
	http GET /user-meta
	answers 200 '{}'
	http DELETE /device-meta/k
	answers 200 ''
	http DELETE /device-meta/k
	answers 404
}

test_bodies_of_metadata_are_bounded() {
	given
	http PUT /user-meta/k --data-binary ''
	answers 400
	error_of_shape
	printf '%4096s' '' | tr ' ' v >"$T/full"
	http PUT /user-meta/k --data-binary "@$T/full"
	answers 200 ''
	printf '%4097s' '' | tr ' ' v >"$T/over"
	http PUT /user-meta/k --data-binary "@$T/over"
	answers 507
	error_of_shape
	# what was there is still there
	http GET /user-meta
	expect "length" 4096 "$(printf '%s' "$out" | jq -r '.k | length')"
}

test_keys_of_metadata_cannot_leave_their_directory() {
	given
	for key in '..' '%2e%2e' '%2e%2e%2fescaped' '..%2fescaped' '.hidden' 'a%00b' 'a%0ab' \
		"$(printf '%300s' '' | tr ' ' k)"; do
		http PUT "/user-meta/$key" --path-as-is --data-binary x
		case $status in
		400 | 403 | 404 | 414 | 507) ;;
		*) broken "a refusal of the key $key" "$status $out" ;;
		esac
	done
	expect "files outside" '' "$(find "$ROOT" "$T/root/.." -name '*escaped*')"
	http GET /user-meta
	answers 200 '{}'
}

test_a_container_with_the_role_manages_metadata() {
	given
	container_with 1 entry=m1:manual
	http_in c1 PUT /user-meta/any.key --data-binary x
	answers 200 ''
	http_in c1 GET /user-meta
	answers 200 '{"any.key":"x"}'
	http_in c1 DELETE /user-meta/any.key
	answers 200 ''
}

test_a_container_without_the_role_has_its_drivers_and_reads_its_own_metadata() {
	given
	http PUT /user-meta/secret --data-binary s
	http PUT /user-meta/c1.own --data-binary o
	http PUT /user-meta/c10.others --data-binary x
	http PUT /user-meta/drivers.opts --data-binary d
	container_with 0 entry=m1:manual
	# its drivers
	http_in c1 GET /drivers
	answers 200 '[{"name":"m1","type":"MANUAL","status":"UNLOADED"}]'
	http_in c1 PUT /drivers/m1/load
	answers 200 ''
	http_in c1 PUT /drivers/m1/unload
	answers 200 ''
	# its own metadata and that of drivers
	http_in c1 GET /user-meta
	expect "what it sees" '{"c1.own":"o","drivers.opts":"d"}' "$(printf '%s' "$out" | jq -Sc .)"
	# and nothing to write
	http_in c1 PUT /user-meta/c1.own --data-binary new
	answers 403
	error_of_shape
	http_in c1 DELETE /user-meta/c1.own
	answers 403
	http_in c1 PUT /device-meta/c1.own --data-binary new
	answers 403
}

test_any_host_header_and_either_version_will_do() {
	given
	for host in localhost x 10.0.0.1:80 '[::1]' a.b.c; do
		http GET /drivers -H "Host: $host"
		answers 200 '{}'
	done
	http GET /drivers --http1.0
	answers 200 '{}'
}

test_every_answer_with_a_body_is_json_and_the_connection_is_kept() {
	given
	curl -s --unix-socket "$SOCKET" -o /dev/null -D "$T/headers" http://x/drivers
	expect_match "headers" '^Content-Type: application/json' "$(tr -d '\r' <"$T/headers")"
	curl -s --unix-socket "$SOCKET" -o /dev/null -D "$T/headers" http://x/nowhere
	expect_match "headers of an error" '^Content-Type: application/json' "$(tr -d '\r' <"$T/headers")"
	expect "connections for three requests" '1 0 0 ' "$(curl -s --unix-socket "$SOCKET" \
		-o /dev/null -w '%{num_connects} ' http://x/drivers \
		-o /dev/null http://x/user-meta -o /dev/null http://x/nowhere)"
}

test_garbage_does_not_keep_the_next_one_waiting() {
	given
	for bytes in '\000\001\002\003' 'GET\r\n\r\n' 'GET /drivers HTTP/9.9\r\n\r\n' \
		'PUT /user-meta/k HTTP/1.1\r\nContent-Length: -1\r\n\r\n' \
		'PUT /user-meta/k HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n' \
		'PUT /user-meta/k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'; do
		# shellcheck disable=SC2059 # escapes are wanted
		printf "$bytes" | timeout 5 nc -NU "$SOCKET" >/dev/null || :
		serves || broken "it serves after $bytes" "it does not"
	done
	# a header without an end
	{
		printf 'GET /drivers HTTP/1.1\r\nX: '
		printf '%70000s' '' | tr ' ' x
	} | timeout 5 nc -NU "$SOCKET" >/dev/null || :
	# and one that sends half a request and stays
	background /dev/null sh -c "{ printf 'PUT /user-meta/k HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc'
		sleep 1000; } | nc -U $SOCKET"
	http GET /drivers
	answers 200 '{}'
	http GET /user-meta
	answers 200 '{}'
}

test_eight_clients_at_once_each_get_an_answer() {
	given
	container c1 m1:manual m2:manual
	for n in 1 2 3 4 5 6 7 8; do
		# shellcheck disable=SC2016 # for the inner shell
		background "$T/client$n" within "$(cgroup_of c1)" sh -c '
			for turn in 1 2 3 4 5; do
				curl -s -o /dev/null -w "%{http_code}\n" --max-time 60 --unix-socket "$0" \
					-X PUT "http://x/drivers/m$1/load"
				curl -s -o /dev/null -w "%{http_code}\n" --max-time 60 --unix-socket "$0" \
					-X PUT "http://x/drivers/m$1/unload"
			done' "$SOCKET" $((n % 2 + 1))
		eval "client$n=$child"
	done
	for n in 1 2 3 4 5 6 7 8; do
		eval "wait \$client$n" || :
	done
	expect "answers of all" '80 200' "$(cat "$T"/client? | sort | uniq -c | awk '{ print $1, $2 }')"
	http_in c1 PUT /drivers/unload
	answers 200 ''
	expect modules '' "$(ours_resident)"
}

run_tests
