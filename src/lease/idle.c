// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How many pages are idle. Free pages of a pool are alike: what is promised to programs, what other
 * leases claim and what the borrower itself has got so far is set aside first. Pages that no lease
 * knows of may be in the pool as well, and whether those in use are theirs or the lenders' nobody
 * can tell: then as many as are in use count as the lenders', so that none of the others' is taken.
 * Where there is surplus nothing is lent: the kernel's arithmetic is bent there (pool.h).
 */
#include "lease/idle.h"

#include <string.h>

#include "base/util.h"
#include "plan/scope.h"

bool gr_idle_lends(const struct gr_lease *lease)
{
	return lease->lend && lease->state == GR_LEASE_HELD;
}

void gr_idle_done(struct gr_idle *idle)
{
	gr_host_free(idle->host);
	gr_leases_done(&idle->leases);
	*idle = (struct gr_idle){ 0 };
}

int gr_idle_read(struct gr_ledger *ledger, const struct gr_lease *borrower, struct gr_idle *ret,
		 struct gr_error *err)
{
	struct gr_idle idle = { .borrower = borrower };
	bool any = false;
	int r = gr_ledger_list(ledger, &idle.leases, err);

	for (size_t i = 0; i < idle.leases.count && r >= 0; i++)
		any |= gr_idle_lends(idle.leases.leases[i]) &&
		       gr_lease_of_this_boot(ledger, idle.leases.leases[i]);
	/* Mostly nobody lends, and nothing has to be looked at. */
	if (r >= 0 && !any)
		gr_leases_done(&idle.leases);
	if (r >= 0 && any)
		r = gr_host_read(ledger->root, GR_READ_POOLS, &idle.host, err);
	if (r >= 0 && any)
		r = gr_ledger_claim_unlent(ledger, borrower ? borrower->name : NULL, idle.host,
					   err);
	if (r < 0)
		gr_idle_done(&idle);
	else
		*ret = idle;
	return r;
}

static uint64_t pages_at(const struct gr_lease *lease, int node, uint64_t page_size_bytes)
{
	uint64_t pages = 0;

	for (size_t i = 0; lease && i < lease->grant_count; i++) {
		const struct gr_lease_grant *grant = &lease->grants[i];

		if (grant->node == node && grant->page_size_bytes == page_size_bytes)
			pages += grant->pages + grant->promoted_pages;
	}
	return pages;
}

/* The whole host's pool beside those of its nodes? */
static bool is_sum(const struct gr_host *host, const struct gr_pool *pool)
{
	for (size_t i = 0; i < host->pool_count && pool->node < 0; i++) {
		if (host->pools[i].node >= 0 &&
		    host->pools[i].page_size_bytes == pool->page_size_bytes)
			return true;
	}
	return false;
}

static bool has_surplus(const struct gr_host *host, uint64_t page_size_bytes)
{
	for (size_t i = 0; i < host->pool_count; i++) {
		const struct gr_pool *pool = &host->pools[i];

		if (pool->page_size_bytes == page_size_bytes &&
		    (pool->surplus || pool->answer != GR_ANSWER_OK))
			return true;
	}
	return false;
}

uint64_t gr_idle_pages(const struct gr_idle *idle, int node, uint64_t page_size_bytes)
{
	const struct gr_pool *pool, *global;
	uint64_t ours, lent = 0, all, free_pages;

	if (!idle->host || has_surplus(idle->host, page_size_bytes))
		return 0;
	pool = gr_host_pool(idle->host, page_size_bytes, node);
	global = gr_host_pool(idle->host, page_size_bytes, -1);
	if (!pool || !global)
		return 0;
	ours = all = pages_at(idle->borrower, node, page_size_bytes);
	for (size_t i = 0; i < idle->leases.count; i++) {
		const struct gr_lease *lease = idle->leases.leases[i];
		uint64_t pages = pages_at(lease, node, page_size_bytes);

		if (idle->borrower && !strcmp(idle->borrower->name, lease->name))
			continue;
		all += pages;
		lent += gr_idle_lends(lease) ? pages : 0;
	}
	/* Reservations are counted for the whole host: any node's free pages may keep them. */
	free_pages = gr_sub_floor(pool->free, global->reserved);
	free_pages = gr_sub_floor(free_pages, gr_add_sat(pool->claimed, ours));
	if (pool->total > all)
		lent = gr_sub_floor(lent, pool->used_by_unknown);
	return gr_min_u64(free_pages, lent);
}

int gr_ledger_add_idle(struct gr_ledger *ledger, struct gr_host *host, struct gr_error *err)
{
	_cleanup_idle_ struct gr_idle idle = { 0 };
	int r = gr_idle_read(ledger, NULL, &idle, err);

	for (size_t i = 0; i < host->pool_count && r >= 0 && idle.host; i++) {
		struct gr_pool *pool = &host->pools[i];
		uint64_t pages = is_sum(host, pool) ? 0 :
				 gr_idle_pages(&idle, pool->node, pool->page_size_bytes);
		uint64_t bytes = gr_mul_sat(pages, pool->page_size_bytes);

		pool->total = gr_sub_floor(pool->total, pages);
		pool->free = gr_sub_floor(pool->free, pages);
		host->mem_available_bytes = gr_add_sat(host->mem_available_bytes, bytes);
		host->hugetlb_bytes.value = gr_sub_floor(host->hugetlb_bytes.value, bytes);
		for (size_t k = 0; k < host->node_count; k++) {
			if (pool->node >= 0 && host->nodes[k].id == (unsigned int)pool->node)
				host->nodes[k].available_bytes_estimate = gr_add_sat(
					host->nodes[k].available_bytes_estimate, bytes);
		}
	}
	return r;
}

/* May these be lent to the climb? Not out of a pool whose pages the borrower cut up: what it owes
 * there is counted from where the pool stands. */
static uint64_t lendable(const struct gr_idle *idle, const struct gr_climb *climb, int node,
			 uint64_t page_size_bytes)
{
	for (size_t i = 0; i < climb->lease->grant_count; i++) {
		const struct gr_lease_grant *grant = &climb->lease->grants[i];

		if (grant->page_size_bytes == page_size_bytes && grant->demoted_pages)
			return 0;
	}
	return gr_idle_pages(idle, node, page_size_bytes);
}

bool gr_worth_borrowing(const struct gr_climb *climb, const struct gr_look *look)
{
	_cleanup_idle_ struct gr_idle idle = { 0 };

	if (gr_idle_read(climb->ledger, climb->lease, &idle, NULL) < 0 || !idle.host)
		return false;
	for (size_t i = 0; i < idle.host->page_size_count; i++) {
		if (idle.host->page_sizes[i] >= look->page_size_bytes &&
		    lendable(&idle, climb, look->node, idle.host->page_sizes[i]))
			return true;
	}
	return false;
}

/* Pools of at least that size, the smallest first, until @bytes are had. Node -1: any. */
static int borrow_bytes(struct gr_climb *climb, int node, uint64_t least_size, uint64_t bytes,
			struct gr_error *err)
{
	_cleanup_idle_ struct gr_idle idle = { 0 };
	int r = gr_idle_read(climb->ledger, climb->lease, &idle, err);
	uint64_t size = 0;

	while (r >= 0 && idle.host && bytes) {
		uint64_t next = UINT64_MAX;

		for (size_t i = 0; i < idle.host->pool_count && bytes && r >= 0; i++) {
			const struct gr_pool *pool = &idle.host->pools[i];
			uint64_t pages, lent = 0;

			if (pool->page_size_bytes > size && pool->page_size_bytes >= least_size)
				next = gr_min_u64(next, pool->page_size_bytes);
			if (pool->page_size_bytes != size || is_sum(idle.host, pool) ||
			    (node >= 0 && pool->node != node))
				continue;
			pages = gr_min_u64(lendable(&idle, climb, pool->node, size),
					   gr_div_up(bytes, size));
			if (pages)
				r = gr_lend(climb, pool->node, size, pages, &lent, err);
			bytes = gr_sub_floor(bytes, lent * size);
		}
		if (next == UINT64_MAX)
			break;
		size = next;
	}
	return r;
}

int gr_borrow(struct gr_climb *climb, struct gr_lease_grant *grant, const struct gr_look *look,
	      struct gr_rung *rung, struct gr_error *err)
{
	return borrow_bytes(climb, grant->node, look->page_size_bytes, look->short_bytes, err);
}

/* What the wishes of one scope lack above the floor. */
static uint64_t lack(const struct gr_host *host, const struct gr_reserve_options *options, int node)
{
	uint64_t bytes = 0, room = UINT64_MAX;

	for (size_t i = 0; i < options->grant_count; i++) {
		const struct gr_grant *want = &options->grants[i];

		if (node >= 0 && gr_grant_scope(want) != node)
			continue;
		bytes = gr_add_sat(bytes, gr_mul_sat(want->pages, want->page_size_bytes));
		room = gr_min_u64(room, gr_floor_room(host, &options->floor,
						      want->page_size_bytes, node));
	}
	/* Below its floor the host has no room at all, and that much less. */
	if (!room)
		bytes = gr_add_sat(bytes, gr_floor_lack(host, &options->floor));
	return gr_sub_floor(bytes, room);
}

int gr_borrow_for_floor(struct gr_climb *climb, struct gr_error *err)
{
	const struct gr_reserve_options *options = climb->options;
	int r = 0;

	for (size_t i = 0; i <= options->grant_count && r >= 0; i++) {
		_cleanup_host_ struct gr_host *host = NULL;
		int node = i < options->grant_count ? gr_grant_scope(&options->grants[i]) : -1;
		uint64_t bytes;

		if (node < 0 && i < options->grant_count)
			continue;
		r = gr_host_read(climb->ledger->root, GR_READ_POOLS, &host, err);
		bytes = r < 0 ? 0 : lack(host, options, node);
		if (bytes)
			r = borrow_bytes(climb, node, host->base_page_bytes, bytes, err);
	}
	return r;
}
