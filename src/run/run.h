/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running a VM on memory that we hold: reserve, map, populate, start, prove, wait, give back. The
 * lease names the process that has the pages before that process may run, so that a kill of
 * anybody at any moment leaves a file that tells recovery whom to look for.
 */
#ifndef GR_RUN_RUN_H
#define GR_RUN_RUN_H

#include "guest/qemu_argv.h"
#include "lease/lease.h"
#include "plan/plan.h"
#include "verify/verify.h"

enum gr_populate {
	GR_POPULATE_AUTO,       /* background where it is safe, else before */
	GR_POPULATE_BEFORE,     /* every page is there before the VMM starts */
	GR_POPULATE_BACKGROUND, /* the VMM starts at once, our threads populate behind it */
	GR_POPULATE_LAZY,       /* pages are reserved, the guest's touches populate */
	GR_POPULATE_COUNT
};

const char *gr_populate_name(enum gr_populate populate);
int gr_populate_parse(const char *text, enum gr_populate *ret, struct gr_error *err);

struct gr_run_options {
	const struct gr_root *root;
	const struct gr_host *host;
	const struct gr_request *request;
	const struct gr_plan *plan;
	const char *name;             /* of the lease: checked by the caller */
	struct gr_floor floor;
	struct gr_budget budget;
	enum gr_populate populate;
	unsigned int threads;         /* 0: as many as help */
	const struct gr_qemu *qemu;   /* parsed command line; NULL: see argv */
	char *const *argv;            /* another VMM, which takes pool pages itself; NULL with no qemu:
				       * the built-in micro-VM */
	const char *user;             /* run the VMM as this user; NULL: as SUDO_UID's or unchanged */
	bool stdout_is_ours;          /* the VMM's standard output goes to standard error */
	uint64_t lock_wait_ns;
	const volatile int *interrupted;
	void (*progress)(void *data, const char *what, uint64_t done, uint64_t total);
	void *progress_data;
	void (*say)(void *data, const char *line); /* things a person wants to know at once */
	void *say_data;
};

struct gr_run_report {
	const char *ran;            /* "qemu", "vmm", "micro-vm" or "process" (no KVM here) */
	enum gr_populate populate;
	uint64_t memory_bytes;
	uint64_t reserve_ns, populate_ns; /* populate_ns 0: the VMM's own work */
	uint64_t ready_ns;          /* from the start of the run until all RAM was populated */
	struct gr_reserve_report reserve;
	struct gr_inspection *inspection; /* NULL: the VM could not be looked at */
	bool judged;
	struct gr_verdict verdict;
	bool gave_back;             /* pages were reserved, and given back */
	uint64_t pages_returned;
	int exit_status;            /* of the VMM; 128 + signal */
	bool touched_known;         /* the micro-VM's own account */
	uint64_t touched_bytes, touch_ns;
	bool stage2_known;
	uint64_t stage2_4k, stage2_2m, stage2_1g;
};

/**
 * gr_run - from the reservation to the give-back
 *
 * Return: 0 when the VMM ran (its status is in @ret, which is filled as far as things went also on
 * failure); -errno otherwise, everything put back; but class stranded when pages could not be given
 * back, and a lease left to recovery when the VMM could not be waited for.
 */
int gr_run(const struct gr_run_options *options, struct gr_run_report *ret, struct gr_error *err);
void gr_run_report_done(struct gr_run_report *report);

/** gr_run_command - the command line that would run (for --print). Free with gr_argv_free(). */
int gr_run_command(const struct gr_run_options *options, char ***ret, struct gr_error *err);

#endif
