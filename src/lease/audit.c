// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading what is compared. Pools, ledger and processes are read one after the other while others
 * go on: the pools are read once more at the end, and all is read again if they have moved. Pages
 * that nobody seems to hold may be on their way: they are looked at closer (lost.c).
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "lease/ledger.h"
#include "lease/reconcile.h"

#define TRIES 5
#define PAUSE_NS 50000000

struct reading {
	struct gr_host *host;
	struct gr_leases leases;
	struct gr_behind *behind;
	struct gr_boot_pools boot;
	struct gr_holders holders;
};

static void reading_done(struct reading *reading)
{
	gr_host_free(reading->host);
	gr_leases_done(&reading->leases);
	free(reading->behind);
	gr_boot_pools_done(&reading->boot);
	gr_holders_done(&reading->holders);
	*reading = (struct reading){ 0 };
}

static bool same_pools(const struct gr_host *a, const struct gr_host *b)
{
	if (a->pool_count != b->pool_count)
		return false;
	for (size_t i = 0; i < a->pool_count; i++) {
		const struct gr_pool *x = &a->pools[i], *y = &b->pools[i];

		if (x->total != y->total || x->free != y->free || x->surplus != y->surplus)
			return false;
	}
	return true;
}

/* A capture without processes does not say that they are gone. */
static bool has_processes(const struct gr_root *root)
{
	return gr_root_is_host(root) || gr_root_exists(root, "proc/1/stat");
}

static int read_behind(struct gr_ledger *ledger, struct reading *reading)
{
	bool known = has_processes(ledger->root);

	reading->behind = calloc(reading->leases.count + 1, sizeof(*reading->behind));
	if (!reading->behind)
		return -ENOMEM;
	for (size_t i = 0; i < reading->leases.count; i++) {
		const struct gr_lease *lease = reading->leases.leases[i];

		reading->behind[i].owner = !known || gr_owner_lives(ledger->root, lease->owner_pid,
								    lease->owner_start_time);
		reading->behind[i].keeper =
			!known ||
			gr_owner_lives(ledger->root, lease->keeper_pid, lease->keeper_start_time);
	}
	return 0;
}

static int read_once(struct gr_ledger *ledger, struct reading *reading, struct gr_error *err)
{
	int r = gr_host_read(ledger->root, GR_READ_POOLS | GR_READ_MOUNTS, &reading->host, err);

	if (r >= 0)
		r = gr_ledger_list(ledger, &reading->leases, err);
	if (r >= 0 && (read_behind(ledger, reading) < 0 ||
		       gr_boot_pools_read(ledger->root, reading->host->default_page_size_bytes,
					  reading->host->page_sizes, reading->host->page_size_count,
					  &reading->boot) < 0))
		r = gr_error_nomem(err);
	/* A capture may have no processes: then nothing is known of any. */
	if (r >= 0)
		r = gr_holders_read(ledger->root, reading->host, &reading->holders, NULL);
	if (r == -ENOMEM)
		return gr_error_nomem(err);
	return r == -ENOENT || r == -EACCES ? 0 : r;
}

/* All at one moment, as far as that can be had. */
static int read_all(struct gr_ledger *ledger, struct reading *reading, struct gr_error *err)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };

	for (int i = 0;; i++) {
		_cleanup_host_ struct gr_host *after = NULL;
		int r;

		reading_done(reading);
		r = read_once(ledger, reading, err);
		if (r >= 0)
			r = gr_host_read(ledger->root, GR_READ_POOLS, &after, err);
		if (r < 0 || i == TRIES ||
		    (same_pools(reading->host, after) && !reading->holders.ending))
			return r;
		nanosleep(&pause, NULL);
	}
}

static bool has_code(const struct gr_diagnoses *list, const char *code)
{
	for (size_t i = 0; i < list->count; i++) {
		if (!strcmp(list->items[i].code, code))
			return true;
	}
	return false;
}

/* By page size, over all nodes. Return: NULL when there is no memory. */
static uint64_t *find_lost(const struct gr_root *root, const struct gr_host *host)
{
	uint64_t *lost = calloc(host->page_size_count + 1, sizeof(*lost));

	for (size_t i = 0; i < host->page_size_count && lost; i++) {
		_cleanup_pools_ struct gr_pools pools = { 0 };

		if (gr_pools_read(root, host->page_sizes[i], &pools, NULL) < 0)
			continue;
		for (size_t k = 0; k < pools.count; k++)
			lost[i] += gr_lost_pages(root, host->page_sizes[i], pools.nodes[k].node);
	}
	return lost;
}

static int compare(struct gr_ledger *ledger, const struct reading *reading, const uint64_t *lost,
		   struct gr_diagnoses *found, struct gr_error *err)
{
	const struct gr_audit audit = {
		.host = reading->host,
		.leases = &reading->leases,
		.behind = reading->behind,
		.boot = &reading->boot,
		.holders = &reading->holders,
		.boot_id = ledger->boot_id,
		.now_ns = gr_boottime_ns(),
		.lost_pages = lost,
	};

	gr_diagnoses_done(found);
	return gr_reconcile(&audit, found) < 0 ? gr_error_nomem(err) : 0;
}

int gr_audit(struct gr_ledger *ledger, struct gr_diagnoses *ret, struct gr_error *err)
{
	_cleanup_diagnoses_ struct gr_diagnoses found = { 0 };
	_cleanup_free_ uint64_t *lost = NULL;
	struct reading reading = { 0 };
	int r = read_all(ledger, &reading, err);

	if (r >= 0)
		r = compare(ledger, &reading, NULL, &found, err);
	if (r >= 0 && gr_root_is_host(ledger->root) &&
	    (has_code(&found, "GR510") || has_code(&found, "GR520"))) {
		lost = find_lost(ledger->root, reading.host);
		r = lost ? read_all(ledger, &reading, err) : gr_error_nomem(err);
		if (r >= 0)
			r = compare(ledger, &reading, lost, &found, err);
	}
	reading_done(&reading);
	if (r < 0)
		return r;
	*ret = found;
	found = (struct gr_diagnoses){ 0 };
	return 0;
}
