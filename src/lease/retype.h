/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rung "retype": blocks that the kernel has set aside for what cannot be moved, and no longer needs
 * for that, become movable ones. Private to lease/.
 */
#ifndef GR_LEASE_RETYPE_H
#define GR_LEASE_RETYPE_H

#include "lease/ladder.h"

bool gr_worth_retyping(const struct gr_climb *climb, const struct gr_look *look);
int gr_retype(struct gr_climb *climb, struct gr_lease_grant *grant, const struct gr_look *look,
	      struct gr_rung *rung, struct gr_error *err);

#endif
