// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The parser goes through the words as the kernel does, with the same three things to remember: the
 * size that a count goes to, whether the last size was a valid one, and where the last count went
 * (a second count for the same place is ignored). A count before any size waits for the default
 * size, as which page size 0 stands here.
 */
#include "host/boot_pools.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/util.h"

#define UNDECIDED 0 /* as page size: the default one, whichever it will be */
#define NOWHERE UINT64_MAX

struct line {
	const uint64_t *sizes;
	size_t size_count;
	uint64_t named[64]; /* page sizes that were named */
	size_t named_count;
	uint64_t current, last; /* page sizes: of the next count, of the last one */
	uint64_t default_bytes; /* named by default_hugepagesz=, or 0 */
	bool valid;		/* the last size was */
	struct gr_boot_pools pools;
};

static int ignore(struct line *l, const char *key, const char *value, const char *why)
{
	char *text = NULL;

	if (gr_asprintf(&text, "%s=%.64s: %s", key, value, why) < 0)
		return -ENOMEM;
	if (gr_grow(&l->pools.ignored, l->pools.ignored_count, sizeof(char *)) < 0) {
		free(text);
		return -ENOMEM;
	}
	l->pools.ignored[l->pools.ignored_count++] = text;
	return 0;
}

static int add(struct line *l, uint64_t page_size_bytes, int node, uint64_t pages)
{
	struct gr_boot_pools *list = &l->pools;

	if (gr_grow(&list->pools, list->count, sizeof(*list->pools)) < 0)
		return -ENOMEM;
	list->pools[list->count++] = (struct gr_boot_pool){ .page_size_bytes = page_size_bytes,
							    .node = node,
							    .pages = pages,
							    .source = "boot line" };
	return 0;
}

static uint64_t pages_of(const struct line *l, uint64_t page_size_bytes)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < l->pools.count; i++) {
		if (l->pools.pools[i].page_size_bytes == page_size_bytes)
			pages += l->pools.pools[i].pages;
	}
	return pages;
}

static void forget(struct line *l, uint64_t page_size_bytes)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->pools.count; i++) {
		if (l->pools.pools[i].page_size_bytes != page_size_bytes)
			l->pools.pools[kept++] = l->pools.pools[i];
	}
	l->pools.count = kept;
}

/* As the kernel's memparse(): digits and a letter; what follows is not looked at. */
static uint64_t parse_bytes(const char *text)
{
	static const char letters[] = "KMGTPE";
	char *end;
	uint64_t bytes = strtoull(text, &end, 0);
	const char *at = *end ? strchr(letters, *end & ~0x20) : NULL;

	return at ? bytes << 10 * (at - letters + 1) : bytes;
}

static bool exists(const struct line *l, uint64_t page_size_bytes)
{
	for (size_t i = 0; i < l->size_count; i++) {
		if (l->sizes[i] == page_size_bytes)
			return true;
	}
	return false;
}

static bool was_named(const struct line *l, uint64_t page_size_bytes)
{
	for (size_t i = 0; i < l->named_count; i++) {
		if (l->named[i] == page_size_bytes)
			return true;
	}
	return false;
}

static void name(struct line *l, uint64_t page_size_bytes)
{
	if (!was_named(l, page_size_bytes) && l->named_count < GR_ARRAY_SIZE(l->named))
		l->named[l->named_count++] = page_size_bytes;
	l->current = page_size_bytes;
	l->valid = true;
}

static int take_size(struct line *l, const char *value)
{
	uint64_t bytes = parse_bytes(value);

	l->valid = false;
	if (!exists(l, bytes))
		return ignore(l, "hugepagesz", value, "there are no such pages");
	/* The default size may be named again while it has no count. */
	if (was_named(l, bytes) && (bytes != l->default_bytes || pages_of(l, bytes)))
		return ignore(l, "hugepagesz", value, "named twice");
	name(l, bytes);
	return 0;
}

static int take_default(struct line *l, const char *value)
{
	uint64_t bytes = parse_bytes(value);

	l->valid = false;
	if (l->default_bytes)
		return ignore(l, "default_hugepagesz", value, "there is one already");
	if (!exists(l, bytes))
		return ignore(l, "default_hugepagesz", value, "there are no such pages");
	l->default_bytes = bytes;
	name(l, bytes);
	for (size_t i = 0; i < l->pools.count; i++) {
		if (l->pools.pools[i].page_size_bytes == UNDECIDED)
			l->pools.pools[i].page_size_bytes = bytes;
	}
	return 0;
}

/* "512", or "0:256,1:128". Return: 0, -EINVAL, -ENOMEM. */
static int take_pages(struct line *l, const char *value, uint64_t target)
{
	const char *p = value;

	for (;;) {
		char *end;
		uint64_t pages = strtoull(p, &end, 10), node = pages;

		if (end == p || *p == '-' || *p == '+')
			return -EINVAL;
		if (*end != ':') {
			if (p != value)
				return -EINVAL;
			return add(l, target, -1, pages);
		}
		p = end + 1;
		pages = strtoull(p, &end, 10);
		if (end == p || *p == '-' || *p == '+' || node > GR_LIST_ID_MAX)
			return -EINVAL;
		if (add(l, target, (int)node, pages) < 0)
			return -ENOMEM;
		if (*end != ',')
			return 0;
		p = end + 1;
		if (!*p)
			return 0;
	}
}

static int take_count(struct line *l, const char *value)
{
	uint64_t target = l->named_count ? l->current : UNDECIDED;
	int r;

	if (!l->valid) {
		l->valid = true;
		return ignore(l, "hugepages", value, "follows no valid page size");
	}
	if (l->last == target)
		return ignore(l, "hugepages", value, "a second count for the same size");
	r = take_pages(l, value, target);
	if (r == -EINVAL) {
		forget(l, target);
		return ignore(l, "hugepages", value, "not understood");
	}
	l->last = target;
	return r;
}

static int take_word(struct line *l, const char *word)
{
	static const struct {
		const char *key;
		int (*take)(struct line *l, const char *value);
	} keys[] = {
		{ "hugepages=", take_count },
		{ "hugepagesz=", take_size },
		{ "default_hugepagesz=", take_default },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(keys); i++) {
		size_t len = strlen(keys[i].key);

		if (!strncmp(word, keys[i].key, len))
			return keys[i].take(l, word + len);
	}
	return 0;
}

/* A count before any size, once it is known that no default size is named. */
static int settle(struct line *l, uint64_t default_size_bytes)
{
	uint64_t pages = pages_of(l, UNDECIDED);
	char text[24];

	if (!pages || pages_of(l, default_size_bytes)) {
		forget(l, UNDECIDED);
		snprintf(text, sizeof(text), "%llu", (unsigned long long)pages);
		return pages ? ignore(l, "hugepages", text, "the default size has a count") : 0;
	}
	for (size_t i = 0; i < l->pools.count; i++) {
		if (l->pools.pools[i].page_size_bytes == UNDECIDED)
			l->pools.pools[i].page_size_bytes = default_size_bytes;
	}
	return 0;
}

int gr_boot_line_parse(const char *text, uint64_t default_size_bytes, const uint64_t *sizes,
		       size_t size_count, struct gr_boot_pools *ret)
{
	struct line l = {
		.sizes = sizes, .size_count = size_count, .last = NOWHERE, .valid = true
	};
	_cleanup_free_ char *copy = strdup(text);
	char *save = NULL;
	int r = copy ? 0 : -ENOMEM;

	for (char *word = r < 0 ? NULL : strtok_r(copy, " \t\n", &save); word && r >= 0;
	     word = strtok_r(NULL, " \t\n", &save)) {
		if (!strcmp(word, "--")) /* the rest is for init */
			break;
		r = take_word(&l, word);
	}
	if (r >= 0)
		r = settle(&l, default_size_bytes);
	if (r < 0) {
		gr_boot_pools_done(&l.pools);
		return r;
	}
	*ret = l.pools;
	return 0;
}

void gr_boot_pools_done(struct gr_boot_pools *pools)
{
	for (size_t i = 0; i < pools->ignored_count; i++)
		free(pools->ignored[i]);
	free(pools->ignored);
	free(pools->pools);
	*pools = (struct gr_boot_pools){ 0 };
}
