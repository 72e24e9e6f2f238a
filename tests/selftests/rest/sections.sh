#!/bin/sh
# SPDX-License-Identifier: MIT
# Which sections of drivers.json count, and that a change of the file does, while a
# bad file changes nothing and is told to whoever asks.
# vm: own timeout=400 append=pvkit.dtb=acme/x1.dtb append=pvkit.fitconfig=conf-1

# shellcheck disable=SC2016 # ${...} and the like are for pvkitd, not for this shell
. "${0%/*}/lib.sh"

SPEC='"#spec": "driver-aliases@1"'

# Each section says which it is by the module of its alias.
every_section() {
	drivers_json <<-END
		{ $SPEC,
		  "all":             { "a": ["pvt_plain"] },
		  "dtb:all":         { "b": ["pvt_plain"] },
		  "dtb:x1":          { "c": ["pvt_plain"] },
		  "dtb:acme,y":      { "d": ["pvt_plain"] },
		  "fitconfig:conf-1": { "e": ["pvt_plain"] },
		  "fitconfig:conf-2": { "f": ["pvt_plain"] } }
	END
}

# tree COMPATIBLE [BOOTCONF]: a device tree below $T/dt
tree() {
	rm -rf "$T/dt"
	mkdir -p "$T/dt/chosen"
	printf '%s\0' "$1" >"$T/dt/compatible"
	[ $# = 1 ] || printf '%s\0' "$2" >"$T/dt/chosen/u-boot,bootconf"
}

# the aliases there are, on one line
aliases() {
	al_all=$(cd "$SYS" && for al in */state; do echo "${al%/state}"; done)
	# shellcheck disable=SC2086 # words
	echo $al_all
}

aliases_are() {
	[ "$(aliases)" = "$1" ]
}

# told FILTER: of the last reading, as pvkit says
told_of() {
	pvkit status --json --state "$STATE" | jq -r ".drivers_json | $1"
}

test_the_kernel_s_command_line_names_dtb_and_fit_configuration() {
	every_section
	pvkitd_start --device-tree /nonexistent
	expect aliases 'a b c e' "$(aliases)"
	expect sections 'all, dtb:all, dtb:acme/x1.dtb (kernel command line), dtb:x1.dtb (kernel command line), fitconfig:conf-1 (kernel command line)' \
		"$(told_of .sections)"
	expect_match 'the log' 'sections of bsp/drivers.json for this machine: all, dtb:all' "$(cat "$DAEMON_LOG")"
	expect_match 'what people read' '^sections +all, dtb:all' "$(pvkit status --state "$STATE")"
}

test_what_is_configured_comes_before_it() {
	every_section
	pvkitd_start --device-tree /nonexistent --dtb other --fitconfig conf-2
	expect aliases 'a b f' "$(aliases)"
	end "$pvkitd"
	mkdir -p "$T/etc"
	printf 'dtb = acme,y\nfitconfig conf-2\ndevice-tree /nonexistent\n' >"$T/etc/pvkitd.conf"
	pvkitd_start
	expect aliases 'a b d f' "$(aliases)"
}

test_the_device_tree_s_names_come_after_them() {
	every_section
	tree acme,y conf-2
	pvkitd_start --device-tree "$T/dt"
	expect aliases 'a b c d e' "$(aliases)"
	expect sections 'all, dtb:all, dtb:acme/x1.dtb (kernel command line), dtb:x1.dtb (kernel command line), dtb:acme,y (device tree), fitconfig:conf-1 (kernel command line)' \
		"$(told_of .sections)"
}

test_this_machine_s_own_device_tree() {
	[ -f /proc/device-tree/compatible ] || not_here "this machine was started without a device tree"
	name=$(tr '\0' '\n' </proc/device-tree/compatible | sed -n 1p)
	drivers_json <<-END
		{ $SPEC, "dtb:$name": { "own": ["pvt_plain"] }, "dtb:acme,none": { "other": [] } }
	END
	pvkitd_start
	expect aliases own "$(aliases)"
}

# ---- changes ------------------------------------------------------------------

one() {
	echo "{ $SPEC, \"all\": { \"$1\": [\"pvt_plain\"] } }"
}

test_a_change_is_noticed_however_it_is_made() {
	mkdir -p "$ROOT"
	pvkitd_start
	expect 'aliases without a file' '*' "$(aliases)"
	expect_match 'the state' 'there is no such file' "$(pvkit status --state "$STATE")"
	# a file where there was not even a directory
	one first | drivers_json
	expect_soon 5 aliases_are first
	# written in place
	one second >"$ROOT/bsp/drivers.json"
	expect_soon 5 aliases_are second
	# renamed over
	one third >"$ROOT/bsp/new"
	mv "$ROOT/bsp/new" "$ROOT/bsp/drivers.json"
	expect_soon 5 aliases_are third
	# another directory behind a link
	mkdir "$ROOT/v4" "$ROOT/v5"
	one fourth >"$ROOT/v4/drivers.json"
	one fifth >"$ROOT/v5/drivers.json"
	mv "$ROOT/bsp" "$ROOT/v3"
	ln -s v4 "$ROOT/bsp"
	expect_soon 5 aliases_are fourth
	ln -s v5 "$ROOT/link"
	mv -T "$ROOT/link" "$ROOT/bsp"
	expect_soon 5 aliases_are fifth
	one sixth >"$ROOT/v5/drivers.json"
	expect_soon 5 aliases_are sixth
	expect 'in the state' true "$(told_of .ok)"
	expect 'in the state' 1 "$(told_of .aliases)"
}

# bad NAME TEXT: with standard input as drivers.json the alias `good` stays, and
# TEXT is what is said
bad() {
	cat >"$ROOT/bsp/drivers.json"
	expect_soon 5 failed_to_read "$2"
	expect "aliases with $1" good "$(aliases)"
	expect_match "the log of $1" 'the drivers stay as they are' "$(tail -n 4 "$DAEMON_LOG")"
	one good >"$ROOT/bsp/drivers.json"
	expect_soon 5 reads_well
}

failed_to_read() {
	[ "$(told_of .ok)" = false ] && told_of .text | grep -qE -e "$1"
}

reads_well() {
	[ "$(told_of .ok)" = true ]
}

# repeat N TEXT
repeat() {
	awk -v n="$1" -v t="$2" 'BEGIN { for (i = 0; i < n; i++) printf "%s", t }'
}

test_a_bad_file_keeps_the_last_good_state_and_says_where_it_is_bad() {
	one good | drivers_json
	pvkitd_start
	expect aliases good "$(aliases)"
	at='bsp/drivers.json:'
	printf '{ %s,\n "all": { "x": [ }' "$SPEC" | bad 'malformed' "^${at}2:18: "
	printf '{ %s, "all": { "x": ["pvt' "$SPEC" | bad 'truncated' "^${at}1:[0-9]+: .*end of the text"
	printf '' | bad 'empty' "^${at}1:1: "
	printf '{ %s, "all": { "x": [], } }' "$SPEC" | bad 'trailing comma' "^${at}1:[0-9]+: a comma"
	printf '{ %s, "all": { "x": [], "x": [] } }' "$SPEC" | bad 'duplicate key' "^${at}1:[0-9]+: a key"
	printf '{ %s, "all": { "x": ["m p=\351"] } }' "$SPEC" | bad 'not UTF-8' "^${at}1:[0-9]+: "
	printf '{ %s, "all": { "x": ["m p=\\ud800"] } }' "$SPEC" | bad 'lone surrogate' "^${at}1:[0-9]+: "
	printf '{ "#spec": "driver-aliases@9" }' | bad 'unknown spec' "^${at}1:12: unknown \"#spec\""
	printf '{ %s, "all": { "x": "pvt_plain" } }' "$SPEC" | bad 'no array' "^${at}1:[0-9]+: alias \"x\" is a string"
	printf '{ %s, "all": { "x": ["m ${user-meta:k"] } }' "$SPEC" | bad 'open reference' "^${at}1:[0-9]+: alias \"x\": .*closing"
	printf '{ %s, "all": { "x": ["m ${env:k}"] } }' "$SPEC" | bad 'unknown source' "^${at}1:[0-9]+: alias \"x\": unknown namespace"
	{
		printf '{ %s, "x": ' "$SPEC"
		repeat 10000 '['
		repeat 10000 ']'
		printf '}'
	} | bad '10,000 deep' "^${at}1:[0-9]+: "
	{
		printf '{ %s, "x": "' "$SPEC"
		repeat 1048576 '0123456789'
		printf '" }'
	} | bad '10 MB' "^${at} File too large"
	# and people are told as well
	echo '{' >"$ROOT/bsp/drivers.json"
	expect_soon 5 failed_to_read .
	expect_match 'pvkit status' 'FAILED, what was read before holds: bsp/drivers.json:' \
		"$(pvkit status --state "$STATE")"
	# which outlives the daemon
	kill -KILL "$pvkitd"
	wait "$pvkitd" || :
	expect 'in the state' false "$(told_of .ok)"
}

run_tests
