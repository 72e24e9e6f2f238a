#!/bin/sh
# SPDX-License-Identifier: MIT
# Every source of boot flags in its turn chooses another way, on one machine whose flags are
# all set and are taken back one after the other; and what the console says of them is
# what `pvkit flag explain` says in the system that was booted. Another order of them
# decides otherwise, and words that look like others do not.
# vm: outside timeout=500
. "${0%/*}/../../lib/ktap.sh"
. "${0%/*}/lib.sh"

plan 18

# given a root for each way, with pvkit in it; each takes back what has led to it, and sets
# what is to lead to the next one
# shellcheck disable=SC2016 # the guest's
agree='
# agree FIELD: one line, by pvkit-init and by pvkit
agree() {
	dmesg | sed -n "s/^\[ *[0-9.]*\] pvkit-init: $1: //p" >/run/init
	pvkit flag explain "$1" | sed -e 1d -e "s/^[ *]*//" -e "s/  */ /g" >/run/explain
	if [ -s /run/init ] && busybox cmp -s /run/init /run/explain; then
		echo "agree on $1: $(wc -l </run/init) sources"
	else
		echo "differ on $1:" && cat /run/init && echo "pvkit flag explain:" && cat /run/explain
	fi
}
mount -t tmpfs none /var/lib/pvkit
mkdir -p /run/lock
'
root_with() {
	# shellcheck disable=SC2154 # a path
	{ printf '%s\necho %s\n' "$agree" "$1" && cat; } >"$1.rc"
	busybox_root "$1" <"$1.rc"
	mkdir -p "$1/etc/pvkit" "$1/var/lib/pvkit"
	ln -s ../run "$1/var/run"
	ln -s ../run/lock "$1/var/lock"
	add_program "$1" "$BUILD/host/pvkit"
	cp turns.conf "$1/etc/pvkit/flags.conf"
	cp fw_env.config "$1/etc/"
	squashfs_image "$1" "$1.img"
}
cat >turns.conf <<'END'
order = gpio misc rtc log uboot-env cmdline
gpio.strap = simgpio strap mode=rescue
store.misc = medium=mtd device=misc format=bcb keep rate=none
store.rtc = medium=nvmem device=cmos_nvram0 offset=64 size=4 format=magic keep mode-ota=0x4f
store.log = medium=mtd device=log format=log keep rate=none
uboot-env = /etc/fw_env.config
END
printf '/dev/vdf 0x0 0x2000\n/dev/vdf 0x2000 0x2000\n' >fw_env.config
root_with recovery <<'END'
agree mode
case $(cat /proc/cmdline) in
*simgpio*) ;;
*)
	pvkit flag set --store rtc mode=ota
	pvkit flag clear --store misc mode
	reboot -f
	;;
esac
END
root_with ota <<'END'
agree mode
pvkit flag clear --store rtc mode
pvkit flag set --store log phase=write cursor=7
reboot -f
END
# asking for help comes before a phase
root_with rescue <<'END'
agree mode
case $(cat /proc/cmdline) in
*simgpio*)
	pvkit flag explain mode | sed -e 1d -e 's/^  *//' -e 's/  */ /g'
	;;
*)
	agree phase
	pvkit flag clear --store uboot-env mode
	reboot -f
	;;
esac
END
root_with normal <<'END'
agree mode
# for the machine after this one
pvkit flag set --store misc mode=recovery
pvkit flag set --store uboot-env mode=ota
END
# what is exec'ed to go on with an update
cat >resume <<'END'
#!/bin/sh
exec >/dev/ttyS0
log=/sys/class/pv_bootflag/log
echo "resume at $(/bin/busybox cat $log/phase) $(/bin/busybox cat $log/cursor)"
echo 'phase="" cursor=""' >$log/set
exec /bin/busybox reboot -f
END
chmod 755 resume
cat >init.conf <<'END'
root = /dev/vda
shell = no
[recovery]
root = /dev/vdb
[ota]
root = /dev/vdc
[rescue]
root = /dev/vdd
[resume]
program = /bin/resume
END
head -c 1048576 /dev/zero | tr '\0' '\377' >disk.flash
{ printf 'boot-recovery' && head -c 65523 /dev/zero; } |
	dd of=disk.flash conv=notrunc status=none
printf 'bootcmd=x\npvkit_mode=rescue\n' >env.txt
mkenvimage -r -s 0x2000 -o env.one env.txt
cat env.one env.one >disk.env
truncate -s 1M disk.env
initramfs init.cpio --conf init.conf --flags turns.conf --module squashfs --module pv_bootflag \
	--module simgpio --module 'block2mtd block2mtd=/dev/vde,64KiB,flash' --shell /bin/busybox --add "$PWD/resume:/bin/resume" \
	--add "$PWD/fw_env.config:/etc/fw_env.config"
set -- --disk normal.img --disk recovery.img --disk ota.img --disk rescue.img --disk disk.flash \
	--disk disk.env --append pvkit.debug --append 'mtdparts=flash:512k(misc),512k(log)'

# said WHAT SOURCE HOW: the console's line of that decision
said() {
	check_eq "$1" "pvkit-init: $2" "$(console_line "pvkit-init: ${2%%;*};")"
}

# when misc says recovery, the environment rescue and the command line normal, and the RTC
# and the log are told the others later
machine init.cpio "$@" --append pvkit.mode=normal
check_eq 'five boots, each another way' \
	'recovery ota rescue resume normal' \
	"$(sed -n 's/^\(recovery\|ota\|resume\|rescue\|normal\).*/\1/p' "$OUT" | tr '\n' ' ' | sed 's/ $//')"
check_eq 'the machine goes down by itself' 0 "$STATUS"
said 'a partition of flash: recovery' \
	'recovery, by misc (mode=recovery); gpio:strap says nothing; root=/dev/vdb squashfs'
said 'registers of the RTC: ota' \
	'ota, by rtc (mode=ota); gpio:strap, misc say nothing; root=/dev/vdc squashfs'
said 'a log on flash: resume' \
	'resume, by log (phase=write); gpio:strap, misc, rtc say nothing; program /bin/resume'
check_eq 'whose program finds how far the update has come' 'resume at write 7' \
	"$(sed -n '/^resume/p' "$OUT")"
said 'two copies of a U-Boot environment: rescue' \
	'rescue, by uboot-env (mode=rescue); gpio:strap, misc, rtc, log say nothing; root=/dev/vdd squashfs'
said 'the command line: normal' \
	'normal, by cmdline (mode=normal); gpio:strap, misc, rtc, log, uboot-env say nothing; root=/dev/vda squashfs'
check_eq 'in each, pvkit says the same of all the sources' 'agree on mode: 6 sources 4' \
	"$(sed -n '/on mode/p' "$OUT" | sort | uniq -c | sed 's/^ *\([0-9]*\) \(.*\)/\2 \1/' | tr '\n' ' ' | sed 's/ $//')"
check_eq 'and where the update was cut, of that too' 'agree on phase: 6 sources' \
	"$(sed -n '/on phase/p' "$OUT")"

# given flags that have stayed as that machine has left them: misc says recovery, the
# environment ota, and a GPIO line that is active rescue
machine init.cpio "$@" --append pvkit.mode=normal --append simgpio.levels=8
said 'a GPIO line: rescue' 'rescue, by gpio:strap (mode=rescue); root=/dev/vdd squashfs'
check_eq 'pvkit says the same of the line' 'agree on mode: 6 sources' "$(sed -n 2p "$OUT")"
check_eq 'and of those that would have decided otherwise' \
	'* gpio:strap said rescue, and comes first; misc said recovery, but comes after gpio:strap; rtc had no value for it; log had no value for it; uboot-env said ota, but comes after gpio:strap; cmdline said normal, but comes after gpio:strap' \
	"$(sed -n '/^rescue/,$p' "$OUT" | sed -n '/ said \| had /p' | tr '\n' ';' | sed -e 's/;$//' -e 's/;/; /g')"

# ordered ORDER WORD...: the same flags, flags.conf with another order, and no pv_bootflag
ordered() {
	sed "s/^order.*/order = $1/" turns.conf >other.conf
	shift
	initramfs other.cpio --conf init.conf --flags other.conf --module squashfs \
		--module simgpio --module 'block2mtd block2mtd=/dev/vde,64KiB,flash' \
		--add "$PWD/fw_env.config:/etc/fw_env.config"
	for word in "$@"; do
		set -- "$@" --append "$word"
		shift
	done
	machine other.cpio --once --disk normal.img --disk recovery.img --disk ota.img \
		--disk rescue.img --disk disk.flash --disk disk.env --append simgpio.levels=8 "$@"
}

# when it comes with words that look like others, on their own and in a label
ordered 'uboot-env misc' xpvkit.mode=rescue pvkit.modes=rescue Pvkit.mode=rescue pvkit-mode=rescue \
	root.=/dev/vda rooted root pvkit..root=/dev/vda pvkit.ota.rot=/dev/vda xroot=/dev/vda \
	'"mtdparts=flash:512k(misc),256k(log),-( pvkit.mode=rescue pvkit.ota.root=/dev/vda )"'
check_eq 'another order, and words that look alike: ota' \
	'pvkit-init: ota, by uboot-env (mode=ota); root=/dev/vdc squashfs' \
	"$(console_line 'pvkit-init: ota')"
check_eq 'what is ours and can not be is named' \
	'pvkit-init: command line: pvkit.ota.rot: unknown setting' "$(console_line 'rot: unknown setting')"

# when it comes with quotes that close late or never
ordered 'kernel gpio' 'mtdparts=flash:512k(misc),-(log)' 'note="a pvkit.mode=rescue b"' \
	'"pvkit.recovery.root=/dev/vdb"' 'simgpio.x=1" levels=0"' pvkit.debug \
	-- pvkit.mode=rescue pvkit.recovery.root=/dev/vda 'more="never closed root=/dev/vda'
check_eq 'another order, and quotes: recovery' \
	'pvkit-init: recovery, by misc (mode=recovery); root=/dev/vdb squashfs' \
	"$(console_line 'pvkit-init: recovery')"
check_eq 'and a module gets the value as it stood there' \
	'pvkit-init: loaded /lib/modules/simgpio.ko levels=8 x=1" levels=0"' \
	"$(console_line 'simgpio.ko')"

# when it is as long as an x86 kernel takes it, and says the same again and again
words=
while [ ${#words} -lt 1600 ]; do
	words="$words pvkit.mode=rescue root=/dev/vdd"
done
# shellcheck disable=SC2086 # words
ordered 'log cmdline gpio' 'mtdparts=flash:512k(misc),-(log)' $words root=/dev/vda pvkit.mode=normal
check_eq 'another order, and the last of many words counts: normal' \
	'pvkit-init: normal, by cmdline (mode=normal); log says nothing; root=/dev/vda squashfs' \
	"$(console_line 'pvkit-init: normal')"
finish
