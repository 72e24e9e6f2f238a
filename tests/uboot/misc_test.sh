#!/bin/sh
# SPDX-License-Identifier: MIT
# Android's misc as a bootloader has it: what our writer of the format bcb puts there,
# real U-Boot reads with bcb and ab_select; what U-Boot writes, our reader reads; and
# neither touches what is not its own.
. "${0%/*}/../lib/ktap.sh"
. "${0%/*}/../lib/uboot.sh"

plan 20
cd "$KTAP_TMP" || exit
flagimage=$BUILD/tests/lib/flagimage

# ours [WORD...]: the line of flags, after setting what is given
ours() {
	"$flagimage" bcb misc.img at="$MISC_AT" size=1048576 "$@" 2>&1 || true
}

# foreign: a checksum of all of misc but the command, slot_suffix, what is ours of
# slot_info, and the checksum over them
foreign() {
	dd if=misc.img of=rest bs=1M skip=1 count=1 status=none
	for hole in 0:32 2048:4 2060:1 2062:1 2076:4; do
		dd if=/dev/zero of=rest bs=1 seek="${hole%:*}" count="${hole#*:}" \
			conv=notrunc status=none
	done
	sha256sum <rest
}

# poke OFFSET BYTES: octal escapes into misc
poke() {
	# shellcheck disable=SC2059 # escapes are what is wanted
	printf "$2" | dd of=misc.img bs=1 seek=$((MISC_AT + $1)) conv=notrunc status=none
}

# seal: the checksum of the A/B control, put right
seal() {
	python3 -c "
import sys, zlib
with open('misc.img', 'r+b') as f:
    f.seek($MISC_AT + 2048)
    control = f.read(28)
    f.write(zlib.crc32(control).to_bytes(4, 'little'))"
}

# boots N: the slots that U-Boot picks in N boots
boots() {
	# shellcheck disable=SC2016 # U-Boot's variable
	uboot_run "$(for _ in $(seq "$1"); do
		printf 'ab_select slot mmc 0#misc; echo "slot <$slot>";'
	done)" | sed -n 's/^slot <\(.*\)>$/\1/p' | xargs
}

# given a misc that U-Boot has begun
uboot_misc 2048
boots 1 >/dev/null
check_eq 'what U-Boot began is read' 'slot=a tries=6 successful=0' "$(ours)"

# and a vendor's bytes in it: in the message, in merge_status (which straddles two
# bytes), in reserved bits of slot_info, and behind it all
poke 64 'recovery\n--vendor=1\n'
poke 832 '2/5'
poke 1024 'vendor'
poke $((2048 + 9)) '\302\001'
poke $((2048 + 13)) '\252'
poke $((2048 + 20)) 'reserved'
poke 4096 'a vendor keeps this here'
check_match 'a wrong checksum is seen' '*read: Bad message' "$(ours)"
seal
before=$(foreign)

# when we set a mode and another slot, then U-Boot finds both
check_eq 'a mode and a slot are set' 'mode=recovery slot=b tries=3 successful=0' \
	"$(ours mode=recovery slot=b tries=3 successful=0)"
said=$(uboot_run 'bcb load 0 misc; bcb test command = boot-recovery && echo yes, recovery;
	bcb test stage = 2/5 && echo stage is there; bcb dump command')
check_match 'bcb test finds the command' '*yes, recovery*' "$said"
check_match 'and the stage of the vendor' '*stage is there*' "$said"
check_match 'bcb dump prints it' '*62 6f 6f 74 2d 72 65 63 6f 76 65 72 79 00*' "$said"
check_eq 'ab_select picks our slot, while it has tries, then the other' \
	'b b b a' "$(boots 4)"
check_eq 'which is what we read then' 'mode=recovery slot=a tries=5 successful=0' "$(ours)"
check_eq 'all other bits are as they were' "$before" "$(foreign)"

# when a slot has proved itself, then U-Boot takes no more tries
check_eq 'a proved slot keeps a try' 'slot=b tries=1 successful=1' \
	"$(ours mode= slot=b tries=0 successful=1)"
check_eq 'ab_select picks it as often as it likes' 'b b b b b' "$(boots 5)"
check_eq 'and leaves it as it is' 'slot=b tries=1 successful=1' "$(ours)"

# given a proved slot without a try, as some would have it, then U-Boot does not start it
cp misc.img misc.kept
poke 2062 '\217'
seal
check_eq 'U-Boot starts no slot without a try' a "$(boots 1)"
mv misc.kept misc.img

# when U-Boot writes the message, then we read it
uboot_run 'bcb load 0 misc; bcb set command bootonce-bootloader; bcb store' >/dev/null
check_eq 'what bcb set stored is read' 'mode=bootloader slot=b tries=1 successful=1' "$(ours)"
uboot_run 'bcb load 0 misc; bcb set command vendor-mode; bcb store' >/dev/null
check_eq 'a command that has no other name too' \
	'mode=vendor-mode slot=b tries=1 successful=1' "$(ours)"
uboot_run 'bcb load 0 misc; bcb clear command; bcb store' >/dev/null
check_eq 'and what bcb clear cleared' 'slot=b tries=1 successful=1' "$(ours)"
check_eq 'all other bits are still as they were' "$before" "$(foreign)"

# given three slots, when the last is set, then U-Boot, built for no certain number, picks it
uboot_misc 2048
check_eq 'three slots' 'slot=c tries=2 successful=0' \
	"$(ours slots=3 slot=c tries=2 successful=0)"
check_eq 'U-Boot starts the third' 'c c' "$(boots 2)"
check_match 'and goes on to another one' '[ab]' "$(boots 1)"
finish
