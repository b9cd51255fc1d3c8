/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The problems a plan can have, with codes that stay the same for scripts. Whether a problem is
 * one that no state of this host could solve (exit 2) or one of this host as it is now (exit 3) is
 * a property of its kind, not of the place that found it. Lists of texts are kept here as well:
 * additions that fail for want of memory set `lost`, which gr_plan_make() checks once at its end.
 *
 *   code   exit  meaning
 *   GR201  2     no memory is asked for
 *   GR202  2     the kernel has no pages of that size
 *   GR203  2     less memory than one page
 *   GR204  2     the page size contradicts the backing
 *   GR205  3     more memory than the host, or the node, has RAM
 *   GR206  2     there is no such host node
 *   GR207  2     the host node has no memory
 *   GR208  3     the caller's cpuset does not allow the node
 *   GR209  3     the host would fall below its floor
 *   GR210  3     a cgroup limit is too small
 *   GR211  3     shared memory gets no transparent huge pages here
 *   GR212  3     transparent huge pages are off or absent
 *   GR213  3     the pool has too few free pages
 *   GR214  3     so many huge pages cannot be had
 *   GR215  3     this kernel has no pools of huge pages
 *   GR216  2     more pieces of guest memory than can be planned
 */
#ifndef GR_PLAN_PROBLEMS_H
#define GR_PLAN_PROBLEMS_H

#include "plan/plan.h"

enum gr_problem_id {
	GR_P_NO_MEMORY,
	GR_P_PAGE_SIZE,
	GR_P_TOO_SMALL,
	GR_P_CONTRADICTION,
	GR_P_TOO_LARGE,
	GR_P_NO_NODE,
	GR_P_NODE_EMPTY,
	GR_P_NODE_FORBIDDEN,
	GR_P_FLOOR,
	GR_P_CGROUP,
	GR_P_SHARED_THP,
	GR_P_NO_THP,
	GR_P_POOL,
	GR_P_OBTAIN,
	GR_P_NO_POOLS,
	GR_P_TOO_MANY,
	GR_P_COUNT
};

struct gr_problems {
	struct gr_problem *problems;
	size_t count;
	bool impossible; /* at least one is */
	bool lost;
};

void gr_problems_add(struct gr_problems *problems, enum gr_problem_id id, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** gr_problems_hint - what to do about the problem added last; nothing if there is none. */
void gr_problems_hint(struct gr_problems *problems, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** gr_problems_merge - copy those of @from whose message is not there yet. */
void gr_problems_merge(struct gr_problems *problems, const struct gr_problems *from);
void gr_problems_done(struct gr_problems *problems);

struct gr_texts {
	char **texts;
	size_t count;
	bool lost;
};

void gr_texts_add(struct gr_texts *texts, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void gr_texts_done(struct gr_texts *texts);

#endif
