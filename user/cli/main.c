// SPDX-License-Identifier: MIT
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

static void help(FILE *to)
{
	const struct cli_exit *exit;
	size_t i;

	fprintf(to, "Usage: pvkit VERB [OPTION...] [WORD...]\n\n%s\n", cli_intro);
	for (i = 0; i < cli_verbs_count; i++)
		fprintf(to, "  %-16s %s\n", cli_verbs[i].name, cli_verbs[i].brief);
	fprintf(to, "\n  pvkit VERB --help or pvkit help VERB says more; pvkit --version.\n\n"
		"%s\nExit status:\n", cli_errors);
	for (exit = cli_exits; exit->text; exit++)
		fprintf(to, "  %d  %s\n", exit->status, exit->text);
}

/* Is it one of several verbs that begin with this word? */
static bool in_group(const struct cli_verb *verb, const char *word)
{
	size_t len = strlen(word);

	return !strncmp(verb->name, word, len) && verb->name[len] == ' ';
}

/* "flag" alone: what there is of that kind. False: nothing is. */
static bool help_group(const char *word)
{
	bool any = false;
	size_t i;

	for (i = 0; i < cli_verbs_count; i++) {
		if (!in_group(&cli_verbs[i], word))
			continue;
		if (!any)
			printf("Usage: pvkit %s VERB [OPTION...] [WORD...]\n\n", word);
		any = true;
		printf("  %-16s %s\n", cli_verbs[i].name, cli_verbs[i].brief);
	}
	if (any)
		printf("\n  pvkit %s VERB --help says more.\n", word);
	return any;
}

/* Words of the verb if argv begins with it, else 0. */
static int match(const struct cli_verb *verb, int argc, char **argv)
{
	const char *blank = strchr(verb->name, ' ');
	size_t len = blank ? (size_t)(blank - verb->name) : strlen(verb->name);

	if (argc < 2 || strlen(argv[1]) != len || memcmp(argv[1], verb->name, len) != 0)
		return 0;
	if (!blank)
		return 1;
	return argc > 2 && strcmp(argv[2], blank + 1) == 0 ? 2 : 0;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
	struct cli cli = { .verb = verb, .argc = argc, .argv = argv };
	int status = verb->fn(&cli);

	pvk_drv_close(cli.drv);
	pvk_bf_close(cli.bf);
	if (fflush(stdout) || ferror(stdout)) {
		cli_complain(NULL, "cannot write: %s", strerror(errno));
		return status ? status : CLI_FAILED;
	}
	return status;
}

/* The verb that argv begins with, and how many words that takes; or NULL. */
static const struct cli_verb *find(int argc, char **argv, int *words)
{
	size_t i;

	for (i = 0; i < cli_verbs_count; i++) {
		*words = match(&cli_verbs[i], argc, argv);
		if (*words)
			return &cli_verbs[i];
	}
	return NULL;
}

static int no_such_verb(int argc, char **argv)
{
	const char *group = "";
	size_t i;

	for (i = 0; i < cli_verbs_count; i++)
		if (in_group(&cli_verbs[i], argv[1]))
			group = argv[1];
	cli_complain(NULL, "%s%s%s: %s (see pvkit %s%s--help)", argv[1], argc > 2 ? " " : "",
		     argc > 2 ? argv[2] : "", argc == 2 && *group ? "wants a verb" : "no such verb",
		     group, *group ? " " : "");
	return CLI_USAGE;
}

/* argv[1] is "help". */
static int help_verb(int argc, char **argv)
{
	const struct cli_verb *verb;
	int words;

	if (argc < 3) {
		help(stdout);
		return CLI_OK;
	}
	verb = find(argc - 1, argv + 1, &words);
	if (!verb && argc == 3 && help_group(argv[2]))
		return CLI_OK;
	if (!verb)
		return no_such_verb(argc - 1, argv + 1);
	cli_help(verb);
	return CLI_OK;
}

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

int main(int argc, char **argv)
{
	const struct cli_verb *verb;
	int words;

	/* For the errno texts only: numbers and sorting stay as they are. */
	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		help(stderr);
		return CLI_USAGE;
	}
	verb = find(argc, argv, &words);
	if (verb)
		return run(verb, argc - words, argv + words);
	if (is_help(argv[1])) {
		help(stdout);
		return CLI_OK;
	}
	if (argc == 3 && is_help(argv[2]) && help_group(argv[1]))
		return CLI_OK;
	if (strcmp(argv[1], "help") == 0)
		return help_verb(argc, argv);
	if (strcmp(argv[1], "--version") == 0) {
		puts("pvkit " PVKIT_VERSION);
		return CLI_OK;
	}
	return no_such_verb(argc, argv);
}
