#!/bin/sh
# SPDX-License-Identifier: MIT
# An update that was cut is brought to its end by the boot stage, on a disk and on flash; one
# that can't be ends in a shell on the console, with the reason, and nothing is written.
# vm: outside timeout=400
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/update_lib.sh"

plan 35

# plan_with LINE...: of the update that was cut
plan_with() {
	printf '%s\n' 'pvkit-update-plan 1' "id ${ID:-00c0ffee}" 'state LABEL=data ext4 /update' "$@" \
		end >data/update/plan
}

# image_line NAME FILE KIND TARGET: which lies on the state as NAME
image_line() {
	cp "$2" "data/update/$1"
	echo "image path=state:$1 size=$(stat -c %s "$2") sha256=$(sha256sum "$2" | cut -d' ' -f1)" \
		"kind=$3 target=$4"
}

# resumes CURSOR [OPTION...]: the next boot, which finds an update that was cut there
resumes() {
	put "flags.$1" flash.img 0
	shift
	run_update_machine "$@"
}

# given an old system, which tells of an update that was cut at its beginning, and in the middle
new_bed 'state LABEL=data ext4 /update'
new_machine ext4
case_of <<'END_OF_CASE'
for cursor in 0 45; do
	pvkit flag set phase=write-00c0ffee cursor=$cursor >/dev/null
	sync
	dd if=/dev/mtd1 of=/data/flags.$cursor bs=64k 2>/dev/null
done
END_OF_CASE
echo 'stty -F /dev/ttyS0 raw; poweroff' >>data/case
run_update_machine
data_file /flags.0 >flags.0
data_file /flags.45 >flags.45
check_eq 'given: the old system' 'boot 1: old on /dev/root ext4 rw' \
	"$(sed -n '/^boot/s/on [^ ]*/on \/dev\/root/p' "$OUT")"

after_it() {
	case_of <<-'END_OF_CASE'
		cd /sys/class/pv_bootflag/log
		echo "flags: $(cat phase),$(cat cursor),$(cat slot),$(cat failures),$(cat reason)"
		echo "result: $(cat /data/update/result)"
		stty -F /dev/ttyS0 raw
		poweroff
	END_OF_CASE
}

# when a disk has the kernel and the beginning of the new root, and it is resumed behind that
new_machine ext4
after_it
plan_with "$(image_line image-0 kernel.new block /dev/vda1)" \
	"$(image_line image-1 ext4.new block /dev/vda2)" 'flag slot=b' 'post busybox touch /state/ran'
put kernel.new disk.img 1
dd if=ext4.new of=disk.img bs=64k count=40 seek=32 conv=notrunc status=none
resumes 45
check_eq 'a disk: pvkit-init has it resumed' \
	'pvkit-init: resume, by log (phase=write-00c0ffee); cmdline says nothing; program /sbin/pvkit-update resume' \
	"$(console_line 'pvkit-init: resume')"
check_eq 'from the cursor on' 'pvkit-update: update 00c0ffee goes on at unit 45' \
	"$(console_line 'goes on at')"
check_eq 'until it is done' 'pvkit-update: update 00c0ffee is done' "$(console_line 'is done')"
check_eq 'the new system boots' 'boot 1: new' "$(sed -n 's/^\(boot .*\) on.*/\1/p' "$OUT")"
check_eq 'phase and cursor are gone, its flag is set' 'flags: ,,1,,updated 00c0ffee' \
	"$(grep '^flags' "$OUT")"
check_eq 'the state has the result' 'result: done 00c0ffee' "$(grep '^result' "$OUT")"
disk_part kernel >part
check 'the kernel is as it was' same_as kernel.new <part
check_eq 'and the machine goes down by itself' 0 "$STATUS"

# when it is flash, from the beginning
new_machine jffs2
after_it
plan_with "$(image_line image-0 kernel.new mtd kernel)" "$(image_line image-1 jffs2.new mtd rootfs)"
resumes 0
check_eq 'flash: it is done' 'pvkit-update: update 00c0ffee is done' "$(console_line 'is done')"
check_eq 'the new system boots from flash' 'boot 1: new on mtd3 jffs2 rw' "$(grep '^boot' "$OUT")"
check_eq 'the flags are as they should be' 'flags: ,,,,updated 00c0ffee' "$(grep '^flags' "$OUT")"
flash_part kernel >part
check 'and has the kernel' same_as kernel.new <part

# when it is a volume of UBI
new_machine ubifs
after_it
plan_with "$(image_line image-0 ubifs.new ubi ubi0:rootfs)"
resumes 0
check_eq 'UBI: the new system boots from it' 'boot 1: new on ubi0_0 ubifs rw' \
	"$(grep '^boot' "$OUT")"
check_eq 'and the machine goes down by itself' 0 "$STATUS"

# when it is all of the flash that UBI has, by what the command line says
sed 's/ubifs.old/ubifs.new/' ubi.ini >new.ini
ubinize --output=ubi.new --peb-size=64KiB --min-io-size=1 --sub-page-size=1 new.ini
new_machine ubifs
after_it
plan_with "$(image_line image-0 ubi.new mtd ubi)"
resumes 0
check_eq 'below UBI: the new system boots from it' 'boot 1: new on ubi0_0 ubifs rw' \
	"$(grep '^boot' "$OUT")"

# when the old system asks for it: all is written by the boot stage
new_machine ext4
case_of <<'END_OF_CASE'
case $version in
old) pvkit update --recovery --flag slot=b "$kernel:$kernel_target" "$image:$target" || poweroff ;;
new)
	pvkit flag list --json
	cat /data/update/result
	[ -e /data/update/image-0 ] || echo 'no copies'
	stty -F /dev/ttyS0 raw
	poweroff
	;;
esac
END_OF_CASE
run_update_machine
check_eq '--recovery: the old system, and then the new one' 'boot 1: old,boot 2: new,' \
	"$(sed -n 's/^\(boot .*\) on.*/\1/p' "$OUT" | tr '\n' ',')"
check_match '--recovery: its flag is set' '*"slot":"b"*' "$(grep '"slot"' "$OUT")"
check_eq '--recovery: the images lay on the state, and were not copied' 'no copies' \
	"$(grep '^no copies' "$OUT")"
check_match '--recovery: is done' 'done *' "$(grep '^done' "$OUT")"
disk_part kernel >part
check '--recovery: the kernel is the new one' same_as kernel.new <part

# fails WHAT TEXT [OPTION...]: the reason is told, there is a shell, and nothing was written
fails() {
	what=$1 text=$2
	shift 2
	disk_part root >before
	rm -f keys
	mkfifo keys
	exec 8<>keys
	: >"$CONSOLE"
	(resumes 0 --keys keys --append pvkit.shell=yes "$@" && exit "$STATUS") &
	machine_pid=$!
	wait_for 80 grep -q 'whose end reboots' "$CONSOLE" || note "$what: no shell"
	while kill -0 "$machine_pid" 2>/dev/null; do
		printf '\npoweroff -f\n' >&8
		sleep 1
	done
	STATUS=0
	wait "$machine_pid" || STATUS=$?
	exec 8>&-
	check_eq "$what: the reason" "pvkit-update: update 00c0ffee does not go on: $text" \
		"$(console_line 'does not go on' | sed 's/.*pvkit-update/pvkit-update/')"
	check_eq "$what: a shell, which ends it" 'pvkit-update: a shell, whose end reboots 0' \
		"$(console_line 'whose end') $STATUS"
	disk_part root >after
	check "$what: nothing was written" cmp before after
}

# when the image is another one than the plan's
new_machine ext4
line=$(image_line image-0 ext4.new block /dev/vda2)
printf X | dd of=data/update/image-0 bs=1 seek=5000 conv=notrunc status=none
plan_with "$line"
fails 'a tampered image' "state:image-0: its checksum is not the plan's"
check_eq 'a tampered image: kept as the result' 'failed 00c0ffee' \
	"$(data_file /update/result | cut -d' ' -f1,2)"

# when the plan is somebody else's, who may have made up all of it
chown 1000 data/update/plan
fails 'a plan of others' "state: plan is user 1000's, and has to be root's: chown root"
chown 0 data/update/plan

# when the plan is that of another update
ID=0badcafe plan_with "$line"
fails 'another plan' '/state/update/plan is of update 0badcafe, and 00c0ffee was cut'

# when there is no state, which may yet come, but not in two boots
sed -i 's/LABEL=data/LABEL=none/' root.old/etc/pvkit/update.conf
rm ext4.cpio
fails 'no state' 'state LABEL=none: root=LABEL=none: no block device is that one' \
	--append pvkit.root-wait=1 --append pvkit.failures-limit=2 --append pvkit.shell-wait=0
check_eq 'no state: it was tried twice' 2 "$(grep -c 'goes on at' "$CONSOLE")"
finish
