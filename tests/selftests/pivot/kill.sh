#!/bin/bash
# SPDX-License-Identifier: MIT
# A machine that is killed in the middle of an update comes up with the new system: the next
# boot goes on with what was cut, or is that of the old one, which begins again. At random
# points, on disk, flash and UBI in turn, while the running system is updated and while the boot
# stage does it. PVKIT_KILLS says how many (5; `make check-soak` has more), PVKIT_SEED makes the
# points the same again.
# vm: outside timeout=900
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/update_lib.sh"

kills=${PVKIT_KILLS:-5}
seed=${PVKIT_SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$seed
plan "$kills"
note "PVKIT_SEED=$seed"

# what has just begun when time runs out, and up to so many ms more
points=('check 1/' 'write 1/' 'write 1/' 'verify 1/' 'write 2/' 'write 2/' 'verify 2/' 'is done')
at_boot=('goes on at' "${points[@]}")
running=('pvkit-update: update' 'is ours' 'is released' 'is released' "${points[@]}")
more=700
kinds=(ext4 jffs2 ubifs)

# image_line NAME FILE KIND TARGET: which lies on the state as NAME
image_line() {
	cp "$2" "data/update/$1"
	echo "image path=state:$1 size=$(stat -c %s "$2") sha256=$(sha256sum "$2" | cut -d' ' -f1)" \
		"kind=$3 target=$4"
}

# written_at_boot KIND: a plan, and flags that tell of it
written_at_boot() {
	case $1 in
	ext4) set -- "block /dev/vda1" "block /dev/vda2" ext4.new ;;
	jffs2) set -- "mtd kernel" "mtd rootfs" jffs2.new ;;
	ubifs) set -- "mtd kernel" "ubi ubi0:rootfs" ubifs.new ;;
	esac
	# shellcheck disable=SC2086 # two words
	printf '%s\n' 'pvkit-update-plan 1' 'id 00c0ffee' 'state LABEL=data ext4 /update' \
		"$(image_line image-0 kernel.new $1)" "$(image_line image-1 "$3" $2)" end \
		>data/update/plan
	put flags flash.img 0
}

# given_update KIND [BY]: the machine, whose old system updates itself as soon as it is up or,
# with BY, whose boot stage is to write the update from its beginning
given_update() {
	new_machine "$1"
	case_of <<-'END_OF_CASE'
		if [ "$version" = old ]; then
			stty -F /dev/ttyS0 raw
			pvkit update "$kernel:$kernel_target" "$image:$target" && exit
		fi
		cd /sys/class/pv_bootflag/log
		echo "$version, phase $(cat phase), $(cat reason)"
		stty -F /dev/ttyS0 raw
		poweroff
	END_OF_CASE
	update_initramfs
	rm -f data.img
	[ -z "$2" ] || written_at_boot "$1"
	mke2fs -q -t ext4 -L data -d data data.img 64M >mke2fs.log 2>&1
	options=(--initramfs "$kind.cpio" --disk disk.img --disk flash.img --disk data.img)
	for word in $words "$parts"; do
		options+=(--append "$word")
	done
}

# killed_at POINT MS: while it goes on
killed_at() {
	: >"$CONSOLE"
	"$top/scripts/vm" --kernel "$KERNEL" --mem 192 --timeout $((400 * KTAP_SLOW)) \
		--log "$CONSOLE" "${options[@]}" >killed.out 2>&1 &
	vm=$!
	wait_for 300 grep -q -e "$1" -e 'is done' "$CONSOLE" || note "$1: it did not come to that"
	sleep "$(($2 / 1000)).$(printf %03d $(($2 % 1000)))"
	# scripts/vm gives QEMU SIGKILL
	kill -TERM "$vm" 2>/dev/null || note "the machine had ended by itself"
	wait "$vm" || :
	tail -n 5 "$CONSOLE" | tr '\r' '\n' | tail -n 1 >killed.last
}

# given a store that tells of an update, as the old system writes it
new_bed 'state LABEL=data ext4 /update'
new_machine ext4
case_of <<'END_OF_CASE'
pvkit flag set phase=write-00c0ffee cursor=0 >/dev/null
sync
dd if=/dev/mtd1 of=/data/flags bs=64k 2>/dev/null
stty -F /dev/ttyS0 raw
poweroff
END_OF_CASE
run_update_machine
data_file /flags >flags

# when the machine is killed, then the new system comes up in the end
resumed=0
for ((n = 1; n <= kills; n++)); do
	by='' list=("${running[@]}")
	[ $((n % 2)) = 1 ] || by='the boot stage' list=("${at_boot[@]}")
	point=${list[RANDOM % ${#list[@]}]} ms=$((RANDOM % more))
	given_update "${kinds[n % ${#kinds[@]}]}" "$by"
	killed_at "$point" "$ms"
	LIMIT=300
	machine "${options[@]:1}"
	! grep -q 'goes on at' "$CONSOLE" || resumed=$((resumed + 1))
	check_match "kill $n, $ms ms after \"$point\", $kind, by ${by:-the running system}" \
		'status 0: new, phase , updated ????????' \
		"status $STATUS: $(grep -a ', phase ' "$OUT" || console_line 'does not go on')"
	note "killed at: $(cat killed.last)"
done
note "$resumed of $kills were resumed"
finish
