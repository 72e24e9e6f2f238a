// SPDX-License-Identifier: MIT
/*
 * Module lines: what the kernel gets to see of them, and that metadata, whatever
 * it holds, becomes parameters of the module that the line names or nothing.
 *
 * The module of these tests knows the parameters power_save, swcrypto, name
 * and fw-dir.
 */
#include <errno.h>

#include "kernel_args.h"
#include "ktap.h"
#include "modline.h"

static const char *const params[] = { "power_save", "swcrypto", "name", "fw-dir", NULL };

static bool known(void *arg, const char *module, const char *param)
{
	return !strcmp(module, "iwlwifi") && pvk_known_in_array(arg, module, param);
}

/* user-meta:v is the value under test, user-meta:none is absent. */
struct value {
	const char *text;
	size_t len;
};

static int look_up(void *arg, enum pvk_ns ns, const char *key, const struct pvk_caller *caller,
		   struct pvk_buf *out)
{
	const struct value *value = arg;

	(void)caller;
	if (ns != PVK_NS_USER_META || strcmp(key, "v") || !value->text)
		return -ENOENT;
	return pvk_buf_add(out, value->text, value->len);
}

static const struct pvk_caller host = { .host = true };

static int resolve(const char *text, const char *v, size_t len, enum pvk_unknown unknown,
		   struct pvk_modline *line, struct pvk_list *warnings, struct pvk_err *err)
{
	const struct pvk_policy policy = {
		.known = known,
		.arg = (void *)params,
		.unknown_in_line = unknown,
	};
	struct value value = { v, len };

	return pvk_modline_resolve(text, look_up, &value, &host, &policy, line, warnings, err);
}

/* Does the kernel find the parameters of the line, all of them and no other? */
static bool kernel_agrees(const struct pvk_modline *line)
{
	pvk_auto_free char *copy = strdup(line->args);
	char *rest = copy, *name, *value;
	size_t i;

	for (i = 0; i < line->count; i++) {
		const struct pvk_param *p = &line->param[i];

		rest = kernel_next_arg(rest, &name, &value);
		if (!rest || strcmp(name, p->name) || !value != !p->value)
			return false;
		if (value && strcmp(value, p->value))
			return false;
	}
	return !kernel_next_arg(rest, &name, &value);
}

/* ---- lines as their authors write them ---- */

static const struct {
	const char *what;
	const char *line;
	const char *name;
	const char *args;
} taken[] = {
	{ "a name", "iwlwifi", "iwlwifi", "" },
	{ "a name between spaces", "  iwlwifi  ", "iwlwifi", "" },
	{ "a name with a dash", "iwl-wifi", "iwl-wifi", "" },
	{ "the longest name", "a234567890123456789012345678901234567890123456789012345",
	  "a234567890123456789012345678901234567890123456789012345", "" },
	{ "a parameter", "iwlwifi power_save=1", "iwlwifi", "power_save=1" },
	{ "two parameters and spaces", "iwlwifi  power_save=1   swcrypto=0 ", "iwlwifi",
	  "power_save=1 swcrypto=0" },
	{ "one parameter twice, in its order", "iwlwifi power_save=1 power_save=0", "iwlwifi",
	  "power_save=1 power_save=0" },
	{ "a parameter without a value", "iwlwifi power_save", "iwlwifi", "power_save" },
	{ "an empty value", "iwlwifi name=", "iwlwifi", "name=" },
	{ "an empty value in quotes", "iwlwifi name=\"\"", "iwlwifi", "name=" },
	{ "dash for underscore", "iwlwifi power-save=1 fw_dir=x", "iwlwifi",
	  "power-save=1 fw_dir=x" },
	{ "a value in quotes", "iwlwifi name=\"a b\"", "iwlwifi", "name=\"a b\"" },
	{ "a word in quotes", "iwlwifi \"name=a b\"", "iwlwifi", "name=\"a b\"" },
	{ "quotes that are not needed", "iwlwifi name=\"ab\"", "iwlwifi", "name=ab" },
	{ "two equal signs", "iwlwifi name=a=b", "iwlwifi", "name=a=b" },
	{ "commas and colons", "iwlwifi name=a,b:c/d", "iwlwifi", "name=a,b:c/d" },
	{ "a backslash", "iwlwifi name=a\\b", "iwlwifi", "name=a\\b" },
	{ "a dollar", "iwlwifi name=$x", "iwlwifi", "name=$x" },
	{ "UTF-8 with a byte that is a space to the kernel", "iwlwifi name=\xc3\xa0",
	  "iwlwifi", "name=\"\xc3\xa0\"" },
	{ "what the kernel takes for every module", "iwlwifi dyndbg=+p async_probe", "iwlwifi",
	  "dyndbg=+p async_probe" },
};

static void test_taken(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(taken); i++) {
		pvk_auto_modline struct pvk_modline line = { 0 };
		struct pvk_err err = { "" };

		if (resolve(taken[i].line, NULL, 0, PVK_UNKNOWN_ERROR, &line, NULL, &err))
			ktap_print_value("error:", err.text);
		ktap_str(line.name, taken[i].name, "%s: the name", taken[i].what);
		ktap_str(line.args, taken[i].args, "%s: the parameters", taken[i].what);
		ktap_check(line.args && kernel_agrees(&line), "%s: the kernel reads the same",
			   taken[i].what);
	}
}

static const struct {
	const char *what;
	const char *line;
	int code;
	const char *error;
} refused[] = {
	{ "nothing", "", -EINVAL, "no module is named" },
	{ "spaces", "   ", -EINVAL, "no module is named" },
	{ "a path", "/lib/modules/x.ko", -EINVAL, "not a module name: \"/lib/modules/x.ko\"" },
	{ "a way up", "../x", -EINVAL, "not a module name: \"../x\"" },
	{ "a dot", "iwlwifi.ko", -EINVAL, "not a module name: \"iwlwifi.ko\"" },
	{ "a parameter first", "power_save=1", -EINVAL, "not a module name: \"power_save=1\"" },
	{ "a name in quotes", "\"iwlwifi\"", -EINVAL, "not a module name: \"\"iwlwifi\"\"" },
	{ "a name of 56 bytes", "a2345678901234567890123456789012345678901234567890123456",
	  -EINVAL,
	  "not a module name: \"a2345678901234567890123456789012345678901234567890123456\"" },
	{ "a tab", "iwlwifi\tpower_save=1", -EINVAL, "holds a control character (0x09)" },
	{ "a newline", "iwlwifi power_save=1\n", -EINVAL, "holds a control character (0x0a)" },
	{ "an escape", "iwlwifi name=\x1b[1m", -EINVAL, "holds a control character (0x1b)" },
	{ "a control character in a default", "iwlwifi name=${user-meta:v:-\x0b}", -EINVAL,
	  "holds a control character (0x0b)" },
	{ "DEL", "iwlwifi name=\x7f", -EINVAL, "holds a control character (0x7f)" },
	{ "an open quote", "iwlwifi name=\"a b", -EINVAL,
	  "a quote that does not end: \"name=\"a b\"" },
	{ "a quote inside", "iwlwifi name=a\"b\"", -EINVAL,
	  "a quote inside of a parameter: \"name=a\"b\"\"" },
	{ "a reference behind quotes", "iwlwifi name=\"\"${user-meta:v}", -EINVAL,
	  "a reference behind a quote: \"name=\"\"\"" },
	{ "quotes behind a reference", "iwlwifi name=${user-meta:v}\"\"", -EINVAL,
	  "a quote behind a reference: \"name=\"" },
	{ "quotes in quotes", "iwlwifi \"name=\"a\"\"", -EINVAL,
	  "a quote inside of a parameter: \"\"name=\"a\"\"\"" },
	{ "an option", "iwlwifi --force", -EINVAL, "not a parameter: \"--force\"" },
	{ "the word that ends parameters", "iwlwifi -- init=/bin/sh", -EINVAL,
	  "not a parameter: \"--\"" },
	{ "no name before the equal sign", "iwlwifi =1", -EINVAL, "not a parameter: \"=1\"" },
	{ "another module", "iwlwifi /tmp/x", -EINVAL, "not a parameter: \"/tmp/x\"" },
	{ "a semicolon", "iwlwifi power_save;reboot", -EINVAL,
	  "not a parameter: \"power_save;reboot\"" },
	{ "an unknown parameter", "iwlwifi powersave=1", -ENOENT,
	  "unknown parameter: \"powersave=1\"" },
};

static void test_refused(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(refused); i++) {
		struct pvk_modline line;
		struct pvk_err err = { "" };

		ktap_eq(resolve(refused[i].line, NULL, 0, PVK_UNKNOWN_ERROR, &line, NULL, &err),
			refused[i].code, "%s is refused", refused[i].what);
		ktap_str(err.text, refused[i].error, "%s: the error says why", refused[i].what);
	}
}

/* ---- what a value can do ---- */

static const struct {
	const char *what;
	const char *value;
	size_t len;
	const char *args;	/* of LIST */
	const char *warning;	/* with LIST; the first, or NULL */
	const char *inside;	/* of INSIDE; NULL: as if absent */
} values[] = {
#define LIST	"iwlwifi swcrypto=0 ${user-meta:v} name=end"
#define INSIDE	"iwlwifi swcrypto=0 name=${user-meta:v}:${user-meta:v} power_save=9"
#define V(s)	s, sizeof(s) - 1
	{ "nothing", NULL, 0, "swcrypto=0 name=end", "user-meta:v is not set",
	  NULL },
	{ "a parameter", V("power_save=1"), "swcrypto=0 power_save=1 name=end", NULL,
	  "power_save=1" },
	{ "two parameters", V("power_save=1 swcrypto=1"),
	  "swcrypto=0 power_save=1 swcrypto=1 name=end", NULL, "power_save=1 swcrypto=1" },
	{ "spaces around a parameter", V("  power_save=1 "),
	  "swcrypto=0 power_save=1 name=end", NULL, "  power_save=1 " },
	{ "a parameter with quotes", V("name=\"a b\""), "swcrypto=0 name=\"a b\" name=end",
	  NULL, NULL },
	{ "a quoted word", V("\"name=a b\""), "swcrypto=0 name=\"a b\" name=end", NULL, NULL },
	{ "a newline at the end", V("power_save=1\n"), "swcrypto=0 power_save=1 name=end", NULL,
	  "power_save=1" },
	{ "a line more", V("power_save=1\nevil"), "swcrypto=0 name=end",
	  "user-meta:v holds a control character and is ignored", NULL },
	{ "a NUL", V("power_save=1\0swcrypto=1"), "swcrypto=0 name=end",
	  "user-meta:v holds a control character and is ignored", NULL },
	{ "a command of modprobe.d", V("x=1 install=/bin/sh"), "swcrypto=0 name=end",
	  "user-meta:v: unknown parameter: \"x=1\" is left out", "x=1 install=/bin/sh" },
	{ "a command behind a parameter", V("power_save=1 install=/bin/sh"),
	  "swcrypto=0 power_save=1 name=end",
	  "user-meta:v: unknown parameter: \"install=/bin/sh\" is left out",
	  "power_save=1 install=/bin/sh" },
	{ "another module", V("evil"), "swcrypto=0 name=end",
	  "user-meta:v: unknown parameter: \"evil\" is left out", "evil" },
	{ "a path", V("/tmp/evil.ko"), "swcrypto=0 name=end",
	  "user-meta:v: not a parameter: \"/tmp/evil.ko\" is left out", "/tmp/evil.ko" },
	{ "an option of modprobe", V("-C /tmp/x --force"), "swcrypto=0 name=end",
	  "user-meta:v: not a parameter: \"-C\" is left out", "-C /tmp/x --force" },
	{ "the word that ends parameters", V("-- power_save=1"),
	  "swcrypto=0 power_save=1 name=end",
	  "user-meta:v: not a parameter: \"--\" is left out", "-- power_save=1" },
	{ "what the kernel takes for every module", V("dyndbg=+p"), "swcrypto=0 name=end",
	  "user-meta:v: unknown parameter: \"dyndbg=+p\" is left out", "dyndbg=+p" },
	{ "an open quote", V("name=\"a"), "swcrypto=0 name=end",
	  "user-meta:v: a quote that does not end: \"name=\"a\" is left out", NULL },
	{ "a parameter and an open quote", V("power_save=1 name=\"a"), "swcrypto=0 name=end",
	  "user-meta:v: a quote that does not end: \"power_save=1 name=\"a\" is left out", NULL },
	{ "a quote alone", V("\""), "swcrypto=0 name=end",
	  "user-meta:v: a quote that does not end: \"\"\" is left out", NULL },
	{ "two quotes around the line's own text", V("\" \""), "swcrypto=0 name=end",
	  "user-meta:v: not a parameter: \"\" \"\" is left out", NULL },
	{ "a quote inside, a parameter behind", V("name=a\"b\" power_save=1"),
	  "swcrypto=0 power_save=1 name=end",
	  "user-meta:v: a quote inside of a parameter: \"name=a\"b\"\" is left out", NULL },
	{ "a reference", V("name=${user-meta:v}"), "swcrypto=0 name=${user-meta:v} name=end",
	  NULL, "name=${user-meta:v}" },
	{ "a dollar and a backslash", V("name=$x\\"), "swcrypto=0 name=$x\\ name=end", NULL,
	  "name=$x\\" },
	{ "a semicolon", V("power_save=1;reboot"), "swcrypto=0 power_save=1;reboot name=end",
	  NULL, "power_save=1;reboot" },
	{ "UTF-8 with a byte that is a space to the kernel", V("name=\xc3\xa0power_save=1"),
	  "swcrypto=0 name=\"\xc3\xa0power_save=1\" name=end", NULL,
	  "name=\xc3\xa0power_save=1" },
	{ "an equal sign", V("="), "swcrypto=0 name=end",
	  "user-meta:v: not a parameter: \"=\" is left out", "=" },
};

static void test_values_as_words(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(values); i++) {
		pvk_auto_modline struct pvk_modline line = { 0 };
		pvk_auto_list struct pvk_list warnings = { 0 };
		struct pvk_err err = { "" };

		if (resolve(LIST, values[i].value, values[i].len, PVK_UNKNOWN_ERROR, &line,
			    &warnings, &err))
			ktap_print_value("error:", err.text);
		ktap_str(line.args, values[i].args, "a word out of %s: the parameters",
			 values[i].what);
		ktap_str(warnings.count ? warnings.item[0] : NULL, values[i].warning,
			 "a word out of %s: the warning", values[i].what);
		ktap_str(line.name, "iwlwifi", "a word out of %s: the module stays",
			 values[i].what);
		ktap_check(line.args && kernel_agrees(&line),
			   "a word out of %s: the kernel reads the same", values[i].what);
	}
}

static void test_values_inside(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(values); i++) {
		pvk_auto_modline struct pvk_modline line = { 0 };
		pvk_auto_buf struct pvk_buf want = PVK_BUF_INIT(4096);
		const char *v = values[i].inside ? values[i].inside : "";
		struct pvk_err err = { "" };

		pvk_buf_printf(&want, "%s:%s", v, v);
		if (resolve(INSIDE, values[i].value, values[i].len, PVK_UNKNOWN_ERROR, &line, NULL,
			    &err))
			ktap_print_value("error:", err.text);
		ktap_eq(line.count, 3, "inside of a value, %s: adds no parameter",
			values[i].what);
		ktap_str(line.count > 1 ? line.param[1].value : NULL, pvk_buf_str(&want),
			 "inside of a value, %s: stays there", values[i].what);
		ktap_check(line.args && kernel_agrees(&line),
			   "inside of a value, %s: the kernel reads the same", values[i].what);
	}
}

/* Where a reference may not stand is refused whatever its value is. */
static const struct {
	const char *what;
	const char *line;
	const char *error;
} misplaced[] = {
	{ "as the module", "${user-meta:v}", "${user-meta:v} in the module's name" },
	{ "before the module", "${user-meta:v} iwlwifi", "${user-meta:v} in the module's name" },
	{ "in the module's name", "iwl${user-meta:v}", "${user-meta:v} in the module's name" },
	{ "at the module's end", "iwlwifi${user-meta:v} name=x",
	  "${user-meta:v} in the module's name" },
	{ "with a default as the module", "${user-meta:none:-iwlwifi}",
	  "${user-meta:none} in the module's name" },
	{ "in a parameter's name", "iwlwifi power_${user-meta:v}=1",
	  "${user-meta:v} in a parameter's name" },
	{ "in the name of a second parameter", "iwlwifi name=x power_${user-meta:v}",
	  "${user-meta:v} in a parameter's name" },
	{ "as a parameter's name", "iwlwifi ${user-meta:v}=1",
	  "text behind a \"${...}\": \"=1\"" },
	{ "before text", "iwlwifi ${user-meta:v}ower_save=1",
	  "text behind a \"${...}\": \"ower_save=1\"" },
	{ "in quotes as a word", "iwlwifi \"${user-meta:v}\"",
	  "${user-meta:v} in a parameter's name" },
};

static void test_misplaced(void)
{
	static const char *const v[] = { NULL, "", "p", "power_save=1" };
	size_t i, j;

	for (i = 0; i < PVK_ARRAY_SIZE(misplaced); i++)
		for (j = 0; j < PVK_ARRAY_SIZE(v); j++) {
			struct pvk_modline line;
			struct pvk_err err = { "" };

			resolve(misplaced[i].line, v[j], v[j] ? strlen(v[j]) : 0,
				PVK_UNKNOWN_KEEP, &line, NULL, &err);
			ktap_str(err.text, misplaced[i].error,
				 "a reference %s is refused, value %s", misplaced[i].what,
				 v[j] ? v[j] : "absent");
		}
}

static void test_references(void)
{
	pvk_auto_modline struct pvk_modline two = { 0 }, quoted = { 0 };

	resolve("iwlwifi ${user-meta:v}${user-meta:v}", "name=a", 6, PVK_UNKNOWN_ERROR, &two, NULL,
		NULL);
	ktap_str(two.args, "name=a name=a", "two references side by side are words of their own");
	resolve("iwlwifi name=\"x ${user-meta:v} y\" power_save=1", "a b", 3, PVK_UNKNOWN_ERROR,
		&quoted, NULL, NULL);
	ktap_str(quoted.args, "name=\"x a b y\" power_save=1",
		 "a reference between the author's quotes stays there");
	ktap_check(quoted.args && kernel_agrees(&quoted), "and the kernel reads the same");
}

/* ---- defaults and policies ---- */

static void test_defaults(void)
{
	pvk_auto_modline struct pvk_modline line = { 0 };
	struct pvk_modline bad;
	struct pvk_err err = { "" };

	resolve("iwlwifi ${user-meta:none:-power_save=5 name=\"a b\"}", NULL, 0, PVK_UNKNOWN_ERROR,
		&line, NULL, NULL);
	ktap_str(line.args, "power_save=5 name=\"a b\"", "a default gives words, as a value does");
	ktap_eq(resolve("iwlwifi ${user-meta:none:-powersave=5}", NULL, 0, PVK_UNKNOWN_ERROR, &bad,
			NULL, &err), -ENOENT,
		"an unknown parameter in a default is the author's error");
	ktap_str(err.text, "unknown parameter: \"powersave=5\"", "and named");
	ktap_eq(resolve("iwlwifi name=${user-meta:none:-\"}", NULL, 0, PVK_UNKNOWN_ERROR, &bad,
			NULL, NULL), -EINVAL, "so is a quote inside of a value");
}

static void test_policies(void)
{
	static const char text[] = "iwlwifi new=1 ${user-meta:v}";
	pvk_auto_modline struct pvk_modline keep = { 0 }, drop = { 0 }, blind = { 0 };
	pvk_auto_list struct pvk_list warnings = { 0 };
	const struct pvk_policy nothing_known = { .unknown_in_line = PVK_UNKNOWN_KEEP };
	struct value value = { V("power_save=1 new=2") };
	struct pvk_modline bad;

	ktap_eq(resolve(text, value.text, value.len, PVK_UNKNOWN_ERROR, &bad, NULL, NULL), -ENOENT,
		"ERROR: the author's unknown parameter ends it");
	resolve(text, value.text, value.len, PVK_UNKNOWN_KEEP, &keep, NULL, NULL);
	ktap_str(keep.args, "new=1 power_save=1", "KEEP: the author's goes on, a value's does not");
	resolve(text, value.text, value.len, PVK_UNKNOWN_DROP, &drop, &warnings, NULL);
	ktap_str(drop.args, "power_save=1", "DROP: neither goes on");
	ktap_str(warnings.count ? warnings.item[0] : NULL,
		 "unknown parameter of iwlwifi: \"new=1\" is left out", "but is told");
	ktap_eq(warnings.count, 2, "as is the value's");

	pvk_modline_resolve(text, look_up, &value, &host, &nothing_known, &blind, NULL, NULL);
	ktap_str(blind.args, "new=1",
		 "given no list of parameters, no word of a value gets through");
}

static void test_params(void)
{
	pvk_auto_modline struct pvk_modline line = { 0 };

	resolve("iwlwifi swcrypto name=\"a b\" ${user-meta:v}", V("power_save=1"),
		PVK_UNKNOWN_ERROR, &line, NULL, NULL);
	if (!ktap_eq(line.count, 3, "parameters are given one by one"))
		return;
	ktap_str(line.param[0].value, NULL, "one without '=' has no value");
	ktap_str(line.param[1].value, "a b", "a value comes without its quotes");
	ktap_eq(line.param[1].origin, PVK_FROM_LINE, "what the author wrote is told");
	ktap_eq(line.param[2].origin, PVK_FROM_VALUE, "from what a value said");
}

/* ---- bounds ---- */

static void test_bounds(void)
{
	char value[PVK_META_VALUE_MAX];
	struct pvk_modline line;
	struct pvk_err err = { "" };
	/* "iwlwifi name=" is 13 bytes. */
	size_t fits = PVK_MODLINE_MAX - 13;

	memset(value, 'x', sizeof(value));
	ktap_eq(resolve("iwlwifi name=${user-meta:v}", value, fits, PVK_UNKNOWN_ERROR, &line, NULL,
			NULL), 0, "a line that just fits");
	ktap_eq(strlen("iwlwifi ") + strlen(line.args), PVK_MODLINE_MAX, "is that long");
	pvk_modline_free(&line);
	ktap_eq(resolve("iwlwifi name=${user-meta:v}", value, fits + 1, PVK_UNKNOWN_ERROR, &line,
			NULL, &err), -E2BIG, "one byte more is refused, not cut");
	ktap_str(err.text, "longer than 1024 bytes with its values", "with the limit named");
	ktap_eq(resolve("iwlwifi ${user-meta:v}", value, sizeof(value), PVK_UNKNOWN_ERROR, &line,
			NULL, NULL), 0, "4096 bytes that are no parameter are left out");
	pvk_modline_free(&line);
	memset(value, ' ', sizeof(value));
	ktap_eq(resolve("iwlwifi ${user-meta:v}", value, sizeof(value), PVK_UNKNOWN_ERROR, &line,
			NULL, NULL), 0, "4096 spaces are no parameters");
	pvk_modline_free(&line);
}

static void test_param_names(void)
{
	char text[256] = "iwlwifi ";

	memset(text + 8, 'p', PVK_PARAM_NAME_MAX);
	ktap_eq(pvk_modline_check(text, NULL, NULL), 0, "the longest parameter name");
	text[8 + PVK_PARAM_NAME_MAX] = 'p';
	ktap_eq(pvk_modline_check(text, NULL, NULL), -EINVAL, "a byte more is refused");
	ktap_check(pvk_dash_equal("a-b_c", "a_b-c"), "dashes and underscores are equal");
	ktap_check(!pvk_dash_equal("a-b", "a-bc") && !pvk_dash_equal("a-bc", "a-b"),
		   "a beginning is not equal");
	ktap_check(!pvk_dash_equal("a-b", "aab"), "other letters are not");
}

static void test_check(void)
{
	char name[PVK_MODULE_NAME_MAX + 1] = "";
	struct pvk_err err = { "" };

	ktap_eq(pvk_modline_check("iwlwifi any=1 ${user-meta:drivers.iwlwifi.opts}", name, NULL), 0,
		"a line can be checked before its values are known");
	ktap_str(name, "iwlwifi", "and gives the module's name");
	ktap_eq(pvk_modline_check("iwlwifi ${user-meta:x", NULL, &err), -EINVAL,
		"a fault in the template is found");
	ktap_str(err.text, "\"${user-meta:x\" has no closing \"}\"", "and named");
	ktap_eq(pvk_modline_check("${user-meta:x}", NULL, NULL), -EINVAL,
		"a reference in the wrong place is found");
	ktap_eq(pvk_modline_check("iwlwifi ${user-meta:x:-/bad}", NULL, NULL), -EINVAL,
		"a bad default is found");
}

int main(void)
{
	ktap_plan(0);
	test_taken();
	test_refused();
	test_values_as_words();
	test_values_inside();
	test_misplaced();
	test_references();
	test_defaults();
	test_policies();
	test_params();
	test_bounds();
	test_param_names();
	test_check();
	return ktap_finish();
}
