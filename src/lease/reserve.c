// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reserving: refuse what would hurt the host, write the intent, climb the ladder node by node, and
 * either record what was got or put everything back. All or nothing.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/size.h"
#include "base/util.h"
#include "lease/ladder.h"
#include "lease/place.h"
#include "verify/verify.h"

void gr_reserve_report_done(struct gr_reserve_report *report)
{
	for (size_t i = 0; i < report->note_count; i++)
		free(report->notes[i]);
	free(report->notes);
	free(report->rungs);
	*report = (struct gr_reserve_report){ 0 };
}

/* @ret_old: NULL, or a lease of that name that owes only promoted pages, to be taken over. */
static int check_free_name(struct gr_ledger *ledger, const char *name, struct gr_lease **ret_old,
			   struct gr_error *err)
{
	struct gr_lease *lease;
	int r = gr_lease_name_check(name, err);

	if (r < 0)
		return r;
	r = gr_ledger_find(ledger, name, &lease, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (lease->state == GR_LEASE_OWED && !gr_lease_pages(lease)) {
		*ret_old = lease;
		return 0;
	}
	r = gr_error_set(err, GR_CLASS_USAGE, EEXIST, "there is a lease '%s' already (%s)", name,
			 gr_lease_state_name(lease->state));
	if (lease->state == GR_LEASE_HELD)
		gr_error_hint(err, "`guestram release %s` gives it back; --name takes another name",
			      name);
	else
		gr_error_hint(err, "a VM of that name runs or starts: --name takes another name");
	gr_lease_free(lease);
	return r;
}

/*
 * Pages of one wish: from its node, or from the candidates in turn. Memory is moved on one node only
 * when a plain write has been tried on all.
 */
static int climb_for(struct gr_climb *climb, const struct gr_host *host,
		     const struct gr_grant *want, uint64_t *ret_short, struct gr_error *err)
{
	_cleanup_pools_ struct gr_pools pools = { 0 };
	_cleanup_free_ struct gr_place *candidates = NULL;
	uint64_t left = want->pages;
	size_t count = 0;
	int r = gr_pools_read(climb->ledger->root, want->page_size_bytes, &pools, err);

	if (r < 0)
		return r;
	if (gr_place_candidates(host, &pools, &candidates, &count) < 0)
		return gr_error_nomem(err);
	for (size_t i = 0; i < 2 * count && left; i++) {
		int node = candidates[i % count].node;
		bool cheap = i < count && count > 1 && want->node < 0;
		struct gr_lease_grant *grant;

		if ((want->node >= 0 && node >= 0 && node != want->node) ||
		    (i >= count && (count == 1 || want->node >= 0)))
			continue;
		grant = gr_lease_grant_at(climb->lease, node, want->page_size_bytes);
		if (!grant)
			return gr_error_nomem(err);
		r = gr_ladder_climb(climb, grant, left, cheap, &left, err);
		if (r < 0)
			return r;
	}
	*ret_short = left;
	return 0;
}

/* The largest page size below @page_size_bytes that this host has; 0: none. */
static uint64_t smaller_size(const struct gr_host *host, uint64_t page_size_bytes)
{
	uint64_t best = 0;

	for (size_t i = 0; i < host->page_size_count; i++) {
		if (host->page_sizes[i] < page_size_bytes)
			best = gr_max_u64(best, host->page_sizes[i]);
	}
	return best;
}

static int shortfall(const struct gr_host *host, const struct gr_grant *want, uint64_t left,
		     const char *then, struct gr_error *err)
{
	uint64_t smaller = smaller_size(host, want->page_size_bytes);
	char size[GR_TEXT_MAX], asked[GR_TEXT_MAX], got[GR_TEXT_MAX], lacking[GR_TEXT_MAX],
		bytes[GR_TEXT_MAX], where[32] = "";
	int r;

	if (want->node >= 0)
		snprintf(where, sizeof(where), " on node %d", want->node);
	r = gr_error_set(err, GR_CLASS_HOST, ENOMEM,
			 "%s of %s pages of %s%s could be had, short %s pages = %s%s",
			 gr_count_text(want->pages - left, got), gr_count_text(want->pages, asked),
			 gr_size_text(want->page_size_bytes, size), where,
			 gr_count_text(left, lacking),
			 gr_size_text(left * want->page_size_bytes, bytes), then);
	if (smaller)
		gr_error_hint(err, "the host's memory is fragmented: try --page-size %s, "
				   "--backing thp, or reserve at boot", gr_size_arg(smaller, size));
	else
		gr_error_hint(err, "the host's memory is fragmented: try a smaller VM, "
				   "--backing thp, or reserve at boot");
	return r;
}

/* After the growth the kernel must still have its floor: MemAvailable is read again. */
static int check_after(struct gr_ledger *ledger, const struct gr_floor *floor, struct gr_error *err)
{
	_cleanup_host_ struct gr_host *host = NULL;
	int r = gr_host_read(ledger->root, GR_READ_POOLS, &host, err);

	return r < 0 ? r : gr_floor_check(host, floor, -1, 0, err);
}

static struct gr_lease *new_lease(struct gr_ledger *ledger, const char *name, bool pending)
{
	struct gr_lease *lease = calloc(1, sizeof(*lease));

	if (!lease)
		return NULL;
	snprintf(lease->name, sizeof(lease->name), "%s", name);
	snprintf(lease->boot_id, sizeof(lease->boot_id), "%s", ledger->boot_id);
	lease->state = GR_LEASE_OWED; /* until the first write is near */
	lease->since = time(NULL);
	lease->keeper_pid = getpid();
	gr_process_start_time(ledger->root, getpid(), &lease->keeper_start_time, NULL);
	if (pending)
		lease->expires_ns = gr_boottime_ns() + GR_LEASE_PENDING_NS;
	return lease;
}

/* Grants that got nothing need not be remembered, unless promoted pages are owed there. */
static void forget_empty(struct gr_lease *lease)
{
	size_t kept = 0;

	for (size_t i = 0; i < lease->grant_count; i++) {
		struct gr_lease_grant *grant = &lease->grants[i];

		if (grant->pages || grant->promoted_pages)
			lease->grants[kept++] = *grant;
	}
	lease->grant_count = kept;
}

static int climb_all(struct gr_climb *climb, const struct gr_host *host, struct gr_error *err)
{
	const struct gr_reserve_options *options = climb->options;

	for (size_t i = 0; i < options->grant_count; i++) {
		uint64_t left = 0;
		int r = climb_for(climb, host, &options->grants[i], &left, err);

		if (r < 0)
			return r;
		if (left) {
			climb->report->short_pages = left;
			return shortfall(host, &options->grants[i], left, "; all put back",
					 err);
		}
	}
	return check_after(climb->ledger, &options->floor, err);
}

int gr_reserve(struct gr_ledger *ledger, const char *name, const struct gr_reserve_options *options,
	       struct gr_lease **ret, struct gr_reserve_report *ret_report, struct gr_error *err)
{
	_cleanup_host_ struct gr_host *host = NULL;
	_cleanup_lease_ struct gr_lease *lease = NULL, *old = NULL;
	struct gr_climb climb = { .ledger = ledger, .options = options, .report = ret_report };
	struct gr_error undo_err;
	int r = check_free_name(ledger, name, &old, err);

	if (r >= 0)
		r = gr_ledger_finish(ledger, NULL, err);
	if (r >= 0)
		r = gr_host_read(ledger->root, GR_READ_POOLS, &host, err);
	if (r >= 0)
		r = gr_place_check(host, options, err);
	if (r < 0)
		return r;
	lease = climb.lease = new_lease(ledger, name, options->pending);
	if (!lease)
		return gr_error_nomem(err);
	if (old) {
		lease->grants = gr_steal_ptr(old->grants);
		lease->grant_count = old->grant_count;
		r = gr_lease_aim_all(ledger, lease, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < options->grant_count; i++)
		climb.total_pages += options->grants[i].pages;
	r = climb_all(&climb, host, err);
	if (r >= 0) {
		forget_empty(lease);
		lease->state = options->pending ? GR_LEASE_PENDING : GR_LEASE_HELD;
		r = gr_ledger_save(ledger, lease, err);
		if (r < 0)
			lease->state = GR_LEASE_RESERVING;
	}
	if (r >= 0) {
		*ret = gr_steal_ptr(lease);
		return 0;
	}
	if (!gr_lease_cut_short(lease))
		return r; /* nothing was written yet */
	if (gr_lease_undo(ledger, lease, NULL, &undo_err) < 0) {
		if (err)
			*err = undo_err;
		r = -undo_err.errnum;
	}
	return r;
}

int gr_reserve_more(struct gr_ledger *ledger, struct gr_lease *lease, int node,
		    uint64_t page_size_bytes, uint64_t pages, const struct gr_floor *floor,
		    struct gr_error *err)
{
	_cleanup_host_ struct gr_host *host = NULL;
	struct gr_reserve_options options = { .floor = *floor };
	struct gr_reserve_report report = { 0 };
	struct gr_climb climb = { .ledger = ledger, .lease = lease, .options = &options,
				  .report = &report, .total_pages = pages };
	struct gr_lease_grant *grant = gr_lease_grant_at(lease, node, page_size_bytes);
	enum gr_lease_state state = lease->state;
	uint64_t left = 0;
	int r;

	if (!grant)
		return gr_error_nomem(err);
	/* A kill from here on undoes the whole lease; so does a failure, once it is given back. */
	r = gr_host_read(ledger->root, GR_READ_POOLS, &host, err);
	if (r >= 0)
		r = gr_floor_check(host, floor, node, pages * page_size_bytes, err);
	if (r < 0)
		return r;
	r = gr_lease_aim_all(ledger, lease, err);
	if (r >= 0)
		r = gr_ladder_climb(&climb, grant, pages, false, &left, err);
	if (r >= 0) {
		lease->state = state;
		r = gr_ledger_save(ledger, lease, err);
	}
	if (r >= 0)
		r = check_after(ledger, floor, err);
	if (r >= 0 && left) {
		struct gr_grant want = { .node = node, .page_size_bytes = page_size_bytes,
					 .pages = pages };

		r = shortfall(host, &want, left, "", err);
	}
	gr_reserve_report_done(&report);
	return r;
}
