// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A libvirt domain as pieces of memory. Where its RAM comes from a file, libvirt chooses the path:
 * on a hugetlbfs mount of the page size, or for ordinary pages below /var/lib/libvirt/qemu/ram.
 */
#include <string.h>

#include "base/util.h"
#include "doctor/intent.h"
#include "guest/domain_xml.h"

static const enum gr_ask_kind kinds[GR_SOURCE_COUNT] = {
	[GR_SOURCE_NONE] = GR_ASK_ANONYMOUS,
	[GR_SOURCE_FILE] = GR_ASK_FILE,
	[GR_SOURCE_ANONYMOUS] = GR_ASK_ANONYMOUS,
	[GR_SOURCE_MEMFD] = GR_ASK_MEMFD,
};

static const enum gr_severity severities[] = {
	[GR_DOMAIN_HINT] = GR_INFO,
	[GR_DOMAIN_WARNING] = GR_WARNING,
	[GR_DOMAIN_ERROR] = GR_ERROR,
};

static int take_need(const struct gr_domain *domain, size_t i, struct gr_intent *intent)
{
	const struct gr_need *need = &domain->request.needs[i];
	const struct gr_domain_need *more = &domain->needs[i];
	struct gr_ask *ask = gr_intent_ask(intent);

	if (!ask)
		return -ENOMEM;
	ask->kind = kinds[more->kind];
	ask->bytes = need->memory_bytes;
	ask->page_size_bytes = more->hugetlb ? need->page_size_bytes : 0;
	ask->pages = ask->page_size_bytes ? gr_div_up(ask->bytes, ask->page_size_bytes) : 0;
	ask->shared = need->shared;
	ask->prealloc = more->prealloc;
	ask->by_libvirt = ask->kind == GR_ASK_FILE;
	ask->bound = more->mode == GR_MODE_STRICT && need->host_nodes.count;
	if (gr_list_copy(&need->host_nodes, &ask->nodes) < 0)
		return -ENOMEM;
	if (more->device >= 0)
		return gr_asprintf(&ask->what, "memory device %d", more->device);
	if (need->guest_cell >= 0)
		return gr_asprintf(&ask->what, "guest cell %d", need->guest_cell);
	return gr_asprintf(&ask->what, "guest RAM");
}

static int take(const struct gr_domain *domain, struct gr_intent *intent)
{
	int r = 0;

	intent->passthrough = domain->vfio_devices > 0;
	intent->maps_elsewhere = domain->virtiofs_devices || domain->vhost_user_devices;
	intent->balloon = domain->request.balloon;
	intent->locked = domain->locked;
	if (domain->limits.hard_bytes != GR_DOMAIN_UNLIMITED)
		intent->hard_limit_bytes = domain->limits.hard_bytes;
	if (domain->name) {
		intent->name = strdup(domain->name);
		if (!intent->name)
			return -ENOMEM;
	}
	for (size_t i = 0; i < domain->request.need_count && r >= 0; i++)
		r = take_need(domain, i, intent);
	for (size_t i = 0; i < domain->problem_count && r >= 0; i++)
		r = gr_intent_note(intent, domain->problems[i].code,
				   severities[domain->problems[i].severity],
				   domain->problems[i].message);
	return r;
}

int gr_intent_domain(const char *text, size_t len, const struct gr_host *host,
		     struct gr_intent *ret, struct gr_error *err)
{
	_cleanup_domain_ struct gr_domain *domain = NULL;
	struct gr_intent intent = {
		.known = true, .source = "domain", .vmm = "QEMU", .libvirt = true
	};
	int r = gr_domain_parse(text, len, &domain, err);

	if (r < 0)
		return r;
	r = gr_domain_page_sizes(domain, host->base_page_bytes, host->default_page_size_bytes);
	if (r >= 0)
		r = take(domain, &intent);
	if (r < 0) {
		gr_intent_done(&intent);
		return gr_error_nomem(err);
	}
	*ret = intent;
	return 0;
}
