// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "gpioline.h"

#define CONSUMER	"pvkit"

static int open_chip(int dir, const char *name, struct gpiochip_info *info)
{
	int fd, ret;

	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	memset(info, 0, sizeof(*info));
	if (!ioctl(fd, GPIO_GET_CHIPINFO_IOCTL, info)) {
		info->name[sizeof(info->name) - 1] = '\0';
		info->label[sizeof(info->label) - 1] = '\0';
		return fd;
	}
	ret = errno == ENOTTY || errno == EINVAL ? -ENODEV : -errno;
	close(fd);
	return ret;
}

/* The number of the line of that name, from `from` on. -ENOENT */
static int find_line(int fd, const struct gpiochip_info *chip, const char *name, uint32_t from)
{
	struct gpio_v2_line_info info;
	uint32_t i;

	for (i = from; i < chip->lines; i++) {
		memset(&info, 0, sizeof(info));
		info.offset = i;
		if (ioctl(fd, GPIO_V2_GET_LINEINFO_IOCTL, &info))
			return -errno;
		info.name[sizeof(info.name) - 1] = '\0';
		if (!strcmp(info.name, name))
			return (int)i;
	}
	return -ENOENT;
}

static int read_level(int fd, uint32_t number, bool active_low)
{
	struct gpio_v2_line_request request = {
		.offsets = { number },
		.consumer = CONSUMER,
		.config.flags = GPIO_V2_LINE_FLAG_INPUT |
				(active_low ? GPIO_V2_LINE_FLAG_ACTIVE_LOW : 0),
		.num_lines = 1,
	};
	struct gpio_v2_line_values values = { .mask = 1 };
	int ret = 0;

	if (ioctl(fd, GPIO_V2_GET_LINE_IOCTL, &request))
		return -errno;
	if (ioctl(request.fd, GPIO_V2_LINE_GET_VALUES_IOCTL, &values))
		ret = -errno;
	close(request.fd);
	return ret ? ret : (int)(values.bits & 1);
}

/* What a search through all chips has come to. */
struct search {
	const struct pvk_gpioline *line;
	bool by_name;
	int fd;			/* of the chip */
	uint32_t number;
	bool chip_found;
	int error;		/* of a chip that could not be opened */
};

static bool is_chip(const struct search *s, const char *file, const struct gpiochip_info *info)
{
	const char *want = s->line->chip;

	if (!strncmp(want, "/dev/", 5))
		want += 5;
	return !*want || !strcmp(want, file) || !strcmp(want, info->name) ||
	       !strcmp(want, info->label);
}

/* Looks at one chip. 0, or what ends the search. */
static int look_at(struct search *s, int dir, const char *file)
{
	struct gpiochip_info info = { .lines = 0 };
	int fd, n;

	fd = open_chip(dir, file, &info);
	if (fd < 0) {
		if (fd != -ENODEV)
			s->error = fd;
		return 0;
	}
	if (!is_chip(s, file, &info)) {
		close(fd);
		return 0;
	}
	n = s->by_name ? find_line(fd, &info, s->line->name, 0) : (int)s->line->line;
	if (n >= 0 && (uint32_t)n < info.lines) {
		if (s->fd >= 0 || (s->by_name &&
				   find_line(fd, &info, s->line->name, (uint32_t)n + 1) >= 0)) {
			close(fd);
			return -ENOTUNIQ;
		}
		s->fd = fd;
		s->number = (uint32_t)n;
		return 0;
	}
	s->chip_found = true;
	close(fd);
	return n < 0 && n != -ENOENT ? n : 0;
}

static int look_at_all(struct search *s, const char *dev)
{
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	dir = opendir(dev);
	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "gpiochip", 8))
			ret = look_at(s, dirfd(dir), entry->d_name);
	closedir(dir);
	if (ret || s->fd >= 0)
		return ret;
	if (s->chip_found)
		return -ENOENT;
	return s->error ? s->error : -ENODEV;
}

static int explain(const struct pvk_gpioline *line, int ret, struct pvk_err *err)
{
	const char *chip = *line->chip ? line->chip : "any chip", *name = line->name;
	char number[16];

	if (!name || !*name) {
		snprintf(number, sizeof(number), "%u", line->line);
		name = number;
	}
	switch (-ret) {
	case ENODEV:
		return pvk_err_set(err, ret, "there is no GPIO chip %s", chip);
	case ENOENT:
		return pvk_err_set(err, ret, "%s has no GPIO line %s", chip, name);
	case ENOTUNIQ:
		return pvk_err_set(err, ret, "there are several GPIO lines %s of %s", name, chip);
	case EBUSY:
		return pvk_err_set(err, ret, "GPIO line %s of %s is in use", name, chip);
	default:
		return pvk_err_set(err, ret, "GPIO line %s of %s: %s", name, chip,
				   strerror(-ret));
	}
}

int pvk_gpioline_read(const struct pvk_gpioline *line, const char *dev, struct pvk_err *err)
{
	struct search s = { .line = line, .by_name = line->name && *line->name, .fd = -1 };
	int ret;

	/* Without a chip a number means nothing. */
	if (!*line->chip && !s.by_name)
		return pvk_err_set(err, -EINVAL, "a GPIO line by number wants a chip");
	ret = look_at_all(&s, dev);
	if (!ret)
		ret = read_level(s.fd, s.number, line->active_low);
	if (s.fd >= 0)
		close(s.fd);
	return ret < 0 ? explain(line, ret, err) : ret;
}
