// SPDX-License-Identifier: MIT
#include <string.h>

#include "doc.h"
#include "util.h"

/* --- bash ------------------------------------------------------------------ */

static const char bash_head[] =
	"# bash completion for pvkit and pvkitd. Made when pvkit was built.\n"
	"\n"
	"# The first column of a table.\n"
	"_pvkit_column()\n"
	"{\n"
	"	command pvkit \"$@\" 2>/dev/null </dev/null | sed -n '1d;s/^\\([^ ][^ ]*\\).*/\\1/p'\n"
	"}\n"
	"\n"
	"# _pvkit_offer CUR WORDS: what CUR may become; WORDS as in a verb's table.\n"
	"# _pvkit_before is what of the word is settled.\n"
	"_pvkit_offer()\n"
	"{\n"
	"	local cur=$1 kind words=''\n"
	"	for kind in $2; do\n"
	"		case $kind in\n"
	"		@alias) words+=\" $(_pvkit_column drivers list)\" ;;\n"
	"		@aliases)\n"
	"			words+=\" $(_pvkit_column drivers list)\"\n"
	"			if [[ $cur == *,* ]]; then\n"
	"				_pvkit_before+=${cur%,*},\n"
	"				cur=${cur##*,}\n"
	"			fi\n"
	"			;;\n"
	"		@store) words+=\" $(_pvkit_column flag list)\" ;;\n"
	"		@container) words+=\" $(_pvkit_column container list)\" ;;\n"
	"		@file)\n"
	"			compopt -o filenames 2>/dev/null\n"
	"			mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- \"$cur\")\n"
	"			;;\n"
	"		@dir)\n"
	"			compopt -o filenames 2>/dev/null\n"
	"			mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -d -- \"$cur\")\n"
	"			;;\n"
	"		*) words+=\" $kind\" ;;\n"
	"		esac\n"
	"	done\n"
	"	mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	"	COMPREPLY=(\"${COMPREPLY[@]/#/$_pvkit_before}\")\n"
	"}\n"
	"\n"
	"# _pvkit_knows VERB: its options (those with a value end in =) and words\n"
	"_pvkit_knows()\n"
	"{\n"
	"	case $1 in\n";

static const char bash_tail[] =
	"	*) return 1 ;;\n"
	"	esac\n"
	"}\n"
	"\n"
	"# readline cuts words at : and =, aliases have the one and options the other.\n"
	"_pvkit_uncut()\n"
	"{\n"
	"	local cut=$1 i\n"
	"	[[ $cut == *[:=]* ]] || return 0\n"
	"	for ((i = ${#cut} - 1; i >= 0; i--)); do\n"
	"		if [[ ${cut:i:1} == [:=] && $COMP_WORDBREAKS == *\"${cut:i:1}\"* ]]; then\n"
	"			COMPREPLY=(\"${COMPREPLY[@]#\"${cut:0:i+1}\"}\")\n"
	"			return 0\n"
	"		fi\n"
	"	done\n"
	"}\n"
	"\n"
	"_pvkit()\n"
	"{\n"
	"	local line=${COMP_LINE:0:COMP_POINT} words cur prev verb='' opt\n"
	"	local _pvkit_opts _pvkit_words _pvkit_values _pvkit_before=\n"
	"	COMPREPLY=()\n"
	"	read -r -a words <<<\"$line\"\n"
	"	[[ $line == *[[:blank:]] ]] && words+=('')\n"
	"	words=(\"${words[@]:1}\")\n"
	"	[[ ${words[0]-} == help && ${#words[@]} -gt 1 ]] && words=(\"${words[@]:1}\")\n"
	"	cur=${words[-1]-}\n"
	"	prev=\n"
	"	[ \"${#words[@]}\" -lt 2 ] || prev=${words[-2]}\n"
	"	if [ \"${#words[@]}\" -le 1 ]; then\n"
	"		_pvkit_offer \"$cur\" \"$_pvkit_first help --help --version\"\n"
	"		return\n"
	"	fi\n"
	"	if _pvkit_knows \"${words[0]}\"; then\n"
	"		verb=${words[0]}\n"
	"	elif [ \"${#words[@]}\" = 2 ]; then\n"
	"		_pvkit_second \"${words[0]}\" && _pvkit_offer \"$cur\" \"$_pvkit_words\"\n"
	"		return\n"
	"	elif _pvkit_knows \"${words[0]} ${words[1]}\"; then\n"
	"		verb=\"${words[0]} ${words[1]}\"\n"
	"	else\n"
	"		return\n"
	"	fi\n"
	"	if [[ $cur == --*=* ]]; then\n"
	"		prev=${cur%%=*}\n"
	"		_pvkit_before=$prev=\n"
	"	fi\n"
	"	for opt in $_pvkit_opts; do\n"
	"		[ \"$opt\" = \"$prev=\" ] || continue\n"
	"		_pvkit_value \"$verb\" \"$prev\"\n"
	"		_pvkit_offer \"${cur#\"$_pvkit_before\"}\" \"$_pvkit_values\"\n"
	"		_pvkit_uncut \"$cur\"\n"
	"		return\n"
	"	done\n"
	"	if [[ $cur == -* ]]; then\n"
	"		_pvkit_offer \"$cur\" \"${_pvkit_opts//=/}\"\n"
	"	else\n"
	"		_pvkit_offer \"$cur\" \"$_pvkit_words\"\n"
	"	fi\n"
	"	_pvkit_uncut \"$cur\"\n"
	"}\n"
	"complete -F _pvkit pvkit\n"
	"\n"
	"_pvkitd()\n"
	"{\n"
	"	local prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"	local cur=${COMP_WORDS[COMP_CWORD]}\n"
	"	local _pvkit_before=\n"
	"	COMPREPLY=()\n"
	"	case $prev in\n"
	"	--root | --config | --modules | --state | --device-tree) _pvkit_offer \"$cur\" @dir ;;\n"
	"	--socket) _pvkit_offer \"$cur\" @file ;;\n"
	"	*) _pvkit_offer \"$cur\" \"$(command pvkitd --help 2>/dev/null |\n"
	"		sed -n 's/^  --/--/; s/  .*//; /^--/p' | grep -o -- '--[a-z-]*')\" ;;\n"
	"	esac\n"
	"}\n"
	"complete -F _pvkitd pvkitd\n";

static bool first_of_group(size_t i, size_t *len)
{
	const char *name = cli_verbs[i].name;

	*len = strcspn(name, " ");
	while (i--)
		if (!strncmp(cli_verbs[i].name, name, *len) &&
		    (cli_verbs[i].name[*len] == ' ' || !cli_verbs[i].name[*len]))
			return false;
	return true;
}

static void bash_verbs(FILE *out)
{
	size_t i, k, len;

	fputs("_pvkit_first='", out);
	for (i = 0; i < cli_verbs_count; i++)
		if (first_of_group(i, &len))
			fprintf(out, "%s%.*s", i ? " " : "", (int)len, cli_verbs[i].name);
	fputs("'\n\n# _pvkit_second WORD: what may follow it\n_pvkit_second()\n{\n"
	      "\tcase $1 in\n", out);
	for (i = 0; i < cli_verbs_count; i++) {
		if (!first_of_group(i, &len) || !cli_verbs[i].name[len])
			continue;
		fprintf(out, "\t%.*s) _pvkit_words='", (int)len, cli_verbs[i].name);
		for (k = i; k < cli_verbs_count; k++)
			if (!strncmp(cli_verbs[k].name, cli_verbs[i].name, len + 1))
				fprintf(out, "%s%s", k == i ? "" : " ",
					cli_verbs[k].name + len + 1);
		fputs("' ;;\n", out);
	}
	fputs("\t*) return 1 ;;\n\tesac\n}\n\n", out);
}

/* _pvkit_value VERB OPTION: what its value may be */
static void bash_values(FILE *out)
{
	const struct cli_opt *opt;
	size_t i;

	fputs("\n# _pvkit_value VERB OPTION: what its value may be\n_pvkit_value()\n{\n"
	      "\t_pvkit_values=\n\tcase \"$1 $2\" in\n", out);
	for (i = 0; i < cli_verbs_count; i++)
		for (opt = cli_verbs[i].options; opt->name; opt++)
			if (opt->words)
				fprintf(out, "\t'%s --%s') _pvkit_values='%s' ;;\n",
					cli_verbs[i].name, opt->name, opt->words);
	fputs("\tesac\n}\n\n", out);
}

void complete_bash(FILE *out)
{
	const char *middle = strstr(bash_tail, "# readline");
	const struct cli_opt *opt;
	size_t i;

	fputs(bash_head, out);
	for (i = 0; i < cli_verbs_count; i++) {
		fprintf(out, "\t'%s')\n\t\t_pvkit_opts='", cli_verbs[i].name);
		for (opt = cli_verbs[i].options; opt->name; opt++)
			fprintf(out, "--%s%s ", opt->name, opt->arg ? "=" : "");
		fprintf(out, "--help'\n\t\t_pvkit_words='%s'\n\t\t;;\n",
			cli_verbs[i].words ? cli_verbs[i].words : "");
	}
	fwrite(bash_tail, 1, (size_t)(middle - bash_tail), out);
	bash_verbs(out);
	bash_values(out);
	fputs(middle, out);
}

/* --- zsh ------------------------------------------------------------------- */

static const char zsh_head[] =
	"#compdef pvkit\n"
	"# zsh completion for pvkit. Made when pvkit was built.\n"
	"\n"
	"# _pvkit_names TAG WORD...: the first column of what pvkit WORD... prints\n"
	"_pvkit_names() {\n"
	"  local tag=$1 expl\n"
	"  local -a names\n"
	"  shift\n"
	"  names=(${(f)\"$(command pvkit \"$@\" 2>/dev/null </dev/null |\n"
	"    sed -n '1d;s/^\\([^ ][^ ]*\\).*/\\1/p')\"})\n"
	"  _wanted $tag expl ${tag%s} compadd -a names\n"
	"}\n"
	"_pvkit_alias() { _pvkit_names managed-drivers drivers list }\n"
	"_pvkit_container() { _pvkit_names containers container list }\n"
	"_pvkit_store() { _pvkit_names stores flag list }\n"
	"_pvkit_aliases() { compset -P '*,'; compset -S ',*'; _pvkit_alias }\n"
	"_pvkit_file_or_alias() { _alternative 'a:alias:_pvkit_alias' 'f:file:_files' }\n"
	"\n";

static const char zsh_tail[] =
	"_pvkit() {\n"
	"  local curcontext=$curcontext first\n"
	"  [[ $words[2] == help ]] && words=($words[1] \"${(@)words[3,-1]}\") && (( CURRENT-- ))\n"
	"  if (( CURRENT == 2 )); then\n"
	"    _pvkit_first\n"
	"  elif (( CURRENT == 3 )) && (( $+functions[_pvkit_in_$words[2]] )); then\n"
	"    _pvkit_in_$words[2]\n"
	"  else\n"
	"    first=$words[2]\n"
	"    if (( $+functions[_pvkit_in_$first] )); then\n"
	"      first=\"$words[2] $words[3]\"\n"
	"      words=($words[1] \"${(@)words[4,-1]}\")\n"
	"      (( CURRENT -= 2 ))\n"
	"    else\n"
	"      shift words\n"
	"      (( CURRENT -= 1 ))\n"
	"    fi\n"
	"    _pvkit_verb $first\n"
	"  fi\n"
	"}\n"
	"\n"
	"_pvkit \"$@\"\n";

/* In a description between single quotes: [ ] : are _arguments' own. */
static void zsh_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			putc(' ', out);
		else if (*text == '\'')
			fputs("'\\''", out);
		else if (strchr("[]:\\", *text))
			fprintf(out, "\\%c", *text);
		else
			putc(*text, out);
	}
}

/* What fills in a value, in the words of _arguments. */
static void zsh_action(FILE *out, const char *words)
{
	static const struct {
		const char *words, *action;
	} known[] = {
		{ "@alias", "_pvkit_alias" }, { "@aliases", "_pvkit_aliases" },
		{ "@container", "_pvkit_container" }, { "@store", "_pvkit_store" },
		{ "@file", "_files" }, { "@dir", "_files -/" },
		{ "@file @alias", "_pvkit_file_or_alias" },
	};
	size_t i;

	for (i = 0; words && i < PVK_ARRAY_SIZE(known); i++)
		if (!strcmp(words, known[i].words)) {
			fputs(known[i].action, out);
			return;
		}
	if (words)
		fprintf(out, "(%s)", words);
	else
		putc(' ', out);
}

static void zsh_verb(FILE *out, const struct cli_verb *verb)
{
	const struct cli_opt *opt;

	fprintf(out, "  '%s')\n    _arguments", verb->name);
	for (opt = verb->options; opt->name; opt++) {
		fprintf(out, " \\\n      '--%s%s[", opt->name, opt->arg ? "=" : "");
		zsh_text(out, opt->help);
		putc(']', out);
		if (opt->arg) {
			putc(':', out);
			zsh_text(out, opt->arg);
			putc(':', out);
			zsh_action(out, opt->words);
		}
		putc('\'', out);
	}
	fputs(" \\\n      '--help[say more]'", out);
	/* Without that a word would be the end of the options. */
	fputs(" \\\n      '*: :", out);
	zsh_action(out, verb->words);
	fputs("'\n    ;;\n", out);
}

/* NAME 'verb:brief' ...: a function that offers these */
static void zsh_describe(FILE *out, const char *function, const char *group)
{
	size_t i, len = 0, skip = group ? strlen(group) + 1 : 0;

	fprintf(out, "%s() {\n  local -a verbs\n  verbs=(\n", function);
	for (i = 0; i < cli_verbs_count; i++) {
		const struct cli_verb *verb = &cli_verbs[i];

		if (group && (strncmp(verb->name, group, skip - 1) != 0 ||
			      verb->name[skip - 1] != ' '))
			continue;
		if (!group && !first_of_group(i, &len))
			continue;
		fputs("    '", out);
		if (group) {
			fprintf(out, "%s:", verb->name + skip);
			zsh_text(out, verb->brief);
		} else {
			fprintf(out, "%.*s", (int)len, verb->name);
			if (!verb->name[len]) {
				putc(':', out);
				zsh_text(out, verb->brief);
			}
		}
		fputs("'\n", out);
	}
	if (!group)
		fputs("    'help:Says more of a verb.'\n", out);
	fputs("  )\n  _describe verb verbs\n}\n\n", out);
}

void complete_zsh(FILE *out)
{
	char group[32], function[64];
	size_t i, len;

	fputs(zsh_head, out);
	zsh_describe(out, "_pvkit_first", NULL);
	for (i = 0; i < cli_verbs_count; i++) {
		if (!first_of_group(i, &len) || !cli_verbs[i].name[len])
			continue;
		snprintf(group, sizeof(group), "%.*s", (int)len, cli_verbs[i].name);
		snprintf(function, sizeof(function), "_pvkit_in_%s", group);
		zsh_describe(out, function, group);
	}
	fputs("_pvkit_verb() {\n  case \"$*\" in\n", out);
	for (i = 0; i < cli_verbs_count; i++)
		zsh_verb(out, &cli_verbs[i]);
	fputs("  esac\n}\n\n", out);
	fputs(zsh_tail, out);
}
