// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The survey: one pass over /proc/kpageflags (8 bytes a page), extent by extent. With a limit, one
 * stretch in n is read and each zone's sums are scaled up: stretches are as large as the largest
 * page size that leaves enough of them, since a size can be judged only in whole ranges.
 */
#include "host/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "host/read.h"
#include "host/survey_private.h"

#define CHUNK_PAGES (UINT64_C(1) << 17) /* 1 MiB of flags: larger reads were not faster */

/* A sample of fewer stretches says little; of smaller ones, nothing on the larger sizes. */
#define STRETCHES_MIN 48
#define STRETCH_MIN_BYTES (32 * GR_MIB)

struct reading {
	const struct gr_host *host;
	struct gr_survey *survey;
	int fd;
	uint64_t *flags; /* CHUNK_PAGES of them */
	struct gr_blocks blocks;
	struct gr_fold fold;
	uint64_t stretch_pages;
	uint64_t lazy_start_pfn, lazy_end_pfn; /* free memory that is not initialised yet */
	struct gr_survey_zone *zone;           /* at hand, or NULL */
	bool holes;                            /* in it */
	uint64_t in_zone, looked_at;           /* pages of it */
};

int gr_flags_read(int fd, uint64_t pfn, uint64_t *flags, uint64_t count)
{
	size_t want = count * sizeof(*flags), have = 0;

	while (have < want) {
		ssize_t n = pread(fd, (char *)flags + have, want - have,
				  (off_t)(pfn * sizeof(*flags) + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		have += (size_t)n;
	}
	return 0;
}

/* Memory that is not initialised has no flags yet; as far as it is free, it counts as such. */
static void mark_lazy(const struct reading *reading, uint64_t pfn, uint64_t count)
{
	uint64_t from = gr_max_u64(pfn, reading->lazy_start_pfn);
	uint64_t to = gr_min_u64(pfn + count, reading->lazy_end_pfn);

	for (; from < to; from++) {
		if (!reading->flags[from - pfn])
			reading->flags[from - pfn] = GR_FLAG_BUDDY;
	}
}

static int read_stretch(struct reading *reading, uint64_t pfn, uint64_t end)
{
	int r = 0;

	if (reading->fold.pfn != pfn)
		r = gr_fold_start(&reading->fold, pfn);
	while (pfn < end && r >= 0) {
		uint64_t now = gr_min_u64(end - pfn, CHUNK_PAGES);

		r = gr_flags_read(reading->fd, pfn, reading->flags, now);
		if (r < 0)
			return r;
		mark_lazy(reading, pfn, now);
		if (reading->holes)
			gr_blocks_mark_holes(&reading->blocks, pfn, reading->flags, now);
		r = gr_fold_flags(&reading->fold, reading->flags, now);
		reading->looked_at += now;
		pfn += now;
	}
	return r;
}

/* The middle one of each group of stretches, so that a zone of one group has one read, too. */
static int read_extent(struct reading *reading, const struct gr_extent *extent)
{
	uint64_t stretch = reading->stretch_pages, step = reading->survey->step, first, last;
	int r = 0;

	reading->in_zone += extent->end_pfn - extent->start_pfn;
	if (step == 1)
		return read_stretch(reading, extent->start_pfn, extent->end_pfn);
	first = extent->start_pfn / stretch;
	last = (extent->end_pfn - 1) / stretch;
	for (uint64_t group = first; group <= last && r >= 0; group += step) {
		uint64_t one = group + (gr_min_u64(last + 1 - group, step) - 1) / 2;

		r = read_stretch(reading, gr_max_u64(one * stretch, extent->start_pfn),
				 gr_min_u64((one + 1) * stretch, extent->end_pfn));
	}
	return r;
}

/* Where that part of the zone lies that no zone lists yet. It is initialised upwards. */
static void find_lazy(struct reading *reading, const struct gr_zone *zone)
{
	uint64_t unplaced = reading->host->unplaced_free_bytes / reading->host->base_page_bytes;
	uint64_t unmanaged = gr_sub_floor(zone->present_pages, zone->managed_pages);

	reading->lazy_start_pfn = reading->lazy_end_pfn = 0;
	if (!unplaced || unmanaged < unplaced || unmanaged > zone->spanned_pages)
		return;
	reading->lazy_start_pfn = zone->start_pfn + zone->spanned_pages - unmanaged;
	reading->lazy_end_pfn = reading->lazy_start_pfn + unplaced;
}

static int start_zone(struct reading *reading, size_t which)
{
	const struct gr_zone *zone = &reading->host->zones[which];
	struct gr_survey *survey = reading->survey;
	struct gr_survey_zone *one;

	if (gr_grow(&survey->zones, survey->zone_count, sizeof(*survey->zones)) < 0)
		return -ENOMEM;
	one = &survey->zones[survey->zone_count++];
	one->zone = which;
	one->node = zone->node;
	one->movable = !strcmp(zone->name, "Movable");
	one->sizes = gr_survey_sizes_new(reading->host);
	if (!one->sizes)
		return -ENOMEM;
	reading->zone = one;
	reading->fold.pages = &one->pages;
	gr_fold_sizes(&reading->fold, one->sizes, reading->host);
	find_lazy(reading, zone);
	reading->holes = zone->present_pages < zone->spanned_pages;
	reading->in_zone = reading->looked_at = 0;
	return 0;
}

static int end_zone(struct reading *reading)
{
	struct gr_survey_zone *zone = reading->zone;
	int r = gr_fold_start(&reading->fold, UINT64_MAX);

	if (!zone || r < 0)
		return r;
	reading->survey->looked_at_pages += reading->looked_at;
	gr_survey_scale(zone, reading->survey->size_count, reading->in_zone, reading->looked_at,
			reading->stretch_pages * reading->host->base_page_bytes);
	reading->zone = NULL;
	return 0;
}

static int keep_range(void *data, uint64_t start_pfn, const struct gr_page_kinds *pages)
{
	struct reading *reading = data;
	struct gr_survey *survey = reading->survey;

	if (gr_grow(&survey->ranges, survey->range_count, sizeof(*survey->ranges)) < 0)
		return -ENOMEM;
	survey->ranges[survey->range_count++] = (struct gr_survey_range){
		.start_pfn = start_pfn,
		.node = reading->zone->node,
		.movable_zone = reading->zone->movable,
		.pages = *pages,
	};
	return 0;
}

static void choose_stretches(struct reading *reading, const struct gr_extent *extents,
			     size_t count, int node, uint64_t max_pages)
{
	const struct gr_host *host = reading->host;
	uint64_t pages = 0, stretch = STRETCH_MIN_BYTES / host->base_page_bytes;

	for (size_t i = 0; i < count; i++) {
		if (node < 0 || host->zones[extents[i].zone].node == (unsigned int)node)
			pages += extents[i].end_pfn - extents[i].start_pfn;
	}
	reading->survey->step = max_pages ? gr_max_u64(gr_div_up(pages, max_pages), 1) : 1;
	for (size_t i = 0; i < host->page_size_count; i++) {
		uint64_t size = host->page_sizes[i] / host->base_page_bytes;

		if (size > stretch && size % stretch == 0 && max_pages / size >= STRETCHES_MIN)
			stretch = size;
	}
	reading->stretch_pages = gr_max_u64(stretch, 1);
	/* Ranges that the buddy lists hold are too many to be listed, and nobody asks for one. */
	if (reading->survey->step == 1 && gr_fold_is_gigantic(&reading->fold, host)) {
		reading->fold.range = keep_range;
		reading->fold.data = reading;
	}
}

static int read_all(struct reading *reading, const struct gr_extent *extents, size_t count,
		    int node)
{
	size_t zone = SIZE_MAX;
	int r = 0;

	for (size_t i = 0; i < count && r >= 0; i++) {
		if (node >= 0 &&
		    reading->host->zones[extents[i].zone].node != (unsigned int)node)
			continue;
		if (extents[i].zone != zone) {
			r = end_zone(reading);
			if (r >= 0)
				r = start_zone(reading, extents[i].zone);
			zone = extents[i].zone;
		}
		if (r >= 0)
			r = read_extent(reading, &extents[i]);
	}
	return r < 0 ? r : end_zone(reading);
}

static int survey_flags(struct reading *reading, const struct gr_root *root, int node,
			uint64_t max_pages)
{
	_cleanup_free_ struct gr_extent *extents = NULL;
	_cleanup_free_ struct gr_fold_size *sizes = NULL;
	_cleanup_free_ uint64_t *flags = NULL;
	size_t count = 0;
	int r;

	sizes = calloc(reading->host->page_size_count + 1, sizeof(*sizes));
	flags = malloc(CHUNK_PAGES * sizeof(*flags));
	if (!sizes || !flags)
		return -ENOMEM;
	reading->flags = flags;
	reading->fold = (struct gr_fold){ .sizes = sizes, .pfn = UINT64_MAX };
	r = gr_extents_find(root, reading->host, &extents, &count);
	if (r < 0)
		return r;
	/* An old capture's zoneinfo does not say where zones start, and every capture has an empty
	 * kpageflags: the file exists. */
	if (!count || !gr_fold_can(reading->host) || pread(reading->fd, flags, 1, 0) == 0)
		return -ENOENT;
	gr_blocks_init(&reading->blocks, root, reading->host->base_page_bytes);
	gr_fold_sizes(&reading->fold, NULL, reading->host);
	choose_stretches(reading, extents, count, node, max_pages);
	r = read_all(reading, extents, count, node);
	return r < 0 ? r : gr_survey_sum_nodes(reading->survey, reading->host);
}

int gr_survey_read(const struct gr_root *root, const struct gr_host *host, int node,
		   uint64_t max_pages, struct gr_survey *ret, struct gr_error *err)
{
	_cleanup_survey_ struct gr_survey survey = { .size_count = host->page_size_count };
	struct reading reading = { .host = host, .survey = &survey };
	uint64_t start = gr_now_ns();
	_cleanup_close_ int fd = gr_root_open_fd(root, "proc/kpageflags", O_RDONLY, 0, NULL);
	int r = fd;

	if (r >= 0) {
		reading.fd = fd;
		r = survey_flags(&reading, root, node, max_pages);
	}
	if (r == -ENOMEM)
		return gr_error_nomem(err);
	if (r < 0) {
		*ret = (struct gr_survey){ .answer = gr_answer_of(r) };
		return 0;
	}
	survey.known = true;
	survey.elapsed_ns = gr_now_ns() - start;
	*ret = survey;
	survey = (struct gr_survey){ 0 };
	return 0;
}

int gr_host_block_types(const struct gr_root *root, struct gr_host *host)
{
	_cleanup_free_ char *text = NULL;
	int r = gr_root_read(root, "proc/pagetypeinfo", &text, NULL, NULL);

	if (r >= 0)
		r = gr_pagetypeinfo_parse(text, host->zones, host->zone_count);
	return r;
}

/* How much of the slab goes; without it half of it is taken to go. */
static int read_dentries(const struct gr_root *root, struct gr_host *host)
{
	_cleanup_free_ char *text = NULL;
	int r = gr_root_read(root, "proc/sys/fs/dentry-state", &text, NULL, NULL);

	if (r >= 0)
		gr_dentries_parse(text, host);
	return r == -ENOMEM ? r : 0;
}

int gr_host_survey(const struct gr_root *root, uint64_t max_pages, struct gr_host *host,
		   struct gr_error *err)
{
	_cleanup_survey_ struct gr_survey survey = { 0 };
	int r = gr_survey_read(root, host, -1, max_pages, &survey, err);

	if (r < 0 || !survey.known)
		return r;
	/* Without it nothing is known of blocks that are set aside. */
	if (gr_host_block_types(root, host) == -ENOMEM || read_dentries(root, host) < 0)
		return gr_error_nomem(err);
	if (host->survey)
		gr_survey_done(host->survey);
	else
		host->survey = malloc(sizeof(*host->survey));
	if (!host->survey)
		return gr_error_nomem(err);
	*host->survey = survey;
	survey = (struct gr_survey){ 0 };
	return 0;
}
