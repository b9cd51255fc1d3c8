// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whose the pages are, once QEMU runs. After the start its process becomes the owner of the lease,
 * and its page tables say whether it got what was reserved. After a restart of the daemon the lease
 * is there already; where it is not, nothing that QEMU has was reserved by us, so it is noted as
 * another program's: counted, and never given back.
 */
#include "libvirt/hook.h"

#include <string.h>
#include <time.h>

#include "base/util.h"
#include "verify/holders.h"
#include "verify/libvirt_pid.h"
#include "verify/verify.h"

#define ADOPT_WAITS_NS (UINT64_C(60) * 1000000000) /* in a child that nobody waits for */

/* The domain's QEMU as libvirt names it. Return: 0 or -ESRCH. */
static int find_qemu(const struct gr_hook *hook, pid_t *ret, struct gr_error *err)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t count = 0;

	if (gr_libvirt_pids(hook->root, hook->name, &pids, &count) < 0)
		return gr_error_nomem(err);
	if (!count)
		return gr_error_set(err, GR_CLASS_NO, ESRCH,
				    "libvirt names no process of the domain");
	*ret = pids[0]; /* the system's daemon comes first */
	return 0;
}

static int set_owner(struct gr_hook *hook, struct gr_ledger *ledger, struct gr_lease *lease,
		     pid_t pid, struct gr_error *err)
{
	uint64_t start_time;
	int r;

	if (lease->state == GR_LEASE_PENDING)
		return gr_lease_set_owner(ledger, lease, pid, err);
	if (lease->state != GR_LEASE_EXTERNAL && lease->state != GR_LEASE_OWNED)
		return 0;
	r = gr_process_start_time(hook->root, pid, &start_time, err);
	if (r < 0 || (lease->owner_pid == pid && lease->owner_start_time == start_time))
		return r;
	lease->owner_pid = pid;
	lease->owner_start_time = start_time;
	return gr_ledger_save(ledger, lease, err);
}

void gr_hook_mark(const struct gr_hook *hook, struct gr_lease *lease)
{
	static const char none[] = "00000000-0000-0000-0000-000000000000";
	const char *uuid = hook->domain->uuid;

	if (!uuid || strlen(uuid) != sizeof(none) - 1 ||
	    uuid[strspn(uuid, "0123456789abcdefABCDEF-")])
		uuid = none;
	snprintf(lease->domain_uuid, sizeof(lease->domain_uuid), "%s", uuid);
}

/* A lease has each size once on a node. */
static int add_grant(struct gr_lease *lease, const struct gr_grant *grant)
{
	struct gr_lease_grant *to = NULL;
	int node = gr_grant_scope(grant);

	for (size_t i = 0; i < lease->grant_count && !to; i++) {
		if (lease->grants[i].node == node &&
		    lease->grants[i].page_size_bytes == grant->page_size_bytes)
			to = &lease->grants[i];
	}
	if (!to) {
		if (gr_grow(&lease->grants, lease->grant_count, sizeof(*to)) < 0)
			return -ENOMEM;
		to = &lease->grants[lease->grant_count++];
		to->node = node;
		to->page_size_bytes = grant->page_size_bytes;
	}
	to->pages += grant->pages;
	to->asked_pages = to->pages;
	return 0;
}

int gr_hook_declare(struct gr_hook *hook, struct gr_ledger *ledger, const struct gr_host *host,
		    const struct gr_grant *grants, size_t count, pid_t pid, struct gr_lease **ret,
		    struct gr_error *err)
{
	_cleanup_lease_ struct gr_lease *lease = calloc(1, sizeof(*lease));
	int r;

	if (!lease)
		return gr_error_nomem(err);
	snprintf(lease->name, sizeof(lease->name), "%s", hook->lease_name);
	snprintf(lease->boot_id, sizeof(lease->boot_id), "%s", host->boot_id ? host->boot_id : "");
	lease->state = GR_LEASE_EXTERNAL;
	lease->since = time(NULL);
	gr_hook_mark(hook, lease);
	for (size_t i = 0; i < count; i++) {
		if (grants[i].pages && add_grant(lease, &grants[i]) < 0)
			return gr_error_nomem(err);
	}
	lease->owner_pid = pid;
	r = pid ? gr_process_start_time(hook->root, pid, &lease->owner_start_time, err) : 0;
	if (r >= 0)
		r = gr_ledger_save(ledger, lease, err);
	if (r >= 0)
		*ret = gr_steal_ptr(lease);
	return r;
}

/* Notes what QEMU has from the pools as its own. */
static int note_taken(struct gr_hook *hook, struct gr_ledger *ledger, pid_t pid,
		      struct gr_error *err)
{
	_cleanup_free_ struct gr_taken *taken = NULL;
	_cleanup_free_ struct gr_grant *grants = NULL;
	_cleanup_lease_ struct gr_lease *lease = NULL;
	_cleanup_host_ struct gr_host *host = NULL;
	size_t count = 0, used = 0;
	int r;

	if (gr_process_taken(hook->root, pid, &taken, &count) < 0 || !count)
		return 0; /* it has none, or nobody can tell */
	grants = calloc(count, sizeof(*grants));
	if (!grants)
		return gr_error_nomem(err);
	for (size_t i = 0; i < count; i++) {
		if (taken[i].page_size_bytes)
			grants[used++] = (struct gr_grant){
				.node = taken[i].node, .pages = taken[i].pages,
				.page_size_bytes = taken[i].page_size_bytes,
			};
	}
	r = gr_host_read(hook->root, GR_READ_POOLS, &host, err);
	if (r >= 0)
		r = gr_hook_declare(hook, ledger, host, grants, used, pid, &lease, err);
	if (r >= 0)
		gr_hook_note(hook, "noted", lease,
			     "its pages were not reserved by guestram and are left alone");
	return r;
}

static int own_locked(struct gr_hook *hook, struct gr_ledger *ledger, pid_t pid, bool settle,
		      struct gr_lease **ret, struct gr_error *err)
{
	_cleanup_lease_ struct gr_lease *lease = NULL;
	const char *ready = hook->policy.ready;
	int r = gr_hook_lease(hook, ledger, &lease, err);

	if (r == -ENOENT) /* one that a person made beforehand is looked at, and no more */
		r = gr_ledger_find(ledger, ready[0] ? ready : hook->lease_name, ret, err);
	if (r == -ENOENT)
		return hook->managed ? note_taken(hook, ledger, pid, err) : 0;
	if (r < 0 || !lease)
		return r;
	r = set_owner(hook, ledger, lease, pid, err);
	if (r >= 0 && settle && lease->state == GR_LEASE_OWNED)
		gr_lease_settle(ledger, lease, NULL); /* what cannot be settled is owed on */
	if (r >= 0)
		*ret = gr_steal_ptr(lease);
	return r;
}

/* Gives the lease to the QEMU that runs. *@ret stays NULL for a domain that is not ours. */
static int own_qemu(struct gr_hook *hook, uint64_t wait_ns, bool settle, pid_t *ret_pid,
		    struct gr_lease **ret, struct gr_error *err)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL; /* closed here: others wait for it */
	int r;

	if (!hook->domain || (!hook->managed && !gr_hook_has_lease(hook)))
		return 0;
	r = find_qemu(hook, ret_pid, err);
	if (r >= 0)
		r = gr_hook_ledger(hook, wait_ns, &ledger, err);
	if (r >= 0)
		r = own_locked(hook, ledger, *ret_pid, settle, ret, err);
	if (r < 0)
		gr_hook_note(hook, "failed", NULL, "%.380s", err->message);
	return r;
}

int gr_hook_started(struct gr_hook *hook, struct gr_error *err)
{
	_cleanup_lease_ struct gr_lease *lease = NULL;
	pid_t pid;
	int r = own_qemu(hook, gr_hook_timeout_ns(hook), true, &pid, &lease, err);

	if (r >= 0 && lease)
		gr_hook_prove(hook, lease, pid);
	return r < 0 ? r : 0;
}

/* No recovery before: it might give back what is about to have an owner. */
int gr_hook_adopt(struct gr_hook *hook, struct gr_error *err)
{
	_cleanup_lease_ struct gr_lease *lease = NULL;
	pid_t pid;
	int r = own_qemu(hook, ADOPT_WAITS_NS, false, &pid, &lease, err);

	if (r >= 0 && lease)
		gr_hook_note(hook, "adopted", lease, "pid %d has its lease", (int)pid);
	return r;
}
