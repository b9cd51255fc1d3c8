/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ladder: how pages are obtained, cheapest rung first. Private to lease/.
 */
#ifndef GR_LEASE_LADDER_H
#define GR_LEASE_LADDER_H

#include "lease/ledger.h"

/* Host-wide figures whose change is what a rung cost. */
struct gr_price {
	bool known;
	uint64_t cache_bytes; /* page cache of files and devices, not shmem */
	uint64_t swap_free_bytes;
	uint64_t stalled_ns; /* PSI "some": how long tasks waited for memory since boot */
};

void gr_price_read(const struct gr_root *root, struct gr_price *ret);

struct gr_climb { /* what a ladder works with; one for a whole reservation */
	struct gr_ledger *ledger;
	struct gr_lease *lease;
	const struct gr_reserve_options *options;
	struct gr_reserve_report *report;
	uint64_t total_pages; /* for progress */
	uint64_t start_ns;
	struct gr_price start;
	/* In force, filled by gr_climb_start() and, once it is known what was missing, by
	 * gr_climb_budget(). */
	struct gr_budget budget;
	unsigned int round, barren; /* rounds of the climb; those since the last page */
	unsigned int tired; /* kinds of rungs that brought nothing: a bit for each */
	bool clip;        /* what the floor forbids may be short: others help out, or nobody has to */
	bool out_of_time; /* the time was used up: what is missing may be there */
};

/** gr_climb_start - from here on time and collateral count. */
void gr_climb_start(struct gr_climb *climb);

/** gr_climb_budget - fill in what the caller left open: @short_bytes were not there to be taken. */
void gr_climb_budget(struct gr_climb *climb, uint64_t short_bytes);

/** gr_climb_cache_left, gr_climb_swap_left - what may still be lost, in bytes. */
uint64_t gr_climb_cache_left(const struct gr_climb *climb);
uint64_t gr_climb_swap_left(const struct gr_climb *climb);

/** gr_climb_stopped - interrupted, or out of time. */
bool gr_climb_stopped(struct gr_climb *climb);

/* What a rung looks at before it is climbed: the node as it is now. */
struct gr_look {
	struct gr_host *host;
	int node;
	uint64_t page_size_bytes, short_pages, short_bytes;
	bool gigantic;
	uint64_t now_pages; /* on the buddy lists */
	bool now_known;
	uint64_t free_bytes; /* on the node, above its watermarks */
	uint64_t file_bytes, slab_bytes;
	uint64_t cache_left_bytes, swap_left_bytes; /* of the budget */
};

struct gr_rung_kind {
	const char *name;
	unsigned int allow; /* consent that it needs; 0: none */
	bool stubborn;      /* cheap: also after a round in which nothing helped */
	bool tires;         /* dear: not once more after it brought nothing */
	bool once;          /* one write, whether it pays or not */
	unsigned int times; /* how often in a row, while it pays */
	/* Is there something to be had this way? Decides from what was looked up. */
	bool (*worth)(const struct gr_climb *climb, const struct gr_look *look);
	/* Makes room; the writes that follow get the pages. Return: 0, also where the kernel lacks
	 * it; -EINTR; -errno. */
	int (*act)(struct gr_climb *climb, struct gr_lease_grant *grant,
		   const struct gr_look *look, struct gr_rung *rung, struct gr_error *err);
};

/** gr_rung_compact - what the rung of that name does, for others to end with. */
int gr_rung_compact(struct gr_climb *climb, struct gr_lease_grant *grant,
		    const struct gr_look *look, struct gr_rung *rung, struct gr_error *err);

/** gr_rung_kinds - from cheap to dear. */
const struct gr_rung_kind *gr_rung_kinds(size_t *ret_count);

/**
 * gr_attempt - one write to the pool, with the intent in the ledger first
 * @ret_got: pages that joined; 0 is an answer
 *
 * Return: 0; -ENOMEM (class host) if the floor would be crossed; -errno.
 */
int gr_attempt(struct gr_climb *climb, struct gr_lease_grant *grant, const struct gr_host *host,
	       uint64_t pages, uint64_t *ret_got, struct gr_error *err);

/**
 * gr_ladder_take - what the buddy lists have, by one write
 * @ret_short: pages that could not be had
 *
 * Call gr_climb_start() and gr_lease_aim_all() first. The lease is in GR_LEASE_RESERVING from
 * before the first write. Return: 0 (also when short), -EINTR when interrupted, -errno.
 */
int gr_ladder_take(struct gr_climb *climb, struct gr_lease_grant *grant, uint64_t pages,
		   uint64_t *ret_short, struct gr_error *err);

/** gr_ladder_climb - the same with every rung; gr_climb_budget() comes first. */
int gr_ladder_climb(struct gr_climb *climb, struct gr_lease_grant *grant, uint64_t pages,
		    uint64_t *ret_short, struct gr_error *err);

#endif
