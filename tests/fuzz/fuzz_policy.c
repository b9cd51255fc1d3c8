// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A domain's policy and what it asks to be reserved, from any document, on a host with two nodes and
 * two page sizes: what is refused has words, and what is not can be reserved there. The name of the
 * lease is made of the same bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "libvirt/hook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static uint64_t sizes[] = { UINT64_C(1) << 21, UINT64_C(1) << 30 };
static struct gr_node nodes[] = { { .id = 0 }, { .id = 1 } };
static const struct gr_host host = {
	.base_page_bytes = 4096, .default_page_size_bytes = UINT64_C(1) << 21,
	.page_sizes = sizes, .page_size_count = GR_ARRAY_SIZE(sizes),
	.nodes = nodes, .node_count = GR_ARRAY_SIZE(nodes),
};

static void check_name(const uint8_t *data, size_t size)
{
	char name[300], lease[GR_LEASE_NAME_MAX + 1];
	size_t len = size < sizeof(name) ? size : sizeof(name) - 1;

	memcpy(name, data, len);
	name[len] = '\0';
	if (gr_hook_lease_name(name, NULL, lease, NULL) == 0)
		CHECK(gr_lease_name_check(lease, NULL) == 0);
}

static void check_request(const struct gr_domain *domain, const struct gr_policy *policy)
{
	_cleanup_request_ struct gr_request request = { 0 };
	struct gr_error err = { 0 };

	if (gr_policy_request(domain, policy, &host, &request, &err) < 0) {
		CHECK(err.message[0]);
		return;
	}
	for (size_t i = 0; i < request.need_count; i++) {
		const struct gr_need *need = &request.needs[i];

		CHECK(need->page_size_bytes == sizes[0] || need->page_size_bytes == sizes[1]);
		CHECK(!policy->page_size_bytes || policy->page_size_bytes == need->page_size_bytes);
		for (size_t k = 0; k < need->host_nodes.count; k++)
			CHECK(need->host_nodes.ids[k] < 2);
		CHECK(policy->backing != GR_WANT_NONE && policy->backing != GR_WANT_THP);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_domain_ struct gr_domain *domain = NULL;
	_cleanup_policy_ struct gr_policy policy = { 0 };
	struct gr_error err = { 0 };

	check_name(data, size);
	if (gr_domain_parse((const char *)data, size, &domain, NULL) < 0)
		return 0;
	CHECK(gr_domain_page_sizes(domain, host.base_page_bytes, host.default_page_size_bytes) == 0);
	if (gr_policy_read(domain, &policy, &err) < 0) {
		CHECK(err.message[0] && domain->policy_count);
		return 0;
	}
	CHECK(policy.present == (domain->policy_count > 0));
	check_request(domain, &policy);
	return 0;
}
