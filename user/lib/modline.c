// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "modline.h"

bool pvk_module_name_ok(const char *name)
{
	size_t i;

	for (i = 0; name[i]; i++)
		if (i == PVK_MODULE_NAME_MAX ||
		    (!pvk_isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-'))
			return false;
	return i > 0;
}

bool pvk_dash_equal(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

bool pvk_known_in_array(void *arg, const char *module, const char *param)
{
	const char *const *name;

	(void)module;
	for (name = arg; *name; name++)
		if (pvk_dash_equal(*name, param))
			return true;
	return false;
}

/* Dots are in names of some modules' parameters; a leading dash looks like an option. */
static bool param_name_ok(const char *name)
{
	size_t i;

	if (name[0] == '-')
		return false;
	for (i = 0; name[i]; i++)
		if (i == PVK_PARAM_NAME_MAX ||
		    (!pvk_isalnum((unsigned char)name[i]) && !strchr("_-.", name[i])))
			return false;
	return i > 0;
}

struct reader {
	const struct pvk_policy *policy;
	struct pvk_modline *line;
	struct pvk_buf *args;
	struct pvk_list *warnings;
	struct pvk_err *err;

	enum pvk_origin origin;	/* of the words being read */
	const struct pvk_piece *source;	/* the reference they come from, or NULL */

	struct pvk_buf word;
	bool open;		/* a word has begun */
	bool in_quote;
	bool equals;		/* the word's '=' has been seen */
	bool referred;		/* a reference is in the word */
	bool after_list;	/* the last thing was a reference with a word's rights */
};

/* A fault of the author is an error, one of a value a warning. */
static int fault(struct reader *r, int code, const char *what, const char *word)
{
	if (r->origin != PVK_FROM_VALUE)
		return pvk_err_set(r->err, code, "%s: \"%.80s\"", what, word);
	pvk_list_warn(r->warnings, "%s:%s: %s: \"%.80s\" is left out",
		      pvk_ns_name(r->source->ns), r->source->key, what, word);
	return 0;
}

/*
 * Cuts a word as the kernel's next_arg() does, which takes at most one quote
 * off the end; false if another one is left over.
 */
static bool cut_word(char *word, char **name, char **value)
{
	bool quoted = word[0] == '"';
	char *last;

	*name = word + quoted;
	last = *name + strlen(*name) - 1;
	*value = strchr(*name, '=');
	if (*value) {
		*(*value)++ = '\0';
		if (**value == '"') {
			(*value)++;
			quoted = true;
		}
	}
	if (quoted && last >= *name && *last == '"')
		*last = '\0';
	return !strchr(*name, '"') && !(*value && strchr(*value, '"'));
}

/* The kernel's isspace() is Latin-1: byte 0xa0, part of many UTF-8 characters, is one. */
static bool needs_quotes(const char *value)
{
	return value && strpbrk(value, " \xa0");
}

static int keep_param(struct reader *r, const char *name, const char *value)
{
	struct pvk_modline *line = r->line;
	const char *quote = needs_quotes(value) ? "\"" : "";
	struct pvk_param *param;

	param = realloc(line->param, (line->count + 1) * sizeof(*param));
	if (!param)
		return -ENOMEM;
	line->param = param;
	param = &line->param[line->count++];
	*param = (struct pvk_param){
		.name = strdup(name),
		.value = value ? strdup(value) : NULL,
		.origin = r->origin,
	};
	if (!param->name || (value && !param->value))
		return -ENOMEM;

	if (r->args->len)
		pvk_buf_putc(r->args, ' ');
	pvk_buf_puts(r->args, name);
	if (value)
		pvk_buf_printf(r->args, "=%s%s%s", quote, value, quote);
	if (r->args->err == -ENOSPC)
		return pvk_err_set(r->err, -E2BIG, "longer than %d bytes with its values",
				   PVK_MODLINE_MAX);
	return r->args->err;
}

static bool is_known(struct reader *r, const char *name)
{
	const struct pvk_policy *policy = r->policy;

	if (r->origin != PVK_FROM_VALUE &&
	    (pvk_dash_equal(name, "dyndbg") || pvk_dash_equal(name, "async_probe")))
		return true;
	return policy->known && policy->known(policy->arg, r->line->name, name);
}

static int add_param(struct reader *r, char *word)
{
	pvk_auto_free char *whole = strdup(word);
	enum pvk_unknown unknown = r->policy->unknown_in_line;
	char *name, *value;

	if (!whole)
		return -ENOMEM;
	if (!cut_word(word, &name, &value))
		return fault(r, -EINVAL, "a quote inside of a parameter", whole);
	if (!param_name_ok(name))
		return fault(r, -EINVAL, "not a parameter", whole);
	if (is_known(r, name) || (unknown == PVK_UNKNOWN_KEEP && r->origin != PVK_FROM_VALUE))
		return keep_param(r, name, value);

	if (unknown == PVK_UNKNOWN_DROP && r->origin != PVK_FROM_VALUE) {
		pvk_list_warn(r->warnings, "unknown parameter of %s: \"%.80s\" is left out",
			      r->line->name, whole);
		return 0;
	}
	return fault(r, -ENOENT, "unknown parameter", whole);
}

static int set_name(struct reader *r, const char *word)
{
	if (!pvk_module_name_ok(word))
		return fault(r, -EINVAL, "not a module name", word);
	strcpy(r->line->name, word);
	/* The parameters have what the name leaves of the line. */
	r->args->max = PVK_MODLINE_MAX - 1 - strlen(word);
	return 0;
}

static int end_word(struct reader *r)
{
	char *word = r->word.data;
	int ret;

	r->after_list = false;
	if (!r->open)
		return 0;
	if (r->in_quote)
		return fault(r, -EINVAL, "a quote that does not end", word);
	ret = r->line->name[0] ? add_param(r, word) : set_name(r, word);
	pvk_buf_reset(&r->word);
	r->open = false;
	r->equals = false;
	r->referred = false;
	return ret;
}

static int control_fault(struct reader *r, char c)
{
	return pvk_err_set(r->err, -EINVAL, "holds a control character (0x%02x)",
			   (unsigned char)c);
}

static int read_text(struct reader *r, const char *text, size_t len)
{
	size_t i;
	int ret;

	for (i = 0; i < len; i++) {
		if (pvk_iscntrl((unsigned char)text[i]))
			return control_fault(r, text[i]);
		if (text[i] == ' ' && !r->in_quote) {
			ret = end_word(r);
			if (ret)
				return ret;
			continue;
		}
		if (r->after_list)
			return pvk_err_set(r->err, -EINVAL, "text behind a \"${...}\": \"%.80s\"",
					   text + i);
		if (text[i] == '"' && !r->in_quote && r->referred)
			return fault(r, -EINVAL, "a quote behind a reference",
				     pvk_buf_str(&r->word));
		if (text[i] == '"')
			r->in_quote = !r->in_quote;
		if (text[i] == '=')
			r->equals = true;
		r->open = true;
		ret = pvk_buf_putc(&r->word, text[i]);
		if (ret)
			return ret;
	}
	return 0;
}

static bool quotes_even(const struct pvk_piece *piece)
{
	size_t i, quotes = 0;

	for (i = 0; i < piece->len; i++)
		quotes += piece->text[i] == '"';
	return quotes % 2 == 0;
}

/* A reference that is a word of its own. */
static int read_list(struct reader *r, const struct pvk_piece *piece)
{
	struct reader sub = {
		.policy = r->policy,
		.line = r->line,
		.args = r->args,
		.warnings = r->warnings,
		.err = r->err,
		.origin = piece->origin,
		.source = piece,
		.word = PVK_BUF_INIT(PVK_TEMPLATE_OUT_MAX),
	};
	int ret;

	r->after_list = true;
	if (!quotes_even(piece))
		return fault(&sub, -EINVAL, "a quote that does not end", piece->text);
	ret = read_text(&sub, piece->text, piece->len);
	if (!ret)
		ret = end_word(&sub);
	pvk_buf_free(&sub.word);
	return ret;
}

/*
 * A reference inside of a parameter's value, between the author's quotes or in a word
 * that has none: beside quotes it would be a fault only when its value is not empty.
 */
static int read_value(struct reader *r, const struct pvk_piece *piece)
{
	struct reader at = *r;
	size_t i;

	if (!r->in_quote && strchr(pvk_buf_str(&r->word), '"'))
		return fault(r, -EINVAL, "a reference behind a quote", pvk_buf_str(&r->word));
	r->referred = true;
	/* Of a default: a value with one in it is none. */
	for (i = 0; i < piece->len; i++)
		if (pvk_iscntrl((unsigned char)piece->text[i]))
			return control_fault(r, piece->text[i]);
	if (!memchr(piece->text, '"', piece->len))
		return pvk_buf_add(&r->word, piece->text, piece->len);
	at.origin = piece->origin;
	at.source = piece;
	return fault(&at, -EINVAL, "a quote inside of a parameter", piece->text);
}

static int read_piece(struct reader *r, const struct pvk_piece *piece)
{
	if (!piece->key)
		return read_text(r, piece->text, piece->len);
	if (!r->line->name[0])
		return pvk_err_set(r->err, -EINVAL, "${%s:%s} in the module's name",
				   pvk_ns_name(piece->ns), piece->key);
	if (!r->open)
		return read_list(r, piece);
	if (r->equals)
		return read_value(r, piece);
	return pvk_err_set(r->err, -EINVAL, "${%s:%s} in a parameter's name",
			   pvk_ns_name(piece->ns), piece->key);
}

static int read_line(struct reader *r, const struct pvk_template *tmpl)
{
	size_t i;
	int ret;

	for (i = 0; i < tmpl->count; i++) {
		ret = read_piece(r, &tmpl->piece[i]);
		if (ret)
			return ret;
	}
	ret = end_word(r);
	if (!ret && !r->line->name[0])
		ret = pvk_err_set(r->err, -EINVAL, "no module is named");
	return ret;
}

int pvk_modline_parse(const struct pvk_template *tmpl, const struct pvk_policy *policy,
		      struct pvk_modline *line, struct pvk_list *warnings, struct pvk_err *err)
{
	pvk_auto_buf struct pvk_buf args = PVK_BUF_INIT(PVK_MODLINE_MAX);
	struct reader r = {
		.policy = policy,
		.line = line,
		.args = &args,
		.warnings = warnings,
		.err = err,
		.origin = PVK_FROM_LINE,
		.word = PVK_BUF_INIT(PVK_TEMPLATE_OUT_MAX),
	};
	int ret;

	*line = (struct pvk_modline){ 0 };
	ret = read_line(&r, tmpl);
	pvk_buf_free(&r.word);
	if (!ret)
		ret = pvk_buf_take(&args, &line->args, NULL);
	if (ret == -ENOMEM)
		pvk_err_set(err, ret, "out of memory");
	if (ret)
		pvk_modline_free(line);
	return ret;
}

void pvk_modline_free(struct pvk_modline *line)
{
	size_t i;

	for (i = 0; i < line->count; i++) {
		free(line->param[i].name);
		free(line->param[i].value);
	}
	free(line->param);
	free(line->args);
	*line = (struct pvk_modline){ 0 };
}

int pvk_modline_resolve(const char *text, pvk_lookup_fn lookup, void *arg,
			const struct pvk_caller *caller, const struct pvk_policy *policy,
			struct pvk_modline *line, struct pvk_list *warnings, struct pvk_err *err)
{
	pvk_auto_template struct pvk_template tmpl = { 0 };
	int ret;

	*line = (struct pvk_modline){ 0 };
	ret = pvk_template_parse(text, &tmpl, err);
	if (!ret)
		ret = pvk_template_expand(&tmpl, lookup, arg, caller, warnings, err);
	if (!ret)
		ret = pvk_modline_parse(&tmpl, policy, line, warnings, err);
	return ret;
}

static int nothing_is_set(void *arg, enum pvk_ns ns, const char *key,
			  const struct pvk_caller *caller, struct pvk_buf *value)
{
	(void)arg;
	(void)ns;
	(void)key;
	(void)caller;
	(void)value;
	return -ENOENT;
}

int pvk_modline_check(const char *text, char name[PVK_MODULE_NAME_MAX + 1], struct pvk_err *err)
{
	const struct pvk_policy policy = { .unknown_in_line = PVK_UNKNOWN_KEEP };
	const struct pvk_caller nobody = { 0 };
	pvk_auto_modline struct pvk_modline line = { 0 };
	int ret;

	ret = pvk_modline_resolve(text, nothing_is_set, NULL, &nobody, &policy, &line, NULL, err);
	if (!ret && name)
		strcpy(name, line.name);
	return ret;
}
