/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory blocks, taken offline and brought back: what was movable in them has moved elsewhere then.
 * Private to lease/.
 */
#ifndef GR_LEASE_BLOCKS_H
#define GR_LEASE_BLOCKS_H

#include "lease/ledger.h"

/** gr_block_bytes - of a memory block. Return: 0; -ENOENT without memory hot-unplug; -errno. */
int gr_block_bytes(const struct gr_root *root, uint64_t *ret);

/**
 * gr_block_offline - empty one block and take it from the kernel, with a note for recovery first
 * @deadline_ns: of CLOCK_MONOTONIC; the kernel's work is done by a child that is given up then
 *
 * The block is online before. Return: 0; -EBUSY and the like where something in it cannot move (it
 * is online, as before); -ETIMEDOUT; -EINTR; -errno.
 */
int gr_block_offline(struct gr_ledger *ledger, uint64_t block, uint64_t deadline_ns,
		     const volatile int *interrupted);

/**
 * gr_block_online - bring it back as the kernel's own memory, or (@home) to the zone it came from
 *
 * Return: 0; -errno, and the note stays.
 */
int gr_block_online(struct gr_ledger *ledger, uint64_t block, bool home);

/** gr_blocks_noted - is there a note of any block? */
bool gr_blocks_noted(const struct gr_ledger *ledger);

/** gr_ledger_has_gigantic - does a lease have pages as large as a memory block or larger? When that
 * cannot be told, yes. */
bool gr_ledger_has_gigantic(struct gr_ledger *ledger);

/**
 * gr_blocks_recover - bring back every block that a note names and that is offline
 * @lent_over: return those of ZONE_MOVABLE, too, that the kernel's own memory was lent
 * @ret_blocks: how many
 *
 * Blocks that others have taken offline have no note and are left alone. Return: 0 or -errno.
 */
int gr_blocks_recover(struct gr_ledger *ledger, bool lent_over, uint64_t *ret_blocks,
		      struct gr_error *err);

#endif
