// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram recover: put right what a killed guestram or VM left behind. Run at boot and by a timer;
 * other commands that change pools do the same first. Without any lease it opens one directory.
 */
#include <stdio.h>

#include "base/util.h"
#include "cli/ledger_open.h"

static const struct gr_section sections[] = {
	{ .path = "actions", .empty = "Nothing to put right." },
	{ .path = "unresolved", .title = "Somebody has to look at these in /run/guestram/leases:" },
};

static int print_recovery(struct gr_cli *cli, const struct gr_recovery *recovery)
{
	json_object *doc = gr_rec_new("recover"), *actions = gr_rec_array(doc, "actions");
	int r;

	for (size_t i = 0; i < recovery->count; i++)
		gr_rec_item_str(actions, recovery->actions[i]);
	gr_rec_u64(doc, "pages_returned", recovery->pages);
	actions = gr_rec_array(doc, "unresolved");
	for (size_t i = 0; i < recovery->unresolved_count; i++)
		gr_rec_item_str(actions, recovery->unresolved[i]);
	r = gr_cli_print(cli, doc, sections, GR_ARRAY_SIZE(sections));
	json_object_put(doc);
	return r;
}

static int run(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	struct gr_recovery recovery = { 0 };
	int r = 0, printed;

	if (args->word_count)
		return gr_cli_usage(cli, "recover takes no names");
	/* A host on which nothing was ever reserved gets no state directory from a timer. */
	if (gr_root_exists(cli->root, "run/guestram")) {
		r = gr_ledger_open(cli->root, false, GR_CLI_LOCK_WAIT_NS, &ledger, &cli->err);
		if (r < 0)
			return r;
		r = gr_recover(ledger, &recovery, &cli->err);
	}
	printed = print_recovery(cli, &recovery);
	if (r >= 0)
		r = printed;
	if (r >= 0 && recovery.unresolved_count) {
		r = gr_error_set(&cli->err, GR_CLASS_STRANDED, EIO,
				 "/run/guestram/leases/%.200s and %zu more cannot be read as leases",
				 recovery.unresolved[0], recovery.unresolved_count - 1);
		gr_error_hint(&cli->err, "its pages may still be in the pool: see what it says, lower "
					 "nr_hugepages by them, and remove the file");
	}
	gr_recovery_done(&recovery);
	return r;
}

const struct gr_command gr_cmd_recover = {
	.name = "recover",
	.summary = "Put right what a killed guestram or VM left behind",
	.synopsis = "[options]",
	.about = "Every command that changes pools does this first; a unit does it at boot,\n"
		 "a timer every minute while there are leases.",
	.run = run,
};
