// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is known about a subject is an interval: so many bytes for certain, and so many that may
 * come on top. A relation is tried at both ends of it; where the ends answer differently the answer
 * is unknown. Percents are compared as products, so that 99.9999 % is not 100 %.
 */
#include "verify/expect.h"

#include <ctype.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"

#define MILLI_PERCENT_MAX 100000u

static int junk(struct gr_error *err, const char *text, const char *what)
{
	gr_error_set(err, GR_CLASS_USAGE, EINVAL, "'%.100s' is no condition: %s", text, what);
	gr_error_hint(err, "a subject (2M, 1G, huge, node1, locked, touched), one of >= <= = > <, "
			   "and a share of RAM or a size: \"2M>=99%%\", \"node1>=8G\", "
			   "\"locked>=100%%\"");
	return -EINVAL;
}

static int parse_subject(const char *word, struct gr_condition *c)
{
	static const struct {
		const char *word;
		enum gr_subject subject;
	} words[] = {
		{ "huge", GR_SUBJECT_HUGE },
		{ "locked", GR_SUBJECT_LOCKED },
		{ "touched", GR_SUBJECT_TOUCHED },
	};
	uint64_t node;

	for (size_t i = 0; i < GR_ARRAY_SIZE(words); i++) {
		if (!strcmp(word, words[i].word)) {
			c->subject = words[i].subject;
			return 0;
		}
	}
	if (!strncmp(word, "node", 4)) {
		word += 4 + (word[4] == ' ');
		if (gr_parse_u64(word, &node) < 0 || node > GR_LIST_ID_MAX)
			return -EINVAL;
		c->subject = GR_SUBJECT_NODE;
		c->node = (int)node;
		return 0;
	}
	/* A page size needs a unit: 2 is no page size, and 2048 would be a guess. */
	if (!*word || isdigit((unsigned char)word[strlen(word) - 1]) ||
	    gr_parse_size(word, 1, &c->page_size_bytes, NULL) < 0 || c->page_size_bytes < GR_KIB ||
	    c->page_size_bytes & (c->page_size_bytes - 1))
		return -EINVAL;
	c->subject = GR_SUBJECT_PAGE;
	return 0;
}

/* "99%", "99.5 %": up to three decimals. */
static int parse_percent(const char *text, uint64_t *ret)
{
	uint64_t whole = 0, unit = 1000, part = 0;
	const char *at = text;

	while (isdigit((unsigned char)*at) && whole <= 100)
		whole = whole * 10 + (uint64_t)(*at++ - '0');
	if (at == text)
		return -EINVAL;
	if (*at == '.') {
		at++;
		while (isdigit((unsigned char)*at) && unit > 1) {
			unit /= 10;
			part += unit * (uint64_t)(*at++ - '0');
		}
		if (unit == 1000)
			return -EINVAL;
	}
	at += *at == ' ';
	if (strcmp(at, "%") || whole * 1000 + part > MILLI_PERCENT_MAX)
		return -EINVAL;
	*ret = whole * 1000 + part;
	return 0;
}

static int parse_value(const char *text, struct gr_condition *c)
{
	c->percent = strchr(text, '%') != NULL;
	if (c->percent)
		return parse_percent(text, &c->value);
	/* "99" could be meant either way. */
	if (!strcmp(text, "0")) {
		c->value = 0;
		return 0;
	}
	if (!*text || isdigit((unsigned char)text[strlen(text) - 1]))
		return -EINVAL;
	return gr_parse_size(text, 1, &c->value, NULL);
}

static void trim(char *text)
{
	size_t len = strlen(text), lead = strspn(text, " ");

	memmove(text, text + lead, len - lead + 1);
	len -= lead;
	while (len && text[len - 1] == ' ')
		text[--len] = '\0';
}

int gr_condition_parse(const char *text, struct gr_condition *ret, struct gr_error *err)
{
	static const struct {
		const char *sign;
		enum gr_relation relation;
	} signs[] = {
		{ ">=", GR_AT_LEAST }, { "<=", GR_AT_MOST }, { "==", GR_EQUAL },
		{ "=", GR_EQUAL },     { ">", GR_ABOVE },    { "<", GR_BELOW },
	};
	size_t at = strcspn(text, "<>=");
	struct gr_condition c = { 0 };
	char subject[32], value[32];
	size_t i = 0;

	while (i < GR_ARRAY_SIZE(signs) && strncmp(text + at, signs[i].sign, strlen(signs[i].sign)))
		i++;
	if (i == GR_ARRAY_SIZE(signs))
		return junk(err, text, "it compares nothing");
	c.relation = signs[i].relation;
	if (at >= sizeof(subject) || strlen(text + at + strlen(signs[i].sign)) >= sizeof(value))
		return junk(err, text, "it is too long");
	snprintf(subject, sizeof(subject), "%.*s", (int)at, text);
	snprintf(value, sizeof(value), "%s", text + at + strlen(signs[i].sign));
	trim(subject);
	trim(value);
	if (parse_subject(subject, &c) < 0)
		return junk(err, text, "nobody knows what it is about");
	if (parse_value(value, &c) < 0)
		return junk(err, text, "its value is no share of RAM (0% to 100%) and no size");
	*ret = c;
	return 0;
}

/* Bytes for certain, and bytes that may come on top. */
struct interval {
	uint64_t sure, open;
};

static struct interval region_pages(const struct gr_condition *c, const struct gr_region *region,
				    uint64_t base_page_bytes)
{
	struct interval is = { 0 };

	for (size_t i = 0; i < region->by_size_count; i++) {
		const struct gr_bytes_by_size *s = &region->by_size[i];

		if (!s->page_size_bytes)
			is.open += s->bytes;
		else if (c->subject == GR_SUBJECT_HUGE ? s->page_size_bytes > base_page_bytes :
							 s->page_size_bytes == c->page_size_bytes)
			is.sure += s->bytes;
	}
	return is;
}

static struct interval region_node(const struct gr_condition *c, const struct gr_region *region)
{
	struct interval is = { 0 };

	if (!region->by_node_known)
		return (struct interval){ .open = region->populated_bytes };
	for (size_t i = 0; i < region->by_node_count; i++) {
		if (region->by_node[i].node < 0)
			is.open += region->by_node[i].bytes;
		else if (region->by_node[i].node == c->node)
			is.sure += region->by_node[i].bytes;
	}
	return is;
}

static struct interval region_interval(const struct gr_condition *c, const struct gr_region *region,
				       uint64_t base_page_bytes)
{
	struct interval is = { 0 };
	uint64_t doubt = 0;

	switch (c->subject) {
	case GR_SUBJECT_PAGE:
	case GR_SUBJECT_HUGE:
		is = region_pages(c, region, base_page_bytes);
		break;
	case GR_SUBJECT_NODE:
		is = region_node(c, region);
		break;
	case GR_SUBJECT_LOCKED:
		/* Pool pages are never swapped, and the kernel does not count them as locked. */
		is.sure = region->hugetlb ? region->populated_bytes : region->locked_bytes;
		break;
	case GR_SUBJECT_TOUCHED:
		is.sure = gr_min_u64(region->populated_bytes + region->swapped_bytes,
				     region->size_bytes);
		break;
	}
	/* What moved while it was counted can be anywhere; of sources that disagree neither counts.
	 */
	if (region->scan_known && region->agreement == GR_ORACLES_UNSETTLED)
		doubt = region->moved_bytes;
	else if (region->scan_known && region->agreement == GR_ORACLES_DISAGREE)
		doubt = region->size_bytes;
	if (doubt) {
		uint64_t high = gr_min_u64(is.sure + is.open + doubt, region->size_bytes);

		is.sure = gr_sub_floor(is.sure, doubt);
		is.open = gr_sub_floor(high, is.sure);
	}
	return is;
}

static bool holds(const struct gr_condition *c, uint64_t got, uint64_t ram)
{
	unsigned __int128 left = got, right = c->value;

	if (c->percent) {
		left *= MILLI_PERCENT_MAX;
		right *= ram;
	}
	switch (c->relation) {
	case GR_AT_LEAST:
		return left >= right;
	case GR_AT_MOST:
		return left <= right;
	case GR_EQUAL:
		return left == right;
	case GR_ABOVE:
		return left > right;
	case GR_BELOW:
		return left < right;
	}
	return false;
}

void gr_condition_judge(const struct gr_condition *c, const struct gr_inspection *i,
			struct gr_outcome *ret)
{
	struct gr_outcome outcome = { .ram_bytes = i->ram_bytes };
	bool low, high;

	for (size_t k = 0; k < i->region_count; k++) {
		struct interval is = region_interval(c, &i->regions[k], i->base_page_bytes);

		outcome.got_bytes += is.sure;
		outcome.unknown_bytes += is.open;
	}
	low = holds(c, outcome.got_bytes, i->ram_bytes);
	high = holds(c, outcome.got_bytes + outcome.unknown_bytes, i->ram_bytes);
	outcome.met = low ? GR_MET_YES : GR_MET_NO;
	/* "=" may hold in between, and without any RAM every share of it would. */
	if (low != high || !i->ram_bytes || (c->relation == GR_EQUAL && outcome.unknown_bytes))
		outcome.met = GR_MET_UNKNOWN;
	*ret = outcome;
}

int gr_outcome_text(const struct gr_outcome *o, char **ret)
{
	char got[GR_TEXT_MAX], ram[GR_TEXT_MAX], open[GR_TEXT_MAX];
	double percent = o->ram_bytes ? 100.0 * (double)o->got_bytes / (double)o->ram_bytes : 0;

	if (!o->ram_bytes)
		return gr_asprintf(ret, "unknown: no RAM was found");
	/* Never rounded up to what it is not. */
	if (o->got_bytes < o->ram_bytes && percent > 99.9)
		percent = 99.9;
	if (o->unknown_bytes)
		return gr_asprintf(ret, "%s of %s (%.1f %%), and %s that cannot be told",
				   gr_size_text(o->got_bytes, got), gr_size_text(o->ram_bytes, ram),
				   percent, gr_size_text(o->unknown_bytes, open));
	return gr_asprintf(ret, "%s of %s (%.1f %%)", gr_size_text(o->got_bytes, got),
			   gr_size_text(o->ram_bytes, ram), percent);
}
