// SPDX-License-Identifier: GPL-2.0-only
/*
 * The media: what they share, and their notifiers.
 */

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/of.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "media.h"
#include "pv_bootflag.h"

int pvf_word_u32(const char *value, u32 *number, const char **why)
{
	if (value && !kstrtou32(value, 0, number))
		return 0;
	*why = "offset, size and word are numbers below 4 GiB, decimal or 0x";
	return -EINVAL;
}

int pvf_word_u64(const char *value, u64 *number, const char **why)
{
	if (value && !kstrtou64(value, 0, number))
		return 0;
	*why = "address is a number, decimal or 0x";
	return -EINVAL;
}

/**
 * pvf_word_decode - put the bytes that %20 and its like stand for
 * @text: in place
 *
 * A blank would end the word, and double quotes the module parameter.
 *
 * Return: 0, or -EINVAL where % begins no byte in two hexadecimal digits.
 */
int pvf_word_decode(char *text)
{
	char *to = text;
	u8 byte;

	for (; *text; text++) {
		if (*text != '%') {
			*to++ = *text;
			continue;
		}
		if (!text[1] || hex2bin(&byte, text + 1, 1) || !byte)
			return -EINVAL;
		*to++ = byte;
		text += 2;
	}
	*to = '\0';
	return 0;
}

int pvf_word_text(const char *value, char **text, const char **why)
{
	char *copy;

	if (!value || !*value) {
		*why = "device wants a name";
		return -EINVAL;
	}
	copy = kstrdup(value, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	if (pvf_word_decode(copy)) {
		*why = "device: % begins a byte in two hexadecimal digits, as in %20";
		kfree(copy);
		return -EINVAL;
	}
	kfree(*text);
	*text = copy;
	return 0;
}

int pvf_word_flag(const char *value, bool *flag, const char **why)
{
	if (value && *value) {
		*why = "atomic, power and wear take no value";
		return -EINVAL;
	}
	*flag = true;
	return 0;
}

#ifdef CONFIG_OF
static const char *pvf_node_name(const struct device_node *node, const char *name, char *buf,
				 size_t size)
{
	snprintf(buf, size, "pvkit,%s", name);
	return of_find_property(node, buf, NULL) ? buf : name;
}

void pvf_node_u32(const struct device_node *node, const char *name, u32 *number)
{
	char buf[32];

	of_property_read_u32(node, pvf_node_name(node, name, buf, sizeof(buf)), number);
}

bool pvf_node_flag(const struct device_node *node, const char *name)
{
	char buf[32];

	return of_property_read_bool(node, pvf_node_name(node, name, buf, sizeof(buf)));
}
#endif

int pvf_media_init(void)
{
	int err;

	err = pvf_nvmem_init();
	if (err)
		return err;
	err = pvf_mtd_init();
	if (err)
		goto err_nvmem;
	err = pvf_of_init();
	if (err)
		goto err_mtd;
	return 0;

err_mtd:
	pvf_mtd_exit();
err_nvmem:
	pvf_nvmem_exit();
	return err;
}

void pvf_media_exit(void)
{
	pvf_of_exit();
	pvf_mtd_exit();
	pvf_nvmem_exit();
}
