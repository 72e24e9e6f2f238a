// SPDX-License-Identifier: MIT
/*
 * drivers.json, run.json, src.json, OCI annotations and modparam.json: what a
 * board offers and a container names, and which words refuse a file.
 */
#include <errno.h>

#include "bsp.h"
#include "ktap.h"
#include "modparam.h"
#include "names.h"

static const struct pvk_selection plain;

#define SPEC	"\"#spec\": \"driver-aliases@1\""

static int parse(const char *text, const struct pvk_selection *sel, struct pvk_bsp *bsp,
		 struct pvk_list *warnings, struct pvk_err *err)
{
	return pvk_bsp_parse(text, strlen(text), sel, bsp, warnings, err);
}

/* "alias=line|line alias= ..." */
static void print_bsp(const struct pvk_bsp *bsp, struct pvk_buf *out)
{
	size_t i, j;

	for (i = 0; i < bsp->count; i++) {
		pvk_buf_printf(out, "%s%s=", i ? " " : "", bsp->alias[i].name);
		for (j = 0; j < bsp->alias[i].count; j++)
			pvk_buf_printf(out, "%s%s", j ? "|" : "", bsp->alias[i].line[j]);
	}
}

/* ---- drivers.json ---- */

static void test_documented(void)
{
	static const char text[] =
		"{ \"#spec\": \"driver-aliases@1\",\n"
		"  \"all\":     { \"bluetooth\": [\"hci_uart\", \"btintel\"],\n"
		"               \"wifi\":      [\"iwlwifi ${user-meta:drivers.iwlwifi.opts}\"] },\n"
		"  \"dtb:all\": {} }";
	pvk_auto_buf struct pvk_buf out = PVK_BUF_INIT(4096);
	pvk_auto_list struct pvk_list warnings = { 0 };
	pvk_auto_bsp struct pvk_bsp bsp = { 0 };

	ktap_eq(parse(text, &plain, &bsp, &warnings, NULL), 0, "the documented file is taken");
	print_bsp(&bsp, &out);
	ktap_str(pvk_buf_str(&out), "bluetooth=hci_uart|btintel "
		 "wifi=iwlwifi ${user-meta:drivers.iwlwifi.opts}",
		 "aliases and lines in their order, references untouched");
	ktap_eq(warnings.count, 0, "without a warning");
	ktap_check(pvk_bsp_find(&bsp, "wifi") && !pvk_bsp_find(&bsp, "wif"),
		   "an alias is found by its whole name");
	ktap_str(bsp.count ? bsp.alias[0].section : NULL, "all", "and knows its section");
}

/* Each section defines "x" as itself, and one alias of its own. */
static const char every_section[] =
	"{ " SPEC ",\n"
	"\"fitconfig:conf-1\": { \"x\": [\"fit1\"], \"only_fit1\": [\"m\"] },\n"
	"\"fitconfig:conf-2\": { \"x\": [\"fit2\"] },\n"
	"\"dtb:vendor,board\": { \"x\": [\"board\"], \"only_board\": [\"m\"] },\n"
	"\"dtb:vendor,soc\": { \"x\": [\"soc\"], \"only_soc\": [\"m\"] },\n"
	"\"dtb:vendor-board.dtb\": { \"x\": [\"file\"] },\n"
	"\"dtb:all\": { \"x\": [\"dtball\"], \"only_dtball\": [\"m\"] },\n"
	"\"all\": { \"first\": [], \"x\": [\"all\"], \"last\": [\"m\"] } }";

static void check_selection(const char *what, const struct pvk_selection *sel, const char *want)
{
	pvk_auto_buf struct pvk_buf out = PVK_BUF_INIT(4096);
	pvk_auto_bsp struct pvk_bsp bsp = { 0 };
	struct pvk_err err = { "" };

	if (parse(every_section, sel, &bsp, NULL, &err))
		ktap_print_value("error:", err.text);
	print_bsp(&bsp, &out);
	ktap_str(pvk_buf_str(&out), want, "%s", what);
}

static void test_sections(void)
{
	static const char *const compatible[] = { "vendor,board", "vendor,soc" };
	static const char *const reversed[] = { "vendor,soc", "vendor,board" };
	static const char *const file[] = { "vendor-board", "vendor,board" };
	static const char *const other[] = { "vendor,boar" };

	check_selection("no device tree: all", &plain, "first= x=all last=m");
	check_selection("a device tree: dtb:all wins over all",
			&(struct pvk_selection){ .dtb_any = true },
			"x=dtball only_dtball=m first= last=m");
	check_selection("a named device tree: it wins over dtb:all, the first name over the second",
			&(struct pvk_selection){ .dtb = compatible, .n_dtb = 2 },
			"x=board only_board=m only_soc=m only_dtball=m first= last=m");
	check_selection("the order of the names decides, not that of the sections",
			&(struct pvk_selection){ .dtb = reversed, .n_dtb = 2 },
			"x=soc only_board=m only_soc=m only_dtball=m first= last=m");
	check_selection("a dtb's name is the same with .dtb",
			&(struct pvk_selection){ .dtb = file, .n_dtb = 2 },
			"x=file only_board=m only_dtball=m first= last=m");
	check_selection("the beginning of a name is not the name",
			&(struct pvk_selection){ .dtb = other, .n_dtb = 1 },
			"x=dtball only_dtball=m first= last=m");
	check_selection("a FIT configuration wins over all",
			&(struct pvk_selection){ .dtb = compatible, .n_dtb = 2, .dtb_any = true,
						 .fitconfig = "conf-1" },
			"x=fit1 only_fit1=m only_board=m only_soc=m only_dtball=m first= last=m");
	check_selection("another FIT configuration",
			&(struct pvk_selection){ .fitconfig = "conf-2" },
			"x=fit2 first= last=m");
}

static const struct {
	const char *what;
	const char *text;
	int code;
	const char *error;
} refused[] = {
	{ "an empty file", "", -EBADMSG, "1:1: expected a value, got the end of the text" },
	{ "a file cut off", "{ " SPEC ", \"all\": { \"wifi\": [\"iwl", -EBADMSG,
	  "1:54: expected '\"' at the end of a string, got the end of the text" },
	{ "a trailing comma", "{ " SPEC ", \"all\": {}, }", -EBADMSG,
	  "1:41: a comma with nothing after it" },
	{ "an alias given twice in one section",
	  "{ " SPEC ", \"all\": { \"a\": [], \"a\": [] } }", -EEXIST,
	  "1:50: a key that this object has already" },
	{ "what is not UTF-8", "{ " SPEC ", \"all\": { \"a\": [\"m x=\xe9\"] } }", -EILSEQ,
	  "1:52: a byte that is not UTF-8" },
	{ "half a surrogate pair", "{ " SPEC ", \"all\": { \"a\": [\"m x=\\ud800\"] } }", -EILSEQ,
	  "1:52: a high surrogate without a low one after it" },
	{ "two specs", "{ " SPEC ", " SPEC " }", -EEXIST,
	  "1:32: a key that this object has already" },
	{ "an array", "[]", -EINVAL, "1:1: expected an object, got an array" },
	{ "no spec", "{ \"all\": {} }", -EINVAL,
	  "1:1: no \"#spec\", expected \"driver-aliases@1\"" },
	{ "a newer spec", "{ \"#spec\": \"driver-aliases@2\" }", -EINVAL,
	  "1:12: unknown \"#spec\" (driver-aliases@2), expected \"driver-aliases@1\"" },
	{ "a spec that is no string", "{ \"#spec\": 1 }", -EINVAL,
	  "1:12: unknown \"#spec\" (a number), expected \"driver-aliases@1\"" },
	{ "a section that is no object", "{ " SPEC ", \"all\": [] }", -EINVAL,
	  "1:39: section \"all\" is an array, expected an object" },
	{ "another board's section that is no object", "{ " SPEC ", \"dtb:x\": 1 }", -EINVAL,
	  "1:41: section \"dtb:x\" is a number, expected an object" },
	{ "an alias that is a string", "{ " SPEC ",\n\"all\": { \"wifi\": \"iwlwifi\" } }", -EINVAL,
	  "2:18: alias \"wifi\" is a string, expected an array" },
	{ "an alias that is an object", "{ " SPEC ",\n\"all\": { \"wifi\": {} } }", -EINVAL,
	  "2:18: alias \"wifi\" is an object, expected an array" },
	{ "a line that is no string", "{ " SPEC ",\n\"all\": { \"wifi\": [\"m\", 1] } }", -EINVAL,
	  "2:24: alias \"wifi\": a module line is a number" },
	{ "a line with a NUL", "{ " SPEC ",\n\"all\": { \"wifi\": [\"m\\u0000\"] } }", -EINVAL,
	  "2:19: alias \"wifi\": a module line is a string with a NUL" },
	{ "an empty line", "{ " SPEC ",\n\"all\": { \"wifi\": [\"\"] } }", -EINVAL,
	  "2:19: alias \"wifi\": no module is named" },
	{ "a path", "{ " SPEC ",\n\"all\": { \"wifi\": [\"../evil\"] } }", -EINVAL,
	  "2:19: alias \"wifi\": not a module name: \"../evil\"" },
	{ "a line with a newline", "{ " SPEC ",\n\"all\": { \"wifi\": [\"m\\nx\"] } }", -EINVAL,
	  "2:19: alias \"wifi\": holds a control character (0x0a)" },
	{ "an open reference", "{ " SPEC ",\n\"all\": { \"wifi\": [\"m ${user-meta:x\"] } }",
	  -EINVAL,
	  "2:19: alias \"wifi\": \"${user-meta:x\" has no closing \"}\"" },
	{ "an unknown namespace in another board's section",
	  "{ " SPEC ",\n\"dtb:x\": { \"wifi\": [\"m ${env:x}\"] } }", -EINVAL,
	  "2:21: alias \"wifi\": unknown namespace in \"${env:x}\"" },
	{ "a reserved alias", "{ " SPEC ",\n\"all\": { \"unload\": [] } }", -EINVAL,
	  "2:10: \"unload\" can't be an alias" },
	{ "an alias with a slash", "{ " SPEC ",\n\"all\": { \"a/b\": [] } }", -EINVAL,
	  "2:10: \"a/b\" can't be an alias" },
	{ "an alias that begins with a dot", "{ " SPEC ",\n\"all\": { \"..\": [] } }", -EINVAL,
	  "2:10: \"..\" can't be an alias" },
	{ "an empty alias", "{ " SPEC ",\n\"all\": { \"\": [] } }", -EINVAL,
	  "2:10: \"\" can't be an alias" },
	{ "an alias with a NUL", "{ " SPEC ",\n\"all\": { \"a\\u0000b\": [] } }", -EINVAL,
	  "2:10: \"a\" can't be an alias" },
};

/* What only size makes bad: depth objects inside each other, or a long string. */
static int parse_big(size_t depth, size_t length, struct pvk_err *err)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(32 * 1024 * 1024);
	pvk_auto_bsp struct pvk_bsp bsp = { 0 };
	size_t i;

	pvk_buf_puts(&text, "{ " SPEC ", \"all\": { \"a\": [\"");
	for (i = 0; i < length; i++)
		pvk_buf_putc(&text, 'x');
	pvk_buf_puts(&text, "\"] }, \"x\": ");
	for (i = 0; i < depth; i++)
		pvk_buf_puts(&text, "{\"a\":");
	pvk_buf_puts(&text, "1");
	for (i = 0; i < depth; i++)
		pvk_buf_puts(&text, "}");
	pvk_buf_puts(&text, " }");
	return pvk_bsp_parse(text.data, text.len, &plain, &bsp, NULL, err);
}

static void test_big(void)
{
	struct pvk_err err = { "" };

	ktap_eq(parse_big(10000, 1, &err), -E2BIG, "10,000 objects inside each other");
	ktap_check(strstr(err.text, "deep"), "the error says so: %s", err.text);
	ktap_eq(parse_big(0, 10 * 1024 * 1024, &err), -E2BIG, "10 MB");
	ktap_check(strstr(err.text, "too large"), "the error says so: %s", err.text);
	ktap_eq(parse_big(3, 1, &err), 0, "what is neither deep nor long is taken");
}

static void test_refused(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(refused); i++) {
		struct pvk_bsp bsp;
		struct pvk_err err = { "" };

		ktap_eq(parse(refused[i].text, &plain, &bsp, NULL, &err), refused[i].code,
			"%s is refused", refused[i].what);
		ktap_str(err.text, refused[i].error, "%s: the error says where and why",
			 refused[i].what);
		ktap_check(!bsp.alias && !bsp.count, "%s: nothing of it is kept", refused[i].what);
	}
}

static void test_unknown_section(void)
{
	static const char text[] = "{ " SPEC ", \"#comment\": 1, \"dtb\": 5, \"dtb:\": {},\n"
		"\"ALL\": {}, \"all\": { \"a\": [\"m\"] } }";
	pvk_auto_list struct pvk_list warnings = { 0 };
	pvk_auto_bsp struct pvk_bsp bsp = { 0 };

	ktap_eq(parse(text, &plain, &bsp, &warnings, NULL), 0, "unknown sections are read past");
	ktap_eq(warnings.count, 3, "each with a warning, but for keys that begin with '#'");
	ktap_str(warnings.count ? warnings.item[0] : NULL,
		 "1:47: unknown section \"dtb\" is ignored", "which says where");
	ktap_eq(bsp.count, 1, "and the known ones hold");
}

/* `aliases` aliases of `lines` lines each, in section `section`. */
static void add_section(struct pvk_buf *buf, const char *section, const char *prefix, int aliases,
			int lines)
{
	int i, j;

	pvk_buf_printf(buf, ", \"%s\": {", section);
	for (i = 0; i < aliases; i++) {
		pvk_buf_printf(buf, "%s\"%s%d\": [", i ? "," : "", prefix, i);
		for (j = 0; j < lines; j++)
			pvk_buf_puts(buf, j ? ",\"m\"" : "\"m\"");
		pvk_buf_putc(buf, ']');
	}
	pvk_buf_putc(buf, '}');
}

static int parse_sections(int all, int dtb, int lines, size_t *count, bool dtb_any)
{
	const struct pvk_selection sel = { .dtb_any = dtb_any };
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(PVK_BSP_BYTES_MAX);
	pvk_auto_bsp struct pvk_bsp bsp = { 0 };
	int ret;

	pvk_buf_puts(&buf, "{ " SPEC);
	add_section(&buf, "all", "a", all, lines);
	add_section(&buf, "dtb:all", "d", dtb, lines);
	pvk_buf_putc(&buf, '}');
	ret = parse(pvk_buf_str(&buf), &sel, &bsp, NULL, NULL);
	*count = bsp.count;
	return ret;
}

static void test_bsp_limits(void)
{
	char name[PVK_NAME_MAX + 2], text[256];
	struct pvk_bsp bsp;
	size_t count;

	ktap_eq(parse_sections(PVK_BSP_ALIASES_MAX, 0, 1, &count, true), 0, "1024 aliases");
	ktap_eq(count, PVK_BSP_ALIASES_MAX, "are all there");
	ktap_eq(parse_sections(PVK_BSP_ALIASES_MAX + 1, 0, 1, &count, true), -EINVAL,
		"one more is refused");
	ktap_eq(parse_sections(PVK_BSP_ALIASES_MAX, 1, 1, &count, true), -EINVAL,
		"so it is when it comes from another section");
	ktap_eq(parse_sections(1, PVK_BSP_ALIASES_MAX + 1, 1, &count, false), -EINVAL,
		"so is a section with more, of another board or not");
	ktap_eq(parse_sections(1, 0, PVK_BSP_LINES_MAX, &count, true), 0, "64 lines");
	ktap_eq(parse_sections(1, 0, PVK_BSP_LINES_MAX + 1, &count, true), -EINVAL,
		"one more is refused");

	memset(name, 'n', sizeof(name));
	name[PVK_NAME_MAX] = '\0';
	snprintf(text, sizeof(text), "{ " SPEC ", \"all\": { \"%s\": [] } }", name);
	ktap_eq(parse(text, &plain, &bsp, NULL, NULL), 0, "an alias of 63 bytes");
	pvk_bsp_free(&bsp);
	name[PVK_NAME_MAX] = 'n';
	name[PVK_NAME_MAX + 1] = '\0';
	snprintf(text, sizeof(text), "{ " SPEC ", \"all\": { \"%s\": [] } }", name);
	ktap_eq(parse(text, &plain, &bsp, NULL, NULL), -EINVAL, "of 64 is refused");
}

static void test_long_line(void)
{
	char text[PVK_MODLINE_MAX + 128], line[PVK_MODLINE_MAX + 2];
	struct pvk_bsp bsp;
	struct pvk_err err;

	memset(line, ' ', sizeof(line));
	line[0] = 'm';
	line[PVK_MODLINE_MAX] = '\0';
	snprintf(text, sizeof(text), "{ " SPEC ", \"all\": { \"a\": [\"%s\"] } }", line);
	ktap_eq(parse(text, &plain, &bsp, NULL, NULL), 0, "a line of 1024 bytes");
	pvk_bsp_free(&bsp);
	line[PVK_MODLINE_MAX] = ' ';
	line[PVK_MODLINE_MAX + 1] = '\0';
	snprintf(text, sizeof(text), "{ " SPEC ", \"all\": { \"a\": [\"%s\"] } }", line);
	ktap_eq(parse(text, &plain, &bsp, NULL, &err), -EINVAL, "of 1025 is refused");
	ktap_str(err.text, "1:47: alias \"a\": longer than 1024 bytes", "and says so");
}

/* ---- what a container names ---- */

typedef int (*names_fn)(const char *text, size_t len, struct pvk_names *names,
			struct pvk_list *warnings, struct pvk_err *err);

static int from_annotations(const char *text, size_t len, struct pvk_names *names,
			    struct pvk_list *warnings, struct pvk_err *err)
{
	json_auto struct json_doc *doc = NULL;
	struct json_error error;
	int ret = json_parse(text, len, NULL, &doc, &error);

	if (ret)
		return pvk_err_set(err, ret, "%s", error.text);
	return pvk_names_from_annotations(json_root(doc), names, warnings, err);
}

#define RUN	pvk_names_from_run_json
#define SRC	pvk_names_from_src_json
#define OCI	from_annotations

static const struct {
	const char *what;
	names_fn fn;
	const char *text;
	const char *names;	/* "R:required O:optional M:manual", " mgmt" */
	const char *warning;	/* the only one, or NULL */
} named[] = {
	{ "run.json without drivers and roles", RUN, "{}", "mgmt", NULL },
	{ "run.json as the reference has it", RUN,
	  "{ \"#spec\": \"service-manifest-run@1\", \"name\": \"awconnect\",\n"
	  "\"drivers\": { \"required\": [\"wifi\"], \"optional\": [\"bluetooth\"],\n"
	  "\"manual\": [] },\n"
	  "\"storage\": {} }", "R:wifi O:bluetooth mgmt", NULL },
	{ "lists in another order", RUN,
	  "{ \"drivers\": { \"manual\": [\"c\", \"b\"], \"required\": [\"a\"] } }",
	  "M:c M:b R:a mgmt", NULL },
	{ "the role", RUN, "{ \"roles\": [\"mgmt\"] }", "mgmt", NULL },
	{ "no role", RUN, "{ \"roles\": [] }", "", NULL },
	{ "another role", RUN, "{ \"roles\": [\"nobody\", \"mgmt\\u0000\"] }", "", NULL },
	{ "empty drivers", RUN, "{ \"drivers\": {}, \"roles\": [] }", "", NULL },
	{ "an unknown list", RUN, "{ \"drivers\": { \"requird\": [\"a\"] }, \"roles\": [] }", "",
	  "1:16: unknown key \"requird\" in \"drivers\"" },
	{ "a name twice", RUN,
	  "{ \"drivers\": { \"manual\": [\"a\", \"b\"], \"required\": [\"a\"] } }",
	  "R:a M:b mgmt", "1:51: \"a\" is named twice" },
	{ "a name twice, the lesser later", RUN,
	  "{ \"drivers\": { \"required\": [\"a\"], \"manual\": [\"a\"] } }",
	  "R:a mgmt", "1:46: \"a\" is named twice" },

	{ "src.json without args", SRC, "{ \"template\": \"x\" }", "mgmt", NULL },
	{ "src.json with arrays", SRC,
	  "{ \"args\": { \"PV_OTHER\": 1, \"PV_DRIVERS_REQUIRED\": [\"wifi\"],\n"
	  "\"PV_DRIVERS_OPTIONAL\": [\"a\", \"b\"], \"PV_DRIVERS_MANUAL\": [] } }",
	  "R:wifi O:a O:b mgmt", NULL },
	{ "src.json with strings", SRC,
	  "{ \"args\": { \"PV_DRIVERS_REQUIRED\": \"wifi, eth\",\n"
	  "\"PV_DRIVERS_MANUAL\": \"x y\" } }",
	  "R:wifi R:eth M:x M:y mgmt", NULL },

	{ "annotations of others", OCI, "{ \"org.other\": \"x\" }", "", NULL },
	{ "annotations", OCI,
	  "{ \"org.pvkit.drivers.required\": \"wifi,eth\",\n"
	  "\"org.pvkit.drivers.optional\": \"bt\",\n"
	  "\"org.pvkit.drivers.manual\": \" gps , ,can,\", \"org.pvkit.name\": \"n\" }",
	  "R:wifi R:eth O:bt M:gps M:can", NULL },
	{ "an empty annotation", OCI, "{ \"org.pvkit.drivers.required\": \"\" }", "", NULL },
	{ "no role by annotation", OCI, "{ \"org.pvkit.roles\": \"mgmt\" }", "", NULL },
};

static void print_names(const struct pvk_names *names, struct pvk_buf *out)
{
	size_t i;

	for (i = 0; i < names->count; i++)
		pvk_buf_printf(out, "%s%c:%s", i ? " " : "", "ROM"[names->named[i].want],
			       names->named[i].alias);
	if (names->mgmt)
		pvk_buf_printf(out, "%smgmt", names->count ? " " : "");
}

static void test_named(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(named); i++) {
		pvk_auto_buf struct pvk_buf out = PVK_BUF_INIT(4096);
		pvk_auto_list struct pvk_list warnings = { 0 };
		pvk_auto_names struct pvk_names names = { 0 };
		struct pvk_err err = { "" };

		if (!ktap_eq(named[i].fn(named[i].text, strlen(named[i].text), &names, &warnings,
					 &err), 0, "%s: taken", named[i].what))
			ktap_print_value("error:", err.text);
		print_names(&names, &out);
		ktap_str(pvk_buf_str(&out), named[i].names, "%s: the names in their order",
			 named[i].what);
		ktap_str(warnings.count ? warnings.item[0] : NULL, named[i].warning,
			 "%s: the warning", named[i].what);
	}
}

static const struct {
	const char *what;
	names_fn fn;
	const char *text;
	const char *error;
} not_named[] = {
	{ "run.json that is an array", RUN, "[]", "1:1: expected an object, got an array" },
	{ "drivers that are an array", RUN, "{ \"drivers\": [] }",
	  "1:14: \"drivers\" is an array, expected an object" },
	{ "a list that is a string", RUN, "{ \"drivers\": { \"required\": \"wifi\" } }",
	  "1:28: \"required\" is a string, expected an array" },
	{ "a name that is a number", RUN, "{ \"drivers\": { \"manual\": [1] } }",
	  "1:27: a driver's name is a number" },
	{ "a name with a slash", RUN, "{ \"drivers\": { \"manual\": [\"a/b\"] } }",
	  "1:27: \"a/b\" can't be a driver's name" },
	{ "a reserved name", RUN, "{ \"drivers\": { \"manual\": [\"load\"] } }",
	  "1:27: \"load\" can't be a driver's name" },
	{ "a name with a NUL", RUN, "{ \"drivers\": { \"manual\": [\"a\\u0000\"] } }",
	  "1:27: a driver's name is a string with a NUL" },
	{ "roles that are a string", RUN, "{ \"roles\": \"mgmt\" }",
	  "1:12: \"roles\" is a string, expected an array" },
	{ "null for roles", RUN, "{ \"roles\": null }",
	  "1:12: \"roles\" is null, expected an array" },
	{ "a role that is a number", RUN, "{ \"roles\": [1] }",
	  "1:13: \"roles\" is a number, expected a string" },
	{ "args that are an array", SRC, "{ \"args\": [] }",
	  "1:11: \"args\" is an array, expected an object" },
	{ "an argument that is a number", SRC, "{ \"args\": { \"PV_DRIVERS_MANUAL\": 1 } }",
	  "1:34: \"PV_DRIVERS_MANUAL\" is a number, expected an array" },
	{ "a bad name in an argument", SRC, "{ \"args\": { \"PV_DRIVERS_MANUAL\": \"a;b\" } }",
	  "1:34: \"a;b\" can't be a driver's name" },
	{ "annotations that are an array", OCI, "[]",
	  "1:1: \"annotations\" is an array, expected an object" },
	{ "an annotation that is an array", OCI, "{ \"org.pvkit.drivers.manual\": [] }",
	  "1:31: a list of names is an array" },
	{ "a bad name in an annotation", OCI, "{ \"org.pvkit.drivers.manual\": \"a,../b\" }",
	  "1:31: \"../b\" can't be a driver's name" },
};

static void test_not_named(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(not_named); i++) {
		struct pvk_names names;
		struct pvk_err err = { "" };

		ktap_eq(not_named[i].fn(not_named[i].text, strlen(not_named[i].text), &names, NULL,
					&err), -EINVAL, "%s: refused", not_named[i].what);
		ktap_str(err.text, not_named[i].error, "%s: the error says where and why",
			 not_named[i].what);
		ktap_check(!names.named && !names.mgmt, "%s: no name and no role is kept",
			   not_named[i].what);
	}
}

static int name_many(int count)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(65536);
	pvk_auto_names struct pvk_names names = { 0 };
	int i;

	pvk_buf_puts(&buf, "{ \"drivers\": { \"manual\": [");
	for (i = 0; i < count; i++)
		pvk_buf_printf(&buf, "%s\"n%d\"", i ? "," : "", i);
	pvk_buf_puts(&buf, "] } }");
	return RUN(buf.data, buf.len, &names, NULL, NULL);
}

static void test_names_limit(void)
{
	ktap_eq(name_many(PVK_BSP_NAMES_MAX), 0, "256 drivers of a container");
	ktap_eq(name_many(PVK_BSP_NAMES_MAX + 1), -EINVAL, "one more is refused");
}

static void check_oci_name(const char *annotations, const char *id, const char *want,
			   const char *what)
{
	json_auto struct json_doc *doc = NULL;
	char cut[PVK_NAME_MAX + 1];

	json_parse(annotations, strlen(annotations), NULL, &doc, NULL);
	ktap_str(pvk_oci_name(json_root(doc), id, cut), want, "%s", what);
}

static void test_oci_name(void)
{
	char cut[PVK_NAME_MAX + 1];

	check_oci_name("{}", "id1", "id1", "a container is named by its id");
	check_oci_name("{\"org.pvkit.name\":\"web\"}", "id1", "web", "the annotation goes first");
	check_oci_name("{\"org.pvkit.name\":\"../x\"}", "id1", NULL,
		       "a bad annotation is not replaced by the id");
	check_oci_name("{\"org.pvkit.name\":1}", "id1", NULL, "nor is a number");
	check_oci_name("{}", "a/b", NULL, "a bad id is no name");
	check_oci_name("{}", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde",
		       "an id of 64 hex digits is cut");
	ktap_str(pvk_oci_name(NULL, "id1", cut), "id1", "no annotations at all");
}

/* ---- modparam.json ---- */

static void test_modparam(void)
{
	static const char text[] =
		"{ \"E_MI_MODULE_ID_SNR\": { \"old\": 1 },\n"
		"  \"E_MI_MODULE_ID_SYS\": { \"cmdQBufSize\": 1024, \"bEnableMmu\": true,\n"
		"    \"off\": false, \"mmu_vpa_length\": \"0x0\", \"list\": [1, 2, \"x y\"],\n"
		"    \"none\": null, \"deep\": [[1]],\n"
		"    \"empty\": [], \"quote\": \"a\\\"b\", \"a b\": 1, \"c=d\": 1, \"\": 1, },\n"
		"  \"E_MI_MODULE_ID_SNR\": { \"new\": 2 }, }";
	pvk_auto_list struct pvk_list warnings = { 0 };
	pvk_auto_buf struct pvk_buf out = PVK_BUF_INIT(4096);
	struct pvk_modparam *modparam = NULL;
	struct pvk_err err = { "" };

	ktap_eq(pvk_modparam_parse(text, sizeof(text) - 1, &modparam, &warnings, &err), 0,
		"a vendor's file with its trailing commas is taken");
	pvk_modparam_get(modparam, "E_MI_MODULE_ID_SYS", &out);
	ktap_str(pvk_buf_str(&out), "cmdQBufSize=\"1024\" bEnableMmu=\"1\" off=\"0\" "
		 "mmu_vpa_length=\"0x0\" list=\"1,2,x y\"",
		 "a section becomes words, without what a line can't hold");
	pvk_buf_reset(&out);
	pvk_modparam_get(modparam, "E_MI_MODULE_ID_SNR", &out);
	ktap_str(pvk_buf_str(&out), "new=\"2\"", "of a section given twice, the last one");
	ktap_eq(pvk_modparam_get(modparam, "E_MI", &out), -ENOENT, "a section that is not there");
	ktap_eq(warnings.count, 10, "all of it is told: 2 commas, 1 section, 4 values, 3 names");
	pvk_modparam_free(modparam);

	ktap_eq(pvk_modparam_parse("{\"a\":1}", 7, &modparam, NULL, &err), -EBADMSG,
		"a section that is no object is refused");
	ktap_str(err.text, "1:6: section \"a\" is no object", "by name");
	ktap_eq(pvk_modparam_parse("[]", 2, &modparam, NULL, NULL), -EBADMSG, "so is an array");
}

int main(void)
{
	ktap_plan(0);
	test_documented();
	test_sections();
	test_refused();
	test_big();
	test_unknown_section();
	test_bsp_limits();
	test_long_line();
	test_named();
	test_not_named();
	test_names_limit();
	test_oci_name();
	test_modparam();
	return ktap_finish();
}
