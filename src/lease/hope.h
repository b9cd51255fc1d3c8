/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many gigantic pages could come of page cache and anonymous memory that goes away. Private to
 * lease/.
 */
#ifndef GR_LEASE_HOPE_H
#define GR_LEASE_HOPE_H

#include "host/survey.h"

/**
 * gr_hope_in - ranges of a size that hold nothing but what can go or be moved
 * @node: -1: of all nodes
 *
 * Return: how many; UINT64_MAX where the survey does not know.
 */
uint64_t gr_hope_in(const struct gr_survey *survey, int node, uint64_t page_size_bytes);

/** gr_hope - the same, looked up now. Where looking would take seconds it is not known. */
uint64_t gr_hope(const struct gr_root *root, const struct gr_host *host, int node,
		 uint64_t page_size_bytes);

#endif
