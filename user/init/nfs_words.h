/* SPDX-License-Identifier: MIT */
/*
 * nfs_words - nfsroot= and DHCP's root path taken apart, and what mount(2) is told
 *
 * [SERVER:]DIR[,OPTION...]: the first comma ends the directory, in which %s is the name of
 * this machine. No I/O.
 */
#ifndef INIT_NFS_WORDS_H
#define INIT_NFS_WORDS_H

#include "util.h"

#define NFS_DIR_SIZE		256
#define NFS_OPTIONS_SIZE	512
/* The directory of the kernel where none is said. */
#define NFS_DIR_DEFAULT		"/tftpboot/%s"

struct nfs_words {
	uint32_t server;	/* network byte order; 0: not said */
	char dir[NFS_DIR_SIZE];	/* "": not said */
	char options[NFS_OPTIONS_SIZE];
};

/* Over what words has already, part by part. */
int nfs_words_parse(struct nfs_words *words, const char *text, const char *host,
		    struct pvk_err *err);

/*
 * What is to be mounted: what nfsroot= leaves open is DHCP's root path, the server to boot
 * from and the kernel's directory. A root path that is none, as of iSCSI, is an error only
 * where it would be needed.
 */
int nfs_words_root(struct nfs_words *words, const char *nfsroot, const char *root_path,
		   uint32_t server, const char *host, struct pvk_err *err);

/* The versions that are tried in turn; NULL ends them. One where the options say which. */
const char *const *nfs_versions(const char *options);
/* For mount(2); version "": as the options say. */
int nfs_mount_data(struct pvk_buf *data, const struct nfs_words *words, const char *version);

#endif /* INIT_NFS_WORDS_H */
