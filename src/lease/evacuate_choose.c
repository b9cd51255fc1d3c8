// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which ranges to empty: those with nobody's huge pages, since offlining dissolves free ones, and
 * with nothing that is known to stay; the least to move first. The kernel moves what is in a block
 * to other nodes where there are any, and goes on trying until it is stopped where they are full:
 * so there must be room.
 */
#include <stdlib.h>

#include "base/util.h"
#include "lease/evacuate.h"
#include "plan/scope.h"

/* Free pages in a CPU's own list look like the kernel's, and there may be thousands. In ZONE_MOVABLE
 * there is nothing else that looks so; elsewhere, if they are the kernel's, the block refuses at
 * once. */
#define UNKNOWN_MAX 4096

bool gr_kinds_may_go(const struct gr_page_kinds *kinds, bool movable_zone)
{
	return !kinds->huge && !kinds->absent && !kinds->slab && !kinds->tables &&
	       (movable_zone || kinds->kernel <= UNKNOWN_MAX);
}

/* How likely it is to refuse. */
static uint64_t doubt(const struct gr_unit *unit)
{
	return unit->movable_zone ? 0 : unit->kinds.kernel;
}

/* Dirty pages are written first, which costs more than moving them. */
static uint64_t cost(const struct gr_unit *unit)
{
	return gr_kinds_movable(&unit->kinds) + unit->kinds.dirty;
}

static int compare(const void *a, const void *b)
{
	const struct gr_unit *x = a, *y = b;
	uint64_t p = cost(x), q = cost(y);

	if (doubt(x) != doubt(y))
		return doubt(x) < doubt(y) ? -1 : 1;
	if (p != q)
		return p < q ? -1 : 1;
	return x->first_block < y->first_block ? -1 : 1;
}

static bool worth_trying(const struct gr_unit *unit, const struct gr_unit_shape *shape)
{
	return gr_kinds_may_go(&unit->kinds, unit->movable_zone) &&
	       unit->first_block + unit->blocks <= shape->top_block;
}

int gr_units_choose(const struct gr_survey *survey, unsigned int node,
		    const struct gr_unit_shape *shape, struct gr_unit **ret, size_t *ret_count)
{
	uint64_t unit_pages = gr_max_u64(shape->range_pages, shape->block_pages);
	_cleanup_free_ struct gr_unit *units = NULL;
	struct gr_unit unit = { 0 };
	uint64_t next_pfn = 0;
	size_t count = 0;

	for (size_t i = 0; i < survey->range_count; i++) {
		const struct gr_survey_range *range = &survey->ranges[i];

		if (range->node != node)
			continue;
		if (range->start_pfn % unit_pages == 0)
			unit = (struct gr_unit){
				.first_block = range->start_pfn / shape->block_pages,
				.blocks = unit_pages / shape->block_pages,
			};
		else if (!unit.blocks || range->start_pfn != next_pfn)
			continue; /* its unit has a part that is no range */
		next_pfn = range->start_pfn + shape->range_pages;
		unit.pages += shape->range_pages;
		unit.movable_zone |= range->movable_zone;
		gr_kinds_add(&unit.kinds, &range->pages);
		if (unit.pages < unit_pages || !worth_trying(&unit, shape))
			continue;
		if (gr_grow(&units, count, sizeof(*units)) < 0)
			return -ENOMEM;
		units[count++] = unit;
	}
	if (count)
		qsort(units, count, sizeof(*units), compare);
	*ret = gr_steal_ptr(units);
	*ret_count = count;
	return 0;
}

bool gr_moves_to_other_nodes(const struct gr_host *host)
{
	unsigned int with_memory = 0;

	for (size_t i = 0; i < host->node_count; i++)
		with_memory += host->nodes[i].total_bytes != 0;
	return with_memory > 1;
}

bool gr_unit_has_room(const struct gr_host *host, unsigned int node, const struct gr_unit *unit)
{
	bool others = gr_moves_to_other_nodes(host);
	uint64_t room = 0;

	for (size_t i = 0; i < host->zone_count; i++) {
		const struct gr_zone *zone = &host->zones[i];

		if (others && (zone->node == node ||
			       (host->nodes_allowed.count &&
				!gr_list_has(&host->nodes_allowed, zone->node))))
			continue;
		room += gr_sub_floor(zone->free_pages, zone->high_pages +
				     zone->lowmem_reserve_pages);
	}
	if (!others)
		room = gr_sub_floor(room, unit->kinds.free);
	return room >= gr_kinds_movable(&unit->kinds);
}
