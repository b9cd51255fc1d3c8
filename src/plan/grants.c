// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From needs to grants: how many pages of which size on which node. Grants of the same node and
 * size are one, because that is one number in one file of the kernel; a node that is only preferred
 * is kept apart from one that is required.
 */
#include "base/util.h"
#include "plan/weigh.h"

static int add_grant(struct gr_candidate *c, int node, uint64_t page_size, uint64_t pages,
		     bool preferred)
{
	struct gr_grant *grant;

	if (pages == 0)
		return 0;
	for (size_t i = 0; i < c->grant_count; i++) {
		grant = &c->grants[i];
		if (grant->node == node && grant->page_size_bytes == page_size &&
		    grant->preferred == preferred) {
			grant->pages = gr_add_sat(grant->pages, pages);
			return 0;
		}
	}
	if (gr_grow(&c->grants, c->grant_count, sizeof(*c->grants)) < 0)
		return -ENOMEM;
	c->grants[c->grant_count++] = (struct gr_grant){
		.node = node,
		.page_size_bytes = page_size,
		.pages = pages,
		.preferred = preferred,
	};
	return 0;
}

int gr_make_grants(const struct gr_weighing *w, struct gr_candidate *c)
{
	const struct gr_request *request = w->request;

	for (size_t i = 0; i < request->need_count; i++) {
		const struct gr_list *nodes = &request->needs[i].host_nodes;
		bool preferred = request->needs[i].policy == GR_POLICY_PREFERRED;
		uint64_t size = c->size_of_need[i];
		uint64_t pages = gr_div_up(request->needs[i].memory_bytes, size);

		if (size == gr_base_page(w->host))
			continue;
		if (nodes->count == 0 && add_grant(c, -1, size, pages, false) < 0)
			return -ENOMEM;
		for (size_t n = 0; n < nodes->count; n++) {
			uint64_t share = pages / nodes->count + (n < pages % nodes->count);

			if (add_grant(c, (int)nodes->ids[n], size, share, preferred) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

uint64_t gr_grant_bytes(const struct gr_grant *grant)
{
	return gr_mul_sat(grant->pages, grant->page_size_bytes);
}

uint64_t gr_pages_of_size(const struct gr_candidate *c, size_t i)
{
	uint64_t size = c->grants[i].page_size_bytes, pages = 0;

	for (size_t k = 0; k < i; k++) {
		if (c->grants[k].page_size_bytes == size)
			return 0;
	}
	for (size_t k = i; k < c->grant_count; k++) {
		if (c->grants[k].page_size_bytes == size)
			pages = gr_add_sat(pages, c->grants[k].pages);
	}
	return pages;
}
