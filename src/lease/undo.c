// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The way back, used by roll-back, give-back and recovery alike: a lease that is reserving or
 * releasing says for each pool at which persistent count it must end (goal), and this brings the
 * pool there from wherever a kill left it. What is above the goal is first the lease's own pages,
 * then promoted pages of others; never more than both, whatever else happened to the pool.
 *
 * Persistent counts are what is owed, and they end exact. Promoted pages are lowered only where
 * that drops no free page that might be another owner's. Where it might, the debt stays in the
 * lease (GR_LEASE_OWED) for later recoveries, and after OWED_NS it is paid whatever is free:
 * whose pages are free nobody can tell, and the count must not stay wrong for ever.
 */
#include <inttypes.h>
#include <time.h>

#include "base/util.h"
#include "lease/ledger.h"
#include "lease/demote.h"
#include "lease/pool.h"

#define WAIT_TRIES 20
#define WAIT_NS 10000000
#define OWED_NS GR_LEASE_PENDING_NS

/* How far the pool is above the goal. A pool whose node is gone has nothing to give back. */
static uint64_t excess_pages(const struct gr_pools *pools, const struct gr_lease_grant *grant)
{
	const struct gr_pool_node *one = gr_pools_node(pools, grant->node);

	return one ? gr_sub_floor(one->persistent, grant->goal_pages) : 0;
}

/* How many of the pages above the goal are the lease's own. */
static uint64_t own_pages(const struct gr_lease_grant *grant, uint64_t excess)
{
	return gr_min_u64(gr_sub_floor(excess, grant->promoted_pages), grant->pages);
}

/*
 * Memory of a process that just ended may be on its way: give it a moment, then go on.
 * @ret: the pools after that
 */
static int wait_for_free(const struct gr_root *root, const struct gr_lease_grant *grant,
			 struct gr_pools *ret, struct gr_error *err)
{
	for (int i = 0;; i++) {
		_cleanup_pools_ struct gr_pools pools = { 0 };
		const struct timespec pause = { .tv_nsec = WAIT_NS };
		const struct gr_pool_node *one;
		int r = gr_pools_read(root, grant->page_size_bytes, &pools, err);

		if (r < 0)
			return r;
		one = gr_pools_node(&pools, grant->node);
		if (!one || one->free >= own_pages(grant, excess_pages(&pools, grant)) ||
		    i == WAIT_TRIES) {
			*ret = pools;
			pools = (struct gr_pools){ 0 };
			return 0;
		}
		nanosleep(&pause, NULL);
	}
}

/* Lowers the pool of a grant by @pages, and cycles out what an older kernel left behind. */
static int lower(struct gr_ledger *ledger, struct gr_lease *lease, struct gr_lease_grant *grant,
		 const struct gr_pools *pools, uint64_t pages, struct gr_error *err)
{
	const struct gr_pool_node *one = gr_pools_node(pools, grant->node);
	uint64_t in_use = gr_sub_floor(pages, gr_pools_droppable(pools, one));
	int r;

	/* Noted for a kill before the flush. A full disk must not keep the pages. */
	grant->goal_surplus_pages = one->surplus + in_use;
	if (pools->surplus)
		gr_ledger_save(ledger, lease, NULL);
	r = gr_pool_lower(ledger->root, grant->page_size_bytes, grant->node, pages, err);
	if (r >= 0 && pools->surplus)
		r = gr_pool_flush(ledger->root, grant->page_size_bytes, grant->node,
				  grant->goal_surplus_pages, err);
	return r;
}

/* Drops the lease's own pages of one grant. */
static int drop_own(struct gr_ledger *ledger, struct gr_lease *lease, struct gr_lease_grant *grant,
		    uint64_t *pages_sum, struct gr_error *err)
{
	_cleanup_pools_ struct gr_pools pools = { 0 };
	const struct gr_pool_node *one;
	uint64_t own, lost = 0;
	int r = wait_for_free(ledger->root, grant, &pools, err);

	if (r < 0)
		return r;
	own = own_pages(grant, excess_pages(&pools, grant));
	one = gr_pools_node(&pools, grant->node);
	if (own && own > one->free)
		lost = gr_min_u64(gr_lost_pages(ledger->root, grant->page_size_bytes, grant->node),
				  own - one->free);
	own -= lost;
	if (own)
		r = lower(ledger, lease, grant, &pools, own, err);
	else /* A kill may have come between the lowering and the flush. */
		r = gr_pool_flush(ledger->root, grant->page_size_bytes, grant->node,
				  grant->goal_surplus_pages, err);
	if (r < 0)
		return r;
	*pages_sum += own;
	/* From here on only the promoted part is owed, and what is lost; a kill before this is saved
	 * finds no other own pages above the goal, which is the same. */
	grant->pages = grant->asked_pages = lost;
	return 0;
}

/*
 * How many promoted pages can be lowered: all where no free page is dropped by it. Else only what
 * is free beyond the rightful persistent pages: those were promoted, and their holder let go.
 */
static uint64_t payable(const struct gr_lease *lease, const struct gr_pools *pools,
			const struct gr_pool_node *one, uint64_t owed)
{
	bool overdue = lease->expires_ns && gr_boottime_ns() > lease->expires_ns;

	if (overdue || !gr_pools_droppable(pools, one))
		return owed;
	return gr_min_u64(owed, gr_sub_floor(one->free, one->persistent - owed));
}

static int pay_promoted(struct gr_ledger *ledger, struct gr_lease *lease,
			struct gr_lease_grant *grant, struct gr_error *err)
{
	_cleanup_pools_ struct gr_pools pools = { 0 };
	const struct gr_pool_node *one;
	uint64_t owed, pages;
	int r;

	if (!grant->promoted_pages)
		return 0;
	r = gr_pools_read(ledger->root, grant->page_size_bytes, &pools, err);
	if (r < 0)
		return r;
	one = gr_pools_node(&pools, grant->node);
	owed = gr_min_u64(excess_pages(&pools, grant), grant->promoted_pages);
	pages = one ? payable(lease, &pools, one, owed) : 0;
	if (pages)
		r = lower(ledger, lease, grant, &pools, pages, err);
	if (r >= 0)
		grant->promoted_pages = owed - pages;
	return r;
}

/* A kill left an intent: how much of it happened? Promotion comes before allocation. */
static int resolve(struct gr_ledger *ledger, struct gr_lease *lease, struct gr_error *err)
{
	for (size_t i = 0; i < lease->grant_count; i++) {
		struct gr_lease_grant *grant = &lease->grants[i];
		_cleanup_pools_ struct gr_pools pools = { 0 };
		int r = gr_pools_read(ledger->root, grant->page_size_bytes, &pools, err);
		const struct gr_pool_node *one;
		uint64_t excess, own;

		if (r < 0)
			return r;
		one = gr_pools_node(&pools, grant->node);
		excess = excess_pages(&pools, grant);
		own = gr_min_u64(gr_sub_floor(excess, grant->promoted_pages), grant->asked_pages);
		own = gr_max_u64(own, gr_min_u64(excess, grant->pages));
		grant->pages = grant->asked_pages = own;
		grant->promoted_pages = gr_min_u64(grant->promoted_pages, excess - own);
		grant->goal_surplus_pages = one ? one->surplus : 0;
	}
	lease->state = GR_LEASE_RELEASING;
	lease->expires_ns = 0;
	/* Not saved: the intent in the file still says all that is needed, only less exactly. */
	gr_ledger_save(ledger, lease, NULL);
	return 0;
}

/* What is still owed becomes deltas again, so that others may change the pools meanwhile. */
static int rest(struct gr_ledger *ledger, struct gr_lease *lease, struct gr_error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < lease->grant_count; i++) {
		struct gr_lease_grant *grant = &lease->grants[i];
		_cleanup_pools_ struct gr_pools pools = { 0 };
		int r = gr_pools_read(ledger->root, grant->page_size_bytes, &pools, err);
		uint64_t excess;

		if (r < 0)
			return r;
		excess = excess_pages(&pools, grant);
		grant->pages = grant->asked_pages = own_pages(grant, excess);
		grant->promoted_pages = gr_min_u64(grant->promoted_pages, excess - grant->pages);
		if (grant->pages || grant->promoted_pages || grant->demoted_pages)
			lease->grants[kept++] = *grant;
	}
	lease->grant_count = kept;
	if (!kept)
		return gr_ledger_remove(ledger, lease->name, err);
	lease->state = GR_LEASE_OWED;
	lease->owner_pid = 0;
	if (!lease->expires_ns)
		lease->expires_ns = gr_boottime_ns() + OWED_NS;
	return gr_ledger_save(ledger, lease, err);
}

static int undo(struct gr_ledger *ledger, struct gr_lease *lease, uint64_t *pages,
		struct gr_error *err)
{
	int r = lease->state == GR_LEASE_RESERVING ? resolve(ledger, lease, err) : 0;

	for (size_t i = 0; i < lease->grant_count && r >= 0; i++)
		r = drop_own(ledger, lease, &lease->grants[i], pages, err);
	for (size_t i = 0; i < lease->grant_count && r >= 0; i++)
		r = pay_promoted(ledger, lease, &lease->grants[i], err);
	/* Last: the larger pages come out of what was given back just now. */
	for (size_t i = 0; i < lease->grant_count && r >= 0; i++)
		r = gr_undo_demotion(ledger, &lease->grants[i], err);
	return r;
}

int gr_lease_undo(struct gr_ledger *ledger, struct gr_lease *lease, uint64_t *ret_pages,
		  struct gr_error *err)
{
	uint64_t pages = 0;
	int r = undo(ledger, lease, &pages, err);

	if (ret_pages)
		*ret_pages = pages;
	if (r < 0) {
		if (err)
			err->class = GR_CLASS_STRANDED;
		rest(ledger, lease, NULL);
		return r;
	}
	r = rest(ledger, lease, err);
	return r < 0 ? r : lease->grant_count > 0;
}
