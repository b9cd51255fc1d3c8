/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of backings: how guest RAM is mapped on each. A new backing is one row here; CONTRIBUTING has the rest of its way. Private to ram/.
 */
#ifndef GR_RAM_BACKING_H
#define GR_RAM_BACKING_H

#include "ram/ram.h"

struct gr_backing_row {
	bool hugetlb;   /* pages of the kernel's pools */
	int advice;     /* madvise() before the first touch; 0: none */
};

extern const struct gr_backing_row gr_backings[GR_BACKING_COUNT];

#endif
