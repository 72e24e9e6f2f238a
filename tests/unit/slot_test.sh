#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit slot mark-good as a process: the command that it runs, what that has started,
# signals, and who starts it. The store is a U-Boot environment in files; /run, where
# its locks are, is the test's own.
if [ "${SLOT_TEST_INSIDE:-}" != yes ]; then
	SLOT_TEST_INSIDE=yes exec unshare --mount --map-root-user "$0" "$@"
fi
mount -t tmpfs none /run && mkdir /run/lock || exit
. "${0%/*}/../lib/ktap.sh"

PATH=$PATH:/usr/sbin:/sbin
pvkit=$BUILD/unit-obj/pvkit

plan 18
cd "$KTAP_TMP"

cat >fw_env.config <<END
$KTAP_TMP/env0 0 0x1000
$KTAP_TMP/env1 0 0x1000
END
cat >flags.conf <<END
uboot-env = $KTAP_TMP/fw_env.config
cmdline = no
END

# given TRIES: slot b was started and has so many tries left
given() {
	printf 'pvkit_slot=b\npvkit_tries=%s\n' "$1" >input
	mkenvimage -r -s 0x1000 -o env0 input
	head -c 4096 /dev/zero | tr '\0' '\377' >env1
	rm -rf /run/pvkitd
}

# mark OPTION...: "STATUS STDOUT|STDERR"
mark() {
	status=0
	"$pvkit" slot mark-good --config flags.conf "$@" >out 2>err || status=$?
	said
}

said() {
	got="$status $(cat out)|$(sed 's/^pvkit: uboot-env: //' err)"
}

successful() {
	"$pvkit" flag get --config flags.conf --store uboot-env successful || :
}

# A time that nobody else sleeps.
long=1000.$$

left_over() {
	pgrep -x -f "sleep $long" | wc -l
}

rest='slot b has 2 more boots to prove itself'

# --- the command ----------------------------------------------------------------------

given 2
mark --if 'exit 7'
check_eq 'a command that fails: no commit' \
	"1 |not committed: the command ended with status 7; $rest" "$got"
# shellcheck disable=SC2016 # for the other shell
mark --if 'kill -KILL $$'
check_eq 'a command that is killed: no commit' \
	"1 |not committed: the command was ended by a signal (Killed); $rest" "$got"
# shellcheck disable=SC2016 # for the other shell
mark --if 'read -r answer && echo "got $answer" || exit 3' <flags.conf
check_eq 'nobody answers what the command asks' \
	"1 |not committed: the command ended with status 3; $rest" "$got"
check_eq 'after all that' '' "$(successful)"
mark --timeout 1 --if "trap '' TERM; sleep $long & trap - TERM; sleep $long"
check_eq 'a command that takes too long: no commit' \
	"1 |not committed: the command took longer than 1 s; $rest" "$got"
check_eq 'what it has started is gone, even if it does not listen' 0 "$(left_over)"

mark --json --if 'echo chatter'
check_eq 'what the command prints is no part of the JSON' \
	'0 {"store":"uboot-env","slot":"b","result":"committed","text":"slot b is good"}|chatter' \
	"$got"
check_eq 'and the slot is good' 1 "$(successful)"

given 2
# shellcheck disable=SC2016 # for the other shell
mark --if 'echo "$PVKIT_STORE $PVKIT_SLOT"'
check_eq 'the command knows what it is about' '0 uboot-env b
uboot-env: slot b is good|' "$got"

# --- who starts it --------------------------------------------------------------------

# A shell would not hand it on.
childless() {
	status=0
	env --ignore-signal=CHLD "$pvkit" slot mark-good --config flags.conf --timeout 20 "$@" \
		>out 2>err || status=$?
	said
}

given 2
childless --if 'exit 7'
check_eq 'the end of children is ignored: a command that fails is seen to' \
	"1 |not committed: the command ended with status 7; $rest" "$got"
childless --if true
check_eq 'the end of children is ignored: so is one that does not' \
	'0 uboot-env: slot b is good|' "$got"

# --- signals --------------------------------------------------------------------------

listens() {
	find "/proc/$pid/fd" -lname '*signalfd*' 2>/dev/null | grep -q .
}

# signalled SIGNAL BEFORE OPTION...: as soon as it holds signals
signalled() {
	signal=$1
	before=$2
	shift 2
	sh -c "$before; exec \"\$@\"" sh "$pvkit" slot mark-good --config flags.conf "$@" \
		>out 2>err &
	pid=$!
	wait_for 20 listens || note 'it does not listen to signals'
	kill "-$signal" "$pid"
	status=0
	wait "$pid" || status=$?
	said
}

given 2
for signal in TERM HUP; do
	signalled $signal : --after 100s
	check_match "SIG$signal while it waits: no commit" "1 |not committed: told to end (*); $rest" \
		"$got"
done
signalled TERM : --if "sleep $long & sleep $long"
check_match 'SIGTERM while the command runs: no commit' \
	"1 |not committed: told to end (Terminated); $rest" "$got"
check_eq 'and the command is gone' 0 "$(left_over)"
check_eq 'after all that' '' "$(successful)"
signalled HUP "trap '' HUP" --after 2s
check_eq 'nohup: SIGHUP changes nothing' '0 uboot-env: slot b is good|' "$got"

# --- which slot runs ------------------------------------------------------------------

given 0
mark
check_match 'no tries left, and nobody says whether it is the last or the bootloader went back' \
	'4 |not committed: no tries were left at boot*' "$got"

finish
