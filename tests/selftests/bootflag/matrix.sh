#!/bin/sh
# SPDX-License-Identifier: MIT
# The power fails at every step of every update, through the real module: each byte
# programmed and each part of an erase is a step, and what was under way is half done.
# However many updates there is time for: the last line of each result says how many.
# vm: own timeout=400

. "${0%/*}/lib.sh"

MATRIX_SECONDS=${PVKIT_MATRIX_SECONDS:-10}

# Warnings go to the console, not each flash that comes and goes: that takes longer
# than all else.
dmesg -n 5
on_exit dmesg -n 7

# cut_all walk|fresh TEAR FIRST SIMFLASH-PARAMETER...
cut_all() {
	ca_how=$1
	ca_tear=$2
	ca_first=$3
	shift 3
	simflash "$@"
	add f medium=mtd device=simflash format=log rate=none
	expect_soon_state f empty
	status=0
	out=$(cuts "$ca_how" f "$MATRIX_SECONDS" "$ca_tear" "$ca_first" 2>&1) || status=$?
	expect_ok "old or new after each cut"
	note "$ca_how, $*, tear $ca_tear: $out, erases $(sim erases)"
	# what a flash must not be asked for
	expect "programs that a flash refuses" 0 "$(sim violations)"
}

cut_and_erase() {
	cut_all "$@"
	# each step of one erase at least
	[ "$(sim erases)" -gt 8 ] || broken "erases that were cut" "$(sim erases) erases"
}

test_nor_torn_each_cut_upon_the_last() {
	cut_and_erase walk 1 2 blocks=4 erase=1024
}

# The blocks are nearly full when it begins.
test_nor_torn_each_cut_afresh() {
	cut_and_erase fresh 1 14 blocks=3 erase=512
}

test_nor_of_two_blocks_clean_cuts() {
	cut_and_erase walk 0 2 blocks=2 erase=1024 erase_steps=64
}

test_nor_with_write_units_of_16() {
	cut_and_erase walk 1 2 blocks=4 erase=2048 write=16
}

test_nand_torn_each_cut_upon_the_last() {
	cut_and_erase walk 1 2 nand=1 blocks=4 erase=2048 write=512
}

test_nand_clean_cuts_afresh() {
	cut_and_erase fresh 0 6 nand=1 blocks=2 erase=2048 write=512
}

# The old fields are none then. One cut and no more: a writer that is cut many times in
# its very first update leaves what looks like a log whose records have all rotted.
test_the_first_update_of_all() {
	cut_all fresh 1 1 blocks=4 erase=1024
}

test_the_first_update_of_all_on_nand() {
	cut_all fresh 1 1 nand=1 blocks=4 erase=2048 write=512
}

# What the flash did not tell is read back before the older copy may go.
test_programs_that_fail_without_a_word() {
	for every in 2 3 5; do
		for geometry in 'blocks=3 erase=1024' 'nand=1 blocks=3 erase=2048 write=512'; do
			# shellcheck disable=SC2086 # words
			simflash $geometry
			add f medium=mtd device=simflash format=log rate=none
			expect_soon_state f empty
			status=0
			out=$(cuts lies f 3 "$every" 2>&1) || status=$?
			expect_ok "old or new fields, each ${every}th program fails, $geometry"
			note "lies, each ${every}th, $geometry: $out"
			del f
			rmmod simflash
		done
	done
}

run_tests
