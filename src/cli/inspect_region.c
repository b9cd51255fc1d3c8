// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One mapping of an inspection as a record: what is populated, on which pages and nodes, where the
 * guest sees it, and what the page map says.
 */
#include "base/util.h"
#include "cli/inspect_private.h"

void gr_inspect_sizes_record(json_object *obj, const struct gr_bytes_by_size *sizes, size_t count)
{
	json_object *array = gr_rec_array(obj, "by_page_size");

	for (size_t i = 0; i < count; i++) {
		json_object *item = gr_rec_item(array);

		gr_rec_u64_known(item, "page_size_bytes", sizes[i].page_size_bytes != 0,
				 sizes[i].page_size_bytes);
		gr_rec_u64(item, "bytes", sizes[i].bytes);
	}
}

void gr_inspect_nodes_record(json_object *obj, const struct gr_bytes_by_node *nodes, size_t count)
{
	json_object *array = gr_rec_array(obj, "by_node");

	for (size_t i = 0; i < count; i++) {
		json_object *item = gr_rec_item(array);

		gr_rec_u64_known(item, "node", nodes[i].node >= 0, (uint64_t)nodes[i].node);
		gr_rec_u64(item, "bytes", nodes[i].bytes);
	}
}

void gr_inspect_exact_record(json_object *obj, const struct gr_exact *exact)
{
	json_object *item;

	if (!exact->known) {
		gr_rec_null(obj, "exact");
		return;
	}
	item = gr_rec_object(obj, "exact");
	gr_inspect_sizes_record(item, exact->by_size, exact->by_size_count);
	gr_inspect_nodes_record(item, exact->by_node, exact->by_node_count);
	gr_rec_u64(item, "partly_bytes", exact->partly_bytes);
}

/* Where the guest sees it, and what the second stage can do with that at best. */
static void add_alignment(json_object *item, const struct gr_region *region,
			  const struct gr_inspection *i)
{
	static const char *const sources[] = {
		[GR_SLOTS_UNKNOWN] = NULL,
		[GR_SLOTS_DERIVED] = "derived",
		[GR_SLOTS_QMP] = "qmp",
	};
	const struct gr_bytes_by_size at_most[] = {
		{ i->pmd_bytes, region->at_most_pmd_bytes },
		{ i->pud_bytes, region->at_most_pud_bytes },
	};
	json_object *array;

	gr_rec_u64_known(item, "alignment_bytes", region->alignment_bytes != 0,
			 region->alignment_bytes);
	gr_rec_str(item, "guest_physical_source", sources[region->slots_from]);
	if (region->slots_from == GR_SLOTS_UNKNOWN) {
		gr_rec_null(item, "guest_physical");
		gr_rec_null(item, "stage2_at_most");
		return;
	}
	array = gr_rec_array(item, "guest_physical");
	for (size_t k = 0; k < region->slot_count; k++) {
		json_object *slot = gr_rec_item(array);

		gr_rec_u64(slot, "guest_start", region->slots[k].guest);
		gr_rec_u64(slot, "host_start", region->slots[k].host);
		gr_rec_u64(slot, "size_bytes", region->slots[k].size_bytes);
	}
	array = gr_rec_array(item, "stage2_at_most");
	for (size_t k = 0; k < GR_ARRAY_SIZE(at_most); k++) {
		json_object *size;

		if (!at_most[k].page_size_bytes)
			continue;
		size = gr_rec_item(array);
		gr_rec_u64(size, "page_size_bytes", at_most[k].page_size_bytes);
		gr_rec_u64(size, "bytes", at_most[k].bytes);
	}
}

void gr_inspect_region_record(json_object *array, const struct gr_region *region,
			      const struct gr_inspection *i)
{
	json_object *item = gr_rec_item(array);

	gr_rec_u64(item, "start", region->start);
	gr_rec_u64(item, "size_bytes", region->size_bytes);
	gr_rec_str(item, "path", region->path[0] ? region->path : NULL);
	gr_rec_bool(item, "shared", region->shared);
	gr_rec_bool(item, "hugetlb", region->hugetlb);
	gr_rec_u64(item, "kernel_page_bytes", region->kernel_page_bytes);
	gr_rec_u64(item, "populated_bytes", region->populated_bytes);
	gr_rec_u64(item, "mapped_bytes", region->mapped_bytes);
	gr_rec_u64_known(item, "file_bytes", region->file_known, region->file_bytes);
	gr_rec_u64(item, "swapped_bytes", region->swapped_bytes);
	gr_rec_u64(item, "locked_bytes", region->locked_bytes);
	gr_inspect_sizes_record(item, region->by_size, region->by_size_count);
	gr_inspect_nodes_record(item, region->by_node, region->by_node_count);
	add_alignment(item, region, i);
	gr_inspect_exact_record(item, &region->exact);
	gr_rec_u64_known(item, "scan_present_bytes", region->scan_known,
			 region->scan_present_bytes);
	gr_rec_u64_known(item, "scan_huge_bytes", region->scan_known, region->scan_huge_bytes);
}
