// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Limits of the hugetlb and the memory controller, of every ancestor. rsvd.max refuses at mmap, max
 * at the touch: without the former a start goes well and the VM dies later.
 */
#include <inttypes.h>
#include <string.h>

#include "base/util.h"
#include "doctor/case.h"
#include "plan/scope.h"

/* Is it the limit "rsvd.max" (@reserved) or "max" of that page size, in either version's words? */
static bool is_limit(const struct gr_cgroup_limit *limit, uint64_t page_size_bytes, bool reserved)
{
	char prefix[GR_TEXT_MAX];
	const char *rest;

	gr_controller_prefix(page_size_bytes, prefix);
	if (limit->is_list || strncmp(limit->file, prefix, strlen(prefix)) != 0)
		return false;
	rest = limit->file + strlen(prefix);
	if (reserved != !strncmp(rest, "rsvd.", 5))
		return false;
	rest += reserved ? 5 : 0;
	return !strcmp(rest, "max") || !strcmp(rest, "limit_in_bytes");
}

static bool check(struct gr_case *c, const struct gr_short *s, const struct gr_cgroup_limit *limit,
		  bool reserved)
{
	uint64_t used = limit->current_bytes.known ? limit->current_bytes.value : 0;
	uint64_t bytes = gr_mul_sat(s->need, s->page_size_bytes);
	char allowed[GR_TEXT_MAX], want[GR_TEXT_MAX], in_use[GR_TEXT_MAX];

	/* What runs is charged already. */
	if (c->intent->pid ? bytes <= limit->limit_bytes :
			     bytes <= gr_sub_floor(limit->limit_bytes, used))
		return false;
	gr_diagnose(c->found, reserved ? "GR110" : "GR118", GR_ERROR,
		    "cgroup %s allows %" PRIu64 " MiB of %s pages%s", limit->cgroup,
		    limit->limit_bytes / GR_MIB, s->size,
		    reserved ? "" : " to be touched; more is a SIGBUS");
	gr_diagnose_evidence(c->found, "%s is %s, %s in use, the VM needs %s", limit->file,
			     gr_size_text(limit->limit_bytes, allowed), gr_size_text(used, in_use),
			     gr_size_text(bytes, want));
	if (s->pool_known && s->available >= s->need)
		gr_diagnose_evidence(c->found,
				     "the pool is fine: %" PRIu64 " free, %" PRIu64 " needed",
				     s->available, s->need);
	gr_diagnose_remedy(c->found, "raise %s of %s%s", limit->file, limit->cgroup,
			   reserved ? "" : ", and set the limit of reservations (rsvd) with it");
	return true;
}

static enum gr_verdict check_all(struct gr_case *c, bool reserved)
{
	const struct gr_host *host = c->ev->host;
	enum gr_verdict verdict = GR_EXCLUDED;
	struct gr_short s;

	for (size_t i = 0; i < host->page_size_count; i++) {
		if (!gr_short_of(c, host->page_sizes[i], &s))
			continue;
		for (size_t k = 0; k < c->ev->limit_count; k++) {
			if (is_limit(&c->ev->limits[k], host->page_sizes[i], reserved) &&
			    check(c, &s, &c->ev->limits[k], reserved))
				verdict = GR_CONFIRMED;
		}
	}
	if (verdict == GR_EXCLUDED && c->line && !c->intent->pid)
		return gr_unsure(c, "a limit of the hugetlb controller in the VM's own cgroup",
				 "hugetlb.*.max of its cgroup (--pid while it runs)");
	return verdict;
}

enum gr_verdict gr_cause_rsvd_limit(struct gr_case *c)
{
	return check_all(c, true);
}

enum gr_verdict gr_cause_fault_limit(struct gr_case *c)
{
	return check_all(c, false);
}

/* Memory that is not in a pool is charged to memory.max. */
enum gr_verdict gr_cause_memory_limit(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;
	uint64_t bytes = 0;

	for (size_t i = 0; i < c->intent->ask_count; i++)
		bytes = gr_add_sat(bytes, c->intent->asks[i].pages ? 0 : c->intent->asks[i].bytes);
	for (size_t i = 0; i < c->ev->limit_count && bytes; i++) {
		const struct gr_cgroup_limit *limit = &c->ev->limits[i];
		char allowed[GR_TEXT_MAX], want[GR_TEXT_MAX];

		if (limit->is_list || strncmp(limit->file, "memory.", 7) != 0 ||
		    limit->limit_bytes >= bytes)
			continue;
		gr_diagnose(c->found, "GR123", GR_ERROR,
			    "cgroup %s allows less memory than the VM has", limit->cgroup);
		gr_diagnose_evidence(c->found, "%s is %s, the VM has %s of ordinary memory",
				     limit->file, gr_size_text(limit->limit_bytes, allowed),
				     gr_size_text(bytes, want));
		gr_diagnose_remedy(c->found, "raise %s of %s, or give the VM less", limit->file,
				   limit->cgroup);
		verdict = GR_CONFIRMED;
	}
	return verdict;
}
