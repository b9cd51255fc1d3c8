// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A unified diff of two texts, by lines, with three lines around each change. Equal beginnings and
 * ends are set aside; what is between is small for our edits, so the plain table of longest common
 * subsequences is enough, and past a limit the middle is shown as one change.
 */
#include <stdbool.h>
#include <string.h>

#include "base/util.h"
#include "libvirt/edit.h"

#define AROUND 3
#define TABLE_MAX 4000000 /* cells of the table: 16 MB */

struct lines {
	char *text; /* cut into lines */
	char **line;
	size_t count;
};

struct step {
	char mark; /* ' ', '-' or '+' */
	const char *line;
};

struct diff {
	struct lines old, new;
	struct step *steps;
	size_t count;
};

static int cut(const char *text, struct lines *ret)
{
	char *cursor;

	ret->text = strdup(text);
	if (!ret->text)
		return -ENOMEM;
	cursor = ret->text;
	for (char *line; (line = gr_next_line(&cursor));) {
		if (gr_grow(&ret->line, ret->count, sizeof(*ret->line)) < 0)
			return -ENOMEM;
		ret->line[ret->count++] = line;
	}
	return 0;
}

static void add(struct diff *diff, char mark, const char *line)
{
	diff->steps[diff->count++] = (struct step){ mark, line };
}

/* [from, old_end) against [from, new_end): table[i][j] is the longest common rest. */
static int middle(struct diff *diff, size_t from, size_t old_end, size_t new_end)
{
	size_t rows = old_end - from, columns = new_end - from, i = 0, j = 0;
	char **old = diff->old.line + from, **new = diff->new.line + from;
	_cleanup_free_ unsigned int *table = NULL;
	bool small = (rows + 1) <= TABLE_MAX / (columns + 1);

	if (small) {
		table = calloc((rows + 1) * (columns + 1), sizeof(*table));
		if (!table)
			return -ENOMEM;
		for (i = rows; i-- > 0;) {
			unsigned int *row = table + i * (columns + 1), *below = row + columns + 1;

			for (j = columns; j-- > 0;)
				row[j] = !strcmp(old[i], new[j]) ? below[j + 1] + 1 :
					 below[j] > row[j + 1]	 ? below[j] :
								   row[j + 1];
		}
	}
	for (i = 0, j = 0; i < rows || j < columns;) {
		const unsigned int *row = small ? table + i * (columns + 1) : NULL;

		if (small && i < rows && j < columns && !strcmp(old[i], new[j])) {
			add(diff, ' ', old[i++]);
			j++;
		} else if (i < rows &&
			   (j == columns || !small || row[columns + 1 + j] >= row[j + 1])) {
			add(diff, '-', old[i++]);
		} else {
			add(diff, '+', new[j++]);
		}
	}
	return 0;
}

static int compare(struct diff *diff)
{
	size_t from = 0, old_end = diff->old.count, new_end = diff->new.count;
	int r;

	diff->steps = calloc(old_end + new_end + 1, sizeof(*diff->steps));
	if (!diff->steps)
		return -ENOMEM;
	while (from < old_end && from < new_end &&
	       !strcmp(diff->old.line[from], diff->new.line[from]))
		add(diff, ' ', diff->old.line[from++]);
	while (old_end > from && new_end > from &&
	       !strcmp(diff->old.line[old_end - 1], diff->new.line[new_end - 1]))
		old_end--, new_end--;
	r = middle(diff, from, old_end, new_end);
	for (; old_end < diff->old.count; old_end++)
		add(diff, ' ', diff->old.line[old_end]);
	return r;
}

static void print(FILE *out, const struct diff *diff)
{
	size_t old_line = 1, new_line = 1, at = 0;

	while (at < diff->count) {
		size_t start = at, end, last, olds = 0, news = 0;

		while (start < diff->count && diff->steps[start].mark == ' ')
			start++;
		if (start == diff->count)
			return;
		/* A piece ends where more than twice AROUND lines are equal. */
		for (end = last = start; end < diff->count && end - last <= 2 * AROUND; end++)
			if (diff->steps[end].mark != ' ')
				last = end;
		end = last + 1 + AROUND < diff->count ? last + 1 + AROUND : diff->count;
		start = start > at + AROUND ? start - AROUND : at;
		old_line += start - at;
		new_line += start - at;
		for (size_t i = start; i < end; i++) {
			olds += diff->steps[i].mark != '+';
			news += diff->steps[i].mark != '-';
		}
		fprintf(out, "@@ -%zu,%zu +%zu,%zu @@\n", old_line, olds, new_line, news);
		for (size_t i = start; i < end; i++)
			fprintf(out, "%c%s\n", diff->steps[i].mark, diff->steps[i].line);
		old_line += olds;
		new_line += news;
		at = end;
	}
}

int gr_diff(const char *old, const char *new, char **ret)
{
	struct diff diff = { 0 };
	char *text = NULL;
	size_t size;
	FILE *out = NULL;
	int r = cut(old, &diff.old);

	if (r >= 0)
		r = cut(new, &diff.new);
	if (r >= 0)
		r = compare(&diff);
	if (r >= 0)
		out = open_memstream(&text, &size);
	if (out) {
		print(out, &diff);
		if (fclose(out) != 0)
			r = -ENOMEM;
	}
	free(diff.old.text);
	free(diff.old.line);
	free(diff.new.text);
	free(diff.new.line);
	free(diff.steps);
	if (r < 0 || !text) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}
