// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Free pages that are spoken for: those of leases that wait for their VM, and those that a VMM which
 * takes its pages from the pool itself has not taken yet. The kernel does not know them; whoever would take pages from the pool (the static backing) has to leave them alone.
 */
#include <string.h>

#include "base/util.h"
#include "lease/ledger.h"
#include "verify/process.h"

/* Pages of a lease that its VMM has not taken yet; all of one that has no VMM. */
static uint64_t untaken(const struct gr_root *root, const struct gr_lease *lease,
			const struct gr_lease_grant *grant)
{
	uint64_t taken_bytes = 0;

	if (lease->state != GR_LEASE_OWNED)
		return grant->pages;
	/* Of a process that cannot be read nothing is known: then it has none. */
	gr_process_status_bytes(root, lease->owner_pid, "HugetlbPages", &taken_bytes);
	return gr_sub_floor(grant->pages, taken_bytes / grant->page_size_bytes);
}

static void claim_pool(struct gr_host *host, const struct gr_lease_grant *grant, uint64_t pages,
		       int node)
{
	for (size_t i = 0; i < host->pool_count; i++) {
		struct gr_pool *pool = &host->pools[i];

		if (pool->page_size_bytes == grant->page_size_bytes && pool->node == node)
			pool->claimed += pages;
	}
}

int gr_ledger_claim(struct gr_ledger *ledger, const char *except, struct gr_host *host,
		    struct gr_error *err)
{
	struct gr_leases leases = { 0 };
	int r = gr_ledger_list(ledger, &leases, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < leases.count; i++) {
		const struct gr_lease *lease = leases.leases[i];

		if ((lease->state != GR_LEASE_HELD && lease->state != GR_LEASE_PENDING &&
		     !(lease->state == GR_LEASE_OWNED && lease->from_pool)) ||
		    (except && !strcmp(except, lease->name)))
			continue;
		for (size_t k = 0; k < lease->grant_count; k++) {
			const struct gr_lease_grant *grant = &lease->grants[k];
			uint64_t pages = untaken(ledger->root, lease, grant);

			claim_pool(host, grant, pages, -1);
			if (grant->node >= 0)
				claim_pool(host, grant, pages, grant->node);
		}
	}
	gr_leases_done(&leases);
	return 0;
}
