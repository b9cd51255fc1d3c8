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

static bool allowed(int only, int node)
{
	return only < 0 || only == node;
}

/* adjust_pool_surplus(h, nodes_allowed, delta) */
static bool adjust_surplus(struct model_kernel *k, int only, int delta)
{
	uint64_t *next = delta < 0 ? &k->next_alloc : &k->next_free;

	for (int i = 0; i < k->nodes; i++) {
		int node = (int)((*next)++ % (uint64_t)k->nodes);

		if (!allowed(only, node) ||
		    (delta < 0 ? !k->surplus[node] : k->surplus[node] >= k->total[node]))
			continue;
		k->surplus[node] += (uint64_t)delta;
		return true;
	}
	return false;
}

/* remove_pool_hugetlb_folio(h, nodes_allowed, acct_surplus) */
static bool drop_free(struct model_kernel *k, int only, bool acct_surplus)
{
	for (int i = 0; i < k->nodes; i++) {
		int node = (int)(k->next_free++ % (uint64_t)k->nodes);

		if (!allowed(only, node) || !k->free[node] || (acct_surplus && !k->surplus[node]))
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
	for (int i = 0; i < k->nodes; i++) {
		int node = (int)(k->next_alloc++ % (uint64_t)k->nodes);

		if (!allowed(only, node) || k->total[node] >= limit[node])
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

void kernel_write(struct model_kernel *k, int node, int only, uint64_t count)
{
	uint64_t limit[MODEL_NODES], floor;

	for (int i = 0; i < k->nodes; i++)
		limit[i] = k->limit[i];
	if (node >= 0) {
		only = node;
		count += k->old_node_arithmetic ?
				 kernel_sum(k, k->total) - k->total[node] :
				 kernel_persistent(k, -1) - kernel_persistent(k, node);
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

uint64_t kernel_take(struct model_kernel *k, int node, uint64_t pages)
{
	uint64_t got;

	for (got = 0; got < pages; got++) {
		if (k->free[node] && kernel_sum(k, k->free) > k->reserved) {
			k->free[node]--;
		} else if (kernel_sum(k, k->surplus) < k->overcommit &&
			   k->total[node] < k->limit[node]) {
			k->total[node]++;
			k->surplus[node]++;
		} else {
			break;
		}
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

bool kernel_reserve(struct model_kernel *k, uint64_t pages)
{
	if (k->reserved + pages > kernel_sum(k, k->free))
		return false;
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

int kernel_take_reserved(struct model_kernel *k)
{
	for (int i = 0; i < k->nodes && k->reserved; i++) {
		if (!k->free[i])
			continue;
		k->free[i]--;
		k->reserved--;
		return i;
	}
	return -1;
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
