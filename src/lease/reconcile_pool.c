// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One pool at a time: who has its pages, and what its counts mean for those who use it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "lease/reconcile_private.h"

/* Counts are 64 bits in the kernel's words and may have run below 0. */
static void underflow(struct gr_reconcile *r, const struct gr_book *book)
{
	char size[GR_TEXT_MAX], where[GR_WHERE_MAX];

	if (book->surplus <= book->total && book->free <= book->total)
		return;
	gr_diagnose(r->out, "GR508", GR_ERROR,
		    "the kernel's counts of %s pages%s contradict each other: a kernel accounting "
		    "bug%s",
		    gr_size_text(book->page_size_bytes, size), gr_where(book->node, where),
		    book->surplus > book->total && book->surplus <= INT32_MAX ?
			    "; a write to nr_hugepages of this node may take all memory" :
			    "");
	gr_diagnose_evidence(r->out, "total %" PRIu64 ", free %" PRIu64 ", surplus %" PRIu64,
			     book->total, book->free, book->surplus);
	gr_diagnose_remedy(r->out, "reboot when it suits; leave nr_hugepages of that node alone");
}

static const char *pool_path(const struct gr_book *book, char *buf, size_t size)
{
	return gr_pool_path(book->page_size_bytes, book->node, "nr_hugepages", buf, size) < 0 ?
		       "nr_hugepages" :
		       buf;
}

static void undeclared_free(struct gr_reconcile *r, const struct gr_book *book, uint64_t pages)
{
	char text[2 * GR_TEXT_MAX], where[GR_WHERE_MAX], bytes[GR_TEXT_MAX], size[GR_TEXT_MAX],
		path[128], node[24] = "";

	if (book->node >= 0)
		snprintf(node, sizeof(node), " --node %d", book->node);
	gr_diagnose(r->out, "GR501", GR_WARNING,
		    "%s%s %s free, and no lease, declaration or boot line explains %s",
		    gr_pages_text(pages, book->page_size_bytes, text), gr_where(book->node, where),
		    gr_are(pages), pages == 1 ? "it" : "them");
	gr_diagnose_evidence(r->out,
			     "persistent %" PRIu64 ": leases %" PRIu64 ", promoted %" PRIu64
			     ", declared %" PRIu64 ", boot %" PRIu64 ", other %" PRIu64,
			     book->persistent, book->leased, book->promoted, book->external,
			     book->boot, book->other);
	gr_diagnose_evidence(r->out, "free %" PRIu64, book->free);
	gr_diagnose_remedy(r->out,
			   "if they are somebody's: guestram reserve --external NAME -m %s "
			   "-p %s%s; else: echo %" PRIu64 " >/%s",
			   gr_size_arg(pages * book->page_size_bytes, bytes),
			   gr_size_arg(book->page_size_bytes, size), node, book->persistent - pages,
			   pool_path(book, path, sizeof(path)));
}

/* What nobody declared is free, unless strangers have it, or the kernel promised it to a program.
 */
static void undeclared(struct gr_reconcile *r, const struct gr_book *book)
{
	const struct gr_pool *pool = gr_host_pool(r->audit->host, book->page_size_bytes, -1);
	uint64_t promised = pool && pool->reserved_known ? pool->reserved : 0;
	char text[2 * GR_TEXT_MAX], where[GR_WHERE_MAX];
	_cleanup_free_ char *names = NULL;
	uint64_t strangers = 0, used;

	if (!book->other)
		return;
	names = gr_holder_names(r->audit, book->page_size_bytes, book->node, true, &strangers);
	if (!names) {
		r->out->lost = true;
		return;
	}
	/* Never more are called free than are, whoever uses the others. */
	used = gr_max_u64(gr_min_u64(book->other, strangers + promised),
			  gr_sub_floor(book->other, book->free));
	if (book->other > used)
		undeclared_free(r, book, book->other - used);
	if (!used)
		return;
	gr_diagnose(r->out, "GR502", GR_INFO, "%s%s %s in use, and nobody declared %s",
		    gr_pages_text(used, book->page_size_bytes, text), gr_where(book->node, where),
		    gr_are(used), used == 1 ? "it" : "them");
	gr_diagnose_evidence(r->out, "in use %" PRIu64 ", promised to programs %" PRIu64 "; %s",
			     book->in_use, promised,
			     names[0] ? names : "no process is seen that has them");
	gr_diagnose_remedy(r->out, "guestram reserve --external NAME keeps others off them");
}

/* "win (512), db (1,024)": who has a share in that pool. */
static char *sharers(const struct gr_audit *audit, const struct gr_book *book, bool external)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	const char *comma = "";
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < audit->leases->count; i++) {
		const struct gr_lease *lease = audit->leases->leases[i];

		if (!gr_is_this_boot(audit, lease) ||
		    (lease->state == GR_LEASE_EXTERNAL) != external)
			continue;
		for (size_t k = 0; k < lease->grant_count; k++) {
			const struct gr_lease_grant *grant = &lease->grants[k];
			char count[GR_TEXT_MAX];

			if (grant->page_size_bytes != book->page_size_bytes ||
			    grant->node != book->node || !grant->pages)
				continue;
			fprintf(f, "%s%s (%s)", comma, lease->name,
				gr_count_text(grant->pages, count));
			comma = ", ";
		}
	}
	return fclose(f) ? NULL : gr_steal_ptr(text);
}

static void missing(struct gr_reconcile *r, const struct gr_book *book, bool external)
{
	uint64_t pages = external ? book->external_missing : book->lease_missing;
	char text[2 * GR_TEXT_MAX], where[GR_WHERE_MAX], path[128];
	_cleanup_free_ char *names = NULL;

	if (!pages)
		return;
	names = sharers(r->audit, book, external);
	if (!names) {
		r->out->lost = true;
		return;
	}
	gr_diagnose(r->out, external ? "GR504" : "GR503", external ? GR_WARNING : GR_ERROR,
		    "%s%s %s missing from %s: somebody lowered the pool",
		    gr_pages_text(pages, book->page_size_bytes, text), gr_where(book->node, where),
		    gr_are(pages), external ? "what was declared" : "what the leases have");
	gr_diagnose_evidence(r->out,
			     "total %" PRIu64 ", surplus %" PRIu64 ", persistent %" PRIu64
			     ": leases %" PRIu64 ", promoted %" PRIu64 ", declared %" PRIu64,
			     book->total, book->surplus, book->persistent, book->leased,
			     book->promoted, book->external);
	gr_diagnose_evidence(r->out, "%s: %s", external ? "declared" : "leases", names);
	if (book->total || book->free)
		gr_diagnose_remedy(r->out, "echo %" PRIu64 " >/%s", book->persistent + pages,
				   pool_path(book, path, sizeof(path)));
	else
		gr_diagnose_remedy(r->out, "guestram release the %s, and reserve again",
				   external ? "declaration" : "lease");
}

static void surplus(struct gr_reconcile *r, const struct gr_book *book)
{
	char text[2 * GR_TEXT_MAX], where[GR_WHERE_MAX], path[128];
	_cleanup_free_ char *names = NULL;
	uint64_t idle = gr_sub_floor(book->surplus, book->in_use);

	if (!book->surplus || book->surplus > book->total)
		return;
	if (idle) {
		gr_diagnose(r->out, "GR506", GR_WARNING,
			    "%s%s %s surplus and free: an older kernel leaves them in the pool",
			    gr_pages_text(idle, book->page_size_bytes, text),
			    gr_where(book->node, where), gr_are(idle));
		gr_diagnose_evidence(r->out, "surplus %" PRIu64 ", in use %" PRIu64, book->surplus,
				     book->in_use);
		pool_path(book, path, sizeof(path));
		gr_diagnose_remedy(r->out, "echo %" PRIu64 " >/%s; echo %" PRIu64 " >/%s",
				   book->total, path, book->persistent, path);
	}
	if (book->surplus == idle)
		return;
	names = gr_holder_names(r->audit, book->page_size_bytes, book->node, false, NULL);
	if (!names) {
		r->out->lost = true;
		return;
	}
	gr_diagnose(r->out, "GR505", book->persistent ? GR_WARNING : GR_INFO,
		    book->persistent ? "%s%s %s surplus beside pages of a pool: whatever is freed "
				       "there goes to the host first, whoever frees it" :
				       "%s%s %s surplus: in use, and the host's when freed; "
				       "nothing has leaked",
		    gr_pages_text(book->surplus - idle, book->page_size_bytes, text),
		    gr_where(book->node, where), gr_are(book->surplus - idle));
	gr_diagnose_evidence(r->out,
			     "total %" PRIu64 ", surplus %" PRIu64 ", persistent %" PRIu64
			     ", free %" PRIu64,
			     book->total, book->surplus, book->persistent, book->free);
	if (names[0])
		gr_diagnose_evidence(r->out, "held by %s", names);
}

void gr_reconcile_pool(struct gr_reconcile *r, const struct gr_book *book)
{
	underflow(r, book);
	missing(r, book, false);
	missing(r, book, true);
	undeclared(r, book);
	surplus(r, book);
}
