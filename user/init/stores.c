// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flagsource_int.h"
#include "stores.h"

static int read_directly(struct pvk_flagsources *list, const struct pvk_flagconf *conf,
			 const char *sys, struct pvk_err *err)
{
	struct pvk_flagsource *source;
	unsigned int i;

	for (i = 0; i < conf->n_stores; i++) {
		source = flagsource_add(list, PVK_SOURCE_KERNEL, err);
		if (!source)
			return -ENOMEM;
		strcpy(source->store.name, conf->store[i].name);
		strcpy(source->store.spec, conf->store[i].words);
		store_direct_read(&source->store, sys, conf->dev);
		source->writable = true;
	}
	return 0;
}

int stores_read(struct pvk_flagsources *list, const struct pvk_flagconf *conf, const char *sys,
		struct pvk_err *err)
{
	int ret = store_kernel_read(list, conf, sys, err);

	return ret == -ENOENT ? read_directly(list, conf, sys, err) : ret;
}

int stores_set(const struct pvk_store *store, const struct pvk_flagconf *conf, const char *sys,
	       const struct pvk_change *change, struct pvk_err *err)
{
	int ret = store_kernel_set(store, sys, change, err);

	return ret == -ENOENT ? store_direct_set(store, sys, conf->dev, change, err) : ret;
}
