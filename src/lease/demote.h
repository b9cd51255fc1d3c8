/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rung that cuts up free larger huge pages, and the way back. Private to lease/.
 */
#ifndef GR_LEASE_DEMOTE_H
#define GR_LEASE_DEMOTE_H

#include "lease/ladder.h"

/** gr_worth_demoting - is there a larger page on the node that nobody has a claim to? */
bool gr_worth_demoting(const struct gr_climb *climb, const struct gr_look *look);

/** gr_demote - cut up as many as are needed. Return: 0, also where none could be; -errno. */
int gr_demote(struct gr_climb *climb, struct gr_lease_grant *grant, const struct gr_look *look,
	      struct gr_rung *rung, struct gr_error *err);

/**
 * gr_undo_demotion - make the larger pages of @grant again, once its goal is known
 *
 * What cannot be had now stays in demoted_pages. Return: 0 or -errno.
 */
int gr_undo_demotion(struct gr_ledger *ledger, struct gr_lease_grant *grant, struct gr_error *err);

#endif
