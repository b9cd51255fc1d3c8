/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the memory of each node stands between free and a huge page: looked up once in
 * /proc/kpageflags (root only), range by range. Dearer than the inventory (about 12 ms per GiB in
 * a virtual machine), so it is read only by those who decide how to get pages: the ladder, and
 * predictions.
 *
 * A page can be moved (page cache, anonymous memory), given up (slab, perhaps), or neither: page
 * tables and kernel memory without any flag. One page of the last kind spoils its whole range.
 * What cannot be seen here: movable pages that a device has pinned look like any other, and free
 * pages in a CPU's own list carry no flag, so they look like kernel memory (gr_zone.percpu_pages
 * says how many there are).
 */
#ifndef GR_HOST_SURVEY_H
#define GR_HOST_SURVEY_H

#include "host/host.h"

/* Base pages of each kind in some stretch of memory. */
struct gr_page_kinds {
	uint64_t free;        /* on the buddy lists, or not initialised yet */
	uint64_t file;        /* page cache, neither dirty nor under writeback: dropped or moved */
	uint64_t dirty;       /* page cache that must be written first */
	uint64_t anon;        /* anonymous and shmem: moved, and swapped where there is swap */
	uint64_t unevictable; /* locked by mlock: moved where compact_unevictable_allowed is 1 */
	uint64_t slab;        /* may go when caches shrink */
	uint64_t tables;      /* page tables: stay as long as their process */
	uint64_t kernel;      /* everything else: stays where it is */
	uint64_t huge;        /* in a pool already, free or not */
	uint64_t absent;      /* holes, reserved by the kernel, ballooned, poisoned */
};

/* Whole aligned ranges of one huge page size, each in exactly one of these. */
struct gr_survey_size {
	uint64_t page_size_bytes;
	bool known;         /* false: larger than what was sampled in one piece; all counts are 0 */
	uint64_t spoiled;   /* not known: ranges that a sample showed to be of kind kernel, at least */
	uint64_t ranges;
	uint64_t free;      /* nothing but free pages */
	uint64_t movable;   /* free, file, dirty, anon, unevictable */
	uint64_t slab;      /* the same and slab: may come when caches shrink */
	uint64_t kernel;    /* holds pages that stay: page tables or kernel */
	uint64_t huge;      /* holds huge pages */
	uint64_t absent;    /* holds no memory in part */
	/* Of those of kind kernel, the ones without page tables; and their pages without a flag, which
	 * may be free ones in the list of a CPU. */
	uint64_t unflagged, unflagged_pages;
	/* What is in the ranges of each kind. Pages of no whole range (at the edges of a zone) count
	 * with the absent ones, so that all sums and the free ranges make up all pages. */
	struct gr_page_kinds in_movable, in_slab, in_kernel, in_huge, in_absent;
};

/* One zone; host->zones[zone] has its watermarks. */
struct gr_survey_zone {
	size_t zone;
	unsigned int node;
	bool movable; /* ZONE_MOVABLE: no gigantic pages from here */
	struct gr_page_kinds pages;
	struct gr_survey_size *sizes; /* one for each of host->page_sizes, same order */
};

/* Its zones added up. */
struct gr_survey_node {
	unsigned int node;
	struct gr_page_kinds pages;
	struct gr_survey_size *sizes;
};

/* One whole aligned range of the largest page size: a candidate for evacuation. */
struct gr_survey_range {
	uint64_t start_pfn;
	unsigned int node;
	bool movable_zone;
	struct gr_page_kinds pages;
};

struct gr_survey {
	bool known;            /* false: kpageflags could not be read; all else is empty */
	enum gr_answer answer; /* why */
	uint64_t step;         /* 1: every page was looked at; n: one stretch in n, sums scaled up */
	uint64_t looked_at_pages, elapsed_ns;
	struct gr_survey_zone *zones;
	size_t zone_count;
	struct gr_survey_node *nodes;
	size_t node_count, size_count;
	struct gr_survey_range *ranges; /* of the largest size, by address; empty when step > 1, */
	size_t range_count;             /* or when that size is one that the buddy lists hold */
};

/**
 * gr_survey_read - classify the pages of all nodes, or of one
 * @node: -1: all
 * @max_pages: look at about as many base pages, in aligned stretches spread evenly; 0: at all
 *
 * Return: 0, also when kpageflags cannot be read (then @ret->known is false); -ENOMEM. Free with
 * gr_survey_done().
 */
int gr_survey_read(const struct gr_root *root, const struct gr_host *host, int node,
		   uint64_t max_pages, struct gr_survey *ret, struct gr_error *err);
void gr_survey_done(struct gr_survey *survey);
#define _cleanup_survey_ __attribute__((cleanup(gr_survey_done)))

/**
 * gr_host_survey - the same for all nodes, kept as host->survey for plan/
 *
 * Return: 0, also when kpageflags cannot be read (then host->survey stays NULL); -ENOMEM.
 */
int gr_host_survey(const struct gr_root *root, uint64_t max_pages, struct gr_host *host,
		   struct gr_error *err);

/**
 * gr_host_block_types - fill in unmovable_pages of the zones, from /proc/pagetypeinfo (root only)
 *
 * Takes about a millisecond. Return: 0; -errno of the read; -EBADMSG. They are unknown then.
 */
int gr_host_block_types(const struct gr_root *root, struct gr_host *host);

/**
 * gr_survey_stretch - what is in some pages at this moment
 *
 * All pages have to exist. Return: 0; -errno where that cannot be told, and @ret is untouched.
 */
int gr_survey_stretch(const struct gr_root *root, uint64_t start_pfn, uint64_t pages,
		      struct gr_page_kinds *ret);

/** gr_survey_size - what is known of a size on a node, or NULL. */
const struct gr_survey_size *gr_survey_size(const struct gr_survey *survey, unsigned int node,
					    uint64_t page_size_bytes);

static inline uint64_t gr_kinds_movable(const struct gr_page_kinds *pages)
{
	return pages->file + pages->dirty + pages->anon + pages->unevictable;
}

/* Pages that keep a range from becoming a huge page, unless caches shrink or processes end. */
static inline uint64_t gr_kinds_blocking(const struct gr_page_kinds *pages)
{
	return pages->slab + pages->tables + pages->kernel;
}

void gr_kinds_add(struct gr_page_kinds *sum, const struct gr_page_kinds *pages);

/**
 * gr_survey_blockers - ranges of the largest size that are nearest to free
 * @node: -1: of all nodes
 * @max: at most that many
 * @ret: pointers into @survey, fewest blocking pages first; free() it. NULL if there is none.
 *
 * Ranges that nothing blocks are left out, and so are those in ZONE_MOVABLE, with huge pages or
 * with holes: no shrinking of caches makes a gigantic page of them. Return: how many, or -ENOMEM.
 */
int gr_survey_blockers(const struct gr_survey *survey, int node, size_t max,
		       const struct gr_survey_range ***ret, struct gr_error *err);

/** gr_survey_range_text - "6 GiB: 3 slab pages, 1 page table". Return: @buf. */
const char *gr_survey_range_text(const struct gr_survey_range *range, uint64_t base_page_bytes,
				 char *buf, size_t buf_size);

#endif
