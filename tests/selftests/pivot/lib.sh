# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the selftests of pv_pivot share, beside what they share with those of
# pv_driver: file systems to follow, and an owner that does what it is told.

# shellcheck disable=SC2034,SC2154 # for and from that of pv_driver
MODULE=pv_pivot
# shellcheck source=tests/selftests/driver/lib.sh
. "${0%/*}/../driver/lib.sh"

SYS=/sys/class/pv_pivot/session
M=/run/pivot-test
PATH=$KTAP_DIR:$PATH:$KTAP_DIR/../bootflag

# --- file systems -----------------------------------------------------------------

# ext4_on_loop: a file system on the block device $disk, mounted on $M
ext4_on_loop() {
	modprobe -a loop ext4
	truncate -s 4M "$T/image"
	disk=$(losetup --find --show "$T/image")
	mke2fs "$disk" >/dev/null 2>&1
	mount -t ext4 "$disk" "$M"
	echo hello >"$M/file"
}

# jffs2_on_partition: on the flash partition mtd0, which mtd1 follows
jffs2_on_partition() {
	modprobe -a mtd jffs2
	modprobe nandsim id_bytes=0x20,0x73 parts=64,64
	mount -t jffs2 mtd0 "$M"
	echo hello >"$M/file"
}

# jffs2_on_whole_flash: on flash without partitions
jffs2_on_whole_flash() {
	modprobe -a mtdram jffs2
	mount -t jffs2 mtd0 "$M"
	echo hello >"$M/file"
}

# ubi_volumes: ubi0 on the flash partition mtd1, a part of mtd0, with the volumes ubi0_0 and
# ubi0_1 of 2 MiB each
ubi_volumes() {
	modprobe mtdram total_size=8192 erase_size=64
	modprobe -a mtdblock ubi ubifs
	blkpg /dev/mtd0 1 0 $((6 * 1048576))
	wait_until 5 test -c /dev/mtd1 -a -b /dev/mtdblock1 || broken "a partition" "$(cat /proc/mtd)"
	ubi_ctl attach 1
	ubi_ctl mkvol root 0x200000
	ubi_ctl mkvol data 0x200000
	wait_until 5 test -c /dev/ubi0_1 || broken "a volume" "$(ls /dev/ubi*)"
}

# ubifs_on_ubi: on the first of them, mounted on $M
ubifs_on_ubi() {
	ubi_volumes
	mount -t ubifs ubi0:root "$M"
	echo hello >"$M/file"
}

# holder FILE: a process that has it open, in $holder
# shellcheck disable=SC2016 # for another shell
holder() {
	start "$T/holder.$$" sh -c 'exec 8<"$1"; echo ready; exec sleep 1000' sh "$1"
	holder=$child
}

# --- the owner ----------------------------------------------------------------------

# begin [SECONDS]: begins a session on $M; its pid is in $owner
begin() {
	mkfifo "$T/fifo"
	background "$T/owner" owner "$T/fifo" "$M" "$@"
	owner=$child
	said=0
	wait_until 10 grep -q '^0: ' "$T/owner" || broken "the owner begins" "$(cat "$T/owner")"
	expect "beginning of the session" "0: ok" "$(cat "$T/owner")"
}

# say WORD...: $out is its answer
say() {
	said=$((said + 1))
	kill -0 "$owner" 2>/dev/null || broken "the owner lives" "$(cat "$T/owner")"
	echo "$*" >"$T/fifo"
	wait_until 20 grep -q "^$said: " "$T/owner" || broken "answer to: $*" "$(cat "$T/owner")"
	out=$(sed -n "s/^$said: //p" "$T/owner")
}

must_say() {
	say "$@"
	expect "answer to: $*" ok "$out"
}

# says_no ERRNO TEXT WORD...
says_no() {
	sn_want=$1
	sn_text=$2
	shift 2
	say "$@"
	expect_match "answer to: $*" "^$sn_want .*$sn_text" "$out"
}

# --- what it has come to --------------------------------------------------------------

session() {
	pvkit pivot status --json | jq -r "$1"
}

session_is() {
	[ "$(cat "$SYS/state" 2>/dev/null)" = "$1" ]
}

expect_session() {
	expect "state of the session" "$1" "$(cat "$SYS/state")"
}

expect_soon_session() {
	wait_until 30 session_is "$1" ||
		broken "session $1 within 10 s" "$(pvkit pivot status)"
}

# seal: what is on $M, as an owner would
seal() {
	mount -o remount,ro "$M"
	must_say step sealed
}

# refused_to COMMAND...: with EPERM, and nothing was changed
refused_to() {
	"$@" >"$T/tool" 2>&1 </dev/null && broken "refusal of $*" success
	expect_match "$*" 'not permitted' "$(cat "$T/tool")"
}

# opens FILE: can somebody else than the owner read it?
opens() {
	head -c 1 "$1" >/dev/null 2>"$T/opens"
}

# --- putting things back ---------------------------------------------------------------

remove() {
	not resident "$1" || rmmod "$1" 2>/dev/null
}

put_back() {
	# its owner's death would reboot the machine
	! session_is armed || echo 'step closed' >"$T/fifo"
	wait_until 5 not session_is armed || :
	end_children
	echo 1 2>/dev/null >"$SYS/abort" || :
	while mountpoint -q "$M"; do
		umount -l "$M"
	done
	mkdir -p "$M"
	losetup -D 2>/dev/null || :
	# the last session goes with the module
	wait_until 10 remove pv_pivot || note "pv_pivot stays"
	! [ -e /dev/ubiblock0_0 ] || ubi_ctl unblock /dev/ubi0_0 || :
	! [ -e /dev/ubi0 ] || wait_until 10 ubi_ctl detach 2>/dev/null || note "UBI stays"
	# with their partitions
	resident softdog && echo V 2>/dev/null >/dev/watchdog
	for pb in mtdblock nandsim mtdram softdog; do
		wait_until 5 remove "$pb" || note "$pb stays"
	done
	modprobe pv_pivot
}

what_there_is() {
	note "$(pvkit pivot status)"
	note "$(cat "$T/owner" 2>/dev/null || echo "no owner")"
	note "$(grep "$M" /proc/mounts || echo "nothing is mounted")"
}
