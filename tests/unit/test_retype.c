// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * When blocks marked for unmovable memory are worth retyping, and how much memory is filled for it: never
 * what others need. Filling and compacting are stood in for.
 */
#include "temp_root.h"

#include "base/size.h"
#include "base/util.h"
#include "lease/bound.h"
#include "lease/retype.h"

#define M2 (UINT64_C(2) << 20)
#define GIB_PAGES (1 << 18)

static uint64_t filled, compacted;
static int filled_node;
static void (*while_filling)(void);

void __wrap_gr_bound_fill(const struct gr_root *root, int node, uint64_t bytes,
			  bool (*go_on)(void *data), void *data);
int __wrap_gr_rung_compact(struct gr_climb *climb, struct gr_lease_grant *grant,
			   const struct gr_look *look, struct gr_rung *rung, struct gr_error *err);

void __wrap_gr_bound_fill(const struct gr_root *root, int node, uint64_t bytes,
			  bool (*go_on)(void *data), void *data)
{
	filled_node = node;
	for (filled = 0; filled < bytes && go_on(data); filled += 64 << 20)
		while_filling();
	filled = gr_min_u64(filled, bytes);
}

int __wrap_gr_rung_compact(struct gr_climb *climb, struct gr_lease_grant *grant,
			   const struct gr_look *look, struct gr_rung *rung, struct gr_error *err)
{
	compacted++;
	return 0;
}

static struct temp_root *dir;

static void put_free(uint64_t kib)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "MemTotal: 8388608 kB\nMemFree: %llu kB\nMemAvailable: %llu kB\nBuffers: 0 kB\n"
		 "Cached: 0 kB\nSwapFree: 0 kB\nShmem: 0 kB\nHugepagesize: 2048 kB\n",
		 (unsigned long long)kib, (unsigned long long)kib);
	temp_root_put(dir, "proc/meminfo", text);
	snprintf(text, sizeof(text), "Node 0 MemTotal: 8388608 kB\nNode 0 MemFree: %llu kB\n",
		 (unsigned long long)kib);
	temp_root_put(dir, "sys/devices/system/node/node0/meminfo", text);
}

static void put_blocks(unsigned int unmovable, unsigned int movable)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "Page block order: 9\nPages per block:  512\n\nFree pages count per migrate type\n\n"
		 "Number of blocks type     Unmovable      Movable  Reclaimable\n"
		 "Node 0, zone   Normal         %u         %u           4\n",
		 unmovable, movable);
	temp_root_put(dir, "proc/pagetypeinfo", text);
}

/* 8 GiB in one zone, 4 of them free; 4,096 blocks. */
static void put_host(void)
{
	temp_root_put(dir, "proc/zoneinfo",
		      "Node 0, zone   Normal\n  pages free     1048576\n        min      1000\n"
		      "        low      2000\n        high     3000\n        spanned  2097152\n"
		      "        present  2097152\n        managed  2097152\n        protection: (0, 0)\n"
		      "  start_pfn:           0\n");
	temp_root_put(dir, "proc/buddyinfo",
		      "Node 0, zone   Normal 1048576 0 0 0 0 0 0 0 0 0 0\n");
	temp_root_put(dir, "sys/devices/system/node/online", "0\n");
	temp_root_put(dir, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
	put_free(4194304);
}

static void nothing(void)
{
}

static void others_take_a_gib(void)
{
	put_free(filled >= (UINT64_C(1) << 30) ? 64 : 4194304 - filled / 1024);
}

struct scene {
	struct gr_ledger ledger;
	struct gr_reserve_options options;
	struct gr_reserve_report report;
	struct gr_climb climb;
	struct gr_look look;
	struct gr_rung rung;
};

static void set_scene(struct scene *s)
{
	*s = (struct scene){ .ledger.root = dir->root,
			     .options.floor.keep_free_bytes = UINT64_C(1) << 30 };
	s->climb = (struct gr_climb){ .ledger = &s->ledger, .options = &s->options,
				      .report = &s->report,
				      .budget.timeout_ns = UINT64_C(60) * 1000000000,
				      .start_ns = gr_now_ns() };
	assert_int_equal(gr_host_read(dir->root, GR_READ_POOLS, &s->look.host, NULL), 0);
	s->look.page_size_bytes = M2;
	s->look.free_bytes = UINT64_C(4) << 30;
	while_filling = nothing;
	filled = compacted = 0;
}

static void end_scene(struct scene *s)
{
	gr_host_free(s->look.host);
	free(s->rung.note);
}

static void worth(void **state)
{
	struct scene s;

	dir = *state;
	put_host();
	set_scene(&s);
	/* Who may not read that file does not know. */
	assert_false(gr_worth_retyping(&s.climb, &s.look));
	put_blocks(250, 3842);
	assert_false(gr_worth_retyping(&s.climb, &s.look));
	put_blocks(260, 3832);
	assert_true(gr_worth_retyping(&s.climb, &s.look));
	s.look.node = 1;
	assert_false(gr_worth_retyping(&s.climb, &s.look));
	s.look.node = 0;
	s.look.gigantic = true;
	assert_false(gr_worth_retyping(&s.climb, &s.look));
	s.look.gigantic = false;
	s.look.free_bytes = M2;
	assert_false(gr_worth_retyping(&s.climb, &s.look));
	end_scene(&s);
}

static void fills_what_is_free(void **state)
{
	const uint64_t above = (UINT64_C(1048576) - 3000) * 4096;
	struct scene s;

	dir = *state;
	put_host();
	put_blocks(2000, 2092);
	set_scene(&s);
	assert_true(gr_worth_retyping(&s.climb, &s.look));
	/* The floor of 1 GiB is nearer than the watermark. */
	assert_int_equal(gr_retype(&s.climb, NULL, &s.look, &s.rung, NULL), 0);
	assert_in_range(filled, (UINT64_C(3) << 30) - M2, UINT64_C(3) << 30);
	assert_int_equal(filled_node, 0);
	assert_int_equal(compacted, 1);
	assert_string_equal(s.rung.note, "4,008 MiB in blocks for unmovable memory before, 4,008 MiB after");
	free(s.rung.note);
	/* Without it, all above the watermark but a spare part. */
	s.options.floor.keep_free_bytes = 1;
	assert_int_equal(gr_retype(&s.climb, NULL, &s.look, &s.rung, NULL), 0);
	assert_in_range(filled, above - above / 16 - M2, above - above / 16 + 4096);
	end_scene(&s);
}

static void stops(void **state)
{
	struct scene s;

	dir = *state;
	put_host();
	put_blocks(2000, 2092);
	set_scene(&s);
	/* Somebody takes what is free. */
	while_filling = others_take_a_gib;
	assert_int_equal(gr_retype(&s.climb, NULL, &s.look, &s.rung, NULL), 0);
	assert_in_range(filled, UINT64_C(1) << 30, (UINT64_C(1) << 30) + (64 << 20));
	free(s.rung.note);
	s.rung.note = NULL;
	/* Out of time. */
	put_free(4194304);
	s.climb.budget.timeout_ns = 1;
	assert_int_equal(gr_retype(&s.climb, NULL, &s.look, &s.rung, NULL), 0);
	assert_int_equal(filled, 0);
	end_scene(&s);
}

/* Below the floor already: nothing is filled, and nothing said. */
static void leaves_the_floor(void **state)
{
	struct scene s;

	dir = *state;
	put_host();
	put_blocks(2000, 2092);
	set_scene(&s);
	s.options.floor.keep_free_bytes = UINT64_C(5) << 30;
	assert_int_equal(gr_retype(&s.climb, NULL, &s.look, &s.rung, NULL), 0);
	assert_int_equal(filled, 0);
	assert_null(s.rung.note);
	/* Nor where what is mapped is charged at once. */
	s.options.floor.keep_free_bytes = 1;
	temp_root_put(dir, "proc/sys/vm/overcommit_memory", "2\n");
	assert_int_equal(gr_retype(&s.climb, NULL, &s.look, &s.rung, NULL), 0);
	assert_int_equal(filled, 0);
	temp_root_put(dir, "proc/sys/vm/overcommit_memory", "1\n");
	assert_int_equal(gr_retype(&s.climb, NULL, &s.look, &s.rung, NULL), 0);
	assert_true(filled > 0);
	end_scene(&s);
}

#define ROOT(name) cmocka_unit_test_setup_teardown(name, temp_root_setup, temp_root_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOT(worth),
		ROOT(fills_what_is_free),
		ROOT(stops),
		ROOT(leaves_the_floor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
