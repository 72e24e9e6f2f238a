#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit slot: which slot runs and is next; mark-good commits, or lets the tries run out.
# What becomes of its command is in tests/unit/slot_test.sh.
# vm: timeout=300

# shellcheck source=tests/selftests/bootflag/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=tests/selftests/bootflag/cli_lib.sh
. "${0%/*}/cli_lib.sh"

# booted SLOT TRIES [WORD...]: misc as this boot found it
booted() {
	bo_slot=$1
	bo_tries=$2
	shift 2
	simflash blocks=2
	pvkit flag add before medium=mtd device=simflash format=bcb rate=none
	pvkit flag set --store before "slot=$bo_slot" "tries=$bo_tries" successful=0
	next_boot
	pvkit flag add misc medium=mtd device=simflash format=bcb rate=none "$@"
}

successful() {
	flag misc successful
}

test_list_says_what_runs_and_what_is_next() {
	booted b 3
	pvkit_ slot list
	says 0 'SOURCE  STATE  RUNNING  SLOT  TRIES  SUCCESSFUL  NEXT BOOT
misc    ready  b        b     3      no          b' ''
	pvkit flag set slot=a tries=1 successful=0
	pvkit_ slot list --json
	answers '.[] | [.source, .running, .next, .fields.tries, .slots]' '["misc","b","a",1,2]'
}

test_a_slot_that_runs_is_committed() {
	booted b 3
	pvkit_ slot mark-good
	says 0 'misc: slot b is good' ''
	expect 'successful' 1 "$(successful)"
	pvkit_ slot mark-good
	says 0 'misc: slot b is good already' ''
	pvkit_ slot mark-good --json
	answers '[.store, .slot, .result]' '["misc","b","already"]'
}

test_it_waits_before_it_commits() {
	booted b 3
	background "$T/mark" "$PVKIT" slot mark-good --after 3s
	sleep 1
	expect 'successful while it waits' 0 "$(successful)"
	expect_soon 10 has_line "$T/mark" 'misc: slot b is good'
	expect 'successful' 1 "$(successful)"
}

test_a_command_that_fails_leaves_the_tries_to_run_out() {
	booted b 2
	pvkit_ slot mark-good --if 'exit 7'
	says 1 '' 'pvkit: misc: not committed: the command ended with status 7; slot b has 2 more boots to prove itself'
	expect 'successful' 0 "$(successful)"
	expect 'tries' 2 "$(flag misc tries)"
	# shellcheck disable=SC2016 # for the other shell
	pvkit_ slot mark-good --if 'kill -KILL $$'
	expect 'exit status' 1 "$status"
	expect_match stderr 'ended by a signal \(Killed\)' "$err"
	pvkit_ slot mark-good --if /no/such/command
	expect 'exit status' 1 "$status"
	expect_match stderr 'ended with status 127' "$err"
	expect 'successful' 0 "$(successful)"
}

test_a_command_is_told_what_it_is_about() {
	booted b 2
	# shellcheck disable=SC2016 # for the other shell
	pvkit_ slot mark-good --if 'echo "$PVKIT_STORE $PVKIT_SLOT"; test "$PVKIT_SLOT" = b'
	says 0 'misc b
misc: slot b is good' ''
}

test_a_command_that_takes_too_long_is_ended_with_what_it_started() {
	booted b 2
	pvkit_ slot mark-good --timeout 1 --if 'sleep 987 & sleep 987'
	says 1 '' 'pvkit: misc: not committed: the command took longer than 1 s; slot b has 2 more boots to prove itself'
	expect 'what is left of it' '' "$(pgrep -f 'sleep 987' || :)"
}

test_a_signal_is_no_commit() {
	booted b 1
	background "$T/mark" "$PVKIT" slot mark-good --after 100s
	expect_soon 10 in_signalfd "$child"
	end "$child" TERM
	expect 'exit status' 1 "$status"
	expect 'what it says' 'pvkit: misc: not committed: told to end (Terminated); slot b has 1 more boot to prove itself' \
		"$(cat "$T/mark")"
	background "$T/mark" "$PVKIT" slot mark-good --if 'sleep 986'
	expect_soon 10 pgrep -f 'sleep 986'
	end "$child" TERM
	expect 'exit status while the command runs' 1 "$status"
	expect 'what is left of the command' '' "$(pgrep -f 'sleep 986' || :)"
	expect 'successful' 0 "$(successful)"
}

in_signalfd() {
	find "/proc/$1/fd" -lname '*signalfd*' | grep -q .
}

test_it_ends_early_when_somebody_else_commits() {
	booted b 3
	background "$T/mark" "$PVKIT" slot mark-good --after 100s
	expect_soon 10 in_signalfd "$child"
	pvkit flag set successful=1
	expect_soon 10 has_line "$T/mark" 'misc: slot b is good already'
}

test_an_update_that_was_made_meanwhile_is_not_committed() {
	booted a 3
	background "$T/mark" "$PVKIT" slot mark-good --after 100s
	expect_soon 10 in_signalfd "$child"
	pvkit flag set slot=b tries=3 successful=0
	wait_until 10 not alive "$child" || broken 'an early end' "$(cat "$T/mark")"
	expect 'what it says' 'pvkit: misc: not committed: slot a runs, but b is set for the next boot' \
		"$(cat "$T/mark")"
	expect 'successful' 0 "$(successful)"
}

test_a_slot_that_was_set_after_the_boot_is_not_committed() {
	simflash blocks=2
	pvkit flag add misc medium=mtd device=simflash format=bcb rate=none
	pvkit flag set slot=b tries=3
	pvkit_ slot mark-good
	says 4 '' 'pvkit: misc: not committed: nobody says which slot runs; slot b was set after the boot'
	expect 'successful' 0 "$(successful)"
}

# The bootloader that counts has started b for the last time, or a again.
test_without_tries_it_has_to_be_known_what_runs() {
	simflash blocks=2
	pvkit flag add before medium=mtd device=simflash format=log rate=none
	pvkit flag set --store before slot=b tries=0 successful=0
	next_boot
	pvkit flag add misc medium=mtd device=simflash format=log rate=none
	pvkit_ slot mark-good
	says 4 '' 'pvkit: misc: not committed: no tries were left at boot: it may be the last of them, or the bootloader has gone back; nobody says which slot runs'
	expect 'successful' 0 "$(successful)"
	pvkit_ slot list
	expect 'running' - "$(printf '%s\n' "$out" | awk '$1 == "misc" { print $3 }')"
}

# A rate limit is against wear: it must not have a good slot taken back.
test_a_limit_that_others_have_used_up_is_waited_for() {
	booted b 2
	pvkit flag del misc
	pvkit flag add misc medium=mtd device=simflash format=bcb rate=4/m
	for n in 1 3 1 3; do
		pvkit flag set "tries=$n"
	done
	command pvkit flag set tries=2 2>/dev/null && broken 'a limit that is used up' 'another set'
	pvkit_ slot mark-good
	expect 'exit status' 0 "$status"
	expect_match stderr 'trying again' "$err"
	expect 'successful' 1 "$(successful)"
}

test_where_the_module_counts_a_try_goes_at_boot() {
	booted b 2 count
	pvkit_ flag get --store misc tries
	says 0 1 ''
	pvkit_ flag get --store misc --boot tries
	says 0 2 ''
	pvkit_ slot mark-good --if false
	expect_match stderr 'slot b has 1 more boot to prove itself' "$err"
}

test_with_no_tries_left_the_other_slot_runs() {
	booted b 0 count
	pvkit_ slot list
	expect 'running' a "$(printf '%s\n' "$out" | awk 'NR == 2 { print $3 }')"
	expect 'the slot now' a "$(pvkit flag get slot)"
}

test_times_are_read_as_people_write_them() {
	booted b 1
	for bad in x 5x -1 8000000 2w ''; do
		pvkit_ slot mark-good --after "$bad"
		expect "exit status of --after '$bad'" 2 "$status"
	done
	pvkit_ slot mark-good --after 0
	says 0 'misc: slot b is good' ''
}

run_tests
