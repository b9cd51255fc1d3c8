// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Idle pages of leases that lend them, against the model of the kernel: who gets how many, whose are
 * never touched, and a kill at every point of it.
 */
#include "lease_world.h"

#define POINTS_MAX 400
#define FLOOR_BYTES (UINT64_C(60) << 30)

static bool exists(struct world *w, const char *name)
{
	_cleanup_lease_ struct gr_lease *lease = find(w, name);

	return lease != NULL;
}

static int hold(struct world *w, const char *name, int node, uint64_t pages, bool lend)
{
	const struct gr_grant grant = { .node = node,
					.page_size_bytes = MODEL_PAGE,
					.pages = pages };
	const struct gr_reserve_options options = { .grants = &grant, .grant_count = 1,
						    .lend = lend };
	struct gr_lease *lease = NULL;
	int r;

	gr_reserve_report_done(&w->report);
	r = gr_reserve(w->ledger, name, &options, &lease, &w->report, &w->err);
	gr_lease_free(lease);
	return r;
}

/* No memory is left but what the pools have. */
static void memory_is_full(struct world *w)
{
	for (int i = 0; i < w->k->nodes; i++)
		w->k->limit[i] = w->k->total[i];
}

static void assert_lender(struct world *w, const char *name, uint64_t pages, uint64_t lent)
{
	struct gr_lease *lease = find(w, name);

	assert_non_null(lease);
	assert_int_equal(lease->state, GR_LEASE_HELD);
	assert_true(lease->lend);
	assert_int_equal(lease->grant_count, 1);
	assert_int_equal(lease->grants[0].pages, pages);
	assert_int_equal(lease->grants[0].asked_pages, pages);
	assert_int_equal(lease->grants[0].lent_pages, lent);
	gr_lease_free(lease);
}

static bool has_rung(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->report.count; i++) {
		if (!strcmp(w->report.rungs[i].name, name))
			return true;
	}
	return false;
}

static void up_to_what_is_missing(void **state)
{
	struct world *w = *state;
	uint64_t pages;

	assert_int_equal(hold(w, "win", 0, 50, true), 0);
	memory_is_full(w);
	w->k->limit[0] += 5;
	assert_int_equal(reserve(w, "vm", 0, 20), 0);
	assert_true(has_rung(w, "idle"));
	assert_pool(w, 0, 55, 55, 0);
	assert_lender(w, "win", 35, 15);
	assert_int_equal(w->report.note_count, 1);
	assert_non_null(strstr(w->report.notes[0], "lease win lent 15 pages of 2 MiB on node 0"));
	assert_int_equal(w->report.loan_count, 1);
	assert_int_equal(w->report.loans[0].pages, 15);
	/* What the borrower gives back is the host's: the lender stays short. */
	assert_int_equal(release(w, "vm", &pages), 0);
	assert_int_equal(pages, 20);
	assert_lender(w, "win", 35, 15);
	assert_int_equal(release(w, "win", &pages), 0);
	assert_int_equal(pages, 35);
	assert_pool(w, 0, 0, 0, 0);
}

static void never_without_consent(void **state)
{
	struct world *w = *state;

	assert_int_equal(hold(w, "win", 0, 50, false), 0);
	memory_is_full(w);
	assert_int_equal(reserve(w, "vm", 0, 20), -ENOMEM);
	assert_false(has_rung(w, "idle"));
	assert_pool(w, 0, 50, 50, 0);
	assert_int_equal(owed(w, 0), 50);
}

/* Free pages of the pool may be another lease's: those, what is promised and what is in use stay. */
static void only_what_is_idle(void **state)
{
	struct world *w = *state;

	assert_int_equal(hold(w, "win", 0, 50, true), 0);
	assert_int_equal(hold(w, "mine", 0, 30, false), 0);
	assert_int_equal(kernel_take(w->k, 0, 25), 25); /* of the 80: whose is not known */
	assert_true(kernel_reserve(w->k, 0, 10));
	memory_is_full(w);
	/* 55 free, 10 promised, 30 of the other lease. */
	assert_int_equal(reserve(w, "vm", 0, 16), -ENOMEM);
	assert_pool(w, 0, 80, 55, 0);
	assert_lender(w, "win", 50, 0);
	assert_int_equal(reserve(w, "vm", 0, 15), 0);
	assert_lender(w, "win", 35, 15);
	assert_pool(w, 0, 80, 55, 0);
	assert_int_equal(owed(w, 0), 80);
}

/* Nobody knows whose pages are in use: as many may be the lender's, so that none is taken from the
 * pages that no lease knows. */
static void undeclared_pages_stay(void **state)
{
	struct world *w = *state;

	kernel_set_persistent(w->k, 0, 100);
	assert_int_equal(hold(w, "win", 0, 50, true), 0);
	assert_int_equal(kernel_take(w->k, 0, 40), 40);
	memory_is_full(w);
	assert_int_equal(reserve(w, "vm", 0, 11), -ENOMEM);
	assert_pool(w, 0, 150, 110, 0);
	assert_lender(w, "win", 50, 0);
	assert_int_equal(reserve(w, "vm", 0, 10), 0);
	assert_lender(w, "win", 40, 10);
	assert_int_equal(kernel_persistent(w->k, 0), 100 + 40 + 10);
}

static void not_from_another_node(void **state)
{
	struct world *w = *state;

	assert_int_equal(hold(w, "win", 1, 50, true), 0);
	memory_is_full(w);
	assert_int_equal(reserve(w, "vm", 0, 20), -ENOMEM);
	assert_pool(w, 1, 50, 50, 0);
	assert_lender(w, "win", 50, 0);
}

/* What several have, in the order of their names; and what was lent already is gone. */
static void several_lenders(void **state)
{
	struct world *w = *state;

	assert_int_equal(hold(w, "a", 0, 10, true), 0);
	assert_int_equal(hold(w, "b", 0, 10, true), 0);
	memory_is_full(w);
	assert_int_equal(reserve(w, "vm", 0, 15), 0);
	assert_lender(w, "a", 0, 10);
	assert_lender(w, "b", 5, 5);
	assert_int_equal(w->report.note_count, 2);
	assert_int_equal(reserve(w, "vm2", 0, 6), -ENOMEM);
	assert_lender(w, "b", 5, 5);
	assert_int_equal(owed(w, 0), 20);
	assert_pool(w, 0, 20, 20, 0);
}

/* Surplus bends the arithmetic: nothing is lent where it stands. */
static void not_beside_surplus(void **state)
{
	struct world *w = *state;

	assert_int_equal(hold(w, "win", 0, 50, true), 0);
	assert_int_equal(kernel_surplus(w->k, 1, 7), 7);
	memory_is_full(w);
	assert_int_equal(reserve(w, "vm", 0, 20), -ENOMEM);
	assert_lender(w, "win", 50, 0);
	assert_pool(w, 0, 50, 50, 0);
	assert_pool(w, 1, 7, 0, 7);
}

/* Surplus of the node itself is promoted by the growth: it is owed by then, and in nobody's way. */
static void beside_promoted_pages(void **state)
{
	struct world *w = *state;

	assert_int_equal(hold(w, "win", 0, 50, true), 0);
	assert_int_equal(kernel_surplus(w->k, 0, 7), 7);
	memory_is_full(w);
	assert_int_equal(reserve(w, "vm", 0, 20), 0);
	assert_lender(w, "win", 30, 20);
	assert_int_equal(owed(w, 0), 57);
	assert_pool(w, 0, 57, 50, 0);
	kernel_free(w->k, 0, 7);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_int_equal(recover(w), 0);
	assert_pool(w, 0, 30, 30, 0);
}

static void takes_all(struct model *model)
{
	static bool done;

	if (model->kernel.total[0] == 50 && !done)
		done = kernel_take(&model->kernel, 0, 45) == 45;
}

/* The lender's VM starts between the look and the write: what it has stays persistent. */
static void a_vm_starts_meanwhile(void **state)
{
	struct world *w = *state;

	assert_int_equal(hold(w, "win", 0, 50, true), 0);
	memory_is_full(w);
	w->model->before_write = takes_all;
	assert_int_equal(reserve(w, "vm", 0, 20), -ENOMEM);
	w->model->before_write = NULL;
	assert_int_equal(w->k->surplus[0], 0);
	assert_int_equal(kernel_used(w->k, 0), 45);
	assert_lender(w, "win", 50, 0); /* the five that were lent came back */
	assert_pool(w, 0, 50, 5, 0);
}

/* What is in the pools is not available; all memory above the floor is in them. */
static void available_follows(struct model *model)
{
	model->available_bytes = FLOOR_BYTES + (100 - kernel_persistent(&model->kernel, 0)) *
						       MODEL_PAGE -
				 kernel_persistent(&model->kernel, 1) * MODEL_PAGE;
}

static int reserve_above_floor(struct world *w, int node, uint64_t pages)
{
	const struct gr_grant grant = { .node = node,
					.page_size_bytes = MODEL_PAGE,
					.pages = pages };
	const struct gr_reserve_options options = { .grants = &grant, .grant_count = 1,
						    .floor = { .keep_free_bytes = FLOOR_BYTES } };
	struct gr_lease *lease = NULL;
	int r;

	gr_reserve_report_done(&w->report);
	r = gr_reserve(w->ledger, "vm", &options, &lease, &w->report, &w->err);
	gr_lease_free(lease);
	return r;
}

/* The floor is what is in the way: pages of any node help, as many as it takes. */
static void for_the_floor(void **state)
{
	struct world *w = *state;

	assert_int_equal(hold(w, "win", 1, 90, true), 0);
	w->model->after_write = available_follows;
	available_follows(w->model);
	/* More than would be there: nothing is lent in vain. */
	assert_int_equal(reserve_above_floor(w, 0, 101), -ENOMEM);
	assert_lender(w, "win", 90, 0);
	if (reserve_above_floor(w, 0, 40) < 0)
		fail_msg("%s", w->err.message);
	assert_lender(w, "win", 60, 30);
	assert_pool(w, 0, 40, 40, 0);
	assert_pool(w, 1, 60, 60, 0);
	assert_int_equal(w->model->available_bytes, FLOOR_BYTES);
	assert_int_equal(w->report.note_count, 1);
}

/* A reservation that fails in the end leaves the lender as it was. */
static void failure_gives_it_back(void **state)
{
	struct world *w = *state;

	assert_int_equal(hold(w, "win", 0, 50, true), 0);
	memory_is_full(w);
	assert_int_equal(reserve(w, "vm", 0, 60), -ENOMEM);
	assert_true(has_rung(w, "idle"));
	assert_lender(w, "win", 50, 0);
	assert_pool(w, 0, 50, 50, 0);
	assert_int_equal(w->report.note_count, 0);
	assert_int_equal(lease_count(w), 1);
}

static void someone_is_quicker(struct model *model)
{
	if (model->kernel.total[0] < 50 && model->kernel.limit[0] > 45)
		model->kernel.limit[0] = 45;
}

/* Where its memory is gone by then, the note says so, and the ledger is right. */
static void what_cannot_come_back(void **state)
{
	struct world *w = *state;

	assert_int_equal(hold(w, "win", 0, 50, true), 0);
	memory_is_full(w);
	w->model->after_write = someone_is_quicker;
	assert_int_equal(reserve(w, "vm", 0, 60), -ENOMEM);
	w->model->after_write = NULL;
	assert_lender(w, "win", 45, 5);
	assert_pool(w, 0, 45, 45, 0);
	assert_int_equal(w->report.note_count, 1);
	assert_non_null(strstr(w->report.notes[0], "lent 5 pages"));
}

/* The pool cannot be written, or the writes do nothing: no page is lost. */
static void lending_fails(void **state)
{
	static const int errors[] = { EACCES, EROFS, EINTR, EIO };
	struct world *w = *state;

	assert_int_equal(hold(w, "win", 0, 50, true), 0);
	memory_is_full(w);
	for (size_t i = 0; i < GR_ARRAY_SIZE(errors); i++) {
		for (unsigned int skip = 0; skip < 4; skip++) {
			w->model->fault = (struct model_fault){ "nr_hugepages", true, errors[i], skip,
								1 };
			int r = reserve(w, "vm", 0, 20);

			w->model->fault.times = 0;
			if (r >= 0)
				assert_int_equal(release(w, "vm", NULL), 0);
			assert_int_equal(recover(w), 0);
			assert_int_equal(lease_count(w), 1);
			assert_int_equal(kernel_persistent(w->k, 0), owed(w, 0));
			assert_int_equal(release(w, "win", NULL), 0);
			assert_pool(w, 0, 0, 0, 0);
			assert_int_equal(hold(w, "win", 0, 50, true), 0);
		}
	}
	w->model->deaf = true;
	assert_int_equal(reserve(w, "vm", 0, 20), -ENOMEM);
	w->model->deaf = false;
	assert_lender(w, "win", 50, 0);
	assert_pool(w, 0, 50, 50, 0);
}

static uint64_t wanted;

static void act_reserve(struct world *w)
{
	reserve(w, "vm", 0, wanted);
}

static void act_recover(struct world *w)
{
	recover(w);
}

static void act_release_lender(struct world *w)
{
	release(w, "win", NULL);
}

/* Between them pool, lender and borrower always add up: after any kill, any recovery. */
static void assert_adds_up(struct world *w, uint64_t others)
{
	struct gr_lease *lease = find(w, "win");

	assert_non_null(lease);
	assert_int_equal(lease->state, GR_LEASE_HELD);
	assert_int_equal(lease->grants[0].pages + lease->grants[0].lent_pages, 50);
	gr_lease_free(lease);
	assert_int_equal(kernel_persistent(w->k, 0), owed(w, 0) + others);
}

/* @way: 1 the lender is released first, 2 recovery is killed as well, 3 somebody else asks,
 * 4 what is left of the borrower is released */
static unsigned int kill_points(struct world *w, uint64_t others, int way)
{
	for (unsigned int at = 1; at < POINTS_MAX; at++) {
		bool died;

		kernel_set_persistent(w->k, 0, others);
		w->k->limit[0] = 100000;
		assert_int_equal(hold(w, "win", 0, 50, true), 0);
		memory_is_full(w);
		w->k->limit[0] += 3;
		died = killed_at(w, at, act_reserve);
		if (way == 1) {
			assert_int_equal(release(w, "win", NULL), 0);
			assert_int_equal(recover(w), 0);
			assert_int_equal(kernel_persistent(w->k, 0), owed(w, 0) + others);
		} else {
			for (unsigned int i = 1; way == 2 && i < POINTS_MAX &&
						 killed_at(w, i, act_recover); i++)
				;
			if (way == 4 && exists(w, "vm"))
				release(w, "vm", NULL);
			if (way == 3)
				reserve(w, "other", 0, wanted);
			assert_int_equal(recover(w), 0);
			assert_adds_up(w, others);
		}
		for (unsigned int i = 1; way == 2 && i < POINTS_MAX &&
					 killed_at(w, i, act_release_lender); i++)
			;
		if (exists(w, "vm"))
			assert_int_equal(release(w, "vm", NULL), 0);
		if (exists(w, "other"))
			assert_int_equal(release(w, "other", NULL), 0);
		if (exists(w, "win"))
			assert_int_equal(release(w, "win", NULL), 0);
		assert_int_equal(recover(w), 0);
		assert_int_equal(lease_count(w), 0);
		assert_pool(w, 0, others, others, 0);
		if (!died)
			return at;
	}
	fail_msg("it does not end");
	return 0;
}

static void killed(void **state)
{
	static const uint64_t wishes[] = { 20, 53, 60 }; /* some, all, more than there is */
	struct world *w = *state;
	unsigned int points = 0;

	for (size_t i = 0; i < GR_ARRAY_SIZE(wishes); i++) {
		wanted = wishes[i];
		for (int way = 1; way <= 4; way++)
			points += kill_points(w, way & 1 ? 0 : 7, way);
	}
	print_message("%u kill points\n", points);
	assert_in_range(points, 300, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(up_to_what_is_missing),
		ONE(never_without_consent),
		ONE(only_what_is_idle),
		ONE(undeclared_pages_stay),
		TWO(not_from_another_node),
		ONE(several_lenders),
		TWO(not_beside_surplus),
		ONE(beside_promoted_pages),
		ONE(a_vm_starts_meanwhile),
		TWO(for_the_floor),
		ONE(failure_gives_it_back),
		ONE(what_cannot_come_back),
		ONE(lending_fails),
		ONE(killed),
	};

	return cmocka_run_group_tests_name("lease_idle", tests, NULL, NULL);
}
