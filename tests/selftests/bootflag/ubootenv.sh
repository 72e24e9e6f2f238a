#!/bin/sh
# SPDX-License-Identifier: MIT
# The U-Boot environment on what boards have it on: NOR, NAND with bad blocks, volumes of
# UBI, a block device. pvkit and fw_setenv in turn (UBOOT_TOOLS is a directory with those
# of U-Boot's own source, `make check-arm64` has them); what neither may destroy; locks.
# vm: own timeout=400 disk=1M

# shellcheck source=tests/selftests/bootflag/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=tests/selftests/bootflag/cli_lib.sh
. "${0%/*}/cli_lib.sh"

THEIRS="fw ${UBOOT_TOOLS:+own}"

put_back() {
	end_children
	! [ -e /dev/ubi0 ] || ubi_ctl detach
	rmmod simflash nandsim 2>/dev/null || :
	rm -rf /var/lib/pvkit /run/pvkitd/uboot-env-boot.json
	mkdir -p /var/lock
}

# config LINE...: of fw_env.config
config() {
	printf '%s\n' "$@" >"$T/fw_env.config"
	echo "uboot-env $T/fw_env.config" >"$T/flags.conf"
}

# env_flag VERB ARG...: pvkit flag, about this environment
env_flag() {
	ef_verb=$1
	shift
	case $ef_verb in
	list | explain) set -- --config "$T/flags.conf" "$@" ;;
	*) set -- --config "$T/flags.conf" --store uboot-env "$@" ;;
	esac
	pvkit_ flag "$ef_verb" "$@"
}

# fw, own printenv|setenv ARG...: libubootenv's, U-Boot's
fw() {
	fw_what=$1
	shift
	"fw_$fw_what" -c "$T/fw_env.config" "$@" 2>>"$T/tools"
}

own() {
	fw_what=$1
	shift
	"$UBOOT_TOOLS/fw_$fw_what" -c "$T/fw_env.config" "$@" 2>>"$T/tools"
}

# begin: what a board has before; theirs has written each copy
begin() {
	printf 'bootcmd=run a; run b\npvkit_mode=factory\n' >"$T/defaults"
	fw setenv -f "$T/defaults" first 1 || broken 'an environment to begin with' "$(cat "$T/tools")"
	fw setenv second 2
}

# They and we write in turn, and each reads what was written last.
in_turn() {
	begin
	env_flag get mode
	says 0 factory ''
	for it in 1 2 3 4; do
		for it_tool in $THEIRS; do
			$it_tool setenv pvkit_mode "theirs$it" || broken "$it_tool sets" "$(cat "$T/tools")"
			env_flag get mode
			says 0 "theirs$it" ''
			env_flag set "mode=ours$it" slot=b "tries=$it" 'reason=it is time'
			says 0 "uboot-env: mode=ours$it slot=b tries=$it reason=\"it is time\"" ''
			they_read pvkit_mode "ours$it"
			they_read pvkit_reason 'it is time'
		done
	done
	they_read bootcmd 'run a; run b'
	env_flag clear mode reason
	says 0 'uboot-env: mode and reason cleared' ''
	env_flag list uboot-env
	expect_match 'the list' "^uboot-env  U-Boot env  ready  slot=b tries=4  +$1$" "$out"
	env_flag explain slot
	expect_match 'who decided' '^ +uboot-env +had no value for it$' "$out"
	they_read pvkit_mode ''
}

# they_read VARIABLE VALUE
they_read() {
	for tr_tool in $THEIRS; do
		expect "$1 as $tr_tool reads it" "$2" "$($tr_tool printenv -n "$1")"
	done
}

# mtd NAME: its device
mtd() {
	sed -n "s:^\(mtd[0-9]*\)\: .*\"$1\"$:/dev/\1:p" /proc/mtd
}

nor() {
	simflash "$@"
	config "$(mtd simflash) 0 0x1000" "$(mtd simflash) 0x1000 0x1000"
}

# flags: of both copies on NOR
flags() {
	echo "$(od -An -tu1 -j 4 -N 1 "$SIM_DATA")$(od -An -tu1 -j 4100 -N 1 "$SIM_DATA")" | tr -s ' '
}

# poke OFFSET OCTAL
poke() {
	sim present 0
	printf '%b' "\\0$2" | dd of="$SIM_DATA" bs=1 seek="$1" conv=notrunc status=none
	sim present 1
}

test_nor_with_two_copies() {
	nor
	in_turn power,atomic,redundant,wear
	expect_match 'flags that all take alike' '^ (1 0|0 1)$' "$(flags)"
}

test_nor_with_one_copy() {
	simflash
	config "$(mtd simflash) 0x3000 0x1000"
	in_turn power,wear
}

test_flags_of_which_readers_make_different_things_are_told_refused_and_mended_by_force() {
	for pair in '377 377' '000 377' '377 000' '002 001'; do
		nor
		begin
		env_flag set mode=before
		poke 4 "${pair% *}"
		poke 4100 "${pair#* }"
		before=$(fingerprint)
		env_flag list uboot-env
		expect_match "flags $pair: the list" '^  error: .*not all readers take the same copy' "$out"
		env_flag get mode
		expect_match "flags $pair: get" 'not all readers take the same copy' "$err"
		expect "flags $pair: nothing is guessed" '' "$out"
		rm -f /run/pvkitd/uboot-env-boot.json
		env_flag explain mode
		expect_match "flags $pair: explain" 'uboot-env +broken: .*not all readers' "$out"
		env_flag set mode=after
		expect "flags $pair: exit status of set" 4 "$status"
		expect_match "flags $pair: set" 'not all readers take the same copy' "$err"
		expect "flags $pair: the flash" "$before" "$(fingerprint)"
		env_flag set --force mode=after
		expect "flags $pair: exit status by force ($err)" 0 "$status"
		expect_match "flags $pair: by force" 'what was there is in /var/lib/pvkit/uboot-env-1' \
			"$err"
		expect_match "flags $pair: afterwards" '^ (1 0|0 1)$' "$(flags)"
		they_read pvkit_mode after
		they_read bootcmd 'run a; run b'
		put_back
	done
}

test_the_only_copy_broken_is_never_overwritten_but_by_force() {
	simflash
	config "$(mtd simflash) 0 0x1000"
	begin
	poke 10 130
	before=$(fingerprint)
	env_flag set mode=ota
	expect 'exit status' 4 "$status"
	expect_match 'what is wrong, and what to do' \
		'right checksum; is .* right\? U-Boot.s saveenv makes it whole' "$err"
	expect 'the flash' "$before" "$(fingerprint)"
	env_flag set --force mode=ota
	expect "exit status by force ($err)" 0 "$status"
	expect 'bytes of what was kept' 4096 "$(stat -c %s /var/lib/pvkit/uboot-env-0.0)"
	they_read pvkit_mode ota
}

test_one_of_two_broken_is_told_and_mended_by_the_next_set() {
	nor
	begin
	env_flag set mode=ota
	poke 10 130
	env_flag list uboot-env
	expect_match 'it goes on with the other, and says so' \
		'^  warning: .*copy of two has a wrong checksum; the next set mends it' "$out"
	env_flag get mode
	env_flag set "mode=$out"
	expect_match 'what it has done' 'this copy of two was damaged, and is mended' "$err"
	env_flag list uboot-env
	expect_match 'the list' '^uboot-env  U-Boot env  ready  mode=[a-z]+ +power' "$out"
	they_read bootcmd 'run a; run b'
}

# Each step at which it can be cut is that of the flash; a few are enough for a block.
test_the_power_is_cut_in_the_middle_of_a_write() {
	nor erase_steps=8
	begin
	env_flag set mode=old0
	i=0
	seen=
	while [ "$i" -lt 60 ]; do
		i=$((i + 1))
		case $i in
		1?) steps=$i ;;			# the erase, and the first bytes
		2? | 3?) steps=$((i * 137)) ;;	# the data, and complete
		*) steps=$((4056 + i)) ;;	# the end, and the flag of the other
		esac
		sim tear $((i % 2))
		sim cut "$steps"
		env_flag set "mode=new$i" "tries=$i"
		sim cut -1
		power_cycle
		env_flag get mode
		case $out in
		"new$i") seen=${seen}n ;;
		"old$((i - 1))") seen=${seen}o ;;
		*) broken "cut after $steps steps: old$((i - 1)) or new$i" "$out $err, flags $(flags)" ;;
		esac
		they_read pvkit_mode "$out"
		they_read bootcmd 'run a; run b'
		env_flag set "mode=old$i"
		expect "exit status of the next set ($err)" 0 "$status"
	done
	expect_match 'both have happened' 'o.*n' "$seen"
}

test_what_shares_the_flash_is_not_erased() {
	simflash
	config "$(mtd simflash) 0 0x800"
	{
		bytes 2048 377
		printf 'something else'
	} | content
	begin
	printf 'something else' >"$T/else"
	sim present 0
	dd if="$T/else" of="$SIM_DATA" bs=1 seek=2048 conv=notrunc status=none
	sim present 1
	before=$(fingerprint)
	env_flag set mode=ota
	expect 'exit status' 4 "$status"
	expect_match 'why' 'something else lies in the last block, from 0x800 on' "$err"
	expect 'the flash' "$before" "$(fingerprint)"
	config "$(mtd simflash) 0 0x800" "$(mtd simflash) 0x800 0x800"
	env_flag set mode=ota
	expect_match 'two copies in one block' 'the flash has blocks of 0x1000' "$err"
	config "$(mtd simflash | sed 's/mtd/mtdblock/') 0 0x800"
	modprobe mtdblock
	env_flag set mode=ota
	expect_match "an MTD's block device" "a block device; take the MTD's own" "$err"
	rmmod mtdblock
}

test_nand_with_two_copies() {
	simflash nand=1 blocks=8 erase=4096 write=512
	config "$(mtd simflash) 0 0x1000 0x1000 1" "$(mtd simflash) 0x1000 0x1000 0x1000 1"
	in_turn power,atomic,redundant,wear
	expect 'programs that a flash refuses' 0 "$(sim violations)"
}

test_nand_with_bad_blocks_in_the_copies_shares() {
	simflash nand=1 blocks=16 erase=4096 write=512 bad=0,9,10
	config "$(mtd simflash) 0 0x2000 0x1000 4" "$(mtd simflash) 0x8000 0x2000 0x1000 4"
	in_turn power,atomic,redundant,wear
	# a bit that ECC can't correct is one copy broken
	env_flag set mode=ota
	sim flips 9
	sim flip_block 1
	env_flag get slot
	says 0 b ''
	sim flips 0
}

test_nand_with_too_few_good_blocks_never_goes_into_the_other_copy() {
	simflash nand=1 blocks=16 erase=4096 write=512
	config "$(mtd simflash) 0 0x2000 0x1000 2" "$(mtd simflash) 0x2000 0x2000 0x1000 2"
	begin
	rmmod simflash
	simflash nand=1 blocks=16 erase=4096 write=512 bad=0
	config "$(mtd simflash) 0x2000 0x2000 0x1000 2"
	begin
	config "$(mtd simflash) 0 0x2000 0x1000 2" "$(mtd simflash) 0x2000 0x2000 0x1000 2"
	before=$(fingerprint)
	env_flag set mode=ota
	expect 'exit status' 4 "$status"
	expect 'the flash' "$before" "$(fingerprint)"
	config "$(mtd simflash) 0 0x2000 0x1000 2"
	env_flag set --force mode=ota
	expect_match 'why' 'too few good blocks' "$err"
	expect 'the flash' "$before" "$(fingerprint)"
}

test_nandsim_with_a_bad_block() {
	modprobe nandsim id_bytes=0x20,0x73 parts=32 badblocks=1 || not_here 'no nandsim here'
	nand=$(mtd 'NAND simulator partition 0')
	config "$nand 0 0x8000 0x4000 4" "$nand 0x10000 0x8000 0x4000 4"
	in_turn power,atomic,redundant,wear
}

test_volumes_of_ubi_and_an_update_that_was_cut() {
	modprobe nandsim id_bytes=0x20,0x73 parts=200 || not_here 'no nandsim here'
	modprobe ubi
	nand=$(mtd 'NAND simulator partition 0')
	ubi_ctl attach "${nand#/dev/mtd}"
	ubi_ctl mkvol env-a 0x2000
	ubi_ctl mkvol env-b 0x2000
	# the last two are for U-Boot's own tools, which divide by them
	config '/dev/ubi0:env-a 0 0x2000 0x2000 1' '/dev/ubi0:env-b 0 0x2000 0x2000 1'
	in_turn power,atomic,redundant,wear
	for volume in 0 1; do
		env_flag set "mode=one$volume"
		env_flag set "mode=two$volume"
		ubi_ctl cut "/dev/ubi0_$volume" 0x2000
		env_flag list uboot-env
		expect_match 'the other one is read, and that is told' \
			'^  warning: .*an update of this volume was cut short; the next set mends it' "$out"
		fw printenv bootcmd >"$T/theirs" &&
			note "libubootenv reads past it: $(cat "$T/theirs")"
		env_flag set "mode=three$volume"
		expect "exit status of a set ($err)" 0 "$status"
		they_read pvkit_mode "three$volume"
		they_read bootcmd 'run a; run b'
	done
}

test_a_block_device() {
	config '/dev/vda 0x4000 0x2000' '/dev/vda -0x2000 0x2000'
	dd if=/dev/zero of=/dev/vda bs=64k count=16 status=none
	in_turn power,atomic,redundant,wear
	config '/dev/vda 0x8000 0x2000'
	in_turn power,wear
}

test_whoever_holds_a_lock_is_waited_for_and_then_named() {
	nor
	begin
	for lock in /run/fw_printenv.lock /var/lock/fw_printenv.lock; do
		background "$T/holder" flock -o "$lock" sleep 2
		sleep 0.5
		env_flag set mode=ota
		says 0 'uboot-env: mode=ota' ''
		env_flag clear mode
	done
	before=$(fingerprint)
	for lock in /run/fw_printenv.lock /var/lock/fw_printenv.lock; do
		background "$T/holder" flock -o "$lock" sleep 60
		sleep 0.5
		env_flag set mode=ota
		expect_match 'who is in the way' "$lock: held by another program" "$err"
		expect 'the flash' "$before" "$(fingerprint)"
		end_children
	done
}

test_the_locks_directory_is_made_where_it_is_missing() {
	nor
	begin
	rm -rf /run/lock /var/lock
	env_flag set mode=ota
	says 0 'uboot-env: mode=ota' ''
	[ -d /var/lock/. ] || broken 'a directory /var/lock' "$(ls -ld /var/lock /run/lock 2>&1)"
	rm -rf /run/lock /var/lock
	ln -s ../run/lock /var/lock
	env_flag set mode=recovery
	says 0 'uboot-env: mode=recovery' ''
	[ -d /run/lock ] || broken 'a directory /run/lock' "$(ls -ld /var/lock /run/lock 2>&1)"
	rm -rf /run/lock /var/lock
}

test_json_of_each_verb() {
	nor
	begin
	env_flag set --json mode=ota
	answers '[.store, .ok, .changed, .set]' '["uboot-env",true,true,{"mode":"ota"}]'
	env_flag get --json mode
	answers . '{"mode":{"source":"uboot-env","value":"ota"}}'
	env_flag list --json uboot-env
	answers '.[0] | [.name, .medium, .format, .state, .writable, .fields, .guarantee]' \
		'["uboot-env","U-Boot env",null,"ready",true,{"mode":"ota"},["power","atomic","redundant","wear"]]'
	env_flag explain --json mode
	answers '.mode | [.value, .source, [.sources[] | [.name, .verdict]]]' \
		'["factory","uboot-env",[["cmdline","unset"],["uboot-env","won"]]]'
	env_flag clear --json mode
	answers '[.store, .ok, .changed, .cleared]' '["uboot-env",true,true,["mode"]]'
	pvkit_ flag watch uboot-env
	expect_match 'what watch says' 'not a store of the kernel: it tells of no changes' "$err"
}

run_tests
