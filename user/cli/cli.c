// SPDX-License-Identifier: MIT
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "cli.h"

static bool to_syslog;

void cli_use_syslog(void)
{
	openlog("pvkit", LOG_PID, LOG_DAEMON);
	to_syslog = true;
}

int cli_status(int code)
{
	switch (code) {
	case 0:
		return CLI_OK;
	case -ENOENT:
	case -ESRCH:
		return CLI_NOT_FOUND;
	case -EPERM:
	case -EACCES:
	case -EBUSY:
	case -EEXIST:
		return CLI_REFUSED;
	case -ETIMEDOUT:
		return CLI_TIMEOUT;
	default:
		return CLI_FAILED;
	}
}

int cli_outcome_status(int code, const struct pvk_outcome *outcome)
{
	if (!outcome->seq || !code || code == -ETIMEDOUT)
		return cli_status(code);
	return CLI_FAILED;
}

void cli_clean(struct pvk_buf *buf, const char *text)
{
	size_t left = strlen(text), len;

	for (; left; text += len, left -= len) {
		len = pvk_utf8_print(text, left);
		if (!len) {
			len = 1;
			pvk_buf_printf(buf, "\\x%02x", (unsigned char)*text);
		} else {
			pvk_buf_add(buf, text, len);
		}
	}
}

static void complain(const char *what, const char *text)
{
	pvk_auto_buf struct pvk_buf line = PVK_BUF_INIT(4096);
	size_t len = what ? strlen(what) : 0;

	/* The kernel's text may name it already. */
	if (len && strncmp(text, what, len) == 0 && text[len] == ':')
		len = 0;
	if (len) {
		cli_clean(&line, what);
		pvk_buf_puts(&line, ": ");
	}
	cli_clean(&line, text);
	fflush(stdout);
	fprintf(stderr, "pvkit: %s\n", pvk_buf_str(&line));
	if (to_syslog)
		syslog(LOG_ERR, "%s", pvk_buf_str(&line));
}

void cli_complain(const char *what, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	complain(what, text);
}

int cli_fail(const char *what, int code, const struct pvk_err *err)
{
	complain(what, err && err->text[0] ? err->text : strerror(-code));
	return cli_status(code);
}

void cli_warnings(const char *what, const struct pvk_texts *warnings)
{
	size_t i;

	for (i = 0; i < warnings->count; i++)
		cli_complain(what, "warning: %s", warnings->item[i]);
}

int cli_open(struct cli *cli, const struct pvk_drv_ops *ops, void *arg)
{
	struct pvk_err err = { 0 };
	int ret = pvk_drv_open(&cli->drv, ops, arg, &err);

	if (!ret)
		return 0;
	cli_fail(NULL, ret, &err);
	return ret == -ENOENT ? CLI_NO_KERNEL : cli_status(ret);
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cli_complain(cli->verb->name, "%s (see pvkit %s --help)", text, cli->verb->name);
	return CLI_USAGE;
}

/* Where the texts of options begin. */
#define HELP_INDENT	19

static void print_option(const char *name, const char *arg, const char *help)
{
	int len = printf("  --%s%s%s", name, arg ? " " : "", arg ? arg : "");
	const char *end;

	if (len >= HELP_INDENT) {
		putchar('\n');
		len = 0;
	}
	for (; ; help = end + 1, len = 0) {
		end = strchrnul(help, '\n');
		printf("%*s%.*s\n", HELP_INDENT - len, "", (int)(end - help), help);
		if (!*end)
			return;
	}
}

void cli_help(const struct cli_verb *verb)
{
	const struct cli_exit *exit;
	const struct cli_opt *opt;

	printf("Usage: pvkit %s%s%s\n\n%s\n%s%s\n", verb->name, verb->args[0] ? " " : "",
	       verb->args, verb->brief, verb->text ? "\n" : "", verb->text ? verb->text : "");
	for (opt = verb->options; opt->name; opt++)
		print_option(opt->name, opt->arg, opt->help);
	print_option("help", NULL, "this text");
	if (!verb->exits)
		return;
	puts("\nExit status:");
	for (exit = verb->exits; exit->text; exit++)
		printf("  %d  %s\n", exit->status, exit->text);
}

/* The verb's options as getopt_long() wants them; false if they are too many. */
static bool options_of(const struct cli_verb *verb, struct option *options, size_t max)
{
	const struct cli_opt *opt;

	for (opt = verb->options; opt->name; opt++) {
		if (!--max)
			return false;
		*options++ = (struct option){
			.name = opt->name,
			.has_arg = opt->arg ? required_argument : no_argument,
			.val = opt->val,
		};
	}
	if (!--max)
		return false;
	*options++ = (struct option){ .name = "help", .val = OPT_HELP };
	*options = (struct option){ 0 };
	return true;
}

int cli_option(struct cli *cli, int *status)
{
	struct option options[CLI_OPTIONS_MAX];
	int opt;

	*status = CLI_FAILED;
	if (!options_of(cli->verb, options, PVK_ARRAY_SIZE(options)))
		return CLI_EXIT;
	opterr = 0;
	do {
		opt = getopt_long(cli->argc, cli->argv, ":h", options, NULL);
		cli->json |= opt == OPT_JSON;
	} while (opt == OPT_JSON);
	switch (opt) {
	case -1:
		return CLI_END;
	case OPT_HELP:
		cli_help(cli->verb);
		*status = CLI_OK;
		return CLI_EXIT;
	case ':':
		*status = cli_usage(cli, "%s wants a value", cli->argv[optind - 1]);
		return CLI_EXIT;
	case '?':
		*status = cli_usage(cli, "unknown option %s", cli->argv[optind - 1]);
		return CLI_EXIT;
	default:
		return opt;
	}
}

int cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	char *end;

	/* strtoull() takes signs and blanks. */
	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno || *end || *value < min || *value > max ? -EINVAL : 0;
}

int cli_timeout(const struct cli *cli, const char *text, uint32_t *ms)
{
	uint64_t seconds;

	if (cli_number(text, 1, CLI_TIMEOUT_MAX, &seconds))
		return cli_usage(cli, "--timeout is 1 to %d seconds, not \"%s\"",
				 CLI_TIMEOUT_MAX, text);
	*ms = (uint32_t)seconds * 1000;
	return 0;
}

int cli_print_json(struct json_out *out)
{
	pvk_auto_free char *text = NULL;
	int ret = json_out_take(out, &text, NULL);

	if (ret) {
		cli_complain(NULL, "cannot write the answer: %s", strerror(-ret));
		return CLI_FAILED;
	}
	puts(text);
	return CLI_OK;
}

bool cli_begin_list(const struct cli *cli, bool torn, struct json_out *out)
{
	if (torn)
		cli_complain(NULL, "warning: states changed while they were read");
	if (!cli->json)
		return false;
	json_out_init(out, CLI_JSON_MAX);
	json_out_array(out);
	return true;
}

int cli_end_list(struct json_out *out)
{
	json_out_end(out);
	return cli_print_json(out);
}

void cli_json_outcome(struct json_out *out, const char *what, int code,
		      const struct pvk_outcome *outcome, const struct pvk_err *err)
{
	size_t i;

	json_out_pair_str(out, "name", what);
	json_out_pair_bool(out, "ok", !code);
	/* Without a sequence number it was refused, and nothing is known of it. */
	if (outcome->seq && outcome->alias[0])
		json_out_pair_str(out, "state", pvk_state_name(outcome->state));
	json_out_pair_int(out, "errno", -code);
	json_out_pair_str(out, "error", code ? err->text : NULL);
	json_out_key(out, "warnings");
	json_out_array(out);
	for (i = 0; i < outcome->warnings.count; i++)
		json_out_str(out, outcome->warnings.item[i]);
	json_out_end(out);
}
