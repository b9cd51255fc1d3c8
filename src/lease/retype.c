// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The kernel keeps what cannot be moved together: each block of memory (2 MiB on most hosts) has a
 * type, and a block that kernel memory was put into is marked for such. It stays marked when that
 * memory is gone. Compaction moves nothing into marked blocks, so where many are, after a time of
 * many small files, say, it has nowhere to go, and nothing that the kernel offers changes that.
 *
 * But a block that is at least half free or movable takes the type of whoever needs it next. So the
 * free memory is filled with ordinary pages of our own, which is a need for movable blocks like any
 * other, and let go at once. Nobody loses a page by it: no more is filled than what is free above
 * the watermarks, at which the kernel would begin to reclaim, and above the floor, and it is looked
 * at again after every step.
 */
#include "lease/retype.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "host/survey.h"
#include "lease/bound.h"
#include "plan/scope.h"

/* Fewer marked blocks than this part of the memory are what any host has. */
#define MARKED_PART 16
/* Of what is free above the watermarks, this part stays for others who need memory meanwhile. */
#define SPARE_PART 16

static bool in_scope(const struct gr_zone *zone, int node)
{
	return node < 0 || zone->node == (unsigned int)node;
}

/* Bytes in marked blocks, of the node; 0 where the kernel does not tell. */
static uint64_t marked_bytes(const struct gr_host *host, int node, uint64_t *ret_all)
{
	uint64_t marked = 0, base = gr_base_page(host);

	*ret_all = 0;
	for (size_t i = 0; i < host->zone_count; i++) {
		const struct gr_zone *zone = &host->zones[i];

		if (!in_scope(zone, node))
			continue;
		marked += zone->unmovable_pages.known ? zone->unmovable_pages.value * base : 0;
		*ret_all += zone->managed_pages * base;
	}
	return marked;
}

bool gr_worth_retyping(const struct gr_climb *climb, const struct gr_look *look)
{
	uint64_t all, marked;

	if (look->gigantic || look->free_bytes < 2 * look->page_size_bytes)
		return false;
	if (gr_host_block_types(climb->ledger->root, look->host) < 0)
		return false;
	marked = marked_bytes(look->host, look->node, &all);
	return marked > all / MARKED_PART;
}

/* The least that the cgroups of this process allow it yet. */
static uint64_t cgroup_room(const struct gr_host *host)
{
	uint64_t room = UINT64_MAX;

	for (size_t i = 0; i < host->limit_count; i++) {
		const struct gr_cgroup_limit *limit = &host->limits[i];

		if (limit->is_list || strncmp(limit->file, "memory.", 7) != 0)
			continue;
		if (!limit->current_bytes.known)
			return 0;
		room = gr_min_u64(room, gr_sub_floor(limit->limit_bytes, limit->current_bytes.value));
	}
	return room / 2;
}

static uint64_t fill_bytes(const struct gr_climb *climb, const struct gr_host *host, int node)
{
	uint64_t pages = 0, bytes;

	for (size_t i = 0; i < host->zone_count; i++) {
		const struct gr_zone *zone = &host->zones[i];

		if (in_scope(zone, node))
			pages += gr_sub_floor(zone->free_pages,
					      zone->high_pages + zone->lowmem_reserve_pages);
	}
	bytes = (pages - pages / SPARE_PART) * gr_base_page(host);
	bytes = gr_min_u64(bytes, gr_floor_room(host, &climb->options->floor, gr_base_page(host),
						node));
	return gr_min_u64(bytes, cgroup_room(host));
}

struct limits {
	struct gr_climb *climb;
	int node;
	uint64_t keep_free_bytes;
	uint64_t end_ns;
};

/* Free memory of a node; without nodes that of the host. */
static uint64_t node_free_bytes(const struct gr_root *root, int node)
{
	_cleanup_free_ char *text = NULL;
	char path[64] = "proc/meminfo";
	const char *line;

	if (node >= 0)
		snprintf(path, sizeof(path), "sys/devices/system/node/node%d/meminfo", node);
	if (gr_root_read(root, path, &text, NULL, NULL) < 0)
		return 0;
	line = strstr(text, "MemFree:");
	return line ? strtoull(line + 8, NULL, 10) * 1024 : 0;
}

/* Others may take memory while we do. */
static bool go_on(void *data)
{
	struct limits *limits = data;

	return !gr_climb_stopped(limits->climb) && gr_now_ns() <= limits->end_ns &&
	       node_free_bytes(limits->climb->ledger->root, limits->node) >
		       limits->keep_free_bytes;
}

/* Where all that is mapped is charged at once, a large mapping starves everybody else. */
static bool charges_mappings(const struct gr_root *root)
{
	uint64_t mode;

	return gr_root_read_u64(root, "proc/sys/vm/overcommit_memory", &mode, NULL) >= 0 && mode == 2;
}

/* No more than a quarter of the time that is left: other rungs want some. */
static uint64_t end_of_fill(const struct gr_climb *climb)
{
	uint64_t now = gr_now_ns();

	return now + gr_sub_floor(climb->start_ns + climb->budget.timeout_ns, now) / 4;
}

int gr_retype(struct gr_climb *climb, struct gr_lease_grant *grant, const struct gr_look *look,
	      struct gr_rung *rung, struct gr_error *err)
{
	_cleanup_host_ struct gr_host *host = NULL;
	char before_text[GR_TEXT_MAX], after_text[GR_TEXT_MAX];
	uint64_t bytes, before, after, all;
	struct limits limits = { .climb = climb, .node = look->node,
				 .end_ns = end_of_fill(climb) };
	int r = gr_host_read(climb->ledger->root, GR_READ_POOLS | GR_READ_CGROUPS, &host, err);

	if (r < 0)
		return r;
	bytes = fill_bytes(climb, host, look->node);
	if (!bytes || charges_mappings(climb->ledger->root))
		return 0;
	limits.keep_free_bytes =
		gr_sub_floor(node_free_bytes(climb->ledger->root, look->node), bytes);
	gr_bound_fill(climb->ledger->root, look->node, bytes, go_on, &limits);
	/* As gr_worth_retyping() saw it. */
	before = marked_bytes(look->host, look->node, &all);
	if (gr_host_block_types(climb->ledger->root, host) < 0)
		return gr_rung_compact(climb, grant, look, rung, err);
	after = marked_bytes(host, look->node, &all);
	if (gr_asprintf(&rung->note, "%s in blocks for unmovable memory before, %s after",
			gr_size_text(before, before_text), gr_size_text(after, after_text)) < 0)
		return gr_error_nomem(err);
	return gr_rung_compact(climb, grant, look, rung, err);
}
