// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gr_plan_make(): check the request, weigh the candidates, take the best one that the request
 * allows and the host can carry out. The others become alternatives with their reasons. Without a
 * choice the plan has the problems of those that were allowed.
 */
#include <string.h>

#include "base/util.h"
#include "plan/weigh.h"

static bool is_feasible(const struct gr_candidate *c)
{
	return c->failures.count == 0;
}

/* The best that can be carried out; without one (*@ret_feasible false) the best that was allowed.
 */
static struct gr_candidate *pick(struct gr_choice *choice, bool *ret_feasible)
{
	struct gr_candidate *allowed = NULL;

	for (size_t i = 0; i < choice->count; i++) {
		struct gr_candidate *c = &choice->candidates[i];

		if (!c->eligible)
			continue;
		if (is_feasible(c)) {
			*ret_feasible = true;
			return c;
		}
		if (!allowed)
			allowed = c;
	}
	*ret_feasible = false;
	return allowed;
}

/* The best allowed candidate of a backing, or NULL. */
static const struct gr_candidate *first_of(const struct gr_choice *choice, enum gr_backing backing)
{
	for (size_t i = 0; i < choice->count; i++) {
		if (choice->candidates[i].backing == backing && choice->candidates[i].eligible)
			return &choice->candidates[i];
	}
	return NULL;
}

/*
 * What stands in the way. A backing that was asked for answers for itself. With AUTO each backing
 * does, by its best page size; what no host could solve counts only if that is true of all.
 */
static void collect_problems(struct gr_choice *choice, const struct gr_candidate *best,
			     struct gr_problems *problems)
{
	/* Filling a pool by hand is the last remedy. */
	static const enum gr_backing order[] = {GR_BACKING_DYNAMIC, GR_BACKING_THP, GR_BACKING_4K,
						GR_BACKING_STATIC};
	bool solvable = false;

	if (choice->w.request->backing != GR_BACKING_AUTO) {
		gr_problems_merge(problems, &best->failures);
		return;
	}
	for (size_t i = 0; i < GR_ARRAY_SIZE(order); i++) {
		const struct gr_candidate *c = first_of(choice, order[i]);

		solvable |= c && !c->failures.impossible;
	}
	for (size_t i = 0; i < GR_ARRAY_SIZE(order); i++) {
		const struct gr_candidate *c = first_of(choice, order[i]);

		if (c && !(solvable && c->failures.impossible))
			gr_problems_merge(problems, &c->failures);
	}
}

/* "8 GiB = 4,096 x 2 MiB", for every need. */
static void say_multiplication(const struct gr_request *request, const struct gr_candidate *c,
			       struct gr_texts *reasons)
{
	for (size_t i = 0; i < request->need_count; i++) {
		uint64_t bytes = request->needs[i].memory_bytes, size = c->size_of_need[i];
		uint64_t pages = gr_div_up(bytes, size);
		char all[GR_TEXT_MAX], count[GR_TEXT_MAX], page[GR_TEXT_MAX], room[GR_TEXT_MAX];
		char cell[32] = "";

		if (request->needs[i].guest_cell >= 0)
			snprintf(cell, sizeof(cell),
				 "guest cell %d: ", request->needs[i].guest_cell);
		gr_size_text(bytes, all);
		gr_count_text(pages, count);
		gr_size_text(size, page);
		if (bytes % size == 0)
			gr_texts_add(reasons, "%s%s = %s x %s", cell, all, count, page);
		else
			gr_texts_add(reasons, "%s%s takes %s x %s = %s", cell, all, count, page,
				     gr_size_arg(gr_mul_sat(pages, size), room));
	}
}

/* What the choice costs and leaves. */
static void say_costs(const struct gr_weighing *w, const struct gr_candidate *c,
		      struct gr_texts *reasons)
{
	uint64_t base = gr_base_page(w->host), available = w->host->mem_available_bytes;
	char a[GR_TEXT_MAX], b[GR_TEXT_MAX], page[GR_TEXT_MAX];
	struct gr_arithmetic small, chosen;

	gr_arithmetic(w->request, base, base, &small);
	gr_arithmetic(w->request, c->page_size_bytes, base, &chosen);
	gr_size_text(chosen.page_table_bytes, a);
	if (c->backing == GR_BACKING_4K)
		gr_texts_add(reasons, "page tables of %s for each process that maps it", a);
	else if (chosen.page_table_bytes < small.page_table_bytes)
		gr_texts_add(reasons, "page tables of %s, against %s with %s pages", a,
			     gr_size_text(small.page_table_bytes, b), gr_size_text(base, page));
	if (c->backing == GR_BACKING_STATIC)
		return; /* that memory is taken already */
	gr_texts_add(reasons, "leaves %s of %s available once all is in use; the floor is %s",
		     gr_size_text(gr_sub_floor(available, gr_request_bytes(w->request)), a),
		     gr_size_text(available, b),
		     gr_size_text(gr_floor_bytes(w->host, w->floor), page));
}

static void append_texts(struct gr_texts *to, const struct gr_texts *from)
{
	for (size_t i = 0; i < from->count; i++)
		gr_texts_add(to, "%s", from->texts[i]);
}

static int add_alternative(const struct gr_weighing *w, struct gr_plan *plan,
			   const struct gr_candidate *c)
{
	struct gr_alternative *alternative;
	struct gr_texts texts = { 0 };
	char asked[GR_TEXT_MAX];

	if (gr_grow(&plan->alternatives, plan->alternative_count, sizeof(*plan->alternatives)) < 0)
		return -ENOMEM;
	if (!c->eligible && w->request->backing != GR_BACKING_AUTO)
		gr_texts_add(&texts, "backing %s was asked for",
			     gr_backing_name(w->request->backing));
	else if (!c->eligible)
		gr_texts_add(
			&texts, "pages of %s were asked for",
			gr_size_text(gr_named_size(w) ? gr_named_size(w) : gr_base_page(w->host),
				     asked));
	for (size_t i = 0; i < c->failures.count; i++)
		gr_texts_add(&texts, "%s", c->failures.problems[i].message);
	append_texts(&texts, &c->reasons);
	alternative = &plan->alternatives[plan->alternative_count++];
	alternative->backing = c->backing;
	alternative->page_size_bytes = c->page_size_bytes;
	alternative->feasible = is_feasible(c);
	alternative->score = c->score;
	alternative->reasons = texts.texts;
	alternative->reason_count = texts.count;
	return texts.lost ? -ENOMEM : 0;
}

static int add_alternatives(const struct gr_choice *choice, struct gr_plan *plan,
			    const struct gr_candidate *chosen)
{
	for (size_t i = 0; i < choice->count; i++) {
		if (&choice->candidates[i] != chosen &&
		    add_alternative(&choice->w, plan, &choice->candidates[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int choose(struct gr_choice *choice, struct gr_plan *plan, struct gr_problems *problems)
{
	struct gr_texts reasons = { 0 };
	struct gr_candidate *best;
	bool feasible;

	if (gr_make_candidates(choice) < 0)
		return -ENOMEM;
	best = pick(choice, &feasible);
	if (!feasible)
		collect_problems(choice, best, problems);
	plan->backing = feasible ? best->backing : GR_BACKING_AUTO;
	plan->page_size_bytes = best->page_size_bytes;
	memcpy(plan->page_size_of_need, best->size_of_need, sizeof(plan->page_size_of_need));
	plan->misaligned = best->misaligned;
	say_multiplication(choice->w.request, best, &reasons);
	if (feasible) {
		append_texts(&reasons, &best->reasons);
		say_costs(&choice->w, best, &reasons);
	}
	if (choice->w.request->passthrough &&
	    (choice->w.request->balloon || choice->w.request->ksm))
		gr_texts_add(&reasons, "passthrough pins all memory: a balloon gives nothing back "
				       "then, and KSM merges nothing");
	plan->reasons = reasons.texts;
	plan->reason_count = reasons.count;
	if (reasons.lost || add_alternatives(choice, plan, feasible ? best : NULL) < 0)
		return -ENOMEM;
	plan->grants = gr_steal_ptr(best->grants);
	plan->grant_count = best->grant_count;
	return 0;
}

static int add_arithmetic(const struct gr_weighing *w, struct gr_plan *plan)
{
	uint64_t base = gr_base_page(w->host);

	plan->arithmetic = calloc(w->host->page_size_count + 1, sizeof(*plan->arithmetic));
	if (!plan->arithmetic)
		return -ENOMEM;
	gr_arithmetic(w->request, base, base, &plan->arithmetic[plan->arithmetic_count++]);
	for (size_t i = 0; i < w->host->page_size_count; i++)
		gr_arithmetic(w->request, w->host->page_sizes[i], base,
			      &plan->arithmetic[plan->arithmetic_count++]);
	return 0;
}

int gr_plan_make(const struct gr_request *request, const struct gr_host *host,
		 const struct gr_floor *floor, struct gr_plan **ret, struct gr_error *err)
{
	struct gr_choice choice = {.w = {.request = request, .host = host, .floor = floor}};
	_cleanup_plan_ struct gr_plan *plan = calloc(1, sizeof(*plan));
	struct gr_problems problems = { 0 };
	int r;

	if (!plan)
		return gr_error_nomem(err);
	gr_check_request(&choice.w, &problems);
	r = add_arithmetic(&choice.w, plan);
	if (r >= 0 && problems.count == 0)
		r = choose(&choice, plan, &problems);
	plan->problems = problems.problems;
	plan->problem_count = problems.count;
	plan->impossible = problems.impossible;
	gr_choice_done(&choice);
	if (r < 0 || problems.lost)
		return gr_error_nomem(err);
	*ret = gr_steal_ptr(plan);
	return 0;
}
