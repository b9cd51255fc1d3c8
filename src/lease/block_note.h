/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the state directory knows of memory blocks that we took offline: one small file for each,
 * blocks/N, that is there before the block is touched. Private to lease/.
 */
#ifndef GR_LEASE_BLOCK_NOTE_H
#define GR_LEASE_BLOCK_NOTE_H

#include "lease/ledger.h"

struct gr_block_note {
	bool movable;       /* where it belongs: ZONE_MOVABLE, or a zone of the kernel's own */
	unsigned int tries; /* how often its return to ZONE_MOVABLE failed */
	uint64_t retry_ns;  /* CLOCK_BOOTTIME: not tried again before */
};

/** gr_block_note_save - Return: 0 or -errno; a kill leaves the old note or the new one. */
int gr_block_note_save(const struct gr_ledger *ledger, uint64_t block,
		       const struct gr_block_note *note);

/** gr_block_note_read - Return: 0; -ENOENT; -ESTALE for a note of an earlier boot; -EBADMSG. */
int gr_block_note_read(const struct gr_ledger *ledger, uint64_t block, struct gr_block_note *ret);

/** gr_block_note_drop - the block is where it belongs. The directory goes with the last note. */
void gr_block_note_drop(const struct gr_ledger *ledger, uint64_t block);

/** gr_block_notes - numbers of the blocks with a note, ascending; free() them. 0 or -errno. */
int gr_block_notes(const struct gr_ledger *ledger, uint64_t **ret, size_t *ret_count);

#endif
