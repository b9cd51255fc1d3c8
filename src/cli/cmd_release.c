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

/* The pages under a running VM would only become surplus, at the cost of other owners. */
static int refuse_running(struct gr_cli *cli, struct gr_ledger *ledger, const char *name)
{
	struct gr_lease *lease;
	int r = gr_ledger_find(ledger, name, &lease, &cli->err);

	if (r < 0)
		return r;
	if (gr_lease_in_use(ledger, lease)) {
		r = gr_error_set(&cli->err, GR_CLASS_NO, EBUSY,
				 "lease '%s' is in use by process %d", name,
				 (int)lease->owner_pid);
		gr_error_hint(&cli->err, "its pages go back when that VM ends; --force releases the "
					 "lease under it");
	}
	gr_lease_free(lease);
	return r;
}

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
	if (r >= 0 && !gr_arg(args, "force"))
		r = refuse_running(cli, ledger, args->words[0]);
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
	.about = "Pages that somebody uses at that moment go back when he lets go of them.\n"
		 "The lease of a running VM is refused.",
	GR_OPTIONS({ "force", 0, NULL, "release it even though a VM runs on it" }),
	.run = run,
};
