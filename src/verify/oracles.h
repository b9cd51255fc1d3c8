/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two readings of a process's memory, next to each other.
 */
#ifndef GR_VERIFY_ORACLES_H
#define GR_VERIFY_ORACLES_H

#include "verify/process.h"
#include "verify/verify.h"

struct gr_oracle_options {
	const struct gr_root *root;
	const struct gr_process *process;
	bool is_vm;
	const uint64_t *wanted; /* sizes of RAM that the command line asks for */
	size_t wanted_count;
	uint64_t range_start, range_end; /* not 0: what is mapped there, and no other memory */
	int only_node; /* the only one with memory; -1: there are several */
	uint64_t base_page_bytes, pmd_bytes;
};

/**
 * gr_oracles_read - fill regions, recognised, scan_known and agreement of an inspection
 *
 * Return: 0; -ESRCH; -EACCES with the file; -errno.
 */
int gr_oracles_read(const struct gr_oracle_options *options, struct gr_inspection *inspection,
		    struct gr_error *err);

/**
 * gr_oracles_compare - pure: is what smaps said possible, given the page map?
 * @before: the same region in the round before, or NULL
 *
 * A process that runs changes between two reads. So equal figures agree, and so does a figure of
 * smaps that lies between those of the page map before and after it. A distance that is no larger
 * than what one oracle's own readings moved by proves nothing. Also fills region->moved_bytes.
 */
enum gr_agreement gr_oracles_compare(struct gr_region *region, const struct gr_region *before,
				     uint64_t base_page_bytes);

#endif
