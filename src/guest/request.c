// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The request as a value: names of its enumerations in both directions, growing and freeing. One
 * table per enumeration serves printing and parsing, so the two cannot drift apart.
 */
#include "guest/request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"

static const char *const backing_names[] = {
	[GR_BACKING_AUTO] = "auto",	[GR_BACKING_4K] = "4k",		  [GR_BACKING_THP] = "thp",
	[GR_BACKING_STATIC] = "static", [GR_BACKING_DYNAMIC] = "dynamic",
};
_Static_assert(GR_ARRAY_SIZE(backing_names) == GR_BACKING_COUNT, "every backing has a name");

static const char *const goal_names[] = {
	[GR_GOAL_BALANCED] = "balanced",
	[GR_GOAL_PERFORMANCE] = "performance",
	[GR_GOAL_DENSITY] = "density",
};
_Static_assert(GR_ARRAY_SIZE(goal_names) == GR_GOAL_COUNT, "every goal has a name");

static const char *const policy_names[] = {
	[GR_POLICY_DEFAULT] = "default",
	[GR_POLICY_PREFERRED] = "preferred",
	[GR_POLICY_BIND] = "bind",
	[GR_POLICY_INTERLEAVE] = "interleave",
};
_Static_assert(GR_ARRAY_SIZE(policy_names) == GR_POLICY_COUNT, "every policy has a name");

static const char *name_of(const char *const *names, size_t count, unsigned int value)
{
	return value < count ? names[value] : "unknown";
}

/* Index of @text in @names (any case), or -EINVAL with all of them in the hint. */
static int index_of(const char *const *names, size_t count, const char *what, const char *text,
		    struct gr_error *err)
{
	char known[128] = "";
	size_t used = 0;
	int r;

	for (size_t i = 0; i < count; i++) {
		if (!strcasecmp(text, names[i]))
			return (int)i;
		if (used < sizeof(known))
			used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
						 i ? ", " : "", names[i]);
	}
	r = gr_error_set(err, GR_CLASS_USAGE, EINVAL, "there is no %s '%.64s'", what, text);
	gr_error_hint(err, "known: %s", known);
	return r;
}

const char *gr_backing_name(enum gr_backing backing)
{
	return name_of(backing_names, GR_ARRAY_SIZE(backing_names), backing);
}

int gr_backing_parse(const char *text, enum gr_backing *ret, struct gr_error *err)
{
	int r = index_of(backing_names, GR_ARRAY_SIZE(backing_names), "backing", text, err);

	if (r < 0)
		return r;
	*ret = (enum gr_backing)r;
	return 0;
}

const char *gr_goal_name(enum gr_goal goal)
{
	return name_of(goal_names, GR_ARRAY_SIZE(goal_names), goal);
}

int gr_goal_parse(const char *text, enum gr_goal *ret, struct gr_error *err)
{
	int r = index_of(goal_names, GR_ARRAY_SIZE(goal_names), "goal", text, err);

	if (r < 0)
		return r;
	*ret = (enum gr_goal)r;
	return 0;
}

const char *gr_node_policy_name(enum gr_node_policy policy)
{
	return name_of(policy_names, GR_ARRAY_SIZE(policy_names), policy);
}

int gr_node_policy_parse(const char *text, enum gr_node_policy *ret, struct gr_error *err)
{
	int r = index_of(policy_names, GR_ARRAY_SIZE(policy_names), "node policy", text, err);

	if (r < 0)
		return r;
	*ret = (enum gr_node_policy)r;
	return 0;
}

int gr_request_add(struct gr_request *request, struct gr_need **ret)
{
	struct gr_need *need;

	if (gr_grow(&request->needs, request->need_count, sizeof(*request->needs)) < 0)
		return -ENOMEM;
	need = &request->needs[request->need_count++];
	need->guest_cell = -1;
	*ret = need;
	return 0;
}

uint64_t gr_request_bytes(const struct gr_request *request)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < request->need_count; i++) {
		if (__builtin_add_overflow(sum, request->needs[i].memory_bytes, &sum))
			return UINT64_MAX;
	}
	return sum;
}

void gr_request_done(struct gr_request *request)
{
	for (size_t i = 0; i < request->need_count; i++) {
		free(request->needs[i].backend_id);
		gr_list_done(&request->needs[i].host_nodes);
	}
	free(request->needs);
	free(request->name);
	*request = (struct gr_request){ 0 };
}
