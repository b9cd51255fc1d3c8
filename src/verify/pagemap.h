/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The second oracle: page tables as /proc/PID/pagemap tells them, by the PAGEMAP_SCAN ioctl
 * (Linux 6.7), else page by page with /proc/kpageflags, which needs root.
 */
#ifndef GR_VERIFY_PAGEMAP_H
#define GR_VERIFY_PAGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/root.h"

struct gr_pagemap_bytes {
	uint64_t present_bytes; /* without the shared zero page, which smaps does not count either */
	uint64_t huge_bytes;    /* present, in one entry of a huge page's size */
	uint64_t swapped_bytes; /* of this page table: shmem's swapped pages leave no trace in it */
};

struct gr_pagemap {
	int fd;       /* -1: not open */
	int flags_fd; /* /proc/kpageflags, opened when it is needed */
	bool ioctl_missing;
	uint64_t base_page_bytes, pmd_bytes;
};

/**
 * gr_pagemap_open - get ready to look at a process; only on the running host
 * @pmd_bytes: size of a transparent huge page; 0: there are none
 *
 * Return: 0; -ENOENT, -EACCES, -ESRCH; -EOPNOTSUPP in a capture. Close with gr_pagemap_close().
 */
int gr_pagemap_open(const struct gr_root *root, pid_t pid, uint64_t base_page_bytes,
		    uint64_t pmd_bytes, struct gr_pagemap *ret);
void gr_pagemap_close(struct gr_pagemap *map);
#define _cleanup_pagemap_ __attribute__((cleanup(gr_pagemap_close)))

/**
 * gr_pagemap_read - count the pages of [start, end)
 *
 * Return: 0; -ESRCH if the process ended; -EACCES or -EPERM where the kernel has no PAGEMAP_SCAN
 * and the slow way is forbidden.
 */
int gr_pagemap_read(const struct gr_root *root, struct gr_pagemap *map, uint64_t start,
		    uint64_t end, struct gr_pagemap_bytes *ret);

struct gr_pagemap_range { /* neighbouring pages of one kind, present or in swap */
	uint64_t start, end;
	bool present, huge, swapped, zero; /* zero: the shared zero page */
};

/**
 * gr_pagemap_ranges - what PAGEMAP_SCAN tells, range by range
 * @each: what it returns ends the scan if it is negative
 *
 * Return: 0 or -errno; -ENOTTY: no such ioctl; -ESRCH if the process ended.
 */
int gr_pagemap_ranges(int fd, uint64_t start, uint64_t end,
		      int (*each)(void *data, const struct gr_pagemap_range *range), void *data);

/** gr_pagemap_words - 64-bit words of pagemap or kpageflags, from word @index on. Return: how many
 * were read, less at the end of the file, or -errno. */
ssize_t gr_pagemap_words(int fd, uint64_t *words, size_t count, uint64_t index);

#define GR_PM_PFN_MASK ((UINT64_C(1) << 55) - 1)
#define GR_PM_SWAP (UINT64_C(1) << 62)
#define GR_PM_PRESENT (UINT64_C(1) << 63)

#define GR_KPF_COMPOUND_HEAD (UINT64_C(1) << 15)
#define GR_KPF_COMPOUND_TAIL (UINT64_C(1) << 16)
#define GR_KPF_HUGE (UINT64_C(1) << 17)
#define GR_KPF_THP (UINT64_C(1) << 22)
#define GR_KPF_ZERO_PAGE (UINT64_C(1) << 24)

/* The two ways, apart, for tests. Return: 0 or -errno; -ENOTTY: no such ioctl. */
int gr_pagemap_scan(int fd, uint64_t start, uint64_t end, struct gr_pagemap_bytes *ret);
int gr_pagemap_walk(int fd, int flags_fd, uint64_t base_page_bytes, uint64_t pmd_bytes,
		    uint64_t start, uint64_t end, struct gr_pagemap_bytes *ret);

/**
 * gr_pagemap_count - pure half of the walk: entries of pagemap with the kpageflags of each
 * @flags: one per entry, 0 where it is not present
 * @start: address of the first entry
 */
void gr_pagemap_count(const uint64_t *entries, const uint64_t *flags, size_t count, uint64_t start,
		      uint64_t base_page_bytes, uint64_t pmd_bytes, struct gr_pagemap_bytes *ret);

#endif
