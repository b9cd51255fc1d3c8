/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The books: of every pool, by node and page size, how many pages are whose. The persistent pages
 * are split among leases, declared owners and what nobody declared; of the latter, what this boot
 * was asked for and the rest. Pure: what is compared was read before.
 */
#ifndef GR_LEASE_BOOKS_H
#define GR_LEASE_BOOKS_H

#include "host/boot_pools.h"
#include "lease/lease.h"

struct gr_book {
	uint64_t page_size_bytes;
	int node;             /* -1: a kernel without nodes */
	uint64_t total, free, surplus, persistent, in_use;
	uint64_t leased;      /* pages of leases */
	uint64_t promoted;    /* others' surplus that a lease made persistent */
	uint64_t demoted;     /* pages that a lease cut up: they come back with its release */
	uint64_t external;    /* declared pages of others */
	uint64_t boot, other; /* nobody declared them: asked for at boot, or not */
	uint64_t lease_missing, external_missing; /* promised, and not in the pool */
};

struct gr_books {
	struct gr_book *books; /* by size and node; every pool that could be read */
	size_t count;
	/* Declared on any of several nodes, and not in the pools: by size, node -1. */
	struct gr_book *adrift;
	size_t adrift_count;
};

/**
 * gr_books_make - split the pools
 * @leases: those of this boot count
 * @boot_id: "" if unknown
 *
 * A lease that is being changed may have any part of what it asked for. Return: 0 or -ENOMEM.
 */
int gr_books_make(const struct gr_host *host, const struct gr_leases *leases, const char *boot_id,
		  const struct gr_boot_pools *boot, struct gr_books *ret);
void gr_books_done(struct gr_books *books);
#define _cleanup_books_ __attribute__((cleanup(gr_books_done)))

struct gr_book *gr_book_at(const struct gr_books *books, uint64_t page_size_bytes, int node);

#endif
