#!/bin/sh
# SPDX-License-Identifier: MIT
# The loading agent: what reaches the kernel, and what is said when it does not.
# vm: timeout=240

. "${0%/*}/lib.sh"

error_of() {
	cat "$SYS/$1/error"
}

test_a_module_that_fails_is_named_with_its_reason() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "fails": ["pvt_plain", "pvt_fail errno=19"], "none": ["pvt_no_such"] } }
	EOF
	pvkitd_start
	http PUT /drivers/fails/load
	answers 400 '{"Error":"pvt_fail: No such device"}'
	# and what the request had loaded before is taken back
	expect_gone pvt_plain
	expect_state fails failed
	http PUT /drivers/none/load
	answers 400 "{\"Error\":\"pvt_no_such: no such module under /lib/modules/$(uname -r)\"}"
}

test_a_dependency_that_cannot_be_loaded_is_named() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "d": ["pvt_dep"] } }
	EOF
	# given a module tree whose pvt_base is not a module
	cp -a "/lib/modules/$(uname -r)" "$T/modules"
	base=$(find "$T/modules" -name 'pvt_base.ko*')
	echo 'not a module' >"$base"
	pvkitd_start --modules "$T/modules"
	http PUT /drivers/d/load
	answers 400
	expect_match body '^\{"Error":"pvt_dep: needs pvt_base: ' "$out"
	expect_gone pvt_dep
}

test_metadata_becomes_parameters_of_that_module_and_nothing_else() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "d": ["pvt_dep ${user-meta:drivers.d}"], "v": ["pvt_dep level=${user-meta:v:-7}"] } }
	EOF
	pvkitd_start
	# given a value that would like to be more than it is
	http PUT /user-meta/drivers.d --data-binary 'level=4 pvt_plain install=/bin/sh "level=9" evil=1'
	http PUT /drivers/d/load
	answers 200 ''
	# then what modinfo does not name is left out, and said
	expect level 9 "$(param pvt_dep level)"
	expect_gone pvt_plain
	expect_match warnings 'install=/bin/sh' "$(error_of d)"
	expect_match warnings 'evil=1' "$(error_of d)"
	http PUT /drivers/d/unload
	# a default serves where there is no key
	http PUT /drivers/v/load
	expect level 7 "$(param pvt_dep level)"
	http PUT /drivers/v/unload
	# and a value stays inside of its parameter: this is no number, so no module
	http PUT /user-meta/v --data-binary '5 level=6'
	http PUT /drivers/v/load
	answers 400
	expect_gone pvt_dep
}

test_a_container_s_metadata_is_its_own() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "d": ["pvt_dep level=${user-meta:secret.level:-1}"],
		           "own": ["pvt_dep level=${device-meta:c1.level:-1}"] } }
	EOF
	pvkitd_start
	http PUT /user-meta/secret.level --data-binary 42
	http PUT /device-meta/c1.level --data-binary 43
	container c1 d:manual own:manual
	# a key that it may not see expands to nothing, with a warning
	http_in c1 PUT /drivers/d/load
	answers 200 ''
	expect level 1 "$(param pvt_dep level)"
	expect_match warnings 'secret.level' "$(error_of d)"
	http_in c1 PUT /drivers/d/unload
	http_in c1 PUT /drivers/own/load
	expect level 43 "$(param pvt_dep level)"
	http_in c1 GET /user-meta
	answers 200 '{}'
	http_in c1 GET /device-meta
	answers 200 '{"c1.level":"43"}'
	http_in c1 PUT /user-meta/c1.level --data x
	answers 403
}

test_modprobe_d_is_honoured_but_for_install_lines() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "d": ["pvt_dep"], "soft": ["pvt_soft"] } }
	EOF
	mkdir -p /etc/modprobe.d
	pvkitd_start
	# given a file that appears when the workers have read the others
	cat >/etc/modprobe.d/pvt.conf <<-EOF
		options pvt_dep level=5
		install pvt_dep touch $T/pwned
		install pvt_base touch $T/pwned
	EOF
	http PUT /drivers/d/load
	answers 200 ''
	expect level 5 "$(param pvt_dep level)"
	[ ! -e "$T/pwned" ] || broken "no install line is run" "one was"
	expect_match warnings 'install line' "$(error_of d)"
	http PUT /drivers/d/unload
	# soft dependencies come along
	http PUT /drivers/soft/load
	answers 200 ''
	expect_live pvt_soft pvt_base
	rm -f /etc/modprobe.d/pvt.conf
}

test_the_file_is_read_again_on_sighup() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "a": ["pvt_plain"], "b": ["pvt_c5"] } }
	EOF
	pvkitd_start
	# given an alias that somebody else made
	driver theirs pvt_soft
	http PUT /drivers/b/load
	# when the file changes
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "c": ["pvt_plain"] } }
	EOF
	kill -HUP "$pvkitd"
	# then what it no longer has is gone, unless it is used or not ours
	expect_soon 5 test -d "$SYS/c"
	expect_soon 5 test ! -d "$SYS/a"
	expect_state b loaded
	expect_state theirs unloaded
	# and what was in use goes later
	http PUT /drivers/b/unload
	expect_soon 12 test ! -d "$SYS/b"
	# while a bad file changes nothing
	echo '{ "#spec": "driver-aliases@1", "all": { "c": [ } }' | drivers_json
	kill -HUP "$pvkitd"
	expect_soon 5 grep -q 'stay as they are' "$DAEMON_LOG"
	expect_state c unloaded
}

test_slow_modules_do_not_keep_each_other_waiting() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": { "slow": ["pvt_slow ms=9000"], "p": ["pvt_plain"], "d": ["pvt_dep"],
		           "c": ["pvt_c5"], "s": ["pvt_soft"] } }
	EOF
	pvkitd_start
	background /dev/null curl -s --unix-socket "$SOCKET" -X PUT http://x/drivers/slow/load
	slow=$child
	expect_soon 5 state_is slow loading
	for one in p d c s; do
		http PUT "/drivers/$one/load"
		answers 200 ''
	done
	expect_state slow loading
	wait "$slow"
	expect_state slow loaded
}

run_tests
