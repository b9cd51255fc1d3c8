// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where a new element goes and how it is laid out. One change at a time: the text is spliced and
 * its places are read anew, which is cheap for a few hundred lines and leaves no offset that is
 * stale.
 */
#include <ctype.h>
#include <string.h>

#include "base/util.h"
#include "libvirt/xml_edit_private.h"

#define LAST 99 /* rank of names that have none */

/* The order in which libvirt writes what we may add; unknown names are behind. */
static const struct {
	const char *parent;
	const char *names[24];
} orders[] = {
	{ "",
	  { "name", "uuid", "genid", "title", "description", "metadata", "maxMemory", "memory",
	    "currentMemory", "blkiotune", "memtune", "memoryBacking", "vcpu", "vcpus", "iothreads",
	    "iothreadids", "defaultiothread", "cputune", "numatune" } },
	{ "memoryBacking",
	  { "hugepages", "nosharepages", "locked", "source", "access", "allocation", "discard" } },
	{ "memtune", { "hard_limit", "soft_limit", "swap_hard_limit" } },
	{ "numatune", { "memory", "memnode" } },
};

/* The bytes [start, end) become @put. */
static int splice(struct gr_xml *xml, size_t start, size_t end, const char *put,
		  struct gr_error *err)
{
	struct gr_xml_spans spans = { 0 };
	size_t put_len = strlen(put), len = xml->len - (end - start) + put_len;
	_cleanup_free_ char *text = malloc(len + 1);
	int r;

	if (!text)
		return gr_error_nomem(err);
	memcpy(text, xml->text, start);
	memcpy(text + start, put, put_len);
	memcpy(text + start + put_len, xml->text + end, xml->len - end);
	text[len] = '\0';
	r = gr_xml_spans_read(text, len, &spans, err);
	if (r < 0)
		return r;
	gr_xml_spans_done(&xml->spans);
	free(xml->text);
	xml->text = gr_steal_ptr(text);
	xml->len = len;
	xml->spans = spans;
	return 0;
}

static int rank(const char *parent, const char *name)
{
	size_t order = 0;

	while (order < GR_ARRAY_SIZE(orders) && strcmp(orders[order].parent, parent) != 0)
		order++;
	if (order == GR_ARRAY_SIZE(orders))
		return LAST;
	for (int i = 0; i < (int)GR_ARRAY_SIZE(orders[order].names) && orders[order].names[i];
	     i++) {
		if (!strcmp(orders[order].names[i], name))
			return i;
	}
	return LAST;
}

/* Where the line of @at starts to have something else than spaces; *@ret_len: how many there are.
 * false: the element does not begin its line. */
static bool indent_of(const struct gr_xml *xml, size_t at, size_t *ret_len)
{
	size_t start = at;

	while (start > 0 && (xml->text[start - 1] == ' ' || xml->text[start - 1] == '\t'))
		start--;
	*ret_len = at - start;
	return start == 0 || xml->text[start - 1] == '\n';
}

size_t gr_xml_before_spaces(const struct gr_xml *xml, size_t at)
{
	while (at > 0 && isspace((unsigned char)xml->text[at - 1]))
		at--;
	return at;
}

/* @element with the indent in front of its further lines, and of all of them with @first. */
static int laid_out(const char *indent, size_t indent_len, const char *deeper, const char *element,
		    bool first, char **ret)
{
	size_t len = 0, lines = 1;
	char *out;

	for (const char *c = element; *c; c++)
		lines += *c == '\n';
	out = malloc(strlen(element) + lines * (indent_len + strlen(deeper) + 1) + 1);
	if (!out)
		return -ENOMEM;
	out[0] = '\0';
	for (const char *line = element; line; first = true) {
		size_t n = strcspn(line, "\n");

		if (first)
			len += (size_t)sprintf(out + len, "\n%.*s%s", (int)indent_len, indent,
					       deeper);
		len += (size_t)sprintf(out + len, "%.*s", (int)n, line);
		line = line[n] ? line + n + 1 : NULL;
	}
	*ret = out;
	return 0;
}

/* Between the tags of @parent, which has no element and may be <a/>. */
static int insert_first(struct gr_xml *xml, int parent, const char *element, struct gr_error *err)
{
	const struct gr_xml_span span = xml->spans.spans[parent];
	_cleanup_free_ char *laid = NULL, *whole = NULL;
	const char *tag = xml->text + span.start;
	size_t indent, tag_end = span.inner,
		       content_end = gr_xml_before_spaces(xml, span.inner_end);
	bool lines = indent_of(xml, span.start, &indent);
	int name_len = (int)strcspn(tag + 1, " \t\r\n/>"), r;

	laid = lines ? NULL : strdup(element);
	if (lines && laid_out(tag - indent, indent, "  ", element, true, &laid) < 0)
		laid = NULL;
	if (!laid)
		return gr_error_nomem(err);
	if (span.inner == span.end) {
		tag_end = gr_xml_before_spaces(xml, span.inner - 2); /* "/>" */
		r = gr_asprintf(&whole, ">%s%s%.*s</%.*s>", laid, lines ? "\n" : "",
				lines ? (int)indent : 0, tag - indent, name_len, tag + 1);
		return r < 0 ? gr_error_nomem(err) : splice(xml, tag_end, span.end, whole, err);
	}
	if (content_end > span.inner) /* comments */
		return splice(xml, content_end, content_end, laid, err);
	r = gr_asprintf(&whole, "%s%s%.*s", laid, lines ? "\n" : "", lines ? (int)indent : 0,
			tag - indent);
	return r < 0 ? gr_error_nomem(err) : splice(xml, span.inner, span.inner_end, whole, err);
}

int gr_xml_insert(struct gr_xml *xml, int parent, const char *parent_path, const char *name,
		  const char *element, struct gr_error *err)
{
	const struct gr_xml_span *span;
	_cleanup_free_ char *laid = NULL;
	int before = -1, child, mine = rank(parent_path, name);
	size_t indent, at;

	for (size_t i = 0; (child = gr_xml_spans_child(&xml->spans, parent, NULL, i)) >= 0; i++) {
		if (rank(parent_path, xml->spans.spans[child].name) < mine || mine == LAST)
			before = child;
	}
	child = before >= 0 ? before : gr_xml_spans_child(&xml->spans, parent, NULL, 0);
	if (child < 0)
		return insert_first(xml, parent, element, err);
	span = &xml->spans.spans[child];
	at = before >= 0 ? span->end : xml->spans.spans[parent].inner;
	if (!indent_of(xml, span->start, &indent))
		return splice(xml, at, at, element, err);
	if (laid_out(xml->text + span->start - indent, indent, "", element, true, &laid) < 0)
		return gr_error_nomem(err);
	return splice(xml, at, at, laid, err);
}

size_t gr_xml_place_end(const struct gr_xml *xml, int parent, int place)
{
	size_t end = xml->spans.spans[parent].inner;

	for (int i = 0; i < place; i++) {
		int child = gr_xml_spans_child(&xml->spans, parent, NULL, (size_t)i);

		if (child < 0)
			break;
		end = xml->spans.spans[child].end;
	}
	return end;
}

int gr_xml_put_back(struct gr_xml *xml, int parent, const struct gr_undo *undo,
		    struct gr_error *err)
{
	const struct gr_xml_span *span = &xml->spans.spans[parent];
	size_t at = gr_xml_place_end(xml, parent, undo->place), limit = span->inner_end;
	int next = gr_xml_spans_child(&xml->spans, parent, NULL,
				      undo->place > 0 ? (size_t)undo->place : 0);

	if (span->inner == span->end) /* <a/> by now */
		return insert_first(xml, parent, undo->was + strspn(undo->was, " \t\r\n"), err);
	if (next >= 0)
		limit = xml->spans.spans[next].start;
	if (undo->gap <= limit - at) /* else what stood between them is gone */
		at += undo->gap;
	return splice(xml, at, at, undo->was, err);
}

int gr_xml_replace(struct gr_xml *xml, int at, const char *element, bool as_it_is,
		   struct gr_error *err)
{
	const struct gr_xml_span span = xml->spans.spans[at];
	_cleanup_free_ char *laid = NULL;
	size_t indent;

	if (as_it_is || !indent_of(xml, span.start, &indent))
		return splice(xml, span.start, span.end, element, err);
	if (laid_out(xml->text + span.start - indent, indent, "", element, false, &laid) < 0)
		return gr_error_nomem(err);
	return splice(xml, span.start, span.end, laid, err);
}

int gr_xml_drop(struct gr_xml *xml, int at, struct gr_error *err)
{
	const struct gr_xml_span span = xml->spans.spans[at];

	return splice(xml, gr_xml_before_spaces(xml, span.start), span.end, "", err);
}
