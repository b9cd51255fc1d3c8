// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory bound to host nodes: a node that lacks what others have, a cpuset that hides nodes, nodes
 * without memory, and mbind() refused.
 */
#include <inttypes.h>
#include <string.h>

#include "base/util.h"
#include "doctor/case.h"
#include "plan/scope.h"

static bool same_nodes(const struct gr_list *a, const struct gr_list *b)
{
	return a->count == b->count &&
	       (!a->count || !memcmp(a->ids, b->ids, a->count * sizeof(*a->ids)));
}

/* Pages that pieces bound to exactly these nodes take; 0 if @ask is not the first of them. */
static uint64_t bound_pages(const struct gr_case *c, const struct gr_ask *ask)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->intent->ask_count; i++) {
		const struct gr_ask *other = &c->intent->asks[i];

		if (!other->bound || other->page_size_bytes != ask->page_size_bytes ||
		    !same_nodes(&other->nodes, &ask->nodes))
			continue;
		if (other < ask)
			return 0;
		sum = gr_add_sat(sum, other->pages);
	}
	return sum;
}

static uint64_t free_on(const struct gr_host *host, uint64_t size, const struct gr_list *nodes)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < host->pool_count; i++) {
		const struct gr_pool *pool = &host->pools[i];

		if (pool->node >= 0 && pool->page_size_bytes == size &&
		    gr_list_has(nodes, (unsigned int)pool->node))
			sum = gr_add_sat(sum, pool->free);
	}
	return sum;
}

/* A node outside of @nodes that has @pages free, and the bound node that is to get them. */
static void say_move(struct gr_case *c, const struct gr_list *nodes, uint64_t size, uint64_t pages)
{
	const struct gr_pool *to = gr_host_pool(c->ev->host, size, (int)nodes->ids[0]);

	for (size_t i = 0; i < c->ev->host->pool_count && to; i++) {
		const struct gr_pool *from = &c->ev->host->pools[i];

		if (from->node < 0 || from->page_size_bytes != size || from->free < pages ||
		    gr_list_has(nodes, (unsigned int)from->node))
			continue;
		gr_diagnose_remedy(c->found,
				   "move %" PRIu64 " pages: echo %" PRIu64
				   " > /sys/devices/system/node/node%d/"
				   "hugepages/hugepages-%" PRIu64 "kB/nr_hugepages; echo %" PRIu64
				   " > /sys/devices/system/node/node%d/hugepages/hugepages-%" PRIu64
				   "kB/nr_hugepages; or let the node be a wish (policy=preferred)",
				   pages, gr_sub_floor(from->total, from->surplus) - pages,
				   from->node, size / GR_KIB,
				   gr_sub_floor(to->total, to->surplus) + pages, to->node,
				   size / GR_KIB);
		return;
	}
	gr_diagnose_remedy(c->found,
			   "add %" PRIu64 " pages on the node, or let it be a wish "
			   "(policy=preferred)",
			   pages);
}

enum gr_verdict gr_cause_node_short(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;
	struct gr_short s;

	for (size_t i = 0; i < c->intent->ask_count && !c->intent->pid; i++) {
		const struct gr_ask *ask = &c->intent->asks[i];
		_cleanup_free_ char *nodes = gr_list_text(&ask->nodes);
		uint64_t need, have;

		if (!ask->bound || !ask->pages || !gr_short_of(c, ask->page_size_bytes, &s) ||
		    !s.pool_known)
			continue;
		need = bound_pages(c, ask);
		have = free_on(c->ev->host, ask->page_size_bytes, &ask->nodes);
		if (!need || have >= need || !nodes)
			continue;
		gr_diagnose(c->found, "GR117", GR_ERROR,
			    "node %s is short of %" PRIu64 " pages of %s (has %" PRIu64
			    " free, need %" PRIu64 ")",
			    nodes, need - have, s.size, have, need);
		if (s.available >= s.need)
			gr_diagnose_evidence(c->found,
					     "%" PRIu64
					     " free in all would be enough, but the memory "
					     "is bound to node %s",
					     s.free, nodes);
		else
			gr_diagnose_evidence(c->found, "in all %" PRIu64 " are free", s.free);
		gr_diagnose_evidence(c->found,
				     "QEMU stops at the touch: preallocating memory failed: "
				     "Bad address");
		say_move(c, &ask->nodes, ask->page_size_bytes, need - have);
		verdict = GR_CONFIRMED;
	}
	return verdict;
}

/* The nodes that the VM's cgroup may use, and where that is said. */
static const struct gr_cgroup_limit *cpuset(const struct gr_case *c)
{
	for (size_t i = 0; i < c->ev->limit_count; i++) {
		if (c->ev->limits[i].is_list)
			return &c->ev->limits[i];
	}
	return NULL;
}

enum gr_verdict gr_cause_cpuset(struct gr_case *c)
{
	const struct gr_cgroup_limit *limit = cpuset(c);
	_cleanup_list_ struct gr_list nodes = { 0 };
	enum gr_verdict verdict = GR_EXCLUDED;
	struct gr_short s;

	if (!limit)
		return c->ev->limits_of || c->intent->pid ?
			       GR_EXCLUDED :
			       gr_unsure(c, "a cpuset that hides nodes",
					 "cpuset.mems.effective of the VM's cgroup");
	if (gr_list_parse(limit->list, &nodes, NULL) < 0)
		return GR_EXCLUDED;
	for (size_t i = 0; i < c->ev->host->page_size_count && !c->intent->pid; i++) {
		uint64_t have;

		if (!gr_short_of(c, c->ev->host->page_sizes[i], &s) || !s.pool_known)
			continue;
		have = free_on(c->ev->host, s.page_size_bytes, &nodes);
		if (have >= s.need || s.available < s.need)
			continue;
		gr_diagnose(c->found, "GR109", GR_ERROR,
			    "the cpuset of cgroup %s allows nodes %s only, and they are short of "
			    "%" PRIu64 " pages of %s",
			    limit->cgroup, limit->list, s.need - have, s.size);
		gr_diagnose_evidence(c->found,
				     "%" PRIu64 " free there, %" PRIu64 " in all, need %" PRIu64,
				     have, s.free, s.need);
		gr_diagnose_remedy(c->found, "move pages to these nodes, or widen %s of %s",
				   limit->file, limit->cgroup);
		verdict = GR_CONFIRMED;
	}
	return verdict;
}

#define CAP_SYS_NICE_BIT (UINT64_C(1) << 23)

enum gr_verdict gr_cause_mbind(struct gr_case *c)
{
	const struct gr_vm_process *process = &c->ev->process;

	if (!process->seccomp.known || (process->own && process->seccomp.value != 2))
		return gr_unsure(c, "seccomp, or a missing CAP_SYS_NICE in a container",
				 "Seccomp and CapEff in /proc/PID/status (--pid)");
	if (process->seccomp.value != 2)
		return GR_EXCLUDED;
	gr_diagnose(c->found, "GR124", GR_ERROR,
		    "the process runs under a seccomp filter, and mbind() was refused");
	gr_diagnose_evidence(c->found, "Seccomp 2%s; the pools are not the matter",
			     process->capabilities.known &&
					     !(process->capabilities.value & CAP_SYS_NICE_BIT) ?
				     ", no CAP_SYS_NICE" :
				     "");
	gr_diagnose_remedy(c->found, "allow mbind (in containers: --cap-add SYS_NICE), or drop the "
				     "strict binding");
	return GR_CONFIRMED;
}

enum gr_verdict gr_cause_bad_node(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;

	for (size_t i = 0; i < c->intent->ask_count; i++) {
		const struct gr_ask *ask = &c->intent->asks[i];

		for (size_t k = 0; k < ask->nodes.count && c->ev->host->node_count; k++) {
			const struct gr_node *node = gr_host_node(c->ev->host, ask->nodes.ids[k]);
			const char *why = !node ? "does not exist" : "has no memory";

			if (node && (!node->memory_known || node->total_bytes))
				continue;
			gr_diagnose(c->found, "GR126", GR_ERROR,
				    "host node %u, which %s is bound to, %s", ask->nodes.ids[k],
				    ask->what, why);
			gr_diagnose_evidence(c->found,
					     "the host has %zu nodes; see "
					     "/sys/devices/system/node",
					     c->ev->host->node_count);
			gr_diagnose_remedy(c->found, "correct host-nodes= or nodeset=");
			verdict = GR_CONFIRMED;
		}
	}
	return verdict;
}
