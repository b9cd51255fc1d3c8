// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram run: options and the VMM's own command line become a request, plan/ decides, run/ does.
 * What a person reads goes to standard error when standard output is the VMM's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <unistd.h>

#include "base/progress.h"
#include "base/size.h"
#include "base/util.h"
#include "cli/ledger_open.h"
#include "cli/run_record.h"
#include "guest/cloud_hypervisor.h"
#include "run/run.h"
#include "run/spawn.h"

struct run_input {
	struct gr_request own;    /* when the VMM's command line does not say it */
	struct gr_ch ch;
	struct gr_request *request;
	struct gr_qemu *qemu;
	struct gr_host *host;
	struct gr_plan *plan;
	char name[GR_LEASE_NAME_MAX + 1];
	struct gr_fallback fallback[GR_FALLBACKS_MAX];
	int fallback_count, fallback_at;
	struct gr_progress progress;
	const char *progress_what;
};

static void show_progress(void *data, const char *what, uint64_t done, uint64_t total)
{
	struct run_input *input = data;

	if (input->progress_what != what) {
		gr_progress_end(&input->progress);
		gr_progress_start(&input->progress, what);
		input->progress_what = what;
	}
	gr_progress_step(&input->progress, done, total);
	if (done >= total)
		gr_progress_end(&input->progress);
}

static void say(void *data, const char *line)
{
	struct run_input *input = data;

	gr_progress_end(&input->progress);
	fprintf(stderr, "guestram: %s\n", line);
}

/* A name for the lease: what was said, or the VM's own made fit, or one by pid. */
static int choose_name(struct gr_cli *cli, const struct gr_args *args, struct run_input *input)
{
	const char *name = gr_arg(args, "name");
	size_t n = 0;

	if (name) {
		int r = gr_lease_name_check(name, &cli->err);

		if (r >= 0)
			snprintf(input->name, sizeof(input->name), "%s", name);
		return r;
	}
	for (const char *p = input->request->name; p && *p && n < GR_LEASE_NAME_MAX; p++) {
		bool fits = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			    (*p >= '0' && *p <= '9') || *p == '_' || *p == '-' ||
			    (*p == '.' && n > 0);

		input->name[n++] = fits ? *p : '_';
	}
	input->name[n] = '\0';
	if (!n)
		snprintf(input->name, sizeof(input->name), "run-%d", (int)getpid());
	return 0;
}

static int refuse_daemon(struct gr_cli *cli)
{
	int r = gr_cli_usage(cli, "with -daemonize QEMU leaves its parent, and nobody could tell "
				  "when it ends");

	gr_error_hint(&cli->err, "leave it out: run guestram itself in the background (&, systemd-run)");
	return r;
}

/* `run -m 4G -- qemu ...`: QEMU's line without a size gets ours, right behind the program. */
static int add_memory(struct gr_cli *cli, char *const *argv, uint64_t bytes, struct gr_qemu **qemu)
{
	_cleanup_free_ char **longer = NULL;
	char size[32];
	size_t count = 0;

	if (bytes % GR_MIB)
		return gr_cli_usage(cli, "QEMU counts memory in whole MiB");
	while (argv[count])
		count++;
	longer = calloc(count + 3, sizeof(*longer));
	if (!longer)
		return gr_error_nomem(&cli->err);
	snprintf(size, sizeof(size), "%" PRIu64 "M", bytes / GR_MIB);
	longer[0] = argv[0];
	longer[1] = (char *)"-m";
	longer[2] = size;
	memcpy(longer + 3, argv + 1, (count - 1) * sizeof(*longer));
	gr_qemu_free(*qemu);
	*qemu = NULL;
	return gr_qemu_parse(longer, qemu, &cli->err);
}

static int read_qemu(struct gr_cli *cli, const struct gr_args *args, struct run_input *input)
{
	uint64_t bytes = 0;
	int r = gr_qemu_parse(args->rest, &input->qemu, &cli->err);

	if (r >= 0)
		r = gr_cli_memory(cli, args, &bytes);
	if (r >= 0 && bytes && !input->qemu->memory_given)
		r = add_memory(cli, args->rest, bytes, &input->qemu);
	else if (r >= 0 && bytes && bytes != input->qemu->memory_bytes)
		r = gr_cli_usage(cli, "-m before and after the -- differ");
	if (r < 0)
		return r;
	if (input->qemu->daemonize)
		return refuse_daemon(cli);
	input->request = &input->qemu->request;
	return 0;
}

/* Another VMM: it takes the pages from the pool itself, we see to it that they are there. */
static int read_other(struct gr_cli *cli, const struct gr_args *args, struct run_input *input)
{
	int r;

	if (!gr_arg(args, "memory") && gr_ch_is(args->rest[0])) {
		r = gr_ch_parse(args->rest, &input->ch, &cli->err);
		input->request = &input->ch.request;
		return r;
	}
	input->request = &input->own;
	r = gr_cli_request(cli, args, &input->own);
	if (r < 0 || gr_request_bytes(&input->own))
		return r;
	r = gr_cli_usage(cli, "how much memory does %.64s take?", args->rest[0]);
	gr_error_hint(&cli->err, "its own options are unknown to guestram: -m SIZE before the --");
	return r;
}

static int read_input(struct gr_cli *cli, const struct gr_args *args, struct run_input *input)
{
	int r;

	if (args->word_count) {
		r = gr_cli_usage(cli, "'%.64s' is no option", args->words[0]);
		gr_error_hint(&cli->err, "the VMM's command line follows after --, as in `guestram run "
					 "-b dynamic -- qemu-system-x86_64 -m 4G ...`");
		return r;
	}
	if (args->rest && !args->rest[0])
		return gr_cli_usage(cli, "nothing follows the --");
	if (!args->rest) {
		input->request = &input->own;
		r = gr_cli_request(cli, args, &input->own);
	} else if (gr_qemu_is(args->rest[0])) {
		r = read_qemu(cli, args, input);
	} else {
		r = read_other(cli, args, input);
	}
	if (r >= 0)
		r = gr_cli_merge_request(cli, args, input->request);
	if (r >= 0)
		r = choose_name(cli, args, input);
	return r;
}

/*
 * A mem-path is replaced by memory that we hold. On hugetlbfs its page size is what was asked for;
 * a file elsewhere may have contents that the guest needs, and is not ours to replace.
 */
static int check_mem_path(struct gr_cli *cli, const char *path, struct gr_need *need)
{
	uint64_t magic, block_bytes;
	bool regular;
	int r = gr_root_file_system(cli->root, path, &magic, &block_bytes, &regular, &cli->err);

	if (r < 0)
		return r;
	if (magic == HUGETLBFS_MAGIC) {
		if (!need->page_size_bytes)
			need->page_size_bytes = block_bytes;
		return 0;
	}
	if (!regular)
		return 0;
	r = gr_cli_usage(cli, "mem-path=%.200s is a file with contents of its own", path);
	gr_error_hint(&cli->err, "guestram would put empty memory in its place: leave mem-path out, "
				 "or start this VM without guestram");
	return r;
}

static int check_mem_paths(struct gr_cli *cli, struct gr_qemu *qemu)
{
	int r = 0;

	for (size_t i = 0; i < qemu->request.need_count && r >= 0; i++) {
		if (qemu->sources[i].mem_path)
			r = check_mem_path(cli, qemu->sources[i].mem_path, &qemu->request.needs[i]);
	}
	return r;
}

static int make_plan(struct gr_cli *cli, struct run_input *input, const struct gr_floor *floor)
{
	int r = gr_cli_host(cli, GR_READ_POOLS | GR_READ_THP | GR_READ_CGROUPS | GR_READ_FEATURES,
			    input->name, &input->host);

	if (r >= 0 && input->qemu) {
		if (gr_qemu_default_page_size(input->qemu, input->host->default_page_size_bytes) < 0)
			return gr_error_nomem(&cli->err);
		r = gr_notes_error(&input->qemu->notes, &cli->err);
		if (r >= 0)
			r = check_mem_paths(cli, input->qemu);
	} else if (r >= 0 && input->request == &input->ch.request) {
		if (gr_ch_default_page_size(&input->ch, input->host->default_page_size_bytes) < 0)
			return gr_error_nomem(&cli->err);
		r = gr_notes_error(&input->ch.notes, &cli->err);
	}
	if (r >= 0)
		r = gr_plan_make(input->request, input->host, floor, &input->plan, &cli->err);
	if (r >= 0)
		r = gr_plan_error(input->plan, &cli->err);
	if (r >= 0)
		r = gr_plan_check_aligned(input->plan, input->request, &cli->err);
	return r;
}

static int print_command(struct gr_cli *cli, const struct gr_run_options *options)
{
	_cleanup_argv_ char **argv = NULL;
	_cleanup_free_ char *text = NULL;
	json_object *doc, *words;
	int r;

	if (!options->qemu && !options->argv)
		return gr_cli_usage(cli, "--print needs a VMM's command line after --");
	r = gr_run_command(options, &argv, &cli->err);
	if (r < 0)
		return r;
	if (gr_argv_print(argv, &text) < 0)
		return gr_error_nomem(&cli->err);
	doc = gr_rec_new("run");
	gr_rec_str(doc, "command", text);
	words = gr_rec_array(doc, "argv");
	for (size_t i = 0; argv[i]; i++)
		gr_rec_item_str(words, argv[i]);
	if (cli->mode == GR_MODE_TABLE)
		puts(text); /* to be pasted: not wrapped */
	else
		r = gr_cli_print(cli, doc, NULL, 0);
	json_object_put(doc);
	return r;
}

static int run_it(struct gr_cli *cli, const struct gr_args *args, struct run_input *input,
		  struct gr_run_options *options)
{
	struct gr_run_report report;
	FILE *out = args->rest && cli->mode == GR_MODE_TABLE ? stderr : stdout;
	int r, printed;

	if (args->rest) {
		r = gr_program_check(args->rest[0], &cli->err);
		if (r < 0)
			return r;
	}
	options->interrupted = gr_cli_catch_signals();
	r = gr_run(options, &report, &cli->err);
	gr_progress_end(&input->progress);
	if (r >= 0) {
		/* A VMM that failed at once said why itself: its words shall be the last. */
		bool died = out == stderr && report.exit_status && !report.judged;

		printed = died ? 0 : gr_run_record_print(out, cli, options, &report);
		if (printed < 0)
			r = printed;
		else if (report.exit_status)
			r = report.exit_status;
		else
			r = report.judged && report.verdict.broken ? GR_CLASS_NO : 0;
	}
	gr_run_report_done(&report);
	return r;
}

static int parse_run_options(struct gr_cli *cli, const struct gr_args *args,
			     struct gr_run_options *options)
{
	const char *populate = gr_arg(args, "populate"), *threads = gr_arg(args, "threads");
	uint64_t number;
	int r = 0;

	if (populate)
		r = gr_populate_parse(populate, &options->populate, &cli->err);
	if (r >= 0)
		r = gr_cli_floor(cli, args, &options->floor);
	if (r >= 0)
		r = gr_cli_budget(cli, args, &options->budget);
	if (r >= 0 && threads) {
		if (gr_parse_u64(threads, &number) < 0 || !number || number > 1024)
			return gr_cli_usage(cli, "'%.32s' is no number of threads (1 to 1024)",
					    threads);
		options->threads = (unsigned int)number;
	}
	options->user = gr_arg(args, "user");
	return r;
}

/* What could not be had is asked for in the next way allowed. Return: is there one? */
static bool fall_back(struct gr_cli *cli, struct run_input *input)
{
	const uint64_t *now = input->plan ? input->plan->page_size_of_need : NULL;

	for (; input->fallback_at < input->fallback_count; input->fallback_at++) {
		const struct gr_fallback *to = &input->fallback[input->fallback_at];
		char size[GR_TEXT_MAX], *line = NULL;
		bool pool = gr_backing_is_pool(to->backing);

		if (!gr_cli_fall_back(input->request, now, to))
			continue;
		if (gr_asprintf(&line, "%s; trying %s instead", cli->err.message,
				pool ? gr_size_text(to->page_size_bytes, size) :
				       gr_backing_name(to->backing)) >= 0)
			say(input, line);
		free(line);
		input->fallback_at += !pool; /* of pages, the next cell may want some too */
		return true;
	}
	return false;
}

static int plan_and_run(struct gr_cli *cli, const struct gr_args *args, struct run_input *input,
			struct gr_run_options *options)
{
	for (;;) {
		int r = make_plan(cli, input, &options->floor);

		if (r >= 0) {
			options->host = input->host;
			options->request = input->request;
			options->plan = input->plan;
			options->name = input->name;
			options->qemu = input->qemu;
			options->argv = input->qemu ? NULL : args->rest;
			r = gr_arg(args, "print") ? print_command(cli, options) :
						    run_it(cli, args, input, options);
		}
		if (r != -ENOMEM || cli->err.class != GR_CLASS_HOST || !fall_back(cli, input))
			return r;
		gr_plan_free(input->plan);
		gr_host_free(input->host);
		input->plan = NULL;
		input->host = NULL;
		cli->err = (struct gr_error){ 0 };
	}
}

static int run(struct gr_cli *cli, const struct gr_args *args)
{
	struct run_input input = { 0 };
	struct gr_run_options options = {
		.root = cli->root,
		.lock_wait_ns = GR_CLI_LOCK_WAIT_NS,
		.stdout_is_ours = cli->mode == GR_MODE_JSON,
		.progress = show_progress, .progress_data = &input,
		.say = say, .say_data = &input,
	};
	int r = parse_run_options(cli, args, &options);

	if (r >= 0)
		r = read_input(cli, args, &input);
	if (r >= 0)
		r = input.fallback_count = gr_cli_fallback(cli, args, input.fallback);
	if (r >= 0)
		r = plan_and_run(cli, args, &input, &options);
	gr_plan_free(input.plan);
	gr_host_free(input.host);
	gr_qemu_free(input.qemu);
	gr_request_done(&input.own);
	gr_ch_done(&input.ch);
	return r;
}

const struct gr_command gr_cmd_run = {
	.name = "run",
	.summary = "Start a VM on the memory it asked for, prove it, give it back",
	.synopsis = "[options] [-- VMM ARGS]",
	.about = "QEMU's own memory options are read and its backing filled in. Without a VMM\n"
		 "a built-in micro-VM of -m SIZE runs, which touches all of its memory. The\n"
		 "exit status is the VMM's; 1 also means that a promise was not kept.",
	GR_OPTIONS(GR_OPTION_MEMORY, GR_OPTION_BACKING, GR_OPTION_PAGE_SIZE, GR_OPTION_NODE,
		   GR_OPTION_GOAL,
		   { "populate", 0, "WHEN", "before, background or lazy (default: what is safe)" },
		   { "threads", 0, "N", "threads that populate (default: the CPUs of the node)" },
		   { "name", 0, "NAME", "of the lease (default: the VM's name)" },
		   { "user", 0, "NAME", "run the VMM as this user (default under sudo: yourself)" },
		   { "print", 0, NULL, "show the command line that would run, and do nothing" },
		   GR_OPTION_PREFERRED, GR_OPTION_FALLBACK, GR_OPTION_KEEP_FREE,
		   GR_OPTIONS_BUDGET, GR_OPTIONS_TRAITS),
	.takes_rest = true,
	.run = run,
};
