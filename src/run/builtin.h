/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The built-in guest: a VM of one vCPU that touches all of its RAM, or, where there is no KVM, this
 * process touching the same memory. Private to run/.
 */
#ifndef GR_RUN_BUILTIN_H
#define GR_RUN_BUILTIN_H

#include "run/hold.h"

int gr_builtin_run(struct gr_hold *hold, struct gr_run_report *report, uint64_t started_ns,
		   bool (*look)(void *data), void *look_data, struct gr_error *err);

#endif
