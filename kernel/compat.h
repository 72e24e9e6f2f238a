/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels that pvkit builds on (5.10 to 6.12), and
 * nothing else.
 */
#ifndef PVKIT_COMPAT_H
#define PVKIT_COMPAT_H

#include <linux/device/class.h>
#include <linux/version.h>
#include <net/genetlink.h>

/* 6.4 made the class and its attribute const in show and store. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define pvk_class_arg const struct class
#define pvk_class_attr_arg const struct class_attribute
#else
#define pvk_class_arg struct class
#define pvk_class_attr_arg struct class_attribute
#endif

/* 6.7 moved the attributes of a dump into a struct genl_info. */
static inline struct nlattr **pvk_dump_attrs(struct netlink_callback *cb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

#if IS_ENABLED(CONFIG_NVMEM)
#include <linux/nvmem-consumer.h>

/* How large an nvmem device is; 0 before 6.12, which may not tell. */
static inline size_t pvk_nvmem_size(struct nvmem_device *nvmem)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return nvmem_dev_size(nvmem);
#else
	return 0;
#endif
}
#endif

/* 5.14 gave panic_notifier_list a header of its own. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 14, 0)
#include <linux/panic_notifier.h>
#else
#include <linux/kernel.h>
#endif

/* 6.12 moved this header. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

/* 6.11 took the result from a platform driver's remove. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define pvk_remove_type void
#define pvk_remove_return
#else
#define pvk_remove_type int
#define pvk_remove_return 0
#endif

#endif /* PVKIT_COMPAT_H */
