/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The human side of records: a section of a document as a table, a list or lines. Private to base.
 */
#ifndef GR_BASE_RECORD_VIEW_H
#define GR_BASE_RECORD_VIEW_H

#include "base/record.h"

/** gr_view_section - print one section. Return: 0 or -ENOMEM. */
int gr_view_section(FILE *out, json_object *doc, const struct gr_section *section);

#endif
