// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pages for memory that somebody else maps: the verbs reserve, release and recover as functions.
 */
#include <unistd.h>

#include "base/util.h"
#include "lib/lib.h"

int gr_lib_ledger(const struct guestram *handle, struct gr_ledger **ret, struct gr_error *err)
{
	int r = gr_lib_need_host(handle, err);

	return r < 0 ? r : gr_ledger_open(handle->root, false, GR_LIB_LOCK_WAIT_NS, ret, err);
}

/* Somebody else's lease that cannot be put right now is no reason to refuse what is asked for. */
static int open_recovered(const struct guestram *handle, struct gr_ledger **ret,
			  struct gr_error *err)
{
	struct gr_recovery recovery = { 0 };
	int r = gr_lib_ledger(handle, ret, err);

	if (r < 0)
		return r;
	gr_recover(*ret, &recovery, NULL);
	gr_recovery_done(&recovery);
	return 0;
}

static int reserve(const struct guestram *handle, const struct guestram_reserve_options *options,
		   struct gr_error *err)
{
	struct guestram_memory_options memory = {
		.name = options->name,
		.size_bytes = options->size_bytes,
		.page_size_bytes = options->page_size_bytes,
		.host_nodes = options->host_nodes,
		.keep_free_bytes = options->keep_free_bytes,
		.backing = GUESTRAM_BACKING_DYNAMIC,
	};
	_cleanup_planned_ struct gr_lib_planned planned = { 0 };
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	_cleanup_lease_ struct gr_lease *lease = NULL;
	struct gr_reserve_report report = { 0 };
	int r = gr_lib_plan(handle, &memory, &planned, err);

	if (r >= 0)
		r = open_recovered(handle, &ledger, err);
	if (r >= 0) {
		struct gr_reserve_options wish = {
			.grants = planned.plan->grants,
			.grant_count = planned.plan->grant_count,
			.floor = planned.floor,
		};

		r = gr_reserve(ledger, options->name, &wish, &lease, &report, err);
	}
	gr_reserve_report_done(&report);
	return r;
}

GR_PUBLIC int guestram_reserve(struct guestram *handle,
			       const struct guestram_reserve_options *options,
			       struct guestram_error *err)
{
	struct guestram_reserve_options known;
	struct gr_error why = { 0 };
	int r = gr_lib_options(options, sizeof(known), &known, &why);

	if (r >= 0)
		r = reserve(handle, &known, &why);
	return gr_lib_answer(r, &why, err);
}

/* The pages under a running VM would only become surplus, at the cost of other owners. */
static int refuse_running(struct gr_ledger *ledger, const char *name, struct gr_error *err)
{
	_cleanup_lease_ struct gr_lease *lease = NULL;
	int r = gr_ledger_find(ledger, name, &lease, err);

	if (r < 0 || lease->owner_pid == getpid() || !gr_lease_in_use(ledger, lease))
		return r;
	return gr_error_set(err, GR_CLASS_NO, EBUSY, "lease '%s' is in use by process %d", name,
			    (int)lease->owner_pid);
}

GR_PUBLIC int guestram_release(struct guestram *handle, const char *name, uint64_t *ret_pages,
			       struct guestram_error *err)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	struct gr_error why = { 0 };
	int r = gr_lease_name_check(name ? name : "", &why);

	if (r >= 0)
		r = open_recovered(handle, &ledger, &why);
	if (r >= 0)
		r = refuse_running(ledger, name, &why);
	if (r >= 0)
		r = gr_give_back(ledger, name, ret_pages, &why);
	return gr_lib_answer(r, &why, err);
}

GR_PUBLIC int guestram_recover(struct guestram *handle, uint64_t *ret_pages,
			       struct guestram_error *err)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	struct gr_recovery recovery = { 0 };
	struct gr_error why = { 0 };
	int r = 0;

	/* A host on which nothing was ever reserved gets no state directory from a timer. */
	if (gr_root_exists(handle->root, "run/guestram"))
		r = gr_lib_ledger(handle, &ledger, &why);
	if (r >= 0 && ledger)
		r = gr_recover(ledger, &recovery, &why);
	if (r >= 0 && ret_pages)
		*ret_pages = recovery.pages;
	gr_recovery_done(&recovery);
	return gr_lib_answer(r, &why, err);
}
