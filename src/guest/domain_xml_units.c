// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Values as libvirt reads them. Not the parser of base/size.h: libvirt keeps number and unit apart,
 * lets a blank stand before a number but not behind it, and has no fractions.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/size.h"
#include "base/util.h"
#include "guest/domain_xml_private.h"

#define SHOWN 40 /* characters of a wrong value in a message */

/* Digits behind blanks and a plus, as strtoull() has them. Return: 0, -EINVAL or -ERANGE. */
static int read_number(const char *text, uint64_t *ret)
{
	while (isspace((unsigned char)*text))
		text++;
	if (*text == '+')
		text++;
	return gr_parse_u64(text, ret);
}

/* Bytes in one @unit; 0: there is no such unit. */
static uint64_t unit_bytes(const char *unit)
{
	static const char prefixes[] = "kmgtpe";
	const char *prefix;
	uint64_t base, bytes = 1;

	if (!strcasecmp(unit, "b") || !strcasecmp(unit, "byte") || !strcasecmp(unit, "bytes"))
		return 1;
	if (!unit[0])
		return GR_KIB;
	prefix = strchr(prefixes, tolower((unsigned char)unit[0]));
	if (!prefix)
		return 0;
	if (!unit[1] || !strcasecmp(unit + 1, "iB"))
		base = 1024;
	else if (!strcasecmp(unit + 1, "B"))
		base = 1000;
	else
		return 0;
	for (const char *p = prefixes; p <= prefix; p++)
		bytes *= base;
	return bytes;
}

int gr_domain_scale(const char *number, const char *unit, uint64_t *ret_bytes)
{
	uint64_t value, scale = unit_bytes(unit ? unit : ""), bytes;
	int r = read_number(number, &value);

	if (r < 0)
		return r;
	if (!scale)
		return -ENOENT;
	if (__builtin_mul_overflow(value, scale, &bytes) || bytes > INT64_MAX)
		return -ERANGE;
	*ret_bytes = bytes;
	return 0;
}

int gr_domain_bytes(const struct gr_element *element, const char *what, const char *number,
		    const char *unit, uint64_t *ret_bytes)
{
	struct gr_domain *domain = element->domain;
	uint64_t bytes;

	switch (gr_domain_scale(number, unit, &bytes)) {
	case 0:
		*ret_bytes = gr_div_up(bytes, GR_KIB) * GR_KIB;
		return 1;
	case -ENOENT:
		return gr_domain_problem(
			domain, "GR431", GR_DOMAIN_ERROR, element->line,
			"%s: '%.*s' is no unit; known are b, KB, KiB, MB, MiB, GB, "
			"GiB, TB, TiB and their first letters",
			what, SHOWN, unit);
	case -ERANGE:
		return gr_domain_problem(domain, "GR430", GR_DOMAIN_ERROR, element->line,
					 "%s: %.*s %.*s is more than any machine has", what, SHOWN,
					 number, SHOWN, unit && *unit ? unit : "KiB");
	default:
		return gr_domain_problem(domain, "GR430", GR_DOMAIN_ERROR, element->line,
					 "%s: '%.*s' is no number; the unit stands apart, as in "
					 "unit='GiB', and nothing behind the digits",
					 what, SHOWN, number);
	}
}

int gr_domain_number(const struct gr_element *element, const char *what, const char *text,
		     uint64_t max, unsigned int *ret)
{
	uint64_t value;

	if (read_number(text, &value) < 0 || value > max)
		return gr_domain_problem(element->domain, "GR430", GR_DOMAIN_ERROR, element->line,
					 "%s: '%.*s' is no number from 0 to %ju", what, SHOWN, text,
					 (uintmax_t)max);
	*ret = (unsigned int)value;
	return 1;
}

/* One id; NULL if there is none. */
static const char *read_id(const char *p, unsigned int *ret)
{
	unsigned int id = 0;

	if (!isdigit((unsigned char)*p))
		return NULL;
	for (; isdigit((unsigned char)*p); p++) {
		id = id * 10 + (unsigned int)(*p - '0');
		if (id > GR_DOMAIN_ITEMS_MAX)
			id = GR_DOMAIN_ITEMS_MAX + 1;
	}
	*ret = id;
	return p;
}

static const char *skip_blanks(const char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return p;
}

/* Marks in @seen. Return: 0 or -EINVAL. */
static int read_set(const char *p, bool seen[GR_DOMAIN_ITEMS_MAX])
{
	p = skip_blanks(p);
	while (*p) {
		bool add = *p != '^';
		unsigned int first, last;

		p = read_id(p + !add, &first);
		if (!p)
			return -EINVAL;
		last = first;
		p = skip_blanks(p);
		if (*p == '-') {
			p = add ? read_id(skip_blanks(p + 1), &last) : NULL;
			if (!p)
				return -EINVAL;
			p = skip_blanks(p);
		}
		if (last < first || last >= GR_DOMAIN_ITEMS_MAX)
			return -EINVAL;
		for (unsigned int id = first; id <= last; id++)
			seen[id] = add;
		if (*p && *p != ',')
			return -EINVAL;
		if (*p == ',')
			p = skip_blanks(p + 1);
	}
	return 0;
}

int gr_domain_nodes(const struct gr_element *element, const char *what, const char *text,
		    struct gr_list *ret)
{
	_cleanup_list_ struct gr_list list = { 0 };
	bool seen[GR_DOMAIN_ITEMS_MAX] = { false };
	int r = read_set(text, seen);

	for (unsigned int id = 0; r == 0 && id < GR_DOMAIN_ITEMS_MAX; id++)
		if (seen[id] && gr_list_add(&list, id) < 0)
			return -ENOMEM;
	if (r < 0 || list.count == 0)
		return gr_domain_problem(element->domain, "GR432", GR_DOMAIN_ERROR, element->line,
					 "%s: '%.*s' is no set of nodes; sets look like 0-3,^2,8",
					 what, SHOWN, text);
	gr_list_done(ret);
	*ret = list;
	list = (struct gr_list){ 0 };
	return 1;
}

int gr_domain_word(const struct gr_element *element, const char *attr, const char *const *names,
		   size_t count, unsigned int *ret)
{
	const char *word = gr_element_attr(element, attr);

	if (!word)
		return 0;
	for (size_t i = 1; i < count; i++) { /* 0 is "not given" */
		if (strcmp(word, names[i]) == 0) {
			*ret = (unsigned int)i;
			return 1;
		}
	}
	return gr_domain_problem(element->domain, "GR433", GR_DOMAIN_ERROR, element->line,
				 "<%s %s='%.*s'>: there is no such %s", element->name, attr, SHOWN,
				 word, attr);
}

int gr_domain_yes(const struct gr_element *element, const char *attr, enum gr_domain_answer *ret)
{
	static const char *const words[GR_ANSWER_COUNT] = {
		[GR_ANSWER_NONE] = "",
		[GR_ANSWER_YES] = "yes",
		[GR_ANSWER_NO] = "no",
	};

	return gr_domain_word(element, attr, words, GR_ANSWER_COUNT, (unsigned int *)ret);
}

int gr_domain_missing(const struct gr_element *element, const char *what)
{
	return gr_domain_problem(element->domain, "GR434", GR_DOMAIN_ERROR, element->line,
				 "<%s> without %s", element->name, what);
}

int gr_domain_full(const struct gr_element *element, size_t count)
{
	if (count < GR_DOMAIN_ITEMS_MAX)
		return 0;
	if (!gr_domain_has_problem(element->domain, "GR462") &&
	    gr_domain_problem(element->domain, "GR462", GR_DOMAIN_ERROR, element->line,
			      "more than %d of <%s>", GR_DOMAIN_ITEMS_MAX, element->name) < 0)
		return -ENOMEM;
	return 1;
}

int gr_domain_first(const struct gr_element *element, enum gr_domain_once once)
{
	struct gr_domain *domain = element->domain;

	if (!(domain->seen & 1u << once)) {
		domain->seen |= 1u << once;
		return 1;
	}
	return gr_domain_problem(domain, "GR435", GR_DOMAIN_WARNING, element->line,
				 "a second <%s>: libvirt takes the first", element->name);
}
