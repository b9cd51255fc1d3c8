/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ways to make pages of a mapping present. Private to ram/.
 */
#ifndef GR_RAM_FAULT_H
#define GR_RAM_FAULT_H

#include "ram/ram.h"

/* How the pages of one mapping are asked for; shared by the threads that do it. */
struct gr_fault_source {
	_Atomic bool by_touch; /* this kernel has no MADV_POPULATE_WRITE */
	bool shared;
	uint64_t step_bytes;   /* touching: the smallest page that can be missing */
};

void gr_fault_init(const struct gr_ram *ram, struct gr_fault_source *ret);

/**
 * gr_fault_range - make whole pages present; what they hold is not changed
 *
 * Private memory must not be in use by anybody yet. Safe from several threads.
 * Return: 0; -EFAULT where a page cannot be had (a plain touch would be SIGBUS); -ENOMEM.
 */
int gr_fault_range(struct gr_fault_source *source, void *at, uint64_t bytes);

#endif
