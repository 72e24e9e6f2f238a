#!/bin/sh
# SPDX-License-Identifier: MIT
# GPIO lines of a real chip's driver as sources: by the chip's label or device, by the
# line's number or name, and what is said when there is none or somebody has it.
# vm: arch=arm64 overlay=gpio.dtso timeout=240

# shellcheck source=tests/selftests/bootflag/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=tests/selftests/bootflag/cli_lib.sh
. "${0%/*}/cli_lib.sh"

CHIP=9030000.pl061

# configured LINE...: these lines are flags.conf
configured() {
	printf '%s\n' "$@" >"$T/flags.conf"
}

found() {
	pvkit_ flag get --config "$T/flags.conf" --boot mode
}

test_a_line_that_is_active_says_what_it_stands_for() {
	for line in "$CHIP 3" "$CHIP button" "gpiochip0 3" "/dev/gpiochip0 button" "any button"; do
		# it reads low: active where that is said so, and only there
		configured "gpio.key = $line active-low mode=recovery"
		found
		says 0 recovery ''
		configured "gpio.key = $line mode=recovery"
		found
		says 3 '' ''
	done
}

test_explain_names_the_line() {
	configured "gpio.key = $CHIP strap active-low mode=recovery" \
		"gpio.other = $CHIP button mode=ota"
	pvkit_ flag explain --config "$T/flags.conf" mode
	expect_match 'the winner' '^mode: recovery, from gpio:key$' "$out"
	expect_match 'the other' '^ +gpio:other +had no value' "$out"
}

test_what_is_not_there_is_told() {
	for wrong in "nochip 3/no GPIO chip nochip" "$CHIP 99/has no GPIO line 99" \
		"$CHIP nobody/has no GPIO line nobody" "$CHIP twice/several GPIO lines twice"; do
		configured "gpio.key = ${wrong%%/*} mode=recovery"
		pvkit_ flag list --config "$T/flags.conf" gpio:key
		expect_match "what is said of ${wrong%%/*}" "${wrong#*/}" "$out $err"
	done
}

test_a_line_that_somebody_has_is_told() {
	base=$(cat /sys/bus/gpio/devices/gpiochip0/../gpio/gpiochip*/base 2>/dev/null ||
		cat /sys/class/gpio/gpiochip*/base | head -n 1)
	echo $((base + 3)) >/sys/class/gpio/export
	configured "gpio.key = $CHIP 3 active-low mode=recovery"
	pvkit_ flag list --config "$T/flags.conf" gpio:key
	echo $((base + 3)) >/sys/class/gpio/unexport
	expect_match 'what is said' 'GPIO line 3 of .* is in use' "$out $err"
	# and it is nobody's afterwards
	found
	says 0 recovery ''
	found
	says 0 recovery ''
}

run_tests
