// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pages that are in use and that nobody has. A lowering makes pages in use surplus, and surplus is
 * paid by whoever frees a page on that node next: right where a holder lives, since it will be he;
 * but for pages that never come back it would be another owner. So those stay in the pool, and in
 * the lease.
 *
 * The counts and the processes cannot be read at one moment, and others take pages and let go of
 * them meanwhile: whose pages come and go may hold some at each reading and be seen at no look. So
 * a count that moves while it is watched says nothing. Pages that are lost are in use all the time:
 * of several looks at the processes the one that found most is taken. Where it cannot be told for
 * certain, no page is lost.
 */
#include <time.h>

#include "base/util.h"
#include "lease/ledger.h"
#include "verify/holders.h"

#define LOOKS 6
#define TRIES 24 /* with those at which not everybody could be seen */
#define READINGS 20
#define PAUSE_NS 1000000

/* Pages in use on the node, watched for a while; UINT64_MAX in *@in_use: not read before. Return: 0;
 * -EAGAIN when the count moved; -errno. */
static int watch(const struct gr_root *root, uint64_t page_size_bytes, int node, int readings,
		 uint64_t *in_use)
{
	for (int i = 0; i < readings; i++) {
		/* Not in step with anybody who takes and frees pages in a rhythm. */
		const struct timespec pause = { .tv_nsec =
							PAUSE_NS + (long)(gr_now_ns() % PAUSE_NS) };
		_cleanup_pools_ struct gr_pools pools = { 0 };
		const struct gr_pool_node *one;
		uint64_t now;
		int r = gr_pools_read(root, page_size_bytes, &pools, NULL);

		if (r < 0)
			return r;
		one = gr_pools_node(&pools, node);
		now = one ? one->total - one->free : 0;
		if (*in_use != UINT64_MAX && now != *in_use)
			return -EAGAIN;
		*in_use = now;
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
	uint64_t in_use = UINT64_MAX, most = 0;

	/* The processes first: mostly the holder is among them, and that is the end of it. */
	for (int looks = 0, i = 0; looks < LOOKS; i++) {
		int r = read_held(root, page_size_bytes, node, &most);
		int readings = r < 0 ? 1 : READINGS;

		if (r < 0 && (r != -EAGAIN || i == TRIES))
			return 0;
		r = watch(root, page_size_bytes, node, readings, &in_use);
		if (r < 0 || in_use <= most)
			return 0;
		looks += readings > 1;
	}
	return in_use - most;
}
