// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram reserve: pages into the pools for a VM that somebody else starts, under a name, until
 * `guestram release`. The plan says how many; lease/ gets them or puts everything back.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/progress.h"
#include "base/size.h"
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

/* What the command line said, apart from the VM. */
struct wish {
	const char *name;
	bool partial, lend;
	struct gr_floor floor;
	struct gr_budget budget;
	uint64_t fallback_sizes[GR_FALLBACKS_MAX];
	size_t fallback_count;
};

static int reserve(struct gr_cli *cli, const struct wish *wish, const struct gr_plan *plan)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	struct gr_reserve_report report = { 0 };
	struct gr_progress progress;
	struct gr_reserve_options options = {
		.grants = plan->grants, .grant_count = plan->grant_count, .floor = wish->floor,
		.interrupted = gr_cli_catch_signals(),
		.progress = show_progress, .progress_data = &progress,
		.budget = &wish->budget, .partial = wish->partial, .lend = wish->lend,
		.fallback_sizes = wish->fallback_sizes, .fallback_count = wish->fallback_count,
	};
	struct gr_lease *lease = NULL;
	int r = gr_cli_ledger(cli, &ledger), printed;

	if (r < 0)
		return r;
	gr_progress_start(&progress, "reserving");
	r = gr_reserve(ledger, wish->name, &options, &lease, &report, &cli->err);
	gr_progress_end(&progress);
	if (r >= 0 || report.count) {
		struct gr_error saved = cli->err;

		printed = print_report(cli, lease, &report);
		if (r < 0)
			cli->err = saved;
		else
			r = printed < 0 ? printed : report.short_pages ? GR_CLASS_NO : 0;
	}
	gr_lease_free(lease);
	gr_reserve_report_done(&report);
	return r;
}

/* Only pages of the pools can be reserved. */
static int read_fallback(struct gr_cli *cli, const struct gr_args *args, struct wish *wish)
{
	struct gr_fallback fallback[GR_FALLBACKS_MAX];
	int count = gr_cli_fallback(cli, args, fallback);

	for (int i = 0; i < count; i++) {
		if (fallback[i].backing != GR_BACKING_DYNAMIC)
			return gr_cli_usage(cli, "--fallback: thp and 4k need no reservation; "
						 "`guestram run` takes them");
		wish->fallback_sizes[wish->fallback_count++] = fallback[i].page_size_bytes;
	}
	return count < 0 ? count : 0;
}

static int read_wish(struct gr_cli *cli, const struct gr_args *args, char *made, size_t made_size,
		     struct wish *wish)
{
	int r;

	wish->name = gr_arg(args, "name");
	wish->partial = gr_arg(args, "partial");
	wish->lend = gr_arg(args, "lend");
	if (args->word_count > 1 || (args->word_count && wish->name))
		return gr_cli_usage(cli, "one name is enough");
	if (args->word_count)
		wish->name = args->words[0];
	if (!wish->name) {
		snprintf(made, made_size, "lease-%d", (int)getpid());
		wish->name = made;
	}
	r = gr_lease_name_check(wish->name, &cli->err);
	if (r >= 0)
		r = gr_cli_floor(cli, args, &wish->floor);
	if (r >= 0)
		r = gr_cli_budget(cli, args, &wish->budget);
	return r < 0 ? r : read_fallback(cli, args, wish);
}

static int check_sizes(struct gr_cli *cli, const struct wish *wish, const struct gr_host *host)
{
	char buf[GR_TEXT_MAX];

	for (size_t i = 0; i < wish->fallback_count; i++) {
		if (!gr_host_has_page_size(host, wish->fallback_sizes[i]))
			return gr_cli_usage(cli, "--fallback: this host has no pages of %s",
					    gr_size_text(wish->fallback_sizes[i], buf));
	}
	return 0;
}

/* May a plan that the host cannot keep be tried for what there is? */
static bool may_be_short(const struct wish *wish, const struct gr_plan *plan)
{
	return (wish->partial || wish->fallback_count || wish->budget.allow & GR_ALLOW_DEMOTE) &&
	       plan->grant_count && !plan->impossible;
}

static int run(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_request_ struct gr_request request = { 0 };
	_cleanup_host_ struct gr_host *host = NULL;
	_cleanup_plan_ struct gr_plan *plan = NULL;
	struct wish wish = { 0 };
	char made[32];
	int r = read_wish(cli, args, made, sizeof(made), &wish);

	if (r >= 0 && (gr_arg(args, "external") || gr_arg(args, "owner-pid")))
		return gr_cli_declare(cli, args, wish.name == made ? NULL : wish.name);
	if (r >= 0)
		r = gr_cli_request(cli, args, &request);
	if (r < 0)
		return r;
	request.backing = GR_BACKING_DYNAMIC;
	r = gr_host_read(cli->root, GR_READ_POOLS | GR_READ_CGROUPS | GR_READ_FEATURES, &host,
			 &cli->err);
	if (r >= 0)
		r = gr_cli_add_idle(cli, host);
	if (r >= 0)
		r = check_sizes(cli, &wish, host);
	if (r >= 0)
		r = gr_plan_make(&request, host, &wish.floor, &plan, &cli->err);
	if (r >= 0 && !may_be_short(&wish, plan))
		r = gr_plan_error(plan, &cli->err);
	if (r >= 0)
		r = gr_plan_check_aligned(plan, &request, &cli->err);
	return r < 0 ? r : reserve(cli, &wish, plan);
}

const struct gr_command gr_cmd_reserve = {
	.name = "reserve",
	.summary = "Add huge pages to the pools for a VM, all or nothing",
	.synopsis = "NAME -m SIZE [options]",
	.about = "The pages stay until `guestram release NAME`. On a shortfall everything is\n"
		 "put back, and the exit code is 3; with --partial what was had is kept, and\n"
		 "the exit code is 1. The VM takes them from the pool: with\n"
		 "`guestram run --backing static --name NAME`, or with its own VMM.",
	GR_OPTIONS(GR_OPTION_MEMORY, GR_OPTION_PAGE_SIZE, GR_OPTION_NODE, GR_OPTION_PREFERRED,
		   GR_OPTION_FALLBACK,
		   { "partial", 0, NULL, "keep what could be had, even if it is less" },
		   { "lend", 0, NULL, "while nobody uses them, its pages may go to others" },
		   { "name", 0, "NAME", "of the lease, as well as the first word" },
		   { "external", 0, NULL, "only note that these pages are another program's" },
		   { "owner-pid", 0, "PID", "with --external: the process that takes them" },
		   GR_OPTION_KEEP_FREE, GR_OPTIONS_BUDGET),
	.run = run,
};
