/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A case: evidence, what the VM asks for, and perhaps a message. A cause is a function that looks
 * at it and answers confirmed (and has then written its diagnosis, with numbers and a remedy),
 * excluded, or unknown (and has then said what would tell).
 */
#ifndef GR_DOCTOR_CASE_H
#define GR_DOCTOR_CASE_H

#include "base/diagnosis.h"
#include "base/size.h"
#include "doctor/evidence.h"
#include "doctor/pattern.h"
#include "plan/plan.h"

enum gr_verdict { GR_EXCLUDED, GR_UNKNOWN, GR_CONFIRMED };

#define GR_UNSURE_MAX 32

struct gr_case {
	const struct gr_evidence *ev;
	const struct gr_intent *intent;
	const struct gr_floor *floor;
	const char *line;	      /* the message, or NULL: nothing has failed yet */
	const struct gr_match *match; /* with @line */
	const char *row;	      /* of the message; with @line */
	struct gr_diagnoses *found;
	struct {
		const char *what;  /* could be the cause */
		const char *tells; /* the file or option that would tell */
	} unsure[GR_UNSURE_MAX];
	size_t unsure_count;
};

typedef enum gr_verdict (*gr_cause_fn)(struct gr_case *c);

/** gr_unsure - note what could be, and what would tell. Return: GR_UNKNOWN. */
enum gr_verdict gr_unsure(struct gr_case *c, const char *what, const char *tells);

/* What all pieces of one page size need, and what there is for them. */
struct gr_short {
	uint64_t page_size_bytes, need, total, free, reserved, available, lack, surplus;
	uint64_t room; /* pages that overcommit would still add */
	bool pool_known;
	char size[GR_TEXT_MAX]; /* "2 MiB" */
	char directory[96];	/* "/sys/kernel/mm/hugepages/hugepages-2048kB" */
};

/** gr_short_of - for a page size of the case; false if no piece asks for it. */
bool gr_short_of(const struct gr_case *c, uint64_t page_size_bytes, struct gr_short *ret);

/** gr_each_short - the next size of the host, from *@i on, that is asked for and of which neither
 * the pool nor overcommit has enough; false behind the last one, and for a VM that runs. */
bool gr_each_short(const struct gr_case *c, size_t *i, struct gr_short *ret);

/** gr_say_pool - the arithmetic of a pool as evidence of the diagnosis added last. */
void gr_say_pool(struct gr_case *c, const struct gr_short *s);

/** gr_held_by_others - pages of a size in use, who has them in words (malloc'ed, may be NULL). */
uint64_t gr_held_by_others(const struct gr_case *c, uint64_t page_size_bytes, char **ret_names);

/** gr_mount_at - the hugetlbfs mount that holds @path, or NULL. */
const struct gr_mount *gr_mount_at(const struct gr_mount *mounts, size_t count, const char *path);
const struct gr_mount *gr_mount_of_size(const struct gr_mount *mounts, size_t count,
					uint64_t page_size_bytes);

/** gr_asks_huge - does any piece ask for huge pages? */
bool gr_asks_huge(const struct gr_intent *intent);

/** gr_controller_prefix - "hugetlb.2MB." as the cgroup controller spells it. */
void gr_controller_prefix(uint64_t page_size_bytes, char buf[GR_TEXT_MAX]);

/* clang-format off */
/* Every cause, by the file it is in. */
#define GR_CAUSES(X) \
	/* causes_pool.c */ \
	X(gr_cause_never_filled) X(gr_cause_hook_mode) X(gr_cause_pool_small) X(gr_cause_in_use) \
	X(gr_cause_promised) X(gr_cause_no_free) \
	/* causes_pool_more.c */ \
	X(gr_cause_other_size) X(gr_cause_partial) X(gr_cause_gigantic) X(gr_cause_overcommit) \
	X(gr_cause_underflow) \
	/* causes_slips.c */ \
	X(gr_cause_unit_slip) X(gr_cause_lost_update) X(gr_cause_double_need) \
	/* causes_numa.c */ \
	X(gr_cause_node_short) X(gr_cause_cpuset) X(gr_cause_mbind) X(gr_cause_bad_node) \
	/* causes_cgroup.c */ \
	X(gr_cause_rsvd_limit) X(gr_cause_fault_limit) X(gr_cause_memory_limit) \
	/* causes_mount.c */ \
	X(gr_cause_page_size) X(gr_cause_no_mount) X(gr_cause_mounted_late) X(gr_cause_disabled) \
	X(gr_cause_namespace) X(gr_cause_mount_quota) \
	/* causes_access.c */ \
	X(gr_cause_mount_mode) X(gr_cause_label) X(gr_cause_not_hugetlbfs) X(gr_cause_no_path) \
	X(gr_cause_ordinary_pages) \
	/* causes_shape.c */ \
	X(gr_cause_misaligned) X(gr_cause_split_zone) X(gr_cause_rounded) X(gr_cause_notes) \
	X(gr_cause_unreserved) X(gr_cause_balloon) \
	/* causes_memory.c */ \
	X(gr_cause_commit) X(gr_cause_address_space) X(gr_cause_host_short) \
	X(gr_cause_kernel_contiguous) X(gr_cause_tmpfs) X(gr_cause_poison) X(gr_cause_floor) \
	/* causes_pin.c */ \
	X(gr_cause_unpinnable) X(gr_cause_memlock) X(gr_cause_dma_entries)
/* clang-format on */

#define GR_DECLARE_CAUSE(name) enum gr_verdict name(struct gr_case *c);
GR_CAUSES(GR_DECLARE_CAUSE)
#undef GR_DECLARE_CAUSE

#endif
