// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How many pages could join a pool.
 *
 * now: blocks of order k and more on the buddy lists of the scope, k = log2(page / base page), zone
 *   by zone and only down to the zone's min watermark and reserve, where the allocator would stop;
 *   plus memory that no list shows yet (lazily initialised: free, and in one piece as far as
 *   anybody knows). Pages larger than the largest block (gigantic) are on no list: the kernel
 *   searches for a free or movable range outside ZONE_MOVABLE, and two slab pages spoil a range.
 *   For them the bytes in blocks of the largest order, per zone, are a guess from above, and
 *   now_known is false.
 * by_ladder: what is available above the floor once cache is reclaimed and the rest compacted. An
 *   estimate: pages that cannot move are not in any list that we read.
 * at_most: RAM of the scope less what pools hold already and less the floor; for gigantic pages at
 *   most as many as fit into each zone. Whatever else is done, there will not be more.
 * now <= by_ladder <= at_most.
 */
#include <string.h>

#include "base/util.h"
#include "plan/predict.h"
#include "plan/scope.h"

/* Blocks of @order on the lists of @zone, without those below the watermark. */
static uint64_t zone_blocks(const struct gr_zone *zone, unsigned int order)
{
	uint64_t blocks = 0, listed = 0, free_pages;

	for (unsigned int k = 0; k < zone->orders && k < GR_ORDERS_MAX; k++) {
		listed = gr_add_sat(listed, gr_mul_sat(zone->buddy[k], UINT64_C(1) << k));
		if (k >= order)
			blocks = gr_add_sat(blocks,
					    gr_mul_sat(zone->buddy[k], UINT64_C(1) << (k - order)));
	}
	/* /proc/zoneinfo may be missing where /proc/buddyinfo is not. */
	free_pages = zone->managed_pages ? zone->free_pages : listed;
	free_pages =
		gr_sub_floor(free_pages, gr_add_sat(zone->min_pages, zone->lowmem_reserve_pages));
	return gr_min_u64(blocks, free_pages >> order);
}

static uint64_t listed_now(const struct gr_host *host, int node, unsigned int order, bool gigantic)
{
	unsigned int max = gr_max_order(host);
	uint64_t pages = 0;

	for (size_t i = 0; i < host->zone_count; i++) {
		const struct gr_zone *zone = &host->zones[i];
		uint64_t blocks;

		if (!gr_scope_has(host, node, zone->node) || (gigantic && gr_zone_is_movable(zone)))
			continue;
		blocks = zone_blocks(zone, gigantic ? max : order);
		pages = gr_add_sat(pages, gigantic ? blocks >> (order - max) : blocks);
	}
	return pages;
}

/* Gigantic pages do not cross zones: whole ones per zone, outside ZONE_MOVABLE. */
static uint64_t gigantic_bound(const struct gr_host *host, uint64_t page_size, int node)
{
	uint64_t pages = 0, managed = 0, base = gr_base_page(host);
	bool known = false;

	for (size_t i = 0; i < host->zone_count; i++) {
		const struct gr_zone *zone = &host->zones[i];
		uint64_t bytes = gr_mul_sat(zone->managed_pages, base);

		known |= zone->managed_pages > 0;
		managed = gr_add_sat(managed, bytes);
		if (gr_scope_has(host, node, zone->node) && !gr_zone_is_movable(zone))
			pages = gr_add_sat(pages, bytes / page_size);
	}
	if (!known)
		return UINT64_MAX;
	if (gr_scope_whole(host, node) && host->unplaced_free_bytes)
		pages = gr_add_sat(pages, gr_sub_floor(host->mem_total_bytes, managed) / page_size);
	return pages;
}

/* CONFIG_CONTIG_ALLOC is off: gigantic pages come at boot or not at all. */
static bool no_runtime_gigantic(const struct gr_host *host)
{
	for (size_t i = 0; i < host->feature_count; i++) {
		if (!strcmp(host->features[i].name, "contig_alloc"))
			return host->features[i].state == GR_FEATURE_NO;
	}
	return false;
}

static uint64_t at_most(const struct gr_host *host, uint64_t page_size, int node,
			const struct gr_floor *floor, bool gigantic)
{
	uint64_t here, everywhere, pages;

	here = gr_sub_floor(gr_scope_total_bytes(host, node), gr_scope_hugetlb_bytes(host, node));
	everywhere = gr_sub_floor(host->mem_total_bytes,
				  host->hugetlb_bytes.known ? host->hugetlb_bytes.value : 0);
	everywhere = gr_sub_floor(everywhere, gr_floor_bytes(host, floor));
	pages = gr_min_u64(here, everywhere) / page_size;
	if (!gigantic)
		return pages;
	return no_runtime_gigantic(host) ? 0
					 : gr_min_u64(pages, gigantic_bound(host, page_size, node));
}

/* Of page cache MemAvailable leaves out up to the low watermarks, but counts them once it is free. */
static uint64_t hidden_cache_bytes(const struct gr_host *host, int node)
{
	uint64_t file = 0, low = 0;

	for (size_t i = 0; i < host->node_count; i++) {
		if (gr_scope_has(host, node, host->nodes[i].id))
			file = gr_add_sat(file, host->nodes[i].file_bytes);
	}
	for (size_t i = 0; i < host->zone_count; i++) {
		if (gr_scope_has(host, node, host->zones[i].node))
			low = gr_add_sat(low, host->zones[i].low_pages);
	}
	return gr_min_u64(file / 2, gr_mul_sat(low, gr_base_page(host)));
}

/* Above the floor, as things are; what is dropped or swapped out makes more available. */
static uint64_t room_pages(const struct gr_host *host, uint64_t page_size, int node,
			   const struct gr_floor *floor, const struct gr_prediction *predicted)
{
	uint64_t room = gr_floor_room(host, floor, page_size, node);

	if (predicted->known && room)
		room = gr_add_sat(room, hidden_cache_bytes(host, node));
	room = gr_add_sat(room, gr_mul_sat(predicted->swappable, gr_base_page(host)));
	return room / page_size;
}

void gr_obtainable_within(const struct gr_host *host, uint64_t page_size_bytes, int node,
			  const struct gr_floor *floor, const struct gr_losses *losses,
			  struct gr_obtainable *ret)
{
	unsigned int order = gr_page_order(host, page_size_bytes);
	bool gigantic = gr_is_gigantic(host, page_size_bytes);
	bool listed = gr_max_order(host) != GR_ORDER_NONE;
	struct gr_obtainable got = { 0 };
	struct gr_prediction predicted;

	if (order == GR_ORDER_NONE) {
		*ret = got;
		return;
	}
	gr_predict(host, page_size_bytes, node, losses, &predicted);
	got.surveyed = predicted.known;
	got.at_most = gr_min_u64(at_most(host, page_size_bytes, node, floor, gigantic),
				 predicted.at_most);
	got.by_ladder = room_pages(host, page_size_bytes, node, floor, &predicted);
	got.by_ladder = gr_min_u64(got.by_ladder, got.at_most);
	if (listed) {
		got.now = gigantic && predicted.known ? predicted.ready :
			  listed_now(host, node, order, gigantic);
		if (gr_scope_whole(host, node) && !(gigantic && predicted.known))
			got.now = gr_add_sat(got.now, host->unplaced_free_bytes / page_size_bytes);
	}
	got.now = gr_min_u64(got.now, got.by_ladder);
	if (gigantic && predicted.spoiled) {
		got.by_ladder = gr_min_u64(got.by_ladder,
					   gr_sub_floor(gigantic_bound(host, page_size_bytes, node),
							predicted.spoiled));
		got.now = gr_min_u64(got.now, got.by_ladder);
	}
	/* The lists are newer than the survey: what they show can be had. */
	if (predicted.known)
		got.by_ladder = gr_min_u64(got.by_ladder,
					   gr_max_u64(predicted.by_ladder, got.now));
	got.now_known = listed && (!gigantic || (predicted.known && host->survey->step == 1));
	*ret = got;
}

void gr_obtainable(const struct gr_host *host, uint64_t page_size_bytes, int node,
		   const struct gr_floor *floor, struct gr_obtainable *ret)
{
	gr_obtainable_within(host, page_size_bytes, node, floor, NULL, ret);
}
