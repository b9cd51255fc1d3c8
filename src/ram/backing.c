// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The rows. 4K says MADV_NOHUGEPAGE, so that "4K" stays true on a host with THP set to always.
 * Static and dynamic differ in who put the pages into the pool, not in how they are mapped.
 */
#include "ram/backing.h"

#include <sys/mman.h>

const struct gr_backing_row gr_backings[GR_BACKING_COUNT] = {
	[GR_BACKING_4K] = { .advice = MADV_NOHUGEPAGE },
	[GR_BACKING_THP] = { .advice = MADV_HUGEPAGE },
	[GR_BACKING_STATIC] = { .hugetlb = true },
	[GR_BACKING_DYNAMIC] = { .hugetlb = true },
};
