#!/bin/sh
# SPDX-License-Identifier: MIT
# What `pvkit update --dry-run` says: checksums as sha256sum makes them, signatures as
# minisign and signify do, and what a person or a program reads of it.
. "${0%/*}/../lib/ktap.sh"

plan 53

pvkit=${BUILD:-${0%/*}/../../build}/unit-obj/pvkit
pvkit=$(realpath "$pvkit")
updater=$(realpath "${BUILD:-${0%/*}/../../build}/host/pvkit-update")
cd "$KTAP_TMP"
unset RAMFS_COPY_BIN RAMFS_COPY_DATA
# what goes to RAM in any case is in none of the usual directories
program="program = $updater"
echo "$program" >conf

# update OPTION... WORD...: status, and the report in out
update() {
	status=0
	"$pvkit" update --dry-run --config conf "$@" >out 2>err || status=$?
}

# results CHECK: of each such line "RESULT TEXT"
results() {
	jq -r ".checks[] | select(.check == \"$1\") | \"\(.result) \(.text)\"" out
}

# --- a checksum, at each length around the ends of a block ------------------------------

images=
sums=
for length in 0 1 55 56 57 63 64 65 119 120 1000 70001; do
	head -c "$length" /dev/urandom >"i$length"
	images="$images i$length:none"
	sums="$sums --sha256 $(sha256sum "i$length" | cut -d ' ' -f 1)"
done
# shellcheck disable=SC2086 # words
update --json $sums $images
check_eq 'each length has the checksum of sha256sum' '12 ok as it should be' \
	"$(results sha256 | sort | uniq -c | sed 's/^ *//')"
sum=$(sha256sum i1000 | cut -d ' ' -f 1)
upper=$(echo "$sum" | tr a-f A-F)
update --json --sha256 "$upper" i1000:none
check_eq 'capital digits are the same' 'ok as it should be' "$(results sha256)"
printf x >>i1000
update --json --sha256 "$sum" i1000:none
check_eq 'another content has another one' \
	"failed it is $(sha256sum i1000 | cut -d ' ' -f 1)" "$(results sha256)"
check_eq 'which is refused' 4 "$status"

# --- signatures -------------------------------------------------------------------------

# signature KEY: how that of the image i64 is found
signature() {
	update --json --verify-key "$1" i64:none
	results signature
}

minisign -G -W -p m.pub -s m.key >/dev/null 2>&1
minisign -G -W -p other.pub -s other.key >/dev/null 2>&1
signify-openbsd -G -n -p s.pub -s s.sec
check_eq 'none' 'failed neither i64.minisig nor i64.sig is there' "$(signature m.pub)"
minisign -S -W -s m.key -m i64 -t 'version 7' >/dev/null
check_eq 'minisign: its trusted comment is told' 'ok version 7' "$(signature m.pub)"
check_eq 'minisign: another key' 'failed i64.minisig: signed with another key' \
	"$(signature other.pub)"
cp i64 kept
printf x >>i64
check_eq 'minisign: another content' 'failed i64: not what was signed' "$(signature m.pub)"
cp kept i64
cp i64.minisig kept.minisig
sed -i 's/version 7/version 8/' i64.minisig
check_eq 'minisign: another comment' \
	'failed i64.minisig: its trusted comment is not what was signed' "$(signature m.pub)"
# the same key number, and another signature
sed '2s/.\{12\}=$/AAAAAAAAAAAA=/' kept.minisig >i64.minisig
check_match 'minisign: another signature' 'failed *not what was signed' "$(signature m.pub)"
echo x >i64.minisig
check_eq 'no signature' 'failed i64.minisig: no signature of minisign, signify or usign' \
	"$(signature m.pub)"
cp kept.minisig i64.minisig
check_eq 'no key' 'failed i64.minisig: no public key of minisign, signify or usign' \
	"$(signature i64.minisig)"
minisign -S -l -W -s m.key -m i64 -t old >/dev/null
check_eq 'minisign: without a hash, as it was before' 'ok old' "$(signature m.pub)"
rm i64.minisig
signify-openbsd -S -s s.sec -m i64 -x i64.sig
check_eq 'signify' 'ok good' "$(signature s.pub)"
printf x >>i64
check_eq 'signify: another content' 'failed i64: not what was signed' "$(signature s.pub)"
check_eq 'no file with a key' 'failed none: No such file or directory' "$(signature none)"

# --- images and targets -----------------------------------------------------------------

update --json none:none
check_eq 'no image' 'failed No such file or directory' "$(results image)"
check_eq 'no target' 'failed no flash partition is called none' "$(results target)"
update --json i0:none
check_eq 'an empty image' 'failed it is empty' "$(results image)"
update --json .:none
check_eq 'a directory' 'failed not a file' "$(results image)"
disk=$(find /sys/class/block/ -mindepth 1 ! -name 'loop*' ! -name 'ram*' | sort | head -n 1)
if [ -n "$disk" ] && mknod disk b "$(cut -d : -f 1 "$disk/dev")" "$(cut -d : -f 2 "$disk/dev")"; then
	update --json "i1:$PWD/disk" "i55:$PWD/disk"
	check_match 'two images for one place' "*failed ${disk##*/} is the target of i1 already*" \
		"$(results target)"
else
	skip 'two images for one place' 'this machine has no disk'
fi

# --- what goes to RAM -------------------------------------------------------------------

update --json i1:none
check_eq 'it is tried itself' 'ok runs' "$(results program)"
check 'what it takes is told' \
	jq -e '.stage.files > 0 and .stage.bytes < .stage.memory and .stage.memory < .stage.needed' \
	out
check_eq 'nothing of it is left' '' "$(find /run -maxdepth 1 -name 'pvkit-update*')"
printf '%s\ncopy-bin sh:/bin/none -n\n' "$program" >conf
update --json i1:none
check_eq 'what update.conf adds is tried too' 3 "$(results program | grep -c '^ok runs')"
printf '%s\ncopy-data /none\n' "$program" >conf
update --json i1:none
check_eq 'what is missing is told with its line' \
	'failed conf:2: /none: No such file or directory' "$(results files)"
echo "$program" >conf
RAMFS_COPY_BIN=none
export RAMFS_COPY_BIN
update --json i1:none
check_eq 'or variable' 'failed RAMFS_COPY_BIN: none: there is no such program' \
	"$(results files)"
printf '#!/bin/sh\nkill -ILL $$\n' >dies
chmod +x dies
RAMFS_COPY_BIN=$PWD/dies
status=0
env --ignore-signal=CHLD "$pvkit" update --dry-run --json --config conf i1:none >out || status=$?
check_eq 'the end of children is ignored: a program that fails is seen to' \
	'4 failed ended by a signal: Illegal instruction' "$status $(results program | tail -n 1)"
unset RAMFS_COPY_BIN

# --- process 1, flags, the environment, the state -----------------------------------------

update --json i1:none
if [ -d /run/systemd/system ]; then
	skip 'a process 1 that is neither: refused, and named' 'this machine has systemd'
else
	check_match 'a process 1 that is neither: refused, and named' \
		'failed process 1 is * neither systemd nor busybox*' "$(results init)"
fi
check_match 'without a state there is no way on after a cut' 'note update.conf has none*' \
	"$(results state)"
check_match 'nor without a store' 'note none holds phase and cursor*' "$(results store)"
# a U-Boot environment has a variable for each flag; pvkit-update, at the next boot, keeps none there
echo a=b >input
PATH=$PATH:/usr/sbin mkenvimage -r -s 0x1000 -o env0 input
cp env0 env1
printf '%s 0 0x1000\n' "$KTAP_TMP/env0" "$KTAP_TMP/env1" >fw_env.config
printf '%s\n' "uboot-env = $KTAP_TMP/fw_env.config" 'cmdline = no' >flags.conf
by_env() {
	# shellcheck disable=SC2016 # there
	unshare --mount --map-root-user sh -euc 'mount -t tmpfs none /etc
		mkdir /etc/pvkit
		cp flags.conf /etc/pvkit/
		exec "$@"' sh "$pvkit" update --dry-run --config conf --json "$@" i1:none >out 2>err || :
	results "$check"
}
check=store
check_match 'a U-Boot environment is no such store' 'note none holds phase and cursor*' \
	"$(by_env; cat err)"
check_match 'and the boot stage could not go by it' 'failed none holds phase and cursor*' \
	"$(by_env --recovery; cat err)"
echo pvkit_phase=write-1f2e3d4c >input
PATH=$PATH:/usr/sbin mkenvimage -r -s 0x1000 -o env0 input
cp env0 env1
check_match 'what waits for the next boot is not taken away by another update' \
	'failed phase is write-1f2e3d4c: the next boot goes on with that*' "$(by_env; cat err)"
check=flags
check_eq 'nor for any other flag' 'failed it has slot: name its variable with --env' \
	"$(by_env --flag slot=b)"
update --json --recovery i1:none
check_match 'for the next boot to write, both are a must' 'failed*failed*' \
	"$(results state)$(results store)"
check_eq 'and what only the move to RAM wants is not looked at' '' \
	"$(results module)$(results dev)$(results opens)"
printf '%s\ninit = systemd\nram = /mnt\n' "$program" >conf
update --json i1:none
check_eq 'systemd goes to one place only' \
	'failed systemd goes to /run/initramfs and not to /mnt' "$(results init)"
printf '%s\ninit = systemd\n' "$program" >conf
# of a process 1 of ours, which may be looked at
below_init() {
	# shellcheck disable=SC2016 # there
	unshare --fork --pid --mount-proc sh -c '"$@"; exit' sh "$@" "$pvkit" update --dry-run \
		--config conf --json i1:none >out 2>err || :
	results init
}
check_match 'it is the one that update.conf says' 'ok stops its units*' "$(below_init env)"
check_eq 'from a mount namespace of its own nothing reaches it' \
	'failed in a mount namespace of its own: process 1 would not see what is mounted for it' \
	"$(below_init unshare -m)"
printf '%s\nstate = /dev/none ext4\n' "$program" >conf
update --json i1:none
check_match 'a state that is not there' 'failed *none*' "$(results state)"
check_eq 'an update.conf that was named and is not there' 'failed No such file or directory' \
	"$(update --json --config absent i1:none; results config)"
printf '%s\nnonsense\n' "$program" >conf
update --json i1:none
check_eq 'a word that update.conf does not have' 'failed conf:2: nonsense: no such setting' \
	"$(results config)"
echo "$program" >conf
update --json --flag slot=b --flag mode=ota i1:none
check_eq 'flags that no store takes' 'failed no store holds mode and slot' "$(results flags)"
update --json --post 'nothing-of-that-name x' i1:none
check_eq 'a command whose program is not there' \
	'failed nothing-of-that-name: there is no such program' "$(results files)"
update --json --post 'sync x' i1:none
check_eq 'one that is there is tried with all others' 'ok ok' \
	"$(results program | cut -d ' ' -f 1 | xargs)"

# --- words ------------------------------------------------------------------------------

# refused OPTION...: what is wrong with them
refused() {
	update "$@" i1:none
	echo "$status $(sed 's/pvkit: update: //; s/ (see.*//' err)"
}

check_eq 'an image that there is not' \
	'2 --env a=%{size:2}: %{size} is of the first image, %{size:1} of the last' \
	"$(refused --env 'a=%{size:2}')"
check_eq 'a percent that means nothing' '2 --env a=5%: after a % comes {size}, {size:N} or %' \
	"$(refused --env 'a=5%')"
check_eq 'the flags of the update itself' "2 --flag phase=x: that is the update's own" \
	"$(refused --flag phase=x)"

# a pipe is the first that it wants
status=0
sh -c 'ulimit -n 4; exec "$0" update i1:none' "$pvkit" 2>err || status=$?
check_eq 'what fails at the very beginning is told, too' '1 pvkit: update: Too many open files' \
	"$status $(cat err)"

# --- what a person reads ----------------------------------------------------------------

update i1:none
check_eq 'a table' 'image i1 ok 1 bytes
target none failed no flash partition is called none' \
	"$(sed -n '2,3s/, is copied to RAM//; 2,3s/   */ /gp' out)"
update i1
check_eq 'no target: wrong usage' '2 pvkit: update: i1: wants IMAGE:TARGET (see pvkit update --help)' \
	"$status $(cat err)"
update --sha256 x i1:none
check_match 'no checksum: wrong usage' '2 *--sha256 has 64 hex digits, not x*' \
	"$status $(cat err)"
finish
