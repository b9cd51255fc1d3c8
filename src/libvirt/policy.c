// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The keys of our element in a domain's <metadata>, as a table. Values are read as options of the
 * command line are; one that is wrong is refused with its key, whatever it may have meant.
 */
#include "libvirt/policy.h"

#include <string.h>

#include "base/nearest.h"
#include "base/size.h"
#include "base/util.h"

static const char *const backing_names[] = {
	[GR_WANT_UNSET] = "unset",   [GR_WANT_NONE] = "none",	    [GR_WANT_THP] = "thp",
	[GR_WANT_STATIC] = "static", [GR_WANT_DYNAMIC] = "dynamic",
};
_Static_assert(GR_ARRAY_SIZE(backing_names) == GR_WANT_COUNT, "a name for every backing");

static const char *const fallback_names[] = {
	[GR_INSTEAD_NONE] = "none",
	[GR_INSTEAD_SMALLER] = "smaller",
	[GR_INSTEAD_THP] = "thp",
};
_Static_assert(GR_ARRAY_SIZE(fallback_names) == GR_INSTEAD_COUNT, "a name for every fallback");

const char *gr_policy_backing_name(enum gr_policy_backing backing)
{
	return backing < GR_WANT_COUNT ? backing_names[backing] : "unknown";
}

const char *gr_policy_fallback_name(enum gr_policy_fallback fallback)
{
	return fallback < GR_INSTEAD_COUNT ? fallback_names[fallback] : "unknown";
}

/* Index of @value among words[first..count), -EINVAL with the words as a hint. */
static int find_word(const char *value, const char *const *words, size_t first, size_t count,
		     struct gr_error *err)
{
	char list[128] = "";
	int r;

	for (size_t i = first; i < count; i++) {
		size_t used = strlen(list);

		if (!strcmp(words[i], value))
			return (int)i;
		snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", words[i]);
	}
	r = gr_error_set(err, GR_CLASS_USAGE, EINVAL, "'%.64s' is none of its words", value);
	gr_error_hint(err, "one of: %s", list);
	return r;
}

static int set_backing(struct gr_policy *policy, const char *value, struct gr_error *err)
{
	int i = find_word(value, backing_names, GR_WANT_NONE, GR_WANT_COUNT, err);

	if (i >= 0)
		policy->backing = (enum gr_policy_backing)i;
	return i;
}

static int set_fallback(struct gr_policy *policy, const char *value, struct gr_error *err)
{
	int i = find_word(value, fallback_names, 0, GR_INSTEAD_COUNT, err);

	if (i >= 0)
		policy->fallback = (enum gr_policy_fallback)i;
	return i;
}

static int set_goal(struct gr_policy *policy, const char *value, struct gr_error *err)
{
	return gr_goal_parse(value, &policy->goal, err);
}

static int set_page_size(struct gr_policy *policy, const char *value, struct gr_error *err)
{
	uint64_t bytes;
	int r = gr_parse_size(value, GR_MIB, &bytes, err);

	if (r < 0)
		return r;
	if (!bytes || (bytes & (bytes - 1)))
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "'%.64s' is no page size", value);
	policy->page_size_bytes = bytes;
	return 0;
}

static int set_nodes(struct gr_policy *policy, const char *value, struct gr_error *err)
{
	_cleanup_list_ struct gr_list nodes = { 0 };
	int r = gr_list_parse(value, &nodes, err);

	if (r < 0)
		return r;
	if (!nodes.count)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "no node is named");
	gr_list_done(&policy->nodes);
	policy->nodes = nodes;
	nodes = (struct gr_list){ 0 };
	return 0;
}

static int set_shared(struct gr_policy *policy, const char *value, struct gr_error *err)
{
	static const char *const words[] = { "no", "yes" };
	int i = find_word(value, words, 0, GR_ARRAY_SIZE(words), err);

	if (i >= 0)
		policy->shared = i == 1;
	return i;
}

static int set_timeout(struct gr_policy *policy, const char *value, struct gr_error *err)
{
	uint64_t ns;
	int r = gr_parse_duration(value, &ns, err);

	if (r < 0)
		return r;
	if (ns == 0)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "0 is too little");
	policy->timeout_ns = ns;
	return 0;
}

static int set_max_cache_lost(struct gr_policy *policy, const char *value, struct gr_error *err)
{
	uint64_t bytes = UINT64_MAX;
	int r = strcmp(value, "all") ? gr_parse_size(value, GR_MIB, &bytes, err) : 0;

	if (r >= 0) /* 0 is a limit that was not given; one byte buys no page */
		policy->max_cache_lost_bytes = gr_max_u64(bytes, 1);
	return r;
}

/* As gr_lease_name_check(). */
static int set_ready(struct gr_policy *policy, const char *value, struct gr_error *err)
{
	size_t n = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	if (!n || value[n] || n > GR_POLICY_NAME_MAX || value[0] == '.')
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
				    "'%.64s' cannot be the name of a lease", value);
	snprintf(policy->ready, sizeof(policy->ready), "%s", value);
	return 0;
}

static const struct {
	const char *name;
	int (*set)(struct gr_policy *policy, const char *value, struct gr_error *err);
} keys[] = {
	{ "backing", set_backing },
	{ "page-size", set_page_size },
	{ "nodes", set_nodes },
	{ "fallback", set_fallback },
	{ "goal", set_goal },
	{ "shared", set_shared },
	{ "timeout", set_timeout },
	{ "max-cache-lost", set_max_cache_lost },
	{ "ready", set_ready },
};

const char *gr_policy_key(size_t index)
{
	return index < GR_ARRAY_SIZE(keys) ? keys[index].name : NULL;
}

int gr_policy_set(struct gr_policy *policy, const char *key, const char *value,
		  struct gr_error *err)
{
	struct gr_nearest nearest = { .word = key };
	int r;

	for (size_t i = 0; i < GR_ARRAY_SIZE(keys); i++) {
		gr_nearest_try(&nearest, keys[i].name);
		if (strcmp(keys[i].name, key))
			continue;
		r = keys[i].set(policy, value, err);
		if (r < 0)
			gr_error_prefix(err, "%s='%.64s': ", key, value);
		return r < 0 ? r : 0;
	}
	r = gr_error_set(err, GR_CLASS_USAGE, EINVAL, "there is no key '%.64s'", key);
	if (nearest.best)
		gr_error_hint(err, "did you mean '%s'?", nearest.best);
	return r;
}

int gr_policy_read(const struct gr_domain *domain, struct gr_policy *ret, struct gr_error *err)
{
	_cleanup_policy_ struct gr_policy policy = { .present = domain->policy_count > 0 };

	for (size_t i = 0; i < domain->policy_count; i++) {
		const struct gr_domain_policy *raw = &domain->policies[i];
		int r = gr_policy_set(&policy, raw->key, raw->value, err);

		if (r < 0) {
			gr_error_prefix(err, "line %lu: policy " GR_DOMAIN_NAMESPACE ": ",
					raw->line);
			return r;
		}
	}
	*ret = policy;
	policy.nodes = (struct gr_list){ 0 };
	return 0;
}

void gr_policy_done(struct gr_policy *policy)
{
	gr_list_done(&policy->nodes);
}
