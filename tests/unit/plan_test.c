// SPDX-License-Identifier: MIT
/*
 * The plan of an update: what pvkit writes, pvkit-update reads; what is half of one is none;
 * and where an update that was cut off goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "ktap.h"
#include "plan.h"

#define SUM	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD	"pvkit-update-plan 1\nid 0123abcd\n"
#define IMAGE	"image path=/a size=100 sha256=" SUM " kind=block target=/dev/vda2\n"

static struct plan plan;
static struct pvk_err err;

static int parse(const char *text)
{
	pvk_auto_free char *copy = strdup(text);

	err.text[0] = '\0';
	return copy ? plan_parse(&plan, copy, &err) : -ENOMEM;
}

static void test_least(void)
{
	ktap_eq(parse(HEAD IMAGE "end\n"), 0, "an id and an image are a plan");
	ktap_str(plan.id, "0123abcd", "its id");
	ktap_eq(plan.images, 1, "its image");
	ktap_str(plan.image[0].path, "/a", "the image's path");
	ktap_eq(plan.image[0].size, 100, "the image's size");
	ktap_eq(plan.image[0].sha256[1], 0x11, "the image's checksum");
	ktap_eq(plan.image[0].kind, PVK_TARGET_BLOCK, "the target's kind");
	ktap_eq(plan.term_seconds, PLAN_TERM_SECONDS, "a limit that it does not name");
	ktap_check(!plan.state_device && !plan.reboot && !plan.root && plan.init == PLAN_INIT_NONE,
		   "what it does not name is not there");
	plan_free(&plan);
}

static void fill(struct plan *made)
{
	struct plan_image image = {
		.path = "/update/my image#1\\", .size = 70000, .kind = PVK_TARGET_MTD,
		.target = "mtd:root fs", .identity = "root fs", .partuuid = "1234abcd-02",
		.room = 80000, .block = 4096,
	};

	plan_init(made);
	memset(image.sha256, 0xa5, sizeof(image.sha256));
	snprintf(made->id, sizeof(made->id), "deadbeef");
	made->root = makedev(254, 2);
	snprintf(made->medium, sizeof(made->medium), "vda2");
	made->init = PLAN_INIT_SYSTEMD;
	made->term_seconds = 3;
	made->kill_seconds = 4;
	made->watchdog_seconds = 0;
	made->watchdog_timeout = 30;
	made->root_writable = true;
	snprintf(made->watchdog, sizeof(made->watchdog), "watchdog1");
	plan_set(&made->reboot, "ota");
	plan_set(&made->state_device, "LABEL=my data");
	plan_set(&made->state_type, "ext4");
	plan_set(&made->state_dir, "/");
	plan_add_image(made, &image, NULL);
	image.path = "state:x";
	image.identity = NULL;
	image.partuuid = NULL;
	image.kind = PVK_TARGET_UBI;
	plan_add_image(made, &image, NULL);
	plan_add(&made->env, "a= b # c\nd\t", NULL);
	plan_add(&made->env, "b=", NULL);
	plan_add(&made->post, " /bin/true x=y ", NULL);
	plan_add(&made->flag, "slot=b", NULL);
}

static bool same_list(const struct plan_list *a, const struct plan_list *b)
{
	size_t i;

	for (i = 0; i < a->count && i < b->count; i++)
		if (strcmp(a->item[i], b->item[i]) != 0)
			return false;
	return a->count == b->count;
}

static void test_there_and_back(void)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(PLAN_TEXT_MAX);
	static struct plan made;

	fill(&made);
	ktap_eq(plan_print(&made, &text, &err), 0, "a full plan is printed");
	if (!ktap_eq(parse(pvk_buf_str(&text)), 0, "and read"))
		ktap_print_value("why:", err.text);
	ktap_check(plan.root == made.root && plan.init == made.init && plan.term_seconds == 3 &&
		   plan.kill_seconds == 4 && !plan.watchdog_seconds &&
		   plan.watchdog_timeout == 30 && plan.root_writable, "numbers are the same");
	ktap_str(plan.medium, "vda2", "the medium");
	ktap_str(plan.watchdog, "watchdog1", "the watchdog");
	ktap_str(plan.reboot, "ota", "the argument of reboot");
	ktap_str(plan.state_device, "LABEL=my data", "a device with a blank");
	ktap_str(plan.state_dir, "/", "the state's directory");
	ktap_eq(plan.images, 2, "two images");
	ktap_str(plan.image[0].path, made.image[0].path, "a path with all that has to be escaped");
	ktap_str(plan.image[0].target, "mtd:root fs", "a target with a blank");
	ktap_str(plan.image[0].identity, "root fs", "what it is");
	ktap_str(plan.image[0].partuuid, "1234abcd-02", "and what its partition table says");
	ktap_check(plan.image[0].room == 80000 && plan.image[0].block == 4096 &&
		   !memcmp(plan.image[0].sha256, made.image[0].sha256, PVK_SHA256_SIZE),
		   "room, block and checksum");
	ktap_check(plan.image[1].kind == PVK_TARGET_UBI && !plan.image[1].identity,
		   "the second one's kind, and no more of it");
	ktap_check(same_list(&plan.env, &made.env), "the environment, a newline in it");
	ktap_check(same_list(&plan.post, &made.post), "commands, blanks at their ends");
	ktap_check(same_list(&plan.flag, &made.flag), "flags");
	plan_free(&plan);
	plan_free(&made);
}

/* In every place at once, by way of a file. */
static int there_and_back(const char *word)
{
	pvk_auto_free char *path = NULL, *state = NULL, *pair = NULL;
	char dir[] = "/tmp/pvkit-plan.XXXXXX", file[64];
	struct plan_image image = {
		.size = 1, .kind = PVK_TARGET_BLOCK, .target = (char *)word,
		.identity = (char *)word,
	};
	static struct plan made;
	int dirfd, ret;

	if (asprintf(&path, "/%s", word) < 0 || asprintf(&state, "state:%s", word) < 0 ||
	    asprintf(&pair, "a=%s", word) < 0 || !mkdtemp(dir))
		return -ENOMEM;
	plan_init(&made);
	snprintf(made.id, sizeof(made.id), "deadbeef");
	image.path = path;
	plan_add_image(&made, &image, NULL);
	image.path = state;
	plan_add_image(&made, &image, NULL);
	plan_set(&made.state_device, word);
	plan_set(&made.state_type, word);
	plan_set(&made.state_dir, path);
	plan_set(&made.reboot, word);
	plan_add(&made.env, pair, NULL);
	plan_add(&made.post, path, NULL);
	plan_add(&made.flag, pair, NULL);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = plan_write(&made, dirfd, "plan", &err);
	snprintf(file, sizeof(file), "%s/plan", dir);
	if (!ret)
		ret = plan_read(&plan, file, &err);
	unlink(file);
	rmdir(dir);
	close(dirfd);
	if (!ret && (strcmp(plan.image[0].path, path) != 0 ||
		     strcmp(plan.image[1].path, state) != 0 ||
		     strcmp(plan.image[0].target, word) != 0 ||
		     strcmp(plan.image[1].identity, word) != 0 ||
		     strcmp(plan.state_device, word) != 0 || strcmp(plan.state_type, word) != 0 ||
		     strcmp(plan.state_dir, path) != 0 || strcmp(plan.reboot, word) != 0 ||
		     !same_list(&plan.env, &made.env) || !same_list(&plan.post, &made.post) ||
		     !same_list(&plan.flag, &made.flag)))
		ret = -EBADMSG;
	plan_free(&made);
	if (ret != -EINVAL)
		plan_free(&plan);
	return ret;
}

static void test_hostile_words(void)
{
	static const char *const words[] = {
		"a", " ", "  two  blanks ", "\t", "\n", "a\nend\n", "\nflag slot=z\n", "\r\n",
		"\"", "'", "\"it's\"", "%", "%{size}", "%s%n", "%%", "#", "a#b", " # no comment",
		"=", "a=b=c", "\\", "\\040", "\\\\", "\\n", "\\0", "end", "path=/x size=2",
		"state:", "../../etc", "\x01\x1b[2J\x7f", "\xc3\xa4\xe2\x82\xac", "\xff\xfe\x80",
		"\xef\xbb\xbf", "$(reboot) `reboot` ; | & > <", "*?[]{}~!",
	};
	char name[] = "a", many[4097];
	size_t i;
	int c;

	for (i = 0; i < PVK_ARRAY_SIZE(words); i++)
		if (!ktap_eq(there_and_back(words[i]), 0, "hostile word %zu comes back", i))
			ktap_print_value("why:", err.text);
	for (c = 1; c < 256; c++) {
		name[0] = (char)c;
		if (there_and_back(name))
			break;
	}
	ktap_eq(c, 256, "and so does each byte but NUL, by itself");
	memset(many, 'x', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	ktap_eq(there_and_back(many), 0, "4 KiB");
	memset(many, '\n', sizeof(many) - 1);
	ktap_eq(there_and_back(many), -ENOSPC,
		"more than a plan has room for is refused, not cut off");
}

static void test_refused(void)
{
	static const struct {
		const char *text, *what, *why;
		int ret;
	} refused[] = {
		{ "", "nothing", "it has no end: it was cut off", -EINVAL },
		{ HEAD IMAGE, "one without its end", "it has no end: it was cut off", -EINVAL },
		{ HEAD IMAGE "en", "one cut in its last line",
		  "line 4: en: version 1 has no such line", -EINVAL },
		{ HEAD IMAGE "end\nenv a=b\n", "a line behind the end", "line 5: behind the end",
		  -EINVAL },
		{ "id 0123abcd\nend\n", "another file", "line 1: not the plan of an update",
		  -EINVAL },
		{ "end\n", "an end alone", "line 1: not the plan of an update", -EINVAL },
		{ "pvkit-update-plan 2\nend\n", "another version",
		  "line 1: a plan of version 2, this program knows 1", -EPROTONOSUPPORT },
		{ "pvkit-update-plan 1\n" IMAGE "end\n", "one without id",
		  "id: wants 8 hex digits in lower case", -EINVAL },
		{ "pvkit-update-plan 1\nid 0123ABCD\n" IMAGE "end\n", "an id in capitals",
		  "id: wants 8 hex digits in lower case", -EINVAL },
		{ HEAD "end\n", "one without image", "no image", -EINVAL },
		{ HEAD "image path=/a size=1\nend\n", "half an image",
		  "line 3: image: wants path, size, sha256, kind and target", -EINVAL },
		{ HEAD "image path=/a path=/b\nend\n", "a word twice", "line 3: image: path=/b",
		  -EINVAL },
		{ HEAD "image size=1k\nend\n", "a size that is no number",
		  "line 3: image: size=1k", -EINVAL },
		{ HEAD "image sha256=12\nend\n", "a short checksum", "line 3: image: sha256=12",
		  -EINVAL },
		{ HEAD "image kind=nbd\nend\n", "a kind that is none", "line 3: image: kind=nbd",
		  -EINVAL },
		{ HEAD "image path=a size=100 sha256=" SUM " kind=mtd target=b\nend\n",
		  "a relative path", "image 0: path a is neither /... nor state:...", -EINVAL },
		{ HEAD "image path=state:a size=100 sha256=" SUM " kind=mtd target=b\nend\n",
		  "an image in no state", "image 0: state:a without a state", -EINVAL },
		{ HEAD "image path=/a size=100 room=99 sha256=" SUM " kind=mtd target=b\nend\n",
		  "an image too large", "image 0: larger than b", -EINVAL },
		{ HEAD "image path=/a size=0 sha256=" SUM " kind=mtd target=b\nend\n",
		  "an empty image", "image 0: size 0", -EINVAL },
		{ HEAD IMAGE "state /dev/sda1 ext4\nend\n", "half a state",
		  "line 4: state: can't be /dev/sda1", -EINVAL },
		{ HEAD IMAGE "state a b c\nend\n", "a state without a directory",
		  "state: wants DEVICE FSTYPE /DIR", -EINVAL },
		{ HEAD IMAGE "env a\nend\n", "an env without a value",
		  "env a: wants NAME=VALUE", -EINVAL },
		{ HEAD IMAGE "flag =a\nend\n", "a flag without a name", NULL, -EINVAL },
		{ HEAD IMAGE "post\nend\n", "no command", "post: no command", -EINVAL },
		{ HEAD IMAGE "init procd\nend\n", "an init that is none of ours",
		  "line 4: init: can't be procd", -EINVAL },
		{ HEAD IMAGE "term-seconds 90000\nend\n", "more than a day",
		  "a limit of more than 86400 seconds", -EINVAL },
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(refused); i++) {
		ktap_eq(parse(refused[i].text), refused[i].ret, "%s is refused", refused[i].what);
		if (refused[i].why)
			ktap_str(err.text, refused[i].why, "%s: why", refused[i].what);
	}
}

static void test_bounds(void)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(PLAN_TEXT_MAX);
	size_t i;

	pvk_buf_puts(&text, HEAD);
	for (i = 0; i <= PLAN_IMAGES_MAX; i++)
		pvk_buf_puts(&text, IMAGE);
	pvk_buf_puts(&text, "end\n");
	ktap_eq(parse(pvk_buf_str(&text)), -E2BIG, "too many images");
	pvk_buf_reset(&text);
	pvk_buf_puts(&text, HEAD IMAGE);
	for (i = 0; i <= PLAN_LIST_MAX; i++)
		pvk_buf_puts(&text, "post x\n");
	pvk_buf_puts(&text, "end\n");
	ktap_eq(parse(pvk_buf_str(&text)), -E2BIG, "too many commands");
}

static void test_file(void)
{
	char dir[] = "/tmp/pvkit-plan.XXXXXX", path[64];
	static struct plan made;
	int dirfd, fd;

	if (!ktap_check(mkdtemp(dir), "a directory is made"))
		return;
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fill(&made);
	ktap_eq(plan_write(&made, dirfd, "plan", &err), 0, "a plan is written");
	snprintf(path, sizeof(path), "%s/plan", dir);
	ktap_eq(plan_read(&plan, path, &err), 0, "and read");
	ktap_str(plan.id, "deadbeef", "it is the same");
	plan_free(&plan);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ktap_check(fd >= 0 && pwrite(fd, "", 1, 100) == 1, "a NUL gets into it");
	close(fd);
	ktap_eq(plan_read(&plan, path, &err), -EINVAL, "it is refused");
	unlink(path);
	ktap_eq(plan_read(&plan, path, &err), -ENOENT, "one that is not there");
	made.id[0] = '\0';
	ktap_eq(plan_write(&made, dirfd, "plan", &err), -EINVAL, "what is no plan is not written");
	ktap_check(faccessat(dirfd, "plan", F_OK, 0), "nor is anything else");
	plan_free(&made);
	close(dirfd);
	rmdir(dir);
}

static void test_id(void)
{
	char text[PLAN_PHASE_SIZE], before[sizeof(plan.id)];

	plan_init(&plan);
	ktap_eq(plan_new_id(&plan), 0, "a new id");
	ktap_eq(strlen(plan_phase(&plan, text)), 14, "is so long as a flag, with its prefix");
	ktap_check(!strncmp(text, "write-", 6) && !strcmp(text + 6, plan.id), "and is in it");
	snprintf(before, sizeof(before), "%s", plan.id);
	plan_new_id(&plan);
	ktap_check(strcmp(before, plan.id) != 0, "the next one is another");
}

static void place(uint64_t cursor, int ret, size_t image, uint64_t offset, const char *what)
{
	uint64_t got_offset = 0;
	size_t got_image = 0;

	ktap_eq(plan_place(&plan, cursor, &got_image, &got_offset), ret, "%s", what);
	if (!ret)
		ktap_check(got_image == image && got_offset == offset, "%s: where that is", what);
}

/* Images of 1 byte, of two units and a byte, and of one unit. */
static void test_cursor(void)
{
	uint64_t size[] = { 1, 2 * PLAN_UNIT + 1, PLAN_UNIT };
	struct plan_image image = { .path = "/a", .target = "b" };
	size_t i;

	plan_init(&plan);
	for (i = 0; i < PVK_ARRAY_SIZE(size); i++) {
		image.size = size[i];
		plan_add_image(&plan, &image, NULL);
	}
	ktap_eq(plan_units(&plan), 5, "each image has whole units");
	place(0, 0, 0, 0, "the beginning");
	place(1, 0, 1, 0, "the first image is through");
	place(3, 0, 1, 2 * PLAN_UNIT, "in the second one");
	place(4, 0, 2, 0, "the third one");
	place(5, 0, 3, 0, "all");
	place(6, -ERANGE, 0, 0, "more than all");
	ktap_eq(plan_cursor(&plan, 1, PLAN_UNIT - 1), 1, "a part of a unit is none");
	ktap_eq(plan_cursor(&plan, 1, 2 * PLAN_UNIT), 3, "two units");
	ktap_eq(plan_cursor(&plan, 1, 2 * PLAN_UNIT + 1), 4, "the last one may be a part");
	ktap_eq(plan_cursor(&plan, 3, 0), 5, "past the last image");
	plan_free(&plan);
}

int main(void)
{
	ktap_plan(0);
	test_least();
	test_there_and_back();
	test_hostile_words();
	test_refused();
	test_bounds();
	test_file();
	test_id();
	test_cursor();
	return ktap_finish();
}
