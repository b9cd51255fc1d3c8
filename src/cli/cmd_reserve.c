// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram reserve: pages into the pools for a VM that somebody else starts, under a name, until
 * `guestram release`. The plan says how many; lease/ gets them or puts everything back.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/progress.h"
#include "cli/ledger_open.h"
#include "plan/plan.h"

static const struct gr_section sections[] = {
	{ .path = "lease.grants", .title = "Reserved",
	  GR_COLUMNS({ "node", "NODE", GR_FMT_TEXT }, { "page_size_bytes", "PAGE", GR_FMT_BYTES },
		     { "pages", "PAGES", GR_FMT_COUNT }) },
	{ .path = "rungs", .title = "How",
	  GR_COLUMNS({ "name", "RUNG", GR_FMT_TEXT }, { "node", "NODE", GR_FMT_TEXT },
		     { "pages_before", "PAGES BEFORE", GR_FMT_COUNT },
		     { "pages_after", "AFTER", GR_FMT_COUNT }, { "elapsed_ns", "TIME", GR_FMT_NS },
		     { "cache_lost_bytes", "CACHE LOST", GR_FMT_BYTES }) },
	{ .path = "notes" },
	{ .path = "next" },
};

static void show_progress(void *data, uint64_t done, uint64_t total)
{
	gr_progress_step(data, done, total);
}

static int print_report(struct gr_cli *cli, const struct gr_lease *lease,
			const struct gr_reserve_report *report)
{
	json_object *doc = gr_rec_new("reserve"), *next;
	int r;

	if (lease)
		gr_cli_lease_record(gr_rec_object(doc, "lease"), lease);
	else
		gr_rec_null(doc, "lease");
	gr_cli_rungs_record(doc, report);
	next = gr_rec_array(doc, "next");
	if (lease)
		gr_rec_item_strf(next, "give back with: guestram release %s", lease->name);
	r = gr_cli_print(cli, doc, sections, sizeof(sections) / sizeof(sections[0]));
	json_object_put(doc);
	return r;
}

static int reserve(struct gr_cli *cli, const char *name, const struct gr_plan *plan,
		   const struct gr_floor *floor)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	struct gr_reserve_report report = { 0 };
	struct gr_progress progress;
	struct gr_reserve_options options = {
		.grants = plan->grants, .grant_count = plan->grant_count, .floor = *floor,
		.interrupted = gr_cli_catch_signals(),
		.progress = show_progress, .progress_data = &progress,
	};
	struct gr_lease *lease = NULL;
	int r = gr_cli_ledger(cli, &ledger), printed;

	if (r < 0)
		return r;
	gr_progress_start(&progress, "reserving");
	r = gr_reserve(ledger, name, &options, &lease, &report, &cli->err);
	gr_progress_end(&progress);
	if (r >= 0 || report.count) {
		struct gr_error saved = cli->err;

		printed = print_report(cli, lease, &report);
		if (r < 0)
			cli->err = saved;
		else
			r = printed;
	}
	gr_lease_free(lease);
	gr_reserve_report_done(&report);
	return r;
}

static int run(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_request_ struct gr_request request = { 0 };
	_cleanup_host_ struct gr_host *host = NULL;
	_cleanup_plan_ struct gr_plan *plan = NULL;
	struct gr_floor floor = { 0 };
	const char *name = gr_arg(args, "name");
	char made[32];
	int r;

	if (args->word_count > 1 || (args->word_count && name))
		return gr_cli_usage(cli, "one name is enough");
	if (args->word_count)
		name = args->words[0];
	if (!name) {
		snprintf(made, sizeof(made), "lease-%d", (int)getpid());
		name = made;
	}
	r = gr_lease_name_check(name, &cli->err);
	if (r >= 0)
		r = gr_cli_floor(cli, args, &floor);
	if (r >= 0)
		r = gr_cli_request(cli, args, &request);
	if (r < 0)
		return r;
	request.backing = GR_BACKING_DYNAMIC;
	r = gr_host_read(cli->root, GR_READ_POOLS | GR_READ_CGROUPS | GR_READ_FEATURES, &host, &cli->err);
	if (r >= 0)
		r = gr_plan_make(&request, host, &floor, &plan, &cli->err);
	if (r >= 0)
		r = gr_plan_error(plan, &cli->err);
	if (r >= 0)
		r = gr_plan_check_aligned(plan, &request, &cli->err);
	return r < 0 ? r : reserve(cli, name, plan, &floor);
}

const struct gr_command gr_cmd_reserve = {
	.name = "reserve",
	.summary = "Add huge pages to the pools for a VM, all or nothing",
	.synopsis = "NAME -m SIZE [options]",
	.about = "The pages stay until `guestram release NAME`. On a shortfall everything is\n"
		 "put back, and the exit code is 3. The VM takes them from the pool: with\n"
		 "`guestram run --backing static --name NAME`, or with its own VMM.",
	GR_OPTIONS(GR_OPTION_MEMORY, GR_OPTION_PAGE_SIZE, GR_OPTION_NODE,
		   { "name", 0, "NAME", "of the lease, as well as the first word" },
		   GR_OPTION_KEEP_FREE),
	.run = run,
};
