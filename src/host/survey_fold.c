// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Page flags -> ranges. Pages are counted into the range of the smallest size at hand; where one
 * ends it is judged and added to the range of the next size, and so on, so each page is looked at
 * once whatever the number of sizes. Neighbours mostly have equal flags: a run is counted at once.
 */
#include "base/util.h"
#include "host/survey_private.h"

static uint64_t *field(struct gr_page_kinds *pages, enum gr_kind kind)
{
	return (uint64_t *)pages + kind;
}

void gr_kinds_add(struct gr_page_kinds *sum, const struct gr_page_kinds *pages)
{
	for (int kind = 0; kind < GR_KIND_COUNT; kind++)
		*field(sum, kind) += ((const uint64_t *)pages)[kind];
}

static bool fits(const struct gr_host *host, uint64_t size, uint64_t smaller)
{
	return size > smaller && size % smaller == 0 && size % host->base_page_bytes == 0;
}

bool gr_fold_can(const struct gr_host *host)
{
	for (size_t i = 0; i < host->page_size_count; i++) {
		if (fits(host, host->page_sizes[i], host->base_page_bytes))
			return true;
	}
	return false;
}

void gr_fold_sizes(struct gr_fold *fold, struct gr_survey_size *sizes, const struct gr_host *host)
{
	uint64_t smaller = host->base_page_bytes;

	fold->count = 0;
	for (size_t i = 0; i < host->page_size_count; i++) {
		if (!fits(host, host->page_sizes[i], smaller))
			continue;
		smaller = host->page_sizes[i];
		fold->sizes[fold->count++] = (struct gr_fold_size){
			.size = sizes ? &sizes[i] : NULL,
			.pages = smaller / host->base_page_bytes,
		};
		if (sizes)
			sizes[i].known = true;
	}
}

bool gr_fold_is_gigantic(const struct gr_fold *fold, const struct gr_host *host)
{
	unsigned int orders = 0;

	for (size_t i = 0; i < host->zone_count; i++) {
		if (host->zones[i].orders > orders)
			orders = host->zones[i].orders;
	}
	return fold->count && orders && fold->sizes[fold->count - 1].pages >> (orders - 1) > 1;
}

/* Puts down a whole range as what its worst page makes it. */
static void judge(struct gr_survey_size *size, const struct gr_page_kinds *in)
{
	size->ranges++;
	if (in->absent) {
		size->absent++;
		gr_kinds_add(&size->in_absent, in);
	} else if (in->huge) {
		size->huge++;
		gr_kinds_add(&size->in_huge, in);
	} else if (in->kernel || in->tables) {
		size->kernel++;
		gr_kinds_add(&size->in_kernel, in);
		if (!in->tables) {
			size->unflagged++;
			size->unflagged_pages += in->kernel;
		}
	} else if (in->slab) {
		size->slab++;
		gr_kinds_add(&size->in_slab, in);
	} else if (gr_kinds_movable(in)) {
		size->movable++;
		gr_kinds_add(&size->in_movable, in);
	} else {
		size->free++;
	}
}

/* A part of a range: it cannot clear the range, but convict it, once. */
static void judge_part(const struct gr_fold *fold, struct gr_fold_size *one)
{
	uint64_t end = (fold->pfn - 1) / one->pages * one->pages + one->pages;

	if ((one->kinds.kernel || one->kinds.tables) && one->spoiled_end != end) {
		one->size->spoiled++;
		one->spoiled_end = end;
	}
	gr_kinds_add(&one->size->in_absent, &one->kinds);
}

/* Ends the range at hand of the i-th size. */
static int end_range(struct gr_fold *fold, size_t i)
{
	struct gr_fold_size *one = &fold->sizes[i];
	bool whole = one->seen == one->pages, last = i + 1 == fold->count;
	int r = 0;

	if (!one->seen)
		return 0;
	if (whole)
		judge(one->size, &one->kinds);
	else
		judge_part(fold, one);
	if (!last) {
		gr_kinds_add(&fold->sizes[i + 1].kinds, &one->kinds);
		fold->sizes[i + 1].seen += one->seen;
	} else {
		gr_kinds_add(fold->pages, &one->kinds);
		if (whole && fold->range)
			r = fold->range(fold->data, fold->pfn - one->pages, &one->kinds);
	}
	one->seen = 0;
	one->kinds = (struct gr_page_kinds){ 0 };
	return r;
}

int gr_fold_start(struct gr_fold *fold, uint64_t pfn)
{
	int r = 0;

	for (size_t i = 0; i < fold->count && r >= 0; i++)
		r = end_range(fold, i);
	fold->pfn = pfn;
	fold->head = GR_KIND_COUNT;
	return r;
}

void gr_flags_count(const uint64_t *flags, uint64_t count, enum gr_kind *head,
		    struct gr_page_kinds *sum)
{
	uint64_t i = 0;

	while (i < count) {
		uint64_t same = flags[i], start = i++;
		enum gr_kind kind = gr_kind_of_flags(same, *head);

		while (i < count && flags[i] == same)
			i++;
		*field(sum, kind) += i - start;
		if (!gr_flags_have_tail(same))
			*head = gr_flags_have_head(same) ? kind : GR_KIND_COUNT;
	}
}

/* Counts pages that lie in one range of the smallest size. */
static void count_pages(struct gr_fold *fold, const uint64_t *flags, uint64_t count)
{
	gr_flags_count(flags, count, &fold->head, &fold->sizes[0].kinds);
	fold->sizes[0].seen += count;
	fold->pfn += count;
}

int gr_fold_flags(struct gr_fold *fold, const uint64_t *flags, uint64_t count)
{
	int r = 0;

	while (count && r >= 0) {
		uint64_t pages = fold->sizes[0].pages;
		uint64_t now = gr_min_u64(count, pages - fold->pfn % pages);

		count_pages(fold, flags, now);
		flags += now;
		count -= now;
		for (size_t i = 0; i < fold->count && r >= 0; i++) {
			if (fold->pfn % fold->sizes[i].pages)
				break;
			r = end_range(fold, i);
		}
	}
	return r;
}
