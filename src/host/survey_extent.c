// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which pages belong to which zone. Mostly each zone has a span of its own. Spans overlap where
 * blocks went into ZONE_MOVABLE at run time or where nodes are interleaved: then a block belongs to
 * the zone that its valid_zones file names, on the node that links to it. A block that says
 * nothing is left out: what is in it is unknown.
 */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "host/read.h"
#include "host/survey_private.h"

static uint64_t end_pfn(const struct gr_zone *zone)
{
	return gr_add_saturating(zone->start_pfn, zone->spanned_pages);
}

static bool overlaps_any(const struct gr_host *host, size_t which)
{
	const struct gr_zone *one = &host->zones[which];

	for (size_t i = 0; i < host->zone_count; i++) {
		const struct gr_zone *other = &host->zones[i];

		if (i != which && other->spanned_pages && one->start_pfn < end_pfn(other) &&
		    other->start_pfn < end_pfn(one))
			return true;
	}
	return false;
}

static int add(struct gr_extent **extents, size_t *count, const struct gr_extent *extent)
{
	struct gr_extent *last = *count ? &(*extents)[*count - 1] : NULL;

	if (last && last->zone == extent->zone && last->end_pfn == extent->start_pfn) {
		last->end_pfn = extent->end_pfn;
		return 0;
	}
	if (gr_grow(extents, *count, sizeof(**extents)) < 0)
		return -ENOMEM;
	(*extents)[(*count)++] = *extent;
	return 0;
}

/* The blocks of the zone's node that are in the zone. */
static int add_blocks(const struct gr_blocks *blocks, const struct gr_host *host, size_t which,
		      struct gr_extent **extents, size_t *count)
{
	const struct gr_zone *zone = &host->zones[which];
	_cleanup_names_ struct gr_names names = { 0 };
	char path[64], word[16];
	int r;

	snprintf(path, sizeof(path), "sys/devices/system/node/node%u", zone->node);
	r = gr_root_list(blocks->root, path, &names, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < names.count; i++) {
		struct gr_extent extent = { .zone = which };
		uint64_t number;

		if (strncmp(names.names[i], "memory", 6) != 0 ||
		    gr_parse_u64(names.names[i] + 6, &number) < 0 ||
		    __builtin_mul_overflow(number, blocks->block_pages, &extent.start_pfn) ||
		    __builtin_add_overflow(extent.start_pfn, blocks->block_pages, &extent.end_pfn))
			continue;
		extent.start_pfn = gr_max_u64(extent.start_pfn, zone->start_pfn);
		extent.end_pfn = gr_min_u64(extent.end_pfn, end_pfn(zone));
		if (extent.start_pfn >= extent.end_pfn ||
		    gr_blocks_word(blocks, extent.start_pfn, "valid_zones", word, sizeof(word)) < 0 ||
		    strcmp(word, zone->name) != 0)
			continue;
		r = add(extents, count, &extent);
		if (r < 0)
			return r;
	}
	return 0;
}

int gr_extents_find(const struct gr_root *root, const struct gr_host *host,
		    struct gr_extent **ret, size_t *ret_count)
{
	_cleanup_free_ struct gr_extent *extents = NULL;
	struct gr_blocks blocks;
	size_t count = 0;

	gr_blocks_init(&blocks, root, host->base_page_bytes);
	for (size_t i = 0; i < host->zone_count; i++) {
		const struct gr_zone *zone = &host->zones[i];
		const struct gr_extent whole = { zone->start_pfn, end_pfn(zone), i };
		int r = 0;

		if (zone->spanned_pages && !overlaps_any(host, i))
			r = add(&extents, &count, &whole);
		else if (zone->spanned_pages && blocks.block_pages)
			r = add_blocks(&blocks, host, i, &extents, &count);
		if (r < 0)
			return r;
	}
	*ret = gr_steal_ptr(extents);
	*ret_count = count;
	return 0;
}
