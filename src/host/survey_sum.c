// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sums of a survey: what was sampled is scaled up zone by zone, zones add up to nodes. Also who
 * blocks a range, for people.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "host/read.h"
#include "host/survey_private.h"

struct gr_survey_size *gr_survey_sizes_new(const struct gr_host *host)
{
	struct gr_survey_size *sizes = calloc(host->page_size_count + 1, sizeof(*sizes));

	for (size_t i = 0; sizes && i < host->page_size_count; i++)
		sizes[i].page_size_bytes = host->page_sizes[i];
	return sizes;
}

#define COUNTS 9 /* fields from ranges on */
_Static_assert(offsetof(struct gr_survey_size, in_movable) -
			       offsetof(struct gr_survey_size, ranges) ==
		       COUNTS * sizeof(uint64_t),
	       "counts are numbers in a row, kinds of pages follow");

/* All sums of a size as one array of numbers. */
static uint64_t *numbers(struct gr_survey_size *size, size_t *ret_count)
{
	*ret_count = (sizeof(*size) - offsetof(struct gr_survey_size, ranges)) / sizeof(uint64_t);
	return &size->ranges;
}

static void scale(uint64_t *values, size_t count, uint64_t whole, uint64_t part)
{
	for (size_t i = 0; i < count; i++) {
		unsigned __int128 product = (unsigned __int128)values[i] * whole + part / 2;

		values[i] = (uint64_t)(product / part);
	}
}

void gr_survey_scale(struct gr_survey_zone *zone, size_t size_count, uint64_t whole, uint64_t part,
		     uint64_t stretch_bytes)
{
	bool all = part == whole;

	if (!all && part)
		scale((uint64_t *)&zone->pages, GR_KIND_COUNT, whole, part);
	for (size_t i = 0; i < size_count; i++) {
		struct gr_survey_size *size = &zone->sizes[i];
		size_t count;
		uint64_t *values = numbers(size, &count);

		if (all)
			size->spoiled = 0;
		size->known &= all || (part && size->page_size_bytes <= stretch_bytes);
		if (!size->known)
			memset(values, 0, count * sizeof(*values));
		else if (!all)
			scale(values, count, whole, part);
	}
}

static void add_size(struct gr_survey_size *sum, struct gr_survey_size *size, bool first)
{
	size_t count;
	uint64_t *to = numbers(sum, &count), *from = numbers(size, &count);

	sum->known = (first || sum->known) && size->known;
	sum->spoiled += size->spoiled;
	for (size_t i = 0; i < count; i++)
		to[i] += from[i];
}

static struct gr_survey_node *node_of(struct gr_survey *survey, const struct gr_host *host,
				      unsigned int id, bool *ret_first)
{
	struct gr_survey_node *node;

	*ret_first = false;
	for (size_t i = 0; i < survey->node_count; i++) {
		if (survey->nodes[i].node == id)
			return &survey->nodes[i];
	}
	if (gr_grow(&survey->nodes, survey->node_count, sizeof(*survey->nodes)) < 0)
		return NULL;
	node = &survey->nodes[survey->node_count];
	node->node = id;
	node->sizes = gr_survey_sizes_new(host);
	if (!node->sizes)
		return NULL;
	survey->node_count++;
	*ret_first = true;
	return node;
}

int gr_survey_sum_nodes(struct gr_survey *survey, const struct gr_host *host)
{
	for (size_t z = 0; z < survey->zone_count; z++) {
		struct gr_survey_zone *zone = &survey->zones[z];
		bool first;
		struct gr_survey_node *node = node_of(survey, host, zone->node, &first);

		if (!node)
			return -ENOMEM;
		gr_kinds_add(&node->pages, &zone->pages);
		for (size_t i = 0; i < survey->size_count; i++)
			add_size(&node->sizes[i], &zone->sizes[i], first);
	}
	return 0;
}

void gr_survey_done(struct gr_survey *survey)
{
	for (size_t i = 0; i < survey->zone_count; i++)
		free(survey->zones[i].sizes);
	for (size_t i = 0; i < survey->node_count; i++)
		free(survey->nodes[i].sizes);
	free(survey->zones);
	free(survey->nodes);
	free(survey->ranges);
	*survey = (struct gr_survey){ 0 };
}

const struct gr_survey_size *gr_survey_size(const struct gr_survey *survey, unsigned int node,
					    uint64_t page_size_bytes)
{
	for (size_t n = 0; n < survey->node_count; n++) {
		if (survey->nodes[n].node != node)
			continue;
		for (size_t i = 0; i < survey->size_count; i++) {
			if (survey->nodes[n].sizes[i].page_size_bytes == page_size_bytes)
				return &survey->nodes[n].sizes[i];
		}
	}
	return NULL;
}

/* What stays weighs more than what may go. */
static int compare_blocked(const void *a, const void *b)
{
	const struct gr_survey_range *x = *(const struct gr_survey_range *const *)a;
	const struct gr_survey_range *y = *(const struct gr_survey_range *const *)b;
	uint64_t stay_x = x->pages.kernel + x->pages.tables;
	uint64_t stay_y = y->pages.kernel + y->pages.tables;

	if (stay_x != stay_y)
		return stay_x < stay_y ? -1 : 1;
	if (x->pages.slab != y->pages.slab)
		return x->pages.slab < y->pages.slab ? -1 : 1;
	return x->start_pfn < y->start_pfn ? -1 : x->start_pfn > y->start_pfn;
}

int gr_survey_blockers(const struct gr_survey *survey, int node, size_t max,
		       const struct gr_survey_range ***ret, struct gr_error *err)
{
	_cleanup_free_ const struct gr_survey_range **list = NULL;
	size_t count = 0;

	for (size_t i = 0; i < survey->range_count; i++) {
		const struct gr_survey_range *range = &survey->ranges[i];

		if ((node >= 0 && range->node != (unsigned int)node) || range->movable_zone ||
		    range->pages.huge || range->pages.absent ||
		    !gr_kinds_blocking(&range->pages))
			continue;
		if (gr_grow(&list, count, sizeof(struct gr_survey_range *)) < 0)
			return gr_error_nomem(err);
		list[count++] = range;
	}
	if (count)
		qsort(list, count, sizeof(struct gr_survey_range *), compare_blocked);
	*ret = gr_steal_ptr(list);
	return (int)gr_min_u64(gr_min_u64(count, max), INT32_MAX);
}

const char *gr_survey_range_text(const struct gr_survey_range *range, uint64_t base_page_bytes,
				 char *buf, size_t buf_size)
{
	const struct {
		uint64_t pages;
		const char *one, *many;
	} rows[] = {
		{ range->pages.kernel, "kernel page", "kernel pages" },
		{ range->pages.tables, "page table", "page tables" },
		{ range->pages.slab, "slab page", "slab pages" },
	};
	char size[GR_TEXT_MAX];
	size_t len;

	snprintf(buf, buf_size, "%s: ", gr_size_text(range->start_pfn * base_page_bytes, size));
	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		len = strlen(buf);
		if (rows[i].pages)
			snprintf(buf + len, buf_size - len, "%s%llu %s",
				 buf[len - 2] == ':' ? "" : ", ",
				 (unsigned long long)rows[i].pages,
				 rows[i].pages == 1 ? rows[i].one : rows[i].many);
	}
	return buf;
}
