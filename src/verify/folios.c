// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * kpageflags marks the first frame of a folio HEAD and all others TAIL, and says no order. But a
 * folio has 2^n frames and begins at a multiple of 2^n: its head is one of few candidates below
 * the frame, and its end shows where a frame 1, 2, 4 ... behind the head is no TAIL any more. So
 * a dozen words tell the order, however large the folio is.
 */
#include "verify/folios.h"

#include <string.h>

#include "base/util.h"
#include "verify/pagemap.h"
#include "verify/pages.h"

static int find_head(const struct gr_frames *frames, uint64_t pfn, uint64_t flags, uint64_t *ret,
		     bool *known)
{
	for (unsigned int order = 1; flags & GR_KPF_COMPOUND_TAIL; order++) {
		uint64_t candidate = pfn & ~((UINT64_C(1) << order) - 1);
		int r;

		*known = order <= GR_FOLIO_ORDER_MAX;
		if (!*known)
			return 0;
		if (candidate == *ret) /* was looked at already */
			continue;
		r = frames->flags(frames->data, candidate, &flags);
		if (r < 0)
			return r;
		*ret = candidate;
	}
	*known = flags & GR_KPF_COMPOUND_HEAD;
	return 0;
}

int gr_folio_find(const struct gr_frames *frames, uint64_t pfn, struct gr_folio *ret)
{
	struct gr_folio folio = { .first_pfn = pfn, .known = true };
	uint64_t flags;
	int r = frames->flags(frames->data, pfn, &flags);

	if (r < 0)
		return r;
	if (flags & (GR_KPF_COMPOUND_HEAD | GR_KPF_COMPOUND_TAIL)) {
		r = find_head(frames, pfn, flags, &folio.first_pfn, &folio.known);
		if (r < 0)
			return r;
	}
	if (flags & (GR_KPF_COMPOUND_HEAD | GR_KPF_COMPOUND_TAIL) && folio.known) {
		for (; folio.order <= GR_FOLIO_ORDER_MAX; folio.order++) {
			r = frames->flags(frames->data,
					  folio.first_pfn + (UINT64_C(1) << folio.order), &flags);
			if (r < 0)
				return r;
			if (!(flags & GR_KPF_COMPOUND_TAIL))
				break;
		}
	}
	/* A head whose folio ends before the frame: somebody split it between two reads. */
	if (pfn - folio.first_pfn >= UINT64_C(1) << folio.order)
		folio.known = false;
	*ret = folio;
	return 0;
}

int gr_pfn_node(const struct gr_host *host, uint64_t pfn)
{
	int node = -1;

	for (size_t i = 0; i < host->zone_count; i++) {
		const struct gr_zone *zone = &host->zones[i];

		if (pfn < zone->start_pfn || pfn - zone->start_pfn >= zone->spanned_pages)
			continue;
		if (node >= 0 && node != (int)zone->node)
			return -1; /* memory of nodes that is interleaved: spans cover each other */
		node = (int)zone->node;
	}
	return node;
}

static int end_node(struct gr_folio_count *count)
{
	int r = gr_add_node(&count->by_node, &count->by_node_count, count->node, count->node_bytes);

	count->node_bytes = 0;
	return r;
}

static void end_folio(struct gr_folio_count *count)
{
	const struct gr_folio *folio = &count->folio;

	if (count->mapped_pages && folio->known &&
	    count->mapped_pages < UINT64_C(1) << folio->order)
		count->partly_bytes += count->mapped_pages * count->host->base_page_bytes;
	count->mapped_pages = 0;
}

int gr_folio_count_pages(struct gr_folio_count *count, const struct gr_folio *folio, uint64_t pages)
{
	uint64_t bytes = pages * count->host->base_page_bytes;
	bool same = count->mapped_pages && folio->known && count->folio.known &&
		    folio->first_pfn == count->folio.first_pfn;
	int node, r = 0;

	if (!same) {
		end_folio(count);
		count->folio = *folio;
		node = gr_pfn_node(count->host, folio->first_pfn);
		if (node != count->node) {
			r = end_node(count);
			count->node = node;
		}
	}
	count->mapped_pages += pages;
	count->node_bytes += bytes;
	if (folio->known)
		count->by_order[folio->order] += bytes;
	else
		count->unknown_bytes += bytes;
	return r;
}

int gr_folio_count_end(struct gr_folio_count *count, struct gr_exact *ret)
{
	struct gr_exact exact = { .known = true };
	int r = end_node(count);

	end_folio(count);
	for (unsigned int order = 0; order < GR_ARRAY_SIZE(count->by_order) && r == 0; order++) {
		if (count->by_order[order])
			r = gr_add_size(&exact.by_size, &exact.by_size_count,
					count->host->base_page_bytes << order,
					count->by_order[order]);
	}
	if (r == 0)
		r = gr_add_size(&exact.by_size, &exact.by_size_count, 0, count->unknown_bytes);
	if (r < 0) {
		free(exact.by_size);
		return r;
	}
	exact.partly_bytes = count->partly_bytes;
	exact.by_node = gr_steal_ptr(count->by_node);
	exact.by_node_count = count->by_node_count;
	*ret = exact;
	return 0;
}
