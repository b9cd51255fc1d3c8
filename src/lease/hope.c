// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A gigantic page comes of a whole range, and one page of the kernel's own in it is enough to spoil it:
 * the index of the page cache, for one, lies in nearly every range of a host that has read a lot, and
 * stays when pages of its files are reclaimed. So before anything is taken from anybody for such a
 * page it is looked whether there is a range that could become one.
 */
#include "lease/hope.h"

#include "base/util.h"

#define LOOK_MAX_BYTES (UINT64_C(256) << 30) /* 12 ms a GiB */

uint64_t gr_hope_in(const struct gr_survey *survey, int node, uint64_t page_size_bytes)
{
	uint64_t ranges = 0;

	if (!survey->known)
		return UINT64_MAX;
	for (size_t z = 0; z < survey->zone_count; z++) {
		const struct gr_survey_zone *zone = &survey->zones[z];

		if (zone->movable || (node >= 0 && zone->node != (unsigned int)node))
			continue;
		for (size_t i = 0; i < survey->size_count; i++) {
			const struct gr_survey_size *size = &zone->sizes[i];

			if (size->page_size_bytes != page_size_bytes)
				continue;
			if (!size->known)
				return UINT64_MAX;
			ranges += size->free + size->movable;
		}
	}
	return ranges;
}

uint64_t gr_hope(const struct gr_root *root, const struct gr_host *host, int node,
		 uint64_t page_size_bytes)
{
	_cleanup_survey_ struct gr_survey survey = { 0 };

	if (host->mem_total_bytes > LOOK_MAX_BYTES ||
	    gr_survey_read(root, host, node, 0, &survey, NULL) < 0)
		return UINT64_MAX;
	return gr_hope_in(&survey, node, page_size_bytes);
}
