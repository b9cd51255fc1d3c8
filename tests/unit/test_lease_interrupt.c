// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A signal at every moment at which a reservation looks for one: the pools are as before, no lease
 * is left, and the message says what became of the pages.
 */
#include "lease_world.h"

static volatile int signal_number;

struct moment {
	struct world *world;
	uint64_t at;	/* with that many pages, 0: before the first */
	bool deaf_then; /* from then on writes to pools do nothing */
};

static void on_progress(void *data, uint64_t done, uint64_t total)
{
	struct moment *moment = data;

	if (done < moment->at)
		return;
	signal_number = 2;
	moment->world->model->deaf = moment->deaf_then;
}

static int reserve_until(struct world *w, uint64_t pages, uint64_t at, bool deaf_then)
{
	struct moment moment = { .world = w, .at = at, .deaf_then = deaf_then };
	const struct gr_grant grant = { .node = -1, .page_size_bytes = MODEL_PAGE, .pages = pages };
	const struct gr_reserve_options options = {
		.grants = &grant, .grant_count = 1, .interrupted = &signal_number,
		.progress = on_progress, .progress_data = &moment,
	};
	struct gr_lease *lease = NULL;
	int r;

	signal_number = at == 0 ? 15 : 0;
	gr_reserve_report_done(&w->report);
	r = gr_reserve(w->ledger, "vm", &options, &lease, &w->report, &w->err);
	gr_lease_free(lease);
	return r;
}

static void before_the_first_write(void **state)
{
	struct world *w = *state;

	kernel_set_persistent(w->k, 0, 5);
	assert_int_equal(reserve_until(w, 100, 0, false), -EINTR);
	assert_int_equal(w->err.class, GR_CLASS_HOST);
	assert_string_equal(w->err.message, "interrupted while reserving");
	assert_string_equal(w->err.hint, "nothing was taken");
	assert_pool(w, 0, 5, 5, 0);
	assert_int_equal(lease_count(w), 0);
}

static void between_writes(void **state)
{
	static const uint64_t yields[] = { 40, 60, 80, 90, 95, 96, 97, 98, 99, 100 };
	struct world *w = *state;

	for (uint64_t at = 1; at <= 100; at += 11) {
		w->k->script = yields;
		w->k->script_count = GR_ARRAY_SIZE(yields);
		w->k->script_at = 0;
		assert_int_equal(reserve_until(w, 100, at, false), -EINTR);
		assert_string_equal(w->err.message, "interrupted while reserving");
		assert_string_equal(w->err.hint, "everything was put back");
		assert_pool(w, 0, 0, 0, 0);
		assert_int_equal(lease_count(w), 0);
	}
}

/* Once all is there a signal changes nothing more of the outcome than any other moment. */
static void with_the_last_page(void **state)
{
	struct world *w = *state;

	assert_int_equal(reserve_until(w, 100, 100, false), -EINTR);
	assert_string_equal(w->err.hint, "everything was put back");
	assert_pool(w, 0, 0, 0, 0);
	assert_int_equal(lease_count(w), 0);
}

/* What is not so is not said. */
static void when_it_cannot_be_put_back(void **state)
{
	struct world *w = *state;

	w->k->limit[0] = 50;
	assert_int_equal(reserve_until(w, 100, 50, true), -EIO);
	assert_int_equal(w->err.class, GR_CLASS_STRANDED);
	assert_null(strstr(w->err.hint, "everything was put back"));
	assert_int_equal(lease_count(w), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(before_the_first_write),
		ONE(between_writes),
		ONE(with_the_last_page),
		ONE(when_it_cannot_be_put_back),
	};

	return cmocka_run_group_tests_name("lease_interrupt", tests, NULL, NULL);
}
