/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the functions behind gr_findings_make() share. Each looks at the context, says something or
 * does not, and returns 0 or -ENOMEM.
 */
#ifndef GR_VERIFY_FINDINGS_PRIVATE_H
#define GR_VERIFY_FINDINGS_PRIVATE_H

#include "verify/findings.h"

struct gr_finding_context {
	const struct gr_host *host;
	int stage2_error;
	struct gr_inspection *inspection;
};

/** gr_finding_say - one more finding of the inspection in question. Return: 0 or -ENOMEM. */
int gr_finding_say(struct gr_finding_context *c, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* findings_memory.c */
int gr_finding_shmem_thp_off(struct gr_finding_context *c);
int gr_finding_on_disk(struct gr_finding_context *c);
int gr_finding_private_file(struct gr_finding_context *c);
int gr_finding_nx_split(struct gr_finding_context *c);
int gr_finding_surplus(struct gr_finding_context *c);
int gr_finding_not_mapped(struct gr_finding_context *c);
int gr_finding_swapped(struct gr_finding_context *c);

#endif
