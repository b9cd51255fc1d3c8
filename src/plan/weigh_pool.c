// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Static and dynamic: pages of the kernel's pools. Static takes what is free in the pool and adds
 * nothing; dynamic adds pages of its own (free ones that lie there belong to somebody) and is
 * feasible when they can be had by compaction and reclaim without crossing the floor. Every number
 * that decides is in a reason or a problem.
 */
#include "base/util.h"
#include "plan/weigh.h"

#define LADDER_SCORE (-10) /* the host has to compact first */
#define GUESS_SCORE (-75)  /* nobody can tell, or it looks bad: never chosen unless asked for */

struct texts { /* buffers for the numbers of one message */
	char a[GR_TEXT_MAX], b[GR_TEXT_MAX], c[GR_TEXT_MAX], d[GR_TEXT_MAX], e[GR_TEXT_MAX];
};

static bool fits_a_page(const struct gr_weighing *w, struct gr_candidate *c)
{
	struct texts t;

	for (size_t i = 0; i < w->request->need_count; i++) {
		uint64_t bytes = w->request->needs[i].memory_bytes;

		if (bytes >= c->size_of_need[i])
			continue;
		gr_problems_add(&c->failures, GR_P_TOO_SMALL, "%s is less than one %s page",
				gr_size_text(bytes, t.a), gr_size_text(c->size_of_need[i], t.b));
		return false;
	}
	return true;
}

static void note_waste(const struct gr_weighing *w, struct gr_candidate *c)
{
	for (size_t i = 0; i < w->request->need_count; i++) {
		uint64_t bytes = w->request->needs[i].memory_bytes, size = c->size_of_need[i];
		struct texts t;

		if (size == gr_base_page(w->host) || bytes % size == 0)
			continue;
		c->misaligned = true;
		gr_texts_add(&c->reasons,
			     "%s is no whole number of %s pages: %s of the last one stay unused; "
			     "whole are %s and %s",
			     gr_size_arg(bytes, t.a), gr_size_text(size, t.b),
			     gr_size_text(size - bytes % size, t.c),
			     gr_size_arg(bytes - bytes % size, t.d),
			     gr_size_arg(gr_mul_sat(gr_div_up(bytes, size), size), t.e));
	}
}

/* Pages that the kernel may add by itself when they are mapped: a permission, not a promise. */
static void note_overcommit(const struct gr_weighing *w, struct gr_candidate *c, uint64_t size)
{
	const struct gr_pool *pool = gr_host_pool(w->host, size, -1);
	struct gr_obtainable got;
	struct texts t;

	if (!pool || pool->overcommit <= pool->surplus)
		return;
	gr_obtainable(w->host, size, -1, w->floor, &got);
	gr_texts_add(&c->reasons, "overcommit of the %s pool: allowed %s, obtainable now about %s",
		     gr_size_text(size, t.a), gr_count_text(pool->overcommit - pool->surplus, t.b),
		     gr_count_text(got.now, t.c));
}

static void check_pool(const struct gr_weighing *w, struct gr_candidate *c, uint64_t size, int node,
		       uint64_t pages)
{
	const struct gr_pool *pool = gr_host_pool(w->host, size, node);
	uint64_t have = gr_scope_pool_free(w->host, size, node);
	uint64_t everywhere = gr_scope_pool_free(w->host, size, -1);
	char where[32] = "the pool", page[GR_TEXT_MAX], arg[GR_TEXT_MAX];
	struct texts t;

	if (node >= 0)
		snprintf(where, sizeof(where), "host node %d", node);
	gr_size_text(size, page);
	if (!pool || pool->answer != GR_ANSWER_OK) {
		gr_problems_add(&c->failures, GR_P_POOL,
				"how many pages of %s %s has cannot be read", page, where);
		return;
	}
	if (pages <= have) {
		gr_texts_add(&c->reasons, "%s has %s free page%s of %s, %s %s needed", where,
			     gr_count_text(have, t.a), gr_plural(have), page,
			     gr_count_text(pages, t.b), gr_are(pages));
		return;
	}
	gr_problems_add(&c->failures, GR_P_POOL,
			"%s has %s free page%s of %s, %s %s needed: short by %s (%s)%s", where,
			gr_count_text(have, t.a), gr_plural(have), page,
			gr_count_text(pages, t.b), gr_are(pages),
			gr_count_text(pages - have, t.c),
			gr_size_text(gr_mul_sat(pages - have, size), t.d),
			everywhere >= pages ? "; other nodes have enough, but cannot be used" :
			pool->claimed ? "; the rest is held by leases (`guestram list`)" : "");
	if (node >= 0 && everywhere >= pages) {
		gr_problems_hint(&c->failures,
				 "`guestram reserve -m %s -p %s -n %d` adds what is missing there; "
				 "with the preferred policy other nodes help out",
				 gr_size_arg(gr_mul_sat(pages - have, size), t.e),
				 gr_size_arg(size, arg), node);
		return;
	}
	gr_problems_hint(&c->failures,
			 "`--backing dynamic` adds them when the VM starts, `guestram "
			 "reserve -m SIZE -p %s` adds them now",
			 gr_size_arg(size, arg));
}

static void weigh_static(const struct gr_weighing *w, struct gr_candidate *c)
{
	for (size_t i = 0; i < c->grant_count; i++) {
		const struct gr_grant *grant = &c->grants[i];
		uint64_t pages = gr_pages_of_size(c, i);

		int node = gr_grant_scope(grant);

		if (node >= 0)
			check_pool(w, c, grant->page_size_bytes, node, grant->pages);
		if (pages && (node < 0 || pages > grant->pages))
			check_pool(w, c, grant->page_size_bytes, -1, pages);
	}
}

/* Bytes that scope @node has to give (-1: all of them), and how many of those in gigantic pages. */
static void sum_bytes(const struct gr_weighing *w, const struct gr_candidate *c, int node,
		      uint64_t *ret_all, uint64_t *ret_gigantic)
{
	uint64_t all = 0, gigantic = 0;

	for (size_t i = 0; i < w->request->need_count && node < 0; i++) {
		if (c->size_of_need[i] == gr_base_page(w->host))
			all = gr_add_sat(all, w->request->needs[i].memory_bytes);
	}
	for (size_t i = 0; i < c->grant_count; i++) {
		uint64_t bytes = gr_grant_bytes(&c->grants[i]);

		if (node >= 0 && gr_grant_scope(&c->grants[i]) != node)
			continue;
		all = gr_add_sat(all, bytes);
		if (gr_is_gigantic(w->host, c->grants[i].page_size_bytes))
			gigantic = gr_add_sat(gigantic, bytes);
	}
	*ret_all = all;
	*ret_gigantic = gigantic;
}

/* Would the host survive it? Returns false, with a problem added, if not. */
static bool check_floor(const struct gr_weighing *w, struct gr_candidate *c, int node)
{
	bool pinned = w->request->passthrough;
	struct gr_error err = { 0 };
	uint64_t all, gigantic;

	sum_bytes(w, c, node, &all, &gigantic);
	if (gr_floor_check_in(w->host, w->floor, pinned, node, all, &err) >= 0 &&
	    gr_floor_check_in(w->host, w->floor, true, node, gigantic, &err) >= 0)
		return true;
	gr_problems_add(&c->failures, GR_P_FLOOR, "%s", err.message);
	gr_problems_hint(&c->failures, "%s", err.hint);
	return false;
}

/* The host as a whole, then every node once. */
static bool check_floors(const struct gr_weighing *w, struct gr_candidate *c)
{
	bool fits = check_floor(w, c, -1);

	for (size_t i = 0; i < c->grant_count && fits; i++) {
		int node = gr_grant_scope(&c->grants[i]);
		bool seen = node < 0;

		for (size_t k = 0; k < i; k++)
			seen |= gr_grant_scope(&c->grants[k]) == node;
		if (!seen)
			fits = check_floor(w, c, node);
	}
	return fits;
}

static void say_obtainable(const struct gr_weighing *w, struct gr_candidate *c,
			   const struct gr_grant *grant, const struct gr_obtainable *got)
{
	bool listed = gr_max_order(w->host) != GR_ORDER_NONE;
	char page[GR_TEXT_MAX], where[32] = "", needed[4 * GR_TEXT_MAX];
	struct texts t;

	gr_size_text(grant->page_size_bytes, page);
	if (gr_grant_scope(grant) >= 0)
		snprintf(where, sizeof(where), " on host node %d", grant->node);
	gr_count_text(grant->pages, t.a);
	gr_count_text(got->now, t.b);
	snprintf(needed, sizeof(needed), "%s page%s of %s %s needed%s", t.a,
		 gr_plural(grant->pages), page, gr_are(grant->pages), where);
	if (got->now_known && grant->pages <= got->now) {
		gr_texts_add(&c->reasons, "%s, %s can be had at once", needed, t.b);
	} else if (got->surveyed && grant->pages > got->by_ladder) {
		gr_texts_add(&c->reasons,
			     "%s, but about %s can be had, compaction and reclaim included: what "
			     "stays in place is in the way",
			     needed, gr_count_text(got->by_ladder, t.c));
	} else if (got->now_known) {
		gr_texts_add(
			&c->reasons,
			"needs compaction%s: %s of %s page%s of %s can be had at once, about %s "
			"after compaction and reclaim",
			where, t.b, t.a, gr_plural(grant->pages), page,
			gr_count_text(got->by_ladder, t.c));
	} else if (listed) {
		gr_texts_add(&c->reasons,
			     "%s, but no list shows free ranges of that size: %s at best, and a "
			     "host that has run for long may have none",
			     needed, t.b);
	} else {
		gr_texts_add(&c->reasons,
			     "%s; without buddy lists nobody knows how many can be had at once",
			     needed);
	}
}

static void say_unobtainable(struct gr_candidate *c, const struct gr_grant *grant,
			     const struct gr_obtainable *got)
{
	uint64_t lack = grant->pages - got->at_most;
	char page[GR_TEXT_MAX];
	struct texts t;

	gr_problems_add(&c->failures, GR_P_OBTAIN,
			"%s page%s of %s %s needed, at most %s can be had here: short by %s (%s)",
			gr_count_text(grant->pages, t.a), gr_plural(grant->pages),
			gr_size_text(grant->page_size_bytes, page), gr_are(grant->pages),
			gr_count_text(got->at_most, t.b), gr_count_text(lack, t.c),
			gr_size_text(gr_mul_sat(lack, grant->page_size_bytes), t.d));
	gr_problems_hint(&c->failures,
			 "`guestram host` shows how many pages of each size can be had");
}

/*
 * More gigantic pages than fit into the zones is a fact of its own. For other sizes it is nearly
 * always the floor that is in the way, so that is looked at first, and has its own words.
 */
static void weigh_dynamic(const struct gr_weighing *w, struct gr_candidate *c)
{
	struct gr_obtainable got;

	for (size_t i = 0; i < c->grant_count; i++) {
		const struct gr_grant *grant = &c->grants[i];
		bool gigantic = gr_is_gigantic(w->host, grant->page_size_bytes);

		gr_obtainable(w->host, grant->page_size_bytes, gr_grant_scope(grant), w->floor, &got);
		if (gigantic || (got.surveyed && grant->pages > got.by_ladder))
			c->score += GUESS_SCORE;
		else if (!got.now_known || grant->pages > got.now)
			c->score += LADDER_SCORE;
		if (gigantic && grant->pages > got.at_most)
			say_unobtainable(c, grant, &got);
	}
	if (c->failures.count > 0 || !check_floors(w, c))
		return;
	for (size_t i = 0; i < c->grant_count; i++) {
		const struct gr_grant *grant = &c->grants[i];

		gr_obtainable(w->host, grant->page_size_bytes, gr_grant_scope(grant), w->floor, &got);
		if (grant->pages <= got.at_most)
			say_obtainable(w, c, grant, &got);
		else
			say_unobtainable(c, grant, &got);
	}
}

void gr_weigh_pool(const struct gr_weighing *w, struct gr_candidate *c)
{
	if (w->host->page_size_count == 0) {
		gr_problems_add(&c->failures, GR_P_NO_POOLS,
				"this kernel has no pools of huge pages");
		gr_problems_hint(&c->failures,
				 "it needs CONFIG_HUGETLBFS and a processor with huge "
				 "pages; thp and 4k work without");
		return;
	}
	if (!fits_a_page(w, c))
		return;
	if (gr_make_grants(w, c) < 0) {
		c->failures.lost = true;
		return;
	}
	if (c->backing == GR_BACKING_STATIC)
		weigh_static(w, c);
	else
		weigh_dynamic(w, c);
	for (size_t i = 0; i < c->grant_count; i++) {
		uint64_t size = c->grants[i].page_size_bytes, pages = gr_pages_of_size(c, i);

		if (!pages)
			continue;
		gr_cgroup_check(w->host, size, gr_mul_sat(pages, size), &c->failures);
		note_overcommit(w, c, size);
	}
	note_waste(w, c);
}
