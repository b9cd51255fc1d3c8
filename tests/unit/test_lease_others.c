// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Leases beside others: another owner's pool, strangers who take pages, other tools' surplus on the
 * same and on another node, on kernels of three kinds; debts, and two guestrams at once.
 */
#include "lease_world.h"

/* Releasing to what was there, never to 0; a foreign pool half in use is not touched. */
static void foreign_pool_untouched(void **state)
{
	struct world *w = *state;

	kernel_set_persistent(w->k, 0, 64);
	kernel_take(w->k, 0, 32);
	assert_int_equal(reserve(w, "vm", 0, 100), 0);
	assert_pool(w, 0, 164, 132, 0);
	/* Its owner lets go of all and takes all again. */
	kernel_free(w->k, 0, 32);
	assert_int_equal(kernel_take(w->k, 0, 64), 64);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 64, 0, 0);
	kernel_free(w->k, 0, 64);
	assert_int_equal(kernel_take(w->k, 0, 64), 64);
	assert_pool(w, 0, 64, 0, 0);
}

/* Overcommit: others' surplus is promoted by our growth and made surplus again afterwards. */
static void c54_overcommit_in_use(void **state)
{
	struct world *w = *state;

	w->k->overcommit = 8192;
	assert_int_equal(kernel_take(w->k, 0, 300), 300);
	assert_pool(w, 0, 300, 0, 300);
	assert_int_equal(reserve(w, "vm", -1, 100), 0);
	assert_int_equal(w->model->writes, 1);
	assert_pool(w, 0, 400, 100, 0);
	assert_int_equal(owed(w, 0), 400);
	/* The new VM takes its pages: now settling costs nobody a free page. */
	assert_int_equal(kernel_take(w->k, 0, 100), 100);
	struct gr_lease *lease = find(w, "vm");
	assert_int_equal(gr_lease_settle(w->ledger, lease, &w->err), 0);
	assert_int_equal(lease->state, GR_LEASE_HELD);
	gr_lease_free(lease);
	assert_pool(w, 0, 400, 0, 300);
	assert_int_equal(owed(w, 0), 100);
	kernel_free(w->k, 0, 100);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_int_equal(kernel_persistent(w->k, 0), 0);
	kernel_free(w->k, 0, 300);
	assert_pool(w, 0, 0, 0, 0);
}

/* Two VMs at once, from two processes: the lock makes it one after the other. */
static void c80_two_at_once(void **state)
{
	struct world *w = *state;

	world_close(w);
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 2; i++) {
			if (fork() == 0) {
				usleep((useconds_t)(i ? round * 7 : round * 3));
				while (gr_ledger_open(w->root, false, 2000000000, &w->ledger,
						      NULL) < 0)
					;
				_exit(reserve(w, i ? "a" : "b", -1, 1000) < 0);
			}
		}
		for (int i = 0, status; i < 2; i++) {
			wait(&status);
			assert_int_equal(status, 0);
		}
		assert_pool(w, 0, 2000, 2000, 0);
		world_open(w);
		assert_int_equal(release(w, "a", NULL), 0);
		assert_int_equal(release(w, "b", NULL), 0);
		world_close(w);
		assert_pool(w, 0, 0, 0, 0);
	}
	world_open(w);
}

static void stranger_grabs(struct model *model)
{
	kernel_take(&model->kernel, 0, 30);
}

static void strangers(void **state)
{
	struct world *w = *state;

	/* At the time of each write somebody takes what is free. */
	w->k->limit[0] = 50;
	w->model->before_write = stranger_grabs;
	assert_int_equal(reserve(w, "vm", -1, 100), -ENOMEM);
	w->model->before_write = NULL;
	assert_int_equal(kernel_persistent(w->k, 0), 0);
	kernel_free(w->k, 0, kernel_used(w->k, 0));
	assert_pool(w, 0, 0, 0, 0);
}

static void other_owner_grows(struct model *model)
{
	if (model->compactions == 1)
		kernel_set_persistent(&model->kernel, 0, kernel_persistent(&model->kernel, 0) + 64);
}

/* What another owner adds while we climb is his, in the roll-back too. */
static void foreign_growth_survives_roll_back(void **state)
{
	static const uint64_t yields[] = { 40, 40, 40 };
	struct world *w = *state;

	w->k->script = yields;
	w->k->script_count = GR_ARRAY_SIZE(yields);
	w->k->limit[0] = 60 + 64;
	w->model->at_compaction = other_owner_grows;
	assert_int_equal(reserve(w, "vm", -1, 500), -ENOMEM);
	assert_int_equal(w->report.short_pages, 500 - 60);
	assert_int_equal(lease_count(w), 0);
	assert_pool(w, 0, 64, 64, 0);
}

static const struct {
	bool old_node_arithmetic, old_min_count;
} kernels[] = { { true, true }, { false, true }, { false, false } };

/* Surplus of another tool on the same node and on another one, on three kernels. */
static void foreign_surplus(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < GR_ARRAY_SIZE(kernels) * 4; i++) {
		int surplus_node = (int)(i & 1), pool_node = (int)(i / 2 & 1);

		w->k->old_node_arithmetic = kernels[i / 4].old_node_arithmetic;
		w->k->old_min_count = kernels[i / 4].old_min_count;
		assert_int_equal(kernel_surplus(w->k, surplus_node, 80), 80);
		/* Another owner's persistent pages, all in use. */
		kernel_set_persistent(w->k, pool_node, 40);
		assert_int_equal(kernel_take(w->k, pool_node, 40), 40);
		assert_int_equal(reserve(w, "vm", 1, 20), 0);
		assert_int_equal(kernel_persistent(w->k, 0), pool_node ? 0 : 40);
		assert_int_equal(kernel_persistent(w->k, 1),
				 (pool_node ? 40 : 0) + (surplus_node ? 80 : 0) + 20);
		assert_int_equal(w->k->free[1], 20);
		assert_int_equal(release(w, "vm", NULL), 0);
		assert_int_equal(lease_count(w), 0);
		assert_int_equal(w->k->surplus[surplus_node], 80);
		assert_int_equal(w->k->surplus[!surplus_node], 0);
		assert_int_equal(kernel_sum(w->k, w->k->free), 0);
		kernel_free(w->k, surplus_node, 80);
		kernel_free(w->k, pool_node, 40);
		assert_int_equal(w->k->total[pool_node], 40);
		assert_int_equal(w->k->total[!pool_node], 0);
		kernel_set_persistent(w->k, pool_node, 0);
	}
}

/* Whose are the free pages? Where it cannot be told, the debt waits. */
static void debts(void **state)
{
	struct world *w = *state;
	struct gr_lease *lease;

	kernel_set_persistent(w->k, 0, 64);
	assert_int_equal(kernel_take(w->k, 0, 64), 64);
	assert_int_equal(kernel_surplus(w->k, 0, 50), 50);
	assert_int_equal(reserve(w, "vm", 0, 100), 0);
	assert_pool(w, 0, 214, 100, 0);
	/* The other owner lets go of 32 while the promotion lasts: they stay in the pool, his. */
	kernel_free(w->k, 0, 32);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 114, 32, 0);
	lease = find(w, "vm");
	assert_non_null(lease);
	assert_int_equal(lease->state, GR_LEASE_OWED);
	assert_int_equal(gr_lease_pages(lease), 0);
	gr_lease_free(lease);
	/* The name is free for the next start, which takes the debt over. */
	assert_int_equal(reserve(w, "vm", 0, 10), 0);
	assert_int_equal(owed(w, 0), 60);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_int_equal(owed(w, 0), 50);
	/* He takes them again: now nothing free is lost by it. */
	assert_int_equal(kernel_take(w->k, 0, 32), 32);
	assert_int_equal(recover(w), 0);
	assert_pool(w, 0, 114, 0, 50);
	assert_int_equal(lease_count(w), 0);
}

/* The holder of promoted pages is gone: what is free beyond all rightful pages was his. */
static void debts_of_the_dead(void **state)
{
	struct world *w = *state;

	kernel_set_persistent(w->k, 0, 64);
	assert_int_equal(kernel_surplus(w->k, 0, 50), 50);
	assert_int_equal(reserve(w, "vm", 0, 100), 0);
	kernel_free(w->k, 0, 50);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 64, 64, 0);
	assert_int_equal(lease_count(w), 0);
}

static void debts_end(void **state)
{
	struct world *w = *state;
	struct gr_lease *lease;

	kernel_set_persistent(w->k, 0, 64);
	assert_int_equal(kernel_take(w->k, 0, 64), 64);
	assert_int_equal(kernel_surplus(w->k, 0, 50), 50);
	assert_int_equal(reserve(w, "vm", 0, 100), 0);
	/* Dead, and the owner of 64 uses them all: nobody can tell him from the dead. */
	kernel_free(w->k, 0, 50);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 114, 50, 0);
	lease = find(w, "vm");
	assert_int_not_equal(lease->expires_ns, 0);
	lease->expires_ns = 1;
	assert_int_equal(gr_ledger_save(w->ledger, lease, NULL), 0);
	gr_lease_free(lease);
	assert_int_equal(recover(w), 0);
	assert_pool(w, 0, 64, 0, 0);
	assert_int_equal(lease_count(w), 0);
}

/* A stuck lease must not go by a goal from before others came and went. */
static void debt_beside_other_leases(void **state)
{
	struct world *w = *state;

	assert_int_equal(kernel_surplus(w->k, 0, 50), 50);
	kernel_set_persistent(w->k, 0, 64);
	assert_int_equal(kernel_take(w->k, 0, 64), 64);
	assert_int_equal(reserve(w, "b", 0, 100), 0);
	assert_int_equal(kernel_take(w->k, 0, 100), 100);
	assert_int_equal(reserve(w, "a", 0, 10), 0);
	kernel_free(w->k, 0, 20); /* of the 64 */
	assert_int_equal(release(w, "a", NULL), 0);
	kernel_free(w->k, 0, 100);
	assert_int_equal(release(w, "b", NULL), 0);
	assert_int_equal(owed(w, 0), 50);
	assert_int_equal(kernel_persistent(w->k, 0), 114);
	assert_int_equal(kernel_take(w->k, 0, 20), 20);
	assert_int_equal(recover(w), 0);
	assert_pool(w, 0, 114, 0, 50);
}

static void top_up(void **state)
{
	static const struct gr_grant grant = { .node = 0,
					       .page_size_bytes = MODEL_PAGE,
					       .pages = 50 };
	static const struct gr_floor floor = { .keep_free_bytes = UINT64_C(1) << 62 };
	static const struct gr_floor none = { 0 };
	struct world *w = *state;
	struct gr_lease *lease;

	assert_int_equal(reserve_grants(w, "vm", &grant, 1, true), 0);
	kernel_take(w->k, 0, 20);
	lease = find(w, "vm");
	assert_int_equal(lease->state, GR_LEASE_PENDING);
	assert_int_equal(gr_reserve_more(w->ledger, lease, 0, MODEL_PAGE, 20, &floor, &w->err),
			 -ENOMEM);
	assert_int_equal(gr_reserve_more(w->ledger, lease, 0, MODEL_PAGE, 20, &none, &w->err), 0);
	assert_pool(w, 0, 70, 50, 0);
	w->k->limit[0] = 75;
	assert_int_equal(gr_reserve_more(w->ledger, lease, 0, MODEL_PAGE, 20, &none, &w->err),
			 -ENOMEM);
	assert_int_equal(gr_lease_pages(lease), 75);
	gr_lease_free(lease);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 20, 0, 20);
	kernel_free(w->k, 0, 20);
	assert_pool(w, 0, 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(foreign_pool_untouched),
		TWO(foreign_pool_untouched),
		ONE(c54_overcommit_in_use),
		ONE(c80_two_at_once),
		ONE(strangers),
		ONE(foreign_growth_survives_roll_back),
		TWO(foreign_surplus),
		ONE(debts),
		ONE(debts_of_the_dead),
		ONE(debts_end),
		ONE(debt_beside_other_leases),
		ONE(top_up),
	};

	return cmocka_run_group_tests_name("lease, others", tests, NULL, NULL);
}
