/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The little language in which messages of other programs are recognised: '*' is any text, '#' a
 * number (decimal, or 0x and hexadecimal), '@' a word up to a blank or quote; anything else stands
 * for itself, letters in either case. A pattern may match anywhere in a line.
 */
#ifndef GR_DOCTOR_PATTERN_H
#define GR_DOCTOR_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GR_PATTERN_VALUES 4

struct gr_match {
	uint64_t numbers[GR_PATTERN_VALUES]; /* of each '#'; one that does not fit is UINT64_MAX */
	size_t number_count;
	const char *words[GR_PATTERN_VALUES]; /* of each '@', in the line, not terminated */
	size_t word_lengths[GR_PATTERN_VALUES];
	size_t word_count;
};

/** gr_pattern_match - is @pattern in @line? @ret (may be NULL) is set if it is. */
bool gr_pattern_match(const char *pattern, const char *line, struct gr_match *ret);

#endif
