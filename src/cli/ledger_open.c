// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Shared by reserve, release, list, recover and run: see the header.
 */
#include "cli/ledger_open.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

static volatile int caught_signal;

static void on_signal(int number)
{
	caught_signal = number;
}

const volatile int *gr_cli_catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

	/* No SA_RESTART: a long write to a pool ends early, and the roll-back starts. What the
	 * caller ignores (nohup) stays ignored. */
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < GR_ARRAY_SIZE(numbers); i++) {
		struct sigaction old;

		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
	return &caught_signal;
}

int gr_cli_ledger(struct gr_cli *cli, struct gr_ledger **ret)
{
	struct gr_recovery recovery = { 0 };
	struct gr_ledger *ledger;
	int r = gr_ledger_open_unless(cli->root, GR_CLI_LOCK_WAIT_NS, &caught_signal, &ledger,
				      &cli->err);

	if (r < 0)
		return r;
	r = gr_recover(ledger, &recovery, &cli->err);
	for (size_t i = 0; i < recovery.count; i++)
		fprintf(stderr, "guestram: %s\n", recovery.actions[i]);
	gr_recovery_done(&recovery);
	/* Somebody else's lease that cannot be put right now is no reason to refuse this one. */
	if (r < 0)
		fprintf(stderr, "guestram: recovery: %s\n", cli->err.message);
	cli->err = (struct gr_error){ 0 };
	*ret = ledger;
	return 0;
}

int gr_cli_host(struct gr_cli *cli, unsigned int what, const char *name, struct gr_host **ret)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	int r = gr_host_read(cli->root, what, ret, &cli->err);

	if (r >= 0 && gr_ledger_open(cli->root, true, 0, &ledger, NULL) >= 0)
		gr_ledger_claim(ledger, name, *ret, NULL);
	return r;
}

int gr_cli_add_idle(struct gr_cli *cli, struct gr_host *host)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;

	if (gr_ledger_open(cli->root, true, 0, &ledger, NULL) < 0)
		return 0;
	return gr_ledger_add_idle(ledger, host, &cli->err);
}

void gr_cli_lease_record(json_object *obj, const struct gr_lease *lease)
{
	json_object *grants;

	gr_rec_str(obj, "name", lease->name);
	gr_rec_str(obj, "state", gr_lease_state_name(lease->state));
	if (lease->owner_pid)
		gr_rec_int(obj, "owner_pid", lease->owner_pid);
	else
		gr_rec_null(obj, "owner_pid");
	gr_rec_int(obj, "since", lease->since);
	gr_rec_bool(obj, "lend", lease->lend);
	grants = gr_rec_array(obj, "grants");
	for (size_t i = 0; i < lease->grant_count; i++) {
		json_object *item = gr_rec_item(grants);

		if (lease->grants[i].node < 0)
			gr_rec_null(item, "node");
		else
			gr_rec_int(item, "node", lease->grants[i].node);
		gr_rec_u64(item, "page_size_bytes", lease->grants[i].page_size_bytes);
		gr_rec_u64(item, "pages", lease->grants[i].pages);
		gr_rec_u64(item, "lent_pages", lease->grants[i].lent_pages);
		gr_rec_u64(item, "demoted_pages", lease->grants[i].demoted_pages);
	}
}

void gr_cli_rungs_record(json_object *doc, const struct gr_reserve_report *report)
{
	json_object *rungs = gr_rec_array(doc, "rungs"), *notes;

	for (size_t i = 0; i < report->count; i++) {
		const struct gr_rung *rung = &report->rungs[i];
		json_object *item = gr_rec_item(rungs);

		gr_rec_str(item, "name", rung->name);
		if (rung->node < 0)
			gr_rec_null(item, "node");
		else
			gr_rec_int(item, "node", rung->node);
		gr_rec_u64(item, "page_size_bytes", rung->page_size_bytes);
		gr_rec_u64(item, "pages_before", rung->pages_before);
		gr_rec_u64(item, "pages_after", rung->pages_after);
		gr_rec_u64(item, "elapsed_ns", rung->elapsed_ns);
		gr_rec_u64_known(item, "cache_lost_bytes", rung->price_known,
				 rung->cache_lost_bytes);
		gr_rec_u64_known(item, "swapped_bytes", rung->price_known, rung->swapped_bytes);
		gr_rec_u64_known(item, "stalled_ns", rung->price_known, rung->stalled_ns);
		gr_rec_str(item, "note", rung->note);
	}
	gr_rec_u64(doc, "short_pages", report->short_pages);
	notes = gr_rec_array(doc, "notes");
	for (size_t i = 0; i < report->note_count; i++)
		gr_rec_item_str(notes, report->notes[i]);
}
