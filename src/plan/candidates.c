// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The candidates: base pages, THP, and static and dynamic with every page size of the host (or
 * with those that the request names, where it names one for every need). All of them are weighed,
 * also those that the request does not allow, so that "why not X" always has an answer.
 */
#include "base/util.h"
#include "plan/weigh.h"

void gr_choice_done(struct gr_choice *choice)
{
	for (size_t i = 0; i < choice->count; i++) {
		free(choice->candidates[i].grants);
		gr_texts_done(&choice->candidates[i].reasons);
		gr_problems_done(&choice->candidates[i].failures);
	}
	free(choice->candidates);
	*choice = (struct gr_choice){ 0 };
}

/* Does every need name the base page, that is: want no huge pages? */
static bool base_is_named(const struct gr_weighing *w)
{
	for (size_t i = 0; i < w->request->need_count; i++) {
		if (w->request->needs[i].page_size_bytes != gr_base_page(w->host))
			return false;
	}
	return true;
}

uint64_t gr_named_size(const struct gr_weighing *w)
{
	for (size_t i = 0; i < w->request->need_count; i++) {
		uint64_t size = w->request->needs[i].page_size_bytes;

		if (size && size != gr_base_page(w->host))
			return size;
	}
	return 0;
}

/* Is any need left to our choice? */
static bool size_is_open(const struct gr_weighing *w)
{
	for (size_t i = 0; i < w->request->need_count; i++) {
		if (w->request->needs[i].page_size_bytes == 0)
			return true;
	}
	return false;
}

static bool is_eligible(const struct gr_weighing *w, enum gr_backing backing)
{
	if (w->request->backing != GR_BACKING_AUTO)
		return backing == w->request->backing;
	if (base_is_named(w))
		return backing == GR_BACKING_4K;
	return gr_backing_is_pool(backing) || gr_named_size(w) == 0;
}

static void add_candidate(struct gr_choice *choice, enum gr_backing backing, uint64_t page_size)
{
	const struct gr_request *request = choice->w.request;
	bool own_sizes = gr_backing_is_pool(backing) && !base_is_named(&choice->w);
	struct gr_candidate *c;

	if (gr_grow(&choice->candidates, choice->count, sizeof(*choice->candidates)) < 0) {
		choice->lost = true;
		return;
	}
	c = &choice->candidates[choice->count++];
	c->backing = backing;
	c->page_size_bytes = page_size;
	for (size_t i = 0; i < request->need_count; i++) {
		uint64_t own = request->needs[i].page_size_bytes;

		c->size_of_need[i] = own && own_sizes ? own : page_size;
	}
	c->eligible = is_eligible(&choice->w, backing);
	if (gr_backing_is_pool(backing))
		gr_weigh_pool(&choice->w, c);
	else
		gr_weigh_pageable(&choice->w, c);
	gr_weigh_traits(&choice->w, c);
	choice->lost |= c->reasons.lost || c->failures.lost;
}

static void add_all(struct gr_choice *choice)
{
	const struct gr_host *host = choice->w.host;
	uint64_t named = size_is_open(&choice->w) ? 0 : gr_named_size(&choice->w);

	add_candidate(choice, GR_BACKING_4K, gr_base_page(host));
	add_candidate(choice, GR_BACKING_THP, gr_pmd_size(host));
	for (int backing = GR_BACKING_STATIC; backing <= GR_BACKING_DYNAMIC; backing++) {
		if (named || host->page_size_count == 0)
			add_candidate(choice, (enum gr_backing)backing,
				      named ? named : gr_pmd_size(host));
		for (size_t i = 0; i < host->page_size_count && !named; i++)
			add_candidate(choice, (enum gr_backing)backing, host->page_sizes[i]);
	}
}

static bool is_better(const struct gr_candidate *a, const struct gr_candidate *b)
{
	bool a_works = a->failures.count == 0, b_works = b->failures.count == 0;

	return a_works != b_works ? a_works : a->score > b->score;
}

/* Best first, what does not work last; equals keep the order of the list. */
static void sort_candidates(struct gr_choice *choice)
{
	for (size_t i = 1; i < choice->count; i++) {
		struct gr_candidate moving = choice->candidates[i];
		size_t at = i;

		for (; at > 0 && is_better(&moving, &choice->candidates[at - 1]); at--)
			choice->candidates[at] = choice->candidates[at - 1];
		choice->candidates[at] = moving;
	}
}

int gr_make_candidates(struct gr_choice *choice)
{
	add_all(choice);
	if (choice->lost)
		return -ENOMEM;
	sort_candidates(choice);
	return 0;
}
