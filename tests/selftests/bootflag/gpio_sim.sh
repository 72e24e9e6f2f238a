#!/bin/sh
# SPDX-License-Identifier: MIT
# A GPIO line whose level changes, as a button's does, on a simulated chip: the debug
# kernel has one, Debian's have not.
# vm: timeout=240

# shellcheck source=tests/selftests/bootflag/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=tests/selftests/bootflag/cli_lib.sh
. "${0%/*}/cli_lib.sh"

modprobe gpio-sim 2>/dev/null || skip_all 'the kernel has no gpio-sim (CONFIG_GPIO_SIM)'
CONFIG=$KTAP_TMP/configfs
mkdir "$CONFIG"
mount -t configfs none "$CONFIG"
on_exit umount "$CONFIG"
SIM_CHIP=$CONFIG/gpio-sim/pvt
mkdir -p "$SIM_CHIP/bank0/line3"
echo 8 >"$SIM_CHIP/bank0/num_lines"
echo board >"$SIM_CHIP/bank0/label"
echo button >"$SIM_CHIP/bank0/line3/name"
echo 1 >"$SIM_CHIP/live"
PULL=/sys/devices/platform/$(cat "$SIM_CHIP/dev_name")/$(cat "$SIM_CHIP/bank0/chip_name")/sim_gpio3/pull

take_down() {
	echo 0 >"$SIM_CHIP/live"
	rmdir "$SIM_CHIP/bank0/line3" "$SIM_CHIP/bank0" "$SIM_CHIP"
	rmmod gpio-sim
}
on_exit take_down

# press up|down
press() {
	echo "pull-$1" >"$PULL"
}

# found LINE: what a boot with that line in flags.conf says
found() {
	echo "gpio.key = $1 mode=recovery" >"$T/flags.conf"
	pvkit_ flag get --config "$T/flags.conf" --boot mode
}

test_the_level_decides() {
	for line in 'board 3' 'board button' 'any button'; do
		press up
		found "$line"
		says 0 recovery ''
		found "$line active-low"
		says 3 '' ''
		press down
		found "$line"
		says 3 '' ''
		found "$line active-low"
		says 0 recovery ''
	done
}

test_reading_leaves_the_bias_as_it_is() {
	press up
	found 'board button'
	expect pull pull-up "$(cat "$PULL")"
	found 'board button'
	says 0 recovery ''
}

run_tests
