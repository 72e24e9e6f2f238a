#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016 # commands are expanded where they run
#
# flags: the chapter of `make demo` on what one boot tells the next, told inside the
# virtual machine, and on after its reboot.
#
#   flags.sh [--color]
#
# The RTC's memory and both disks survive the reboot, as a board's would; files do not.
# /dev/vda is a flash called misc, /dev/vdb has a U-Boot environment.

set -u
export LC_ALL=C
here=${0%/*}
conf=/etc/pvkit/flags.conf

# shellcheck source=tests/demo/tell.sh
. "$here/tell.sh"

state_of_things() {
	pvkit flag list
	pvkit flag explain
	pvkit slot list
	cat /proc/cmdline /proc/mtd
}

# What the board's device tree, modprobe.d and packages would have brought.
board() {
	modprobe block2mtd block2mtd=/dev/vda,65536,misc
	mkdir -p /etc/pvkit
	printf '%s\n' '/dev/vdb 0x0 0x4000 0x1000' '/dev/vdb 0x10000 0x4000 0x1000' >/etc/fw_env.config
	printf '%s\n' '# who the bootloader of this board listens to first' \
		'order = cmdline rtc misc uboot-env' 'uboot-env.mode = bootmode' >$conf
	modprobe pv_bootflag stores="rtc: $rtc; misc: $misc"
}

rtc='medium=nvmem device=cmos_nvram0 offset=64 size=1 format=magic width=1 mode-recovery=0x52 mode-ota=7'
misc='medium=mtd device=misc format=bcb power rate=none'

first_boot() {
	printf '%spvkit: what one boot tells the next%s\n' "$bold" "$off"
	echo "The same kernel, $(uname -r), with a disk as flash."
	board
	printf '%s\n' bootdelay=2 'bootcmd=run distro_bootcmd' >"$T/env"
	# each writes one copy of the two
	for delay in 1 2; do
		fw_setenv -f "$T/env" bootdelay $delay >"$T/out" 2>&1 ||
			failed 'an environment' "$(cat "$T/out")"
	done

	step 'A board has four ways to tell its next boot something'
	say 'registers of its RTC, a partition of its flash, the U-Boot environment, and the'
	say 'command line, on which the bootloader says what it has made of the others'
	host 'cat /etc/pvkit/flags.conf'
	host 'cat /proc/cmdline'
	host 'pvkit flag list'
	has '^cmdline +command line +ready +reason=power-on +read-only$'
	has '^rtc +nvmem magic +ready +- +warm,atomic$'
	has '^misc +mtd bcb +empty '
	has '^uboot-env +U-Boot env +ready +- +power,atomic,redundant,wear$'

	step 'An update is in slot b: it may try three times'
	host 'pvkit flag set slot=b tries=3 successful=0'
	has '^misc: slot=b tries=3 successful=0 '
	host 'pvkit flag set slot=b tries=3 successful=0'
	has 'nothing written'
	host 'pvkit flag list --json misc | jq -c ".[].stats"'
	has '"unchanged":1,'

	step 'The next boot is to go on with it: a mode, in a register that survives the reset'
	host 'pvkit flag set --store rtc mode=ota'
	host 'od -An -tx1 -j 64 -N 1 /sys/bus/nvmem/devices/cmos_nvram0/nvmem'
	has '^ 07$'
	expect=4 host 'pvkit flag set --store rtc mode=fastboot'
	has 'not one that this store knows'

	step 'The U-Boot environment, too; fw_printenv reads it'
	host 'pvkit flag set --store uboot-env mode=recovery'
	host 'fw_printenv'
	has '^bootmode=recovery$'
	has '^bootdelay=2$'
	host 'pvkit flag list'

	step 'The machine reboots, warm'
	host 'sync'
	trap - EXIT
	echo
	reboot -f
}

second_boot() {
	board
	steps=5
	step 'After the reboot: who decided, and why the others did not'
	host 'cut -d. -f1 /proc/uptime'
	host 'pvkit flag explain'
	has '^mode: ota, from rtc$'
	has '^ +\* +rtc +said ota, and comes first$'
	has '^ +uboot-env +said recovery, but comes after rtc$'
	has '^slot: b, from misc$'
	has '^reason: power-on, from cmdline$'

	step 'A mode is for one boot: its register is clear again, and what it said is known'
	host 'od -An -tx1 -j 64 -N 1 /sys/bus/nvmem/devices/cmos_nvram0/nvmem'
	has '^ 00$'
	host 'pvkit flag get --boot mode'
	has '^ota$'

	step 'Slot b runs and has to prove itself: what is not well is not committed'
	host 'pvkit slot list'
	has '^misc +ready +b +b +3 +no +b$'
	expect=1 host 'pvkit slot mark-good --if "curl -fs localhost/health"'
	has 'not committed: the command ended with status 7; slot b has 3 more boots'
	host 'pvkit slot mark-good --after 2s --if true'
	has '^misc: slot b is good$'

	step 'The same over HTTP, as a container with the role mgmt would'
	host 'modprobe pv_driver && pvkitd'
	host 'curl -s --unix-socket /run/pvkit/pv-ctrl http://x/bootflags/misc | jq -c "[.state, .fields, .boot]"'
	has '"successful":1'
	host 'curl -s --unix-socket /run/pvkit/pv-ctrl -X PUT -d "{\"mode\":\"recovery\"}" http://x/bootflags/rtc | jq -c .fields'
	has '^\{"mode":"recovery"\}$'
	host 'cat /sys/class/pv_bootflag/rtc/mode'
	has '^recovery$'

	step 'What holds something else is left alone'
	host 'rmmod pv_bootflag block2mtd && { echo hsqs; head -c 4091 /dev/zero; } >/dev/vda'
	board
	host 'pvkit flag list misc'
	has '^misc +mtd bcb +foreign '
	expect=4 host 'pvkit flag set --store misc slot=a'
	has 'only force writes'

	printf '\n%sThis showed%s\n' "$bold" "$off"
	cat <<-'END'
		  an RTC register, flash, the U-Boot environment and the command line as one list
		  what each promises; that nothing is written when nothing changes
		  a warm reboot: who decided it and why, and that a mode is for one boot
		  a slot that proves itself, and one that is not well
		  HTTP, sysfs, and fw_printenv for what pvkit has written
	END
	printf '%d steps, each checked.\n' "$steps"
}

if [ "${BOOT:-1}" = 1 ]; then
	first_boot
else
	second_boot
fi
