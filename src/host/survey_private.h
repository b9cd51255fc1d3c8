/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the survey: flags -> kind (survey_kind.c), kinds -> ranges (survey_fold.c), which
 * pages belong to which zone (survey_extent.c), what flags cannot tell (survey_blocks.c). Only
 * survey.c reads kpageflags; all of these work on arrays in memory.
 */
#ifndef GR_HOST_SURVEY_PRIVATE_H
#define GR_HOST_SURVEY_PRIVATE_H

#include "host/survey.h"

/* Same order as struct gr_page_kinds. */
enum gr_kind {
	GR_KIND_FREE,
	GR_KIND_FILE,
	GR_KIND_DIRTY,
	GR_KIND_ANON,
	GR_KIND_UNEVICTABLE,
	GR_KIND_SLAB,
	GR_KIND_TABLES,
	GR_KIND_KERNEL,
	GR_KIND_HUGE,
	GR_KIND_ABSENT,
	GR_KIND_COUNT,
};

_Static_assert(sizeof(struct gr_page_kinds) == GR_KIND_COUNT * sizeof(uint64_t),
	       "one field for each kind");

#define GR_FLAG_BUDDY (UINT64_C(1) << 10)
#define GR_FLAG_NOPAGE (UINT64_C(1) << 20)

/**
 * gr_kind_of_flags - what a page is
 * @head: kind of the head where the page is the tail of the compound page just seen, else
 *   GR_KIND_COUNT. Kernels differ in which flags of the head they show on tails.
 */
enum gr_kind gr_kind_of_flags(uint64_t flags, enum gr_kind head);
bool gr_flags_have_head(uint64_t flags);
bool gr_flags_have_tail(uint64_t flags);

/** gr_flags_read - flags of pages that all exist. Return: 0, -EBADMSG if the file ends before them. */
int gr_flags_read(int fd, uint64_t pfn, uint64_t *flags, uint64_t count);

/**
 * gr_flags_count - add up what pages in a row are
 * @head: kind of the compound page at hand from one call to the next; GR_KIND_COUNT at the start
 */
void gr_flags_count(const uint64_t *flags, uint64_t count, enum gr_kind *head,
		    struct gr_page_kinds *sum);

/* --- fold --- */

struct gr_fold_size {
	struct gr_survey_size *size;
	uint64_t pages; /* in one range */
	uint64_t seen;  /* of the range at hand */
	uint64_t spoiled_end; /* end of the last range that a part showed to be spoiled */
	struct gr_page_kinds kinds;
};

struct gr_fold { /* a run of page flags on its way into ranges; sizes ascend */
	struct gr_fold_size *sizes;
	size_t count;
	uint64_t pfn; /* next one */
	struct gr_page_kinds *pages;
	enum gr_kind head; /* of the compound page at hand, or GR_KIND_COUNT */
	/* Where whole ranges of the largest size go, or NULL. */
	int (*range)(void *data, uint64_t start_pfn, const struct gr_page_kinds *pages);
	void *data;
};

/** gr_fold_can - has the host a huge page size that can be judged? */
bool gr_fold_can(const struct gr_host *host);

/**
 * gr_fold_sizes - count into @sizes (one for each of host->page_sizes) from now on
 *
 * Sizes of which the next smaller one is no part, as only a broken file can list, are left out:
 * they stay unknown. @sizes may be NULL.
 */
void gr_fold_sizes(struct gr_fold *fold, struct gr_survey_size *sizes, const struct gr_host *host);

/** gr_fold_is_gigantic - is the largest size larger than any block of the buddy lists? */
bool gr_fold_is_gigantic(const struct gr_fold *fold, const struct gr_host *host);

/** gr_fold_start - go on at another place; what is at hand is put down as no whole range. */
int gr_fold_start(struct gr_fold *fold, uint64_t pfn);

/** gr_fold_flags - the next @count pages. Return: 0, or what range() failed with. */
int gr_fold_flags(struct gr_fold *fold, const uint64_t *flags, uint64_t count);

/* --- extents --- */

struct gr_extent { /* pages of one zone, without those that other zones have in between */
	uint64_t start_pfn, end_pfn;
	size_t zone; /* of host->zones */
};

/**
 * gr_extents_find - which pages belong to which zone
 *
 * Spans of zones overlap where memory blocks went into ZONE_MOVABLE at run time, or where nodes are
 * interleaved; there the memory blocks say whose they are. Return: 0 or -ENOMEM; free() *@ret.
 */
int gr_extents_find(const struct gr_root *root, const struct gr_host *host,
		    struct gr_extent **ret, size_t *ret_count);

/* --- blocks --- */

struct gr_blocks {
	const struct gr_root *root;
	uint64_t block_pages; /* in one memory block; 0: the kernel has none */
	uint64_t asked;       /* number of the block that was asked for last, plus 1 */
	bool online;          /* what it said */
};

void gr_blocks_init(struct gr_blocks *blocks, const struct gr_root *root,
		    uint64_t base_page_bytes);

/** gr_blocks_word - first word of a file of the block with that page: "online", "Movable"; -ENOENT
 * where there is no such block. */
int gr_blocks_word(const struct gr_blocks *blocks, uint64_t pfn, const char *file, char *buf,
		   size_t buf_size);

/**
 * gr_blocks_mark_holes - set NOPAGE where there is no memory
 *
 * Kernels before 6.16 or so do that themselves; later ones say 0, as for kernel memory.
 */
void gr_blocks_mark_holes(struct gr_blocks *blocks, uint64_t pfn, uint64_t *flags, uint64_t count);

/* --- sums --- */

struct gr_survey_size *gr_survey_sizes_new(const struct gr_host *host);

/**
 * gr_survey_scale - from the @part of a zone's pages that was looked at to the @whole
 *
 * Sizes larger than one stretch become unknown, unless all was looked at.
 */
void gr_survey_scale(struct gr_survey_zone *zone, size_t size_count, uint64_t whole, uint64_t part,
		     uint64_t stretch_bytes);

/** gr_survey_sum_nodes - Return: 0 or -ENOMEM. */
int gr_survey_sum_nodes(struct gr_survey *survey, const struct gr_host *host);

#endif
