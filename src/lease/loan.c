// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A loan: idle pages of one lease go back to the host, for another to take the memory. As all that
 * changes pools: intent, write, read back, record. The lender's file says first at which persistent
 * count the pool will stand (GR_LEASE_LENDING); from that and the pool is seen later how many pages
 * went, whoever looks. Taking them back is the same with the pages gone beforehand.
 *
 * The borrower may be half done in the same pool: with every page that goes its goal there becomes
 * less. Its file is made exact before, so that the goal follows from where the pool stands; and as
 * long as a lender's file says that pages are going, nothing else has been done since. So whoever
 * ends the loan, after a kill as well, sets the borrower's goal anew before the lender's file.
 */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "lease/idle.h"
#include "lease/place.h"

/* The goals of whoever is half done, from the pool as it is. There is one at most. */
static int aim_borrower(struct gr_ledger *ledger, const struct gr_pools *pools,
			struct gr_error *err)
{
	struct gr_leases leases = { 0 };
	int r = gr_ledger_list(ledger, &leases, err);

	for (size_t i = 0; i < leases.count && r >= 0; i++) {
		struct gr_lease *lease = leases.leases[i];

		if (lease->state != GR_LEASE_RESERVING || !gr_lease_of_this_boot(ledger, lease))
			continue;
		gr_lease_aim(lease, pools);
		r = gr_ledger_save(ledger, lease, err);
	}
	gr_leases_done(&leases);
	return r;
}

int gr_lease_finish_lend(struct gr_ledger *ledger, struct gr_lease *lease, struct gr_error *err)
{
	for (size_t i = 0; i < lease->grant_count; i++) {
		struct gr_lease_grant *grant = &lease->grants[i];
		_cleanup_pools_ struct gr_pools pools = { 0 };
		const struct gr_pool_node *one;
		uint64_t gone;
		int r;

		if (!grant->asked_pages)
			continue;
		r = gr_pools_read(ledger->root, grant->page_size_bytes, &pools, err);
		if (r >= 0)
			r = aim_borrower(ledger, &pools, err);
		if (r < 0)
			return r;
		one = gr_pools_node(&pools, grant->node);
		gone = gr_sub_floor(grant->asked_pages,
				    one ? gr_sub_floor(one->persistent, grant->goal_pages) : 0);
		gone = gr_min_u64(gone, grant->pages);
		grant->pages -= gone;
		grant->lent_pages += gone;
	}
	for (size_t i = 0; i < lease->grant_count; i++)
		lease->grants[i].asked_pages = lease->grants[i].pages;
	lease->state = GR_LEASE_HELD;
	return gr_ledger_save(ledger, lease, err);
}

/* The intent: @pages of @grant, which are in the pool now or were, may not be there at the end. */
static int start_lend(struct gr_ledger *ledger, struct gr_lease *lender,
		      struct gr_lease_grant *grant, uint64_t pages, uint64_t goal,
		      struct gr_error *err)
{
	for (size_t i = 0; i < lender->grant_count; i++)
		lender->grants[i].asked_pages = 0;
	grant->asked_pages = pages;
	grant->goal_pages = goal;
	lender->state = GR_LEASE_LENDING;
	return gr_ledger_save(ledger, lender, err);
}

/* What the borrower has, and no intent: it may not be written yet. */
static int save_borrower(struct gr_climb *climb, const struct gr_pools *pools,
			 struct gr_error *err)
{
	gr_lease_aim(climb->lease, pools);
	return climb->lease->state == GR_LEASE_RESERVING ?
		       gr_ledger_save(climb->ledger, climb->lease, err) : 0;
}

/* Somebody took pages at that very moment: they were made surplus, and become persistent again. */
static int keep_used(const struct gr_root *root, int node, uint64_t page_size_bytes,
		     struct gr_error *err)
{
	_cleanup_pools_ struct gr_pools pools = { 0 };
	const struct gr_pool_node *one;
	struct gr_pool_change change;
	int r = gr_pools_read(root, page_size_bytes, &pools, err);

	if (r < 0)
		return r;
	one = gr_pools_node(&pools, node);
	return one && one->surplus ? gr_pool_grow(root, page_size_bytes, node, 0, &change, err) : 0;
}

static int add_loan(struct gr_reserve_report *report, const struct gr_lease *lender,
		    const struct gr_lease_grant *grant, uint64_t pages)
{
	struct gr_loan *loan;

	for (size_t i = 0; i < report->loan_count; i++) {
		loan = &report->loans[i];
		if (!strcmp(loan->lender, lender->name) && loan->node == grant->node &&
		    loan->page_size_bytes == grant->page_size_bytes) {
			loan->pages += pages;
			return 0;
		}
	}
	if (gr_grow(&report->loans, report->loan_count, sizeof(*report->loans)) < 0)
		return -ENOMEM;
	loan = &report->loans[report->loan_count++];
	*loan = (struct gr_loan){ .node = grant->node,
				  .page_size_bytes = grant->page_size_bytes,
				  .pages = pages };
	snprintf(loan->lender, sizeof(loan->lender), "%s", lender->name);
	return 0;
}

/* From one lease. A write that fails or does nothing lends nothing: the pool says what happened. */
static int lend_from(struct gr_climb *climb, struct gr_lease *lender, struct gr_lease_grant *grant,
		     uint64_t pages, uint64_t *ret_lent, struct gr_error *err)
{
	const struct gr_root *root = climb->ledger->root;
	uint64_t size = grant->page_size_bytes, before = grant->pages;
	_cleanup_pools_ struct gr_pools pools = { 0 }, after = { 0 };
	const struct gr_pool_node *one;
	int r = gr_pools_read(root, size, &pools, err);

	if (r < 0)
		return r;
	one = gr_pools_node(&pools, grant->node);
	if (!one || pools.bent)
		return 0;
	pages = gr_min_u64(pages, gr_sub_floor(one->free, pools.reserved));
	if (!pages)
		return 0;
	r = save_borrower(climb, &pools, err);
	if (r >= 0)
		r = start_lend(climb->ledger, lender, grant, pages, one->persistent - pages, err);
	if (r < 0)
		return r;
	if (gr_pool_lower(root, size, grant->node, pages, NULL) >= 0)
		keep_used(root, grant->node, size, NULL);
	/* First the borrower: should the ledger's disk be full, it goes back to this goal. */
	r = gr_pools_read(root, size, &after, err);
	if (r >= 0)
		gr_lease_aim(climb->lease, &after);
	if (r >= 0)
		r = gr_lease_finish_lend(climb->ledger, lender, err);
	if (r < 0)
		return r;
	*ret_lent = before - grant->pages;
	return *ret_lent && add_loan(climb->report, lender, grant, *ret_lent) < 0 ?
		       gr_error_nomem(err) : 0;
}

int gr_lend(struct gr_climb *climb, int node, uint64_t page_size_bytes, uint64_t pages,
	    uint64_t *ret_lent, struct gr_error *err)
{
	struct gr_leases leases = { 0 };
	uint64_t sum = 0;
	int r = gr_ledger_list(climb->ledger, &leases, err);

	for (size_t i = 0; i < leases.count && sum < pages && r >= 0; i++) {
		struct gr_lease *lender = leases.leases[i];

		if (!gr_idle_lends(lender) || !gr_lease_of_this_boot(climb->ledger, lender))
			continue;
		for (size_t k = 0; k < lender->grant_count && sum < pages && r >= 0; k++) {
			struct gr_lease_grant *grant = &lender->grants[k];
			uint64_t lent = 0;

			if (grant->node != node || grant->page_size_bytes != page_size_bytes)
				continue;
			r = lend_from(climb, lender, grant, gr_min_u64(pages - sum, grant->pages),
				      &lent, err);
			sum += lent;
		}
	}
	gr_leases_done(&leases);
	*ret_lent = sum;
	return r;
}

/* One loan, back to its lender, as far as the host has the memory. */
static int take_back(struct gr_climb *climb, struct gr_loan *loan)
{
	const struct gr_grant want = { .node = loan->node,
				       .page_size_bytes = loan->page_size_bytes };
	const struct gr_root *root = climb->ledger->root;
	_cleanup_pools_ struct gr_pools pools = { 0 };
	_cleanup_lease_ struct gr_lease *lender = NULL;
	_cleanup_host_ struct gr_host *host = NULL;
	struct gr_lease_grant *grant;
	struct gr_pool_change change;
	const struct gr_pool_node *one;
	uint64_t lent, pages;
	int r = gr_ledger_find(climb->ledger, loan->lender, &lender, NULL);

	if (r >= 0)
		r = gr_host_read(root, GR_READ_POOLS, &host, NULL);
	if (r >= 0)
		r = gr_place_check_room(host, &climb->options->floor, &want, loan->pages, NULL);
	if (r >= 0)
		r = gr_pools_read(root, loan->page_size_bytes, &pools, NULL);
	one = r < 0 ? NULL : gr_pools_node(&pools, loan->node);
	grant = r < 0 ? NULL : gr_lease_grant_at(lender, loan->node, loan->page_size_bytes);
	if (!one || pools.bent || !grant || !gr_idle_lends(lender))
		return -ENOENT;
	lent = grant->lent_pages;
	pages = gr_min_u64(loan->pages, lent);
	/* As if they were on their way: what does not come has gone. */
	grant->pages += pages;
	grant->lent_pages -= pages;
	r = start_lend(climb->ledger, lender, grant, pages, one->persistent, NULL);
	if (r < 0)
		return r;
	gr_pool_grow(root, loan->page_size_bytes, loan->node, pages, &change, NULL);
	r = gr_lease_finish_lend(climb->ledger, lender, NULL);
	loan->pages -= gr_min_u64(loan->pages, gr_sub_floor(lent, grant->lent_pages));
	return r;
}

void gr_loans_return(struct gr_climb *climb)
{
	struct gr_reserve_report *report = climb->report;

	for (size_t i = 0; i < report->loan_count; i++)
		take_back(climb, &report->loans[i]);
}

void gr_loans_tell(struct gr_reserve_report *report)
{
	for (size_t i = 0; i < report->loan_count; i++) {
		const struct gr_loan *loan = &report->loans[i];
		char count[GR_TEXT_MAX], size[GR_TEXT_MAX], where[24] = "";

		if (!loan->pages)
			continue;
		if (loan->node >= 0)
			snprintf(where, sizeof(where), " on node %d", loan->node);
		if (gr_grow(&report->notes, report->note_count, sizeof(*report->notes)) < 0 ||
		    gr_asprintf(&report->notes[report->note_count],
				"lease %s lent %s page%s of %s%s that nobody used, and is short of "
				"them now",
				loan->lender, gr_count_text(loan->pages, count),
				gr_plural(loan->pages), gr_size_text(loan->page_size_bytes, size),
				where) < 0)
			return;
		report->note_count++;
	}
}
