/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where pages may come from. Private to lease/.
 */
#ifndef GR_LEASE_PLACE_H
#define GR_LEASE_PLACE_H

#include "lease/lease.h"
#include "lease/pool.h"

struct gr_place {
	int node;
	uint64_t free_bytes;
};

/** gr_place_check_room - do @pages more of a wish leave the floor? Return: 0 or -ENOMEM (class host). */
int gr_place_check_room(const struct gr_host *host, const struct gr_floor *floor,
			const struct gr_grant *grant, uint64_t pages, struct gr_error *err);

/**
 * gr_place_check - the floor and the writer's own cpuset
 *
 * Return: 0; -ENOMEM, -EPERM (class host); -ENODEV (class usage).
 */
int gr_place_check(const struct gr_host *host, const struct gr_reserve_options *options,
		   struct gr_error *err);

/**
 * gr_place_candidates - nodes that a grant for any node may use, most free memory first
 *
 * Ids come from the pools, since a kernel without NUMA has only the global one.
 */
int gr_place_candidates(const struct gr_host *host, const struct gr_pools *pools,
			struct gr_place **ret, size_t *ret_count);

#endif
