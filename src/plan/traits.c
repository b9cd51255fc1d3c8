// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the goal, the page size and the other wishes of the VM do to a candidate: one table row per
 * wish, with a score and a reason for each backing. The scores only order candidates that are
 * feasible; the reasons are what people read. Two rules decide most cases: guests that keep their
 * memory do best on huge pages of the pool, guests that are to give it back (balloon, KSM) on
 * pages that the kernel can take.
 */
#include <stddef.h>

#include "base/util.h"
#include "plan/weigh.h"

static const int goal_scores[GR_GOAL_COUNT][GR_BACKING_COUNT] = {
	[GR_GOAL_PERFORMANCE] = { [GR_BACKING_4K] = 20, [GR_BACKING_THP] = 50,
				  [GR_BACKING_STATIC] = 90, [GR_BACKING_DYNAMIC] = 85 },
	[GR_GOAL_BALANCED] = { [GR_BACKING_4K] = 30, [GR_BACKING_THP] = 60,
			       [GR_BACKING_STATIC] = 80, [GR_BACKING_DYNAMIC] = 75 },
	[GR_GOAL_DENSITY] = { [GR_BACKING_4K] = 70, [GR_BACKING_THP] = 80,
			      [GR_BACKING_STATIC] = 50, [GR_BACKING_DYNAMIC] = 60 },
};

struct effect {
	int score;
	const char *reason; /* NULL: none */
};

struct trait {
	size_t flag; /* offset of a bool in struct gr_request */
	struct effect of[GR_BACKING_COUNT];
};

/* The same for static and dynamic. */
#define PINNED "passthrough pins memory: huge from the start, it stays so"
#define SHARED "shared with other processes, they map huge pages too"
#define BALLOON "a balloon gives little back from huge pages of the pool"
#define KSM "KSM never merges huge pages of the pool"
#define MIGRATION "migration: the other host needs free pages, of the same size for postcopy"
#define LOCKED "pages of the pool are never swapped: no lock needed"

/* clang-format off */
static const struct trait traits[] = {
	{ .flag = offsetof(struct gr_request, passthrough),
	  .of = {
		[GR_BACKING_4K] = { -20, "passthrough pins every page: slow to start, and large "
					 "tables in the IOMMU" },
		[GR_BACKING_THP] = { -15, "passthrough pins memory when the VM starts: what is not "
					  "huge by then stays small" },
		[GR_BACKING_STATIC] = { 10, PINNED },
		[GR_BACKING_DYNAMIC] = { 10, PINNED },
	  } },
	{ .flag = offsetof(struct gr_request, shared),
	  .of = {
		[GR_BACKING_STATIC] = { 0, SHARED },
		[GR_BACKING_DYNAMIC] = { 0, SHARED },
	  } },
	{ .flag = offsetof(struct gr_request, memory_hotplug),
	  .of = {
		[GR_BACKING_STATIC] = { -10, "memory plugged in later must find free pages in the "
					     "pool as well" },
		[GR_BACKING_DYNAMIC] = { -5, "memory plugged in later has to be reserved at that "
					     "moment" },
	  } },
	{ .flag = offsetof(struct gr_request, balloon),
	  .of = {
		[GR_BACKING_4K] = { 10, "a balloon gives back every page" },
		[GR_BACKING_THP] = { -5, "a balloon splits huge pages as it grows" },
		[GR_BACKING_STATIC] = { -50, BALLOON },
		[GR_BACKING_DYNAMIC] = { -50, BALLOON },
	  } },
	{ .flag = offsetof(struct gr_request, ksm),
	  .of = {
		[GR_BACKING_4K] = { 25, "KSM merges base pages" },
		[GR_BACKING_THP] = { -15, "KSM splits the huge pages in which it merges" },
		[GR_BACKING_STATIC] = { -50, KSM },
		[GR_BACKING_DYNAMIC] = { -50, KSM },
	  } },
	{ .flag = offsetof(struct gr_request, migration),
	  .of = {
		[GR_BACKING_THP] = { 0, "while it migrates, the guest is mapped in base pages" },
		[GR_BACKING_STATIC] = { -5, MIGRATION },
		[GR_BACKING_DYNAMIC] = { -5, MIGRATION },
	  } },
	{ .flag = offsetof(struct gr_request, locked),
	  .of = {
		[GR_BACKING_4K] = { 0, "locked memory is populated at the start, page by page" },
		[GR_BACKING_STATIC] = { 0, LOCKED },
		[GR_BACKING_DYNAMIC] = { 0, LOCKED },
	  } },
};
/* clang-format on */

static bool has_trait(const struct gr_request *request, const struct trait *trait)
{
	/* Pinned memory is nobody's to take: the wish to give some back has no effect. */
	if (request->passthrough && (trait->flag == offsetof(struct gr_request, balloon) ||
				     trait->flag == offsetof(struct gr_request, ksm)))
		return false;
	if (trait->flag == offsetof(struct gr_request, shared))
		return gr_request_shared(request);
	return *(const bool *)((const char *)request + trait->flag);
}

/* The usual huge page: the largest size of the pool that one PMD entry or less maps. */
static uint64_t usual_size(const struct gr_host *host)
{
	uint64_t usual = 0;

	for (size_t i = 0; i < host->page_size_count; i++) {
		if (host->page_sizes[i] <= gr_pmd_size(host))
			usual = gr_max_u64(usual, host->page_sizes[i]);
	}
	return usual;
}

/*
 * Larger than usual pays a few percent, for those who asked for performance; smaller (runs of
 * small entries) saves no page tables, and THP may be the better. A size that leaves part of a
 * page unused comes last if nobody asked for it: memfd_create() and most VMMs would refuse it.
 */
static void weigh_size(const struct gr_weighing *w, struct gr_candidate *c)
{
	const struct gr_host *host = w->host;
	uint64_t usual = usual_size(host), size = c->page_size_bytes;

	if (size > usual)
		c->score += w->request->goal == GR_GOAL_PERFORMANCE ? 5 : -3;
	for (size_t i = 0; i < host->page_size_count; i++) {
		if (host->page_sizes[i] > size && host->page_sizes[i] <= usual)
			c->score -= 16;
	}
	if (c->misaligned)
		c->score -= w->request->backing == GR_BACKING_AUTO ? 100 : 25;
}

void gr_weigh_traits(const struct gr_weighing *w, struct gr_candidate *c)
{
	enum gr_goal goal = w->request->goal;

	c->score += goal_scores[goal < GR_GOAL_COUNT ? goal : GR_GOAL_BALANCED][c->backing];
	if (gr_backing_is_pool(c->backing))
		weigh_size(w, c);
	for (size_t i = 0; i < GR_ARRAY_SIZE(traits); i++) {
		const struct effect *effect = &traits[i].of[c->backing];

		if (!has_trait(w->request, &traits[i]))
			continue;
		c->score += effect->score;
		if (effect->reason)
			gr_texts_add(&c->reasons, "%s", effect->reason);
	}
}
