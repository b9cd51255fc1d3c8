/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Conditions on what a VM has: "2M>=99%", "node1>=8G", "locked>=100%". Pure.
 */
#ifndef GR_VERIFY_EXPECT_H
#define GR_VERIFY_EXPECT_H

#include "verify/verify.h"

enum gr_subject {
	GR_SUBJECT_PAGE, /* bytes on pages of one size */
	GR_SUBJECT_HUGE, /* on any page larger than the base page */
	GR_SUBJECT_NODE,
	GR_SUBJECT_LOCKED,
	GR_SUBJECT_TOUCHED,
};

enum gr_relation { GR_AT_LEAST, GR_AT_MOST, GR_EQUAL, GR_ABOVE, GR_BELOW };

struct gr_condition {
	enum gr_subject subject;
	enum gr_relation relation;
	uint64_t page_size_bytes; /* of PAGE */
	int node;		  /* of NODE */
	bool percent;		  /* of RAM; else bytes */
	uint64_t value;		  /* bytes, or thousandths of a percent */
};

/**
 * gr_condition_parse - read a condition
 *
 * Return: 0; -EINVAL (class usage) with an example as the hint.
 */
int gr_condition_parse(const char *text, struct gr_condition *ret, struct gr_error *err);

enum gr_met { GR_MET_NO, GR_MET_YES, GR_MET_UNKNOWN };

struct gr_outcome {
	enum gr_met met;
	uint64_t got_bytes;	/* what is known to be there */
	uint64_t unknown_bytes; /* what may be there as well */
	uint64_t ram_bytes;
};

/**
 * gr_condition_judge - does it hold?
 *
 * It holds, or does not, if that is so whatever the unknown bytes are: pages that the process has
 * not mapped, nodes that could not be read, memory that moved while it was counted, mappings for
 * which the oracles disagree. Else it is unknown, which is never true. Percents are of all RAM.
 */
void gr_condition_judge(const struct gr_condition *condition,
			const struct gr_inspection *inspection, struct gr_outcome *ret);

/** gr_outcome_text - "1.5 GiB of 2 GiB (75 %)", or why it is unknown. Return: 0 or -ENOMEM. */
int gr_outcome_text(const struct gr_outcome *outcome, char **ret);

#endif
