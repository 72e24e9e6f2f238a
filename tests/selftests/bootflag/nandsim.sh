#!/bin/sh
# SPDX-License-Identifier: MIT
# The kernel's own NAND simulator, with the ECC and the bad-block table of real NAND:
# blocks bad from the maker on, bits that flip at each read.
# vm: own timeout=300

. "${0%/*}/lib.sh"

# nandsim PARAMETER...: 16 MiB, pages of 512, blocks of 16 KiB; a small partition first
nandsim() {
	modprobe nandsim id_bytes=0x20,0x73 parts=6 "$@" || not_here "no nandsim here"
	add f medium=mtd 'device=NAND%20simulator%20partition%200' format=log rate=none
	wait_until 10 not state_is f absent || broken "the partition is found" "$(cat /proc/mtd)"
}

# again: the partition comes anew; nandsim forgets with its module, so that the store does
again() {
	ag_spec=$(flag f spec)
	del f
	sysfs add "f $ag_spec"
	expect_ok "add f anew"
	expect_soon_state f ready
}

many_updates() {
	i=0
	while [ "$i" -lt "$1" ]; do
		i=$((i + 1))
		must_set f cursor="$i" mode="m$i"
	done
	again
	expect_flag f cursor "$1"
	expect_flag f mode "m$1"
}

test_a_whole_nand() {
	nandsim
	expect_soon_state f empty
	many_updates 150
	[ "$(stat_of f errors)" = 0 ] || broken "no error" "$(cat "$SYS/f/stats")"
}

test_blocks_bad_from_the_maker_on() {
	nandsim badblocks=0,2,3
	expect_soon_state f empty
	many_updates 100
}

# Erasing it would be the moment at which a cut leaves nothing.
test_the_only_good_block_is_not_erased_when_it_is_full() {
	nandsim badblocks=0,1,2,3,5
	expect_soon_state f empty
	i=0
	while :; do
		i=$((i + 1))
		set_flags f cursor="$i"
		[ "$status" = 0 ] || break
	done
	expect_match "why it was refused" 'No space' "$out"
	[ "$i" -gt 20 ] || broken "some updates before" "$i"
	again
	expect_flag f cursor $((i - 1))
}

test_no_block_is_good() {
	nandsim badblocks=0,1,2,3,4,5
	set_flags f cursor=1
	[ "$status" != 0 ] || broken "set refused" success
	note "state $(state f): $(flag f error)"
}

test_bits_flip_at_each_read() {
	nandsim bitflips=1
	expect_soon_state f empty
	many_updates 100
}

test_blocks_and_pages_that_wear_out() {
	# erase block 1 fails after 3 erases, page 70 after 2 programs
	nandsim weakblocks=1:3 weakpages=70:2
	expect_soon_state f empty
	many_updates 200
}

run_tests
