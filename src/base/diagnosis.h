/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Diagnoses: what is wrong or worth knowing, by a code that stays the same for scripts, with its
 * cause, the numbers that show it and what to do. Memory that runs out sets `lost`, which whoever
 * made the list checks once at its end.
 */
#ifndef GR_BASE_DIAGNOSIS_H
#define GR_BASE_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>

enum gr_severity {
	GR_INFO,    /* explained, and nothing to do */
	GR_WARNING, /* something is not as it should be */
	GR_ERROR,   /* a promise is broken, or a count is wrong */
	GR_SEVERITY_COUNT
};

struct gr_diagnosis {
	char code[16];
	enum gr_severity severity;
	char *cause;    /* one sentence */
	char *evidence; /* the numbers */
	char *remedy;   /* what to do, a command where there is one; NULL: nothing */
};

struct gr_diagnoses {
	struct gr_diagnosis *items;
	size_t count;
	bool lost;
};

/** gr_diagnose - add one, with its cause. */
void gr_diagnose(struct gr_diagnoses *list, const char *code, enum gr_severity severity,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** gr_diagnose_evidence - of the one added last; what several calls say is joined by "; ". */
void gr_diagnose_evidence(struct gr_diagnoses *list, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** gr_diagnose_remedy - of the one added last. */
void gr_diagnose_remedy(struct gr_diagnoses *list, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** gr_diagnoses_worst - GR_INFO also for an empty list. */
enum gr_severity gr_diagnoses_worst(const struct gr_diagnoses *list);

void gr_diagnoses_done(struct gr_diagnoses *list);
#define _cleanup_diagnoses_ __attribute__((cleanup(gr_diagnoses_done)))

const char *gr_severity_name(enum gr_severity severity);

#endif
