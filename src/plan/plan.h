/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The choice of backing, as pure code: a request and an inventory go in, a plan with its reasons
 * comes out. Nothing here opens a file or reads a clock, so every decision can be tested on any
 * machine that was ever captured.
 */
#ifndef GR_PLAN_PLAN_H
#define GR_PLAN_PLAN_H

#include "guest/request.h"
#include "host/host.h"

/* How many pages, what their tables cost and what rounding up to whole pages wastes. */
struct gr_arithmetic {
	uint64_t page_size_bytes;
	uint64_t pages;
	uint64_t page_table_bytes; /* of one mapping of that memory on this architecture */
	uint64_t waste_bytes;
};

/**
 * gr_arithmetic - whole pages per need (rounded up need by need, never on the sum)
 * @base_page_bytes: of the host; a page table is one such page
 *
 * Sums that do not fit 64 bits are UINT64_MAX. See arithmetic.c for which tables are counted.
 */
void gr_arithmetic(const struct gr_request *request, uint64_t page_size_bytes,
		   uint64_t base_page_bytes, struct gr_arithmetic *ret);

/* Huge pages of one size on one node (-1: any), as a lease asks for them. */
struct gr_grant {
	int node;
	uint64_t page_size_bytes;
	uint64_t pages;
	bool preferred; /* the node is a wish: what it lacks may come from others */
};

/** gr_grant_scope - the node that must have the pages, -1 if any may. */
static inline int gr_grant_scope(const struct gr_grant *grant)
{
	return grant->preferred ? -1 : grant->node;
}

/* Pages of a size on a node (-1: whole host). In pages; see obtain.c for what each promises. */
struct gr_obtainable {
	uint64_t now;        /* from the buddy lists as they are: a plain write */
	bool now_known;      /* false: a guess from above (gigantic pages), or no buddy lists */
	bool surveyed;       /* by_ladder comes from the pages themselves (host->survey) */
	uint64_t by_ladder;  /* with compaction and reclaim within the budgets */
	uint64_t at_most;    /* never exceeded, whatever is done */
};

/* What pool growth must leave to the kernel. */
struct gr_floor {
	uint64_t keep_free_bytes; /* 0: the default, the larger of 5 % of RAM and 512 MiB */
};

uint64_t gr_floor_bytes(const struct gr_host *host, const struct gr_floor *floor);

/* What pool growth may cost others. In bytes; UINT64_MAX: as much as it takes. */
struct gr_losses {
	uint64_t cache_bytes; /* page cache and slab */
	uint64_t swap_bytes;
};

/**
 * gr_obtainable_within - new pages that could join the pool of that size (floor respected)
 * @losses: for by_ladder; NULL: as much as it takes
 *
 * With host->survey from the pages themselves, else an estimate from what is available.
 */
void gr_obtainable_within(const struct gr_host *host, uint64_t page_size_bytes, int node,
			  const struct gr_floor *floor, const struct gr_losses *losses,
			  struct gr_obtainable *ret);

/** gr_obtainable - the same without a limit to the losses. */
void gr_obtainable(const struct gr_host *host, uint64_t page_size_bytes, int node,
		   const struct gr_floor *floor, struct gr_obtainable *ret);

/** gr_floor_room - bytes that pages of that size could take on @node (-1: any) above the floor. */
uint64_t gr_floor_room(const struct gr_host *host, const struct gr_floor *floor,
		       uint64_t page_size_bytes, int node);

/** gr_floor_lack - bytes by which the host is below its floor already; 0: it is not. */
uint64_t gr_floor_lack(const struct gr_host *host, const struct gr_floor *floor);

/**
 * gr_floor_check - would the host survive taking @bytes for huge pages on @node (-1: any)?
 *
 * With 0 bytes: is it above the floor as it is?
 * What counts is memory that the kernel itself can use: free memory in ZONE_MOVABLE does not, so it
 * is what huge pages are taken from first. (Gigantic pages never come from there: for them compare
 * with gr_floor_room().)
 * Return: 0, or -ENOMEM (class host) with the shortfall and the floor in the message.
 */
int gr_floor_check(const struct gr_host *host, const struct gr_floor *floor, int node,
		   uint64_t bytes, struct gr_error *err);

struct gr_problem {
	char code[16]; /* GR201 ... stable; problems.h lists them */
	char *message;
	char *hint; /* what to do about it, or NULL */
};

struct gr_alternative {
	enum gr_backing backing;
	uint64_t page_size_bytes; /* base page for 4K, PMD size for THP */
	bool feasible;
	char **reasons; /* why not, or why less good */
	size_t reason_count;
	int score;      /* the order of choice; not printed */
};

#define GR_PLAN_NEEDS_MAX 64

struct gr_plan {
	enum gr_backing backing; /* AUTO: nothing is feasible, see problems */
	/* Sizes and grants are those of the choice; without a choice, those of the best that failed
	 * (0 and none if the request was refused before anything was weighed). */
	uint64_t page_size_bytes;
	uint64_t page_size_of_need[GR_PLAN_NEEDS_MAX]; /* [i] for needs[i]; they may differ */
	char **reasons;
	size_t reason_count;
	struct gr_arithmetic *arithmetic; /* for every page size of the host, base page first */
	size_t arithmetic_count;
	struct gr_alternative *alternatives; /* the others that were weighed, best first */
	size_t alternative_count;
	struct gr_grant *grants; /* what dynamic has to reserve, static to find; else none */
	size_t grant_count;
	struct gr_problem *problems; /* all at once; any means that there is no plan */
	size_t problem_count;
	bool misaligned; /* huge pages hold more than was asked: memfd and VMMs refuse that */
	bool impossible; /* some problem no host could solve: exit 2; otherwise exit 3 */
};

/**
 * gr_plan_make - weigh every backing for @request on @host
 *
 * A request that cannot be met is a plan with problems, not an error.
 * Return: 0 or -ENOMEM. Free with gr_plan_free().
 */
int gr_plan_make(const struct gr_request *request, const struct gr_host *host,
		 const struct gr_floor *floor, struct gr_plan **ret, struct gr_error *err);
void gr_plan_free(struct gr_plan *plan);

static inline void gr_plan_freep(struct gr_plan **plan)
{
	gr_plan_free(*plan);
}
#define _cleanup_plan_ __attribute__((cleanup(gr_plan_freep)))

/** gr_plan_error - the first problem as an error with class usage or host. Return: -EINVAL/-ENOMEM,
 * 0 if there is none. */
int gr_plan_error(const struct gr_plan *plan, struct gr_error *err);

/**
 * gr_plan_check_aligned - refuse what `plan` only notes: memory that is no multiple of its page
 *
 * For those who really map it (run, reserve): memfd_create() with huge pages fails with EINVAL.
 * Return: 0, or -EINVAL (class usage) with the nearest sizes below and above.
 */
int gr_plan_check_aligned(const struct gr_plan *plan, const struct gr_request *request,
			  struct gr_error *err);

#endif
