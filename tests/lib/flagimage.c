// SPDX-License-Identifier: MIT
/*
 * flagimage: the on-media formats on a file, for tests where another program reads
 * or writes the same bytes.
 *
 *   flagimage FORMAT FILE [SETUP...] [FIELD=VALUE... | FIELD=...] [--force]
 *
 * SETUP: at=N and size=N (of the store in the file; all of it), erase=N (0: bytes in
 * place), write=N (1), and as in a description base=, backup=, slots=, form=, limit=,
 * width=, endian=, mode-NAME=N. What is set there afterwards goes to stdout as one
 * line of FIELD=VALUE words. Without a FIELD nothing is written.
 *
 *   flagimage env FW_ENV.CONFIG LOCK [FIELD=VALUE...] [--force]
 *
 * is the U-Boot environment, in variables pv_FIELD, by our library.
 *
 * Exit status: 0; 1 with one line about why; 2 wrong usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pvkit/bcb.h>
#include <pvkit/bootcount.h>
#include <pvkit/magic.h>

#include "flags.h"
#include "ubootenv.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static const struct pvb_format *const formats[] = {
	&pvb_magic_format,
	&pvb_bootcount_format,
	&pvb_bcb_format,
};

struct image {
	int fd;
	uint32_t at;
};

static int image_read(void *arg, uint32_t at, void *buf, uint32_t len)
{
	struct image *image = arg;

	return pread(image->fd, buf, len, (off_t)image->at + at) == (ssize_t)len ? 0 : -PVB_EIO;
}

static int image_program(void *arg, uint32_t at, const void *buf, uint32_t len)
{
	struct image *image = arg;

	return pwrite(image->fd, buf, len, (off_t)image->at + at) == (ssize_t)len ? 0 : -PVB_EIO;
}

static struct pvb_store store;

static int image_erase(void *arg, uint32_t at)
{
	uint32_t size = store.medium.erase;
	uint8_t *ones = malloc(size);
	int ret;

	if (!ones)
		return -PVB_EIO;
	memset(ones, 0xff, size);
	ret = image_program(arg, at, ones, size);
	free(ones);
	return ret;
}

static _Noreturn void usage(const char *what)
{
	fprintf(stderr, "flagimage: %s\n", what);
	exit(2);
}

static uint32_t number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (!*text || *end || n > UINT32_MAX)
		usage(text);
	return (uint32_t)n;
}

static bool take_text(const char *key, const char *value)
{
	static const char *const forms[] = { "rtc", "u16", "u32", "words", "ti" };
	struct pvb_setup *setup = &store.setup;
	unsigned int i;

	if (!strcmp(key, "endian")) {
		setup->big_endian = !strcmp(value, "big");
		return true;
	}
	if (strcmp(key, "form"))
		return false;
	for (i = 0; i < ARRAY_SIZE(forms); i++)
		if (!strcmp(value, forms[i]))
			setup->form = (enum pvb_bootcount_form)i;
	return true;
}

static bool take_mode(const char *key, const char *value)
{
	struct pvb_mode *mode = &store.setup.mode[store.setup.n_modes];

	if (strncmp(key, "mode-", 5) || store.setup.n_modes == PVB_MODES_MAX)
		return false;
	snprintf(mode->name, sizeof(mode->name), "%s", key + 5);
	mode->magic = number(value);
	store.setup.n_modes++;
	return true;
}

static bool take_number(struct image *image, const char *key, const char *value)
{
	const struct {
		const char *key;
		uint32_t *number;
	} numbers[] = {
		{ "at", &image->at },
		{ "size", &store.medium.size },
		{ "erase", &store.medium.erase },
		{ "write", &store.medium.write },
		{ "base", &store.setup.base },
		{ "backup", &store.setup.backup },
		{ "limit", &store.setup.limit },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if (!strcmp(key, numbers[i].key)) {
			*numbers[i].number = number(value);
			return true;
		}
	if (!strcmp(key, "slots"))
		store.setup.n_slots = (uint8_t)number(value);
	else if (!strcmp(key, "width"))
		store.setup.width = (uint8_t)number(value);
	else
		return false;
	return true;
}

/* Words of the set-up; those that are left are about fields. */
static int take_words(struct image *image, int argc, char **argv, bool *force)
{
	int i, left = 0;

	for (i = 0; i < argc; i++) {
		char key[32] = "";
		const char *value = strchr(argv[i], '=');

		if (!strcmp(argv[i], "--force")) {
			*force = true;
			continue;
		}
		if (!value || value - argv[i] >= (long)sizeof(key))
			usage(argv[i]);
		memcpy(key, argv[i], (size_t)(value - argv[i]));
		value++;
		if (!take_text(key, value) && !take_mode(key, value) &&
		    !take_number(image, key, value))
			argv[left++] = argv[i];
	}
	return left;
}

static void set_up_medium(struct image *image)
{
	struct pvb_medium *medium = &store.medium;
	struct stat st;

	if (fstat(image->fd, &st))
		usage("no such file");
	medium->arg = image;
	medium->read = image_read;
	medium->program = image_program;
	if (medium->erase)
		medium->erase_block = image_erase;
	if (!medium->write)
		medium->write = 1;
	medium->bitwise = medium->write == 1;
	if (!medium->size)
		medium->size = (uint32_t)st.st_size - image->at;
	store.work_size = store.format->work ? store.format->work(&store) : 512;
	if (store.work_size < 2 * medium->write)
		store.work_size = 2 * medium->write;
	if (store.work_size < 512)
		store.work_size = 512;
	store.work = malloc(store.work_size);	/* until the end */
	if (!store.work)
		usage("no memory");
}

static int fail(const char *what, int ret)
{
	fprintf(stderr, "flagimage: %s: %s\n", what, strerror(-ret));
	return 1;
}

static int write_fields(int argc, char **argv, struct pvb_flags *flags, bool force)
{
	struct pvk_change change = { .force = force };
	struct pvb_flags was = *flags;
	struct pvk_err err;
	int i, ret;

	for (i = 0; i < argc; i++)
		if (pvk_change_word(&change, argv[i], &err))
			usage(argv[i]);
	pvk_change_apply(&change, flags);
	ret = store.format->write(&store, &was, flags, force);
	if (ret)
		return fail("write", ret);
	ret = store.format->read(&store, flags);
	return ret && ret != -PVB_ENODATA ? fail("read back", ret) : 0;
}

static int environment(const char *config, const char *lock, int argc, char **argv)
{
	pvk_auto_buf struct pvk_buf line = PVK_BUF_INIT(1024);
	struct pvk_env env = { .config = config, .lock = lock };
	struct pvk_change change = { .force = false };
	struct pvk_err err = { .text = "" };
	char name[PVB_FIELDS][32];
	struct pvb_flags flags;
	unsigned int field;
	int i, ret = 0;

	for (field = PVB_MODE; field < PVB_FIELDS; field++) {
		snprintf(name[field], sizeof(name[field]), "pv_%s", pvk_field_name(field));
		env.variable[field] = name[field];
	}
	for (i = 0; i < argc; i++)
		if (!strcmp(argv[i], "--force"))
			change.force = true;
		else if (pvk_change_word(&change, argv[i], &err))
			usage(argv[i]);
	if (argc)
		ret = pvk_env_change(&env, &change, NULL, &err);
	if (!ret)
		ret = pvk_env_read(&env, &flags, NULL, NULL, &err);
	if (ret) {
		fprintf(stderr, "flagimage: %s\n", err.text);
		return 1;
	}
	puts(pvk_flags_line(&flags, &line));
	return 0;
}

int main(int argc, char **argv)
{
	struct image image = { .fd = -1 };
	pvk_auto_buf struct pvk_buf line = PVK_BUF_INIT(1024);
	struct pvb_flags flags;
	bool force = false;
	unsigned int i;
	int ret, words;

	if (argc < 3)
		usage("FORMAT FILE [SETUP...] [FIELD=VALUE...]");
	if (argc > 3 && !strcmp(argv[1], "env"))
		return environment(argv[2], argv[3], argc - 4, argv + 4);
	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(formats[i]->name, argv[1]))
			store.format = formats[i];
	if (!store.format)
		usage("no such format");
	image.fd = open(argv[2], O_RDWR | O_CLOEXEC);
	if (image.fd < 0)
		return fail(argv[2], -errno);
	words = take_words(&image, argc - 3, argv + 3, &force);
	set_up_medium(&image);
	ret = store.format->check(&store);
	if (ret)
		return fail("set-up", ret);
	ret = store.format->read(&store, &flags);
	if (ret && ret != -PVB_ENODATA && !(force && words))
		return fail("read", ret);
	ret = words ? write_fields(words, argv + 3, &flags, force) : 0;
	if (!ret)
		puts(pvk_flags_line(&flags, &line));
	return ret;
}
