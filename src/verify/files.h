/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a memory file has, apart from who has mapped it: pages that guestram (or a preallocating
 * VMM) put into a memfd exist before the VMM's page table knows any of them.
 */
#ifndef GR_VERIFY_FILES_H
#define GR_VERIFY_FILES_H

#include "base/root.h"
#include "verify/verify.h"

/**
 * gr_file_allocated - bytes of memory that the region's part of its file has
 *
 * Return: 0; -ENOENT if it has no file; -EMEDIUMTYPE if that is on a disk; -ENODATA if it is
 * larger than the region and only partly allocated; -EACCES, -EPERM; -EOPNOTSUPP in a capture.
 */
int gr_file_allocated(const struct gr_root *root, pid_t pid, const struct gr_region *region,
		      uint64_t *ret);

/** gr_file_part - pure: of a file of @file_bytes with @allocated_bytes, what is in
 * [@offset, @offset + @size_bytes). Return: 0 or -ENODATA. */
int gr_file_part(uint64_t file_bytes, uint64_t allocated_bytes, uint64_t offset,
		 uint64_t size_bytes, uint64_t *ret);

#endif
