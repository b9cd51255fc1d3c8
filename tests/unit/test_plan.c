// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The choice of backing on hosts made by hand: each test says what a person on that host should be
 * told. What must hold on every host is in test_plan_random.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "plan_world.h"

static void test_chooses_dynamic(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);

	(void)state;
	need(w, 8 * GR_GIB);
	make(w);
	assert_int_equal(w->plan->backing, GR_BACKING_DYNAMIC);
	assert_int_equal(w->plan->page_size_bytes, M2);
	assert_int_equal(w->plan->grant_count, 1);
	assert_int_equal(w->plan->grants[0].node, -1);
	assert_int_equal(w->plan->grants[0].pages, 4096);
	assert_string_equal(w->plan->reasons[0], "8 GiB = 4,096 x 2 MiB");
	expect_reason(w->plan, "5,120 can be had at once");
	expect_reason(w->plan, "page tables of 36 KiB, against 16.03 MiB with 4 KiB pages");
	assert_false(alternative(w->plan, GR_BACKING_STATIC, M2)->feasible);
	assert_true(alternative(w->plan, GR_BACKING_THP, M2)->feasible);
	assert_int_equal(gr_plan_error(w->plan, NULL), 0);
	done(w);
}

/* A fragmented host: still dynamic, but it says what has to happen first. */
static void test_needs_compaction(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);

	(void)state;
	w->zones[0].buddy[10] = 100;
	need(w, 8 * GR_GIB);
	expect_reason(make(w), "needs compaction: 200 of 4,096 pages of 2 MiB can be had at once");
	assert_int_equal(w->plan->backing, GR_BACKING_DYNAMIC);
	done(w);
}

/* 1 GiB pages: taken from a pool that has them, never bet upon. */
static void test_gigantic_choice(void **state)
{
	struct world *w = new_world(64 * GR_GIB, 48 * GR_GIB, 1);

	(void)state;
	need(w, 8 * GR_GIB);
	w->request.goal = GR_GOAL_PERFORMANCE;
	make(w);
	assert_int_equal(w->plan->page_size_bytes, M2);
	assert_true(any_has(alternative(w->plan, GR_BACKING_DYNAMIC, GR_GIB)->reasons,
			    alternative(w->plan, GR_BACKING_DYNAMIC, GR_GIB)->reason_count,
			    "no list shows free ranges of that size: 10 at best"));
	pool(w, GR_GIB, -1)->total = pool(w, GR_GIB, -1)->free = 8;
	pool(w, GR_GIB, 0)->total = pool(w, GR_GIB, 0)->free = 8;
	make(w);
	assert_int_equal(w->plan->backing, GR_BACKING_STATIC);
	assert_int_equal(w->plan->page_size_bytes, GR_GIB);
	/* Half a page would be lost: 2 MiB divides. */
	w->request.needs[0].memory_bytes = 8 * GR_GIB - 512 * GR_MIB;
	make(w);
	assert_int_equal(w->plan->page_size_bytes, M2);
	assert_false(w->plan->misaligned);
	done(w);
}

/* Nobody knows whether 1 GiB pages are there: other ways first, but who asks for them may try. */
static void test_never_bets(void **state)
{
	struct world *w = new_world(64 * GR_GIB, 48 * GR_GIB, 1);

	(void)state;
	w->sizes[0] = GR_GIB;
	w->host.page_size_count = 1;
	add_pools(w);
	w->zones[0].orders = 0;
	need(w, 8 * GR_GIB);
	w->request.goal = GR_GOAL_PERFORMANCE;
	assert_int_equal(make(w)->backing, GR_BACKING_THP);
	w->request.needs[0].page_size_bytes = GR_GIB;
	expect_reason(make(w), "without buddy lists nobody knows");
	assert_int_equal(w->plan->backing, GR_BACKING_DYNAMIC);
	done(w);
}

static void test_wishes(void **state)
{
	static const struct {
		enum gr_goal goal;
		bool passthrough, shared, hotplug, balloon, ksm;
		enum gr_backing expect;
	} rows[] = {
		{ GR_GOAL_BALANCED, .expect = GR_BACKING_DYNAMIC },
		{ GR_GOAL_PERFORMANCE, .expect = GR_BACKING_DYNAMIC },
		{ GR_GOAL_DENSITY, .expect = GR_BACKING_THP },
		{ GR_GOAL_DENSITY, .passthrough = true, .expect = GR_BACKING_DYNAMIC },
		{ GR_GOAL_BALANCED, .passthrough = true, .expect = GR_BACKING_DYNAMIC },
		{ GR_GOAL_BALANCED, .hotplug = true, .expect = GR_BACKING_DYNAMIC },
		{ GR_GOAL_BALANCED, .balloon = true, .expect = GR_BACKING_THP },
		{ GR_GOAL_PERFORMANCE, .balloon = true, .expect = GR_BACKING_THP },
		{ GR_GOAL_BALANCED, .ksm = true, .expect = GR_BACKING_4K },
		{ GR_GOAL_PERFORMANCE, .ksm = true, .expect = GR_BACKING_4K },
		{ GR_GOAL_BALANCED, .shared = true, .expect = GR_BACKING_DYNAMIC },
		{ GR_GOAL_DENSITY, .shared = true, .expect = GR_BACKING_4K },
	};

	(void)state;
	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);

		need(w, 8 * GR_GIB);
		w->request.goal = rows[i].goal;
		w->request.passthrough = rows[i].passthrough;
		w->request.shared = rows[i].shared;
		w->request.memory_hotplug = rows[i].hotplug;
		w->request.balloon = rows[i].balloon;
		w->request.ksm = rows[i].ksm;
		if (make(w)->backing != rows[i].expect)
			fail_msg("row %zu: %s", i, gr_backing_name(w->plan->backing));
		done(w);
	}
}

/* Shared memory gets no THP by default, whatever "enabled" says. */
static void test_shared_thp(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);

	(void)state;
	need(w, 8 * GR_GIB)->shared = true;
	w->settings[0].value = (char *)"always";
	w->request.backing = GR_BACKING_THP;
	expect_problem(make(w), "GR211", "shmem_enabled is never");
	assert_false(w->plan->impossible);
	w->settings[1].value = (char *)"advise";
	assert_int_equal(make(w)->backing, GR_BACKING_THP);
	/* The setting of the size itself wins over the general one. */
	set_thp(w, 3, "hugepages-2048kB/shmem_enabled", "never");
	w->host.thp.count = 4;
	expect_problem(make(w), "GR211", "shmem_enabled");
	done(w);
}

static void test_thp_off(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);

	(void)state;
	need(w, 8 * GR_GIB);
	w->request.backing = GR_BACKING_THP;
	w->settings[0].value = (char *)"never";
	expect_problem(make(w), "GR212", "enabled is never");
	w->settings[0].value = (char *)"madvise";
	w->settings[2].value = (char *)"always";
	expect_reason(make(w), "defrag is always");
	w->host.thp.present = false;
	expect_problem(make(w), "GR212", "no transparent huge pages");
	done(w);
}

/* The pool is not filled: what is needed, what is there, what is missing. */
static void test_static_short(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);

	(void)state;
	need(w, UINT64_C(12000000000))->page_size_bytes = M2;
	w->request.backing = GR_BACKING_STATIC;
	expect_problem(make(w), "GR213", "0 free pages of 2 MiB, 5,723 are needed: short by 5,723");
	assert_int_equal(w->plan->backing, GR_BACKING_AUTO);
	assert_int_equal(w->plan->page_size_bytes, M2);
	assert_true(w->plan->misaligned);

	w->request.needs[0].memory_bytes = 4 * GR_GIB;
	pool(w, M2, -1)->total = pool(w, M2, -1)->free = 2000;
	pool(w, M2, 0)->total = pool(w, M2, 0)->free = 2000;
	expect_problem(make(w), "GR213", "short by 48");
	pool(w, M2, -1)->total = pool(w, M2, -1)->free = 2100;
	pool(w, M2, 0)->total = pool(w, M2, 0)->free = 2100;
	assert_int_equal(make(w)->backing, GR_BACKING_STATIC);
	pool(w, M2, -1)->reserved = 100; /* promised to somebody */
	expect_problem(make(w), "GR213", "short by 48");
	done(w);
}

/* Enough pages in all, too few on the node that the memory is bound to. */
static void test_c09_node_short(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 2);
	struct gr_need *n = need(w, 2 * GR_GIB);

	(void)state;
	pool(w, M2, -1)->total = pool(w, M2, -1)->free = 2048;
	pool(w, M2, 0)->total = pool(w, M2, 0)->free = 1290;
	pool(w, M2, 1)->total = pool(w, M2, 1)->free = 758;
	assert_int_equal(gr_list_add(&n->host_nodes, 1), 0);
	n->policy = GR_POLICY_BIND;
	w->request.backing = GR_BACKING_STATIC;
	expect_problem(make(w), "GR213", "host node 1 has 758 free pages of 2 MiB, 1,024 are needed: "
					 "short by 266 (532 MiB); other nodes have enough");
	expect_problem(make(w), "GR213", "guestram reserve -m 532M -p 2M -n 1");
	expect_problem(make(w), "GR213", "with the preferred policy other nodes help out");
	n->host_nodes.ids[0] = 0;
	assert_int_equal(make(w)->backing, GR_BACKING_STATIC);
	assert_int_equal(w->plan->grants[0].node, 0);
	done(w);
}

static void test_spreads_over_nodes(void **state)
{
	struct world *w = new_world(64 * GR_GIB, 48 * GR_GIB, 2);
	struct gr_need *n = need(w, 3 * GR_GIB + M2);

	(void)state;
	w->zones[1].buddy[10] = w->zones[0].buddy[10];
	assert_int_equal(gr_list_add(&n->host_nodes, 0), 0);
	assert_int_equal(gr_list_add(&n->host_nodes, 1), 0);
	n->policy = GR_POLICY_INTERLEAVE;
	make(w);
	assert_int_equal(w->plan->backing, GR_BACKING_DYNAMIC);
	assert_int_equal(w->plan->grant_count, 2);
	assert_int_equal(w->plan->grants[0].pages, 769);
	assert_int_equal(w->plan->grants[1].pages, 768);
	/* One node cannot give more than it has, however much the other has. */
	gr_list_done(&n->host_nodes);
	assert_int_equal(gr_list_add(&n->host_nodes, 1), 0);
	n->memory_bytes = 26 * GR_GIB;
	w->request.backing = GR_BACKING_DYNAMIC;
	expect_problem(make(w), "GR209", "host node 1");
	n->memory_bytes = 40 * GR_GIB;
	expect_problem(make(w), "GR205", "more than the RAM of host node 1");
	done(w);
}

static void test_bad_nodes(void **state)
{
	struct world *w = new_world(64 * GR_GIB, 48 * GR_GIB, 2);
	struct gr_need *n = need(w, 2 * GR_GIB);
	struct gr_error err;

	(void)state;
	assert_int_equal(gr_list_add(&n->host_nodes, 1), 0);
	assert_int_equal(gr_list_add(&n->host_nodes, 7), 0);
	expect_problem(make(w), "GR206", "the host has node 0-1");
	assert_int_equal(gr_plan_error(w->plan, &err), -EINVAL);
	assert_int_equal(err.class, GR_CLASS_USAGE);
	n->host_nodes.count = 1;
	w->host.nodes_allowed = (struct gr_list){ .ids = w->allowed, .count = 1 };
	expect_problem(make(w), "GR208", "host node 1 is not in the cpuset of this process (nodes 0)");
	assert_int_equal(gr_plan_error(w->plan, &err), -ENOMEM);
	assert_int_equal(err.class, GR_CLASS_HOST);
	w->host.nodes_allowed.count = 0;
	w->nodes[1].total_bytes = 0;
	expect_problem(make(w), "GR207", "host node 1 has no memory");
	done(w);
}

/* Somebody wrote the VM's memory as its page size. */
static void test_c88_no_such_page_size(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);
	struct gr_error err;

	(void)state;
	need(w, 4 * GR_GIB)->page_size_bytes = 4 * GR_GIB;
	expect_problem(make(w), "GR202", "4 GiB");
	expect_problem(make(w), "GR202", "2 MiB, 1 GiB");
	assert_true(w->plan->impossible);
	assert_int_equal(gr_plan_error(w->plan, &err), -EINVAL);
	assert_int_equal(err.class, GR_CLASS_USAGE);
	done(w);
}

static void test_too_small(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);
	struct gr_error err;

	(void)state;
	need(w, 512 * GR_MIB)->page_size_bytes = GR_GIB;
	expect_problem(make(w), "GR203", "512 MiB is less than one 1 GiB page");
	assert_int_equal(gr_plan_error(w->plan, &err), -EINVAL);
	assert_string_equal(err.hint, "use 2M: 256 pages");
	w->request.needs[0].page_size_bytes = 0;
	w->host.default_page_size_bytes = GR_GIB;
	assert_int_equal(make(w)->page_size_bytes, M2);
	done(w);
}

/* plan shows what rounding wastes, run refuses: memfd has no part of a page. */
static void test_misaligned(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);
	struct gr_error err = { 0 };

	(void)state;
	need(w, 2047 * GR_MIB)->page_size_bytes = M2;
	w->request.backing = GR_BACKING_DYNAMIC;
	expect_reason(make(w), "whole are 2046M and 2G");
	assert_int_equal(w->plan->backing, GR_BACKING_DYNAMIC);
	assert_int_equal(gr_plan_check_aligned(w->plan, &w->request, &err), -EINVAL);
	assert_string_equal(err.hint, "the nearest sizes are 2046M and 2G");
	assert_int_equal(err.class, GR_CLASS_USAGE);
	/* Two thirds of 4 GiB: 1,366 pages are 2,732 MiB. */
	w->request.needs[0].memory_bytes = UINT64_C(2863311530);
	expect_reason(make(w), "takes 1,366 x 2 MiB = 2732M");
	/* Left to us, pages that fit are taken. */
	w->request.backing = GR_BACKING_AUTO;
	w->request.needs[0].page_size_bytes = 0;
	make(w);
	assert_int_equal(w->plan->backing, GR_BACKING_THP);
	assert_int_equal(gr_plan_check_aligned(w->plan, &w->request, &err), 0);
	done(w);
}

static void test_c54_overcommit(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);

	(void)state;
	w->zones[0].buddy[10] = 1500;
	w->zones[0].min_pages = 0;
	pool(w, M2, -1)->overcommit = 8192;
	need(w, 8 * GR_GIB);
	expect_reason(make(w), "allowed 8,192, obtainable now about 3,000");
	done(w);
}

static void test_cgroup_limit(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);

	(void)state;
	need(w, 4 * GR_GIB)->page_size_bytes = M2;
	pool(w, M2, -1)->total = pool(w, M2, -1)->free = 2048;
	pool(w, M2, 0)->total = pool(w, M2, 0)->free = 2048;
	w->limits[0] = (struct gr_cgroup_limit){ .cgroup = (char *)"/a/b",
						 .file = (char *)"hugetlb.2MB.max" };
	w->host.limit_count = 1;
	expect_problem(make(w), "GR210", "cgroup /a/b allows 0 B of 2 MiB pages");
	w->limits[0].file = (char *)"hugetlb.1GB.max";
	assert_int_equal(make(w)->backing, GR_BACKING_STATIC);
	w->limits[0].file = (char *)"memory.max";
	w->limits[0].limit_bytes = GR_GIB;
	w->request.needs[0].page_size_bytes = 0;
	assert_int_equal(make(w)->backing, GR_BACKING_STATIC);
	assert_false(alternative(w->plan, GR_BACKING_THP, M2)->feasible);
	done(w);
}

/* A host that is nearly full: refused at once, with the shortfall. */
static void test_full_host(void **state)
{
	struct world *w = new_world(125 * GR_GIB, 122 * GR_GIB, 1);
	struct gr_error err;

	(void)state;
	need(w, 120 * GR_GIB);
	make(w);
	assert_int_equal(w->plan->backing, GR_BACKING_AUTO);
	expect_problem(w->plan, "GR209", "below the floor of 6,400 MiB");
	assert_int_equal(gr_plan_error(w->plan, &err), -ENOMEM);
	assert_int_equal(err.class, GR_CLASS_HOST);
	w->host.swap_free_bytes = 64 * GR_GIB;
	expect_reason(make(w), "something will be swapped out");
	w->request.locked = true;
	expect_problem(make(w), "GR209", "short by");
	w->request.needs[0].memory_bytes = 126 * GR_GIB;
	expect_problem(make(w), "GR205", "126 GiB is more than the host's RAM of 125 GiB");
	expect_problem(w->plan, "GR205", "the floor of 6,400 MiB");
	assert_false(w->plan->impossible);
	done(w);
}

/* A wish that pinned memory cannot meet must not decide. */
static void test_pinned_gives_nothing_back(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);

	(void)state;
	need(w, 8 * GR_GIB);
	w->request.passthrough = true;
	w->request.balloon = true;
	w->request.ksm = true;
	assert_int_equal(make(w)->backing, GR_BACKING_DYNAMIC);
	expect_reason(w->plan, "a balloon gives nothing back");
	done(w);
}

/* All mistakes at once. */
static void test_all_problems(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);
	struct gr_error err;
	struct gr_need *n;

	(void)state;
	assert_true(make(w)->problem_count > 0);
	expect_problem(w->plan, "GR201", "no amount of memory");
	need(w, 0);
	n = need(w, 64 * GR_GIB);
	n->page_size_bytes = 3 * GR_MIB;
	assert_int_equal(gr_list_add(&n->host_nodes, 5), 0);
	make(w);
	expect_problem(w->plan, "GR201", "memory piece 0");
	expect_problem(w->plan, "GR202", "3 MiB");
	expect_problem(w->plan, "GR206", "node 5");
	expect_problem(w->plan, "GR205", "64 GiB");
	gr_plan_error(w->plan, &err);
	assert_non_null(strstr(err.message, "(and 3 more)"));
	for (int i = 0; i < 70; i++)
		need(w, GR_MIB);
	expect_problem(make(w), "GR216", "72 pieces");
	done(w);
}

static void test_contradiction(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);

	(void)state;
	need(w, 2 * GR_GIB)->page_size_bytes = M2;
	w->request.backing = GR_BACKING_4K;
	expect_problem(make(w), "GR204", "backing 4k has pages of 4 KiB");
	w->request.backing = GR_BACKING_THP;
	assert_int_equal(make(w)->backing, GR_BACKING_THP);
	w->request.backing = GR_BACKING_AUTO;
	w->request.needs[0].page_size_bytes = 4 * GR_KIB;
	assert_int_equal(make(w)->backing, GR_BACKING_4K);
	w->request.backing = GR_BACKING_DYNAMIC;
	expect_problem(make(w), "GR202", "no huge pages of 4 KiB");
	done(w);
}

/* Cells may differ: 1 GiB here, 2 MiB there, base pages in a third. */
static void test_sizes_per_need(void **state)
{
	struct world *w = new_world(64 * GR_GIB, 48 * GR_GIB, 1);

	(void)state;
	need(w, 2 * GR_GIB)->page_size_bytes = GR_GIB;
	need(w, 2 * GR_GIB)->page_size_bytes = M2;
	need(w, 2 * GR_GIB)->page_size_bytes = 4 * GR_KIB;
	make(w);
	assert_int_equal(w->plan->backing, GR_BACKING_DYNAMIC);
	assert_int_equal(w->plan->page_size_of_need[0], GR_GIB);
	assert_int_equal(w->plan->page_size_of_need[1], M2);
	assert_int_equal(w->plan->page_size_of_need[2], 4 * GR_KIB);
	assert_int_equal(w->plan->grant_count, 2);
	assert_int_equal(w->plan->grants[0].pages, 2);
	assert_int_equal(w->plan->grants[1].pages, 1024);
	done(w);
}

static void test_no_pools(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);

	(void)state;
	w->host.page_size_count = w->host.pool_count = 0;
	need(w, 2 * GR_GIB);
	assert_int_equal(make(w)->backing, GR_BACKING_THP);
	w->request.backing = GR_BACKING_DYNAMIC;
	expect_problem(make(w), "GR215", "no pools");
	done(w);
}

static void test_names(void **state)
{
	enum gr_backing backing;
	enum gr_goal goal;
	enum gr_node_policy policy;
	struct gr_error err;

	(void)state;
	for (int i = 0; i < GR_BACKING_COUNT; i++) {
		assert_int_equal(gr_backing_parse(gr_backing_name((enum gr_backing)i), &backing, NULL), 0);
		assert_int_equal(backing, i);
	}
	for (int i = 0; i < GR_GOAL_COUNT; i++) {
		assert_int_equal(gr_goal_parse(gr_goal_name((enum gr_goal)i), &goal, NULL), 0);
		assert_int_equal(goal, i);
	}
	for (int i = 0; i < GR_POLICY_COUNT; i++) {
		assert_int_equal(gr_node_policy_parse(gr_node_policy_name((enum gr_node_policy)i),
						      &policy, NULL), 0);
		assert_int_equal(policy, i);
	}
	assert_int_equal(gr_backing_parse("4K", &backing, NULL), 0);
	assert_int_equal(gr_backing_parse("huge", &backing, &err), -EINVAL);
	assert_string_equal(err.hint, "known: auto, 4k, thp, static, dynamic");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chooses_dynamic),
		cmocka_unit_test(test_needs_compaction),
		cmocka_unit_test(test_gigantic_choice),
		cmocka_unit_test(test_never_bets),
		cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_shared_thp),
		cmocka_unit_test(test_thp_off),
		cmocka_unit_test(test_static_short),
		cmocka_unit_test(test_c09_node_short),
		cmocka_unit_test(test_spreads_over_nodes),
		cmocka_unit_test(test_bad_nodes),
		cmocka_unit_test(test_c88_no_such_page_size),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_misaligned),
		cmocka_unit_test(test_c54_overcommit),
		cmocka_unit_test(test_cgroup_limit),
		cmocka_unit_test(test_full_host),
		cmocka_unit_test(test_pinned_gives_nothing_back),
		cmocka_unit_test(test_all_problems),
		cmocka_unit_test(test_contradiction),
		cmocka_unit_test(test_sizes_per_need),
		cmocka_unit_test(test_no_pools),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
