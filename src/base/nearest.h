/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which of the words that exist was meant by one that does not. Only for hints: nothing is ever
 * done by a guess.
 */
#ifndef GR_BASE_NEAREST_H
#define GR_BASE_NEAREST_H

#include <stddef.h>

/* A search: set @word, show it every word there is, take @best. */
struct gr_nearest {
	const char *word;
	const char *best; /* NULL: none is near */
	size_t distance;  /* of @best */
};

/**
 * gr_nearest_try - is @candidate nearer than the best so far?
 *
 * Near is at most one typing mistake in three letters; of equals the first stays.
 */
void gr_nearest_try(struct gr_nearest *nearest, const char *candidate);

/**
 * gr_edit_distance - letters to insert, remove, replace or swap with their neighbour
 *
 * Words of more than 32 bytes are too long to be compared. Return: the distance, or SIZE_MAX.
 */
size_t gr_edit_distance(const char *a, const char *b);

#endif
