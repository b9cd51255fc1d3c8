/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ways to make pages of a mapping present, and which of them this kernel has. Private to ram/.
 */
#ifndef GR_RAM_FAULT_H
#define GR_RAM_FAULT_H

#include "ram/ram.h"

enum gr_fault_method { GR_FAULT_POPULATE, GR_FAULT_TOUCH };

struct gr_fault_source {
	_Atomic int method;
	uint64_t page_size_bytes;
};

/** gr_fault_open - choose the method for @ram. Return: 0 or -errno. gr_fault_close() undoes it. */
int gr_fault_open(const struct gr_ram *ram, struct gr_fault_source *ret);
void gr_fault_close(struct gr_fault_source *source);

/**
 * gr_fault_range - make whole pages present and writable; safe from several threads
 *
 * Return: 0; -EFAULT where a page cannot be had (a plain touch would be SIGBUS); -ENOMEM.
 */
int gr_fault_range(struct gr_fault_source *source, void *at, uint64_t bytes);

#endif
