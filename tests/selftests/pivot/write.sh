#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit-update write on each medium: what is read back by others is the image; bad blocks are
# left out, new ones marked; a write that fails is tried again and then told of, and what is
# not all there is never called done.
# vm: timeout=300

# shellcheck disable=SC2034,SC2086 # for that of pv_driver; paths without blanks
MODULE=loop
# shellcheck source=tests/selftests/driver/lib.sh
. "${0%/*}/../driver/lib.sh"

SIM=/sys/module/simflash/parameters

# image NAME BYTES: of random
image() {
	head -c "$2" /dev/urandom >"$T/$1"
}

# plan KIND TARGET IMAGE [KIND TARGET IMAGE...]
plan_of() {
	printf 'pvkit-update-plan 1\nid 0123abcd\n'
	while [ $# -gt 0 ]; do
		po_sum=$(sha256sum "$T/$3")
		# not echo, which may take what is escaped
		printf '%s\n' "image path=$T/$3 size=$(stat -c %s "$T/$3") sha256=${po_sum%% *} kind=$1 target=$2"
		shift 3
	done
	echo end
}

# write_plan STATUS [OPTION...]: the plan on $T/plan
write_plan() {
	wp_want=$1
	shift
	status=0
	pvkit-update write "$@" "$T/plan" >"$T/written" 2>&1 || status=$?
	[ "$status" = "$wp_want" ] ||
		broken "status $wp_want of writing" "$status: $(cat "$T/written")"
}

written_says() {
	expect_match "what it says" "$1" "$(cat "$T/written")"
}

# holds IMAGE DEVICE: from its first byte on
holds() {
	cmp -n "$(stat -c %s "$T/$1")" "$T/$1" "$2" >"$T/cmp" 2>&1 ||
		broken "$2 holds the image" "$(cat "$T/cmp")"
}

# holds_past_bad IMAGE: mtd0, by who knows of bad blocks
holds_past_bad() {
	nanddump --bb=skipbad -q -l "$(stat -c %s "$T/$1")" -f "$T/dump" /dev/mtd0 \
		>"$T/nanddump" 2>&1 || broken "nanddump" "$(cat "$T/nanddump")"
	holds "$1" "$T/dump"
}

sim() {
	modprobe simflash "$@"
	wait_until 10 test -c /dev/mtd0 || broken "flash" "$(cat /proc/mtd)"
}

# not_erased BYTES: how many are not, behind so many of mtd0
not_erased() {
	tail -c "+$(($1 + 1))" /dev/mtd0 | tr -d '\377' | wc -c
}

# --- NOR --------------------------------------------------------------------------

test_nor_and_all_behind_the_image_is_erased() {
	sim name=root blocks=16 erase=65536
	image old 1048576
	plan_of mtd mtd:root old >"$T/plan"
	write_plan 0
	holds old /dev/mtd0
	image new 300001
	plan_of mtd root new >"$T/plan"
	write_plan 0
	written_says 'all as it should be'
	holds new /dev/mtd0
	expect "bytes behind it that are not erased" 0 "$(not_erased 300001)"
	# what is erased already is not worn
	expect "erases of all" $((16 + 5 + 11)) "$(cat $SIM/erases)"
	write_plan 0
	expect "erases, behind it none" $((16 + 5 + 11 + 5)) "$(cat $SIM/erases)"
}

test_nor_a_block_that_can_not_be_written() {
	sim name=root blocks=16 erase=65536
	image new 500000
	plan_of mtd root new >"$T/plan"
	echo 3 >$SIM/fail_program
	write_plan 3
	written_says 'mtd0: writing block 3 \(at 0x30000\): (I/O|Input/output) error'
	written_says 'not done; it can go on with --from 3'
	[ "$(cat $SIM/erases)" = 7 ] || broken "4 tries of block 3" "$(cat $SIM/erases) erases"
	echo -1 >$SIM/fail_program
	echo 5 >$SIM/fail_erase
	write_plan 3
	written_says 'mtd0: erasing block 5 \(at 0x50000\): (I/O|Input/output) error'
	echo -1 >$SIM/fail_erase
	write_plan 0
	holds new /dev/mtd0
}

# Programs that leave bits as they were, and say that all is well.
test_nor_that_lies() {
	sim name=root blocks=16 erase=65536
	image new 500000
	plan_of mtd root new >"$T/plan"
	echo 5 >$SIM/lie
	write_plan 3
	written_says 'there is not what was written: written anew from there'
	written_says 'mtd0: at [0-9]+ there is not what was written$'
	echo 0 >$SIM/lie
	write_plan 0
	holds new /dev/mtd0
}

test_an_image_that_was_changed() {
	sim name=root blocks=16 erase=65536
	image new 500000
	plan_of mtd root new >"$T/plan"
	printf x | dd of="$T/new" bs=1 seek=400000 conv=notrunc 2>/dev/null
	write_plan 1
	written_says "/new: its checksum is not the plan's"
	expect "erases" 0 "$(cat $SIM/erases)"
	rm "$T/new"
	write_plan 1
	written_says '/new: No such file'
}

# stop_in_the_middle BYTES: when so much was programmed; $from is the cursor
stop_in_the_middle() {
	background "$T/written" pvkit-update write "$T/plan"
	expect_soon 60 programmed "$1"
	end "$child"
	expect "status of who was stopped" 4 "$status"
	from=$(sed -n 's/^not done; it can go on with --from //p' "$T/written")
	[ "${from:-0}" -gt 0 ] || broken "a cursor" "$(cat "$T/written")"
}

programmed() {
	[ "$(cat $SIM/program_bytes)" -gt "$1" ]
}

test_it_goes_on_where_it_was_stopped() {
	sim name=root blocks=64 erase=65536 page_us=500
	image new 4000000
	plan_of mtd root new >"$T/plan"
	stop_in_the_middle 1000000
	echo 0 >$SIM/page_us
	before=$(cat $SIM/erases)
	write_plan 0 --from "$from"
	holds new /dev/mtd0
	expect "blocks that were erased since" $((62 - from)) \
		"$(($(cat $SIM/erases) - before))"
	# what the cursor promises is not there
	dd if=/dev/zero of="$T/zero" bs=65536 count=1 2>/dev/null
	flash_zero $((from - 2))
	write_plan 0 --from "$from"
	written_says 'before the cursor: .*: written from the beginning'
	holds new /dev/mtd0
}

# flash_zero BLOCK: past all that has it open
flash_zero() {
	mount -t debugfs none /sys/kernel/debug 2>/dev/null || :
	dd if="$T/zero" of=/sys/kernel/debug/simflash bs=65536 seek="$1" conv=notrunc 2>"$T/dd" ||
		broken "a block of zeros" "$(cat "$T/dd")"
}

# --- NAND -------------------------------------------------------------------------

test_nand_with_bad_blocks() {
	modprobe nandsim id_bytes=0x20,0x73 badblocks=0,3,4,20 ||
		not_here "no nandsim here"
	image new 1000001
	plan_of mtd 'mtd:NAND\040simulator\040partition\0400' new >"$T/plan"
	write_plan 0
	holds_past_bad new
}

# Block 2 fails with its second erase, block 5 has a page that can't be programmed.
test_nand_blocks_that_go_bad() {
	modprobe nandsim id_bytes=0x20,0x73 weakblocks=2:1 weakpages=165:1 badblocks=1 ||
		not_here "no nandsim here"
	image old 300000
	plan_of mtd /dev/mtd0 old >"$T/plan"
	write_plan 0
	image new 200000
	plan_of mtd /dev/mtd0 new >"$T/plan"
	write_plan 0
	written_says 'mtd0: block 2 \(at 0x8000\) has gone bad and is marked'
	written_says 'mtd0: block 5 \(at 0x14000\) has gone bad and is marked'
	expect "bad blocks" 3 "$(cat /sys/class/mtd/mtd0/bad_blocks)"
	holds_past_bad new
	# and the plan whose target had more room then
	sed -i "s/\$/ room=$((16777216 - 16384))/;1,2s/ room.*//;\$s/ room.*//" "$T/plan"
	write_plan 0
}

test_nand_whose_bits_flip() {
	sim name=root nand=1 blocks=32 erase=16384 write=512
	image new 200000
	plan_of mtd root new >"$T/plan"
	echo 2 >$SIM/flips
	echo 3 >$SIM/flip_block
	write_plan 0
	written_says 'mtd0: block 3: [0-9]+ bits corrected, read back'
	# more than can be corrected: written anew, then given up
	echo 6 >$SIM/flips
	write_plan 0
	written_says 'reading block 3 .* written anew from there'
	written_says 'block 3 .* has gone bad and is marked'
	holds_past_bad new
	expect "violations of NAND's rules" 0 "$(cat $SIM/violations)"
}

test_nand_that_has_no_room_left() {
	sim name=root nand=1 blocks=8 erase=16384 write=512
	image new $((8 * 16384))
	plan_of mtd root new >"$T/plan"
	# of which /sys knows nothing yet
	echo 5 >$SIM/bad
	write_plan 1
	written_says 'mtd0: 114688 bytes in blocks that are good, 131072 are wanted'
	expect "erases" 0 "$(cat $SIM/erases)"
	echo '' >$SIM/bad
	echo 3 >$SIM/fail_erase
	write_plan 3
	written_says 'so many blocks are bad that the image does not fit'
}

# --- UBI --------------------------------------------------------------------------

ubi() {
	modprobe nandsim id_bytes=0x20,0x73 || not_here "no nandsim here"
	modprobe ubi
	ubiformat -y -q /dev/mtd0 >"$T/ubi" 2>&1 || broken "ubiformat" "$(cat "$T/ubi")"
	ubiattach -m 0 >"$T/ubi" 2>&1 || broken "ubiattach" "$(cat "$T/ubi")"
	ubimkvol /dev/ubi0 -N rootfs -s 4MiB >"$T/ubi" 2>&1 || broken "ubimkvol" "$(cat "$T/ubi")"
}

test_ubi() {
	ubi
	image new 3000001
	plan_of ubi ubi:rootfs new >"$T/plan"
	write_plan 0
	holds new /dev/ubi0_0
	# somebody has it open
	exec 7</dev/ubi0_0
	write_plan 1
	written_says 'ubi0_0: beginning to write: .*usy: it is mounted or open'
	exec 7<&-
	holds new /dev/ubi0_0
	image next 2000000
	plan_of ubi ubi0:rootfs next >"$T/plan"
	# a cursor in the middle: all of it is written
	write_plan 0 --from 20
	holds next /dev/ubi0_0
}

# --- disks ------------------------------------------------------------------------

disk() {
	modprobe loop
	truncate -s 8M "$T/disk"
	loop=$(losetup --find --show "$T/disk")
}

test_disk() {
	disk
	image new 5000123
	image kernel 70000
	head -c 8388608 /dev/urandom >"$loop"
	tail -c +5000124 "$loop" | sha256sum >"$T/behind"
	plan_of block "$loop" new >"$T/plan"
	write_plan 0
	holds new "$loop"
	expect "what is behind the image" "$(cat "$T/behind")" \
		"$(tail -c +5000124 "$loop" | sha256sum)"
	modprobe ext4
	mke2fs -q "$loop" >/dev/null 2>&1
	mkdir -p "$T/mnt"
	mount -t ext4 "$loop" "$T/mnt"
	write_plan 1
	written_says 'usy'
	umount "$T/mnt"
}

test_disk_with_a_sector_that_can_not_be_written() {
	disk
	modprobe dm-mod 2>/dev/null || :
	printf '0 6000 linear %s 0\n6000 8 error\n6008 10376 linear %s 6008\n' "$loop" "$loop" |
		dmsetup create --noudevsync bad >"$T/dm" 2>&1 ||
		broken "a disk with a bad sector" "$(cat "$T/dm")"
	node=/dev/dm-$(dmsetup info -c --noheadings -o minor bad)
	image new 5000000
	plan_of block "$node" new >"$T/plan"
	write_plan 3
	written_says "dm-[0-9]+: writing sector 6000 \(byte 3072000\): (I/O|Input/output) error"
	from=$(sed -n 's/^not done; it can go on with --from //p' "$T/written")
	dmsetup suspend --noudevsync bad
	echo "0 16384 linear $loop 0" | dmsetup load bad
	dmsetup resume --noudevsync bad
	write_plan 0 --from "$from"
	holds new "$node"
}

# --- who has it, as the running system tells beforehand -----------------------------

# uses [OPTION]: what `pvkit update` says of who has the disk
uses() {
	pvkit update "$@" --dry-run "$T/new:$loop" 2>/dev/null | awk '$1 == "use" { $1 = $2 = ""; print $0 }' |
		sed 's/^ *//'
}

# mapped KIND [WORDS]: the disk is below a device of that kind, $node
mapped() {
	dmsetup remove --noudevsync bad >/dev/null 2>&1 || :
	echo "0 16384 $1 $loop 0${2:+ $2}" | dmsetup create --noudevsync bad >"$T/dm" 2>&1 ||
		broken "dmsetup, $1" "$(cat "$T/dm")"
	node=/dev/dm-$(dmsetup info -c --noheadings -o minor bad)
}

test_a_disk_below_the_device_mapper() {
	disk
	modprobe dm-mod 2>/dev/null || :
	modprobe dm-flakey
	modprobe ext4
	image new 1000000
	expect "a disk that nobody has" 'ok by nobody' "$(uses)"
	mapped linear
	expect "one below linear" 'ok by nobody' "$(uses)"
	mke2fs -q "$node" >/dev/null 2>&1
	mkdir -p "$T/mnt"
	mount -t ext4 "$node" "$T/mnt"
	expect "one that is mounted by that" "note mounted on $T/mnt: is unmounted" "$(uses)"
	sleep 1000 >"$T/mnt/file" &
	holder=$!
	echo "$holder" >>"$T/children"
	expect_match "a process with a file there" "note $holder sleep, fd $T/mnt/file: is ended" "$(uses)"
	kill $holder
	wait $holder || :
	umount "$T/mnt"
	mapped flakey "60 0"
	expect_match "one below a kind that is not known" 'failed dm-[0-9]+ lies on loop[0-9]+ and is of the kind flakey, .*' \
		"$(uses)"
	expect_match "which the boot stage would not know of" 'failed dm-[0-9]+ lies on loop[0-9]+ and is .*' \
		"$(uses --recovery)"
}

# --- several ----------------------------------------------------------------------

test_two_images_and_the_second_fails() {
	sim name=kernel blocks=16 erase=65536
	disk
	image root 2000000
	image kernel 200000
	plan_of block "$loop" root mtd kernel kernel >"$T/plan"
	echo 1 >$SIM/fail_program
	write_plan 3
	holds root "$loop"
	written_says 'not done; it can go on with --from 32'
	echo -1 >$SIM/fail_program
	# the first is through: neither looked at nor written
	rm "$T/root"
	write_plan 0 --from 32
	holds kernel /dev/mtd0
}

put_back() {
	end_children
	! mountpoint -q "$T/mnt" || umount "$T/mnt"
	dmsetup remove --noudevsync bad >/dev/null 2>&1 || :
	losetup -D 2>/dev/null || :
	for pb in ubi simflash nandsim; do
		! resident "$pb" || wait_until 5 rmmod "$pb" || note "$pb stays"
	done
}

what_there_is() {
	note "$(cat "$T/written" 2>/dev/null || echo "nothing was written")"
	note "$(cat /proc/mtd 2>/dev/null)"
}

run_tests
