// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Gigantic pages by way of memory blocks, with consent: the ranges with the least to move, and
 * nothing in them that cannot, go offline block by block and come back empty; then a write takes
 * them before they fill again. Ranges with anybody's huge pages are never touched: offlining
 * dissolves free ones. Gigantic pages never come out of ZONE_MOVABLE, so a range from there comes back
 * as the kernel's own memory, lent until the lease is over. One block that does not give way ends its range, and what had gone comes
 * back at once.
 *
 * What is moved must fit elsewhere above the floor. Every block event makes many distributions
 * reload kdump, so their number is bounded.
 */
#include "lease/evacuate.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/size.h"
#include "base/util.h"
#include "host/survey.h"
#include "lease/blocks.h"
#include "plan/scope.h"

#define FAILURES_MAX 8
#define BLOCKING_MAX 256
#define RANGE_NS (UINT64_C(10) * 1000000000)

bool gr_worth_evacuating(const struct gr_climb *climb, const struct gr_look *look)
{
	uint64_t block_bytes;

	return look->gigantic && look->node >= 0 &&
	       gr_block_bytes(climb->ledger->root, &block_bytes) >= 0 &&
	       block_bytes <= look->page_size_bytes;
}

static uint64_t to_move(const struct gr_survey_range *range)
{
	return gr_kinds_movable(&range->pages);
}

/* May it be tried? A few pages that look like the kernel's may be free ones on a CPU's own list,
 * and a failure shows at once. */
static bool candidate(const struct gr_survey_range *range, int node)
{
	return range->node == (unsigned int)node && !range->pages.huge &&
	       !range->pages.absent && gr_kinds_blocking(&range->pages) <= BLOCKING_MAX;
}

static int compare(const void *a, const void *b)
{
	const struct gr_survey_range *x = *(struct gr_survey_range *const *)a;
	const struct gr_survey_range *y = *(struct gr_survey_range *const *)b;
	uint64_t p = gr_kinds_blocking(&x->pages), q = gr_kinds_blocking(&y->pages);

	if (p != q)
		return p < q ? -1 : 1;
	return to_move(x) < to_move(y) ? -1 : to_move(x) > to_move(y);
}

/* The candidates, those with the least in the way first. Return: how many, or -ENOMEM. */
static int choose(const struct gr_survey *survey, int node, const struct gr_survey_range ***ret)
{
	const struct gr_survey_range **list =
		calloc(survey->range_count + 1, sizeof(struct gr_survey_range *));
	int count = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < survey->range_count; i++) {
		if (candidate(&survey->ranges[i], node))
			list[count++] = &survey->ranges[i];
	}
	qsort(list, (size_t)count, sizeof(struct gr_survey_range *), compare);
	*ret = list;
	return count;
}

/* Is there room elsewhere for what is in the range, above the floor? */
static bool has_room(const struct gr_climb *climb, const struct gr_survey_range *range,
		     const struct gr_host *host)
{
	uint64_t room = gr_floor_room(host, &climb->options->floor, host->default_page_size_bytes ?
				      host->default_page_size_bytes : gr_base_page(host), -1);

	/* The whole range is gone for the moment, free parts as well. */
	return room >= gr_mul_sat(gr_kinds_movable(&range->pages) + range->pages.free,
				  gr_base_page(host));
}

/* Offline and back. Return: 0 when every block was empty once; -EBUSY ...; -EIO (stranded). */
static int cycle(struct gr_climb *climb, uint64_t first, uint64_t count, struct gr_error *err)
{
	uint64_t deadline = gr_now_ns() + RANGE_NS, gone = 0;
	int r = 0, back = 0;

	for (; gone < count && r >= 0; gone++)
		r = gr_block_offline(climb->ledger, first + gone, deadline,
				     climb->options->interrupted);
	for (uint64_t i = 0; i < gone; i++) {
		int one = r < 0 && i == gone - 1 ? 0 : gr_block_online(climb->ledger, first + i, r < 0);

		if (one < 0)
			back = one;
	}
	if (back < 0) {
		gr_error_set(err, GR_CLASS_STRANDED, -back,
			     "memory blocks %" PRIu64 " to %" PRIu64 " did not all come back",
			     first, first + count - 1);
		gr_error_hint(err, "`guestram recover` tries again");
		return -EIO;
	}
	return r;
}

static int note(struct gr_rung *rung, uint64_t blocks, unsigned int ranges, unsigned int failed)
{
	char a[GR_TEXT_MAX];

	return gr_asprintf(&rung->note, "%s memory blocks were offline for a moment: %u ranges "
			   "emptied, %u could not be", gr_count_text(blocks, a), ranges, failed);
}

int gr_evacuate(struct gr_climb *climb, struct gr_lease_grant *grant, const struct gr_look *look,
		struct gr_rung *rung, struct gr_error *err)
{
	_cleanup_survey_ struct gr_survey survey = { 0 };
	_cleanup_free_ const struct gr_survey_range **list = NULL;
	size_t at = (size_t)(rung - climb->report->rungs);
	uint64_t block_bytes, per_range, blocks = 0, wanted = look->short_pages;
	unsigned int emptied = 0, failed = 0;
	int count, r = gr_survey_read(climb->ledger->root, look->host, look->node, 0, &survey, err);

	if (r < 0 || gr_block_bytes(climb->ledger->root, &block_bytes) < 0)
		return r;
	count = choose(&survey, look->node, &list);
	if (count < 0)
		return gr_error_nomem(err);
	per_range = look->page_size_bytes / block_bytes;
	for (int i = 0; i < count && wanted && failed < FAILURES_MAX && !gr_climb_stopped(climb); i++) {
		_cleanup_host_ struct gr_host *host = NULL;
		uint64_t start = list[i]->start_pfn * gr_base_page(look->host), got = 0;

		r = gr_host_read(climb->ledger->root, GR_READ_POOLS, &host, err);
		if (r < 0)
			return r;
		if (!has_room(climb, list[i], host))
			continue;
		r = cycle(climb, start / block_bytes, per_range, err);
		blocks += per_range;
		if (r == -EIO)
			return r;
		failed += r < 0;
		if (r < 0)
			continue;
		emptied++;
		r = gr_attempt(climb, grant, host, 1, &got, err);
		if (r < 0)
			return r;
		wanted -= got;
	}
	return note(&climb->report->rungs[at], blocks, emptied, failed) < 0 ? gr_error_nomem(err) : 0;
}
