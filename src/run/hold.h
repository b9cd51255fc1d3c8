/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest RAM that this process holds for a VM, need by need, and its lease. For run/, and for
 * lib/, where the process is the VM: of the options it needs those that are not about a VMM.
 */
#ifndef GR_RUN_HOLD_H
#define GR_RUN_HOLD_H

#include "ram/ram.h"
#include "run/run.h"

struct gr_hold {
	const struct gr_run_options *options;
	struct gr_ledger *ledger; /* open, locked, while pages are on their way; may be NULL */
	struct gr_lease *lease;   /* NULL: no pages were reserved */
	struct gr_ram *rams;      /* [i] for request->needs[i]; none for a VMM that takes pool pages */
	size_t count;
	struct gr_populating **populating; /* [i]; NULL when not under way */
	volatile int stop;        /* not 0: populating behind a VMM ends */
	int done_fd;              /* eventfd: gets 1 for each need that was populated behind a VMM */
	bool topped_up;           /* a stranger's pages were made up for: said once */
};

/** gr_hold_reserve - the plan's grants as a pending lease. Nothing for backings without pools. */
int gr_hold_reserve(struct gr_hold *hold, struct gr_run_report *report, struct gr_error *err);

/**
 * gr_hold_map - map every need, as files that a VMM can take over if @as_files
 *
 * Where a stranger took pages of the pool in between, the lease is topped up by what is missing.
 */
int gr_hold_map(struct gr_hold *hold, bool as_files, struct gr_error *err);

/** gr_hold_populate - all of it, now. The lock may have been let go: it is taken for a top-up. */
int gr_hold_populate(struct gr_hold *hold, struct gr_run_report *report, struct gr_error *err);

/** gr_hold_populate_start - begin, behind the caller's back; done_fd tells of the end. */
int gr_hold_populate_start(struct gr_hold *hold, struct gr_error *err);
int gr_hold_populate_wait(struct gr_hold *hold, struct gr_run_report *report, struct gr_error *err);

/** gr_hold_populate_stop - end it early, if it is under way. */
void gr_hold_populate_stop(struct gr_hold *hold);

/** gr_hold_unlock - the pages are where they belong: settle the lease, let go of the lock. */
void gr_hold_unlock(struct gr_hold *hold);

/** gr_hold_drop - unmap and close our side; the pages live on in a VMM that has the fds. */
void gr_hold_drop(struct gr_hold *hold);

/** gr_hold_give_back - the lease's pages; takes the lock again if it was let go. */
int gr_hold_give_back(struct gr_hold *hold, struct gr_run_report *report, struct gr_error *err);

/** gr_hold_forget_lease - leave it to recovery: a VMM may still run on it. */
void gr_hold_forget_lease(struct gr_hold *hold);

/** gr_hold_close - let go of ledger and lease in memory; the lease's file stays. */
void gr_hold_close(struct gr_hold *hold);


/** gr_hold_kept_percent - how much of it has to be on the promised pages. */
double gr_hold_kept_percent(enum gr_backing backing);

#endif
