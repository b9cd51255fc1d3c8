/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Folios: which one a frame belongs to, and how much of each size a mapping has. Pure: flags of
 * frames come from a function, so that tests need no kernel.
 */
#ifndef GR_VERIFY_FOLIOS_H
#define GR_VERIFY_FOLIOS_H

#include "host/host.h"
#include "verify/verify.h"

struct gr_frames {
	/* The kpageflags word of a frame. Return: 0 or -errno. */
	int (*flags)(void *data, uint64_t pfn, uint64_t *ret);
	void *data;
};

struct gr_folio {
	uint64_t first_pfn;
	unsigned int order;
	bool known; /* false: it was split or merged while it was read */
};

#define GR_FOLIO_ORDER_MAX                                                                         \
	18 /* 1 GiB of 4 KiB pages; larger ones are hugetlb, whose size is told */

/** gr_folio_find - the folio of a frame. Return: 0, or what the function returned. */
int gr_folio_find(const struct gr_frames *frames, uint64_t pfn, struct gr_folio *ret);

/* Counts what is mapped, page after page in the order of addresses. */
struct gr_folio_count {
	const struct gr_host *host; /* for the zones */
	uint64_t by_order[64];	    /* bytes */
	uint64_t unknown_bytes, partly_bytes;
	struct gr_bytes_by_node *by_node;
	size_t by_node_count;
	struct gr_folio folio; /* the one at hand, */
	uint64_t mapped_pages; /* and how much of it, in a row, is mapped */
	int node;
	uint64_t node_bytes; /* of that node, not in by_node yet */
};

/** gr_folio_count_pages - @pages base pages of @folio are mapped from here on. Return: 0, -ENOMEM.
 */
int gr_folio_count_pages(struct gr_folio_count *count, const struct gr_folio *folio,
			 uint64_t pages);

/** gr_folio_count_end - close the last folio and move the figures out. Return: 0 or -ENOMEM. */
int gr_folio_count_end(struct gr_folio_count *count, struct gr_exact *ret);

/** gr_pfn_node - the node whose zones hold a frame; -1 if several or none do. */
int gr_pfn_node(const struct gr_host *host, uint64_t pfn);

#endif
