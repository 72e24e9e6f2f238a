#!/bin/sh
# SPDX-License-Identifier: MIT
# The wire of pv-ctrl: who gets which bytes for which request.
# vm: timeout=800

. "${0%/*}/lib.sh"

GOLDEN=$KTAP_DIR/golden

# --- the wire in one place -------------------------------------------------------------
#
# `app` has the role mgmt and names r (required), o (optional), bad, gone and m1 (manual);
# `net` has no role and names m2 (manual); `idle` has the role and names nothing;
# `nobody` is in no container and not root. r, o, m1, m2, bad, slow, none and other are
# the board's. The rows are one story: each finds what those above it left.

# rows COMMAND: COMMAND WHO 'METHOD PATH' ANSWER [BODY] for each row; ANSWER is a file
# below golden/1.1, and below golden/1.0 for that version
rows() {
	# nobody has named anything, and the host's root sees all if it asks for it
	$1 host 'GET /drivers' none
	$1 idle 'GET /drivers' none
	$1 idle 'GET /drivers?all=1' none
	$1 host 'GET /drivers?all=1' drivers-all
	$1 app 'GET /drivers' drivers-of-app
	$1 app 'GET /drivers?all=1' drivers-of-app
	$1 net 'GET /drivers' drivers-of-net
	$1 nobody 'GET /drivers' stranger
	$1 nobody 'GET /nowhere' stranger
	$1 nobody 'PUT /drivers/m1/load' stranger
	$1 nobody 'GET /user-meta' stranger

	# loading and unloading by name
	$1 app 'PUT /drivers/m1/load' ok
	$1 app 'PUT /drivers/m1/load' ok
	$1 app 'GET /drivers' drivers-of-app-with-m1
	$1 app 'PUT /drivers/m1/unload' ok
	$1 app 'PUT /drivers/m1/unload' ok '{"a":"body"}'
	$1 app 'PUT /drivers/r/load' ok
	$1 app 'PUT /drivers/m1/load?async=1' accepted
	$1 app 'PUT /drivers/m1/load?async=0&timeout=30' ok
	$1 app 'PUT /drivers/m1/unload' ok
	$1 host 'PUT /drivers/none/load' ok
	$1 host 'PUT /drivers/none/unload' ok

	# what is refused, in the order in which it is looked for
	$1 app 'PUT /drivers/other/load' not-named
	$1 app 'PUT /drivers/nowhere/load' not-named
	$1 app 'PUT /drivers/a%2Fb/load' no-name
	$1 app 'PUT /drivers/gone/load' not-in-bsp
	$1 app 'PUT /drivers/gone/unload' not-in-bsp
	$1 app 'PUT /drivers/bad/load' module-fails
	$1 app 'PUT /drivers/r/unload' ends-with-container
	$1 app 'PUT /drivers/o/unload' ends-with-container
	$1 host 'PUT /drivers/nowhere/load' not-in-bsp
	$1 app 'PUT /drivers/m1/load?timeout=0' no-timeout

	# all manual drivers: the first failure is the answer
	$1 app 'PUT /drivers/load' first-fails
	$1 app 'PUT /drivers/unload' first-missing
	$1 net 'PUT /drivers/load' ok
	$1 net 'GET /drivers' drivers-of-net-loaded
	$1 net 'PUT /drivers/unload' ok
	$1 host 'PUT /drivers/load' ok

	# neither path nor method
	$1 app 'GET /nowhere' unknown
	$1 app 'GET /a"b\c?d=e' unknown-escaped
	$1 app 'GET /drivers/' unknown-slash
	$1 app 'POST /drivers' wrong-method
	$1 app 'GET /drivers/m1/load' wrong-method-of-load

	# metadata
	$1 app 'GET /user-meta' none
	$1 app 'GET /device-meta' none
	$1 app 'PUT /user-meta/net.k' ok 'say "hi"'
	$1 app 'PUT /user-meta/drivers.k' ok 'a=1 b="2 3"'
	$1 host 'PUT /user-meta/secret' ok s
	$1 app 'GET /user-meta' user-meta
	$1 host 'GET /user-meta' user-meta
	$1 net 'GET /user-meta' user-meta-of-net
	$1 net 'PUT /user-meta/net.k' needs-mgmt v
	$1 net 'DELETE /user-meta/net.k' needs-mgmt
	$1 net 'PUT /device-meta/net.k' needs-mgmt v
	$1 app 'PUT /user-meta/k' empty-body ''
	$1 app 'PUT /user-meta/k' large-body "$(printf '%4097s' '' | tr ' ' v)"
	$1 app 'PUT /user-meta/..%2Fk' bad-key v
	$1 app 'PUT /device-meta/d' ok v
	$1 app 'GET /device-meta' device-meta
	$1 app 'DELETE /device-meta/d' ok
	$1 app 'DELETE /user-meta/net.k' ok
	$1 app 'DELETE /user-meta/net.k' not-set
	$1 app 'DELETE /user-meta/drivers.k' ok
	$1 host 'DELETE /user-meta/secret' ok

	# not done in time; it goes on until it can be taken back
	$1 host 'PUT /drivers/slow/load?timeout=1' time-out
}

given() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1",
		  "all": { "r": ["pvt_plain"], "o": ["pvt_base"], "m1": ["pvt_c1"], "m2": ["pvt_dep"],
		           "bad": ["pvt_c3", "pvt_fail errno=19"], "none": [], "other": ["pvt_c2"],
		           "slow": ["pvt_slow ms=2500"] } }
	EOF
	pvkitd_start
}

# registered NAME ROLES [ENTRY...]: a container with these roles in it
registered() {
	box "$1"
	re_name=$1
	re_roles=$2
	shift 2
	re_n=$#
	for re_entry in "$@"; do
		set -- "$@" "entry=$re_entry"
	done
	shift "$re_n"
	must container-new "container=$re_name" "cgroup-fd=$(cgroup_of "$re_name")" \
		"roles=$re_roles" "$@"
}

given_callers() {
	given
	registered app 1 r:required o:optional bad:manual gone:manual m1:manual
	registered net 0 m2:manual
	registered idle 1
	: >"$T/wrong"
}

# as WHO COMMAND...
as() {
	as_who=$1
	shift
	case $as_who in
	host) "$@" ;;
	nobody) setpriv --reuid 1000 --regid 1000 --clear-groups "$@" ;;
	*) within "$(cgroup_of "$as_who")" "$@" ;;
	esac
}

# shown: an answer, or several, as golden files have them
shown() {
	sed -e 's/\r/\\r/g' -e 's/^Date: .*\\r$/Date: *\\r/'
	echo
}

# golden FILE...: these one behind the other, as shown would show them
golden() {
	for go in "$@"; do
		go_text=$(cat "$GOLDEN/$go" 2>/dev/null || :; echo .)
		printf '%s' "${go_text%
.}"
	done
	echo
}

# right WHAT ANSWER FILE...: the answer is what these files hold
right() {
	ri_what=$1
	ri_answer=$2
	shift 2
	shown <"$ri_answer" >"$T/shown"
	golden "$@" >"$T/wanted"
	cmp -s "$T/shown" "$T/wanted" && return 0
	note "$ri_what:"
	[ $# != 1 ] || sed "s!^!# golden $1 |!" "$T/shown"
	[ -s "$T/wrong" ] || {
		printf '%s\n' "$ri_what" >"$T/wrong"
		cp "$T/wanted" "$T/expected"
		cp "$T/shown" "$T/got"
	}
}

# all_right: none was wrong; the first that was is told
all_right() {
	[ ! -s "$T/wrong" ] || exit 1
}

# raw VERSION HEADER 'METHOD PATH' [BODY]: the request's bytes; HEADER may be empty
raw() {
	printf '%s HTTP/%s\r\n%b' "$3" "$1" "$2"
	[ $# = 3 ] || printf 'Content-Length: %d\r\n' "${#4}"
	printf '\r\n%s' "${4-}"
}

# --- the wire, five ways ---------------------------------------------------------------

by_curl() {
	bc_who=$1
	bc_request=$2
	bc_answer=$3
	shift 3
	[ $# = 0 ] || {
		printf '%s' "$1" >"$T/data"
		set -- --data-binary "@$T/data"
	}
	as "$bc_who" curl -s -i -g --path-as-is --max-time 90 --unix-socket "$SOCKET" \
		-H 'Content-Type:' -X "${bc_request%% *}" "$@" "http://x${bc_request#* }" \
		>"$T/answer" || note "curl: status $?"
	right "$bc_who: $bc_request" "$T/answer" "1.1/$bc_answer"
}

test_curl_and_http_1_1() {
	given_callers
	rows by_curl
	all_right
}

# As the field's shell clients have it: no half-close, the server ends it.
by_nc() {
	bn_who=$1
	bn_request=$2
	bn_answer=$3
	shift 3
	raw 1.0 "$host_header" "$bn_request" "$@" |
		as "$bn_who" timeout 90 nc -U "$SOCKET" >"$T/answer" || note "nc: status $?"
	right "$bn_who: $bn_request" "$T/answer" "1.0/$bn_answer"
}

test_nc_and_http_1_0() {
	given_callers
	host_header='Host: localhost\r\n'
	rows by_nc
	all_right
}

test_nc_and_http_1_0_without_a_host() {
	given_callers
	host_header=
	rows by_nc
	all_right
}

# The rows of one caller after another, on one connection: collected here, sent below.
collect() {
	[ "$1" = "$batch_who" ] || send_batch
	batch_who=$1
	batch=$((batch + 1))
	batch_files="$batch_files 1.1/$3"
	co_request=$2
	shift 3
	"$collector" "$co_request" "$@"
}

send_batch() {
	[ "$batch" = 0 ] || {
		"$sender"
		# shellcheck disable=SC2086 # a list of words
		right "$batch_who: $batch requests on a connection" "$T/answer" $batch_files
	}
	rm -f "$T"/batch*
	batch=0
	batch_files=
}

in_batches() {
	collector=$1
	sender=$2
	batch_who=
	batch=0
	rows collect
	send_batch
	all_right
}

to_config() {
	[ "$batch" = 1 ] || echo next
	printf '%s\n' "url = \"http://x$(printf '%s' "${1#* }" | sed 's/[\\"]/\\&/g')\"" \
		"request = ${1%% *}" include globoff path-as-is 'header = "Content-Type:"' \
		"unix-socket = $SOCKET" 'write-out = "%{stderr}%{num_connects}\n"'
	[ $# = 1 ] || {
		printf '%s' "$2" >"$T/batch.$batch"
		echo "data-binary = @$T/batch.$batch"
	}
} >>"$T/batch"

send_config() {
	as "$batch_who" curl -s --max-time 90 -K "$T/batch" >"$T/answer" 2>"$T/connects" || :
	expect "connections of $batch_who" "1 $batch" \
		"$(awk '{ n += $1 } END { print n, NR }' "$T/connects")"
}

test_curl_and_a_connection_that_is_kept() {
	given_callers
	in_batches to_config send_config
}

to_bytes() {
	raw 1.1 'Host: a.b:80\r\n' "$@" >>"$T/batch"
}

send_bytes() {
	as "$batch_who" timeout 90 nc -NU "$SOCKET" <"$T/batch" >"$T/answer" || note "nc: status $?"
}

test_requests_that_do_not_wait_for_answers() {
	given_callers
	in_batches to_bytes send_bytes
}

# --- what goes with it -----------------------------------------------------------------

test_any_host_or_none_will_do() {
	given
	for host in 'Host: localhost' 'Host: x' 'Host: 10.0.0.1:80' 'Host: [::1]' 'Host: a.b.c' \
		'Host:' 'Host: a b' 'X: y' 'Host: a\r\nHost: b'; do
		raw 1.1 "$host\r\n" 'GET /drivers' | timeout 20 nc -NU "$SOCKET" >"$T/answer"
		right "$host" "$T/answer" 1.1/none
	done
	all_right
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

# error_of_shape: an object with nothing in it but Error, compact
error_of_shape() {
	expect "keys of the body: $out" '["Error"]' "$(printf '%s' "$out" | jq -c 'keys')"
	expect "compact JSON" "$(printf '%s' "$out" | jq -c .)" "$out"
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
	registered c1 0 m1:manual
	# the kernel's own status is told to the front too, whatever rights it has given up
	expect "the loader is there" 1 "$(metric pvkit_agent_present)"
	expect "containers" 1 "$(metric pvkit_containers)"
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
