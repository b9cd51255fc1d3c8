/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The third look, page by page: what lies behind the page tables.
 */
#ifndef GR_VERIFY_EXACT_H
#define GR_VERIFY_EXACT_H

#include "base/root.h"
#include "host/host.h"
#include "verify/verify.h"

/**
 * gr_exact_read - fill exact of every region and of the inspection
 *
 * What the kernel refuses to tell is no failure: exact.error has it.
 * Return: 0; -ESRCH if the process ended; -ENOMEM.
 */
int gr_exact_read(const struct gr_root *root, const struct gr_host *host, uint64_t pmd_bytes,
		  struct gr_inspection *inspection);
void gr_exact_done(struct gr_exact *exact);

#endif
