// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * PAGEMAP_SCAN gives the ranges that are present, so that holes cost nothing. In a range of huge
 * pages one entry per huge page is read, elsewhere every entry, and of every frame its flags: runs
 * of frames that follow each other in one read. The buffers are 256 KiB each, whatever the size
 * of the VM. A kernel without PAGEMAP_SCAN has one range: everything.
 */
#include "verify/exact.h"

#include <fcntl.h>
#include <string.h>

#include "base/util.h"
#include "verify/folios.h"
#include "verify/pagemap.h"
#include "verify/pages.h"

#define CHUNK_PAGES (UINT64_C(1) << 15)

struct exact {
	int fd, flags_fd;
	uint64_t base_page_bytes, pmd_bytes;
	const struct gr_region *region;
	struct gr_folio_count count;
	uint64_t *entries, *flags;
	/* What is in flags: */
	uint64_t flags_pfn;
	size_t flags_count;
};

/* From the buffer, or else from the file. Beyond the last frame there is nothing: no flag. */
static int frame_flags(void *data, uint64_t pfn, uint64_t *ret)
{
	const struct exact *e = data;
	ssize_t n;

	if (pfn - e->flags_pfn < e->flags_count) {
		*ret = e->flags[pfn - e->flags_pfn];
		return 0;
	}
	*ret = 0;
	n = gr_pagemap_words(e->flags_fd, ret, 1, pfn);
	return n < 0 ? (int)n : 0;
}

static int read_entries(const struct exact *e, uint64_t page, size_t count)
{
	ssize_t n = gr_pagemap_words(e->fd, e->entries, count, page);

	if (n < 0)
		return (int)n;
	return (size_t)n < count ? -ESRCH : 0; /* short: it has no memory any more */
}

static bool is_zero_page(uint64_t flags)
{
	return flags & GR_KPF_ZERO_PAGE;
}

/* Frames [i, i + run) of the entries follow each other. */
static int count_run(struct exact *e, size_t i, size_t run)
{
	const struct gr_frames frames = { .flags = frame_flags, .data = e };
	uint64_t pfn = e->entries[i] & GR_PM_PFN_MASK, end = pfn + run;
	ssize_t n = gr_pagemap_words(e->flags_fd, e->flags, run, pfn);
	int r = 0;

	if (n < 0)
		return (int)n;
	e->flags_pfn = pfn;
	e->flags_count = (size_t)n;
	while (pfn < end && r == 0) {
		uint64_t pages = 1, flags;
		struct gr_folio folio;

		r = frame_flags(e, pfn, &flags);
		if (r == 0 && !is_zero_page(flags)) {
			r = gr_folio_find(&frames, pfn, &folio);
			if (r == 0 && folio.known)
				pages = gr_min_u64(end,
						   folio.first_pfn + (UINT64_C(1) << folio.order)) -
					pfn;
			if (r == 0)
				r = gr_folio_count_pages(&e->count, &folio, pages);
		}
		pfn += pages;
	}
	return r;
}

static int count_small(struct exact *e, uint64_t start, uint64_t end)
{
	uint64_t page = start / e->base_page_bytes, last = end / e->base_page_bytes;

	while (page < last) {
		size_t count = (size_t)gr_min_u64(CHUNK_PAGES, last - page);
		int r = read_entries(e, page, count);

		for (size_t i = 0, run; i < count && r == 0; i += run) {
			uint64_t pfn = e->entries[i] & GR_PM_PFN_MASK;

			run = 1;
			if (!(e->entries[i] & GR_PM_PRESENT))
				continue;
			if (!pfn)
				return -EPERM; /* frames are hidden from this process */
			while (i + run < count && (e->entries[i + run] & GR_PM_PRESENT) &&
			       (e->entries[i + run] & GR_PM_PFN_MASK) == pfn + run)
				run++;
			r = count_run(e, i, run);
		}
		if (r < 0)
			return r;
		page += count;
	}
	return 0;
}

/* Pages of @unit bytes, each one entry of the page table: the first word stands for all. */
static int count_huge(struct exact *e, uint64_t start, uint64_t end, uint64_t unit)
{
	const struct gr_frames frames = { .flags = frame_flags, .data = e };
	unsigned int unit_order = (unsigned int)__builtin_ctzll(unit / e->base_page_bytes);

	for (uint64_t p = start; p < end; p += unit) {
		struct gr_folio folio;
		uint64_t flags, pfn;
		int r = read_entries(e, p / e->base_page_bytes, 1);

		if (r < 0)
			return r;
		if (!(e->entries[0] & GR_PM_PRESENT))
			continue;
		pfn = e->entries[0] & GR_PM_PFN_MASK;
		if (!pfn)
			return -EPERM;
		e->flags_count = 0;
		r = frame_flags(e, pfn, &flags);
		if (r < 0)
			return r;
		if (is_zero_page(flags))
			continue;
		folio = (struct gr_folio){ pfn, unit_order, (flags & GR_KPF_HUGE) != 0 };
		if (!e->region->hugetlb)
			r = gr_folio_find(&frames, pfn, &folio);
		if (r == 0)
			r = gr_folio_count_pages(&e->count, &folio,
						 gr_min_u64(unit, end - p) / e->base_page_bytes);
		if (r < 0)
			return r;
	}
	return 0;
}

static int count_range(void *data, const struct gr_pagemap_range *range)
{
	struct exact *e = data;

	if (!range->present || range->zero)
		return 0;
	if (e->region->hugetlb)
		return count_huge(e, range->start, range->end, e->region->kernel_page_bytes);
	if (range->huge && e->pmd_bytes && range->start % e->pmd_bytes == 0)
		return count_huge(e, range->start, range->end, e->pmd_bytes);
	return count_small(e, range->start, range->end);
}

static int count_region(struct exact *e, const struct gr_host *host, struct gr_region *region)
{
	uint64_t end = region->start + region->size_bytes;
	int r;

	e->region = region;
	e->count = (struct gr_folio_count){ .host = host, .node = -1 };
	r = gr_pagemap_ranges(e->fd, region->start, end, count_range, e);
	if (r == -ENOTTY)
		r = count_range(e, &(struct gr_pagemap_range){
					   .start = region->start, .end = end, .present = true });
	if (r == 0)
		r = gr_folio_count_end(&e->count, &region->exact);
	free(e->count.by_node);
	return r;
}

static int add_up(struct gr_exact *sum, const struct gr_exact *part)
{
	int r = 0;

	for (size_t i = 0; i < part->by_size_count && r == 0; i++)
		r = gr_add_size(&sum->by_size, &sum->by_size_count,
				part->by_size[i].page_size_bytes, part->by_size[i].bytes);
	for (size_t i = 0; i < part->by_node_count && r == 0; i++)
		r = gr_add_node(&sum->by_node, &sum->by_node_count, part->by_node[i].node,
				part->by_node[i].bytes);
	sum->partly_bytes += part->partly_bytes;
	return r;
}

static int read_all(struct exact *e, const struct gr_root *root, const struct gr_host *host,
		    struct gr_inspection *i)
{
	char path[64];
	int r = 0;

	if (!gr_root_is_host(root))
		return -EOPNOTSUPP;
	e->flags_fd = gr_root_open_fd(root, "proc/kpageflags", O_RDONLY, 0, NULL);
	if (e->flags_fd < 0)
		return e->flags_fd == -EACCES ? -EPERM : e->flags_fd;
	snprintf(path, sizeof(path), "proc/%d/pagemap", (int)i->pid);
	e->fd = gr_root_open_fd(root, path, O_RDONLY, 0, NULL);
	if (e->fd < 0)
		return e->fd;
	for (size_t k = 0; k < i->region_count && r == 0; k++) {
		r = count_region(e, host, &i->regions[k]);
		if (r == 0)
			r = add_up(&i->exact, &i->regions[k].exact);
	}
	return r;
}

int gr_exact_read(const struct gr_root *root, const struct gr_host *host, uint64_t pmd_bytes,
		  struct gr_inspection *i)
{
	_cleanup_free_ uint64_t *entries = calloc(CHUNK_PAGES, sizeof(*entries));
	_cleanup_free_ uint64_t *flags = calloc(CHUNK_PAGES, sizeof(*flags));
	struct exact e = {
		.fd = -1,
		.flags_fd = -1,
		.base_page_bytes = host->base_page_bytes,
		.pmd_bytes = pmd_bytes,
		.entries = entries,
		.flags = flags,
	};
	int r = entries && flags ? read_all(&e, root, host, i) : -ENOMEM;

	gr_closep(&e.fd);
	gr_closep(&e.flags_fd);
	if (r == -ESRCH || r == -ENOMEM)
		return r;
	i->exact.known = r == 0;
	for (size_t k = 0; k < i->region_count && r < 0; k++) {
		gr_exact_done(&i->regions[k].exact); /* all or nothing */
		i->regions[k].exact.error = r;
	}
	if (r < 0) {
		gr_exact_done(&i->exact);
		i->exact.error = r;
	}
	return 0;
}

void gr_exact_done(struct gr_exact *exact)
{
	free(exact->by_size);
	free(exact->by_node);
	*exact = (struct gr_exact){ 0 };
}
