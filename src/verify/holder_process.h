/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One process on the way through /proc, as the files of the walk share it. Private to verify/.
 */
#ifndef GR_VERIFY_HOLDER_PROCESS_H
#define GR_VERIFY_HOLDER_PROCESS_H

#include "verify/huge_files.h"
#include "verify/process.h"

struct gr_held_mapping { /* of a file of huge pages */
	uint64_t start;
	size_t file;
};

struct gr_holder_walk {
	const struct gr_root *root;
	const struct gr_host *host;
	struct gr_holders holders;
	struct gr_huge_files files;
	char **spaces; /* mount namespaces whose mounts were looked at */
	size_t space_count;
};

struct gr_holder_one { /* a process, or the thread that its memory is left with */
	struct gr_holder_walk *walk;
	pid_t pid;
	char dir[48]; /* "proc/4711", or "proc/4711/task/4712" */
	struct gr_stat stat;
	uint64_t hugetlb_bytes;
	struct gr_held_mapping *mappings;
	size_t mapping_count;
	size_t first_own; /* entries from here on are its own memory */
	bool holds;
};

/** gr_holder_gone - is that the answer about a process that has just ended? */
static inline bool gr_holder_gone(int r)
{
	return r == -ENOENT || r == -ESRCH;
}

/** gr_holder_read - a file of the process. Return: 0 or -errno. */
int gr_holder_read(const struct gr_holder_one *one, const char *file, char **ret);

/** gr_holder_numa - where its pages are, from numa_maps. Return: 0 or -errno. */
int gr_holder_numa(struct gr_holder_one *one);

/** gr_holder_process - all that a process holds. Return: 0, also if it is gone; -ENOMEM. */
int gr_holder_process(struct gr_holder_walk *walk, pid_t pid);

#endif
