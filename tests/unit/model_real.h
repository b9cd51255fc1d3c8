/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The running kernel behind the same actions that model_kernel.h has: pool files are written and
 * read, pages of 2 MiB are taken and promised by mappings of this process. Nothing here computes;
 * what was had is told, for the comparison. Static and without a library, since it runs in guests.
 */
#ifndef GR_TEST_MODEL_REAL_H
#define GR_TEST_MODEL_REAL_H

#include "model_kernel.h"

#define REAL_PAGE ((size_t)2 << 20)
#define REAL_HELD_MAX 64 /* on a node */
#define REAL_PROMISES 4

struct real_promise { /* a mapping with a reservation */
	char *map;    /* NULL: none */
	int node;     /* that it is bound to */
	uint64_t pages, touched;
};

struct real {
	int nodes;
	void *held[MODEL_NODES][REAL_HELD_MAX]; /* one mapping each, without a reservation */
	uint64_t held_count[MODEL_NODES];
	struct real_promise promises[REAL_PROMISES];
};

/** real_open - find the nodes: 0 to N-1, each with a pool. Return: 0, -1 with a line on stderr. */
int real_open(struct real *real);

/** real_read - the counts as they are; nothing else of @ret is changed. */
void real_read(const struct real *real, struct model_kernel *ret);

/** real_write - as kernel_write(); @only >= 0 writes nr_hugepages_mempolicy, bound to that node. */
void real_write(int node, int only, uint64_t count);
void real_overcommit(uint64_t pages);

/** real_take, real_let_go - as kernel_take() and kernel_free(). Return: pages. */
uint64_t real_take(struct real *real, int node, uint64_t pages);
uint64_t real_let_go(struct real *real, int node, uint64_t pages);

/** real_promise - as kernel_reserve(), by this task on a CPU of @node; the mapping is bound to it.
 * @slot is free. */
bool real_promise(struct real *real, int slot, int node, bool shared, uint64_t pages);
/** real_touch - as many kernel_take_reserved(). Return: pages. */
uint64_t real_touch(struct real *real, int slot, uint64_t pages);
/** real_unpromise - the mapping goes: first its pages, then what is left of its reservation. */
void real_unpromise(struct real *real, int slot);

/** real_reset - let go of everything and empty the pools; false if they do not become empty. */
bool real_reset(struct real *real);

#endif
