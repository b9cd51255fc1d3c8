// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Recovery: every lease that nobody stands behind any more is undone. Run under the lock by every
 * command that changes pools, at boot and by a timer. Whoever reserves or releases holds the lock
 * while he does, so a lease found in those states was left by a kill.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "lease/blocks.h"
#include "verify/verify.h"

bool gr_owner_lives(const struct gr_root *root, pid_t pid, uint64_t start_time)
{
	uint64_t now;
	int r;

	if (pid <= 0)
		return false;
	r = gr_process_start_time(root, pid, &now, NULL);
	return r < 0 ? r != -ESRCH && r != -ENOENT : now == start_time;
}

bool gr_lease_of_this_boot(const struct gr_ledger *ledger, const struct gr_lease *lease)
{
	return !ledger->boot_id[0] || !strcmp(lease->boot_id, ledger->boot_id);
}

bool gr_lease_in_use(const struct gr_ledger *ledger, const struct gr_lease *lease)
{
	return lease->state == GR_LEASE_OWNED &&
	       gr_owner_lives(ledger->root, lease->owner_pid, lease->owner_start_time);
}

/* Why the lease has to go, or NULL. */
static const char *reason_to_undo(const struct gr_ledger *ledger, const struct gr_lease *lease)
{
	bool keeper = gr_owner_lives(ledger->root, lease->keeper_pid, lease->keeper_start_time);

	switch (lease->state) {
	case GR_LEASE_RESERVING:
		return "its reservation was cut short";
	case GR_LEASE_RELEASING:
		return "its release was cut short";
	case GR_LEASE_OWED:
		return "it was owed";
	case GR_LEASE_PENDING:
		/* Without a keeper its VM is being started by somebody else: by libvirt. */
		return lease->keeper_pid && !keeper ? "nobody took it over" :
		       lease->expires_ns && gr_boottime_ns() > lease->expires_ns ? "it expired" :
										   NULL;
	case GR_LEASE_OWNED:
		/* A keeper that lives sees the end of his VM himself. */
		return !keeper && !gr_owner_lives(ledger->root, lease->owner_pid, lease->owner_start_time) ?
			       "its owner is gone" : NULL;
	default:
		return NULL;
	}
}

static int add_action(struct gr_recovery *recovery, char *text)
{
	if (!text || gr_grow(&recovery->actions, recovery->count, sizeof(*recovery->actions)) < 0) {
		free(text);
		return -ENOMEM;
	}
	recovery->actions[recovery->count++] = text;
	return 0;
}

static int recover_lease(struct gr_ledger *ledger, struct gr_lease *lease,
			 struct gr_recovery *recovery, struct gr_error *err)
{
	const char *why;
	uint64_t pages = 0;
	char *text = NULL, count[GR_TEXT_MAX];
	int r;

	if (!gr_lease_of_this_boot(ledger, lease)) {
		/* The pools of that boot are gone, and so is what was owed to them. */
		r = gr_ledger_remove(ledger, lease->name, err);
		if (r < 0)
			return r;
		if (gr_asprintf(&text, "forgot lease %s: it is of an earlier boot", lease->name) < 0)
			return gr_error_nomem(err);
		return add_action(recovery, text) < 0 ? gr_error_nomem(err) : 0;
	}
	r = lease->state == GR_LEASE_SETTLING ? gr_lease_finish_settle(ledger, lease, err) : 0;
	if (r < 0)
		return r;
	why = reason_to_undo(ledger, lease);
	if (!why)
		return 0;
	if (!gr_lease_cut_short(lease))
		r = gr_lease_start_release(ledger, lease, err);
	if (r >= 0)
		r = gr_lease_undo(ledger, lease, &pages, err);
	if (r < 0)
		return r;
	recovery->pages += pages;
	if (r == 1 && !pages)
		return 0; /* still owes promoted pages, as before */
	if (gr_asprintf(&text, "gave back %s page%s of lease %s: %s", gr_count_text(pages, count),
			gr_plural(pages), lease->name, why) < 0)
		return gr_error_nomem(err);
	return add_action(recovery, text) < 0 ? gr_error_nomem(err) : 0;
}

/* Loans that a kill left half done. They set the goals of other leases anew: those are read again. */
static int finish_loans(struct gr_ledger *ledger, const struct gr_leases *leases,
			struct gr_error *err)
{
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < leases->count && r >= 0; i++) {
		struct gr_lease *lease = leases->leases[i];

		if (lease->state != GR_LEASE_LENDING || !gr_lease_of_this_boot(ledger, lease))
			continue;
		any = true;
		r = gr_lease_finish_lend(ledger, lease, err);
	}
	for (size_t i = 0; i < leases->count && r >= 0 && any; i++) {
		struct gr_lease *fresh;

		if (leases->leases[i]->state != GR_LEASE_RESERVING)
			continue;
		r = gr_ledger_find(ledger, leases->leases[i]->name, &fresh, err);
		if (r < 0)
			break;
		gr_lease_free(leases->leases[i]);
		leases->leases[i] = fresh;
	}
	return r;
}

/*
 * First loans that a kill left half done: what became of them is seen in the pools as they are, and
 * whoever was to have the pages is half done as well. Then such leases (their goals are about the
 * pools as they are now), then the others. One that cannot be put right does not keep the others
 * from it, unless it is still half done.
 */
static int recover_all(struct gr_ledger *ledger, const struct gr_leases *leases, const char *except,
		       bool cut_short_only, struct gr_recovery *recovery, struct gr_error *err)
{
	int failed = 0, loans = finish_loans(ledger, leases, err);

	if (loans < 0)
		return loans;
	for (int pass = 0; pass < (cut_short_only ? 1 : 2); pass++) {
		for (size_t i = 0; i < leases->count; i++) {
			struct gr_lease *lease = leases->leases[i];
			int r;

			if (gr_lease_cut_short(lease) != (pass == 0) ||
			    (except && !strcmp(except, lease->name)))
				continue;
			r = recover_lease(ledger, lease, recovery, failed ? NULL : err);
			if (r < 0 && !failed)
				failed = r;
			if (r < 0 && gr_lease_cut_short(lease))
				return failed;
		}
	}
	return failed;
}

int gr_ledger_finish(struct gr_ledger *ledger, const char *name, struct gr_error *err)
{
	struct gr_recovery recovery = { 0 };
	struct gr_leases leases = { 0 };
	int r = gr_ledger_list(ledger, &leases, err);

	if (r >= 0)
		r = recover_all(ledger, &leases, name, true, &recovery, err);
	gr_leases_done(&leases);
	gr_recovery_done(&recovery);
	return r;
}

static int add_unresolved(struct gr_recovery *recovery, const char *file, const char *suffix)
{
	char *name = NULL;

	if (gr_asprintf(&name, "%s%s", file, suffix) < 0)
		return -ENOMEM;
	if (gr_grow(&recovery->unresolved, recovery->unresolved_count, sizeof(char *)) < 0) {
		free(name);
		return -ENOMEM;
	}
	recovery->unresolved[recovery->unresolved_count++] = name;
	return 0;
}

/* What was set aside just now, and what lies there since earlier. */
static int tell_aside(const struct gr_leases *leases, struct gr_recovery *recovery)
{
	for (size_t i = 0; i < leases->damaged_count; i++) {
		char *text = NULL;

		if (gr_asprintf(&text, "set aside damaged file %s as %s.damaged; its pages are "
				"still in the pool", leases->damaged[i], leases->damaged[i]) < 0 ||
		    add_action(recovery, text) < 0 ||
		    add_unresolved(recovery, leases->damaged[i], ".damaged") < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < leases->aside_count; i++) {
		if (add_unresolved(recovery, leases->aside[i], "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int recover_blocks(struct gr_ledger *ledger, struct gr_recovery *recovery,
			  struct gr_error *err)
{
	uint64_t blocks;
	char *text = NULL, count[GR_TEXT_MAX];
	int r = gr_blocks_recover(ledger, &blocks, err);

	if (!blocks)
		return r;
	if (gr_asprintf(&text, "brought back %s memory block%s", gr_count_text(blocks, count),
			gr_plural(blocks)) < 0 || add_action(recovery, text) < 0)
		return gr_error_nomem(err);
	return r;
}

int gr_recover(struct gr_ledger *ledger, struct gr_recovery *ret, struct gr_error *err)
{
	struct gr_recovery recovery = { 0 };
	struct gr_leases leases = { 0 };
	int blocks, r = gr_ledger_list(ledger, &leases, err);

	if (r >= 0 && tell_aside(&leases, &recovery) < 0)
		r = gr_error_nomem(err);
	if (r >= 0)
		r = recover_all(ledger, &leases, NULL, false, &recovery, err);
	blocks = recover_blocks(ledger, &recovery, r < 0 ? NULL : err);
	if (r >= 0)
		r = blocks;
	gr_leases_done(&leases);
	*ret = recovery;
	return r;
}

void gr_recovery_done(struct gr_recovery *recovery)
{
	for (size_t i = 0; i < recovery->count; i++)
		free(recovery->actions[i]);
	for (size_t i = 0; i < recovery->unresolved_count; i++)
		free(recovery->unresolved[i]);
	free(recovery->actions);
	free(recovery->unresolved);
	*recovery = (struct gr_recovery){ 0 };
}
