#!/bin/sh
# SPDX-License-Identifier: MIT
# The power fails at every step of every update, through the real module: each byte
# programmed and each part of an erase is a step, and what was under way is half done.
# A sample for some seconds each; with PVKIT_CUTS=N (`make check-cuts`) N updates each,
# and each byte of an erase is a step. The last line of each result says how many.
# vm: own timeout=400

. "${0%/*}/lib.sh"

SECONDS_EACH=${PVKIT_MATRIX_SECONDS:-4}
[ -z "${PVKIT_CUTS:-}" ] || SECONDS_EACH=1000000
UPDATES=${PVKIT_CUTS:-1000000}

# Warnings go to the console, not each flash that comes and goes: that takes longer
# than all else.
dmesg -n 5
on_exit dmesg -n 7
# Who sets and the module's worker take turns, thousands of times a second: to wake
# another processor each time takes longer than what it has to do.
[ ! -f /sys/devices/system/cpu/cpu1/online ] || echo 0 >/sys/devices/system/cpu/cpu1/online

# every_byte BLOCK-SIZE: the steps that an erase takes when all are wanted
every_byte() {
	[ -z "${PVKIT_CUTS:-}" ] || echo "erase_steps=$1"
}

# cuts_of HOW TEAR FIRST: store f
cuts_of() {
	status=0
	out=$(cuts "$1" f "$UPDATES" "$SECONDS_EACH" "$2" "$3" 2>&1) || status=$?
	expect_ok "old or new after each cut"
	note "$1, tear $2: $out, erases $(sim erases), ${SECONDS_EACH} s at most"
	# what a flash must not be asked for
	expect "programs that a flash refuses" 0 "$(sim violations)"
	# each step of one erase at least
	[ "$(sim erases)" -gt 8 ] || [ "$3" = 1 ] ||
		broken "erases that were cut" "$(sim erases) erases"
}

# cut_log HOW TEAR FIRST BLOCK-SIZE SIMFLASH-PARAMETER...
cut_log() {
	cl_how=$1 cl_tear=$2 cl_first=$3 cl_erase=$4
	shift 4
	# shellcheck disable=SC2046 # none or one
	simflash erase="$cl_erase" $(every_byte "$cl_erase") "$@"
	add f medium=mtd device=simflash format=log rate=none
	expect_soon_state f empty
	expect_match 'guarantee' atomic "$(flag f guarantee)"
	cuts_of "$cl_how" "$cl_tear" "$cl_first"
}

test_log_on_nor_torn_each_cut_upon_the_last() {
	cut_log walk 1 2 1024 blocks=4
}

# The blocks are nearly full when it begins.
test_log_on_nor_torn_each_cut_afresh() {
	cut_log fresh 1 14 512 blocks=3
}

test_log_on_nor_of_two_blocks_clean_cuts() {
	cut_log walk 0 2 1024 blocks=2
}

test_log_on_nor_with_write_units_of_16() {
	cut_log walk 1 2 2048 blocks=4 write=16
}

test_log_on_nand_torn_each_cut_upon_the_last() {
	cut_log walk 1 2 2048 nand=1 blocks=4 write=512
}

test_log_on_nand_torn_each_cut_afresh() {
	cut_log fresh 1 6 1024 nand=1 blocks=8 write=256
}

test_log_on_nand_clean_cuts_afresh() {
	cut_log fresh 0 6 1024 nand=1 blocks=2 write=256
}

# What has no other block is refused when it is full, so there is room for all.
test_log_on_nor_of_one_block() {
	cut_log fresh 1 1 131072 blocks=1
}

# The old fields are none then.
test_the_first_update_of_all() {
	cut_log walk 1 1 1024 blocks=4
}

# Afresh: cut over and over it may want force at last, as Documentation/bootflag-log.md says.
test_the_first_update_of_all_on_nand() {
	cut_log fresh 1 1 4096 nand=1 blocks=4 write=256
}

# cut_bcb HOW TEAR "STORE-WORD..." SIMFLASH-PARAMETER...
cut_bcb() {
	cb_how=$1 cb_tear=$2 cb_words=$3
	shift 3
	# shellcheck disable=SC2046 # none or one
	simflash erase=4096 $(every_byte 4096) "$@"
	# shellcheck disable=SC2086 # words
	add f medium=mtd device=simflash format=bcb rate=none $cb_words
	expect_soon_state f empty
	case $cb_words in
	*backup*) expect_match 'guarantee with a backup' 'atomic redundant' "$(flag f guarantee)" ;;
	*) expect 'guarantee without' 'power wear' "$(flag f guarantee)" ;;
	esac
	cuts_of "$cb_how" "$cb_tear" 2
}

test_bcb_with_a_backup_on_nor_each_cut_afresh() {
	cut_bcb fresh 1 backup=6144 blocks=2
}

test_bcb_with_a_backup_on_nor_each_cut_upon_the_last() {
	cut_bcb walk 1 backup=22528 blocks=8
}

test_bcb_with_a_backup_on_nand_torn() {
	cut_bcb fresh 1 backup=6144 nand=1 blocks=2 write=512
}

test_bcb_with_a_backup_on_nand_clean_cuts() {
	cut_bcb walk 0 backup=6144 nand=1 blocks=2 write=512
}

# It does not say `atomic`: what was there may be lost, and is set again by force.
test_bcb_without_a_backup() {
	cut_bcb lossy 1 '' blocks=1
	expect_match 'the output' 'lost [1-9]' "$out"
}

# lied LIE|LATE EVERY MUST SIMFLASH-PARAMETER...
lied() {
	li_how=$1 li_every=$2 li_must=$3
	shift 3
	simflash "$@"
	add f medium=mtd device=simflash format=log rate=none
	expect_soon_state f empty
	status=0
	out=$(cuts "$li_how" f 1000 3 "$li_every" "$li_must" 2>&1) || status=$?
	expect_ok "old or new fields, $li_how, each ${li_every}th program, $*"
	note "$li_how, each ${li_every}th, $*: $out"
	del f
	rmmod simflash
}

# What the flash did not tell is read back before the older copy may go.
test_programs_that_fail_without_a_word() {
	lied lie 2 0 blocks=3 erase=1024
	lied lie 3 0 nand=1 blocks=3 erase=2048 write=512
}

# The log looks at what it has programmed, and goes to another place by itself.
test_programs_that_fail_now_and_then_fail_no_update() {
	lied lie 11 1 blocks=3 erase=1024
	lied lie 7 1 nand=1 blocks=3 erase=2048 write=512
}

# What was right when the log looked, because some buffer had it, is not when the
# module looks again, from nothing, before it says that it is done.
test_programs_that_read_right_but_once() {
	lied late 3 0 blocks=3 erase=1024
	lied late 5 0 nand=1 blocks=3 erase=2048 write=512
}

run_tests
