// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Holding guest RAM. The ledger stays locked from the reservation until the pages are in our memfds
 * (reserved there by the kernel, or populated) and the VMM has these: other guestrams wait, and
 * strangers who take pages of the pool in between are made up for by topping up the lease. A VMM
 * that is no QEMU takes its pages from the pool by itself, after the lock: its lease claims them.
 */
#include "run/hold.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/util.h"

/* Beside a VMM that starts: it is up as fast as with no memory, and idle CPUs still populate. The
 * threads keep a tenth of a CPU that a guest wants for itself, so that they get done. */
#define NICE_BEHIND 10
#define GIVE_BACK_WAITS 10
#define IDLE_MAX 3 /* tries after which nothing was missing: then it is something else */
#define TOP_UPS_MAX 64 /* of a few pages each: a stranger who takes more than that wins */
#define THP_KEPT_PERCENT 90.0 /* THP is best effort: less than this is not what was asked */

double gr_hold_kept_percent(enum gr_backing backing)
{
	return gr_backing_is_pool(backing) ? 100.0 : THP_KEPT_PERCENT;
}

static void say(const struct gr_hold *hold, const char *line)
{
	if (hold->options->say)
		hold->options->say(hold->options->say_data, line);
}

static void reserve_progress(void *data, uint64_t done, uint64_t total)
{
	const struct gr_run_options *options = data;

	if (options->progress)
		options->progress(options->progress_data, "reserving", done, total);
}

static void populate_progress(void *data, uint64_t done, uint64_t total)
{
	const struct gr_run_options *options = data;

	if (options->progress)
		options->progress(options->progress_data, "populating", done, total);
}

/* @interrupted: ends the wait for the lock; NULL once the VM runs: the signals are its own then. */
static int open_ledger(struct gr_hold *hold, const volatile int *interrupted, struct gr_error *err)
{
	const struct gr_run_options *options = hold->options;
	struct gr_recovery recovery = { 0 };
	struct gr_error recover_err;
	int r = gr_ledger_open_unless(options->root, options->lock_wait_ns, interrupted,
				      &hold->ledger, err);

	if (r < 0)
		return r;
	r = gr_recover(hold->ledger, &recovery, &recover_err);
	for (size_t i = 0; i < recovery.count; i++)
		say(hold, recovery.actions[i]);
	gr_recovery_done(&recovery);
	/* Somebody else's lease that cannot be put right now is no reason to refuse this one. */
	if (r < 0)
		say(hold, recover_err.message);
	return 0;
}

/*
 * Static takes pages that are in the pool: not those that leases hold for others. Under the lock
 * until they are in our files, as far as this process may take it.
 */
static int check_claims(struct gr_hold *hold, struct gr_error *err)
{
	const struct gr_run_options *options = hold->options;
	_cleanup_host_ struct gr_host *host = NULL;
	int r;

	if (geteuid() != 0 || !gr_root_exists(options->root, "run/guestram"))
		return 0;
	r = open_ledger(hold, options->interrupted, err);
	if (r >= 0)
		r = gr_host_read(options->root, GR_READ_POOLS, &host, err);
	if (r >= 0)
		r = gr_ledger_claim(hold->ledger, options->name, host, err);
	for (size_t i = 0; i < options->plan->grant_count && r >= 0; i++) {
		const struct gr_grant *grant = &options->plan->grants[i];
		const struct gr_pool *pool =
			gr_host_pool(host, grant->page_size_bytes, grant->node);

		if (pool && grant->pages > gr_sub_floor(pool->free, pool->claimed)) {
			r = gr_error_set(err, GR_CLASS_HOST, ENOMEM,
					 "free pages of the pool are held by leases of others");
			gr_error_hint(err, "`guestram list` shows them; --name NAME uses those of "
					   "your own lease NAME");
		}
	}
	return r;
}

int gr_hold_reserve(struct gr_hold *hold, struct gr_run_report *report, struct gr_error *err)
{
	const struct gr_run_options *options = hold->options;
	struct gr_reserve_options reserve = {
		.grants = options->plan->grants,
		.grant_count = options->plan->grant_count,
		.floor = options->floor,
		.budget = &options->budget,
		.pending = true,
		.interrupted = options->interrupted,
		.progress = reserve_progress,
		.progress_data = (void *)options,
	};
	uint64_t start;
	int r;

	if (options->plan->backing == GR_BACKING_STATIC)
		return check_claims(hold, err);
	if (options->plan->backing != GR_BACKING_DYNAMIC)
		return 0;
	r = open_ledger(hold, options->interrupted, err);
	if (r < 0)
		return r;
	start = gr_now_ns();
	r = gr_reserve(hold->ledger, options->name, &reserve, &hold->lease, &report->reserve, err);
	report->reserve_ns = gr_now_ns() - start;
	return r;
}

/* How many pages of a size are missing before @bytes of it can be promised. */
static uint64_t missing_pages(const struct gr_hold *hold, uint64_t page_size_bytes, int node,
			      uint64_t bytes)
{
	_cleanup_host_ struct gr_host *host = NULL;
	const struct gr_pool *pool;
	uint64_t usable;

	if (gr_host_read(hold->options->root, GR_READ_POOLS, &host, NULL) < 0)
		return 0;
	pool = gr_host_pool(host, page_size_bytes, node);
	if (!pool)
		pool = gr_host_pool(host, page_size_bytes, -1);
	if (!pool)
		return 0;
	usable = pool->node < 0 ? gr_sub_floor(pool->free, pool->reserved) : pool->free;
	return gr_sub_floor(gr_div_up(bytes, page_size_bytes), usable);
}

/* Adds what somebody else took out of the pool since the reservation. Return: 1; 0 if nothing is
 * missing, so that it must be something else; -errno. */
static int top_up(struct gr_hold *hold, const struct gr_need *need, uint64_t page_size_bytes,
		  uint64_t bytes, struct gr_error *err)
{
	bool one_node = need->host_nodes.count == 1 && need->policy != GR_POLICY_PREFERRED;
	uint64_t missing = missing_pages(hold, page_size_bytes,
					 one_node ? (int)need->host_nodes.ids[0] : -1, bytes);
	const struct gr_lease_grant *best = NULL;
	int r;

	if (!missing)
		return 0;
	for (size_t i = 0; i < hold->lease->grant_count; i++) {
		const struct gr_lease_grant *grant = &hold->lease->grants[i];

		if (grant->page_size_bytes == page_size_bytes &&
		    (!need->host_nodes.count || grant->node < 0 ||
		     gr_list_has(&need->host_nodes, (unsigned int)grant->node)) &&
		    (!best || grant->pages > best->pages))
			best = grant;
	}
	if (!best)
		return 0;
	if (!hold->topped_up)
		say(hold, "somebody took pages of the pool meanwhile: adding as many");
	hold->topped_up = true;
	if (!hold->ledger) { /* populated later, when the lock had been let go */
		r = open_ledger(hold, NULL, err);
		if (r < 0)
			return r;
	}
	r = gr_reserve_more(hold->ledger, hold->lease, best->node, page_size_bytes, missing,
			    &hold->options->floor, err);
	return r < 0 ? r : 1;
}

static int map_need(struct gr_hold *hold, size_t index, bool as_files, struct gr_error *err)
{
	const struct gr_run_options *options = hold->options;
	const struct gr_need *need = &options->request->needs[index];
	struct gr_ram_options map = {
		.backing = options->plan->backing,
		.page_size_bytes = options->plan->page_size_of_need[index],
		.base_page_bytes = options->host->base_page_bytes,
		.size_bytes = need->memory_bytes,
		.shared = need->shared || options->request->shared,
		.as_file = as_files,
		.host_nodes = need->host_nodes, /* borrowed */
		.policy = need->policy,
		.name = options->name,
	};

	for (int i = 0, idle = 0;; i++) {
		int added, r = gr_ram_map(&map, &hold->rams[index], err);

		if (r != -ENOMEM || !hold->lease || i == TOP_UPS_MAX || idle == IDLE_MAX)
			return r;
		added = top_up(hold, need, map.page_size_bytes, map.size_bytes, err);
		if (added < 0)
			return added;
		idle += added == 0;
	}
}

int gr_hold_map(struct gr_hold *hold, bool as_files, struct gr_error *err)
{
	size_t count = hold->options->request->need_count;

	hold->rams = calloc(count, sizeof(*hold->rams));
	hold->populating = calloc(count, sizeof(struct gr_populating *));
	if (!hold->rams || !hold->populating)
		return gr_error_nomem(err);
	for (size_t i = 0; i < count; i++) {
		int r = map_need(hold, i, as_files, err);

		if (r < 0) {
			hold->rams[i].fd = -1;
			return r;
		}
		hold->count++;
	}
	return 0;
}

/* CPUs of the nodes that a need is bound to; none when it is not. */
static int cpus_of(const struct gr_hold *hold, const struct gr_need *need, struct gr_list *ret)
{
	for (size_t i = 0; i < need->host_nodes.count; i++) {
		const struct gr_node *node =
			gr_host_node(hold->options->host, need->host_nodes.ids[i]);

		for (size_t j = 0; node && j < node->cpus.count; j++) {
			if (gr_list_add(ret, node->cpus.ids[j]) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int start_one(struct gr_hold *hold, size_t index, bool behind, struct gr_error *err)
{
	_cleanup_list_ struct gr_list cpus = { 0 };
	struct gr_populate_options options = {
		.threads = hold->options->threads,
		.progress = populate_progress,
		.progress_data = (void *)hold->options,
		.interrupted = behind ? &hold->stop : hold->options->interrupted,
		.nice = behind ? NICE_BEHIND : 0,
		.done_fd = behind ? hold->done_fd : -1,
	};

	if (cpus_of(hold, &hold->options->request->needs[index], &cpus) < 0)
		return gr_error_nomem(err);
	options.cpus = cpus; /* borrowed: copied by the start */
	return gr_ram_populate_start(&hold->rams[index], &options, &hold->populating[index], err);
}

int gr_hold_populate_start(struct gr_hold *hold, struct gr_error *err)
{
	hold->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (hold->done_fd < 0)
		return gr_error_set(err, GR_CLASS_SYSTEM, errno, "eventfd: %s", strerror(errno));
	for (size_t i = 0; i < hold->count; i++) {
		int r = start_one(hold, i, true, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int gr_hold_populate_wait(struct gr_hold *hold, struct gr_run_report *report, struct gr_error *err)
{
	int failed = 0;

	for (size_t i = 0; i < hold->count; i++) {
		uint64_t elapsed = 0;
		struct gr_populating *p = hold->populating[i];
		int r;

		if (!p)
			continue;
		hold->populating[i] = NULL;
		r = gr_ram_populate_wait(p, &elapsed, failed ? NULL : err);
		if (r < 0 && !failed)
			failed = r;
		report->populate_ns = gr_max_u64(report->populate_ns, elapsed);
	}
	return failed;
}

void gr_hold_populate_stop(struct gr_hold *hold)
{
	hold->stop = 1;
	for (size_t i = 0; i < hold->count; i++) {
		if (hold->populating[i])
			gr_ram_populate_wait(hold->populating[i], NULL, NULL);
		hold->populating[i] = NULL;
	}
}

/* Populates one need; a page that is not on its node any more is made up for. */
static int populate_one(struct gr_hold *hold, size_t index, uint64_t *elapsed,
			struct gr_error *err)
{
	for (int i = 0, idle = 0;; i++) {
		int added, r = start_one(hold, index, false, err);

		if (r >= 0) {
			struct gr_populating *p = hold->populating[index];

			hold->populating[index] = NULL;
			r = gr_ram_populate_wait(p, elapsed, err);
		}
		if ((r != -EFAULT && r != -ENOMEM) || !hold->lease || i == TOP_UPS_MAX ||
		    idle == IDLE_MAX)
			return r;
		/* At least one page was missing on its node; populating again costs nothing for
		 * those that are there. */
		added = top_up(hold, &hold->options->request->needs[index],
			       hold->rams[index].page_size_bytes,
			       hold->rams[index].page_size_bytes, err);
		if (added < 0)
			return added;
		idle += added == 0;
	}
}

int gr_hold_populate(struct gr_hold *hold, struct gr_run_report *report, struct gr_error *err)
{
	for (size_t i = 0; i < hold->count; i++) {
		uint64_t elapsed = 0;
		int r = populate_one(hold, i, &elapsed, err);

		if (r < 0)
			return r;
		report->populate_ns += elapsed;
	}
	return 0;
}

void gr_hold_unlock(struct gr_hold *hold)
{
	if (hold->lease && hold->ledger)
		gr_lease_settle(hold->ledger, hold->lease, NULL);
	gr_ledger_close(hold->ledger);
	hold->ledger = NULL;
}

void gr_hold_drop(struct gr_hold *hold)
{
	for (size_t i = 0; i < hold->count; i++)
		gr_ram_unmap(&hold->rams[i]);
	hold->count = 0;
}

void gr_hold_forget_lease(struct gr_hold *hold)
{
	gr_lease_free(hold->lease);
	hold->lease = NULL;
}

int gr_hold_give_back(struct gr_hold *hold, struct gr_run_report *report, struct gr_error *err)
{
	int r = 0;

	if (!hold->lease)
		return 0;
	/* Worth a longer wait than a start: who fails here leaves pages behind. */
	if (!hold->ledger)
		r = gr_ledger_open(hold->options->root, false,
				   GIVE_BACK_WAITS * hold->options->lock_wait_ns, &hold->ledger,
				   err);
	if (r >= 0)
		r = gr_give_back_own(hold->ledger, hold->lease, &report->pages_returned, err);
	if (r == -ENOENT) {
		say(hold, "the lease was released by somebody else while the VM ran");
		r = 0;
	} else if (r < 0) {
		if (err)
			err->class = GR_CLASS_STRANDED;
		gr_error_hint(err, "the pages are still in the pool: `guestram recover` gives them "
				   "back");
		return r;
	} else {
		report->gave_back = true;
	}
	gr_hold_forget_lease(hold);
	return r;
}

void gr_hold_close(struct gr_hold *hold)
{
	gr_hold_populate_stop(hold);
	gr_hold_drop(hold);
	if (hold->done_fd > 0)
		close(hold->done_fd);
	free(hold->rams);
	free(hold->populating);
	gr_lease_free(hold->lease);
	gr_ledger_close(hold->ledger);
	*hold = (struct gr_hold){ .options = hold->options };
}
