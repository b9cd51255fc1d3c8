// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The way through the hook: read the domain, ask whether it is ours, do the step. A domain that
 * cannot be read stops a start, since it may be ours and would then take pages that nobody
 * reserved; everywhere else the name alone is enough, because leases are kept by it.
 */
#include "libvirt/hook.h"

#include <stdarg.h>
#include <string.h>

#include "base/util.h"

static int (*const steps[GR_HOOK_ACTION_COUNT])(struct gr_hook *, struct gr_error *) = {
	[GR_HOOK_PREPARE] = gr_hook_prepare,
	[GR_HOOK_STARTED] = gr_hook_started,
	[GR_HOOK_END] = gr_hook_end,
	[GR_HOOK_ADOPT] = gr_hook_adopt,
};

void gr_hook_note(struct gr_hook *hook, const char *outcome, const struct gr_lease *lease,
		  const char *fmt, ...)
{
	char message[400];
	struct gr_event event = {
		.name = hook->name, .action = hook->op, .outcome = outcome, .message = message,
		.elapsed_ns = gr_now_ns() - hook->started_ns,
	};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (lease) {
		event.grants = lease->grants;
		event.grant_count = lease->grant_count;
	}
	gr_history_add(hook->root, &event);
	snprintf(hook->said, sizeof(hook->said), "%s", message);
}

uint64_t gr_hook_timeout_ns(const struct gr_hook *hook)
{
	return hook->policy.timeout_ns	      ? hook->policy.timeout_ns :
	       hook->config.hook_timeout_ns ? hook->config.hook_timeout_ns :
						GR_HOOK_TIMEOUT_NS;
}

int gr_hook_ledger(struct gr_hook *hook, uint64_t timeout_ns, struct gr_ledger **ret,
		   struct gr_error *err)
{
	int r = gr_ledger_open_unless(hook->root, timeout_ns, hook->interrupted, ret, err);

	if (r >= 0)
		gr_ledger_keep_blocks(*ret);
	return r;
}

int gr_hook_lease(const struct gr_hook *hook, struct gr_ledger *ledger, struct gr_lease **ret,
		  struct gr_error *err)
{
	_cleanup_lease_ struct gr_lease *lease = NULL;
	const char *uuid = hook->domain ? hook->domain->uuid : NULL;
	int r = gr_ledger_find(ledger, hook->lease_name, &lease, err);

	if (r < 0)
		return r;
	if (!lease->domain_uuid[0] || (uuid && strcasecmp(uuid, lease->domain_uuid)))
		return gr_error_set(err, GR_CLASS_NO, ENOENT, "lease '%s' is not this domain's",
				    lease->name);
	*ret = gr_steal_ptr(lease);
	return 0;
}

/* Is there something that asks for huge pages? */
static bool takes_pages(const struct gr_domain *domain)
{
	for (size_t i = 0; i < domain->request.need_count; i++) {
		if (domain->needs[i].hugetlb)
			return true;
	}
	return false;
}

/* Is the domain ours? The settings are read only where they matter. */
static int read_policy(struct gr_hook *hook, struct gr_error *err)
{
	int r = gr_policy_read(hook->domain, &hook->policy, err);

	if (r < 0 || (!hook->policy.present && !takes_pages(hook->domain)) ||
	    hook->policy.backing == GR_WANT_NONE || hook->policy.backing == GR_WANT_THP)
		return r;
	r = gr_config_read(hook->root, &hook->config, err);
	if (r < 0 && !hook->policy.present) {
		/* A domain that says nothing to us is not to suffer from our settings. */
		snprintf(hook->said, sizeof(hook->said), "not managed: %.480s", err->message);
		return 0;
	}
	hook->managed = r >= 0 && (hook->policy.present || hook->config.manage_all);
	return r;
}

int gr_hook_run(struct gr_hook *hook, struct gr_error *err)
{
	bool refuses = hook->action == GR_HOOK_PREPARE;
	const char *uuid;
	int r;

	hook->started_ns = gr_now_ns();
	if (!steps[hook->action])
		return 0;
	r = gr_domain_parse(hook->text, hook->len, &hook->domain, err);
	if (r >= 0)
		r = read_policy(hook, err);
	if (r >= 0 && refuses && !hook->managed)
		return 0;
	uuid = hook->domain ? hook->domain->uuid : NULL;
	if (r >= 0 || !refuses)
		r = gr_hook_lease_name(hook->name, uuid, hook->lease_name, err);
	if (r >= 0)
		r = steps[hook->action](hook, err);
	return r;
}

void gr_hook_done(struct gr_hook *hook)
{
	gr_domain_free(hook->domain);
	gr_policy_done(&hook->policy);
	hook->domain = NULL;
}
