// SPDX-License-Identifier: MIT
/*
 * json_parse() is the gate for every file and body that comes from outside:
 * what it takes, what it refuses and with which words; and the writer.
 */
#include <errno.h>
#include <stdint.h>
#include <time.h>

#include "json.h"
#include "json_out.h"
#include "ktap.h"

/* A text with its length, so that it may hold a NUL. */
#define T(s)	s, sizeof(s) - 1

/* ---- accepted ---- */

static const struct {
	const char *what;
	const char *text;
	size_t len;
} accepted[] = {
	{ "an empty object", T("{}") },
	{ "an empty array", T("[]") },
	{ "white space everywhere", T(" \t\r\n{ \"a\" \n:\t[ 1 ,\r2 ] } \n") },
	{ "a lone number", T("42") },
	{ "a lone string", T("\"x\"") },
	{ "a lone true", T("true") },
	{ "a lone false", T("false") },
	{ "a lone null", T("null") },
	{ "zero", T("[0]") },
	{ "minus zero", T("[-0]") },
	{ "a fraction", T("[0.5, -1.25]") },
	{ "an exponent in each form", T("[1e1,1E1,1e+1,1e-1,1.5E+10,0e0]") },
	{ "an integer larger than 64 bits", T("[123456789012345678901234567890]") },
	{ "every short escape", T("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]") },
	{ "\\u in both cases", T("[\"\\u00e9\\u00E9\"]") },
	{ "a surrogate pair", T("[\"\\ud83d\\uDE00\"]") },
	{ "\\u0000 in a string", T("[\"a\\u0000b\"]") },
	{ "DEL in a string", T("[\"\x7f\"]") },
	{ "UTF-8 of 2, 3 and 4 bytes", T("[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]") },
	{ "the last code point", T("[\"\xf4\x8f\xbf\xbf\"]") },
	{ "a noncharacter", T("[\"\xef\xbf\xbf\"]") },
	{ "an empty key", T("{\"\":0}") },
	{ "one key in two objects", T("[{\"a\":1},{\"a\":2},{\"b\":{\"a\":3}}]") },
	{ "keys that differ in case", T("{\"a\":1,\"A\":2}") },
	{ "a key that is a prefix of another", T("{\"a\":1,\"ab\":2,\"\":3}") },
	{ "nested empties", T("[[],{},[[]],{\"a\":{}}]") },
	{ "brackets in strings", T("[\"]}\",\"{[\",\",:\"]") },
};

static void test_accepted(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(accepted); i++) {
		json_auto struct json_doc *doc = NULL;
		struct json_error error = { .text = "" };
		int ret = json_parse(accepted[i].text, accepted[i].len, NULL, &doc, &error);

		if (!ktap_eq(ret, 0, "takes %s", accepted[i].what))
			ktap_print_value("error:", error.text);
	}
}

/* ---- refused ---- */

static const struct {
	const char *what;
	const char *text;
	size_t len;
	int code;
	const char *error;
} refused[] = {
	{ "nothing", T(""), -EBADMSG,
	  "1:1: expected a value, got the end of the text" },
	{ "white space only", T(" \n "), -EBADMSG,
	  "2:2: expected a value, got the end of the text" },
	{ "a second value", T("{} {}"), -EBADMSG,
	  "1:4: expected nothing after the value, got '{'" },
	{ "a closing bracket too many", T("[]]"), -EBADMSG,
	  "1:3: expected nothing after the value, got ']'" },
	{ "a NUL after the value", T("{}\0"), -EBADMSG,
	  "1:3: expected nothing after the value, got byte 0x00" },
	{ "a NUL before the value", T("\0{}"), -EBADMSG,
	  "1:1: expected a value, got byte 0x00" },
	{ "a NUL in a string", T("[\"a\0b\"]"), -EBADMSG,
	  "1:4: a control character in a string" },
	{ "a byte order mark", T("\xef\xbb\xbf{}"), -EBADMSG,
	  "1:1: a byte order mark, expected a value" },
	{ "UTF-16", T("[\0]\0"), -EBADMSG, "1:2: expected a value, got byte 0x00" },
	{ "a form feed as white space", T("[\f]"), -EBADMSG,
	  "1:2: expected a value, got byte 0x0c" },
	{ "a no-break space as white space", T("[\xc2\xa0]"), -EBADMSG,
	  "1:2: expected a value, got byte 0xc2" },

	{ "an open array", T("[1"), -EBADMSG,
	  "1:3: expected ',' or ']' after an item, got the end of the text" },
	{ "an open object", T("{\"a\":1"), -EBADMSG,
	  "1:7: expected ',' or '}' after a member, got the end of the text" },
	{ "an array closed as an object", T("[1}"), -EBADMSG,
	  "1:3: expected ',' or ']' after an item, got '}'" },
	{ "an object closed as an array", T("{\"a\":1]"), -EBADMSG,
	  "1:7: expected ',' or '}' after a member, got ']'" },
	{ "a comma at an array's end", T("[1,]"), -EBADMSG,
	  "1:3: a comma with nothing after it" },
	{ "a comma at an object's end", T("{\"a\":1,}"), -EBADMSG,
	  "1:7: a comma with nothing after it" },
	{ "a comma at the start", T("[,1]"), -EBADMSG, "1:2: expected a value, got ','" },
	{ "two commas", T("[1,,2]"), -EBADMSG, "1:4: expected a value, got ','" },
	{ "a lone comma", T("[,]"), -EBADMSG, "1:2: expected a value, got ','" },
	{ "no comma between items", T("[1 2]"), -EBADMSG,
	  "1:4: expected ',' or ']' after an item, got '2'" },
	{ "no comma between members", T("{\"a\":1 \"b\":2}"), -EBADMSG,
	  "1:8: expected ',' or '}' after a member, got '\"'" },
	{ "a colon in an array", T("[\"a\":1]"), -EBADMSG,
	  "1:5: expected ',' or ']' after an item, got ':'" },
	{ "a key alone", T("{\"a\"}"), -EBADMSG, "1:5: expected ':' after a key, got '}'" },
	{ "a key without a value", T("{\"a\":}"), -EBADMSG, "1:6: expected a value, got '}'" },
	{ "two colons", T("{\"a\"::1}"), -EBADMSG, "1:6: expected a value, got ':'" },
	{ "a comma for a colon", T("{\"a\",1}"), -EBADMSG,
	  "1:5: expected ':' after a key, got ','" },
	{ "a key without quotes", T("{a:1}"), -EBADMSG,
	  "1:2: expected a key in quotes, got 'a'" },
	{ "a number as a key", T("{1:1}"), -EBADMSG, "1:2: expected a key in quotes, got '1'" },
	{ "an array as a key", T("{[]:1}"), -EBADMSG,
	  "1:2: expected a key in quotes, got '['" },
	{ "single quotes", T("['a']"), -EBADMSG, "1:2: expected a value, got '''" },
	{ "a comment", T("[1] // one"), -EBADMSG,
	  "1:5: expected nothing after the value, got '/'" },
	{ "a comment inside", T("[/* */1]"), -EBADMSG, "1:2: expected a value, got '/'" },

	{ "a leading zero", T("[01]"), -EBADMSG, "1:3: a number with a leading zero" },
	{ "a leading zero after minus", T("[-012]"), -EBADMSG,
	  "1:4: a number with a leading zero" },
	{ "a plus", T("[+1]"), -EBADMSG, "1:2: expected a value, got '+'" },
	{ "a minus alone", T("[-]"), -EBADMSG, "1:3: expected a digit, got ']'" },
	{ "a leading point", T("[.5]"), -EBADMSG, "1:2: expected a value, got '.'" },
	{ "a point at the end", T("[1.]"), -EBADMSG, "1:4: expected a digit, got ']'" },
	{ "a point before an exponent", T("[1.e1]"), -EBADMSG,
	  "1:4: expected a digit, got 'e'" },
	{ "an exponent without digits", T("[1e]"), -EBADMSG, "1:4: expected a digit, got ']'" },
	{ "an exponent with a sign only", T("[1e+]"), -EBADMSG,
	  "1:5: expected a digit, got ']'" },
	{ "a hexadecimal number", T("[0x10]"), -EBADMSG,
	  "1:3: expected ',' or ']' after an item, got 'x'" },
	{ "two points", T("[1.2.3]"), -EBADMSG,
	  "1:5: expected ',' or ']' after an item, got '.'" },
	{ "a number with a letter", T("[1a]"), -EBADMSG,
	  "1:3: expected ',' or ']' after an item, got 'a'" },
	{ "NaN", T("[NaN]"), -EBADMSG, "1:2: expected a value, got 'N'" },
	{ "Infinity", T("[-Infinity]"), -EBADMSG, "1:3: expected a digit, got 'I'" },
	{ "True", T("[True]"), -EBADMSG, "1:2: expected a value, got 'T'" },
	{ "half a literal", T("[tru]"), -EBADMSG, "1:2: expected a value, got 't'" },
	{ "a literal cut off", T("nul"), -EBADMSG, "1:1: expected a value, got 'n'" },
	{ "a literal with a tail", T("[nullx]"), -EBADMSG,
	  "1:6: expected ',' or ']' after an item, got 'x'" },

	{ "an open string", T("[\"a"), -EBADMSG,
	  "1:4: expected '\"' at the end of a string, got the end of the text" },
	{ "a string that ends in a backslash", T("[\"a\\"), -EBADMSG,
	  "1:5: expected one of \"\\/bfnrtu after a backslash, got the end of the text" },
	{ "a string closed by an escaped quote", T("[\"\\\"]"), -EBADMSG,
	  "1:6: expected '\"' at the end of a string, got the end of the text" },
	{ "an unknown escape", T("[\"\\x41\"]"), -EBADMSG,
	  "1:4: expected one of \"\\/bfnrtu after a backslash, got 'x'" },
	{ "an escaped NUL byte", T("[\"\\\0\"]"), -EBADMSG,
	  "1:4: expected one of \"\\/bfnrtu after a backslash, got byte 0x00" },
	{ "\\u with three digits", T("[\"\\u12\"]"), -EBADMSG,
	  "1:7: expected four hex digits after \\u, got '\"'" },
	{ "\\u with a g", T("[\"\\u00g0\"]"), -EBADMSG,
	  "1:7: expected four hex digits after \\u, got 'g'" },
	{ "\\u cut off", T("[\"\\u0"), -EBADMSG,
	  "1:6: expected four hex digits after \\u, got the end of the text" },
	{ "\\U", T("[\"\\U0041\"]"), -EBADMSG,
	  "1:4: expected one of \"\\/bfnrtu after a backslash, got 'U'" },
	{ "a newline in a string", T("[\"a\nb\"]"), -EBADMSG,
	  "1:4: a control character in a string" },
	{ "a tab in a string", T("[\"\t\"]"), -EBADMSG, "1:3: a control character in a string" },

	{ "a high surrogate alone", T("[\"\\ud800\"]"), -EILSEQ,
	  "1:3: a high surrogate without a low one after it" },
	{ "a high surrogate before text", T("[\"\\ud800abcdef\"]"), -EILSEQ,
	  "1:3: a high surrogate without a low one after it" },
	{ "two high surrogates", T("[\"\\ud800\\ud800\"]"), -EILSEQ,
	  "1:3: a high surrogate without a low one after it" },
	{ "a high surrogate before \\n", T("[\"\\ud800\\n\"]"), -EILSEQ,
	  "1:3: a high surrogate without a low one after it" },
	{ "a low surrogate alone", T("[\"\\udc00\"]"), -EILSEQ,
	  "1:3: a low surrogate without a high one before it" },
	{ "surrogates the wrong way round", T("[\"\\udc00\\ud800\"]"), -EILSEQ,
	  "1:3: a low surrogate without a high one before it" },
	{ "a high surrogate and half an escape", T("[\"\\ud800\\u12\"]"), -EBADMSG,
	  "1:13: expected four hex digits after \\u, got '\"'" },
	{ "a lone surrogate in a key", T("{\"\\udfff\":1}"), -EILSEQ,
	  "1:3: a low surrogate without a high one before it" },

	{ "Latin-1", T("[\"\xe9\"]"), -EILSEQ, "1:3: a byte that is not UTF-8" },
	{ "a continuation byte alone", T("[\"\x80\"]"), -EILSEQ,
	  "1:3: a byte that is not UTF-8" },
	{ "a sequence cut off by the quote", T("[\"\xe2\x82\"]"), -EILSEQ,
	  "1:3: a byte that is not UTF-8" },
	{ "a sequence cut off by the end", T("[\"\xf0\x9f"), -EILSEQ,
	  "1:3: a byte that is not UTF-8" },
	{ "an overlong slash of 2 bytes", T("[\"\xc0\xaf\"]"), -EILSEQ,
	  "1:3: a byte that is not UTF-8" },
	{ "an overlong slash of 3 bytes", T("[\"\xe0\x80\xaf\"]"), -EILSEQ,
	  "1:3: a byte that is not UTF-8" },
	{ "an overlong slash of 4 bytes", T("[\"\xf0\x80\x80\xaf\"]"), -EILSEQ,
	  "1:3: a byte that is not UTF-8" },
	{ "a surrogate in UTF-8", T("[\"\xed\xa0\x80\"]"), -EILSEQ,
	  "1:3: a byte that is not UTF-8" },
	{ "a code point above U+10FFFF", T("[\"\xf4\x90\x80\x80\"]"), -EILSEQ,
	  "1:3: a byte that is not UTF-8" },
	{ "byte 0xff", T("[\"\xff\"]"), -EILSEQ, "1:3: a byte that is not UTF-8" },
	{ "not UTF-8 in a key", T("{\"\xff\":1}"), -EILSEQ, "1:3: a byte that is not UTF-8" },

	{ "a key given twice", T("{\"a\":1,\"a\":2}"), -EEXIST,
	  "1:8: a key that this object has already" },
	{ "a key given twice with the same value", T("{\"a\":1,\"a\":1}"), -EEXIST,
	  "1:8: a key that this object has already" },
	{ "a key given twice, once escaped", T("{\"a\":1,\"\\u0061\":2}"), -EEXIST,
	  "1:8: a key that this object has already" },
	{ "a key given twice, once as a surrogate pair",
	  T("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}"), -EEXIST,
	  "1:8: a key that this object has already" },
	{ "an empty key given twice", T("{\"\":1,\"\":2}"), -EEXIST,
	  "1:7: a key that this object has already" },
	{ "a key given twice around a nested object",
	  T("{\"a\":{\"a\":1},\"b\":[{\"a\":1}],\"a\":2}"), -EEXIST,
	  "1:28: a key that this object has already" },
};

static void test_refused(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(refused); i++) {
		json_auto struct json_doc *doc = NULL;
		struct json_error error = { .text = "" };

		ktap_eq(json_parse(refused[i].text, refused[i].len, NULL, &doc, &error),
			refused[i].code, "refuses %s", refused[i].what);
		ktap_str(error.text, refused[i].error, "refuses %s and says where",
			 refused[i].what);
	}
}

/* The parser owns its copy: no byte beyond len is looked at. */
static void test_truncated(void)
{
	static const char whole[] =
		"{\"a\":[1,-2.5e3,\"\\ud83d\\ude00\xe2\x82\xac\",true,null,{}]}";
	size_t len, bad = 0;

	for (len = 0; len < sizeof(whole) - 1; len++) {
		char *exact = malloc(len ? len : 1);
		struct json_doc *doc = NULL;

		memcpy(exact, whole, len);
		if (!json_parse(exact, len, NULL, &doc, NULL)) {
			bad++;
			json_free(doc);
		}
		free(exact);
	}
	ktap_eq(bad, 0, "given a document cut off at every byte, none of it is taken");
}

static void test_place(void)
{
	json_auto struct json_doc *doc = NULL;
	struct json_error error;

	json_parse(T("{\n  \"\xc3\xa9\xc3\xa9\": 1,\n  \"b\": \xff\n}"), NULL, &doc, &error);
	ktap_eq(error.line, 3, "an error on the third line is said to be there");
	ktap_eq(error.column, 8, "its column counts from 1");
	json_parse(T("[\"\xc3\xa9\xe2\x82\xac\" x]"), NULL, &doc, &error);
	ktap_eq(error.column, 7, "a column counts characters, not bytes");
}

/* ---- limits ---- */

static char *nested(size_t depth, const char *open, const char *close, size_t *len)
{
	size_t n = strlen(open), m = strlen(close), i;
	char *text = malloc(depth * (n + m) + 1);

	*len = 0;
	for (i = 0; i < depth; i++, *len += n)
		memcpy(text + *len, open, n);
	for (i = 0; i < depth; i++, *len += m)
		memcpy(text + *len, close, m);
	return text;
}

static int parse_nested(size_t depth, const char *open, const char *close,
			const struct json_limits *limits, struct json_error *error)
{
	json_auto struct json_doc *doc = NULL;
	pvk_auto_free char *text = NULL;
	size_t len;

	text = nested(depth, open, close, &len);
	return json_parse(text, len, limits, &doc, error);
}

static void test_depth(void)
{
	const struct json_limits three = { .max_depth = 3 };
	const struct json_limits wild = { .max_depth = 1000000 };
	struct json_error error;

	ktap_eq(parse_nested(JSON_MAX_DEPTH, "[", "]", NULL, NULL), 0,
		"given arrays as deep as allowed, takes them");
	ktap_eq(parse_nested(JSON_MAX_DEPTH + 1, "[", "]", NULL, &error), -E2BIG,
		"given arrays one deeper, refuses");
	ktap_str(error.text, "1:65: arrays and objects too deep inside each other",
		 "and says where it got too deep");
	ktap_eq(parse_nested(10000, "[", "]", NULL, NULL), -E2BIG, "10,000 arrays deep");
	ktap_eq(parse_nested(10000, "{\"a\":[", "]}", NULL, NULL), -E2BIG,
		"20,000 objects and arrays deep");
	ktap_eq(parse_nested(1000000, "[", "", NULL, NULL), -E2BIG, "a million brackets");
	ktap_eq(parse_nested(3, "[", "]", &three, NULL), 0, "the caller's depth holds");
	ktap_eq(parse_nested(4, "[", "]", &three, NULL), -E2BIG, "one more is refused");
	ktap_eq(parse_nested(JSON_MAX_DEPTH + 1, "[", "]", &wild, NULL), -E2BIG,
		"a caller can't allow more depth than the stack is made for");
}

static void test_size(void)
{
	static const size_t ten_mb = 10 * 1024 * 1024;
	const struct json_limits ten = { .max_bytes = 10 };
	pvk_auto_free char *text = malloc(ten_mb);
	json_auto struct json_doc *doc = NULL;
	struct json_error error;

	memset(text, ' ', ten_mb);
	text[0] = '1';
	ktap_eq(json_parse(text, ten_mb, NULL, &doc, &error), -E2BIG, "10 MB are refused");
	ktap_str(error.text, "the text is too large", "and the error says why");
	ktap_eq(error.line, 0, "without a place");
	ktap_eq(json_parse(text, JSON_MAX_BYTES + 1, NULL, &doc, NULL), -E2BIG,
		"one byte over the default is refused");
	ktap_eq(json_parse(text, 11, &ten, &doc, NULL), -E2BIG, "the caller's size holds");
	ktap_eq(json_parse(text, 10, &ten, &doc, NULL), 0, "up to the last byte");
	json_free(doc);
	doc = NULL;
	ktap_eq(json_parse(text, JSON_MAX_BYTES, NULL, &doc, NULL), 0,
		"the default holds up to the last byte");
}

static void test_nodes(void)
{
	const struct json_limits five = { .max_nodes = 5 };
	json_auto struct json_doc *doc = NULL;
	struct json_error error;

	ktap_eq(json_parse(T("{\"a\":[1,2,3]}"), &five, &doc, &error), -E2BIG,
		"given 6 values and keys where 5 are allowed, refuses");
	ktap_str(error.text, "1:11: too many values", "and says at which");
	ktap_eq(json_parse(T("{\"a\":[1,2]}"), &five, &doc, NULL), 0, "5 are taken");
}

/*
 * 32,000 keys: comparing each with each would be 500 million comparisons of
 * strings that differ at their ends only. No limit in seconds, which would
 * depend on the machine: 16 times the keys may take 100 times the processor
 * time, where quadratic is 256. Best of three.
 */
static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double time_keys(size_t count)
{
	struct pvk_buf buf = PVK_BUF_INIT(JSON_MAX_BYTES);
	double best = 1e9, start, took;
	struct json_doc *doc = NULL;
	size_t i;

	pvk_buf_putc(&buf, '{');
	for (i = 0; i < count; i++)
		pvk_buf_printf(&buf, "%s\"same-beginning-%06zu\":0", i ? "," : "", i);
	pvk_buf_putc(&buf, '}');
	for (i = 0; i < 3 && best > 0; i++) {
		start = cpu_seconds();
		if (json_parse(buf.data, buf.len, NULL, &doc, NULL)) {
			best = -1;
			break;
		}
		took = cpu_seconds() - start;
		best = took < best ? took : best;
		json_free(doc);
	}
	pvk_buf_free(&buf);
	return best;
}

static void test_many_keys(void)
{
	double few = time_keys(2000), many = time_keys(32000);

	ktap_check(few > 0 && many > 0, "32,000 different keys are no duplicates");
	if (!ktap_check(many < 100 * few, "looking for duplicates is not quadratic"))
		printf("# 2,000 keys: %.4f s, 32,000: %.4f s\n", few, many);
}

static void test_duplicate_among_many(void)
{
	struct pvk_buf buf = PVK_BUF_INIT(JSON_MAX_BYTES);
	struct json_doc *doc = NULL;
	int i;

	pvk_buf_putc(&buf, '{');
	for (i = 0; i < 20000; i++)
		pvk_buf_printf(&buf, "\"%d\":0,", i);
	pvk_buf_puts(&buf, "\"777\":1}");
	ktap_eq(json_parse(buf.data, buf.len, NULL, &doc, NULL), -EEXIST,
		"one duplicate among 20,000 keys is found");
	pvk_buf_free(&buf);
}

/* ---- vendor files ---- */

static void test_vendor(void)
{
	static const char text[] =
		"{ \"SNR\": {\"a\": 1,},\n  \"SYS\": [1, 2, ],\n  \"SNR\": {\"a\": 2, \"a\": 3}, }";
	pvk_auto_list struct pvk_list warnings = { 0 };
	const struct json_limits vendor = { .flags = JSON_VENDOR, .warnings = &warnings };
	json_auto struct json_doc *doc = NULL;
	const struct json *root, *key, *value;
	struct pvk_buf keys = PVK_BUF_INIT(64);
	int64_t n = 0;

	ktap_eq(json_parse(T(text), &vendor, &doc, NULL), 0,
		"given trailing commas and keys given twice, a vendor's file is taken");
	root = json_root(doc);
	json_int64(json_get(json_get(root, "SNR"), "a"), &n);
	ktap_eq(n, 3, "the last of equal keys is read");
	ktap_eq(json_count(root), 2, "the first is not counted");
	json_for_each_member(key, value, root)
		pvk_buf_printf(&keys, "%s ", json_cstr(key));
	ktap_str(pvk_buf_str(&keys), "SYS SNR ", "nor met on the way");
	pvk_buf_free(&keys);
	ktap_eq(json_count(json_get(root, "SYS")), 2, "a trailing comma adds no item");
	ktap_eq(warnings.count, 5, "each is a warning");
	ktap_str(warnings.count ? warnings.item[0] : NULL, "1:17: a comma with nothing after it",
		 "with its place");
}

static void test_vendor_is_json(void)
{
	static const char *const bad[] = {
		"[,]", "[1,,]", "{,}", "[1 2]", "{\"a\":1,,}", "[\"\\x\"]",
	};
	const struct json_limits vendor = { .flags = JSON_VENDOR };
	size_t i, taken = 0;

	for (i = 0; i < PVK_ARRAY_SIZE(bad); i++) {
		struct json_doc *doc = NULL;

		if (!json_parse(bad[i], strlen(bad[i]), &vendor, &doc, NULL)) {
			taken++;
			json_free(doc);
		}
	}
	ktap_eq(taken, 0, "what else is no JSON is refused in a vendor's file too");
}

static void test_vendor_floods(void)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	const struct json_limits vendor = { .flags = JSON_VENDOR, .warnings = &warnings };
	struct pvk_buf buf = PVK_BUF_INIT(JSON_MAX_BYTES);
	json_auto struct json_doc *doc = NULL;
	int i;

	pvk_buf_puts(&buf, "{\"a\":0");
	for (i = 0; i < 10000; i++)
		pvk_buf_puts(&buf, ",\"a\":0");
	pvk_buf_putc(&buf, '}');
	ktap_eq(json_parse(buf.data, buf.len, &vendor, &doc, NULL), 0, "10,000 duplicates");
	ktap_eq(warnings.count, PVK_LIST_MAX, "warnings are kept up to the limit");
	ktap_eq(warnings.dropped, 10000 - PVK_LIST_MAX, "and counted beyond it");
	ktap_eq(json_count(json_root(doc)), 1, "and one key is left");
	pvk_buf_free(&buf);
}

/* ---- reading ---- */

static const char sample[] =
	"{\"name\":\"wifi\",\"n\":-7,\"big\":18446744073709551615,\"yes\":true,\"no\":false,\n"
	" \"nil\":null,\"list\":[\"x\",[\"y\"],{\"z\":1}],\n"
	" \"t\\u00e9xt\":\"a\\n\\\"b\\\\ \\ud83d\\ude00\",\"nul\":\"a\\u0000b\",\"f\":1.5}";

static void test_get(const struct json *root)
{
	const struct json *list = json_get(root, "list");

	ktap_eq(json_typeof(root), JSON_OBJECT, "the root is an object");
	ktap_eq(json_count(root), 10, "with its members counted");
	ktap_str(json_cstr(json_get(root, "name")), "wifi", "a member is found");
	ktap_check(!json_get(root, "nam"), "the beginning of a key is not the key");
	ktap_check(!json_get(root, "z"), "a nested key is not the outer object's");
	ktap_check(!json_get(list, "x"), "an array has no keys");
	ktap_check(!json_get(NULL, "x"), "nothing has no keys");
	ktap_eq(json_typeof(json_get(root, "nil")), JSON_NULL, "null is not nothing");
	ktap_eq(json_typeof(json_get(root, "none")), JSON_NONE, "nothing is");
	ktap_eq(json_count(list), 3, "items are counted, not what is in them");
	ktap_eq(json_line(list), 2, "a value knows its line");
	ktap_eq(json_column(list), 20, "and its column");
}

static void test_iterate(const struct json *root)
{
	struct pvk_buf types = PVK_BUF_INIT(256);
	const struct json *item, *key, *value;

	json_for_each(item, json_get(root, "list"))
		pvk_buf_printf(&types, "%s;", json_typename(json_typeof(item)));
	ktap_str(pvk_buf_str(&types), "a string;an array;an object;", "items in order");

	pvk_buf_reset(&types);
	json_for_each_member(key, value, root)
		pvk_buf_printf(&types, "%s;", json_cstr(key));
	ktap_str(pvk_buf_str(&types), "name;n;big;yes;no;nil;list;t\xc3\xa9xt;nul;f;",
		 "members in order, keys decoded");

	pvk_buf_reset(&types);
	json_for_each(item, json_get(root, "name"))
		pvk_buf_puts(&types, "!");
	json_for_each(item, NULL)
		pvk_buf_puts(&types, "!");
	ktap_str(pvk_buf_str(&types), "", "a string and nothing have no items");
	pvk_buf_free(&types);
}

static void test_scalars(const struct json *root)
{
	const struct json *nul = json_get(root, "nul");
	uint64_t u = 0;
	int64_t n = 0;
	bool b = false;
	size_t len;

	ktap_str(json_cstr(json_get(root, "t\xc3\xa9xt")), "a\n\"b\\ \xf0\x9f\x98\x80",
		 "escapes are decoded, in keys too");
	ktap_check(!json_cstr(nul), "a string with \\u0000 is no C string");
	ktap_check(json_string(nul, &len) && len == 3 && !memcmp(json_string(nul, NULL), "a\0b", 3),
		   "but can be had with its length");
	ktap_check(!json_cstr(json_get(root, "n")), "a number is no string");
	ktap_check(!json_int64(json_get(root, "n"), &n) && n == -7, "an integer");
	ktap_eq(json_uint64(json_get(root, "n"), &u), -ERANGE, "a negative is not unsigned");
	ktap_check(!json_uint64(json_get(root, "big"), &u) && u == UINT64_MAX, "2^64 - 1");
	ktap_eq(json_int64(json_get(root, "big"), &n), -ERANGE, "which is not signed");
	ktap_eq(json_int64(json_get(root, "f"), &n), -EINVAL, "a fraction is no integer");
	ktap_str(json_number(json_get(root, "f")), "1.5", "a number can be had as written");
	ktap_eq(json_int64(json_get(root, "name"), &n), -EINVAL, "a string is no integer");
	ktap_check(!json_bool(json_get(root, "yes"), &b) && b, "true");
	ktap_check(!json_bool(json_get(root, "no"), &b) && !b, "false");
	ktap_eq(json_bool(json_get(root, "n"), &b), -EINVAL, "a number is no boolean");
	ktap_eq(json_bool(NULL, &b), -EINVAL, "nothing is no boolean");
}

/* ---- writing ---- */

static void test_write(void)
{
	json_auto_out struct json_out out = JSON_OUT_INIT(4096);
	pvk_auto_free char *text = NULL;
	size_t len = 0;

	json_out_array(&out);
	json_out_object(&out);
	json_out_pair_str(&out, "name", "wifi");
	json_out_pair_int(&out, "n", -7);
	json_out_pair_uint(&out, "u", UINT64_MAX);
	json_out_pair_bool(&out, "b", true);
	json_out_pair_str(&out, "nil", NULL);
	json_out_key(&out, "list");
	json_out_array(&out);
	json_out_end(&out);
	json_out_key(&out, "sub");
	json_out_object(&out);
	json_out_end(&out);
	json_out_end(&out);
	json_out_bool(&out, false);
	json_out_null(&out);
	json_out_end(&out);
	ktap_eq(json_out_take(&out, &text, &len), 0, "a whole text is given out");
	ktap_str(text, "[{\"name\":\"wifi\",\"n\":-7,\"u\":18446744073709551615,\"b\":true,"
		 "\"nil\":null,\"list\":[],\"sub\":{}},false,null]",
		 "compact, commas where they belong");
	ktap_check(text && len == strlen(text), "with its length");
}

static const struct {
	const char *what;
	const char *text;
	size_t len;
	const char *json;
} strings[] = {
	{ "plain text", T("wifi"), "\"wifi\"" },
	{ "quotes and backslashes", T("a\"b\\c"), "\"a\\\"b\\\\c\"" },
	{ "a slash", T("/x"), "\"/x\"" },
	{ "control characters", T("\b\f\n\r\t\x01\x1f\x7f"),
	  "\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"" },
	{ "a NUL", T("a\0b"), "\"a\\u0000b\"" },
	{ "UTF-8", T("\xe2\x82\xac"), "\"\xe2\x82\xac\"" },
	{ "a byte that is not UTF-8", T("a\xff" "b"), "\"a\xef\xbf\xbd" "b\"" },
	{ "a sequence cut off", T("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
};

static void test_write_strings(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(strings); i++) {
		json_auto_out struct json_out out = JSON_OUT_INIT(4096);
		json_auto struct json_doc *doc = NULL;
		pvk_auto_free char *text = NULL;
		size_t len = 0;

		json_out_strn(&out, strings[i].text, strings[i].len);
		json_out_take(&out, &text, &len);
		ktap_str(text, strings[i].json, "writes %s", strings[i].what);
		ktap_eq(json_parse(text ? text : "", len, NULL, &doc, NULL), 0,
			"and reads it again");
	}
}

static int misuse(void (*write)(struct json_out *out), size_t max)
{
	json_auto_out struct json_out out = JSON_OUT_INIT(max);
	pvk_auto_free char *text = NULL;

	write(&out);
	return json_out_take(&out, &text, NULL);
}

static void write_nothing(struct json_out *out)
{
	(void)out;
}

static void write_open(struct json_out *out)
{
	json_out_array(out);
}

static void write_end(struct json_out *out)
{
	json_out_int(out, 1);
	json_out_end(out);
}

static void write_two(struct json_out *out)
{
	json_out_int(out, 1);
	json_out_int(out, 2);
}

static void write_no_key(struct json_out *out)
{
	json_out_object(out);
	json_out_int(out, 1);
	json_out_end(out);
}

static void write_key_in_array(struct json_out *out)
{
	json_out_array(out);
	json_out_key(out, "a");
	json_out_end(out);
}

static void write_two_keys(struct json_out *out)
{
	json_out_object(out);
	json_out_key(out, "a");
	json_out_pair_int(out, "b", 1);
	json_out_end(out);
}

static void write_lone_key(struct json_out *out)
{
	json_out_object(out);
	json_out_key(out, "a");
	json_out_end(out);
}

static void write_deep(struct json_out *out)
{
	int i;

	for (i = 0; i <= JSON_OUT_DEPTH; i++)
		json_out_array(out);
	for (i = 0; i <= JSON_OUT_DEPTH; i++)
		json_out_end(out);
}

static void write_full(struct json_out *out)
{
	json_out_str(out, "0123456789");
}

static void test_write_misuse(void)
{
	ktap_eq(misuse(write_nothing, 64), -EINVAL, "no value at all");
	ktap_eq(misuse(write_open, 64), -EINVAL, "an array that was not ended");
	ktap_eq(misuse(write_end, 64), -EINVAL, "an end too many");
	ktap_eq(misuse(write_two, 64), -EINVAL, "two values side by side");
	ktap_eq(misuse(write_no_key, 64), -EINVAL, "a value in an object without a key");
	ktap_eq(misuse(write_key_in_array, 64), -EINVAL, "a key in an array");
	ktap_eq(misuse(write_two_keys, 64), -EINVAL, "two keys in a row");
	ktap_eq(misuse(write_lone_key, 64), -EINVAL, "a key without a value");
	ktap_eq(misuse(write_deep, 4096), -EINVAL, "deeper than the writer counts");
	ktap_eq(misuse(write_full, 12), 0, "a text that just fits");
	ktap_eq(misuse(write_full, 11), -ENOSPC, "one that does not");
}

int main(void)
{
	json_auto struct json_doc *doc = NULL;

	ktap_plan(0);
	test_accepted();
	test_refused();
	test_truncated();
	test_place();
	test_depth();
	test_size();
	test_nodes();
	test_many_keys();
	test_duplicate_among_many();
	test_vendor();
	test_vendor_is_json();
	test_vendor_floods();
	if (ktap_eq(json_parse(T(sample), NULL, &doc, NULL), 0, "the sample is taken")) {
		test_get(json_root(doc));
		test_iterate(json_root(doc));
		test_scalars(json_root(doc));
	}
	test_write();
	test_write_strings();
	test_write_misuse();
	return ktap_finish();
}
