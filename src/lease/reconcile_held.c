// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who holds the pages: those that nobody holds, files that outlive their processes, guest RAM that
 * outlives its VMM, and the counts that the kernel keeps for the whole host only.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "lease/reconcile_private.h"
#include "verify/recognise.h"

static void reserved(struct gr_reconcile *r, const struct gr_pool *pool)
{
	char size[GR_TEXT_MAX];

	gr_size_text(pool->page_size_bytes, size);
	if (pool->reserved_bogus) {
		gr_diagnose(r->out, "GR508", GR_ERROR,
			    "the kernel's count of reserved %s pages has underflowed: a kernel "
			    "accounting bug; it is taken as 0",
			    size);
		gr_diagnose_evidence(r->out,
				     "resv_hugepages reads %" PRIu64 ", which is %" PRId64
				     "; total %" PRIu64 ", free and available %" PRIu64,
				     pool->reserved_raw, (int64_t)pool->reserved_raw, pool->total,
				     pool->free);
		gr_diagnose_remedy(r->out,
				   "reboot when it suits: until then programs that map %s "
				   "pages may be refused",
				   size);
	} else if (pool->reserved_known && pool->reserved > pool->free) {
		gr_diagnose(r->out, "GR509", GR_WARNING,
			    "more %s pages are promised to programs than are free: the last to "
			    "touch them gets SIGBUS",
			    size);
		gr_diagnose_evidence(r->out,
				     "reserved %" PRIu64 ", free %" PRIu64 ", total %" PRIu64,
				     pool->reserved, pool->free, pool->total);
		gr_diagnose_remedy(
			r->out, "guestram reserve NAME -m %s adds what is missing",
			gr_size_arg((pool->reserved - pool->free) * pool->page_size_bytes, size));
	}
}

static void overcommit(struct gr_reconcile *r, const struct gr_pool *pool)
{
	char text[2 * GR_TEXT_MAX];

	if (!pool->overcommit_known || !pool->overcommit || !pool->surplus ||
	    pool->surplus > pool->total)
		return;
	gr_diagnose(r->out, "GR507", pool->surplus >= pool->overcommit ? GR_WARNING : GR_INFO,
		    pool->surplus >= pool->overcommit ?
			    "overcommit is used up: no more surplus pages until some are freed" :
			    "overcommit is in use: programs get pages beyond the pool");
	gr_diagnose_evidence(r->out, "nr_overcommit_hugepages %" PRIu64 ", surplus %s",
			     pool->overcommit,
			     gr_pages_text(pool->surplus, pool->page_size_bytes, text));
}

/* A page size of which pages are in use, if there is only one: what is of an unknown size, is. */
static uint64_t only_size_in_use(const struct gr_books *books)
{
	uint64_t size = 0;

	for (size_t i = 0; i < books->count; i++) {
		if (!books->books[i].in_use)
			continue;
		if (size && size != books->books[i].page_size_bytes)
			return 0;
		size = books->books[i].page_size_bytes;
	}
	return size;
}

struct sum { /* pages of one size, of the whole host or of a node */
	uint64_t in_use, held, maybe;
	uint64_t lost; /* in use, and held by nobody that is seen */
};

static struct sum sum_held(const struct gr_reconcile *r, uint64_t page_size_bytes, int node)
{
	struct sum sum = { 0 };

	for (size_t i = 0; i < r->books.count; i++) {
		const struct gr_book *book = &r->books.books[i];

		if (book->page_size_bytes == page_size_bytes && (node < 0 || book->node == node))
			sum.in_use += book->in_use;
	}
	for (size_t i = 0; i < r->audit->holders->count; i++)
		sum.held += gr_held_pages(&r->audit->holders->held[i], page_size_bytes, node,
					  &sum.maybe);
	sum.lost = gr_sub_floor(sum.in_use, sum.held + sum.maybe);
	return sum;
}

/* "node 0: 512 in use, 256 held"; only for nodes that lack some for certain. */
static void evidence_of_nodes(struct gr_reconcile *r, uint64_t page_size_bytes)
{
	for (size_t i = 0; i < r->books.count; i++) {
		const struct gr_book *book = &r->books.books[i];
		struct sum sum;

		if (book->page_size_bytes != page_size_bytes || book->node < 0)
			continue;
		sum = sum_held(r, page_size_bytes, book->node);
		if (sum.lost)
			gr_diagnose_evidence(r->out, "node %d: in use %" PRIu64 ", held %" PRIu64,
					     book->node, sum.in_use, sum.held + sum.maybe);
	}
}

static uint64_t segment_pages(const struct gr_holders *holders, uint64_t page_size_bytes)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < holders->segment_count; i++)
		pages += holders->segments[i].bytes / page_size_bytes;
	return pages;
}

static void in_segments(struct gr_reconcile *r, uint64_t page_size_bytes, uint64_t pages)
{
	const struct gr_holders *holders = r->audit->holders;
	char text[2 * GR_TEXT_MAX], bytes[GR_TEXT_MAX];

	gr_diagnose(r->out, "GR520", GR_WARNING,
		    "%s in use without a process: shared memory that nobody has attached may be it",
		    gr_pages_text(pages, page_size_bytes, text));
	for (size_t i = 0; i < holders->segment_count; i++) {
		if (holders->segments[i].bytes >= page_size_bytes)
			gr_diagnose_evidence(r->out, "segment %" PRIu64 ": %s",
					     holders->segments[i].id,
					     gr_size_text(holders->segments[i].bytes, bytes));
	}
	gr_diagnose_remedy(r->out, "ipcs -m lists them; ipcrm -m ID removes one");
}

/* @index: of the page size among the host's */
static void lost(struct gr_reconcile *r, size_t index, uint64_t page_size_bytes)
{
	const struct gr_holders *holders = r->audit->holders;
	struct sum sum = sum_held(r, page_size_bytes, -1);
	char text[2 * GR_TEXT_MAX];
	uint64_t segments, rest;

	if (!sum.lost)
		return;
	gr_pages_text(sum.lost, page_size_bytes, text);
	if (!holders->complete) {
		gr_diagnose(r->out, "GR518", GR_INFO,
			    "%s in use, and who holds them cannot be seen from here", text);
		gr_diagnose_evidence(r->out,
				     "in use %" PRIu64 ", holders known of %" PRIu64
				     "; processes that cannot be read: %" PRIu64
				     ", that are ending: %" PRIu64,
				     sum.in_use, sum.held + sum.maybe,
				     holders->unread + holders->closed, holders->ending);
		gr_diagnose_remedy(r->out, "run it as root on the host itself");
		return;
	}
	segments = gr_min_u64(segment_pages(holders, page_size_bytes), sum.lost);
	if (segments)
		in_segments(r, page_size_bytes, segments);
	rest = sum.lost - segments;
	if (r->audit->lost_pages)
		rest = gr_min_u64(rest, r->audit->lost_pages[index]);
	if (!rest)
		return;
	gr_pages_text(rest, page_size_bytes, text);
	gr_diagnose(r->out, "GR510", GR_ERROR,
		    "%s in use, and no process, file or shared memory has them: kernel suspect",
		    text);
	gr_diagnose_evidence(r->out, "in use %" PRIu64 ", held by processes and files %" PRIu64,
			     sum.in_use, sum.held + sum.maybe);
	evidence_of_nodes(r, page_size_bytes);
	if (holders->unread)
		gr_diagnose_evidence(r->out,
				     "of %" PRIu64 " process%s only what is mapped could be "
				     "read",
				     holders->unread, holders->unread == 1 ? "" : "es");
	gr_diagnose_remedy(r->out,
			   "only what is free can be released; look for a device that has "
			   "them pinned or a descriptor under way in a socket; else a reboot "
			   "brings them back");
}

void gr_reconcile_size(struct gr_reconcile *r, size_t index)
{
	uint64_t page_size_bytes = r->audit->host->page_sizes[index];
	const struct gr_pool *pool = gr_host_pool(r->audit->host, page_size_bytes, -1);

	if (!pool || pool->answer != GR_ANSWER_OK)
		return;
	reserved(r, pool);
	overcommit(r, pool);
	lost(r, index, page_size_bytes);
	for (size_t i = 0; i < r->books.adrift_count; i++) {
		const struct gr_book *book = &r->books.adrift[i];
		bool external = book->external_missing;
		char text[2 * GR_TEXT_MAX], where[GR_WHERE_MAX];

		if (book->page_size_bytes != page_size_bytes || (!book->lease_missing && !external))
			continue;
		gr_diagnose(r->out, external ? "GR504" : "GR503", external ? GR_WARNING : GR_ERROR,
			    "%s%s missing from what %s",
			    gr_pages_text(external ? book->external_missing : book->lease_missing,
					  page_size_bytes, text),
			    gr_where(book->node, where),
			    external ? "was declared" : "the leases have");
		gr_diagnose_evidence(r->out, "total of all nodes %" PRIu64, pool->total);
		gr_diagnose_remedy(r->out, "guestram list shows whose they are");
	}
}

/* --- files --- */

static void unopened(struct gr_reconcile *r, const struct gr_held *held)
{
	char text[2 * GR_TEXT_MAX];

	gr_diagnose(
		r->out, "GR511", GR_WARNING, "a file keeps %s that no process has open",
		gr_pages_text(held->bytes / held->page_size_bytes, held->page_size_bytes, text));
	gr_diagnose_evidence(r->out, "%s", held->path);
	gr_diagnose_remedy(r->out, "if its program is gone: rm %s", held->path);
}

static bool has_vmm(const struct gr_audit *audit, const struct gr_held *held)
{
	for (size_t i = 0; i < held->pid_count; i++) {
		const struct gr_holder *holder = gr_holders_process(audit->holders, held->pids[i]);

		if (gr_is_owner(audit, held->pids[i]) || (holder && holder->vmm))
			return true;
	}
	return false;
}

static void outlived(struct gr_reconcile *r, const struct gr_held *held)
{
	const struct gr_holder *holder = gr_holders_process(r->audit->holders, held->pids[0]);
	uint64_t size = held->page_size_bytes ? held->page_size_bytes : only_size_in_use(&r->books);
	char text[2 * GR_TEXT_MAX], bytes[GR_TEXT_MAX];

	if (!held->bytes)
		snprintf(text, sizeof(text), "huge pages, nobody knows how many,");
	else if (size)
		gr_pages_text(held->bytes / size, size, text);
	else
		snprintf(text, sizeof(text), "%s of huge pages", gr_size_text(held->bytes, bytes));
	gr_diagnose(r->out, "GR512", GR_WARNING,
		    "%s held by pid %d (%s), file deleted: the VM that they were made for is gone",
		    text, (int)held->pids[0], holder ? holder->comm : "?");
	gr_diagnose_evidence(r->out, "%s", held->path);
	for (size_t i = 1; i < held->pid_count; i++) {
		holder = gr_holders_process(r->audit->holders, held->pids[i]);
		gr_diagnose_evidence(r->out, "also pid %d (%s)", (int)held->pids[i],
				     holder ? holder->comm : "?");
	}
	gr_diagnose_remedy(r->out,
			   "kill %d, or restart its service: the pages come back with its "
			   "last descriptor",
			   (int)held->pids[0]);
}

void gr_reconcile_held(struct gr_reconcile *r)
{
	const struct gr_holders *holders = r->audit->holders;

	for (size_t i = 0; i < holders->count; i++) {
		const struct gr_held *held = &holders->held[i];

		if (!held->path)
			continue;
		if (!held->pid_count && held->page_size_bytes && held->bytes)
			unopened(r, held);
		else if (held->pid_count && held->deleted && gr_is_ram_name(held->path) &&
			 !has_vmm(r->audit, held))
			outlived(r, held);
	}
}
