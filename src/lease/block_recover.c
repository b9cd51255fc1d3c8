// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Blocks that somebody who was killed left offline, and blocks of ZONE_MOVABLE that were lent to
 * the kernel. The first come back at once, and always. The others have to go offline for it, which
 * moves memory and makes an event, and fails where the kernel has put something of its own: so it
 * is tried less and less often, and never while anybody's huge pages are in the block.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "lease/block_note.h"
#include "lease/blocks.h"

#define SETTLE_NS (UINT64_C(3) * 1000000000)  /* for one that changes at this moment */
#define RETURN_NS (UINT64_C(2) * 1000000000)  /* for one lent block */
#define RETURNS_NS (UINT64_C(15) * 1000000000) /* for all of them */
#define RETRY_NS (UINT64_C(60) * 1000000000)
#define FREE_TRIES 3
#define RETRY_SHIFT_MAX 10

/* The child of one who was just killed may still be at it. Return: the state, or -errno. */
static int settled_state(struct gr_ledger *ledger, uint64_t block)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	uint64_t until = gr_now_ns() + SETTLE_NS;
	int state;

	for (;;) {
		state = gr_block_state(ledger->root, block);
		if (state != GR_BLOCK_CHANGING || gr_now_ns() > until)
			return state;
		nanosleep(&pause, NULL);
	}
}

/* May a lent block be taken from the kernel again? Only when it is known what is in it. */
static bool may_return(struct gr_ledger *ledger, uint64_t block, uint64_t block_bytes)
{
	struct gr_page_kinds kinds;

	return block_bytes && gr_block_kinds(ledger->root, block, block_bytes, &kinds) >= 0 &&
	       !kinds.huge && !kinds.absent;
}

/* Return: 1 if it is back in ZONE_MOVABLE; 0: later; -errno: it is offline. */
static int return_lent(struct gr_ledger *ledger, uint64_t block, struct gr_block_note note)
{
	int r = gr_block_offline(ledger, block, gr_now_ns() + RETURN_NS, NULL);

	if (r >= 0) {
		r = gr_blocks_online(ledger, &block, 1, true, NULL);
		if (r < 0)
			return r;
		if (gr_block_note_read(ledger, block, &note) == -ENOENT)
			return 1;
	}
	note.tries++;
	if (note.tries >= FREE_TRIES)
		note.retry_ns = gr_boottime_ns() +
				(RETRY_NS << gr_min_u64(note.tries - FREE_TRIES, RETRY_SHIFT_MAX));
	gr_block_note_save(ledger, block, &note);
	return 0;
}

struct recovery {
	struct gr_ledger *ledger;
	uint64_t block_bytes; /* 0: unknown */
	uint64_t returns_until_ns;
};

/* One block with a note. Return: 1 if something was done, 0 or -errno. */
static int recover_block(const struct recovery *recovery, uint64_t block)
{
	struct gr_ledger *ledger = recovery->ledger;
	struct gr_block_note note;
	int r = gr_block_note_read(ledger, block, &note), state, movable;

	if (r == -ENOENT)
		return 0;
	state = settled_state(ledger, block);
	/* Of an earlier boot, or there is no such block any more: what is now is not ours. A note
	 * that cannot be read does not matter where the block is online. */
	if (r == -ESTALE || state == -ENOENT || (r == -EBADMSG && state == GR_BLOCK_ONLINE)) {
		gr_block_note_drop(ledger, block);
		return 0;
	}
	if (r < 0 || state < 0)
		return r < 0 ? r : state;
	if (state != GR_BLOCK_ONLINE) {
		r = gr_blocks_online(ledger, &block, 1, true, NULL);
		return r < 0 ? r : 1;
	}
	movable = gr_block_movable(ledger->root, block);
	if (!note.movable || movable == 1) {
		gr_block_note_drop(ledger, block); /* killed before the write, or after the last */
		return 0;
	}
	if (ledger->keep_blocks || gr_now_ns() > recovery->returns_until_ns ||
	    gr_boottime_ns() < note.retry_ns || !may_return(ledger, block, recovery->block_bytes))
		return 0;
	return return_lent(ledger, block, note);
}

static int tell(uint64_t block, int r, struct gr_error *err)
{
	if (r == -EBADMSG)
		r = gr_error_set(err, GR_CLASS_STRANDED, EBADMSG, "memory block %" PRIu64 " is not "
				 "online, and /run/guestram/blocks/%" PRIu64 " cannot be read",
				 block, block);
	else
		r = gr_error_set(err, GR_CLASS_STRANDED, -r, "memory block %" PRIu64
				 " does not come back online: %s", block, strerror(-r));
	gr_error_hint(err, "as root: echo online > /sys/devices/system/memory/memory%" PRIu64
			   "/state; then `guestram recover`", block);
	return r;
}

int gr_blocks_recover(struct gr_ledger *ledger, uint64_t *ret_blocks, struct gr_error *err)
{
	struct recovery recovery = { .ledger = ledger,
				     .returns_until_ns = gr_now_ns() + RETURNS_NS };
	_cleanup_free_ uint64_t *blocks = NULL;
	size_t count;
	int failed = 0, r = gr_block_notes(ledger, &blocks, &count);

	*ret_blocks = 0;
	if (r < 0)
		return gr_error_set(err, GR_CLASS_SYSTEM, -r, "cannot list /run/guestram/blocks: %s",
				    strerror(-r));
	if (count && gr_block_bytes(ledger->root, &recovery.block_bytes) < 0)
		recovery.block_bytes = 0;
	for (size_t i = 0; i < count; i++) {
		r = recover_block(&recovery, blocks[i]);
		*ret_blocks += r > 0;
		if (r < 0) {
			r = tell(blocks[i], r, failed ? NULL : err);
			failed = failed ? failed : r;
		}
	}
	return failed;
}
