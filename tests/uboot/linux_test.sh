#!/bin/sh
# SPDX-License-Identifier: MIT
# A board: U-Boot in NOR flash starts Linux, Linux sets flags in the same flash and
# reboots, U-Boot says what it finds there and starts Linux again. Three of the four
# ways: a partition, the environment, and the command line that U-Boot makes of both.
. "${0%/*}/../lib/ktap.sh"
. "${0%/*}/../lib/uboot.sh"

plan 10
top=$(cd "$KTAP_DIR/../.." && pwd)
cd "$KTAP_TMP" || exit

# The second bank: two copies of the environment, and a log of four erase blocks. U-Boot
# tells what it reads, and passes it on. QEMU's flash does not program as NOR does: of a
# word of 4 bytes that is programmed in parts, the last part counts. The log programs
# whole slots; bcb, which programs bytes, is tested with a flash that does.
# shellcheck disable=SC2016 # U-Boot's variables
uboot_env 'bootcmd=
	echo "uboot: environment <$pv_env>";
	pvflag log 4080000 100000 40000;
	qfw load 40400000 48000000;
	setenv bootargs "$bootargs pv.mode=$pv_mode pv.env=$pv_env";
	booti 40400000 48000000:$filesize $fdtcontroladdr'
uboot_banks
partitions='mtdparts=0.flash:64M(boot)ro,256k(env),256k(env-redundant),1M(misc)'

# What runs in Linux, at each boot.
cat >in-linux <<'END'
#!/bin/bash
set -eu
printf '/dev/mtd1 0 0x40000 0x40000\n/dev/mtd2 0 0x40000 0x40000\n' >/etc/fw_env.config
mkdir -p /var/lock
own=/usr/lib/u-boot
modprobe pv_bootflag stores='misc: medium=mtd device=misc format=log keep'
echo "linux $BOOT: words $(grep -o 'pv\.[a-z]*=[^ ]*' /proc/cmdline | xargs)"
case $BOOT in
1)
	pvkit flag set --wait --store misc mode=recovery slot=b tries=3 >&2
	fw_setenv pv_env libubootenv
	;;
2)
	echo "linux 2: misc $(pvkit flag get --store misc | xargs)"
	echo "linux 2: environment $(fw_printenv -n pv_env) $($own/fw_printenv -n pv_env)"
	pvkit flag set --wait --store misc mode=bootloader >&2
	$own/fw_setenv pv_env its-own
	;;
3)
	echo "linux 3: environment $(fw_printenv -n pv_env) $($own/fw_printenv -n pv_env)"
	exit 0
	;;
esac
reboot -f
sleep 60
END
status=0
"$top/scripts/vm" --arch arm64 --kernel flash --flash flash0.img --flash flash1.img \
	--append "$partitions" \
	--add "$BUILD/deb/arm64/root/usr/bin/fw_setenv:/usr/bin/fw_setenv" \
	--add "$BUILD/deb/arm64/root/usr/bin/fw_printenv:/usr/bin/fw_printenv" \
	--add "$UBOOT/arm64/fw_printenv:/usr/lib/u-boot/fw_printenv" \
	--add "$UBOOT/arm64/fw_printenv:/usr/lib/u-boot/fw_setenv" \
	--timeout $((300 * KTAP_SLOW)) --log console in-linux >said 2>err || status=$?
tr -d '\r' <console | grep -a -E '^(uboot|pvflag): ' >uboot.said || true
if [ $status != 0 ]; then
	note "$(tail -n 40 console)"
	note "$(cat said err)"
fi

# said N PREFIX: what was said the Nth time in lines that begin so
uboot_said() {
	grep -a "^$2 " uboot.said | sed -n "$1s/^$2 //p"
}

linux_said() {
	sed -n "s/^linux $1: $2 //p" said
}

check_eq 'the machine came through' 0 $status
check_eq 'at first nothing is set' 'nothing is set (-61)' "$(sed -n 's/^pvflag: //p' uboot.said |
	head -n 1)"
check_eq 'a mode set in Linux is what U-Boot finds' 'recovery
bootloader' "$(sed -n 's/^pvflag: mode //p' uboot.said)"
check_eq 'the slot and its tries too' 'slot 1 tries 3' \
	"$(sed -n 's/^pvflag: \(slot\|tries\)/\1/p' uboot.said | head -n 2 | xargs)"
check_eq 'what fw_setenv of libubootenv sets in flash, U-Boot has' '<libubootenv>' \
	"$(uboot_said 2 'uboot: environment')"
check_eq 'what its own fw_setenv sets too' '<its-own>' "$(uboot_said 3 'uboot: environment')"
check_eq 'U-Boot passes both on in the command line' \
	'pv.mode=recovery pv.env=libubootenv' "$(linux_said 2 words)"
check_eq 'misc is in Linux as it was' 'mode=recovery slot=b tries=3' \
	"$(linux_said 2 misc)"
check_eq 'both fw_printenv read one' 'libubootenv libubootenv' "$(linux_said 2 environment)"
check_eq 'and the other' 'its-own its-own' "$(linux_said 3 environment)"
finish
