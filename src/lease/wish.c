// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The wishes of a reservation, one after the other: first everywhere what lies ready, then with all
 * rungs what is missing. What a size cannot give may come in smaller pages where that was allowed.
 */
#include "lease/wish.h"

#include <stdlib.h>

#include "base/size.h"
#include "base/util.h"
#include "lease/place.h"

/* May a page of this wish lie on @node? With a preference in the second round only. */
static bool fits(const struct gr_grant *want, int node, bool others)
{
	if (want->node < 0 || node < 0)
		return !others;
	return others ? want->preferred && node != want->node : node == want->node;
}

/* The grant to climb for. Those of larger pages that a rung may cut up are made with it, since
 * adding one later could move it. */
static struct gr_lease_grant *grant_for(struct gr_climb *climb, const struct gr_host *host,
					int node, uint64_t page_size_bytes)
{
	for (size_t i = 0; i < host->page_size_count && climb->budget.allow & GR_ALLOW_DEMOTE; i++) {
		if (!gr_lease_grant_at(climb->lease, node, host->page_sizes[i]))
			return NULL;
	}
	return gr_lease_grant_at(climb->lease, node, page_size_bytes);
}

/* Pages of one wish, from its node or from the candidates in turn: what the lists have (@take), or
 * with every rung. */
static int climb_for(struct gr_climb *climb, const struct gr_host *host,
		     const struct gr_grant *want, bool take, uint64_t *left, struct gr_error *err)
{
	_cleanup_pools_ struct gr_pools pools = { 0 };
	_cleanup_free_ struct gr_place *candidates = NULL;
	size_t count = 0;
	int r = gr_pools_read(climb->ledger->root, want->page_size_bytes, &pools, err);

	if (r < 0)
		return r;
	if (gr_place_candidates(host, &pools, &candidates, &count) < 0)
		return gr_error_nomem(err);
	for (size_t i = 0; i < 2 * count && *left; i++) {
		int node = candidates[i % count].node;
		struct gr_lease_grant *grant;

		if (!fits(want, node, i >= count))
			continue;
		grant = grant_for(climb, host, node, want->page_size_bytes);
		if (!grant)
			return gr_error_nomem(err);
		climb->clip = gr_reserve_may_be_short(climb->options) ||
			      (want->preferred && i < count);
		r = take ? gr_ladder_take(climb, grant, *left, left, err) :
			   gr_ladder_climb(climb, grant, *left, left, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The largest page size below @page_size_bytes that this host has; 0: none. */
static uint64_t smaller_size(const struct gr_host *host, uint64_t page_size_bytes)
{
	uint64_t best = 0;

	for (size_t i = 0; i < host->page_size_count; i++) {
		if (host->page_sizes[i] < page_size_bytes)
			best = gr_max_u64(best, host->page_sizes[i]);
	}
	return best;
}

int gr_wish_short(const struct gr_climb *climb, const struct gr_host *host,
		  const struct gr_grant *want, uint64_t left, const char *then, struct gr_error *err)
{
	uint64_t smaller = smaller_size(host, want->page_size_bytes);
	char size[GR_TEXT_MAX], asked[GR_TEXT_MAX], got[GR_TEXT_MAX], lacking[GR_TEXT_MAX],
		bytes[GR_TEXT_MAX], where[32] = "";
	int r;

	if (gr_grant_scope(want) >= 0)
		snprintf(where, sizeof(where), " on node %d", want->node);
	r = gr_error_set(err, GR_CLASS_HOST, ENOMEM,
			 "%s of %s page%s of %s%s could be had, short %s page%s = %s%s",
			 gr_count_text(want->pages - left, got), gr_count_text(want->pages, asked),
			 gr_plural(want->pages), gr_size_text(want->page_size_bytes, size), where,
			 gr_count_text(left, lacking), gr_plural(left),
			 gr_size_text(left * want->page_size_bytes, bytes), then);
	if (climb->out_of_time)
		gr_error_hint(err, "the time was used up (--timeout SECONDS): more may be there");
	else if (smaller)
		gr_error_hint(err, "the host's memory is fragmented: try --page-size %s, "
				   "--backing thp, or reserve at boot", gr_size_arg(smaller, size));
	else
		gr_error_hint(err, "the host's memory is fragmented: try a smaller VM, "
				   "--backing thp, or reserve at boot");
	return r;
}

/* The rest of a wish in the next smaller pages that are allowed. @left: of the wish's own size. */
static int fall_back(struct gr_climb *climb, const struct gr_host *host,
		     const struct gr_grant *want, uint64_t *left, struct gr_error *err)
{
	const struct gr_reserve_options *options = climb->options;
	uint64_t bytes = *left * want->page_size_bytes;

	for (size_t i = 0; i < options->fallback_count && bytes; i++) {
		struct gr_grant smaller = *want;
		uint64_t pages;
		int r;

		smaller.page_size_bytes = options->fallback_sizes[i];
		if (smaller.page_size_bytes >= want->page_size_bytes)
			continue;
		pages = smaller.pages = bytes / smaller.page_size_bytes;
		r = climb_for(climb, host, &smaller, true, &pages, err);
		if (r >= 0)
			r = climb_for(climb, host, &smaller, false, &pages, err);
		if (r < 0)
			return r;
		bytes = pages * smaller.page_size_bytes;
	}
	*left = gr_div_up(bytes, want->page_size_bytes);
	return 0;
}

/* One wish to its end: what is missing then is kept as it is, where that is allowed. */
static int finish(struct gr_climb *climb, const struct gr_host *host, const struct gr_grant *want,
		  uint64_t left, struct gr_error *err)
{
	int r = climb_for(climb, host, want, false, &left, err);

	if (r >= 0)
		r = fall_back(climb, host, want, &left, err);
	if (r < 0)
		return r;
	climb->report->short_pages += left;
	if (!left || climb->options->partial)
		return 0;
	return gr_wish_short(climb, host, want, left, "; all put back", err);
}

int gr_wishes_climb(struct gr_climb *climb, const struct gr_host *host, struct gr_error *err)
{
	const struct gr_reserve_options *options = climb->options;
	_cleanup_free_ uint64_t *left = calloc(options->grant_count + 1, sizeof(*left));
	uint64_t short_bytes = 0;
	int r = 0;

	if (!left)
		return gr_error_nomem(err);
	gr_climb_start(climb);
	for (size_t i = 0; i < options->grant_count && r >= 0; i++) {
		left[i] = options->grants[i].pages;
		r = climb_for(climb, host, &options->grants[i], true, &left[i], err);
		short_bytes += left[i] * options->grants[i].page_size_bytes;
	}
	gr_climb_budget(climb, short_bytes);
	for (size_t i = 0; i < options->grant_count && r >= 0; i++)
		r = finish(climb, host, &options->grants[i], left[i], err);
	if (r >= 0 && climb->report->short_pages && !gr_lease_pages(climb->lease))
		r = gr_wish_short(climb, host, &options->grants[0], options->grants[0].pages, "",
				  err);
	return r;
}
