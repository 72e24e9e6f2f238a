// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS	/* closing brackets is quadratic without */
#include <jsmn.h>

#include "json.h"

struct json {
	const char *text;	/* string, key, number: decoded, NUL-terminated */
	uint32_t len;		/* of text */
	uint32_t span;		/* nodes from here to the end of the subtree */
	uint32_t count;		/* members or items */
	uint32_t line;
	uint32_t column;
	uint8_t type;		/* enum json_type */
	bool key;
	bool shadowed;		/* a key that is given again later */
	bool value;		/* of JSON_BOOL */
};

struct json_doc {
	char *text;
	struct json *nodes;
};

/*
 * Keys seen so far, for finding one given twice: open addressing over a hash
 * that an attacker can't aim, as the seed is secret.
 */
struct key {
	uint64_t hash;
	uint32_t object;	/* node number of the object */
	uint32_t node;		/* of the key, + 1; 0: free */
	const char *text;	/* behind the opening quote */
};

struct keys {
	struct key *slot;
	size_t size;		/* a power of two, or 0 */
	size_t used;
};

/* A key that a later one replaces (JSON_VENDOR). */
struct shadow {
	uint32_t object;
	uint32_t node;
};

struct check {
	char *start;
	char *p;
	char *end;		/* *end is '\0' */
	struct json_limits limits;
	size_t nodes;
	unsigned int depth;
	struct keys keys;
	struct shadow *shadows;
	size_t n_shadows;
	struct json_error *error;
};

/* ---- SipHash-1-3, fed byte by byte ---- */

struct sip {
	uint64_t v0, v1, v2, v3;
	uint64_t word;
	uint64_t len;
};

static uint64_t rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

static void sip_init(struct sip *s)
{
	static uint64_t seed[2];

	/* Early boot without entropy: a guessable seed still gives right answers. */
	if (!seed[0] && getrandom(seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed[0] = (uintptr_t)s | 1;

	*s = (struct sip){
		.v0 = seed[0] ^ 0x736f6d6570736575u,
		.v1 = seed[1] ^ 0x646f72616e646f6du,
		.v2 = seed[0] ^ 0x6c7967656e657261u,
		.v3 = seed[1] ^ 0x7465646279746573u,
	};
}

static void sip_byte(struct sip *s, unsigned char c)
{
	s->word |= (uint64_t)c << (8 * (s->len++ & 7));
	if (s->len & 7)
		return;
	sip_word(s, s->word);
	s->word = 0;
}

static uint64_t sip_end(struct sip *s)
{
	int i;

	sip_word(s, s->word | s->len << 56);
	s->v2 ^= 0xff;
	for (i = 0; i < 3; i++)
		sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* ---- strings that were found valid ---- */

static unsigned int hex4(const char *p)
{
	unsigned int i, v = 0;

	for (i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)p[i] | 0x20;

		v = v << 4 | (c <= '9' ? c - '0' + 0u : c - 'a' + 10u);
	}
	return v;
}

static size_t put_utf8(char *out, unsigned int c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/*
 * Takes one character, or one byte of a longer one, off a checked string;
 * returns the number of bytes put into out, 0 at the closing quote.
 */
static size_t decode(const char **p, char out[4])
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *s = *p, *esc;
	unsigned int c;

	if (*s == '"')
		return 0;
	if (*s != '\\') {
		out[0] = *s;
		*p = s + 1;
		return 1;
	}
	if (s[1] != 'u') {
		esc = strchr(from, s[1]);
		out[0] = esc ? to[esc - from] : s[1];
		*p = s + 2;
		return 1;
	}

	c = hex4(s + 2);
	*p = s + 6;
	if ((c & 0xfc00) == 0xd800) {
		c = 0x10000 + ((c & 0x3ff) << 10) + (hex4(s + 8) & 0x3ff);
		*p = s + 12;
	}
	return put_utf8(out, c);
}

static uint64_t hash_key(const char *text, uint32_t object)
{
	struct sip sip;
	char out[4];
	size_t i, n;

	sip_init(&sip);
	for (i = 0; i < sizeof(object); i++)
		sip_byte(&sip, (unsigned char)(object >> 8 * i));
	while ((n = decode(&text, out)))
		for (i = 0; i < n; i++)
			sip_byte(&sip, (unsigned char)out[i]);
	return sip_end(&sip);
}

static bool same_key(const char *a, const char *b)
{
	char x[4], y[4];
	size_t i = 0, j = 0, n = 0, m = 0;

	/* One side may hold in one escape what the other holds in four bytes. */
	for (;;) {
		if (i == n) {
			n = decode(&a, x);
			i = 0;
		}
		if (j == m) {
			m = decode(&b, y);
			j = 0;
		}
		if (!n || !m)
			return n == m;
		if (x[i++] != y[j++])
			return false;
	}
}

/* ---- errors ---- */

static void find_place(const char *start, const char *at, unsigned int *line,
		       unsigned int *column)
{
	const char *p;

	*line = 1;
	*column = 1;
	for (p = start; p < at; p++) {
		if (*p == '\n') {
			(*line)++;
			*column = 1;
		} else if (((unsigned char)*p & 0xc0) != 0x80) {
			(*column)++;
		}
	}
}

static int fail_at(struct check *c, const char *at, int code, const char *text)
{
	struct json_error *e = c->error;

	if (!e)
		return code;
	find_place(c->start, at, &e->line, &e->column);
	snprintf(e->text, sizeof(e->text), "%u:%u: %s", e->line, e->column, text);
	return code;
}

static int fail(struct check *c, int code, const char *text)
{
	return fail_at(c, c->p, code, text);
}

static int fail_nowhere(struct json_error *e, int code, const char *text)
{
	if (e) {
		e->line = 0;
		e->column = 0;
		snprintf(e->text, sizeof(e->text), "%s", text);
	}
	return code;
}

static int fail_expected(struct check *c, const char *what)
{
	unsigned char got = (unsigned char)*c->p;
	char text[128];

	if (c->p == c->end)
		snprintf(text, sizeof(text), "expected %s, got the end of the text", what);
	else if (got > 0x20 && got < 0x7f)
		snprintf(text, sizeof(text), "expected %s, got '%c'", what, got);
	else
		snprintf(text, sizeof(text), "expected %s, got byte 0x%02x", what, got);
	return fail(c, -EBADMSG, text);
}

static void warn_at(struct check *c, const char *at, const char *text)
{
	unsigned int line, column;
	struct pvk_list *list = c->limits.warnings;

	if (!list)
		return;
	/* Finding the place is linear: not for warnings that nobody will see. */
	if (list->count == PVK_LIST_MAX) {
		list->dropped++;
		return;
	}
	find_place(c->start, at, &line, &column);
	pvk_list_warn(list, "%u:%u: %s", line, column, text);
}

/* ---- the grammar ---- */

static void skip_space(struct check *c)
{
	/* strchr() would find the NUL at the end too. */
	while (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r')
		c->p++;
}

static int check_hex4(struct check *c)
{
	int i;

	for (i = 0; i < 4; i++, c->p++)
		if (!((*c->p >= '0' && *c->p <= '9') || (*c->p >= 'a' && *c->p <= 'f') ||
		      (*c->p >= 'A' && *c->p <= 'F')))
			return fail_expected(c, "four hex digits after \\u");
	return 0;
}

static int check_escape(struct check *c)
{
	char *at = c->p++;
	unsigned int code;
	int ret;

	if (*c->p && strchr("\"\\/bfnrt", *c->p)) {
		c->p++;
		return 0;
	}
	if (*c->p != 'u')
		return fail_expected(c, "one of \"\\/bfnrtu after a backslash");
	c->p++;
	ret = check_hex4(c);
	if (ret)
		return ret;

	code = hex4(at + 2);
	if ((code & 0xfc00) == 0xdc00)
		return fail_at(c, at, -EILSEQ, "a low surrogate without a high one before it");
	if ((code & 0xfc00) != 0xd800)
		return 0;
	if (c->p[0] != '\\' || c->p[1] != 'u')
		return fail_at(c, at, -EILSEQ, "a high surrogate without a low one after it");
	c->p += 2;
	ret = check_hex4(c);
	if (ret)
		return ret;
	if ((hex4(c->p - 4) & 0xfc00) != 0xdc00)
		return fail_at(c, at, -EILSEQ, "a high surrogate without a low one after it");
	return 0;
}

static int check_string(struct check *c)
{
	size_t n;
	int ret;

	for (c->p++; *c->p != '"';) {
		if (c->p == c->end)
			return fail_expected(c, "'\"' at the end of a string");
		if ((unsigned char)*c->p < 0x20)
			return fail(c, -EBADMSG, "a control character in a string");
		if (*c->p == '\\') {
			ret = check_escape(c);
			if (ret)
				return ret;
			continue;
		}
		n = pvk_utf8_len(c->p, (size_t)(c->end - c->p));
		if (!n)
			return fail(c, -EILSEQ, "a byte that is not UTF-8");
		c->p += n;
	}
	c->p++;
	return 0;
}

static int check_digits(struct check *c)
{
	if (*c->p < '0' || *c->p > '9')
		return fail_expected(c, "a digit");
	while (*c->p >= '0' && *c->p <= '9')
		c->p++;
	return 0;
}

static int check_number(struct check *c)
{
	int ret;

	if (*c->p == '-')
		c->p++;
	if (*c->p == '0') {
		c->p++;
		if (*c->p >= '0' && *c->p <= '9')
			return fail(c, -EBADMSG, "a number with a leading zero");
	} else {
		ret = check_digits(c);
		if (ret)
			return ret;
	}
	if (*c->p == '.') {
		c->p++;
		ret = check_digits(c);
		if (ret)
			return ret;
	}
	if (*c->p == 'e' || *c->p == 'E') {
		c->p++;
		if (*c->p == '+' || *c->p == '-')
			c->p++;
		return check_digits(c);
	}
	return 0;
}

static int check_word(struct check *c, const char *word)
{
	size_t len = strlen(word);

	/* The text ends in a NUL, so this can't run past it. */
	if (strncmp(c->p, word, len))
		return fail_expected(c, "a value");
	c->p += len;
	return 0;
}

static int keys_grow(struct keys *keys)
{
	size_t size = keys->size ? keys->size * 2 : 32, i, j;
	struct key *slot = calloc(size, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	for (i = 0; i < keys->size; i++) {
		if (!keys->slot[i].node)
			continue;
		for (j = keys->slot[i].hash & (size - 1); slot[j].node;)
			j = (j + 1) & (size - 1);
		slot[j] = keys->slot[i];
	}
	free(keys->slot);
	keys->slot = slot;
	keys->size = size;
	return 0;
}

static int add_shadow(struct check *c, const struct key *old)
{
	struct shadow *shadows;

	/* Doubles at each power of two. */
	if (!(c->n_shadows & (c->n_shadows - 1))) {
		size_t size = c->n_shadows ? c->n_shadows * 2 : 1;

		shadows = realloc(c->shadows, size * sizeof(*shadows));
		if (!shadows)
			return -ENOMEM;
		c->shadows = shadows;
	}
	c->shadows[c->n_shadows++] = (struct shadow){
		.object = old->object,
		.node = old->node - 1,
	};
	return 0;
}

/* Remembers the key whose text begins behind the quote at `at`. */
static int check_key(struct check *c, const char *at, uint32_t object, uint32_t node)
{
	struct keys *keys = &c->keys;
	uint64_t hash = hash_key(at + 1, object);
	struct key *k;
	size_t i;
	int ret;

	if (keys->used >= keys->size / 2) {
		ret = keys_grow(keys);
		if (ret)
			return fail_nowhere(c->error, ret, "out of memory");
	}
	for (i = hash & (keys->size - 1); keys->slot[i].node; i = (i + 1) & (keys->size - 1)) {
		k = &keys->slot[i];
		if (k->hash != hash || k->object != object || !same_key(k->text, at + 1))
			continue;
		if (!(c->limits.flags & JSON_VENDOR))
			return fail_at(c, at, -EEXIST, "a key that this object has already");
		warn_at(c, at, "a key that this object has already; the last one is used");
		ret = add_shadow(c, k);
		if (ret)
			return fail_nowhere(c->error, ret, "out of memory");
		k->node = node + 1;
		return 0;
	}
	keys->used++;
	keys->slot[i] = (struct key){
		.hash = hash,
		.object = object,
		.node = node + 1,
		.text = at + 1,
	};
	return 0;
}

static int count_node(struct check *c)
{
	if (c->nodes == c->limits.max_nodes)
		return fail(c, -E2BIG, "too many values");
	c->nodes++;
	return 0;
}

/*
 * Behind an item or member: 1 if another one follows, 0 if c->p is at `close`.
 */
static int check_comma(struct check *c, char close, const char *what)
{
	char *comma;

	skip_space(c);
	if (*c->p == close)
		return 0;
	if (*c->p != ',')
		return fail_expected(c, what);
	comma = c->p++;
	skip_space(c);
	if (*c->p != close)
		return 1;
	if (!(c->limits.flags & JSON_VENDOR)) {
		c->p = comma;
		return fail(c, -EBADMSG, "a comma with nothing after it");
	}
	warn_at(c, comma, "a comma with nothing after it");
	*comma = ' ';	/* jsmn is not asked about it */
	return 0;
}

static int check_value(struct check *c);

static int check_array(struct check *c)
{
	int ret;

	c->p++;
	skip_space(c);
	if (*c->p == ']')
		goto out;
	do {
		ret = check_value(c);
		if (!ret)
			ret = check_comma(c, ']', "',' or ']' after an item");
		if (ret < 0)
			return ret;
	} while (ret);
out:
	c->p++;
	return 0;
}

static int check_member(struct check *c, uint32_t object)
{
	char *at = c->p;
	uint32_t node = (uint32_t)c->nodes;
	int ret;

	if (*at != '"')
		return fail_expected(c, "a key in quotes");
	ret = count_node(c);
	if (!ret)
		ret = check_string(c);
	if (!ret)
		ret = check_key(c, at, object, node);
	if (ret)
		return ret;
	skip_space(c);
	if (*c->p != ':')
		return fail_expected(c, "':' after a key");
	c->p++;
	skip_space(c);
	return check_value(c);
}

static int check_object(struct check *c)
{
	uint32_t object = (uint32_t)c->nodes - 1;
	int ret;

	c->p++;
	skip_space(c);
	if (*c->p == '}')
		goto out;
	do {
		ret = check_member(c, object);
		if (!ret)
			ret = check_comma(c, '}', "',' or '}' after a member");
		if (ret < 0)
			return ret;
	} while (ret);
out:
	c->p++;
	return 0;
}

/* c->p is behind white space. Recursion ends at max_depth. */
static int check_value(struct check *c)
{
	int ret;

	ret = count_node(c);
	if (ret)
		return ret;

	switch (*c->p) {
	case '{':
	case '[':
		if (c->depth == c->limits.max_depth)
			return fail(c, -E2BIG, "arrays and objects too deep inside each other");
		c->depth++;
		ret = *c->p == '{' ? check_object(c) : check_array(c);
		c->depth--;
		return ret;
	case '"':
		return check_string(c);
	case 't':
		return check_word(c, "true");
	case 'f':
		return check_word(c, "false");
	case 'n':
		return check_word(c, "null");
	case '-':
	case '0' ... '9':
		return check_number(c);
	default:
		return fail_expected(c, "a value");
	}
}

static int check_text(struct check *c)
{
	int ret;

	if (!strncmp(c->p, "\xef\xbb\xbf", 3))
		return fail(c, -EBADMSG, "a byte order mark, expected a value");
	skip_space(c);
	ret = check_value(c);
	if (ret)
		return ret;
	skip_space(c);
	if (c->p != c->end)
		return fail_expected(c, "nothing after the value");
	return 0;
}

/* ---- the tree ---- */

/* Decodes in place: the result is never longer, and the quote makes room for the NUL. */
static void decode_string(struct json *node, char *text)
{
	const char *p = text;
	char out[4], *to = text;
	size_t n;

	node->text = text;
	while ((n = decode(&p, out))) {
		memcpy(to, out, n);
		to += n;
	}
	*to = '\0';
	node->len = (uint32_t)(to - text);
}

static void fill_leaf(struct json *node, char *text, const jsmntok_t *tok)
{
	char *start = text + tok->start;

	if (tok->type == JSMN_STRING) {
		node->type = JSON_STRING;
		decode_string(node, start);
		return;
	}
	switch (*start) {
	case 't':
	case 'f':
		node->type = JSON_BOOL;
		node->value = *start == 't';
		break;
	case 'n':
		node->type = JSON_NULL;
		break;
	default:
		/* What follows a number is a delimiter that has done its work. */
		node->type = JSON_NUMBER;
		node->text = start;
		node->len = (uint32_t)(tok->end - tok->start);
		text[tok->end] = '\0';
	}
}

/*
 * Lines and columns first, over the text as it came: decoding moves bytes.
 */
static void fill_places(struct json *nodes, const char *text, const jsmntok_t *tok, size_t count)
{
	unsigned int line = 1, column = 1, l, col;
	const char *at = text, *to;
	size_t i;

	for (i = 0; i < count; i++) {
		to = text + tok[i].start - (tok[i].type == JSMN_STRING);
		find_place(at, to, &l, &col);
		column = l > 1 ? col : column + col - 1;
		line += l - 1;
		nodes[i].line = line;
		nodes[i].column = column;
		at = to;
	}
}

static void fill_nodes(struct json *nodes, char *text, const jsmntok_t *tok, size_t count)
{
	size_t i;

	fill_places(nodes, text, tok, count);
	for (i = 0; i < count; i++) {
		struct json *node = &nodes[i];

		node->span = 1;
		if (tok[i].type == JSMN_OBJECT || tok[i].type == JSMN_ARRAY) {
			node->type = tok[i].type == JSMN_OBJECT ? JSON_OBJECT : JSON_ARRAY;
			node->count = (uint32_t)tok[i].size;
		} else {
			fill_leaf(node, text, &tok[i]);
			node->key = tok[i].size == 1;
		}
	}
	/* Children come after their parents, so theirs are whole by then. */
	for (i = count; i-- > 1;)
		nodes[tok[i].parent].span += nodes[i].span;
}

static int build(struct json_doc *doc, struct check *c)
{
	/* jsmn wants to see what ends a number: the text ends in "\n\0" for it. */
	size_t len = (size_t)(c->end - c->start), i;
	pvk_auto_free jsmntok_t *tok = NULL;
	jsmn_parser parser;

	tok = calloc(c->nodes, sizeof(*tok));
	doc->nodes = calloc(c->nodes, sizeof(*doc->nodes));
	if (!tok || !doc->nodes)
		return fail_nowhere(c->error, -ENOMEM, "out of memory");

	*c->end = '\n';
	jsmn_init(&parser);
	if (jsmn_parse(&parser, c->start, len + 1, tok, (unsigned int)c->nodes) != (int)c->nodes)
		return fail_nowhere(c->error, -EBADMSG, "the tokenizer disagrees with the grammar");
	fill_nodes(doc->nodes, c->start, tok, c->nodes);

	for (i = 0; i < c->n_shadows; i++) {
		doc->nodes[c->shadows[i].node].shadowed = true;
		doc->nodes[c->shadows[i].object].count--;
	}
	return 0;
}

static void set_limits(struct json_limits *limits, const struct json_limits *from)
{
	*limits = from ? *from : (struct json_limits){ 0 };
	if (!limits->max_bytes)
		limits->max_bytes = JSON_MAX_BYTES;
	if (!limits->max_depth || limits->max_depth > JSON_MAX_DEPTH)
		limits->max_depth = JSON_MAX_DEPTH;
	if (!limits->max_nodes)
		limits->max_nodes = JSON_MAX_NODES;
	/* jsmn counts in int. */
	if (limits->max_bytes > INT32_MAX / 2)
		limits->max_bytes = INT32_MAX / 2;
}

int json_parse(const char *text, size_t len, const struct json_limits *limits,
	       struct json_doc **out, struct json_error *error)
{
	struct check c = { .error = error };
	struct json_doc *doc;
	int ret;

	set_limits(&c.limits, limits);
	if (len > c.limits.max_bytes)
		return fail_nowhere(error, -E2BIG, "the text is too large");

	doc = calloc(1, sizeof(*doc));
	if (doc)
		doc->text = malloc(len + 2);
	if (!doc || !doc->text) {
		ret = fail_nowhere(error, -ENOMEM, "out of memory");
		goto out;
	}
	if (len)
		memcpy(doc->text, text, len);
	doc->text[len] = '\0';
	doc->text[len + 1] = '\0';

	c.start = doc->text;
	c.p = doc->text;
	c.end = doc->text + len;
	ret = check_text(&c);
	if (!ret)
		ret = build(doc, &c);
out:
	free(c.keys.slot);
	free(c.shadows);
	if (ret) {
		json_free(doc);
		return ret;
	}
	*out = doc;
	return 0;
}

int json_parse_object(const char *text, size_t len, const struct json_limits *limits,
		      struct json_doc **out, struct pvk_err *err)
{
	struct json_error error;
	const char *type;
	int ret;

	ret = json_parse(text, len, limits, out, &error);
	if (ret)
		return pvk_err_set(err, ret, "%s", error.text);
	if (json_typeof(json_root(*out)) == JSON_OBJECT)
		return 0;
	type = json_typename(json_typeof(json_root(*out)));
	json_free(*out);
	*out = NULL;
	return pvk_err_set(err, -EINVAL, "1:1: expected an object, got %s", type);
}

void json_free(struct json_doc *doc)
{
	if (!doc)
		return;
	free(doc->nodes);
	free(doc->text);
	free(doc);
}

/* ---- readers ---- */

const struct json *json_root(const struct json_doc *doc)
{
	return doc ? doc->nodes : NULL;
}

enum json_type json_typeof(const struct json *v)
{
	return v ? (enum json_type)v->type : JSON_NONE;
}

const char *json_typename(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NONE] = "nothing",
		[JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "an array",
		[JSON_STRING] = "a string",
		[JSON_NUMBER] = "a number",
		[JSON_BOOL] = "a boolean",
		[JSON_NULL] = "null",
	};

	return names[type];
}

unsigned int json_line(const struct json *v)
{
	return v ? v->line : 0;
}

unsigned int json_column(const struct json *v)
{
	return v ? v->column : 0;
}

size_t json_count(const struct json *v)
{
	return v ? v->count : 0;
}

static const struct json *visible(const struct json *container, const struct json *at)
{
	const struct json *end = container + container->span;

	while (at < end && at->shadowed)
		at += at->span;
	return at < end ? at : NULL;
}

const struct json *json_first(const struct json *container)
{
	if (!container || !container->count)
		return NULL;
	return visible(container, container + 1);
}

const struct json *json_next(const struct json *container, const struct json *at)
{
	return visible(container, at + at->span);
}

const struct json *json_value(const struct json *key)
{
	return key && key->key ? key + 1 : NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
	const struct json *k;
	size_t len = strlen(key);

	if (json_typeof(object) != JSON_OBJECT)
		return NULL;
	for (k = json_first(object); k; k = json_next(object, k))
		if (k->len == len && !memcmp(k->text, key, len))
			return json_value(k);
	return NULL;
}

const char *json_string(const struct json *v, size_t *len)
{
	if (json_typeof(v) != JSON_STRING)
		return NULL;
	if (len)
		*len = v->len;
	return v->text;
}

const char *json_cstr(const struct json *v)
{
	size_t len;
	const char *text = json_string(v, &len);

	return text && strlen(text) == len ? text : NULL;
}

const char *json_not_text(const struct json *v)
{
	return json_typeof(v) == JSON_STRING ? "a string with a NUL" :
	       json_typename(json_typeof(v));
}

const char *json_number(const struct json *v)
{
	return json_typeof(v) == JSON_NUMBER ? v->text : NULL;
}

int json_int64(const struct json *v, int64_t *out)
{
	const char *text = json_number(v);
	intmax_t n;

	if (!text || strpbrk(text, ".eE"))
		return -EINVAL;
	errno = 0;
	n = strtoimax(text, NULL, 10);
	if (errno || n < INT64_MIN || n > INT64_MAX)
		return -ERANGE;
	*out = n;
	return 0;
}

int json_uint64(const struct json *v, uint64_t *out)
{
	const char *text = json_number(v);
	uintmax_t n;

	if (!text || strpbrk(text, ".eE"))
		return -EINVAL;
	if (text[0] == '-')
		return -ERANGE;
	errno = 0;
	n = strtoumax(text, NULL, 10);
	if (errno || n > UINT64_MAX)
		return -ERANGE;
	*out = n;
	return 0;
}

int json_bool(const struct json *v, bool *out)
{
	if (json_typeof(v) != JSON_BOOL)
		return -EINVAL;
	*out = v->value;
	return 0;
}
