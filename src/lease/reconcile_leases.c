// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the ledger says by itself: leases that nobody stands behind, debts, files that cannot be
 * read.
 */
#include <inttypes.h>
#include <string.h>

#include "base/util.h"
#include "lease/ledger.h"
#include "lease/reconcile_private.h"

/* As recovery sees it; NULL: it is as it should be. */
static const char *why_stale(const struct gr_audit *audit, const struct gr_lease *lease,
			     const struct gr_behind *behind)
{
	switch (lease->state) {
	case GR_LEASE_RESERVING:
		return behind->keeper ? NULL : "its reservation was cut short";
	case GR_LEASE_RELEASING:
	case GR_LEASE_SETTLING:
		return behind->keeper ? NULL : "its release was cut short";
	case GR_LEASE_LENDING:
		return "lending its pages was cut short";
	case GR_LEASE_PENDING:
		return !behind->keeper && lease->keeper_pid ? "nobody took it over" :
		       lease->expires_ns && audit->now_ns > lease->expires_ns ? "it has expired" :
										NULL;
	case GR_LEASE_OWNED:
		return !behind->keeper && !behind->owner ? "its process is gone" : NULL;
	case GR_LEASE_OWED:
		return gr_lease_pages(lease) ? "not all of it could be given back" : NULL;
	default:
		return NULL;
	}
}

static void stale(struct gr_reconcile *r, const struct gr_lease *lease,
		  const struct gr_behind *behind)
{
	const char *why = why_stale(r->audit, lease, behind);
	char count[GR_TEXT_MAX];

	if (!why)
		return;
	gr_diagnose(r->out, "GR516", GR_WARNING, "nobody stands behind lease %s any more: %s",
		    lease->name, why);
	gr_diagnose_evidence(r->out, "state %s, %s page%s", gr_lease_state_name(lease->state),
			     gr_count_text(gr_lease_pages(lease), count),
			     gr_plural(gr_lease_pages(lease)));
	if (lease->owner_pid)
		gr_diagnose_evidence(r->out, "owner was pid %d", (int)lease->owner_pid);
	gr_diagnose_remedy(r->out, "guestram recover");
}

static void debts(struct gr_reconcile *r, const struct gr_lease *lease)
{
	char pages[2 * GR_TEXT_MAX], where[GR_WHERE_MAX], time[GR_TEXT_MAX];

	for (size_t i = 0; i < lease->grant_count; i++) {
		const struct gr_lease_grant *grant = &lease->grants[i];

		if (grant->promoted_pages) {
			gr_diagnose(r->out, "GR513", GR_INFO,
				    "lease %s owes surplus of others that its growth made "
				    "persistent",
				    lease->name);
			gr_diagnose_evidence(
				r->out, "%s%s",
				gr_pages_text(grant->promoted_pages, grant->page_size_bytes, pages),
				gr_where(grant->node, where));
			if (lease->state == GR_LEASE_OWED && lease->expires_ns > r->audit->now_ns)
				gr_diagnose_evidence(
					r->out, "paid within %s at the latest",
					gr_time_text(lease->expires_ns - r->audit->now_ns, time));
			gr_diagnose_remedy(r->out,
					   lease->state == GR_LEASE_OWED ? "guestram recover" :
									   "guestram release %s",
					   lease->name);
		}
		if (grant->demoted_pages) {
			gr_diagnose(r->out, "GR519", GR_INFO,
				    "larger pages are cut up for lease %s", lease->name);
			gr_diagnose_evidence(
				r->out, "%s%s",
				gr_pages_text(grant->demoted_pages, grant->page_size_bytes, pages),
				gr_where(grant->node, where));
			gr_diagnose_remedy(r->out, "guestram release %s", lease->name);
		}
	}
}

static void check_lease(struct gr_reconcile *r, const struct gr_lease *lease,
			const struct gr_behind *behind)
{
	if (!gr_is_this_boot(r->audit, lease)) {
		gr_diagnose(r->out, "GR514", GR_WARNING,
			    "lease %s is of an earlier boot: its pages are gone", lease->name);
		gr_diagnose_evidence(r->out, "boot id %s, now %s", lease->boot_id,
				     r->audit->boot_id);
		gr_diagnose_remedy(r->out, "guestram recover");
		return;
	}
	stale(r, lease, behind);
	debts(r, lease);
	if (lease->state == GR_LEASE_EXTERNAL && lease->owner_pid && !behind->owner) {
		gr_diagnose(
			r->out, "GR517", GR_WARNING,
			"the process of declaration %s is gone: its pages stay set aside for it",
			lease->name);
		gr_diagnose_evidence(r->out, "pid %d", (int)lease->owner_pid);
		gr_diagnose_remedy(r->out, "guestram release %s", lease->name);
	}
}

static bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

static void unreadable(struct gr_reconcile *r, const char *file)
{
	bool newer = !ends_in(file, ".damaged");

	gr_diagnose(r->out, "GR515", GR_ERROR,
		    newer ? "a lease file is of another version of guestram" :
			    "a lease file was damaged, and set aside");
	gr_diagnose_evidence(r->out, "/run/guestram/leases/%s; its pages may still be in the pool",
			     file);
	gr_diagnose_remedy(r->out,
			   newer ? "release it with the guestram that made it" :
				   "lower nr_hugepages by the pages that it names, then rm "
				   "/run/guestram/leases/%s",
			   file);
}

void gr_reconcile_leases(struct gr_reconcile *r)
{
	const struct gr_leases *leases = r->audit->leases;

	for (size_t i = 0; i < leases->count; i++)
		check_lease(r, leases->leases[i], &r->audit->behind[i]);
	for (size_t i = 0; i < leases->damaged_count; i++) {
		gr_diagnose(r->out, "GR515", GR_ERROR, "a lease file is damaged");
		gr_diagnose_evidence(r->out,
				     "/run/guestram/leases/%s; its pages may still be in "
				     "the pool",
				     leases->damaged[i]);
		gr_diagnose_remedy(r->out,
				   "guestram recover sets it aside; then lower nr_hugepages "
				   "by the pages that it names");
	}
	for (size_t i = 0; i < leases->aside_count; i++)
		unreadable(r, leases->aside[i]);
}
