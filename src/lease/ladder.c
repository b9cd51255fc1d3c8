// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Rungs: write; rewrite while that still brings pages (a failed attempt makes the kernel try less
 * hard for the rest of one write, so a second write starts afresh); compact the node and write
 * again. A rung that brings nothing ends itself; STALLS_MAX attempts in a row without a page end
 * the climb. Every attempt is a delta from what the pool says at that moment.
 */
#include "lease/ladder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "lease/place.h"
#include "lease/pool.h"

#define STALLS_MAX 3

/* Host-wide figures whose change over a rung is its price. */
struct price {
	bool known;
	uint64_t cached_bytes, swap_free_bytes;
};

/* A line of meminfo that is not its first. */
static bool meminfo_bytes(const char *text, const char *key, uint64_t *ret)
{
	const char *line = strstr(text, key);

	if (line)
		*ret = strtoull(line + strlen(key), NULL, 10) * 1024;
	return line != NULL;
}

static void read_price(const struct gr_root *root, struct price *ret)
{
	_cleanup_free_ char *text = NULL;

	*ret = (struct price){ 0 };
	if (gr_root_read(root, "proc/meminfo", &text, NULL, NULL) < 0)
		return;
	ret->known = meminfo_bytes(text, "\nCached:", &ret->cached_bytes) &&
		     meminfo_bytes(text, "\nSwapFree:", &ret->swap_free_bytes);
}

static struct gr_rung *add_rung(struct gr_climb *climb, const char *name,
				const struct gr_lease_grant *grant)
{
	struct gr_reserve_report *report = climb->report;
	struct gr_rung *rung;

	if (gr_grow(&report->rungs, report->count, sizeof(*report->rungs)) < 0)
		return NULL;
	rung = &report->rungs[report->count++];
	*rung = (struct gr_rung){
		.name = name,
		.node = grant->node,
		.page_size_bytes = grant->page_size_bytes,
		.pages_before = grant->pages,
		.pages_after = grant->pages,
	};
	return rung;
}

static int note_foreign(struct gr_climb *climb, const struct gr_lease_grant *grant)
{
	struct gr_reserve_report *report = climb->report;
	char buf[GR_TEXT_MAX];

	if (gr_grow(&report->notes, report->note_count, sizeof(*report->notes)) < 0)
		return -ENOMEM;
	if (gr_asprintf(&report->notes[report->note_count],
			"somebody else changed the pool of %s pages on node %d meanwhile",
			gr_size_text(grant->page_size_bytes, buf), grant->node) < 0)
		return -ENOMEM;
	report->note_count++;
	return 0;
}

static bool interrupted(const struct gr_climb *climb)
{
	return climb->options->interrupted && *climb->options->interrupted;
}

/* Between two attempts others may have taken the memory: the floor holds before each of them. */
static int check_floor(const struct gr_climb *climb, const struct gr_lease_grant *grant,
		       uint64_t pages, struct gr_error *err)
{
	const struct gr_grant want = { .node = grant->node,
				       .page_size_bytes = grant->page_size_bytes };
	_cleanup_host_ struct gr_host *host = NULL;
	int r = gr_host_read(climb->ledger->root, GR_READ_POOLS, &host, err);

	return r < 0 ? r : gr_place_check_room(host, &climb->options->floor, &want, pages, err);
}

/* One write to the pool. */
static int attempt(struct gr_climb *climb, struct gr_lease_grant *grant, uint64_t pages,
		   uint64_t *ret_got, struct gr_error *err)
{
	_cleanup_pools_ struct gr_pools pools = { 0 };
	uint64_t promoted = grant->promoted_pages;
	enum gr_lease_state state = climb->lease->state;
	const struct gr_pool_node *one;
	struct gr_pool_change change;
	int r = check_floor(climb, grant, pages, err);

	if (r >= 0)
		r = gr_pools_read(climb->ledger->root, grant->page_size_bytes, &pools, err);
	if (r < 0)
		return r;
	/* The intent: where the pools stand, and the most that this write can bring and promote.
	 * Anew for each write, so that a kill leaves no more than one of them in doubt. */
	gr_lease_aim(climb->lease, &pools);
	one = gr_pools_node(&pools, grant->node);
	if (one)
		grant->promoted_pages += one->surplus;
	grant->asked_pages = grant->pages + pages;
	climb->lease->state = GR_LEASE_RESERVING;
	r = gr_ledger_save(climb->ledger, climb->lease, err);
	if (r < 0) {
		grant->asked_pages = grant->pages;
		grant->promoted_pages = promoted;
		climb->lease->state = state;
		return r;
	}
	/* On failure the intent stays: nobody knows what happened. */
	r = gr_pool_grow(climb->ledger->root, grant->page_size_bytes, grant->node, pages, &change,
			 err);
	if (r < 0)
		return r;
	grant->pages += change.got;
	grant->asked_pages = grant->pages;
	grant->promoted_pages = promoted + change.promoted;
	*ret_got = change.got;
	if (change.foreign && note_foreign(climb, grant) < 0)
		return gr_error_nomem(err);
	if (climb->options->progress)
		climb->options->progress(climb->options->progress_data,
					 gr_lease_pages(climb->lease), climb->total_pages);
	return 0;
}

/* Writes until the goal is reached or an attempt brings nothing. */
static int write_rung(struct gr_climb *climb, struct gr_lease_grant *grant, const char *name,
		      uint64_t goal, bool once, struct gr_error *err)
{
	struct gr_rung *rung = add_rung(climb, name, grant);
	uint64_t start = gr_now_ns(), got = 0;
	struct price before, after;
	int r;

	if (!rung)
		return gr_error_nomem(err);
	read_price(climb->ledger->root, &before);
	do {
		r = attempt(climb, grant, goal - grant->pages, &got, err);
		if (r < 0)
			return r;
	} while (!once && got && grant->pages < goal && !interrupted(climb));
	read_price(climb->ledger->root, &after);
	rung->pages_after = grant->pages;
	rung->elapsed_ns = gr_now_ns() - start;
	rung->price_known = before.known && after.known;
	rung->cache_lost_bytes = gr_sub_floor(before.cached_bytes, after.cached_bytes);
	rung->swapped_bytes = gr_sub_floor(before.swap_free_bytes, after.swap_free_bytes);
	return 0;
}

/* Compacts the node, or all of them on a kernel without the node's file. */
static int compact_rung(struct gr_climb *climb, struct gr_lease_grant *grant, struct gr_error *err)
{
	struct gr_rung *rung = add_rung(climb, "compact", grant);
	uint64_t start = gr_now_ns();
	char path[64];
	int r;

	if (!rung)
		return gr_error_nomem(err);
	snprintf(path, sizeof(path), "sys/devices/system/node/node%d/compact", grant->node);
	r = gr_root_write(climb->ledger->root, path, "1\n", NULL);
	if (r == -ENOENT)
		r = gr_root_write(climb->ledger->root, "proc/sys/vm/compact_memory", "1\n", NULL);
	rung->elapsed_ns = gr_now_ns() - start;
	/* A kernel without compaction has one rung less; that is no failure. */
	return r == -EINTR ? r : 0;
}

int gr_ladder_climb(struct gr_climb *climb, struct gr_lease_grant *grant, uint64_t pages,
		    bool cheap, uint64_t *ret_short, struct gr_error *err)
{
	uint64_t goal = grant->pages + pages;
	int stalls = 0, r;

	r = write_rung(climb, grant, "write", goal, true, err);
	if (r >= 0 && grant->pages < goal && !interrupted(climb))
		r = write_rung(climb, grant, "rewrite", goal, false, err);
	while (!cheap && r >= 0 && grant->pages < goal && stalls < STALLS_MAX && !interrupted(climb)) {
		uint64_t before = grant->pages;

		r = compact_rung(climb, grant, err);
		if (r >= 0)
			r = write_rung(climb, grant, "rewrite", goal, false, err);
		stalls = grant->pages > before ? 0 : stalls + 1;
	}
	if (r < 0)
		return r;
	if (interrupted(climb))
		return gr_error_set(err, GR_CLASS_HOST, EINTR, "interrupted while reserving");
	*ret_short = goal - grant->pages;
	return 0;
}
