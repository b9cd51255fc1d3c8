// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram list: who has which pages. Reads the ledger without its lock and changes nothing.
 */
#include "base/size.h"
#include "base/util.h"
#include "cli/ledger_open.h"

static const struct gr_section sections[] = {
	{ .path = "leases", .empty = "No leases.",
	  GR_COLUMNS({ "name", "NAME", GR_FMT_TEXT }, { "state", "STATE", GR_FMT_TEXT },
		     { "owner_pid", "OWNER PID", GR_FMT_TEXT },
		     { "pages_text", "PAGES", GR_FMT_TEXT, .wrap = true }) },
	{ .path = "damaged", .title = "Lease files that cannot be read (see `guestram recover`)" },
};

/* "512 x 2 MiB on node 0", for people and for those who grep. */
static void pages_text(json_object *item, const struct gr_lease *lease)
{
	json_object *texts = gr_rec_array(item, "pages_text");
	char count[GR_TEXT_MAX], size[GR_TEXT_MAX];

	for (size_t i = 0; i < lease->grant_count; i++) {
		const struct gr_lease_grant *grant = &lease->grants[i];

		gr_count_text(grant->pages, count);
		gr_size_text(grant->page_size_bytes, size);
		if (grant->node < 0)
			gr_rec_item_strf(texts, "%s x %s", count, size);
		else
			gr_rec_item_strf(texts, "%s x %s on node %d", count, size, grant->node);
	}
}

static int run(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	struct gr_leases leases = { 0 };
	json_object *doc, *array;
	int r;

	if (args->word_count)
		return gr_cli_usage(cli, "list takes no names");
	r = gr_ledger_open(cli->root, true, 0, &ledger, &cli->err);
	if (r >= 0)
		r = gr_ledger_list(ledger, &leases, &cli->err);
	if (r < 0)
		return r;
	doc = gr_rec_new("list");
	array = gr_rec_array(doc, "leases");
	for (size_t i = 0; i < leases.count; i++) {
		json_object *item = gr_rec_item(array);

		gr_cli_lease_record(item, leases.leases[i]);
		pages_text(item, leases.leases[i]);
	}
	array = gr_rec_array(doc, "damaged");
	for (size_t i = 0; i < leases.damaged_count; i++)
		gr_rec_item_str(array, leases.damaged[i]);
	for (size_t i = 0; i < leases.aside_count; i++)
		gr_rec_item_str(array, leases.aside[i]);
	gr_leases_done(&leases);
	r = gr_cli_print(cli, doc, sections, GR_ARRAY_SIZE(sections));
	json_object_put(doc);
	return r;
}

const struct gr_command gr_cmd_list = {
	.name = "list",
	.summary = "Show who has which pages",
	.synopsis = "[options]",
	.run = run,
};
