// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Leases on hosts that are odd, or become so at the wrong moment: node numbers with holes, a node
 * without memory, a node that goes away, files that turn read-only, counters that ran below zero,
 * and surplus without pages.
 */
#include "lease_world.h"

static const struct {
	bool old_node_arithmetic, old_min_count;
} kernels[] = { { true, true }, { false, true }, { false, false } };

static void be_kernel(struct world *w, size_t i)
{
	w->k->old_node_arithmetic = kernels[i].old_node_arithmetic;
	w->k->old_min_count = kernels[i].old_min_count;
}

/* Numbers are names: 0 and 12, 3 and 250; with surplus on the other node as well. */
static void node_numbers(void **state)
{
	static const int ids[][2] = { { 0, 12 }, { 3, 250 }, { 1023, 9 } };
	struct world *w = *state;

	for (size_t i = 0; i < GR_ARRAY_SIZE(ids) * GR_ARRAY_SIZE(kernels); i++) {
		const int *id = ids[i / GR_ARRAY_SIZE(kernels)];
		struct gr_lease *lease;

		be_kernel(w, i % GR_ARRAY_SIZE(kernels));
		memcpy(w->model->id, id, 2 * sizeof(*id));
		assert_int_equal(reserve(w, "vm", id[1], 20), 0);
		assert_pool(w, 1, 20, 20, 0);
		lease = find(w, "vm");
		assert_int_equal(lease->grants[0].node, id[1]);
		gr_lease_free(lease);
		assert_int_equal(release(w, "vm", NULL), 0);
		assert_int_equal(kernel_surplus(w->k, 0, 8), 8);
		assert_int_equal(reserve(w, "vm", id[1], 20), 0);
		assert_pool(w, 1, 20, 20, 0);
		assert_pool(w, 0, 8, 0, 8);
		assert_int_equal(release(w, "vm", NULL), 0);
		kernel_free(w->k, 0, 8);
		/* A hole, and one more than there is. */
		assert_int_equal(reserve(w, "vm", 2, 1), -ENODEV);
		assert_int_equal(w->err.class, GR_CLASS_USAGE);
		assert_int_equal(reserve(w, "vm", 1024, 1), -ENODEV);
		assert_pool(w, 0, 0, 0, 0);
		assert_pool(w, 1, 0, 0, 0);
		assert_int_equal(lease_count(w), 0);
	}
}

static void node_without_memory(void **state)
{
	struct world *w = *state;

	w->model->id[1] = 2;
	w->model->empty_id = 1;
	w->k->limit[0] = 50;
	assert_int_equal(reserve(w, "vm", 1, 1), -ENODEV);
	assert_int_equal(w->err.class, GR_CLASS_USAGE);
	assert_non_null(strstr(w->err.message, "node 1"));
	assert_int_equal(reserve(w, "vm", -1, 60), 0);
	assert_int_equal(kernel_sum(w->k, w->k->total), 60);
	assert_int_equal(release(w, "vm", NULL), 0);
	assert_int_equal(kernel_sum(w->k, w->k->total), 0);
}

static void second_node_goes(struct model *model)
{
	model->kernel.nodes = 1;
}

/* The plan saw two nodes, the write finds one. */
static void node_goes_before_the_write(void **state)
{
	static const struct gr_grant both[] = {
		{ .node = 0, .page_size_bytes = MODEL_PAGE, .pages = 20 },
		{ .node = 1, .page_size_bytes = MODEL_PAGE, .pages = 30 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < 2 * GR_ARRAY_SIZE(kernels); i++) {
		be_kernel(w, i / 2);
		w->k->nodes = 2;
		kernel_set_persistent(w->k, 0, 5);
		/* With surplus, the write is bound to the node instead. */
		if (i & 1)
			assert_int_equal(kernel_surplus(w->k, 0, 8), 8);
		w->model->before_write = second_node_goes;
		assert_true(reserve(w, "vm", 1, 30) < 0);
		assert_int_equal(w->k->nodes, 1);
		w->k->nodes = 2;
		assert_true(reserve_grants(w, "vm", both, 2, false) < 0);
		assert_int_equal(w->k->nodes, 1);
		w->model->before_write = NULL;
		assert_int_equal(recover(w), 0);
		w->k->nodes = 2;
		assert_int_equal(recover(w), 0);
		/* Free pages beside surplus may be anybody's: the debt waits until it is told. */
		if (!(i & 1))
			assert_int_equal(lease_count(w), 0);
		kernel_free(w->k, 0, i & 1 ? 8 : 0);
		assert_int_equal(recover(w), 0);
		assert_int_equal(lease_count(w), 0);
		assert_pool(w, 0, 5, 5, 0);
		assert_pool(w, 1, 0, 0, 0);
		kernel_set_persistent(w->k, 0, 0);
	}
}

/* What was there is gone with the node; the rest is given back. */
static void node_goes_later(void **state)
{
	static const struct gr_grant both[] = {
		{ .node = 0, .page_size_bytes = MODEL_PAGE, .pages = 20 },
		{ .node = 1, .page_size_bytes = MODEL_PAGE, .pages = 30 },
	};
	struct world *w = *state;
	uint64_t pages;

	assert_int_equal(reserve_grants(w, "vm", both, 2, false), 0);
	w->k->nodes = 1;
	w->k->total[1] = w->k->free[1] = 0;
	assert_int_equal(release(w, "vm", &pages), 0);
	assert_int_equal(pages, 20);
	assert_int_equal(lease_count(w), 0);
	assert_pool(w, 0, 0, 0, 0);
}

/* From the nth write on nothing can be written: nothing is lost, and it is put right later. */
static void read_only_from(void **state)
{
	static const uint64_t yields[] = { 10, 15, 20 };
	struct world *w = *state;

	for (unsigned int skip = 0; skip < 4; skip++) {
		int r;

		kernel_set_persistent(w->k, 0, 7);
		w->k->script = yields;
		w->k->script_count = GR_ARRAY_SIZE(yields);
		w->k->script_at = 0;
		w->model->fault = (struct model_fault){ "nr_hugepages", true, EROFS, skip, 1000 };
		r = reserve(w, "vm", -1, 13);
		assert_true(skip < 3 ? r == -EROFS : r == 0);
		assert_int_equal(w->k->total[0], skip ? yields[skip - 1] : 7);
		if (skip == 0)
			assert_int_equal(w->err.class, GR_CLASS_HOST);
		else if (skip < 3)
			assert_int_equal(w->err.class, GR_CLASS_STRANDED);
		assert_int_equal(lease_count(w), skip > 0);
		if (skip) {
			assert_int_equal(release(w, "vm", NULL), -EROFS);
			assert_int_equal(w->err.class, GR_CLASS_STRANDED);
			assert_int_equal(owed(w, 0), yields[skip - 1] - 7);
		}
		w->model->fault.times = 0;
		assert_int_equal(recover(w), 0);
		assert_int_equal(lease_count(w), 0);
		assert_pool(w, 0, 7, 7, 0);
		kernel_set_persistent(w->k, 0, 0);
	}
}

/* A counter of another kind than surplus that ran below zero promises and counts nothing. */
static void counters_below_zero(void **state)
{
	static const struct {
		const char *part;
		uint64_t shown;
	} odd[] = { { "resv_hugepages", UINT64_MAX - 7 },
		    { "mm/hugepages/hugepages-2048kB/free_hugepages", UINT64_MAX - 7 },
		    { "node1/hugepages/hugepages-2048kB/free_hugepages", UINT32_MAX - 7 } };
	struct world *w = *state;

	kernel_set_persistent(w->k, 1, 40);
	for (size_t i = 0; i < GR_ARRAY_SIZE(odd); i++) {
		w->model->shown_part = odd[i].part;
		w->model->shown = odd[i].shown;
		for (int node = -1; node < 2; node++) {
			assert_int_equal(reserve(w, "vm", node, 10), 0);
			assert_int_equal(release(w, "vm", NULL), 0);
			assert_pool(w, 0, 0, 0, 0);
			assert_pool(w, 1, 40, 40, 0);
		}
	}
}

/* The kernel goes on counting with it, in 32 bits for a node: the other node is not harmed. */
static void surplus_below_zero(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < GR_ARRAY_SIZE(kernels); i++) {
		be_kernel(w, i);
		kernel_set_persistent(w->k, 1, 40);
		w->k->surplus[1] = UINT64_MAX - 7;
		w->model->shown_part = "node1/hugepages/hugepages-2048kB/surplus_hugepages";
		w->model->shown = UINT32_MAX - 7;
		assert_int_equal(reserve(w, "vm", 0, 10), 0);
		assert_pool(w, 0, 10, 10, 0);
		assert_int_equal(release(w, "vm", NULL), 0);
		assert_pool(w, 0, 0, 0, 0);
		assert_pool(w, 1, 40, 40, UINT64_MAX - 7);
		w->k->surplus[1] = 0;
		w->model->shown_part = NULL;
	}
}

/* Kernels drop free pages that are surplus without counting them down. From 6.7 on a per-node write
 * beside such a node takes all memory. */
static void surplus_without_pages(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < GR_ARRAY_SIZE(kernels); i++) {
		be_kernel(w, i);
		w->k->total[0] = w->k->free[0] = 10;
		w->k->total[1] = w->k->free[1] = 2;
		w->k->surplus[0] = 0;
		w->k->surplus[1] = 10;
		assert_true(i == 0 || kernel_wraps(w->k, 0, 30));
		assert_int_equal(reserve(w, "vm", 0, 20), 0);
		assert_pool(w, 0, 30, 30, 0);
		assert_pool(w, 1, 2, 2, 10);
		assert_int_equal(release(w, "vm", NULL), 0);
		assert_pool(w, 0, 10, 10, 0);
		assert_pool(w, 1, 2, 2, 10);
		/* A growth there makes it straight. */
		assert_int_equal(reserve(w, "vm", 1, 20), 0);
		assert_pool(w, 1, 22, 22, 0);
		assert_int_equal(release(w, "vm", NULL), 0);
		assert_pool(w, 0, 10, 10, 0);
		assert_pool(w, 1, 2, 2, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TWO(node_numbers),
		TWO(node_without_memory),
		TWO(node_goes_before_the_write),
		TWO(node_goes_later),
		ONE(read_only_from),
		TWO(counters_below_zero),
		TWO(surplus_below_zero),
		TWO(surplus_without_pages),
	};

	return cmocka_run_group_tests_name("lease, odd hosts", tests, NULL, NULL);
}
