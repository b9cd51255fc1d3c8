/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of huge pages that a look at the host comes across, each once. Private to verify/.
 */
#ifndef GR_VERIFY_HUGE_FILES_H
#define GR_VERIFY_HUGE_FILES_H

#include "verify/holders.h"

struct gr_huge_file {
	uint64_t dev, inode;
	size_t held; /* index in the list of what is held */
	pid_t mapper; /* the process whose numa_maps said where it is; 0: none so far */
};

struct gr_huge_files {
	const struct gr_root *root;
	struct gr_holders *holders; /* what is found is added there */
	struct gr_huge_file *files;
	size_t count;
	struct { /* file systems that were looked at */
		uint64_t dev;
		bool huge;
	} *devs;
	size_t dev_count;
};

#define GR_HUGE_DELETED " (deleted)" /* what the kernel puts behind a name that is gone */
#define GR_HUGE_DEV(major, minor) ((uint64_t)(major) << 32 | (uint64_t)(minor))

/** gr_huge_dev - is that file system hugetlbfs? Return: 1, 0; -1: not known yet. */
int gr_huge_dev(const struct gr_huge_files *files, uint64_t dev);
int gr_huge_dev_add(struct gr_huge_files *files, uint64_t dev, bool huge);

/**
 * gr_huge_file - look at a file through an O_PATH path
 * @path: for base/root.h: of /proc, or below a mount
 * @name: what people call it; " (deleted)" at its end is understood
 * @pid: who has it, 0: nobody in particular
 * @ret: its index in files->files
 *
 * Return: 0; -ENOTTY if it is no file of huge pages; -errno.
 */
int gr_huge_file(struct gr_huge_files *files, const char *path, const char *name, pid_t pid,
		 size_t *ret);

/** gr_huge_mounts - the files in the hugetlbfs mounts that process @pid sees (0: our own). Return:
 * 0; -E2BIG if there are too many; -errno. */
int gr_huge_mounts(struct gr_huge_files *files, pid_t pid, uint64_t default_page_size_bytes);

void gr_huge_files_done(struct gr_huge_files *files);

/** gr_held_add - one more entry. Return: NULL when there is no memory. */
struct gr_held *gr_held_add(struct gr_holders *holders);
int gr_held_add_pid(struct gr_held *held, pid_t pid);
int gr_held_add_share(struct gr_held *held, int node, uint64_t pages);

#endif
