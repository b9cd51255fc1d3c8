/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of reconcile share.
 */
#ifndef GR_LEASE_RECONCILE_PRIVATE_H
#define GR_LEASE_RECONCILE_PRIVATE_H

#include "base/size.h"
#include "lease/reconcile.h"

struct gr_reconcile {
	const struct gr_audit *audit;
	struct gr_books books;
	struct gr_diagnoses *out;
};

#define GR_WHERE_MAX 40

/** gr_where - " on node 0", or "" where there are no nodes. */
const char *gr_where(int node, char buf[GR_WHERE_MAX]);

/** gr_pages_text - "512 pages of 2 MiB". */
const char *gr_pages_text(uint64_t pages, uint64_t page_size_bytes, char buf[2 * GR_TEXT_MAX]);

/** gr_is_owner - does a lease of this boot know that process? */
bool gr_is_owner(const struct gr_audit *audit, pid_t pid);

/** gr_is_this_boot - else its pools are gone. */
bool gr_is_this_boot(const struct gr_audit *audit, const struct gr_lease *lease);

/**
 * gr_holder_names - "pid 12 (qemu) 512, pid 14 (vhost) 8": who has pages of that size and node
 * @strangers: only those that no lease knows
 * @ret_pages: of all that were named; may be NULL
 *
 * Return: malloc'ed, "" where there are none; NULL: no memory.
 */
char *gr_holder_names(const struct gr_audit *audit, uint64_t page_size_bytes, int node,
		      bool strangers, uint64_t *ret_pages);

void gr_reconcile_pool(struct gr_reconcile *r, const struct gr_book *book);
/* @index: of a page size of the host */
void gr_reconcile_size(struct gr_reconcile *r, size_t index);
void gr_reconcile_held(struct gr_reconcile *r);
void gr_reconcile_leases(struct gr_reconcile *r);

#endif
