// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Free pages that are spoken for: those of leases that wait for their VM, those that a VMM which
 * takes its pages from the pool itself has not taken yet, and those of declared owners. The kernel
 * does not know them; whoever would take pages from the pool has to leave them alone.
 *
 * What a known process has taken is in its page tables. Of an owner without a pid it is what is in
 * use beyond what every known process and lease has. Pages of a held lease that are in use may be
 * counted for such an owner, but then the lease claims its pages in full: the sum is right.
 */
#include <string.h>

#include "base/util.h"
#include "lease/ledger.h"
#include "verify/holders.h"
#include "verify/process.h"

struct pool_use {
	uint64_t unknown;  /* pages in use, of whom is not known so far */
	uint64_t anywhere; /* of the global pool: claimed on no particular node */
};

struct claims {
	const struct gr_ledger *ledger;
	struct gr_host *host;
	struct pool_use *uses; /* one for each pool of the host */
	const char *except;    /* a lease whose pages may be used, or NULL */
	const char *skip;      /* a lease that is not looked at, or NULL */
	bool unlent;           /* leave out what leases hold that lend */
};

static void use(struct claims *c, const struct gr_lease_grant *grant, uint64_t pages)
{
	for (size_t i = 0; i < c->host->pool_count; i++) {
		const struct gr_pool *pool = &c->host->pools[i];

		if (pool->page_size_bytes == grant->page_size_bytes &&
		    (pool->node < 0 || pool->node == grant->node))
			c->uses[i].unknown = gr_sub_floor(c->uses[i].unknown, pages);
	}
}

/* Takes what it can of a grant from what is in use and unknown. Return: how many pages. */
static uint64_t use_unknown(struct claims *c, const struct gr_lease_grant *grant)
{
	const struct gr_pool *pool = gr_host_pool(c->host, grant->page_size_bytes, grant->node);
	uint64_t pages =
		pool ? gr_min_u64(c->uses[pool - c->host->pools].unknown, grant->pages) : 0;

	use(c, grant, pages);
	return pages;
}

static void claim(struct claims *c, const struct gr_lease_grant *grant, uint64_t pages)
{
	for (size_t i = 0; i < c->host->pool_count; i++) {
		struct gr_pool *pool = &c->host->pools[i];

		if (pool->page_size_bytes != grant->page_size_bytes ||
		    (pool->node >= 0 && pool->node != grant->node))
			continue;
		pool->claimed += pages;
		if (grant->node < 0)
			c->uses[i].anywhere += pages;
	}
}

/* Pages on any node: each node has to leave what the others have not free for them. */
static void claim_anywhere(struct gr_host *host, uint64_t page_size_bytes, uint64_t pages)
{
	uint64_t usable = 0;

	for (size_t i = 0; i < host->pool_count && pages; i++) {
		const struct gr_pool *pool = &host->pools[i];

		if (pool->node >= 0 && pool->page_size_bytes == page_size_bytes)
			usable += gr_sub_floor(pool->free, pool->claimed);
	}
	for (size_t i = 0; i < host->pool_count && pages; i++) {
		struct gr_pool *pool = &host->pools[i];

		if (pool->node >= 0 && pool->page_size_bytes == page_size_bytes) {
			uint64_t here = gr_sub_floor(pool->free, pool->claimed);

			pool->claimed += gr_min_u64(here, gr_sub_floor(pages, usable - here));
		}
	}
}

/* What the process of a lease has of each grant. Where numa_maps cannot be read, only a sum of all
 * sizes and nodes is known: then the grants have it in their order. */
static void read_taken(const struct gr_root *root, const struct gr_lease *lease, uint64_t *taken)
{
	_cleanup_free_ struct gr_taken *list = NULL;
	size_t count = 0;
	uint64_t bytes = 0;

	if (gr_process_taken(root, lease->owner_pid, &list, &count) < 0) {
		/* Of a process that cannot be read nothing is known: then it has none. */
		gr_process_status_bytes(root, lease->owner_pid, "HugetlbPages", &bytes);
		for (size_t i = 0; i < lease->grant_count; i++) {
			const struct gr_lease_grant *grant = &lease->grants[i];

			taken[i] = gr_min_u64(grant->pages, bytes / grant->page_size_bytes);
			bytes -= taken[i] * grant->page_size_bytes;
		}
		return;
	}
	for (size_t i = 0; i < lease->grant_count; i++) {
		const struct gr_lease_grant *grant = &lease->grants[i];

		for (size_t k = 0; k < count; k++) {
			if (list[k].page_size_bytes == grant->page_size_bytes &&
			    (grant->node < 0 || list[k].node < 0 || list[k].node == grant->node))
				taken[i] += list[k].pages;
		}
		taken[i] = gr_min_u64(taken[i], grant->pages);
	}
}

/* A lease of which it is known who has its pages, or that nobody has them. */
static int claim_known(struct claims *c, const struct gr_lease *lease)
{
	_cleanup_free_ uint64_t *taken = calloc(lease->grant_count + 1, sizeof(*taken));
	bool waits = lease->state == GR_LEASE_HELD || lease->state == GR_LEASE_PENDING ||
		     lease->state == GR_LEASE_LENDING;
	bool from_pool = lease->state == GR_LEASE_EXTERNAL ||
			 (lease->state == GR_LEASE_OWNED && lease->from_pool);
	/* A declaration is nobody's own lease. */
	bool except = c->except && lease->state != GR_LEASE_EXTERNAL &&
		      !strcmp(c->except, lease->name);

	except |= c->unlent && waits && lease->lend;
	if (!taken)
		return -ENOMEM;
	if (from_pool)
		read_taken(c->ledger->root, lease, taken);
	for (size_t i = 0; i < lease->grant_count; i++) {
		const struct gr_lease_grant *grant = &lease->grants[i];

		if (!waits) /* all of it where the VM has files of ours */
			use(c, grant, from_pool ? taken[i] : grant->pages);
		if (!except && (waits || from_pool))
			claim(c, grant, grant->pages - taken[i]);
	}
	return 0;
}

static void claim_unknown(struct claims *c, const struct gr_lease *lease)
{
	for (size_t i = 0; i < lease->grant_count; i++) {
		const struct gr_lease_grant *grant = &lease->grants[i];

		claim(c, grant, grant->pages - use_unknown(c, grant));
	}
}

static int claim_all(struct claims *c, const struct gr_leases *leases)
{
	for (size_t i = 0; i < 2 * leases->count; i++) {
		const struct gr_lease *lease = leases->leases[i % leases->count];
		bool external = lease->state == GR_LEASE_EXTERNAL;
		bool known = !external || gr_owner_lives(c->ledger->root, lease->owner_pid,
							 lease->owner_start_time);

		if (!gr_lease_of_this_boot(c->ledger, lease) || known != (i < leases->count) ||
		    (c->skip && !strcmp(c->skip, lease->name)))
			continue;
		if (!known)
			claim_unknown(c, lease);
		else if (claim_known(c, lease) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int make_claims(struct claims *c, struct gr_ledger *ledger, struct gr_error *err)
{
	struct gr_host *host = c->host;
	_cleanup_free_ struct pool_use *uses = calloc(host->pool_count + 1, sizeof(*uses));
	struct gr_leases leases = { 0 };
	int r = uses ? gr_ledger_list(ledger, &leases, err) : gr_error_nomem(err);

	if (r < 0)
		return r;
	c->ledger = ledger;
	c->uses = uses;
	for (size_t i = 0; i < host->pool_count; i++)
		uses[i].unknown = gr_sub_floor(host->pools[i].total, host->pools[i].free);
	if (claim_all(c, &leases) < 0)
		r = gr_error_nomem(err);
	for (size_t i = 0; i < host->pool_count; i++) {
		claim_anywhere(host, host->pools[i].page_size_bytes, uses[i].anywhere);
		host->pools[i].used_by_unknown = uses[i].unknown;
	}
	gr_leases_done(&leases);
	return r;
}

int gr_ledger_claim(struct gr_ledger *ledger, const char *except, struct gr_host *host,
		    struct gr_error *err)
{
	struct claims c = { .host = host, .except = except };

	return make_claims(&c, ledger, err);
}

int gr_ledger_claim_unlent(struct gr_ledger *ledger, const char *skip, struct gr_host *host,
			   struct gr_error *err)
{
	struct claims c = { .host = host, .skip = skip, .unlent = true };

	return make_claims(&c, ledger, err);
}
