// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "doc.h"
#include "util.h"

/* --- pages -------------------------------------------------------------------- */

FILE *page_open(const char *dir, const char *name, const char *section, const char *brief)
{
	char path[4096];
	const char *c;
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s.%s", dir, name, section);
	out = fopen(path, "we");
	if (!out) {
		perror(path);
		return NULL;
	}
	fputs(".\\\" Made when pvkit was built. Do not edit.\n", out);
	fprintf(out, ".Dd %s\n.Dt ", PVKIT_DATE);
	for (c = name; *c; c++)
		putc(toupper((unsigned char)*c), out);
	fprintf(out, " %s\n.Os pvkit %s\n.Sh NAME\n.Nm %s\n.Nd ", section, PVKIT_VERSION, name);
	/* A sentence elsewhere, here the end of one. */
	putc(tolower((unsigned char)*brief++), out);
	roff_line(out, brief, strlen(brief) - (brief[strlen(brief) - 1] == '.'));
	putc('\n', out);
	return out;
}

void page_close(FILE *out)
{
	if (out && (ferror(out) | fclose(out)))
		perror("doc");
}

/* As it is usual: by section, then by name. */
static int by_section(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	int ret = strcmp(strrchr(x, ' '), strrchr(y, ' '));

	return ret ? ret : strcmp(x, y);
}

/* "pvkit 1": words of two. */
static void put_see_also(FILE *out, const char **names, size_t n)
{
	size_t i;

	qsort(names, n, sizeof(*names), by_section);
	fputs(".Sh SEE ALSO\n", out);
	for (i = 0; i < n; i++)
		fprintf(out, ".Xr %s%s\n", names[i], i + 1 < n ? " ," : "");
}

static void put_exits(FILE *out, const struct cli_exit *exit)
{
	fputs(".Sh EXIT STATUS\n.Bl -tag -width 2n -compact\n", out);
	for (; exit->text; exit++) {
		fprintf(out, ".It %d\n", exit->status);
		roff_text(out, exit->text, strlen(exit->text));
		putc('\n', out);
	}
	fputs(".El\n", out);
}

/* --- a verb ------------------------------------------------------------------- */

/* "pvkit-drivers-list" */
static void page_name(const struct cli_verb *verb, char *name, size_t size)
{
	char *blank;

	snprintf(name, size, "pvkit-%s", verb->name);
	while ((blank = strchr(name, ' ')))
		*blank = '-';
}

static void put_option(FILE *out, const char *name, const char *arg, const char *help)
{
	fprintf(out, ".It Fl -%s%s%s\n", name, arg ? " Ar " : "", arg ? arg : "");
	/* Its lines are those of a terminal: here they flow. */
	roff_paragraphs(out, help, strlen(help));
}

static void put_options(FILE *out, const struct cli_verb *verb)
{
	const struct cli_opt *opt;

	fputs(".Sh OPTIONS\n.Bl -tag -width 2n -compact\n", out);
	for (opt = verb->options; opt->name; opt++)
		put_option(out, opt->name, opt->arg, opt->help);
	put_option(out, "help", NULL, "say what this page says, in short");
	fputs(".El\n", out);
}

/* What it is about, by the first word. */
static const char *const *subject_of(const char *name, size_t len)
{
	static const struct {
		const char *groups;
		const char *see[3];
	} subjects[] = {
		{ " flag slot ", { "pv_bootflag 4", "flags.conf 5", NULL } },
		{ " addon union ", { "init.conf 5", "pvkit-init 8", NULL } },
		{ " reboot blink ping ", { "pv-ctrl 7", "pvkitd 8", NULL } },
		{ " pivot ", { "pv_pivot 4", "pvkit-update 8", NULL } },
		{ "", { "pv_driver 4", "drivers.json 5", NULL } },
	};
	char word[32];
	size_t i;

	snprintf(word, sizeof(word), " %.*s ", (int)len, name);
	for (i = 0; i + 1 < PVK_ARRAY_SIZE(subjects); i++)
		if (strstr(subjects[i].groups, word))
			break;
	return subjects[i].see;
}

/* Those of the same kind, and what it is about. */
static void put_verb_see_also(FILE *out, const struct cli_verb *verb)
{
	static char names[64][80];
	const char *list[64];
	size_t i, n = 0, group = strcspn(verb->name, " ");
	const char *const *see = subject_of(verb->name, group);

	list[n++] = "pvkit 1";
	for (i = 0; i < cli_verbs_count && n < 60; i++) {
		const struct cli_verb *other = &cli_verbs[i];

		if (other == verb || strncmp(other->name, verb->name, group + 1) != 0)
			continue;
		page_name(other, names[n], sizeof(names[n]) - 2);
		strcat(names[n], " 1");
		list[n] = names[n];
		n++;
	}
	while (*see)
		list[n++] = *see++;
	put_see_also(out, list, n);
}

static bool verb_page(const char *dir, const struct cli_verb *verb)
{
	const char *text = verb->text ? verb->text : "", *examples;
	size_t len = strlen(text);
	char name[80];
	FILE *out;

	page_name(verb, name, sizeof(name));
	out = page_open(dir, name, "1", verb->brief);
	if (!out)
		return false;
	fprintf(out, ".Sh SYNOPSIS\n.Nm pvkit %s\n", verb->name);
	roff_usage(out, verb->args);
	fputs(".Sh DESCRIPTION\n", out);
	roff_text(out, verb->brief, strlen(verb->brief));
	fprintf(out, "\n%s", len ? ".Pp\n" : "");
	examples = strstr(text, "Examples:\n");
	roff_paragraphs(out, text, examples ? (size_t)(examples - text) : len);
	put_options(out, verb);
	put_exits(out, verb->exits ? verb->exits : cli_exits);
	if (examples) {
		examples += strlen("Examples:\n");
		fputs(".Sh EXAMPLES\n", out);
		roff_paragraphs(out, examples, strlen(examples));
	}
	put_verb_see_also(out, verb);
	page_close(out);
	return true;
}

/* --- pvkit -------------------------------------------------------------------- */

static bool pvkit_page(const char *dir)
{
	const char *see[] = {
		"pv_bootflag 4", "pv_driver 4", "pv_pivot 4", "drivers.json 5", "flags.conf 5",
		"init.conf 5", "pvkitd.conf 5", "pv-ctrl 7", "pvkit-init 8", "pvkit-update 8",
		"pvkitd 8",
	};
	FILE *out = page_open(dir, "pvkit", "1", "manage drivers for containers and the host");
	char name[80];
	size_t i;

	if (!out)
		return false;
	fputs(".Sh SYNOPSIS\n.Nm\n.Ar VERB\n.Op Ar OPTION ...\n.Op Ar WORD ...\n"
	      ".Nm\n.Cm help\n.Op Ar VERB\n.Nm\n.Fl -version\n.Sh DESCRIPTION\n", out);
	roff_paragraphs(out, cli_intro, strlen(cli_intro));
	fputs(".Pp\nEach verb has a page of its own:\n.Bl -tag -width 2n\n", out);
	for (i = 0; i < cli_verbs_count; i++) {
		page_name(&cli_verbs[i], name, sizeof(name));
		fprintf(out, ".It Xr %s 1\n", name);
		roff_text(out, cli_verbs[i].brief, strlen(cli_verbs[i].brief));
		putc('\n', out);
	}
	fputs(".El\n", out);
	put_exits(out, cli_exits);
	fputs(".Pp\nA verb whose page says otherwise has its own.\n.Sh DIAGNOSTICS\n", out);
	roff_paragraphs(out, cli_errors, strlen(cli_errors));
	put_see_also(out, see, PVK_ARRAY_SIZE(see));
	page_close(out);
	return true;
}

/* --- pvkitd: from its --help -------------------------------------------------- */

/* "  --dtb NAME, --fitconfig NAME": where in the line its text begins, if it does. */
static const char *put_option_tag(FILE *out, const char *line, const char *end)
{
	const char *at = line + 2, *text = end, *stop;

	for (stop = at; stop + 1 < end; stop++)
		if (stop[0] == ' ' && stop[1] == ' ') {
			text = stop + strspn(stop, " ");
			break;
		}
	if (text == end)
		stop = end;
	fputs(".It", out);
	while (at < stop) {
		size_t n = strcspn(at, " ,\n");

		if (at + n > stop)
			n = (size_t)(stop - at);
		if (!strncmp(at, "--", 2))
			fprintf(out, " Fl -%.*s", (int)n - 2, at + 2);
		else
			fprintf(out, " Ar %.*s", (int)n, at);
		at += n;
		if (at < stop && *at == ',')
			fputs(" ,", out);
		at += strspn(at, " ,");
	}
	putc('\n', out);
	return text;
}

/* The option lines of the usage; only those with this name if it is not NULL. */
static bool put_usage_options(FILE *out, const char *only)
{
	const char *line, *end, *text;
	char wanted[64];
	bool in = false, found = false;

	snprintf(wanted, sizeof(wanted), "--%s ", only ? only : "");
	for (line = config_usage; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!strncmp(line, "  --", 4)) {
			in = !only || memmem(line, (size_t)(end - line), wanted, strlen(wanted));
			found |= in;
			if (!in)
				continue;
			text = only ? line + 2 : put_option_tag(out, line, end);
			while (only && text < end && strncmp(text, "  ", 2) != 0)
				text++;
			text += text < end ? strspn(text, " ") : 0;
		} else if (line[0] != ' ' || !in) {
			in = false;
			continue;
		} else {
			text = line + strspn(line, " ");
		}
		if (text < end) {
			roff_text(out, text, (size_t)(end - text));
			putc('\n', out);
		}
	}
	return found;
}

/* The usage's paragraph that begins with these words; its length. */
static const char *find_paragraph(const char *words, size_t *len)
{
	const char *text = strstr(config_usage, words), *end;

	if (!text) {
		fprintf(stderr, "doc: pvkitd --help says nothing of \"%s\"\n", words);
		*len = 0;
		return "";
	}
	end = strstr(text, "\n\n");
	*len = end ? (size_t)(end + 1 - text) : strlen(text);
	return text;
}

static bool put_paragraph(FILE *out, const char *words)
{
	const char *text;
	size_t len;

	text = find_paragraph(words, &len);
	roff_paragraphs(out, text, len);
	return len;
}

/* "Exit status: 0 done; 1 failed." */
static bool put_usage_exits(FILE *out)
{
	const char *text, *end, *stop;
	size_t len;

	text = find_paragraph("Exit status:", &len);
	if (!len)
		return false;
	end = text + len;
	fputs(".Sh EXIT STATUS\n.Bl -tag -width 2n -compact\n", out);
	for (text += strcspn(text, "0123456789"); text < end; text = stop) {
		fprintf(out, ".It %c\n", *text++);
		text += strspn(text, " \n");
		stop = text + strcspn(text, ";.");
		roff_text(out, text, (size_t)(stop - text));
		putc('\n', out);
		stop += strcspn(stop, "0123456789");
	}
	fputs(".El\n", out);
	return true;
}

static bool pvkitd_page(const char *dir, const char *driver_md)
{
	static const char *const titles[] = { "pvkitd", NULL };
	const char *see[] = {
		"pvkit 1", "pv_driver 4", "drivers.json 5", "pvkitd.conf 5", "pv-ctrl 7",
	};
	FILE *out = page_open(dir, "pvkitd", "8", "serve pv-ctrl to containers, load drivers");
	bool ok;

	if (!out)
		return false;
	fputs(".Sh SYNOPSIS\n.Nm\n.Op Ar OPTION ...\n.Sh DESCRIPTION\n", out);
	ok = put_paragraph(out, "Serves the");
	fputs(".Pp\n", out);
	ok &= markdown(out, driver_md, titles);
	fputs(".Sh OPTIONS\n.Bl -tag -width 2n -compact\n", out);
	put_usage_options(out, NULL);
	fputs(".El\n", out);
	ok &= put_usage_exits(out);
	put_see_also(out, see, PVK_ARRAY_SIZE(see));
	page_close(out);
	return ok;
}

/* The names that the paragraph lists, each with what its option's text says. */
static bool put_settings(FILE *out)
{
	const char *text, *at, *end;
	char name[64];
	bool ok = true;
	size_t len;

	text = find_paragraph("pvkitd.conf holds", &len);
	at = strstr(text, "one of\n");
	end = at ? strchr(at, ';') : NULL;
	if (!end)
		return false;
	fputs(".Bl -tag -width 2n\n", out);
	for (at += strlen("one of\n"); at < end; at += strspn(at, " ,\n")) {
		len = strcspn(at, " ,;\n");
		snprintf(name, sizeof(name), "%.*s", (int)len, at);
		fprintf(out, ".It Cm %s\n", name);
		ok &= put_usage_options(out, name);
		at += len;
	}
	fputs(".El\n", out);
	return ok;
}

static bool conf_page(const char *dir)
{
	const char *see[] = { "pvkitd 8" };
	FILE *out = page_open(dir, "pvkitd.conf", "5", "configuration of pvkitd");
	bool ok;

	if (!out)
		return false;
	fputs(".Sh SYNOPSIS\n.Pa /etc/pvkit/pvkitd.conf\n.Sh DESCRIPTION\n", out);
	ok = put_paragraph(out, "pvkitd.conf holds");
	fputs(".Pp\nEach means what the option of the same name means:\n", out);
	ok &= put_settings(out);
	fputs(".Sh EXAMPLES\n.Bd -literal -compact\n# the socket of older clients too\n"
	      "socket /run/pvkit/pv\\-ctrl\nsocket /run/pantavisor/pv/pv\\-ctrl\n.Ed\n", out);
	put_see_also(out, see, 1);
	page_close(out);
	return ok;
}

/* --- pages that are Documentation's ------------------------------------------- */

static struct topic {
	const char *name, *section, *brief;
	const char *synopsis;	/* lines of mdoc */
	const char *file;
	const char *titles[13];	/* none: all */
	const char *see[8];
} topics[] = {
	{
		"pv_driver", "4", "drivers as aliases that containers and the host use",
		".Nm modprobe pv_driver\n.Op Ar parameter Ns = Ns Ar value ...\n",
		"driver.md",
		{ "With the kernel module alone", "States", "Doors",
		  "What a container can and cannot do", NULL },
		{ "pvkit 1", "drivers.json 5", "pv-ctrl 7", "pvkitd 8", NULL },
	}, {
		"drivers.json", "5", "drivers of a board, and what containers name of them",
		".Pa /var/lib/pvkit/bsp/drivers.json\n.Pp\n"
		".Pa /var/lib/pvkit/containers/NAME/run.json\n",
		"driver.md",
		{ "drivers.json", "Containers", NULL },
		{ "pvkit-drivers-check 1", "pvkit-hook-oci 1", "pv_driver 4", "pvkitd 8", NULL },
	}, {
		"pv_bootflag", "4", "flags for the next boot",
		".Nm modprobe pv_bootflag\n.Op Ar stores Ns = Ns Ar text\n",
		"bootflag.md",
		{ "Fields", "Describing a store", "Formats", "What a store promises",
		  "What happens at boot, at reboot and in a panic", "With the kernel module alone",
		  "Doors and rights", "When something is wrong", NULL },
		{ "pvkit 1", "pvkit-flag-set 1", "flags.conf 5", "pv-ctrl 7", NULL },
	}, {
		"pv_pivot", "4", "guard of an in-place update",
		".Nm modprobe pv_pivot\n.Op Ar parameter Ns = Ns Ar value ...\n",
		"pivot.md",
		{ "A session", "What is proven", "The gate", "The point of no return",
		  "How it ends", "Beginning one from a container", "Parameters", "Doors and rights",
		  "When something is wrong", NULL },
		{ "pvkit 1", "pvkit-pivot-status 1", "pvkit-pivot-holders 1", "pvkit-pivot-start 1",
		  "pvkit-update 8", NULL },
	}, {
		"flags.conf", "5", "where boot flags are, and which counts more",
		".Pa /etc/pvkit/flags.conf\n",
		"bootflag.md",
		{ "flags.conf", "Other sources", "Which source decided this boot", NULL },
		{ "pvkit-flag-list 1", "pvkit-flag-explain 1", "pv_bootflag 4", NULL },
	}, {
		"pvkit-init", "8", "find the root that boot flags ask for, and hand over",
		".Nm init Ns = Ns Pa /sbin/pvkit-init\n",
		"boot.md",
		{ "An initramfs in three lines", "What is decided", "Where the flags are",
		  "The root", "A root on a server", "A root on an NBD server", "The command line",
		  "RAM over a read-only root", "The root guard", "An update that was cut",
		  "When it fails", NULL },
		{ "pvkit-flag-explain 1", "pvkit-union-status 1", "flags.conf 5", "init.conf 5",
		  "pvkit-mkinitramfs 8", "pvkit-update 8", NULL },
	}, {
		"pvkit-update", "8", "write the images of an in-place update, from RAM",
		".Nm\n.Cm show\n.Op Ar PLAN\n.Nm\n.Cm resume\n.Nm\n.Cm write\n.Op Fl -from Ar CURSOR\n"
		".Op Fl -state Ar DIR\n.Op Fl -force\n.Op Ar PLAN\n"
		".Nm\n.Cm move\n.Op Ar PLAN\n.Nm\n.Cm resume\n",
		"pivot.md",
		{ "The program that writes", "How it is written", "The plan of an update", NULL },
		{ "pvkit-update 1", "update.conf 5", "pvkit-init 8", NULL },
	}, {
		"update.conf", "5", "how a running system is updated in place",
		".Pa /etc/pvkit/update.conf\n",
		"pivot.md",
		{ "update.conf", NULL },
		{ "pvkit-update 1", "flags.conf 5", "pvkit-init 8", "pvkit-update 8", NULL },
	}, {
		"pvkit-mkinitramfs", "8", "pack pvkit-init, with what it needs, as an initramfs",
		".Nm\n.Op Ar OPTION ...\n.Ar OUT\n",
		"boot.md",
		{ "Packing an initramfs", "Adding to an initramfs", NULL },
		{ "pvkit-addon-pack 1", "init.conf 5", "pvkit-init 8", NULL },
	}, {
		"init.conf", "5", "what pvkit-init is to boot",
		".Pa /etc/pvkit/init.conf\n",
		"boot.md",
		{ "init.conf", "The command line", NULL },
		{ "flags.conf 5", "pvkit-init 8", NULL },
	}, {
		"pv-ctrl", "7", "the REST API of pvkitd",
		".Pa /run/pvkit/pv-ctrl\n.Pp\n.Pa /pantavisor/pv-ctrl\n",
		"pv-ctrl.md",
		{ NULL },
		{ "pvkit 1", "drivers.json 5", "pvkitd 8", NULL },
	},
};

static bool topic_page(const char *dir, const char *documentation, struct topic *topic)
{
	FILE *out = page_open(dir, topic->name, topic->section, topic->brief);
	char file[4096];
	size_t n = 0;
	bool ok;

	if (!out)
		return false;
	snprintf(file, sizeof(file), "%s/%s", documentation, topic->file);
	fprintf(out, ".Sh SYNOPSIS\n%s.Sh DESCRIPTION\n", topic->synopsis);
	ok = markdown(out, file, topic->titles[0] ? topic->titles : NULL);
	while (topic->see[n])
		n++;
	put_see_also(out, topic->see, n);
	page_close(out);
	return ok;
}

bool man_pages(const char *dir, const char *documentation)
{
	char driver_md[4096];
	bool ok = pvkit_page(dir);
	size_t i;

	snprintf(driver_md, sizeof(driver_md), "%s/driver.md", documentation);
	for (i = 0; i < cli_verbs_count; i++)
		ok &= verb_page(dir, &cli_verbs[i]);
	ok &= pvkitd_page(dir, driver_md);
	ok &= conf_page(dir);
	for (i = 0; i < PVK_ARRAY_SIZE(topics); i++)
		ok &= topic_page(dir, documentation, &topics[i]);
	return ok;
}
