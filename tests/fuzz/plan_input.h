/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a host and a request, and what must hold for the plan made from them. Used by the
 * fuzz target and, with random bytes of a fixed seed, by a unit test. Numbers are mostly of the
 * sizes that hosts have, sometimes the ends of their range, sometimes anything.
 */
#ifndef GR_TESTS_PLAN_INPUT_H
#define GR_TESTS_PLAN_INPUT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "plan/plan.h"

struct plan_input {
	const uint8_t *data;
	size_t size;
	struct gr_host host;
	struct gr_node nodes[4];
	struct gr_zone zones[8];
	uint64_t sizes[4];
	struct gr_pool pools[20];
	struct gr_setting settings[4];
	struct gr_cgroup_limit limits[3];
	struct gr_feature feature;
	unsigned int allowed[4];
	struct gr_request request;
	struct gr_floor floor;
};

static inline uint8_t take_byte(struct plan_input *in)
{
	if (in->size == 0)
		return 0;
	in->size--;
	return *in->data++;
}

static inline uint64_t take_u64(struct plan_input *in)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | take_byte(in);
	return value;
}

/* A number whose usual values are up to 64 times @unit. */
static inline uint64_t take_number(struct plan_input *in, uint64_t unit)
{
	uint8_t kind = take_byte(in);

	if (kind < 180)
		return take_byte(in) % 65 * unit;
	if (kind < 220)
		return take_byte(in) * unit + take_byte(in);
	if (kind < 230)
		return UINT64_MAX - take_byte(in);
	if (kind < 240)
		return UINT64_C(1) << take_byte(in) % 64;
	if (kind < 250)
		return 0;
	return take_u64(in);
}

static inline void take_zones(struct plan_input *in)
{
	static const char *const names[] = { "DMA32", "Normal", "Movable" };

	in->host.zones = in->zones;
	in->host.zone_count = take_byte(in) % (GR_ARRAY_SIZE(in->zones) + 1);
	for (size_t i = 0; i < in->host.zone_count; i++) {
		struct gr_zone *zone = &in->zones[i];

		strcpy(zone->name, names[take_byte(in) % GR_ARRAY_SIZE(names)]);
		zone->node = take_byte(in) % 4;
		zone->free_pages = take_number(in, 1 << 18);
		zone->managed_pages = take_number(in, 1 << 18);
		zone->min_pages = take_number(in, 1 << 10);
		zone->lowmem_reserve_pages = take_number(in, 1 << 10);
		zone->orders = take_byte(in) % 8 ? 11 : take_byte(in) % (GR_ORDERS_MAX + 1);
		for (unsigned int k = 0; k < zone->orders; k++)
			zone->buddy[k] = take_number(in, 64);
	}
}

static inline void take_nodes(struct plan_input *in)
{
	in->host.nodes = in->nodes;
	in->host.node_count = take_byte(in) % (GR_ARRAY_SIZE(in->nodes) + 1);
	for (size_t i = 0; i < in->host.node_count; i++) {
		struct gr_node *node = &in->nodes[i];

		node->id = (unsigned int)i;
		node->memory_known = take_byte(in) % 8 != 0;
		node->total_bytes = take_number(in, GR_GIB);
		node->free_bytes = take_number(in, GR_GIB);
		node->available_bytes_estimate = take_number(in, GR_GIB);
	}
	in->host.nodes_allowed.ids = in->allowed;
	if (take_byte(in) % 4 == 0)
		in->host.nodes_allowed.count = take_byte(in) % 3;
	for (unsigned int i = 0; i < 4; i++)
		in->allowed[i] = i;
}

static inline void take_pools(struct plan_input *in)
{
	static const uint64_t known[] = { 64 * GR_KIB, 2 * GR_MIB, 32 * GR_MIB, GR_GIB };
	struct gr_host *host = &in->host;
	uint8_t mask = take_byte(in);

	host->page_sizes = in->sizes;
	host->pools = in->pools;
	for (size_t i = 0; i < GR_ARRAY_SIZE(known); i++) {
		if (mask & 1 << i)
			in->sizes[host->page_size_count++] = known[i];
	}
	if (take_byte(in) == 255 && host->page_size_count)
		in->sizes[0] = take_u64(in) | 1;
	for (int node = -1; node < (int)host->node_count; node++) {
		for (size_t i = 0; i < host->page_size_count; i++) {
			struct gr_pool *pool = &in->pools[host->pool_count++];

			pool->node = node;
			pool->page_size_bytes = in->sizes[i];
			pool->total = take_number(in, 256);
			pool->free = take_number(in, 256);
			pool->reserved = take_number(in, 16);
			pool->overcommit = take_number(in, 256);
			pool->surplus = take_number(in, 16);
			pool->answer = take_byte(in) % 16 ? GR_ANSWER_OK : GR_ANSWER_FORBIDDEN;
		}
	}
}

static inline void take_rest_of_host(struct plan_input *in)
{
	static const char *const keys[] = { "enabled", "shmem_enabled", "defrag",
					    "hugepages-2048kB/enabled" };
	static const char *const words[] = { "always", "madvise", "never", "inherit", "advise" };
	static const char *const files[] = { "memory.max", "hugetlb.2MB.max",
					     "hugetlb.1GB.rsvd.max" };
	struct gr_host *host = &in->host;

	host->base_page_bytes = take_byte(in) % 4 ? 4 * GR_KIB : 64 * GR_KIB;
	if (take_byte(in) == 255)
		host->base_page_bytes = take_u64(in);
	host->mem_total_bytes = take_number(in, GR_GIB);
	host->mem_available_bytes = take_number(in, GR_GIB);
	host->swap_free_bytes = take_number(in, GR_GIB);
	host->unplaced_free_bytes = take_byte(in) % 4 ? 0 : take_number(in, GR_GIB);
	host->hugetlb_bytes.known = take_byte(in) % 2;
	host->hugetlb_bytes.value = take_number(in, GR_GIB);
	host->default_page_size_bytes = host->page_size_count ? in->sizes[0] : 0;
	host->thp.present = take_byte(in) % 8 != 0;
	host->thp.pmd_size_bytes = take_byte(in) % 8 ? 2 * GR_MIB : take_number(in, GR_MIB);
	host->thp.settings = in->settings;
	host->thp.count = take_byte(in) % 5;
	for (size_t i = 0; i < host->thp.count; i++) {
		in->settings[i].key = (char *)keys[i];
		in->settings[i].value = (char *)words[take_byte(in) % GR_ARRAY_SIZE(words)];
	}
	host->limits = in->limits;
	host->limit_count = take_byte(in) % 2 ? 0 : take_byte(in) % 4;
	for (size_t i = 0; i < host->limit_count; i++) {
		in->limits[i].cgroup = (char *)"/a";
		in->limits[i].file = (char *)files[i];
		in->limits[i].limit_bytes = take_number(in, GR_GIB);
		in->limits[i].current_bytes.known = take_byte(in) % 2;
		in->limits[i].current_bytes.value = take_number(in, GR_MIB);
	}
	in->feature.name = "contig_alloc";
	in->feature.state = take_byte(in) % 3;
	host->features = &in->feature;
	host->feature_count = 1;
}

static inline void take_request(struct plan_input *in)
{
	struct gr_request *request = &in->request;
	size_t needs = take_byte(in) % 8 ? 1 : take_byte(in) % 80;
	uint8_t flags = take_byte(in);

	request->backing = take_byte(in) % 2 ? GR_BACKING_AUTO : take_byte(in) % GR_BACKING_COUNT;
	request->goal = take_byte(in) % GR_GOAL_COUNT;
	request->passthrough = flags & 1 && flags & 128;
	request->shared = flags & 2 && flags & 128;
	request->memory_hotplug = flags & 4;
	request->balloon = flags & 8;
	request->ksm = flags & 16;
	request->migration = flags & 32;
	request->locked = flags & 64;
	in->floor.keep_free_bytes = take_byte(in) % 2 ? 0 : take_number(in, GR_GIB);
	for (size_t i = 0; i < needs; i++) {
		struct gr_need *need;

		if (gr_request_add(request, &need) < 0)
			abort();
		need->guest_cell = needs > 1 ? (int)i : -1;
		need->memory_bytes = take_number(in, take_byte(in) % 2 ? GR_GIB / 4 : GR_MIB);
		if (take_byte(in) % 3 == 0)
			need->page_size_bytes = take_byte(in) % 4 ? in->sizes[take_byte(in) % 4] :
								    take_number(in, GR_MIB);
		need->shared = take_byte(in) % 8 == 0;
		need->policy = take_byte(in) % GR_POLICY_COUNT;
		for (int n = take_byte(in) % 4 ? 0 : take_byte(in) % 4; n > 0; n--) {
			if (gr_list_add(&need->host_nodes, take_byte(in) % 5) < 0)
				abort();
		}
	}
}

#define MUST(condition)                                                                \
	do {                                                                           \
		if (!(condition)) {                                                    \
			fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition); \
			abort();                                                       \
		}                                                                      \
	} while (0)

static inline void must_obtain(const struct plan_input *in)
{
	for (int node = -1; node < 5; node++) {
		for (size_t i = 0; i < GR_ARRAY_SIZE(in->sizes); i++) {
			struct gr_obtainable got;
			uint64_t size = in->sizes[i], bytes;

			gr_obtainable(&in->host, size, node, &in->floor, &got);
			MUST(got.now <= got.by_ladder && got.by_ladder <= got.at_most);
			MUST(size || got.at_most == 0);
			if (!size)
				continue;
			MUST(got.at_most <= in->host.mem_total_bytes / size);
			bytes = got.by_ladder * size;
			MUST(bytes <= gr_floor_room(&in->host, &in->floor, size, node));
			MUST(!bytes || gr_floor_check(&in->host, &in->floor, node, bytes, NULL) == 0);
		}
	}
}

/* A plan without problems can be carried out as far as anybody can tell, page by page. */
static inline void must_plan(const struct plan_input *in, const struct gr_plan *plan)
{
	const struct gr_request *request = &in->request;
	unsigned __int128 granted = 0, room = 0;

	MUST((plan->backing == GR_BACKING_AUTO) == (plan->problem_count > 0));
	MUST(gr_plan_error(plan, NULL) == (plan->problem_count == 0 ? 0 :
					   plan->impossible	    ? -EINVAL :
								      -ENOMEM));
	for (size_t i = 0; i < plan->problem_count; i++)
		MUST(plan->problems[i].message && !strncmp(plan->problems[i].code, "GR2", 3));
	if (plan->backing == GR_BACKING_AUTO)
		return;
	MUST(request->backing == GR_BACKING_AUTO || request->backing == plan->backing);
	MUST(plan->reason_count > 0 && plan->page_size_bytes > 0);
	MUST(gr_request_bytes(request) <= in->host.mem_total_bytes);
	for (size_t i = 0; i < request->need_count; i++) {
		uint64_t size = plan->page_size_of_need[i], bytes = request->needs[i].memory_bytes;

		MUST(size > 0 && bytes > 0);
		if (size != in->host.base_page_bytes && plan->grant_count)
			room += (unsigned __int128)gr_div_up(bytes, size) * size;
	}
	for (size_t i = 0; i < plan->grant_count; i++) {
		const struct gr_grant *grant = &plan->grants[i];
		struct gr_obtainable got;

		MUST(grant->pages > 0 && gr_host_has_page_size(&in->host, grant->page_size_bytes));
		granted += (unsigned __int128)grant->pages * grant->page_size_bytes;
		gr_obtainable(&in->host, grant->page_size_bytes, gr_grant_scope(grant), &in->floor, &got);
		MUST(plan->backing == GR_BACKING_STATIC || grant->pages <= got.by_ladder);
	}
	MUST(granted == room);
}

static inline void must_arithmetic(const struct plan_input *in)
{
	for (size_t i = 0; i < in->host.page_size_count; i++) {
		unsigned __int128 bytes = 0;
		struct gr_arithmetic got;

		gr_arithmetic(&in->request, in->sizes[i], in->host.base_page_bytes, &got);
		for (size_t n = 0; n < in->request.need_count; n++)
			bytes += in->request.needs[n].memory_bytes;
		if (got.pages == UINT64_MAX || got.waste_bytes == UINT64_MAX)
			continue;
		MUST((unsigned __int128)got.pages * in->sizes[i] == bytes + got.waste_bytes);
	}
}

/* Returns the backing that was chosen, so that a test can see that all of them are. */
static inline enum gr_backing plan_input_run(const uint8_t *data, size_t size)
{
	static const struct plan_input empty;
	struct plan_input in = empty;
	struct gr_plan *plan = NULL;
	enum gr_backing backing;

	in.data = data;
	in.size = size;
	take_nodes(&in);
	take_zones(&in);
	take_pools(&in);
	take_rest_of_host(&in);
	take_request(&in);
	must_obtain(&in);
	must_arithmetic(&in);
	if (gr_plan_make(&in.request, &in.host, &in.floor, &plan, NULL) < 0)
		abort();
	must_plan(&in, plan);
	gr_plan_check_aligned(plan, &in.request, NULL);
	backing = plan->backing;
	gr_plan_free(plan);
	gr_request_done(&in.request);
	return backing;
}

#endif
