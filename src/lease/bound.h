/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this task does under a memory policy of one node. Apart from the rest, because it makes
 * system calls of its own: the tests of lease/ put a model of the kernel in its place.
 */
#ifndef GR_LEASE_BOUND_H
#define GR_LEASE_BOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/root.h"

/** gr_bound_write - write @value to @path while bound to @node. Return: 0 or -errno. */
int gr_bound_write(const struct gr_root *root, const char *path, int node, uint64_t value,
		   struct gr_error *err);

/**
 * gr_bound_cycle - take @pages free huge pages of @node (-1: of any) and let go of them at once
 *
 * The kernel gives a page that is freed on a node with surplus to the page allocator. Best effort:
 * the caller reads what came of it. Does nothing in a capture.
 */
void gr_bound_cycle(const struct gr_root *root, int node, uint64_t page_size_bytes, uint64_t pages);

/**
 * gr_bound_fill - take @bytes of ordinary memory of @node (-1: of any) and let go of it at once
 * @go_on: asked before every 64 MiB
 *
 * Best effort. Does nothing in a capture.
 */
void gr_bound_fill(const struct gr_root *root, int node, uint64_t bytes, bool (*go_on)(void *data),
		   void *data);

#endif
