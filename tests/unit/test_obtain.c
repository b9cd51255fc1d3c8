// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The numbers below every plan: pages and page tables, how many pages the buddy lists promise, how
 * many there can be at most, and what must stay for the kernel.
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

/* 12GB are 5,723 pages and not 6,144; 16G are 8,192; two thirds of 4 GiB round up. */
static void test_arithmetic(void **state)
{
	static const struct {
		uint64_t bytes, page, base, pages, tables, waste;
	} rows[] = {
		{ 8 * GR_GIB, 4 * GR_KIB, 4 * GR_KIB, 2097152, 4096 + 8 + 1, 0 },
		{ 8 * GR_GIB, M2, 4 * GR_KIB, 4096, 8 + 1, 0 },
		{ 8 * GR_GIB, GR_GIB, 4 * GR_KIB, 8, 1, 0 },
		{ 16 * GR_GIB, M2, 4 * GR_KIB, 8192, 16 + 1, 0 },
		{ UINT64_C(12000000000), M2, 4 * GR_KIB, 5723, 12 + 1,
		  5723 * M2 - UINT64_C(12000000000) },
		{ UINT64_C(2863311530), M2, 4 * GR_KIB, 1366, 3 + 1,
		  1366 * M2 - UINT64_C(2863311530) },
		{ 3 * GR_MIB, M2, 4 * GR_KIB, 2, 1, GR_MIB },
		{ 8 * GR_GIB, KIB64, 4 * GR_KIB, 131072, 4096 + 8 + 1, 0 }, /* runs of PTEs */
		{ GR_GIB, 32 * GR_MIB, 4 * GR_KIB, 32, 1, 0 },              /* runs of PMDs */
		{ 8 * GR_GIB, KIB64, KIB64, 131072, 16 + 1, 0 },
		{ 8 * GR_GIB, 512 * GR_MIB, KIB64, 16, 1, 0 },
		{ 0, M2, 4 * GR_KIB, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		struct gr_need one = { .memory_bytes = rows[i].bytes };
		struct gr_request request = { .needs = &one, .need_count = 1 };
		struct gr_arithmetic got;

		gr_arithmetic(&request, rows[i].page, rows[i].base, &got);
		assert_int_equal(got.pages, rows[i].pages);
		assert_int_equal(got.page_table_bytes, rows[i].tables * rows[i].base);
		assert_int_equal(got.waste_bytes, rows[i].waste);
	}
}

static void test_arithmetic_rounds_each_need(void **state)
{
	struct gr_need two[] = { { .memory_bytes = 3 * GR_MIB }, { .memory_bytes = 3 * GR_MIB } };
	struct gr_request request = { .needs = two, .need_count = 2 };
	struct gr_arithmetic got;

	(void)state;
	gr_arithmetic(&request, M2, 4 * GR_KIB, &got);
	assert_int_equal(got.pages, 4);
	assert_int_equal(got.waste_bytes, 2 * GR_MIB);
	two[0].memory_bytes = two[1].memory_bytes = UINT64_MAX;
	gr_arithmetic(&request, 1, 4 * GR_KIB, &got);
	assert_int_equal(got.pages, UINT64_MAX);
	gr_arithmetic(&request, 0, 4 * GR_KIB, &got);
	assert_int_equal(got.pages, 0);
}

static void set_buddy(struct gr_zone *zone, const uint64_t *blocks, unsigned int orders)
{
	zone->orders = orders;
	zone->free_pages = 0;
	for (unsigned int k = 0; k < orders; k++) {
		zone->buddy[k] = blocks[k];
		zone->free_pages += blocks[k] << k;
	}
}

/* A host before and after a load: the lists tell, not the free memory. */
static void test_c37_buddy_lists(void **state)
{
	static const uint64_t before[] = { 70, 8400, 520, 120, 60, 250, 150, 30, 8, 5, 1960 };
	static const uint64_t after[] = { 77800, 36700, 120, 35, 2, 1, 0, 0, 0, 0, 0 };
	struct world *w = new_world(16 * GR_GIB, 10 * GR_GIB, 1);
	struct gr_obtainable got;

	(void)state;
	set_buddy(&w->zones[0], before, 11);
	gr_obtainable(&w->host, M2, -1, &w->floor, &got);
	assert_int_equal(got.now, 3925);
	assert_true(got.now_known);
	gr_obtainable(&w->host, M2, 0, &w->floor, &got);
	assert_int_equal(got.now, 3925);
	set_buddy(&w->zones[0], after, 11);
	gr_obtainable(&w->host, M2, -1, &w->floor, &got);
	assert_int_equal(got.now, 0);
	assert_true(got.by_ladder > 0);
	done(w);
}

/* The allocator stops at the watermark: the last blocks of a zone are not to be had. */
static void test_watermark(void **state)
{
	struct world *w = new_world(16 * GR_GIB, 10 * GR_GIB, 1);
	struct gr_obtainable got;

	(void)state;
	w->zones[0].buddy[10] = 100;
	w->zones[0].free_pages = 100 << 10;
	w->zones[0].min_pages = 10 << 10;
	w->zones[0].lowmem_reserve_pages = 5 << 10;
	gr_obtainable(&w->host, M2, -1, &w->floor, &got);
	assert_int_equal(got.now, 2 * 85);
	done(w);
}

/* arm64 with 64 KiB pages: 512 MiB is order 13, and buddyinfo has 14 columns. */
static void test_c41_other_architecture(void **state)
{
	struct world *w = new_world(64 * GR_GIB, 40 * GR_GIB, 1);
	struct gr_obtainable got;
	uint64_t lists[14] = { [13] = 3 };

	(void)state;
	w->host.base_page_bytes = KIB64;
	w->sizes[1] = 512 * GR_MIB;
	w->sizes[2] = 16 * GR_GIB;
	w->host.page_size_count = 3;
	w->host.thp.pmd_size_bytes = w->host.default_page_size_bytes = 512 * GR_MIB;
	set_memory(w, 64 * GR_GIB, 40 * GR_GIB);
	add_pools(w);
	set_buddy(&w->zones[0], lists, 14);
	w->zones[0].min_pages = 0;
	gr_obtainable(&w->host, 512 * GR_MIB, -1, &w->floor, &got);
	assert_int_equal(got.now, 3);
	assert_true(got.now_known);

	need(w, 8 * GR_GIB)->page_size_bytes = 512 * GR_MIB;
	w->request.backing = GR_BACKING_DYNAMIC;
	expect_reason(make(w), "3 of 16 pages of 512 MiB can be had at once");
	assert_int_equal(w->plan->backing, GR_BACKING_DYNAMIC);

	w->request.needs[0].page_size_bytes = GR_GIB;
	expect_problem(make(w), "GR202", "2 MiB, 512 MiB, 16 GiB");
	assert_true(w->plan->impossible);
	done(w);
}

/* Holes: 16 GB of RAM have 13 whole ranges of 1 GiB, two zones' remainders being lost. */
static void test_c33_gigantic_limit(void **state)
{
	struct world *w = new_world(UINT64_C(15900) * GR_MIB, UINT64_C(15600) * GR_MIB, 1);
	struct gr_obtainable got;

	(void)state;
	w->zones[0].managed_pages = UINT64_C(1900) * 256;
	strcpy(w->zones[0].name, "DMA32");
	w->zones[1] = w->zones[0];
	strcpy(w->zones[1].name, "Normal");
	w->zones[1].managed_pages = UINT64_C(13000) * 256;
	w->host.zone_count = 2;
	gr_obtainable(&w->host, GR_GIB, -1, &w->floor, &got);
	assert_int_equal(got.at_most, 13);
	assert_false(got.now_known);
	need(w, 14 * GR_GIB)->page_size_bytes = GR_GIB;
	w->request.backing = GR_BACKING_DYNAMIC;
	expect_problem(make(w), "GR214", "at most 13 can be had here: short by 1 (1 GiB)");
	assert_false(w->plan->impossible);
	w->request.needs[0].page_size_bytes = 0;
	make(w);
	assert_int_equal(w->plan->backing, GR_BACKING_DYNAMIC);
	assert_int_equal(w->plan->page_size_bytes, M2);
	done(w);
}

static void test_no_runtime_gigantic(void **state)
{
	struct gr_feature feature = { .name = "contig_alloc", .state = GR_FEATURE_NO };
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);
	struct gr_obtainable got;

	(void)state;
	w->host.features = &feature;
	w->host.feature_count = 1;
	gr_obtainable(&w->host, GR_GIB, -1, &w->floor, &got);
	assert_int_equal(got.at_most, 0);
	gr_obtainable(&w->host, M2, -1, &w->floor, &got);
	assert_true(got.now > 0);
	done(w);
}

/* Memory that is initialised lazily is on no list, free, and in one piece. */
static void test_unplaced(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 24 * GR_GIB, 1);
	struct gr_obtainable got;

	(void)state;
	memset(w->zones[0].buddy, 0, sizeof(w->zones[0].buddy));
	w->host.unplaced_free_bytes = 12 * GR_GIB;
	gr_obtainable(&w->host, M2, -1, &w->floor, &got);
	assert_int_equal(got.now, 6144);
	gr_obtainable(&w->host, M2, 0, &w->floor, &got);
	assert_int_equal(got.now, 6144);
	done(w);
}

static void test_floor(void **state)
{
	struct world *w = new_world(UINT64_C(24576) * GR_MIB, UINT64_C(23859) * GR_MIB, 1);
	struct gr_error err = { 0 };

	(void)state;
	assert_int_equal(gr_floor_bytes(&w->host, &w->floor), w->host.mem_total_bytes / 20);
	w->host.mem_total_bytes = 4 * GR_GIB;
	assert_int_equal(gr_floor_bytes(&w->host, NULL), 512 * GR_MIB);
	w->floor.keep_free_bytes = GR_GIB;
	assert_int_equal(gr_floor_bytes(&w->host, &w->floor), GR_GIB);

	set_memory(w, UINT64_C(24576) * GR_MIB, UINT64_C(23859) * GR_MIB);
	assert_int_equal(gr_floor_check(&w->host, &w->floor, -1, 22 * GR_GIB, &err), 0);
	assert_int_equal(gr_floor_check(&w->host, &w->floor, -1, 30 * GR_GIB, &err), -ENOMEM);
	assert_int_equal(err.class, GR_CLASS_HOST);
	assert_non_null(strstr(err.message, "taking 30 GiB would leave the host 0 B of 23.29 GiB "
					    "available, below the floor of 1 GiB: short by 7,885 MiB"));
	assert_non_null(strstr(err.hint, "22834M would fit"));
	assert_non_null(strstr(err.hint, "--keep-free"));
	assert_int_equal(gr_floor_check(&w->host, &w->floor, -1, UINT64_MAX, NULL), -ENOMEM);
	/* As it is: asked after something was taken. */
	assert_int_equal(gr_floor_check(&w->host, &w->floor, -1, 0, NULL), 0);
	w->host.mem_available_bytes = 768 * GR_MIB;
	assert_int_equal(gr_floor_check(&w->host, &w->floor, -1, 0, &err), -ENOMEM);
	assert_string_equal(err.message, "the host has 768 MiB available, below the floor of 1 GiB: "
					 "short by 256 MiB");
	done(w);
}

/* Free memory in ZONE_MOVABLE is no use to the kernel; huge pages come from there first. */
static void test_movable_zone(void **state)
{
	struct world *w = new_world(32 * GR_GIB, 20 * GR_GIB, 1);
	struct gr_error err = { 0 };

	(void)state;
	w->zones[1] = (struct gr_zone){ .name = "Movable",
					.orders = 11,
					.managed_pages = 16 * GR_GIB / 4096,
					.free_pages = 15 * GR_GIB / 4096 };
	w->host.zone_count = 2;
	w->floor.keep_free_bytes = 4 * GR_GIB;
	assert_int_equal(gr_floor_room(&w->host, &w->floor, M2, -1), 16 * GR_GIB);
	assert_int_equal(gr_floor_room(&w->host, &w->floor, GR_GIB, -1), GR_GIB);
	assert_int_equal(gr_floor_check(&w->host, &w->floor, -1, 16 * GR_GIB, &err), 0);
	assert_int_equal(gr_floor_check(&w->host, &w->floor, -1, 17 * GR_GIB, &err), -ENOMEM);
	assert_non_null(strstr(err.message, "3 GiB of 5 GiB available outside ZONE_MOVABLE"));
	/* Below the floor already: nothing may be taken, from the movable zone neither. */
	w->floor.keep_free_bytes = 6 * GR_GIB;
	assert_int_equal(gr_floor_check(&w->host, &w->floor, -1, M2, &err), -ENOMEM);
	/* What a device pins leaves ZONE_MOVABLE. */
	w->floor.keep_free_bytes = GR_GIB;
	need(w, 8 * GR_GIB);
	w->request.backing = GR_BACKING_DYNAMIC;
	assert_int_equal(make(w)->backing, GR_BACKING_DYNAMIC);
	w->request.passthrough = true;
	expect_problem(make(w), "GR209", "outside ZONE_MOVABLE");
	done(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_arithmetic_rounds_each_need),
		cmocka_unit_test(test_c37_buddy_lists),
		cmocka_unit_test(test_watermark),
		cmocka_unit_test(test_c41_other_architecture),
		cmocka_unit_test(test_c33_gigantic_limit),
		cmocka_unit_test(test_no_runtime_gigantic),
		cmocka_unit_test(test_unplaced),
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_movable_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
