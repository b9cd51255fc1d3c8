// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * See the header. Names and order of steps are those of mm/hugetlb.c, so that the two can be read
 * side by side.
 */
#include "model_kernel.h"

#include <assert.h>

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t kernel_sum(const struct model_kernel *k, const uint64_t *of)
{
	uint64_t sum = 0;

	for (int i = 0; i < k->nodes; i++)
		sum += of[i];
	return sum;
}

uint64_t kernel_persistent(const struct model_kernel *k, int node)
{
	return node < 0 ? kernel_sum(k, k->total) - kernel_sum(k, k->surplus) :
			  k->total[node] - k->surplus[node];
}

uint64_t kernel_used(const struct model_kernel *k, int node)
{
	return k->total[node] - k->free[node];
}

/* for_each_node_mask_to_alloc(), ..._to_free(): the round goes over the allowed nodes alone, and
 * the cursor stays among them. @only: the one that is allowed, or -1 for all. */
static int next_node(const struct model_kernel *k, int only, int *cursor)
{
	int node = only < 0 ? *cursor : only;

	*cursor = only < 0 ? (node + 1) % k->nodes : only;
	return node;
}

static int round_length(const struct model_kernel *k, int only)
{
	return only < 0 ? k->nodes : 1;
}

/* adjust_pool_surplus(h, nodes_allowed, delta) */
static bool adjust_surplus(struct model_kernel *k, int only, int delta)
{
	int *cursor = delta < 0 ? &k->next_alloc : &k->next_free;

	for (int i = 0; i < round_length(k, only); i++) {
		int node = next_node(k, only, cursor);

		if (delta < 0 ? !k->surplus[node] : k->surplus[node] >= k->total[node])
			continue;
		k->surplus[node] += (uint64_t)delta;
		return true;
	}
	return false;
}

/* remove_pool_hugetlb_folio(h, nodes_allowed, acct_surplus) */
static bool drop_free(struct model_kernel *k, int only, bool acct_surplus)
{
	for (int i = 0; i < round_length(k, only); i++) {
		int node = next_node(k, only, &k->next_free);

		if (!k->free[node] || (acct_surplus && !k->surplus[node]))
			continue;
		k->free[node]--;
		k->total[node]--;
		if (acct_surplus)
			k->surplus[node]--;
		return true;
	}
	return false;
}

static bool allocate(struct model_kernel *k, int only, const uint64_t *limit)
{
	for (int i = 0; i < round_length(k, only); i++) {
		int node = next_node(k, only, &k->next_alloc);

		if (k->total[node] >= limit[node])
			continue;
		k->total[node]++;
		k->free[node]++;
		return true;
	}
	return false;
}

static uint64_t min_count(const struct model_kernel *k, uint64_t count)
{
	uint64_t free = kernel_sum(k, k->free), surplus = kernel_sum(k, k->surplus);
	uint64_t persistent = kernel_persistent(k, -1), persistent_free = free;

	if (k->old_min_count)
		return max(count, k->reserved + kernel_sum(k, k->total) - free);
	if (free > persistent)
		persistent_free = free > surplus ? free - surplus : 0;
	return max(count, k->reserved + persistent - persistent_free);
}

/* What a per-node count means for the host. The counts of nodes are 32-bit numbers. */
static uint64_t host_count(const struct model_kernel *k, int node, uint64_t count)
{
	uint64_t others = k->old_node_arithmetic ?
				  kernel_sum(k, k->total) - k->total[node] :
				  kernel_persistent(k, -1) - (uint32_t)kernel_persistent(k, node);

	return count + others < count ? UINT64_MAX : count + others;
}

bool kernel_wraps(const struct model_kernel *k, int node, uint64_t count)
{
	return host_count(k, node, count) > INT64_MAX;
}

void kernel_write(struct model_kernel *k, int node, int only, uint64_t count)
{
	uint64_t limit[MODEL_NODES], floor;

	for (int i = 0; i < k->nodes; i++)
		limit[i] = k->limit[i];
	if (node >= 0) {
		only = node;
		count = host_count(k, node, count);
	}
	if (k->script_at < k->script_count && count > kernel_persistent(k, -1))
		limit[only < 0 ? 0 : only] = k->script[k->script_at++];
	while (count > kernel_persistent(k, -1) && adjust_surplus(k, only, -1))
		;
	while (count > kernel_persistent(k, -1)) {
		if (!allocate(k, only, limit))
			return;
	}
	floor = min_count(k, count);
	while (floor < kernel_persistent(k, -1) && drop_free(k, only, false))
		;
	while (count < kernel_persistent(k, -1) && adjust_surplus(k, only, 1))
		;
}

/* alloc_surplus_hugetlb_folio() */
static bool add_surplus(struct model_kernel *k, int node)
{
	if (kernel_sum(k, k->surplus) >= k->overcommit || k->total[node] >= k->limit[node])
		return false;
	k->total[node]++;
	k->surplus[node]++;
	return true;
}

uint64_t kernel_take(struct model_kernel *k, int node, uint64_t pages)
{
	uint64_t got;

	for (got = 0; got < pages; got++) {
		if (k->free[node] && kernel_sum(k, k->free) > k->reserved)
			k->free[node]--;
		else if (!add_surplus(k, node))
			break;
	}
	return got;
}

void kernel_free(struct model_kernel *k, int node, uint64_t pages)
{
	assert(pages <= kernel_used(k, node));
	for (; pages; pages--) {
		if (k->surplus[node]) {
			k->surplus[node]--;
			k->total[node]--;
		} else {
			k->free[node]++;
		}
	}
}

/* hugetlb_acct_memory(), gather_surplus_pages(): what is missing is allocated, as free surplus. */
bool kernel_reserve(struct model_kernel *k, int node, uint64_t pages)
{
	uint64_t gathered = 0, free = kernel_sum(k, k->free);

	if (k->gathers_first_node)
		node = 0;
	while (k->reserved + pages > free + gathered) {
		if (!add_surplus(k, node)) {
			k->total[node] -= gathered;
			k->surplus[node] -= gathered;
			return false;
		}
		gathered++;
	}
	k->free[node] += gathered;
	k->reserved += pages;
	return true;
}

/* return_unused_surplus_pages() */
void kernel_unreserve(struct model_kernel *k, uint64_t pages)
{
	uint64_t surplus = kernel_sum(k, k->surplus);

	assert(pages <= k->reserved);
	k->reserved -= pages;
	for (pages = pages < surplus ? pages : surplus; pages; pages--) {
		if (!drop_free(k, -1, true))
			return;
	}
}

bool kernel_take_reserved(struct model_kernel *k, int node)
{
	if (!k->reserved)
		return false;
	if (k->free[node])
		k->free[node]--;
	else if (!add_surplus(k, node))
		return false;
	k->reserved--;
	return true;
}

uint64_t kernel_surplus(struct model_kernel *k, int node, uint64_t pages)
{
	uint64_t room = k->limit[node] > k->total[node] ? k->limit[node] - k->total[node] : 0;

	if (pages > room)
		pages = room;
	k->total[node] += pages;
	k->surplus[node] += pages;
	return pages;
}

void kernel_set_persistent(struct model_kernel *k, int node, uint64_t pages)
{
	while (kernel_persistent(k, node) < pages) {
		k->total[node]++;
		k->free[node]++;
	}
	while (kernel_persistent(k, node) > pages) {
		if (k->free[node] && kernel_sum(k, k->free) > k->reserved) {
			k->free[node]--;
			k->total[node]--;
		} else {
			k->surplus[node]++;
		}
	}
}
