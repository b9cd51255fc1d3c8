/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From what is wanted of each node to the ladder, and what to say where it is not enough. Private to
 * lease/.
 */
#ifndef GR_LEASE_WISH_H
#define GR_LEASE_WISH_H

#include "lease/ladder.h"

/**
 * gr_wishes_climb - get what the options of @climb ask for
 *
 * Return: 0; -ENOMEM (class host) on a shortfall that is not allowed; -EINTR; -errno. Nothing is put
 * back here.
 */
int gr_wishes_climb(struct gr_climb *climb, const struct gr_host *host, struct gr_error *err);

/** gr_wish_short - @left pages of a wish could not be had: in numbers, and what to do. Return:
 * -ENOMEM (class host). */
int gr_wish_short(const struct gr_climb *climb, const struct gr_host *host,
		  const struct gr_grant *want, uint64_t left, const char *then,
		  struct gr_error *err);

#endif
