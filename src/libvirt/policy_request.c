// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a domain that is ours needs reserved. The pages that QEMU takes are those of the domain's own
 * <memoryBacking>: the policy says how they are to be had. Written by `guestram libvirt enable`, both
 * agree; after an edit by hand they may not, and then a start that is refused is better than pages
 * nobody uses.
 */
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "libvirt/policy.h"

/* Does the need lie where the policy says? Its own nodes are libvirt's, so they count. */
static int place(const struct gr_policy *policy, struct gr_need *need, struct gr_error *err)
{
	_cleanup_free_ char *text = NULL, *wanted = NULL;
	bool inside = true;

	if (!policy->nodes.count)
		return 0;
	if (!need->host_nodes.count) {
		need->policy = GR_POLICY_BIND;
		return gr_list_copy(&policy->nodes, &need->host_nodes) < 0 ? gr_error_nomem(err) : 0;
	}
	for (size_t i = 0; i < need->host_nodes.count; i++)
		inside &= gr_list_has(&policy->nodes, need->host_nodes.ids[i]);
	if (inside)
		return 0;
	text = gr_list_text(&need->host_nodes);
	wanted = gr_list_text(&policy->nodes);
	return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
			    "<numatune> puts memory on node %s, the policy says node %s",
			    text ? text : "?", wanted ? wanted : "?");
}

static int check_host(const struct gr_host *host, const struct gr_need *need, struct gr_error *err)
{
	char size[GR_TEXT_MAX];

	if (!gr_host_has_page_size(host, need->page_size_bytes))
		return gr_error_set(err, GR_CLASS_HOST, ENODEV,
				    "this host has no huge pages of %s",
				    need->page_size_bytes ?
					    gr_size_text(need->page_size_bytes, size) :
					    "the default size");
	for (size_t i = 0; i < need->host_nodes.count; i++) {
		if (host->node_count && !gr_host_node(host, need->host_nodes.ids[i]))
			return gr_error_set(err, GR_CLASS_HOST, ENODEV,
					    "this host has no node %u", need->host_nodes.ids[i]);
	}
	return 0;
}

static int add_need(const struct gr_policy *policy, const struct gr_host *host,
		    const struct gr_need *from, struct gr_request *request, struct gr_error *err)
{
	char asked[GR_TEXT_MAX], wanted[GR_TEXT_MAX];
	struct gr_need *need;
	int r;

	if (gr_request_add(request, &need) < 0)
		return gr_error_nomem(err);
	need->guest_cell = from->guest_cell;
	need->memory_bytes = from->memory_bytes;
	need->page_size_bytes = from->page_size_bytes;
	need->shared = from->shared;
	need->policy = from->policy;
	if (gr_list_copy(&from->host_nodes, &need->host_nodes) < 0)
		return gr_error_nomem(err);
	r = place(policy, need, err);
	if (r >= 0 && policy->page_size_bytes && policy->page_size_bytes != need->page_size_bytes)
		r = gr_error_set(err, GR_CLASS_USAGE, EINVAL,
				 "the domain takes pages of %s, its policy says %s",
				 gr_size_text(need->page_size_bytes, asked),
				 gr_size_text(policy->page_size_bytes, wanted));
	if (r == -EINVAL)
		gr_error_hint(err, "`guestram libvirt enable` makes the two agree");
	return r < 0 ? r : check_host(host, need, err);
}

/* A copy of what a request says beside its needs and its name. */
static struct gr_request traits_of(const struct gr_request *from)
{
	struct gr_request request = *from;

	request.name = NULL;
	request.needs = NULL;
	request.need_count = 0;
	return request;
}

static int fill(const struct gr_domain *domain, const struct gr_policy *policy,
		const struct gr_host *host, struct gr_request *request, struct gr_error *err)
{
	int r;

	request->backing = policy->backing == GR_WANT_STATIC ? GR_BACKING_STATIC :
							       GR_BACKING_DYNAMIC;
	request->goal = policy->goal;
	request->name = strdup(domain->name ? domain->name : "");
	if (!request->name)
		return gr_error_nomem(err);
	if (policy->backing == GR_WANT_NONE || policy->backing == GR_WANT_THP)
		return 0;
	r = gr_domain_error(domain, err);
	for (size_t i = 0; i < domain->request.need_count && r >= 0; i++) {
		if (domain->needs[i].hugetlb)
			r = add_need(policy, host, &domain->request.needs[i], request, err);
	}
	if (r < 0 || request->need_count || policy->backing == GR_WANT_UNSET ||
	    policy->fallback == GR_INSTEAD_THP)
		return r;
	r = gr_error_set(err, GR_CLASS_USAGE, EINVAL,
			 "the policy says %s, but the domain asks for no huge pages",
			 gr_policy_backing_name(policy->backing));
	gr_error_hint(err, "`guestram libvirt enable` adds <hugepages/>, `disable` removes the policy");
	return r;
}

int gr_policy_request(const struct gr_domain *domain, const struct gr_policy *policy,
		      const struct gr_host *host, struct gr_request *ret, struct gr_error *err)
{
	_cleanup_request_ struct gr_request request = traits_of(&domain->request);
	int r = fill(domain, policy, host, &request, err);

	if (r < 0)
		return r;
	*ret = request;
	request = (struct gr_request){ 0 };
	return 0;
}
