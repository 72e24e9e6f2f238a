// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sysmacros.h>

#include "confline.h"
#include "mountinfo.h"
#include "plan.h"

#define FIRST_WORD	"pvkit-update-plan"
#define BLANKS		" \t\r"

static const char *const init_names[] = { "none", "systemd", "busybox" };

void plan_init(struct plan *plan)
{
	*plan = (struct plan){
		.term_seconds = PLAN_TERM_SECONDS,
		.kill_seconds = PLAN_KILL_SECONDS,
		.watchdog_seconds = PLAN_WATCHDOG_SECONDS,
	};
}

static void free_list(struct plan_list *list)
{
	while (list->count)
		free(list->item[--list->count]);
}

void plan_free(struct plan *plan)
{
	while (plan->images) {
		plan->images--;
		free(plan->image[plan->images].path);
		free(plan->image[plan->images].target);
		free(plan->image[plan->images].identity);
		free(plan->image[plan->images].partuuid);
	}
	free(plan->reboot);
	free(plan->state_device);
	free(plan->state_type);
	free(plan->state_dir);
	free_list(&plan->env);
	free_list(&plan->post);
	free_list(&plan->flag);
	plan_init(plan);
}

/* ---- making one ---- */

int plan_new_id(struct plan *plan)
{
	uint32_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	snprintf(plan->id, sizeof(plan->id), "%08" PRIx32, number);
	return 0;
}

int plan_set(char **field, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

int plan_add_image(struct plan *plan, const struct plan_image *image, struct pvk_err *err)
{
	struct plan_image *copy = &plan->image[plan->images];

	if (plan->images == PLAN_IMAGES_MAX)
		return pvk_err_set(err, -E2BIG, "more than %d images", PLAN_IMAGES_MAX);
	*copy = *image;
	copy->path = strdup(image->path);
	copy->target = strdup(image->target);
	copy->identity = image->identity ? strdup(image->identity) : NULL;
	copy->partuuid = image->partuuid ? strdup(image->partuuid) : NULL;
	if (!copy->path || !copy->target || (image->identity && !copy->identity) ||
	    (image->partuuid && !copy->partuuid)) {
		free(copy->path);
		free(copy->target);
		free(copy->identity);
		free(copy->partuuid);
		return pvk_err_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	}
	plan->images++;
	return 0;
}

int plan_add(struct plan_list *list, const char *text, struct pvk_err *err)
{
	if (list->count == PLAN_LIST_MAX)
		return pvk_err_set(err, -E2BIG, "more than %d of one kind", PLAN_LIST_MAX);
	list->item[list->count] = strdup(text);
	if (!list->item[list->count])
		return pvk_err_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	list->count++;
	return 0;
}

/* ---- what it has to be ---- */

static bool id_ok(const char *id)
{
	return strlen(id) == PLAN_ID_LEN && strspn(id, "0123456789abcdef") == PLAN_ID_LEN;
}

static int check_image(const struct plan *plan, size_t n, struct pvk_err *err)
{
	const struct plan_image *image = &plan->image[n];
	bool in_state = !strncmp(image->path, PLAN_STATE_PREFIX, strlen(PLAN_STATE_PREFIX));

	if (image->path[0] != '/' && !in_state)
		return pvk_err_set(err, -EINVAL, "image %zu: path %s is neither /... nor "
				   PLAN_STATE_PREFIX "...", n, image->path);
	if (in_state && !plan->state_device)
		return pvk_err_set(err, -EINVAL, "image %zu: %s without a state", n, image->path);
	if (!image->target[0])
		return pvk_err_set(err, -EINVAL, "image %zu: no target", n);
	/* As units of the cursor all images together stay far below what any store holds. */
	if (!image->size || image->size > INT64_MAX / PLAN_IMAGES_MAX)
		return pvk_err_set(err, -EINVAL, "image %zu: size %" PRIu64, n, image->size);
	if (image->room && image->size > image->room)
		return pvk_err_set(err, -EINVAL, "image %zu: larger than %s", n, image->target);
	return 0;
}

static int check_pairs(const struct plan_list *list, const char *name, struct pvk_err *err)
{
	const char *equals;
	size_t i;

	for (i = 0; i < list->count; i++) {
		equals = strchr(list->item[i], '=');
		if (!equals || equals == list->item[i])
			return pvk_err_set(err, -EINVAL, "%s %s: wants NAME=VALUE", name,
					   list->item[i]);
	}
	return 0;
}

static int check_state(const struct plan *plan, struct pvk_err *err)
{
	if (!plan->state_device && !plan->state_type && !plan->state_dir)
		return 0;
	if (!plan->state_device || !plan->state_device[0] || !plan->state_type ||
	    !plan->state_type[0] || !plan->state_dir || plan->state_dir[0] != '/')
		return pvk_err_set(err, -EINVAL, "state: wants DEVICE FSTYPE /DIR");
	return 0;
}

static int check_limits(const struct plan *plan, struct pvk_err *err)
{
	if (plan->term_seconds > PLAN_SECONDS_MAX || plan->kill_seconds > PLAN_SECONDS_MAX ||
	    plan->watchdog_seconds > PLAN_SECONDS_MAX)
		return pvk_err_set(err, -EINVAL, "a limit of more than %d seconds",
				   PLAN_SECONDS_MAX);
	return 0;
}

int plan_check(const struct plan *plan, struct pvk_err *err)
{
	size_t i;
	int ret;

	if (!id_ok(plan->id))
		return pvk_err_set(err, -EINVAL, "id: wants %d hex digits in lower case",
				   PLAN_ID_LEN);
	if (!plan->images)
		return pvk_err_set(err, -EINVAL, "no image");
	for (i = 0; i < plan->post.count; i++)
		if (!plan->post.item[i][strspn(plan->post.item[i], BLANKS)])
			return pvk_err_set(err, -EINVAL, "post: no command");
	ret = check_limits(plan, err);
	if (!ret)
		ret = check_state(plan, err);
	if (!ret)
		ret = check_pairs(&plan->env, "env", err);
	if (!ret)
		ret = check_pairs(&plan->flag, "flag", err);
	for (i = 0; !ret && i < plan->images; i++)
		ret = check_image(plan, i, err);
	return ret;
}

/* ---- reading ---- */

static bool take_u64(const char *text, uint64_t *number)
{
	uint64_t n = 0;

	if (!*text || strlen(text) > 18)
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (uint64_t)(*text - '0');
	*number = n;
	return !*text;
}

static bool take_u32(const char *text, uint32_t *number)
{
	unsigned int n;
	bool ok = pvk_take_uint(&text, &n) && !*text;

	if (ok)
		*number = n;
	return ok;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool take_sha256(const char *text, unsigned char *sum)
{
	size_t i;

	if (strlen(text) != 2 * (size_t)PVK_SHA256_SIZE)
		return false;
	for (i = 0; i < PVK_SHA256_SIZE; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		sum[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static bool take_kind(const char *text, enum pvk_target_kind *kind)
{
	int i;

	for (i = PVK_TARGET_MTD; i <= PVK_TARGET_BLOCK; i++) {
		if (!strcmp(text, pvk_target_kind_name((enum pvk_target_kind)i))) {
			*kind = (enum pvk_target_kind)i;
			return true;
		}
	}
	return false;
}

enum {
	HAS_PATH = 1, HAS_SIZE = 2, HAS_SHA256 = 4, HAS_KIND = 8, HAS_TARGET = 16,
	HAS_ALL = 31, HAS_ROOM = 32, HAS_BLOCK = 64, HAS_IDENTITY = 128,
	HAS_PARTUUID = 256,
};

/* Texts still lie in the line. Which word it was, 0 for none that we know. */
static int take_image_word(struct plan_image *image, const char *name, char *value)
{
	if (!strcmp(name, "path"))
		return image->path = value, HAS_PATH;
	if (!strcmp(name, "target"))
		return image->target = value, HAS_TARGET;
	if (!strcmp(name, "is"))
		return image->identity = value, HAS_IDENTITY;
	if (!strcmp(name, "partuuid"))
		return image->partuuid = value, HAS_PARTUUID;
	if (!strcmp(name, "size"))
		return take_u64(value, &image->size) ? HAS_SIZE : 0;
	if (!strcmp(name, "room"))
		return take_u64(value, &image->room) ? HAS_ROOM : 0;
	if (!strcmp(name, "block"))
		return take_u32(value, &image->block) ? HAS_BLOCK : 0;
	if (!strcmp(name, "sha256"))
		return take_sha256(value, image->sha256) ? HAS_SHA256 : 0;
	if (!strcmp(name, "kind"))
		return take_kind(value, &image->kind) ? HAS_KIND : 0;
	return 0;
}

static int take_image(struct plan *plan, char *value, struct pvk_err *err)
{
	struct plan_image image = { .size = 0 };
	char *word, *text;
	int has = 0, bit;

	while ((word = strsep(&value, BLANKS))) {
		if (!*word)
			continue;
		text = strchr(word, '=');
		if (text)
			*text++ = '\0';
		if (text)
			pvk_mountinfo_unescape(text);
		bit = text ? take_image_word(&image, word, text) : 0;
		if (!bit || (has & bit))
			return pvk_err_set(err, -EINVAL, "image: %s%s%s", word, text ? "=" : "",
					   text ? text : "");
		has |= bit;
	}
	if ((has & HAS_ALL) != HAS_ALL)
		return pvk_err_set(err, -EINVAL,
				   "image: wants path, size, sha256, kind and target");
	return plan_add_image(plan, &image, err);
}

static bool take_text(char *to, size_t size, char *value)
{
	pvk_mountinfo_unescape(value);
	return (size_t)snprintf(to, size, "%s", value) < size;
}

static bool take_root(struct plan *plan, char *value)
{
	const char *at = value;
	unsigned int major_number, minor_number;

	if (!pvk_take_uint(&at, &major_number) || *at++ != ':' ||
	    !pvk_take_uint(&at, &minor_number))
		return false;
	plan->root = makedev(major_number, minor_number);
	return take_text(plan->medium, sizeof(plan->medium), value + (at - value) +
			 strspn(at, BLANKS));
}

static bool take_mode(struct plan *plan, const char *value)
{
	plan->root_writable = !strcmp(value, "rw");
	return plan->root_writable || !strcmp(value, "ro");
}

static bool take_init(struct plan *plan, const char *value)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(init_names); i++) {
		if (!strcmp(value, init_names[i])) {
			plan->init = (enum plan_init)i;
			return true;
		}
	}
	return false;
}

static int take_state(struct plan *plan, char *value)
{
	char **field[] = { &plan->state_device, &plan->state_type, &plan->state_dir };
	char *word;
	size_t i = 0;
	int ret;

	while ((word = strsep(&value, BLANKS))) {
		if (!*word)
			continue;
		if (i == PVK_ARRAY_SIZE(field))
			return -EINVAL;
		pvk_mountinfo_unescape(word);
		ret = plan_set(field[i++], word);
		if (ret)
			return ret;
	}
	return i == PVK_ARRAY_SIZE(field) ? 0 : -EINVAL;
}

/* A line that is one value. -ENOENT: there is none of that name. */
static int take_value(struct plan *plan, const char *name, char *value)
{
	if (!strcmp(name, "id"))
		return take_text(plan->id, sizeof(plan->id), value) ? 0 : -EINVAL;
	if (!strcmp(name, "root"))
		return take_root(plan, value) ? 0 : -EINVAL;
	if (!strcmp(name, "root-mode"))
		return take_mode(plan, value) ? 0 : -EINVAL;
	if (!strcmp(name, "init"))
		return take_init(plan, value) ? 0 : -EINVAL;
	if (!strcmp(name, "term-seconds"))
		return take_u32(value, &plan->term_seconds) ? 0 : -EINVAL;
	if (!strcmp(name, "kill-seconds"))
		return take_u32(value, &plan->kill_seconds) ? 0 : -EINVAL;
	if (!strcmp(name, "watchdog-timeout"))
		return take_u32(value, &plan->watchdog_timeout) ? 0 : -EINVAL;
	if (!strcmp(name, "watchdog-seconds"))
		return take_u32(value, &plan->watchdog_seconds) ? 0 : -EINVAL;
	if (!strcmp(name, "watchdog"))
		return take_text(plan->watchdog, sizeof(plan->watchdog), value) ? 0 : -EINVAL;
	if (!strcmp(name, "state"))
		return take_state(plan, value);
	return -ENOENT;
}

static int take_line(struct plan *plan, const char *name, char *value, struct pvk_err *err)
{
	struct plan_list *list = NULL;
	int ret = take_value(plan, name, value);

	if (!ret)
		return 0;
	if (ret != -ENOENT)
		return pvk_err_set(err, ret, "%s: can't be %s", name, value);
	if (!strcmp(name, "image"))
		return take_image(plan, value, err);
	pvk_mountinfo_unescape(value);
	if (!strcmp(name, "reboot"))
		return plan_set(&plan->reboot, value);
	if (!strcmp(name, "env"))
		list = &plan->env;
	else if (!strcmp(name, "post"))
		list = &plan->post;
	else if (!strcmp(name, "flag"))
		list = &plan->flag;
	return list ? plan_add(list, value, err) :
		      pvk_err_set(err, -EINVAL, "%s: version %d has no such line", name,
				  PLAN_VERSION);
}

static int take_version(const char *name, const char *value, struct pvk_err *err)
{
	uint32_t version;

	if (strcmp(name, FIRST_WORD) != 0 || !take_u32(value, &version))
		return pvk_err_set(err, -EINVAL, "not the plan of an update");
	if (version != PLAN_VERSION)
		return pvk_err_set(err, -EPROTONOSUPPORT, "a plan of version %" PRIu32
				   ", this program knows %d", version, PLAN_VERSION);
	return 0;
}

static int take_lines(struct plan *plan, char *text, struct pvk_err *err)
{
	struct pvk_err why = { .text = "" };
	unsigned int n = 0, lines = 0;
	char *line, *name, *value;
	bool end = false;
	int ret;

	while ((line = strsep(&text, "\n"))) {
		n++;
		if (!pvk_conf_line(line, &name, &value))
			continue;
		if (end)
			return pvk_err_set(err, -EINVAL, "line %u: behind the end", n);
		end = lines && !strcmp(name, "end") && !*value;
		if (!lines++)
			ret = take_version(name, value, &why);
		else
			ret = end ? 0 : take_line(plan, name, value, &why);
		if (ret)
			return pvk_err_set(err, ret, "line %u: %s", n,
					   why.text[0] ? why.text : strerror(-ret));
	}
	return end ? 0 : pvk_err_set(err, -EINVAL, "it has no end: it was cut off");
}

int plan_parse(struct plan *plan, char *text, struct pvk_err *err)
{
	int ret;

	plan_init(plan);
	ret = take_lines(plan, text, err);
	if (!ret)
		ret = plan_check(plan, err);
	if (ret)
		plan_free(plan);
	return ret;
}

int plan_read_fd(struct plan *plan, int fd, const char *path, struct pvk_err *err)
{
	pvk_auto_free char *text = NULL;
	struct pvk_err why = { .text = "" };
	size_t len;
	int ret;

	plan_init(plan);
	ret = pvk_read_fd(fd, PLAN_TEXT_MAX, &text, &len);
	if (ret)
		return pvk_err_set(err, ret, "%s: %s", path, strerror(-ret));
	if (strlen(text) != len)
		return pvk_err_set(err, -EINVAL, "%s: a NUL byte: it was cut off", path);
	ret = plan_parse(plan, text, &why);
	return ret ? pvk_err_set(err, ret, "%s: %s", path, why.text) : 0;
}

int plan_read(struct plan *plan, const char *path, struct pvk_err *err)
{
	pvk_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return plan_read_fd(plan, fd, path, err);
	plan_init(plan);
	return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
}

/* ---- writing ---- */

/* Blanks at the ends would be taken for none of the value. */
static void put_value(struct pvk_buf *buf, const char *value, bool word)
{
	size_t len = strlen(value), i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];
		bool blank = c == ' ' && (word || i == 0 || i == len - 1);

		/* "= x" would be read as "x". */
		if (blank || pvk_iscntrl(c) || c == '#' || c == '\\' || (c == '=' && i == 0))
			pvk_buf_printf(buf, "\\%03o", c);
		else
			pvk_buf_putc(buf, (char)c);
	}
}

static void put_line(struct pvk_buf *buf, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	pvk_buf_printf(buf, "%s ", name);
	put_value(buf, value, false);
	pvk_buf_putc(buf, '\n');
}

static void put_list(struct pvk_buf *buf, const char *name, const struct plan_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		put_line(buf, name, list->item[i]);
}

static void put_image(struct pvk_buf *buf, const struct plan_image *image)
{
	size_t i;

	pvk_buf_puts(buf, "image path=");
	put_value(buf, image->path, true);
	pvk_buf_printf(buf, " size=%" PRIu64 " sha256=", image->size);
	for (i = 0; i < PVK_SHA256_SIZE; i++)
		pvk_buf_printf(buf, "%02x", image->sha256[i]);
	pvk_buf_printf(buf, " kind=%s target=", pvk_target_kind_name(image->kind));
	put_value(buf, image->target, true);
	if (image->identity) {
		pvk_buf_puts(buf, " is=");
		put_value(buf, image->identity, true);
	}
	if (image->partuuid) {
		pvk_buf_puts(buf, " partuuid=");
		put_value(buf, image->partuuid, true);
	}
	pvk_buf_printf(buf, " room=%" PRIu64 " block=%" PRIu32 "\n", image->room, image->block);
}

static void put_root(struct pvk_buf *buf, const struct plan *plan)
{
	pvk_buf_printf(buf, "root %u:%u ", major(plan->root), minor(plan->root));
	put_value(buf, plan->medium, true);
	pvk_buf_putc(buf, '\n');
}

static void put_state(struct pvk_buf *buf, const struct plan *plan)
{
	pvk_buf_puts(buf, "state ");
	put_value(buf, plan->state_device, true);
	pvk_buf_putc(buf, ' ');
	put_value(buf, plan->state_type, true);
	pvk_buf_putc(buf, ' ');
	put_value(buf, plan->state_dir, true);
	pvk_buf_putc(buf, '\n');
}

static void put_head(struct pvk_buf *buf, const struct plan *plan)
{
	pvk_buf_printf(buf, FIRST_WORD " %d\nid %s\n", PLAN_VERSION, plan->id);
	if (plan->root)
		put_root(buf, plan);
	pvk_buf_printf(buf, "root-mode %s\n", plan->root_writable ? "rw" : "ro");
	pvk_buf_printf(buf, "init %s\nterm-seconds %" PRIu32 "\nkill-seconds %" PRIu32 "\n",
		       init_names[plan->init], plan->term_seconds, plan->kill_seconds);
	put_line(buf, "watchdog", plan->watchdog);
	if (plan->watchdog_timeout)
		pvk_buf_printf(buf, "watchdog-timeout %" PRIu32 "\n", plan->watchdog_timeout);
	pvk_buf_printf(buf, "watchdog-seconds %" PRIu32 "\n", plan->watchdog_seconds);
	put_line(buf, "reboot", plan->reboot);
	if (plan->state_device)
		put_state(buf, plan);
}

int plan_print(const struct plan *plan, struct pvk_buf *text, struct pvk_err *err)
{
	int ret = plan_check(plan, err);
	size_t i;

	if (ret)
		return ret;
	put_head(text, plan);
	for (i = 0; i < plan->images; i++)
		put_image(text, &plan->image[i]);
	put_list(text, "env", &plan->env);
	put_list(text, "post", &plan->post);
	put_list(text, "flag", &plan->flag);
	pvk_buf_puts(text, "end\n");
	return text->err ? pvk_err_set(err, text->err, "plan: %s", strerror(-text->err)) : 0;
}

int plan_write(const struct plan *plan, int dirfd, const char *name, struct pvk_err *err)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(PLAN_TEXT_MAX);
	char temp[NAME_MAX + 1];
	int ret = plan_print(plan, &text, err);

	if (ret)
		return ret;
	if (snprintf(temp, sizeof(temp), ".%s.new", name) >= (int)sizeof(temp))
		return pvk_err_set(err, -ENAMETOOLONG, "%s", name);
	/* `env` may hold what is nobody else's business. */
	ret = pvk_replace_file(dirfd, name, temp, text.data, text.len, 0600);
	return ret ? pvk_err_set(err, ret, "%s: %s", name, strerror(-ret)) : 0;
}

/* ---- the cursor ---- */

const char *plan_phase(const struct plan *plan, char text[PLAN_PHASE_SIZE])
{
	snprintf(text, PLAN_PHASE_SIZE, PLAN_PHASE_PREFIX "%s", plan->id);
	return text;
}

static uint64_t units_of(uint64_t bytes)
{
	return (bytes + PLAN_UNIT - 1) / PLAN_UNIT;
}

uint64_t plan_units(const struct plan *plan)
{
	return plan_cursor(plan, plan->images, 0);
}

uint64_t plan_cursor(const struct plan *plan, size_t image, uint64_t bytes)
{
	uint64_t units = 0;
	size_t i;

	for (i = 0; i < image && i < plan->images; i++)
		units += units_of(plan->image[i].size);
	if (i == plan->images)
		return units;
	/* A part of a unit is none, but for the last one's. */
	return units + (bytes >= plan->image[i].size ? units_of(plan->image[i].size) :
						       bytes / PLAN_UNIT);
}

int plan_place(const struct plan *plan, uint64_t cursor, size_t *image, uint64_t *offset)
{
	uint64_t units;
	size_t i;

	for (i = 0; i < plan->images; i++) {
		units = units_of(plan->image[i].size);
		if (cursor < units)
			break;
		cursor -= units;
	}
	if (i == plan->images && cursor)
		return -ERANGE;
	*image = i;
	*offset = cursor * PLAN_UNIT;
	return 0;
}
