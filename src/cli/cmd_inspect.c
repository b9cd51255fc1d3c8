// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram inspect PID | NAME | --all: what a VM's memory is backed with, as the kernel tells it.
 * The library looks; here are the options, and which process is meant.
 */
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "cli/inspect_record.h"
#include "cli/ledger_open.h"
#include "lease/lease.h"
#include "verify/qmp.h"

#define WATCH_MAX_S 3600

static int several(const char *name, const pid_t *pids, int count, struct gr_error *err)
{
	char list[128] = "";
	size_t len = 0;

	for (int i = 0; i < count && i < 8; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%d", i ? ", " : "",
					(int)pids[i]);
	gr_error_set(err, GR_CLASS_NO, ENOTUNIQ, "%d processes are named '%.128s': %s%s", count,
		     name, list, count > 8 ? " ..." : "");
	gr_error_hint(err, "give one of the pids");
	return -ENOTUNIQ;
}

/* The process that has the pages of a lease of that name; 0: there is none. */
static pid_t find_lease_owner(const struct gr_cli *cli, const char *name)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	struct gr_lease *lease;
	pid_t pid;

	if (gr_ledger_open(cli->root, true, 0, &ledger, NULL) < 0 ||
	    gr_ledger_find(ledger, name, &lease, NULL) < 0)
		return 0;
	pid = lease->owner_pid;
	gr_lease_free(lease);
	return pid;
}

/* A number is a pid, anything else the name of a VM, or of the lease that it runs on. */
static int find_pid(struct gr_cli *cli, const char *word, pid_t *ret)
{
	_cleanup_free_ pid_t *pids = NULL;
	uint64_t pid;
	int n;

	if (gr_parse_u64(word, &pid) == 0) {
		if (pid == 0 || pid > INT32_MAX)
			return gr_cli_usage(cli, "'%.32s' is no pid", word);
		*ret = (pid_t)pid;
		return 0;
	}
	n = gr_find_by_name(cli->root, word, &pids, &cli->err);
	if (n < 0)
		return n;
	if (n == 0) {
		*ret = find_lease_owner(cli, word);
		if (*ret)
			return 0;
		gr_error_set(&cli->err, GR_CLASS_NO, ESRCH,
			     "no VM and no process is named '%.128s'", word);
		gr_error_hint(&cli->err, "a name is what the VMM's command line says after -name, "
					 "--name or --id; a pid works as well");
		return -ESRCH;
	}
	if (n > 1)
		return several(word, pids, n, &cli->err);
	*ret = pids[0];
	return 0;
}

/* QEMU first: it may take a while to answer, and the look has to be of the moment. */
static int ask_qemu(struct gr_cli *cli, pid_t pid, const char *path, struct gr_qmp_facts **ret)
{
	uint64_t start_time;
	int r;

	if (!path)
		return 0;
	r = gr_process_start_time(cli->root, pid, &start_time, &cli->err);
	return r < 0 ? r : gr_qmp_ask(path, pid, ret, &cli->err);
}

int gr_inspect_look(struct gr_cli *cli, pid_t pid, const struct gr_inspect_options *options,
		    struct gr_inspection **ret)
{
	_cleanup_inspection_ struct gr_inspection *inspection = NULL;
	_cleanup_qmp_facts_ struct gr_qmp_facts *facts = NULL;
	int r = ask_qemu(cli, pid, options->qmp, &facts);

	if (r < 0)
		return r;
	r = options->exact ? gr_inspect_exact(cli->root, pid, &inspection, &cli->err) :
			     gr_inspect_pid(cli->root, pid, &inspection, &cli->err);
	if (r < 0)
		return r;
	if (facts && gr_inspection_add_qmp(inspection, gr_steal_ptr(facts)) < 0)
		return gr_error_nomem(&cli->err);
	*ret = gr_steal_ptr(inspection);
	return 0;
}

static int look_once(struct gr_cli *cli, pid_t pid, const struct gr_inspect_options *options)
{
	_cleanup_inspection_ struct gr_inspection *inspection = NULL;
	enum gr_met met;
	json_object *doc;
	int r = gr_inspect_look(cli, pid, options, &inspection);

	if (r < 0)
		return r;
	doc = gr_inspect_record(inspection, options, &met);
	r = gr_cli_print(cli, doc, gr_inspect_sections, gr_inspect_section_count);
	json_object_put(doc);
	if (r < 0)
		return r;
	return met == GR_MET_YES ? 0 : GR_CLASS_NO;
}

/* "1G", "512M/s". */
static int read_rate(struct gr_cli *cli, const char *text, uint64_t *ret)
{
	_cleanup_free_ char *size = strdup(text);
	size_t len = strlen(text);

	if (!size)
		return gr_error_nomem(&cli->err);
	if (len > 2 && !strcmp(size + len - 2, "/s"))
		size[len - 2] = '\0';
	if (gr_parse_size(size, 1, ret, NULL) < 0 || *ret < GR_MIB)
		return gr_cli_usage(cli, "'%.40s' is no rate of 1M/s or more", text);
	return 0;
}

/* Look, collapse, look again: the second look is what is shown. */
static int collapse(struct gr_cli *cli, pid_t pid, const char *rate,
		    struct gr_inspect_options *options)
{
	_cleanup_inspection_ struct gr_inspection *inspection = NULL;
	struct gr_collapse_options how = {
		.bytes_per_second = GR_GIB,
		.interrupted = gr_cli_catch_signals(),
	};
	struct gr_collapse_report report;
	int r = rate ? read_rate(cli, rate, &how.bytes_per_second) : 0;

	if (r == 0)
		r = gr_inspect_pid(cli->root, pid, &inspection, &cli->err);
	if (r == 0)
		r = gr_collapse(cli->root, inspection, &how, &report, &cli->err);
	if (r < 0)
		return r;
	options->collapse = &report;
	r = look_once(cli, pid, options);
	options->collapse = NULL;
	return r == 0 && report.stop != GR_COLLAPSE_DONE ? GR_CLASS_NO : r;
}

static int read_options(struct gr_cli *cli, const struct gr_args *args,
			struct gr_inspect_options *ret)
{
	const char *watch = gr_arg(args, "watch");

	ret->qmp = gr_arg(args, "qmp");
	ret->exact = gr_arg(args, "exact");
	if (watch && (gr_parse_u64(watch, &ret->watch_s) < 0 || ret->watch_s < 1 ||
		      ret->watch_s > WATCH_MAX_S))
		return gr_cli_usage(cli, "--watch %.32s: whole seconds, 1 to %d", watch,
				    WATCH_MAX_S);
	for (size_t n = 0; gr_arg_nth(args, "expect", n); n++) {
		const char *text = gr_arg_nth(args, "expect", n);
		int r;

		if (gr_grow(&ret->conditions, n, sizeof(*ret->conditions)) < 0 ||
		    gr_grow(&ret->texts, n, sizeof(*ret->texts)) < 0)
			return gr_error_nomem(&cli->err);
		r = gr_condition_parse(text, &ret->conditions[n], &cli->err);
		if (r < 0)
			return r;
		ret->texts[n] = text;
		ret->condition_count = n + 1;
	}
	if (ret->qmp && !gr_root_is_host(cli->root))
		return gr_cli_usage(cli, "--qmp asks a running QEMU: there is none in --root");
	return 0;
}

static int inspect(struct gr_cli *cli, const struct gr_args *args,
		   struct gr_inspect_options *options)
{
	bool all = gr_arg(args, "all"), collapses = gr_arg(args, "collapse");
	pid_t pid = 0;
	int r = read_options(cli, args, options);

	if (r < 0)
		return r;
	if (all && (args->word_count || options->qmp || collapses || options->watch_s))
		return gr_cli_usage(cli, "--all is for looking at every VM once: no PID, no NAME, "
					 "no --qmp, --watch or --collapse with it");
	if (collapses && options->watch_s)
		return gr_cli_usage(cli, "--collapse happens once: no --watch with it");
	if (gr_arg(args, "rate") && !collapses)
		return gr_cli_usage(cli, "--rate is of --collapse");
	if (all)
		return gr_inspect_all(cli, options);
	if (args->word_count != 1)
		return gr_cli_usage(cli, "inspect takes one PID or NAME");
	r = find_pid(cli, args->words[0], &pid);
	if (r < 0)
		return r;
	if (collapses)
		return collapse(cli, pid, gr_arg(args, "rate"), options);
	return options->watch_s ? gr_inspect_watch(cli, pid, options) :
				  look_once(cli, pid, options);
}

static int run_inspect(struct gr_cli *cli, const struct gr_args *args)
{
	struct gr_inspect_options options = { 0 };
	int r = inspect(cli, args, &options);

	free(options.conditions);
	free(options.texts);
	return r;
}

const struct gr_command gr_cmd_inspect = {
	.name = "inspect",
	.summary = "Prove from the kernel's page tables what a running VM got",
	.synopsis = "[options] PID | NAME | --all",
	.about = "Reads smaps and numa_maps and checks them against the page map. In a process\n"
		 "without guest RAM that can be recognised, mappings of 16 MiB and more are "
		 "shown.",
	GR_OPTIONS({ "all", 0, NULL, "every VM, one row each, instead of a PID or NAME" },
		   { "expect", 0, "COND",
		     "exit 1 unless it holds: 2M>=99%, huge>=8G, node1>=99%, "
		     "locked>=100%, touched<50%; may be repeated" },
		   { "watch", 0, "N", "look every N seconds, to the end of the VM" },
		   { "exact", 0, NULL, "every folio by its own size: 64K, 2M ...; root only" },
		   { "qmp", 0, "SOCKET", "ask QEMU as well: second stage, guest addresses" },
		   { "collapse", 0, NULL, "put small pages together now (Linux 6.7, root)" },
		   { "rate", 0, "SIZE", "of --collapse, per second at most (default 1G)" }),
	.run = run_inspect,
};
