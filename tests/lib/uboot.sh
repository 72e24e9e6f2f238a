# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Real U-Boot in QEMU, for tests that source this after ktap.sh. scripts/uboot has
# built it; it starts in about a second and runs what it is told.
#
#   uboot_env VARIABLE=VALUE...   make env.bin with mkenvimage: both copies of a redundant
#                                 environment, the second one obsolete
#   uboot_banks                   flash0.img begins with U-Boot, flash1.img with env.bin,
#                                 and is erased behind it
#   uboot_misc SIZE               misc.img, a card with a GPT and one partition misc,
#                                 of SIZE, at byte $MISC_AT
#   uboot_boot                    start it with env.bin in its flash, misc.img as a card,
#                                 and print what it prints
#   uboot_run COMMANDS            the same with an environment that runs COMMANDS; then
#                                 `poweroff`
#
# All in the current directory.

PATH=$PATH:/usr/sbin:/sbin
# shellcheck disable=SC2034 # for the tests
MISC_AT=1048576
UBOOT=${BUILD:?}/deb/uboot
UBOOT_ENV_SIZE=0x40000
UBOOT_BANK=67108864

uboot_env() {
	# a line is a variable
	for uboot_word in "$@"; do
		printf '%s' "$uboot_word" | tr '\n\t' '  '
		echo
	done >env.txt
	mkenvimage -r -s $UBOOT_ENV_SIZE -o env.one env.txt
	cp env.one env.two
	# the flag is not part of what the checksum is about
	printf '\000' | dd of=env.two bs=1 seek=4 conv=notrunc status=none
	cat env.one env.two >env.bin
}

uboot_banks() {
	truncate -s $UBOOT_BANK flash0.img
	dd if="$UBOOT/u-boot.bin" of=flash0.img conv=notrunc status=none
	cp env.bin flash1.img
	head -c $((UBOOT_BANK - 2 * UBOOT_ENV_SIZE)) /dev/zero | tr '\0' '\377' >>flash1.img
}

uboot_misc() {
	rm -f misc.img
	truncate -s 8M misc.img
	printf 'label: gpt\nstart=2048,size=%s,name=misc\n' "$1" | sfdisk -q misc.img
}

uboot_qemu() {
	timeout $((60 * KTAP_SLOW)) qemu-system-aarch64 -M virt -cpu cortex-a57 -m 256 \
		-nodefaults -no-user-config -display none -serial stdio "$@" </dev/null
}

uboot_boot() {
	if [ -e flash1.img ]; then
		dd if=env.bin of=flash1.img conv=notrunc status=none
	else
		uboot_banks
	fi
	uboot_qemu -drive if=pflash,unit=0,format=raw,file=flash0.img,readonly=on \
		-drive if=pflash,unit=1,format=raw,file=flash1.img \
		-device sdhci-pci -device sd-card,drive=misc \
		-drive id=misc,if=none,format=raw,file=misc.img 2>&1 | tr -d '\r' >uboot.log ||
		true
	cat uboot.log
}

uboot_run() {
	uboot_env "bootcmd=$1; poweroff"
	uboot_boot
}
