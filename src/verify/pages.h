/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From VMAs to a region: how many bytes are populated on pages of which size, and on which node.
 * Pure.
 */
#ifndef GR_VERIFY_PAGES_H
#define GR_VERIFY_PAGES_H

#include "verify/numa_maps.h"
#include "verify/smaps.h"
#include "verify/verify.h"

/**
 * gr_region_fill - add up @count neighbouring VMAs
 * @numa: NULL where numa_maps could not be read, or need not be: all memory is on @only_node
 * @only_node: -1: there are several
 * @base_page_bytes, @pmd_bytes: of this host; transparent huge pages count as @pmd_bytes
 *
 * Return: 0 or -ENOMEM. Free with gr_region_done().
 */
int gr_region_fill(const struct gr_vma *vmas, size_t count, const struct gr_numa_maps *numa,
		   int only_node, uint64_t base_page_bytes, uint64_t pmd_bytes, struct gr_region *ret);
void gr_region_done(struct gr_region *region);

/**
 * gr_region_add_file - count what the file has but this process has not mapped yet
 * @node: where that is, -1 for unknown
 * @allocated_bytes: of the file, in memory
 *
 * On hugetlbfs those bytes are on pages of its size; elsewhere their page size is unknown. A
 * private mapping only learns file_bytes: the file's pages are not its own.
 * Return: 0 or -ENOMEM.
 */
int gr_region_add_file(struct gr_region *region, uint64_t allocated_bytes, int node);

/** gr_region_huge_bytes - bytes on pages larger than the base page. */
uint64_t gr_region_huge_bytes(const struct gr_region *region, uint64_t base_page_bytes);

/** gr_region_mapped_huge_bytes - of those, what is in this process's page table. */
uint64_t gr_region_mapped_huge_bytes(const struct gr_region *region, uint64_t base_page_bytes);

/** gr_add_size - add bytes to a list in ascending order, the unknown size last. Return: 0, -ENOMEM. */
int gr_add_size(struct gr_bytes_by_size **sizes, size_t *count, uint64_t page_size_bytes,
		uint64_t bytes);

/** gr_add_node - the same by nodes. */
int gr_add_node(struct gr_bytes_by_node **nodes, size_t *count, int node, uint64_t bytes);

/** gr_inspection_total - all sums over the regions. Return: 0 or -ENOMEM. */
int gr_inspection_total(struct gr_inspection *inspection, uint64_t base_page_bytes);

#endif
