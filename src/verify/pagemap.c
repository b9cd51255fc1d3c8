// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * PAGEMAP_SCAN returns ranges of equal pages, so that a VM on huge pages is one ioctl and one
 * range. A hole in a hugetlb mapping is reported as HUGE without PRESENT: only both together is a
 * page. Where the kernel does not know the ioctl, pagemap gives the frame of every page and
 * kpageflags what that frame is: exact for hugetlb; a transparent huge page is what fills an
 * aligned PMD with consecutive, aligned frames of a compound page.
 */
#include "verify/pagemap.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/util.h"

#ifndef PAGEMAP_SCAN
/* Documentation/admin-guide/mm/pagemap.rst; headers before 6.7 lack it. */
#define PAGE_IS_PRESENT (1 << 3)
#define PAGE_IS_SWAPPED (1 << 4)
#define PAGE_IS_PFNZERO (1 << 5)
#define PAGE_IS_HUGE (1 << 6)

struct page_region {
	__u64 start;
	__u64 end;
	__u64 categories;
};

struct pm_scan_arg {
	__u64 size;
	__u64 flags;
	__u64 start;
	__u64 end;
	__u64 walk_end;
	__u64 vec;
	__u64 vec_len;
	__u64 max_pages;
	__u64 category_inverted;
	__u64 category_mask;
	__u64 category_anyof_mask;
	__u64 return_mask;
};

#define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)
#endif

#define SCAN_RANGES 1024
#define CHUNK_PAGES (UINT64_C(1) << 16)

int gr_pagemap_ranges(int fd, uint64_t start, uint64_t end,
		      int (*each)(void *data, const struct gr_pagemap_range *range), void *data)
{
	_cleanup_free_ struct page_region *ranges = calloc(SCAN_RANGES, sizeof(*ranges));

	if (!ranges)
		return -ENOMEM;
	while (start < end) {
		struct pm_scan_arg arg = {
			.size = sizeof(arg),
			.start = start,
			.end = end,
			.vec = (uintptr_t)ranges,
			.vec_len = SCAN_RANGES,
			.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
			.return_mask =
				PAGE_IS_PRESENT | PAGE_IS_SWAPPED | PAGE_IS_PFNZERO | PAGE_IS_HUGE,
		};
		int n = ioctl(fd, PAGEMAP_SCAN, &arg);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EINVAL ? -ENOTTY : -errno;
		for (int i = 0; i < n && i < SCAN_RANGES; i++) {
			const struct gr_pagemap_range range = {
				.start = ranges[i].start,
				.end = ranges[i].end,
				.present = ranges[i].categories & PAGE_IS_PRESENT,
				.huge = ranges[i].categories & PAGE_IS_HUGE,
				.swapped = ranges[i].categories & PAGE_IS_SWAPPED,
				.zero = ranges[i].categories & PAGE_IS_PFNZERO,
			};
			int r = each(data, &range);

			if (r < 0)
				return r;
		}
		/*
		 * Linux 6.18 leaves walk_end where its own buffer of 512 ranges was full last,
		 * though it has gone on to the end: what was told already is not asked for again.
		 */
		if (n > 0)
			arg.walk_end = gr_max_u64(arg.walk_end, ranges[n - 1].end);
		if (arg.walk_end <= start) /* the process has no memory any more */
			return -ESRCH;
		start = arg.walk_end;
	}
	return 0;
}

static int add_range(void *data, const struct gr_pagemap_range *range)
{
	struct gr_pagemap_bytes *bytes = data;
	uint64_t size = range->end - range->start;

	if (range->swapped)
		bytes->swapped_bytes += size;
	if (!range->present || range->zero)
		return 0;
	bytes->present_bytes += size;
	if (range->huge)
		bytes->huge_bytes += size;
	return 0;
}

int gr_pagemap_scan(int fd, uint64_t start, uint64_t end, struct gr_pagemap_bytes *ret)
{
	struct gr_pagemap_bytes bytes = { 0 };
	int r = gr_pagemap_ranges(fd, start, end, add_range, &bytes);

	if (r == 0)
		*ret = bytes;
	return r;
}

/* Is [i, i + pages) one transparent huge page, mapped whole? */
static bool is_thp(const uint64_t *entries, const uint64_t *flags, size_t i, size_t pages)
{
	uint64_t first = entries[i] & GR_PM_PFN_MASK;

	if (first % pages)
		return false;
	for (size_t k = 0; k < pages; k++) {
		if (!(entries[i + k] & GR_PM_PRESENT) || !(flags[i + k] & GR_KPF_THP) ||
		    (flags[i + k] & GR_KPF_ZERO_PAGE) || (entries[i + k] & GR_PM_PFN_MASK) != first + k)
			return false;
	}
	return true;
}

void gr_pagemap_count(const uint64_t *entries, const uint64_t *flags, size_t count, uint64_t start,
		      uint64_t base_page_bytes, uint64_t pmd_bytes, struct gr_pagemap_bytes *ret)
{
	size_t pmd_pages = (size_t)(pmd_bytes / base_page_bytes);
	struct gr_pagemap_bytes bytes = { 0 };

	for (size_t i = 0; i < count;) {
		bool aligned = pmd_bytes && (start + i * base_page_bytes) % pmd_bytes == 0;

		if (aligned && count - i >= pmd_pages && is_thp(entries, flags, i, pmd_pages)) {
			bytes.present_bytes += pmd_bytes;
			bytes.huge_bytes += pmd_bytes;
			i += pmd_pages;
			continue;
		}
		if (entries[i] & GR_PM_PRESENT) {
			if (!(flags[i] & GR_KPF_ZERO_PAGE))
				bytes.present_bytes += base_page_bytes;
			if (flags[i] & GR_KPF_HUGE)
				bytes.huge_bytes += base_page_bytes;
		} else if (entries[i] & GR_PM_SWAP) {
			bytes.swapped_bytes += base_page_bytes;
		}
		i++;
	}
	*ret = bytes;
}

ssize_t gr_pagemap_words(int fd, uint64_t *words, size_t count, uint64_t index)
{
	size_t done = 0, want = count * sizeof(*words);
	uint64_t offset;

	if (__builtin_mul_overflow(index, sizeof(*words), &offset) || offset > INT64_MAX)
		return -EOVERFLOW;
	while (done < want) {
		ssize_t n = pread(fd, (char *)words + done, want - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)(done / sizeof(*words));
}

/* kpageflags of all present entries, one read per run of consecutive frames. */
static int read_flags(int flags_fd, const uint64_t *entries, size_t count, uint64_t *flags)
{
	memset(flags, 0, count * sizeof(*flags));
	for (size_t i = 0; i < count;) {
		uint64_t pfn = entries[i] & GR_PM_PFN_MASK;
		size_t run = 1;
		ssize_t n;

		if (!(entries[i] & GR_PM_PRESENT)) {
			i++;
			continue;
		}
		if (!pfn) /* frames are hidden from this process */
			return -EPERM;
		while (i + run < count && (entries[i + run] & GR_PM_PRESENT) &&
		       (entries[i + run] & GR_PM_PFN_MASK) == pfn + run)
			run++;
		n = gr_pagemap_words(flags_fd, flags + i, run, pfn);
		if (n < 0)
			return (int)n;
		i += run;
	}
	return 0;
}

int gr_pagemap_walk(int fd, int flags_fd, uint64_t base_page_bytes, uint64_t pmd_bytes,
		    uint64_t start, uint64_t end, struct gr_pagemap_bytes *ret)
{
	/* Chunks end at multiples of their own size, so that none cuts a PMD. */
	_cleanup_free_ uint64_t *entries = calloc(CHUNK_PAGES, sizeof(*entries));
	_cleanup_free_ uint64_t *flags = calloc(CHUNK_PAGES, sizeof(*flags));
	uint64_t page = start / base_page_bytes, last = end / base_page_bytes;
	struct gr_pagemap_bytes bytes = { 0 };

	if (!entries || !flags)
		return -ENOMEM;
	while (page < last) {
		size_t count = (size_t)gr_min_u64(CHUNK_PAGES - page % CHUNK_PAGES, last - page);
		struct gr_pagemap_bytes part;
		ssize_t n = gr_pagemap_words(fd, entries, count, page);
		int r;

		if (n < 0)
			return (int)n;
		if ((size_t)n < count) /* the process has no memory any more */
			return -ESRCH;
		r = read_flags(flags_fd, entries, count, flags);
		if (r < 0)
			return r;
		gr_pagemap_count(entries, flags, count, page * base_page_bytes, base_page_bytes,
				 pmd_bytes, &part);
		bytes.present_bytes += part.present_bytes;
		bytes.huge_bytes += part.huge_bytes;
		bytes.swapped_bytes += part.swapped_bytes;
		page += count;
	}
	*ret = bytes;
	return 0;
}

int gr_pagemap_open(const struct gr_root *root, pid_t pid, uint64_t base_page_bytes,
		    uint64_t pmd_bytes, struct gr_pagemap *ret)
{
	char path[64];
	int fd;

	if (!gr_root_is_host(root))
		return -EOPNOTSUPP;
	snprintf(path, sizeof(path), "proc/%d/pagemap", (int)pid);
	fd = gr_root_open_fd(root, path, O_RDONLY, 0, NULL);
	if (fd < 0)
		return fd;
	*ret = (struct gr_pagemap){
		.fd = fd,
		.flags_fd = -1,
		.base_page_bytes = base_page_bytes,
		.pmd_bytes = pmd_bytes,
	};
	return 0;
}

int gr_pagemap_read(const struct gr_root *root, struct gr_pagemap *map, uint64_t start,
		    uint64_t end, struct gr_pagemap_bytes *ret)
{
	if (!map->ioctl_missing) {
		int r = gr_pagemap_scan(map->fd, start, end, ret);

		if (r != -ENOTTY)
			return r;
		map->ioctl_missing = true;
	}
	if (map->flags_fd < 0) {
		int fd = gr_root_open_fd(root, "proc/kpageflags", O_RDONLY, 0, NULL);

		if (fd < 0)
			return fd;
		map->flags_fd = fd;
	}
	return gr_pagemap_walk(map->fd, map->flags_fd, map->base_page_bytes, map->pmd_bytes, start,
			       end, ret);
}

void gr_pagemap_close(struct gr_pagemap *map)
{
	gr_closep(&map->fd);
	gr_closep(&map->flags_fd);
	map->fd = map->flags_fd = -1;
}
