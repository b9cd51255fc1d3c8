// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A line of numa_maps is "start policy words...": the words that matter are N<node>=<pages> and
 * kernelpagesize_kB=<size>, which comes last. File names cannot look like one: the kernel escapes
 * the blanks and the equals signs in them.
 */
#include "verify/numa_maps.h"

#include <limits.h>
#include <string.h>

#include "base/list.h"
#include "base/size.h"
#include "base/util.h"
#include "verify/scan_text.h"

/* "N0=512". Return: 1 and the numbers, 0 if the word is another one, -EBADMSG. */
static int parse_count(const char *word, struct gr_numa_share *share)
{
	uint64_t node, pages;

	if (*word++ != 'N' || gr_scan_dec(&word, &node) < 0)
		return 0;
	if (*word++ != '=' || gr_scan_dec(&word, &pages) < 0 || *word || node > GR_LIST_ID_MAX)
		return -EBADMSG;
	share->node = (int)node;
	share->bytes = pages;
	return 1;
}

static int parse_line(char *line, struct gr_numa_maps *maps)
{
	static const char size_key[] = "kernelpagesize_kB=";
	const char *p = line;
	size_t first = maps->count;
	uint64_t start, page_bytes = 0;
	char *save = NULL, *word;

	if (gr_scan_hex(&p, &start) < 0 || (*p && *p != ' '))
		return -EBADMSG;
	strtok_r(line, " ", &save); /* the address; then words, in place */
	while ((word = strtok_r(NULL, " ", &save))) {
		struct gr_numa_share share = { .start = start };
		int r = parse_count(word, &share);

		if (r == 0 && !strncmp(word, size_key, sizeof(size_key) - 1)) {
			p = word + sizeof(size_key) - 1;
			if (gr_scan_dec(&p, &page_bytes) < 0 || *p || !page_bytes ||
			    __builtin_mul_overflow(page_bytes, GR_KIB, &page_bytes))
				return -EBADMSG;
		}
		if (r > 0)
			r = gr_grow(&maps->shares, maps->count, sizeof(*maps->shares));
		else if (r == 0)
			continue;
		if (r < 0)
			return r;
		maps->shares[maps->count++] = share;
	}
	for (size_t i = first; i < maps->count; i++) {
		if (!page_bytes || __builtin_mul_overflow(maps->shares[i].bytes, page_bytes,
							  &maps->shares[i].bytes))
			return -EBADMSG;
	}
	return 0;
}

int gr_numa_maps_parse(char *text, struct gr_numa_maps *ret, struct gr_error *err)
{
	_cleanup_numa_maps_ struct gr_numa_maps maps = { 0 };
	unsigned long number = 1;
	char *line;

	for (; (line = gr_next_line(&text)); number++) {
		int r = parse_line(line, &maps);

		if (r == -ENOMEM)
			return gr_error_nomem(err);
		if (r < 0)
			return gr_error_set(err, GR_CLASS_SYSTEM, EBADMSG,
					    "numa_maps: line %lu is not understood", number);
	}
	*ret = maps;
	maps = (struct gr_numa_maps){ 0 };
	return 0;
}

void gr_numa_maps_done(struct gr_numa_maps *maps)
{
	free(maps->shares);
	*maps = (struct gr_numa_maps){ 0 };
}
