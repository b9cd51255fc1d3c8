// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The rung that empties ranges: which it chooses, what it leaves alone, and what it puts back. The
 * host has one node and pages of 8 MiB, larger than its buddy lists hold, in blocks of 1 MiB: four
 * ranges of the kernel's own zone, all spoiled, then eleven of ZONE_MOVABLE, of which the first
 * four are fit at the start and the last has the top block.
 */
#include "block_world.h"

#include "base/size.h"
#include "lease/evacuate.h"

#define PAGE (UINT64_C(8) << 20)
#define PAGES UINT64_C(2048) /* in a range */
#define BLOCK_PAGES UINT64_C(256)
#define FIRST_PFN UINT64_C(65536)
#define MOVABLE_PFN (FIRST_PFN + 4 * PAGES)
#define RANGES 11
#define END_PFN (MOVABLE_PFN + RANGES * PAGES)
#define FIRST_BLOCK (FIRST_PFN / BLOCK_PAGES)

#define FREE (UINT64_C(1) << 10)
#define ANON (UINT64_C(1) << 5 | 1 << 12 | 1 << 14)
#define SLAB (UINT64_C(1) << 7)
#define HUGE (UINT64_C(1) << 15 | 1 << 17)
#define TABLE (UINT64_C(1) << 26)

/* --- the pool: a write gets pages unless it is told to miss --- */

static unsigned int misses, writes;

int __wrap_gr_pool_grow(const struct gr_root *root, uint64_t page_size_bytes, int node,
			uint64_t pages, struct gr_pool_change *ret, struct gr_error *err);

int __wrap_gr_pool_grow(const struct gr_root *root, uint64_t page_size_bytes, int node,
			uint64_t pages, struct gr_pool_change *ret, struct gr_error *err)
{
	writes++;
	*ret = (struct gr_pool_change){ .got = misses ? 0 : pages };
	misses -= misses != 0;
	return 0;
}

/* --- the host --- */

static void set_flags(uint64_t pfn, uint64_t count, uint64_t flags)
{
	char full[512];
	FILE *f;

	temp_root_path(the_model->dir, "proc/kpageflags", full, sizeof(full));
	f = fopen(full, "r+");
	if (!f)
		f = fopen(full, "w");
	assert_non_null(f);
	fseek(f, (long)(pfn * 8), SEEK_SET);
	for (uint64_t i = 0; i < count; i++)
		assert_int_equal(fwrite(&flags, 8, 1, f), 1);
	fclose(f);
}

/* Half of the n-th range of ZONE_MOVABLE (or less) is in use. */
static void use_range(unsigned int n, uint64_t pages)
{
	set_flags(MOVABLE_PFN + n * PAGES, pages, ANON);
}

static void put_zone(FILE *f, const char *name, uint64_t start, uint64_t pages, uint64_t free_pages)
{
	fprintf(f, "Node 0, zone %s\n  pages free     %llu\n        min      0\n        low      0\n"
		"        high     16\n        spanned  %llu\n        present  %llu\n"
		"        managed  %llu\n        protection: (0, 0, 0, 0, 0)\n  start_pfn:           %llu\n",
		name, (unsigned long long)free_pages, (unsigned long long)pages,
		(unsigned long long)pages, (unsigned long long)pages, (unsigned long long)start);
}

static void put_zones(uint64_t free_normal, uint64_t free_movable)
{
	char full[512];
	FILE *f;

	temp_root_path(the_model->dir, "proc/zoneinfo", full, sizeof(full));
	f = fopen(full, "w");
	assert_non_null(f);
	put_zone(f, "Normal", FIRST_PFN, 4 * PAGES, free_normal);
	put_zone(f, "Movable", MOVABLE_PFN, RANGES * PAGES, free_movable);
	fclose(f);
}

static void put_pool(const char *dir, const char *size)
{
	static const char *const files[] = { "nr_hugepages", "free_hugepages", "surplus_hugepages",
					     "resv_hugepages", "nr_overcommit_hugepages" };
	char path[192];

	for (size_t i = 0; i < GR_ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", dir, size, files[i]);
		temp_root_put(the_model->dir, path, "0\n");
	}
}

struct scene {
	struct gr_ledger *ledger;
	struct gr_lease *lease;
	struct gr_lease_grant *grant;
	struct gr_reserve_options options;
	struct gr_reserve_report report;
	struct gr_climb climb;
	struct gr_look look;
	struct gr_error err;
};

static void build(struct scene *s)
{
	static const char *const pools[] = { "sys/kernel/mm/hugepages",
					     "sys/devices/system/node/node0/hugepages" };

	temp_root_put(the_model->dir, "proc/meminfo", "MemTotal: 131072 kB\nMemFree: 120000 kB\n"
		      "MemAvailable: 120000 kB\nHugepagesize: 2048 kB\n");
	temp_root_put(the_model->dir, "sys/devices/system/node/node0/meminfo",
		      "Node 0 MemTotal: 131072 kB\nNode 0 MemFree: 120000 kB\n");
	temp_root_put(the_model->dir, "proc/buddyinfo",
		      "Node 0, zone Normal 0 0 0 0 0 0 0 0 0 0 1\n"
		      "Node 0, zone Movable 0 0 0 0 0 0 0 0 0 0 1\n");
	put_zones(4 * PAGES - 100, RANGES * PAGES - 100);
	temp_root_put(the_model->dir, MEMORY "/block_size_bytes", "100000\n");
	for (uint64_t i = FIRST_BLOCK; i < END_PFN / BLOCK_PAGES; i++)
		add_block(i, "online\n", i * BLOCK_PAGES < MOVABLE_PFN ? "Normal\n" : "Movable\n");
	for (size_t i = 0; i < GR_ARRAY_SIZE(pools); i++) {
		put_pool(pools[i], "hugepages-2048kB");
		put_pool(pools[i], "hugepages-8192kB");
	}
	set_flags(0, END_PFN, FREE);
	for (unsigned int i = 0; i < 4; i++)
		set_flags(FIRST_PFN + i * PAGES + 7, 1, TABLE);
	for (unsigned int i = 4; i < RANGES - 1; i++)
		set_flags(MOVABLE_PFN + i * PAGES + 7, 1, TABLE);

	misses = writes = 0;
	*s = (struct scene){ .options.floor.keep_free_bytes = GR_MIB };
	s->ledger = ledger_open();
	s->lease = calloc(1, sizeof(*s->lease));
	strcpy(s->lease->name, "vm");
	s->grant = gr_lease_grant_at(s->lease, 0, PAGE);
	s->climb = (struct gr_climb){ .ledger = s->ledger, .lease = s->lease,
				      .options = &s->options, .report = &s->report };
	gr_climb_start(&s->climb);
}

static int evacuate(struct scene *s, uint64_t pages)
{
	int r;

	gr_reserve_report_done(&s->report);
	assert_int_equal(gr_grow(&s->report.rungs, 0, sizeof(*s->report.rungs)), 0);
	s->report.count = 1;
	s->look = (struct gr_look){ .node = 0, .page_size_bytes = PAGE, .short_pages = pages,
				    .gigantic = true };
	assert_int_equal(gr_host_read(the_model->dir->root, GR_READ_POOLS, &s->look.host, NULL), 0);
	assert_true(gr_worth_evacuating(&s->climb, &s->look) == !s->ledger->keep_blocks);
	the_model->events = 0;
	r = gr_evacuate(&s->climb, s->grant, &s->look, &s->report.rungs[0], &s->err);
	gr_host_free(s->look.host);
	return r;
}

static void end(struct scene *s)
{
	gr_reserve_report_done(&s->report);
	gr_lease_free(s->lease);
	gr_ledger_close(s->ledger);
}

static void assert_note(const struct scene *s, const char *part)
{
	assert_non_null(s->report.rungs[0].note);
	if (!strstr(s->report.rungs[0].note, part))
		fail_msg("'%s' is not in '%s'", part, s->report.rungs[0].note);
}

/* Is the n-th range of ZONE_MOVABLE there now? */
static void assert_lent(unsigned int n, bool lent)
{
	for (uint64_t i = 0; i < PAGES / BLOCK_PAGES; i++) {
		uint64_t block = (MOVABLE_PFN + n * PAGES) / BLOCK_PAGES + i;

		assert_int_equal(gr_block_state(the_model->dir->root, block), GR_BLOCK_ONLINE);
		assert_int_equal(gr_block_movable(the_model->dir->root, block), !lent);
	}
}

static void the_cheapest_first(void **state)
{
	uint64_t blocks;
	struct scene s;

	build(&s);
	use_range(0, PAGES / 2);
	use_range(1, PAGES / 4);
	use_range(2, PAGES / 2);
	set_flags(MOVABLE_PFN + 3 * PAGES, 1, SLAB);
	assert_int_equal(evacuate(&s, 1), 0);
	assert_int_equal(s.grant->pages, 1);
	assert_int_equal(s.lease->state, GR_LEASE_RESERVING);
	assert_lent(0, false);
	assert_lent(1, true);
	assert_int_equal(the_model->events, 16);
	assert_note(&s, "offline for a moment: 8; ranges taken: 1, refused: 0, filled again: 0");
	assert_note(&s, "lent by ZONE_MOVABLE: 8");
	set_flags(MOVABLE_PFN + PAGES, PAGES, HUGE);
	/* All that there is: not the range of the top block, none of the spoiled ones. */
	assert_int_equal(evacuate(&s, 9), 0);
	assert_int_equal(s.grant->pages, 3);
	assert_lent(0, true);
	assert_lent(2, true);
	assert_lent(3, false);
	assert_lent(RANGES - 1, false);
	/* As long as the pages are there the blocks stay. */
	assert_int_equal(gr_blocks_recover(s.ledger, &blocks, NULL), 0);
	assert_int_equal(blocks, 16);
	assert_lent(0, false);
	assert_lent(1, true);
	assert_lent(2, false);
	end(&s);
}

static void what_is_left_alone(void **state)
{
	struct scene s;

	build(&s);
	set_flags(MOVABLE_PFN + 5, 1, HUGE);
	set_flags(MOVABLE_PFN + PAGES + 5, 1, SLAB);
	use_range(2, PAGES / 2);
	set_flags(MOVABLE_PFN + 3 * PAGES + 5, 1, TABLE);
	put_zones(PAGES / 4, PAGES / 2); /* its own free half is no room */
	assert_int_equal(evacuate(&s, 1), 0);
	assert_int_equal(the_model->events, 0);
	assert_note(&s, "no room elsewhere");
	put_zones(PAGES, PAGES);
	s.options.floor.keep_free_bytes = 117 * GR_MIB;
	assert_int_equal(evacuate(&s, 1), 0);
	assert_int_equal(the_model->events, 0);
	temp_root_put(the_model->dir, "proc/kpageflags", "");
	assert_int_equal(evacuate(&s, 1), 0);
	assert_note(&s, "cannot be seen");
	gr_ledger_keep_blocks(s.ledger);
	assert_int_equal(evacuate(&s, 1), 0);
	assert_int_equal(the_model->events, 0);
	assert_int_equal(writes, 0);
	end(&s);
}

static void one_that_refuses_ends_its_range(void **state)
{
	struct scene s;

	build(&s);
	use_range(1, PAGES / 2);
	use_range(2, PAGES / 2 + 1);
	set_flags(MOVABLE_PFN + 5, 1, TABLE);
	set_flags(MOVABLE_PFN + 3 * PAGES, 1, TABLE);
	the_model->refused = (MOVABLE_PFN + PAGES) / BLOCK_PAGES + 5;
	assert_int_equal(evacuate(&s, 1), 0);
	assert_int_equal(s.grant->pages, 1);
	assert_int_equal(the_model->events, 5 * 2 + 16);
	assert_lent(1, false);
	assert_lent(2, true);
	assert_note(&s, "offline for a moment: 13; ranges taken: 1, refused: 1");
	/* What may refuse is asked first. */
	set_flags(MOVABLE_PFN + 2 * PAGES, PAGES, HUGE);
	set_flags(MOVABLE_PFN + PAGES + 5 * BLOCK_PAGES, 3, 0);
	assert_int_equal(evacuate(&s, 1), 0);
	assert_int_equal(the_model->events, 0);
	assert_note(&s, "offline for a moment: 0; ranges taken: 0, refused: 1");
	end(&s);
}

static void huge_page_in_third(struct block_model *model, uint64_t block)
{
	set_flags(MOVABLE_PFN + 2 * BLOCK_PAGES + 9, 1, HUGE);
}

static void slab_in_next_range(struct block_model *model, uint64_t block)
{
	set_flags(MOVABLE_PFN + 2 * PAGES - 9, 1, SLAB);
}

static void somebody_is_faster(void **state)
{
	struct scene s;

	build(&s);
	use_range(1, PAGES / 2);
	use_range(2, PAGES);
	use_range(3, PAGES);
	/* A pool grows into the range while its first block goes. */
	the_model->at_offline = huge_page_in_third;
	assert_int_equal(evacuate(&s, 1), 0);
	assert_lent(0, false);
	assert_lent(1, true);
	assert_int_equal(the_model->events, 2 * 2 + 16);
	the_model->at_offline = NULL;
	end(&s);

	/* The next range is spoiled while one is emptied: it is not even begun. */
	build(&s);
	use_range(1, 1);
	use_range(2, 2);
	use_range(3, 3);
	the_model->at_online = slab_in_next_range;
	assert_int_equal(evacuate(&s, 2), 0);
	assert_int_equal(the_model->events, 2 * 16);
	assert_lent(0, true);
	assert_lent(1, false);
	assert_lent(2, true);
	the_model->at_online = NULL;
	end(&s);

	/* What came back is full again, each time: nothing stays lent. */
	build(&s);
	misses = 9;
	assert_int_equal(evacuate(&s, 5), 0);
	assert_int_equal(writes, 3);
	assert_int_equal(s.grant->pages, 0);
	for (unsigned int i = 0; i < RANGES; i++)
		assert_lent(i, false);
	assert_note(&s, "ranges taken: 0, refused: 0, filled again: 3");
	end(&s);
}

static void what_does_not_come_back_is_said(void **state)
{
	uint64_t blocks;
	struct scene s;

	build(&s);
	the_model->stuck = MOVABLE_PFN / BLOCK_PAGES + 2;
	assert_int_equal(evacuate(&s, 1), -EIO);
	assert_int_equal(s.err.class, GR_CLASS_STRANDED);
	assert_int_equal(writes, 0);
	the_model->stuck = 0;
	assert_int_equal(gr_blocks_recover(s.ledger, &blocks, NULL), 0);
	assert_lent(0, false);
	assert_false(any_note(s.ledger));
	end(&s);
}

/* Each event costs others something: there is an end to trying, and to succeeding. */
static void no_more_than_so_many(void **state)
{
	struct scene s;

	build(&s);
	for (unsigned int i = 4; i < RANGES; i++)
		set_flags(MOVABLE_PFN + i * PAGES, PAGES, FREE);
	the_model->all_refused = true;
	assert_int_equal(evacuate(&s, 20), 0);
	assert_note(&s, "offline for a moment: 0; ranges taken: 0, refused: 8,");
	the_model->all_refused = false;
	/* A thousand blocks for one page. */
	temp_root_put(the_model->dir, MEMORY "/block_size_bytes", "2000\n");
	temp_root_put(the_model->dir, "sys/devices/system/node/node0/memory999999", "");
	assert_int_equal(evacuate(&s, 1), 0);
	assert_int_equal(the_model->events, 0);
	assert_note(&s, "no range");
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BLOCK_WORLD(the_cheapest_first),
		IN_BLOCK_WORLD(what_is_left_alone),
		IN_BLOCK_WORLD(one_that_refuses_ends_its_range),
		IN_BLOCK_WORLD(somebody_is_faster),
		IN_BLOCK_WORLD(no_more_than_so_many),
		IN_BLOCK_WORLD(what_does_not_come_back_is_said),
	};

	return cmocka_run_group_tests_name("evacuation", tests, NULL, NULL);
}
