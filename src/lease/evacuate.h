/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rung that empties ranges for gigantic pages. Private to lease/.
 */
#ifndef GR_LEASE_EVACUATE_H
#define GR_LEASE_EVACUATE_H

#include "host/survey.h"
#include "lease/ladder.h"

/** gr_worth_evacuating - only for pages that no buddy list holds, where blocks can go offline. */
bool gr_worth_evacuating(const struct gr_climb *climb, const struct gr_look *look);

/**
 * gr_evacuate - empty range after range, and take each at once
 *
 * Return: 0, also where nothing could be emptied; -EIO (class stranded) if a block did not come
 * back; -errno.
 */
int gr_evacuate(struct gr_climb *climb, struct gr_lease_grant *grant, const struct gr_look *look,
		struct gr_rung *rung, struct gr_error *err);

/* --- evacuate_choose.c: pure --- */

/* What goes offline together: whole blocks and whole pages, whichever is larger. */
struct gr_unit {
	uint64_t first_block, blocks;
	uint64_t pages; /* base pages */
	bool movable_zone;
	struct gr_page_kinds kinds;
};

struct gr_unit_shape {
	uint64_t range_pages; /* base pages of one range of the survey */
	uint64_t block_pages; /* of a memory block */
	uint64_t top_block;   /* of the node: never touched */
};

/**
 * gr_units_choose - what is worth trying on a node, cheapest first
 * @ret: free() it; NULL if there is none
 *
 * Return: 0 or -ENOMEM.
 */
int gr_units_choose(const struct gr_survey *survey, unsigned int node,
		    const struct gr_unit_shape *shape, struct gr_unit **ret, size_t *ret_count);

/** gr_kinds_may_go - nobody's huge pages, nothing that is known to stay. */
bool gr_kinds_may_go(const struct gr_page_kinds *kinds, bool movable_zone);

/** gr_unit_has_room - is there free memory for its content where the kernel moves it? */
bool gr_unit_has_room(const struct gr_host *host, unsigned int node, const struct gr_unit *unit);

/** gr_moves_to_other_nodes - the kernel moves what was in a block to other nodes if it can. */
bool gr_moves_to_other_nodes(const struct gr_host *host);

#endif
