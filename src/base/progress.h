/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A word on a terminal for anything that takes over half a second: nothing before that, nothing
 * when stderr is no terminal, and the line is gone when the work is done.
 */
#ifndef GR_BASE_PROGRESS_H
#define GR_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct gr_progress {
	const char *what; /* "reserving" */
	uint64_t started_ns, shown_ns;
	bool terminal, drawn;
};

void gr_progress_start(struct gr_progress *p, const char *what);
/* @done of @total in bytes or pages; cheap, may be called often. */
void gr_progress_step(struct gr_progress *p, uint64_t done, uint64_t total);
void gr_progress_end(struct gr_progress *p);

#endif
