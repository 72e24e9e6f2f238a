#!/bin/sh
# SPDX-License-Identifier: MIT
# Completion of pvkit's command line in bash and zsh: verbs, options, aliases,
# containers, files.
. "${0%/*}/../lib/ktap.sh"

cd "$KTAP_TMP"
plan 33

# given a pvkit that lists drivers and containers, and files
mkdir bin files
cat >bin/pvkit <<'END'
#!/bin/sh
case $1 in
drivers)
	echo 'ALIAS      STATE     USERS  MODULE  FLAGS'
	echo 'wifi       loaded    app    iwlwifi live,ours'
	echo '                            iwlmvm  live'
	echo '  error: none of these words'
	echo 'wwan       unloaded  -      -       -'
	echo 'bt:uart.1  unloaded  -      -       -'
	;;
container)
	echo 'NAME     ROLES  CGROUP'
	echo 'gateway  mgmt   /gw'
	echo 'player   -      /p'
	;;
esac
END
cat >bin/pvkitd <<'END'
#!/bin/sh
printf '  --socket PATH   listen\n  --dtb NAME, --fitconfig NAME\n  --root DIR      --no-such\n'
END
chmod +x bin/pvkit bin/pvkitd
: >files/one.json
mkdir files/two
PATH=$KTAP_TMP/bin:$PATH

# bash_offers LINE: what bash would offer behind it
bash_offers() {
	# shellcheck disable=SC1003 # a quote among the characters that cut words
	bash --norc --noprofile -c '
		source "$1" || echo "no such file"
		COMP_WORDBREAKS=$'\'' \t\n"\'\''><=;|&(:'\''
		COMP_LINE=$2 COMP_POINT=${#2}
		read -r -a COMP_WORDS <<<"$2"
		[[ $2 == *" " ]] && COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		spec=$(complete -p "${COMP_WORDS[0]}")
		spec=${spec#*-F }
		"${spec%% *}" "${COMP_WORDS[0]}"
		printf "%s\n" "${COMPREPLY[@]}"' - "$BUILD/docs/pvkit.bash" "$1" | sort | paste -sd' '
}

# offers NAME LINE EXPECTED
offers() {
	check_eq "bash: $1" "$3" "$(bash_offers "$2")"
}

offers 'the first word' 'pvkit ' '--help --version addon blink container drivers flag help hook ping pivot reboot slot status union update'
offers 'some of it' 'pvkit d' 'drivers'
offers 'the second' 'pvkit container ' 'add list start stop'
offers 'behind help too' 'pvkit help drivers l' 'list load'
offers 'nothing behind what is no verb' 'pvkit bogus x' ''
offers 'aliases, the first column and no more' 'pvkit drivers load ' 'bt:uart.1 wifi wwan'
offers 'some of them' 'pvkit drivers unload w' 'wifi wwan'
offers 'every further one' 'pvkit drivers load wifi ww' 'wwan'
offers 'an alias with a colon: readline has the part before it already' \
	'pvkit drivers load bt:u' 'uart.1'
offers 'options' 'pvkit drivers load --' '--container --help --json --timeout'
offers 'a verb of one word has options too' 'pvkit status --j' '--json'
offers 'a container for --container' 'pvkit drivers list --container ' 'gateway player'
offers 'and behind =' 'pvkit drivers list --container=g' 'gateway'
offers 'nothing for a number' 'pvkit drivers load --timeout ' ''
offers 'containers for container stop' 'pvkit container stop p' 'player'
offers 'aliases between commas' 'pvkit container add x --required wifi,w' 'wifi,wifi wifi,wwan'
offers 'words that are fixed' 'pvkit hook oci ' 'createRuntime poststop'
offers 'a role' 'pvkit container add x --role ' 'mgmt'
offers 'files' 'pvkit container add x --run-json files/' 'files/one.json files/two'
offers 'directories' 'pvkit hook oci --root files/' 'files/two'
offers 'files and aliases' 'pvkit drivers check w' 'wifi wwan'
offers 'options of pvkitd, from its help' 'pvkitd --' '--dtb --fitconfig --root --socket'
offers 'a directory for one' 'pvkitd --root files/' 'files/two'

# zsh: what a line becomes when Tab is pressed
zsh_tab() {
	python3 "$KTAP_DIR/zsh_tab.py" "$BUILD/docs" "$@"
}

# shellcheck disable=SC2016 # a name of zsh's
check_eq 'zsh: the function loads' loaded \
	"$(zsh -f -c "fpath=($BUILD/docs \$fpath); autoload -Uz compinit; compinit -D -u
		[ \"\$_comps[pvkit]\" = _pvkit ] && autoload +X -Uz _pvkit && echo loaded")"
becomes() {
	check_eq "zsh: $1" "$3" "$(zsh_tab "$2")"
}
becomes 'the first word' 'pvkit dr' 'pvkit drivers '
becomes 'the second' 'pvkit drivers unl' 'pvkit drivers unload '
becomes 'an alias' 'pvkit drivers load wi' 'pvkit drivers load wifi '
becomes 'an option' 'pvkit drivers load --t' 'pvkit drivers load --timeout='
becomes 'a container' 'pvkit drivers list --container=g' 'pvkit drivers list --container=gateway '
becomes 'a fixed word behind an option' 'pvkit hook oci --root files/two cr' \
	'pvkit hook oci --root files/two createRuntime '
becomes 'the second of two between commas' 'pvkit container add x --required wifi,ww' \
	'pvkit container add x --required wifi,wwan '
becomes 'a file' 'pvkit container add x --run-json files/o' \
	'pvkit container add x --run-json files/one.json '
becomes 'behind help' 'pvkit help container li' 'pvkit help container list '
finish
