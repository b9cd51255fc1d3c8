// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Three kinds of page are told apart: hugetlb pages (Private_Hugetlb + Shared_Hugetlb, which are
 * not in Rss, on the mapping's KernelPageSize), transparent huge pages mapped by a PMD (parts of
 * Rss), and the rest of Rss on base pages. Private or Shared there says how often a page is
 * mapped, not how the mapping is shared.
 */
#include "verify/pages.h"

#include <string.h>

#include "base/util.h"

int gr_add_size(struct gr_bytes_by_size **sizes, size_t *count, uint64_t page_size_bytes,
		uint64_t bytes)
{
	size_t i = 0;
	int r;

	if (!bytes)
		return 0;
	/* Ascending; the unknown size (0) last. */
	while (i < *count && (*sizes)[i].page_size_bytes - 1 < page_size_bytes - 1)
		i++;
	if (i == *count || (*sizes)[i].page_size_bytes != page_size_bytes) {
		r = gr_grow(sizes, *count, sizeof(**sizes));
		if (r < 0)
			return r;
		memmove(*sizes + i + 1, *sizes + i, (*count - i) * sizeof(**sizes));
		(*sizes)[i] = (struct gr_bytes_by_size){ .page_size_bytes = page_size_bytes };
		++*count;
	}
	(*sizes)[i].bytes += bytes;
	return 0;
}

int gr_add_node(struct gr_bytes_by_node **nodes, size_t *count, int node, uint64_t bytes)
{
	size_t i = 0;
	int r;

	if (!bytes)
		return 0;
	while (i < *count && (unsigned int)(*nodes)[i].node < (unsigned int)node)
		i++; /* the unknown node (-1) is last */
	if (i == *count || (*nodes)[i].node != node) {
		r = gr_grow(nodes, *count, sizeof(**nodes));
		if (r < 0)
			return r;
		memmove(*nodes + i + 1, *nodes + i, (*count - i) * sizeof(**nodes));
		(*nodes)[i] = (struct gr_bytes_by_node){ .node = node };
		++*count;
	}
	(*nodes)[i].bytes += bytes;
	return 0;
}

static int add_vma(struct gr_region *region, const struct gr_vma *vma, uint64_t base_page_bytes,
		   uint64_t pmd_bytes)
{
	uint64_t hugetlb = vma->private_hugetlb_bytes + vma->shared_hugetlb_bytes;
	uint64_t thp = vma->anon_huge_bytes + vma->shmem_huge_bytes + vma->file_huge_bytes;
	uint64_t page = vma->hugetlb ? base_page_bytes : region->kernel_page_bytes;
	int r;

	r = gr_add_size(&region->by_size, &region->by_size_count, region->kernel_page_bytes, hugetlb);
	if (r == 0)
		r = gr_add_size(&region->by_size, &region->by_size_count, pmd_bytes, thp);
	if (r == 0)
		r = gr_add_size(&region->by_size, &region->by_size_count, page,
			     gr_sub_floor(vma->rss_bytes, thp));
	region->mapped_bytes += hugetlb + gr_max_u64(vma->rss_bytes, thp);
	region->swapped_bytes += vma->swap_bytes;
	/* Locked: is a share of Pss, so of what two processes lock it shows half to each. */
	region->locked_bytes += vma->locked ? hugetlb + gr_max_u64(vma->rss_bytes, thp)
					    : vma->locked_bytes;
	return r;
}

static int add_nodes(struct gr_region *region, const struct gr_numa_maps *numa, uint64_t end)
{
	size_t low = 0, high = numa->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (numa->shares[middle].start < region->start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < numa->count && numa->shares[low].start < end; low++) {
		int r = gr_add_node(&region->by_node, &region->by_node_count, numa->shares[low].node,
				 numa->shares[low].bytes);

		if (r < 0)
			return r;
	}
	return 0;
}

int gr_region_fill(const struct gr_vma *vmas, size_t count, const struct gr_numa_maps *numa,
		   int only_node, uint64_t base_page_bytes, uint64_t pmd_bytes, struct gr_region *ret)
{
	uint64_t page = vmas[0].kernel_page_bytes ? vmas[0].kernel_page_bytes : base_page_bytes;
	struct gr_region region = {
		.start = vmas[0].start,
		.size_bytes = vmas[count - 1].end - vmas[0].start,
		.shared = vmas[0].shared,
		.hugetlb = vmas[0].hugetlb,
		.kernel_page_bytes = page,
		.by_node_known = numa || only_node >= 0,
		.file =
			{
				.dev_major = vmas[0].dev_major,
				.dev_minor = vmas[0].dev_minor,
				.inode = vmas[0].inode,
				.offset = vmas[0].offset,
				.first_vma_end = vmas[0].end,
			},
	};
	int r = 0;

	region.path = strdup(vmas[0].path);
	if (!region.path)
		return -ENOMEM;
	for (size_t i = 0; i < count && r == 0; i++)
		r = add_vma(&region, &vmas[i], base_page_bytes, pmd_bytes);
	if (r == 0 && only_node >= 0)
		r = gr_add_node(&region.by_node, &region.by_node_count, only_node,
				region.mapped_bytes);
	else if (r == 0 && numa)
		r = add_nodes(&region, numa, vmas[count - 1].end);
	if (r < 0) {
		gr_region_done(&region);
		return r;
	}
	region.populated_bytes = region.mapped_bytes;
	*ret = region;
	return 0;
}

void gr_region_done(struct gr_region *region)
{
	free(region->path);
	free(region->by_size);
	free(region->by_node);
	free(region->slots);
	free(region->exact.by_size);
	free(region->exact.by_node);
	*region = (struct gr_region){ 0 };
}

int gr_region_add_file(struct gr_region *region, uint64_t allocated_bytes, int node)
{
	/* A file in swap still has its blocks; those bytes are not in memory. */
	uint64_t file = gr_sub_floor(allocated_bytes, region->swapped_bytes);
	uint64_t unmapped;
	int r;

	file = gr_min_u64(file, region->size_bytes);
	region->file_known = true;
	region->file_bytes = file;
	if (!region->shared) /* a private mapping has its own copies of what it wrote */
		return 0;
	unmapped = gr_sub_floor(file, region->mapped_bytes);
	r = gr_add_size(&region->by_size, &region->by_size_count,
		     region->hugetlb ? region->kernel_page_bytes : 0, unmapped);
	if (r == 0 && region->by_node_known)
		r = gr_add_node(&region->by_node, &region->by_node_count, node, unmapped);
	if (r < 0)
		return r;
	region->populated_bytes = region->mapped_bytes + unmapped;
	return 0;
}

uint64_t gr_region_huge_bytes(const struct gr_region *region, uint64_t base_page_bytes)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < region->by_size_count; i++) {
		if (region->by_size[i].page_size_bytes > base_page_bytes)
			bytes += region->by_size[i].bytes;
	}
	return bytes;
}

uint64_t gr_region_mapped_huge_bytes(const struct gr_region *region, uint64_t base_page_bytes)
{
	uint64_t huge = gr_region_huge_bytes(region, base_page_bytes);

	/* What only the file has is in by_size as well; its page size is known on hugetlbfs. */
	return region->hugetlb ? huge - (region->populated_bytes - region->mapped_bytes) : huge;
}

int gr_inspection_total(struct gr_inspection *inspection, uint64_t base_page_bytes)
{
	uint64_t huge = 0, unknown = 0;

	for (size_t i = 0; i < inspection->region_count; i++) {
		const struct gr_region *region = &inspection->regions[i];
		int r = 0;

		for (size_t k = 0; k < region->by_size_count && r == 0; k++) {
			r = gr_add_size(&inspection->by_size, &inspection->by_size_count,
				     region->by_size[k].page_size_bytes, region->by_size[k].bytes);
			if (!region->by_size[k].page_size_bytes)
				unknown += region->by_size[k].bytes;
		}
		for (size_t k = 0; k < region->by_node_count && r == 0; k++)
			r = gr_add_node(&inspection->by_node, &inspection->by_node_count,
				     region->by_node[k].node, region->by_node[k].bytes);
		if (r < 0)
			return r;
		huge += gr_region_huge_bytes(region, base_page_bytes);
		inspection->ram_bytes += region->size_bytes;
		inspection->populated_bytes += region->populated_bytes;
		inspection->swapped_bytes += region->swapped_bytes;
		inspection->locked_bytes += region->locked_bytes;
		inspection->untouched_bytes += gr_sub_floor(
			region->size_bytes, region->populated_bytes + region->swapped_bytes);
	}
	inspection->huge_percent_known = inspection->ram_bytes && !unknown;
	/* Rounded down to a tenth, so that 100 means all of it. */
	if (inspection->huge_percent_known)
		inspection->huge_percent =
			(double)(uint64_t)(1000.0 * (double)huge / (double)inspection->ram_bytes) /
			10.0;
	return 0;
}
