// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The order of the questions, and the words that several of them need.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "lease/reconcile_private.h"

#define NAMES_MAX 6 /* of processes in one sentence */

const char *gr_where(int node, char buf[GR_WHERE_MAX])
{
	if (node < 0)
		buf[0] = '\0';
	else
		snprintf(buf, GR_WHERE_MAX, " on node %d", node);
	return buf;
}

const char *gr_pages_text(uint64_t pages, uint64_t page_size_bytes, char buf[2 * GR_TEXT_MAX])
{
	char count[GR_TEXT_MAX], size[GR_TEXT_MAX];

	snprintf(buf, 2 * GR_TEXT_MAX, "%s page%s of %s", gr_count_text(pages, count),
		 gr_plural(pages), gr_size_text(page_size_bytes, size));
	return buf;
}

bool gr_is_this_boot(const struct gr_audit *audit, const struct gr_lease *lease)
{
	return !audit->boot_id[0] || !strcmp(lease->boot_id, audit->boot_id);
}

bool gr_is_owner(const struct gr_audit *audit, pid_t pid)
{
	for (size_t i = 0; i < audit->leases->count; i++) {
		const struct gr_lease *lease = audit->leases->leases[i];

		if (gr_is_this_boot(audit, lease) &&
		    (lease->owner_pid == pid || lease->keeper_pid == pid))
			return true;
	}
	return false;
}

/* Pages that are counted for the process: of a file that several share, the first one has them. */
static uint64_t pages_of(const struct gr_audit *audit, pid_t pid, uint64_t page_size_bytes,
			 int node)
{
	const struct gr_holders *holders = audit->holders;
	uint64_t pages = 0;

	for (size_t i = 0; i < holders->count; i++) {
		const struct gr_held *held = &holders->held[i];

		if (held->pid_count && held->pids[0] == pid)
			pages += gr_held_pages(held, page_size_bytes, node, NULL);
	}
	return pages;
}

char *gr_holder_names(const struct gr_audit *audit, uint64_t page_size_bytes, int node,
		      bool strangers, uint64_t *ret_pages)
{
	_cleanup_free_ char *text = NULL;
	uint64_t sum = 0;
	size_t size = 0, named = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < audit->holders->process_count; i++) {
		const struct gr_holder *holder = &audit->holders->processes[i];
		uint64_t pages = pages_of(audit, holder->pid, page_size_bytes, node);
		char count[GR_TEXT_MAX];

		if (!pages || (strangers && gr_is_owner(audit, holder->pid)))
			continue;
		sum += pages;
		if (++named <= NAMES_MAX)
			fprintf(f, "%spid %d (%s) %s", named > 1 ? ", " : "", (int)holder->pid,
				holder->comm, gr_count_text(pages, count));
	}
	if (named > NAMES_MAX)
		fprintf(f, " and %zu more", named - NAMES_MAX);
	if (fclose(f))
		return NULL;
	if (ret_pages)
		*ret_pages = sum;
	return gr_steal_ptr(text);
}

int gr_reconcile(const struct gr_audit *audit, struct gr_diagnoses *ret)
{
	struct gr_reconcile r = { .audit = audit, .out = ret };

	if (gr_books_make(audit->host, audit->leases, audit->boot_id, audit->boot, &r.books) < 0)
		return -ENOMEM;
	gr_reconcile_leases(&r);
	for (size_t i = 0; i < r.books.count; i++)
		gr_reconcile_pool(&r, &r.books.books[i]);
	for (size_t i = 0; i < audit->host->page_size_count; i++)
		gr_reconcile_size(&r, i);
	gr_reconcile_held(&r);
	gr_books_done(&r.books);
	return ret->lost ? -ENOMEM : 0;
}
