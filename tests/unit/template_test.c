// SPDX-License-Identifier: MIT
/*
 * ${...} in module lines: what is a reference, what it becomes, for whom, and
 * what is said about those that become nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "ktap.h"
#include "template.h"

/*
 * The world of these tests. "wifi" is a container without the management
 * role; forbidden keys are refused whether they exist or not.
 */
static const struct {
	enum pvk_ns ns;
	const char *key;
	const char *value;
	size_t len;
} world[] = {
#define V(ns, key, value) { ns, key, value, sizeof(value) - 1 }
	V(PVK_NS_USER_META, "drivers.iwlwifi.opts", "power_save=1 swcrypto=1"),
	V(PVK_NS_DEVICE_META, "drivers.iwlwifi.opts", "from_device=1"),
	V(PVK_NS_MODPARAM, "E_MI_MODULE_ID_SYS", "cmdQBufSize=1024"),
	V(PVK_NS_USER_META, "drivers.empty", ""),
	V(PVK_NS_USER_META, "drivers.newline", "x=1\n"),
	V(PVK_NS_USER_META, "drivers.newlines", "x=1\n\n"),
	V(PVK_NS_USER_META, "drivers.lines", "x=1\ninstall=/bin/sh"),
	V(PVK_NS_USER_META, "drivers.tab", "x=1\ty=2"),
	V(PVK_NS_USER_META, "drivers.nul", "x=1\0y=2"),
	V(PVK_NS_USER_META, "drivers.latin1", "x=\xe9"),
	V(PVK_NS_USER_META, "drivers.ref", "${user-meta:drivers.iwlwifi.opts}"),
	V(PVK_NS_USER_META, "other.secret", "s3cret"),
};

static int look_up(void *arg, enum pvk_ns ns, const char *key, const struct pvk_caller *caller,
		   struct pvk_buf *value)
{
	size_t i;

	if (arg)
		return *(int *)arg;
	if (ns != PVK_NS_MODPARAM && !pvk_meta_may_read(caller, key))
		return -EACCES;
	for (i = 0; i < PVK_ARRAY_SIZE(world); i++)
		if (world[i].ns == ns && !strcmp(world[i].key, key))
			return pvk_buf_add(value, world[i].value, world[i].len);
	return -ENOENT;
}

static const struct pvk_caller wifi = { .name = "wifi" };

static int expand(const char *text, const struct pvk_caller *caller, struct pvk_buf *out,
		  struct pvk_list *warnings, struct pvk_err *err)
{
	pvk_auto_template struct pvk_template tmpl = { 0 };
	int ret;

	ret = pvk_template_parse(text, &tmpl, err);
	if (!ret)
		ret = pvk_template_expand(&tmpl, look_up, NULL, caller, warnings, err);
	return ret ? ret : pvk_template_join(&tmpl, out);
}

/* ---- what comes out ---- */

static const struct {
	const char *what;
	const char *line;
	const char *text;
	const char *warning;	/* the only one, or NULL */
} expanded[] = {
	{ "text without references", "iwlwifi power_save=1", "iwlwifi power_save=1", NULL },
	{ "nothing", "", "", NULL },
	{ "the documented line", "iwlwifi ${user-meta:drivers.iwlwifi.opts}",
	  "iwlwifi power_save=1 swcrypto=1", NULL },
	{ "device-meta, which is not user-meta", "iwlwifi ${device-meta:drivers.iwlwifi.opts}",
	  "iwlwifi from_device=1", NULL },
	{ "a section of modparam.json", "mi_sys ${modparam:E_MI_MODULE_ID_SYS}",
	  "mi_sys cmdQBufSize=1024", NULL },
	{ "text after the last brace", "iwlwifi ${user-meta:drivers.iwlwifi.opts} 11n_disable=1",
	  "iwlwifi power_save=1 swcrypto=1 11n_disable=1", NULL },
	{ "text right behind the last brace", "a x=${user-meta:drivers.iwlwifi.opts}tail",
	  "a x=power_save=1 swcrypto=1tail", NULL },
	{ "two references", "a ${user-meta:drivers.newline} ${device-meta:drivers.iwlwifi.opts}",
	  "a x=1 from_device=1", NULL },
	{ "two references without space",
	  "${user-meta:drivers.newline}${user-meta:drivers.newline}", "x=1x=1", NULL },
	{ "a dollar alone", "a x=$5", "a x=$5", NULL },
	{ "a dollar before a reference", "a $${user-meta:drivers.newline}", "a $x=1", NULL },
	{ "a dollar at the end", "a $", "a $", NULL },
	{ "braces alone", "a {x} }", "a {x} }", NULL },
	{ "a reference out of a value", "a ${user-meta:drivers.ref}",
	  "a ${user-meta:drivers.iwlwifi.opts}", NULL },

	{ "an absent key", "iwlwifi ${user-meta:drivers.none} x=1", "iwlwifi  x=1",
	  "user-meta:drivers.none is not set" },
	{ "an absent key with a default", "a ${user-meta:drivers.none:-x=2 y=3} z", "a x=2 y=3 z",
	  NULL },
	{ "an absent key with an empty default", "a ${user-meta:drivers.none:-}", "a ", NULL },
	{ "a default with \":-\" in it", "a ${user-meta:drivers.none:-x:-y}", "a x:-y", NULL },
	{ "a default that is not needed", "a ${device-meta:drivers.iwlwifi.opts:-x=2}",
	  "a from_device=1", NULL },
	{ "an empty value with a default", "a ${user-meta:drivers.empty:-x=2}", "a x=2", NULL },
	{ "a forbidden key", "a ${user-meta:other.secret}", "a ",
	  "user-meta:other.secret may not be read by container wifi" },
	{ "a forbidden key that does not exist", "a ${user-meta:other.none}", "a ",
	  "user-meta:other.none may not be read by container wifi" },
	{ "a forbidden key with a default", "a ${user-meta:other.secret:-x=2}", "a x=2",
	  "user-meta:other.secret may not be read by container wifi" },

	{ "a newline at a value's end", "a ${user-meta:drivers.newline}", "a x=1", NULL },
	{ "two newlines at a value's end", "a ${user-meta:drivers.newlines}", "a ",
	  "user-meta:drivers.newlines holds a control character and is ignored" },
	{ "a newline in a value", "a ${user-meta:drivers.lines}", "a ",
	  "user-meta:drivers.lines holds a control character and is ignored" },
	{ "a tab in a value", "a ${user-meta:drivers.tab}", "a ",
	  "user-meta:drivers.tab holds a control character and is ignored" },
	{ "a NUL in a value", "a ${user-meta:drivers.nul}", "a ",
	  "user-meta:drivers.nul holds a control character and is ignored" },
	{ "a value that is not UTF-8", "a ${user-meta:drivers.latin1}", "a ",
	  "user-meta:drivers.latin1 is not UTF-8 and is ignored" },
	{ "an unfit value with a default", "a ${user-meta:drivers.nul:-x=2}", "a x=2",
	  "user-meta:drivers.nul holds a control character and is ignored" },
};

static void test_expanded(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(expanded); i++) {
		pvk_auto_buf struct pvk_buf out = PVK_BUF_INIT(PVK_TEMPLATE_OUT_MAX);
		pvk_auto_list struct pvk_list warnings = { 0 };
		struct pvk_err err = { "" };

		if (expand(expanded[i].line, &wifi, &out, &warnings, &err))
			ktap_print_value("error:", err.text);
		ktap_str(pvk_buf_str(&out), expanded[i].text, "%s: the text", expanded[i].what);
		ktap_str(warnings.count ? warnings.item[0] : NULL, expanded[i].warning,
			 "%s: the warning", expanded[i].what);
		ktap_check(warnings.count <= 1, "%s: no other warning", expanded[i].what);
	}
}

/* ---- what is an error ---- */

static const struct {
	const char *what;
	const char *line;
	const char *error;
} refused[] = {
	{ "an open reference", "a ${user-meta:b", "\"${user-meta:b\" has no closing \"}\"" },
	{ "an open reference after a whole one", "a ${user-meta:b} ${",
	  "\"${\" has no closing \"}\"" },
	{ "an empty reference", "a ${}", "unknown namespace in \"${}\"" },
	{ "a key without a namespace", "a ${HOME}", "unknown namespace in \"${HOME}\"" },
	{ "an unknown namespace", "a ${env:HOME}", "unknown namespace in \"${env:HOME}\"" },
	{ "a namespace in capitals", "a ${User-Meta:b}",
	  "unknown namespace in \"${User-Meta:b}\"" },
	{ "a longer namespace", "a ${user-metadata:b}",
	  "unknown namespace in \"${user-metadata:b}\"" },
	{ "an empty key", "a ${user-meta:}", "bad key \"\" in \"${user-meta:...}\"" },
	{ "an empty key with a default", "a ${user-meta::-x}",
	  "bad key \"\" in \"${user-meta:...}\"" },
	{ "a key that leads out", "a ${user-meta:../shadow}",
	  "bad key \"../shadow\" in \"${user-meta:...}\"" },
	{ "a key with a space", "a ${user-meta:b c}",
	  "bad key \"b c\" in \"${user-meta:...}\"" },
	{ "a reference in a default", "a ${user-meta:b:-${user-meta:c}}",
	  "\"${\" inside of \"${user-meta:b:-${user-meta:c}\"" },
	{ "a reference in a key", "a ${user-meta:${user-meta:c}}",
	  "\"${\" inside of \"${user-meta:${user-meta:c}\"" },
};

static void test_refused(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(refused); i++) {
		struct pvk_template tmpl;
		struct pvk_err err = { "" };

		ktap_eq(pvk_template_parse(refused[i].line, &tmpl, &err), -EINVAL, "%s is refused",
			refused[i].what);
		ktap_str(err.text, refused[i].error, "%s: the error names it", refused[i].what);
	}
}

/* ---- who may see what ---- */

static void check_caller(const char *who, const struct pvk_caller *caller, const char *text,
			 const char *warning)
{
	pvk_auto_buf struct pvk_buf out = PVK_BUF_INIT(64);
	pvk_auto_list struct pvk_list warnings = { 0 };

	expand("${user-meta:other.secret}", caller, &out, &warnings, NULL);
	ktap_str(pvk_buf_str(&out), text, "what %s gets of another's key", who);
	ktap_str(warnings.count ? warnings.item[0] : NULL, warning, "what %s is told", who);
}

static void test_callers(void)
{
	check_caller("the host", &(struct pvk_caller){ .host = true }, "s3cret", NULL);
	check_caller("a container with mgmt",
		     &(struct pvk_caller){ .name = "wifi", .mgmt = true }, "s3cret", NULL);
	check_caller("the key's own container", &(struct pvk_caller){ .name = "other" }, "s3cret",
		     NULL);
	check_caller("nobody known", &(struct pvk_caller){ 0 }, "",
		     "user-meta:other.secret may not be read by this caller");
	check_caller("nobody with mgmt", &(struct pvk_caller){ .mgmt = true }, "",
		     "user-meta:other.secret may not be read by this caller");
}

/* ---- bounds ---- */

static int fill(void *arg, enum pvk_ns ns, const char *key, const struct pvk_caller *caller,
		struct pvk_buf *value)
{
	size_t i, len = *(size_t *)arg;

	(void)ns;
	(void)caller;
	for (i = 0; i < len; i++)
		pvk_buf_putc(value, strcmp(key, "tabs") ? 'x' : '\t');
	return 0;
}

static int expand_filled(const char *text, size_t value_len)
{
	pvk_auto_template struct pvk_template tmpl = { 0 };
	int ret = pvk_template_parse(text, &tmpl, NULL);

	return ret ? ret : pvk_template_expand(&tmpl, fill, &value_len, &wifi, NULL, NULL);
}

#define FOUR	"${user-meta:a}${user-meta:a}${user-meta:a}${user-meta:a}"

static void test_bounds(void)
{
	char text[PVK_TEMPLATE_MAX + 2];
	struct pvk_template tmpl;

	memset(text, 'x', sizeof(text));
	text[PVK_TEMPLATE_MAX + 1] = '\0';
	ktap_eq(pvk_template_parse(text, &tmpl, NULL), -E2BIG, "a template one byte too long");
	text[PVK_TEMPLATE_MAX] = '\0';
	ktap_eq(pvk_template_parse(text, &tmpl, NULL), 0, "one that just fits");
	pvk_template_free(&tmpl);

	ktap_eq(expand_filled("${user-meta:a}", PVK_META_VALUE_MAX), 0, "the longest value");
	ktap_eq(expand_filled("${user-meta:a}", PVK_META_VALUE_MAX + 1), -ENOSPC,
		"a look-up that gives more than a value may have");
	ktap_eq(expand_filled("${user-meta:tabs:-x}", PVK_META_VALUE_MAX + 1), -ENOSPC,
		"a default does not hide that");
	ktap_eq(expand_filled(FOUR, PVK_META_VALUE_MAX), 0, "as much as the result may hold");
	ktap_eq(expand_filled(FOUR "x", PVK_META_VALUE_MAX), -E2BIG, "one byte of text more");
	ktap_eq(expand_filled(FOUR "${user-meta:a}", PVK_META_VALUE_MAX), -E2BIG,
		"one value more");
}

static void test_failing_lookup(void)
{
	pvk_auto_template struct pvk_template tmpl = { 0 };
	struct pvk_err err = { "" };
	int code = -EIO;

	pvk_template_parse("a ${user-meta:b:-x}", &tmpl, NULL);
	ktap_eq(pvk_template_expand(&tmpl, look_up, &code, &wifi, NULL, &err), -EIO,
		"given a store that can't be read, a default does not hide it");
	ktap_str(err.text, "user-meta:b: Input/output error", "and the error names the key");
}

static void test_origins(void)
{
	pvk_auto_template struct pvk_template tmpl = { 0 };

	pvk_template_parse("a ${user-meta:drivers.newline} ${user-meta:drivers.none:-d}", &tmpl,
			   NULL);
	pvk_template_expand(&tmpl, look_up, NULL, &wifi, NULL, NULL);
	ktap_eq(tmpl.count, 4, "text and references are pieces");
	ktap_eq(tmpl.piece[0].origin, PVK_FROM_LINE, "text is the line's");
	ktap_eq(tmpl.piece[1].origin, PVK_FROM_VALUE, "a value is a value");
	ktap_eq(tmpl.piece[3].origin, PVK_FROM_DEFAULT, "a default is the line's author's");
}

/* ---- the look-up that daemon and tools use ---- */

static void check_source(struct pvk_sources *sources, const struct pvk_caller *caller,
			 const char *text, const char *want, const char *what)
{
	pvk_auto_template struct pvk_template tmpl = { 0 };
	pvk_auto_buf struct pvk_buf out = PVK_BUF_INIT(256);
	int ret = pvk_template_parse(text, &tmpl, NULL);

	if (!ret)
		ret = pvk_template_expand(&tmpl, pvk_sources_lookup, sources, caller, NULL, NULL);
	if (!ret)
		pvk_template_join(&tmpl, &out);
	ktap_str(ret ? strerrorname_np(-ret) : pvk_buf_str(&out), want, "%s", what);
}

static void test_sources(void)
{
	static const char modparam[] = "{\"SYS\":{\"size\":1024}}";
	char dir[] = "/tmp/pvk-template-XXXXXX";
	struct pvk_sources sources = { 0 };
	struct pvk_modparam *params = NULL;
	int fd = open(mkdtemp(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	check_source(&sources, &wifi, "${user-meta:wifi.a:-none}", "none",
		     "given no store, nothing is set");
	check_source(&sources, &wifi, "${modparam:SYS:-none}", "none",
		     "given no modparam.json, nothing is set");

	pvk_meta_open(&sources.user_meta, fd, "user-meta", 0);
	pvk_meta_open(&sources.device_meta, fd, "device-meta", 0);
	pvk_modparam_parse(modparam, sizeof(modparam) - 1, &params, NULL, NULL);
	sources.modparam = params;
	pvk_meta_set(sources.user_meta, "wifi.a", "user", 4);
	pvk_meta_set(sources.device_meta, "wifi.a", "device", 6);
	pvk_meta_set(sources.user_meta, "db.a", "secret", 6);
	check_source(&sources, &wifi, "${user-meta:wifi.a}", "user", "user-meta");
	check_source(&sources, &wifi, "${device-meta:wifi.a}", "device", "device-meta");
	check_source(&sources, &wifi, "${modparam:SYS}", "size=\"1024\"",
		     "modparam.json, which every container may read");
	check_source(&sources, &wifi, "${user-meta:db.a:-none}", "none",
		     "another container's key stays hidden");
	check_source(&sources, &(struct pvk_caller){ .host = true }, "${user-meta:db.a}", "secret",
		     "the host reads it");

	unlinkat(fd, "user-meta/wifi.a", 0);
	unlinkat(fd, "user-meta/db.a", 0);
	unlinkat(fd, "device-meta/wifi.a", 0);
	unlinkat(fd, "user-meta", AT_REMOVEDIR);
	unlinkat(fd, "device-meta", AT_REMOVEDIR);
	rmdir(dir);
	close(fd);
	pvk_meta_close(sources.user_meta);
	pvk_meta_close(sources.device_meta);
	pvk_modparam_free(params);
}

int main(void)
{
	ktap_plan(0);
	test_expanded();
	test_refused();
	test_callers();
	test_bounds();
	test_failing_lookup();
	test_origins();
	test_sources();
	return ktap_finish();
}
