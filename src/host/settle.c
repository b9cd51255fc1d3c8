// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What follows from the figures once they are read; nothing is opened here.
 *
 * The kernel says what is available for the whole host only, so each node gets what
 * si_mem_available() would answer with the node's own zones and lists: an estimate, but one whose
 * sum comes close to MemAvailable. And memory that is initialised lazily is free in /proc/meminfo
 * but in no zone yet; on a host with one memory node it can only belong to that node.
 */
#include <errno.h>

#include "base/size.h"
#include "base/util.h"
#include "host/read.h"

/* Free memory outside of all zones is believed only beyond what two reads may differ by. */
#define UNPLACED_MIN (64 * GR_MIB)

/* Sums over zones, in bytes. */
struct zone_sums {
	uint64_t managed, free, low, reserve;
};

static void add_pages(const struct gr_host *host, uint64_t *bytes, uint64_t pages)
{
	uint64_t more;

	if (__builtin_mul_overflow(pages, host->base_page_bytes, &more))
		more = UINT64_MAX;
	*bytes = gr_add_saturating(*bytes, more);
}

/* Over the zones of a node, or all with -1. */
static struct zone_sums sum_zones(const struct gr_host *host, int64_t node)
{
	struct zone_sums sums = { 0 };

	for (size_t i = 0; i < host->zone_count; i++) {
		const struct gr_zone *zone = &host->zones[i];
		uint64_t held;

		if (node >= 0 && zone->node != node)
			continue;
		/* As in calculate_totalreserve_pages(). */
		held = gr_add_saturating(zone->lowmem_reserve_pages, zone->high_pages);
		add_pages(host, &sums.reserve, gr_min_u64(held, zone->managed_pages));
		add_pages(host, &sums.managed, zone->managed_pages);
		add_pages(host, &sums.free, zone->free_pages);
		add_pages(host, &sums.low, zone->low_pages);
	}
	return sums;
}

/* si_mem_available(): all free memory but the reserves, and of page cache and reclaimable slab
 * what is beyond the low watermark or half of it. */
static uint64_t available(uint64_t free, uint64_t file, uint64_t slab, const struct zone_sums *sums)
{
	uint64_t bytes = gr_sub_floor(free, sums->reserve);

	bytes = gr_add_saturating(bytes, file - gr_min_u64(file / 2, sums->low));
	return gr_add_saturating(bytes, slab - gr_min_u64(slab / 2, sums->low));
}

static int settle_host(const struct gr_meminfo *mem, struct gr_host *host)
{
	struct zone_sums sums = sum_zones(host, -1);
	uint64_t placed = sums.free, bytes;

	if (!host->zone_count) {
		for (size_t i = 0; i < host->node_count; i++)
			placed = gr_add_saturating(placed, host->nodes[i].free_bytes);
	}
	/* With neither zones nor nodes nothing is known to be missing. */
	if (placed && gr_sub_floor(mem->free.value, placed) > UNPLACED_MIN)
		host->unplaced_free_bytes = mem->free.value - placed;

	if (mem->available.known) {
		host->mem_available_bytes = mem->available.value;
		return 0;
	}
	bytes = available(mem->free.value, gr_meminfo_file(mem), gr_meminfo_reclaimable(mem),
			  &sums);
	host->mem_available_bytes = gr_min_u64(bytes, mem->total.value);
	return gr_host_note(host, "/proc/meminfo has no MemAvailable: ours is an estimate");
}

static void settle_node(const struct gr_host *host, struct gr_node *node)
{
	struct zone_sums sums = sum_zones(host, node->id);
	uint64_t bytes;

	/* A node whose own file could not be read is what its zones add up to. */
	if (!node->memory_known && sums.managed) {
		node->total_bytes = sums.managed;
		node->free_bytes = sums.free;
		node->memory_known = true;
	}
	bytes = available(node->free_bytes, node->file_bytes, node->slab_reclaimable_bytes, &sums);
	node->available_bytes_estimate = gr_min_u64(bytes, node->total_bytes);
}

/* The only node that has memory (or may have, for all we know), or NULL. */
static struct gr_node *only_memory_node(const struct gr_host *host)
{
	struct gr_node *found = NULL;

	for (size_t i = 0; i < host->node_count; i++) {
		struct gr_node *node = &host->nodes[i];

		if (node->memory_known && !node->total_bytes)
			continue;
		if (found)
			return NULL;
		found = node;
	}
	return found;
}

int gr_host_settle(const struct gr_meminfo *mem, struct gr_host *host)
{
	char size[GR_TEXT_MAX];
	struct gr_node *only;
	int r = settle_host(mem, host);

	if (r < 0)
		return r;
	for (size_t i = 0; i < host->node_count; i++)
		settle_node(host, &host->nodes[i]);
	only = only_memory_node(host);
	if (only) {
		/* The node's figures are the host's, and the host's know more. */
		if (host->unplaced_free_bytes || !only->memory_known) {
			only->total_bytes = gr_max_u64(only->total_bytes, mem->total.value);
			only->free_bytes = gr_max_u64(only->free_bytes, mem->free.value);
		}
		only->memory_known = true;
		only->available_bytes_estimate = host->mem_available_bytes;
	}
	if (!host->unplaced_free_bytes)
		return 0;
	gr_size_text(host->unplaced_free_bytes, size);
	if (only)
		return gr_host_note(host,
				    "%s of free memory are in no zone yet (initialised lazily): "
				    "counted for node %u, the only one with memory",
				    size, only->id);
	return gr_host_note(host,
			    "%s of free memory are in no zone yet (initialised lazily): "
			    "counted for no node",
			    size);
}
