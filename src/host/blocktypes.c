// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * /proc/pagetypeinfo (root only): how many blocks of each zone the kernel has set aside for what
 * cannot be moved. Compaction moves pages into movable blocks only, so what is free in the others is
 * no room for it. Behind long lists of free pages per type, which are skipped, comes the table
 *
 *	Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      Isolate
 *	Node 0, zone    DMA32           41         1481            6            0            0
 *
 * whose columns differ between kernels (CMA): they are told by their titles.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "host/read.h"

#define COLUMNS_MAX 16

/* Types that compaction moves pages into. */
static bool is_movable_type(const char *title)
{
	return !strcmp(title, "Movable") || !strcmp(title, "CMA");
}

/* "Pages per block:  512" */
static bool is_block_pages(char *line, uint64_t *ret)
{
	static const char key[] = "Pages per block:";

	return !strncmp(line, key, sizeof(key) - 1) &&
	       gr_parse_u64(gr_text_trim(line + sizeof(key) - 1), ret) >= 0;
}

/* Which columns count as other than movable. Return: how many columns there are, 0: another line. */
static unsigned int parse_titles(char *line, bool *other)
{
	static const char key[] = "Number of blocks type";
	unsigned int count = 0;
	char *word;

	if (strncmp(line, key, sizeof(key) - 1) != 0)
		return 0;
	line += sizeof(key) - 1;
	while (count < COLUMNS_MAX && (word = gr_next_word(&line)))
		other[count++] = !is_movable_type(word);
	return count;
}

static int parse_row(char *line, const bool *other, unsigned int columns, uint64_t block_pages,
		     struct gr_zone *zones, size_t count)
{
	uint64_t blocks, pages = 0;
	struct gr_zone head;

	if (gr_zone_head_parse(&line, &head) < 0)
		return -EBADMSG;
	for (unsigned int i = 0; i < columns; i++) {
		char *word = gr_next_word(&line);

		if (!word || gr_parse_u64(word, &blocks) < 0 ||
		    __builtin_mul_overflow(blocks, block_pages, &blocks))
			return -EBADMSG;
		if (other[i])
			pages = gr_add_saturating(pages, blocks);
	}
	for (size_t i = 0; i < count; i++) {
		if (zones[i].node == head.node && !strcmp(zones[i].name, head.name))
			zones[i].unmovable_pages = (struct gr_figure){ true, pages };
	}
	return 0;
}

int gr_pagetypeinfo_parse(char *text, struct gr_zone *zones, size_t count)
{
	bool other[COLUMNS_MAX];
	uint64_t block_pages = 0;
	unsigned int columns = 0;
	char *line;

	while ((line = gr_next_line(&text))) {
		int r;

		if (columns && !line[strspn(line, " \t")])
			break; /* kernels with page_owner have another table */
		if (columns) {
			r = parse_row(line, other, columns, block_pages, zones, count);
			if (r < 0)
				return r;
		} else if (!is_block_pages(line, &block_pages)) {
			columns = parse_titles(line, other);
		}
	}
	return columns && block_pages ? 0 : -EBADMSG;
}
