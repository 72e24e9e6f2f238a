#!/bin/sh
# SPDX-License-Identifier: MIT
# The U-Boot environment as those read it that were there before us: fw_printenv of
# libubootenv, fw_printenv of U-Boot's own source, and U-Boot itself out of NOR flash.
# Which of two copies counts is where they differ; so this is what a writer may leave,
# and then what ours does leave.
. "${0%/*}/../lib/ktap.sh"
. "${0%/*}/../lib/uboot.sh"

plan 39
cd "$KTAP_TMP" || exit
size=0x4000

printf '%s/one.env 0 %s\n' "$PWD" $size >single.config
printf '%s/one.env 0 %s\n%s/two.env 0 %s\n' "$PWD" $size "$PWD" $size >redundant.config

# given FLAG1 FLAG2: two copies with these flags, which say k=one and k=two
given() {
	copy one "$1"
	copy two "$2"
}

copy() {
	printf 'k=%s\nboot=as it was\n' "$1" | mkenvimage -r -s $size -o "$1.env" -
	octal=$(printf '\\%03o' "$2")
	# shellcheck disable=SC2059 # an escape is what is wanted
	printf "$octal" | dd of="$1.env" bs=1 seek=4 conv=notrunc status=none
}

# damage FILE: a bit of its data
damage() {
	printf '?' | dd of="$1" bs=1 seek=100 conv=notrunc status=none
}

# lib and own: the two programs. own keeps its lock here, lib in /var/lock.
lib() {
	tool=$1
	shift
	"$tool" -c redundant.config "$@" 2>>tools.err
}

own() {
	tool=$1
	shift
	"$UBOOT/$tool" -l "$PWD" -c redundant.config "$@" 2>>tools.err
}

# both FLAG1 FLAG2: what both read of k
both() {
	given "$1" "$2"
	echo "$(lib fw_printenv -n k) $(own fw_printenv -n k)"
}

# A file has the rules of a counter that wraps: the copy that is one ahead counts.
check_eq 'flags 1 0: the first' 'one one' "$(both 1 0)"
check_eq 'flags 0 1: the second' 'two two' "$(both 0 1)"
check_eq 'flags 7 8: the second' 'two two' "$(both 7 8)"
check_eq 'flags 8 7: the first' 'one one' "$(both 8 7)"
check_eq 'flags 254 255: the second' 'two two' "$(both 254 255)"
check_eq 'flags 255 254: the first' 'one one' "$(both 255 254)"
check_eq 'flags 255 0: it has wrapped, the second' 'two two' "$(both 255 0)"
check_eq 'flags 0 255: it has wrapped, the first' 'one one' "$(both 0 255)"
check_eq 'flags 3 3: the first' 'one one' "$(both 3 3)"
check_eq 'flags 255 255: the first' 'one one' "$(both 255 255)"

# One copy broken: the other, whatever the flags.
for flags in '1 0' '0 1' '255 0' '0 255'; do
	# shellcheck disable=SC2086 # two words
	given $flags
	damage one.env
	check_eq "first copy broken, flags $flags" 'two two' \
		"$(lib fw_printenv -n k) $(own fw_printenv -n k)"
	# shellcheck disable=SC2086 # two words
	given $flags
	damage two.env
	check_eq "second copy broken, flags $flags" 'one one' \
		"$(lib fw_printenv -n k) $(own fw_printenv -n k)"
done

# ours [WORD...]: the flags, after setting what is given
ours() {
	"$BUILD/tests/lib/flagimage" env redundant.config "$PWD/fw_printenv.lock" "$@" 2>&1 || true
}

# all VARIABLE: what both read of it
all() {
	echo "$(lib fw_printenv -n "$1") $(own fw_printenv -n "$1")"
}

# What ours writes they read, and the other way round, from each pair of flags.
for flags in '1 0' '0 1' '254 255' '255 0' '0 255'; do
	# shellcheck disable=SC2086 # two words
	given $flags
	ours mode=recovery slot=b >/dev/null
	check_eq "from flags $flags, ours writes and they read" 'recovery recovery b b' \
		"$(all pv_mode) $(all pv_slot)"
	own fw_setenv pv_mode ota
	lib fw_setenv pv_tries 2
	check_eq "from flags $flags, they write and ours reads" 'mode=ota slot=b tries=2' "$(ours)"
done
given 1 0
damage one.env
damage two.env
before=$(cat one.env two.env | sha256sum)
check_match 'with both broken, ours refuses' 'flagimage: *' "$(ours mode=recovery)"
check_eq 'and has written nothing' "$before" "$(cat one.env two.env | sha256sum)"

# They write in turn, past the counter's end: each always reads what the other wrote.
given 250 249
turn=0
agreed=
while [ $turn -lt 15 ]; do
	turn=$((turn + 1))
	case $((turn % 3)) in
	0) ours "mode=turn$turn" >/dev/null ;;
	1) lib fw_setenv pv_mode "turn$turn" ;;
	2) own fw_setenv pv_mode "turn$turn" ;;
	esac
	if [ "$(all pv_mode) $(ours)" = "turn$turn turn$turn mode=turn$turn" ]; then
		agreed="$agreed $turn"
	fi
done
check_eq 'three writers in turn, past 255' ' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15' "$agreed"
check_eq 'and the other variable is as it was' 'as it was' "$(own fw_printenv -n boot)"

# NOR flash as U-Boot reads it: 1 is the active copy, 0 the obsolete one, 255 the one that
# was not told yet. flash FLAG1 FLAG2: which copy it takes
flash() {
	for n in one two; do
		# shellcheck disable=SC2016 # U-Boot's variable
		printf 'k=%s\nbootcmd=echo "k <$k>"; poweroff\n' $n |
			mkenvimage -r -s "$UBOOT_ENV_SIZE" -o $n.bin -
	done
	for n in "one $1" "two $2"; do
		octal=$(printf '\\%03o' "${n#* }")
		# shellcheck disable=SC2059 # an escape is what is wanted
		printf "$octal" | dd of="${n% *}.bin" bs=1 seek=4 conv=notrunc status=none
	done
	[ -z "${3:-}" ] || damage "$3.bin"
	cat one.bin two.bin >env.bin
	uboot_boot | sed -n 's/^k <\(.*\)>$/\1/p'
}
uboot_misc 2048
check_eq 'flash, flags 1 0' one "$(flash 1 0)"
check_eq 'flash, flags 0 1' two "$(flash 0 1)"
check_eq 'flash, flags 1 1' one "$(flash 1 1)"
check_eq 'flash, flags 1 0, the first broken' two "$(flash 1 0 one)"
check_eq 'flash, flags 0 1, the second broken' one "$(flash 0 1 two)"
# These are why nobody may leave them: a counter's reader takes the other copy.
check_eq 'flash, flags 255 0: not what a counter says' one "$(flash 255 0)"
check_eq 'flash, flags 0 255: not what a counter says' two "$(flash 0 255)"

finish
