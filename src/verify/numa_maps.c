// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A line of numa_maps is "start policy words...": the words that matter are N<node>=<pages>, huge,
 * anon=<pages> and kernelpagesize_kB=<size>, which comes last. File names cannot look like one: the
 * kernel escapes the blanks and the equals signs in them.
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

/* The words about the VMA as a whole. Return: 0, -EBADMSG. */
static int parse_word(const char *word, struct gr_numa_vma *vma)
{
	static const char size_key[] = "kernelpagesize_kB=", anon_key[] = "anon=";
	const char *p;

	if (!strcmp(word, "huge")) {
		vma->huge = true;
	} else if (!strncmp(word, anon_key, sizeof(anon_key) - 1)) {
		p = word + sizeof(anon_key) - 1;
		if (gr_scan_dec(&p, &vma->anon_bytes) < 0 || *p)
			return -EBADMSG;
	} else if (!strncmp(word, size_key, sizeof(size_key) - 1)) {
		p = word + sizeof(size_key) - 1;
		if (gr_scan_dec(&p, &vma->page_bytes) < 0 || *p || !vma->page_bytes ||
		    __builtin_mul_overflow(vma->page_bytes, GR_KIB, &vma->page_bytes))
			return -EBADMSG;
	}
	return 0;
}

/* Counts were read before the size of the pages was known. */
static int to_bytes(struct gr_numa_maps *maps, size_t first, struct gr_numa_vma *vma)
{
	for (size_t i = first; i < maps->count; i++) {
		if (!vma->page_bytes ||
		    __builtin_mul_overflow(maps->shares[i].bytes, vma->page_bytes,
					   &maps->shares[i].bytes))
			return -EBADMSG;
	}
	if (__builtin_mul_overflow(vma->anon_bytes, vma->page_bytes, &vma->anon_bytes))
		return -EBADMSG;
	if (maps->count == first)
		return 0;
	if (gr_grow(&maps->vmas, maps->vma_count, sizeof(*maps->vmas)) < 0)
		return -ENOMEM;
	maps->vmas[maps->vma_count++] = *vma;
	return 0;
}

static int parse_line(char *line, struct gr_numa_maps *maps)
{
	const char *p = line;
	size_t first = maps->count;
	struct gr_numa_vma vma = { 0 };
	char *save = NULL, *word;
	int r;

	if (gr_scan_hex(&p, &vma.start) < 0 || (*p && *p != ' '))
		return -EBADMSG;
	strtok_r(line, " ", &save); /* the address; then words, in place */
	while ((word = strtok_r(NULL, " ", &save))) {
		struct gr_numa_share share = { .start = vma.start };

		r = parse_count(word, &share);
		if (r == 0)
			r = parse_word(word, &vma);
		else if (r > 0)
			r = gr_grow(&maps->shares, maps->count, sizeof(*maps->shares)) < 0 ?
				    -ENOMEM : 1;
		if (r < 0)
			return r;
		if (r > 0)
			maps->shares[maps->count++] = share;
	}
	return to_bytes(maps, first, &vma);
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
	free(maps->vmas);
	*maps = (struct gr_numa_maps){ 0 };
}
