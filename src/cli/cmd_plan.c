// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram plan: which backing this VM should have on this host, and why. Reads the host, changes
 * nothing. The record is printed also when there is no plan, with the problems in it; the first of
 * them then is the error of the command.
 */
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/host_survey.h"
#include "cli/ledger_open.h"
#include "host/host.h"
#include "plan/plan.h"

static void add_needs(json_object *doc, const struct gr_request *request,
		      const struct gr_plan *plan)
{
	json_object *needs = gr_rec_array(doc, "needs");

	for (size_t i = 0; i < request->need_count; i++) {
		const struct gr_need *need = &request->needs[i];
		uint64_t size = i < GR_PLAN_NEEDS_MAX ? plan->page_size_of_need[i] : 0;
		json_object *item = gr_rec_item(needs);

		if (need->guest_cell >= 0)
			gr_rec_int(item, "guest_cell", need->guest_cell);
		else
			gr_rec_null(item, "guest_cell");
		gr_rec_u64(item, "memory_bytes", need->memory_bytes);
		gr_rec_u64_known(item, "page_size_bytes", size, size);
		gr_rec_u64_known(item, "pages", size,
				 size ? gr_div_up(need->memory_bytes, size) : 0);
		gr_rec_list(item, "host_nodes", &need->host_nodes);
	}
}

static void add_texts(json_object *obj, const char *key, char **texts, size_t count)
{
	json_object *array = gr_rec_array(obj, key);

	for (size_t i = 0; i < count; i++)
		gr_rec_item_str(array, texts[i]);
}

static void add_arithmetic(json_object *doc, const struct gr_plan *plan)
{
	json_object *array = gr_rec_array(doc, "arithmetic");

	for (size_t i = 0; i < plan->arithmetic_count; i++) {
		const struct gr_arithmetic *row = &plan->arithmetic[i];
		json_object *item = gr_rec_item(array);

		gr_rec_u64(item, "page_size_bytes", row->page_size_bytes);
		gr_rec_u64(item, "pages", row->pages);
		gr_rec_u64(item, "page_table_bytes", row->page_table_bytes);
		gr_rec_u64(item, "waste_bytes", row->waste_bytes);
	}
}

static void add_obtainable(json_object *doc, const struct gr_host *host,
			   const struct gr_floor *floor, const struct gr_losses *losses)
{
	json_object *array = gr_rec_array(doc, "obtainable");

	for (size_t i = 0; i < host->pool_count; i++) {
		const struct gr_pool *pool = &host->pools[i];
		json_object *item;

		if (pool->node < 0)
			continue;
		item = gr_rec_item(array);
		gr_rec_int(item, "node", pool->node);
		gr_rec_u64(item, "page_size_bytes", pool->page_size_bytes);
		gr_cli_add_obtainable(item, host, pool, floor, losses);
	}
}

static void add_choice(json_object *doc, const struct gr_plan *plan)
{
	json_object *array;

	gr_rec_str(doc, "backing",
		   plan->backing == GR_BACKING_AUTO ? NULL : gr_backing_name(plan->backing));
	gr_rec_u64_known(doc, "page_size_bytes", plan->page_size_bytes, plan->page_size_bytes);
	gr_rec_bool(doc, "misaligned", plan->misaligned);
	add_texts(doc, "reasons", plan->reasons, plan->reason_count);
	array = gr_rec_array(doc, "alternatives");
	for (size_t i = 0; i < plan->alternative_count; i++) {
		const struct gr_alternative *alternative = &plan->alternatives[i];
		json_object *item = gr_rec_item(array);

		gr_rec_str(item, "backing", gr_backing_name(alternative->backing));
		gr_rec_u64(item, "page_size_bytes", alternative->page_size_bytes);
		gr_rec_bool(item, "feasible", alternative->feasible);
		add_texts(item, "reasons", alternative->reasons, alternative->reason_count);
	}
	array = gr_rec_array(doc, "problems");
	for (size_t i = 0; i < plan->problem_count; i++) {
		json_object *item = gr_rec_item(array);

		gr_rec_str(item, "code", plan->problems[i].code);
		gr_rec_str(item, "message", plan->problems[i].message);
		gr_rec_str(item, "hint", plan->problems[i].hint);
	}
}

/* As QEMU names it, which is not always as the kernel does. */
static const char *qemu_architecture(const char *architecture)
{
	static const char *const differ[][2] = { { "ppc64le", "ppc64" }, { "i686", "i386" } };

	for (size_t i = 0; architecture && i < GR_ARRAY_SIZE(differ); i++) {
		if (!strcmp(architecture, differ[i][0]))
			return differ[i][1];
	}
	return architecture ? architecture : "x86_64";
}

/* The switches that were given, as they would be given again. */
static char *switches_text(const struct gr_args *args)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < args->given_count; i++) {
		if (!args->given[i].option->arg)
			fprintf(f, " --%s", args->given[i].option->name);
	}
	if (fclose(f))
		return NULL;
	return gr_steal_ptr(text);
}

/* The command that carries the plan out; null if there is none. */
static int add_command(json_object *doc, const struct gr_args *args,
		       const struct gr_request *request, const struct gr_plan *plan,
		       const char *architecture)
{
	char size[GR_TEXT_MAX + 16] = "", arg[GR_TEXT_MAX];
	_cleanup_free_ char *nodes = gr_list_text(&request->needs[0].host_nodes);

	_cleanup_free_ char *switches = switches_text(args);

	if (!nodes || !switches)
		return -ENOMEM;
	if (plan->backing == GR_BACKING_AUTO) {
		gr_rec_null(doc, "command");
		return 0;
	}
	if (plan->backing == GR_BACKING_STATIC || plan->backing == GR_BACKING_DYNAMIC)
		snprintf(size, sizeof(size), " -p %s",
			 gr_size_arg(plan->page_size_bytes, arg));
	gr_rec_strf(doc, "command",
		    "guestram run -m %s%s%s -b %s%s%s -- qemu-system-%s ...",
		    gr_arg(args, "memory"), *nodes ? " -n " : "", nodes,
		    gr_backing_name(plan->backing), size, switches,
		    qemu_architecture(architecture));
	return 0;
}

static const struct gr_section view[] = {
	{ .path = "",
	  GR_COLUMNS({ "memory_bytes", "Memory", GR_FMT_BYTES },
		     { "backing", "Backing", GR_FMT_TEXT },
		     { "page_size_bytes", "Page size", GR_FMT_BYTES }) },
	{ .path = "problems",
	  .title = "\nProblems",
	  GR_COLUMNS({ "code", "CODE", GR_FMT_TEXT },
		     { "message", "WHAT", GR_FMT_TEXT, .wrap = true }) },
	{ .path = "reasons", .title = "\nReasons" },
	{ .path = "arithmetic",
	  .title = "\nBy page size",
	  GR_COLUMNS({ "page_size_bytes", "PAGE SIZE", GR_FMT_BYTES },
		     { "pages", "PAGES", GR_FMT_COUNT },
		     { "page_table_bytes", "PAGE TABLES", GR_FMT_BYTES },
		     { "waste_bytes", "UNUSED", GR_FMT_BYTES }) },
	{ .path = "obtainable",
	  .title = "\nHow many more pages could be had",
	  GR_COLUMNS({ "node", "NODE", GR_FMT_COUNT }, { "page_size_bytes", "SIZE", GR_FMT_BYTES },
		     { "obtainable_now", "AT ONCE", GR_FMT_COUNT },
		     { "obtainable_by_ladder", "WITH EFFORT", GR_FMT_COUNT },
		     { "obtainable_at_most", "AT MOST", GR_FMT_COUNT }) },
	{ .path = "alternatives",
	  .title = "\nThe other ways",
	  GR_COLUMNS({ "backing", "BACKING", GR_FMT_TEXT },
		     { "page_size_bytes", "SIZE", GR_FMT_BYTES },
		     { "feasible", "WORKS", GR_FMT_YESNO },
		     { "reasons", "BECAUSE", GR_FMT_TEXT, .wrap = true }) },
	/* Last, because it is left out when there is no plan. */
	{ .path = "", .title = "", GR_COLUMNS({ "command", "Next", GR_FMT_TEXT }) },
};

static int print(struct gr_cli *cli, const struct gr_args *args, const struct gr_request *request,
		 const struct gr_host *host, const struct gr_floor *floor,
		 const struct gr_losses *losses, const struct gr_plan *plan)
{
	size_t sections = GR_ARRAY_SIZE(view) - (plan->backing == GR_BACKING_AUTO);
	json_object *doc = gr_rec_new("plan");
	int r;

	gr_rec_u64(doc, "memory_bytes", gr_request_bytes(request));
	gr_rec_u64(doc, "floor_bytes", gr_floor_bytes(host, floor));
	add_needs(doc, request, plan);
	add_arithmetic(doc, plan);
	add_obtainable(doc, host, floor, losses);
	add_choice(doc, plan);
	r = add_command(doc, args, request, plan, host->architecture);
	if (r < 0)
		gr_error_nomem(&cli->err);
	else
		r = gr_cli_print(cli, doc, view, sections);
	json_object_put(doc);
	return r;
}

/* Of ranges of 1 GiB a sample says nothing; a plan for them may take some tenths of a second. */
static uint64_t survey_pages(const struct gr_host *host, const struct gr_request *request)
{
	for (size_t i = 0; i < request->need_count; i++) {
		if (request->needs[i].page_size_bytes > host->default_page_size_bytes)
			return GR_CLI_SURVEY_MAX_PAGES;
	}
	return GR_CLI_SURVEY_PAGES;
}

static int run(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_request_ struct gr_request request = { 0 };
	_cleanup_host_ struct gr_host *host = NULL;
	_cleanup_plan_ struct gr_plan *plan = NULL;
	struct gr_losses losses;
	struct gr_floor floor;
	int r;

	if (args->word_count)
		return gr_cli_usage(cli, "plan takes no words: '%.64s'", args->words[0]);
	if (!gr_arg(args, "memory")) {
		r = gr_cli_usage(cli, "how much memory shall the guest have?");
		gr_error_hint(&cli->err, "for example: guestram plan -m 8G");
		return r;
	}
	r = gr_cli_request(cli, args, &request);
	if (r >= 0)
		r = gr_cli_floor(cli, args, &floor);
	if (r >= 0)
		r = gr_cli_losses(cli, args, &losses);
	if (r >= 0)
		r = gr_cli_host(cli, GR_READ_POOLS | GR_READ_THP | GR_READ_CGROUPS | GR_READ_FEATURES,
				NULL, &host);
	if (r >= 0)
		r = gr_host_survey(cli->root, survey_pages(host, &request), host, &cli->err);
	if (r >= 0)
		r = gr_plan_make(&request, host, &floor, &plan, &cli->err);
	if (r >= 0)
		r = print(cli, args, &request, host, &floor, &losses, plan);
	if (r >= 0)
		r = gr_plan_error(plan, &cli->err);
	return r;
}

const struct gr_command gr_cmd_plan = {
	.name = "plan",
	.summary = "Choose the memory backing for a VM on this host, and say why",
	.synopsis = "-m SIZE [options]",
	.about = "Reads only. Without --backing all backings are weighed; with it, that one is\n"
		 "checked. Exits 2 if no state of this host could do it, 3 if it cannot now.\n"
		 "UNUSED is what rounding up to whole pages wastes; PAGE TABLES are those of one\n"
		 "process that maps all of the memory.",
	GR_OPTIONS(GR_OPTION_MEMORY, GR_OPTION_PAGE_SIZE, GR_OPTION_NODE, GR_OPTION_BACKING,
		   GR_OPTION_GOAL, GR_OPTION_KEEP_FREE, GR_OPTIONS_TRAITS),
	.run = run,
};
