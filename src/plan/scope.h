/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A scope is where pages may come from: one node, or (-1) every node that this process's cpuset
 * allows, since pool growth obeys the cpuset of the writer. These are the sums over a scope that
 * obtain.c and floor.c share, and saturating arithmetic for numbers that came from outside.
 */
#ifndef GR_PLAN_SCOPE_H
#define GR_PLAN_SCOPE_H

#include "base/size.h"
#include "plan/plan.h"

#define GR_ORDER_NONE UINT32_MAX

static inline uint64_t gr_add_sat(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static inline uint64_t gr_mul_sat(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

bool gr_zone_is_movable(const struct gr_zone *zone);

/** gr_scope_has - do pages of host node @id belong to scope @node? */
bool gr_scope_has(const struct gr_host *host, int node, unsigned int id);
/** gr_scope_whole - does the scope hold all memory of the host? Then host figures are the better.
 */
bool gr_scope_whole(const struct gr_host *host, int node);
uint64_t gr_scope_total_bytes(const struct gr_host *host, int node);
uint64_t gr_scope_available_bytes(const struct gr_host *host, int node);
uint64_t gr_scope_hugetlb_bytes(const struct gr_host *host, int node);
uint64_t gr_scope_movable_free_bytes(const struct gr_host *host, int node);
/** gr_scope_pool_free - free pages of a pool that nobody has reserved; node files know no
 * reservations, so a node is bounded by the global figure. */
uint64_t gr_scope_pool_free(const struct gr_host *host, uint64_t page_size_bytes, int node);

/** gr_base_page - of the host; 4096 where it could not be read. */
uint64_t gr_base_page(const struct gr_host *host);
/** gr_page_order - log2(page / base page), or GR_ORDER_NONE where that is no whole power. */
unsigned int gr_page_order(const struct gr_host *host, uint64_t page_size_bytes);
/** gr_max_order - largest order the buddy lists have, GR_ORDER_NONE without buddy lists. */
unsigned int gr_max_order(const struct gr_host *host);
/** gr_is_gigantic - larger than any buddy block: found by searching, never in ZONE_MOVABLE. */
bool gr_is_gigantic(const struct gr_host *host, uint64_t page_size_bytes);
/** gr_pmd_size - what one entry of the second table level maps: the size of a THP. */
uint64_t gr_pmd_size(const struct gr_host *host);

#endif
