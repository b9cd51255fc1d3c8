// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pages before the start. All starts are served one after another under the ledger's lock; each adds
 * its own pages to the pools, so that the next one has no need of those that a QEMU has not taken
 * yet. The lease then waits without a keeper, since the hook ends before QEMU begins: libvirt calls
 * release after every start that fails, and a lease that nobody took over expires. A kill before
 * that leaves a lease whose keeper is gone, and libvirt takes it for a refusal.
 */
#include "libvirt/hook.h"

#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "plan/plan.h"

#define LEAST_LOOK_NS (UINT64_C(100) * 1000000) /* for pages, however long the lock took */

/* Pages of the lease that may serve a grant. */
static uint64_t held_for(const struct gr_lease *lease, const struct gr_grant *grant)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < lease->grant_count; i++) {
		const struct gr_lease_grant *held = &lease->grants[i];
		int scope = gr_grant_scope(grant);

		if (held->page_size_bytes == grant->page_size_bytes &&
		    (scope < 0 || held->node < 0 || held->node == scope))
			pages += held->pages;
	}
	return pages;
}

/* Does a lease that a person made beforehand hold all of it? */
static int check_held(struct gr_hook *hook, const struct gr_lease *lease,
		      const struct gr_plan *plan, struct gr_error *err)
{
	char size[GR_TEXT_MAX], has[GR_TEXT_MAX], needs[GR_TEXT_MAX];
	int r;

	for (size_t i = 0; i < plan->grant_count; i++) {
		const struct gr_grant *grant = &plan->grants[i];
		uint64_t held = held_for(lease, grant);

		if (held >= grant->pages)
			continue;
		r = gr_error_set(err, GR_CLASS_HOST, ENOMEM,
				 "lease '%s' (%s) holds %s pages of %s, the domain needs %s",
				 lease->name, gr_lease_state_name(lease->state),
				 gr_count_text(held, has),
				 gr_size_text(grant->page_size_bytes, size),
				 gr_count_text(grant->pages, needs));
		gr_error_hint(err, "`guestram release %s` ends it, then the start reserves by itself",
			      lease->name);
		return r;
	}
	gr_hook_note(hook, "held", lease, "lease '%s' holds its pages", lease->name);
	return 0;
}

/*
 * A lease of that name from before: this domain's own is over, whatever it says, since libvirt
 * starts no domain that runs. @ret_lease: one that a person made, or NULL.
 */
static int find_old(struct gr_hook *hook, struct gr_ledger *ledger, struct gr_lease **ret_lease,
		    struct gr_error *err)
{
	_cleanup_lease_ struct gr_lease *lease = NULL;
	const char *uuid = hook->domain->uuid;
	int r = gr_ledger_find(ledger,
			       hook->policy.ready[0] ? hook->policy.ready : hook->lease_name,
			       &lease, err);

	if (r == -ENOENT && !hook->policy.ready[0])
		return 0;
	if (r < 0)
		return r;
	if (!lease->domain_uuid[0]) {
		if (lease->state == GR_LEASE_HELD || lease->state == GR_LEASE_EXTERNAL)
			*ret_lease = gr_steal_ptr(lease);
		return 0; /* what else has that name is for gr_reserve() to refuse */
	}
	if (uuid && strcasecmp(uuid, lease->domain_uuid)) {
		r = gr_error_set(err, GR_CLASS_USAGE, EEXIST,
				 "lease '%s' is that of another domain, %s", lease->name,
				 lease->domain_uuid);
		gr_error_hint(err, "`guestram release %s` once that one does not run",
			      lease->name);
		return r;
	}
	return lease->state == GR_LEASE_OWED ? 0 : gr_give_back(ledger, lease->name, NULL, err);
}

static int reserve(struct gr_hook *hook, struct gr_ledger *ledger, const struct gr_plan *plan,
		   uint64_t left_ns, struct gr_error *err)
{
	struct gr_budget budget = hook->config.budget;
	struct gr_reserve_options options = {
		.grants = plan->grants, .grant_count = plan->grant_count,
		.floor = hook->config.floor, .budget = &budget, .pending = true,
		.interrupted = hook->interrupted,
	};
	struct gr_reserve_report report = { 0 };
	_cleanup_lease_ struct gr_lease *lease = NULL;
	char took[GR_TEXT_MAX];
	int r;

	budget.timeout_ns = left_ns;
	budget.allow &= ~(unsigned int)GR_ALLOW_EVACUATE;
	if (hook->policy.max_cache_lost_bytes)
		budget.max_cache_lost_bytes = hook->policy.max_cache_lost_bytes;
	r = gr_reserve(ledger, hook->lease_name, &options, &lease, &report, err);
	gr_reserve_report_done(&report);
	if (r < 0)
		return r;
	gr_hook_mark(hook, lease);
	lease->keeper_pid = 0;
	lease->keeper_start_time = 0;
	lease->from_pool = true;
	r = gr_ledger_save(ledger, lease, err);
	if (r < 0)
		gr_give_back_own(ledger, lease, NULL, NULL);
	else
		gr_hook_note(hook, "reserved", lease, "reserved in %s",
			     gr_time_text(gr_now_ns() - hook->started_ns, took));
	return r;
}

static int prepare_locked(struct gr_hook *hook, struct gr_ledger *ledger, uint64_t end_ns,
			  struct gr_error *err)
{
	_cleanup_request_ struct gr_request request = { 0 };
	_cleanup_host_ struct gr_host *host = NULL;
	_cleanup_plan_ struct gr_plan *plan = NULL;
	_cleanup_lease_ struct gr_lease *held = NULL, *lease = NULL;
	int r = gr_host_read(hook->root, GR_READ_POOLS | GR_READ_CGROUPS | GR_READ_FEATURES, &host,
			     err);

	if (r >= 0 && gr_domain_page_sizes(hook->domain, host->base_page_bytes,
					   host->default_page_size_bytes) < 0)
		r = gr_error_nomem(err);
	if (r >= 0)
		r = gr_policy_request(hook->domain, &hook->policy, host, &request, err);
	if (r < 0 || !request.need_count)
		return r;
	r = find_old(hook, ledger, &held, err);
	if (r < 0)
		return r;
	gr_host_free(host); /* an old lease may have gone */
	host = NULL;
	r = gr_host_read(hook->root, GR_READ_POOLS | GR_READ_CGROUPS | GR_READ_FEATURES, &host,
			 err);
	if (r >= 0)
		r = gr_ledger_claim(ledger, held ? held->name : NULL, host, err);
	if (r >= 0 && request.backing == GR_BACKING_DYNAMIC)
		r = gr_ledger_add_idle(ledger, host, err);
	if (r >= 0)
		r = gr_plan_make(&request, host, &hook->config.floor, &plan, err);
	if (r >= 0 && held && plan->grant_count)
		return check_held(hook, held, plan, err);
	if (r >= 0)
		r = gr_plan_error(plan, err);
	if (r < 0)
		return r;
	if (request.backing == GR_BACKING_DYNAMIC)
		return reserve(hook, ledger, plan,
			       gr_max_u64(gr_sub_floor(end_ns, gr_now_ns()), LEAST_LOOK_NS), err);
	r = gr_hook_declare(hook, ledger, host, plan->grants, plan->grant_count, 0, &lease, err);
	if (r >= 0)
		gr_hook_note(hook, "claimed", lease, "its pages are in the pool");
	return r;
}

int gr_hook_prepare(struct gr_hook *hook, struct gr_error *err)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	uint64_t timeout_ns = gr_hook_timeout_ns(hook), end_ns;
	struct gr_recovery recovery = { 0 };
	struct gr_error local = { 0 };
	int r;

	if (__builtin_add_overflow(hook->started_ns, timeout_ns, &end_ns))
		end_ns = UINT64_MAX;
	r = gr_hook_ledger(hook, timeout_ns, &ledger, &local);
	if (r >= 0) {
		/* Somebody else's lease that cannot be put right now is no reason to refuse. */
		gr_recover(ledger, &recovery, NULL);
		gr_recovery_done(&recovery);
		r = prepare_locked(hook, ledger, end_ns, &local);
	}
	if (r < 0) {
		gr_hook_words(&local);
		gr_hook_note(hook, "refused", NULL, "%.380s", local.message);
		*err = local;
	}
	return r;
}
