// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram release: give back what a lease took, exactly that.
 */
#include <string.h>

#include "base/util.h"
#include "cli/ledger_open.h"

static const struct gr_section sections[] = {
	{ .path = "", GR_COLUMNS({ "name", "Lease", GR_FMT_TEXT },
				 { "pages_returned", "Pages returned", GR_FMT_COUNT }) },
};

static int run(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	uint64_t pages = 0;
	json_object *doc;
	int r;

	if (args->word_count != 1)
		return gr_cli_usage(cli, "one lease has to be named");
	r = gr_lease_name_check(args->words[0], &cli->err);
	if (r >= 0)
		r = gr_cli_ledger(cli, &ledger);
	if (r >= 0)
		r = gr_give_back(ledger, args->words[0], &pages, &cli->err);
	if (r < 0)
		return r;
	doc = gr_rec_new("release");
	gr_rec_str(doc, "name", args->words[0]);
	gr_rec_u64(doc, "pages_returned", pages);
	r = gr_cli_print(cli, doc, sections, GR_ARRAY_SIZE(sections));
	json_object_put(doc);
	return r;
}

const struct gr_command gr_cmd_release = {
	.name = "release",
	.summary = "Give back what a lease took, exactly that",
	.synopsis = "NAME [options]",
	.about = "Pages that somebody uses at that moment go back when he lets go of them.",
	.run = run,
};
