// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Base pages and transparent huge pages: memory that the kernel hands out at the touch and may
 * take back. Feasible as long as the memory can come from somewhere (what is available, then swap,
 * which pinned and locked memory has no use for), THP only where the settings let it happen.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "plan/weigh.h"

#define SWAP_SCORE (-20)

static bool is_word(const char *value, const char *word)
{
	return value && !strcmp(value, word);
}

/* The setting that rules PMD-sized THP of private memory: the size's own, or the general one. */
static const char *thp_enabled(const struct gr_host *host, const char *suffix)
{
	char key[64];
	const char *value;

	snprintf(key, sizeof(key), "hugepages-%" PRIu64 "kB/%s", gr_pmd_size(host) / GR_KIB,
		 suffix);
	value = gr_host_thp(host, key);
	if (value && strcmp(value, "inherit"))
		return value;
	return gr_host_thp(host, suffix);
}

static void check_thp(const struct gr_weighing *w, struct gr_candidate *c)
{
	const char *enabled = thp_enabled(w->host, "enabled");
	const char *shmem = thp_enabled(w->host, "shmem_enabled");

	if (!w->host->thp.present) {
		gr_problems_add(&c->failures, GR_P_NO_THP,
				"this kernel has no transparent huge pages");
		return;
	}
	if (gr_request_shared(w->request)) {
		/* The general "enabled" is of no account here: shared memory is shmem. */
		if (shmem && strcmp(shmem, "never") && strcmp(shmem, "deny"))
			return;
		gr_problems_add(&c->failures, GR_P_SHARED_THP,
				"shared memory gets no transparent huge pages: shmem_enabled is %s",
				shmem ? shmem : "absent");
		gr_problems_hint(&c->failures,
				 "set shmem_enabled to advise, or back it with huge pages of the "
				 "pool, or do not share it");
		return;
	}
	if (is_word(enabled, "always") || is_word(enabled, "madvise"))
		return;
	gr_problems_add(&c->failures, GR_P_NO_THP, "transparent huge pages are off: enabled is %s",
			enabled ? enabled : "unknown");
	gr_problems_hint(&c->failures, "set transparent_hugepage/enabled to madvise or always");
}

static void say_thp(const struct gr_weighing *w, struct gr_candidate *c, uint64_t bytes)
{
	uint64_t pmd = gr_pmd_size(w->host), blocks = gr_div_up(bytes, pmd);
	const char *defrag = gr_host_thp(w->host, "defrag");
	char need[GR_TEXT_MAX], have[GR_TEXT_MAX], size[GR_TEXT_MAX], base[GR_TEXT_MAX];
	struct gr_obtainable got;

	gr_obtainable(w->host, pmd, -1, w->floor, &got);
	gr_count_text(blocks, need);
	gr_count_text(got.now, have);
	gr_size_text(pmd, size);
	if (!got.now_known)
		gr_texts_add(&c->reasons,
			     "how much of it will be huge is unknown (no buddy lists)");
	else if (blocks <= got.now)
		gr_texts_add(&c->reasons, "%s block%s of %s %s needed, %s %s free in one piece",
			     need, gr_plural(blocks), size, gr_are(blocks), have, gr_are(got.now));
	else
		gr_texts_add(&c->reasons,
			     "%s of %s block%s of %s %s free in one piece: the rest starts with %s "
			     "pages, until khugepaged finds the time",
			     have, need, gr_plural(blocks), size, gr_are(got.now),
			     gr_size_text(gr_base_page(w->host), base));
	if (is_word(defrag, "always"))
		gr_texts_add(&c->reasons,
			     "defrag is always: on a fragmented host every fault waits "
			     "for compaction");
	gr_texts_add(&c->reasons, "nothing is promised: the kernel may split the pages again");
}

/* One amount from one scope. Hopeless is a problem, swapping is a reason against it. */
static void check_memory(const struct gr_weighing *w, struct gr_candidate *c, int node,
			 uint64_t bytes)
{
	bool resident = w->request->passthrough || w->request->locked;
	bool kernel_only = w->request->passthrough;
	uint64_t room = gr_floor_room_in(w->host, w->floor, kernel_only, node);
	char want[GR_TEXT_MAX], have[GR_TEXT_MAX], where[32] = "";
	struct gr_error err = { 0 };

	if (bytes <= room)
		return;
	if (node >= 0)
		snprintf(where, sizeof(where), " on host node %d", node);
	if (!resident && bytes <= gr_add_sat(room, w->host->swap_free_bytes)) {
		gr_texts_add(&c->reasons,
			     "%s are more than the %s available above the floor%s: once touched, "
			     "something will be swapped out",
			     gr_size_text(bytes, want), gr_size_text(room, have), where);
		c->score += SWAP_SCORE;
		return;
	}
	gr_floor_check_in(w->host, w->floor, kernel_only, node, bytes, &err);
	gr_problems_add(&c->failures, GR_P_FLOOR, "%s", err.message);
	gr_problems_hint(&c->failures, "%s", err.hint);
}

/* What has to come from host node @id, shares of needs bound to several nodes being equal. */
static uint64_t bound_bytes(const struct gr_request *request, unsigned int id)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < request->need_count; i++) {
		const struct gr_need *need = &request->needs[i];

		if (need->policy != GR_POLICY_PREFERRED && gr_list_has(&need->host_nodes, id))
			bytes = gr_add_sat(bytes,
					   gr_div_up(need->memory_bytes, need->host_nodes.count));
	}
	return bytes;
}

void gr_weigh_pageable(const struct gr_weighing *w, struct gr_candidate *c)
{
	uint64_t bytes = gr_request_bytes(w->request);
	char pages[GR_TEXT_MAX];

	if (c->backing == GR_BACKING_THP)
		check_thp(w, c);
	check_memory(w, c, -1, bytes);
	for (size_t i = 0; i < w->host->node_count && c->failures.count == 0; i++) {
		unsigned int id = w->host->nodes[i].id;

		check_memory(w, c, (int)id, bound_bytes(w->request, id));
	}
	gr_cgroup_check(w->host, 0, bytes, &c->failures);
	if (c->failures.count > 0)
		return;
	if (c->backing == GR_BACKING_THP)
		say_thp(w, c, bytes);
	else
		gr_texts_add(&c->reasons,
			     "%s page%s to map and to look up: works always, and is the "
			     "slowest",
			     gr_count_text(gr_div_up(bytes, c->page_size_bytes), pages),
			     gr_plural(gr_div_up(bytes, c->page_size_bytes)));
}
