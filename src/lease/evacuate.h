/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rung that empties ranges for gigantic pages. Private to lease/.
 */
#ifndef GR_LEASE_EVACUATE_H
#define GR_LEASE_EVACUATE_H

#include "lease/ladder.h"

/** gr_worth_evacuating - only for pages that no buddy list holds, where blocks can go offline. */
bool gr_worth_evacuating(const struct gr_climb *climb, const struct gr_look *look);

/** gr_evacuate - empty range after range, and take each at once. Return: 0 or -errno. */
int gr_evacuate(struct gr_climb *climb, struct gr_lease_grant *grant, const struct gr_look *look,
		struct gr_rung *rung, struct gr_error *err);

#endif
