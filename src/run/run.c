// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The way of a VM: reserve, map, populate, start, prove, wait, give back. Each step undoes itself
 * on failure through one exit: our side of the memory is dropped first, so that the pages are free
 * when the lease gives them back.
 */
#include "run/run.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/util.h"
#include "run/builtin.h"
#include "run/command.h"
#include "run/hold.h"
#include "run/spawn.h"
#include "run/wait.h"

/* Memory that VFIO pins beside guest RAM: the figure that libvirt allows for. */
#define MEMLOCK_EXTRA_BYTES (UINT64_C(1) << 30)

struct prover {
	const struct gr_run_options *options;
	struct gr_run_report *report;
	uint64_t started_ns;
	pid_t pid;
};

/* How much of the RAM has to be as promised: with lazy populating, all that was touched so far. */
static double promised_percent(const struct prover *prover, const struct gr_inspection *seen)
{
	double percent = gr_hold_kept_percent(prover->options->plan->backing);

	if (prover->report->populate != GR_POPULATE_LAZY || !seen->populated_bytes)
		return percent; /* of nothing touched nothing is known */
	return percent * (double)gr_sub_floor(seen->ram_bytes, seen->untouched_bytes) /
	       (double)seen->ram_bytes;
}

/* Looks at the VM; true once all of its RAM is there, so that one look is the proof. */
static bool prove(void *data)
{
	struct prover *prover = data;
	const struct gr_run_options *options = prover->options;
	struct gr_inspection *seen = NULL;
	struct gr_verdict verdict;
	bool enough;

	if (gr_inspect_pid(options->root, prover->pid, &seen, NULL) < 0)
		return false;
	if (options->qemu && !seen->ram_bytes) { /* QEMU starts, or ends: this says nothing */
		gr_inspection_free(seen);
		return false;
	}
	gr_inspection_free(prover->report->inspection);
	prover->report->inspection = seen;
	enough = seen->ram_bytes >= prover->report->memory_bytes &&
		 (prover->report->populate == GR_POPULATE_LAZY || seen->untouched_bytes == 0);
	if (gr_judge(seen, options->plan->page_size_bytes, promised_percent(prover, seen),
		     &verdict) < 0)
		return false;
	if (!enough)
		verdict.broken = false; /* on its way: it may still become what was promised */
	if (prover->report->judged)
		gr_verdict_done(&prover->report->verdict);
	prover->report->verdict = verdict;
	prover->report->judged = true;
	/* Where the VMM populated, this is when it was seen to be done. */
	if (enough && !prover->report->ready_ns && prover->report->populate == GR_POPULATE_BEFORE)
		prover->report->ready_ns = gr_now_ns() - prover->started_ns;
	if (enough && (options->qemu || options->argv))
		options->say(options->say_data, verdict.message);
	return enough;
}

static uint64_t memlock_bytes(const struct gr_run_options *options)
{
	uint64_t bytes;

	if (options->request->locked)
		return UINT64_MAX;
	if (!options->request->passthrough)
		return 0;
	if (__builtin_add_overflow(gr_request_bytes(options->request), MEMLOCK_EXTRA_BYTES, &bytes))
		return UINT64_MAX;
	return bytes;
}

/* Moves the fds of our memory to where a script's own will not be, and lists them. */
static int list_fds(struct gr_hold *hold, int *fds, uint64_t *sizes, struct gr_error *err)
{
	for (size_t i = 0; i < hold->count; i++) {
		int fd = fcntl(hold->rams[i].fd, F_DUPFD_CLOEXEC, GR_RUN_FD_BASE);

		if (fd < 0)
			return gr_error_set(err, GR_CLASS_SYSTEM, errno, "fcntl: %s",
					    strerror(errno));
		close(hold->rams[i].fd);
		hold->rams[i].fd = fds[i] = fd;
		sizes[i] = hold->rams[i].size_bytes;
	}
	return 0;
}

/* Forks the VMM up to its gate and writes into the lease who it is. */
static int start_gated(struct gr_hold *hold, const struct gr_run_report *report, sigset_t mask,
		       struct gr_child *child, char **ret_program, struct gr_error *err)
{
	const struct gr_run_options *options = hold->options;
	_cleanup_free_ int *fds = calloc(hold->count + 1, sizeof(*fds));
	_cleanup_free_ uint64_t *sizes = calloc(hold->count + 1, sizeof(*sizes));
	_cleanup_argv_ char **argv = NULL;
	struct gr_spawn_options spawn = {
		.fds = fds, .fd_count = hold->count, .user = options->user, .mask = mask,
		.stdout_to_stderr = options->stdout_is_ours,
		.memlock_bytes = memlock_bytes(options),
	};
	int r;

	if (!fds || !sizes)
		return gr_error_nomem(err);
	r = list_fds(hold, fds, sizes, err);
	if (r >= 0)
		r = gr_command_make(options, report->populate, hold->count ? fds : NULL,
				    hold->count ? sizes : NULL, &argv, err);
	if (r < 0)
		return r;
	*ret_program = strdup(argv[0]);
	if (!*ret_program)
		return gr_error_nomem(err);
	spawn.argv = argv;
	r = gr_spawn(&spawn, child, err);
	if (r >= 0 && hold->lease) {
		hold->lease->from_pool = !hold->count;
		r = gr_lease_set_owner(hold->ledger, hold->lease, child->pid, err);
		if (r < 0)
			gr_child_abort(child);
	}
	return r;
}

struct running {
	struct gr_hold *hold;
	struct gr_run_report *report;
	struct prover prover;
	size_t populated; /* needs */
};

/* A need was populated behind the VMM; after the last one our side is done. */
static bool on_populated(void *data)
{
	struct running *running = data;
	struct gr_hold *hold = running->hold;
	struct gr_error err;
	eventfd_t count = 0;

	if (eventfd_read(hold->done_fd, &count) < 0)
		return false;
	running->populated += count;
	if (running->populated < hold->count)
		return false;
	/* The VM runs; what could not be populated is its to find, and ours to report. */
	if (gr_hold_populate_wait(hold, running->report, &err) < 0)
		hold->options->say(hold->options->say_data, err.message);
	else
		running->report->ready_ns = gr_now_ns() - running->prover.started_ns;
	gr_hold_drop(hold);
	return true;
}

static bool look(void *data)
{
	struct running *running = data;

	return prove(&running->prover);
}

/* Opens the gate and lives beside the VMM until it ends. */
static int let_go(struct running *running, struct gr_child *child, const char *program,
		  struct gr_error *err)
{
	struct gr_hold *hold = running->hold;
	struct gr_waiting waiting = { .event_fd = -1, .on_event = on_populated, .look = look,
				      .data = running };
	int r = 0;

	if (running->report->populate == GR_POPULATE_BACKGROUND && hold->count) {
		r = gr_hold_populate_start(hold, err);
		waiting.event_fd = hold->done_fd;
	}
	if (r < 0) {
		gr_child_abort(child);
		return r;
	}
	r = gr_child_go(child, program, err);
	if (r < 0)
		return r;
	/* The pages are the VMM's, populated or reserved in files that it has; those of a VMM that
	 * takes them from the pool are claimed by the lease. Others may go on. */
	gr_hold_unlock(hold);
	if (waiting.event_fd < 0)
		gr_hold_drop(hold);
	running->prover.pid = child->pid;
	r = gr_wait(child, &waiting, err);
	gr_closep(&child->pidfd);
	gr_closep(&child->error_fd);
	if (r < 0) /* it may run on: its lease is recovery's, by its owner */
		gr_hold_forget_lease(hold);
	return r;
}

static int run_vmm(struct gr_hold *hold, struct gr_run_report *report, uint64_t started_ns,
		   struct gr_error *err)
{
	const struct gr_run_options *options = hold->options;
	struct running running = { .hold = hold, .report = report,
				   .prover = { .options = options, .report = report,
					       .started_ns = started_ns } };
	_cleanup_free_ char *program = NULL;
	struct gr_child child;
	sigset_t mask;
	int r = 0;

	report->ran = options->qemu ? "qemu" : "vmm";
	if (options->qemu && gr_backing_is_pool(options->plan->backing))
		r = gr_hold_map(hold, true, err);
	if (r >= 0 && report->populate == GR_POPULATE_BEFORE && hold->count) {
		r = gr_hold_populate(hold, report, err);
		report->ready_ns = gr_now_ns() - started_ns;
	}
	if (r >= 0)
		r = gr_signals_take(&mask, err);
	if (r < 0)
		return r;
	r = start_gated(hold, report, mask, &child, &program, err);
	if (r < 0)
		return r;
	if ((options->interrupted && *options->interrupted) || gr_signals_pending()) {
		gr_child_abort(&child);
		r = gr_error_set(err, GR_CLASS_HOST, EINTR, "interrupted before the VM started");
	}
	if (r >= 0)
		r = let_go(&running, &child, program, err);
	if (r < 0)
		return r;
	report->exit_status = r;
	return 0;
}

int gr_run(const struct gr_run_options *options, struct gr_run_report *ret, struct gr_error *err)
{
	struct gr_hold hold = { .options = options, .done_fd = -1 };
	uint64_t started_ns = gr_now_ns();
	struct gr_error back_err;
	int r, back;

	*ret = (struct gr_run_report){
		.memory_bytes = gr_request_bytes(options->request),
		.populate = gr_populate_choose(options),
	};
	r = gr_hold_reserve(&hold, ret, err);
	if (r >= 0 && (options->qemu || options->argv)) {
		r = run_vmm(&hold, ret, started_ns, err);
	} else if (r >= 0) {
		struct prover prover = { .options = options, .report = ret, .pid = getpid(),
					 .started_ns = started_ns };

		r = gr_builtin_run(&hold, ret, started_ns, prove, &prover, err);
	}
	gr_hold_populate_stop(&hold);
	gr_hold_drop(&hold);
	back = gr_hold_give_back(&hold, ret, &back_err);
	if (back < 0 && err)
		*err = back_err;
	else if (r == -EINTR && err && !err->hint[0])
		gr_error_hint(err, "everything was put back");
	gr_hold_close(&hold);
	return back < 0 ? back : r;
}

void gr_run_report_done(struct gr_run_report *report)
{
	gr_reserve_report_done(&report->reserve);
	gr_inspection_free(report->inspection);
	if (report->judged)
		gr_verdict_done(&report->verdict);
	*report = (struct gr_run_report){ 0 };
}
