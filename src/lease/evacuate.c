// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Gigantic pages by way of memory blocks, with consent: range after range goes offline block by
 * block and comes back empty; then a write takes it before it fills again. A gigantic page never
 * comes out of ZONE_MOVABLE, so a range from there comes back as the kernel's own memory: it is
 * lent, and returns when the page is given back. One block that does not give way ends its range,
 * and what had gone comes back at once.
 *
 * Each range is looked at again right before, block by block: those that may refuse come first,
 * while there is nothing to undo. Every block event makes many distributions reload kdump, so their
 * number is bounded, and told.
 */
#include "lease/evacuate.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/size.h"
#include "base/util.h"
#include "lease/blocks.h"
#include "plan/weigh.h"

#define REFUSED_MAX 8
#define MISSED_MAX 3
#define BLOCKS_MAX 512
#define RANGE_NS (UINT64_C(20) * 1000000000)

/* One rung, from its first range to its note. */
struct work {
	struct gr_climb *climb;
	struct gr_lease_grant *grant;
	const struct gr_look *look;
	uint64_t block_bytes, wanted; /* pages */
	uint64_t blocks, lent, moved_pages, shrunk_pages;
	unsigned int tried, emptied, refused, crowded;
	unsigned int missed; /* emptied, and filled again before they could be taken */
};

struct block {
	uint64_t number, unknown_pages;
};

bool gr_worth_evacuating(const struct gr_climb *climb, const struct gr_look *look)
{
	const struct gr_host *host = look->host;
	uint64_t block_bytes;

	/* The survey lists ranges of the largest size only. */
	return look->gigantic && look->node >= 0 && !climb->ledger->keep_blocks &&
	       look->page_size_bytes == host->page_sizes[host->page_size_count - 1] &&
	       gr_block_bytes(climb->ledger->root, &block_bytes) >= 0;
}

/* May the whole unit be away for a moment? What is taken from the kernel's own zones stays so. */
static bool above_floor(const struct work *work, const struct gr_host *host,
			const struct gr_unit *unit)
{
	const struct gr_floor *floor = &work->climb->options->floor;
	uint64_t bytes = gr_mul_sat(unit->pages, gr_base_page(host));

	return gr_floor_room_in(host, floor, !unit->movable_zone,
				unit->movable_zone ? -1 : work->look->node) >= bytes;
}

static int compare_blocks(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	if (x->unknown_pages != y->unknown_pages)
		return x->unknown_pages > y->unknown_pages ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

/* The blocks of a unit as they are now, those that may refuse first. Return: 0; -EBUSY; -errno. */
static int look_at_blocks(const struct work *work, const struct gr_unit *unit, struct block *blocks)
{
	for (uint64_t i = 0; i < unit->blocks; i++) {
		struct gr_page_kinds kinds;
		int r = gr_block_kinds(work->climb->ledger->root, unit->first_block + i,
				       work->block_bytes, &kinds);

		if (r < 0)
			return r;
		if (!gr_kinds_may_go(&kinds, unit->movable_zone))
			return -EBUSY;
		blocks[i] = (struct block){ .number = unit->first_block + i,
					    .unknown_pages = kinds.kernel };
	}
	qsort(blocks, unit->blocks, sizeof(*blocks), compare_blocks);
	return 0;
}

/* Somebody may have grown a pool since: that block would lose its pages. */
static int offline_one(struct work *work, struct block block, uint64_t deadline)
{
	struct gr_page_kinds kinds;
	int r = gr_block_kinds(work->climb->ledger->root, block.number, work->block_bytes, &kinds);

	if (r < 0 || kinds.huge)
		return r < 0 ? r : -EBUSY;
	r = gr_block_offline(work->climb->ledger, block.number, deadline,
			     work->climb->options->interrupted);
	work->blocks += r >= 0;
	return r;
}

/* Offline and back. Return: 0 when every block was empty once; -EBUSY ...; -EIO (stranded). */
static int cycle(struct work *work, const struct gr_unit *unit, const struct block *blocks,
		 struct gr_error *err)
{
	const struct gr_climb *climb = work->climb;
	uint64_t deadline = gr_min_u64(gr_now_ns() + RANGE_NS,
				       gr_add_sat(climb->start_ns, climb->budget.timeout_ns));
	_cleanup_free_ uint64_t *gone = calloc(unit->blocks, sizeof(*gone));
	size_t count = 0, stranded;
	int r = 0;

	if (!gone)
		return gr_error_nomem(err);
	for (uint64_t i = 0; i < unit->blocks && r >= 0; i++) {
		r = offline_one(work, blocks[i], deadline);
		if (r >= 0)
			gone[count++] = blocks[i].number;
	}
	gr_blocks_online(climb->ledger, gone, count, r < 0, &stranded);
	if (!stranded)
		return r;
	r = gr_error_set(err, GR_CLASS_STRANDED, EIO,
			 "%zu of memory blocks %" PRIu64 " to %" PRIu64 " did not come back online",
			 stranded, unit->first_block, unit->first_block + unit->blocks - 1);
	gr_error_hint(err, "`guestram recover` tries again");
	return r;
}

/* By how much pools on the node are smaller than before: told, not undone, since their owners may
 * have done it. */
static uint64_t shrunk_pages(const struct gr_host *before, const struct gr_host *after, int node)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < before->pool_count; i++) {
		const struct gr_pool *was = &before->pools[i], *is;

		is = gr_host_pool(after, was->page_size_bytes, node);
		if (was->node == node && is)
			pages += gr_sub_floor(was->total, is->total);
	}
	return pages;
}

/* Takes what was emptied, at once. */
static int take(struct work *work, const struct gr_host *before, const struct gr_unit *unit,
		struct gr_error *err)
{
	const struct gr_floor *floor = &work->climb->options->floor;
	uint64_t size = work->look->page_size_bytes, got = 0, pages;
	_cleanup_host_ struct gr_host *host = NULL;
	int r = gr_host_read(work->climb->ledger->root, GR_READ_POOLS, &host, err);

	if (r < 0)
		return r;
	work->shrunk_pages += shrunk_pages(before, host, work->look->node);
	pages = gr_min_u64(unit->pages * gr_base_page(host) / size, work->wanted);
	pages = gr_min_u64(pages, gr_floor_room(host, floor, size, work->look->node) / size);
	r = pages ? gr_attempt(work->climb, work->grant, host, pages, &got, err) : 0;
	work->wanted -= gr_min_u64(got, work->wanted);
	work->missed += got < pages || !pages;
	return r;
}

/* One unit, if nothing speaks against it. Return: 0; -errno that ends the rung. */
static int try_unit(struct work *work, const struct gr_unit *unit, struct gr_error *err)
{
	_cleanup_host_ struct gr_host *host = NULL;
	_cleanup_free_ struct block *blocks = calloc(unit->blocks, sizeof(*blocks));
	int r = gr_host_read(work->climb->ledger->root, GR_READ_POOLS, &host, err);

	if (r < 0)
		return r;
	if (!blocks)
		return gr_error_nomem(err);
	if (!above_floor(work, host, unit) ||
	    !gr_unit_has_room(host, (unsigned int)work->look->node, unit)) {
		work->crowded++;
		return 0;
	}
	if (look_at_blocks(work, unit, blocks) < 0)
		return 0;
	work->tried++;
	r = cycle(work, unit, blocks, err);
	if (r == -EIO || r == -ENOMEM)
		return r;
	if (r < 0) {
		work->refused++;
		return 0;
	}
	work->emptied++;
	work->lent += unit->movable_zone ? unit->blocks : 0;
	work->moved_pages += gr_kinds_movable(&unit->kinds);
	return take(work, host, unit, err);
}

/* What it took, and where it ended, for people. */
static int note(const struct work *work, const struct gr_survey *survey, struct gr_rung *rung)
{
	char blocks[GR_TEXT_MAX], moved[GR_TEXT_MAX], lent[GR_TEXT_MAX], lost[GR_TEXT_MAX];
	bool away = work->moved_pages && gr_moves_to_other_nodes(work->look->host);

	if (!survey->known)
		return gr_asprintf(&rung->note, "what is in memory cannot be seen in "
						"/proc/kpageflags");
	if (!work->tried)
		return gr_asprintf(&rung->note, "no range can be emptied%s", work->crowded ?
				   ": what is in them has no room elsewhere" : "");
	return gr_asprintf(&rung->note,
			   "memory blocks offline for a moment: %s; ranges taken: %u, refused: %u, "
			   "filled again: %u%s%s%s%s%s%s",
			   gr_count_text(work->blocks, blocks), work->emptied - work->missed,
			   work->refused, work->missed,
			   away ? "; moved to other nodes: " : "",
			   away ? gr_size_text(work->moved_pages * gr_base_page(work->look->host),
					       moved) : "",
			   work->lent ? "; blocks lent by ZONE_MOVABLE: " : "",
			   work->lent ? gr_count_text(work->lent, lent) : "",
			   work->shrunk_pages ? "; pages that left other pools meanwhile: " : "",
			   work->shrunk_pages ? gr_count_text(work->shrunk_pages, lost) : "");
}

int gr_evacuate(struct gr_climb *climb, struct gr_lease_grant *grant, const struct gr_look *look,
		struct gr_rung *rung, struct gr_error *err)
{
	struct work work = { .climb = climb, .grant = grant, .look = look,
			     .wanted = look->short_pages };
	size_t at = (size_t)(rung - climb->report->rungs), count = 0;
	_cleanup_survey_ struct gr_survey survey = { 0 };
	_cleanup_free_ struct gr_unit *units = NULL;
	struct gr_unit_shape shape;
	uint64_t returned;
	int r = gr_survey_read(climb->ledger->root, look->host, look->node, 0, &survey, err);

	if (r < 0)
		return r;
	/* A kernel without memory hot-unplug has one rung less. */
	if (gr_block_bytes(climb->ledger->root, &work.block_bytes) < 0 ||
	    gr_block_top(climb->ledger->root, (unsigned int)look->node, &shape.top_block) < 0)
		return 0;
	shape.range_pages = look->page_size_bytes / gr_base_page(look->host);
	shape.block_pages = work.block_bytes / gr_base_page(look->host);
	if (gr_units_choose(&survey, (unsigned int)look->node, &shape, &units, &count) < 0)
		return gr_error_nomem(err);
	for (size_t i = 0; i < count && r >= 0 && work.wanted; i++) {
		if (work.refused == REFUSED_MAX || work.missed == MISSED_MAX ||
		    work.blocks + units[i].blocks > BLOCKS_MAX || gr_climb_stopped(climb))
			break;
		r = try_unit(&work, &units[i], err);
	}
	/* What was lent in vain returns. */
	if (r >= 0 && work.missed)
		r = gr_blocks_recover(climb->ledger, &returned, err);
	/* gr_attempt() may have added to the report: the rung may lie elsewhere by now. */
	if (r >= 0 && note(&work, &survey, &climb->report->rungs[at]) < 0)
		return gr_error_nomem(err);
	return r;
}
