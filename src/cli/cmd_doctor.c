// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram doctor: what is wrong, why, by which numbers, and what to do. Each mode is a row of a
 * table and fills the same list; the record and the exit code are made of that.
 */
#include "base/diagnosis.h"
#include "base/util.h"
#include "cli/cli.h"
#include "lease/reconcile.h"

static const struct gr_section sections[] = {
	{ .path = "findings",
	  .empty = "Nothing to explain.",
	  .blocks = true,
	  GR_COLUMNS({ "code", "Code", GR_FMT_TEXT }, { "severity", "Severity", GR_FMT_TEXT },
		     { "cause", "Cause", GR_FMT_TEXT }, { "evidence", "Evidence", GR_FMT_TEXT },
		     { "remedy", "Remedy", GR_FMT_TEXT }) },
	{ .path = "unrelated", .title = "Unrelated" },
};

/* The ledger against the kernel's pools. */
static int look_at_ledger(struct gr_cli *cli, struct gr_diagnoses *ret)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	int r = gr_ledger_open(cli->root, true, 0, &ledger, &cli->err);

	return r < 0 ? r : gr_audit(ledger, ret, &cli->err);
}

static const struct {
	const char *option;
	int (*look)(struct gr_cli *cli, struct gr_diagnoses *ret);
} modes[] = {
	{ "ledger", look_at_ledger },
};

static int print_record(struct gr_cli *cli, const struct gr_diagnoses *found)
{
	json_object *doc = gr_rec_new("doctor"), *array = gr_rec_array(doc, "findings");
	int r;

	for (size_t i = 0; i < found->count; i++) {
		json_object *item = gr_rec_item(array);

		gr_rec_str(item, "code", found->items[i].code);
		gr_rec_str(item, "severity", gr_severity_name(found->items[i].severity));
		gr_rec_str(item, "cause", found->items[i].cause);
		gr_rec_str(item, "evidence", found->items[i].evidence);
		gr_rec_str(item, "remedy", found->items[i].remedy);
	}
	gr_rec_array(doc, "unrelated");
	r = gr_cli_print(cli, doc, sections, GR_ARRAY_SIZE(sections));
	json_object_put(doc);
	return r;
}

static int run(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_diagnoses_ struct gr_diagnoses found = { 0 };
	size_t mode = 0, chosen = 0;
	int r;

	if (args->word_count)
		return gr_cli_usage(cli, "doctor takes no names");
	for (size_t i = 0; i < GR_ARRAY_SIZE(modes); i++) {
		if (!gr_arg(args, modes[i].option))
			continue;
		mode = i;
		chosen++;
	}
	if (chosen != 1)
		return gr_cli_usage(cli, "doctor looks at one thing: say --%s", modes[0].option);
	r = modes[mode].look(cli, &found);
	if (r >= 0)
		r = print_record(cli, &found);
	if (r < 0)
		return r;
	return gr_diagnoses_worst(&found) > GR_INFO ? GR_CLASS_NO : 0;
}

const struct gr_command gr_cmd_doctor = {
	.name = "doctor",
	.summary = "Explain what is wrong: cause, evidence, remedy",
	.synopsis = "--ledger [options]",
	.about = "Reads only, and takes no lock. Exit code 1: something is not as it should be.\n"
		 "The codes are explained in guestram-doctor(7).",
	GR_OPTIONS({ "ledger", 0, NULL, "every difference between leases and the kernel's pools" }),
	.run = run,
};
