// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One write to a pool: the floor, then the intent in the ledger, then the write, then what came of
 * it. Every attempt is a delta from what the pool says at that moment.
 */
#include "base/size.h"
#include "base/util.h"
#include "lease/ladder.h"
#include "lease/place.h"

static int note_foreign(struct gr_climb *climb, const struct gr_lease_grant *grant)
{
	struct gr_reserve_report *report = climb->report;
	char buf[GR_TEXT_MAX];

	if (gr_grow(&report->notes, report->note_count, sizeof(*report->notes)) < 0)
		return -ENOMEM;
	if (gr_asprintf(&report->notes[report->note_count],
			"somebody else changed the pool of %s pages on node %d meanwhile",
			gr_size_text(grant->page_size_bytes, buf), grant->node) < 0)
		return -ENOMEM;
	report->note_count++;
	return 0;
}

/* Where the pools stand, and the most that this write can bring and promote. Anew for each write,
 * so that a kill leaves no more than one of them in doubt. */
static int save_intent(struct gr_climb *climb, struct gr_lease_grant *grant, uint64_t pages,
		       struct gr_error *err)
{
	_cleanup_pools_ struct gr_pools pools = { 0 };
	uint64_t promoted = grant->promoted_pages;
	enum gr_lease_state state = climb->lease->state;
	const struct gr_pool_node *one;
	int r = gr_pools_read(climb->ledger->root, grant->page_size_bytes, &pools, err);

	if (r < 0)
		return r;
	gr_lease_aim(climb->lease, &pools);
	one = gr_pools_node(&pools, grant->node);
	if (one)
		grant->promoted_pages += one->surplus;
	grant->asked_pages = grant->pages + pages;
	climb->lease->state = GR_LEASE_RESERVING;
	r = gr_ledger_save(climb->ledger, climb->lease, err);
	if (r < 0) {
		grant->asked_pages = grant->pages;
		grant->promoted_pages = promoted;
		climb->lease->state = state;
	}
	return r;
}

int gr_attempt(struct gr_climb *climb, struct gr_lease_grant *grant, const struct gr_host *host,
	       uint64_t pages, uint64_t *ret_got, struct gr_error *err)
{
	const struct gr_grant want = { .node = grant->node,
				       .page_size_bytes = grant->page_size_bytes };
	uint64_t promoted = grant->promoted_pages;
	struct gr_pool_change change;
	/* Between two attempts others may have taken the memory: the floor holds before each. */
	int r = gr_place_check_room(host, &climb->options->floor, &want, pages, err);

	if (r >= 0)
		r = save_intent(climb, grant, pages, err);
	if (r < 0)
		return r;
	/* On failure the intent stays: nobody knows what happened. */
	r = gr_pool_grow(climb->ledger->root, grant->page_size_bytes, grant->node, pages, &change,
			 err);
	if (r < 0)
		return r;
	grant->pages += change.got;
	grant->asked_pages = grant->pages;
	grant->promoted_pages = promoted + change.promoted;
	*ret_got = change.got;
	if (change.foreign && note_foreign(climb, grant) < 0)
		return gr_error_nomem(err);
	if (climb->options->progress)
		climb->options->progress(climb->options->progress_data,
					 gr_lease_pages(climb->lease), climb->total_pages);
	return 0;
}
