/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /proc/PID/smaps as an array of VMAs in the order of the file, which is the order of addresses.
 * Pure: text goes in, nothing is opened.
 */
#ifndef GR_VERIFY_SMAPS_H
#define GR_VERIFY_SMAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct gr_vma {
	uint64_t start, end;        /* addresses; start < end */
	uint64_t offset, inode;     /* of the file; inode 0: anonymous */
	uint64_t dev_major, dev_minor;
	char *path;                 /* as the kernel wrote it, "" for none */
	bool readable, writable, executable;
	bool shared;                /* VmFlags sh, or s among the permissions */
	bool hugetlb;               /* VmFlags ht */
	bool device;                /* VmFlags io or pf: no memory of the host's */
	bool locked;                /* VmFlags lo: mlock(), never in swap */
	bool advised_huge, advised_base; /* madvise: VmFlags hg, nh */
	uint64_t kernel_page_bytes; /* 0: the file did not say */
	uint64_t rss_bytes;         /* never includes hugetlb pages */
	uint64_t anon_huge_bytes, shmem_huge_bytes, file_huge_bytes; /* parts of Rss mapped by a PMD */
	uint64_t private_hugetlb_bytes, shared_hugetlb_bytes; /* by mapcount, not by sharing */
	uint64_t swap_bytes, locked_bytes;
};

struct gr_smaps {
	struct gr_vma *vmas;
	size_t count;
};

/**
 * gr_smaps_parse - read the text of a smaps file
 * @text: cut into lines by this function
 *
 * Keys that are not known are skipped: every kernel has its own set.
 * Return: 0; -EBADMSG with the number of the line; -ENOMEM. Free with gr_smaps_done().
 */
int gr_smaps_parse(char *text, struct gr_smaps *ret, struct gr_error *err);
void gr_smaps_done(struct gr_smaps *smaps);
#define _cleanup_smaps_ __attribute__((cleanup(gr_smaps_done)))

static inline uint64_t gr_vma_bytes(const struct gr_vma *vma)
{
	return vma->end - vma->start;
}

#endif
