/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One page size of the kernel's huge-page pools as it is at this moment, and the writes that change
 * it by exact deltas. The kernel's files take absolute *persistent* counts and show totals that
 * include surplus: persistent = total - surplus. Private to lease/.
 *
 * Surplus pages are in-use pages above the persistent count (another tool's hand-over, or
 * overcommit). They bend the kernel's arithmetic: growing promotes them to persistent first; before
 * Linux 6.15 lowering does not drop free pages while they stand; and before Linux 6.7 a per-node
 * write counts the surplus of other nodes as well. Where a kernel has dropped free pages that were
 * surplus, a node has more surplus than pages, and a per-node write can take all memory (6.12).
 */
#ifndef GR_LEASE_POOL_H
#define GR_LEASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/root.h"

struct gr_pool_node {
	int node; /* -1: a kernel without nodes, the global files */
	uint64_t total, free, surplus;
	uint64_t persistent; /* total - surplus; 0 where that is negative */
	int64_t kernel_persistent; /* the same as the kernel computes with it */
};

struct gr_pools {
	uint64_t page_size_bytes;
	uint64_t total, free, reserved, surplus, persistent; /* of the whole host */
	struct gr_pool_node *nodes;
	size_t count;
	bool bent; /* there is surplus on some node, or what the kernel takes for it */
};

/** gr_pools_read - the counts of one size on every node that has such a pool. Return: 0 or -errno. */
int gr_pools_read(const struct gr_root *root, uint64_t page_size_bytes, struct gr_pools *ret,
		  struct gr_error *err);
void gr_pools_done(struct gr_pools *pools);
#define _cleanup_pools_ __attribute__((cleanup(gr_pools_done)))

const struct gr_pool_node *gr_pools_node(const struct gr_pools *pools, int node);

/** gr_pools_droppable - free pages of @one that a lowering would take off the list. */
uint64_t gr_pools_droppable(const struct gr_pools *pools, const struct gr_pool_node *one);

struct gr_pool_change {
	uint64_t got;      /* pages that joined; 0 is an answer, no error */
	uint64_t promoted; /* others' surplus pages of that node that became persistent on the way */
	bool foreign;      /* the count moved in a way that our write does not explain */
};

/** gr_pool_grow - ask the kernel once for @pages more on @node. Return: 0 or -errno. */
int gr_pool_grow(const struct gr_root *root, uint64_t page_size_bytes, int node, uint64_t pages,
		 struct gr_pool_change *ret, struct gr_error *err);

/**
 * gr_pool_lower - take @pages off the persistent count of @node
 *
 * The kernel drops free pages first; what is in use becomes surplus and goes home when its holder
 * lets go. Return: 0; -EIO (class stranded) when the read-back says that nothing happened.
 */
int gr_pool_lower(const struct gr_root *root, uint64_t page_size_bytes, int node, uint64_t pages,
		  struct gr_error *err);

/**
 * gr_pool_flush - after a lowering: drop free pages that an older kernel made surplus instead
 * @surplus_max: the most surplus pages that @node has if every free page was dropped as it should
 */
int gr_pool_flush(const struct gr_root *root, uint64_t page_size_bytes, int node,
		  uint64_t surplus_max, struct gr_error *err);

#endif
