/* SPDX-License-Identifier: MIT */
/*
 * tree - files and directories by name, never through a symlink
 */
#ifndef PVK_TREE_H
#define PVK_TREE_H

#include <stdbool.h>
#include <stddef.h>

#define PVK_TREE_DEPTH_MAX	64

/* An fd, or a negative errno. */
int pvk_tree_open_dir(int at, const char *name);
/* The same of "a/b/c", "" for at itself; below at. */
int pvk_tree_open_path(int at, const char *path, int flags);
/* All of it. What is not there is gone already. */
int pvk_tree_remove(int at, const char *name, unsigned int depth);
/* "/etc//hosts/" -> "etc/hosts"; -EINVAL: not absolute, with "..", or "/" itself. */
int pvk_tree_clean_path(char *clean, size_t size, const char *path);
/* Is it "a/b/c", as that makes it? */
bool pvk_tree_path_ok(const char *path);
/* Is path the same as of, or below it? */
bool pvk_tree_is_below(const char *path, const char *of);

#endif /* PVK_TREE_H */
