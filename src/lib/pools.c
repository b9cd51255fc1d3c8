// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pages for memory that somebody else maps: the verbs reserve, release and recover as functions.
 */
#include "base/util.h"
#include "lib/lib.h"

int gr_lib_ledger(const struct guestram *handle, struct gr_ledger **ret, uint64_t *ret_pages,
		  struct gr_error *err)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	struct gr_recovery recovery = { 0 };
	int r = gr_lib_need_host(handle, err);

	if (r >= 0)
		r = gr_ledger_open(handle->root, false, GR_LIB_LOCK_WAIT_NS, &ledger, err);
	if (r >= 0)
		r = gr_recover(ledger, &recovery, err);
	if (r >= 0 && ret_pages)
		*ret_pages = recovery.pages;
	gr_recovery_done(&recovery);
	if (r >= 0)
		*ret = gr_steal_ptr(ledger);
	return r;
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
		r = gr_lib_ledger(handle, &ledger, NULL, err);
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

GR_PUBLIC int guestram_release(struct guestram *handle, const char *name, uint64_t *ret_pages,
			       struct guestram_error *err)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	struct gr_error why = { 0 };
	int r = gr_lease_name_check(name ? name : "", &why);

	if (r >= 0)
		r = gr_lib_ledger(handle, &ledger, NULL, &why);
	if (r >= 0)
		r = gr_give_back(ledger, name, ret_pages, &why);
	return gr_lib_answer(r, &why, err);
}

GR_PUBLIC int guestram_recover(struct guestram *handle, uint64_t *ret_pages,
			       struct guestram_error *err)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	struct gr_error why = { 0 };
	uint64_t pages = 0;
	int r = 0;

	/* A host on which nothing was ever reserved gets no state directory from a timer. */
	if (gr_root_exists(handle->root, "run/guestram"))
		r = gr_lib_ledger(handle, &ledger, &pages, &why);
	if (r < 0)
		return gr_lib_answer(r, &why, err);
	if (ret_pages)
		*ret_pages = pages;
	return 0;
}
