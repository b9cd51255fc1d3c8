// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Every kill point: a child does something and is killed at its 1st, 2nd, 3rd ... pool write or
 * change of the ledger (before, after, and in the middle of a growth), until it gets through. After
 * each, recovery (itself killed at every point as well) has to restore the start.
 */
#include "lease_world.h"

#define POINTS_MAX 400

static const struct gr_grant one[] = { { .node = 1, .page_size_bytes = MODEL_PAGE, .pages = 20 } };
static const struct gr_grant two[] = { { .node = 0, .page_size_bytes = MODEL_PAGE, .pages = 30 },
				       { .node = 1, .page_size_bytes = MODEL_PAGE, .pages = 20 } };
static const struct gr_grant any[] = {
	{ .node = -1, .page_size_bytes = MODEL_PAGE, .pages = 150 }
};
static const struct gr_grant most[] = {
	{ .node = -1, .page_size_bytes = MODEL_PAGE, .pages = 100000 }
};

/* The hosts on which all is tried: two nodes, three kernels. */
struct scene {
	bool old_node_arithmetic, old_min_count;
	uint64_t persistent[2], used[2], surplus[2];
	const struct gr_grant *grants;
	size_t grant_count;
};

static const struct scene *scene;
static unsigned int points; /* that were tried */

static void act_reserve(struct world *w)
{
	reserve_grants(w, "vm", scene->grants, scene->grant_count, false);
}

static void act_release(struct world *w)
{
	release(w, "vm", NULL);
}

static void act_recover(struct world *w)
{
	recover(w);
}

static void act_settle(struct world *w)
{
	struct gr_lease *lease = find(w, "vm");

	if (lease)
		gr_lease_settle(w->ledger, lease, NULL);
	gr_lease_free(lease);
}

static void act_more(struct world *w)
{
	static const struct gr_floor floor = { 0 };
	struct gr_lease *lease = find(w, "vm");

	if (lease)
		gr_reserve_more(w->ledger, lease, 1, MODEL_PAGE, 15, &floor, NULL);
	gr_lease_free(lease);
}

static void set_scene(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		w->k->total[i] = scene->persistent[i] + scene->surplus[i];
		w->k->free[i] = scene->persistent[i] - scene->used[i];
		w->k->surplus[i] = scene->surplus[i];
		w->k->limit[i] = w->k->total[i] + 100;
	}
	w->k->old_node_arithmetic = scene->old_node_arithmetic;
	w->k->old_min_count = scene->old_min_count;
}

static void assert_start(struct world *w)
{
	assert_int_equal(lease_count(w), 0);
	for (int i = 0; i < 2; i++)
		assert_pool(w, i, scene->persistent[i] + scene->surplus[i],
			    scene->persistent[i] - scene->used[i], scene->surplus[i]);
}

/* Recovery is killed at each of its points in turn, and gets through in the end. */
static void recover_through_kills(struct world *w)
{
	for (unsigned int at = 1; at < POINTS_MAX; at++) {
		if (!killed_at(w, at, act_recover))
			return;
	}
	fail_msg("recovery does not end");
}

/* What is owed and what is there agree, at any time after a recovery. */
static void assert_owed(struct world *w)
{
	for (int i = 0; i < 2; i++)
		assert_int_equal(kernel_persistent(w->k, i), scene->persistent[i] + owed(w, i));
}

/* @take: the lease's pages are in use when @act comes */
static void try_all_points(struct world *w, void (*prepare)(struct world *w),
			   void (*act)(struct world *w), bool take)
{
	unsigned int at;

	for (at = 1; at < POINTS_MAX; at++) {
		uint64_t taken[2] = { 0 };
		bool died;

		set_scene(w);
		if (prepare)
			prepare(w);
		for (int i = 0; take && i < 2; i++)
			taken[i] = kernel_take(w->k, i, w->k->free[i]);
		died = killed_at(w, at, act);
		/* Twice: one recovery is killed at each point, one is not. */
		if (at & 1)
			recover_through_kills(w);
		for (int i = 0; i < 2; i++) {
			w->k->limit[i] = UINT64_C(1) << 40;
			kernel_free(w->k, i, taken[i]);
		}
		assert_int_equal(recover(w), 0);
		assert_owed(w);
		if (lease_count(w))
			assert_int_equal(release(w, "vm", NULL), 0);
		assert_int_equal(recover(w), 0);
		if (!take)
			assert_start(w);
		assert_owed(w);
		assert_int_equal(lease_count(w), 0);
		if (!died) {
			points += at - 1;
			return;
		}
	}
	fail_msg("it does not end");
}

/* Others' surplus stands beside pages in use only: free ones would be lost at the next free. */
#define SCENE(...)                                                                                 \
	{ true, true, __VA_ARGS__ }, { false, true, __VA_ARGS__ },                                 \
	{                                                                                          \
		false, false, __VA_ARGS__                                                          \
	}

static const struct scene scenes[] = {
	SCENE({ 0 }, { 0 }, { 0 }, one, 1),
	SCENE({ 0 }, { 0 }, { 0 }, two, 2),
	SCENE({ 64, 7 }, { 32, 0 }, { 0 }, any, 1),
	SCENE({ 64, 7 }, { 32, 0 }, { 0 }, most, 1),
	SCENE({ 64, 7 }, { 64, 7 }, { 50, 0 }, one, 1),
	SCENE({ 64, 7 }, { 64, 7 }, { 0, 80 }, one, 1),
	SCENE({ 64, 7 }, { 64, 7 }, { 50, 80 }, two, 2),
	SCENE({ 64, 7 }, { 32, 7 }, { 0, 80 }, two, 2),
	SCENE({ 64, 7 }, { 64, 0 }, { 50, 0 }, any, 1),
	SCENE({ 64, 7 }, { 64, 7 }, { 50, 80 }, most, 1),
};

static void all_scenes(void (*prepare)(struct world *w), void (*act)(struct world *w), bool take,
		       unsigned int points_min)
{
	struct world w;

	points = 0;
	world_start(&w, 2);
	for (size_t i = 0; i < GR_ARRAY_SIZE(scenes); i++) {
		scene = &scenes[i];
		try_all_points(&w, prepare, act, take);
	}
	world_end(&w);
	print_message("%u kill points\n", points);
	assert_in_range(points, points_min, UINT32_MAX);
}

static void reservation(void **state)
{
	all_scenes(NULL, act_reserve, false, 300);
}

static void release_of_free_pages(void **state)
{
	all_scenes(act_reserve, act_release, false, 200);
}

static void release_of_pages_in_use(void **state)
{
	all_scenes(act_reserve, act_release, true, 200);
}

static void settling(void **state)
{
	all_scenes(act_reserve, act_settle, true, 30);
}

static void topping_up(void **state)
{
	all_scenes(act_reserve, act_more, false, 150);
}

/*
 * Surplus came to stand on the node after the lease had its pages there. A top-up that is killed
 * before its write has promoted nothing: what is above the goal is the lease's own, no debt is
 * left.
 */
static void intent_not_begun(void **state)
{
	static const struct scene with_free_pages = { false, false, { 64, 30 }, { 32, 30 },
						      { 0 }, one,   1 };
	struct world w;

	world_start(&w, 2);
	scene = &with_free_pages;
	for (unsigned int at = 1; at <= 3; at++) {
		set_scene(&w);
		act_reserve(&w);
		assert_int_equal(kernel_surplus(w.k, 1, 15), 15);
		assert_true(killed_at(&w, at, act_more));
		if (at == 1) /* before the intent */
			assert_int_equal(release(&w, "vm", NULL), 0);
		assert_int_equal(recover(&w), 0);
		assert_int_equal(lease_count(&w), 0);
		assert_pool(&w, 1, 30 + 15, 0, 15);
	}
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reservation),
		cmocka_unit_test(release_of_free_pages),
		cmocka_unit_test(release_of_pages_in_use),
		cmocka_unit_test(settling),
		cmocka_unit_test(topping_up),
		cmocka_unit_test(intent_not_begun),
	};

	return cmocka_run_group_tests_name("lease, killed", tests, NULL, NULL);
}
