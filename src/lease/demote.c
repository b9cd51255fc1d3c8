// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Cutting up a free larger huge page, with consent. The kernel can demote but not promote: what was
 * cut is owed to the larger pool, and when the lease is given back its pages go to the host and the
 * larger ones are taken from there again. Until then the lease remembers them (demoted_pages), the
 * most of it before the write, exactly after it.
 *
 * Left alone are pages that leases hold for somebody, and pools in which more is reserved than is
 * free on the node: there the kernel's own check wraps, and demotes what is promised.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/util.h"
#include "lease/demote.h"

/* Free pages of @pool that nobody has a claim to. */
static uint64_t unclaimed(const struct gr_host *host, const struct gr_pool *pool)
{
	const struct gr_pool *global = gr_host_pool(host, pool->page_size_bytes, -1);
	uint64_t reserved = global ? global->reserved : 0;

	if (pool->answer != GR_ANSWER_OK || reserved >= pool->free || pool->surplus)
		return 0;
	return gr_sub_floor(pool->free - reserved, pool->claimed);
}

/* The pool on the node whose pages are cut into pages of this size, smallest first. */
static const struct gr_pool *source(const struct gr_look *look, uint64_t *ret_pages)
{
	const struct gr_pool *best = NULL;

	for (size_t i = 0; i < look->host->pool_count; i++) {
		const struct gr_pool *pool = &look->host->pools[i];

		if (pool->node != look->node || !pool->has_demote ||
		    !pool->demote_size_bytes.known ||
		    pool->demote_size_bytes.value != look->page_size_bytes ||
		    (best && best->page_size_bytes < pool->page_size_bytes))
			continue;
		*ret_pages = unclaimed(look->host, pool);
		if (*ret_pages)
			best = pool;
	}
	return best;
}

bool gr_worth_demoting(const struct gr_climb *climb, const struct gr_look *look)
{
	uint64_t pages;

	return look->node >= 0 && source(look, &pages) != NULL;
}

/* The intent: the most that this can take from one pool and bring to the other. */
static int save_intent(struct gr_climb *climb, int node, uint64_t large, uint64_t small,
		       uint64_t count, struct gr_error *err)
{
	struct gr_lease_grant *from, *to;
	int r;

	if (!gr_lease_grant_at(climb->lease, node, large))
		return gr_error_nomem(err);
	from = gr_lease_grant_at(climb->lease, node, large); /* both are there: neither moves */
	to = gr_lease_grant_at(climb->lease, node, small);
	r = gr_lease_aim_all(climb->ledger, climb->lease, err);
	if (r < 0)
		return r;
	from->demoted_pages += count;
	to->asked_pages = to->pages + count * (large / small);
	climb->lease->state = GR_LEASE_RESERVING;
	return gr_ledger_save(climb->ledger, climb->lease, err);
}

static int persistent_pages(const struct gr_root *root, int node, uint64_t size, uint64_t *ret,
			    struct gr_error *err)
{
	_cleanup_pools_ struct gr_pools pools = { 0 };
	const struct gr_pool_node *one;
	int r = gr_pools_read(root, size, &pools, err);

	if (r < 0)
		return r;
	one = gr_pools_node(&pools, node);
	*ret = one ? one->persistent : 0;
	return 0;
}

int gr_demote(struct gr_climb *climb, struct gr_lease_grant *grant, const struct gr_look *look,
	      struct gr_rung *rung, struct gr_error *err)
{
	_cleanup_host_ struct gr_host *host = NULL;
	struct gr_look now = *look;
	const struct gr_pool *pool;
	uint64_t small = grant->page_size_bytes, large, there, count, before, after, was, is;
	int node = grant->node, r;
	char path[128];

	r = gr_host_read(climb->ledger->root, GR_READ_POOLS, &host, err);
	if (r >= 0)
		r = gr_ledger_claim(climb->ledger, climb->lease->name, host, err);
	if (r < 0)
		return r;
	now.host = host;
	pool = source(&now, &there);
	if (!pool)
		return 0;
	large = pool->page_size_bytes;
	count = gr_min_u64(there, gr_div_up(look->short_bytes, large));
	r = gr_pool_path(large, node, "demote", path, sizeof(path));
	if (r < 0)
		return 0;
	r = save_intent(climb, node, large, small, count, err);
	if (r >= 0)
		r = persistent_pages(climb->ledger->root, node, large, &before, err);
	if (r >= 0)
		r = persistent_pages(climb->ledger->root, node, small, &was, err);
	if (r < 0)
		return r;
	/* What came of it is read back, whatever the write says. */
	gr_root_write_u64(climb->ledger->root, path, count, NULL, NULL);
	r = persistent_pages(climb->ledger->root, node, large, &after, err);
	if (r >= 0)
		r = persistent_pages(climb->ledger->root, node, small, &is, err);
	if (r < 0)
		return r;
	gr_lease_grant_at(climb->lease, node, large)->demoted_pages -=
		count - gr_min_u64(count, gr_sub_floor(before, after));
	grant = gr_lease_grant_at(climb->lease, node, small);
	grant->pages += gr_min_u64(gr_sub_floor(is, was), count * (large / small));
	grant->asked_pages = grant->pages;
	return gr_ledger_save(climb->ledger, climb->lease, err);
}

int gr_undo_demotion(struct gr_ledger *ledger, struct gr_lease_grant *grant, struct gr_error *err)
{
	_cleanup_pools_ struct gr_pools pools = { 0 };
	const struct gr_pool_node *one;
	struct gr_pool_change change;
	uint64_t missing;
	int r;

	if (!grant->demoted_pages)
		return 0;
	r = gr_pools_read(ledger->root, grant->page_size_bytes, &pools, err);
	if (r < 0)
		return r;
	one = gr_pools_node(&pools, grant->node);
	missing = one ? gr_min_u64(gr_sub_floor(grant->goal_pages, one->persistent),
				   grant->demoted_pages) : 0;
	grant->demoted_pages = missing;
	if (!missing)
		return 0;
	r = gr_pool_grow(ledger->root, grant->page_size_bytes, grant->node, missing, &change, err);
	if (r < 0)
		return r;
	grant->demoted_pages -= gr_min_u64(change.got, missing);
	return 0;
}
