// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory blocks: what flags cannot tell. A stretch of pages without any flag is kernel memory, or
 * a hole; which of the two, the block says: one that is not listed, or not online, is no memory.
 */
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "host/read.h"
#include "host/survey_private.h"

#define MEMORY "sys/devices/system/memory"

/* That much kernel memory in one piece is not believed where no block can be asked. */
#define PIECE_BYTES (128 * GR_MIB)

void gr_blocks_init(struct gr_blocks *blocks, const struct gr_root *root, uint64_t base_page_bytes)
{
	_cleanup_free_ char *line = NULL;
	uint64_t bytes = 0;

	*blocks = (struct gr_blocks){ .root = root };
	/* In hexadecimal, without 0x. */
	if (gr_root_read_line(root, MEMORY "/block_size_bytes", &line, NULL) >= 0 &&
	    strlen(line) <= 16 && !line[strspn(line, "0123456789abcdefABCDEF")])
		bytes = strtoull(line, NULL, 16);
	if (bytes % base_page_bytes == 0)
		blocks->block_pages = bytes / base_page_bytes;
}

int gr_blocks_word(const struct gr_blocks *blocks, uint64_t pfn, const char *file, char *buf,
		   size_t buf_size)
{
	_cleanup_free_ char *line = NULL;
	char path[128];
	int r;

	if (!blocks->block_pages)
		return -ENOENT;
	snprintf(path, sizeof(path), MEMORY "/memory%llu/%s",
		 (unsigned long long)(pfn / blocks->block_pages), file);
	r = gr_root_read_line(blocks->root, path, &line, NULL);
	if (r < 0)
		return r;
	line[strcspn(line, " \t")] = '\0';
	snprintf(buf, buf_size, "%s", line);
	return 0;
}

static bool is_online(struct gr_blocks *blocks, uint64_t pfn)
{
	uint64_t number = pfn / blocks->block_pages;
	char word[16];
	int r;

	if (blocks->asked != number + 1) {
		r = gr_blocks_word(blocks, pfn, "state", word, sizeof(word));
		/* Forbidden or malformed: better a range too few than a hole taken for one. */
		blocks->online = r >= 0 && strcmp(word, "offline") != 0;
		blocks->asked = number + 1;
	}
	return blocks->online;
}

static bool all_zero(const uint64_t *flags, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		if (flags[i])
			return false;
	}
	return true;
}

void gr_blocks_mark_holes(struct gr_blocks *blocks, uint64_t pfn, uint64_t *flags, uint64_t count)
{
	uint64_t piece = blocks->block_pages ? blocks->block_pages : PIECE_BYTES / (4 * GR_KIB);

	while (count) {
		uint64_t now = gr_min_u64(count, piece - pfn % piece);

		if (all_zero(flags, now) && (!blocks->block_pages || !is_online(blocks, pfn))) {
			for (uint64_t i = 0; i < now; i++)
				flags[i] = GR_FLAG_NOPAGE;
		}
		flags += now;
		pfn += now;
		count -= now;
	}
}
