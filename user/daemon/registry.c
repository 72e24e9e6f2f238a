// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bsp.h"
#include "log.h"
#include "registry.h"
#include "state.h"

#define DRIVERS_FILE	REGISTRY_DIR "/drivers.json"
#define OURS_FILE	"drivers.registered"
/* Twice as many as one file may have: a failed removal is remembered too. */
#define OURS_MAX	(2 * PVK_BSP_ALIASES_MAX)
#define OURS_BYTES_MAX	(OURS_MAX * (PVK_NAME_MAX + 1))

/* ---- which board this is ---- */

void registry_look_at_board(struct pvk_board *board, const struct config *config)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	const struct pvk_board_from from = {
		.dtb = config->dtb,
		.fitconfig = config->fitconfig,
		.cmdline = "/proc/cmdline",
		.device_tree = config->device_tree,
	};
	size_t i;

	pvk_board_read(board, &from, &warnings);
	for (i = 0; i < warnings.count; i++)
		log_msg(LOG_WARNING, "%s", warnings.item[i]);
	log_msg(LOG_INFO, "sections of " DRIVERS_FILE " for this machine: %s", board->sections);
}

/* ---- what we registered ---- */

struct ours {
	char *text;		/* of the file, cut into names */
	const char *name[OURS_MAX];
	size_t count;
};

static void ours_read(struct ours *ours, int rootfd)
{
	char *line, *rest;
	int ret;

	memset(ours, 0, sizeof(*ours));
	ret = pvk_read_file(rootfd, OURS_FILE, OURS_BYTES_MAX, &ours->text, NULL);
	if (ret && ret != -ENOENT)
		log_msg(LOG_WARNING, "%s: %s", OURS_FILE, strerror(-ret));
	if (ret)
		return;
	rest = ours->text;
	while ((line = strsep(&rest, "\n")))
		if (pvk_alias_ok(line) && ours->count < OURS_MAX)
			ours->name[ours->count++] = line;
}

/* The file's aliases, and those of `ours` for which `keep` is set. */
static void ours_write(int rootfd, const struct pvk_bsp *bsp, const struct ours *ours,
		       const bool *keep)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(OURS_BYTES_MAX);
	pvk_auto_free char *old = NULL;
	size_t i;
	int ret;

	for (i = 0; i < bsp->count; i++)
		pvk_buf_printf(&buf, "%s\n", bsp->alias[i].name);
	for (i = 0; i < ours->count; i++)
		if (keep[i] && !pvk_bsp_find(bsp, ours->name[i]))
			pvk_buf_printf(&buf, "%s\n", ours->name[i]);
	if (!pvk_read_file(rootfd, OURS_FILE, OURS_BYTES_MAX, &old, NULL) &&
	    !strcmp(old, pvk_buf_str(&buf)))
		return;
	ret = buf.err;
	if (!ret)
		ret = pvk_replace_file(rootfd, OURS_FILE, OURS_FILE ".new", pvk_buf_str(&buf),
				       buf.len, 0644);
	if (ret)
		log_msg(LOG_WARNING, "%s: %s", OURS_FILE, strerror(-ret));
}

/* ---- the two together ---- */

static int read_drivers(int rootfd, const struct pvk_board *board, struct pvk_bsp *bsp,
			struct pvk_state *state, struct pvk_err *err)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	pvk_auto_free char *text = NULL;
	struct pvk_err bad;
	size_t len, i;
	int ret;

	memset(bsp, 0, sizeof(*bsp));
	ret = pvk_read_file(rootfd, DRIVERS_FILE, PVK_BSP_BYTES_MAX, &text, &len);
	if (ret == -ENOENT) {
		log_msg(LOG_WARNING, "there is no %s", DRIVERS_FILE);
		snprintf(state->text, sizeof(state->text), "there is no such file");
		return 0;
	}
	if (ret)
		return pvk_err_set(err, ret, "%s: %s", DRIVERS_FILE, strerror(-ret));
	ret = pvk_bsp_parse(text, len, &board->selection, bsp, &warnings, &bad);
	if (ret)
		return pvk_err_set(err, ret, "%s:%s", DRIVERS_FILE, bad.text);
	for (i = 0; i < warnings.count; i++)
		log_msg(LOG_WARNING, "%s:%s", DRIVERS_FILE, warnings.item[i]);
	state->warnings = warnings.count + warnings.dropped;
	state->aliases = bsp->count;
	return 0;
}

static void register_all(struct pvk_drv *drv, const struct pvk_bsp *bsp,
			 unsigned int *pending)
{
	const struct pvk_alias *alias;
	struct pvk_err err;
	size_t i;
	int ret;

	for (i = 0; i < bsp->count; i++) {
		alias = &bsp->alias[i];
		ret = pvk_drv_driver_new(drv, alias->name, (const char *const *)alias->line,
					 alias->count, &err);
		if (ret == -EBUSY)
			++*pending;
		if (ret)
			log_msg(LOG_WARNING, "driver %s: %s", alias->name, err.text);
	}
}

static void remove_vanished(struct pvk_drv *drv, const struct pvk_bsp *bsp,
			    const struct ours *ours, bool *keep, unsigned int *pending)
{
	struct pvk_err err;
	size_t i;
	int ret;

	for (i = 0; i < ours->count; i++) {
		if (pvk_bsp_find(bsp, ours->name[i]))
			continue;
		ret = pvk_drv_driver_del(drv, ours->name[i], &err);
		if (!ret || ret == -ENOENT) {
			keep[i] = false;
			continue;
		}
		if (ret == -EBUSY)
			++*pending;
		log_msg(LOG_WARNING, "driver %s, no longer in %s: %s", ours->name[i],
			DRIVERS_FILE, err.text);
	}
}

static int sync_aliases(struct pvk_drv *drv, int rootfd, const struct pvk_board *board,
			struct pvk_state *state, struct pvk_err *err)
{
	pvk_auto_bsp struct pvk_bsp bsp = { 0 };
	unsigned int pending = 0;
	bool keep[OURS_MAX];
	struct ours ours;
	int ret;

	ret = read_drivers(rootfd, board, &bsp, state, err);
	if (ret)
		return ret;
	ours_read(&ours, rootfd);
	memset(keep, true, sizeof(keep));
	/* Before the kernel has them: being killed in between must not orphan one. */
	ours_write(rootfd, &bsp, &ours, keep);
	remove_vanished(drv, &bsp, &ours, keep, &pending);
	register_all(drv, &bsp, &pending);
	ours_write(rootfd, &bsp, &ours, keep);
	free(ours.text);
	state->pending = pending;
	return 0;
}

/* Whoever asks must see it, but nothing depends on it. */
static void tell(const struct config *config, const struct pvk_state *state)
{
	int ret = pvk_state_write(config->state, state);

	if (ret)
		log_msg(LOG_WARNING, "%s: %s", config->state, strerror(-ret));
}

int registry_sync(struct pvk_drv *drv, const struct config *config, const struct pvk_board *board,
		  unsigned int *pending, struct pvk_err *err)
{
	struct pvk_state state = { .when = time(NULL) };
	pvk_auto_close int rootfd = -1;
	int ret;

	rootfd = open(config->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0)
		ret = pvk_err_set(err, -errno, "%s: %s", config->root, strerror(errno));
	else
		ret = sync_aliases(drv, rootfd, board, &state, err);
	state.ok = !ret;
	for (; state.n_modules < config->n_modules; state.n_modules++)
		strcpy(state.modules[state.n_modules], config->modules[state.n_modules]);
	snprintf(state.file, sizeof(state.file), "%.200s/%s", config->root, DRIVERS_FILE);
	snprintf(state.sections, sizeof(state.sections), "%s", board->sections);
	if (ret)
		snprintf(state.text, sizeof(state.text), "%s", err->text);
	tell(config, &state);
	*pending = (unsigned int)state.pending;
	return ret;
}
