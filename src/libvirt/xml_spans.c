// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Places by expat, which tells the byte at which each event starts and how long it is. No DTD, so
 * no entities but the five; nothing is ever fetched.
 */
#include "libvirt/xml_spans.h"

#include <ctype.h>
#include <expat.h>
#include <string.h>

#include "base/util.h"
#include "guest/domain_xml.h"

struct reader {
	XML_Parser parser;
	struct gr_xml_spans spans;
	int current, depth, result;
	const char *why;
};

static void stop(struct reader *reader, int result, const char *why)
{
	reader->result = result;
	reader->why = why;
	XML_StopParser(reader->parser, XML_FALSE);
}

static void XMLCALL on_doctype(void *data, const XML_Char *name, const XML_Char *system,
			       const XML_Char *public, int internal)
{
	stop(data, -EINVAL, "it has a DTD, which no domain has");
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attrs)
{
	struct reader *reader = data;
	struct gr_xml_spans *spans = &reader->spans;
	struct gr_xml_span *span;

	if (spans->count >= GR_DOMAIN_ELEMENTS_MAX || ++reader->depth > GR_DOMAIN_DEPTH_MAX)
		return stop(reader, -E2BIG, "it is larger than any domain");
	if (gr_grow(&spans->spans, spans->count, sizeof(*span)) < 0)
		return stop(reader, -ENOMEM, "out of memory");
	span = &spans->spans[spans->count];
	span->name = strdup(name);
	if (!span->name)
		return stop(reader, -ENOMEM, "out of memory");
	span->parent = reader->current;
	span->start = (size_t)XML_GetCurrentByteIndex(reader->parser);
	span->inner = span->start + (size_t)XML_GetCurrentByteCount(reader->parser);
	reader->current = (int)spans->count++;
}

static void XMLCALL on_end(void *data, const XML_Char *name)
{
	struct reader *reader = data;
	struct gr_xml_span *span = &reader->spans.spans[reader->current];

	/* Of <a/> expat tells the end as an event without length behind it. */
	span->inner_end = (size_t)XML_GetCurrentByteIndex(reader->parser);
	span->end = span->inner_end + (size_t)XML_GetCurrentByteCount(reader->parser);
	reader->current = span->parent;
	reader->depth--;
}

static int parse(XML_Parser parser, const char *text, size_t len, const int *result,
		 const char *const *why, struct gr_error *err)
{
	if (len > GR_DOMAIN_TEXT_MAX)
		return gr_error_set(err, GR_CLASS_USAGE, E2BIG,
				    "the XML is larger than any domain");
	/* Zero bytes and these marks are UTF-16 or -32, into which our own text does not fit. */
	if (memchr(text, '\0', len) ||
	    (len > 1 && (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2))))
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
				    "only XML in UTF-8 can be edited in place");
	if (XML_Parse(parser, text, (int)len, XML_TRUE) == XML_STATUS_OK)
		return 0;
	if (*result == -ENOMEM || XML_GetErrorCode(parser) == XML_ERROR_NO_MEMORY)
		return gr_error_nomem(err);
	return gr_error_set(err, GR_CLASS_USAGE, *result ? -*result : EINVAL,
			    "the XML, line %lu: %s",
			    (unsigned long)XML_GetCurrentLineNumber(parser),
			    *why ? *why : XML_ErrorString(XML_GetErrorCode(parser)));
}

int gr_xml_spans_read(const char *text, size_t len, struct gr_xml_spans *ret, struct gr_error *err)
{
	struct reader reader = { .parser = XML_ParserCreateNS(NULL, '\n'), .current = -1 };
	int r;

	if (!reader.parser)
		return gr_error_nomem(err);
	XML_SetUserData(reader.parser, &reader);
	XML_SetElementHandler(reader.parser, on_start, on_end);
	XML_SetStartDoctypeDeclHandler(reader.parser, on_doctype);
	r = parse(reader.parser, text, len, &reader.result, &reader.why, err);
	XML_ParserFree(reader.parser);
	if (r < 0)
		gr_xml_spans_done(&reader.spans);
	else
		*ret = reader.spans;
	return r;
}

void gr_xml_spans_done(struct gr_xml_spans *spans)
{
	for (size_t i = 0; i < spans->count; i++)
		free(spans->spans[i].name);
	free(spans->spans);
	*spans = (struct gr_xml_spans){ 0 };
}

int gr_xml_spans_child(const struct gr_xml_spans *spans, int parent, const char *name, size_t nth)
{
	for (size_t i = parent < 0 ? 0 : (size_t)parent; i < spans->count; i++) {
		const struct gr_xml_span *span = &spans->spans[i];

		if (span->parent == parent && (!name || !strcmp(span->name, name)) && nth-- == 0)
			return (int)i;
	}
	return -1;
}

struct canon {
	XML_Parser parser;
	char *out, *text;
	size_t out_len, text_len;
	int result;
	const char *why;
};

static void append(struct canon *canon, char **to, size_t *len, const char *bytes, size_t count)
{
	char *grown = realloc(*to, *len + count + 1);

	if (!grown) {
		canon->result = -ENOMEM;
		XML_StopParser(canon->parser, XML_FALSE);
		return;
	}
	*to = grown;
	memcpy(grown + *len, bytes, count);
	*len += count;
	grown[*len] = '\0';
}

static void put(struct canon *canon, const char *bytes)
{
	append(canon, &canon->out, &canon->out_len, bytes, strlen(bytes));
}

static void flush_text(struct canon *canon)
{
	const char *text = canon->text;
	size_t len = canon->text_len;

	while (len && isspace((unsigned char)*text))
		text++, len--;
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	if (len) {
		put(canon, "\"");
		append(canon, &canon->out, &canon->out_len, text, len);
	}
	canon->text_len = 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void XMLCALL canon_start(void *data, const XML_Char *name, const XML_Char **attrs)
{
	struct canon *canon = data;
	_cleanup_free_ const XML_Char **sorted = NULL;
	size_t count = 0;

	flush_text(canon);
	put(canon, "<");
	put(canon, name);
	while (attrs[2 * count])
		count++;
	sorted = calloc(2 * count + 1, sizeof(*sorted));
	if (!sorted) {
		canon->result = -ENOMEM;
		XML_StopParser(canon->parser, XML_FALSE);
		return;
	}
	memcpy(sorted, attrs, 2 * count * sizeof(*sorted));
	qsort(sorted, count, 2 * sizeof(*sorted), by_name);
	for (size_t i = 0; i < 2 * count; i++) {
		put(canon, i % 2 ? "=" : " ");
		put(canon, sorted[i]);
	}
	put(canon, ">");
}

static void XMLCALL canon_end(void *data, const XML_Char *name)
{
	flush_text(data);
	put(data, "</>");
}

static void XMLCALL canon_text(void *data, const XML_Char *text, int len)
{
	struct canon *canon = data;

	append(canon, &canon->text, &canon->text_len, text, (size_t)len);
}

int gr_xml_spans_canonical(const char *text, size_t len, char **ret, struct gr_error *err)
{
	struct canon canon = { .parser = XML_ParserCreate(NULL) };
	int r;

	if (!canon.parser)
		return gr_error_nomem(err);
	XML_SetUserData(canon.parser, &canon);
	XML_SetElementHandler(canon.parser, canon_start, canon_end);
	XML_SetCharacterDataHandler(canon.parser, canon_text);
	r = parse(canon.parser, text, len, &canon.result, &canon.why, err);
	XML_ParserFree(canon.parser);
	free(canon.text);
	if (r < 0)
		free(canon.out);
	else
		*ret = canon.out;
	return r;
}
