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
#include "lease/idle.h"
#include "lease/place.h"
#include "lease/wish.h"
#include "verify/verify.h"

#define TRIMS_MAX 8
#define TRIM_EXTRA_BYTES (UINT64_C(2) << 20)

void gr_reserve_report_done(struct gr_reserve_report *report)
{
	for (size_t i = 0; i < report->note_count; i++)
		free(report->notes[i]);
	for (size_t i = 0; i < report->count; i++)
		free(report->rungs[i].note);
	free(report->notes);
	free(report->rungs);
	free(report->loans);
	*report = (struct gr_reserve_report){ 0 };
}

/* @ret_old: NULL, or a lease of that name that is over and still owes, to be taken over: a VM starts
 * again although pages of its last run are stuck. */
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
	if (lease->state == GR_LEASE_OWED) {
		*ret_old = lease;
		return 0;
	}
	r = gr_error_set(err, GR_CLASS_USAGE, EEXIST, "there is a lease '%s' already (%s)", name,
			 gr_lease_state_name(lease->state));
	if (lease->state == GR_LEASE_HELD || lease->state == GR_LEASE_EXTERNAL)
		gr_error_hint(err, "`guestram release %s` gives it back; --name takes another name",
			      name);
	else
		gr_error_hint(err, "a VM of that name runs or starts: --name takes another name");
	gr_lease_free(lease);
	return r;
}

/*
 * Of what was got, as much goes back as the floor lacks: allowed where less is enough. @extra_bytes:
 * beyond that, since the lists of CPUs, which no figure of free memory counts, keep some; no page
 * as large as that lies in them.
 */
static int trim(struct gr_ledger *ledger, struct gr_lease *lease, uint64_t extra_bytes, uint64_t *lack,
		uint64_t *ret_pages, struct gr_error *err)
{
	for (size_t i = lease->grant_count; i > 0 && *lack; i--) {
		struct gr_lease_grant *grant = &lease->grants[i - 1];
		uint64_t pages = gr_min_u64(grant->pages,
					    gr_div_up(*lack, grant->page_size_bytes) +
						    extra_bytes / grant->page_size_bytes);
		int r;

		if (!pages)
			continue;
		/* The state is still "reserving": a kill undoes all of it, whatever is left. */
		r = gr_pool_lower(ledger->root, grant->page_size_bytes, grant->node, pages, err);
		if (r < 0)
			return r;
		grant->pages -= pages;
		grant->asked_pages = grant->pages;
		*ret_pages += pages;
		*lack = gr_sub_floor(*lack, pages * grant->page_size_bytes);
	}
	return 0;
}

/* After the growth the kernel must still have its floor: MemAvailable is read again. */
static int check_after(struct gr_ledger *ledger, const struct gr_floor *floor, struct gr_error *err)
{
	_cleanup_host_ struct gr_host *host = NULL;
	int r = gr_host_read(ledger->root, GR_READ_POOLS, &host, err);

	return r < 0 ? r : gr_floor_check(host, floor, -1, 0, err);
}

static int trim_to_floor(struct gr_ledger *ledger, struct gr_lease *lease,
			 const struct gr_floor *floor, struct gr_reserve_report *report,
			 struct gr_error *err)
{
	for (int i = 0; i < TRIMS_MAX; i++) {
		_cleanup_host_ struct gr_host *host = NULL;
		int r = gr_host_read(ledger->root, GR_READ_POOLS, &host, err);
		uint64_t lack;

		if (r < 0)
			return r;
		lack = gr_floor_lack(host, floor);
		if (!lack)
			return gr_floor_check(host, floor, -1, 0, err);
		r = trim(ledger, lease, TRIM_EXTRA_BYTES << i, &lack, &report->short_pages, err);
		if (r < 0)
			return r;
	}
	return check_after(ledger, floor, err);
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

		if (grant->pages || grant->promoted_pages || grant->demoted_pages)
			lease->grants[kept++] = *grant;
	}
	lease->grant_count = kept;
}

/* A reservation that failed with @r. Return: why, in the end. */
static int put_back(struct gr_climb *climb, int r, struct gr_error *err)
{
	bool begun = gr_lease_cut_short(climb->lease);
	struct gr_error undo_err;

	if (begun && gr_lease_undo(climb->ledger, climb->lease, NULL, &undo_err) < 0) {
		if (err)
			*err = undo_err;
		return -undo_err.errnum;
	}
	gr_loans_return(climb);
	if (r == -EINTR)
		gr_error_hint(err, "%s", begun ? "everything was put back" : "nothing was taken");
	return r;
}

int gr_reserve(struct gr_ledger *ledger, const char *name, const struct gr_reserve_options *options,
	       struct gr_lease **ret, struct gr_reserve_report *ret_report, struct gr_error *err)
{
	_cleanup_host_ struct gr_host *host = NULL;
	_cleanup_lease_ struct gr_lease *lease = NULL, *old = NULL;
	struct gr_climb climb = { .ledger = ledger, .options = options, .report = ret_report };
	int r = check_free_name(ledger, name, &old, err);

	if (r >= 0)
		r = gr_ledger_finish(ledger, NULL, err);
	if (r >= 0)
		r = gr_host_read(ledger->root, GR_READ_POOLS, &host, err);
	if (r >= 0)
		r = gr_ledger_add_idle(ledger, host, err);
	if (r >= 0)
		r = gr_place_check(host, options, err);
	if (r < 0)
		return r;
	lease = climb.lease = new_lease(ledger, name, options->pending);
	if (!lease)
		return gr_error_nomem(err);
	lease->lend = options->lend;
	if (old) {
		lease->grants = gr_steal_ptr(old->grants);
		lease->grant_count = old->grant_count;
		r = gr_lease_aim_all(ledger, lease, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < options->grant_count; i++)
		climb.total_pages += options->grants[i].pages;
	r = gr_borrow_for_floor(&climb, err);
	if (r >= 0)
		r = gr_wishes_climb(&climb, host, err);
	if (r >= 0 && options->partial)
		r = trim_to_floor(ledger, lease, &options->floor, ret_report, err);
	else if (r >= 0)
		r = check_after(ledger, &options->floor, err);
	if (r >= 0) {
		forget_empty(lease);
		lease->state = options->pending ? GR_LEASE_PENDING : GR_LEASE_HELD;
		r = gr_ledger_save(ledger, lease, err);
		if (r < 0)
			lease->state = GR_LEASE_RESERVING;
	}
	if (r < 0)
		r = put_back(&climb, r, err);
	else
		*ret = gr_steal_ptr(lease);
	gr_loans_tell(ret_report);
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
	gr_climb_start(&climb);
	if (r >= 0)
		r = gr_ladder_take(&climb, grant, pages, &left, err);
	gr_climb_budget(&climb, left * page_size_bytes);
	if (r >= 0 && left)
		r = gr_ladder_climb(&climb, grant, left, &left, err);
	if (r >= 0) {
		lease->state = state;
		r = gr_ledger_save(ledger, lease, err);
	}
	if (r >= 0)
		r = check_after(ledger, floor, err);
	if (r >= 0 && left) {
		struct gr_grant want = { .node = node, .page_size_bytes = page_size_bytes,
					 .pages = pages };

		r = gr_wish_short(&climb, host, &want, left, "", err);
	}
	gr_reserve_report_done(&report);
	return r;
}
