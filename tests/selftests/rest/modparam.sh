#!/bin/sh
# SPDX-License-Identifier: MIT
# A vendor's modparam.json as the source of a module's parameters, and metadata that
# would like to be more than a value.
# vm: timeout=240

# shellcheck disable=SC2016 # ${...} and the like are for pvkitd, not for this shell
. "${0%/*}/lib.sh"

aliases() {
	drivers_json <<-'EOF'
		{ "#spec": "driver-aliases@1", "all": {
		  "p": ["pvt_plain ${modparam:E_MI_MODULE_ID_SYS}"],
		  "own": ["pvt_plain num=1 ${modparam:E_MI_MODULE_ID_SYS} text=mine"],
		  "two": ["pvt_base ${modparam:BASE}", "pvt_dep ${modparam:DEP}"],
		  "none": ["pvt_plain num=4 ${modparam:NOT_THERE}"],
		  "v": ["pvt_plain text=${user-meta:v:-default}"],
		  "w": ["pvt_plain ${user-meta:w}"] } }
	EOF
}

# modparam: standard input becomes bsp/modparam.json
modparam() {
	cat >"$ROOT/bsp/modparam.json"
}

# loaded ALIAS: it is, and then $warnings has what its state says; unload when done
loaded() {
	http PUT "/drivers/$1/load"
	answers 200 ''
	warnings=$(cat "$SYS/$1/error")
}

unloaded() {
	http PUT "/drivers/$1/unload"
	answers 200 ''
}

test_a_section_becomes_the_module_s_parameters() {
	aliases
	# as vendors write it: trailing commas, a section twice, keys of other modules
	modparam <<-'EOF'
		{ "E_MI_MODULE_ID_SYS": { "num": 1, "text": "old" },
		  "E_MI_MODULE_ID_SYS": { "cmdQBufSize": 1024, "num": true, "text": "two words",
		                          "list": [1, 2, 3], "nested": {"a": 1}, "nothing": null, },
		}
	EOF
	pvkitd_start
	loaded p
	expect 'true' 1 "$(param pvt_plain num)"
	expect 'a string with a blank' 'two words' "$(param pvt_plain text)"
	expect 'an array' 1,2,3 "$(param pvt_plain list)"
	expect_match warnings 'E_MI_MODULE_ID_SYS: unknown parameter: "cmdQBufSize="?1024' "$warnings"
	expect_match warnings 'comma' "$warnings"
	expect_match warnings 'key' "$warnings"
	expect_match warnings '"nested" of "E_MI_MODULE_ID_SYS" is left out' "$warnings"
	expect 'what the kernel was given' 'num=1 text="two words" list=1,2,3' \
		"$(pvkit drivers list p --json | jq -r '.[0].modules[0].params')"
	unloaded p
	# read anew at each load; words of the line's own stand where they stand
	echo '{ "E_MI_MODULE_ID_SYS": { "num": 9, "text": "theirs", "list": [7] } }' | modparam
	loaded own
	expect 'a later word wins' 9 "$(param pvt_plain num)"
	expect 'a later word wins' mine "$(param pvt_plain text)"
	expect list 7 "$(param pvt_plain list)"
	unloaded own
}

test_each_module_has_its_section() {
	aliases
	echo '{ "BASE": { "level": 3 }, "DEP": { "level": false, "none": 1 } }' | modparam
	pvkitd_start
	loaded two
	expect 'of pvt_base' 3 "$(param pvt_base level)"
	expect 'of pvt_dep, which takes 0 for its own' 3 "$(param pvt_dep level)"
	unloaded two
}

test_without_the_section_or_the_file_there_is_a_warning() {
	aliases
	echo '{ "OTHER": {} }' | modparam
	pvkitd_start
	loaded none
	expect num 4 "$(param pvt_plain num)"
	expect_match warnings 'modparam:NOT_THERE is not set' "$warnings"
	unloaded none
	echo '{ "NOT_THERE": [' | modparam
	loaded none
	expect num 4 "$(param pvt_plain num)"
	expect_match warnings 'bsp/modparam.json: [0-9]+:[0-9]+: expected' "$warnings"
	unloaded none
	rm "$ROOT/bsp/modparam.json"
	loaded none
	unloaded none
}

test_a_section_can_name_no_module_and_no_option() {
	aliases
	modparam <<-'EOF'
		{ "E_MI_MODULE_ID_SYS": { "num": 2, "install=/bin/sh": 1, "--": 1, "pvt_dep": 1,
		    "text": "a\" num=5", "a b": 1, "": 2, "num=3": 1, "pvt_dep.level": 4 } }
	EOF
	pvkitd_start
	loaded p
	expect num 2 "$(param pvt_plain num)"
	expect text '' "$(param pvt_plain text)"
	expect_gone pvt_dep
	unloaded p
}

# ---- metadata that would like to be more --------------------------------------

# as_value VALUE NAME EXPECTED: VALUE, a format of printf, is that of v, which is then
# pvt_plain's parameter text; EXPECTED is what it reads as, and nothing else happened
as_value() {
	# shellcheck disable=SC2059 # so that it can hold any byte
	printf "$1" >"$T/value"
	shift
	http PUT /user-meta/v --data-binary "@$T/value"
	answers 200
	loaded v
	expect "text with $1" "$2" "$(param pvt_plain text)"
	expect "num with $1" 0 "$(param pvt_plain num)"
	expect "modules with $1" pvt_plain "$(ours_resident)"
	unloaded v
}

test_a_value_stays_a_value() {
	aliases
	pvkitd_start
	loaded v
	expect 'no key' default "$(param pvt_plain text)"
	unloaded v
	as_value 'plain' 'a word' plain
	as_value 'two words' 'a blank' 'two words'
	as_value 'x=1 install=/bin/sh' 'an option' 'x=1 install=/bin/sh'
	as_value 'x num=5 -- pvt_dep' 'words' 'x num=5 -- pvt_dep'
	as_value '$(reboot) `id` $HOME' 'shell' '$(reboot) `id` $HOME'
	as_value '${user-meta:v} ${nested' 'a reference' '${user-meta:v} ${nested'
	as_value 'line\n' 'a newline at its end' line
	# what a parameter can't hold is as if it were not there, and is said
	as_value 'a\nb' 'a newline inside' default
	expect_match warnings 'user-meta:v holds a control character' "$warnings"
	as_value 'a\000b' 'a NUL' default
	as_value 'a\351' 'no UTF-8' default
	expect_match warnings 'user-meta:v is not UTF-8' "$warnings"
}

# refused_value NAME PATTERN: standard input is the value of v, with which the driver
# can't load
refused_value() {
	cat >"$T/value"
	http PUT /user-meta/v --data-binary "@$T/value"
	answers 200
	http PUT /drivers/v/load
	answers 400
	expect_match "body with $1" "$2" "$out"
	expect "modules with $1" '' "$(ours_resident)"
}

test_a_value_that_does_not_fit_is_an_error_or_left_out() {
	aliases
	pvkitd_start
	awk 'BEGIN { for (i = 0; i < 4096; i++) printf "x" }' |
		refused_value '4,096 bytes' 'pvt_plain.*longer than 1024 bytes with its values'
	printf 'a" num=5 "' >"$T/value"
	http PUT /user-meta/v --data-binary "@$T/value"
	loaded v
	expect 'num with a quote' 0 "$(param pvt_plain num)"
	expect_match warnings 'a quote inside of a parameter' "$warnings"
	unloaded v
	http PUT /user-meta/v --data-binary ''
	answers 400
}

test_a_value_of_words_is_parameters_of_that_module_only() {
	aliases
	pvkitd_start
	http PUT /user-meta/w --data-binary 'num=3 text="a b" pvt_dep level=1 -f --force install=/bin/sh dyndbg=+p softdep:x=1'
	answers 200
	loaded w
	expect num 3 "$(param pvt_plain num)"
	expect text 'a b' "$(param pvt_plain text)"
	expect modules pvt_plain "$(ours_resident)"
	for word in pvt_dep level=1 -f --force install=/bin/sh 'dyndbg=[+]p' softdep:x=1; do
		expect_match warnings "\"$word\" is left out" "$warnings"
	done
	expect 'what the kernel was given' 'num=3 text="a b"' \
		"$(pvkit drivers list w --json | jq -r '.[0].modules[0].params')"
	unloaded w
	http PUT /user-meta/w --data-binary 'num=4 text="open'
	loaded w
	expect 'num with an open quote' 0 "$(param pvt_plain num)"
	unloaded w
}

run_tests
