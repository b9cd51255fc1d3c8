/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * KVM's page tables for a guest (the second stage): how large the pages are that it maps there.
 */
#ifndef GR_VERIFY_STAGE2_H
#define GR_VERIFY_STAGE2_H

#include "base/root.h"
#include "verify/verify.h"

/**
 * gr_stage2_read - KVM's page counts of a process's VM, from debugfs
 *
 * Return: 0; -ENODATA if all are 0, as they stay under a shadow-paged KVM: that is unknown;
 * -ENOENT where there is no such directory; -EACCES.
 */
int gr_stage2_read(const struct gr_root *root, pid_t pid, struct gr_stage2 *ret);

#endif
