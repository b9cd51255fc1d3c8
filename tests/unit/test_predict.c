// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The prediction of how many pages can be had, on surveys made by hand: what stays spoils its range,
 * the rest has to find room, and what may be lost makes room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/survey.h"
#include "lease/hope.h"
#include "plan/scope.h"
#include "plan_world.h"

#define P 512 /* base pages in 2 MiB */
#define P1G (512 * 512)

struct surveyed {
	struct world *w;
	struct gr_survey survey;
	struct gr_survey_zone zones[3];
	struct gr_survey_size sizes[3][2];
};

/* 32 GiB of which 24 are available, as a survey of 16,384 free ranges; no floor to speak of. */
static struct surveyed *new_survey(size_t nodes)
{
	struct surveyed *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->w = new_world(32 * GR_GIB, 31 * GR_GIB, nodes);
	s->w->floor.keep_free_bytes = GR_MIB;
	memset(s->w->zones[0].buddy, 0, sizeof(s->w->zones[0].buddy));
	s->survey = (struct gr_survey){
		.known = true, .step = 1, .zones = s->zones, .zone_count = nodes, .size_count = 2,
	};
	for (size_t z = 0; z < 3; z++) {
		struct gr_survey_zone *zone = &s->zones[z];
		uint64_t pages = 32 * GR_GIB / nodes / 4096;

		*zone = (struct gr_survey_zone){ .zone = z, .node = (unsigned int)z };
		zone->pages.free = pages;
		zone->sizes = s->sizes[z];
		zone->sizes[0] = (struct gr_survey_size){
			.page_size_bytes = M2, .known = true, .ranges = pages / P, .free = pages / P,
		};
		zone->sizes[1] = (struct gr_survey_size){
			.page_size_bytes = GR_GIB, .known = true, .ranges = pages / P1G,
			.free = pages / P1G,
		};
		s->w->zones[z].min_pages = 0;
	}
	s->w->host.survey = &s->survey;
	return s;
}

static void free_survey(struct surveyed *s)
{
	done(s->w);
	free(s);
}

/* Puts ranges of a zone into another class: all free ones for a start. */
static void make_movable(struct surveyed *s, size_t z, uint64_t ranges, uint64_t file,
			 uint64_t anon)
{
	struct gr_survey_zone *zone = &s->zones[z];

	zone->sizes[0].free -= ranges;
	zone->sizes[0].movable += ranges;
	zone->sizes[0].in_movable.file += file;
	zone->sizes[0].in_movable.anon += anon;
	zone->sizes[0].in_movable.free += ranges * P - file - anon;
	zone->pages.free -= file + anon;
	zone->pages.file += file;
	zone->pages.anon += anon;
}

static void make_kernel(struct surveyed *s, size_t z, uint64_t ranges, uint64_t kernel)
{
	struct gr_survey_zone *zone = &s->zones[z];

	zone->sizes[0].free -= ranges;
	zone->sizes[0].kernel += ranges;
	zone->sizes[0].in_kernel.kernel += kernel;
	zone->sizes[0].in_kernel.free += ranges * P - kernel;
	zone->pages.free -= kernel;
	zone->pages.kernel += kernel;
}

static struct gr_obtainable ask(struct surveyed *s, uint64_t size, int node,
				const struct gr_losses *losses)
{
	struct gr_obtainable got;

	gr_obtainable_within(&s->w->host, size, node, &s->w->floor, losses, &got);
	assert_true(got.now <= got.by_ladder);
	assert_true(got.by_ladder <= got.at_most);
	return got;
}

static const struct gr_losses nothing = { 0, 0 };

static void test_spoiled(void **state)
{
	struct surveyed *s = new_survey(1);
	struct gr_obtainable got;

	(void)state;
	make_kernel(s, 0, 6000, 6000);
	got = ask(s, M2, 0, NULL);
	assert_true(got.surveyed);
	assert_int_equal(got.by_ladder, 16384 - 6000);
	/* Kernel memory may go: only what is no memory at all is ruled out. */
	assert_in_range(got.at_most, 16383, 16384);
	s->sizes[0][0].kernel -= 1000;
	s->sizes[0][0].absent += 1000;
	assert_int_equal(ask(s, M2, -1, NULL).by_ladder, 16384 - 6000);
	assert_int_equal(ask(s, M2, -1, NULL).at_most, 15384);
	/* A sample proves nothing. */
	s->survey.step = 8;
	assert_in_range(ask(s, M2, -1, NULL).at_most, 16383, 16384);
	assert_int_equal(ask(s, M2, -1, NULL).by_ladder, 16384 - 6000);
	/* What the pools have already cannot be had once more. */
	s->survey.step = 1;
	s->sizes[0][0].free -= 3000;
	s->sizes[0][0].huge += 3000;
	s->sizes[0][0].in_huge.huge += 3000 * P;
	assert_int_equal(ask(s, M2, -1, NULL).at_most, 12384);
	assert_int_equal(ask(s, M2, -1, NULL).by_ladder, 16384 - 6000 - 3000);
	free_survey(s);
}

/* Half of memory is movable and half full: what is in k ranges needs k ranges' worth elsewhere. */
static void test_room(void **state)
{
	struct surveyed *s = new_survey(1);

	(void)state;
	make_movable(s, 0, 16384, 0, 8000 * P);
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 8384);
	s->w->zones[0].min_pages = 100 * P;
	s->w->zones[0].lowmem_reserve_pages = 50 * P;
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 8384 - 150);
	/* Room in spoiled ranges is room, too; but what is good behind the point where compaction is
	 * done stays full: 8384 ranges' worth of room for 8000 of content. */
	make_movable(s, 0, 0, 0, 0);
	s->sizes[0][0].movable -= 8000;
	s->sizes[0][0].kernel += 8000;
	s->zones[0].pages.free -= 8000;
	s->zones[0].pages.kernel += 8000;
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 4286);
	free_survey(s);
}

static void test_losses(void **state)
{
	struct surveyed *s = new_survey(1);
	struct gr_losses some = { .cache_bytes = 1000 * M2 };

	(void)state;
	make_movable(s, 0, 16384, 4000 * P, 10000 * P);
	s->w->host.swap_free_bytes = 300 * M2;
	assert_int_equal(ask(s, M2, 0, &nothing).by_ladder, 2384);
	assert_int_equal(ask(s, M2, 0, &some).by_ladder, 3384);
	some.swap_bytes = 100 * M2;
	assert_int_equal(ask(s, M2, 0, &some).by_ladder, 3484);
	some.swap_bytes = UINT64_MAX;
	assert_int_equal(ask(s, M2, 0, &some).by_ladder, 3684);
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 6684);
	/* Slab counts only as far as the kernel calls it reclaimable, and then by half. */
	s->zones[0].pages.free -= 384 * P;
	s->zones[0].pages.slab += 384 * P;
	assert_int_equal(ask(s, M2, 0, &nothing).by_ladder, 2000);
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 6300);
	s->w->nodes[0].slab_reclaimable_bytes = 200 * M2;
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 6400);
	free_survey(s);
}

/* The floor is a bound of its own; what is swapped out no longer counts against it. */
static void test_floor_bound(void **state)
{
	struct surveyed *s = new_survey(1);

	(void)state;
	s->w->host.mem_available_bytes = s->w->nodes[0].available_bytes_estimate = 10 * GR_GIB;
	s->w->floor.keep_free_bytes = 2 * GR_GIB;
	assert_int_equal(ask(s, M2, -1, NULL).by_ladder, 4096);
	make_movable(s, 0, 16384, 0, 11264 * P); /* 10 GiB free */
	s->w->host.swap_free_bytes = 64 * GR_GIB;
	assert_int_equal(ask(s, M2, -1, &nothing).by_ladder, 4096);
	assert_true(ask(s, M2, -1, NULL).by_ladder > 4096);
	assert_true(ask(s, M2, -1, NULL).by_ladder <= 15 * 1024);
	free_survey(s);
}

static void test_zones(void **state)
{
	struct surveyed *s = new_survey(2);

	(void)state;
	/* Node 0 is full of what cannot leave it, node 1 is spoiled by half. */
	make_movable(s, 0, 8192, 0, 7000 * P);
	make_kernel(s, 1, 4096, 4096);
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 1192);
	assert_int_equal(ask(s, M2, 1, NULL).by_ladder, 4096);
	assert_int_equal(ask(s, M2, -1, NULL).by_ladder, 1192 + 4096);
	/* What may be lost is lost once. */
	s->zones[0].pages.file += 500 * P;
	s->zones[0].pages.anon -= 500 * P;
	make_movable(s, 1, 4096, 3000 * P, 1000 * P);
	s->zones[1].pages.free -= 4000 * P;
	assert_int_equal(
		ask(s, M2, -1, &(const struct gr_losses){ .cache_bytes = 500 * M2 }).by_ladder,
		ask(s, M2, -1, &nothing).by_ladder + 500);
	/* A cpuset that forbids a node forbids its pages. */
	s->w->allowed[0] = 0;
	s->w->host.nodes_allowed = (struct gr_list){ .ids = s->w->allowed, .count = 1 };
	assert_int_equal(ask(s, M2, -1, &nothing).by_ladder, 1192);
	free_survey(s);
}

/* Not out of ZONE_MOVABLE, but into it; ranges that are free are known now. */
static void test_gigantic(void **state)
{
	struct surveyed *s = new_survey(2);
	struct gr_obtainable got;

	(void)state;
	s->zones[1].node = s->w->zones[1].node = 0;
	s->zones[1].movable = true;
	strcpy(s->w->zones[1].name, "Movable");
	s->w->host.node_count = 1;
	set_memory(s->w, 64 * GR_GIB, 63 * GR_GIB);
	s->w->host.zone_count = 2;
	s->w->zones[1] = s->w->zones[0];
	s->w->zones[0].min_pages = s->w->zones[1].min_pages = 0;
	s->w->zones[1].managed_pages = s->w->zones[1].free_pages = 0;
	strcpy(s->w->zones[1].name, "Movable");
	s->sizes[0][1] = (struct gr_survey_size){
		.page_size_bytes = GR_GIB, .known = true, .ranges = 16, .free = 2, .movable = 5,
		.slab = 4, .kernel = 4, .absent = 1,
	};
	got = ask(s, GR_GIB, 0, NULL);
	assert_true(got.surveyed);
	assert_true(got.now_known);
	assert_int_equal(got.now, 2);
	assert_int_equal(got.by_ladder, 7);
	assert_int_equal(got.at_most, 15);
	/* The content of the five fills the room of the zone and of the other one. */
	s->zones[0].pages.free = 3 * P1G;
	assert_int_equal(ask(s, GR_GIB, 0, NULL).by_ladder, 7);
	s->zones[1].pages.free = 2 * P1G;
	assert_int_equal(ask(s, GR_GIB, 0, NULL).by_ladder, 5);
	/* Half of the slab that is reclaimable goes, and what stays spoils a range each. */
	s->sizes[0][1].in_slab.slab = 4;
	s->zones[1].pages.free = 16 * P1G;
	s->w->nodes[0].slab_reclaimable_bytes = GR_GIB;
	assert_int_equal(ask(s, GR_GIB, 0, NULL).by_ladder, 7 + 2);
	s->sizes[0][1].in_slab.slab = 1000;
	assert_int_equal(ask(s, GR_GIB, 0, NULL).by_ladder, 7);
	/* A sample without whole ranges leaves the estimate. */
	s->sizes[0][1].known = false;
	got = ask(s, GR_GIB, 0, NULL);
	assert_false(got.surveyed);
	assert_false(got.now_known);
	assert_true(got.by_ladder > 13);
	/* Unless even the sample shows that some are spoiled: 16 in this zone. */
	s->w->zones[0].managed_pages = 16 * P1G;
	s->sizes[0][1].spoiled = 13;
	assert_int_equal(ask(s, GR_GIB, 0, NULL).by_ladder, 3);
	free_survey(s);
}

/* Free pages in the CPUs' lists look like kernel pages. Of the ranges with such pages as large a part
 * comes free as theirs is of all; but what holds page tables does not. */
static void test_percpu(void **state)
{
	struct surveyed *s = new_survey(1);

	(void)state;
	make_kernel(s, 0, 2000, 30 * P);
	s->sizes[0][0].unflagged = 2000;
	s->sizes[0][0].unflagged_pages = 30 * P;
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 16384 - 2000);
	s->w->zones[0].percpu_pages = 10 * P;
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 16384 - 2000 + 666);
	s->sizes[0][0].unflagged = 600; /* the others hold page tables */
	s->sizes[0][0].unflagged_pages = 20 * P;
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 16384 - 2000 + 300);
	s->w->zones[0].percpu_pages = 40 * P;
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 16384 - 1400);
	s->sizes[0][0].unflagged_pages = 60;
	s->w->zones[0].percpu_pages = 50; /* no more ranges than pages */
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 16384 - 2000 + 50);
	free_survey(s);
}

/* Compaction moves nothing into blocks that are set aside for kernel memory. */
static void test_set_aside(void **state)
{
	struct surveyed *s = new_survey(1);

	(void)state;
	make_movable(s, 0, 8000, 1000 * P, 2000 * P);
	make_kernel(s, 0, 8384, 84 * P);
	/* The 8,000 ranges can be emptied into the others: room 13,300, content 3,000 ... */
	assert_int_equal(ask(s, M2, 0, &nothing).by_ladder, 6527);
	/* ... but not if these are all set aside: 3,000 ranges' worth stay where they are, ... */
	s->w->zones[0].unmovable_pages = (struct gr_figure){ true, 9000 * P };
	assert_int_equal(ask(s, M2, 0, &nothing).by_ladder, 5000);
	/* ... but for what may be given up; ... */
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 6000);
	/* ... and if half of them are, the other half has room. */
	s->w->zones[0].unmovable_pages.value = 4192 * P;
	assert_int_equal(ask(s, M2, 0, &nothing).by_ladder, 6024);
	s->w->zones[0].unmovable_pages.value = 8284 * P;
	assert_int_equal(ask(s, M2, 0, &nothing).by_ladder, 5036);
	/* The watermark is kept by what lies free there. */
	s->w->zones[0].min_pages = 500 * P;
	assert_int_equal(ask(s, M2, 0, &nothing).by_ladder, 5036);
	free_survey(s);
}

/* Unused dentries say how much of the slab goes. */
static void test_dentries(void **state)
{
	struct surveyed *s = new_survey(1);

	(void)state;
	make_kernel(s, 0, 1000, 1000);
	s->sizes[0][0].free -= 1000;
	s->sizes[0][0].slab = 1000;
	s->sizes[0][0].in_slab = (struct gr_page_kinds){ .slab = 20000, .free = 1000 * P - 20000 };
	s->zones[0].pages.free -= 20000;
	s->zones[0].pages.slab = 20000;
	s->w->nodes[0].slab_reclaimable_bytes = 20000 * 4096;
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 14384 + 500);
	s->w->host.dentries = (struct gr_figure){ true, 400000 };
	s->w->host.dentries_unused = 300000;
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 14384 + 750);
	s->w->host.dentries_unused = 500000; /* read while it changed */
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 15384);
	/* Too few to be what fills the slab: 1,000 of 20,000 pages. */
	s->w->host.dentries = (struct gr_figure){ true, 4000 };
	s->w->host.dentries_unused = 4000;
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 14384 + 50);
	s->w->host.dentries.value = 0;
	assert_int_equal(ask(s, M2, 0, NULL).by_ladder, 14384 + 500);
	free_survey(s);
}

/* Gigantic pages come of ranges that nothing spoils, and not out of ZONE_MOVABLE. */
static void test_hope(void **state)
{
	struct surveyed *s = new_survey(2);

	(void)state;
	s->sizes[0][1].free = 2;
	s->sizes[0][1].movable = 3;
	s->sizes[1][1].free = s->sizes[1][1].movable = 0;
	s->sizes[1][1].slab = s->sizes[1][1].kernel = 8;
	assert_int_equal(gr_hope_in(&s->survey, 0, GR_GIB), 5);
	assert_int_equal(gr_hope_in(&s->survey, 1, GR_GIB), 0);
	assert_int_equal(gr_hope_in(&s->survey, -1, GR_GIB), 5);
	s->zones[0].movable = true;
	assert_int_equal(gr_hope_in(&s->survey, -1, GR_GIB), 0);
	s->sizes[1][1].known = false;
	assert_true(gr_hope_in(&s->survey, -1, GR_GIB) == UINT64_MAX);
	s->survey.known = false;
	assert_true(gr_hope_in(&s->survey, 0, GR_GIB) == UINT64_MAX);
	free_survey(s);
}

static void test_without(void **state)
{
	struct surveyed *s = new_survey(1);
	struct gr_obtainable with, without;

	(void)state;
	s->survey.known = false;
	with = ask(s, M2, 0, NULL);
	s->w->host.survey = NULL;
	without = ask(s, M2, 0, NULL);
	assert_false(with.surveyed);
	assert_int_equal(with.by_ladder, without.by_ladder);
	assert_int_equal(without.by_ladder, (31 * GR_GIB - GR_MIB) / M2);
	free_survey(s);
}

/* Buddy lists are read after the survey: what they show is there. */
static void test_newer_lists(void **state)
{
	struct surveyed *s = new_survey(1);
	struct gr_obtainable got;

	(void)state;
	make_kernel(s, 0, 16384, 16384);
	s->w->zones[0].buddy[10] = 50;
	got = ask(s, M2, 0, NULL);
	assert_int_equal(got.now, 100);
	assert_int_equal(got.by_ladder, 100);
	free_survey(s);
}

static uint64_t below(uint64_t n)
{
	return (uint64_t)random() % n;
}

/* More free memory, more that may be lost: never fewer pages. ask() checks the order of the three. */
static void test_random(void **state)
{
	(void)state;
	srandom(23);
	for (int i = 0; i < 3000; i++) {
		struct surveyed *s = new_survey(1 + below(2));
		struct gr_losses losses = { below(8 * GR_GIB), below(8 * GR_GIB) };
		int node = (int)below(3) - 1;
		uint64_t before, size = below(3) ? M2 : GR_GIB;

		s->w->floor.keep_free_bytes = below(4) ? GR_MIB : below(8 * GR_GIB);
		s->w->host.swap_free_bytes = below(4 * GR_GIB);
		s->survey.step = 1 + below(2);
		for (size_t z = 0; z < s->survey.zone_count; z++) {
			uint64_t kernel = below(4000), movable = below(4000);
			uint64_t file = below(movable * P / 2 + 1);

			make_kernel(s, z, kernel, kernel * (1 + below(300)));
			make_movable(s, z, movable, file, below(movable * P / 2 + 1));
			s->w->zones[z].percpu_pages = below(20000);
			s->w->zones[z].min_pages = below(20000);
			s->sizes[z][1].free = below(4);
			s->sizes[z][1].movable = below(8);
			s->sizes[z][1].known = below(4) > 0;
		}
		before = ask(s, size, node, &losses).by_ladder;
		assert_true(ask(s, size, node, &nothing).by_ladder <= before);
		assert_true(ask(s, size, node, NULL).by_ladder >= before);
		losses.cache_bytes += GR_GIB;
		assert_true(ask(s, size, node, &losses).by_ladder >= before);
		losses.cache_bytes -= GR_GIB;
		s->zones[0].pages.free += below(100000);
		assert_true(ask(s, size, node, &losses).by_ladder >= before);
		free_survey(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spoiled),	 cmocka_unit_test(test_room),
		cmocka_unit_test(test_losses),	 cmocka_unit_test(test_floor_bound),
		cmocka_unit_test(test_zones),	 cmocka_unit_test(test_gigantic),
		cmocka_unit_test(test_percpu),	 cmocka_unit_test(test_without),
		cmocka_unit_test(test_set_aside), cmocka_unit_test(test_dentries), cmocka_unit_test(test_hope),
		cmocka_unit_test(test_newer_lists), cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
