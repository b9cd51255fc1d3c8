// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The ladder against the model of the kernel: what is kept when it is less than was asked for, where
 * the floor and the budgets end it, and nodes that are only a wish.
 */
#include "lease_world.h"

#include "base/size.h"

static int reserve_with(struct world *w, struct gr_reserve_options *options, const char *name,
			int node, uint64_t pages, bool preferred)
{
	const struct gr_grant grant = { .node = node,
					.page_size_bytes = MODEL_PAGE,
					.pages = pages,
					.preferred = preferred };
	struct gr_lease *lease = NULL;
	int r;

	options->grants = &grant;
	options->grant_count = 1;
	gr_reserve_report_done(&w->report);
	r = gr_reserve(w->ledger, name, options, &lease, &w->report, &w->err);
	gr_lease_free(lease);
	return r;
}

static void partial_is_kept(void **state)
{
	struct gr_reserve_options options = { .partial = true };
	struct world *w = *state;
	struct gr_lease *lease;

	w->k->limit[0] = 700;
	assert_int_equal(reserve_with(w, &options, "vm", -1, 1000, false), 0);
	assert_int_equal(w->report.short_pages, 300);
	lease = find(w, "vm");
	assert_non_null(lease);
	assert_int_equal(lease->state, GR_LEASE_HELD);
	assert_int_equal(gr_lease_pages(lease), 700);
	gr_lease_free(lease);
	assert_pool(w, 0, 700, 700, 0);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 0, 0, 0);
	/* Nothing at all is a failure, not a lease of nothing. */
	w->k->limit[0] = 0;
	assert_int_equal(reserve_with(w, &options, "vm", -1, 1000, false), -ENOMEM);
	assert_int_equal(lease_count(w), 0);
}

/* Once all are there, something else has taken memory: ten pages too few are available. What leaves the
 * pool is available again. */
static void available_follows(struct model *model)
{
	uint64_t have = kernel_persistent(&model->kernel, 0);

	if (have == 500 || model->available_bytes < UINT64_C(100) << 30)
		model->available_bytes = (UINT64_C(60) << 30) - 10 * MODEL_PAGE +
					 (500 - have) * MODEL_PAGE;
}

static void floor_trims_what_is_partial(void **state)
{
	struct gr_reserve_options options = { .partial = true,
					      .floor = { .keep_free_bytes = UINT64_C(60) << 30 } };
	struct world *w = *state;
	struct gr_lease *lease;

	w->model->after_write = available_follows;
	if (reserve_with(w, &options, "vm", 0, 500, false) < 0)
		fail_msg("%s", w->err.message);
	lease = find(w, "vm");
	assert_non_null(lease);
	assert_in_range(gr_lease_pages(lease), 480, 490);
	assert_int_equal(w->k->total[0], gr_lease_pages(lease));
	assert_int_equal(w->report.short_pages, 500 - gr_lease_pages(lease));
	gr_lease_free(lease);
	w->model->after_write = NULL;
	w->model->available_bytes = UINT64_C(900) << 30;
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 0, 0, 0);
}

/* The same without --partial: everything goes back. */
static void floor_refuses_what_is_whole(void **state)
{
	struct gr_reserve_options options = { .floor = { .keep_free_bytes = UINT64_C(60) << 30 } };
	struct world *w = *state;

	w->model->after_write = available_follows;
	assert_int_equal(reserve_with(w, &options, "vm", 0, 500, false), -ENOMEM);
	assert_pool(w, 0, 0, 0, 0);
	assert_int_equal(lease_count(w), 0);
}

static void time_ends_it(void **state)
{
	const struct gr_budget budget = { .timeout_ns = 1 };
	struct gr_reserve_options options = { .budget = &budget };
	struct world *w = *state;

	w->k->limit[0] = 10;
	assert_int_equal(reserve_with(w, &options, "vm", -1, 20, false), -ENOMEM);
	assert_int_equal(w->model->compactions, 0);
	assert_int_equal(w->model->writes, 2); /* one of ours, and the way back */
	assert_non_null(strstr(w->err.hint, "--timeout"));
	assert_pool(w, 0, 0, 0, 0);
}

static void a_wish_takes_from_others(void **state)
{
	struct gr_reserve_options options = { 0 };
	struct world *w = *state;
	struct gr_lease *lease;

	w->k->limit[1] = 60;
	assert_int_equal(reserve_with(w, &options, "vm", 1, 100, false), -ENOMEM);
	assert_pool(w, 0, 0, 0, 0);
	assert_pool(w, 1, 0, 0, 0);
	assert_int_equal(reserve_with(w, &options, "vm", 1, 100, true), 0);
	assert_pool(w, 0, 40, 40, 0);
	assert_pool(w, 1, 60, 60, 0);
	lease = find(w, "vm");
	assert_int_equal(gr_lease_pages(lease), 100);
	gr_lease_free(lease);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_pool(w, 0, 0, 0, 0);
	assert_pool(w, 1, 0, 0, 0);
	/* Nothing lies on another node as long as the wish can be met. */
	assert_int_equal(reserve_with(w, &options, "vm", 1, 50, true), 0);
	assert_pool(w, 0, 0, 0, 0);
	assert_pool(w, 1, 50, 50, 0);
}

/* A page size that is no smaller one is no fallback: the shortfall stays. */
static void fallback_is_smaller(void **state)
{
	const uint64_t sizes[] = { MODEL_PAGE, 4 * MODEL_PAGE };
	struct gr_reserve_options options = { .fallback_sizes = sizes, .fallback_count = 2 };
	struct world *w = *state;

	w->k->limit[0] = 10;
	assert_int_equal(reserve_with(w, &options, "vm", -1, 20, false), -ENOMEM);
	assert_int_equal(w->report.short_pages, 10);
	assert_pool(w, 0, 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(partial_is_kept),
		ONE(floor_trims_what_is_partial),
		ONE(floor_refuses_what_is_whole),
		ONE(time_ends_it),
		TWO(a_wish_takes_from_others),
		ONE(fallback_is_smaller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
