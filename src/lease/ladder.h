/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ladder: how pages are obtained, cheapest rung first. Private to lease/.
 */
#ifndef GR_LEASE_LADDER_H
#define GR_LEASE_LADDER_H

#include "lease/ledger.h"

struct gr_climb { /* what a ladder works with */
	struct gr_ledger *ledger;
	struct gr_lease *lease;
	const struct gr_reserve_options *options;
	struct gr_reserve_report *report;
	uint64_t total_pages; /* for progress */
};

/**
 * gr_ladder_climb - get up to @pages for one grant of the lease
 *
 * Call gr_lease_aim_all() first. The lease is in GR_LEASE_RESERVING from before the first write.
 * @cheap: only the rungs that move no memory
 * @ret_short: pages that could not be had
 *
 * Return: 0 (also when short), -EINTR when interrupted, -errno.
 */
int gr_ladder_climb(struct gr_climb *climb, struct gr_lease_grant *grant, uint64_t pages,
		    bool cheap, uint64_t *ret_short, struct gr_error *err);

#endif
