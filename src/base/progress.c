// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One line on stderr, redrawn at most ten times a second and wiped at the end.
 */
#include "base/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/util.h"

#define PATIENCE_NS (UINT64_C(500) * 1000 * 1000)
#define REDRAW_NS (UINT64_C(100) * 1000 * 1000)

void gr_progress_start(struct gr_progress *p, const char *what)
{
	*p = (struct gr_progress){
		.what = what,
		.started_ns = gr_now_ns(),
		.terminal = isatty(STDERR_FILENO) == 1,
	};
}

void gr_progress_step(struct gr_progress *p, uint64_t done, uint64_t total)
{
	uint64_t now;

	if (!p->terminal)
		return;
	now = gr_now_ns();
	if (now - p->started_ns < PATIENCE_NS || now - p->shown_ns < REDRAW_NS)
		return;
	p->shown_ns = now;
	p->drawn = true;
	fprintf(stderr, "\r%s: %u %%\033[K", p->what,
		total ? (unsigned int)((double)done * 100.0 / (double)total) : 0);
	fflush(stderr);
}

void gr_progress_end(struct gr_progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = false;
}
