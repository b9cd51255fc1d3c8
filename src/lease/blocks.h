/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory blocks (/sys/devices/system/memory), taken offline and brought back: what was movable in
 * them has moved elsewhere then. Private to lease/.
 */
#ifndef GR_LEASE_BLOCKS_H
#define GR_LEASE_BLOCKS_H

#include "host/survey.h"
#include "lease/ledger.h"

/* How long a block may take to come back: mostly it waits for another one. */
#define GR_BLOCK_BACK_NS (UINT64_C(5) * 1000000000)

/** gr_block_bytes - size of a memory block. Return: 0; -ENOENT without hot-unplug; -errno. */
int gr_block_bytes(const struct gr_root *root, uint64_t *ret);

/** gr_block_top - the highest block of a node; the kernel's own early memory lies there. */
int gr_block_top(const struct gr_root *root, unsigned int node, uint64_t *ret);

/** gr_block_kinds - what is in a block at this moment. Return: 0 or -errno. */
int gr_block_kinds(const struct gr_root *root, uint64_t block, uint64_t block_bytes,
		   struct gr_page_kinds *ret);

/**
 * gr_block_offline - empty one block and take it from the kernel, with a note for recovery first
 * @deadline_ns: of CLOCK_MONOTONIC
 *
 * Who calls this has seen that nobody's huge pages are in it: free ones would be dissolved.
 * Return: 0; -EBUSY and the like where something in it cannot move (it is online, as before);
 * -EALREADY where it is not online; -ETIMEDOUT, -EINTR; -errno.
 */
int gr_block_offline(struct gr_ledger *ledger, uint64_t block, uint64_t deadline_ns,
		     const volatile int *interrupted);

/**
 * gr_blocks_online - bring blocks back as the kernel's own memory, or (@home) to their old zone
 * @ret_stranded: how many are not online; may be NULL
 *
 * In quick succession: memory that is back fills again. A block without a note is not ours and
 * stays as it is. One of ZONE_MOVABLE that comes back as the kernel's own keeps its note: it is
 * lent.
 * Return: 0; -errno, and the notes of those that are not online stay.
 */
int gr_blocks_online(struct gr_ledger *ledger, const uint64_t *blocks, size_t count, bool home,
		     size_t *ret_stranded);

/**
 * gr_blocks_recover - bring back every block that a note names and that is offline
 * @ret_blocks: how many came back, or returned to ZONE_MOVABLE
 *
 * Lent blocks return as soon as no huge page is in them, unless the ledger is one of a hook. What
 * the kernel has put there meanwhile may keep them: then later, at growing intervals. Blocks
 * that others have taken offline have no note and are left alone. Return: 0 or -errno (class
 * stranded).
 */
int gr_blocks_recover(struct gr_ledger *ledger, uint64_t *ret_blocks, struct gr_error *err);

#define GR_BLOCK_BATCH 16

/**
 * gr_block_write - write @word to the state of up to GR_BLOCK_BATCH blocks
 *
 * A child does it that can be given up. Return: 0, -errno as the kernel said at the first failure;
 * -ETIMEDOUT, -EINTR. What counts is the state of the blocks afterwards. Apart from the rest, so
 * that tests can put a model in its place.
 */
int gr_block_write(const struct gr_ledger *ledger, const uint64_t *blocks, size_t count,
		   const char *word, uint64_t deadline_ns, const volatile int *interrupted);

#define GR_BLOCK_PATH_MAX 96
const char *gr_block_path(uint64_t block, const char *file, char path[GR_BLOCK_PATH_MAX]);

enum gr_block_state { GR_BLOCK_ONLINE, GR_BLOCK_OFFLINE, GR_BLOCK_CHANGING };
/** gr_block_state - Return: enum gr_block_state; -ENOENT where the block is gone; -errno. */
int gr_block_state(const struct gr_root *root, uint64_t block);

/** gr_block_movable - in ZONE_MOVABLE? Return: 1, 0; -EBUSY if it lies in several zones; -errno. */
int gr_block_movable(const struct gr_root *root, uint64_t block);

#endif
