// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From the caller's options to a plan. What is checked here is what the types of C cannot hold to;
 * all that is about the host is the planner's.
 */
#include <string.h>

#include "base/util.h"
#include "lib/lib.h"

_Static_assert((int)GUESTRAM_BACKING_AUTO == (int)GR_BACKING_AUTO &&
	       (int)GUESTRAM_BACKING_4K == (int)GR_BACKING_4K &&
	       (int)GUESTRAM_BACKING_THP == (int)GR_BACKING_THP &&
	       (int)GUESTRAM_BACKING_STATIC == (int)GR_BACKING_STATIC &&
	       (int)GUESTRAM_BACKING_DYNAMIC == (int)GR_BACKING_DYNAMIC &&
	       GR_BACKING_COUNT == 5, "backings are the same inside");
_Static_assert((int)GUESTRAM_NODE_DEFAULT == (int)GR_POLICY_DEFAULT &&
	       (int)GUESTRAM_NODE_PREFERRED == (int)GR_POLICY_PREFERRED &&
	       (int)GUESTRAM_NODE_BIND == (int)GR_POLICY_BIND &&
	       (int)GUESTRAM_NODE_INTERLEAVE == (int)GR_POLICY_INTERLEAVE &&
	       GR_POLICY_COUNT == 4, "node policies are the same inside");

void gr_lib_planned_done(struct gr_lib_planned *planned)
{
	gr_plan_free(planned->plan);
	gr_host_free(planned->host);
	gr_request_done(&planned->request);
	*planned = (struct gr_lib_planned){ 0 };
}

static int usage(struct gr_error *err, const char *what)
{
	return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "%s", what);
}

static int check(const struct guestram_memory_options *options, struct gr_error *err)
{
	if (!options->name)
		return usage(err, "the memory needs a name");
	if (!options->size_bytes)
		return usage(err, "memory of 0 bytes");
	if (options->backing < 0 || options->backing >= GR_BACKING_COUNT)
		return usage(err, "there is no such backing");
	if (options->node_policy < 0 || options->node_policy >= GR_POLICY_COUNT)
		return usage(err, "there is no such node policy");
	if (options->node_policy != GUESTRAM_NODE_DEFAULT && !options->host_nodes)
		return usage(err, "a node policy without nodes");
	if (options->populate != GUESTRAM_POPULATE_BEFORE &&
	    options->populate != GUESTRAM_POPULATE_LATER)
		return usage(err, "there is no such way to populate");
	if (options->flags & ~(uint64_t)(GUESTRAM_MEMORY_SHARED | GUESTRAM_MEMORY_PASSTHROUGH))
		return usage(err, "flags that this version does not know");
	return gr_lease_name_check(options->name, err);
}

static int make_request(const struct guestram_memory_options *options, struct gr_request *request,
			struct gr_error *err)
{
	struct gr_need *need;
	int r;

	if (gr_request_add(request, &need) < 0)
		return gr_error_nomem(err);
	request->name = strdup(options->name);
	if (!request->name)
		return gr_error_nomem(err);
	request->backing = (enum gr_backing)options->backing;
	request->shared = options->flags & GUESTRAM_MEMORY_SHARED;
	request->passthrough = options->flags & GUESTRAM_MEMORY_PASSTHROUGH;
	need->memory_bytes = options->size_bytes;
	need->page_size_bytes = options->page_size_bytes;
	need->shared = request->shared;
	if (!options->host_nodes)
		return 0;
	r = gr_list_parse(options->host_nodes, &need->host_nodes, err);
	if (r < 0)
		gr_error_prefix(err, "host_nodes: ");
	else if (!need->host_nodes.count)
		r = usage(err, "host_nodes: no node is named");
	need->policy = options->node_policy == GUESTRAM_NODE_DEFAULT ?
			       GR_POLICY_BIND : (enum gr_node_policy)options->node_policy;
	return r;
}

/* The pools as they are, less what leases of other names hold in them. */
static int read_host(const struct guestram *handle, const char *name, struct gr_host **ret,
		     struct gr_error *err)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	int r = gr_host_read(handle->root, GR_READ_POOLS | GR_READ_THP | GR_READ_CGROUPS |
			     GR_READ_FEATURES, ret, err);

	if (r >= 0 && gr_ledger_open(handle->root, true, 0, &ledger, NULL) >= 0)
		gr_ledger_claim(ledger, name, *ret, NULL);
	return r;
}

int gr_lib_plan(const struct guestram *handle, const struct guestram_memory_options *options,
		struct gr_lib_planned *ret, struct gr_error *err)
{
	_cleanup_planned_ struct gr_lib_planned planned = {
		.floor = { .keep_free_bytes = options->keep_free_bytes },
	};
	int r = check(options, err);

	if (r >= 0)
		r = make_request(options, &planned.request, err);
	if (r >= 0)
		r = read_host(handle, options->name, &planned.host, err);
	if (r >= 0)
		r = gr_plan_make(&planned.request, planned.host, &planned.floor, &planned.plan, err);
	if (r >= 0)
		r = gr_plan_error(planned.plan, err);
	if (r >= 0)
		r = gr_plan_check_aligned(planned.plan, &planned.request, err);
	if (r < 0)
		return r;
	*ret = planned;
	planned = (struct gr_lib_planned){ 0 };
	return 0;
}
