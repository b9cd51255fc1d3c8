// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Optimal string alignment: edit distance in which two neighbours swapped are one mistake, since
 * that is how fingers err. Words are short, so three rows on the stack do.
 */
#include "base/nearest.h"

#include <stdint.h>
#include <string.h>

#include "base/util.h"

#define WORD_MAX 32

size_t gr_edit_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];
	size_t na = strnlen(a, WORD_MAX + 1), nb = strnlen(b, WORD_MAX + 1);

	if (na > WORD_MAX || nb > WORD_MAX)
		return SIZE_MAX;
	for (size_t k = 0; k <= nb; k++)
		last[k] = k;
	for (size_t i = 1; i <= na; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t k = 1; k <= nb; k++) {
			size_t best = last[k - 1] + (a[i - 1] != b[k - 1]);

			best = gr_min_u64(best, gr_min_u64(last[k], row[k - 1]) + 1);
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				best = gr_min_u64(best, before[k - 2] + 1);
			row[k] = best;
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[nb];
}

void gr_nearest_try(struct gr_nearest *nearest, const char *candidate)
{
	size_t distance = gr_edit_distance(nearest->word, candidate);
	size_t length = gr_min_u64(strlen(nearest->word), strlen(candidate));

	/* The shorter word counts: of "-m", half is more than a mistake. */
	if (distance > (length + 1) / 3 || (nearest->best && distance >= nearest->distance))
		return;
	nearest->best = candidate;
	nearest->distance = distance;
}
