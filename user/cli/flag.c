// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flag.h"

int flag_option(struct flag *flag, int opt)
{
	switch (opt) {
	case OPT_CONFIG:
		flag->config = optarg;
		return 0;
	case OPT_STORE:
		flag->store = optarg;
		return 0;
	case OPT_TIMEOUT:
		return cli_timeout(flag->cli, optarg, &flag->timeout_ms);
	default:
		return 0;
	}
}

int flag_open_kernel(struct cli *cli, const struct pvk_bf_ops *ops, void *arg)
{
	struct pvk_err err = { .text = "" };
	int ret = pvk_bf_open(&cli->bf, ops, arg, &err);

	if (!ret)
		return CLI_OK;
	cli_fail(NULL, ret, &err);
	return ret == -ENOENT ? CLI_NO_KERNEL : cli_status(ret);
}

/* Reads the configuration and connects to the kernel: 0 or an exit status. */
static int open_all(struct flag *flag)
{
	struct pvk_err err = { .text = "" };
	int ret;

	ret = pvk_flagconf_read(&flag->conf, flag->config, &err);
	if (ret)
		return cli_fail(NULL, ret, &err);
	ret = pvk_bf_open(&flag->cli->bf, NULL, NULL, &err);
	flag->no_kernel = ret == -ENOENT;
	return ret && !flag->no_kernel ? cli_fail(NULL, ret, &err) : 0;
}

static int read_all(struct flag *flag)
{
	struct pvk_err err = { .text = "" };
	int ret;

	pvk_flagsources_free(&flag->list);
	ret = pvk_flagsources_read(&flag->list, &flag->conf, flag->cli->bf, &err);
	return ret ? cli_fail(NULL, ret, &err) : 0;
}

int flag_load(struct flag *flag)
{
	int status = open_all(flag);

	return status ? status : read_all(flag);
}

int flag_load_picked(struct flag *flag)
{
	struct pvk_err err = { .text = "" };
	int ret, status = open_all(flag);

	if (status)
		return status;
	if (!flag->store || !flag->cli->bf || pvk_flagsource_reserved(flag->store))
		return read_all(flag);
	ret = pvk_flagsources_read_store(&flag->list, flag->cli->bf, flag->store, &err);
	return ret ? cli_fail(NULL, ret, &err) : 0;
}

void flag_free(struct flag *flag)
{
	pvk_flagsources_free(&flag->list);
}

#define NO_KERNEL	"pv_bootflag is not in the kernel (modprobe pv_bootflag)"

void flag_warn(const struct flag *flag)
{
	if (flag->no_kernel)
		cli_complain(NULL, "warning: " NO_KERNEL);
}

/* CLI_NO_KERNEL and a complaint if pv_bootflag is not there, else 0. */
static int needs_kernel(const struct flag *flag)
{
	if (!flag->no_kernel)
		return 0;
	cli_complain(NULL, NO_KERNEL);
	return CLI_NO_KERNEL;
}

int flag_fail(const char *what, int code, const struct pvk_err *err)
{
	int status = cli_fail(what, code, err);

	switch (code) {
	case -EROFS:		/* a source that is only read */
	case -EMEDIUMTYPE:	/* foreign */
	case -EBADMSG:		/* broken */
	case -EOPNOTSUPP:	/* it lacks a field */
	case -EINVAL:		/* it does not know the mode */
	case -EAGAIN:		/* somebody else has changed it */
	case -ENOSPC:		/* the value does not fit into this format */
		return CLI_REFUSED;
	default:
		return status;
	}
}

int flag_fail_json(const struct flag *flag, const char *what, int code,
		   const struct pvk_err *err)
{
	json_auto_out struct json_out out = { 0 };

	if (flag->cli->json) {
		json_out_init(&out, CLI_JSON_MAX);
		json_out_object(&out);
		json_out_pair_str(&out, "store", what);
		json_out_pair_bool(&out, "ok", false);
		json_out_pair_int(&out, "errno", -code);
		json_out_pair_str(&out, "errname", pvk_errno_name(-code));
		json_out_pair_str(&out, "error", err->text[0] ? err->text : strerror(-code));
		json_out_end(&out);
		cli_print_json(&out);
	}
	return flag_fail(what, code, err);
}

int flag_not_kernel(const char *name)
{
	cli_complain(name, "not a store of the kernel: it tells of no changes, "
		     "and is there or not by flags.conf");
	return CLI_REFUSED;
}

static int no_such(const struct flag *flag)
{
	if (flag->no_kernel && !pvk_flagsource_reserved(flag->store))
		return needs_kernel(flag);
	cli_complain(flag->store, "no such store");
	return CLI_NOT_FOUND;
}

/* Of a medium that has never been there the kernel can't say what it would hold. */
static void warn_passed_over(const struct flag *flag, const struct pvk_flagsource *picked)
{
	const struct pvk_flagsource *source;

	for (source = flag->list.item; source < picked; source++)
		if (source->writable && !source->store.offers &&
		    source->store.state == PV_BOOTFLAG_STATE_ABSENT)
			cli_complain(source->store.name, "warning: comes before %s, but its medium "
				     "is not there", picked->store.name);
}

struct pvk_flagsource *flag_pick(struct flag *flag, uint32_t fields, int *status)
{
	pvk_auto_buf struct pvk_buf names = PVK_BUF_INIT(256);
	struct pvk_flagsource *source;
	size_t i, writable = 0;

	if (flag->store) {
		source = pvk_flagsource_find(&flag->list, flag->store);
		*status = source ? CLI_OK : no_such(flag);
		return source;
	}
	source = pvk_flagsource_for(&flag->list, fields);
	if (source) {
		warn_passed_over(flag, source);
		return source;
	}
	for (i = 0; i < flag->list.count; i++) {
		if (!flag->list.item[i].writable)
			continue;
		writable++;
		source = &flag->list.item[i];
	}
	/* Of the only one it can be said what it lacks. */
	if (writable == 1)
		return source;
	*status = CLI_REFUSED;
	if (!writable && flag->no_kernel)
		*status = needs_kernel(flag);
	else if (!writable)
		cli_complain(NULL, "there is no store to write to (see pvkit flag add --help)");
	else
		cli_complain(NULL, "no store holds %s (see pvkit flag list)",
			     pvk_field_names(fields, &names));
	return NULL;
}

const char *flag_cell(const struct pvb_flags *flags, unsigned int field, char *text)
{
	return pvk_flags_text(flags, field, text)[0] ? text : "-";
}

void flag_json_fields(struct json_out *out, const char *key, const struct pvb_flags *flags)
{
	json_out_key(out, key);
	json_out_object(out);
	pvk_flags_json(out, flags);
	json_out_end(out);
}

void flag_json_names(struct json_out *out, const char *key, uint32_t fields)
{
	unsigned int field;

	json_out_key(out, key);
	json_out_array(out);
	for (field = 1; field < PVB_FIELDS; field++)
		if (fields & PVB_HAS(field))
			json_out_str(out, pvk_field_name(field));
	json_out_end(out);
}
