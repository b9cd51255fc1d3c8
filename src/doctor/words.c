// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One pass over the bytes into a buffer as long as the text, which no word outgrows.
 */
#include "doctor/words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "guest/argv.h"

struct splitter {
	const char *at, *end;
	char **words;
	size_t count;
	char *word; /* being built */
	size_t len;
	bool open; /* there is a word, even an empty one ("") */
};

static int close_word(struct splitter *s)
{
	char **grown;

	if (!s->open)
		return 0;
	if (s->count < GR_ARGV_MAX) {
		grown = realloc(s->words, (s->count + 2) * sizeof(*grown));
		if (!grown)
			return -1;
		s->words = grown;
		s->words[s->count] = strndup(s->word, s->len);
		s->words[s->count + 1] = NULL;
		if (!s->words[s->count])
			return -1;
		s->count++;
	}
	s->len = 0;
	s->open = false;
	return 0;
}

static void put(struct splitter *s, char c)
{
	s->word[s->len++] = c;
	s->open = true;
}

/* Behind the opening quote. In single quotes nothing is special, in double ones the backslash. */
static void take_quoted(struct splitter *s, char quote)
{
	s->open = true;
	while (s->at < s->end && *s->at && *s->at != quote) {
		if (quote == '"' && *s->at == '\\' && s->at + 1 < s->end && s->at[1] &&
		    strchr("\"\\$`", s->at[1]))
			s->at++;
		put(s, *s->at++);
	}
	s->at += s->at < s->end;
}

static int take(struct splitter *s)
{
	char c = *s->at++;

	if (c == '\'' || c == '"') {
		take_quoted(s, c);
	} else if (c == '\\' && s->at < s->end && *s->at == '\n') {
		s->at++;
	} else if (c == '\\' && s->at < s->end && *s->at) {
		put(s, *s->at++);
	} else if (!c || strchr(" \t\r\n", c)) {
		return close_word(s);
	} else {
		put(s, c);
	}
	return 0;
}

int gr_words_split(const char *text, size_t len, char ***ret, size_t *ret_count)
{
	_cleanup_free_ char *word = malloc(len + 1);
	struct splitter s = { .at = text, .end = text + len, .word = word };
	int r = 0;

	s.words = calloc(1, sizeof(*s.words));
	if (!word || !s.words)
		r = -1;
	while (r >= 0 && s.at < s.end)
		r = take(&s);
	if (r >= 0)
		r = close_word(&s);
	if (r < 0) {
		gr_argv_free(s.words);
		return -ENOMEM;
	}
	*ret = s.words;
	*ret_count = s.count;
	return 0;
}

size_t gr_words_program(char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *equals = strchr(words[i], '='), *slash = strchr(words[i], '/');

		if (!equals || (slash && slash < equals))
			return i;
	}
	return count;
}
