/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changing a document in place: an element by its path is set, replaced or removed, and how it was
 * is noted, so that gr_xml_undo() can put back exactly that. Paths are names below the root, with
 * [N] for the N-th of equal ones: "memoryBacking/source", "cpu/numa/cell[1]".
 */
#ifndef GR_LIBVIRT_XML_EDIT_H
#define GR_LIBVIRT_XML_EDIT_H

#include "libvirt/xml_spans.h"

struct gr_undo {
	char *path;
	char *was;  /* text; NULL: it was not there */
	char *set;  /* text; NULL: it was removed */
	int place;  /* which child of its parent it was, where it was removed */
	size_t gap; /* bytes of text and comments between the child before it and that */
};

struct gr_xml {
	char *text;
	size_t len;
	struct gr_xml_spans spans;
	struct gr_undo *undo;
	size_t undo_count;
};

/** gr_xml_open - a copy of @text to edit. Return: as gr_xml_spans_read(). Free with gr_xml_done().
 */
int gr_xml_open(const char *text, size_t len, struct gr_xml *ret, struct gr_error *err);
void gr_xml_done(struct gr_xml *xml);
#define _cleanup_xml_ __attribute__((cleanup(gr_xml_done)))

/** gr_xml_find - index of an element, or -1. "" is the root. */
int gr_xml_find(const struct gr_xml *xml, const char *path);

/** gr_xml_copy - text of an element in malloc'ed memory. Return: 1, 0 (not there), -ENOMEM. */
int gr_xml_copy(const struct gr_xml *xml, const char *path, char **ret, struct gr_error *err);

/**
 * gr_xml_set - make the element at @path be @set (NULL: not there), making its parents
 *
 * @set: an element; its second and further lines are indented as from column 0. New elements go
 * where libvirt writes them, indented as their neighbours are. Return: 1 changed and noted for
 * undo; 0 it was so already; -errno.
 */
int gr_xml_set(struct gr_xml *xml, const char *path, const char *set, struct gr_error *err);

/**
 * gr_xml_undo - put back what a note tells, if the element still is as it was set
 *
 * Return: 1 done, or nothing to do; 0 the element is another by now and was left; -errno.
 */
int gr_xml_undo(struct gr_xml *xml, const struct gr_undo *undo, struct gr_error *err);

/** gr_xml_note - note how an element is now, without changing it. Return: 0 or -errno. */
int gr_xml_note(struct gr_xml *xml, const char *path, struct gr_error *err);

/** gr_xml_forget - drop the notes of how things were. */
void gr_xml_forget(struct gr_xml *xml);

/** gr_xml_attr - a copy of the element @text with @name='@value' (NULL: without). Return: 0,
 * -errno. */
int gr_xml_attr(const char *text, const char *name, const char *value, char **ret,
		struct gr_error *err);

/** gr_xml_escape - for use in an attribute, malloc'ed; NULL: no memory. */
char *gr_xml_escape(const char *text);

#endif
