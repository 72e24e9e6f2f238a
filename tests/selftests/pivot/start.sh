#!/bin/sh
# SPDX-License-Identifier: MIT
# An update that is begun through the kernel: the host says what is run, who asks says
# only that, and perhaps one word.
# vm: timeout=200

# shellcheck disable=SC2016,SC2086 # for other shells; paths without blanks
. "${0%/*}/lib.sh"

START=/sys/class/pv_pivot/start

# helper WORDS...: loads the module with a helper that writes what it got, and waits for $T/go
helper() {
	cat >"$T/helper" <<-END
		#!/bin/sh
		echo "\$# \$* \$PATH" >"$T/got"
		id -u >>"$T/got"
		until [ -e "$T/go" ]; do
			sleep 0.05
		done
		. "$T/go"
	END
	chmod +x "$T/helper"
	rm -f "$T/got" "$T/go"
	with_helper "$T/helper${*:+ $*}"
}

with_helper() {
	wait_until 10 remove pv_pivot || broken "the module goes" "$(lsmod)"
	modprobe pv_pivot "helper=\"$1\""
}

# start_is TEXT: what the file says
start_is() {
	[ "$(cat $START)" = "$1" ]
}

got() {
	[ -s "$T/got" ] && [ "$(wc -l <"$T/got")" = 2 ]
}

# refused STATUS TEXT WORD...: what pvkit says
refused() {
	rf_want=$1
	rf_text=$2
	shift 2
	status=0
	pvkit pivot start "$@" 2>"$T/start" || status=$?
	expect "start $*" "$rf_want" "$status"
	expect_match "why" "$rf_text" "$(cat "$T/start")"
}

test_without_a_helper_there_is_nothing_to_start() {
	expect "what there was" never "$(cat $START)"
	refused 3 'no helper is set'
	expect_match "the same in sysfs" "No such file" "$(echo | tee $START 2>&1)"
	with_helper 'relative/path'
	refused 3 'no helper is set'
	with_helper '/a b c d e f g h i j k l m n o p q r s'
	refused 1 'too many words'
}

test_the_helper_runs_with_the_words_of_the_host_and_one_more() {
	helper --from  it
	pvkit pivot start nightly-2
	expect_soon 20 got
	expect "what it got" "3 --from it nightly-2 /sbin:/usr/sbin:/bin:/usr/bin
0" "$(cat "$T/got")"
	pid=$(session .helper)
	expect "its process" "running $pid" "$(cat $START)"
	expect_match "it" "helper" "$(tr '\0' ' ' <"/proc/$pid/cmdline")"
	rmmod pv_pivot 2>/dev/null && broken "the module stays as long" "it went"
	refused 4 'runs already'
	echo 'exit 42' >"$T/go"
	expect_soon 20 start_is 'exit 42'
	expect "status" 42 "$(session .helper_exit)"
}

test_a_bare_echo_begins_it() {
	helper
	echo >$START
	expect_soon 20 got
	expect_match "what it got" '^0  /sbin' "$(head -n 1 "$T/got")"
	echo 'kill -KILL $$' >"$T/go"
	expect_soon 20 start_is 'exit 137'
}

test_what_is_no_word() {
	helper
	for word in -x --dry-run 'a b' A a/b ../x 'a;b' "$(printf 'a\tb')" \
		012345678901234567890123456789012; do
		echo "$word" 2>/dev/null >$START && broken "refusal of $word" success
	done
	refused 1 'a word is up to 32' -- -x
	refused 2 'takes one word' a b
	expect "none was run" never "$(cat $START)"
}

test_a_helper_that_can_not_be_run() {
	with_helper /nowhere/at/all
	pvkit pivot start
	expect_soon 10 start_is 'exit 127'
	echo text >"$T/text"
	with_helper "$T/text"
	pvkit pivot start
	expect_soon 10 start_is 'exit 126'
}

test_not_while_there_is_a_session() {
	helper
	mount -t tmpfs none "$M"
	begin
	refused 4 'there is a session'
	must_say abort
	pvkit pivot start
	expect_soon 20 got
	echo 'exit 0' >"$T/go"
	expect_soon 20 start_is 'exit 0'
}

test_who_may_start_it() {
	helper
	as='setpriv --reuid 1000 --regid 1000 --clear-groups'
	$as sh -c "echo >$START" 2>"$T/start" && broken "root alone has the file" success
	for as in "$as" "$as unshare -Urn" 'setpriv --bounding-set -sys_module'; do
		$as pvkit pivot start 2>"$T/start" && broken "$as: no right to" success
		expect_match "$as" 'CAP_SYS_MODULE in the initial' "$(cat "$T/start")"
	done
	expect "none was run" never "$(cat $START)"
	expect "others see nothing of it" '{"state":"idle","generation":0}' \
		"$(setpriv --reuid 1000 --clear-groups --regid 1000 pvkit pivot status --json)"
}

# As the host gives it to a container: one file, to another user, with all else hidden.
test_a_container_that_was_given_the_file() {
	helper
	touch "$T/start-here"
	chmod 755 "$T"
	chown 100000 $START
	unshare -m sh -c "mount --bind $START $T/start-here && mount -t tmpfs none /sys &&
		exec setpriv --reuid 100000 --regid 100000 --clear-groups --bounding-set -all \
			sh -c 'echo from-inside >$T/start-here'" 2>"$T/inside" ||
		broken "it may" "$(cat "$T/inside")"
	expect_soon 20 got
	expect_match "what it got" '^1 from-inside ' "$(head -n 1 "$T/got")"
	expect "as whom" 0 "$(tail -n 1 "$T/got")"
	echo 'exit 0' >"$T/go"
	expect_soon 20 start_is 'exit 0'
}

run_tests
