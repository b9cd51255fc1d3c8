// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which ranges are worth emptying, and whether there is room for what is in them: pure decisions on
 * a survey and an inventory made by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include <stdlib.h>

#include "base/size.h"
#include "base/util.h"
#include "lease/evacuate.h"

#define RANGE(n, ...) { .start_pfn = (n) * 8192, .node = 1, .pages = { __VA_ARGS__ } }

static size_t choose(const struct gr_survey_range *ranges, size_t count, uint64_t block_pages,
		     uint64_t top_block, struct gr_unit **ret)
{
	const struct gr_survey survey = { .known = true, .step = 1, .range_count = count,
					  .ranges = (struct gr_survey_range *)ranges };
	const struct gr_unit_shape shape = { .range_pages = 8192, .block_pages = block_pages,
					     .top_block = top_block };
	size_t found;

	assert_int_equal(gr_units_choose(&survey, 1, &shape, ret, &found), 0);
	return found;
}

static void choice(void **state)
{
	static const struct gr_survey_range ranges[] = {
		RANGE(0, .free = 24, .anon = 1000),
		RANGE(1, .free = 1020, .kernel = 4),
		RANGE(2, .free = 424, .dirty = 600),
		RANGE(3, .free = 1023, .huge = 1),
		RANGE(4, .free = 1023, .tables = 1),
		RANGE(5, .free = 1023, .slab = 1),
		RANGE(6, .free = 1023, .absent = 1),
		RANGE(7, .free = 724, .kernel = 4097),
		{ .start_pfn = 8 * 8192, .node = 0, .pages = { .free = 1024 } },
		RANGE(9, .free = 1000, .file = 24),
		{ .start_pfn = 10 * 8192, .node = 1, .movable_zone = true,
		  .pages = { .anon = 999, .kernel = 5000 } },
		RANGE(11, .free = 1024),
	};
	struct gr_unit *units = NULL;
	size_t count = choose(ranges, GR_ARRAY_SIZE(ranges), 1024, 95, &units);

	/* Those that may refuse come last, dirty pages count twice, the top block is out. */
	assert_int_equal(count, 5);
	assert_int_equal(units[0].first_block, 9 * 8);
	assert_int_equal(units[0].blocks, 8);
	assert_int_equal(units[1].first_block, 10 * 8);
	assert_int_equal(units[2].first_block, 0);
	assert_int_equal(units[3].first_block, 2 * 8);
	assert_int_equal(units[4].first_block, 1 * 8);
	free(units);
	/* Blocks of two pages: whole ones only. */
	count = choose(ranges, GR_ARRAY_SIZE(ranges), 16384, 9, &units);
	assert_int_equal(count, 2);
	assert_int_equal(units[0].first_block, 5);
	assert_true(units[0].movable_zone);
	assert_int_equal(units[1].first_block, 0);
	assert_int_equal(units[1].blocks, 1);
	assert_int_equal(units[1].pages, 16384);
	assert_int_equal(units[1].kinds.free, 1044);
	free(units);
	assert_int_equal(choose(NULL, 0, 1024, 87, &units), 0);
	free(units);
}

static void room(void **state)
{
	struct gr_zone zones[] = { { .node = 0, .free_pages = 500, .high_pages = 100 },
				   { .node = 1, .free_pages = 1200, .high_pages = 100,
				     .lowmem_reserve_pages = 100 } };
	struct gr_node nodes[] = { { .id = 0, .total_bytes = GR_MIB }, { .id = 1 } };
	struct gr_host host = { .zones = zones, .zone_count = 2, .nodes = nodes, .node_count = 2 };
	struct gr_unit unit = { .kinds = { .free = 300, .anon = 1100 } };

	/* One node with memory: what is free elsewhere. */
	assert_false(gr_moves_to_other_nodes(&host));
	assert_true(gr_unit_has_room(&host, 0, &unit));
	unit.kinds.anon++;
	assert_false(gr_unit_has_room(&host, 0, &unit));
	/* Two: only the other one. */
	nodes[1].total_bytes = GR_MIB;
	assert_true(gr_moves_to_other_nodes(&host));
	unit.kinds.anon = 1000;
	assert_true(gr_unit_has_room(&host, 0, &unit));
	unit.kinds.file++;
	assert_false(gr_unit_has_room(&host, 0, &unit));
	assert_false(gr_unit_has_room(&host, 1, &unit));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choice),
		cmocka_unit_test(room),
	};

	return cmocka_run_group_tests_name("choice of ranges", tests, NULL, NULL);
}
