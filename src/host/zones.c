// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Zones: watermarks and free pages from /proc/zoneinfo, free blocks per order from
 * /proc/buddyinfo. Both count in base pages. The number of buddy columns is a property of the
 * kernel (11 with 4 KiB pages, 14 on arm64 with 64 KiB) and is taken as it comes.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/util.h"
#include "host/read.h"

/* Lines of a zone in zoneinfo; "high:" of the pagesets below them is another word. */
static const struct {
	const char *key;
	size_t offset;
} zone_lines[] = {
	{ "start_pfn:", offsetof(struct gr_zone, start_pfn) },
	{ "spanned", offsetof(struct gr_zone, spanned_pages) },
	{ "min", offsetof(struct gr_zone, min_pages) },
	{ "low", offsetof(struct gr_zone, low_pages) },
	{ "high", offsetof(struct gr_zone, high_pages) },
	{ "present", offsetof(struct gr_zone, present_pages) },
	{ "managed", offsetof(struct gr_zone, managed_pages) },
};

int gr_zone_head_parse(char **cursor, struct gr_zone *zone)
{
	char *word = gr_next_word(cursor), *end;
	uint64_t node;

	if (!word || strcmp(word, "Node") != 0)
		return -ENOENT;
	word = gr_next_word(cursor);
	end = word ? strchr(word, ',') : NULL;
	if (!end || end[1])
		return -EBADMSG;
	*end = '\0';
	if (gr_parse_u64(word, &node) < 0 || node > GR_LIST_ID_MAX)
		return -EBADMSG;
	word = gr_next_word(cursor);
	if (!word || strcmp(word, "zone") != 0)
		return -EBADMSG;
	word = gr_next_word(cursor);
	if (!word || strlen(word) >= sizeof(zone->name))
		return -EBADMSG;
	*zone = (struct gr_zone){ .node = (unsigned int)node };
	memcpy(zone->name, word, strlen(word) + 1);
	return 0;
}

/* "(0, 3019, 12235)": the largest is what the kernel itself holds back here. */
static int parse_protection(char *text, uint64_t *ret_pages)
{
	uint64_t most = 0, pages;
	char *word;

	for (char *c = text; *c; c++) {
		if (strchr("(),", *c))
			*c = ' ';
	}
	while ((word = gr_next_word(&text))) {
		if (gr_parse_u64(word, &pages) < 0)
			return -EBADMSG;
		most = gr_max_u64(most, pages);
	}
	*ret_pages = most;
	return 0;
}

static int parse_zone_line(char *line, struct gr_zone *zone)
{
	char *key = gr_next_word(&line), *number;
	uint64_t *field = NULL, pages;

	if (!key)
		return 0;
	if (!strcmp(key, "protection:"))
		return parse_protection(line, &zone->lowmem_reserve_pages);
	if (!strcmp(key, "count:")) { /* one line for each CPU's list */
		number = gr_next_word(&line);
		if (!number || gr_parse_u64(number, &pages) < 0)
			return -EBADMSG;
		zone->percpu_pages = gr_add_saturating(zone->percpu_pages, pages);
		return 0;
	}
	if (!strcmp(key, "pages")) {
		key = gr_next_word(&line);
		if (!key || strcmp(key, "free") != 0)
			return 0;
		field = &zone->free_pages;
	}
	for (size_t i = 0; !field && i < GR_ARRAY_SIZE(zone_lines); i++) {
		if (!strcmp(key, zone_lines[i].key))
			field = (uint64_t *)((char *)zone + zone_lines[i].offset);
	}
	if (!field)
		return 0;
	number = gr_next_word(&line);
	return number && gr_parse_u64(number, field) >= 0 ? 0 : -EBADMSG;
}

int gr_zoneinfo_parse(char *text, struct gr_zone **ret_zones, size_t *ret_count)
{
	_cleanup_free_ struct gr_zone *zones = NULL;
	size_t count = 0;
	char *line;

	while ((line = gr_next_line(&text))) {
		struct gr_zone head;
		int r = 0;

		if (!strncmp(line, "Node ", 5)) {
			r = gr_zone_head_parse(&line, &head);
			/* An unpopulated zone has no pages: the next one takes its place. */
			if (!r && (!count || zones[count - 1].present_pages)) {
				r = gr_grow(&zones, count, sizeof(*zones));
				count += r >= 0;
			}
			if (!r)
				zones[count - 1] = head;
		} else if (count) {
			r = parse_zone_line(line, &zones[count - 1]);
		}
		if (r < 0)
			return r;
	}
	if (count && !zones[count - 1].present_pages)
		count--;
	*ret_zones = gr_steal_ptr(zones);
	*ret_count = count;
	return 0;
}

static struct gr_zone *find_zone(struct gr_zone *zones, size_t count, const struct gr_zone *head)
{
	for (size_t i = 0; i < count; i++) {
		if (zones[i].node == head->node && !strcmp(zones[i].name, head->name))
			return &zones[i];
	}
	return NULL;
}

/* Free blocks per order; as many columns as there are. */
static int parse_buddy_line(char *line, struct gr_zone *ret)
{
	struct gr_zone zone;
	char *word;

	if (gr_zone_head_parse(&line, &zone) < 0)
		return -EBADMSG;
	while ((word = gr_next_word(&line))) {
		uint64_t blocks, pages;

		if (zone.orders == GR_ORDERS_MAX || gr_parse_u64(word, &blocks) < 0 ||
		    __builtin_mul_overflow(blocks, UINT64_C(1) << zone.orders, &pages) ||
		    __builtin_add_overflow(zone.free_pages, pages, &zone.free_pages))
			return -EBADMSG;
		zone.buddy[zone.orders++] = blocks;
	}
	if (!zone.orders)
		return -EBADMSG;
	*ret = zone;
	return 0;
}

int gr_buddyinfo_parse(char *text, struct gr_zone **zones, size_t *count)
{
	char *line;

	while ((line = gr_next_line(&text))) {
		struct gr_zone zone, *into;

		if (!line[strspn(line, " \t")])
			continue;
		if (parse_buddy_line(line, &zone) < 0)
			return -EBADMSG;
		into = find_zone(*zones, *count, &zone);
		if (into) {
			into->orders = zone.orders;
			memcpy(into->buddy, zone.buddy, sizeof(into->buddy));
			continue;
		}
		if (gr_grow(zones, *count, sizeof(**zones)) < 0)
			return -ENOMEM;
		(*zones)[(*count)++] = zone;
	}
	return 0;
}
