/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A document as places in its own text: where each element starts and ends. Editing replaces such
 * places and leaves every other byte as it is, which no library that writes a document anew can do:
 * quotes, spaces and comments of its author stay.
 */
#ifndef GR_LIBVIRT_XML_SPANS_H
#define GR_LIBVIRT_XML_SPANS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct gr_xml_span {
	char *name;	   /* "NAMESPACE\nname", or the name alone */
	int parent;	   /* index; -1 of the root */
	size_t start, end; /* the element with both its tags */
	size_t inner;	   /* behind its start tag; the same as end for <a/> */
	size_t inner_end;  /* where its end tag starts */
};

struct gr_xml_spans {
	struct gr_xml_span *spans; /* in the order of their start tags */
	size_t count;
};

/**
 * gr_xml_spans_read - find the elements of @text
 *
 * Return: 0; -EINVAL (no XML, a DTD, or an encoding of more than one byte for "<"); -E2BIG
 * (more than GR_DOMAIN_* allows); -ENOMEM. Free with gr_xml_spans_done().
 */
int gr_xml_spans_read(const char *text, size_t len, struct gr_xml_spans *ret, struct gr_error *err);
void gr_xml_spans_done(struct gr_xml_spans *spans);
#define _cleanup_xml_spans_ __attribute__((cleanup(gr_xml_spans_done)))

/** gr_xml_spans_child - the @nth child of that name (NULL: any; -1: the root's place), or -1. */
int gr_xml_spans_child(const struct gr_xml_spans *spans, int parent, const char *name, size_t nth);

/**
 * gr_xml_spans_canonical - what an element says, without how it is written
 *
 * Attributes sorted, spaces around texts gone, no comments: equal texts mean the same.
 * @ret: malloc'ed. Return: as gr_xml_spans_read().
 */
int gr_xml_spans_canonical(const char *text, size_t len, char **ret, struct gr_error *err);

#endif
