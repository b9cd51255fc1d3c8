// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Free pages that are spoken for: those of leases that wait for their VM. The kernel does not know
 * them; whoever would take pages from the pool (the static backing) has to leave them alone.
 */
#include <string.h>

#include "base/util.h"
#include "lease/ledger.h"

static void claim_pool(struct gr_host *host, const struct gr_lease_grant *grant, int node)
{
	for (size_t i = 0; i < host->pool_count; i++) {
		struct gr_pool *pool = &host->pools[i];

		if (pool->page_size_bytes == grant->page_size_bytes && pool->node == node)
			pool->claimed += grant->pages;
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

		if ((lease->state != GR_LEASE_HELD && lease->state != GR_LEASE_PENDING) ||
		    (except && !strcmp(except, lease->name)))
			continue;
		for (size_t k = 0; k < lease->grant_count; k++) {
			claim_pool(host, &lease->grants[k], -1);
			if (lease->grants[k].node >= 0)
				claim_pool(host, &lease->grants[k], lease->grants[k].node);
		}
	}
	gr_leases_done(&leases);
	return 0;
}
