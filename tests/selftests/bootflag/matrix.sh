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

# cut_all walk|fresh TEAR SIMFLASH-PARAMETER...
cut_all() {
	ca_how=$1
	ca_tear=$2
	shift 2
	simflash "$@"
	add f medium=mtd device=simflash format=log rate=none
	expect_soon_state f empty
	status=0
	out=$(cuts "$ca_how" f "$MATRIX_SECONDS" "$ca_tear" 2>&1) || status=$?
	expect_ok "old or new after each cut"
	note "$ca_how, $*, tear $ca_tear: $out, erases $(sim erases)"
	# what a flash must not be asked for
	expect "programs that a flash refuses" 0 "$(sim violations)"
	[ "$(sim erases)" -gt 0 ] || broken "erases among it" none
}

test_nor_torn_each_cut_upon_the_last() {
	cut_all walk 1 blocks=4 erase=1024
}

test_nor_torn_each_cut_afresh() {
	cut_all fresh 1 blocks=4 erase=1024
}

test_nor_of_two_blocks_clean_cuts() {
	cut_all walk 0 blocks=2 erase=1024 erase_steps=64
}

test_nand_torn_each_cut_upon_the_last() {
	cut_all walk 1 nand=1 blocks=4 erase=2048 write=512
}

test_nand_clean_cuts_afresh() {
	cut_all fresh 0 nand=1 blocks=4 erase=2048 write=512
}

test_nor_with_write_units_of_16() {
	cut_all walk 1 blocks=4 erase=2048 write=16
}

# The old fields are none then, and there has to be a way to the new ones.
test_the_first_update_of_all() {
	for geometry in 'blocks=4 erase=1024' 'nand=1 blocks=4 erase=2048 write=512'; do
		# shellcheck disable=SC2086 # words
		simflash $geometry
		add f medium=mtd device=simflash format=log rate=none
		expect_soon_state f empty
		status=0
		out=$(cuts walk f 2 1 1 2>&1) || status=$?
		expect_ok "old or new after each cut, $geometry"
		del f
		rmmod simflash
	done
}

run_tests
