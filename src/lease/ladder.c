// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The climb. First what the buddy lists have, by one write of exactly that: it costs nobody
 * anything. For what is missing then, one kind of rung after the other (rungs.c) from cheap to dear:
 * each looks first whether there is something for it to find, makes room, and is followed by writes
 * as long as these pay. After a round that brought pages comes another; enough that brought none end
 * it, and so do the budgets of time, page cache and swap.
 *
 * Writes are cut into chunks that last about half a second: the kernel reclaims and compacts by
 * itself inside a write, where no budget reaches.
 */
#include "lease/ladder.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "lease/place.h"
#include "plan/scope.h"

#define CHUNK_START_BYTES (UINT64_C(512) << 20)
#define CHUNK_SHORT_NS (UINT64_C(1000) * 1000000)
#define CHUNK_LONG_NS (UINT64_C(4000) * 1000000)
/* A write pays that brings this part of what it asks for; after as many in a row that do not, it is
 * somebody else's turn. One alone says little: the next one starts afresh. */
#define PAYS_PART 8
#define POOR_MAX 2
/* A kind of rung is worth another time if it brought this part of what was missing. */
#define AGAIN_PART 64
/*
 * A page that could not be moved a moment ago may be movable now. So often is it tried in vain: the
 * longer the climb took, the less do some more cheap rounds add to it, and up to the larger number
 * of them are made in this part of its time, or in the least time.
 */
#define BARREN_MIN 3
#define BARREN_MAX 12
#define PATIENCE_PART 4
#define PATIENCE_MIN_NS (UINT64_C(2000) * 1000000)

static struct gr_rung *add_rung(struct gr_climb *climb, const char *name,
				const struct gr_lease_grant *grant)
{
	struct gr_reserve_report *report = climb->report;
	struct gr_rung *rung;

	if (gr_grow(&report->rungs, report->count, sizeof(*report->rungs)) < 0)
		return NULL;
	rung = &report->rungs[report->count++];
	*rung = (struct gr_rung){
		.name = name,
		.node = grant->node,
		.page_size_bytes = grant->page_size_bytes,
		.pages_before = grant->pages,
		.pages_after = grant->pages,
	};
	return rung;
}

static void sum_zones(struct gr_look *look)
{
	uint64_t pages = 0, base = gr_base_page(look->host);

	for (size_t i = 0; i < look->host->zone_count; i++) {
		const struct gr_zone *zone = &look->host->zones[i];

		if ((look->node >= 0 && zone->node != (unsigned int)look->node) ||
		    (look->gigantic && gr_zone_is_movable(zone)))
			continue;
		pages += gr_sub_floor(zone->free_pages, zone->min_pages +
				      zone->lowmem_reserve_pages);
	}
	look->free_bytes = pages * base;
}

static void sum_nodes(struct gr_look *look)
{
	uint64_t free_bytes = 0;

	for (size_t i = 0; i < look->host->node_count; i++) {
		const struct gr_node *node = &look->host->nodes[i];

		if (look->node >= 0 && node->id != (unsigned int)look->node)
			continue;
		look->file_bytes += node->file_bytes;
		look->slab_bytes += node->slab_reclaimable_bytes;
		free_bytes += node->free_bytes;
	}
	if (!look->host->zone_count)
		look->free_bytes = free_bytes;
}

static int look_around(const struct gr_climb *climb, const struct gr_lease_grant *grant,
		       uint64_t short_pages, struct gr_look *ret, struct gr_error *err)
{
	struct gr_look look = { .node = grant->node, .page_size_bytes = grant->page_size_bytes,
				.short_pages = short_pages,
				.short_bytes = gr_mul_sat(short_pages, grant->page_size_bytes) };
	struct gr_obtainable obtainable;
	int r = gr_host_read(climb->ledger->root, GR_READ_POOLS, &look.host, err);

	if (r < 0)
		return r;
	look.gigantic = gr_is_gigantic(look.host, look.page_size_bytes);
	gr_obtainable(look.host, look.page_size_bytes, look.node, &climb->options->floor,
		      &obtainable);
	look.now_known = obtainable.now_known;
	look.now_pages = obtainable.now;
	sum_zones(&look);
	sum_nodes(&look);
	*ret = look;
	return 0;
}

static void look_done(struct gr_look *look)
{
	gr_host_free(look->host);
}
#define _cleanup_look_ __attribute__((cleanup(look_done)))

/* Where a shortfall is allowed, here or on this node, the floor is no refusal, only a limit. */
static uint64_t clip_to_floor(const struct gr_climb *climb, const struct gr_look *look,
			      uint64_t pages)
{
	if (!climb->clip)
		return pages;
	return gr_min_u64(pages, gr_floor_room(look->host, &climb->options->floor,
					       look->page_size_bytes, look->node) /
					 look->page_size_bytes);
}

/* Writes as long as they pay, in chunks whose size follows from the time that they take. */
static int write_while_it_pays(struct gr_climb *climb, struct gr_lease_grant *grant, uint64_t goal,
			       struct gr_error *err)
{
	uint64_t chunk = gr_max_u64(1, CHUNK_START_BYTES / grant->page_size_bytes);

	int poor = 0, poor_max = climb->barren ? 1 : POOR_MAX;

	while (poor < poor_max && grant->pages < goal && !gr_climb_stopped(climb)) {
		_cleanup_look_ struct gr_look look = { 0 };
		uint64_t missing = goal - grant->pages, start = gr_now_ns(), got = 0, ask, elapsed;
		int r = look_around(climb, grant, missing, &look, err);

		if (r < 0)
			return r;
		/* What lies ready costs no more in one piece. */
		ask = look.now_known ? gr_max_u64(chunk, look.now_pages) : missing;
		ask = clip_to_floor(climb, &look, gr_min_u64(ask, missing));
		r = ask ? gr_attempt(climb, grant, look.host, ask, &got, err) : 0;
		if (r < 0)
			return r;
		elapsed = gr_now_ns() - start;
		poor = got && got >= ask / PAYS_PART ? 0 : poor + 1;
		if (elapsed < CHUNK_SHORT_NS)
			chunk *= 2;
		else if (elapsed > CHUNK_LONG_NS)
			chunk = gr_max_u64(1, chunk / 2);
	}
	return 0;
}

/* One rung with the writes that follow it, and what it cost. */
static int climb_rung(struct gr_climb *climb, struct gr_lease_grant *grant,
		      const struct gr_rung_kind *kind, const struct gr_look *look, uint64_t goal,
		      struct gr_error *err)
{
	struct gr_rung *rung = add_rung(climb, kind->name, grant);
	size_t at = climb->report->count - 1;
	uint64_t start = gr_now_ns(), got;
	struct gr_price before, after;
	int r = 0;

	if (!rung)
		return gr_error_nomem(err);
	gr_price_read(climb->ledger->root, &before);
	if (kind->act)
		r = kind->act(climb, grant, look, rung, err);
	if (r >= 0 && kind->once)
		r = gr_attempt(climb, grant, look->host, goal - grant->pages, &got, err);
	else if (r >= 0)
		r = write_while_it_pays(climb, grant, goal, err);
	gr_price_read(climb->ledger->root, &after);
	rung = &climb->report->rungs[at];
	rung->pages_after = grant->pages;
	rung->elapsed_ns = gr_now_ns() - start;
	rung->price_known = before.known && after.known;
	rung->cache_lost_bytes = gr_sub_floor(before.cache_bytes, after.cache_bytes);
	rung->swapped_bytes = gr_sub_floor(before.swap_free_bytes, after.swap_free_bytes);
	rung->stalled_ns = gr_sub_floor(after.stalled_ns, before.stalled_ns);
	/* Later rounds tell only what brought something. */
	if (climb->round && rung->pages_after == rung->pages_before && !rung->note &&
	    at == climb->report->count - 1)
		climb->report->count--;
	return r;
}

/* A kind of rung, again while it pays. */
static int climb_kind(struct gr_climb *climb, struct gr_lease_grant *grant,
		      const struct gr_rung_kind *kind, uint64_t goal, struct gr_error *err)
{
	if (kind->allow & ~climb->budget.allow)
		return 0;
	for (unsigned int i = 0; i < kind->times && grant->pages < goal; i++) {
		_cleanup_look_ struct gr_look look = { 0 };
		uint64_t before = grant->pages;
		int r;

		if (gr_climb_stopped(climb))
			return 0;
		r = look_around(climb, grant, goal - before, &look, err);
		if (r < 0)
			return r;
		look.cache_left_bytes = gr_climb_cache_left(climb);
		look.swap_left_bytes = gr_climb_swap_left(climb);
		if (kind->worth && !kind->worth(climb, &look))
			return 0;
		r = climb_rung(climb, grant, kind, &look, goal, err);
		if (r < 0)
			return r;
		if (grant->pages - before < look.short_pages / AGAIN_PART || grant->pages == before)
			return 0;
	}
	return 0;
}

static int interrupted(const struct gr_climb *climb, struct gr_error *err)
{
	if (!climb->options->interrupted || !*climb->options->interrupted)
		return 0;
	return gr_error_set(err, GR_CLASS_HOST, EINTR, "interrupted while reserving");
}

int gr_ladder_take(struct gr_climb *climb, struct gr_lease_grant *grant, uint64_t pages,
		   uint64_t *ret_short, struct gr_error *err)
{
	static const struct gr_rung_kind take = { .name = "write", .once = true };
	_cleanup_look_ struct gr_look look = { 0 };
	uint64_t goal = grant->pages + pages, ask;
	int r = interrupted(climb, err);

	if (r >= 0)
		r = look_around(climb, grant, pages, &look, err);
	if (r < 0)
		return r;
	ask = look.now_known ? gr_min_u64(pages, look.now_pages) : pages;
	ask = clip_to_floor(climb, &look, ask);
	if (ask)
		r = climb_rung(climb, grant, &take, &look, grant->pages + ask, err);
	if (r < 0)
		return r;
	*ret_short = gr_sub_floor(goal, grant->pages);
	return interrupted(climb, err);
}

/* @last_ns: when a page came last. */
static bool gives_up(struct gr_climb *climb, uint64_t last_ns)
{
	uint64_t patience = (last_ns - climb->start_ns) / PATIENCE_PART;

	if (gr_climb_stopped(climb))
		return true;
	return climb->barren >= BARREN_MIN &&
	       (climb->barren >= BARREN_MAX ||
		gr_now_ns() - last_ns > gr_max_u64(patience, PATIENCE_MIN_NS));
}

int gr_ladder_climb(struct gr_climb *climb, struct gr_lease_grant *grant, uint64_t pages,
		    uint64_t *ret_short, struct gr_error *err)
{
	uint64_t goal = grant->pages + pages, last_ns = gr_now_ns();
	const struct gr_rung_kind *kinds;
	size_t count;

	kinds = gr_rung_kinds(&count);
	climb->barren = climb->tired = 0;
	for (climb->round = 0; grant->pages < goal; climb->round++) {
		uint64_t before = grant->pages;

		for (size_t i = 0; i < count && grant->pages < goal; i++) {
			uint64_t had = grant->pages;
			int r;

			if ((climb->barren && !kinds[i].stubborn) || climb->tired & 1u << i)
				continue;
			r = climb_kind(climb, grant, &kinds[i], goal, err);
			if (r < 0)
				return r;
			if (kinds[i].tires && grant->pages == had)
				climb->tired |= 1u << i;
		}
		climb->barren = grant->pages == before ? climb->barren + 1 : 0;
		if (!climb->barren)
			last_ns = gr_now_ns();
		if (gives_up(climb, last_ns))
			break;
	}
	*ret_short = gr_sub_floor(goal, grant->pages);
	return interrupted(climb, err);
}
