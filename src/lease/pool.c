// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading and writing pools. Without surplus anywhere the per-node file is exact on every kernel
 * and is used. With surplus, nr_hugepages_mempolicy under MPOL_BIND to the node is used instead: it
 * takes the host's persistent count and touches only that node, and so avoids the per-node
 * arithmetic that kernels get wrong: those before 6.7 count surplus of other nodes, those since
 * take all memory where a node has more surplus than pages. Every write is read back.
 *
 * Kernels before 6.15 also forget, while lowering, that surplus is not persistent, and leave as
 * many free pages in the pool as there is surplus anywhere, as surplus on the free list. Those are
 * cycled out: a page that is freed on a node with surplus leaves the pool.
 */
#include "lease/pool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "host/host.h"
#include "lease/bound.h"

#define NODES_MAX 1024
#define READS_MAX 1000

static int read_count(const struct gr_root *root, uint64_t page_size_bytes, int node,
		      const char *file, uint64_t *ret, struct gr_error *err)
{
	char path[128];
	int r = gr_pool_path(page_size_bytes, node, file, path, sizeof(path));

	if (r < 0)
		return gr_error_set(err, GR_CLASS_SYSTEM, -r, "path of pool file %s", file);
	return gr_root_read_u64(root, path, ret, err);
}

/*
 * Total and surplus are two files, and both fall while a VM that holds surplus pages ends: read
 * until the surplus is the same before and after the total.
 */
static int read_total(const struct gr_root *root, uint64_t page_size_bytes, int node,
		      uint64_t *ret_total, uint64_t *ret_surplus, struct gr_error *err)
{
	uint64_t surplus, again = 0;
	int r = read_count(root, page_size_bytes, node, "surplus_hugepages", &again, err);

	for (int i = 0; r >= 0 && i < READS_MAX; i++) {
		surplus = again;
		r = read_count(root, page_size_bytes, node, "nr_hugepages", ret_total, err);
		if (r >= 0)
			r = read_count(root, page_size_bytes, node, "surplus_hugepages", &again, err);
		if (r >= 0 && again == surplus)
			break;
	}
	*ret_surplus = again;
	return r;
}

static int read_node(const struct gr_root *root, struct gr_pools *pools, int node,
		     struct gr_error *err)
{
	struct gr_pool_node one = { .node = node };
	int r = read_total(root, pools->page_size_bytes, node, &one.total, &one.surplus, err);

	if (r >= 0)
		r = read_count(root, pools->page_size_bytes, node, "free_hugepages", &one.free, err);
	if (r < 0)
		return r;
	/* The kernel keeps a node's counts in 32 bits, and can come to have surplus without pages:
	 * it goes on counting with that, so what is written has to do the same. */
	one.kernel_persistent = (int32_t)(uint32_t)(one.total - one.surplus);
	pools->bent |= one.surplus != 0;
	if (one.surplus > one.total)
		one.surplus = 0;
	one.free = gr_min_u64(one.free, one.total);
	one.persistent = one.total - one.surplus;
	if (gr_grow(&pools->nodes, pools->count, sizeof(*pools->nodes)) < 0)
		return gr_error_nomem(err);
	pools->nodes[pools->count++] = one;
	return 0;
}

/* The nodes that have a pool of this size; the global pool alone where there are no nodes. */
static int read_nodes(const struct gr_root *root, struct gr_pools *pools, struct gr_error *err)
{
	_cleanup_names_ struct gr_names names = { 0 };
	int r = gr_root_list(root, "sys/devices/system/node", &names, err);

	if (r < 0 && r != -ENOENT)
		return r;
	for (size_t i = 0; i < names.count; i++) {
		char path[128];
		uint64_t node;

		if (strncmp(names.names[i], "node", 4) || gr_parse_u64(names.names[i] + 4, &node) ||
		    node >= NODES_MAX)
			continue;
		if (gr_pool_path(pools->page_size_bytes, (int)node, "nr_hugepages", path,
				 sizeof(path)) < 0 ||
		    !gr_root_exists(root, path))
			continue;
		r = read_node(root, pools, (int)node, err);
		if (r < 0)
			return r;
	}
	return pools->count ? 0 : read_node(root, pools, -1, err);
}

int gr_pools_read(const struct gr_root *root, uint64_t page_size_bytes, struct gr_pools *ret,
		  struct gr_error *err)
{
	_cleanup_pools_ struct gr_pools pools = { .page_size_bytes = page_size_bytes };
	int r = read_total(root, page_size_bytes, -1, &pools.total, &pools.surplus, err);

	if (r >= 0)
		r = read_count(root, page_size_bytes, -1, "free_hugepages", &pools.free, err);
	if (r >= 0)
		r = read_count(root, page_size_bytes, -1, "resv_hugepages", &pools.reserved, err);
	if (r >= 0)
		r = read_nodes(root, &pools, err);
	if (r < 0)
		return r;
	/* Kernel accounting bugs let counters underflow; they then promise and count nothing. */
	if (pools.surplus > pools.total)
		pools.surplus = 0;
	pools.persistent = pools.total - pools.surplus;
	if (pools.reserved > pools.total)
		pools.reserved = 0;
	*ret = pools;
	pools = (struct gr_pools){ 0 };
	return 0;
}

void gr_pools_done(struct gr_pools *pools)
{
	free(pools->nodes);
	*pools = (struct gr_pools){ 0 };
}

const struct gr_pool_node *gr_pools_node(const struct gr_pools *pools, int node)
{
	for (size_t i = 0; i < pools->count; i++) {
		if (pools->nodes[i].node == node)
			return &pools->nodes[i];
	}
	return NULL;
}

uint64_t gr_pools_droppable(const struct gr_pools *pools, const struct gr_pool_node *one)
{
	/* Reservations are counted for the whole host: any node's free pages may keep them. */
	return gr_min_u64(one->free, gr_sub_floor(pools->free, pools->reserved));
}

static int no_such_node(uint64_t page_size_bytes, int node, struct gr_error *err)
{
	char buf[GR_TEXT_MAX];

	return gr_error_set(err, GR_CLASS_HOST, ENODEV, "node %d has no pool of %s pages", node,
			    gr_size_text(page_size_bytes, buf));
}

/* One write that should bring @node from its persistent count to @persistent. */
static int write_node(const struct gr_root *root, const struct gr_pools *pools,
		      const struct gr_pool_node *one, uint64_t persistent, struct gr_error *err)
{
	char path[128];
	int r;

	if (pools->bent && one->node >= 0 && pools->count > 1 && gr_root_is_host(root)) {
		uint64_t sum = persistent;

		for (size_t i = 0; i < pools->count; i++) {
			if (&pools->nodes[i] != one)
				sum += (uint64_t)pools->nodes[i].kernel_persistent;
		}
		r = gr_pool_path(pools->page_size_bytes, -1, "nr_hugepages_mempolicy", path,
				 sizeof(path));
		return r < 0 ? gr_error_set(err, GR_CLASS_SYSTEM, -r, "path of the pool file") :
			       gr_bound_write(root, path, one->node, sum, err);
	}
	r = gr_pool_path(pools->page_size_bytes, one->node, "nr_hugepages", path, sizeof(path));
	if (r < 0)
		return gr_error_set(err, GR_CLASS_SYSTEM, -r, "path of the pool file");
	return gr_root_write_u64(root, path, persistent, NULL, err);
}

int gr_pool_grow(const struct gr_root *root, uint64_t page_size_bytes, int node, uint64_t pages,
		 struct gr_pool_change *ret, struct gr_error *err)
{
	_cleanup_pools_ struct gr_pools before = { 0 }, after = { 0 };
	const struct gr_pool_node *was, *is;
	char buf[GR_TEXT_MAX];
	uint64_t target, grown;
	int r = gr_pools_read(root, page_size_bytes, &before, err);

	if (r < 0)
		return r;
	was = gr_pools_node(&before, node);
	if (!was)
		return no_such_node(page_size_bytes, node, err);
	/* Surplus pages of the node are promoted before any page is allocated: total, not
	 * persistent, is what a growth starts from. */
	if (__builtin_add_overflow(was->total, pages, &target))
		return gr_error_set(err, GR_CLASS_USAGE, ERANGE, "%" PRIu64 " pages are too many",
				    pages);
	r = write_node(root, &before, was, target, err);
	if (r == -EINVAL)
		return gr_error_set(err, GR_CLASS_HOST, EINVAL,
				    "this kernel refuses to make pages of %s while it runs",
				    gr_size_text(page_size_bytes, buf));
	if (r >= 0)
		r = gr_pools_read(root, page_size_bytes, &after, err);
	if (r < 0)
		return r;
	is = gr_pools_node(&after, node);
	if (!is)
		return no_such_node(page_size_bytes, node, err);
	grown = gr_sub_floor(is->persistent, was->persistent);
	ret->promoted = gr_min_u64(was->surplus, grown);
	ret->got = gr_min_u64(grown - ret->promoted, pages);
	ret->foreign = is->persistent < was->persistent || grown > was->surplus + pages;
	return 0;
}

int gr_pool_lower(const struct gr_root *root, uint64_t page_size_bytes, int node, uint64_t pages,
		  struct gr_error *err)
{
	_cleanup_pools_ struct gr_pools before = { 0 }, after = { 0 };
	const struct gr_pool_node *was, *is;
	char buf[GR_TEXT_MAX];
	uint64_t target;
	int r = gr_pools_read(root, page_size_bytes, &before, err);

	if (r < 0 || pages == 0)
		return r;
	was = gr_pools_node(&before, node);
	if (!was)
		return no_such_node(page_size_bytes, node, err);
	target = gr_sub_floor(was->persistent, pages);
	r = write_node(root, &before, was, target, err);
	if (r >= 0)
		r = gr_pools_read(root, page_size_bytes, &after, err);
	if (r < 0)
		return r;
	is = gr_pools_node(&after, node);
	/* The kernel lowers by all or by nothing; what is above the target, below or above the count
	 * before, was added by somebody else since. */
	if (!is || is->persistent <= target || is->persistent != was->persistent)
		return 0;
	r = gr_error_set(err, GR_CLASS_STRANDED, EIO,
			 "pool of %s pages on node %d: wrote %" PRIu64 ", reads %" PRIu64,
			 gr_size_text(page_size_bytes, buf), node, target, is->persistent);
	gr_error_hint(err, "`guestram recover` tries again; the lease is kept until it succeeds");
	return r;
}

int gr_pool_flush(const struct gr_root *root, uint64_t page_size_bytes, int node,
		  uint64_t surplus_max, struct gr_error *err)
{
	_cleanup_pools_ struct gr_pools pools = { 0 };
	const struct gr_pool_node *one;
	uint64_t pages;
	int r = gr_pools_read(root, page_size_bytes, &pools, err);

	if (r < 0)
		return r;
	one = gr_pools_node(&pools, node);
	if (!one)
		return 0;
	/* Surplus above the bound, or beyond what is in use at all, is on the free list. */
	pages = gr_max_u64(gr_sub_floor(one->surplus, surplus_max),
			   gr_sub_floor(one->surplus, one->total - one->free));
	pages = gr_min_u64(pages, gr_pools_droppable(&pools, one));
	if (pages)
		gr_bound_cycle(root, node, page_size_bytes, pages);
	return 0;
}
