// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * CPU and node lists. Ids are kept as a sorted array: real lists have a handful of entries, and a
 * bitmap would need a size.
 */
#include "base/list.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

static int bad_list(const char *text, struct gr_error *err)
{
	int r = gr_error_set(err, GR_CLASS_USAGE, EINVAL, "'%.64s' is not a list of ids", text);

	gr_error_hint(err, "lists look like 0-3,7");
	return r;
}

/* Reads one id; returns the first character behind it, or NULL. */
static const char *read_id(const char *p, unsigned long *ret)
{
	unsigned long id = 0;

	if (!isdigit((unsigned char)*p))
		return NULL;
	for (; isdigit((unsigned char)*p); p++) {
		id = id * 10 + (unsigned long)(*p - '0');
		if (id > GR_LIST_ID_MAX)
			id = GR_LIST_ID_MAX + 1ul;
	}
	*ret = id;
	return p;
}

int gr_list_parse(const char *text, struct gr_list *ret, struct gr_error *err)
{
	_cleanup_list_ struct gr_list list = { 0 };
	_cleanup_free_ char *seen = calloc(GR_LIST_ID_MAX + 1ul, 1);
	const char *p = text;

	if (!seen)
		return gr_error_nomem(err);
	while (isspace((unsigned char)*p))
		p++;
	while (*p) {
		unsigned long first, last;

		p = read_id(p, &first);
		if (!p)
			return bad_list(text, err);
		last = first;
		if (*p == '-') {
			p = read_id(p + 1, &last);
			if (!p || last < first)
				return bad_list(text, err);
		}
		if (last > GR_LIST_ID_MAX)
			return gr_error_set(err, GR_CLASS_USAGE, ERANGE,
					    "'%.64s' has an id above %u", text, GR_LIST_ID_MAX);
		/* Ranges may come in any order and overlap: each id is looked at once for each. */
		memset(seen + first, 1, last - first + 1);
		if (*p == ',' && p[1])
			p++;
		else if (isspace((unsigned char)*p) && p[strspn(p, " \t\r\n")] == '\0')
			break;
		else if (*p)
			return bad_list(text, err);
	}
	for (unsigned int id = 0; id <= GR_LIST_ID_MAX; id++) {
		if (seen[id] && gr_list_add(&list, id) < 0)
			return gr_error_nomem(err);
	}
	*ret = list;
	list = (struct gr_list){ 0 };
	return 0;
}

/* The place of the first id that is not below @id. */
static size_t place_of(const struct gr_list *list, unsigned int id)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int gr_list_add(struct gr_list *list, unsigned int id)
{
	size_t at = place_of(list, id);

	if (id > GR_LIST_ID_MAX)
		return -ERANGE;
	if (at < list->count && list->ids[at] == id)
		return 0;
	if (gr_grow(&list->ids, list->count, sizeof(*list->ids)) < 0)
		return -ENOMEM;
	memmove(list->ids + at + 1, list->ids + at, (list->count - at) * sizeof(*list->ids));
	list->ids[at] = id;
	list->count++;
	return 0;
}

int gr_list_copy(const struct gr_list *from, struct gr_list *ret)
{
	_cleanup_list_ struct gr_list list = { 0 };

	for (size_t i = 0; i < from->count; i++) {
		if (gr_list_add(&list, from->ids[i]) < 0)
			return -ENOMEM;
	}
	*ret = list;
	list = (struct gr_list){ 0 };
	return 0;
}

bool gr_list_has(const struct gr_list *list, unsigned int id)
{
	size_t at = place_of(list, id);

	return at < list->count && list->ids[at] == id;
}

char *gr_list_text(const struct gr_list *list)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0, j; i < list->count; i = j + 1) {
		for (j = i; j + 1 < list->count && list->ids[j + 1] == list->ids[j] + 1; j++)
			;
		fprintf(f, "%s%u", i ? "," : "", list->ids[i]);
		if (j > i)
			fprintf(f, "-%u", list->ids[j]);
	}
	if (fclose(f))
		return NULL;
	return gr_steal_ptr(text);
}

void gr_list_done(struct gr_list *list)
{
	free(list->ids);
	*list = (struct gr_list){ 0 };
}
