/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of QEMU, libvirt, the kernel and others about guest memory, each with what can be behind
 * it. Only short pieces of their texts are here, as patterns (pattern.h). A message that means one
 * thing only says it itself; for the others there are causes to look for.
 */
#ifndef GR_DOCTOR_MESSAGES_H
#define GR_DOCTOR_MESSAGES_H

#include "doctor/case.h"

struct gr_message {
	const char *row;	 /* "E01": of the table in docs/doctor.md */
	bool in_domain;		 /* a domain shows it: one that does not has been corrected */
	const char *patterns[8]; /* old and new wordings; any of them */
	gr_cause_fn causes[20];	 /* likeliest first; NULL behind the last */
	/* What it means if it means one thing, or if no cause is found: */
	const char *code;
	enum gr_severity severity;
	const char *cause, *remedy;
};

/** gr_message_at - the rows in the order in which they are tried; NULL behind the last. */
const struct gr_message *gr_message_at(size_t i);

extern const struct gr_message gr_other_messages[]; /* messages_other.c */
extern const size_t gr_other_message_count;

/** gr_message_find - the first row that @line matches, or NULL. */
const struct gr_message *gr_message_find(const char *line);
bool gr_message_matches(const struct gr_message *message, const char *line, struct gr_match *ret);

/** gr_harmless - why a line that looks like an error has nothing to do with guest memory; NULL if
 * it is none of those known. */
const char *gr_harmless(const char *line);

/** gr_looks_like_error - words of failure. */
bool gr_looks_like_error(const char *line);

#endif
