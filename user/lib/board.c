// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "board.h"

#define CMDLINE_MAX	65536
#define PROPERTY_MAX	4096

#define FROM_CONFIG	"configured"
#define FROM_CMDLINE	"kernel command line"
#define FROM_TREE	"device tree"

static bool name_ok(const char *name)
{
	size_t i;

	for (i = 0; name[i]; i++)
		if (i == PVK_BOARD_NAME_MAX || name[i] == ' ' ||
		    pvk_iscntrl((unsigned char)name[i]))
			return false;
	return i > 0;
}

/* to gets the name if there is one; true if so. */
static bool take(char *to, const char *name, const char *what, const char *whence,
		 struct pvk_list *warnings)
{
	if (!name || !name[0])
		return false;
	if (!name_ok(name)) {
		pvk_list_warn(warnings, "%s (%s): \"%.80s\" is no name", what, whence, name);
		return false;
	}
	strcpy(to, name);
	return true;
}

/* ---- the kernel's command line ---- */

/* Cuts one word off, in which quotes hold blanks together, and takes the quotes away. */
static char *next_word(char **rest)
{
	char *in, *out, *word;
	bool quoted = false;

	word = *rest + strspn(*rest, " \t\n");
	if (!*word)
		return NULL;
	for (in = out = word; *in && (quoted || !strchr(" \t\n", *in)); in++) {
		if (*in == '"')
			quoted = !quoted;
		else
			*out++ = *in;
	}
	*rest = *in ? in + 1 : in;
	*out = '\0';
	return word;
}

/* The last one counts, as with the kernel's own; what follows "--" is init's. */
static void read_cmdline(const char *path, char **text, const char **dtb, const char **fitconfig,
			 struct pvk_list *warnings)
{
	char *rest, *word;
	int ret;

	*dtb = NULL;
	*fitconfig = NULL;
	if (!path || !path[0])
		return;
	ret = pvk_read_file(AT_FDCWD, path, CMDLINE_MAX, text, NULL);
	if (ret) {
		pvk_list_warn(warnings, "%s: %s", path, strerror(-ret));
		return;
	}
	rest = *text;
	while ((word = next_word(&rest)) && strcmp(word, "--")) {
		if (!strncmp(word, "pvkit.dtb=", 10))
			*dtb = word + 10;
		else if (!strncmp(word, "pvkit.fitconfig=", 16))
			*fitconfig = word + 16;
	}
}

/* ---- the device tree ---- */

/* NULL if the tree has no such property. */
static char *read_property(const char *tree, const char *name, size_t *len,
			   struct pvk_list *warnings)
{
	char path[PATH_MAX];
	char *text = NULL;
	int ret;

	if (!tree || !tree[0] ||
	    snprintf(path, sizeof(path), "%s/%s", tree, name) >= (int)sizeof(path))
		return NULL;
	ret = pvk_read_file(AT_FDCWD, path, PROPERTY_MAX, &text, len);
	if (ret && ret != -ENOENT && ret != -ENOTDIR)
		pvk_list_warn(warnings, "%s: %s", path, strerror(-ret));
	return ret ? NULL : text;
}

/* The root node's `compatible`: names that each end in a NUL. */
static void add_compatible(struct pvk_board *board, const char *tree, struct pvk_list *warnings)
{
	struct pvk_selection *sel = &board->selection;
	size_t len = 0, at, n = 0;

	board->compatible = read_property(tree, "compatible", &len, warnings);
	if (!board->compatible)
		return;
	sel->dtb_any = true;
	for (at = 0; at < len; at += strlen(board->compatible + at) + 1) {
		if (!board->compatible[at])
			continue;
		if (n++ == PVK_BOARD_COMPATIBLE_MAX)
			break;
		board->name[sel->n_dtb++] = board->compatible + at;
	}
}

/* U-Boot's name for it, and the one that OpenWrt's gave before. */
static bool fitconfig_of_tree(struct pvk_board *board, const char *tree, struct pvk_list *warnings)
{
	static const char *const property[] = { "chosen/u-boot,bootconf", "chosen/bootconf" };
	bool found = false;
	size_t i, len;

	for (i = 0; i < PVK_ARRAY_SIZE(property) && !found; i++) {
		pvk_auto_free char *text = read_property(tree, property[i], &len, warnings);

		found = take(board->fitconfig, text, "fitconfig", FROM_TREE, warnings);
	}
	return found;
}

/* ---- all of it ---- */

/* The name, and if it came with directories, the bare one too. */
static void add_dtb(struct pvk_board *board)
{
	struct pvk_selection *sel = &board->selection;
	const char *slash = strrchr(board->dtb, '/');

	board->name[sel->n_dtb++] = board->dtb;
	if (slash && slash[1])
		board->name[sel->n_dtb++] = slash + 1;
}

/* The first `given` of the names are from dtb_from. */
static void say_sections(struct pvk_board *board, size_t given, const char *dtb_from,
			 const char *fit_from)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(sizeof(board->sections) - 1);
	const struct pvk_selection *sel = &board->selection;
	size_t i;

	pvk_buf_puts(&buf, "all");
	if (sel->dtb_any || sel->n_dtb)
		pvk_buf_puts(&buf, ", dtb:all");
	for (i = 0; i < sel->n_dtb; i++)
		pvk_buf_printf(&buf, ", dtb:%s (%s)", sel->dtb[i],
			       i < given ? dtb_from : FROM_TREE);
	if (sel->fitconfig)
		pvk_buf_printf(&buf, ", fitconfig:%s (%s)", sel->fitconfig, fit_from);
	snprintf(board->sections, sizeof(board->sections), "%s%s", pvk_buf_str(&buf),
		 buf.err ? ", ..." : "");
}

void pvk_board_read(struct pvk_board *board, const struct pvk_board_from *from,
		    struct pvk_list *warnings)
{
	const char *dtb, *fitconfig, *dtb_from = NULL, *fit_from = NULL;
	pvk_auto_free char *cmdline = NULL;
	size_t given;

	memset(board, 0, sizeof(*board));
	board->selection.dtb = board->name;
	read_cmdline(from->cmdline, &cmdline, &dtb, &fitconfig, warnings);

	if (take(board->dtb, from->dtb, "dtb", FROM_CONFIG, warnings))
		dtb_from = FROM_CONFIG;
	else if (take(board->dtb, dtb, "pvkit.dtb", FROM_CMDLINE, warnings))
		dtb_from = FROM_CMDLINE;
	if (dtb_from)
		add_dtb(board);
	given = board->selection.n_dtb;
	add_compatible(board, from->device_tree, warnings);

	if (take(board->fitconfig, from->fitconfig, "fitconfig", FROM_CONFIG, warnings))
		fit_from = FROM_CONFIG;
	else if (take(board->fitconfig, fitconfig, "pvkit.fitconfig", FROM_CMDLINE, warnings))
		fit_from = FROM_CMDLINE;
	else if (fitconfig_of_tree(board, from->device_tree, warnings))
		fit_from = FROM_TREE;
	if (fit_from)
		board->selection.fitconfig = board->fitconfig;
	say_sections(board, given, dtb_from, fit_from);
}

void pvk_board_free(struct pvk_board *board)
{
	free(board->compatible);
	memset(board, 0, sizeof(*board));
}
