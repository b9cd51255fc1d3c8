// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Matching without backtracking: the pieces between the stars are found one after the other, each
 * at the first place where it fits behind the one before. That costs at most length of line times
 * length of pattern, whatever the line.
 */
#include "doctor/pattern.h"

#include <ctype.h>
#include <string.h>

static const char *take_number(const char *at, struct gr_match *match)
{
	unsigned int base = at[0] == '0' && (at[1] | 0x20) == 'x' ? 16 : 10;
	const char *digits = "0123456789abcdef", *start;
	uint64_t value = 0;

	at += base == 16 ? 2 : 0;
	for (start = at; *at; at++) {
		const char *digit = memchr(digits, tolower((unsigned char)*at), base);

		if (!digit)
			break;
		if (value != UINT64_MAX &&
		    (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
		     __builtin_add_overflow(value, (uint64_t)(digit - digits), &value)))
			value = UINT64_MAX;
	}
	if (at == start)
		return NULL;
	if (match->number_count < GR_PATTERN_VALUES)
		match->numbers[match->number_count++] = value;
	return at;
}

static const char *take_word(const char *at, struct gr_match *match)
{
	size_t len = strcspn(at, " \t\"'");

	if (!len)
		return NULL;
	if (match->word_count < GR_PATTERN_VALUES) {
		match->words[match->word_count] = at;
		match->word_lengths[match->word_count++] = len;
	}
	return at + len;
}

/* One piece, up to a star or the end, at exactly this place. Return: what follows it, or NULL. */
static const char *match_here(const char *piece, const char *at, struct gr_match *match)
{
	for (; *piece && *piece != '*'; piece++) {
		if (*piece == '#')
			at = take_number(at, match);
		else if (*piece == '@')
			at = take_word(at, match);
		else if (tolower((unsigned char)*piece) == tolower((unsigned char)*at))
			at++;
		else
			return NULL;
		if (!at)
			return NULL;
	}
	return at;
}

bool gr_pattern_match(const char *pattern, const char *line, struct gr_match *ret)
{
	struct gr_match match = { 0 };

	while (*pattern) {
		const struct gr_match before = match;
		const char *behind = NULL;

		for (; !behind; line++) {
			match = before;
			behind = match_here(pattern, line, &match);
			if (!behind && !*line)
				return false;
		}
		line = behind;
		pattern += strcspn(pattern, "*");
		pattern += strspn(pattern, "*");
	}
	if (ret)
		*ret = match;
	return true;
}
