/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The process of a libvirt domain, by the files that libvirt keeps; libvirt is not asked.
 */
#ifndef GR_VERIFY_LIBVIRT_PID_H
#define GR_VERIFY_LIBVIRT_PID_H

#include <stddef.h>
#include <sys/types.h>

#include "base/root.h"

/**
 * gr_libvirt_pids - processes of the QEMU domains called @name, of the system and of every user
 * whose files can be read
 *
 * Return: 0 or -ENOMEM. Free *@ret.
 */
int gr_libvirt_pids(const struct gr_root *root, const char *name, pid_t **ret, size_t *ret_count);

#endif
