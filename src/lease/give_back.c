// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Giving back: note for each pool where it must end (what it says now, less what we owe), then go
 * there. From the moment the note is written a kill only delays the rest. Settling does the same
 * for promoted pages alone, while the lease lives on.
 */
#include <time.h>

#include "base/size.h"
#include "base/util.h"
#include "lease/blocks.h"
#include "lease/pool.h"
#include "verify/verify.h"

uint64_t gr_boottime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

bool gr_lease_cut_short(const struct gr_lease *lease)
{
	return lease->state == GR_LEASE_RESERVING || lease->state == GR_LEASE_RELEASING ||
	       lease->state == GR_LEASE_SETTLING || lease->state == GR_LEASE_LENDING;
}

int gr_lease_set_owner(struct gr_ledger *ledger, struct gr_lease *lease, pid_t pid,
		       struct gr_error *err)
{
	uint64_t start_time;
	int r = gr_process_start_time(ledger->root, pid, &start_time, err);

	if (r < 0)
		return r;
	lease->owner_pid = pid;
	lease->owner_start_time = start_time;
	lease->state = GR_LEASE_OWNED;
	lease->expires_ns = 0;
	return gr_ledger_save(ledger, lease, err);
}

void gr_lease_aim(struct gr_lease *lease, const struct gr_pools *pools)
{
	for (size_t i = 0; i < lease->grant_count; i++) {
		struct gr_lease_grant *grant = &lease->grants[i];
		const struct gr_pool_node *one = gr_pools_node(pools, grant->node);

		if (grant->page_size_bytes != pools->page_size_bytes)
			continue;
		grant->goal_pages = one ? gr_sub_floor(one->persistent + grant->demoted_pages,
						       grant->pages + grant->promoted_pages) : 0;
	}
}

int gr_lease_aim_all(struct gr_ledger *ledger, struct gr_lease *lease, struct gr_error *err)
{
	for (size_t i = 0; i < lease->grant_count; i++) {
		struct gr_lease_grant *grant = &lease->grants[i];
		_cleanup_pools_ struct gr_pools pools = { 0 };
		const struct gr_pool_node *one;
		int r = gr_pools_read(ledger->root, grant->page_size_bytes, &pools, err);

		if (r < 0)
			return r;
		one = gr_pools_node(&pools, grant->node);
		gr_lease_aim(lease, &pools);
		/* No more is known before the lowering: then this is made exact. */
		grant->goal_surplus_pages =
			one ? one->surplus + grant->pages + grant->promoted_pages : 0;
	}
	return 0;
}

int gr_lease_start_release(struct gr_ledger *ledger, struct gr_lease *lease, struct gr_error *err)
{
	int r = gr_lease_aim_all(ledger, lease, err);

	if (r < 0)
		return r;
	/* The deadline of a debt stays; any other has no meaning any more. */
	if (lease->state != GR_LEASE_OWED)
		lease->expires_ns = 0;
	lease->state = GR_LEASE_RELEASING;
	return gr_ledger_save(ledger, lease, err);
}

/* What is still owed of the lease's own pages is held by nobody that could be asked for it. */
static int tell_lost(const struct gr_lease *lease, uint64_t given_back, struct gr_error *err)
{
	char text[GR_TEXT_MAX], back[GR_TEXT_MAX], size[GR_TEXT_MAX];
	uint64_t lost = gr_lease_pages(lease);
	const struct gr_lease_grant *grant = lease->grants;
	int r;

	while (!grant->pages)
		grant++;
	r = gr_error_set(err, GR_CLASS_STRANDED, EBUSY,
			 "%s page%s of %s in use (node %d), and no process, file or shared memory "
			 "has %s: kernel suspect; %s other page%s given back",
			 gr_count_text(lost, text), gr_plural(lost),
			 gr_size_text(grant->page_size_bytes, size), grant->node,
			 lost == 1 ? "it" : "them", gr_count_text(given_back, back),
			 gr_plural(given_back));
	gr_error_hint(err, "`guestram doctor --ledger` shows the numbers; should they come back, "
			   "`guestram recover` releases them");
	return r;
}

int gr_give_back(struct gr_ledger *ledger, const char *name, uint64_t *ret_pages,
		 struct gr_error *err)
{
	struct gr_lease *lease;
	uint64_t blocks, pages = 0;
	int r = gr_ledger_find(ledger, name, &lease, err);

	if (r < 0)
		return r;
	/* Pages of others: there is nothing to give back but the word. */
	if (lease->state == GR_LEASE_EXTERNAL) {
		r = gr_ledger_remove(ledger, name, err);
		if (r >= 0 && ret_pages)
			*ret_pages = 0;
		gr_lease_free(lease);
		return r;
	}
	r = gr_ledger_finish(ledger, name, err);
	/* A loan that was ended by that changed this file as well. */
	if (r >= 0 && gr_lease_cut_short(lease)) {
		gr_lease_free(lease);
		r = gr_ledger_find(ledger, name, &lease, err);
		if (r < 0)
			return r;
	}
	if (r >= 0 && lease->state == GR_LEASE_SETTLING)
		r = gr_lease_finish_settle(ledger, lease, err);
	if (r >= 0 && !gr_lease_cut_short(lease))
		r = gr_lease_start_release(ledger, lease, err);
	if (r >= 0)
		r = gr_lease_undo(ledger, lease, &pages, err);
	if (ret_pages)
		*ret_pages = pages;
	if (r == 1 && gr_lease_pages(lease))
		r = tell_lost(lease, pages, err);
	gr_lease_free(lease);
	if (r < 0)
		return r;
	/* Blocks that were lent for the lease: nothing to do for others. */
	return gr_blocks_recover(ledger, &blocks, err);
}

int gr_give_back_own(struct gr_ledger *ledger, const struct gr_lease *lease, uint64_t *ret_pages,
		     struct gr_error *err)
{
	struct gr_lease *now;
	bool same;
	int r = gr_ledger_find(ledger, lease->name, &now, err);

	if (r < 0)
		return r;
	same = now->keeper_pid == lease->keeper_pid &&
	       now->keeper_start_time == lease->keeper_start_time && now->since == lease->since;
	gr_lease_free(now);
	if (!same)
		return gr_error_set(err, GR_CLASS_NO, ENOENT, "lease '%s' is somebody else's by now",
				    lease->name);
	return gr_give_back(ledger, lease->name, ret_pages, err);
}

int gr_lease_finish_settle(struct gr_ledger *ledger, struct gr_lease *lease, struct gr_error *err)
{
	for (size_t i = 0; i < lease->grant_count; i++) {
		struct gr_lease_grant *grant = &lease->grants[i];
		_cleanup_pools_ struct gr_pools pools = { 0 };
		const struct gr_pool_node *one;
		uint64_t above;
		int r = gr_pools_read(ledger->root, grant->page_size_bytes, &pools, err);

		if (r < 0)
			return r;
		one = gr_pools_node(&pools, grant->node);
		above = one ? gr_sub_floor(one->persistent, grant->goal_pages) : 0;
		grant->promoted_pages = gr_sub_floor(grant->promoted_pages,
						     gr_sub_floor(grant->asked_pages, above));
		grant->asked_pages = grant->pages;
	}
	lease->state = lease->owner_pid ? GR_LEASE_OWNED :
		       lease->expires_ns ? GR_LEASE_PENDING : GR_LEASE_HELD;
	return gr_ledger_save(ledger, lease, err);
}

int gr_lease_settle(struct gr_ledger *ledger, struct gr_lease *lease, struct gr_error *err)
{
	bool any = false;
	int r;

	for (size_t i = 0; i < lease->grant_count; i++) {
		struct gr_lease_grant *grant = &lease->grants[i];
		_cleanup_pools_ struct gr_pools pools = { 0 };
		const struct gr_pool_node *one;

		grant->asked_pages = 0;
		if (!grant->promoted_pages)
			continue;
		r = gr_pools_read(ledger->root, grant->page_size_bytes, &pools, err);
		if (r < 0)
			return r;
		one = gr_pools_node(&pools, grant->node);
		if (!one || gr_pools_droppable(&pools, one))
			continue;
		grant->asked_pages = gr_min_u64(grant->promoted_pages, one->persistent);
		grant->goal_pages = one->persistent - grant->asked_pages;
		any |= grant->asked_pages > 0;
	}
	if (!any)
		return 0;
	lease->state = GR_LEASE_SETTLING;
	r = gr_ledger_save(ledger, lease, err);
	for (size_t i = 0; i < lease->grant_count && r >= 0; i++) {
		const struct gr_lease_grant *grant = &lease->grants[i];

		if (grant->asked_pages)
			r = gr_pool_lower(ledger->root, grant->page_size_bytes, grant->node,
					  grant->asked_pages, err);
	}
	return r < 0 ? r : gr_lease_finish_settle(ledger, lease, err);
}
