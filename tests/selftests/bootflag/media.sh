#!/bin/sh
# SPDX-License-Identifier: MIT
# Stores on partitions of one, two and many erase blocks, erased, full, of garbage and
# of somebody else, who keeps what is his unless it is taken by force.
# vm: own timeout=300

. "${0%/*}/lib.sh"

log_on() {
	add f medium=mtd device=simflash format=log rate=none "$@"
	wait_until 5 not state_is f absent || broken "the medium is found" absent
}

# keeps_it: nothing but force writes, and force works
keeps_it() {
	ki_before=$(fingerprint)
	set_refused 'Wrong medium type|Bad message' f mode=recovery
	expect "content of the flash" "$ki_before" "$(fingerprint)"
	must_set f force mode=recovery cursor=7
	expect_flag f mode recovery
	power_cycle
	expect_soon_state f ready
	expect_flag f cursor 7
}

# The superblock of a littlefs of 4 KiB blocks, as mkfs makes it, in both blocks.
littlefs() {
	for lf in 1 2; do
		printf '\00%s\000\000\000\360\017\377\367littlefs\057\340\000\020' "$lf"
		printf '\001\000\002\000\000\020\000\000\010\000\000\000\377\000\000\000'
		printf '\377\377\377\177\376\003\000\000\160\037\374\010\033\264\222\151'
		bytes 4036 377
	done
}

test_an_erased_partition_is_empty_and_takes_flags() {
	for n in 1 2 3 8; do
		simflash blocks="$n"
		log_on
		expect_state f empty
		expect "writes to an empty one before anybody asked" 0 "$(sim programs)"
		must_set f mode=recovery slot=1 tries=3 cursor=18446744073709551615
		power_cycle
		expect_soon_state f ready
		expect_flag f mode recovery
		expect_flag f slot 1
		expect_flag f tries 3
		expect_flag f cursor 18446744073709551615
		del f
		rmmod simflash
	done
}

test_many_updates_go_round_and_wear_all_blocks_alike() {
	simflash blocks=4 erase=1024
	log_on
	i=0
	while [ "$i" -lt 200 ]; do
		i=$((i + 1))
		must_set f cursor="$i"
	done
	erases=$(sim erases)
	[ "$erases" -gt 4 ] || broken "some erases" "$erases"
	expect "erases that the store counts" "$erases" "$(stat_of f erases)"
	expect "bytes that the store counts" "$(sim program_bytes)" "$(stat_of f program_bytes)"
	power_cycle
	expect_soon_state f ready
	expect_flag f cursor 200
}

test_nothing_is_written_when_nothing_changes() {
	simflash
	log_on
	must_set f mode=recovery
	before=$(sim programs)
	must_set f mode=recovery
	expect "programs" "$before" "$(sim programs)"
	expect "unchanged sets" 1 "$(stat_of f unchanged)"
}

test_a_full_partition_of_zeroes_is_somebody_elses() {
	simflash
	bytes 32768 0 | content
	log_on
	expect_state f foreign
	keeps_it
}

test_garbage_is_somebody_elses() {
	for n in 1 2 8; do
		simflash blocks="$n"
		head -c $((n * 4096)) /dev/urandom | content
		log_on
		expect_state f foreign
		keeps_it
		del f
		rmmod simflash
	done
}

test_a_littlefs_in_misc_is_never_written() {
	simflash
	littlefs | content
	log_on
	expect_state f foreign
	keeps_it
}

test_a_littlefs_in_misc_is_never_written_as_bcb_either() {
	simflash
	littlefs | content
	add f medium=mtd device=simflash format=bcb rate=none modes=recovery
	expect_soon_state f foreign
	before=$(fingerprint)
	set_refused 'Wrong medium type' f mode=recovery
	expect "content of the flash" "$before" "$(fingerprint)"
}

# What is the vendor's may begin anywhere.
test_a_foreign_block_among_erased_ones_is_left_alone() {
	simflash
	{
		bytes 20480 377
		echo "a file of the vendor's"
	} | content
	log_on
	before=$(fingerprint)
	for i in 1 2 3; do
		set_flags f cursor="$i"
	done
	if [ "$status" = 0 ]; then
		dd if="$SIM_DATA" bs=4096 skip=5 count=1 status=none | grep -q vendor ||
			broken "the foreign block is there after updates" gone
	else
		expect "content of the flash" "$before" "$(fingerprint)"
	fi
}

test_what_ubi_holds_is_refused_even_by_force() {
	simflash
	printf 'UBI#\001\000\000\000' | content
	log_on
	expect_soon_state f failed
	expect_match "what is wrong" 'belongs to UBI' "$(flag f error)"
	set_refused 'busy' f force mode=recovery
}

test_a_read_only_partition_is_refused() {
	simflash readonly=1
	log_on
	expect_soon_state f failed
	expect_match "what is wrong" 'read-only' "$(flag f error)"
	set_refused 'Read-only' f mode=recovery
}

test_a_part_of_a_partition_in_whole_erase_blocks() {
	simflash
	add f medium=mtd device=simflash offset=8192 size=8192 format=log rate=none
	expect_soon_state f empty
	for i in 1 2 3; do
		must_set f cursor="$i"
	done
	expect "what lies before and after" "$(bytes 24576 377 | sha256sum)" "$(
		{
			dd if="$SIM_DATA" bs=4096 count=2 status=none
			dd if="$SIM_DATA" bs=4096 skip=4 status=none
		} | sha256sum
	)"
	add g medium=mtd device=simflash offset=100 format=log
	expect_soon_state g failed
	expect_match "what is wrong" 'whole erase blocks' "$(flag g error)"
	add h medium=mtd device=simflash offset=28672 size=8192 format=log
	expect_soon_state h failed
	expect_match "what is wrong" 'beyond the end' "$(flag h error)"
}

test_blocks_that_go_bad_are_skipped() {
	simflash nand=1 blocks=6 erase=4096 bad=0
	log_on
	must_set f cursor=1
	# a program that fails for good, then an erase
	sim fail_program 1
	sim fail_erase 2
	i=1
	while [ "$i" -lt 60 ]; do
		i=$((i + 1))
		must_set f cursor="$i"
	done
	power_cycle
	expect_soon_state f ready
	expect_flag f cursor 60
	expect "programs that a flash refuses" 0 "$(sim violations)"
}

test_bits_that_can_be_corrected_are_no_error() {
	simflash nand=1 blocks=4 erase=4096
	log_on
	must_set f mode=recovery cursor=5
	sim flips 4
	for b in 0 1 2 3; do
		sim flip_block "$b"
		power_cycle
		expect_soon_state f ready
		expect_flag f cursor 5
		must_set f tries="$b"
	done
}

test_memory_in_use_is_refused_and_reserved_memory_that_is_anothers() {
	address=$(awk '/System RAM/ { split($1, a, "-"); n = a[1] } END { print n }' /proc/iomem)
	add r medium=ram "address=0x$address" size=4096 format=log
	expect_soon_state r failed
	expect_match "what is wrong" 'in use by the kernel' "$(flag r error)"
	del r
	for word in size=16 address=16 'address=x size=4096' 'address=16 size=0'; do
		sysfs add "r medium=ram $word format=log"
		[ "$status" != 0 ] || broken "medium=ram $word refused" success
	done
}

test_descriptions_that_are_not_complete_are_refused() {
	for words in 'medium=mtd' 'medium=nvmem size=16' 'medium=syscon' \
		'medium=mtd device=' 'medium=mtd device=a%2' 'medium=mtd device=%00' \
		'medium=mtd device=a offset=-1' 'medium=mtd device=a size=5000000000' \
		'medium=nvmem device=a word=3' 'medium=nvmem device=a word=4 offset=2 size=4' \
		'medium=nvmem device=a size=16 atomic=no'; do
		sysfs add "x $words format=log"
		[ "$status" != 0 ] || broken "$words refused" success
		expect_match "why $words was refused" 'Invalid argument' "$out"
	done
}

run_tests
