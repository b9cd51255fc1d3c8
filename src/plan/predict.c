// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How many pages the ladder will get, from a survey of the pages themselves.
 *
 * Two bounds, zone by zone. A range becomes a page only if nothing in it stays: free and movable
 * ranges do, those with slab pages in part. And whatever is in these ranges has to go somewhere:
 * k pages of P base pages need k * P pages that are free, or that are given up: page cache and slab
 * within what may be lost, anonymous memory within what may be swapped. As many free pages as the
 * watermark keeps do not count.
 *
 * Compaction does not reach that bound. It fills a zone from the end with what it finds from the
 * start on, and where the two meet it is done: the ranges behind are full, good ones among them. If
 * c is the content that has to be moved and u the room that it may be moved into, both spread
 * evenly, they meet after the part u / (u + c) of the zone. Room in blocks set aside for what cannot
 * be moved (blocktypes.c) is none: nothing is moved into them. In the frozen lab this part is within
 * some percent of what repeated compaction gets.
 *
 * Gigantic pages do not come out of ZONE_MOVABLE; their content may go to any node and any block.
 */
#include "plan/predict.h"

#include "base/util.h"

/* What one zone, or with gigantic pages all zones together, could give. In base pages, but ranges. */
struct supply {
	uint64_t ready;   /* ranges that are free */
	uint64_t ranges;  /* ranges that can be emptied */
	uint64_t room;    /* free pages above the watermark */
	uint64_t cache;   /* can be given up */
	uint64_t swap;
	uint64_t content; /* all that moves, with what can be given up */
	/* Free, and given up, where compaction moves things to. */
	uint64_t target_room, target_cache, target_swap;
};

static uint64_t part_of(uint64_t pages, uint64_t part, uint64_t whole)
{
	return (uint64_t)((unsigned __int128)pages * part / whole);
}

/* With its name and its inode a dentry takes up to a quarter of a page. */
#define DENTRIES_IN_PAGE 4
#define STAYS_PART 50

/*
 * Slab pages that go when caches are shrunk: of those that the kernel calls reclaimable the part that
 * unused dentries are of all, but no more than these can fill. The rest is mostly the index of the page
 * cache, which stays as long as any page of its file does, and longer. Where nothing is known, half.
 */
static uint64_t slab_going(const struct gr_host *host, unsigned int node, uint64_t slab_pages)
{
	const struct gr_node *one = gr_host_node(host, node);
	uint64_t pages;

	if (!one)
		return 0;
	pages = gr_min_u64(slab_pages, one->slab_reclaimable_bytes / gr_base_page(host));
	if (!host->dentries.known || !host->dentries.value)
		return pages / 2;
	pages = part_of(pages, gr_min_u64(host->dentries_unused, host->dentries.value),
			host->dentries.value);
	return gr_min_u64(pages, host->dentries_unused / DENTRIES_IN_PAGE);
}

static void add_room(const struct gr_host *host, const struct gr_survey_zone *from,
		     struct supply *supply)
{
	const struct gr_zone *zone = &host->zones[from->zone];
	const struct gr_page_kinds *pages = &from->pages;
	uint64_t slab = slab_going(host, from->node, pages->slab), free_pages;

	/* Free pages in the CPUs' lists look like kernel pages; the kernel empties these lists when
	 * it runs short. */
	free_pages = pages->free + gr_min_u64(zone->percpu_pages, pages->kernel);
	supply->room += gr_sub_floor(free_pages,
				     gr_add_sat(zone->min_pages, zone->lowmem_reserve_pages));
	supply->cache += pages->file + pages->dirty + slab;
	supply->swap += pages->anon;
	supply->content += gr_kinds_movable(pages);
	supply->target_room += free_pages;
	supply->target_cache += pages->file + pages->dirty + slab;
	supply->target_swap += pages->anon;
}

/* What lies in blocks set aside: as many of the ranges with kernel or slab pages as there are such
 * blocks, with the average content of these ranges. */
static void take_set_aside(const struct gr_host *host, const struct gr_survey_zone *from,
			   const struct gr_survey_size *size, struct supply *supply)
{
	const struct gr_figure *set_aside = &host->zones[from->zone].unmovable_pages;
	uint64_t pages = size->page_size_bytes / gr_base_page(host);
	uint64_t whole = (size->kernel + size->slab) * pages;
	uint64_t part = gr_min_u64(set_aside->known ? set_aside->value : 0, whole);
	struct gr_page_kinds in = size->in_kernel;

	if (!part)
		return;
	gr_kinds_add(&in, &size->in_slab);
	supply->target_room = gr_sub_floor(supply->target_room, part_of(in.free, part, whole));
	supply->target_cache =
		gr_sub_floor(supply->target_cache, part_of(in.file + in.dirty, part, whole));
	supply->target_swap = gr_sub_floor(supply->target_swap, part_of(in.anon, part, whole));
}

/* Ranges that only look like kernel memory, since free pages of a CPU's list are in them: of those without
 * anything else that stays, as large a part as such pages are of all that look alike there. */
static uint64_t percpu_ranges(const struct gr_zone *zone, const struct gr_survey_size *size)
{
	uint64_t percpu = gr_min_u64(zone->percpu_pages, size->unflagged_pages);

	if (!percpu)
		return 0;
	return gr_min_u64(part_of(size->unflagged, percpu, size->unflagged_pages), percpu);
}

/* Ranges with slab pages that lose all of them: the fewer there are, the more. Of gigantic ranges each
 * page that stays spoils one, and some always stay. */
static uint64_t slab_ranges(const struct gr_host *host, unsigned int node,
			    const struct gr_survey_size *size, bool gigantic)
{
	uint64_t pages = size->in_slab.slab, going;

	if (!pages)
		return 0;
	going = slab_going(host, node, pages);
	if (!gigantic)
		return part_of(size->slab, going, pages);
	going = gr_min_u64(going, pages - pages / STAYS_PART);
	return gr_sub_floor(size->slab, pages - going);
}

static void add_ranges(const struct gr_host *host, const struct gr_survey_zone *from,
		       const struct gr_survey_size *size, bool gigantic, struct supply *supply)
{
	supply->ready += size->free;
	supply->ranges += size->free + size->movable +
			  slab_ranges(host, from->node, size, gigantic);
	/* A whole gigantic range has no such luck. */
	if (!gigantic)
		supply->ranges += percpu_ranges(&host->zones[from->zone], size);
}

/* What may be given up, in base pages; used up from zone to zone. */
struct purse {
	uint64_t cache, swap;
};

/* Ranges before the point where compaction is done. */
static uint64_t before_meeting(const struct supply *supply, uint64_t given,
			       const struct purse *purse)
{
	uint64_t target = supply->target_room + gr_min_u64(supply->target_cache, purse->cache) +
			  gr_min_u64(supply->target_swap, purse->swap);
	uint64_t content = gr_sub_floor(supply->content, given);

	return content ? part_of(supply->ranges, target, target + content) : supply->ranges;
}

/* Pages that the supply yields; what has to be given up for them is taken from the purse. */
static uint64_t yield(const struct supply *supply, uint64_t pages, bool compacted,
		      struct purse *purse)
{
	uint64_t cache = gr_min_u64(supply->cache, purse->cache);
	uint64_t swap = gr_min_u64(supply->swap, purse->swap);
	uint64_t room = supply->room + cache + swap, got, lack;

	got = gr_min_u64(supply->ranges, room / pages);
	if (compacted)
		got = gr_min_u64(got, before_meeting(supply, cache + swap, purse));
	got = gr_max_u64(got, gr_min_u64(supply->ready, room / pages));
	lack = gr_sub_floor(got * pages, supply->room);
	cache = gr_min_u64(cache, lack);
	purse->cache -= cache;
	purse->swap -= gr_min_u64(swap, lack - cache);
	return got;
}

static const struct gr_survey_size *size_in(const struct gr_survey *survey,
					    const struct gr_survey_zone *zone, uint64_t page_size)
{
	for (size_t i = 0; i < survey->size_count; i++) {
		if (zone->sizes[i].page_size_bytes == page_size)
			return &zone->sizes[i];
	}
	return NULL;
}

/* Ranges that are memory, less those that the pools need wherever their pages are moved. */
static uint64_t most(const struct gr_survey_size *size, uint64_t pages)
{
	return gr_sub_floor(size->ranges - size->absent, size->in_huge.huge / pages);
}

/* One zone after the other, gigantic pages from all as one. */
static void sum_up(const struct gr_host *host, uint64_t page_size, int node, struct purse *purse,
		   struct gr_prediction *sum)
{
	const struct gr_survey *survey = host->survey;
	uint64_t pages = page_size / gr_base_page(host);
	bool gigantic = gr_is_gigantic(host, page_size);
	struct supply supply = { 0 };

	for (size_t i = 0; i < survey->zone_count; i++) {
		const struct gr_survey_zone *zone = &survey->zones[i];
		const struct gr_survey_size *size = size_in(survey, zone, page_size);
		bool ours = gr_scope_has(host, node, zone->node) && !(gigantic && zone->movable);

		if (!gigantic)
			supply = (struct supply){ 0 };
		if (ours || gigantic)
			add_room(host, zone, &supply);
		if (gr_scope_has(host, node, zone->node))
			sum->swappable += zone->pages.anon;
		if (!ours)
			continue;
		if (!size || !size->known) {
			sum->known = false;
			sum->spoiled += size ? size->spoiled : 0;
			continue;
		}
		add_ranges(host, zone, size, gigantic, &supply);
		if (!gigantic)
			take_set_aside(host, zone, size, &supply);
		sum->at_most += most(size, pages);
		sum->ready += size->free;
		if (!gigantic)
			sum->by_ladder += yield(&supply, pages, true, purse);
	}
	if (gigantic)
		sum->by_ladder = yield(&supply, pages, false, purse);
}

void gr_predict(const struct gr_host *host, uint64_t page_size_bytes, int node,
		const struct gr_losses *losses, struct gr_prediction *ret)
{
	uint64_t base = gr_base_page(host);
	struct gr_prediction sum = { .known = true };
	struct purse purse = {
		.cache = losses ? losses->cache_bytes / base : UINT64_MAX,
		.swap = gr_min_u64(losses ? losses->swap_bytes : UINT64_MAX,
				   host->swap_free_bytes) / base,
	};
	uint64_t swap = purse.swap;

	if (!host->survey || !host->survey->known) {
		*ret = (struct gr_prediction){ .at_most = UINT64_MAX };
		return;
	}
	sum_up(host, page_size_bytes, node, &purse, &sum);
	sum.swappable = gr_min_u64(sum.swappable, swap);
	if (host->survey->step > 1)
		sum.at_most = UINT64_MAX;
	if (!sum.known)
		sum = (struct gr_prediction){ .at_most = UINT64_MAX, .spoiled = sum.spoiled };
	*ret = sum;
}
