/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The open ledger as the files of lease/ share it. Private to lease/.
 */
#ifndef GR_LEASE_LEDGER_H
#define GR_LEASE_LEDGER_H

#include "lease/lease.h"
#include "lease/pool.h"

struct gr_ledger {
	const struct gr_root *root; /* the caller's */
	int dir_fd;    /* run/guestram; -1: an empty ledger (read-only, nothing there) */
	int leases_fd; /* run/guestram/leases */
	int lock_fd;   /* -1: read-only */
	char boot_id[40];
	bool keep_blocks; /* see gr_ledger_keep_blocks() */
};

#define GR_LOCK_PATH "/run/guestram/lock" /* for messages */

/**
 * gr_ledger_lock - take the lock of the open file, or wait for it
 * @interrupted: not NULL: not 0 once a signal came
 *
 * Return: 0; -ETIMEDOUT, -EINTR (class host); -errno.
 */
int gr_ledger_lock(int lock_fd, uint64_t timeout_ns, const volatile int *interrupted,
		   struct gr_error *err);

/** gr_lease_to_text - the file of a lease, malloc'ed; NULL when there is no memory. */
char *gr_lease_to_text(const struct gr_lease *lease);

/** gr_lease_from_text - Return: 0; -EPROTO for a lease of another
 * version of guestram; -EBADMSG for anything that is not exactly such a file; -ENOMEM. */
int gr_lease_from_text(const char *text, struct gr_lease **ret);

/** gr_boottime_ns - the clock of expires_ns. */
uint64_t gr_boottime_ns(void);

/** gr_lease_grant_at - the grant for (node, size), added if it is not there; NULL: no memory. */
struct gr_lease_grant *gr_lease_grant_at(struct gr_lease *lease, int node,
					 uint64_t page_size_bytes);

uint64_t gr_lease_pages(const struct gr_lease *lease);

/** gr_lease_cut_short - in a state that lasts only while somebody has the lock: left by a kill. */
bool gr_lease_cut_short(const struct gr_lease *lease);

/** gr_owner_lives - that very process? Only one that is known to be gone is gone: when /proc cannot
 * be read, nobody died. */
bool gr_owner_lives(const struct gr_root *root, pid_t pid, uint64_t start_time);

/** gr_lease_of_this_boot - else its pools are gone. Also where the boot is unknown. */
bool gr_lease_of_this_boot(const struct gr_ledger *ledger, const struct gr_lease *lease);

/** gr_lease_aim - the goals of one size, from what the pools say now and what is owed of it. */
void gr_lease_aim(struct gr_lease *lease, const struct gr_pools *pools);

/** gr_lease_aim_all - the same for every size of the lease. Nothing is saved. */
int gr_lease_aim_all(struct gr_ledger *ledger, struct gr_lease *lease, struct gr_error *err);

/** gr_lease_start_release - note where each pool must end: its count now less what is owed. */
int gr_lease_start_release(struct gr_ledger *ledger, struct gr_lease *lease, struct gr_error *err);

/**
 * gr_lease_undo - bring every pool of a reserving or releasing lease to its goal
 * @ret_pages: pages of the lease that left the pools; may be NULL
 *
 * Return: 0 and the lease's file is gone; 1 if promoted pages are still owed, or own pages that
 * nobody has and that do not come back (gr_lost_pages()), and the lease stays as GR_LEASE_OWED; -errno (class stranded: the pool is not what was written), and the lease stays
 * as GR_LEASE_OWED with what is left, or as it was if not even that could be found out.
 */
int gr_lease_undo(struct gr_ledger *ledger, struct gr_lease *lease, uint64_t *ret_pages,
		  struct gr_error *err);

/**
 * gr_lost_pages - pages of a node that are in use, and that no process, file or segment has
 *
 * Takes some time: it looks at every process, twice where it finds any. Return: 0 also where it
 * cannot be told.
 */
uint64_t gr_lost_pages(const struct gr_root *root, uint64_t page_size_bytes, int node);

/** gr_lease_finish_settle - after a kill: how far did gr_lease_settle() come? Saves the answer. */
int gr_lease_finish_settle(struct gr_ledger *ledger, struct gr_lease *lease, struct gr_error *err);

/** gr_lease_finish_lend - what became of a loan: how many pages left the pool? Saves the answer. */
int gr_lease_finish_lend(struct gr_ledger *ledger, struct gr_lease *lease, struct gr_error *err);

/** gr_ledger_claim_unlent - as gr_ledger_claim(), without what leases hold that lend; the lease
 * @skip (may be NULL) is left out. Notes as well how many pages are in use by whom no lease knows. */
int gr_ledger_claim_unlent(struct gr_ledger *ledger, const char *skip, struct gr_host *host,
			   struct gr_error *err);

/**
 * gr_ledger_finish - undo what a kill left half done, except the lease @name (may be NULL)
 *
 * The goals of such leases are about the pools as they are now, so this comes before any other
 * change. Return: 0 or -errno.
 */
int gr_ledger_finish(struct gr_ledger *ledger, const char *name, struct gr_error *err);

#endif
