// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "drivers_check.h"

#define JUNIT_BYTES_MAX	(64 * 1024 * 1024)

static bool is_shown(const struct check *check, const struct check_case *in)
{
	char **only = check->only;

	if (in->alias && only[0]) {
		while (*only && strcmp(*only, in->alias) != 0)
			only++;
		if (!*only)
			return false;
	}
	return in->examined || in->n_findings;
}

/* --- for people, editors and the logs of CI -------------------------------- */

static void print_finding(const struct check_case *in, const struct finding *finding)
{
	pvk_auto_buf struct pvk_buf line = PVK_BUF_INIT(8192);

	cli_clean(&line, in->file);
	if (finding->line)
		pvk_buf_printf(&line, ":%u:%u", finding->line, finding->column);
	pvk_buf_printf(&line, ": %s: ", check_severity_name(finding->severity));
	if (in->alias)
		pvk_buf_printf(&line, "alias %s: ", in->alias);
	cli_clean(&line, finding->text);
	printf("%s [%s]\n", pvk_buf_str(&line), finding->id);
}

static void print_count(size_t n, const char *what, const char *plural, const char *end)
{
	printf("%zu %s%s%s", n, what, n == 1 ? "" : plural, end);
}

static size_t count_examined(const struct check *check)
{
	size_t i, n = 0;

	for (i = 0; i < check->n_aliases; i++)
		n += is_shown(check, check->alias[i].in);
	return n;
}

void check_print(const struct check *check)
{
	const struct check_case *in;
	size_t i, k;

	for (i = 0; i < check->n_cases; i++) {
		in = check->cases[i];
		for (k = 0; k < in->n_findings; k++)
			print_finding(in, &in->finding[k]);
	}
	printf("%s, ", check->tree.release[0] ? check->tree.release : check->tree.dir);
	print_count(count_examined(check), "alias", "es", ", ");
	print_count(check->n_containers, "container", "s", ": ");
	print_count(check->totals[CHECK_ERROR], "error", "s", ", ");
	print_count(check->totals[CHECK_WARNING], "warning", "s", ", ");
	print_count(check->totals[CHECK_NOTE], "note", "s", "\n");
}

/* --- JSON ------------------------------------------------------------------ */

static void json_words(struct json_out *out, const char *key, const struct words *words)
{
	size_t i;

	json_out_key(out, key);
	json_out_array(out);
	for (i = 0; i < words->count; i++)
		json_out_str(out, words->item[i]);
	json_out_end(out);
}

static void json_finding(struct json_out *out, const struct check_case *in,
			 const struct finding *finding)
{
	json_out_object(out);
	json_out_pair_str(out, "severity", check_severity_name(finding->severity));
	json_out_pair_str(out, "check", finding->id);
	json_out_pair_str(out, "file", in->file);
	if (finding->line) {
		json_out_pair_uint(out, "line", finding->line);
		json_out_pair_uint(out, "column", finding->column);
	}
	json_out_pair_str(out, "section", in->section);
	json_out_pair_str(out, "alias", in->alias);
	json_out_pair_str(out, "module", finding->module);
	json_out_pair_str(out, "text", finding->text);
	if (finding->items.count)
		json_words(out, "items", &finding->items);
	json_out_end(out);
}

static void json_alias(struct json_out *out, const struct check_alias *alias)
{
	json_out_object(out);
	json_out_pair_str(out, "alias", alias->name);
	json_out_pair_str(out, "section", alias->in->section);
	json_words(out, "load_order", &alias->in->order);
	json_out_end(out);
}

int check_print_json(const struct check *check)
{
	json_auto_out struct json_out out = { 0 };
	size_t i, k;

	json_out_init(&out, CLI_JSON_MAX);
	json_out_object(&out);
	json_out_pair_str(&out, "file", check->file);
	json_out_pair_str(&out, "modules", check->tree.dir);
	json_out_pair_str(&out, "kernel", check->tree.release[0] ? check->tree.release : NULL);
	json_out_pair_str(&out, "firmware", check->has_firmware ? check->firmware_dir : NULL);
	json_out_pair_uint(&out, "errors", check->totals[CHECK_ERROR]);
	json_out_pair_uint(&out, "warnings", check->totals[CHECK_WARNING]);
	json_out_pair_uint(&out, "notes", check->totals[CHECK_NOTE]);
	json_out_key(&out, "aliases");
	json_out_array(&out);
	for (i = 0; i < check->n_aliases; i++)
		if (is_shown(check, check->alias[i].in))
			json_alias(&out, &check->alias[i]);
	json_out_end(&out);
	json_out_key(&out, "findings");
	json_out_array(&out);
	for (i = 0; i < check->n_cases; i++)
		for (k = 0; k < check->cases[i]->n_findings; k++)
			json_finding(&out, check->cases[i], &check->cases[i]->finding[k]);
	json_out_end(&out);
	json_out_end(&out);
	return cli_print_json(&out);
}

/* --- JUnit ----------------------------------------------------------------- */

/* XML 1.0 has no way to say most control characters: cli_clean() makes them visible. */
static void xml(struct pvk_buf *buf, const char *text)
{
	pvk_auto_buf struct pvk_buf clean = PVK_BUF_INIT(8192);
	const char *at;

	cli_clean(&clean, text);
	for (at = pvk_buf_str(&clean); *at; at++) {
		if (strchr("<>&\"", *at))
			pvk_buf_printf(buf, "&#%d;", *at);
		else
			pvk_buf_putc(buf, *at);
	}
}

static void xml_attribute(struct pvk_buf *buf, const char *name, const char *value)
{
	pvk_buf_printf(buf, " %s=\"", name);
	xml(buf, value);
	pvk_buf_putc(buf, '"');
}

static void xml_place(struct pvk_buf *buf, const struct check_case *in,
		      const struct finding *finding)
{
	xml(buf, in->file);
	if (finding->line)
		pvk_buf_printf(buf, ":%u:%u", finding->line, finding->column);
	pvk_buf_printf(buf, ": %s: ", check_severity_name(finding->severity));
	xml(buf, finding->text);
	pvk_buf_printf(buf, " [%s]\n", finding->id);
}

static size_t count_failures(const struct check *check, const struct check_case *in)
{
	size_t i, n = 0;

	for (i = 0; i < in->n_findings; i++)
		n += check_is_failure(check, &in->finding[i]);
	return n;
}

/* One element for all of a case's failures: some readers take the first only. */
static void xml_failures(struct pvk_buf *buf, const struct check *check,
			 const struct check_case *in)
{
	const struct finding *first = NULL;
	size_t i, n = count_failures(check, in);

	if (!n)
		return;
	for (i = 0; !first; i++)
		if (check_is_failure(check, &in->finding[i]))
			first = &in->finding[i];
	pvk_buf_puts(buf, "      <failure message=\"");
	xml(buf, first->text);
	if (n > 1)
		pvk_buf_printf(buf, " (and %zu more)", n - 1);
	pvk_buf_printf(buf, "\" type=\"%s\">", first->id);
	for (i = 0; i < in->n_findings; i++)
		if (check_is_failure(check, &in->finding[i]))
			xml_place(buf, in, &in->finding[i]);
	pvk_buf_puts(buf, "</failure>\n");
}

static void xml_others(struct pvk_buf *buf, const struct check *check,
		       const struct check_case *in)
{
	size_t i;

	if (count_failures(check, in) == in->n_findings)
		return;
	pvk_buf_puts(buf, "      <system-out>");
	for (i = 0; i < in->n_findings; i++)
		if (!check_is_failure(check, &in->finding[i]))
			xml_place(buf, in, &in->finding[i]);
	pvk_buf_puts(buf, "</system-out>\n");
}

/* With --all-sections an alias may be there more than once. */
static void xml_case(struct pvk_buf *buf, const struct check *check, const struct check_case *in)
{
	char name[512];

	if (in->alias && in->section && check->all_sections)
		snprintf(name, sizeof(name), "%s (%s)", in->alias, in->section);
	else
		snprintf(name, sizeof(name), "%s", in->alias ? in->alias : "(file)");
	pvk_buf_puts(buf, "    <testcase");
	xml_attribute(buf, "name", name);
	xml_attribute(buf, "classname", in->file);
	xml_attribute(buf, "file", in->file);
	if (in->line)
		pvk_buf_printf(buf, " line=\"%u\"", in->line);
	pvk_buf_puts(buf, " time=\"0\">\n");
	xml_failures(buf, check, in);
	xml_others(buf, check, in);
	pvk_buf_puts(buf, "    </testcase>\n");
}

/* The cases from `from` on that are of one file; the first of the next. */
static size_t xml_suite(struct pvk_buf *buf, const struct check *check, size_t from,
			const char *when)
{
	const struct check_case *first = check->cases[from];
	size_t end, tests = 0, failures = 0, i;

	for (end = from; end < check->n_cases; end++) {
		const struct check_case *in = check->cases[end];

		if (in->file_no != first->file_no)
			break;
		tests += is_shown(check, in);
		failures += count_failures(check, in) > 0;
	}
	if (!tests)
		return end;
	pvk_buf_puts(buf, "  <testsuite");
	xml_attribute(buf, "name", first->file);
	pvk_buf_printf(buf, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"0\" "
		       "time=\"0\" timestamp=\"%s\">\n", tests, failures, when);
	for (i = from; i < end; i++)
		if (is_shown(check, check->cases[i]))
			xml_case(buf, check, check->cases[i]);
	pvk_buf_puts(buf, "  </testsuite>\n");
	return end;
}

static void xml_head(struct pvk_buf *buf, const struct check *check)
{
	size_t i, tests = 0, failures = 0;

	for (i = 0; i < check->n_cases; i++) {
		tests += is_shown(check, check->cases[i]);
		failures += count_failures(check, check->cases[i]) > 0;
	}
	pvk_buf_printf(buf, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		       "<testsuites name=\"pvkit drivers check\" tests=\"%zu\" failures=\"%zu\" "
		       "errors=\"0\" time=\"0\">\n", tests, failures);
}

static int write_file(const char *path, const struct pvk_buf *buf)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "we") : stdout;
	int ret = 0;

	if (!file)
		return -errno;
	if (fwrite(buf->data, 1, buf->len, file) != buf->len || fflush(file))
		ret = -errno;
	if (file != stdout && fclose(file) && !ret)
		ret = -errno;
	return ret;
}

int check_write_junit(const struct check *check)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(JUNIT_BYTES_MAX);
	time_t now = time(NULL);
	struct tm tm;
	char when[32];
	size_t at = 0;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	xml_head(&buf, check);
	while (at < check->n_cases)
		at = xml_suite(&buf, check, at, when);
	pvk_buf_puts(&buf, "</testsuites>\n");
	return buf.err ? buf.err : write_file(check->junit, &buf);
}
