// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Before anything is written: may these nodes be used, does the host keep its floor, and which
 * nodes come first for pages that may lie anywhere. Reads the inventory, changes nothing.
 */
#include "lease/place.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/size.h"

int gr_place_check(const struct gr_host *host, const struct gr_reserve_options *options,
		   struct gr_error *err)
{
	bool may_be_short = gr_reserve_may_be_short(options);
	uint64_t sum = 0;

	for (size_t i = 0; i < options->grant_count; i++) {
		const struct gr_grant *grant = &options->grants[i];
		char buf[GR_TEXT_MAX];
		uint64_t bytes;
		int r;

		if (__builtin_mul_overflow(grant->pages, grant->page_size_bytes, &bytes) ||
		    __builtin_add_overflow(sum, bytes, &sum))
			return gr_error_set(err, GR_CLASS_USAGE, ERANGE,
					    "%" PRIu64 " pages are more than 64 bits of memory",
					    grant->pages);
		if (gr_grant_scope(grant) >= 0 && host->nodes_allowed.count &&
		    !gr_list_has(&host->nodes_allowed, (unsigned int)grant->node)) {
			r = gr_error_set(err, GR_CLASS_HOST, EPERM,
					 "this process may not take memory of node %d (its cpuset)",
					 grant->node);
			gr_error_hint(err, "run guestram outside of that cpuset (systemd-run --scope)");
			return r;
		}
		if (gr_grant_scope(grant) < 0)
			continue;
		if (host->node_count &&
		    !gr_host_pool(host, grant->page_size_bytes, grant->node)) {
			r = gr_error_set(err, GR_CLASS_USAGE, ENODEV,
					 "there is no node %d with %s pages", grant->node,
					 gr_size_text(grant->page_size_bytes, buf));
			gr_error_hint(err, "`guestram host` lists the nodes");
			return r;
		}
		/* All that is wanted of this node so far, of whatever size. */
		for (size_t j = 0; j < i; j++) {
			if (gr_grant_scope(&options->grants[j]) == grant->node)
				bytes += options->grants[j].pages *
					 options->grants[j].page_size_bytes;
		}
		r = may_be_short ? 0 : gr_floor_check(host, &options->floor, grant->node, bytes,
							  err);
		if (r < 0)
			return r;
	}
	if (may_be_short)
		return gr_floor_check(host, &options->floor, -1, 0, err);
	for (size_t i = 0; i < options->grant_count; i++) {
		struct gr_grant want = options->grants[i];
		int r;

		want.node = gr_grant_scope(&want);
		r = gr_place_check_room(host, &options->floor, &want, want.pages, err);
		if (r < 0)
			return r;
	}
	return gr_floor_check(host, &options->floor, -1, sum, err);
}

/* Pages of some sizes cannot come from every zone: what these can give is less than the floor
 * leaves of the whole. */
int gr_place_check_room(const struct gr_host *host, const struct gr_floor *floor,
			const struct gr_grant *grant, uint64_t pages, struct gr_error *err)
{
	uint64_t bytes = pages * grant->page_size_bytes;
	uint64_t room = gr_floor_room(host, floor, grant->page_size_bytes, grant->node);
	char size[GR_TEXT_MAX], want[GR_TEXT_MAX], have[GR_TEXT_MAX], keep[GR_TEXT_MAX];
	int r;

	if (bytes <= room)
		return 0;
	r = gr_error_set(err, GR_CLASS_HOST, ENOMEM,
			 "%s of %s pages would leave the host less than its floor of %s: short by %s",
			 gr_size_text(bytes, want), gr_size_text(grant->page_size_bytes, size),
			 gr_size_text(gr_floor_bytes(host, floor), keep),
			 gr_size_text(bytes - room, have));
	gr_error_hint(err, "%s would fit; --keep-free SIZE sets another floor",
		      gr_size_text(room, have));
	return r;
}

static int compare_candidates(const void *a, const void *b)
{
	const struct gr_place *x = a, *y = b;

	return x->free_bytes < y->free_bytes ? 1 : x->free_bytes > y->free_bytes ? -1 :
	       x->node - y->node;
}

int gr_place_candidates(const struct gr_host *host, const struct gr_pools *pools,
			struct gr_place **ret, size_t *ret_count)
{
	struct gr_place *list = calloc(pools->count, sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < pools->count; i++) {
		int id = pools->nodes[i].node;
		const struct gr_node *node = id < 0 ? NULL : gr_host_node(host, (unsigned int)id);

		if (id >= 0 && ((node && !node->total_bytes) ||
				(host->nodes_allowed.count &&
				 !gr_list_has(&host->nodes_allowed, (unsigned int)id))))
			continue;
		list[n++] = (struct gr_place){ .node = id,
						.free_bytes = node ? node->free_bytes : 0 };
	}
	qsort(list, n, sizeof(*list), compare_candidates);
	*ret = list;
	*ret_count = n;
	return 0;
}
