#!/bin/sh
# SPDX-License-Identifier: MIT
# Media come after their stores, go while they are read and written, and are held by
# nobody: the module of a flash can be removed at any time.
# vm: own timeout=300

. "${0%/*}/lib.sh"

# writer NAME FROM COUNT: sets cursor to FROM, FROM + 1, ...; prints each that worked
writer() {
	i=$2
	while [ "$i" -lt $(($2 + $3)) ]; do
		printf 'cursor=%s\n' "$i" 2>/dev/null >"$SYS/$1/set" && echo "$i"
		i=$((i + 1))
	done
}

test_an_mtd_comes_after_its_store_and_goes() {
	add f medium=mtd device=simflash format=log rate=none
	expect_state f absent
	set_refused 'No such device' f mode=recovery
	simflash
	expect_soon_state f empty
	must_set f mode=recovery
	# it can be removed although a store is on it
	rmmod simflash
	expect_soon_state f absent
	expect_flag f mode ''
	# a different flash, under the same name
	simflash nand=1
	expect_soon_state f empty
	must_set f mode=other
}

test_memory_that_calls_itself_flash_without_erasing() {
	modprobe mtdram total_size=64 erase_size=4
	add f 'medium=mtd device=mtdram%20test%20device format=log'
	wait_until 5 not state_is f absent || broken "the partition is found" "$(cat /proc/mtd)"
	# two copies in place then
	must_set f force mode=recovery
	expect_state f ready
	expect "erases" 0 "$(stat_of f erases)"
	rmmod mtdram
	expect_soon_state f absent
}

test_an_mtd_goes_in_the_middle_of_a_write() {
	simflash
	add f medium=mtd device=simflash format=log rate=none
	expect_soon_state f empty
	must_set f cursor=1 mode=old
	for delay in 5000 50000 200000; do
		sim delay_us "$delay"
		background "$T/set" sh -c "echo 'cursor=2 mode=new' | tee $SYS/f/set >/dev/null"
		# shellcheck disable=SC2154 # of lib.sh
		setter=$child
		sleep 0.1
		sim present 0
		wait "$setter" || :
		expect_soon_state f absent
		sim delay_us 0
		sim present 1
		expect_soon_state f ready
		case $(flag f cursor),$(flag f mode) in
		1,old | 2,new) ;;
		*) broken "old or new" "$(flag f cursor),$(flag f mode)" ;;
		esac
		must_set f cursor=1 mode=old
	done
}

# What is removed while somebody has it open is in /proc/mtd until that one closes it, or
# as before if the kernel refuses to remove it then; the users of MTD are told once.
test_an_mtd_that_goes_while_somebody_has_it_open_is_gone() {
	simflash
	add f medium=mtd device=simflash format=log
	expect_soon_state f empty
	must_set f mode=recovery
	exec 9<"/dev/$(sed -n 's/^\(mtd[0-9]*\):.*"simflash"$/\1/p' /proc/mtd)"
	sim present 0 2>/dev/null || :
	expect_soon_state f absent
	sleep 1
	expect_state f absent
	set_refused 'No such device' f mode=other
	exec 9<&-
	power_cycle
	expect_soon_state f ready
	expect_flag f mode recovery
}

test_an_mtd_flaps_under_writers_and_readers() {
	simflash
	add f medium=mtd device=simflash format=log rate=none
	expect_soon_state f empty
	must_set f cursor=0
	for w in 1 2 3; do
		background "$T/w$w" writer f $((w * 1000)) 150
		eval "w$w=$child"
	done
	background "$T/r" sh -c "while :; do cat $SYS/f/state $SYS/f/cursor; done"
	i=0
	while [ "$i" -lt 40 ]; do
		i=$((i + 1))
		sim present 0
		sim present 1
	done
	# shellcheck disable=SC2154 # by eval
	for w in $w1 $w2 $w3; do
		wait "$w" || :
	done
	expect_soon_state f ready
	value=$(flag f cursor)
	power_cycle
	expect_soon_state f ready
	expect_flag f cursor "$value"
	[ "$value" = 0 ] || cat "$T/w1" "$T/w2" "$T/w3" | grep -qx "$value" ||
		note "cursor $value was not answered, but written"
	expect "programs that a flash refuses" 0 "$(sim violations)"
}

test_writers_do_not_get_into_each_other() {
	simflash
	add f medium=mtd device=simflash format=log rate=none
	expect_soon_state f empty
	for w in 1 2 3 4; do
		background "$T/w$w" writer f $((w * 1000)) 40
		eval "w$w=$child"
	done
	for w in $w1 $w2 $w3 ${w4:-}; do
		wait "$w" || :
	done
	expect "sets that worked" 160 "$(cat "$T/w1" "$T/w2" "$T/w3" "$T/w4" | wc -l)"
	expect "sets that the store counts" 160 "$(stat_of f sets)"
	value=$(flag f cursor)
	expect_match "the last of one of them" '^[1234]039$' "$value"
	power_cycle
	expect_soon_state f ready
	expect_flag f cursor "$value"
	expect "programs that a flash refuses" 0 "$(sim violations)"
}

test_a_store_goes_under_readers_and_writers() {
	simflash
	add f medium=mtd device=simflash format=log rate=none
	background /dev/null sh -c \
		"while :; do cat $SYS/f/* 2>/dev/null; echo cursor=1 >$SYS/f/set; done 2>/dev/null"
	i=0
	while [ "$i" -lt 30 ]; do
		i=$((i + 1))
		sleep 0.02
		del f
		add f medium=mtd device=simflash format=log rate=none
	done
	rmmod simflash
}

test_an_nvmem_comes_after_its_store_and_goes() {
	add n medium=nvmem device=simnvmem offset=8 size=32 format=log
	expect_state n absent
	modprobe simnvmem
	expect_soon_state n empty
	must_set n mode=recovery
	# the device alone, then its module
	echo 0 >/sys/module/simnvmem/parameters/present
	expect_soon_state n absent
	set_refused 'No such device' n mode=other
	echo 1 >/sys/module/simnvmem/parameters/present
	expect_soon_state n ready
	expect_flag n mode recovery
	rmmod simnvmem
	expect_soon_state n absent
}

test_an_nvmem_flaps_under_writers() {
	modprobe simnvmem
	add n medium=nvmem device=simnvmem size=64 format=log
	expect_soon_state n empty
	background "$T/w" writer n 1 300
	writer=$child
	i=0
	while [ "$i" -lt 200 ]; do
		i=$((i + 1))
		echo 0 >/sys/module/simnvmem/parameters/present
		echo 1 >/sys/module/simnvmem/parameters/present
	done
	wait "$writer" || :
	wait_until 5 not state_is n absent || broken "it is found again" absent
	must_set n cursor=5000
	expect_flag n cursor 5000
}

test_an_nvmem_of_words_gets_whole_words() {
	modprobe simnvmem word=4
	add n medium=nvmem device=simnvmem word=4 offset=4 size=8 format=bootcount form=u32 limit=5
	wait_until 5 not state_is n absent || broken "the device is found" absent
	must_set n tries=5
	expect_flag n tries 5
	add m medium=nvmem device=simnvmem word=4 offset=16 size=4 format=magic \
		mode-a=0x41 mode-b=0x42
	wait_until 5 not state_is m absent || broken "the device is found" absent
	must_set m mode=b
	expect_flag m mode b
	expect "the register" 42000000 \
		"$(xxd -s 16 -l 4 -p /sys/bus/nvmem/devices/simnvmem/nvmem)"
}

test_a_register_that_does_not_keep_what_is_written() {
	modprobe simnvmem
	add n medium=nvmem device=simnvmem size=4 format=magic mode-a=0x41424344
	wait_until 5 not state_is n absent || broken "the device is found" absent
	echo 1 >/sys/module/simnvmem/parameters/bad
	set_refused 'error' n mode=a
}

run_tests
