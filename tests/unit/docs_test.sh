#!/bin/sh
# SPDX-License-Identifier: MIT
# Help, man pages and code say the same: every option that is taken is described,
# every one that is described is taken, and the pages are well formed.
. "${0%/*}/../lib/ktap.sh"

pvkit=$BUILD/unit-obj/pvkit
pvkitd=$BUILD/host/pvkitd
man=$BUILD/docs/man
cd "$KTAP_DIR/../.."

verbs() {
	"$pvkit" --help | sed -n '/^  pvkit /q; s/^  \([a-z]\{1,\}\( [a-z-]\{1,\}\)\{0,1\}\)  *[A-Z].*/\1/p'
}

# In what a --help prints: the options of its list, those that take a value, and
# all that are spoken of.
listed() {
	sed -n 's/^  --\([a-z-]*\).*/\1/p' "$1" | sort -u
}
with_value() {
	sed -n 's/^  --\([a-z-]*\) [A-Za-z,]*\( .*\)\{0,1\}$/\1/p' "$1" | sort -u
}
mentioned() {
	grep -o -- '--[a-z][a-z-]*' "$1" | sed 's/--//' | sort -u
}

# lines of the first file that the second has not
missing() {
	comm -23 "$1" "$2" | paste -sd' '
}

rendered() {
	mandoc -T utf8 -O width=78 "$1" | sed 's/.'"$(printf '\b')"'//g'
}

n_verbs=$(verbs | wc -l)
n_pages=$(find "$man" -type f | wc -l)
plan $((5 * n_verbs + 3 * n_pages + 15))

# --- pvkit -------------------------------------------------------------------------------

check 'pvkit --help lists verbs' test "$n_verbs" -gt 10
# The first word of several verbs is what somebody tries who does not know the second.
for group in flag slot drivers; do
	check_eq "pvkit $group --help lists the verbs that begin so" \
		"$(verbs | grep "^$group " | tr '\n' ' ')" \
		"$("$pvkit" $group --help | sed -n "s/^  \($group [a-z-]*\) .*/\1/p" | tr '\n' ' ')"
done
check_fails 'one that is none is told where to look' 'see pvkit flag --help' "$pvkit" flag frob
verbs >"$KTAP_TMP/verbs"
while read -r verb; do
	help=$KTAP_TMP/help
	# shellcheck disable=SC2086 # verb is two words
	"$pvkit" $verb --help >"$help"
	listed "$help" >"$KTAP_TMP/listed"
	mentioned "$help" >"$KTAP_TMP/mentioned"
	check_eq "$verb: every option that its help speaks of is in its list" '' \
		"$(missing "$KTAP_TMP/mentioned" "$KTAP_TMP/listed")"
	refused=
	while read -r option; do
		set -- "--$option"
		! with_value "$help" | grep -qx -e "$option" || set -- "$@" 1
		# shellcheck disable=SC2086
		! "$pvkit" $verb "$@" --no-such </dev/null 2>&1 | grep -q "unknown option --$option" ||
			refused="$refused $option"
	done <"$KTAP_TMP/listed"
	check_eq "$verb: every option of its list is taken" '' "$refused"
	# shellcheck disable=SC2086
	check_eq "pvkit help $verb: the same as --help" "$(cat "$help")" "$("$pvkit" help $verb)"
	page=$man/pvkit-$(echo "$verb" | tr ' ' -).1
	sed -n 's/^\.It Fl -\([a-z-]*\).*/\1/p' "$page" | sort -u >"$KTAP_TMP/page"
	check_eq "$verb: its page has the same options" "$(cat "$KTAP_TMP/listed")" \
		"$(cat "$KTAP_TMP/page")"
	check_eq "$verb: nothing of the page is wider than a terminal" '' \
		"$(rendered "$page" | grep '^.\{81\}' || true)"
done <"$KTAP_TMP/verbs"

# A value of cli_option() that no table has, or that no verb knows.
sed -n 's/^	\(OPT_[A-Z_]*\)[ ,=].*/\1/p' user/cli/verbs.h | sort -u >"$KTAP_TMP/declared"
grep -oh 'OPT_[A-Z_]*' user/cli/verbs.c | sort -u >"$KTAP_TMP/described"
find user/cli -maxdepth 1 -name '*.c' ! -name verbs.c -exec grep -oh 'OPT_[A-Z_]*' {} + |
	sort -u >"$KTAP_TMP/handled"
check_eq 'every option of a table is handled somewhere' '' \
	"$(missing "$KTAP_TMP/described" "$KTAP_TMP/handled")"
check_eq 'every option that is handled is in a table' OPT_HELP \
	"$(missing "$KTAP_TMP/handled" "$KTAP_TMP/described")"
check_eq 'and none is declared for nothing' OPT_HELP \
	"$(missing "$KTAP_TMP/declared" "$KTAP_TMP/described")"

# --- pvkitd -------------------------------------------------------------------------------

sed -n 's/^	{ "\([a-z-]*\)", [a-z]*_argument, .*/\1/p' user/daemon/config.c | sort -u \
	>"$KTAP_TMP/taken"
sed -n 's/^	{ "\([a-z-]*\)", required_argument, .*/\1/p' user/daemon/config.c |
	grep -v -x config | sort -u >"$KTAP_TMP/settings"
"$pvkitd" --help >"$KTAP_TMP/help"
mentioned "$KTAP_TMP/help" >"$KTAP_TMP/mentioned"
check 'pvkitd takes options' test -s "$KTAP_TMP/taken"
check_eq 'pvkitd: its help has what it takes' "$(cat "$KTAP_TMP/taken")" "$(cat "$KTAP_TMP/mentioned")"
sed -n '/^\.It/s/Fl -/\n--/gp' "$man/pvkitd.8" >"$KTAP_TMP/page"
check_eq 'so has its page' "$(cat "$KTAP_TMP/taken")" "$(mentioned "$KTAP_TMP/page")"
check_eq 'pvkitd.conf(5) has those that take a value' "$(cat "$KTAP_TMP/settings")" \
	"$(sed -n 's/^\.It Cm //p' "$man/pvkitd.conf.5" | sort)"

# --- all pages ------------------------------------------------------------------------------

find "$man" -type f | sort >"$KTAP_TMP/pages"
while read -r page; do
	name=${page##*/}
	check_eq "$name: mandoc has nothing to say" '' \
		"$(mandoc -T lint -W warning "$page" 2>&1 | sed "s:.*/::")"
	check_eq "$name: no mark-up of Markdown is left" '' \
		"$(rendered "$page" | grep -e '\*\*' -e '](' -e '|--' -e '^ *#' |
			grep -v '^ *# ' || true)"
	# A name in SEE ALSO that there is no page for.
	gone=
	sed -n 's/^\.Xr \([^ ]*\) \([0-9]\).*/\1.\2/p' "$page" >"$KTAP_TMP/xr"
	while read -r xr; do
		[ -e "$man/$xr" ] || gone="$gone $xr"
	done <"$KTAP_TMP/xr"
	check_eq "$name: what it points at is there" '' "$gone"
done <"$KTAP_TMP/pages"

# --- where they go -----------------------------------------------------------------------------

check 'make install-docs' make install-docs "DESTDIR=$KTAP_TMP/root" zshcompletiondir=/zsh
check_eq 'man pages, completion for bash and zsh: each where it belongs' \
	"usr/share/bash-completion/completions/pvkit
usr/share/man/man1/pvkit.1
usr/share/man/man4/pv_bootflag.4
usr/share/man/man4/pv_driver.4
usr/share/man/man4/pv_pivot.4
usr/share/man/man5/drivers.json.5
usr/share/man/man5/flags.conf.5
usr/share/man/man5/init.conf.5
usr/share/man/man5/update.conf.5
usr/share/man/man7/pv-ctrl.7
usr/share/man/man8/pvkitd.8
zsh/_pvkit" \
	"$(cd "$KTAP_TMP/root" && find . -type f ! -name 'pvkit-*' ! -name pvkitd.conf.5 | sed 's:./::' | sort)"
check 'they are made without a library of the target' sh -c \
	"! ldd '$BUILD/docs/doc' | grep -e libmnl -e libkmod"
finish
