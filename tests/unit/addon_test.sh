#!/bin/sh
# SPDX-License-Identifier: MIT
# pvkit addon pack: what cpio and xz find in its archives, that two packings are the
# same, and what it refuses.
. "${0%/*}/../lib/ktap.sh"

pvkit=$BUILD/unit-obj/pvkit
plan 19
cd "$KTAP_TMP"
unset SOURCE_DATE_EPOCH

# All kinds of file.
make_tree() {
	mkdir -p "$1/etc/empty" "$1/lib"
	printf 'three' >"$1/etc/b c"
	: >"$1/etc/nothing"
	head -c 70000 /dev/zero >"$1/lib/zeroes"
	ln "$1/lib/zeroes" "$1/lib/again"
	ln -s ../etc/b\ c "$1/lib/link"
	mkfifo -m 640 "$1/etc/fifo"
	chmod 4755 "$1/etc/nothing"
	chmod 700 "$1/etc/empty"
	find "$1" -exec touch -h -d @1700000000 {} +
}

unpack() {
	mkdir -p "$2"
	xz -dc "$1" | (cd "$2" && busybox cpio -i -d -m -u) 2>/dev/null
}

# What a tree holds, with the number of names of each file and the content's checksum;
# busybox leaves the times of folders and links alone.
describe() {
	(cd "$1" && find . -mindepth 1 -printf '%P %M %n %l\n' | sort &&
		find . -type f -printf '%P %Ts\n' | sort && find . -type f -exec cksum {} + | sort)
}

make_tree tree

# Given a folder, when it is packed, then all of it comes out again.
status=0
"$pvkit" addon pack --output a.xz tree >out || status=$?
check_eq "packed" 0 "$status"
unpack a.xz got
describe tree >want.txt
describe got >got.txt
check "what cpio unpacks" diff want.txt got.txt
check "hard links are one file" test got/lib/zeroes -ef got/lib/again
check "and their data is there once" test "$(xz -dc a.xz | wc -c)" -lt 140000
xz -dc a.xz | grep -aq 'TRAILER!!!' && trailer=yes
check_eq "the end is marked" yes "$trailer"
check_eq "what it says" \
	"a.xz: 9 files, $(stat -c %s a.xz) bytes, $(xz -dc a.xz | wc -c) unpacked" "$(cat out)"

# The kernel's xz.
xz --robot --list -vv a.xz >list
check_eq "the check is one that the kernel has" CRC32 "$(awk '/^file/ { print $7 }' list)"
check_eq "a multiple of 4 bytes" 0 "$(($(stat -c %s a.xz) % 4))"
dict=$(sed -n 's/.*--lzma2=dict=\([^ ,]*\).*/\1/p' list)
check_eq "a dictionary no larger than it has use for" 128KiB "$dict"

# Given the same content made in another order, by another user, in another place, when
# it is packed, then the bytes are the same.
mkdir -p elsewhere/x/lib elsewhere/x/etc
touch elsewhere/x/lib/link elsewhere/x/etc/nothing
rm elsewhere/x/lib/link
make_tree elsewhere/x
chown -hR 12:34 elsewhere/x
chmod 4755 elsewhere/x/etc/nothing
"$pvkit" addon pack elsewhere/x >b.xz
check "two packings are the same" cmp a.xz b.xz
"$pvkit" addon pack --keep-owner elsewhere/x | xz -dc | busybox cpio -tv 2>/dev/null >list
check "--keep-owner" grep -q '12/34.*etc/nothing' list
SOURCE_DATE_EPOCH=1600000000 "$pvkit" addon pack tree | xz -dc >c.cpio
mkdir epoch && (cd epoch && busybox cpio -i -d -m <../c.cpio 2>/dev/null)
check_eq "SOURCE_DATE_EPOCH" 1600000000 "$(stat -c %Y epoch/lib/zeroes)"

check_eq "--json" '["j.xz",9]' \
	"$("$pvkit" addon pack --json --output j.xz tree | jq -c '[.file, .files]')"

# refuses WHAT STATUS TEXT ARG...
refuses() {
	what=$1 status=$2 text=$3
	shift 3
	got=0
	"$pvkit" addon pack "$@" >refused.out 2>refused.err || got=$?
	check_eq "$what" "$status pvkit: $text" "$got $(cat refused.err)"
}

refuses "no such folder" 1 "nowhere: No such file or directory" nowhere
mkdir big && truncate -s 4G big/file
refuses "a file of 4 GiB" 1 \
	"big/file: 4 GiB or larger, which a cpio archive can't hold" --output d.xz big
check "and there is no output then" test ! -e d.xz
refuses "the output in the folder" 1 "tree: changed while it was packed" \
	--output tree/out.xz tree
check_eq "of which nothing is left" "etc lib" "$(cd tree && echo *)"
status=0
"$pvkit" addon pack tree >/dev/full 2>refused.err || status=$?
check_eq "a full disk" "1 pvkit: writing: No space left on device" "$status $(cat refused.err)"
finish
