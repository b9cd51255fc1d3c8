// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the kernel must keep. Usable by the kernel is MemAvailable less the free memory in
 * ZONE_MOVABLE (its own allocations never go there), and never more than the other zones hold.
 * Huge pages are taken from ZONE_MOVABLE first, the rest from the kernel's part, and what stays of
 * that part must not be below the floor: all is refused where it is below already. The kernel has
 * no figure of available memory per node; ours is an estimate, and used as a second bound.
 */
#include <stdio.h>

#include "base/util.h"
#include "plan/weigh.h"

#define FLOOR_MIN_BYTES (512 * GR_MIB)

uint64_t gr_floor_bytes(const struct gr_host *host, const struct gr_floor *floor)
{
	if (floor && floor->keep_free_bytes)
		return floor->keep_free_bytes;
	return gr_max_u64(host->mem_total_bytes / 20, FLOOR_MIN_BYTES);
}

static uint64_t kernel_usable_bytes(const struct gr_host *host)
{
	uint64_t movable_free = 0, movable_managed = 0, base = gr_base_page(host);

	/* Over all zones: what the cpuset forbids to us, the kernel cannot use either. */
	for (size_t i = 0; i < host->zone_count; i++) {
		if (!gr_zone_is_movable(&host->zones[i]))
			continue;
		movable_free = gr_add_sat(movable_free, host->zones[i].free_pages);
		movable_managed = gr_add_sat(movable_managed, host->zones[i].managed_pages);
	}
	return gr_min_u64(gr_sub_floor(host->mem_available_bytes, gr_mul_sat(movable_free, base)),
			  gr_sub_floor(host->mem_total_bytes, gr_mul_sat(movable_managed, base)));
}

/* What can be taken without touching the kernel's part. */
static uint64_t movable_first_bytes(const struct gr_host *host, bool kernel_only, int node)
{
	if (kernel_only)
		return 0;
	return gr_min_u64(gr_scope_movable_free_bytes(host, node), host->mem_available_bytes);
}

/* Available in the scope itself, as a second bound. */
static uint64_t local_bytes(const struct gr_host *host, bool kernel_only, int node)
{
	uint64_t local = gr_scope_available_bytes(host, node);

	return kernel_only ? gr_sub_floor(local, gr_scope_movable_free_bytes(host, node)) : local;
}

uint64_t gr_floor_room_in(const struct gr_host *host, const struct gr_floor *floor,
			  bool kernel_only, int node)
{
	uint64_t usable = kernel_usable_bytes(host), keep = gr_floor_bytes(host, floor);

	if (usable < keep)
		return 0;
	return gr_min_u64(local_bytes(host, kernel_only, node),
			  gr_add_sat(usable - keep, movable_first_bytes(host, kernel_only, node)));
}

uint64_t gr_floor_room(const struct gr_host *host, const struct gr_floor *floor,
		       uint64_t page_size_bytes, int node)
{
	return gr_floor_room_in(host, floor, gr_is_gigantic(host, page_size_bytes), node);
}

uint64_t gr_floor_lack(const struct gr_host *host, const struct gr_floor *floor)
{
	return gr_sub_floor(gr_floor_bytes(host, floor), kernel_usable_bytes(host));
}

/* How much of it fits, in whole default huge pages, for the hint. */
static void hint_fits(const struct gr_host *host, uint64_t fits, struct gr_error *err)
{
	uint64_t unit = host->default_page_size_bytes ? host->default_page_size_bytes : GR_MIB;
	char arg[GR_TEXT_MAX];

	fits -= fits % unit;
	if (fits)
		gr_error_hint(err, "%s would fit; --keep-free SIZE sets the floor",
			      gr_size_arg(fits, arg));
	else
		gr_error_hint(err, "free memory on the host, or lower the floor with --keep-free");
}

static void say_low(const struct gr_host *host, uint64_t keep, uint64_t bytes, uint64_t from_kernel,
		    struct gr_error *err)
{
	uint64_t usable = kernel_usable_bytes(host);
	char take[GR_TEXT_MAX], left[GR_TEXT_MAX], now[GR_TEXT_MAX], low[GR_TEXT_MAX];
	char lack[GR_TEXT_MAX];

	if (bytes == 0) {
		gr_error_set(err, GR_CLASS_HOST, ENOMEM,
			     "the host has %s available, below the floor of %s: short by %s",
			     gr_size_text(usable, now), gr_size_text(keep, low),
			     gr_size_text(keep - usable, lack));
		return;
	}
	gr_error_set(err, GR_CLASS_HOST, ENOMEM,
		     "taking %s would leave the host %s of %s available%s, below the floor of %s: "
		     "short by %s",
		     gr_size_text(bytes, take),
		     gr_size_text(gr_sub_floor(usable, from_kernel), left),
		     gr_size_text(usable, now),
		     gr_scope_movable_free_bytes(host, -1) ? " outside ZONE_MOVABLE" : "",
		     gr_size_text(keep, low),
		     gr_size_text(gr_add_sat(from_kernel, keep) - usable, lack));
}

int gr_floor_check_in(const struct gr_host *host, const struct gr_floor *floor, bool kernel_only,
		      int node, uint64_t bytes, struct gr_error *err)
{
	uint64_t usable = kernel_usable_bytes(host), keep = gr_floor_bytes(host, floor);
	uint64_t local = local_bytes(host, kernel_only, node);
	uint64_t from_kernel = gr_sub_floor(bytes, movable_first_bytes(host, kernel_only, node));
	char want[GR_TEXT_MAX], have[GR_TEXT_MAX], lack[GR_TEXT_MAX],
		where[32] = "the nodes of our cpuset";

	if (gr_add_sat(from_kernel, keep) > usable) {
		say_low(host, keep, bytes, from_kernel, err);
	} else if (bytes > local) {
		if (node >= 0)
			snprintf(where, sizeof(where), "host node %d", node);
		gr_error_set(err, GR_CLASS_HOST, ENOMEM,
			     "%s are wanted of %s, where about %s can be had: short by %s",
			     gr_size_text(bytes, want), where, gr_size_text(local, have),
			     gr_size_text(bytes - local, lack));
	} else {
		return 0;
	}
	hint_fits(host, gr_floor_room_in(host, floor, kernel_only, node), err);
	return -ENOMEM;
}

int gr_floor_check(const struct gr_host *host, const struct gr_floor *floor, int node,
		   uint64_t bytes, struct gr_error *err)
{
	return gr_floor_check_in(host, floor, false, node, bytes, err);
}
