// SPDX-License-Identifier: MIT
#include "bootflag.h"

static void put_flags(struct json_out *out, const char *key, const struct pvb_flags *flags)
{
	json_out_key(out, key);
	json_out_object(out);
	pvk_flags_json(out, flags);
	json_out_end(out);
}

static void put_guarantee(struct json_out *out, uint32_t guarantee)
{
	const char *name;
	unsigned int bit;

	json_out_key(out, "guarantee");
	json_out_array(out);
	for (bit = 0; (name = pvk_guarantee_name(bit)); bit++)
		if (guarantee & (1u << bit))
			json_out_str(out, name);
	json_out_end(out);
}

static void put_names(struct json_out *out, const struct pvk_store *store)
{
	unsigned int i;

	json_out_key(out, "offers");
	json_out_array(out);
	for (i = 1; i < PVB_FIELDS; i++)
		if (store->offers & PVB_HAS(i))
			json_out_str(out, pvk_field_name(i));
	json_out_end(out);
	json_out_key(out, "modes");
	json_out_array(out);
	for (i = 0; i < store->n_modes; i++)
		json_out_str(out, store->mode[i]);
	json_out_end(out);
}

static void put_stats(struct json_out *out, const struct pvk_store_stats *stats)
{
	json_out_key(out, "stats");
	json_out_object(out);
	json_out_pair_uint(out, "sets", stats->sets);
	json_out_pair_uint(out, "unchanged", stats->unchanged);
	json_out_pair_uint(out, "programs", stats->programs);
	json_out_pair_uint(out, "program_bytes", stats->program_bytes);
	json_out_pair_uint(out, "erases", stats->erases);
	json_out_pair_uint(out, "limited", stats->limited);
	json_out_pair_uint(out, "errors", stats->errors);
	json_out_end(out);
}

void pvk_store_json(struct json_out *out, const struct pvk_store *store)
{
	json_out_pair_str(out, "name", store->name);
	json_out_pair_str(out, "medium", store->medium);
	json_out_pair_str(out, "format", store->format[0] ? store->format : NULL);
	json_out_pair_str(out, "state", pvk_store_state_name(store->state));
	json_out_pair_uint(out, "generation", store->generation);
	put_flags(out, "fields", &store->flags);
	put_flags(out, "boot", &store->boot);
	put_names(out, store);
	put_guarantee(out, store->guarantee);
	json_out_pair_str(out, "spec", store->spec);
	json_out_pair_int(out, "errno", store->error);
	json_out_pair_str(out, "error", store->text[0] ? store->text : NULL);
	if (store->has_stats)
		put_stats(out, &store->stats);
}
