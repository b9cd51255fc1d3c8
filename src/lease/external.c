// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pages of others: OVS-DPDK, SPDK and their like fill a pool of their own and take the pages out of
 * it when they please. A declaration is a file in the ledger that says how many, where, and perhaps
 * whose. It counts: nothing that guestram does takes those pages for somebody else. Beyond that
 * they are not ours: no pool is ever written for it, and only a new boot or `release` ends it.
 */
#include <string.h>
#include <time.h>

#include "base/size.h"
#include "base/util.h"
#include "lease/ledger.h"
#include "verify/verify.h"

static int check_name(struct gr_ledger *ledger, const char *name, struct gr_error *err)
{
	_cleanup_lease_ struct gr_lease *lease = NULL;
	int r = gr_lease_name_check(name, err);

	if (r < 0)
		return r;
	r = gr_ledger_find(ledger, name, &lease, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = gr_error_set(err, GR_CLASS_USAGE, EEXIST, "there is a lease '%s' already (%s)", name,
			 gr_lease_state_name(lease->state));
	gr_error_hint(err, "`guestram release %s` ends it", name);
	return r;
}

/* Of a host with one node "any node" is that one. */
static int node_of(const struct gr_host *host, const struct gr_grant *want)
{
	int node = want->node;
	size_t count = 0;

	for (size_t i = 0; i < host->pool_count && want->node < 0; i++) {
		if (host->pools[i].node < 0 ||
		    host->pools[i].page_size_bytes != want->page_size_bytes)
			continue;
		node = host->pools[i].node;
		count++;
	}
	return want->node < 0 && count != 1 ? -1 : node;
}

static int add_grant(const struct gr_host *host, struct gr_lease *lease,
		     const struct gr_grant *want, struct gr_error *err)
{
	struct gr_lease_grant *grant;
	char size[GR_TEXT_MAX];

	if (!gr_host_has_page_size(host, want->page_size_bytes))
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
				    "%s is not a page size of this host",
				    gr_size_text(want->page_size_bytes, size));
	if (want->node >= 0 && !gr_host_pool(host, want->page_size_bytes, want->node))
		return gr_error_set(err, GR_CLASS_USAGE, ENODEV, "node %d has no pool of %s pages",
				    want->node, gr_size_text(want->page_size_bytes, size));
	grant = gr_lease_grant_at(lease, node_of(host, want), want->page_size_bytes);
	if (!grant)
		return gr_error_nomem(err);
	grant->pages += want->pages;
	grant->asked_pages = grant->pages;
	return 0;
}

int gr_external_declare(struct gr_ledger *ledger, const char *name, const struct gr_host *host,
			const struct gr_grant *grants, size_t grant_count, pid_t owner_pid,
			struct gr_lease **ret, struct gr_error *err)
{
	_cleanup_lease_ struct gr_lease *lease = calloc(1, sizeof(*lease));
	int r;

	if (!lease)
		return gr_error_nomem(err);
	r = check_name(ledger, name, err);
	if (r >= 0 && owner_pid)
		r = gr_process_start_time(ledger->root, owner_pid, &lease->owner_start_time, err);
	for (size_t i = 0; i < grant_count && r >= 0; i++)
		r = add_grant(host, lease, &grants[i], err);
	if (r < 0)
		return r;
	snprintf(lease->name, sizeof(lease->name), "%s", name);
	snprintf(lease->boot_id, sizeof(lease->boot_id), "%s", ledger->boot_id);
	lease->state = GR_LEASE_EXTERNAL;
	lease->owner_pid = owner_pid;
	lease->since = time(NULL);
	r = gr_ledger_save(ledger, lease, err);
	if (r < 0)
		return r;
	*ret = gr_steal_ptr(lease);
	return 0;
}
