/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scripts for huge pages that are copied from host to host: what they do, line by line, and what is
 * wrong with it. Pure reading of text; a shell is never asked what it means.
 */
#ifndef GR_LIBVIRT_OLD_HOOK_H
#define GR_LIBVIRT_OLD_HOOK_H

#include <stddef.h>

struct gr_old_finding {
	const char *code; /* "absolute-count", "zero-count", "compaction", "drop-caches", ... */
	unsigned long line;
	char *text;	     /* the line, without the spaces around it */
	const char *problem; /* what is wrong with it */
	const char *instead; /* what guestram does */
};

struct gr_old_findings {
	struct gr_old_finding *items;
	size_t count;
};

/** gr_old_hook_scan - append what is found in @text. Return: 0 or -ENOMEM. */
int gr_old_hook_scan(const char *text, struct gr_old_findings *findings);
void gr_old_findings_done(struct gr_old_findings *findings);
#define _cleanup_old_findings_ __attribute__((cleanup(gr_old_findings_done)))

#endif
