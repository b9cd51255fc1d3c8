// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A block that is offline belongs to nobody, and stays so until somebody brings it back: therefore
 * the note is there before the write, and goes when the block is online in its zone again. Whatever
 * the writes answered, what counts is what the block's files say afterwards.
 */
#include "lease/blocks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "lease/block_note.h"

#define MEMORY "sys/devices/system/memory"

const char *gr_block_path(uint64_t block, const char *file, char path[GR_BLOCK_PATH_MAX])
{
	snprintf(path, GR_BLOCK_PATH_MAX, MEMORY "/memory%" PRIu64 "/%s", block, file);
	return path;
}

int gr_block_bytes(const struct gr_root *root, uint64_t *ret)
{
	_cleanup_free_ char *line = NULL;
	uint64_t bytes;
	char *end;
	int r = gr_root_read_line(root, MEMORY "/block_size_bytes", &line, NULL);

	if (r < 0)
		return r;
	bytes = strtoull(line, &end, 16); /* hexadecimal, without 0x */
	if (!bytes || (bytes & (bytes - 1)) || *end)
		return -EBADMSG;
	*ret = bytes;
	return 0;
}

int gr_block_top(const struct gr_root *root, unsigned int node, uint64_t *ret)
{
	_cleanup_names_ struct gr_names names = { 0 };
	uint64_t block, top = 0;
	bool any = false;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "sys/devices/system/node/node%u", node);
	r = gr_root_list(root, path, &names, NULL);
	if (r < 0)
		return r;
	for (size_t i = 0; i < names.count; i++) {
		if (strncmp(names.names[i], "memory", 6) ||
		    gr_parse_u64(names.names[i] + 6, &block) < 0)
			continue; /* "meminfo", "memory_side_cache" */
		top = gr_max_u64(top, block);
		any = true;
	}
	if (!any)
		return -ENOENT;
	*ret = top;
	return 0;
}

int gr_block_kinds(const struct gr_root *root, uint64_t block, uint64_t block_bytes,
		   struct gr_page_kinds *ret)
{
	uint64_t pages = block_bytes / (uint64_t)sysconf(_SC_PAGESIZE);

	return gr_survey_stretch(root, block * pages, pages, ret);
}

int gr_block_state(const struct gr_root *root, uint64_t block)
{
	_cleanup_free_ char *state = NULL;
	char path[GR_BLOCK_PATH_MAX];
	int r = gr_root_read_line(root, gr_block_path(block, "state", path), &state, NULL);

	if (r < 0)
		return r;
	return !strcmp(state, "online")	 ? GR_BLOCK_ONLINE :
	       !strcmp(state, "offline") ? GR_BLOCK_OFFLINE :
					   GR_BLOCK_CHANGING;
}

int gr_block_movable(const struct gr_root *root, uint64_t block)
{
	_cleanup_free_ char *zones = NULL;
	char path[GR_BLOCK_PATH_MAX];
	/* Of a block that is online the one that it is in: "none" is more than one. */
	int r = gr_root_read_line(root, gr_block_path(block, "valid_zones", path), &zones, NULL);

	if (r < 0)
		return r;
	zones[strcspn(zones, " \t")] = '\0';
	return !strcmp(zones, "none") ? -EBUSY : !strcmp(zones, "Movable");
}

/* The block is online: is all as it was? Then nothing needs to be known of it any more. */
static void drop_if_home(struct gr_ledger *ledger, uint64_t block, const struct gr_block_note *note)
{
	if (!note->movable || gr_block_movable(ledger->root, block) == 1)
		gr_block_note_drop(ledger, block);
}

int gr_block_offline(struct gr_ledger *ledger, uint64_t block, uint64_t deadline_ns,
		     const volatile int *interrupted)
{
	struct gr_block_note note = { 0 };
	int state = gr_block_state(ledger->root, block), movable, r;

	if (ledger->keep_blocks)
		return -EPERM;
	if (state != GR_BLOCK_ONLINE)
		return state < 0 ? state : -EALREADY; /* others' doing: not ours to bring back */
	movable = gr_block_movable(ledger->root, block);
	if (movable < 0)
		return movable;
	/* One that was lent already still belongs where it came from. */
	if (gr_block_note_read(ledger, block, &note) < 0)
		note = (struct gr_block_note){ 0 };
	note.movable |= movable;
	r = gr_block_note_save(ledger, block, &note);
	if (r < 0)
		return r;
	r = gr_block_write(ledger, &block, 1, "offline\n", deadline_ns, interrupted);
	state = gr_block_state(ledger->root, block);
	if (state == GR_BLOCK_OFFLINE)
		return 0;
	if (state == GR_BLOCK_ONLINE)
		drop_if_home(ledger, block, &note);
	/* Else a child that was left behind is still at it: the note stays. */
	return r < 0 ? r : -EBUSY;
}

/* One word for those of a batch that are chosen and offline. Return: as gr_block_write(). */
static int write_batch(struct gr_ledger *ledger, const uint64_t *blocks, size_t count,
		       const bool *chosen, const char *word)
{
	uint64_t batch[GR_BLOCK_BATCH];
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (chosen[i] && gr_block_state(ledger->root, blocks[i]) == GR_BLOCK_OFFLINE)
			batch[n++] = blocks[i];
	}
	return n ? gr_block_write(ledger, batch, n, word, gr_now_ns() + GR_BLOCK_BACK_NS, NULL) : 0;
}

/* Up to GR_BLOCK_BATCH of them. */
static int online_batch(struct gr_ledger *ledger, const uint64_t *blocks, size_t count, bool home,
			size_t *stranded)
{
	struct gr_block_note notes[GR_BLOCK_BATCH];
	bool movable[GR_BLOCK_BATCH], kernel[GR_BLOCK_BATCH], noted[GR_BLOCK_BATCH];
	int first = 0, r;

	for (size_t i = 0; i < count; i++) {
		r = gr_block_note_read(ledger, blocks[i], &notes[i]);
		noted[i] = r >= 0;
		movable[i] = noted[i] && home && notes[i].movable;
		kernel[i] = noted[i] && !movable[i];
		if (r < 0)
			first = r;
	}
	r = write_batch(ledger, blocks, count, kernel, "online_kernel\n");
	if (r != -ETIMEDOUT)
		r = write_batch(ledger, blocks, count, movable, "online_movable\n");
	/* A zone that the kernel refuses: better in another one than lost. */
	if (r != -ETIMEDOUT)
		r = write_batch(ledger, blocks, count, noted, "online\n");
	for (size_t i = 0; i < count; i++) {
		int state = gr_block_state(ledger->root, blocks[i]);

		if (state == GR_BLOCK_ONLINE && noted[i])
			drop_if_home(ledger, blocks[i], &notes[i]);
		if (state == GR_BLOCK_ONLINE)
			continue;
		(*stranded)++;
		if (first >= 0)
			first = state < 0 ? state : r < 0 ? r : -EBUSY;
	}
	return first;
}

int gr_blocks_online(struct gr_ledger *ledger, const uint64_t *blocks, size_t count, bool home,
		     size_t *ret_stranded)
{
	size_t stranded = 0;
	int first = 0;

	for (size_t i = 0; i < count; i += GR_BLOCK_BATCH) {
		int r = online_batch(ledger, blocks + i,
				     count - i < GR_BLOCK_BATCH ? count - i : GR_BLOCK_BATCH, home,
				     &stranded);

		if (first >= 0)
			first = r;
	}
	if (ret_stranded)
		*ret_stranded = stranded;
	return first;
}
