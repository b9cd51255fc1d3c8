/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between xml_edit.c, which knows paths and how to undo, and xml_place.c, which changes the text.
 * All of these change the text of @xml and read its places anew. Return: 0 or -errno.
 */
#ifndef GR_LIBVIRT_XML_EDIT_PRIVATE_H
#define GR_LIBVIRT_XML_EDIT_PRIVATE_H

#include "libvirt/xml_edit.h"

/** gr_xml_insert - a new child of @parent, behind the last one that libvirt writes before @name. */
int gr_xml_insert(struct gr_xml *xml, int parent, const char *parent_path, const char *name,
		  const char *element, struct gr_error *err);
/** gr_xml_put_back - what was removed, where it was, with the spaces that stood before it. */
int gr_xml_put_back(struct gr_xml *xml, int parent, const struct gr_undo *undo,
		    struct gr_error *err);
/** gr_xml_place_end - where child number @place - 1 of @parent ends, or the start tag of @parent.
 */
size_t gr_xml_place_end(const struct gr_xml *xml, int parent, int place);
/** gr_xml_replace - @as_it_is: its further lines are indented already. */
int gr_xml_replace(struct gr_xml *xml, int at, const char *element, bool as_it_is,
		   struct gr_error *err);
/** gr_xml_drop - the element and the spaces before it. */
int gr_xml_drop(struct gr_xml *xml, int at, struct gr_error *err);
/** gr_xml_before_spaces - where the spaces before @at begin. */
size_t gr_xml_before_spaces(const struct gr_xml *xml, size_t at);

#endif
