/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Idle pages: those that leases hold with consent to lend, and that nobody uses at the moment. How
 * many there are (idle.c), and the way of some of them to another lease (loan.c). Private to lease/.
 */
#ifndef GR_LEASE_IDLE_H
#define GR_LEASE_IDLE_H

#include "lease/ladder.h"

struct gr_idle { /* the leases, and the pools less what others hold */
	struct gr_host *host;
	struct gr_leases leases;
	const struct gr_lease *borrower; /* its pages are free, and not idle; or NULL */
};

/** gr_idle_read - as things are now. Return: 0, or -errno. */
int gr_idle_read(struct gr_ledger *ledger, const struct gr_lease *borrower, struct gr_idle *ret,
		 struct gr_error *err);
void gr_idle_done(struct gr_idle *idle);
#define _cleanup_idle_ __attribute__((cleanup(gr_idle_done)))

/** gr_idle_lends - does this lease lend? */
bool gr_idle_lends(const struct gr_lease *lease);

/** gr_idle_pages - how many pages of one pool may be lent, whosever they are. */
uint64_t gr_idle_pages(const struct gr_idle *idle, int node, uint64_t page_size_bytes);

/** gr_worth_borrowing - are there idle pages on the node, of that size or larger? */
bool gr_worth_borrowing(const struct gr_climb *climb, const struct gr_look *look);

/** gr_borrow - give back as many as are missing. Return: 0, also where none could be; -errno. */
int gr_borrow(struct gr_climb *climb, struct gr_lease_grant *grant, const struct gr_look *look,
	      struct gr_rung *rung, struct gr_error *err);

/**
 * gr_borrow_for_floor - give back what the wishes lack in memory above the floor
 *
 * On the nodes of the wishes where they name some; what the host as a whole lacks, on any node.
 * Call after gr_place_check() with gr_ledger_add_idle(). Return: 0 or -errno.
 */
int gr_borrow_for_floor(struct gr_climb *climb, struct gr_error *err);

/**
 * gr_lend - give @pages idle pages of one pool back to the host
 * @ret_lent: how many went
 *
 * Notes them in the report of @climb. Return: 0 or -errno.
 */
int gr_lend(struct gr_climb *climb, int node, uint64_t page_size_bytes, uint64_t pages,
	    uint64_t *ret_lent, struct gr_error *err);

/** gr_loans_return - nothing came of the reservation: take back for the lenders what can be had. */
void gr_loans_return(struct gr_climb *climb);

/** gr_loans_tell - a note for each loan, as far as there is memory for them. */
void gr_loans_tell(struct gr_reserve_report *report);

#endif
