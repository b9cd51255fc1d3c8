// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sums over nodes and zones. Where a scope holds all memory, the figures of /proc/meminfo are
 * taken instead of sums over nodes: they are exact, and they include memory that no node lists yet.
 */
#include "plan/scope.h"

#include <string.h>

#include "base/util.h"

bool gr_zone_is_movable(const struct gr_zone *zone)
{
	return !strcmp(zone->name, "Movable");
}

bool gr_scope_has(const struct gr_host *host, int node, unsigned int id)
{
	if (host->nodes_allowed.count > 0 && !gr_list_has(&host->nodes_allowed, id))
		return false;
	return node < 0 || (unsigned int)node == id;
}

bool gr_scope_whole(const struct gr_host *host, int node)
{
	if (host->node_count == 0)
		return node <= 0;
	if (node >= 0 && !gr_host_node(host, (unsigned int)node))
		return false;
	for (size_t i = 0; i < host->node_count; i++) {
		if (host->nodes[i].total_bytes > 0 && !gr_scope_has(host, node, host->nodes[i].id))
			return false;
	}
	return true;
}

uint64_t gr_scope_total_bytes(const struct gr_host *host, int node)
{
	uint64_t sum = 0;

	if (gr_scope_whole(host, node))
		return host->mem_total_bytes;
	for (size_t i = 0; i < host->node_count; i++) {
		if (gr_scope_has(host, node, host->nodes[i].id))
			sum = gr_add_sat(sum, host->nodes[i].total_bytes);
	}
	return gr_min_u64(sum, host->mem_total_bytes);
}

uint64_t gr_scope_available_bytes(const struct gr_host *host, int node)
{
	uint64_t sum = 0;

	if (gr_scope_whole(host, node))
		return host->mem_available_bytes;
	for (size_t i = 0; i < host->node_count; i++) {
		if (gr_scope_has(host, node, host->nodes[i].id))
			sum = gr_add_sat(sum, host->nodes[i].available_bytes_estimate);
	}
	return gr_min_u64(sum, host->mem_available_bytes);
}

uint64_t gr_scope_hugetlb_bytes(const struct gr_host *host, int node)
{
	bool whole = gr_scope_whole(host, node);
	uint64_t sum = 0;

	if (whole && host->hugetlb_bytes.known)
		return host->hugetlb_bytes.value;
	for (size_t i = 0; i < host->pool_count; i++) {
		const struct gr_pool *pool = &host->pools[i];

		if (whole ? pool->node < 0
			  : pool->node >= 0 && gr_scope_has(host, node, (unsigned int)pool->node))
			sum = gr_add_sat(sum, gr_mul_sat(pool->total, pool->page_size_bytes));
	}
	return sum;
}

uint64_t gr_scope_movable_free_bytes(const struct gr_host *host, int node)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < host->zone_count; i++) {
		if (gr_zone_is_movable(&host->zones[i]) &&
		    gr_scope_has(host, node, host->zones[i].node))
			pages = gr_add_sat(pages, host->zones[i].free_pages);
	}
	return gr_mul_sat(pages, gr_base_page(host));
}

uint64_t gr_scope_pool_free(const struct gr_host *host, uint64_t page_size_bytes, int node)
{
	const struct gr_pool *global = gr_host_pool(host, page_size_bytes, -1);
	bool per_node = false;
	uint64_t unreserved, sum = 0;

	if (!global)
		return 0;
	unreserved = gr_sub_floor(gr_sub_floor(global->free, global->reserved), global->claimed);
	for (size_t i = 0; i < host->pool_count; i++) {
		const struct gr_pool *pool = &host->pools[i];

		if (pool->node < 0 || pool->page_size_bytes != page_size_bytes)
			continue;
		per_node = true;
		if (gr_scope_has(host, node, (unsigned int)pool->node))
			sum = gr_add_sat(sum, gr_sub_floor(pool->free, pool->claimed));
	}
	return per_node ? gr_min_u64(sum, unreserved) : unreserved;
}

uint64_t gr_base_page(const struct gr_host *host)
{
	return host->base_page_bytes ? host->base_page_bytes : 4 * GR_KIB;
}

unsigned int gr_page_order(const struct gr_host *host, uint64_t page_size_bytes)
{
	uint64_t base = gr_base_page(host), ratio = page_size_bytes / base;

	if (ratio == 0 || page_size_bytes % base || (ratio & (ratio - 1)))
		return GR_ORDER_NONE;
	return (unsigned int)__builtin_ctzll(ratio);
}

unsigned int gr_max_order(const struct gr_host *host)
{
	unsigned int orders = 0;

	for (size_t i = 0; i < host->zone_count; i++) {
		if (host->zones[i].orders > orders)
			orders = host->zones[i].orders;
	}
	if (orders == 0)
		return GR_ORDER_NONE;
	return (orders < GR_ORDERS_MAX ? orders : GR_ORDERS_MAX) - 1;
}

bool gr_is_gigantic(const struct gr_host *host, uint64_t page_size_bytes)
{
	unsigned int order = gr_page_order(host, page_size_bytes), max = gr_max_order(host);

	/* Without buddy lists: the largest block has always been at least a huge PMD page. */
	if (max == GR_ORDER_NONE)
		return page_size_bytes > gr_pmd_size(host);
	return order != GR_ORDER_NONE && order > max;
}

uint64_t gr_pmd_size(const struct gr_host *host)
{
	uint64_t base = gr_base_page(host);

	if (host->thp.pmd_size_bytes)
		return host->thp.pmd_size_bytes;
	return gr_mul_sat(base, base / 8);
}
