// SPDX-License-Identifier: MIT
/*
 * pvkit reboot, pvkit blink, pvkit ping: pvkitd does it, for whom may
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "ctrl.h"
#include "ctrlwords.h"
#include "genl.h"
#include "json.h"

/* More than pvkitd takes for an answer: what it says of that is better than nothing. */
#define ANSWER_MS	10000
#define MODE_MS		(PVK_SET_TIMEOUT_MS + ANSWER_MS)

static int status_of(int http)
{
	switch (http) {
	case 403:
	case 409:
	case 429:
		return CLI_REFUSED;
	case 404:
		return CLI_NOT_FOUND;
	case 504:
		return CLI_TIMEOUT;
	default:
		return http >= 200 && http < 300 ? CLI_OK : CLI_FAILED;
	}
}

static int complain(const struct cli *cli, int http, const struct json_doc *doc)
{
	const struct json *error = doc ? json_get(json_root(doc), "Error") : NULL;
	const char *text = error ? json_cstr(error) : NULL;

	if (text)
		cli_complain(cli->verb->name, "%s", text);
	else
		cli_complain(cli->verb->name, "pvkitd answers with HTTP status %d", http);
	/* Of what is no answer of ours a good status says nothing. */
	return status_of(http) ? : CLI_FAILED;
}

/* *doc is the answer; NULL: it was printed already, or there is none. */
static int ask(const struct cli *cli, const char *socket, const char *method, const char *uri,
	       struct json_out *body, int ms, struct json_doc **doc)
{
	pvk_auto_free char *sent = NULL, *answered = NULL;
	struct pvk_err err = { .text = "" };
	struct pvk_ctrl_answer answer;
	int ret = body ? json_out_take(body, &sent, NULL) : 0;

	*doc = NULL;
	if (!ret)
		ret = pvk_ctrl_ask(socket, method, uri, sent, ms, &answer, &err);
	if (ret == -ECONNREFUSED) {
		cli_fail(cli->verb->name, ret, &err);
		return CLI_NO_DAEMON;
	}
	if (ret)
		return cli_fail(cli->verb->name, ret, &err);
	answered = answer.body;
	ret = json_parse_object(answered, strlen(answered), NULL, doc, NULL);
	if (ret || status_of(answer.status))
		ret = complain(cli, answer.status, *doc);
	else if (cli->json)
		puts(answered);
	if (!ret && !cli->json)
		return CLI_OK;
	json_free(*doc);
	*doc = NULL;
	return ret > 0 ? ret : ret ? CLI_FAILED : CLI_OK;
}

/* A member's text, safe to print. */
static const char *text_of(const struct json_doc *doc, const char *key, struct pvk_buf *buf)
{
	const struct json *value = json_get(json_root(doc), key);
	const char *text = value ? json_cstr(value) : NULL;

	cli_clean(buf, text ? : "?");
	return pvk_buf_str(buf);
}

static uint64_t number_of(const struct json_doc *doc, const char *key)
{
	const struct json *value = json_get(json_root(doc), key);
	uint64_t n = 0;

	if (value)
		json_uint64(value, &n);
	return n;
}

static int seconds(const struct cli *cli, const char *what, const char *text, uint64_t most,
		   uint64_t *to)
{
	if (cli_number(text, 1, most, to))
		return cli_usage(cli, "%s is 1 to %u seconds, not \"%s\"", what,
				 (unsigned int)most, text);
	return 0;
}

/* ---- reboot ---- */

static int reboot(struct cli *cli, const char *socket, const char *mode, uint64_t limit,
		  bool force)
{
	pvk_auto_buf struct pvk_buf by = PVK_BUF_INIT(256);
	json_auto_out struct json_out body = JSON_OUT_INIT(CLI_JSON_MAX);
	json_auto struct json_doc *doc = NULL;
	int status;

	json_out_object(&body);
	json_out_pair_str(&body, "mode", mode);
	json_out_pair_bool(&body, "force", force);
	json_out_pair_uint(&body, "timeout", limit);
	json_out_end(&body);
	status = ask(cli, socket, "PUT", "/control/reboot", &body, mode ? MODE_MS : ANSWER_MS,
		     &doc);
	if (!doc)
		return status;
	if (force)
		puts("reboots by force");
	else
		printf("reboots: %s is asked, and has %u s\n", text_of(doc, "by", &by),
		       (unsigned int)number_of(doc, "timeout"));
	return status;
}

int verb_reboot(struct cli *cli)
{
	const char *socket = NULL, *mode = NULL;
	uint64_t limit = CONTROL_LIMIT_S;
	int opt, status = CLI_OK;
	bool force = false;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		status = CLI_OK;
		if (opt == OPT_SOCKET)
			socket = optarg;
		else if (opt == OPT_MODE)
			mode = optarg;
		else if (opt == OPT_FORCE)
			force = true;
		else if (opt == OPT_LIMIT)
			status = seconds(cli, "--limit", optarg, CONTROL_LIMIT_MAX_S, &limit);
		if (status)
			return status;
	}
	if (optind != cli->argc)
		return cli_usage(cli, "takes no words");
	if (mode && !control_mode_ok(mode))
		return cli_usage(cli, "\"%s\" is no mode that there can be", mode);
	return reboot(cli, socket, mode, limit, force);
}

/* ---- blink ---- */

static int blink(struct cli *cli, const char *socket, const char *led, uint64_t n)
{
	pvk_auto_buf struct pvk_buf which = PVK_BUF_INIT(256);
	json_auto_out struct json_out body = JSON_OUT_INIT(CLI_JSON_MAX);
	json_auto struct json_doc *doc = NULL;
	int status;

	json_out_object(&body);
	json_out_pair_bool(&body, "on", n);
	json_out_pair_str(&body, "led", led);
	if (n)
		json_out_pair_uint(&body, "seconds", n);
	json_out_end(&body);
	status = ask(cli, socket, "PUT", "/control/blink", &body, ANSWER_MS, &doc);
	if (!doc)
		return status;
	if (n)
		printf("%s blinks for %u s\n", text_of(doc, "led", &which),
		       (unsigned int)number_of(doc, "seconds"));
	else
		printf("%s blinks no more\n", led ? text_of(doc, "led", &which) : "what blinked");
	return status;
}

int verb_blink(struct cli *cli)
{
	const char *socket = NULL, *led = NULL, *word;
	uint64_t n = CONTROL_BLINK_S;
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (opt == OPT_SOCKET)
			socket = optarg;
		else if (opt == OPT_LED)
			led = optarg;
	}
	if (cli->argc - optind > 1)
		return cli_usage(cli, "one word at most: on, off or seconds");
	word = optind < cli->argc ? cli->argv[optind] : "on";
	if (!strcmp(word, "off"))
		n = 0;
	else if (strcmp(word, "on") && seconds(cli, "a blink", word, CONTROL_BLINK_MAX_S, &n))
		return CLI_USAGE;
	if (led && !control_led_ok(led))
		return cli_usage(cli, "\"%s\" is no LED that there can be", led);
	return blink(cli, socket, led, n);
}

/* ---- ping ---- */

int verb_ping(struct cli *cli)
{
	pvk_auto_buf struct pvk_buf id = PVK_BUF_INIT(256);
	json_auto struct json_doc *doc = NULL;
	const char *socket = NULL, *uptime;
	int64_t begun = pvk_now_ms();
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		socket = optarg;
	}
	if (optind != cli->argc)
		return cli_usage(cli, "takes no words");
	status = ask(cli, socket, "GET", "/control/ping", NULL, ANSWER_MS, &doc);
	if (!doc)
		return status;
	uptime = json_get(json_root(doc), "uptime") ?
		json_number(json_get(json_root(doc), "uptime")) : NULL;
	printf("up %s s, boot %s, answered in %d ms\n", uptime ? : "?",
	       text_of(doc, "boot_id", &id), (int)(pvk_now_ms() - begun));
	return status;
}
