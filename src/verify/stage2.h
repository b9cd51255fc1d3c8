/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * KVM's page tables for a guest (the second stage): how large the pages are that it maps there, and
 * why they are smaller than on the host.
 */
#ifndef GR_VERIFY_STAGE2_H
#define GR_VERIFY_STAGE2_H

#include "base/root.h"
#include "host/host.h"
#include "verify/process.h"
#include "verify/verify.h"

/**
 * gr_stage2_read - KVM's page counts of a process's VM, from debugfs
 *
 * Return: 0; -ENODATA if all are 0, as they stay under a shadow-paged KVM: that is unknown;
 * -ENOENT where there is no such directory; -EACCES.
 */
int gr_stage2_read(const struct gr_root *root, pid_t pid, struct gr_stage2 *ret);

/**
 * gr_stage2_fill - page sizes, alignment and derived slots of an inspection, then gr_stage2_judge()
 * @error: what gr_stage2_read() returned
 *
 * Return: 0 or -ENOMEM.
 */
int gr_stage2_fill(const struct gr_host *host, const struct gr_process *process, int error,
		   struct gr_inspection *inspection);

/**
 * gr_stage2_judge - findings on the second stage, from the figures in the inspection. Pure.
 *
 * May be called again when more is known: it replaces its own. Return: 0 or -ENOMEM.
 */
int gr_stage2_judge(struct gr_inspection *inspection);

enum gr_stage2_state {
	GR_STAGE2_COUNTED,
	GR_STAGE2_ALL_ZERO, /* this KVM does not count, or nothing was touched */
	GR_STAGE2_NO_KVM,   /* another accelerator: there is no second stage */
	GR_STAGE2_HIDDEN,   /* KVM is used, and its counts cannot be read */
	GR_STAGE2_UNKNOWN,  /* whether KVM is used cannot be told */
	GR_STAGE2_STATES
};

enum gr_stage2_state gr_stage2_state(const struct gr_inspection *inspection);
/** gr_stage2_state_name - "counted", "all-zero", "no-kvm", "hidden", "unknown". */
const char *gr_stage2_state_name(enum gr_stage2_state state);

#endif
