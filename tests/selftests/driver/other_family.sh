#!/bin/sh
# SPDX-License-Identifier: MIT
# Generic netlink holds a lock around every handler, and registering a family
# waits for it: a handler of ours that waited for a module which registers one
# would hang both, and every unrelated family for as long. cfg80211 is such a
# module.

. "${0%/*}/lib.sh"

family_is_gone() {
	not resident cfg80211
}

# answers_at_once ALIAS: load it, and ask the controller all the while
answers_at_once() {
	start "$T/ask" nl_watch ask nlctrl
	asker=$child
	must_load "$1"
	# and a request of ours that comes while the family is there
	must --dump driver-get
	must_unload "$1"
	end "$asker" TERM
	expect_match "what the asker saw" '^asked [0-9]+ worst [0-9]+$' "$(cat "$T/ask")"
	worst=$(sed -n 's/^asked .* worst //p' "$T/ask")
	asked=$(sed -n 's/^asked \([0-9]*\) .*/\1/p' "$T/ask")
	note "asked $asked times, the longest answer took $worst ms"
	[ "$asked" -ge 5 ] || broken "at least 5 questions" "$asked"
	expect_less "milliseconds for the longest answer" 2500 "$worst"
}

need_cfg80211() {
	modinfo cfg80211 >/dev/null 2>&1 || not_here "this kernel has no cfg80211"
	modprobe -r cfg80211 2>/dev/null || :
	family_is_gone || not_here "cfg80211 is in use"
}

test_load_of_cfg80211_with_an_agent_blocks_no_other_family() {
	need_cfg80211
	agent
	driver wifi cfg80211
	answers_at_once wifi
	expect_gone cfg80211
}

test_load_of_cfg80211_with_modprobe_blocks_no_other_family() {
	need_cfg80211
	driver wifi cfg80211
	answers_at_once wifi
	expect_gone cfg80211
}

test_a_slow_module_blocks_no_family_and_no_family_blocks_it() {
	need_cfg80211
	agent
	driver slow 'pvt_slow ms=3000'
	driver wifi cfg80211
	background "$T/slow" nl_request --wait 30000 load alias=slow
	expect_soon 5 state_is slow loading
	answers_at_once wifi
	expect_soon 20 state_is slow loaded
}

run_tests
