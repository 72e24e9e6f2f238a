// SPDX-License-Identifier: MIT
/* All sources with the kernel's stores over netlink: what a running system has. */
#include <errno.h>

#include "flagsource_int.h"

static int add_stores(struct pvk_flagsources *list, struct pvk_bf *bf, struct pvk_err *err)
{
	struct pvk_flagsource *source;
	struct pvk_stores stores;
	size_t i;
	int ret;

	ret = pvk_bf_store_list(bf, &stores, err);
	if (ret)
		return ret;
	list->torn = stores.torn;
	for (i = 0; i < stores.count && !ret; i++) {
		source = flagsource_add(list, PVK_SOURCE_KERNEL, err);
		if (!source) {
			ret = -ENOMEM;
			break;
		}
		source->store = stores.item[i];
		source->writable = true;
	}
	pvk_stores_free(&stores);
	return ret;
}

int pvk_flagsources_read(struct pvk_flagsources *list, const struct pvk_flagconf *conf,
			 struct pvk_bf *bf, struct pvk_err *err)
{
	int ret = 0;

	*list = (struct pvk_flagsources){ 0 };
	if (bf)
		ret = add_stores(list, bf, err);
	if (!ret)
		ret = flagsource_add_others(list, conf, err);
	if (!ret)
		ret = flagsource_add_env(list, conf, err);
	if (ret) {
		pvk_flagsources_free(list);
		return ret;
	}
	flagsource_sort(list, conf);
	return 0;
}

int pvk_flagsources_read_store(struct pvk_flagsources *list, struct pvk_bf *bf,
			       const char *name, struct pvk_err *err)
{
	struct pvk_flagsource *source;
	struct pvk_store store;
	int ret;

	*list = (struct pvk_flagsources){ 0 };
	if (!pvk_store_name_ok(name))
		return 0;
	ret = pvk_bf_store_get(bf, name, &store, err);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	source = flagsource_add(list, PVK_SOURCE_KERNEL, err);
	if (!source)
		return -ENOMEM;
	source->store = store;
	source->writable = true;
	return 0;
}

/* ---- setting ---- */

int pvk_flagsource_set(const struct pvk_flagsource *source, const struct pvk_flagconf *conf,
		       struct pvk_bf *bf, const struct pvk_change *change, int timeout_ms,
		       struct pvk_list *warnings, struct pvk_err *err)
{
	pvk_auto_buf struct pvk_buf names = PVK_BUF_INIT(256);
	uint32_t lacks = pvk_change_fields(change) & ~source->store.offers;

	if (!source->writable)
		return pvk_err_set(err, -EROFS, "can only be read");
	/* Of one that is absent the kernel may not know yet. */
	if (lacks && source->store.offers)
		return pvk_err_set(err, -EOPNOTSUPP, "has no field %s (it has %s)",
				   pvk_field_name((unsigned int)__builtin_ctz(lacks)),
				   pvk_field_names(source->store.offers, &names));
	if (source->kind == PVK_SOURCE_UBOOT_ENV)
		return flagsource_set_env(source, conf, change, warnings, err);
	return pvk_bf_set(bf, source->store.name, change, timeout_ms, NULL, err);
}
