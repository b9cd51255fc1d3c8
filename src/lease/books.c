// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Shares are taken off the persistent count in the order of their claim: leases, promoted pages,
 * declared owners of a node, declared owners of any node, the boot's request; the rest is other.
 * What is on no particular node goes to the nodes that have something left: a boot's request
 * evenly, as the kernel does it, then wherever there is more. A page that a lease cut up is in no
 * pool; it was the boot's where the boot asked for any, and so the boot has that much less.
 */
#include "lease/books.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "lease/ledger.h"

struct flux { /* of a book: pages that leases which are being changed may have */
	uint64_t pages;
	uint64_t left; /* persistent pages that nobody has so far */
	uint64_t cut;  /* pages that leases cut up, of whom they were is not decided so far */
	uint64_t was_cut; /* those of the boot's request that is being placed */
};

struct making {
	struct gr_books books;
	struct flux *flux; /* one for each book */
};

struct gr_book *gr_book_at(const struct gr_books *books, uint64_t page_size_bytes, int node)
{
	for (size_t i = 0; i < books->count; i++) {
		if (books->books[i].page_size_bytes == page_size_bytes &&
		    books->books[i].node == node)
			return &books->books[i];
	}
	return NULL;
}

static bool has_nodes(const struct gr_host *host, uint64_t page_size_bytes)
{
	for (size_t i = 0; i < host->pool_count; i++) {
		if (host->pools[i].page_size_bytes == page_size_bytes && host->pools[i].node >= 0)
			return true;
	}
	return false;
}

static int compare_books(const void *a, const void *b)
{
	const struct gr_book *x = a, *y = b;

	if (x->page_size_bytes != y->page_size_bytes)
		return x->page_size_bytes < y->page_size_bytes ? -1 : 1;
	return (x->node > y->node) - (x->node < y->node);
}

static int open_books(const struct gr_host *host, struct making *m)
{
	struct gr_books *books = &m->books;

	for (size_t i = 0; i < host->pool_count; i++) {
		const struct gr_pool *pool = &host->pools[i];
		struct gr_book *book;

		if (pool->answer != GR_ANSWER_OK ||
		    (pool->node < 0 && has_nodes(host, pool->page_size_bytes)))
			continue;
		if (gr_grow(&books->books, books->count, sizeof(*books->books)) < 0)
			return -ENOMEM;
		book = &books->books[books->count++];
		book->page_size_bytes = pool->page_size_bytes;
		book->node = pool->node;
		book->total = pool->total;
		book->free = pool->free;
		book->surplus = pool->surplus;
		book->persistent = gr_sub_floor(pool->total, pool->surplus);
		book->in_use = gr_sub_floor(pool->total, pool->free);
	}
	if (books->count)
		qsort(books->books, books->count, sizeof(*books->books), compare_books);
	m->flux = calloc(books->count + 1, sizeof(*m->flux));
	return m->flux ? 0 : -ENOMEM;
}

/* Pages that no book has: on any node, or on a node that is gone. */
static int adrift(struct gr_books *books, uint64_t page_size_bytes, int node, uint64_t leased,
		  uint64_t external)
{
	struct gr_book *book;

	if (gr_grow(&books->adrift, books->adrift_count, sizeof(*books->adrift)) < 0)
		return -ENOMEM;
	book = &books->adrift[books->adrift_count++];
	book->page_size_bytes = page_size_bytes;
	book->node = node;
	book->external = external;
	book->lease_missing = leased;
	return 0;
}

static int add_grant(struct making *m, const struct gr_lease *lease,
		     const struct gr_lease_grant *grant)
{
	struct gr_book *book = gr_book_at(&m->books, grant->page_size_bytes, grant->node);
	bool external = lease->state == GR_LEASE_EXTERNAL;

	if (!book)
		return adrift(&m->books, grant->page_size_bytes, grant->node,
			      external || gr_lease_cut_short(lease) ? 0 : grant->pages,
			      external ? grant->pages : 0);
	book->demoted += grant->demoted_pages;
	if (external)
		book->external += grant->pages;
	else if (gr_lease_cut_short(lease))
		m->flux[book - m->books.books].pages +=
			gr_max_u64(grant->asked_pages, grant->pages) + grant->promoted_pages;
	else
		book->leased += grant->pages;
	if (!gr_lease_cut_short(lease))
		book->promoted += grant->promoted_pages;
	return 0;
}

/* What is left of each pool once leases and declared owners of its node have theirs. */
static void split(struct making *m)
{
	for (size_t i = 0; i < m->books.count; i++) {
		struct gr_book *book = &m->books.books[i];
		uint64_t ours = book->leased + book->promoted, moving;

		m->flux[i].cut = book->demoted;
		book->lease_missing = gr_sub_floor(ours, book->persistent);
		/* A declared owner's pages may be surplus: that they are there is enough. */
		book->external_missing =
			gr_sub_floor(book->external, gr_sub_floor(book->total, ours));
		m->flux[i].left = gr_sub_floor(book->persistent, ours + book->external);
		moving = gr_min_u64(m->flux[i].left, m->flux[i].pages);
		book->leased += moving;
		m->flux[i].left -= moving;
	}
}

/* Declared on any of several nodes: wherever something is left. */
static void place_adrift(struct making *m)
{
	for (size_t k = 0; k < m->books.adrift_count; k++) {
		struct gr_book *from = &m->books.adrift[k];

		for (size_t i = 0; i < m->books.count && from->node < 0; i++) {
			struct gr_book *book = &m->books.books[i];
			uint64_t pages = gr_min_u64(m->flux[i].left, from->external);

			if (book->page_size_bytes != from->page_size_bytes)
				continue;
			book->external += pages;
			m->flux[i].left -= pages;
			from->external -= pages;
		}
		from->external_missing = from->external;
	}
}

static void take_boot(struct making *m, size_t i, uint64_t most, uint64_t *pages)
{
	uint64_t taken = gr_min_u64(gr_min_u64(m->flux[i].left, most), *pages);

	m->books.books[i].boot += taken;
	m->flux[i].left -= taken;
	*pages -= taken;
}

static bool is_for(const struct gr_boot_pool *boot, const struct gr_book *book)
{
	return book->page_size_bytes == boot->page_size_bytes &&
	       (boot->node < 0 || book->node < 0 || boot->node == book->node);
}

/* What was cut of the boot's pages. @even: at most so many on each node, unless it named one */
static void take_cut(struct making *m, const struct gr_boot_pool *boot, uint64_t even,
		     uint64_t *pages)
{
	for (size_t i = 0; i < m->books.count; i++) {
		struct flux *flux = &m->flux[i];
		uint64_t cut = gr_min_u64(flux->cut, *pages);

		flux->was_cut = 0;
		if (!is_for(boot, &m->books.books[i]))
			continue;
		cut = boot->node < 0 ? gr_min_u64(cut, even) : cut;
		flux->cut -= cut;
		flux->was_cut = cut;
		*pages -= cut;
	}
}

static void place_boot(struct making *m, const struct gr_boot_pool *boot)
{
	uint64_t pages = boot->pages, nodes = 0, even;

	for (size_t i = 0; i < m->books.count; i++)
		nodes += m->books.books[i].page_size_bytes == boot->page_size_bytes;
	even = nodes ? gr_div_up(boot->pages, nodes) : 0;
	take_cut(m, boot, even, &pages);
	for (size_t i = 0; i < m->books.count; i++) {
		struct gr_book *book = &m->books.books[i];

		if (is_for(boot, book))
			take_boot(m, i, boot->node < 0 ? gr_sub_floor(even, m->flux[i].was_cut) :
							 boot->pages, &pages);
	}
	for (size_t i = 0; i < m->books.count && boot->node < 0; i++) {
		if (m->books.books[i].page_size_bytes == boot->page_size_bytes)
			take_boot(m, i, pages, &pages);
	}
}

int gr_books_make(const struct gr_host *host, const struct gr_leases *leases, const char *boot_id,
		  const struct gr_boot_pools *boot, struct gr_books *ret)
{
	struct making m = { 0 };
	int r = open_books(host, &m);

	for (size_t i = 0; i < leases->count && r >= 0; i++) {
		const struct gr_lease *lease = leases->leases[i];

		if (boot_id[0] && strcmp(lease->boot_id, boot_id))
			continue;
		for (size_t k = 0; k < lease->grant_count && r >= 0; k++)
			r = add_grant(&m, lease, &lease->grants[k]);
	}
	if (r < 0) {
		free(m.flux);
		gr_books_done(&m.books);
		return r;
	}
	split(&m);
	place_adrift(&m);
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < boot->count; i++) {
			/* Those of a node first. */
			if ((boot->pools[i].node < 0) == (pass == 1))
				place_boot(&m, &boot->pools[i]);
		}
	}
	for (size_t i = 0; i < m.books.count; i++)
		m.books.books[i].other = m.flux[i].left;
	free(m.flux);
	*ret = m.books;
	return 0;
}

void gr_books_done(struct gr_books *books)
{
	free(books->books);
	free(books->adrift);
	*books = (struct gr_books){ 0 };
}
