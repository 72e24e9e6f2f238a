/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the media have in common: words of a description, properties of a device
 * tree node, and who is told that a device came or went.
 */
#ifndef PVF_MEDIA_H
#define PVF_MEDIA_H

#include <linux/kconfig.h>
#include <linux/types.h>

struct device_node;

/* A number, decimal or 0x; -EINVAL and *why when it is none. */
int pvf_word_u32(const char *value, u32 *number, const char **why);
int pvf_word_u64(const char *value, u64 *number, const char **why);
int pvf_word_decode(char *text);
/* A name, allocated anew; what *text held before is freed. %20 is a blank. */
int pvf_word_text(const char *value, char **text, const char **why);
/* A word without a value. */
int pvf_word_flag(const char *value, bool *flag, const char **why);

/* The property "pvkit,NAME", or "NAME" where a binding of the kernel's own has it. */
#ifdef CONFIG_OF
void pvf_node_u32(const struct device_node *node, const char *name, u32 *number);
bool pvf_node_flag(const struct device_node *node, const char *name);
#else
static inline void pvf_node_u32(const struct device_node *node, const char *name, u32 *number) { }
static inline bool pvf_node_flag(const struct device_node *node, const char *name)
{
	return false;
}
#endif

#if IS_ENABLED(CONFIG_NVMEM)
int pvf_nvmem_init(void);
void pvf_nvmem_exit(void);
#else
static inline int pvf_nvmem_init(void) { return 0; }
static inline void pvf_nvmem_exit(void) { }
#endif

#if IS_ENABLED(CONFIG_MTD)
int pvf_mtd_init(void);
void pvf_mtd_exit(void);
#else
static inline int pvf_mtd_init(void) { return 0; }
static inline void pvf_mtd_exit(void) { }
#endif

#ifdef CONFIG_OF
int pvf_of_init(void);
void pvf_of_exit(void);
#else
static inline int pvf_of_init(void) { return 0; }
static inline void pvf_of_exit(void) { }
#endif

#endif /* PVF_MEDIA_H */
