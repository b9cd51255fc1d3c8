// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The request against what the host has at all, before anything is weighed: page sizes, nodes,
 * RAM. Every mistake is reported, not only the first, so that one run shows all of them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "plan/weigh.h"

bool gr_request_shared(const struct gr_request *request)
{
	bool shared = request->shared;

	for (size_t i = 0; i < request->need_count; i++)
		shared |= request->needs[i].shared;
	return shared;
}

/* "the guest", or "guest cell 1" where there are several needs. */
static const char *who(const struct gr_request *request, size_t i, char buf[GR_TEXT_MAX])
{
	if (request->needs[i].guest_cell >= 0)
		snprintf(buf, GR_TEXT_MAX, "guest cell %d", request->needs[i].guest_cell);
	else if (request->need_count > 1)
		snprintf(buf, GR_TEXT_MAX, "memory piece %zu", i);
	else
		snprintf(buf, GR_TEXT_MAX, "the guest");
	return buf;
}

/* "2 MiB, 1 GiB": the sizes this kernel has. */
static const char *sizes_text(const struct gr_host *host, char *buf, size_t buf_size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < host->page_size_count && used < buf_size; i++) {
		char size[GR_TEXT_MAX];

		used += (size_t)snprintf(buf + used, buf_size - used, "%s%s", i ? ", " : "",
					 gr_size_text(host->page_sizes[i], size));
	}
	return buf;
}

/* A page size for the hint: the largest that divides the memory, else the largest that fits. */
static uint64_t better_size(const struct gr_host *host, uint64_t bytes)
{
	uint64_t fits = 0, divides = 0;

	for (size_t i = 0; i < host->page_size_count; i++) {
		uint64_t size = host->page_sizes[i];

		if (size == 0 || size > bytes)
			continue;
		fits = gr_max_u64(fits, size);
		if (bytes % size == 0)
			divides = gr_max_u64(divides, size);
	}
	return divides ? divides : fits;
}

static void check_small(const struct gr_weighing *w, size_t i, struct gr_problems *problems)
{
	const struct gr_need *need = &w->request->needs[i];
	char have[GR_TEXT_MAX], page[GR_TEXT_MAX], arg[GR_TEXT_MAX], count[GR_TEXT_MAX];
	uint64_t size = better_size(w->host, need->memory_bytes);

	gr_problems_add(problems, GR_P_TOO_SMALL, "%s is less than one %s page",
			gr_size_text(need->memory_bytes, have),
			gr_size_text(need->page_size_bytes, page));
	if (size)
		gr_problems_hint(problems, "use %s: %s page%s", gr_size_arg(size, arg),
				 gr_count_text(gr_div_up(need->memory_bytes, size), count),
				 gr_plural(gr_div_up(need->memory_bytes, size)));
	else
		gr_problems_hint(problems, "no huge page is that small: use 4k or thp");
}

static void check_contradiction(const struct gr_weighing *w, uint64_t only, uint64_t asked,
				struct gr_problems *problems)
{
	enum gr_backing backing = w->request->backing;
	char has[GR_TEXT_MAX], wants[GR_TEXT_MAX];

	if (asked == only)
		return;
	gr_problems_add(problems, GR_P_CONTRADICTION,
			"backing %s has pages of %s, but pages of %s are asked for",
			gr_backing_name(backing), gr_size_text(only, has),
			gr_size_text(asked, wants));
	gr_problems_hint(problems,
			 "page sizes are for static and dynamic; leave one of the two out");
}

static void check_page_size(const struct gr_weighing *w, size_t i, struct gr_problems *problems)
{
	const struct gr_need *need = &w->request->needs[i];
	uint64_t size = need->page_size_bytes, base = gr_base_page(w->host);
	char sizes[256], text[GR_TEXT_MAX], page[GR_TEXT_MAX];

	switch (w->request->backing) {
	case GR_BACKING_4K:
		check_contradiction(w, base, size, problems);
		return;
	case GR_BACKING_THP:
		check_contradiction(w, gr_pmd_size(w->host), size, problems);
		return;
	case GR_BACKING_AUTO:
		if (size == base)
			return;
		break;
	default:
		/* Beside a need with huge pages, one may well want none. */
		if (size == base && gr_named_size(w))
			return;
		break;
	}
	if (w->host->page_size_count == 0)
		return; /* said once, by weigh_pool.c: there are no pools */
	if (!gr_host_has_page_size(w->host, size)) {
		gr_problems_add(problems, GR_P_PAGE_SIZE, "this kernel has no huge pages of %s",
				gr_size_text(size, text));
		gr_problems_hint(problems, "with base pages of %s it has %s",
				 gr_size_text(base, page),
				 sizes_text(w->host, sizes, sizeof(sizes)));
	} else if (need->memory_bytes < size) {
		check_small(w, i, problems);
	}
}

/* Returns the RAM of the node (UINT64_MAX if it is unknown), 0 if there was a problem. */
static uint64_t check_node(const struct gr_host *host, unsigned int id,
			   struct gr_problems *problems)
{
	const struct gr_node *node = gr_host_node(host, id);
	struct gr_list ids = { 0 };
	_cleanup_free_ char *text = NULL;

	if (!node && host->node_count == 0 && id == 0)
		return host->mem_total_bytes;
	if (!node) {
		for (size_t i = 0; i < host->node_count; i++)
			problems->lost |= gr_list_add(&ids, host->nodes[i].id) == -ENOMEM;
		text = gr_list_text(&ids);
		gr_list_done(&ids);
		gr_problems_add(problems, GR_P_NO_NODE, "there is no host node %u", id);
		gr_problems_hint(problems, "the host has node %s", text && *text ? text : "0");
		return 0;
	}
	if (node->memory_known && node->total_bytes == 0) {
		gr_problems_add(problems, GR_P_NODE_EMPTY, "host node %u has no memory", id);
		gr_problems_hint(problems, "`guestram host` shows the nodes that have some");
		return 0;
	}
	if (host->nodes_allowed.count > 0 && !gr_list_has(&host->nodes_allowed, id)) {
		text = gr_list_text(&host->nodes_allowed);
		gr_problems_add(problems, GR_P_NODE_FORBIDDEN,
				"host node %u is not in the cpuset of this process (nodes %s)", id,
				text ? text : "?");
		gr_problems_hint(problems,
				 "the kernel gives no pages of other nodes, to root neither; "
				 "start from a cgroup whose cpuset.mems has the node");
		return 0;
	}
	return node->memory_known ? node->total_bytes : UINT64_MAX;
}

static void check_nodes(const struct gr_weighing *w, size_t i, struct gr_problems *problems)
{
	const struct gr_need *need = &w->request->needs[i];
	uint64_t ram = 0;
	char want[GR_TEXT_MAX], have[GR_TEXT_MAX];
	_cleanup_free_ char *nodes = NULL;
	bool whole = true;

	for (size_t n = 0; n < need->host_nodes.count; n++) {
		uint64_t bytes = check_node(w->host, need->host_nodes.ids[n], problems);

		whole &= bytes > 0;
		ram = gr_add_sat(ram, bytes);
	}
	if (!whole || need->host_nodes.count == 0 || need->policy == GR_POLICY_PREFERRED ||
	    need->memory_bytes <= ram)
		return;
	nodes = gr_list_text(&need->host_nodes);
	gr_problems_add(problems, GR_P_TOO_LARGE, "%s is more than the RAM of host node %s, %s",
			gr_size_text(need->memory_bytes, want), nodes ? nodes : "?",
			gr_size_text(ram, have));
}

/* Another host could, so it is this one that cannot. */
static void too_large(const struct gr_weighing *w, uint64_t bytes, struct gr_problems *problems)
{
	uint64_t room = gr_floor_room(w->host, w->floor, w->host->base_page_bytes, -1);
	char want[GR_TEXT_MAX], have[GR_TEXT_MAX], lacking[GR_TEXT_MAX], keep[GR_TEXT_MAX];

	gr_problems_add(problems, GR_P_TOO_LARGE,
			"%s is more than the host's RAM of %s: short by %s, with the floor of %s kept",
			gr_size_text(bytes, want), gr_size_text(w->host->mem_total_bytes, have),
			gr_size_text(gr_sub_floor(bytes, room), lacking),
			gr_size_text(gr_floor_bytes(w->host, w->floor), keep));
	gr_problems_hint(problems, "%s would fit now: -m %" PRIu64 "M",
			 gr_size_text(room / GR_MIB * GR_MIB, want), room / GR_MIB);
}

void gr_check_request(const struct gr_weighing *w, struct gr_problems *problems)
{
	const struct gr_request *request = w->request;
	uint64_t bytes = gr_request_bytes(request), ram = w->host->mem_total_bytes;
	char name[GR_TEXT_MAX];

	if (request->need_count == 0) {
		gr_problems_add(problems, GR_P_NO_MEMORY, "no amount of memory was given");
		gr_problems_hint(problems, "say how much with -m, for example -m 8G");
	}
	if (request->need_count > GR_PLAN_NEEDS_MAX) {
		gr_problems_add(problems, GR_P_TOO_MANY,
				"guest memory in %zu pieces, at most %d can be planned",
				request->need_count, GR_PLAN_NEEDS_MAX);
		return;
	}
	for (size_t i = 0; i < request->need_count; i++) {
		if (request->needs[i].memory_bytes == 0) {
			gr_problems_add(problems, GR_P_NO_MEMORY, "%s asks for no memory",
					who(request, i, name));
			gr_problems_hint(problems, "say how much with -m, for example -m 8G");
		} else if (request->needs[i].page_size_bytes) {
			check_page_size(w, i, problems);
		}
		check_nodes(w, i, problems);
	}
	if (bytes > ram)
		too_large(w, bytes, problems);
}
