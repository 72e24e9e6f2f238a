// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "update.h"

/* The size of the image "%{size}" or "%{size:N}" means, behind which *at then is. */
static int expand_size(const struct update *update, const char **at, struct pvk_buf *text,
		       struct pvk_err *err)
{
	const char *end = *at + strlen("%{size");
	unsigned int n = 1;

	if (*end == ':') {
		end++;
		if (!pvk_take_uint(&end, &n))
			n = 0;
	}
	if (*end != '}' || !n || n > update->images)
		return pvk_err_set(err, -EINVAL, "%%{size} is of the first image, %%{size:%zu} of "
				   "the last", update->images);
	*at = end + 1;
	return pvk_buf_printf(text, "%" PRIu64, update->image[n - 1].size);
}

int update_expand(const struct update *update, const char *word, struct pvk_buf *text,
		  struct pvk_err *err)
{
	const char *at = word;
	int ret = 0;

	pvk_buf_reset(text);
	while (!ret && *at) {
		if (!strncmp(at, "%{size", strlen("%{size"))) {
			ret = expand_size(update, &at, text, err);
		} else if (*at == '%' && at[1] == '%') {
			ret = pvk_buf_putc(text, '%');
			at += 2;
		} else if (*at == '%') {
			ret = pvk_err_set(err, -EINVAL, "after a %% comes {size}, {size:N} or %%");
		} else {
			ret = pvk_buf_putc(text, *at++);
		}
	}
	return ret;
}

/* By which it is found without the names that udev makes. */
static int add_image(const struct update *update, const struct update_copies *copies, size_t n,
		     struct plan *plan, struct pvk_err *err)
{
	const struct update_image *image = &update->image[n];
	const struct pvk_target *target = &image->target;
	char path[UPDATE_LIES + 16], name[sizeof(target->device) + 8], *slash;
	char identity[PVK_TARGET_IDENTITY], partuuid[PVK_TARGET_PARTUUID];
	struct plan_image to = {
		.path = path, .size = image->size, .kind = target->kind, .target = name,
		.room = target->size, .block = target->block,
	};

	if (copies->lies[n][0])
		snprintf(path, sizeof(path), PLAN_STATE_PREFIX "%s", copies->lies[n]);
	else
		snprintf(path, sizeof(path), "%simage-%zu",
			 update_has_state(update) ? PLAN_STATE_PREFIX : "/update/", n);
	if (image->target_text[0] == '/') {
		snprintf(name, sizeof(name), "/dev/%s", target->device);
		while ((slash = strchr(name, '!')))
			*slash = '/';
	} else {
		to.target = (char *)image->target_text;
	}
	pvk_target_identity("/sys", target, identity);
	to.identity = identity[0] ? identity : NULL;
	pvk_target_partuuid("/sys", "/dev", target, partuuid);
	to.partuuid = partuuid[0] ? partuuid : NULL;
	memcpy(to.sha256, copies->sha256[n], sizeof(to.sha256));
	return plan_add_image(plan, &to, err);
}

static int add_words(const struct update *update, struct plan *plan, struct pvk_err *err)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(PLAN_TEXT_MAX);
	int ret = 0;
	size_t i;

	for (i = 0; !ret && i < update->env.count; i++) {
		ret = update_expand(update, update->env.word[i], &text, err);
		if (!ret)
			ret = plan_add(&plan->env, pvk_buf_str(&text), err);
	}
	for (i = 0; !ret && i < update->post.count; i++)
		ret = plan_add(&plan->post, update->post.word[i], err);
	for (i = 0; !ret && i < update->flag.count; i++)
		ret = plan_add(&plan->flag, update->flag.word[i], err);
	return ret;
}

static int add_state(const struct update *update, struct plan *plan)
{
	int ret;

	if (!update_has_state(update))
		return 0;
	ret = plan_set(&plan->state_device, update->conf.state_device);
	if (!ret)
		ret = plan_set(&plan->state_type, update->conf.state_fs);
	return ret ? ret : plan_set(&plan->state_dir, update->conf.state_dir);
}

static enum plan_init init_of(const struct update *update)
{
	if (!update->has_init)
		return PLAN_INIT_NONE;
	return update->init == PVK_INIT_SYSTEMD ? PLAN_INIT_SYSTEMD : PLAN_INIT_BUSYBOX;
}

int update_make_plan(const struct update *update, const struct update_copies *copies,
		     struct plan *plan, struct pvk_err *err)
{
	struct statvfs mode;
	struct stat st;
	size_t i;
	int ret;

	plan_init(plan);
	ret = plan_new_id(plan);
	if (!ret)
		ret = add_state(update, plan);
	if (ret)
		pvk_err_set(err, ret, "%s", strerror(-ret));
	plan->root = update->root ? update->root : stat("/", &st) ? 0 : st.st_dev;
	plan->root_writable = !statvfs("/", &mode) && !(mode.f_flag & ST_RDONLY);
	snprintf(plan->medium, sizeof(plan->medium), "%s", update->medium);
	plan->init = init_of(update);
	plan->term_seconds = update->conf.term;
	plan->kill_seconds = update->conf.kill;
	plan->watchdog_timeout = update->watchdog.timeout;
	plan->watchdog_seconds = update->conf.watchdog;
	snprintf(plan->watchdog, sizeof(plan->watchdog), "%s", update->watchdog.name);
	for (i = 0; !ret && i < update->images; i++)
		ret = add_image(update, copies, i, plan, err);
	if (!ret)
		ret = add_words(update, plan, err);
	if (!ret)
		ret = plan_check(plan, err);
	if (ret)
		plan_free(plan);
	return ret;
}
