// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which causes are looked for, and in which order: those of the messages first, then, for what the
 * VM asks for, the ten steps from cheap to dear. A cause is asked once. What is confirmed is
 * printed, the worst first; what the evidence cannot tell apart becomes one finding that says what
 * would.
 */
#include "doctor/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "doctor/case.h"
#include "lease/reconcile.h"

/* Shape, page size, files, pools, nodes, cgroups, what can be had, the floor, pinning. */
static const gr_cause_fn steps[] = {
	gr_cause_notes,		 gr_cause_misaligned,	 gr_cause_rounded,
	gr_cause_split_zone,	 gr_cause_page_size,	 gr_cause_no_mount,
	gr_cause_disabled,	 gr_cause_namespace,	 gr_cause_mounted_late,
	gr_cause_mount_mode,	 gr_cause_not_hugetlbfs, gr_cause_no_path,
	gr_cause_ordinary_pages, gr_cause_mount_quota,	 gr_cause_hook_mode,
	gr_cause_never_filled,	 gr_cause_pool_small,	 gr_cause_in_use,
	gr_cause_promised,	 gr_cause_other_size,	 gr_cause_overcommit,
	gr_cause_double_need,	 gr_cause_unit_slip,	 gr_cause_lost_update,
	gr_cause_underflow,	 gr_cause_bad_node,	 gr_cause_node_short,
	gr_cause_cpuset,	 gr_cause_rsvd_limit,	 gr_cause_fault_limit,
	gr_cause_memory_limit,	 gr_cause_partial,	 gr_cause_gigantic,
	gr_cause_floor,		 gr_cause_host_short,	 gr_cause_tmpfs,
	gr_cause_unreserved,	 gr_cause_unpinnable,	 gr_cause_memlock,
	gr_cause_balloon,
};

#define ASKED_MAX 128

struct asked { /* causes that were looked for */
	gr_cause_fn causes[ASKED_MAX];
	enum gr_verdict verdicts[ASKED_MAX];
	size_t count;
};

/* A cause is asked once; what a message says of it is in its first match. */
static enum gr_verdict ask_once(struct gr_case *c, gr_cause_fn cause, struct asked *asked)
{
	enum gr_verdict verdict;

	for (size_t i = 0; i < asked->count; i++) {
		if (asked->causes[i] == cause)
			return asked->verdicts[i];
	}
	verdict = cause(c);
	if (asked->count < ASKED_MAX) {
		asked->causes[asked->count] = cause;
		asked->verdicts[asked->count++] = verdict;
	}
	return verdict;
}

static bool has_code(const struct gr_diagnoses *found, const char *code)
{
	for (size_t i = 0; i < found->count; i++) {
		if (!strcmp(found->items[i].code, code))
			return true;
	}
	return false;
}

/* Several things could be, and nothing tells: one finding, with what would. */
static void say_unsure(struct gr_case *c, const char *row)
{
	gr_diagnose(c->found, "GR191", GR_WARNING,
		    "what is seen here cannot tell the cause of that message (%s)", row);
	gr_diagnose_evidence(c->found, "%s", c->line);
	for (size_t i = 0; i < c->unsure_count; i++)
		gr_diagnose_evidence(c->found, "it could be %s (%s would tell)", c->unsure[i].what,
				     c->unsure[i].tells);
	gr_diagnose_remedy(c->found,
			   "guestram doctor with --domain, --argv or --pid as well sees more");
}

static void explain(struct gr_case *c, const struct gr_log_hit *hit, struct asked *asked)
{
	const struct gr_message *message = hit->message;
	bool confirmed = false;

	c->line = hit->body;
	c->match = &hit->match;
	c->row = message->row;
	c->unsure_count = 0;
	for (size_t i = 0; i < GR_ARRAY_SIZE(message->causes) && message->causes[i]; i++)
		confirmed |= ask_once(c, message->causes[i], asked) == GR_CONFIRMED;
	if (confirmed)
		return;
	if (message->in_domain && !strcmp(c->intent->source ? c->intent->source : "", "domain")) {
		gr_diagnose(c->found, "GR190", GR_WARNING,
			    "the domain no longer has what that message (%s) is about",
			    message->row);
		gr_diagnose_evidence(c->found, "%s", hit->line);
		gr_diagnose_remedy(c->found, "start it again, or look at the domain that failed");
	} else if (message->code && !has_code(c->found, message->code)) {
		gr_diagnose(c->found, message->code, message->severity, "%s", message->cause);
		gr_diagnose_evidence(c->found, "%s", hit->line);
		gr_diagnose_remedy(c->found, "%s", message->remedy);
	} else if (c->unsure_count) {
		say_unsure(c, message->row);
	} else if (!message->code) {
		gr_diagnose(c->found, "GR190", GR_WARNING,
			    "none of the causes of that message (%s) is there now", message->row);
		gr_diagnose_evidence(c->found, "%s", hit->line);
		gr_diagnose_remedy(c->found,
				   "what was short may have come back since: run guestram doctor "
				   "right after the failure%s",
				   c->intent->known ? "" : ", with --domain or --argv");
	}
}

/* Nothing in the log is a message about memory. */
static void say_nothing_known(struct gr_case *c, const struct gr_log *log)
{
	const char *last = NULL;

	for (size_t i = 0; i < log->other_count; i++)
		last = log->others[i].known ? last : log->others[i].line;
	if (last) {
		gr_diagnose(c->found, "GR192", GR_WARNING,
			    "the message is not known here, and need not be about memory");
		gr_diagnose_evidence(c->found, "%s", last);
		gr_diagnose_remedy(c->found,
				   "guestram doctor --domain or --argv checks what the VM asks "
				   "for without a message");
	} else {
		gr_diagnose(c->found, "GR193", GR_INFO, "%s has no failure about memory in it",
			    log->started ? "the last start in the log" : "what was read");
	}
}

/* The worst first; among equals as they were found. */
static int sort(struct gr_diagnoses *found)
{
	struct gr_diagnosis *sorted = calloc(found->count + 1, sizeof(*sorted));
	size_t count = 0;

	if (!sorted)
		return -ENOMEM;
	for (int severity = GR_SEVERITY_COUNT - 1; severity >= 0; severity--) {
		for (size_t i = 0; i < found->count; i++) {
			if ((int)found->items[i].severity == severity)
				sorted[count++] = found->items[i];
		}
	}
	free(found->items);
	found->items = sorted;
	return 0;
}

/* Leases and pools, as doctor --ledger compares them. */
static int add_ledger(const struct gr_root *root, struct gr_diagnoses *found, struct gr_error *err)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	_cleanup_diagnoses_ struct gr_diagnoses more = { 0 };
	int r = gr_ledger_open(root, true, 0, &ledger, err);

	if (r == -EACCES || r == -EPERM) {
		gr_diagnose(found, "GR248", GR_INFO, "the leases cannot be read by this user");
		gr_diagnose_remedy(found, "as root: guestram doctor --ledger");
		return 0;
	}
	if (r >= 0)
		r = gr_audit(ledger, &more, err);
	for (size_t i = 0; i < more.count && r >= 0; i++) {
		if (gr_grow(&found->items, found->count, sizeof(*found->items)) < 0)
			return gr_error_nomem(err);
		found->items[found->count++] = more.items[i];
		more.items[i] = (struct gr_diagnosis){ 0 };
	}
	return r;
}

static void examine(const struct gr_evidence *ev, const struct gr_doctor_input *input,
		    struct gr_diagnoses *found)
{
	struct gr_case c = {
		.ev = ev, .intent = input->intent, .floor = &input->floor, .found = found
	};
	struct asked asked = { 0 };

	for (size_t i = input->log ? input->log->hit_count : 0; i-- > 0;)
		explain(&c, &input->log->hits[i], &asked);
	if (input->log && !input->log->hit_count)
		say_nothing_known(&c, input->log);
	c.line = NULL;
	c.match = NULL;
	c.row = NULL;
	c.unsure_count = 0;
	for (size_t i = 0; i < GR_ARRAY_SIZE(steps) && input->intent->known; i++)
		ask_once(&c, steps[i], &asked);
}

int gr_doctor(const struct gr_root *root, struct gr_host **host,
	      const struct gr_doctor_input *input, struct gr_diagnoses *ret, struct gr_error *err)
{
	_cleanup_evidence_ struct gr_evidence ev = { 0 };
	_cleanup_diagnoses_ struct gr_diagnoses found = { 0 };
	int r = gr_evidence_read(root, input->intent, host, &ev, err);

	if (r < 0)
		return r;
	if (input->log || input->intent->known) {
		examine(&ev, input, &found);
	} else {
		gr_doctor_host(&ev, &input->floor, &found);
		r = add_ledger(root, &found, err);
	}
	if (r < 0)
		return r;
	if (found.lost || sort(&found) < 0)
		return gr_error_nomem(err);
	*ret = found;
	found = (struct gr_diagnoses){ 0 };
	return 0;
}
