/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tests of lease/ share: a modelled host with an open ledger, short ways to reserve and
 * release, and the rule that must hold whenever nobody is in the middle of something: the
 * persistent count of each node is what other owners have plus what the leases owe.
 */
#ifndef GR_TEST_LEASE_WORLD_H
#define GR_TEST_LEASE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "lease/ledger.h"
#include "model_root.h"

struct world {
	struct gr_root *root;
	struct model *model;
	struct model_kernel *k;
	struct gr_ledger *ledger;
	struct gr_reserve_report report; /* of the last reservation */
	struct gr_error err;
};

static inline void world_open(struct world *w)
{
	assert_int_equal(gr_ledger_open(w->root, false, 0, &w->ledger, &w->err), 0);
}

static inline void world_close(struct world *w)
{
	gr_ledger_close(w->ledger);
	w->ledger = NULL;
}

static inline void world_start(struct world *w, int nodes)
{
	*w = (struct world){ 0 };
	w->model = model_start(&w->root);
	w->k = &w->model->kernel;
	w->k->nodes = nodes;
	world_open(w);
}

static inline void world_end(struct world *w)
{
	world_close(w);
	gr_reserve_report_done(&w->report);
	model_end(w->root);
}

static inline int reserve_grants(struct world *w, const char *name, const struct gr_grant *grants,
				 size_t count, bool pending)
{
	struct gr_reserve_options options = { .grants = grants,
					      .grant_count = count,
					      .pending = pending };
	struct gr_lease *lease = NULL;
	int r;

	gr_reserve_report_done(&w->report);
	r = gr_reserve(w->ledger, name, &options, &lease, &w->report, &w->err);
	gr_lease_free(lease);
	return r;
}

static inline int reserve(struct world *w, const char *name, int node, uint64_t pages)
{
	const struct gr_grant grant = { .node = node,
					.page_size_bytes = MODEL_PAGE,
					.pages = pages };

	return reserve_grants(w, name, &grant, 1, false);
}

static inline int release(struct world *w, const char *name, uint64_t *ret_pages)
{
	return gr_give_back(w->ledger, name, ret_pages, &w->err);
}

static inline int recover(struct world *w)
{
	struct gr_recovery recovery = { 0 };
	int r = gr_recover(w->ledger, &recovery, &w->err);

	gr_recovery_done(&recovery);
	return r;
}

static inline struct gr_lease *find(struct world *w, const char *name)
{
	struct gr_lease *lease = NULL;

	return gr_ledger_find(w->ledger, name, &lease, NULL) < 0 ? NULL : lease;
}

static inline size_t lease_count(struct world *w)
{
	struct gr_leases leases;
	size_t count;

	assert_int_equal(gr_ledger_list(w->ledger, &leases, NULL), 0);
	count = leases.count;
	gr_leases_done(&leases);
	return count;
}

/* What the leases owe to a node: own and promoted pages. */
static inline uint64_t owed(struct world *w, int node)
{
	struct gr_leases leases;
	uint64_t pages = 0;

	assert_int_equal(gr_ledger_list(w->ledger, &leases, NULL), 0);
	for (size_t i = 0; i < leases.count; i++) {
		for (size_t j = 0; j < leases.leases[i]->grant_count; j++) {
			const struct gr_lease_grant *grant = &leases.leases[i]->grants[j];

			if (grant->node == node || grant->node < 0)
				pages += grant->pages + grant->promoted_pages;
		}
	}
	gr_leases_done(&leases);
	return pages;
}

#define assert_pool(w, node, total_, free_, surplus_)                                              \
	do {                                                                                       \
		assert_int_equal((w)->k->total[node], total_);                                     \
		assert_int_equal((w)->k->free[node], free_);                                       \
		assert_int_equal((w)->k->surplus[node], surplus_);                                 \
	} while (0)

/* Runs @act in a child that is killed at point @at. Return: false if it ended before that point. */
static inline bool killed_at(struct world *w, unsigned int at, void (*act)(struct world *w))
{
	int status;
	pid_t pid;

	world_close(w);
	w->model->point = 0;
	w->model->die_at = at;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		world_open(w);
		act(w);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	w->model->die_at = 0;
	world_open(w);
	assert_true(WIFEXITED(status) &&
		    (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == MODEL_DIED));
	return WEXITSTATUS(status) == MODEL_DIED;
}

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	world_start(w, 1);
	*state = w;
	return 0;
}

static inline int setup_two(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	world_start(w, 2);
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	world_end(*state);
	free(*state);
	return 0;
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define TWO(test) cmocka_unit_test_setup_teardown(test, setup_two, teardown)

#endif
