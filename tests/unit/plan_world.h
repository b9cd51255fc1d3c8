/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host made by hand for tests of the plan layer: one struct with room for everything, a few
 * numbers to start from, and checks of what a plan says. Include it after cmocka.h.
 */
#ifndef GR_TESTS_PLAN_WORLD_H
#define GR_TESTS_PLAN_WORLD_H

#include "base/size.h"
#include "base/util.h"
#include "plan/plan.h"

#define M2 (2 * GR_MIB)
#define KIB64 (64 * GR_KIB)

/* One node, one zone, two page sizes, 32 GiB with 24 available, 10 GiB of them in large blocks. */
struct world {
	struct gr_host host;
	struct gr_node nodes[2];
	struct gr_zone zones[3];
	uint64_t sizes[4];
	struct gr_pool pools[8];
	struct gr_setting settings[4];
	struct gr_cgroup_limit limits[1];
	unsigned int allowed[2];
	struct gr_request request;
	struct gr_floor floor;
	struct gr_plan *plan;
};

static inline void add_pools(struct world *w)
{
	struct gr_host *host = &w->host;

	host->pool_count = 0;
	for (int node = -1; node < (int)host->node_count; node++) {
		for (size_t i = 0; i < host->page_size_count; i++)
			w->pools[host->pool_count++] = (struct gr_pool){
				.page_size_bytes = w->sizes[i], .node = node,
			};
	}
}

static inline struct gr_pool *pool(struct world *w, uint64_t size, int node)
{
	for (size_t i = 0; i < w->host.pool_count; i++) {
		if (w->pools[i].page_size_bytes == size && w->pools[i].node == node)
			return &w->pools[i];
	}
	fail_msg("no such pool");
	return NULL;
}

static inline void set_memory(struct world *w, uint64_t total, uint64_t available)
{
	struct gr_host *host = &w->host;

	host->mem_total_bytes = total;
	host->mem_available_bytes = host->mem_free_bytes = available;
	for (size_t i = 0; i < host->node_count; i++) {
		w->nodes[i] = (struct gr_node){
			.id = (unsigned int)i,
			.memory_known = true,
			.total_bytes = total / host->node_count,
			.free_bytes = available / host->node_count,
			.available_bytes_estimate = available / host->node_count,
		};
		w->zones[i] = (struct gr_zone){
			.name = "Normal",
			.node = (unsigned int)i,
			.free_pages = available / host->node_count / host->base_page_bytes,
			.managed_pages = total / host->node_count / host->base_page_bytes,
			.min_pages = 4096,
			.orders = 11,
		};
	}
	host->zone_count = host->node_count;
}

static inline void set_thp(struct world *w, size_t i, const char *key, const char *value)
{
	w->settings[i] = (struct gr_setting){ .key = (char *)key, .value = (char *)value };
}

static inline struct world *new_world(uint64_t total, uint64_t available, size_t nodes)
{
	struct world *w = calloc(1, sizeof(*w));
	struct gr_host *host;

	assert_non_null(w);
	host = &w->host;
	host->base_page_bytes = 4 * GR_KIB;
	host->default_page_size_bytes = M2;
	w->sizes[0] = M2;
	w->sizes[1] = GR_GIB;
	host->page_sizes = w->sizes;
	host->page_size_count = 2;
	host->nodes = w->nodes;
	host->node_count = nodes;
	host->zones = w->zones;
	host->pools = w->pools;
	host->limits = w->limits;
	set_memory(w, total, available);
	add_pools(w);
	host->thp.present = true;
	host->thp.pmd_size_bytes = M2;
	set_thp(w, 0, "enabled", "madvise");
	set_thp(w, 1, "shmem_enabled", "never");
	set_thp(w, 2, "defrag", "madvise");
	host->thp.settings = w->settings;
	host->thp.count = 3;
	w->zones[0].buddy[10] = 10 * GR_GIB / (4 * GR_MIB);
	return w;
}

static inline struct gr_need *need(struct world *w, uint64_t bytes)
{
	struct gr_need *ret;

	assert_int_equal(gr_request_add(&w->request, &ret), 0);
	ret->memory_bytes = bytes;
	return ret;
}

static inline struct gr_plan *make(struct world *w)
{
	struct gr_error err = { 0 };

	gr_plan_free(w->plan);
	w->plan = NULL;
	assert_int_equal(gr_plan_make(&w->request, &w->host, &w->floor, &w->plan, &err), 0);
	return w->plan;
}

static inline void done(struct world *w)
{
	gr_plan_free(w->plan);
	gr_request_done(&w->request);
	free(w);
}

static inline bool any_has(char **texts, size_t count, const char *part)
{
	for (size_t i = 0; i < count; i++) {
		if (strstr(texts[i], part))
			return true;
	}
	return false;
}

static inline void expect_reason(const struct gr_plan *plan, const char *part)
{
	if (any_has(plan->reasons, plan->reason_count, part))
		return;
	for (size_t i = 0; i < plan->reason_count; i++)
		print_message("reason: %s\n", plan->reasons[i]);
	fail_msg("no reason says '%s'", part);
}

/* The problem @code is there, and its message and hint together say @part. */
static inline void expect_problem(const struct gr_plan *plan, const char *code, const char *part)
{
	for (size_t i = 0; i < plan->problem_count; i++) {
		const struct gr_problem *problem = &plan->problems[i];

		if (!strcmp(problem->code, code) &&
		    (strstr(problem->message, part) ||
		     (problem->hint && strstr(problem->hint, part))))
			return;
	}
	for (size_t i = 0; i < plan->problem_count; i++)
		print_message("%s: %s\n", plan->problems[i].code, plan->problems[i].message);
	fail_msg("no problem %s says '%s'", code, part);
}

static inline const struct gr_alternative *alternative(const struct gr_plan *plan,
						enum gr_backing backing, uint64_t size)
{
	for (size_t i = 0; i < plan->alternative_count; i++) {
		if (plan->alternatives[i].backing == backing &&
		    plan->alternatives[i].page_size_bytes == size)
			return &plan->alternatives[i];
	}
	fail_msg("no such alternative");
	return NULL;
}

#endif
