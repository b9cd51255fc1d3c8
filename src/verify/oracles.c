// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * smaps and, on a host with several nodes, numa_maps are read once each, then the page map of the
 * same ranges. When the two disagree, all of it is read again, at most twice: the page map of one
 * round then lies before the smaps of the next, and memory that grew or shrank in between is
 * inside that bracket. What moved to and fro meanwhile is called unsettled; only what is left is a
 * disagreement of the kernel with itself.
 */
#include "verify/oracles.h"

#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "verify/numa_maps.h"
#include "verify/pagemap.h"
#include "verify/pages.h"
#include "verify/recognise.h"
#include "verify/smaps.h"

#define ROUNDS 3

/* How far a value is from the range between a and b. */
static uint64_t distance(uint64_t value, uint64_t a, uint64_t b)
{
	return gr_sub_floor(gr_min_u64(a, b), value) + gr_sub_floor(value, gr_max_u64(a, b));
}

static uint64_t difference(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

enum gr_agreement gr_oracles_compare(struct gr_region *region, const struct gr_region *before,
				     uint64_t base_page_bytes)
{
	const struct gr_region *b = before ? before : region;
	uint64_t huge = gr_region_mapped_huge_bytes(region, base_page_bytes);
	uint64_t was_huge = gr_region_mapped_huge_bytes(b, base_page_bytes);
	uint64_t moved = difference(region->mapped_bytes, b->mapped_bytes);
	uint64_t off;

	off = gr_max_u64(
		distance(huge, b->scan_huge_bytes, region->scan_huge_bytes),
		distance(region->mapped_bytes, b->scan_present_bytes, region->scan_present_bytes));
	moved = gr_max_u64(moved, difference(huge, was_huge));
	moved = gr_max_u64(moved, difference(region->scan_present_bytes, b->scan_present_bytes));
	moved = gr_max_u64(moved, difference(region->scan_huge_bytes, b->scan_huge_bytes));
	region->moved_bytes = (before ? before->moved_bytes : 0) + moved;
	if (!off)
		return GR_ORACLES_AGREE;
	return off <= region->moved_bytes ? GR_ORACLES_UNSETTLED : GR_ORACLES_DISAGREE;
}

static int read_text(const struct gr_oracle_options *o, const char *file, char **ret,
		     struct gr_error *err)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), "proc/%d/%s", (int)o->process->pid, file);
	r = gr_root_read(o->root, path, ret, NULL, err);
	if (r == -ENOENT || r == -ESRCH)
		return gr_process_gone(o->process->pid, err);
	if (r == -EACCES || r == -EPERM)
		gr_error_hint(err, geteuid() == 0 ?
			      "this process is closed even to root: a security module, or another "
			      "user namespace" :
			      "run this as root or as the user of that VM; without it only the "
			      "pools can be seen: `guestram host`");
	return r;
}

/* Unknown is no error here: a kernel without NUMA has no such file. */
static bool read_numa(const struct gr_oracle_options *o, struct gr_numa_maps *ret)
{
	_cleanup_free_ char *text = NULL;

	return read_text(o, "numa_maps", &text, NULL) == 0 &&
	       gr_numa_maps_parse(text, ret, NULL) == 0;
}

struct regions {
	struct gr_region *regions;
	size_t count;
	bool recognised;
};

static void regions_done(struct regions *regions)
{
	for (size_t i = 0; i < regions->count; i++)
		gr_region_done(&regions->regions[i]);
	free(regions->regions);
	*regions = (struct regions){ 0 };
}

static int read_regions(const struct gr_oracle_options *o, struct regions *ret,
			struct gr_error *err)
{
	_cleanup_numa_maps_ struct gr_numa_maps numa = { 0 };
	_cleanup_smaps_ struct gr_smaps smaps = { 0 };
	_cleanup_spans_ struct gr_spans spans = { 0 };
	_cleanup_free_ char *text = NULL;
	struct regions regions = { 0 };
	bool numa_known;
	int r = read_text(o, "smaps", &text, err);

	if (r < 0)
		return r;
	r = gr_smaps_parse(text, &smaps, err);
	if (r < 0)
		return r;
	if (!smaps.count) /* a kernel thread, or one whose memory has just gone */
		return gr_process_gone(o->process->pid, err);
	/* It costs the kernel as much as smaps: a walk over every page. */
	numa_known = o->only_node < 0 && read_numa(o, &numa);
	if (o->range_end)
		r = gr_spans_in(&smaps, o->range_start, o->range_end, &spans);
	else
		r = gr_recognise(&smaps, o->is_vm, o->wanted, o->wanted_count, &spans);
	for (size_t i = 0; i < spans.count && r == 0; i++) {
		const struct gr_span *span = &spans.spans[i];

		r = gr_grow(&regions.regions, regions.count, sizeof(*regions.regions));
		if (r == 0)
			r = gr_region_fill(&smaps.vmas[span->first], span->count,
					   numa_known ? &numa : NULL, o->only_node,
					   o->base_page_bytes, o->pmd_bytes, &regions.regions[regions.count]);
		regions.count += r == 0;
	}
	if (r < 0) {
		regions_done(&regions);
		return gr_error_nomem(err);
	}
	regions.recognised = spans.recognised;
	*ret = regions;
	return 0;
}

static const struct gr_region *same_region(const struct regions *list, const struct gr_region *of)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->regions[i].start == of->start &&
		    list->regions[i].size_bytes == of->size_bytes && list->regions[i].scan_known)
			return &list->regions[i];
	}
	return NULL;
}

/* The page map of every region. Return: 1 all agree, 0 some do not, -ESRCH; unknown is agreement.
 */
static int scan_regions(const struct gr_oracle_options *o, struct gr_pagemap *map,
			struct regions *regions, const struct regions *before)
{
	int agree = 1;

	for (size_t i = 0; i < regions->count; i++) {
		struct gr_region *region = &regions->regions[i];
		struct gr_pagemap_bytes bytes;
		int r = gr_pagemap_read(o->root, map, region->start,
					region->start + region->size_bytes, &bytes);

		if (r == -ESRCH)
			return r;
		if (r < 0)
			continue;
		region->scan_known = true;
		region->scan_present_bytes = bytes.present_bytes;
		region->scan_huge_bytes = bytes.huge_bytes;
		region->scan_swapped_bytes = bytes.swapped_bytes;
		region->agreement = gr_oracles_compare(region, same_region(before, region),
						       o->base_page_bytes);
		if (region->agreement != GR_ORACLES_AGREE)
			agree = 0;
	}
	return agree;
}

int gr_oracles_read(const struct gr_oracle_options *o, struct gr_inspection *inspection,
		    struct gr_error *err)
{
	_cleanup_pagemap_ struct gr_pagemap map = { .fd = -1, .flags_fd = -1 };
	struct regions regions = { 0 }, before = { 0 };
	int r, open = gr_pagemap_open(o->root, o->process->pid, o->base_page_bytes, o->pmd_bytes,
				      &map);

	for (unsigned int round = 0; round < ROUNDS; round++) {
		regions_done(&before);
		before = regions;
		regions = (struct regions){ 0 };
		r = read_regions(o, &regions, err);
		if (r < 0 || open < 0)
			break;
		r = scan_regions(o, &map, &regions, &before);
		if (r == -ESRCH)
			gr_process_gone(o->process->pid, err);
		if (r != 0)
			break;
	}
	regions_done(&before);
	if (r < 0) {
		regions_done(&regions);
		return r;
	}
	inspection->regions = regions.regions;
	inspection->region_count = regions.count;
	inspection->recognised = regions.recognised;
	inspection->scan_known = regions.count > 0;
	for (size_t i = 0; i < regions.count; i++) {
		inspection->scan_known &= regions.regions[i].scan_known;
		if (regions.regions[i].agreement > inspection->agreement)
			inspection->agreement = regions.regions[i].agreement;
	}
	return 0;
}
