// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Leases while others change the same pool, at the moments that matter: between two of our
 * readings, between our reading and our write, and between our write and our reading of what came
 * of it.
 */
#include "lease_world.h"

static bool noted(const struct world *w, const char *text)
{
	for (size_t i = 0; i < w->report.note_count; i++) {
		if (strstr(w->report.notes[i], text))
			return true;
	}
	return false;
}

static unsigned int ending;

static void page_of_the_dying(struct model *model, const char *path)
{
	if (ending && model->kernel.surplus[0]) {
		ending--;
		kernel_free(&model->kernel, 0, 1);
	}
}

/* A VM with surplus pages ends while the pool is read: total and surplus are of two moments. */
static void vm_ends_while_we_read(void **state)
{
	struct world *w = *state;

	for (unsigned int pages = 1; pages < 40; pages++) {
		kernel_set_persistent(w->k, 0, 30);
		assert_int_equal(kernel_take(w->k, 0, 30), 30);
		assert_int_equal(kernel_surplus(w->k, 0, 50), 50);
		ending = pages;
		w->model->before_read = page_of_the_dying;
		assert_int_equal(reserve(w, "vm", 0, 20), 0);
		assert_int_equal(kernel_persistent(w->k, 0), 30 + owed(w, 0));
		ending = 50;
		assert_int_equal(release(w, "vm", NULL), 0);
		w->model->before_read = NULL;
		kernel_free(w->k, 0, kernel_used(w->k, 0) - 30);
		assert_int_equal(recover(w), 0);
		assert_int_equal(lease_count(w), 0);
		assert_pool(w, 0, 30, 0, 0);
		kernel_free(w->k, 0, 30);
		kernel_set_persistent(w->k, 0, 0);
	}
}

/* Another writer: what he makes of the pool, at his first chance. */
static int64_t his_change;

static void he_writes(struct model *model)
{
	struct model_kernel *k = &model->kernel;

	if (his_change)
		kernel_set_persistent(k, 0,
				      (uint64_t)((int64_t)kernel_persistent(k, 0) + his_change));
	his_change = 0;
}

/* Between our write and our reading of it: seen, where it is not just what the kernel does when it
 * is short; what is missing is asked for again, and what is his stays his. */
static void others_write_after_us(void **state)
{
	static const struct {
		int64_t change;
		bool seen;
	} his[] = { { 8, true }, { 1, true }, { -4, false }, { -20, false }, { -30, true } };
	struct world *w = *state;

	w->model->after_write = he_writes;
	for (size_t i = 0; i < GR_ARRAY_SIZE(his); i++) {
		uint64_t before = 40;

		kernel_set_persistent(w->k, 0, before);
		his_change = his[i].change;
		assert_int_equal(reserve(w, "vm", 0, 20), 0);
		assert_int_equal(noted(w, "somebody else changed the pool"), his[i].seen);
		assert_int_equal(owed(w, 0), 20);
		assert_true(w->report.count >= (his[i].change < 0 ? 2 : 1));
		/* A change that looks like a short answer of the kernel is made up for. */
		if (his[i].change > 0)
			before += (uint64_t)his[i].change;
		else if (his[i].change < -20)
			before -= (uint64_t)(-20 - his[i].change);
		assert_pool(w, 0, before + 20, before + 20, 0);
		assert_int_equal(release(w, "vm", NULL), 0);
		assert_pool(w, 0, before, before, 0);
	}
	/* While we give back: less, a little more, and more than there was. */
	for (int64_t change = -10; change <= 30; change += 4) {
		kernel_set_persistent(w->k, 0, 40);
		assert_int_equal(reserve(w, "vm", 0, 20), 0);
		his_change = change;
		assert_int_equal(release(w, "vm", NULL), 0);
		assert_int_equal(lease_count(w), 0);
		assert_int_equal(kernel_persistent(w->k, 0), 40 + change);
	}
}

/* Between our reading and our write, which takes an absolute count: his change is lost, and nothing
 * in the counts tells. What is ours is given back all the same, no more. */
static void others_write_before_us(void **state)
{
	struct world *w = *state;

	for (int64_t change = -30; change <= 40; change += 10) {
		kernel_set_persistent(w->k, 0, 40);
		w->model->before_write = he_writes;
		his_change = change;
		assert_int_equal(reserve(w, "vm", 0, 20), 0);
		w->model->before_write = NULL;
		assert_int_equal(owed(w, 0), 20);
		assert_pool(w, 0, 60, 60, 0);
		assert_int_equal(release(w, "vm", NULL), 0);
		assert_pool(w, 0, 40, 40, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(vm_ends_while_we_read),
		ONE(others_write_after_us),
		ONE(others_write_before_us),
	};

	return cmocka_run_group_tests_name("lease, other writers", tests, NULL, NULL);
}
