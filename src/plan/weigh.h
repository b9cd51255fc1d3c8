/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside plan/: a candidate is one way to back the whole guest (a backing and a page size). It is
 * weighed on its own (weigh_pool.c, weigh_pageable.c), gets reasons, problems and a score, and
 * choose.c takes the best that is feasible.
 */
#ifndef GR_PLAN_WEIGH_H
#define GR_PLAN_WEIGH_H

#include "plan/problems.h"
#include "plan/scope.h"

struct gr_candidate {
	enum gr_backing backing;
	uint64_t page_size_bytes; /* of the needs that do not name one */
	uint64_t size_of_need[GR_PLAN_NEEDS_MAX];
	struct gr_grant *grants;
	size_t grant_count;
	bool misaligned;
	bool eligible; /* what the request allows to be chosen */
	int score;
	struct gr_texts reasons;
	struct gr_problems failures; /* none: feasible */
};

struct gr_weighing { /* what everything is weighed against */
	const struct gr_request *request;
	const struct gr_host *host;
	const struct gr_floor *floor;
};

struct gr_choice {
	struct gr_weighing w;
	struct gr_candidate *candidates; /* best first */
	size_t count;
	bool lost;
};

/** gr_make_candidates - list, weigh and sort them. Return: 0 or -ENOMEM; gr_choice_done() in both
 * cases. */
int gr_make_candidates(struct gr_choice *choice);
void gr_choice_done(struct gr_choice *choice);

/** gr_named_size - the first page size of the pool that a need names, 0 if none does. */
uint64_t gr_named_size(const struct gr_weighing *w);

/** gr_check_request - what is wrong with the request on this host, whatever the backing. */
void gr_check_request(const struct gr_weighing *w, struct gr_problems *problems);

/** gr_weigh_pool - static or dynamic; fills grants, reasons, failures. */
void gr_weigh_pool(const struct gr_weighing *w, struct gr_candidate *c);
/** gr_weigh_pageable - 4K or THP. */
void gr_weigh_pageable(const struct gr_weighing *w, struct gr_candidate *c);
/** gr_weigh_traits - what goal, size and the other wishes of the VM do to the score. */
void gr_weigh_traits(const struct gr_weighing *w, struct gr_candidate *c);

/** gr_make_grants - pages per node and size: a need bound to nodes is spread evenly over them,
 * the remainder to the first; others go to node -1. Needs that
 * want base pages have none. Return: 0 or -ENOMEM. */
int gr_make_grants(const struct gr_weighing *w, struct gr_candidate *c);

uint64_t gr_grant_bytes(const struct gr_grant *grant);
/** gr_pages_of_size - pages of the size of grant @i over all grants; 0 unless it is the first. */
uint64_t gr_pages_of_size(const struct gr_candidate *c, size_t i);

/** gr_floor_room_in, gr_floor_check_in - as in plan.h, for memory that only the kernel's own zones
 * can give (@kernel_only: gigantic pages, and what a device pins, which leaves ZONE_MOVABLE). */
uint64_t gr_floor_room_in(const struct gr_host *host, const struct gr_floor *floor,
			  bool kernel_only, int node);
int gr_floor_check_in(const struct gr_host *host, const struct gr_floor *floor, bool kernel_only,
		      int node, uint64_t bytes, struct gr_error *err);

/** gr_request_shared - is any of it mapped by another process? */
bool gr_request_shared(const struct gr_request *request);

/** gr_cgroup_check - limits of the caller's cgroups for huge pages of a size, or (0) for memory
 * that is charged to memory.max. Adds a problem for every limit below @bytes. */
void gr_cgroup_check(const struct gr_host *host, uint64_t page_size_bytes, uint64_t bytes,
		     struct gr_problems *problems);

#endif
