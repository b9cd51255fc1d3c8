/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger against the kernel: every difference between what leases and declared owners say and
 * what the pools show, with what explains it. Pure: the books, the leases and who holds the pages
 * were read before (audit.c). Codes are stable: scripts match them, texts may change.
 *
 *   code   severity       meaning
 *   GR501  warning        free pages that no lease, declaration or boot line explains
 *   GR502  info           such pages, in use by a process
 *   GR503  error          a lease has fewer pages than it says: somebody lowered the pool
 *   GR504  warning        a declared owner has fewer pages than declared
 *   GR505  info, warning  surplus on a node (warning: pages of others are there as well)
 *   GR506  warning        surplus pages on the free list
 *   GR507  info, warning  overcommit in use (warning: used up)
 *   GR508  error          a counter of the kernel has underflowed, or contradicts another
 *   GR509  warning        more pages are promised than free
 *   GR510  error          pages in use that nobody holds: kernel suspect
 *   GR511  warning        a file of huge pages that no process has open
 *   GR512  warning        guest RAM that another process keeps after its VMM is gone
 *   GR513  info           promoted pages of others are owed
 *   GR514  warning        a lease of an earlier boot
 *   GR515  error          a lease file that cannot be read
 *   GR516  warning        a lease that nobody stands behind any more
 *   GR517  warning        a declared owner's process is gone
 *   GR518  info           pages in use whose holder cannot be seen from here
 *   GR519  info           larger pages are cut up for a lease
 *   GR520  warning        pages in use that a detached System V segment may hold
 */
#ifndef GR_LEASE_RECONCILE_H
#define GR_LEASE_RECONCILE_H

#include "base/diagnosis.h"
#include "lease/books.h"
#include "verify/holders.h"

/* Is there a process behind a lease? */
struct gr_behind {
	bool owner, keeper;
};

struct gr_audit {
	const struct gr_host *host;
	const struct gr_leases *leases;
	const struct gr_behind *behind; /* one for each lease */
	const struct gr_boot_pools *boot;
	const struct gr_holders *holders;
	const char *boot_id; /* "" if unknown */
	uint64_t now_ns;     /* CLOCK_BOOTTIME, the clock of expires_ns */
	/* By page size of the host, what a closer look found of pages that nobody has; NULL: there
	 * was none. */
	const uint64_t *lost_pages;
};

/** gr_reconcile - explain every difference. Return: 0 or -ENOMEM. */
int gr_reconcile(const struct gr_audit *audit, struct gr_diagnoses *ret);

/**
 * gr_audit - the same of a host: read, compare, and look again where a moment could have misled
 *
 * Nothing is changed, and no lock is taken. Return: 0 or -errno.
 */
int gr_audit(struct gr_ledger *ledger, struct gr_diagnoses *ret, struct gr_error *err);

#endif
