/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of lib/ share: handles, the way of options in and of errors out, and planning.
 * Private to lib/.
 */
#ifndef GR_LIB_LIB_H
#define GR_LIB_LIB_H

#include <guestram.h>

#include <stddef.h>

#include "base/root.h"
#include "lease/lease.h"
#include "plan/plan.h"

#define GR_PUBLIC __attribute__((visibility("default")))
#define GR_LIB_LOCK_WAIT_NS (UINT64_C(60) * 1000000000) /* as the commands wait */

struct guestram {
	struct gr_root *root;
	unsigned int users; /* the caller, and each memory */
};

/* The least size of a struct that the library fills: up to the last field of its first version. */
#define GR_LIB_SIZE_0(type, last) (offsetof(type, last) + sizeof(((type *)0)->last))

/** gr_lib_answer - what a public function ends with: copies @from for the caller if @r < 0. */
int gr_lib_answer(int r, const struct gr_error *from, struct guestram_error *err);

/**
 * gr_lib_options - take over a struct of the caller's that begins with its size
 * @ret: @known bytes, zeroed where the caller's is shorter
 *
 * Return: 0; -EINVAL for NULL or less than its size field; -E2BIG if it asks for what is not known.
 */
int gr_lib_options(const void *options, size_t known, void *ret, struct gr_error *err);

/** gr_lib_need_host - refuse a capture: nothing can be changed there. Return: 0 or -EINVAL. */
int gr_lib_need_host(const struct guestram *handle, struct gr_error *err);

/** gr_lib_ledger - the ledger, locked. Return: 0; -EINVAL for a capture; as gr_ledger_open(). */
int gr_lib_ledger(const struct guestram *handle, struct gr_ledger **ret, struct gr_error *err);

/* A request, the host as it was then, and what came of it. */
struct gr_lib_planned {
	struct gr_request request;
	struct gr_host *host;
	struct gr_plan *plan;
	struct gr_floor floor;
};

/** gr_lib_plan - Return: 0, or why there is no such plan. */
int gr_lib_plan(const struct guestram *handle, const struct guestram_memory_options *options,
		struct gr_lib_planned *ret, struct gr_error *err);
void gr_lib_planned_done(struct gr_lib_planned *planned);
#define _cleanup_planned_ __attribute__((cleanup(gr_lib_planned_done)))

#endif
