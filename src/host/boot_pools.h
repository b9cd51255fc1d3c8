/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which huge pages this boot was asked for: the kernel's command line, and vm.nr_hugepages of
 * sysctl. Read in the order and with the rules of mm/hugetlb.c, since order decides here: a count
 * goes to the page size that was named last before it.
 */
#ifndef GR_HOST_BOOT_POOLS_H
#define GR_HOST_BOOT_POOLS_H

#include "base/root.h"

struct gr_boot_pool {
	uint64_t page_size_bytes;
	int node;           /* -1: shared out by the kernel among nodes with memory */
	uint64_t pages;
	const char *source; /* "boot line", "sysctl" */
};

struct gr_boot_pools {
	struct gr_boot_pool *pools;
	size_t count;
	char **ignored; /* words that the kernel ignores, each with the reason */
	size_t ignored_count;
};

/**
 * gr_boot_line_parse - the huge pages of a kernel command line
 * @default_size_bytes: of a kernel that is not told another one
 * @sizes: the page sizes that the kernel has, ascending
 *
 * Return: 0 or -ENOMEM.
 */
int gr_boot_line_parse(const char *text, uint64_t default_size_bytes, const uint64_t *sizes,
		       size_t size_count, struct gr_boot_pools *ret);

/** gr_sysctl_parse - the last vm.nr_hugepages of a sysctl.d file. Return: 0; -ENOENT: none. */
int gr_sysctl_parse(const char *text, uint64_t *ret_pages);

/**
 * gr_boot_pools_read - /proc/cmdline, then /etc/sysctl.conf and the directories of sysctl.d
 *
 * sysctl writes the absolute count of the default size, so it stands instead of the command line's.
 * Files that cannot be read say nothing. Return: 0 or -ENOMEM. Free with gr_boot_pools_done().
 */
int gr_boot_pools_read(const struct gr_root *root, uint64_t default_size_bytes,
		       const uint64_t *sizes, size_t size_count, struct gr_boot_pools *ret);
void gr_boot_pools_done(struct gr_boot_pools *pools);
#define _cleanup_boot_pools_ __attribute__((cleanup(gr_boot_pools_done)))

#endif
