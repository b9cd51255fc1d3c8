// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A growing array of messages. It is bounded, because one hostile command line can hold more
 * mistakes than anybody wants to read; the first ones are those that matter.
 */
#include "guest/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"

static int __attribute__((format(printf, 4, 0)))
note_add(struct gr_notes *notes, bool fatal, const char *code, const char *fmt, va_list args)
{
	struct gr_note *note;
	char *message;

	if (notes->count >= GR_NOTES_MAX)
		return 0;
	if (vasprintf(&message, fmt, args) < 0)
		return -ENOMEM;
	if (gr_grow(&notes->items, notes->count, sizeof(*notes->items)) < 0) {
		free(message);
		return -ENOMEM;
	}
	note = &notes->items[notes->count++];
	snprintf(note->code, sizeof(note->code), "%s", code);
	note->fatal = fatal;
	note->message = message;
	return 0;
}

int gr_note_fatal(struct gr_notes *notes, const char *code, const char *fmt, ...)
{
	va_list args;
	int r;

	va_start(args, fmt);
	r = note_add(notes, true, code, fmt, args);
	va_end(args);
	return r;
}

int gr_note_warn(struct gr_notes *notes, const char *code, const char *fmt, ...)
{
	va_list args;
	int r;

	va_start(args, fmt);
	r = note_add(notes, false, code, fmt, args);
	va_end(args);
	return r;
}

int gr_note_partial_page(struct gr_notes *notes, const char *what, uint64_t bytes,
			 uint64_t page_size_bytes)
{
	char size[GR_TEXT_MAX], page[GR_TEXT_MAX], below[GR_TEXT_MAX], above[GR_TEXT_MAX];
	uint64_t rest, down, up;

	if (!page_size_bytes || bytes % page_size_bytes == 0)
		return 0;
	rest = bytes % page_size_bytes;
	down = bytes - rest;
	gr_size_arg(bytes, size);
	gr_size_arg(page_size_bytes, page);
	if (__builtin_add_overflow(down, page_size_bytes, &up))
		up = down;
	gr_size_arg(up, above);
	if (down == 0)
		return gr_note_fatal(notes, "GR406", "%s: %s is less than one page of %s", what,
				     size, page);
	return gr_note_fatal(notes, "GR406",
			     "%s: %s is no multiple of the page size %s; the nearest are %s and %s",
			     what, size, page, gr_size_arg(down, below), above);
}

int gr_note_not_shared(struct gr_notes *notes, const char *what, uint64_t bytes, const char *remedy)
{
	char size[GR_TEXT_MAX];

	return gr_note_warn(notes, "GR421",
			    "%s (%s) not shared: vhost-user will not work; %s is needed", what,
			    gr_size_text(bytes, size), remedy);
}

int gr_note_private_file(struct gr_notes *notes, const char *what, uint64_t bytes,
			 const char *remedy)
{
	char size[GR_TEXT_MAX];

	return gr_note_warn(notes, "GR422",
			    "%s (%s) is a private mapping of a file: with VFIO it may take up to "
			    "twice the pages; %s avoids it",
			    what, gr_size_text(bytes, size), remedy);
}

bool gr_notes_has(const struct gr_notes *notes, const char *code)
{
	for (size_t i = 0; i < notes->count; i++)
		if (strcmp(notes->items[i].code, code) == 0)
			return true;
	return false;
}

int gr_notes_error(const struct gr_notes *notes, struct gr_error *err)
{
	for (size_t i = 0; i < notes->count; i++)
		if (notes->items[i].fatal)
			return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "%s: %s",
					    notes->items[i].code, notes->items[i].message);
	return 0;
}

void gr_notes_done(struct gr_notes *notes)
{
	for (size_t i = 0; i < notes->count; i++)
		free(notes->items[i].message);
	free(notes->items);
	*notes = (struct gr_notes){ 0 };
}
