// SPDX-License-Identifier: MIT
/*
 * pvkitd.conf and flags.conf: whatever they hold, paths stay absolute, sockets and
 * lines few, texts end, and what is refused is refused with a text.
 */
#include <stdint.h>
#include <string.h>

#include "../../user/daemon/config.h"
#include "flagconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *path, size_t size)
{
	if (strnlen(path, size) == size || (path[0] && path[0] != '/'))
		__builtin_trap();
}

static void check_config(const struct config *config)
{
	unsigned int i;

	if (config->n_sockets > CONFIG_SOCKETS_MAX)
		__builtin_trap();
	for (i = 0; i < config->n_sockets; i++)
		check_path(config->socket[i], sizeof(config->socket[i]));
	check_path(config->root, sizeof(config->root));
	check_path(config->state, sizeof(config->state));
	check_path(config->device_tree, sizeof(config->device_tree));
	if (config->n_modules > CONFIG_MODULES_MAX)
		__builtin_trap();
	for (i = 0; i < config->n_modules; i++)
		check_path(config->modules[i], sizeof(config->modules[i]));
	if (strnlen(config->dtb, sizeof(config->dtb)) == sizeof(config->dtb) ||
	    strnlen(config->fitconfig, sizeof(config->fitconfig)) == sizeof(config->fitconfig))
		__builtin_trap();
	if (config->uid == (uid_t)-1)
		__builtin_trap();
}

#define CHECK_TEXT(text) \
	do { \
		if (strnlen(text, sizeof(text)) == sizeof(text)) \
			__builtin_trap(); \
	} while (0)

static void check_flagconf(const struct pvk_flagconf *conf)
{
	unsigned int i;

	if (conf->n_order > PVK_FLAGCONF_ORDER_MAX || conf->n_gpios > PVK_FLAGCONF_GPIOS_MAX)
		__builtin_trap();
	for (i = 0; i < conf->n_order; i++)
		CHECK_TEXT(conf->order[i]);
	check_path(conf->uboot_env, sizeof(conf->uboot_env));
	for (i = 0; i < PVB_FIELDS; i++) {
		CHECK_TEXT(conf->variable[i]);
		CHECK_TEXT(conf->key[i]);
	}
	for (i = 0; i < conf->n_gpios; i++) {
		CHECK_TEXT(conf->gpio[i].name);
		CHECK_TEXT(conf->gpio[i].chip);
		CHECK_TEXT(conf->gpio[i].line_name);
		if (!conf->gpio[i].flags.has || conf->gpio[i].flags.slot >= PVB_SLOTS_MAX)
			__builtin_trap();
	}
}

static int pvkitd_line(void *config, char *line, struct pvk_err *err)
{
	return config_line(config, line, err);
}

static int flags_line(void *conf, char *line, struct pvk_err *err)
{
	return pvk_flagconf_line(conf, line, err);
}

static void feed(const uint8_t *data, size_t size, void *to,
		 int (*take)(void *to, char *line, struct pvk_err *err))
{
	pvk_auto_free char *text = malloc(size + 1);
	char *line, *rest = text;
	struct pvk_err err;

	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		err.text[0] = '\0';
		if (take(to, line, &err) && !err.text[0])
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	static struct pvk_flagconf flagconf;

	memset(&config, 0, sizeof(config));
	feed(data, size, &config, pvkitd_line);
	check_config(&config);
	pvk_flagconf_init(&flagconf);
	feed(data, size, &flagconf, flags_line);
	check_flagconf(&flagconf);
	return 0;
}
