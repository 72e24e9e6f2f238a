// SPDX-License-Identifier: MIT
#include <string.h>

#include "cli.h"

void cli_json_texts(struct json_out *out, const char *key, const struct pvk_texts *texts)
{
	size_t i;

	json_out_key(out, key);
	json_out_array(out);
	for (i = 0; i < texts->count; i++)
		if (texts->item[i][0])
			json_out_str(out, texts->item[i]);
	json_out_end(out);
}

void cli_json_users(struct json_out *out, const struct pvk_texts *users)
{
	bool host = false;
	size_t i;

	for (i = 0; i < users->count; i++)
		host |= !users->item[i][0];
	cli_json_texts(out, "users", users);
	json_out_pair_bool(out, "host", host);
}

void cli_json_flags(struct json_out *out, uint32_t flags)
{
	const char *name;
	unsigned int bit;

	json_out_key(out, "flags");
	json_out_array(out);
	for (bit = 0; (name = pvk_module_flag_name(bit)); bit++)
		if (flags & (1u << bit))
			json_out_str(out, name);
	json_out_end(out);
}

void cli_json_words(struct json_out *out, const char *key, const char *words)
{
	size_t len;

	json_out_key(out, key);
	json_out_array(out);
	for (; *words; words += len) {
		words += strspn(words, " ");
		len = strcspn(words, " ");
		if (len)
			json_out_strn(out, words, len);
	}
	json_out_end(out);
}

void cli_json_when(struct json_out *out, const char *key, uint64_t boottime_ns)
{
	json_out_key(out, key);
	if (boottime_ns)
		json_out_int(out, cli_when(boottime_ns));
	else
		json_out_null(out);
}
