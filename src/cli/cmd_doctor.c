// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram doctor: what is wrong, why, by which numbers, and what to do. Whatever is looked at, it
 * fills the same list; the record and the exit code are made of that.
 */
#include "base/diagnosis.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/doctor_input.h"
#include "lease/reconcile.h"

static const struct gr_section sections[] = {
	{ .path = "findings",
	  .empty = "Nothing to explain.",
	  .blocks = true,
	  GR_COLUMNS({ "code", "Code", GR_FMT_TEXT }, { "severity", "Severity", GR_FMT_TEXT },
		     { "cause", "Cause", GR_FMT_TEXT }, { "evidence", "Evidence", GR_FMT_TEXT },
		     { "remedy", "Remedy", GR_FMT_TEXT }) },
	{ .path = "unrelated",
	  .title = "\nUnrelated",
	  .blocks = true,
	  GR_COLUMNS({ "line", "Line", GR_FMT_TEXT }, { "why", "Why", GR_FMT_TEXT }) },
};

/* The ledger against the kernel's pools. */
static int look_at_ledger(struct gr_cli *cli, struct gr_diagnoses *ret)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	int r = gr_ledger_open(cli->root, true, 0, &ledger, &cli->err);

	return r < 0 ? r : gr_audit(ledger, ret, &cli->err);
}

static int look(struct gr_cli *cli, const struct gr_args *args, struct gr_doctor_question *question,
		struct gr_diagnoses *ret)
{
	struct gr_doctor_input input = { .intent = &question->intent };
	int r = gr_cli_floor(cli, args, &input.floor);

	if (r >= 0)
		r = gr_doctor_question_read(cli, args, question);
	if (r < 0)
		return r;
	input.log = question->has_log ? &question->log : NULL;
	return gr_doctor(cli->root, &question->host, &input, ret, &cli->err);
}

static int print_record(struct gr_cli *cli, const struct gr_log *log,
			const struct gr_diagnoses *found)
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
	array = gr_rec_array(doc, "unrelated");
	for (size_t i = 0; i < log->other_count; i++) {
		json_object *item = gr_rec_item(array);

		gr_rec_str(item, "line", log->others[i].line);
		gr_rec_str(item, "why", log->others[i].why);
	}
	r = gr_cli_print(cli, doc, sections, GR_ARRAY_SIZE(sections));
	json_object_put(doc);
	return r;
}

/* Options that go with a look at a VM or the host, not with --ledger. */
static const char *const others[] = { "error", "log", "domain", "argv", "pid" };

static int run(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_doctor_question_ struct gr_doctor_question question = { 0 };
	_cleanup_diagnoses_ struct gr_diagnoses found = { 0 };
	bool ledger = gr_arg(args, "ledger") != NULL;
	int r;

	if (args->word_count)
		return gr_cli_usage(cli, "doctor takes no words but a command line after --");
	for (size_t i = 0; i < GR_ARRAY_SIZE(others) && ledger; i++) {
		if (gr_arg(args, others[i]) || args->rest)
			return gr_cli_usage(cli, "--ledger looks at nothing else");
	}
	r = ledger ? look_at_ledger(cli, &found) : look(cli, args, &question, &found);
	if (r >= 0)
		r = print_record(cli, &question.log, &found);
	if (r < 0)
		return r;
	return gr_diagnoses_worst(&found) > GR_INFO ? GR_CLASS_NO : 0;
}

const struct gr_command gr_cmd_doctor = {
	.name = "doctor",
	.summary = "Explain what is wrong: cause, evidence, remedy",
	.synopsis = "[options] [-- VMM ARGS]",
	.about = "Reads only, and takes no lock. A message or a log is explained by what the\n"
		 "host shows, better with a description of the VM (a log of libvirt holds its\n"
		 "command line). A description alone is checked in ten steps; with nothing, the\n"
		 "host is. Exit code 1: something is not as it should be. The codes are explained\n"
		 "in guestram-doctor(7).",
	GR_OPTIONS({ "error", 0, "TEXT", "a message of QEMU, libvirt or the kernel" },
		   { "log", 0, "FILE", "a log, its end and its last start; - is standard input" },
		   { "domain", 0, "DOMAIN", "the VM: a file with XML, or a name" },
		   { "argv", 0, "FILE", "the VM: a file with its command line" },
		   { "pid", 0, "PID", "the VM: a process that runs" },
		   { "ledger", 0, NULL, "every difference between leases and the kernel's pools" },
		   GR_OPTION_KEEP_FREE),
	.takes_rest = true,
	.run = run,
};
