#!/bin/sh
# SPDX-License-Identifier: MIT
# Each source of boot flags chooses what is booted: the command line, a store of
# pv_bootflag, the same stores where pv_bootflag is not there, and the U-Boot environment.
# vm: outside timeout=400
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 16

# given three roots, init.conf that has one for each way, and flags.conf with an RTC and a
# partition misc
busybox_root normal <<'END'
echo normal
mode=/sys/class/pv_bootflag/rtc/mode
if [ -e $mode ]; then
	echo ota >$mode
	reboot -f
fi
END
busybox_root recovery <<'END'
echo recovery
echo "misc is $(cat /sys/class/mtd/mtd0/name)"
if [ -e /sys/class/mtd/mtd0/name ]; then
	printf '\117\0\0\0' | dd of=/sys/bus/nvmem/devices/cmos_nvram0/nvmem bs=1 seek=64 2>/dev/null
	reboot -f
fi
END
busybox_root ota <<'END'
echo ota
echo "was $(cat /sys/class/pv_bootflag/rtc/boot_mode), is '$(cat /sys/class/pv_bootflag/rtc/mode)'"
END
for r in normal recovery ota; do
	squashfs_image $r $r.img
done
cat >init.conf <<'END'
root = /dev/vda
rot = /dev/vdz
[recovery]
root = /dev/vdb
[ota]
root = /dev/vdc
END
rtc='medium=nvmem device=cmos_nvram0 offset=64 size=4 format=magic mode-recovery=0x52 mode-ota=0x4f'
cat >flags.conf <<END
order = cmdline rtc misc
store.rtc = $rtc
store.misc = medium=mtd device=misc format=bcb
END
# a bootloader's message, in a partition on a disk
truncate -s 1M misc.img
printf 'boot-recovery' | dd of=misc.img conv=notrunc status=none

initramfs init.cpio --conf init.conf --flags flags.conf --module squashfs \
	--module 'block2mtd block2mtd=/dev/vdd,64KiB,misc'
initramfs module.cpio --conf init.conf --flags flags.conf --module squashfs --module pv_bootflag
set -- --disk normal.img --disk recovery.img --disk ota.img

# when the command line has a mode, then that counts
machine init.cpio "$@" --append pvkit.mode=recovery
check_eq 'the command line: recovery' recovery "$(head -n 1 "$OUT")"
check_eq 'and the console says by whom' \
	'pvkit-init: recovery, by cmdline (mode=recovery); root=/dev/vdb squashfs' \
	"$(console_line 'recovery, by')"
check_eq 'a line of init.conf that can not be is named' \
	'pvkit-init: /etc/pvkit/init.conf:2: rot: unknown setting' "$(console_line 'init.conf')"

# when the running system sets a mode in a store of pv_bootflag and reboots
machine module.cpio "$@"
check_eq 'pv_bootflag: normal, and then ota' 'normal ota' "$(sed -n 1,2p "$OUT" | tr '\n' ' ' | sed 's/ $//')"
check_eq 'the first boot says that nobody had a word' \
	'pvkit-init: normal, no source says otherwise; misc (absent) says nothing; root=/dev/vda squashfs' \
	"$(console_line 'normal, ')"
check_eq 'the second one says by whom' \
	'pvkit-init: ota, by rtc (mode=ota); cmdline says nothing; root=/dev/vdc squashfs' \
	"$(console_line 'ota, by')"
check_eq 'and the mode was for one boot' "was ota, is ''" "$(sed -n 3p "$OUT")"

# when there is no pv_bootflag, then misc on flash and the RTC are read all the same
machine init.cpio "$@" --disk misc.img --append pvkit.debug
check_eq 'without it: recovery by misc, and then ota by the RTC' 'recovery ota' \
	"$(sed -n '1p;3p' "$OUT" | tr '\n' ' ' | sed 's/ $//')"
check_eq 'misc is a partition by its name' 'misc is misc' "$(sed -n 2p "$OUT")"
check_eq 'the console says by whom: misc' \
	'pvkit-init: recovery, by misc (mode=recovery); cmdline, rtc say nothing; root=/dev/vdb squashfs' \
	"$(console_line 'recovery, by')"
check_eq 'and the RTC' \
	'pvkit-init: ota, by rtc (mode=ota); cmdline says nothing; root=/dev/vdc squashfs' \
	"$(console_line 'ota, by')"
check_eq 'with pvkit.debug every source that was passed by has a reason' \
	'pvkit-init: mode: rtc had no value for it' "$(console_line 'mode: rtc')"
check_eq 'those that come later too' \
	'pvkit-init: mode: misc said recovery, but comes after rtc' "$(console_line 'mode: misc said recovery, but')"
# given a U-Boot environment of two copies on a disk, of which the second is damaged
printf 'bootcmd=x\npvkit_mode=ota\n' >env.txt
mkenvimage -r -s 0x2000 -o env.one env.txt
cat env.one env.one >env.img
printf 'x' | dd of=env.img bs=1 seek=8300 conv=notrunc status=none
truncate -s 1M env.img
printf '/dev/vdd 0x0 0x2000\n/dev/vdd 0x2000 0x2000\n' >fw_env.config
echo 'uboot-env = /etc/fw_env.config' >env.conf
initramfs env.cpio --conf init.conf --flags env.conf --add "$PWD/fw_env.config:/etc/fw_env.config" \
	--module squashfs
# when the command line has look-alikes of what would count more
machine env.cpio "$@" --disk env.img --append xpvkit.mode=recovery \
	--append 'mtdparts=none:1M(pvkit.mode=recovery)' --append 'note="a pvkit.mode=rescue b"'
check_eq 'the U-Boot environment: ota' ota "$(head -n 1 "$OUT")"
check_eq 'the console says by whom' \
	'pvkit-init: ota, by uboot-env (mode=ota); cmdline says nothing; root=/dev/vdc squashfs' \
	"$(console_line 'ota, by')"
check_eq 'and the machine ends as it should' 0 "$STATUS"
finish
