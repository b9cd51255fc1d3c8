/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stand-in for src/base/root.h and src/lease/bound.h, linked instead of them: behind the pool
 * files there is the model of the kernel, behind run/ a temporary directory, behind proc/PID/stat a
 * list of processes. Everything lies in shared memory, so that a forked child that dies in the
 * middle leaves it as it was at that moment.
 */
#ifndef GR_TEST_MODEL_ROOT_H
#define GR_TEST_MODEL_ROOT_H

#include <sys/types.h>

#include "base/root.h"
#include "model_kernel.h"

#define MODEL_PAGE (UINT64_C(2) << 20)
#define MODEL_BOOT_ID "11111111-2222-3333-4444-555555555555"

struct model_fault {	  /* what happens at some of the accesses */
	const char *part; /* of the path */
	bool writing;
	int errnum;
	unsigned int skip;  /* accesses that go well first */
	unsigned int times; /* then so many fail; 0: none */
};

struct model {
	struct model_kernel kernel;
	bool flat;		 /* a kernel without NUMA: no node directories */
	int id[MODEL_NODES];	 /* what the nodes are called; 0, 1, 2, 3 */
	int empty_id;		 /* a node without memory, which has no pool; -1: none */
	const char *shown_part;	 /* not NULL: paths with that in them show this instead */
	uint64_t shown;
	uint64_t available_bytes;
	char boot_id[40];
	pid_t alive[16];
	struct model_fault fault;
	unsigned int writes, cycles, compactions, naps;
	bool deaf; /* writes to pools succeed and do nothing */
	/* Called between the reading of a pool and the write to it, between that and the next
	 * reading, at each reading of a pool file (before it), and at each compaction. */
	void (*before_write)(struct model *model);
	void (*after_write)(struct model *model);
	void (*before_read)(struct model *model, const char *path);
	void (*at_compaction)(struct model *model);
	/* Points at which a kill can come: before and after each pool write and ledger change. */
	unsigned int point, die_at; /* die_at 0: never */
};

#define MODEL_DIED 77 /* exit status of a child that was killed by die_at */

/** model_start - a fresh model and a fresh run/ (removed by model_end). */
struct model *model_start(struct gr_root **ret);
void model_end(struct gr_root *root);
const char *model_run_dir(const struct gr_root *root);

#endif
