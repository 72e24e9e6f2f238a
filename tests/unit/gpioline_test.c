// SPDX-License-Identifier: MIT
/*
 * The level of a GPIO line. The chips are files in a directory, and ioctl() is
 * ours: it answers as the kernel's gpiolib-cdev does.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "gpioline.h"
#include "ktap.h"

static const struct {
	const char *file, *label;
	const char *name[4];
	int level[4];		/* negative: errno of the request */
} chips[] = {
	{ "gpiochip0", "soc-gpio", { "", "boot-sel", "reset", "twice" }, { 0, 1, 0, 0 } },
	{ "gpiochip1", "expander", { "led", "", "twice", "" }, { 1, 0, -EBUSY, 1 } },
};

static char dir[] = "/tmp/pvkit-gpio.XXXXXX";
static struct gpio_v2_line_request asked;
static int given_level;

/* Which chip an open file is, by its name. */
static int chip_of(int fd)
{
	char link[64], path[256];
	ssize_t n;
	size_t i;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	for (i = 0; i < PVK_ARRAY_SIZE(chips); i++)
		if (strrchr(path, '/') && !strcmp(strrchr(path, '/') + 1, chips[i].file))
			return (int)i;
	return -1;
}

static int answer_request(int chip, struct gpio_v2_line_request *request)
{
	asked = *request;
	given_level = chips[chip].level[request->offsets[0]];
	if (given_level < 0) {
		errno = -given_level;
		return -1;
	}
	if (request->config.flags & GPIO_V2_LINE_FLAG_ACTIVE_LOW)
		given_level = !given_level;
	request->fd = open("/dev/null", O_RDONLY);
	return 0;
}

int ioctl(int fd, unsigned long command, ...)
{
	struct gpio_v2_line_info *line;
	struct gpiochip_info *info;
	int chip = chip_of(fd);
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (command == GPIO_V2_LINE_GET_VALUES_IOCTL) {
		((struct gpio_v2_line_values *)arg)->bits = (unsigned int)given_level;
		return 0;
	}
	errno = ENOTTY;
	if (chip < 0)
		return -1;
	switch (command) {
	case GPIO_GET_CHIPINFO_IOCTL:
		info = arg;
		strcpy(info->name, chips[chip].file);
		strcpy(info->label, chips[chip].label);
		info->lines = 4;
		return 0;
	case GPIO_V2_GET_LINEINFO_IOCTL:
		line = arg;
		strcpy(line->name, chips[chip].name[line->offset]);
		return 0;
	case GPIO_V2_GET_LINE_IOCTL:
		return answer_request(chip, arg);
	default:
		return -1;
	}
}

static const struct {
	const char *what;
	struct pvk_gpioline line;
	int ret;
	const char *text;	/* of the error */
} lines[] = {
	{ "a line by chip and number", { "gpiochip0", NULL, 1, false }, 1, NULL },
	{ "another one", { "gpiochip0", NULL, 0, false }, 0, NULL },
	{ "active-low", { "gpiochip0", NULL, 1, true }, 0, NULL },
	{ "the chip by its path", { "/dev/gpiochip0", NULL, 1, false }, 1, NULL },
	{ "the chip by its label", { "expander", NULL, 0, false }, 1, NULL },
	{ "the line by its name", { "gpiochip0", "boot-sel", 0, false }, 1, NULL },
	{ "the line by its name, on any chip", { "", "led", 0, false }, 1, NULL },
	{ "a name that two chips have", { "", "twice", 0, false }, -ENOTUNIQ,
	  "there are several GPIO lines twice of any chip" },
	{ "a name that two chips have, of one of them", { "gpiochip0", "twice", 0, false }, 0,
	  NULL },
	{ "no such chip", { "gpiochip7", NULL, 0, false }, -ENODEV,
	  "there is no GPIO chip gpiochip7" },
	{ "a file that is no chip", { "gpiochip9", NULL, 0, false }, -ENODEV,
	  "there is no GPIO chip gpiochip9" },
	{ "no such number", { "gpiochip0", NULL, 4, false }, -ENOENT,
	  "gpiochip0 has no GPIO line 4" },
	{ "no such name", { "soc-gpio", "led", 0, false }, -ENOENT,
	  "soc-gpio has no GPIO line led" },
	{ "a line that is in use", { "expander", NULL, 2, false }, -EBUSY,
	  "GPIO line 2 of expander is in use" },
	{ "a number without a chip", { "", NULL, 2, false }, -EINVAL,
	  "a GPIO line by number wants a chip" },
};

static void make_chip(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	close(open(path, O_CREAT | O_WRONLY, 0600));
}

static void remove_chip(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

static int open_files(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

int main(void)
{
	struct pvk_err err;
	size_t i;
	int fds;

	ktap_plan(0);
	if (!mkdtemp(dir))
		ktap_fail("a directory");
	make_chip("gpiochip0");
	make_chip("gpiochip1");
	make_chip("gpiochip9");
	fds = open_files();
	for (i = 0; i < PVK_ARRAY_SIZE(lines); i++) {
		err.text[0] = '\0';
		memset(&asked, 0, sizeof(asked));
		ktap_eq(pvk_gpioline_read(&lines[i].line, dir, &err), lines[i].ret, "%s",
			lines[i].what);
		ktap_str(err.text, lines[i].text ? lines[i].text : "", "%s: the text",
			 lines[i].what);
		if (lines[i].ret >= 0)
			ktap_check((asked.config.flags & GPIO_V2_LINE_FLAG_INPUT) &&
				   !(asked.config.flags & GPIO_V2_LINE_FLAG_OUTPUT) &&
				   !strcmp(asked.consumer, "pvkit"),
				   "%s: as an input, and named", lines[i].what);
		ktap_eq(open_files(), fds, "%s: no file is left open", lines[i].what);
	}
	remove_chip("gpiochip0");
	remove_chip("gpiochip1");
	remove_chip("gpiochip9");
	ktap_eq(pvk_gpioline_read(&lines[0].line, dir, &err), -ENODEV, "no chip at all");
	rmdir(dir);
	ktap_eq(pvk_gpioline_read(&lines[0].line, dir, &err), -ENOENT, "no such directory");
	return ktap_finish();
}
