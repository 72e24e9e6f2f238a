// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "json_out.h"
#include "state.h"

/* Every byte of a path may take six. */
#define STATE_MAX	(8192 + PVK_STATE_MODULES * PATH_MAX * 6)

static int format(const struct pvk_state *state, char **text, size_t *len)
{
	json_auto_out struct json_out out = { 0 };
	unsigned int i;

	json_out_init(&out, STATE_MAX);
	json_out_object(&out);
	json_out_pair_bool(&out, "ok", state->ok);
	json_out_pair_int(&out, "when", state->when);
	json_out_pair_str(&out, "file", state->file);
	json_out_pair_str(&out, "text", state->text[0] ? state->text : NULL);
	json_out_pair_str(&out, "sections", state->sections);
	json_out_pair_uint(&out, "aliases", state->aliases);
	json_out_pair_uint(&out, "pending", state->pending);
	json_out_pair_uint(&out, "warnings", state->warnings);
	json_out_key(&out, "modules");
	json_out_array(&out);
	for (i = 0; i < state->n_modules; i++)
		json_out_str(&out, state->modules[i]);
	json_out_end(&out);
	json_out_end(&out);
	return json_out_take(&out, text, len);
}

int pvk_state_write(const char *dir, const struct pvk_state *state)
{
	pvk_auto_free char *text = NULL;
	pvk_auto_close int fd = -1;
	size_t len;
	int ret;

	ret = format(state, &text, &len);
	if (ret)
		return ret;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return pvk_replace_file(fd, PVK_STATE_FILE, ".new", text, len, 0644);
}

static void copy(char *to, size_t size, const struct json *object, const char *key)
{
	const char *text = json_cstr(json_get(object, key));

	snprintf(to, size, "%s", text ? text : "");
}

static void copy_modules(struct pvk_state *state, const struct json *array)
{
	const struct json *item;
	const char *dir;

	json_for_each(item, array) {
		dir = json_cstr(item);
		if (dir && strlen(dir) < PATH_MAX && state->n_modules < PVK_STATE_MODULES)
			strcpy(state->modules[state->n_modules++], dir);
	}
}

int pvk_state_read(const char *dir, struct pvk_state *state)
{
	json_auto struct json_doc *doc = NULL;
	pvk_auto_free char *text = NULL;
	const struct json *root;
	char path[PATH_MAX];
	size_t len;
	int ret;

	memset(state, 0, sizeof(*state));
	if (snprintf(path, sizeof(path), "%s/" PVK_STATE_FILE, dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	ret = pvk_read_file(AT_FDCWD, path, STATE_MAX, &text, &len);
	if (!ret)
		ret = json_parse(text, len, NULL, &doc, NULL);
	if (ret)
		return ret;
	root = json_root(doc);
	if (json_bool(json_get(root, "ok"), &state->ok) ||
	    json_int64(json_get(root, "when"), &state->when))
		return -EBADMSG;
	copy(state->file, sizeof(state->file), root, "file");
	copy(state->text, sizeof(state->text), root, "text");
	copy(state->sections, sizeof(state->sections), root, "sections");
	json_uint64(json_get(root, "aliases"), &state->aliases);
	json_uint64(json_get(root, "pending"), &state->pending);
	json_uint64(json_get(root, "warnings"), &state->warnings);
	copy_modules(state, json_get(root, "modules"));
	return 0;
}
