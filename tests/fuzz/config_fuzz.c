// SPDX-License-Identifier: MIT
/*
 * pvkitd.conf: whatever it holds, paths stay absolute and sockets few, and what
 * is refused is refused with a text.
 */
#include <stdint.h>
#include <string.h>

#include "../../user/daemon/config.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pvk_auto_free char *text = malloc(size + 1);
	static struct config config;
	struct pvk_err err;
	char *line, *rest = text;

	memset(&config, 0, sizeof(config));
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		err.text[0] = '\0';
		if (config_line(&config, line, &err) && !err.text[0])
			__builtin_trap();
	}
	check_config(&config);
	return 0;
}
