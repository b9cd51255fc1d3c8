// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pages that are in use and that nobody has. A lowering makes pages in use surplus, and surplus is
 * paid by whoever frees a page on that node next: right where a holder lives, since it will be he;
 * but for pages that never come back it would be another owner. So those stay in the pool, and in
 * the lease.
 *
 * The counts and the processes cannot be read at one moment, and others take pages and let go of
 * them meanwhile. But pages that are lost are in use all the time: of many readings of the pool the
 * lowest is taken, and of several looks at the processes the one that found most. Where it cannot
 * be told for certain, no page is lost.
 */
#include <time.h>

#include "base/util.h"
#include "lease/ledger.h"
#include "verify/holders.h"

#define LOOKS 6
#define TRIES 24 /* with those at which not everybody could be seen */
#define READINGS 20
#define PAUSE_NS 1000000

/* The fewest pages in use on the node in a while; no more is read once they are @enough or fewer.
 * Return: 0 or -errno. */
static int read_lowest(const struct gr_root *root, uint64_t page_size_bytes, int node, int readings,
		       uint64_t enough, uint64_t *lowest)
{
	for (int i = 0; i < readings; i++) {
		/* Not in step with anybody who takes and frees pages in a rhythm. */
		const struct timespec pause = { .tv_nsec =
							PAUSE_NS + (long)(gr_now_ns() % PAUSE_NS) };
		_cleanup_pools_ struct gr_pools pools = { 0 };
		const struct gr_pool_node *one;
		int r = gr_pools_read(root, page_size_bytes, &pools, NULL);

		if (r < 0)
			return r;
		one = gr_pools_node(&pools, node);
		*lowest = one ? gr_min_u64(*lowest, one->total - one->free) : 0;
		if (*lowest <= enough)
			return 0;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* What is held on the node, or may be. Return: 0; -EAGAIN if a process is ending just now; -EPERM
 * if not all can be seen (what was seen counts all the same); -errno. */
static int read_held(const struct gr_root *root, uint64_t page_size_bytes, int node, uint64_t *most)
{
	_cleanup_holders_ struct gr_holders holders = { 0 };
	_cleanup_host_ struct gr_host *host = NULL;
	uint64_t held = 0, maybe = 0;
	int r = gr_host_read(root, GR_READ_POOLS | GR_READ_MOUNTS, &host, NULL);

	if (r >= 0)
		r = gr_holders_read(root, host, &holders, NULL);
	if (r < 0)
		return r;
	for (size_t i = 0; i < holders.count; i++)
		held += gr_held_pages(&holders.held[i], page_size_bytes, node, &maybe);
	for (size_t i = 0; i < holders.segment_count; i++)
		held += holders.segments[i].bytes / page_size_bytes;
	*most = gr_max_u64(*most, held + maybe);
	return holders.complete ? 0 : holders.ending ? -EAGAIN : -EPERM;
}

uint64_t gr_lost_pages(const struct gr_root *root, uint64_t page_size_bytes, int node)
{
	uint64_t lowest = UINT64_MAX, most = 0;

	/* The processes first: mostly the holder is among them, and that is the end of it. */
	for (int looks = 0, i = 0; looks < LOOKS; i++) {
		int r = read_held(root, page_size_bytes, node, &most);
		int readings = r < 0 ? 1 : READINGS;

		if (r < 0 && (r != -EAGAIN || i == TRIES))
			return 0;
		r = read_lowest(root, page_size_bytes, node, readings, most, &lowest);
		if (r < 0 || lowest <= most)
			return 0;
		looks += readings > 1;
	}
	return lowest - most;
}
