/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a survey says of the pages that can be had. Inside of plan/; others call gr_obtainable().
 */
#ifndef GR_PLAN_PREDICT_H
#define GR_PLAN_PREDICT_H

#include "host/survey.h"
#include "plan/scope.h"

struct gr_prediction { /* in pages of the size that was asked for; the floor is not looked at */
	bool known;       /* false: no survey, or a sample too thin for that size */
	uint64_t ready;   /* ranges that are free as they are */
	uint64_t by_ladder;
	uint64_t swappable; /* base pages that could be swapped out, within what may be */
	uint64_t at_most; /* UINT64_MAX from a sample: that proves nothing */
	uint64_t spoiled; /* not known: ranges that cannot be had, as even the sample shows */
};

/** gr_predict - from host->survey; @node -1: all nodes that the cpuset allows. */
void gr_predict(const struct gr_host *host, uint64_t page_size_bytes, int node,
		const struct gr_losses *losses, struct gr_prediction *ret);

#endif
