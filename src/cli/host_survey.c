// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Records of a survey. Without one (no root, a capture) they are null, and what could be had is an
 * estimate; "prediction" says which.
 */
#include "cli/host_survey.h"

#include "base/util.h"

#define BLOCKED_MAX 8 /* ranges, enough to see what is in the way */

void gr_cli_add_ranges(json_object *item, const struct gr_host *host, const struct gr_pool *pool)
{
	const struct gr_survey_size *size = NULL;
	json_object *ranges;

	if (host->survey)
		size = gr_survey_size(host->survey, (unsigned int)pool->node,
				      pool->page_size_bytes);
	if (!size || !size->known) {
		gr_rec_null(item, "ranges");
		return;
	}
	ranges = gr_rec_object(item, "ranges");
	gr_rec_u64(ranges, "total", size->ranges);
	gr_rec_u64(ranges, "free", size->free);
	gr_rec_u64(ranges, "movable", size->movable);
	gr_rec_u64(ranges, "slab", size->slab);
	gr_rec_u64(ranges, "kernel", size->kernel);
	gr_rec_u64(ranges, "huge", size->huge);
	gr_rec_u64(ranges, "absent", size->absent);
}

void gr_cli_add_obtainable(json_object *item, const struct gr_host *host,
			   const struct gr_pool *pool, const struct gr_floor *floor,
			   const struct gr_losses *losses)
{
	struct gr_obtainable obtainable = { 0 };
	bool known = pool->answer == GR_ANSWER_OK;

	if (known)
		gr_obtainable_within(host, pool->page_size_bytes, pool->node, floor, losses,
				     &obtainable);
	gr_rec_u64_known(item, "obtainable_now", known && obtainable.now_known, obtainable.now);
	gr_rec_u64_known(item, "obtainable_by_ladder", known, obtainable.by_ladder);
	gr_rec_u64_known(item, "obtainable_at_most", known, obtainable.at_most);
	if (known)
		gr_rec_str(item, "prediction", obtainable.surveyed ? "survey" : "estimate");
	else
		gr_rec_null(item, "prediction");
}

void gr_cli_add_content(json_object *item, const struct gr_host *host, unsigned int node)
{
	const struct gr_page_kinds *pages = NULL;
	uint64_t base = host->base_page_bytes;
	json_object *content;

	for (size_t i = 0; host->survey && i < host->survey->node_count; i++) {
		if (host->survey->nodes[i].node == node)
			pages = &host->survey->nodes[i].pages;
	}
	if (!pages) {
		gr_rec_null(item, "content");
		return;
	}
	content = gr_rec_object(item, "content");
	gr_rec_u64(content, "free_bytes", pages->free * base);
	gr_rec_u64(content, "clean_cache_bytes", pages->file * base);
	gr_rec_u64(content, "dirty_cache_bytes", pages->dirty * base);
	gr_rec_u64(content, "anonymous_bytes", pages->anon * base);
	gr_rec_u64(content, "locked_bytes", pages->unevictable * base);
	gr_rec_u64(content, "slab_bytes", pages->slab * base);
	gr_rec_u64(content, "page_table_bytes", pages->tables * base);
	gr_rec_u64(content, "kernel_bytes", pages->kernel * base);
	gr_rec_u64(content, "huge_bytes", pages->huge * base);
}

static int add_blocked(struct gr_cli *cli, json_object *doc, const struct gr_host *host)
{
	_cleanup_free_ const struct gr_survey_range **list = NULL;
	json_object *blocked = gr_rec_array(doc, "blocked");
	int count;

	if (!host->survey || !host->survey->range_count)
		return 0;
	count = gr_survey_blockers(host->survey, -1, BLOCKED_MAX, &list, &cli->err);
	for (int i = 0; i < count; i++) {
		json_object *item = gr_rec_item(blocked);

		gr_rec_u64(item, "node", list[i]->node);
		gr_rec_u64(item, "page_size_bytes", host->page_sizes[host->page_size_count - 1]);
		gr_rec_u64(item, "start_bytes", list[i]->start_pfn * host->base_page_bytes);
		gr_rec_u64(item, "kernel_pages", list[i]->pages.kernel);
		gr_rec_u64(item, "page_table_pages", list[i]->pages.tables);
		gr_rec_u64(item, "slab_pages", list[i]->pages.slab);
	}
	return count < 0 ? count : 0;
}

int gr_cli_add_survey(struct gr_cli *cli, json_object *doc, const struct gr_host *host)
{
	const struct gr_survey *survey = host->survey;
	json_object *item;

	if (survey) {
		item = gr_rec_object(doc, "survey");
		gr_rec_u64(item, "step", survey->step);
		gr_rec_u64(item, "pages", survey->looked_at_pages);
		gr_rec_u64(item, "elapsed_ns", survey->elapsed_ns);
	} else {
		gr_rec_null(doc, "survey");
	}
	return add_blocked(cli, doc, host);
}
