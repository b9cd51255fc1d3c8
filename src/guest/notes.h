/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is wrong or remarkable in what a VM asks for, collected while reading so that a person sees
 * all of it at once. A code is stable (GR401 ...); a fatal note means that the VMM itself would
 * refuse, or that guestram cannot do it; the others are worth a line and change nothing.
 */
#ifndef GR_GUEST_NOTES_H
#define GR_GUEST_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The list ends here, however hostile the input; what would follow is dropped. */
#define GR_NOTES_MAX 64

struct gr_note {
	char code[8];
	bool fatal;
	char *message;
};

struct gr_notes {
	struct gr_note *items;
	size_t count;
};

/** gr_note_fatal - add a note that stands in the way of a start. Return: 0 or -ENOMEM. */
int gr_note_fatal(struct gr_notes *notes, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** gr_note_warn - add a note that does not. Return: 0 or -ENOMEM. */
int gr_note_warn(struct gr_notes *notes, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * gr_note_partial_page - a fatal note (GR406) if @bytes of @what are no whole pages
 * @page_size_bytes: 0 is unknown, and then nothing is checked
 *
 * It names the nearest sizes that are. Return: 0 or -ENOMEM.
 */
int gr_note_partial_page(struct gr_notes *notes, const char *what, uint64_t bytes,
			 uint64_t page_size_bytes);

/**
 * gr_note_not_shared - GR421: @what is private, and another process is to map it
 * @remedy: the VMM's words for sharing. Return: 0 or -ENOMEM.
 */
int gr_note_not_shared(struct gr_notes *notes, const char *what, uint64_t bytes,
		       const char *remedy);

/** gr_note_private_file - GR422: private pages of a file and VFIO. Return: 0 or -ENOMEM. */
int gr_note_private_file(struct gr_notes *notes, const char *what, uint64_t bytes,
			 const char *remedy);

/** gr_notes_has - is there a note with that code? */
bool gr_notes_has(const struct gr_notes *notes, const char *code);

/** gr_notes_error - the first fatal note as an error of class usage. Return: -EINVAL, or 0. */
int gr_notes_error(const struct gr_notes *notes, struct gr_error *err);

void gr_notes_done(struct gr_notes *notes);

#endif
