/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /proc/PID/numa_maps: on which node the present pages of a VMA are. Pure: text goes in.
 *
 * Counts are in pages of kernelpagesize_kB, for transparent huge pages as well (those count as 512
 * base pages): measured on 6.18, and so in fs/proc/task_mmu.c since kernelpagesize_kB is there.
 */
#ifndef GR_VERIFY_NUMA_MAPS_H
#define GR_VERIFY_NUMA_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct gr_numa_share {
	uint64_t start; /* of the VMA */
	int node;
	uint64_t bytes;
};

struct gr_numa_vma { /* one that has pages */
	uint64_t start, page_bytes;
	uint64_t anon_bytes; /* of its pages: the process's own, in no file */
	bool huge;           /* a mapping of huge pages */
};

struct gr_numa_maps {
	struct gr_numa_share *shares; /* in the order of the file; VMAs without pages have none */
	size_t count;
	struct gr_numa_vma *vmas;
	size_t vma_count;
};

/**
 * gr_numa_maps_parse - read the text of a numa_maps file; @text is cut into lines
 *
 * Return: 0; -EBADMSG with the number of the line; -ENOMEM. Free with gr_numa_maps_done().
 */
int gr_numa_maps_parse(char *text, struct gr_numa_maps *ret, struct gr_error *err);
void gr_numa_maps_done(struct gr_numa_maps *maps);
#define _cleanup_numa_maps_ __attribute__((cleanup(gr_numa_maps_done)))

#endif
