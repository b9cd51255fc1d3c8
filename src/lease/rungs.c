// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The rungs above a plain write, as a table from cheap to dear. Each decides from what was looked up
 * whether it has something to find, and makes room in the way that the kernel at hand offers: the
 * file of the node where there is one, else the host's.
 *
 *   idle         free pages of leases that lend them: nothing is moved for it
 *   rewrite      a failed attempt makes the kernel try less hard for the rest of one write, so
 *                another write starts afresh; the kernel compacts and reclaims inside each
 *   reclaim      memory is lacking: page cache in place of what is missing, no more than that
 *   compact      free memory is there, but in pieces
 *   retype       blocks that are marked for unmovable memory, where compaction moves nothing into
 *   slab         empty slabs, and dentries and inodes that nobody uses
 *   swap         anonymous memory as well
 *   demote       free larger pages that nobody has a claim to (with consent)
 *   evacuate     memory blocks offline and back, for gigantic pages (with consent)
 *   drop-caches  everything that is clean (with consent)
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "lease/demote.h"
#include "lease/evacuate.h"
#include "lease/hope.h"
#include "lease/idle.h"
#include "lease/retype.h"

#define COMPACT_MIN_PAGES 2 /* free room below which there is nothing to move into */
#define SLAB_MIN_BYTES (UINT64_C(8) << 20)
#define SLAB_PASSES 3
/* Beside the pages themselves the kernel wants room to move things, and its watermarks. */
#define RECLAIM_EXTRA_PART 16
#define RECLAIM_STEP_BYTES (UINT64_C(32) << 20)

static bool worth_compacting(const struct gr_climb *climb, const struct gr_look *look)
{
	return look->free_bytes >= COMPACT_MIN_PAGES * look->page_size_bytes || look->gigantic;
}

/* Compacts the node, or all of them on a kernel without the node's file. */
int gr_rung_compact(struct gr_climb *climb, struct gr_lease_grant *grant,
		    const struct gr_look *look, struct gr_rung *rung, struct gr_error *err)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), "sys/devices/system/node/node%d/compact", grant->node);
	r = gr_root_write(climb->ledger->root, path, "1\n", NULL);
	if (r == -ENOENT)
		r = gr_root_write(climb->ledger->root, "proc/sys/vm/compact_memory", "1\n", NULL);
	/* A kernel without compaction has one rung less; that is no failure. */
	return 0;
}

/* How much to reclaim: what free memory lacks, within what may be lost. */
static uint64_t reclaim_bytes(const struct gr_look *look, uint64_t there, uint64_t left)
{
	uint64_t want = look->short_bytes + look->short_bytes / RECLAIM_EXTRA_PART;

	/* With little free in one piece, what is free otherwise lies in spoiled places: that much
	 * is known of it only after a compaction, so it counts by half. */
	want = gr_sub_floor(want, look->free_bytes / 2);
	return gr_min_u64(gr_min_u64(want, there), left);
}

/* Gigantic pages: taking memory from others is in vain where every range is spoiled. */
static bool is_hopeless(const struct gr_climb *climb, const struct gr_look *look)
{
	return look->gigantic &&
	       !gr_hope(climb->ledger->root, look->host, look->node, look->page_size_bytes);
}

static bool worth_reclaiming(const struct gr_climb *climb, const struct gr_look *look)
{
	return reclaim_bytes(look, look->file_bytes, look->cache_left_bytes) >=
		       look->page_size_bytes / 2 &&
	       !is_hopeless(climb, look);
}

/*
 * "BYTES swappiness=N" to the node's file, or to that of the root cgroup where there is one node. In
 * small steps: asked for much at once, older kernels take much more.
 */
static int reclaim(struct gr_climb *climb, const struct gr_look *look, uint64_t bytes,
		   const char *how)
{
	char path[64] = "sys/fs/cgroup/memory.reclaim", text[64];
	bool one_node = look->host->node_count <= 1;
	int r = 0;

	if (look->node >= 0) {
		snprintf(path, sizeof(path), "sys/devices/system/node/node%d/reclaim", look->node);
		if (!gr_root_exists(climb->ledger->root, path))
			snprintf(path, sizeof(path), "%s", "sys/fs/cgroup/memory.reclaim");
		else
			one_node = true; /* no other node is concerned */
	}
	while (bytes && one_node && !gr_climb_stopped(climb)) {
		uint64_t step = gr_min_u64(bytes, RECLAIM_STEP_BYTES);

		snprintf(text, sizeof(text), "%" PRIu64 "%s\n", step, how);
		r = gr_root_write(climb->ledger->root, path, text, NULL);
		if (r < 0)
			return r; /* -EAGAIN: no more to be had */
		bytes -= step;
	}
	return r;
}

static int reclaim_cache(struct gr_climb *climb, struct gr_lease_grant *grant,
			 const struct gr_look *look, struct gr_rung *rung, struct gr_error *err)
{
	uint64_t bytes = reclaim_bytes(look, look->file_bytes, look->cache_left_bytes);
	bool swap = look->host->swap_free_bytes;

	/* Where the kernel cannot leave swap alone it takes of both, which its budget may allow. */
	if (reclaim(climb, look, bytes, swap ? " swappiness=0" : "") == -EINVAL && swap &&
	    look->swap_left_bytes >= bytes)
		reclaim(climb, look, bytes, "");
	return gr_rung_compact(climb, grant, look, rung, err);
}

static bool worth_shrinking(const struct gr_climb *climb, const struct gr_look *look)
{
	return look->slab_bytes >= SLAB_MIN_BYTES || look->gigantic;
}

static void shrink_slabs(const struct gr_root *root)
{
	_cleanup_names_ struct gr_names names = { 0 };
	char path[256];

	if (gr_root_list(root, "sys/kernel/slab", &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		if (snprintf(path, sizeof(path), "sys/kernel/slab/%s/shrink", names.names[i]) <
		    (int)sizeof(path))
			gr_root_write(root, path, "1\n", NULL);
	}
}

/* Dentries and inodes only within the budget: they are a cache like any other. */
static int shrink(struct gr_climb *climb, struct gr_lease_grant *grant,
		  const struct gr_look *look, struct gr_rung *rung, struct gr_error *err)
{
	uint64_t slab_bytes = 0; /* of all nodes: the kernel knows no other way */
	bool drop;

	for (size_t i = 0; i < look->host->node_count; i++)
		slab_bytes += look->host->nodes[i].slab_reclaimable_bytes;
	drop = slab_bytes <= look->cache_left_bytes;

	for (int i = 0; i < SLAB_PASSES && !gr_climb_stopped(climb); i++) {
		if (drop)
			gr_root_write(climb->ledger->root, "proc/sys/vm/drop_caches", "2\n", NULL);
		shrink_slabs(climb->ledger->root);
	}
	return gr_rung_compact(climb, grant, look, rung, err);
}

static uint64_t swappable(const struct gr_look *look)
{
	return gr_min_u64(look->swap_left_bytes, look->host->swap_free_bytes);
}

static bool worth_swapping(const struct gr_climb *climb, const struct gr_look *look)
{
	return reclaim_bytes(look, UINT64_MAX, swappable(look)) >= look->page_size_bytes / 2 &&
	       !is_hopeless(climb, look);
}

static int swap_out(struct gr_climb *climb, struct gr_lease_grant *grant,
		    const struct gr_look *look, struct gr_rung *rung, struct gr_error *err)
{
	uint64_t bytes = reclaim_bytes(look, UINT64_MAX, swappable(look));

	/* Where the kernel cannot prefer swap it takes of both, which the cache's budget may allow. */
	if (reclaim(climb, look, bytes, " swappiness=200") == -EINVAL &&
	    gr_min_u64(bytes, look->file_bytes) <= look->cache_left_bytes)
		reclaim(climb, look, bytes, "");
	return gr_rung_compact(climb, grant, look, rung, err);
}

static int drop_caches(struct gr_climb *climb, struct gr_lease_grant *grant,
		       const struct gr_look *look, struct gr_rung *rung, struct gr_error *err)
{
	sync();
	gr_root_write(climb->ledger->root, "proc/sys/vm/drop_caches", "3\n", NULL);
	return gr_rung_compact(climb, grant, look, rung, err);
}

static const struct gr_rung_kind kinds[] = {
	{ .name = "idle", .times = 1, .worth = gr_worth_borrowing, .act = gr_borrow },
	{ .name = "rewrite", .times = 1 },
	{ .name = "reclaim", .times = 1, .worth = worth_reclaiming, .act = reclaim_cache },
	{ .name = "compact", .stubborn = true, .times = 3, .worth = worth_compacting,
	  .act = gr_rung_compact },
	{ .name = "retype", .tires = true, .times = 1, .worth = gr_worth_retyping, .act = gr_retype },
	{ .name = "slab", .tires = true, .times = 1, .worth = worth_shrinking, .act = shrink },
	{ .name = "swap", .tires = true, .times = 2, .worth = worth_swapping, .act = swap_out },
	{ .name = "demote", .tires = true, .times = 1, .allow = GR_ALLOW_DEMOTE,
	  .worth = gr_worth_demoting, .act = gr_demote },
	{ .name = "evacuate", .tires = true, .times = 1, .allow = GR_ALLOW_EVACUATE,
	  .worth = gr_worth_evacuating, .act = gr_evacuate },
	{ .name = "drop-caches", .tires = true, .times = 1, .allow = GR_ALLOW_DROP_CACHES,
	  .act = drop_caches },
};

const struct gr_rung_kind *gr_rung_kinds(size_t *ret_count)
{
	*ret_count = GR_ARRAY_SIZE(kinds);
	return kinds;
}
