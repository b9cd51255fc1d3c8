/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A model of the kernel's huge-page pools: one page size, up to four nodes, counts only. It follows
 * mm/hugetlb.c: set_max_huge_pages() with promotion first, min_count over the whole host, dropping
 * and surplus going round the allowed nodes; a page freed on a node with surplus leaves the pool.
 * model_check.c compares it with the kernel that runs, event by event.
 * The two old mistakes are switches: per-node writes that count surplus of other nodes (before
 * 6.7), and a min_count that takes surplus for persistent (before 6.15).
 */
#ifndef GR_TEST_MODEL_KERNEL_H
#define GR_TEST_MODEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_NODES 4
#define MODEL_ANY (-1)

struct model_kernel {
	int nodes;
	bool old_node_arithmetic, old_min_count;
	bool gathers_first_node; /* Linux 6.12: overcommit for a promise is not local */
	uint64_t total[MODEL_NODES], free[MODEL_NODES], surplus[MODEL_NODES];
	uint64_t limit[MODEL_NODES]; /* most pages that the node's memory can hold */
	uint64_t reserved, overcommit;
	int next_alloc, next_free; /* the nodes at which the next rounds begin */
	/* Growths: what the node's total is allowed to reach, one entry a write; then `limit`. */
	const uint64_t *script;
	size_t script_count, script_at;
};

/** kernel_write - what a write to nr_hugepages (@node -1) or the node's does; @only: bound to it.
 */
void kernel_write(struct model_kernel *k, int node, int only, uint64_t count);

/** kernel_wraps - would a write to a node's file be taken for "all that there is"? So it is from 6.7
 * on where this node, or all others together, have more surplus pages than pages. */
bool kernel_wraps(const struct model_kernel *k, int node, uint64_t count);

/** kernel_take - fault @pages in on @node. Return: how many were had. */
uint64_t kernel_take(struct model_kernel *k, int node, uint64_t pages);

/** kernel_free - @pages in use on @node are freed. */
void kernel_free(struct model_kernel *k, int node, uint64_t pages);

/** kernel_reserve - promise @pages without touching; if need be and allowed, by overcommit on @node.
 * Return: kept or not. */
bool kernel_reserve(struct model_kernel *k, int node, uint64_t pages);
void kernel_unreserve(struct model_kernel *k, uint64_t pages);
/** kernel_take_reserved - fault one promised page in on @node. Return: had it or not. */
bool kernel_take_reserved(struct model_kernel *k, int node);

/** kernel_surplus - another tool's hand-over: @pages in use on @node, none of them persistent. */
uint64_t kernel_surplus(struct model_kernel *k, int node, uint64_t pages);

/** kernel_set_persistent - another owner changes his pool on @node exactly. */
void kernel_set_persistent(struct model_kernel *k, int node, uint64_t pages);

uint64_t kernel_persistent(const struct model_kernel *k, int node); /* -1: of all */
uint64_t kernel_sum(const struct model_kernel *k, const uint64_t *of);
uint64_t kernel_used(const struct model_kernel *k, int node);

#endif
